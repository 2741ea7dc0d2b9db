"""A mail made of its parts reads as what it was made of, for another parser too; and is sent in lines of CR LF."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tincans.clients.compose import Letterhead, addresses, compose, envelope, own_address, pieces, read_head
from tincans.errors import UsageError
from tincans.limits import RECEIVE_BYTES

HEAD = Letterhead(
    "Ann <ann@example.org>", ("bob@example.org", "Čarda <c@example.org>"), ("d@x.y",), "Grüße", ("X-Mood: fine",)
)


def sent(mail: EmailMessage | bytes | Path) -> bytes:
    return b"".join(pieces(mail))


def parsed(data: bytes) -> EmailMessage:
    mail = message_from_bytes(data, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    return mail


def test_all_parts_of_a_mail(tmp_path: Path) -> None:
    picture, words, packed = tmp_path / "pic ü.png", tmp_path / "notes.txt", tmp_path / "all.tar.gz"
    picture.write_bytes(bytes(range(256)))
    words.write_bytes(b"one\ntwo\r\n\xff")
    packed.write_bytes(b"\x1f\x8b")
    mail = parsed(sent(compose(HEAD, "Grüße\n", html="<b>hi</b>", attachments=[picture, words, packed])))
    assert [str(mail[name]) for name in ("From", "To", "Cc", "Subject", "X-Mood")] == [
        "Ann <ann@example.org>", "bob@example.org, Čarda <c@example.org>", "d@x.y", "Grüße", "fine",
    ]  # fmt: skip
    assert mail["Date"]
    assert str(mail["Message-ID"]).endswith("@example.org>")
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert (plain.get_content(), html.get_content()) == ("Grüße\r\n", "<b>hi</b>\r\n")
    files = [
        (part.get_filename(), part.get_content_type(), part.get_payload(decode=True))
        for part in mail.iter_attachments()
    ]
    assert files == [
        ("pic ü.png", "image/png", bytes(range(256))), ("notes.txt", "text/plain", b"one\ntwo\r\n\xff"),
        ("all.tar.gz", "application/octet-stream", b"\x1f\x8b"),
    ]  # fmt: skip


def test_any_server_takes_it_unless_an_address_is_beyond_ascii() -> None:
    assert sent(compose(HEAD, "Grüße\n")).isascii()
    data = sent(compose(HEAD._replace(sender="ämil@example.org"), "x\n"))
    assert "From: ämil@example.org\r\n".encode() in data


def test_who_gets_a_mail_and_what_is_not_told() -> None:
    mail = compose(HEAD._replace(fields=("Bcc: secret@example.org",)), "x")
    assert envelope(mail) == ("ann@example.org", ["bob@example.org", "c@example.org", "d@x.y", "secret@example.org"])
    assert b"secret" not in sent(mail)
    assert envelope(EmailMessage()) == (own_address(), [])


@pytest.mark.parametrize("text", ["nobody", "a b@c.d", "<>", "a@b, c"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(UsageError, match="has no address of mail"):
        addresses(text)


@pytest.mark.parametrize("field", ["no colon", "na me: x", ": x"])
def test_what_is_no_field(field: str) -> None:
    with pytest.raises(UsageError, match="is no field of a mail"):
        compose(HEAD._replace(fields=(field,)), "x")


@pytest.mark.parametrize("subject", ["two\nlines", "a\r\nBcc: evil@example.org"])
def test_a_field_has_no_second_line(subject: str) -> None:
    with pytest.raises(UsageError, match="cannot be the Subject of a mail"):
        compose(HEAD._replace(subject=subject), "x")


@given(st.lists(st.sampled_from([b"a", b"\r", b"\n", b"\r\n", b"."]), max_size=20).map(b"".join))
def test_lines_end_in_cr_lf_whatever_they_ended_in(data: bytes) -> None:
    lines = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    assert sent(data) == lines.replace(b"\n", b"\r\n")


@pytest.mark.parametrize("before", [RECEIVE_BYTES - 1, RECEIVE_BYTES, 3])
@pytest.mark.parametrize("end", [b"\r\n", b"\r", b"\n", b"\n\r\n"])
def test_a_file_is_sent_as_its_bytes_would_be(tmp_path: Path, before: int, end: bytes) -> None:
    path = tmp_path / "mail.eml"
    path.write_bytes(b"x" * before + end + b"rest")
    assert sent(path) == sent(path.read_bytes())
    path.write_bytes(b"To: ann@example.org\r\n\r\ntext\r")
    assert sent(path) == b"To: ann@example.org\r\n\r\ntext\r\n"
    assert envelope(read_head(path))[1] == ["ann@example.org"]
