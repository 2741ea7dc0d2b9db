"""Entries of conversations as lines for a reader: a script for a person, JSON for a program.

    14:02:11.031  #12  tcp://127.0.0.1:50312 calls tcp://127.0.0.1:7708
    14:02:11.032  #12  tcp://127.0.0.1:7707 answers; it is called from tcp://127.0.0.1:50313
    14:02:11.032  #12  ►     16 B  GET / HTTP/1.0\\r\\n
    14:02:11.040  #12  ◄  1.2 KiB  HTTP/1.1 200 OK\\r\\n
                                   Content-Length: 12\\r\\n
    14:02:11.041  #12  finished, the server first: ► 16 B, ◄ 1.2 KiB in 10 ms

► is what the client says to the server, ◄ what the server says to the client. Nothing of what was said is printed but
through `escape` or `hexdump`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import msgspec

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
)
from tincans.text import escape, hexdump, human_bytes, human_seconds

MARKS = {Side.CLIENT: "►", Side.SERVER: "◄"}


class Totals(msgspec.Struct, tag="totals"):
    """What was said in all conversations together."""

    conversations: int = 0
    #: Those in which a party went away or could not be reached.
    failed: int = 0
    client_bytes: int = 0
    server_bytes: int = 0
    #: Which of the processes counted, where there are several.
    worker: int | None = None

    def add(self, conversation: Conversation) -> None:
        """Count a conversation that is over."""
        self.conversations += 1
        self.failed += conversation.how in (How.RESET, How.FAILED)
        self.client_bytes += conversation.client_bytes
        self.server_bytes += conversation.server_bytes


#: What a form makes lines of: an entry and the conversation it belongs to, folded up to it; or the totals.
Event = tuple[Entry, Conversation] | Totals

_DIM, _BOLD, _RED, _PLAIN = "\x1b[2m", "\x1b[1m", "\x1b[31m", "\x1b[0m"
_COLOURS = {Side.CLIENT: "\x1b[36m", Side.SERVER: "\x1b[33m"}


class Script:
    """For a person. With `colour` the two sides differ, and ends and sizes step back; `hex` shows bytes."""

    def __init__(self, *, hex: bool = False, colour: bool = False) -> None:  # noqa: A002 - the option's name
        self._hex, self._colour = hex, colour
        self._second, self._clock = -1, ""

    def lines(self, event: Event) -> str:
        if isinstance(event, Totals):
            return self._paint(_BOLD, _in_all(event)) + "\n"
        entry, conversation = event
        head = self._paint(_DIM, f"{self._time(entry.at)}  #{entry.conversation}")
        indent = " " * (15 + len(str(entry.conversation)))
        text = ""
        for line in self._body(entry, conversation):
            text += f"{head or indent}  {line}\n"
            head = ""
        return text

    def skipped(self, count: int) -> str:
        return self._paint(_RED, f"… {count} events are not shown: what is printed is not read fast enough") + "\n"

    # ── one entry ─────────────────────────────────────────────────────────────────────────────────────────

    def _body(self, entry: Entry, conversation: Conversation) -> Iterator[str]:
        match entry:
            case Opened():
                yield self._opened(entry)
            case Joined(far=far, server=server):
                yield f"{escape(server)} answers; it is called from {escape(far)}"
            case Said(side=side, data=data):
                yield from self._said(side, data)
            case Ended(side=side):
                yield self._paint(_DIM, f"{MARKS[side]}  the {side.value} has ended what it says")
            case Dropped(side=side, count=count, reason=reason):
                yield self._paint(_DIM, f"{MARKS[side]} {human_bytes(count):>9}  more, {escape(reason)}")
            case Noted(text=text):
                yield self._paint(_DIM, escape(text))
            case Closed():
                yield self._closed(entry, conversation)

    def _opened(self, entry: Opened) -> str:
        # Under a relay the one who was called is the relay; whom it calls in turn is told when that answers.
        called = entry.near if entry.kind is Kind.RELAY and entry.near else entry.server
        name = f" ({escape(entry.name)})" if entry.name else ""
        return self._paint(_BOLD, f"{escape(entry.client)} calls {escape(called)}{name}")

    def _said(self, side: Side, data: bytes) -> Iterator[str]:
        mark = self._paint(_COLOURS[side], MARKS[side])
        size = self._paint(_DIM, f"{human_bytes(len(data)):>9}")
        for line in hexdump(data) if self._hex else _text_lines(data):
            yield f"{mark} {size}  {self._paint(_COLOURS[side], line)}"
            mark, size = " ", " " * 9

    def _closed(self, entry: Closed, conversation: Conversation) -> str:
        text = f"{ending(entry)}: {totals(conversation)} in {human_seconds(conversation.seconds)}"
        return self._paint(_BOLD if entry.how is How.FINISHED else _RED, text)

    def _paint(self, colour: str, text: str) -> str:
        return f"{colour}{text}{_PLAIN}" if self._colour else text

    def _time(self, at: int) -> str:
        second, rest = divmod(at, 1_000_000_000)
        if second != self._second:
            self._second, self._clock = second, time.strftime("%H:%M:%S", time.localtime(second))
        return f"{self._clock}.{rest // 1_000_000:03}"


class Json:
    """For a program: one entry a line, its bytes in base64, and at the end the totals."""

    def __init__(self) -> None:
        self._encode = msgspec.json.Encoder().encode

    def lines(self, event: Event) -> str:
        return self._encode(event if isinstance(event, Totals) else event[0]).decode() + "\n"

    def skipped(self, count: int) -> str:
        return self._encode({"type": "skipped", "count": count}).decode() + "\n"


def ending(entry: Closed) -> str:
    """How it ended, in words: `finished, the client first`, `reset by the server (…)`."""
    who = f"the {entry.by.value}" if entry.by else ""
    words = {
        How.FINISHED: f"finished, {who} first" if who else "finished",
        How.RESET: f"reset by {who}" if who else "reset",
        How.FAILED: "failed",
        How.IDLE: "closed, as nothing was said any more",
        How.STOPPED: "stopped by tincans",
        How.LOST: "lost",
    }[entry.how]
    return f"{words} ({escape(entry.detail)})" if entry.detail else words


def totals(of: Conversation | Totals) -> str:
    """What each side said, by size: `► 16 B, ◄ 1.2 KiB`."""
    client, server = human_bytes(of.client_bytes), human_bytes(of.server_bytes)
    return f"{MARKS[Side.CLIENT]} {client}, {MARKS[Side.SERVER]} {server}"


def _in_all(event: Totals) -> str:
    count = f"{event.conversations} conversation{'' if event.conversations == 1 else 's'}"
    failed = f", {event.failed} reset or failed" if event.failed else ""
    whose = "" if event.worker is None else f"worker {event.worker}: "
    return f"{whose}{count}{failed}: {totals(event)}"


def _text_lines(data: bytes) -> Iterator[str]:
    """Text as it stands, a line a line, each with its end visible; nothing for a message without a byte."""
    yield from (map(escape, data.splitlines(keepends=True)) if data else ("(an empty message)",))
