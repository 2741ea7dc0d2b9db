"""What two conversations said differently: their events as lines, compared side by side, times and noise aside.

Each side's events become lines, the meaning and below it the details and the content (`Lines`); a line is compared by
its key, in which what differs every time (`quiet`) has a fixed word in its place. The two sides are compared each for
itself, because who of them was quicker says nothing.

    entries ──decoded──► events ──► lines with keys ─┐
    entries ──decoded──► events ──► lines with keys ─┴─ difflib ──► `Difference`s, with the lines around them
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

import msgspec

from tincans.channel import Side
from tincans.conversation import Closed, Entry, Opened
from tincans.decoding import Decoding, Heard, Views
from tincans.limits import DIFF_CONTENT_BYTES, DIFF_LINES
from tincans.protocols import Chunk, Event, Malformed
from tincans.text import escape, is_text

#: Lines that are alike, shown around those that are not: as diff -u has them.
CONTEXT = 3


# ── noise ─────────────────────────────────────────────────────────────────────────────────────────────────

_DAY = r"(?:Mon|Tues?|Wed(?:nes)?|Thu(?:rs)?|Fri|Sat(?:ur)?|Sun)(?:day)?"
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_TIME = r"\d{1,2}:\d{2}:\d{2}(?:[.,]\d{1,9})?"
_ZONE = r"(?:\ ?(?:Z|GMT|UTC|[+-]\d{2}:?\d{2}))?(?:\ \([A-Z]{2,5}\))?"

#: A line's end is part of what is said in lines, and was escaped.
_END = r"(?=(?:\\[rn])*$)"
_MADE_ANEW = "etag|message-id|in-reply-to|references|x-request-id|traceparent|sec-websocket-(?:key|accept)"

#: What differs from one time to the next and means nothing: the pattern, and what stands in its place. In this order.
NOISE: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.VERBOSE | flags), word)
    for pattern, word, flags in (
        # Fields whose value is made anew for every message: RFC 9110, 6455, 6265, 5322, W3C Trace Context.
        (rf"^({_MADE_ANEW}):.*?{_END}", r"\1: <id>", re.IGNORECASE),
        (rf"^(date|last-modified|expires|age):.*?{_END}", r"\1: <date>", re.IGNORECASE),
        (r"^(set-cookie:\s*[^=;]+=)[^;]*", r"\1<value>", re.IGNORECASE),
        (r"(boundary=)(?:\"[^\"]*\"|[^\s;\"]+)", r"\1<boundary>", re.IGNORECASE),  # RFC 2046 §5.1.1
        (rf"^--[\w'()+,./:=?-]{{10,70}}{_END}", "--<boundary>", 0),
        # What a mail server calls a message: Postfix, Exim.
        (r"(queued\ as\ )[\w-]+", r"\1<id>", re.IGNORECASE),
        (r"(\bid=)[0-9a-z]{6}-[0-9a-z]{6,11}-[0-9a-z]{2,4}\b", r"\1<id>", re.IGNORECASE),
        # Dates and times: RFC 9110 §5.6.7 in its three forms and RFC 5322, ISO 8601, the common log format, syslog.
        (rf"{_DAY},?\ \d{{1,2}}[\ -]{_MONTH}[\ -]\d{{2,4}}\ {_TIME}{_ZONE}", "<date>", 0),
        (rf"{_DAY}\ {_MONTH}\ [\ \d]\d\ {_TIME}(?:\ \w{{3,4}})?\ \d{{4}}", "<date>", 0),
        (rf"\d{{1,2}}\ {_MONTH}\ \d{{4}}\ {_TIME}{_ZONE}", "<date>", 0),
        (rf"\b\d{{4}}-\d{{2}}-\d{{2}}(?:[T\ ]{_TIME}{_ZONE})?", "<date>", 0),
        (rf"\d{{1,2}}/{_MONTH}/\d{{4}}:{_TIME}{_ZONE}", "<date>", 0),
        (rf"\b{_MONTH}\ [\ \d]\d\ {_TIME}", "<date>", 0),
        (rf"\b{_TIME}{_ZONE}", "<time>", 0),
        (r"\b1[5-9]\d{8}(?:\.\d{1,9}|\d{3}|\d{6}|\d{9})?\b", "<time>", 0),  # seconds since 1970, from 2017 to 2033
        # Ids: UUIDs, and hexadecimal of eight digits or more that is neither a word nor a number.
        (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "<id>", re.IGNORECASE),
        (r"\b(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]{8,}\b", "<id>", re.IGNORECASE),
        # Ports that a kernel gives out: Linux from 32768 on, others from 49152 (RFC 6335 §6). Also as FTP writes them.
        (r"(?<=[\w\]]:)(?:3276[89]|327[7-9]\d|32[89]\d\d|3[3-9]\d{3}|[45]\d{4}|6[0-5]\d{3})\b", "<port>", 0),
        (r"(\b\d{1,3}(?:,\d{1,3}){3}),\d{1,3},\d{1,3}\b", r"\1,<port>", 0),
        (r"(\|[12]?\|[^|]*\|)\d{1,5}\|", r"\1<port>|", 0),
    )
)


def quiet(line: str) -> str:
    """The line with a word in the place of what is only noise."""
    for pattern, word in NOISE:
        line = pattern.sub(word, line)
    return line


# ── a conversation as lines ───────────────────────────────────────────────────────────────────────────────


class Line(NamedTuple):
    """One line of an event, and the event's place among those of its side, from 1; the first one is its meaning."""

    event: int
    first: bool
    text: str
    key: str


class Lines:
    """One conversation's events as lines: tell it all entries, and then ask for those of a side.

    Holds all lines, and of each piece of content no more than DIFF_CONTENT_BYTES; the rest is compared by its SHA-256.
    """

    def __init__(self, protocol: str = "", *, noise: bool = False, secrets: bool = False) -> None:
        """`protocol` as `Decoding` takes it. With `noise` that is compared too, with `secrets` those are not masked."""
        self._protocol, self._secrets = protocol, secrets
        self._key: Callable[[str], str] = str if noise else quiet
        self._views = Views(protocol)
        self._decoding: Decoding | None = None
        self._lines: dict[Side, list[Line]] = {side: [] for side in Side}
        self._events = dict.fromkeys(Side, 0)
        self._contents: dict[Side, _Content | None] = dict.fromkeys(Side)
        #: How it ended, as a word; empty while it goes on.
        self.how = ""

    def add(self, entry: Entry) -> None:
        """What happened next."""
        if isinstance(entry, Opened):
            self._decoding = Decoding(entry, self._protocol)
        elif isinstance(entry, Closed):
            self.how = entry.how.value
        assert self._decoding is not None  # Opened comes first
        self._hear(self._decoding.take(entry))

    def of(self, side: Side) -> list[Line]:
        """All that `side` said."""
        if self._decoding is not None:
            self._hear(self._decoding.close())
            self._decoding = None
        self._end_content(side)
        return self._lines[side]

    def _hear(self, told: Sequence[Entry | Heard]) -> None:
        for heard in told:
            if isinstance(heard, Heard):
                self._take(heard if self._secrets else heard.masked())

    def _take(self, heard: Heard) -> None:
        event = heard.event
        view = self._views.view(heard)
        if isinstance(event, Chunk) and not (isinstance(event, Malformed) and event.reason):
            self._chunk(event, view.content or b"")
            return
        self._begin(event.side, view.summary)
        for detail in view.details:
            self._add(event.side, detail)
        if view.content:
            content = _Content(type(event))
            content.add(view.content)
            self._add_content(event.side, content)

    def _begin(self, side: Side, summary: str) -> None:
        self._end_content(side)
        self._events[side] += 1
        self._add(side, summary, first=True)

    def _add(self, side: Side, text: str, *, first: bool = False, exact: bool = False) -> None:
        shown = escape(text)
        self._lines[side].append(Line(self._events[side], first, shown, shown if exact else self._key(shown)))

    # ── content ───────────────────────────────────────────────────────────────────────────────────────────

    def _chunk(self, event: Chunk, data: bytes) -> None:
        """A piece: how it was cut means nothing."""
        content = self._contents[event.side]
        if content is None or content.kind is not type(event):
            self._begin(event.side, type(event).__name__.lower())
            content = self._contents[event.side] = _Content(type(event))
        content.add(data)

    def _end_content(self, side: Side) -> None:
        content, self._contents[side] = self._contents[side], None
        if content is not None:
            self._add_content(side, content)

    def _add_content(self, side: Side, content: _Content) -> None:
        for line in content.lines():
            self._add(side, line)
        if content.is_cut:
            self._add(side, content.whole, exact=True)


class _Content:
    """What belongs together of pieces: its beginning, and what the rest can be compared by."""

    def __init__(self, kind: type[Event]) -> None:
        self.kind = kind
        self._beginning = bytearray()
        self._size = 0
        self._hash = hashlib.sha256()

    def add(self, data: bytes) -> None:
        self._beginning += data[: DIFF_CONTENT_BYTES - len(self._beginning)]
        self._size += len(data)
        self._hash.update(data)

    @property
    def is_cut(self) -> bool:
        """Whether its lines are not all of it."""
        return self._size > len(self._beginning) or (self._size > 0 and not self._is_text)

    @property
    def whole(self) -> str:
        return f"{self._size} bytes, SHA-256 {self._hash.hexdigest()}"

    @property
    def _is_text(self) -> bool:
        return is_text(bytes(self._beginning))

    def lines(self) -> Iterator[str]:
        if self._is_text:
            yield from (str(line, "utf-8", "surrogateescape") for line in self._beginning.splitlines())


# ── and two of them ───────────────────────────────────────────────────────────────────────────────────────


class Difference(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="difference"):
    """Lines that one has and the other has not, at the event with this number on each side."""

    side: Side
    one_event: int
    other_event: int
    one: tuple[str, ...]
    other: tuple[str, ...]


class Row(NamedTuple):
    """A line to print: `-` only one has it, `+` only the other, ` ` both, `@` where the next ones stand."""

    mark: str
    first: bool
    text: str


def differences(side: Side, one: Sequence[Line], other: Sequence[Line]) -> Iterator[Difference]:
    """What `side` said differently, in its order."""
    for tag, a, b, c, d in _matcher(one, other).get_opcodes():
        if tag != "equal":
            yield Difference(
                side=side, one_event=_event(one, a), other_event=_event(other, c),
                one=tuple(line.text for line in one[a:b]), other=tuple(line.text for line in other[c:d]),
            )  # fmt: skip


def rows(one: Sequence[Line], other: Sequence[Line]) -> Iterator[Row]:
    """The same to read, with the lines around it."""
    for group in _matcher(one, other).get_grouped_opcodes(CONTEXT):
        yield Row("@", True, f"event {_event(one, group[0][1])} and event {_event(other, group[0][3])}")
        for tag, a, b, c, d in group:
            if tag == "equal":
                yield from (Row(" ", line.first, line.text) for line in one[a:b])
            else:
                yield from (Row("-", line.first, line.text) for line in one[a:b])
                yield from (Row("+", line.first, line.text) for line in other[c:d])


def _matcher(one: Sequence[Line], other: Sequence[Line]) -> SequenceMatcher[str]:
    """Exact where that is quick enough; in very long ones lines that come very often are only matched beside others."""
    autojunk = len(one) + len(other) > DIFF_LINES
    return SequenceMatcher(None, [line.key for line in one], [line.key for line in other], autojunk=autojunk)


def _event(lines: Sequence[Line], at: int) -> int:
    """Of which event the line is; behind the last one, the one that would come next."""
    if at < len(lines):
        return lines[at].event
    return lines[-1].event + 1 if lines else 1
