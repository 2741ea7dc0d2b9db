"""What happened beside what was said: each kind has its sentence, and nothing in it is not escaped."""

from __future__ import annotations

from typing import Any

import pytest

from tincans.channel import Side
from tincans.conversation import (
    Closed,
    Conversation,
    Dropped,
    Ended,
    Entry,
    How,
    Joined,
    Kind,
    Noted,
    Opened,
    Said,
    Secured,
)
from tincans.words import ending, sentence

AT: dict[str, Any] = {"conversation": 1, "at": 10**9}
OPENED = Opened(
    conversation=1, at=0, kind=Kind.RELAY, name="fr\x1bont", client="tcp://a:1", near="tcp://b:2", server="tcp://c:3"
)


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (OPENED, "tcp://a:1 calls tcp://b:2 (fr\\x1bont)"),
        (Opened(**AT, kind=Kind.LISTEN, client="tcp://a:1", server="tcp://c:3"), "tcp://a:1 calls tcp://c:3"),
        (
            Opened(**AT, kind=Kind.LISTEN, client="a", server="b", facts={"ftp.command": "RETR x", "ftp.control": "7"}),
            "a calls b, data of FTP conversation #7 (RETR x)",
        ),
        (Joined(**AT, far="tcp://b:4", server="tcp://c:3"), "tcp://c:3 answers; it is called from tcp://b:4"),
        (Ended(**AT, side=Side.CLIENT), "the client has ended what it says"),
        (Dropped(**AT, side=Side.SERVER, count=2048, reason="\x07"), "2.0 KiB more, \\a"),
        (Noted(**AT, text="\x1b[2J"), "\\x1b[2J"),
        (Secured(**AT), "TLS on both sides from here; it is what they say inside it that is shown"),
        (Closed(**AT, how=How.FINISHED, by=Side.SERVER), "finished, the server first: C 0 B, S 0 B in 1.00 s"),
        (Said(**AT, side=Side.CLIENT, data=b"x"), ""),
    ],
)
def test_each_kind_has_its_sentence(entry: Entry, told: str) -> None:
    conversation = Conversation.from_opened(OPENED)
    conversation.fold(Closed(**AT, how=How.FINISHED))
    assert sentence(entry, conversation) == told


@pytest.mark.parametrize(
    ("how", "by", "detail", "words"),
    [
        (How.FINISHED, Side.CLIENT, "", "finished, the client first"),
        (How.FINISHED, None, "", "finished"),
        (How.RESET, Side.SERVER, "connection reset", "reset by the server (connection reset)"),
        (How.FAILED, Side.SERVER, "cannot connect", "failed (cannot connect)"),
        (How.IDLE, None, "", "closed, as nothing was said any more"),
        (How.STOPPED, None, "", "stopped by tincans"),
        (How.LOST, None, "", "lost"),
    ],
)
def test_every_end_has_its_words(how: How, by: Side | None, detail: str, words: str) -> None:
    assert ending(Closed(conversation=1, at=0, how=how, by=by, detail=detail)) == words
