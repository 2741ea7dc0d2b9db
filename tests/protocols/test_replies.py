"""Replies of three digits, as SMTP (coded) and FTP have them."""

from __future__ import annotations

import pytest

from tincans.limits import REPLY_BYTES
from tincans.protocols.inbox import Inbox, Wrong
from tincans.protocols.replies import Reply, ReplyReader, Told, write_reply


def read(data: bytes, *, coded: bool) -> list[Told]:
    """All replies, with the bytes coming one at a time."""
    reader, inbox, found = ReplyReader(coded=coded), Inbox(), []
    for byte in data:
        inbox.data.append(byte)
        if (told := reader.read(inbox)) is not None:
            found.append(told)
    assert not inbox.data
    return found


@pytest.mark.parametrize("coded", [True, False])
@pytest.mark.parametrize(
    ("code", "lines"),
    [(220, ("ready",)), (250, ("",)), (250, ("mail.example", "SIZE 1000", "HELP")), (214, ("", "")), (250, ("Ä", "ö"))],
)
def test_a_reply_is_read_as_it_was_written(coded: bool, code: int, lines: tuple[str, ...]) -> None:
    data = write_reply(Reply(code=code, lines=lines), coded=coded)
    assert read(data * 2, coded=coded) == [Told(code, lines, ())] * 2


def test_between_the_first_and_the_last_ftp_is_free() -> None:
    data = b"211-Features:\r\n MDTM\r\n200 is no end\r\n211-nor this\r\n211 End\r\n"
    (told,) = read(data, coded=False)
    assert told.lines == ("Features:", " MDTM", "200 is no end", "211-nor this", "End")
    assert write_reply(Reply(code=told.code, lines=told.lines), coded=False) == data
    with pytest.raises(ValueError, match="only the last line"):
        write_reply(Reply(code=211, lines=("a", "211 b", "c")), coded=False)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"250\r\n", Told(250, ("",), ())),
        (b"250 ok\n", Told(250, ("ok",), ("a line ends in a lone LF",))),
        (b"250 o\rk\r\n", Told(250, ("ok",), ("a line has a lone CR in it",))),
        (b"250-a\r\n550 b\r\n", Told(550, ("a", "b"), ("it begins with 250 and goes on with 550",))),
    ],
)
def test_what_is_certain_all_the_same_is_a_fault(data: bytes, told: Told) -> None:
    assert read(data, coded=True) == [told]


@pytest.mark.parametrize("line", [b"ok\r\n", b"25 ok\r\n", b"650 ok\r\n", b"2500 ok\r\n", b"250x\r\n", b"\r\n"])
def test_a_reply_begins_with_three_digits(line: bytes) -> None:
    reader, inbox = ReplyReader(coded=True), Inbox()
    inbox.data += b"250-first\r\n" + line
    with pytest.raises(Wrong, match="three digits") as caught:
        reader.read(inbox)
    assert bytes(inbox.data) == line
    assert caught.value.at == inbox.start == 11
    inbox.take_all()
    inbox.data += b"250 ok\r\n"
    assert reader.read(inbox) == Told(250, ("ok",), ())


def test_a_reply_is_as_long_as_the_limit_and_not_longer() -> None:
    line = b"250-" + b"x" * 58 + b"\r\n"
    count = REPLY_BYTES // len(line)
    reader, inbox = ReplyReader(coded=True), Inbox()
    inbox.data += line * (count - 1) + line.replace(b"-", b" ")
    assert reader.read(inbox) is not None
    inbox.data += line * (count - 1) + line.replace(b"-", b" ").replace(b"\r", b"x\r")
    with pytest.raises(Wrong, match="longer than"):
        reader.read(inbox)
    assert not inbox.data


@pytest.mark.parametrize(
    "fields", [{"code": 99}, {"code": 600}, {"lines": ()}, {"lines": ("a\nb",)}, {"lines": ("\r",)}]
)
def test_what_could_not_be_said_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        Reply(**{"code": 250, "lines": ("ok",), **fields})  # type: ignore[arg-type]


def test_a_reply_shows_all_its_lines() -> None:
    reply = Reply(code=250, lines=("mail.example", "HELP"), faults=("odd",))
    assert (reply.summary, list(reply.details), reply.kind) == ("250 mail.example", ["HELP", "fault: odd"], 2)
