"""What was said between two parties: the entries of a journal, and their fold into a `Conversation`.

A conversation has two parties, the client who called and the server who answered. tincans may be one of them
(`listen`, `connect`) or stand in the middle (`relay`), and then has an end of its own on each leg:

    client  ──────►  near │ far  ──────►  server
    tcp://…:50312    tcp://…:7708 tcp://…:50313   tcp://…:7707

What happens is told twice in the same words. Live, a `Tap` is called as it happens: `said`, `ended`, `closed` …;
a `Recorder` gives one tap to every conversation that begins. Later, a journal gives the same things as frozen
entries: `Opened`, `Said`, `Ended`, `Closed` …, in the order in which they happened. A `Conversation` is nothing but a
fold over those entries. Nothing here knows a clock or a socket: times are integer nanoseconds since 1970-01-01 UTC, and
whoever makes an entry says when.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Protocol, cast, runtime_checkable

import msgspec

from tincans.channel import Buffer, Side


class Kind(Enum):
    """Which part tincans played."""

    LISTEN = "listen"
    CONNECT = "connect"
    RELAY = "relay"


class How(Enum):
    """How a conversation ended."""

    #: Both sides said their last word; `by` is who ended first.
    FINISHED = "finished"
    #: One party (`by`) went away without a goodbye.
    RESET = "reset"
    #: The server could not be reached, or a handshake failed; nothing was said.
    FAILED = "failed"
    #: Nothing was said for longer than the limit.
    IDLE = "idle"
    #: tincans itself stopped while they talked.
    STOPPED = "stopped"
    #: The recording was cut off: the recording program was killed. Whoever opens the journal next writes this down.
    LOST = "lost"


# ── entries: what a journal gives back ────────────────────────────────────────────────────────────────────


class _Entry(msgspec.Struct, frozen=True, tag_field="type", tag=str.lower, kw_only=True):
    #: The conversation's number in its journal, and when this happened.
    conversation: int
    at: int


class Opened(_Entry, frozen=True, kw_only=True):
    """A client called. `server` is whom it wanted; for a relay, `Joined` tells who answered."""

    kind: Kind
    #: The listener's or relay's name in tincans.toml, or empty.
    name: str = ""
    client: str
    server: str
    near: str = ""
    far: str = ""
    #: What was sent arrives as whole messages (udp, ws), not as a stream.
    boundaries: bool = False
    facts: dict[str, str] = {}


class Joined(_Entry, frozen=True, kw_only=True):
    """The relay's second leg stands: its own end, the server's real address, what the handshakes found out."""

    far: str
    server: str
    facts: dict[str, str] = {}


class Said(_Entry, frozen=True, kw_only=True):
    """`side` said `data`: one whole message where the channel keeps boundaries, else what came at once."""

    side: Side
    data: bytes


class Ended(_Entry, frozen=True, kw_only=True):
    """`side` ended what it says; the other may go on."""

    side: Side


class Dropped(_Entry, frozen=True, kw_only=True):
    """`count` bytes that `side` said are not in the recording, and why."""

    side: Side
    count: int
    reason: str


class Noted(_Entry, frozen=True, kw_only=True):
    """Something a reader should know: a stated rule was applied, a boundary was lost, TLS begins here."""

    text: str


class Secured(_Entry, frozen=True, kw_only=True):
    """From here on TLS protects what is said; tincans stands in its middle, so that the recording goes on plain.

    `facts` are those of both handshakes, as in `Joined`.
    """

    facts: dict[str, str] = {}


class Closed(_Entry, frozen=True, kw_only=True):
    """The conversation is over."""

    how: How
    by: Side | None = None
    detail: str = ""


Entry = Opened | Joined | Said | Ended | Dropped | Noted | Secured | Closed


# ── taps: what is told as it happens ──────────────────────────────────────────────────────────────────────


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """The beginning of a conversation, before anybody wrote it down: `Opened` without number and time."""

    kind: Kind
    client: str
    server: str
    name: str = ""
    near: str = ""
    far: str = ""
    boundaries: bool = False
    facts: dict[str, str] = {}
    #: Given by the first recorder that has numbers (a journal), so that all who tell of it use the same one; 0 before.
    number: int = 0

    def opened(self, number: int, at: int) -> Opened:
        """The entry that it becomes."""
        return Opened(
            conversation=number, at=at, kind=self.kind, name=self.name, client=self.client, server=self.server,
            near=self.near, far=self.far, boundaries=self.boundaries, facts=dict(self.facts),
        )  # fmt: skip


class Tap(Protocol):
    """Hears one conversation as it happens. Only looks: no call may block, raise, or keep `data` (copy what you keep).

    All calls come from the loop's thread. `closed` is the last.
    """

    @property
    def number(self) -> int:
        """The conversation's number."""

    def joined(self, far: str, server: str, facts: Mapping[str, str]) -> None:
        """The second leg stands."""

    def said(self, side: Side, data: Buffer) -> None:
        """`side` said `data`, and it was passed on."""

    def wants(self, side: Side) -> bool:
        """Whether it wants the very bytes that `side` says next; otherwise a relay may only count them (`carried`)."""

    def carried(self, side: Side, count: int) -> None:
        """`side` said `count` bytes that nobody looked at."""

    def ended(self, side: Side) -> None:
        """`side` ended what it says."""

    def noted(self, text: str) -> None:
        """Something worth knowing happened."""

    def secured(self, facts: Mapping[str, str]) -> None:
        """From here on TLS protects what is said on both legs, and what is told is the plain conversation inside it."""

    def closed(self, how: How, by: Side | None = None, detail: str = "") -> None:
        """It is over."""


@runtime_checkable
class BulkTap(Tap, Protocol):
    """A tap that can take bulk without its bytes ever coming into this process: a journal's."""

    def said_pipe(self, side: Side, reader: int, count: int, done: Callable[[], None]) -> bool:
        """`side` said the `count` bytes that are all that is in the kernel pipe whose read end is `reader`.

        They are taken out later, in another thread, which then calls `done`: the pipe is empty and the caller's again.
        In order with `said`. False at once, and nothing taken, when too much waits for the disk already: then tell it
        as `carried`, which a journal counts as dropped.
        """

    def is_behind(self) -> bool:
        """Whether so much waits for the disk that `said_pipe` would refuse, while the disk still takes it: it is worth
        waiting a moment before more is carried."""


class Controls(Protocol):
    """What a person may do to a conversation that goes on. All calls come from the loop's thread.

    Whatever is done is noted first to the conversation's taps, so the recording says what was done by hand. Each raises
    `CannotSteer` where it cannot be done now: that side has ended, or the conversation is over.
    """

    @property
    def paused(self) -> frozenset[Side]:
        """Whose words are held back."""

    async def say(self, side: Side, data: bytes) -> None:
        """Say `data` to the other party as if `side` had, in order with what it says itself; returns when accepted."""

    def pause(self, side: Side) -> None:
        """Pass on nothing more that `side` says, until `resume`: it is slowed down, and nothing is lost. Idempotent."""

    def resume(self, side: Side) -> None:
        """Pass on again what `side` says. Idempotent."""

    async def end(self, side: Side) -> None:
        """Tell the other party that `side` has ended what it says; whatever `side` says after that is not read."""

    def reset(self) -> None:
        """End the conversation at once: both channels are reset."""


@runtime_checkable
class SteeringTap(Tap, Protocol):
    """A tap that is handed the controls of its conversation, once there is something to steer, and keeps them."""

    def steer(self, controls: Controls) -> None: ...


def steering_taps(taps: Iterable[Tap]) -> list[SteeringTap]:
    """Those that want the controls. Asked of every link, and `isinstance` takes 40 µs to tell (Python 3.11)."""
    return [cast("SteeringTap", tap) for tap in taps if hasattr(tap, "steer")]


class Recorder(Protocol):
    """Gives a tap to every conversation that begins: a journal does, and so does a terminal that prints live."""

    def begin(self, opening: Opening) -> Tap: ...


def begin(recorders: Iterable[Recorder], opening: Opening) -> list[Tap]:
    """Begin the conversation with every recorder; the first that numbers it (a journal goes first) does so for all."""
    taps: list[Tap] = []
    for recorder in recorders:
        tap = recorder.begin(opening)
        if not opening.number:
            opening = msgspec.structs.replace(opening, number=tap.number)
        taps.append(tap)
    return taps


# ── the fold ──────────────────────────────────────────────────────────────────────────────────────────────


class Conversation(msgspec.Struct, kw_only=True):
    """One conversation as its entries tell it: `fold` them one after the other, in their order."""

    number: int
    kind: Kind
    name: str = ""
    client: str
    server: str
    near: str = ""
    far: str = ""
    boundaries: bool = False
    facts: dict[str, str] = {}
    opened: int
    #: When a relay's second leg stood; None before, and where there is none.
    joined: int | None = None
    #: When it was over; None while it goes on.
    closed: int | None = None
    how: How | None = None
    by: Side | None = None
    detail: str = ""
    #: Bytes said, and pieces they were said in, by the client and by the server; bytes of them not recorded.
    client_bytes: int = 0
    server_bytes: int = 0
    client_pieces: int = 0
    server_pieces: int = 0
    dropped: int = 0
    #: When something last happened.
    last: int = 0
    #: When each side ended what it says: while only one has, the channel is half-closed.
    client_ended: int | None = None
    server_ended: int | None = None
    notes: list[str] = []

    @classmethod
    def from_opened(cls, entry: Opened) -> Conversation:
        """The fold's start."""
        return cls(
            number=entry.conversation, kind=entry.kind, name=entry.name, client=entry.client, server=entry.server,
            near=entry.near, far=entry.far, boundaries=entry.boundaries, facts=dict(entry.facts),
            opened=entry.at, last=entry.at,
        )  # fmt: skip

    def fold(self, entry: Entry) -> None:
        """Take in what happened next."""
        self.last = max(self.last, entry.at)
        match entry:
            case Said(side=side, data=data):
                self._count(side, len(data), 1)
            case Dropped(side=side, count=count):
                self._count(side, count, 0)
                self.dropped += count
            case Joined(at=at, far=far, server=server, facts=facts):
                self.joined, self.far, self.server = at, far, server
                self.facts.update(facts)
            case Secured(facts=facts):
                self.facts.update(facts)
            case Noted(text=text):
                self.notes = [*self.notes, text]
            case Closed(at=at, how=how, by=by, detail=detail):
                self.closed, self.how, self.by, self.detail = at, how, by, detail
            case Ended(at=at, side=Side.CLIENT):
                self.client_ended = at if self.client_ended is None else self.client_ended
            case Ended(at=at):
                self.server_ended = at if self.server_ended is None else self.server_ended
            case Opened():
                pass

    def _count(self, side: Side, count: int, pieces: int) -> None:
        if side is Side.CLIENT:
            self.client_bytes += count
            self.client_pieces += pieces
        else:
            self.server_bytes += count
            self.server_pieces += pieces

    @property
    def seconds(self) -> float:
        """From the call to the end, or to what happened last while it goes on."""
        return ((self.closed or self.last) - self.opened) / 1e9


def title_of(told: Opened | Conversation) -> str:
    """Which part tincans played, and under which name: `relay front`."""
    return f"{told.kind.value} {told.name}".rstrip()


def conversations(entries: Iterable[Entry]) -> dict[int, Conversation]:
    """Fold entries of many conversations, in order; those whose beginning is missing are left out."""
    found: dict[int, Conversation] = {}
    for entry in entries:
        if isinstance(entry, Opened):
            found[entry.conversation] = Conversation.from_opened(entry)
        elif entry.conversation in found:
            found[entry.conversation].fold(entry)
    return found
