"""Events as lines for a reader: the meaning, what belongs to it, and the content as far as it is worth reading.

    GET /things HTTP/1.1                     the summary
    Host: localhost                          details, the first few
    {"name": "a thing"}                      content: text a line a line, anything else as a short dump

What can be long is a bulk of chunks: of those so much is shown of each turn and each second (`Voice`), and the rest is
counted. `full` lifts every bound. With `hex` an event's very bytes stand under its meaning in the place of the content.
Secrets are masked, in all of it, unless they are asked for. Nothing of what was said is given but through `escape` or
`hexdump`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from tincans.channel import Side
from tincans.cli.voice import Bounds, Voice
from tincans.conversation import Entry
from tincans.decoding import Decoding, Heard, Tape, Views
from tincans.protocols import Chunk, Data, Event, Malformed, Missing, Upgraded
from tincans.protocols.events import CUT_OFF
from tincans.protocols.view import View
from tincans.text import escape, hexdump, human_bytes, human_seconds, is_text

#: How much of an event is shown: half a screen of content, a few rows of what is no text, as many details as a small
#: header has, and texts of four rows of a terminal.
CONTENT_BYTES = 1024
CONTENT_LINES = 24
BINARY_BYTES = 8 * 16
DETAILS = 8
TEXT_CHARACTERS = 320

#: Of chunks, in bytes: half a screen of a turn, and eight screens of a second. Live also of events, in their number.
CHUNKS = Bounds(turn=CONTENT_BYTES, second=16 * 1024)
EVENTS = Bounds(turn=50, second=400)

#: An event that took so long to say is told with its time.
LONG_SECONDS = 1.0

FULL = "--full shows all"

#: What said in the open can be shown before it is whole: they have no passwords.
_PLAIN = ("lines", "raw")


class Style(NamedTuple):
    """How events are shown. `protocol` as `find_protocol` takes it, or empty to guess it.

    `live`: somebody looks on, who does not want to see every one of a thousand lines.
    """

    hex: bool = False
    full: bool = False
    secrets: bool = False
    colour: bool = False
    protocol: str = ""
    live: bool = False


class Part(NamedTuple):
    """A line. `tone` is "said" for what was said, "dim" for what is about it, "bold" or "wrong"."""

    text: str
    tone: str = "said"


class Meaning:
    """One conversation's events as lines. Tell it each entry, and then ask for the events that this completes."""

    def __init__(self, style: Style) -> None:
        self._style = style
        self._tape = Tape() if style.hex else None
        self._views = Views(style.protocol)
        self._voices = {side: Voice(0, CHUNKS) for side in Side}
        self._counts = {side: Voice(0, EVENTS) for side in Side}
        self._cuts = dict.fromkeys(Side, 0)  # bytes that were not shown
        self._side: Side | None = None  # whose turn it is
        self._kind: type[Event] | None = None  # and what it says

    def add(self, entry: Entry) -> None:
        """What happens next."""
        if self._tape is not None:
            self._tape.add(entry)

    def take_cuts(self) -> dict[Side, int]:
        """How many bytes of each side were not shown since this was last asked."""
        cuts, self._cuts = self._cuts, dict.fromkeys(Side, 0)
        return cuts

    def leave_out(self, cuts: Mapping[Side, int]) -> None:
        """So many more were not."""
        for side, count in cuts.items():
            self._cuts[side] += count

    def parts(self, heard: Heard) -> list[Part]:
        """The lines of the next event; none where it is not shown, because others tell it or it is only counted."""
        data = self._tape.cut(heard.event) if self._tape is not None else b""
        if isinstance(heard.event, Missing):
            return []
        heard = heard if self._style.secrets else heard.masked()
        event = heard.event
        too_many = self._is_too_many(event, heard.at)
        room = self._room(event, heard.at)
        view = self._views.view(heard)  # which may need it for what comes later
        if view.silent and not (self._style.full or self._style.hex):
            return []
        if too_many:
            self._cuts[event.side] += event.end - event.start
            return []
        if room == 0 and isinstance(event, Chunk) and event.data:
            self._cuts[event.side] += len(event.data)
            if not _says_why(event):
                return []
        parts = [*self._meant(event, view), *self._carried(event, view, data, room)] or [Part("(nothing)", "dim")]
        if heard.at - heard.began >= LONG_SECONDS * 1e9:
            took = human_seconds((heard.at - heard.began) / 1e9)
            parts[0] = parts[0]._replace(text=f"{parts[0].text}  (over {took})")
        return parts

    def _is_too_many(self, event: Event, now: int) -> bool:
        """Whether it is one more than anybody wants to see who looks on."""
        if self._style.full or not self._style.live or isinstance(event, Chunk | Upgraded):
            return False
        count = self._counts[event.side]
        if event.side is not self._side or count.is_over(now):
            count.begin_turn(now)
        return not count.spend(1)

    def _room(self, event: Event, now: int) -> int | None:
        """How many bytes of its content are shown; None for all."""
        voice = self._voices[event.side]
        turns = event.side is not self._side or type(event) is not self._kind or _says_why(event)
        self._side, self._kind = event.side, type(event)
        if self._style.full:
            return None
        if not isinstance(event, Chunk):
            return CONTENT_BYTES
        if turns or (len(event.data) > voice.room and voice.is_over(now)):
            voice.begin_turn(now)
        return voice.spend(len(event.data))

    # ── what it means ─────────────────────────────────────────────────────────────────────────────────────

    def _meant(self, event: Event, view: View) -> Iterator[Part]:
        if isinstance(event, Data) or (isinstance(event, Malformed) and not _says_why(event)):
            return  # its content says it all
        tone = "wrong" if isinstance(event, Malformed) else "bold" if isinstance(event, Upgraded) else "said"
        yield from (Part(line, tone) for line in self._lines(view.summary))
        details = view.details if self._style.full else view.details[:DETAILS]
        yield from (Part(line) for detail in details for line in self._lines(detail))
        if len(details) < len(view.details):
            yield Part(f"… and {len(view.details) - len(details)} more ({FULL})", "dim")

    def _lines(self, text: str) -> list[str]:
        left = 0 if self._style.full else max(0, len(text) - TEXT_CHARACTERS)
        lines = [escape(line) for line in text[: len(text) - left].splitlines(keepends=True)]
        if left:
            lines[-1] += f" … and {left} characters more"
        return lines

    # ── and what it carries ───────────────────────────────────────────────────────────────────────────────

    def _carried(self, event: Event, view: View, data: bytes, room: int | None) -> Iterator[Part]:
        if self._style.hex:
            content, shown = data, data[:room]
            yield from map(Part, hexdump(shown, event.start, () if self._style.secrets else event.hidden))
        else:
            content = view.content or b""
            rows, shown = self._rows(content[:room], keep_ends=isinstance(event, Data | Malformed))
            yield from map(Part, rows)
        if left := len(content) - len(shown):
            yield from self._cut_off(event, left)

    def _rows(self, content: bytes, *, keep_ends: bool) -> tuple[list[str], bytes]:
        """Content as lines, and as much of it as these are."""
        if not is_text(content):
            shown = content if self._style.full else content[:BINARY_BYTES]
            return list(hexdump(shown)), shown
        lines = content.splitlines(keepends=True)
        if not self._style.full:
            lines = lines[:CONTENT_LINES]
        return [escape(line if keep_ends else line.rstrip(b"\r\n")) for line in lines], b"".join(lines)

    def _cut_off(self, event: Event, left: int) -> Iterator[Part]:
        """Of chunks it is told later, with what is left out of the next ones."""
        if isinstance(event, Chunk):
            self._voices[event.side].room = 0
            self._cuts[event.side] += left
        else:
            yield Part(f"… and {human_bytes(left)} more ({FULL})", "dim")


def _says_why(event: Event) -> bool:
    """Whether it is the beginning of what is malformed, and not by what the recording lacks: that is told anyway."""
    return isinstance(event, Malformed) and event.reason not in ("", CUT_OFF)


def unfinished(decoding: Decoding, side: Side, style: Style) -> Part | None:
    """What `side` has begun to say; only how much where it may be a secret."""
    said = decoding.unfinished(side)
    if not said:
        return None
    name = decoding.protocol.partition(":")[0]
    if not style.secrets and name not in _PLAIN:
        return Part("(not yet whole)", "dim")
    shown = said if style.full else said[:TEXT_CHARACTERS]
    return Part(f"{escape(shown)}{' …' if len(shown) < len(said) else ''}  (not yet whole)")
