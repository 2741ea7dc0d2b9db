"""`tincans show ID --state`: who is waiting for whom, and why one may think so.

the server has `HELLO` without a line end since 4.20 s; both sides wait

Tuesday, 2026-11-24, relay front, lines, open for 4.30 s
C: 5 B, the last 4.20 s ago; 5 B of it are no whole message; in the kernel 0 B on their way, 0 B unread
S: nothing; in the kernel 0 B on their way, 0 B unread

client  tcp://127.0.0.1:50312  ESTABLISHED  0 B unread, 0 B unsent
near    tcp://127.0.0.1:7708   ESTABLISHED  0 B unread, 0 B unsent
…
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import msgspec

from tincans.channel import Side
from tincans.cli.options import Show
from tincans.cli.recordings import write
from tincans.cli.transcript import MARKS
from tincans.clock import SYSTEM
from tincans.conversation import Conversation, Entry, Opened, title_of
from tincans.decoding import Decoding
from tincans.text import escape, human_bytes, human_seconds
from tincans.transports.queues import queues
from tincans.waiting import Direction, State, Waiting, ends


class StatePrinter:
    """Hears a conversation to its end, or to now, and prints how it stands then."""

    def __init__(self, show: Show) -> None:
        self._show = show
        self._waiting: Waiting | None = None

    def print(self, entry: Entry) -> None:
        if isinstance(entry, Opened):
            self._waiting = Waiting(entry, Decoding(entry, self._show.protocol), secrets=self._show.secrets)
        assert self._waiting is not None  # Opened comes first
        self._waiting.take(entry, self._waiting.decoding.take(entry))

    def pause(self, at: int) -> None: ...

    def end(self) -> int:
        waiting = self._waiting
        assert waiting is not None
        waiting.note(waiting.decoding.close())
        conversation = waiting.conversation
        sockets = queues(ends(conversation)) if conversation.closed is None else {}
        state = waiting.state(SYSTEM.now(), sockets)
        if self._show.json:
            write(msgspec.json.encode(state).decode() + "\n")
        else:
            write("".join(f"{line}\n" for line in _lines(state, conversation)))
        return 0


def _lines(state: State, conversation: Conversation) -> Iterator[str]:
    yield state.sentence
    yield ""
    yield _head(state, conversation)
    for side, direction in ((Side.CLIENT, state.client), (Side.SERVER, state.server)):
        yield f"{MARKS[side]} {_direction(direction)}"
    if conversation.closed is None:
        yield ""
        yield from _sockets(state, conversation)


def _head(state: State, c: Conversation) -> str:
    day = time.strftime("%A, %Y-%m-%d %H:%M:%S", time.localtime(c.opened // 1_000_000_000))
    lasts = human_seconds(((c.closed or state.at) - c.opened) / 1e9)
    kind = escape(title_of(c))
    return (
        f"{day}, {kind}, {state.protocol or 'protocol not known yet'}, {'lasted' if c.closed else 'open for'} {lasts}"
    )


def _direction(d: Direction) -> str:
    parts = ["nothing"]
    if d.age is not None:
        parts = [f"{human_bytes(d.said)}, the last {human_seconds(d.age)} ago"]
    if d.unfinished:
        parts.append(f"{human_bytes(d.unfinished)} of it are no whole message")
    if d.ended:
        parts.append("it has ended what it says")
    kernel = [
        f"{human_bytes(n)} {what}" for n, what in ((d.queued, "on their way"), (d.unread, "unread")) if n is not None
    ]
    if kernel:
        parts.append(f"in the kernel {', '.join(kernel)}")
    return "; ".join(parts)


def _sockets(state: State, conversation: Conversation) -> Iterator[str]:
    """The ends on this machine; of the others the kernel knows nothing."""
    places = {name: escape(local) for name, (local, _) in ends(conversation).items()}
    widest = max(map(len, places.values()))
    for name, place in places.items():
        socket = state.sockets.get(name)
        found = "not known to this machine's kernel"
        if socket:
            found = f"{socket.state:<11}  {human_bytes(socket.unread)} unread, {human_bytes(socket.unsent)} unsent"
        yield f"{name:<6}  {place:<{widest}}  {found}"
