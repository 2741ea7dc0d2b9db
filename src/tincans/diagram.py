"""A conversation as a sequence diagram: two lines that run down, and an arrow for everything that was meant.

                client                                                            server
                tcp://127.0.0.1:50312                              tcp://127.0.0.1:7707
                │                                                                 │
    14:02:11.032├─ GET / HTTP/1.1 ─────────────────────────────────────── 132 B ─►│
    14:02:11.040│◄─ HTTP/1.1 200 OK ─────────────────────────────────── 1.2 KiB ──┤

A `Diagram` is told the entries and gives a `Drawing`, which `as_text` and `as_svg` write as lines. Chunks that follow
one another are one arrow, and after DIAGRAM_STEPS the rest is only counted. All that was said is escaped; secrets are
masked unless they are asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape as in_markup
from typing import NamedTuple
from unicodedata import combining, east_asian_width

from tincans.channel import Side
from tincans.conversation import Closed, Conversation, Dropped, Ended, Entry, Joined, Noted, Opened, Secured, title_of
from tincans.decoding import Decoding, Heard, Views
from tincans.limits import DIAGRAM_STEPS
from tincans.protocols import Chunk, Event, Malformed, Missing, Upgraded
from tincans.protocols.events import CUT_OFF
from tincans.text import clock, day, escape, human_bytes, human_seconds

#: A silence as long as this is drawn.
GAP_SECONDS = 1.0


class Step(NamedTuple):
    """What happened: an arrow from `side`, or a note across both where there is none.

    `look` is "said"; "wrong" for what breaks the rules, "faint" for what is no event, "silence" for when there is none.
    """

    at: int
    text: str
    side: Side | None = None
    size: int = 0
    look: str = "said"


class Drawing(NamedTuple):
    """What there is to draw. All texts are escaped."""

    title: str
    client: str
    server: str
    steps: list[Step]


class Diagram:
    """Collects one conversation's steps, in bounded memory."""

    def __init__(self, protocol: str = "", *, secrets: bool = False, full: bool = False) -> None:
        """`protocol` as `find_protocol` takes it, empty to guess; `full` draws every step."""
        self._protocol, self._secrets, self._full = protocol, secrets, full
        self._views = Views(protocol)
        self._steps: list[Step] = []
        self._left_out = 0
        self._last: tuple[Side, type[Event]] | None = None  # of the last arrow, where that was a chunk
        self._told = 0
        self._conversation: Conversation | None = None
        self._decoding: Decoding | None = None

    def add(self, entry: Entry) -> None:
        """What happened next; `Opened` is first."""
        if isinstance(entry, Opened):
            self._conversation = Conversation.from_opened(entry)
            self._decoding = Decoding(entry, self._protocol)
            self._told = entry.at
        assert self._conversation is not None
        assert self._decoding is not None
        self._conversation.fold(entry)
        self._draw(self._decoding.take(entry))

    def drawn(self) -> Drawing:
        """All of it until now."""
        assert self._conversation is not None
        assert self._decoding is not None
        self._draw(self._decoding.close())
        of, steps = self._conversation, list(self._steps)
        if self._left_out:
            steps.append(Step(of.last, f"… and {self._left_out} more (--full draws all)", look="faint"))
        title = f"#{of.number}, {escape(title_of(of))}, {day(of.opened)}"
        return Drawing(title, escape(of.client), escape(of.server), steps)

    # ── steps ─────────────────────────────────────────────────────────────────────────────────────────────

    def _draw(self, told: Iterable[Entry | Heard]) -> None:
        for each in told:
            if (step := self._heard(each) if isinstance(each, Heard) else _step(each)) is not None:
                self._put(step)

    def _heard(self, heard: Heard) -> Step | None:
        heard = heard if self._secrets else heard.masked()
        event, view = heard.event, self._views.view(heard)
        size = event.end - event.start
        kind, before = (event.side, type(event)), self._last
        self._last = kind if isinstance(event, Chunk) else None
        if isinstance(event, Missing) or view.silent:
            return None  # others tell it
        if isinstance(event, Upgraded):
            return Step(heard.at, escape(view.summary))
        if isinstance(event, Chunk) and kind == before and not (isinstance(event, Malformed) and event.reason):
            self._grow(size)
            return None
        wrong = isinstance(event, Malformed) and event.reason != CUT_OFF
        text = type(event).__name__.lower() if isinstance(event, Chunk) and not wrong else escape(view.summary)
        return Step(heard.at, text, event.side, size, "wrong" if wrong else "said")

    def _grow(self, size: int) -> None:
        """More of the last arrow."""
        if not self._left_out:
            self._steps[-1] = self._steps[-1]._replace(size=self._steps[-1].size + size)

    def _put(self, step: Step) -> None:
        silence = (step.at - self._told) / 1e9
        self._told = max(self._told, step.at)
        if step.side is None:
            self._last = None
        if silence >= GAP_SECONDS:
            self._keep(Step(step.at, f"{human_seconds(silence)} of silence", look="silence"))
        self._keep(step)

    def _keep(self, step: Step) -> None:
        if self._full or len(self._steps) < DIAGRAM_STEPS:
            self._steps.append(step)
        else:
            self._left_out += 1


def _step(entry: Entry) -> Step | None:
    """An entry that is no event."""
    match entry:
        case Ended(side=side):
            return Step(entry.at, "ends", side, look="faint")
        case Dropped(side=side, count=count, reason=reason):
            return Step(entry.at, f"more, {escape(reason)}", side, count, "faint")
        case Joined(server=server):
            return Step(entry.at, f"{escape(server)} answers", look="faint")
        case Noted(text=text):
            return Step(entry.at, escape(text), look="faint")
        case Secured():
            return Step(entry.at, "TLS on both sides; what they say inside it follows", look="faint")
        case Closed(how=how, by=by, detail=detail):
            who = f" by the {by.value}" if by else ""
            why = f" ({escape(detail)})" if detail else ""
            return Step(entry.at, f"{how.value}{who}{why}", look="faint")
        case _:
            return None


# ── as text ───────────────────────────────────────────────────────────────────────────────────────────────

_MARGIN = 14
_BETWEEN = 66


def as_text(drawing: Drawing) -> Iterator[str]:
    """Its lines, a hundred characters or less, without their ends."""
    margin = " " * _MARGIN
    yield drawing.title
    yield ""
    yield f"{margin}{'client':<{_BETWEEN // 2}}{'server':>{_BETWEEN - _BETWEEN // 2 + 2}}"
    half = _BETWEEN // 2
    yield f"{margin}{_fit(drawing.client, half)} {_fit(drawing.server, half, right=True)}"
    yield f"{margin}│{' ' * _BETWEEN}│"
    for step in drawing.steps:
        time_ = "" if step.look == "silence" else clock(step.at)
        yield f"{time_:<{_MARGIN}}{_arrow(step) if step.side else _note(step)}"


def _arrow(step: Step) -> str:
    line = "╌" if step.look == "faint" else "─"
    size = f" {human_bytes(step.size)} " if step.size else ""
    room = _BETWEEN - len(size) - 6
    text = _cut(step.text, room)
    filled = line * (room - _width(text)) + size
    if step.side is Side.CLIENT:
        return f"├{line} {text} {filled}{line * 2}►│"
    return f"│◄{line} {text} {filled}{line * 2}┤"


def _note(step: Step) -> str:
    edge = "┊" if step.look == "silence" else "│"
    text = _cut(step.text, _BETWEEN - 2)
    left = (_BETWEEN - _width(text)) // 2
    return f"{edge}{' ' * left}{text}{' ' * (_BETWEEN - left - _width(text))}{edge}"


def _width(text: str) -> int:
    """How many columns a terminal needs for it."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def _cut(text: str, room: int) -> str:
    """As much of it as has room."""
    if _width(text) <= room:
        return text
    while _width(text) > room - 1:
        text = text[: room - 1] if len(text) > room else text[:-1]
    return f"{text}…"


def _fit(text: str, room: int, *, right: bool = False) -> str:
    text = _cut(text, room)
    space = " " * (room - _width(text))
    return space + text if right else text + space


# ── as SVG ────────────────────────────────────────────────────────────────────────────────────────────────

_WIDTH, _ROW, _TOP = 1000, 32, 104
_CLIENT, _SERVER = 130, 930
_LABEL = 84  # characters that have room on an arrow

_STYLE = """\
<style>
svg { --paper: #ffffff; --ink: #1b1f24; --faint: #646b76; --client: #0b6b8a; --server: #94560a; --wrong: #b3261e; }
@media (prefers-color-scheme: dark) {
svg { --paper: #14171b; --ink: #e8eaed; --faint: #9aa1ac; --client: #63c7e6; --server: #e9b568; --wrong: #ff8a80; }
}
text { font: 13px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: var(--ink); white-space: pre; }
.paper { fill: var(--paper); } .title, .party { font-weight: bold; } .faint, .size { fill: var(--faint); }
.wrong { fill: var(--wrong); } .lane { stroke: var(--faint); } .arrow { stroke-width: 1.5; }
.dashed { stroke-dasharray: 5 4; } .client { stroke: var(--client); fill: var(--client); }
.server { stroke: var(--server); fill: var(--server); }
</style>"""


def as_svg(drawing: Drawing) -> Iterator[str]:
    """The lines of an SVG file that needs nothing else, is read in light and in dark, and runs nothing."""
    height = _TOP + _ROW * (len(drawing.steps) + 1)
    title = in_markup(drawing.title)
    size = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
    yield f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">'
    yield f"<title>{title}</title>"
    yield _STYLE
    yield f'<rect class="paper" width="{_WIDTH}" height="{height}"/>'
    yield _words(16, 28, title, "title")
    for x, who, address in ((_CLIENT, "client", drawing.client), (_SERVER, "server", drawing.server)):
        anchor = "start" if x == _CLIENT else "end"
        yield _words(x, 60, who, "party", anchor)
        yield _words(x, 80, in_markup(_cut(address, 52)), "faint", anchor)
        yield f'<line class="lane" x1="{x}" y1="90" x2="{x}" y2="{height - 12}"/>'
    for place, step in enumerate(drawing.steps):
        yield from _drawn(step, _TOP + _ROW * (place + 1) - 8)
    yield "</svg>"


def _drawn(step: Step, y: int) -> Iterator[str]:
    middle = (_CLIENT + _SERVER) // 2
    look = "faint" if step.look == "silence" else step.look
    if step.look != "silence":
        yield _words(16, y, clock(step.at), "faint")
    text = in_markup(_cut(step.text, _LABEL))
    if step.side is None:
        yield _words(middle, y, text, look, "middle")
        return
    if step.size:
        text += f' <tspan class="size">{human_bytes(step.size)}</tspan>'
    yield _words(middle, y - 5, text, look, "middle")
    side, dashed = step.side.value, " dashed" if step.look == "faint" else ""
    yield f'<line class="arrow {side}{dashed}" x1="{_CLIENT}" y1="{y}" x2="{_SERVER}" y2="{y}"/>'
    tip, back = (_SERVER, _SERVER - 9) if step.side is Side.CLIENT else (_CLIENT, _CLIENT + 9)
    yield f'<path class="{side}" d="M{tip} {y} L{back} {y - 4} L{back} {y + 4} Z"/>'


def _words(x: int, y: int, text: str, look: str, anchor: str = "start") -> str:
    return f'<text x="{x}" y="{y}" class="{look}" text-anchor="{anchor}">{text}</text>'
