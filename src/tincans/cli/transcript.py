"""Conversations as lines for a reader: a script for a person, JSON for a program.

    14:02:11.031  #12  tcp://127.0.0.1:50312 calls tcp://127.0.0.1:7708
    14:02:11.032  #12  tcp://127.0.0.1:7707 answers; it is called from tcp://127.0.0.1:50313
    14:02:11.032  #12  C:     40 B  GET / HTTP/1.1
                                    Host: localhost
    14:02:11.040  #12  S:     86 B  HTTP/1.1 200 OK
                                    Content-Type: text/plain
    14:02:11.040  #12  S:  1.2 KiB  body, 1229 bytes
                                    hello
    14:02:11.041  #12  finished, the client first: C 40 B, S 1.3 KiB in 10 ms

C is the client, S the server. A form is given entries and decodes them itself, with a decoder for every conversation
that is open: live that happens in the thread of an `Output`, and not on the way of the traffic.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from tincans.channel import Side
from tincans.cli.meaning import FULL, Meaning, Part, Style, unfinished
from tincans.cli.voice import SECOND
from tincans.conversation import (
    Closed,
    Conversation,
    Dropped,
    Ended,
    Entry,
    How,
    Joined,
    Noted,
    Opened,
    Said,
    Secured,
)
from tincans.decoding import Decoding, Heard, to_json
from tincans.protocols import guess
from tincans.text import clock, escape, human_bytes, human_seconds
from tincans.transports.queues import queues
from tincans.waiting import Waiting, ends
from tincans.words import sentence, totals

MARKS = {Side.CLIENT: "C:", Side.SERVER: "S:"}

#: Of so many that have become silent in the same second the kernel is asked, too: what a screen shows, in 5 ms at most.
ASKED = 40

#: Why a live printer leaves something out.
NOT_SHOWN = f"not shown ({FULL})"


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


class Pause(msgspec.Struct):
    """Time has passed: whoever began to say something and has been silent for a second since is told of now."""

    at: int


#: What a form makes lines of: an entry and the conversation it belongs to, folded up to it; the time; or the totals. Of
#: a conversation that it is told of it has `Opened` first, and `Closed` at last.
Event = tuple[Entry, Conversation] | Pause | Totals

_COLOURS: dict[str | Side, str] = {
    "dim": "\x1b[2m", "bold": "\x1b[1m", "wrong": "\x1b[31m", Side.CLIENT: "\x1b[36m", Side.SERVER: "\x1b[33m",
}  # fmt: skip
_PLAIN = "\x1b[0m"


class Script:
    """For a person. With colour the two sides differ, and ends and sizes step back.

    `gaps` tells also when nothing was said for a second, which somebody who looks on live has seen.
    """

    def __init__(self, style: Style = Style(), *, gaps: bool = False) -> None:  # noqa: B008
        self._style, self._gaps = style, gaps
        self._open: dict[int, _Talk] = {}
        self._fresh: set[int] = set()  # said something since the last pause

    def lines(self, event: Event) -> str:
        match event:
            case Totals():
                return self._paint("bold", _in_all(event)) + "\n"
            case Pause(at=at):
                quiet = self._quiet_since(at - int(SECOND * 1e9))
                return "".join(self._stands(number, at, ask=place < ASKED) for place, number in enumerate(quiet))
        entry, conversation = event
        talk = self._talk(entry)
        text = "".join(self._told(told, talk, conversation) for told in talk.take(entry))
        if isinstance(entry, Closed):
            del self._open[entry.conversation]
        return text

    def skipped(self, count: int) -> str:
        return self._paint("wrong", f"… {count} events are not shown: what is printed is not read fast enough") + "\n"

    def prepare(self) -> None:
        _load(self._style)

    def finish(self) -> str:
        """No more comes, though conversations may go on: what was said in them until now."""
        text = ""
        for number, talk in self._open.items():
            text += "".join(self._told(told, talk) for told in talk.decoding.close())
            text += self._rest(number, talk.last)
        return text

    def _talk(self, entry: Entry) -> _Talk:
        if isinstance(entry, Opened):
            self._open[entry.conversation] = _Talk(entry, self._style)
        elif isinstance(entry, Said):
            self._fresh.add(entry.conversation)
        return self._open[entry.conversation]

    # ── what is told ──────────────────────────────────────────────────────────────────────────────────────

    def _told(self, told: Entry | Heard, talk: _Talk, conversation: Conversation | None = None) -> str:
        cuts = talk.meaning.take_cuts()
        if isinstance(told, Heard):
            event = told.event
            if not (parts := talk.meaning.parts(told)):
                talk.meaning.leave_out(cuts)
                return ""
            size = human_bytes(event.end - event.start) if event.end > event.start else ""
            body = self._spoken(event.side, size, parts)
        else:
            assert conversation is not None
            if isinstance(told, Dropped) and told.reason == NOT_SHOWN:
                told = msgspec.structs.replace(told, count=told.count + cuts.pop(told.side, 0))
            body = self._body(told, conversation)
        return self._before(told, talk, cuts) + self._lines(told.at, told.conversation, body)

    def _before(self, told: Entry | Heard, talk: _Talk, cuts: Mapping[Side, int]) -> str:
        """What has to be told first: what was not shown, and that time passed."""
        text = self._cut(talk.told, told.conversation, cuts)
        silence = (told.at - talk.told) / 1e9
        talk.told = max(talk.told, told.at)
        if self._gaps and silence >= SECOND:
            text += " " * self._indent(told.conversation) + self._paint("dim", f"… {human_seconds(silence)}") + "\n"
        return text

    def _cut(self, at: int, number: int, cuts: Mapping[Side, int]) -> str:
        more = [self._more(side, count, NOT_SHOWN) for side, count in cuts.items() if count]
        return "".join(self._lines(at, number, [line]) for line in more)

    def _more(self, side: Side, count: int, why: str) -> str:
        return self._paint("dim", f"{MARKS[side]} {human_bytes(count):>9}  more, {escape(why)}")

    # ── what was not told, or not wholly said ───────────────────────────────────────────────────────────────

    def _rest(self, number: int, at: int) -> str:
        """What a conversation said that was not told, now that it is silent."""
        return self._cut(at, number, self._open[number].meaning.take_cuts()) + self._begun(number, at)

    def _stands(self, number: int, at: int, *, ask: bool) -> str:
        """The same, or who waits for what may never come; `ask` the kernel too."""
        talk = self._open[number]
        state = talk.waiting.state(at, queues(ends(talk.waiting.conversation)) if ask else None)
        if not state.is_stuck:
            return self._rest(number, at)
        cuts = self._cut(at, number, talk.meaning.take_cuts())
        return cuts + self._lines(at, number, [self._paint("dim", state.sentence)])

    def _quiet_since(self, at: int) -> list[int]:
        """The conversations that said something until then, and nothing since."""
        self._fresh &= self._open.keys()
        quiet = [number for number in self._fresh if self._open[number].last <= at]
        self._fresh -= set(quiet)
        return quiet

    def _begun(self, number: int, at: int) -> str:
        """What its sides have begun to say."""
        talk = self._open[number]
        text = ""
        for side in Side:
            if part := unfinished(talk.decoding, side, self._style):
                size = human_bytes(len(talk.decoding.unfinished(side)))
                text += self._lines(at, number, self._spoken(side, size, [part]))
        return text

    # ── lines ─────────────────────────────────────────────────────────────────────────────────────────────

    def _lines(self, at: int, number: int, body: Iterable[str]) -> str:
        head = self._paint("dim", f"{clock(at)}  #{number}")
        indent = " " * self._indent(number)
        text = ""
        for line in body:
            text += f"{head}  {line}\n" if head else f"{indent}{line}\n"
            head = ""
        return text

    def _indent(self, number: int) -> int:
        return 17 + len(str(number))

    def _spoken(self, side: Side, size: str, parts: Iterable[Part]) -> Iterator[str]:
        mark, size = self._paint(side, MARKS[side]), self._paint("dim", f"{size:>9}")
        for part in parts:
            yield f"{mark} {size}  {self._paint(side if part.tone == 'said' else part.tone, part.text)}"
            mark, size = "  ", " " * 9

    def _body(self, entry: Entry, conversation: Conversation) -> Iterator[str]:
        told = sentence(entry, conversation)
        match entry:
            case Opened():
                yield self._paint("bold", told)
            case Joined():
                yield told
            case Ended(side=side):
                yield self._paint("dim", f"{MARKS[side]} {told}")
            case Dropped(side=side, count=count, reason=reason):
                yield self._more(side, count, reason)
            case Noted() | Secured():
                yield self._paint("dim", told)
            case Closed(how=how):
                yield self._paint("bold" if how is How.FINISHED else "wrong", told)

    def _paint(self, tone: str | Side, text: str) -> str:
        return f"{_COLOURS[tone]}{text}{_PLAIN}" if self._style.colour else text


class _Talk:
    """One conversation while it is open."""

    __slots__ = ("decoding", "last", "meaning", "told", "waiting")

    def __init__(self, opened: Opened, style: Style) -> None:
        self.decoding = Decoding(opened, style.protocol)
        self.waiting = Waiting(opened, self.decoding, secrets=style.secrets)
        self.meaning = Meaning(style)
        self.last = self.told = opened.at  # when something happened last, and that of it was told

    def take(self, entry: Entry) -> list[Entry | Heard]:
        self.last = entry.at
        self.meaning.add(entry)
        told = self.decoding.take(entry)
        self.waiting.take(entry, told)
        return told


class Json:
    """For a program: one entry or event a line, as `to_json` writes them, and at the end the totals."""

    def __init__(self, style: Style = Style()) -> None:  # noqa: B008
        self._style = style
        self._open: dict[int, Decoding] = {}

    def lines(self, event: Event) -> str:
        match event:
            case Totals():
                return msgspec.json.encode(event).decode() + "\n"
            case Pause():
                return ""
        entry, _ = event
        if isinstance(entry, Opened):
            self._open[entry.conversation] = Decoding(entry, self._style.protocol)
        text = "".join(map(self._line, self._open[entry.conversation].take(entry)))
        if isinstance(entry, Closed):
            del self._open[entry.conversation]
        return text

    def skipped(self, count: int) -> str:
        return msgspec.json.encode({"type": "skipped", "count": count}).decode() + "\n"

    def prepare(self) -> None:
        _load(self._style)

    def finish(self) -> str:
        """As that of `Script`."""
        return "".join(self._line(told) for decoding in self._open.values() for told in decoding.close())

    def _line(self, told: Entry | Heard) -> str:
        if isinstance(told, Heard) and not self._style.secrets:
            told = told.masked()
        return to_json(told).decode() + "\n"


def _load(style: Style) -> None:
    """Import what is needed to tell the protocol: two tenths of a second that a first message need not wait for."""
    if not style.protocol:
        guess(b"", b"")


def _in_all(event: Totals) -> str:
    count = f"{event.conversations} conversation{'' if event.conversations == 1 else 's'}"
    failed = f", {event.failed} reset or failed" if event.failed else ""
    whose = "" if event.worker is None else f"worker {event.worker}: "
    return f"{whose}{count}{failed}: {totals(event.client_bytes, event.server_bytes)}"
