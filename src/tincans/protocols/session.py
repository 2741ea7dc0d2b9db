"""Sessions: how bytes become meaning, and meaning bytes.

A `Session` is one protocol's pure state. It is fed with who spoke and what (`receive`), and gives the events that this
was; it is told what its own end wants to say (`send`), and gives the bytes. It is blind to which end it serves, so the
server, the client and the recorder in the middle use the same object. It knows no socket, no task, no clock.

**Offsets.** Each side's stream has an offset that counts its bytes from 0. Every byte belongs to exactly one event:
the events of a side tile its stream, `event.start` being the `end` of the one before. A subclass does not compute
any of this: what it took from its `Inbox` since the last event is the span of the next.

**Lenient or strict.** Broken input is found by the subclass, which raises `Wrong` with a reason, the offset and how to
go on. Lenient (a recording: the default) that is a `Malformed` event and decoding goes on; strict (a server or a
client) it is `RemoteProtocolError`, and the session is over. Any other exception is a bug.

    receive(side, data) ─► inbox ─► _read(side) ─► event, stamped with its span ─┐
                             ▲                        Wrong: Malformed, and skip ├─► events
                             └──────────── as long as something comes of it ◄────┘

**Holding.** What one side says may mean different things before and after the other's answer (what follows
DATA, STARTTLS, CONNECT). A subclass then calls `_hold(side)`: nothing more of that side is read until `_release(side)`.

**The rest is something else.** After STARTTLS or `101 Switching Protocols` a subclass calls `_upgrade(to)`: an
`Upgraded` event is given, and what each side says from here on is left for another session in `rest(side)`.

**Gaps.** A recording may lack bytes: `lost(side, count)` says so. A subclass that knows where it is all the same (in
the middle of a body of known length) says so in `_skip`; a protocol of lines goes on at the next one. Others are lost,
as they are behind what is too wrong to say where it ends: everything is `Data` up to where `_seek` finds that a
message begins, and all of the rest where it cannot find any.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from enum import IntEnum
from typing import TYPE_CHECKING, Any, ClassVar

from msgspec.structs import force_setattr

from tincans.channel import Buffer, Side
from tincans.errors import LocalProtocolError, RemoteProtocolError
from tincans.limits import HELD_BYTES
from tincans.protocols.events import CUT_OFF, Chunk, Data, E, Event, Malformed, Missing, Upgraded
from tincans.protocols.inbox import Inbox, Wrong

if TYPE_CHECKING:
    from tincans.protocols.view import Viewer


#: A tuple, as to go through an enum takes microseconds, and a server makes a session for each caller.
_SIDES = tuple(Side)


class Match(IntEnum):
    """How much what was said looks like a protocol."""

    NO = 0
    #: Not yet to be told: it is the beginning of what may become one.
    WAIT = 1
    #: It would make sense, and other protocols would, too. The port decides.
    MAYBE = 2
    SURE = 3


# ── the session ───────────────────────────────────────────────────────────────────────────────────────────


class Session(ABC):
    """One protocol's state between two parties. See the head of this module.

    A subclass has a name and `_read`; it may have `_write`, `_finish`, `_skip` and `recognize`. Not thread-safe.
    """

    #: By what it is chosen (`--as NAME`), how a person calls it, and the ports it is at home on, TLS ones too.
    name: ClassVar[str]
    title: ClassVar[str]
    ports: ClassVar[tuple[int, ...]] = ()
    #: A message of a channel with boundaries is one message of the protocol (DNS over UDP), and not just some bytes.
    framed: ClassVar[bool] = False
    #: What its lines have to end in, `b"\\r\\n"`; empty where it has no lines or takes any end.
    line_end: bytes = b""
    #: What in malformed bytes may be a secret, as far as one can tell: the last group of each match. Who made a mistake
    #: beside a password, or was cut off in it, has said it all the same.
    suspicious: ClassVar[re.Pattern[bytes] | None] = None

    def __init__(
        self, *, strict: bool = False, boundaries: bool = False, start: Mapping[Side, int] | None = None,
        options: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        """`boundaries`: each `receive` is a whole message. `start`: the offsets at which the two sides begin.

        `options` are those of an `Upgraded` event, or {"option": "crlf"} for a name like `lines:crlf`.
        """
        self.strict, self.boundaries = strict, boundaries
        self.options = options or {}
        #: Set once the rest is something else: nothing more is read here.
        self.upgraded: Upgraded | None = None
        self._inboxes = {side: Inbox((start or {}).get(side, 0)) for side in _SIDES}
        self._marks = {side: inbox.start for side, inbox in self._inboxes.items()}  # the end of its last event
        self._held: set[Side] = set()
        self._given_up: set[Side] = set()
        self._skipping: dict[Side, bytes] = {}  # the `until` of what is wrong
        self._freed = False  # a side was released, and may have something to read
        self._speaking: Side | None = None  # our own end, while `send` hears what it says
        self._failed: RemoteProtocolError | None = None
        self._secrets: dict[Side, list[tuple[int, int]]] = {side: [] for side in _SIDES}
        self._veiled: set[Side] = set()  # a suspicion goes on in what is skipped

    # ── what a party or a recorder calls ──────────────────────────────────────────────────────────────────

    def receive(self, side: Side, data: Buffer) -> list[Event]:
        """`side` said `data`: the events that are complete with it, in the order in which they make sense.

        Usually they are of that side; where the other was held, its events are among them. Raises
        `RemoteProtocolError` where strict, with the events before it as its `before`, and again whenever it is called.
        """
        inbox = self._inboxes[side]
        inbox.data += data
        if self.is_through:
            return []
        if self.boundaries and self.framed:
            return self._message(side)
        return self._run(side)

    def end(self, side: Side) -> list[Event]:
        """`side` has said its last word: what was unfinished ends with it."""
        inbox = self._inboxes[side]
        if inbox.ended or self.is_through:
            inbox.ended = True
            return []
        inbox.ended = True
        events = self._run_out(side)
        if not self.is_through:
            lost = side in self._given_up or side in self._skipping
            if not lost and (event := self._guarded(side, self._finish)) is not None:
                events.append(event)
            events += self._leftover(side, "it ends in the middle")
        return events

    def lost(self, side: Side, count: int) -> list[Event]:
        """`count` bytes that `side` said here are not in the recording.

        Where what was held turns out to be an upgrade, tell it to the session that comes next.
        """
        events: list[Event] = []
        inbox = self._inboxes[side]
        if self.is_through or not count:
            return events
        events += self._run_out(side)
        if self.upgraded is not None:  # the gap is in what comes next
            return events
        events += self._leftover(side, CUT_OFF)
        self._skipping.pop(side, None)
        inbox.start += count
        events.append(self._stamped(side, Missing()))
        if side not in self._given_up and not self._skip(side, count):
            self._given_up.add(side)
        return events

    def send(self, side: Side, event: Event) -> bytes:
        """What `side`, our own end, says to mean `event`; the session goes on as if it had heard it.

        Raises `LocalProtocolError` where the protocol does not allow it now, and where the other side would hear
        something else: a text with a line's end in it can never become a second command.

        Where it decides what the other side, held until then, has said already, the next `receive` reads that first:
        ask with `receive(side.other, b"")`.
        """
        data = self._write(side, event)
        self._speaking = side
        try:
            heard = [e for e in self.receive(side, data) if not isinstance(e, Upgraded)]
        except RemoteProtocolError as error:
            raise LocalProtocolError(f"{event.summary!r} cannot be said here: {error}") from error
        finally:
            self._speaking = None
        # Behind it there may be events without bytes: what it completes; and a chunk may be heard as several.
        more = [e for e in heard[1:] if e.end > e.start and not (isinstance(e, Chunk) and type(e) is type(event))]
        if more or (heard and type(heard[0]) is not type(event)):
            raise LocalProtocolError(f"{event.summary!r} would be heard as {', '.join(e.summary for e in heard)!r}")
        return data

    @property
    def is_through(self) -> bool:
        """Whether the rest is something else (`upgraded` says what), so that nothing more is read here."""
        return self.upgraded is not None

    def rest(self, side: Side) -> bytes:
        """After an upgrade: what `side` said already in the protocol that comes next. Taken once."""
        return self._inboxes[side].take_all()

    def secured(self) -> None:
        """TLS stands now, and the same protocol goes on inside it (after STARTTLS): go on after an upgrade to "tls".

        What is left over from before is dropped: plain text never becomes something that was said inside.
        """
        assert self.upgraded is not None
        assert self.upgraded.to == "tls"
        self.upgraded = None
        self._held.clear()
        self.moved({side: self.offset(side) + len(self.rest(side)) for side in Side})

    def moved(self, start: Mapping[Side, int]) -> None:
        """Others have read on: these are the offsets at which the two sides begin now. Nothing may be left over."""
        for side, offset in start.items():
            self._inboxes[side].start = self._marks[side] = offset

    def has_ended(self, side: Side) -> bool:
        """Whether that side has said its last word."""
        return self._inboxes[side].ended

    def offset(self, side: Side) -> int:
        """The offset behind all that was read of `side`."""
        return self._inboxes[side].start

    def waiting(self, side: Side) -> int:
        """Bytes of `side` that were received and not read, as the other's answer decides what they mean."""
        return len(self._inboxes[side]) if side in self._held else 0

    def unfinished(self, side: Side) -> bytes:
        """What `side` has begun to say: not yet an event."""
        return bytes(self._inboxes[side].data)

    @property
    def awaited(self) -> Side | None:
        """Who has to speak next, where the protocol knows that."""
        return None

    @classmethod
    def recognize(cls, client: bytes, server: bytes) -> Match:
        """Whether the first that the two said looks like this protocol. Either may be empty: not yet said."""
        return Match.NO

    @classmethod
    def check_option(cls, option: str) -> None:
        """Raise `ValueError` where `NAME:option` makes no sense."""
        if option:
            raise ValueError(f"{cls.name} takes no option")

    @classmethod
    def viewer(cls) -> Viewer:
        """What shows this protocol's events to a reader; one a conversation."""
        from tincans.protocols.view import Viewer  # it knows our events

        return Viewer()

    # ── what a subclass writes ────────────────────────────────────────────────────────────────────────────

    @abstractmethod
    def _read(self, side: Side, inbox: Inbox) -> Event | None:
        """Take the next event from the inbox, or None when more has to be said first. Without a place: it is stamped.

        Must take something, or have changed its state, when it gives an event. Raises `Wrong`, having taken nothing or
        what is surely part of what is wrong. When None is given, what was taken is part of the next event.
        """

    def _write(self, side: Side, event: Event) -> bytes:
        """The bytes of an event. Raises `LocalProtocolError`."""
        raise LocalProtocolError(f"{self.title} is only listened to here")

    def _finish(self, side: Side, inbox: Inbox) -> Event | None:
        """`side` has ended: the event that this completes, if it does. May raise `Wrong`."""
        return None

    def _skip(self, side: Side, count: int) -> bool:
        """Whether decoding can go on behind a gap of `count` bytes. The inbox is empty."""
        return False

    def _seek(self, side: Side, inbox: Inbox) -> tuple[int, bool]:
        """Lost: how many bytes of the inbox are surely before the next message, and whether that begins behind them.

        When it does, `_read` is asked again, and must give an event or raise `Wrong` with `skip`. Bytes that may be the
        beginning of one are left in the inbox, so that it is found however the bytes are cut.
        """
        return len(inbox), False

    def _suspects(self, side: Side, data: bytes) -> Iterator[tuple[int, int]]:
        """Where in `data`, which is malformed, there may be a secret."""
        found = self.suspicious.finditer(data) if self.suspicious is not None else ()
        return (match.span(match.lastindex or 0) for match in found)

    # ── what a subclass calls ─────────────────────────────────────────────────────────────────────────────

    def _hold(self, side: Side) -> None:
        """Read nothing more of `side` until it is released: the other side's answer decides what it means."""
        self._held.add(side)

    def _release(self, side: Side) -> None:
        if side in self._held:
            self._held.discard(side)
            self._freed = True

    def _upgrade(self, to: str, **options: str) -> None:
        """After the event that is about to be given, both sides speak `to`: a name of the registry, or empty."""
        self._held.clear()
        self.upgraded = Upgraded(to=to, options=options)

    def _hide(self, side: Side, start: int, end: int) -> None:
        """The bytes from `start` to `end` are a secret of the event that is about to be given."""
        if end > start:
            self._secrets[side].append((start, end))

    # ── how it goes round ─────────────────────────────────────────────────────────────────────────────────

    def _run(self, side: Side) -> list[Event]:
        """All events of `side`; when one of them releases the other side, that one's first.

        Two that hold and release each other may do so for every word, hence the list and no call in a call.
        """
        events: list[Event] = []
        # Whose turn it is comes last. A whole message leaves nothing to read behind it.
        turns = [] if self.boundaries and self.framed else [side]
        while turns and not self.is_through:
            side = turns[-1]
            try:
                event = self._step(side)
            except RemoteProtocolError as error:
                error.before = tuple(events)
                raise
            if event is None:
                turns.pop()
            else:
                events.append(event)
            if self.upgraded is not None:
                self.upgraded = self._stamped(side, self.upgraded)
                events.append(self.upgraded)
            elif self._freed and self._speaking is None:
                self._freed = False
                turns = [turn for turn in turns if turn is side] + [side.other]
        return events

    def _run_out(self, side: Side) -> list[Event]:
        """All events of `side` though it is held, as no answer can come any more: as often as it is."""
        inbox, events = self._inboxes[side], list[Event]()
        while not self.is_through:
            before = inbox.start
            self._release(side)
            events += self._run(side)
            if side not in self._held or inbox.start == before:
                break
        return events

    def _step(self, side: Side) -> Event | None:
        if self._failed is not None:
            raise self._failed
        inbox = self._inboxes[side]
        if side in self._given_up:
            event = self._sought(side, inbox)
            if event is not None or side in self._given_up:
                return event
        if side in self._skipping:
            return self._skipped(side, inbox)
        if side in self._held:
            if len(inbox) <= HELD_BYTES:
                return None
            self._release(side)
        return self._guarded(side, self._read)

    def _guarded(self, side: Side, function: Any) -> Event | None:
        """What `function` reads; where it finds something wrong, that as an event."""
        try:
            event: Event | None = function(side, self._inboxes[side])
        except Wrong as wrong:
            return self._wrong(side, wrong)[0]
        return None if event is None else self._stamped(side, event)

    def _wrong(self, side: Side, wrong: Wrong) -> list[Event]:
        """As `Malformed`, in a list that is never empty. Raises `RemoteProtocolError` where strict."""
        if self.strict:
            self._failed = RemoteProtocolError(wrong.reason, reply=wrong.reply, at=wrong.at)
            raise self._failed
        inbox = self._inboxes[side]
        if wrong.until:
            self._skipping[side] = wrong.until
            inbox.look_again()
            data = self._pass_over(side, inbox)
        else:
            data = inbox.take(wrong.skip or 0)
        self._veil(side, data)
        if wrong.seek:
            self._given_up.add(side)
        return [self._stamped(side, Malformed(data=data, reason=wrong.reason, at=wrong.at))]

    def _skipped(self, side: Side, inbox: Inbox) -> Event | None:
        """More of what is wrong."""
        if not (data := self._pass_over(side, inbox)):
            return None
        self._veil_more(side, data)
        return self._stamped(side, Malformed(data=data, reason="", at=self._marks[side]))

    def _veil(self, side: Side, data: bytes) -> None:
        """Hide what may be a secret in `data`, which was taken last and is malformed."""
        begin = self._inboxes[side].start - len(data)
        end = 0
        for start, end in self._suspects(side, data):
            self._hide(side, begin + start, begin + end)
        self._veiled.discard(side)
        if side in self._skipping and end == len(data) > 0:
            self._veiled.add(side)

    def _veil_more(self, side: Side, data: bytes) -> None:
        if side in self._veiled:
            self._hide(side, self._inboxes[side].start - len(data), self._inboxes[side].start)

    def _pass_over(self, side: Side, inbox: Inbox) -> bytes:
        """What comes before decoding can go on, as far as it is there."""
        until = self._skipping[side]
        found = inbox.find(until)
        if found < 0:
            return inbox.take(max(0, len(inbox) - len(until) + 1))  # the rest may be the beginning of `until`
        del self._skipping[side]
        return inbox.take(found + len(until))

    def _sought(self, side: Side, inbox: Inbox) -> Event | None:
        """What comes before the place where decoding goes on."""
        count, found = self._seek(side, inbox)
        if found:
            self._given_up.discard(side)
        return self._stamped(side, Data(data=inbox.take(count))) if count else None

    def _leftover(self, side: Side, reason: str) -> list[Event]:
        """What was said of an event that will never be complete."""
        inbox = self._inboxes[side]
        if not inbox.data and inbox.start == self._marks[side]:
            return []
        if side in self._given_up:
            return [self._stamped(side, Data(data=inbox.take_all()))]
        if side in self._skipping:
            self._veil_more(side, data := inbox.take_all())
            return [self._stamped(side, Malformed(data=data, reason="", at=self._marks[side]))]
        return self._wrong(side, Wrong(reason, inbox.start + len(inbox), skip=len(inbox)))

    def _message(self, side: Side) -> list[Event]:
        """One whole message of a channel with boundaries."""
        if self._failed is not None:
            raise self._failed
        inbox = self._inboxes[side]
        if side in self._given_up:
            return [self._stamped(side, Data(data=inbox.take_all()))]
        event = self._guarded(side, self._read)
        events = [] if event is None else [event]
        if inbox.data:
            reason = "the message ends too soon" if event is None else f"{len(inbox)} bytes too many in the message"
            events += self._wrong(side, Wrong(reason, inbox.start, skip=len(inbox)))
        return events

    def _stamped(self, side: Side, event: E) -> E:
        """The event with its place: all that was taken since the last one."""
        end = self._inboxes[side].start
        force_setattr(event, "side", side)
        force_setattr(event, "start", self._marks[side])
        force_setattr(event, "end", end)
        self._marks[side] = end
        if self._secrets[side]:
            force_setattr(event, "hidden", tuple(self._secrets[side]))
            self._secrets[side] = []
        return event
