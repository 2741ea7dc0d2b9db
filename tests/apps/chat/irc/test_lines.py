"""What a caller of IRC says, as messages, and the sessions that read it."""

from __future__ import annotations

import pytest

from tincans.apps.chat.irc import lines as irc_lines
from tincans.apps.chat.irc.lines import IrcLines


@pytest.fixture(autouse=True)
def _none_to_spare(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(irc_lines, "_spare", [])


def read(lines: IrcLines, data: bytes) -> list[str]:
    return [event.summary for event in lines.read(data)]


def test_a_line_comes_in_pieces_and_others_speak_meanwhile() -> None:
    one, other = IrcLines(), IrcLines()
    assert read(one, b"PING a\r\nPI") == ["PING a"]
    assert read(other, b"PO") == []
    assert read(one, b"NG b\r\n") == ["PING b"]
    assert read(other, b"NG c\n") == ["PONG c"]


def test_a_session_is_had_only_while_a_line_is_unfinished() -> None:
    """So ten thousand who are silent have none."""
    callers = [IrcLines() for _ in range(100)]
    for lines in callers:
        read(lines, b"PING a\r\n")
    assert len(irc_lines._spare) == 1
    for lines in callers:
        read(lines, b"PING")
    assert irc_lines._spare == []
    for lines in callers:
        assert read(lines, b" b\r\n") == ["PING b"]
    assert len(irc_lines._spare) == irc_lines._SPARE


def test_what_is_wrong_ends_it_behind_what_came_before() -> None:
    lines = IrcLines()
    assert read(lines, b"PING a\r\nPING \0\r\nPING b\r\n") == ["PING a"]
    assert lines.wrong == "a message has a NUL or a lone CR in it"
    assert irc_lines._spare == [], "a session that has failed is nobody's any more"


def test_starttls_is_passed_over() -> None:
    lines = IrcLines()
    assert read(lines, b"STARTTLS\r\nPING a\r\nSTARTTLS\r\nSTARTTLS\r\nPI") == ["STARTTLS", "PING a"] + ["STARTTLS"] * 2
    assert read(lines, b"NG b\r\nSTARTTLS\r\n") == ["PING b", "STARTTLS"]
    assert read(lines, b"PING c\r\n") == ["PING c"]
