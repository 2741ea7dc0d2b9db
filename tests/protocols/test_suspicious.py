"""What was not understood hides its secrets, too: a connection that breaks in the middle of a password has said it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest

from tincans.channel import Side
from tincans.protocols import Event, Malformed, find_protocol
from tincans.protocols.events import Data

SECRET = b"correct-horse"
LOGIN = b"AGpvZQBjb3JyZWN0LWhvcnNl"  # of joe, with that password

#: What is said before, and a message with a secret, of which any beginning may be the last that is said.
CUT: list[tuple[str, list[tuple[Side, bytes]], bytes, bytes]] = [
    ("http", [], b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + SECRET + b"\r\n\r\n", SECRET),
    ("http", [], b"GET / HTTP/1.1\r\nHost: x\r\nCookie: a=" + SECRET + b"\r\n\r\n", SECRET),
    ("http", [], b"GET http://joe:" + SECRET + b"@x/ HTTP/1.1\r\nHost: x\r\n\r\n", SECRET),
    ("smtp", [(Side.SERVER, b"220 x ESMTP\r\n")], b"AUTH PLAIN " + LOGIN + b"\r\n", LOGIN),
    (
        "smtp",
        [(Side.CLIENT, b"AUTH PLAIN\r\n"), (Side.SERVER, b"334 \r\n")],
        LOGIN + b"\r\n",
        LOGIN,
    ),
    ("ftp", [(Side.SERVER, b"220 x\r\n")], b"PASS " + SECRET + b"\r\n", SECRET),
    ("pop3", [(Side.SERVER, b"+OK x\r\n")], b"PASS " + SECRET + b"\r\n", SECRET),
    ("pop3", [(Side.CLIENT, b"AUTH PLAIN\r\n"), (Side.SERVER, b"+ \r\n")], LOGIN + b"\r\n", LOGIN),
    ("imap", [(Side.SERVER, b"* OK x\r\n")], b"a LOGIN joe " + SECRET + b"\r\n", SECRET),
    ("imap", [(Side.CLIENT, b"a AUTHENTICATE PLAIN\r\n"), (Side.SERVER, b"+ \r\n")], LOGIN + b"\r\n", LOGIN),
    ("irc", [], b"PASS " + SECRET + b"\r\n", SECRET),
    ("irc", [], b"PRIVMSG NickServ :IDENTIFY " + SECRET + b"\r\n", SECRET),
    ("redis", [], b"*2\r\n$4\r\nAUTH\r\n$13\r\n" + SECRET + b"\r\n", SECRET),
    ("redis", [], b"AUTH " + SECRET + b"\r\n", SECRET),
    (
        "postgresql",
        [(Side.CLIENT, b"\0\0\0\x12\0\3\0\0user\0joe\0\0"), (Side.SERVER, b"R\0\0\0\x08\0\0\0\3")],
        b"p\0\0\0\x12" + SECRET + b"\0",
        SECRET,
    ),
    ("mqtt", [], b"\x10\x23\0\4MQTT\4\xc2\0\0\0\3cid\0\3joe\0\x0d" + SECRET, SECRET),
]

#: Malformed as a whole.
BROKEN = [
    ("http", b"GET / HTTP/1.1\r\nA: b\0\r\nAuthorization:\0Bearer correct-horse\r\n\r\n"),
    ("ftp", b"PASS\tcorrect-horse\r\n"),
    ("smtp", b"AUTH PLAIN\x01 correct-horse\r\n"),
    ("pop3", b"PASS correct\x01correct-horse\r\n"),
    ("imap", b"a LOGIN joe\x01 correct-horse\r\n"),
    ("irc", b"PASS \0correct-horse\r\n"),
    ("redis", b'AUTH "correct-horse\r\n'),
]


def _seen(events: list[Event], said: bytes) -> Iterator[bytes]:
    """What a reader may see of it: what is not understood, and every byte that is not hidden."""
    for event in events:
        if isinstance(event, Malformed | Data):
            yield event.masked().data
        yield event.masked().summary.encode("utf-8", "surrogateescape")
        if event.side is Side.CLIENT:
            bounds = [event.start, *(bound for span in event.hidden for bound in span), event.end]
            yield from (said[start:end] for start, end in list(pairwise(bounds))[::2])


@pytest.mark.parametrize(("name", "before", "message", "secret"), CUT)
def test_what_is_cut_off_in_a_secret_shows_nothing_of_it(
    name: str, before: list[tuple[Side, bytes]], message: bytes, secret: bytes
) -> None:
    for end in range(message.index(secret) + 4, len(message) + 1):
        session = find_protocol(name).session()
        events = [event for side, data in before for event in session.receive(side, data)]
        events += session.receive(Side.CLIENT, message[:end])
        events += session.end(Side.CLIENT)
        said = b"".join(data for side, data in before if side is Side.CLIENT) + message[:end]
        assert not [seen for seen in _seen(events, said) if secret[:4] in seen], message[:end]


@pytest.mark.parametrize(("name", "message"), BROKEN)
@pytest.mark.parametrize("step", [1, 1000])
def test_what_is_malformed_shows_no_secret(name: str, message: bytes, step: int) -> None:
    session = find_protocol(name).session()
    events: list[Event] = []
    for at in range(0, len(message), step):
        events += session.receive(Side.CLIENT, message[at : at + step])
    events += session.end(Side.CLIENT)
    assert not [seen for seen in _seen(events, message) if SECRET in seen]


def test_a_suspicion_goes_on_until_the_line_ends() -> None:
    session = find_protocol("ftp").session()
    said = b"PASS " + b"x" * 70_000 + SECRET + b"\r\nNOOP\r\n"
    events = [event for at in range(0, len(said), 1000) for event in session.receive(Side.CLIENT, said[at : at + 1000])]
    assert not [seen for seen in _seen(events, said) if SECRET in seen]
    assert [event.summary for event in events if not isinstance(event, Malformed)] == ["NOOP"]


def test_the_rest_of_what_is_malformed_is_shown() -> None:
    session = find_protocol("ftp").session()
    (event,) = session.receive(Side.CLIENT, b"PASS\tsecret\r\n")
    assert isinstance(event, Malformed)
    assert event.masked().data == b"PASS\t*******\n"
    assert event.data == b"PASS\tsecret\r\n"
    (event,) = session.receive(Side.CLIENT, b"NO\x01OP\r\n")
    assert event.masked() is event
