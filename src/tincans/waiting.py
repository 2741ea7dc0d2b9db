"""Who is waiting for whom: what an open conversation stands still at, in one sentence.

A `Waiting` hears a conversation beside its `Decoding` and can say at any moment how things stand (`state`): when each
side spoke last, what of it is unfinished, what the kernel still holds for the other, and one sentence. The sentence is
that of the first case that applies; the cases are the table `_CASES`, in which the sure comes before the likely.

    it is over ─ still calling ─ nobody reads ─ nobody spoke ─ begun and not ended ─ ended, and the other is silent
               ─ an answer is awaited ─ the lines end in the wrong way ─ a request is awaited ─ nothing is unfinished

Two programs in two languages often stand still because one ends its lines in LF and the other waits for CR LF. What
ends each side's first line is remembered, and where they differ, and nothing was ever answered, the sentence says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from enum import Enum

import msgspec

from tincans.channel import Side
from tincans.conversation import Conversation, Dropped, Ended, Entry, How, Kind, Opened, Said
from tincans.decoding import Decoding, Heard, port_of
from tincans.limits import GUESS_BYTES, QUOTE_CHARACTERS, READING_SECONDS
from tincans.protocols import Chunk, Event, Malformed, Missing, Session, Upgraded
from tincans.protocols.events import MASK
from tincans.protocols.lines import CONTROLS
from tincans.protocols.registry import at_home
from tincans.text import escape, human_bytes, human_seconds

#: Ports on which TLS comes first, so that the client speaks first whatever is said inside (IANA's registry).
_TLS_PORTS = frozenset({443, 465, 563, 636, 853, 989, 990, 993, 994, 995, 6697, 8883})

CR, LF = b"\r", b"\n"
_NAMES = {LF: "LF", CR + LF: "CR LF"}


class Socket(msgspec.Struct, frozen=True, kw_only=True):
    """One end of a connection, as the kernel knows it."""

    #: As in RFC 9293 §3.3.2: ESTABLISHED, CLOSE_WAIT, FIN_WAIT2 …
    state: str
    #: Bytes that came and that its program has not read, and bytes that it sent and the other end has not acknowledged.
    unread: int
    unsent: int


class Direction(msgspec.Struct, frozen=True, kw_only=True):
    """How it stands with what one side says."""

    said: int
    #: When its last byte was said, in nanoseconds, and how many seconds ago; None where it said nothing.
    last: int | None
    age: float | None
    #: How much of what it said is no whole message yet.
    unfinished: int
    ended: bool
    #: Bytes in the kernel: on their way to the other side, and there but unread. None where the kernel does not tell.
    queued: int | None
    unread: int | None


class State(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="state"):
    """How a conversation stands at one moment, and the sentence that says who waits for whom."""

    conversation: int
    at: int
    #: What is spoken; empty while that cannot be told.
    protocol: str
    client: Direction
    server: Direction
    #: The ends that this machine's kernel knows, by the names of `ends`.
    sockets: dict[str, Socket]
    sentence: str
    #: Whether a reader wants to hear it unasked: somebody waits for what may never come.
    is_stuck: bool


def ends(conversation: Conversation) -> dict[str, tuple[str, str]]:
    """The sockets that a conversation goes through: the address of each, and of the other end of its connection."""
    c = conversation
    if c.near and c.far:
        return {
            "client": (c.client, c.near), "near": (c.near, c.client),
            "far": (c.far, c.server), "server": (c.server, c.far),
        }  # fmt: skip
    return {"client": (c.client, c.server), "server": (c.server, c.client)}


class Waiting:
    """Hears one conversation, and can say how it stands. Holds the first line and the last event of each side."""

    def __init__(self, opened: Opened, decoding: Decoding, *, secrets: bool = False) -> None:
        """`secrets`: quote them too."""
        self.conversation = Conversation.from_opened(opened)
        self.decoding, self.secrets = decoding, secrets
        self._voices = {side: _Voice() for side in Side}

    def take(self, entry: Entry, told: Iterable[Entry | Heard]) -> None:
        """What happened next, and what `decoding` made of it."""
        self.conversation.fold(entry)
        if isinstance(entry, Said | Dropped | Ended):
            self._voices[entry.side].take(entry)
        self.note(told)

    def note(self, told: Iterable[Entry | Heard]) -> None:
        """What `decoding` made of what was said before."""
        for heard in told:
            if isinstance(heard, Heard) and _is_meant(heard.event):
                voice = self._voices[heard.event.side]
                voice.event, voice.events = heard.event, voice.events + 1

    def state(self, now: int, sockets: Mapping[str, Socket] | None = None, *, patience: float = 0.0) -> State:
        """How it stands at `now`; `sockets` are those of `ends` that the kernel knows.

        Where it is only likely that somebody waits in vain, it counts as stuck after `patience` seconds of silence.
        """
        moment = _Moment(self, self._voices, now, dict(sockets or {}))
        sentence, stuck = next((said, stuck) for case, stuck in _CASES if (said := case(moment)))
        is_patient = now - self.conversation.last < patience * 1e9
        return State(
            conversation=self.conversation.number, at=now, protocol=self.decoding.decoder.protocol,
            client=moment.direction(Side.CLIENT), server=moment.direction(Side.SERVER), sockets=moment.sockets,
            sentence=sentence, is_stuck=stuck is _Stuck.SURELY or (stuck is _Stuck.LIKELY and not is_patient),
        )  # fmt: skip


class _Voice:
    """What is remembered of one side."""

    __slots__ = ("_begun", "_looking", "ended", "event", "events", "last", "line_at", "line_end")

    def __init__(self) -> None:
        self.last: int | None = None
        self.ended: int | None = None
        self.event: Event | None = None  # the last that it said, of so many
        self.events = 0
        self.line_end = b""  # of its first line; empty where that is no text
        self.line_at = 0  # when that ended
        self._begun, self._looking = b"", True

    def take(self, entry: Said | Dropped | Ended) -> None:
        if isinstance(entry, Ended):
            self.ended = entry.at
            return
        self.last = entry.at
        if isinstance(entry, Dropped):
            self._looking = False
        elif self._looking:
            self._look(entry.data)
            self.line_at = entry.at

    def _look(self, data: bytes) -> None:
        self._begun += data[:GUESS_BYTES]
        line, end, _ = self._begun.partition(LF)
        if end and not CONTROLS.search(line):
            self.line_end = CR + LF if line.endswith(CR) else LF
        self._looking = not end and len(self._begun) < GUESS_BYTES


def _is_meant(event: Event) -> bool:
    """Whether a reader would say that this was what was said: not a piece of it, and not a remark of ours."""
    if isinstance(event, Malformed):
        return bool(event.reason)
    is_remark = event.start == event.end  # that a message ends with what was said
    return not is_remark and not isinstance(event, Chunk | Missing | Upgraded)


class _Moment:
    """What the cases look at."""

    def __init__(self, heard: Waiting, voices: dict[Side, _Voice], now: int, sockets: dict[str, Socket]) -> None:
        self.conversation, self.decoding, self.secrets = heard.conversation, heard.decoding, heard.secrets
        self.voices, self.now, self.sockets = voices, now, sockets
        self.session: Session | None = self.decoding.decoder.session
        self.begun = {side: _begun(self.decoding, side) for side in Side}
        spoke = [(voice.last, side) for side, voice in voices.items() if voice.last is not None]
        self.latest = max(spoke, key=lambda each: each[0])[1] if spoke else None

    def direction(self, side: Side) -> Direction:
        voice = self.voices[side]
        queued, unread = self.queues(side)
        return Direction(
            said=self.said(side), last=voice.last,
            age=None if voice.last is None else max(0, self.now - voice.last) / 1e9,
            unfinished=len(self.begun[side]), ended=voice.ended is not None, queued=queued, unread=unread,
        )  # fmt: skip

    def said(self, side: Side) -> int:
        return self.conversation.client_bytes if side is Side.CLIENT else self.conversation.server_bytes

    def queues(self, side: Side) -> tuple[int | None, int | None]:
        """Of what `side` said: how much is on its way in the kernel, and how much lies unread at the other side."""
        path = [self.sockets.get(name) for name in ("client", "near", "far", "server")]
        first, inward, outward, last = path if side is Side.CLIENT else reversed(path)
        on_way = [socket.unsent for socket in (first, outward) if socket] + ([inward.unread] if inward else [])
        return sum(on_way) if on_way else None, last.unread if last else None

    def since(self, at: int | None) -> str:
        return human_seconds(max(0, self.now - (self.conversation.opened if at is None else at)) / 1e9)


def _begun(decoding: Decoding, side: Side) -> bytes:
    """What `side` has begun to say and not ended, the other's answer not being what it lacks."""
    session = decoding.decoder.session
    data = decoding.unfinished(side)
    if session is None:  # all that it said: whole lines are whole, whatever the protocol
        return b"" if CONTROLS.search(data) else data[data.rfind(b"\n") + 1 :]
    return b"" if session.waiting(side) else data


# ── the cases ─────────────────────────────────────────────────────────────────────────────────────────────


def _over(moment: _Moment) -> str:
    c = moment.conversation
    if c.closed is None or c.how is None:
        return ""
    who = {How.FINISHED: ", the {} first", How.RESET: " by the {}"}.get(c.how, "") if c.by else ""
    return f"it is over since {moment.since(c.closed)}: {c.how.value}{who.format(c.by.value if c.by else '')}"


def _calling(moment: _Moment) -> str:
    c = moment.conversation
    if c.kind is not Kind.RELAY or c.far or c.server_bytes:
        return ""
    return f"{escape(c.server)} has not answered the call since {moment.since(None)}"


def _not_reading(moment: _Moment) -> str:
    """Bytes that lie in the kernel although nothing moves."""
    clogged = [(side, *_clog(moment, side)) for side in Side]
    found = [(side, verb, count) for side, verb, count in clogged if count]
    if len(found) == 2:
        (_, _, to_server), (_, _, to_client) = found
        return (
            f"neither side reads: {human_bytes(to_server)} wait for the server and {human_bytes(to_client)} for the "
            "client; where both write before they read, both wait for ever"
        )
    for side, verb, count in found:
        last = moment.since(moment.voices[side].last)
        return f"the {side.other.value} does not {verb}: {human_bytes(count)} wait for it since {last}"
    return ""


def _clog(moment: _Moment, side: Side) -> tuple[str, int]:
    """How much of what `side` said waits for the other, and what that does not do with it."""
    last = moment.voices[side].last
    if last is None or moment.now - last < READING_SECONDS * 1e9:
        return "", 0
    queued, unread = moment.queues(side)
    if unread:
        return "read", unread + (queued or 0)
    return "take it", queued or 0


def _nobody_spoke(moment: _Moment) -> str:
    if moment.latest is not None or any(voice.ended is not None for voice in moment.voices.values()):
        return ""
    text = f"nobody has spoken since it opened {moment.since(None)} ago"
    session = moment.session or _expected(moment.conversation.server)
    if session is None or session.awaited is None:
        return text
    first = session.awaited.value
    waits = session.awaited.other.value
    return f"{text}: in {session.title} the {first} speaks first, and the {waits} waits for it"


def _expected(server: str) -> Session | None:
    """The protocol that is at home on the server's port."""
    port = port_of(server)
    found = at_home(port) if port and port not in _TLS_PORTS else None
    return found.session() if found else None


def _begun_and_not_ended(moment: _Moment) -> str:
    found = [
        f"the {side.other.value} has {_beginning(moment, side, data)} since {moment.since(moment.voices[side].last)}"
        for side, data in moment.begun.items()
        if data and moment.voices[side].ended is None
    ]
    return f"{', and '.join(found)}; both sides wait" if found else ""


def _beginning(moment: _Moment, side: Side, data: bytes) -> str:
    shown = data if moment.secrets else _masked(moment, side, data)
    if CONTROLS.search(data) or shown is None:
        return f"the first {human_bytes(len(data))} of a message"
    if b"\n" not in data:
        return f"{_quoted(shown)}{', whose line ends in CR alone,' if data.endswith(CR) else ' without a line end'}"
    if moment.session is not None and moment.session.line_end == CR + LF and CR + LF not in data:
        return f"{_quoted(shown)}, whose line ends in LF alone and not in CR LF,"
    return f"the beginning of a message, {_quoted(shown.splitlines()[0])}, of which {human_bytes(len(data))} came,"


def _masked(moment: _Moment, side: Side, data: bytes) -> bytes | None:
    """`data`, with its secrets masked; None where that cannot be told.

    Only an event knows what is secret in it, so a copy of the decoder is told an end and asked what the event would be.
    """
    try:
        decoder = deepcopy(moment.decoding.decoder)
    except TypeError:  # it holds what cannot be copied: a decompressor
        return None
    told = decoder.receive(side, b"\r\n\r\n") + decoder.close()
    start = moment.said(side) - len(data)
    spans = [span for _, event in told if event.side is side for span in event.hidden]
    for first, last in sorted(spans, reverse=True):
        if last > start:
            data = data[: max(0, first - start)] + MASK.encode() + data[last - start :]
    return data


def _ended_and_silent(moment: _Moment) -> str:
    over = [side for side in Side if moment.voices[side].ended is not None]
    if len(over) == 2:
        return "both sides have ended what they say; the channel is not closed yet"
    for side in over:
        since = moment.since(moment.voices[side].ended)
        last = moment.voices[side.other].last
        silent = f"has been silent for {moment.since(last)}" if last is not None else "has said nothing"
        return (
            f"the {side.value} has ended what it says since {since} and only listens; "
            f"the {side.other.value} may go on, and {silent}"
        )
    return ""


def _answer_awaited(moment: _Moment) -> str:
    return _turn(moment, Side.SERVER)


def _request_awaited(moment: _Moment) -> str:
    return _turn(moment, Side.CLIENT)


def _turn(moment: _Moment, side: Side) -> str:
    """The protocol knows that it is the turn of `side`."""
    if moment.session is None or moment.session.awaited is not side:
        return ""
    if moment.voices[side.other].last is None:
        return f"the {side.value} is to speak next, and has been silent for {moment.since(moment.voices[side].last)}"
    return _silent_since(moment, side) + _line_ends(moment, side.other)


def _ended_wrongly(moment: _Moment) -> str:
    side = moment.latest
    hint = _line_ends(moment, side) if side else ""
    return _silent_since(moment, side.other) + hint if side and hint else ""


def _quiet(moment: _Moment) -> str:
    side = moment.latest
    assert side is not None  # else nobody spoke
    since = moment.since(moment.voices[side].last)
    return f"nothing is unfinished; the last word was {_what(moment, side)}, {since} ago"


def _silent_since(moment: _Moment, side: Side) -> str:
    since = moment.since(moment.voices[side.other].last)
    return f"the {side.value} has been silent since {_what(moment, side.other)}, {since} ago"


class _Stuck(Enum):
    """Whether somebody waits for what may never come: a reader wants to hear of that unasked."""

    NO = "no"
    LIKELY = "likely"  # the answer may just take long
    SURELY = "surely"  # the kernel, or the message itself, shows it


#: In their order.
_CASES: tuple[tuple[Callable[[_Moment], str], _Stuck], ...] = (
    (_over, _Stuck.NO),
    (_calling, _Stuck.LIKELY),
    (_not_reading, _Stuck.SURELY),
    (_nobody_spoke, _Stuck.NO),
    (_begun_and_not_ended, _Stuck.SURELY),
    (_ended_and_silent, _Stuck.NO),
    (_answer_awaited, _Stuck.LIKELY),
    (_ended_wrongly, _Stuck.LIKELY),
    (_request_awaited, _Stuck.NO),
    (_quiet, _Stuck.NO),
)


# ── words ─────────────────────────────────────────────────────────────────────────────────────────────────


def _line_ends(moment: _Moment, side: Side) -> str:
    """Where what ends the lines of `side` may be what keeps the other waiting: that."""
    voice, other = moment.voices[side], moment.voices[side.other]
    if not voice.line_end or (other.last or 0) > voice.line_at:
        return ""  # it was answered: that is not what is wrong
    session = moment.session
    in_lines = session is not None and session.name == "lines"
    mine = f"; the {side.value}'s lines end in {_NAMES[voice.line_end]}"
    if voice.line_end == LF and other.line_end == CR + LF:
        return f"{mine} and the {side.other.value}'s in CR LF: the {side.other.value} may wait for CR LF"
    if voice.line_end == LF and session and session.line_end == CR + LF:
        return f"{mine} and those of {session.title} in CR LF: the {side.other.value} may wait for it"
    if voice.line_end == LF and in_lines and not other.line_end and voice.events == 1:
        return f"{mine}: if the {side.other.value} reads up to CR LF, it still waits"
    if voice.line_end == CR + LF and in_lines and other.line_end == LF:
        return (
            f"{mine} and the {side.other.value}'s in LF: the {side.other.value} may take the CR for a part of the line"
        )
    return ""


def _what(moment: _Moment, side: Side) -> str:
    """The last that `side` said: the client's request `GET /`."""
    event = moment.voices[side].event
    if event is None or isinstance(event, Malformed):
        broken = f" ({escape(event.summary)})" if event else ""
        return f"what the {side.value} said last{broken}"
    kind = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", type(event).__name__).lower()
    shown = event if moment.secrets else event.masked()
    return f"the {side.value}'s {kind} {_quoted(shown.summary)}"


def _quoted(words: bytes | str) -> str:
    text = escape(words[: QUOTE_CHARACTERS + 1])
    return f"`{text}`" if len(text) <= QUOTE_CHARACTERS else f"`{text[:QUOTE_CHARACTERS]}…`"
