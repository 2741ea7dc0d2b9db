"""What is secret in a text without a protocol is hidden wherever the text is shown."""

from __future__ import annotations

import pytest

from tincans.channel import Side
from tincans.protocols import find_protocol
from tincans.protocols.plain_secrets import secrets_in, without_secrets
from tincans.protocols.websocket_events import Text


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ('{"do":"login","name":"ann","password":"pencil"}', '{"do":"login","name":"ann","password":"******"}'),
        ('{"password": "a\\"b", "ticket" : "t"}', '{"password": "******", "ticket" : "******"}'),
        ('{"do":"hello","Password":"pen', '{"do":"hello","Password":"******'),
        ("/login ann pencil case", "/login ann ******"),
        ("/LOGIN ann pencil", "/LOGIN ann ******"),
        ("/login ann", "/login ann"),
        ("my password is pencil", "my password is pencil"),
        ('{"password":""}', '{"password":""}'),
        ("say /login ann pencil", "say /login ann pencil"),
    ],
)
def test_a_password_is_hidden(said: str, shown: str) -> None:
    assert without_secrets(said) == shown
    assert bool(list(secrets_in(said.encode()))) is (said != shown)


@pytest.mark.parametrize("option", ["", "lf", "crlf", "/\\r\\n/"])
@pytest.mark.parametrize("cut", [False, True])
def test_of_a_line_the_bytes_are_hidden_too(option: str, cut: bool) -> None:
    session = find_protocol(f"lines:{option}" if option else "lines").session()
    said = b'hello\r\n{"password":"pencil"}\r\n'
    events = session.receive(Side.CLIENT, said[:-4] if cut else said)
    events += session.end(Side.CLIENT)
    [line] = [event for event in events if event.hidden]
    assert [said[start:end] for start, end in line.hidden] == [b"pencil"]
    assert "pencil" not in line.masked().summary
    assert "******" in line.masked().summary


def test_of_a_message_of_a_websocket_the_whole_frame_is() -> None:
    session = find_protocol("websocket").session()
    session.send(Side.CLIENT, Text(text="hello"))
    said = find_protocol("websocket").session().send(Side.CLIENT, Text(text='{"password":"pencil"}'))
    [event] = find_protocol("websocket").session().receive(Side.CLIENT, said)
    assert event.hidden == ((0, len(said)),)
    assert event.masked().summary == '{"password":"******"}'
