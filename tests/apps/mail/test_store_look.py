"""What a mail looks like to people; whatever it is, there is an answer."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mutating import CORPUS, mutated
from posting import put, store
from tincans.apps.mail.store_look import Header, field_text, glance, look
from tincans.limits import MAIL_FIELD_CHARACTERS, MAIL_PARTS, MAIL_READ_BYTES, MAIL_WORDS_CHARACTERS


def seen(folder: Path, data: bytes) -> tuple[Header, str]:
    """What is found in a mail: its header, its words."""
    path = folder / "mail"
    path.write_bytes(data)
    looked = look(path)
    assert glance(path) == Header(
        looked.header.subject, looked.header.from_, looked.header.to, looked.header.message_id
    )
    return looked.header, looked.words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b" plain ", "plain"),
        (b" folded\r\n\tand\r\n  so on", "folded and so on"),
        # RFC 2047 §8
        (b"=?US-ASCII?Q?Keith_Moore?= <moore@cs.utk.edu>", "Keith Moore <moore@cs.utk.edu>"),
        (b"=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=\r\n =?ISO-8859-2?B?dSE=?=", "If you can read this you!"),
        (b"(=?ISO-8859-1?Q?a?=)", "(a)"),
        (b"(=?ISO-8859-1?Q?a?= b)", "(a b)"),
        (b"(=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=)", "(ab)"),
        (b"(=?ISO-8859-1?Q?a_b?=)", "(a b)"),
        (b"=?utf-8?q?=e2=82?= =?utf-8?q?=ac?=", "€"),  # a character in two words
        (b"=?utf-8?q?a?= =?utf-8?q?b?= c", "ab c"),
        (b"a =?utf-8?q?b?= c", "a b c"),
        (b"=?utf-8*de?q?Gr=C3=BC=C3=9Fe?=", "Grüße"),  # RFC 2231 §5
        (b"=?utf-8?q?not =20 quite?=", "not quite"),
        ("Grüße".encode(), "Grüße"),
        (b"Gr\xfc\xdfe", "Gr\ufffd\ufffde"),
        (b"=?nobody-knows?q?a?=", "a"),
        (b"=?utf-8?b?broken!?=", "n\ufffd$z"),
        (b"=?utf-8?x?a?=", "=?utf-8?x?a?="),
        (b"=?utf-8?q?", "=?utf-8?q?"),
        (b"=?punycode?q?egbpdaj6bu4bxfgehfvwxn?=", "egbpdaj6bu4bxfgehfvwxn"),
        (b"=?utf-16le?b?ANg=?=", "\ufffd"),
        (b"=?utf-7?q?+2AA-?=", ""),  # half a character
        (b"bell\x07 and\x1b[2J and \xe2\x80\xa8", "bell and [2J and"),
        (b"=?utf-8?q?line=0D=0AX-Evil:_1?=", "line X-Evil: 1"),
        (b"", ""),
    ],
)  # fmt: skip
def test_a_field_in_one_line(value: bytes, text: str) -> None:
    assert field_text(value) == text


@given(st.binary(max_size=300))
def test_any_field_is_a_line_that_can_be_shown(value: bytes) -> None:
    for each in (value, b"=?utf-8?q?" + value + b"?=", b"=?utf-8?b?" + value + b"?="):
        text = field_text(each)
        assert text == " ".join(text.split())
        text.encode()


def test_a_long_field_is_cut(tmp_path: Path) -> None:
    for length in (MAIL_FIELD_CHARACTERS, MAIL_FIELD_CHARACTERS + 1):
        assert len(seen(tmp_path, b"Subject: " + b"x" * length + b"\r\n\r\n")[0].subject) == MAIL_FIELD_CHARACTERS


def test_of_several_fields_the_first_counts(tmp_path: Path) -> None:
    header, _ = seen(tmp_path, b"SUBJECT : one\r\nsubject: two\r\nMessage-Id: <1@x>\r\n\r\nSubject: three\r\n")
    assert header == Header(subject="one", message_id="<1@x>")


def test_a_header_ends_where_no_field_is(tmp_path: Path) -> None:
    header, words = seen(tmp_path, b"To: a@x.org\nno field\nSubject: none\n")
    assert header == Header(to="a@x.org")
    assert "none" in words


def test_files_are_counted_and_texts_are_not(tmp_path: Path) -> None:
    header, words = seen(tmp_path, CORPUS[1])
    assert (header.from_, header.to, header.subject) == ('"Doe, Jane" <jane@example.org>', "a@x.org, b@x.org", "Files")
    assert header.attachments == 2
    assert "see the files &" in words, "HTML without its tags"
    assert "<b>" not in words


def test_words_of_every_charset_are_found(tmp_path: Path) -> None:
    data = b"Content-Type: text/plain; charset=iso-8859-5\r\nContent-Transfer-Encoding: base64\r\n\r\nv+DY0tXi\r\n"
    assert seen(tmp_path, data)[1] == "Привет"
    data = b"Content-Type: text/plain; charset=nobody-knows\r\n\r\nhello"
    assert seen(tmp_path, data)[1] == "hello"


def test_a_mail_that_would_take_too_long_is_text(tmp_path: Path) -> None:
    bomb = b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n" * 2000
    header, words = seen(tmp_path, b"Subject: bomb\r\n" + bomb + b"needle\r\n")
    assert header == Header(subject="bomb")
    assert words.startswith("bomb Subject: bomb Content-Type")


def test_so_many_parts_are_told_apart(tmp_path: Path) -> None:
    part = b"--a\r\nContent-Type: image/png\r\n\r\nx\r\n"
    for count in (MAIL_PARTS - 1, MAIL_PARTS + 1):
        data = b"Content-Type: multipart/mixed; boundary=a\r\n\r\n" + part * count + b"--a--\r\n"
        assert seen(tmp_path, data)[0].attachments == MAIL_PARTS - 1, "the whole is one more"


def test_so_much_of_a_mail_is_read(tmp_path: Path) -> None:
    head = b"Subject: long\r\n\r\n"
    for gap, found in ((0, True), (MAIL_READ_BYTES, False)):
        assert ("needle" in seen(tmp_path, head + b" " * gap + b"needle")[1]) is found
    assert len(seen(tmp_path, head + b"x" * MAIL_READ_BYTES)[1]) == MAIL_WORDS_CHARACTERS


# ── hostile ones ──────────────────────────────────────────────────────────────────────────────────────────

#: `make fuzz` and `--deep` try ten thousand.
MANY, SOME = 10_000, 300


def test_broken_mails_are_kept_listed_and_found(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    is_deep = pytestconfig.getoption("deep") or os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"
    count = MANY if is_deep else SOME
    with store(tmp_path) as mails:
        for seed in range(count):
            put(mails, mutated(seed))
        listed, before = 0, 0
        while page := mails.list(before=before):
            listed += len(page)
            before = page[-1].number
            for each in page:
                for text in (each.subject, each.from_, each.to, each.message_id):
                    assert text.encode().decode() == " ".join(text.split())
                    assert len(text) <= MAIL_FIELD_CHARACTERS
                assert mails.path(each.number).read_bytes() == mutated(each.number - 1)
        assert listed == count
        while mails.look():
            pass
        assert mails.count(text="example.org") == count, "the envelope has it"
