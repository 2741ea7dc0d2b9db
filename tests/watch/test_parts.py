"""Mails taken apart: what they are made of, however they are made, and what a reader takes each part for."""

from __future__ import annotations

from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tincans.limits import MAIL_FIELD_CHARACTERS, MAIL_FIELDS, MAIL_LOOKS, MAIL_PART_FIELD_BYTES, MAIL_PARTS
from tincans.watch.parts import Carried, every_field, read_mail, read_part
from tincans.watch.shapes import Mail


def letter() -> bytes:
    """A mail of most kinds of parts."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "Ada <ada@tin.example>", "bob@can.example", "Grüße 🥫"
    message["X-Tins"] = "two"
    message.set_content("Hello.\n.\nGrüße\n")
    message.add_alternative('<p>Hello <img src="cid:logo@tin">', subtype="html")
    _, page = message.iter_parts()
    page.add_related(b"GIF89a", "image", "gif", cid="<logo@tin>")
    message.add_attachment(bytes(range(256)) * 50, maintype="image", subtype="png", filename="schön.png")
    message.add_attachment("a,b\n", subtype="csv", filename="tins.csv")
    inner = EmailMessage()
    inner["Subject"] = "inside"
    inner.set_content("I was forwarded.\n")
    message.add_attachment(inner)
    return bytes(message).replace(b"\n", b"\r\n")


LETTER = letter()


def whole(data: bytes) -> Carried:
    return Carried("message/rfc822", data)


def read(data: bytes) -> Mail:
    return read_mail(whole(data), every_field)


def test_a_reader_is_told_what_each_part_is_for() -> None:
    told = read(LETTER)
    assert [(part.path, part.media, part.name, part.role, part.id) for part in told.parts] == [
        ("1.1", "text/plain", "", "body", ""),
        ("1.2.1", "text/html", "", "body", ""),
        ("1.2.2", "image/gif", "", "inline", "logo@tin"),
        ("2", "image/png", "schön.png", "attached", ""),
        ("3", "text/csv", "tins.csv", "attached", ""),
        ("4.1", "text/plain", "", "attached", ""),
    ]
    assert read_part(LETTER, "3") == Carried("text/csv", b"a,b\r\n", name="tins.csv")


def test_all_fields_are_told_in_their_order_and_decoded() -> None:
    data = b"Received: one\nReceived: two\n\tgoes on\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\nX: Gr\xc3\xbc \xff\n\n"
    assert read(data).headers == [
        ("Received", "one"),
        ("Received", "two goes on"),
        ("Subject", "Grüße"),
        ("X", "Grü �"),
    ]
    assert [name for name, _ in read_mail(whole(LETTER)).headers] == ["From", "To", "Subject"]


def test_so_many_fields_and_so_much_of_each_is_decoded() -> None:
    for more in (0, 1):
        assert len(read(b"A: b\n" * (MAIL_FIELDS + more) + b"\n").headers) == MAIL_FIELDS
        word = b"=?utf-8?q?=C3=BC?="
        value = word + b" " + b"x" * (MAIL_FIELD_CHARACTERS - len(word) - 1 + more)
        ((_, shown),) = read(b"Subject: " + value + b"\n\n").headers
        assert shown.startswith(word.decode() if more else "ü")


def test_text_becomes_utf8_and_what_nobody_knows_stays() -> None:
    assert read_part(b"Content-Type: text/plain; charset=latin-1\n\n\xfc", "1") == Carried("text/plain", "ü".encode())
    assert read_part(b"Content-Type: text/plain; charset=klingon\n\n\xfc", "1") == Carried("text/plain", b"\xfc")
    assert read_part(b"Content-Type: image/png\n\n\xfc", "1") == Carried("image/png", b"\xfc")


def multipart(count: int) -> bytes:
    return b"Content-Type: multipart/mixed; boundary=a\n\n" + b"--a\n\nx\n" * count + b"--a--\n"


def test_so_many_parts_and_not_one_more() -> None:
    assert len(read_mail(whole(multipart(MAIL_PARTS))).parts) == MAIL_PARTS
    assert len(read_mail(whole(multipart(MAIL_PARTS + 1))).parts) == MAIL_PARTS


def test_a_mail_that_would_take_hours_is_not_taken_apart() -> None:
    for more, lack in ((0, ""), (1, "its parts cannot be told apart")):
        field = b"Content-Type: text/plain; a=".ljust(len(b"content-type:") + MAIL_PART_FIELD_BYTES - 1 + more, b"x")
        assert read_mail(whole(field + b"\n\nx")).lack == lack
    for more, lack in ((-3, ""), (-2, "its parts cannot be told apart")):
        assert read_mail(whole(b"A: b\n\n" + b"\n" * (MAIL_LOOKS + more))).lack == lack


@given(st.binary() | st.lists(st.sampled_from(LETTER.split(b" ")), max_size=60).map(b" ".join), st.text(max_size=5))
def test_no_mail_is_too_broken(data: bytes, path: str) -> None:
    shown = read_mail(whole(data))
    for each in shown.parts:
        found = read_part(data, each.path)
        assert found is not None
    read(data)
    read_part(data, path)


@pytest.mark.parametrize(
    "data",
    [
        b"Content-Type: multipart/mixed; boundary=a\r\n\r\n" + b"--a\r\nContent-Type: message/rfc822\r\n\r\n" * 3000,
        b"From: " + b"(" * 5000 + b"\r\n\r\n",
        b"To: " + b'"\\"' * 30_000 + b"\r\n\r\n",
        b"Content-Disposition: attachment; filename*=x''%ff\r\n\r\n",
        b"Content-Transfer-Encoding: uu\r\n\r\nbegin 666 x\r\n!!\r\n",
    ],
)
def test_a_mail_made_to_break_a_parser_is_shown(data: bytes) -> None:
    assert read_mail(whole(data)).parts
