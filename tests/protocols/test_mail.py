"""The text of a mail on the wire, and mails as they are shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tincans.channel import Side
from tincans.limits import MAIL_FIELD_CHARACTERS, MAIL_LINE_BYTES, VIEW_BYTES
from tincans.protocols import Event, Malformed
from tincans.protocols.inbox import Inbox
from tincans.protocols.mail import DotText, EndOfMail, MailViewer, Text, dotted, show_mail


def read(data: bytes, *, at_once: bool = True) -> tuple[bytes, list[str], bytes]:
    """The text up to its end, what is wrong with it, and what is left over."""
    reading, inbox, found = DotText(), Inbox(), bytearray()
    for piece in [data] if at_once else [data[at : at + 1] for at in range(len(data))]:
        inbox.data += piece
        while piece := reading.read(inbox) or b"":
            found += piece
    ended = reading.read(inbox)
    assert not ended
    return bytes(found), list(reading.faults), bytes(inbox.data)


@given(text=st.lists(st.sampled_from([b".", b"\r\n", b"a", b"..", b"\r\n.\r\n"])).map(b"".join), cut=st.integers(0, 40))
def test_what_was_dotted_is_read_as_it_was(text: bytes, cut: int) -> None:
    text += b"\r\n"
    reading, inbox, found = DotText(), Inbox(), bytearray()
    for piece in (text[:cut], text[cut:]):
        kept = bytes(inbox.data)
        inbox.data += dotted(kept + piece, begins_line=reading.begins_line)[len(kept) :]
        while read_now := reading.read(inbox):
            found += read_now
    inbox.data += b".\r\n"
    assert reading.read(inbox) == b""
    assert bytes(found) == text
    assert list(reading.faults) == []


@pytest.mark.parametrize(
    "data", [b".\r\n", b"x\r\n.\r\n", b"..\r\n.x\r\n.\r\n", b"a\n.b\r\n.\r\n", b"\r\r\n\n.\r\n.\r\n"]
)
def test_a_text_means_the_same_byte_by_byte(data: bytes) -> None:
    assert read(data)[:2] == read(data, at_once=False)[:2]


def test_a_line_of_a_text_is_as_long_as_its_limit_and_not_longer() -> None:
    longest = b"x" * (MAIL_LINE_BYTES - 2) + b"\r\n"
    for at_once in (True, False):
        assert read(b"\r\n" + longest + longest, at_once=at_once)[1] == []
        assert read(b"x" + longest + b"\r\n" + longest + b"x" + longest, at_once=at_once)[1] == [
            f"lines of more than {MAIL_LINE_BYTES} bytes: 2"
        ]


def test_odd_ends_are_counted_with_the_first_ones_place() -> None:
    assert read(b"ok\r\na\nb\rc\n\r\n")[1] == ["lone CRs and LFs: 3, the first at byte 5"]


# ── as it is shown ────────────────────────────────────────────────────────────────────────────────────────

MAIL = b"""From: =?utf-8?q?Ad=C3=A1?= <ada@desk.example>
To: bob@mail.example,
 carol@mail.example
Subject: =?utf-8?b?w4ggdmVybw==?=
Date: Tue, 24 Nov 2026 10:00:00 +0100
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=cut

--cut
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

Voil=E0 la photo.
--cut
Content-Type: image/png
Content-Disposition: attachment; filename=photo.png
Content-Transfer-Encoding: base64

iVBORw0KGgo=
--cut--
""".replace(b"\n", b"\r\n")


def test_a_mail_is_shown_with_its_parts_and_its_text() -> None:
    view = show_mail(MAIL)
    assert view.details == (
        "From: Adá <ada@desk.example>",
        "To: bob@mail.example, carol@mail.example",
        "Subject: È vero",
        "Date: Tue, 24 Nov 2026 10:00:00 +0100",
        "part: text/plain, 15 bytes",
        "part: image/png photo.png, 8 bytes",
    )
    assert (view.content, view.media) == ("Voilà la photo.".encode(), "text/plain")


def test_a_mail_in_an_unknown_charset_is_shown_as_it_is() -> None:
    assert show_mail(b"Content-Type: text/plain; charset=klingon\r\n\r\n\xff\r\n").content == b"\xff\r\n"


def test_a_mail_without_a_text_has_no_content() -> None:
    assert show_mail(b"Content-Type: image/png\r\n\r\nx").content is None


@given(data=st.binary(max_size=200) | st.lists(st.sampled_from(MAIL.split(b" ")), max_size=40).map(b" ".join))
def test_no_mail_is_too_broken_to_be_shown(data: bytes) -> None:
    show_mail(data)


@pytest.mark.parametrize(
    "data",
    [
        b"Content-Type: multipart/mixed; boundary=a\r\n\r\n" + b"--a\r\nContent-Type: message/rfc822\r\n\r\n" * 3000,
        b"From: " + b"(" * 5000 + b"\r\n\r\n",
        b"Subject: =?utf-8?q?" + b"=?" * 1000 + b"\r\nTo: <<<>>>,,;:\r\nDate: =\r\n\r\n",
    ],
)
def test_a_mail_made_to_break_a_parser_is_shown(data: bytes) -> None:
    show_mail(data)


def views(events: list[Event]) -> list[tuple[str, ...]]:
    viewer = MailViewer()
    return [viewer.view(event).details for event in events]


def test_a_mail_is_shown_at_its_end() -> None:
    pieces: list[Event] = [Text(data=MAIL[:300]), Text(data=MAIL[300:])]
    nothing, nothing_too, shown = views([*pieces, EndOfMail()])
    assert nothing == nothing_too == ()
    assert shown == show_mail(MAIL).details
    *_, broken = views([*pieces, Malformed(data=b"", reason="it ends in the middle", at=1)])
    assert broken == show_mail(MAIL).details


@pytest.mark.parametrize(("more", "shown"), [(0, "Subject: ü"), (1, "Subject: =?utf-8?q?=C3=BC?=")])
def test_a_longer_field_is_shown_as_it_came(more: int, shown: str) -> None:
    field = b"Subject: " + b"=?utf-8?q?=C3=BC?= ".ljust(MAIL_FIELD_CHARACTERS + more, b"x")
    assert show_mail(field + b"\r\n\r\n").details[0].startswith(f"{shown} x")


def test_of_a_long_mail_the_beginning_is_shown() -> None:
    for size, is_cut in ((VIEW_BYTES, False), (VIEW_BYTES + 1, True)):
        viewer = MailViewer()
        head = b"Subject: long\r\n\r\n"
        viewer.view(Text(side=Side.SERVER, data=head))
        viewer.view(Text(side=Side.SERVER, data=b"x" * (size - len(head))))
        view = viewer.view(EndOfMail(side=Side.SERVER))
        assert (f"only the first {VIEW_BYTES} of {size} bytes are shown" in view.details) is is_cut
        assert view.content is not None
        assert len(view.content) == VIEW_BYTES - len(head)
