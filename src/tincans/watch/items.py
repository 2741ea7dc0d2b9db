"""What a reader of a page is shown: an item for each event, and for each entry that is no event.

Pieces of something longer that follow one another are one item. An event that a reader can do without gives none, and
its bytes then belong to the item before it of the same side, so that every byte that was said can be found in one. At
the end of a conversation that goes on stands what was begun and is not whole.

Whatever was said is given through `escape` alone, and every text is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from tincans.channel import Side
from tincans.conversation import Closed, Conversation, Dropped, Ended, Entry, How, Joined, Opened, Said, Secured
from tincans.decoding import Heard
from tincans.limits import ITEM_CHARACTERS, ITEM_DETAIL_CHARACTERS, ITEM_DETAILS, PREVIEW_BYTES, PREVIEW_LINES
from tincans.protocols import Chunk, Event, Malformed, Missing, Upgraded
from tincans.protocols.events import CUT_OFF
from tincans.protocols.http_events import Head, InterimResponse
from tincans.protocols.view import View
from tincans.text import escape, is_text
from tincans.watch import shapes
from tincans.words import sentence

#: The media type of a mail.
MAIL = "message/rfc822"

#: Bytes that are no text, as `surrogateescape` decodes them.
_UNDECODED = "".join(map(chr, range(0xDC80, 0xDD00)))


class Begun(NamedTuple):
    """A message that one side is in the middle of: the item that it begins with, and what it goes on with."""

    first: str
    kind: type[Event] | None
    media: str = ""


class _Draft:
    """An item that may still grow."""

    __slots__ = (
        "at", "began", "content", "details", "end", "event", "kind", "pieces", "preview", "protocol",
        "side", "start", "summary", "tone",
    )  # fmt: skip

    def __init__(
        self, kind: str, at: int, summary: str, *, began: int | None = None, side: Side | None = None,
        protocol: str = "", start: int = 0, end: int = 0, tone: str = "faint",
    ) -> None:  # fmt: skip
        self.kind, self.at, self.began, self.summary = kind, at, at if began is None else began, summary
        self.side, self.protocol, self.start, self.end, self.tone = side, protocol, start, end, tone
        self.details: list[str] = []
        self.preview: list[str] = []
        self.content: shapes.Content | None = None
        self.event: type[Event] | None = None  # where it is a chunk, which others may be joined to
        self.pieces = 1

    def item(self, identity: str) -> shapes.Item:
        details = self.details
        if left := len(details) - ITEM_DETAILS:
            details = [*details[:ITEM_DETAILS], f"… and {left} more"] if left > 0 else details
        return shapes.Item(
            id=identity, kind=self.kind, at=shapes.micros(self.at), began=shapes.micros(self.began),
            side=self.side.value if self.side else None, protocol=self.protocol, start=self.start, end=self.end,
            summary=self._summary(), details=details, preview=self.preview, content=self.content, tone=self.tone,
        )  # fmt: skip

    def _summary(self) -> str:
        if self.pieces == 1 or self.tone == "wrong":
            return self.summary
        name = self.summary.partition(",")[0]
        return f"{name}, {self.end - self.start} bytes in {self.pieces} pieces"


class Items:
    """The items of one page, as what happened in it is told."""

    def __init__(self, page: int, first: int = 0) -> None:
        """`first`: so many items of the page stand before them."""
        self._page, self._first = page, first
        self._drafts: list[_Draft] = []
        #: The last item of each side with bytes, and those that a following one may be joined to.
        self._last: dict[Side, _Draft] = {}

    def made(self) -> list[shapes.Item]:
        """All of them until now."""
        return [draft.item(f"{self._page}.{place}") for place, draft in enumerate(self._drafts, self._first)]

    def __len__(self) -> int:
        return len(self._drafts)

    @property
    def newest(self) -> str:
        """The identity of the last one."""
        return f"{self._page}.{self._first + len(self._drafts) - 1}"

    # ── entries ───────────────────────────────────────────────────────────────────────────────────────────

    def happened(self, entry: Entry, conversation: Conversation) -> None:
        """An entry that is no event; `conversation` is folded up to it."""
        draft = _Draft(type(entry).__name__.lower(), entry.at, _cut(sentence(entry, conversation), ITEM_CHARACTERS))
        match entry:
            case Said():
                return
            case Opened(facts=facts) | Joined(facts=facts) | Secured(facts=facts):
                draft.details = [_line(f"{name}: {fact}") for name, fact in facts.items()]
            case Dropped(side=side, count=count):
                draft.side, draft.end = side, _said(conversation, side)
                draft.start = draft.end - count
            case Ended(side=side):
                draft.side = side
                draft.start = draft.end = _said(conversation, side)
            case Closed(how=how):
                draft.tone = "faint" if how is How.FINISHED else "wrong"
        self._add(draft)

    def unfinished(self, side: Side, begun: bytes, at: int, end: int, *, shown: bool, protocol: str) -> None:
        """What a side has begun to say, up to `end`; `shown` where it can hold no secret."""
        words = f"{_line(begun.decode('utf-8', 'surrogateescape'), ITEM_CHARACTERS)} " if shown else ""
        summary = f"{words}(not yet whole)"
        draft = _Draft("unfinished", at, summary, side=side, protocol=protocol, start=end - len(begun), end=end)
        self._add(draft)

    # ── events ────────────────────────────────────────────────────────────────────────────────────────────

    def heard(self, heard: Heard, view: View, begun: dict[Side, Begun]) -> None:
        """An event, masked or not as it is to be shown. `begun` tells of each side what it is in the middle of."""
        event = heard.event
        if isinstance(event, Missing):
            return  # what stands for it in the recording tells it
        if isinstance(event, Chunk) and view.content is None:  # its viewer collects a mail, and shows it at its end
            view = view._replace(content=event.data, media=MAIL)
        if not (view.silent and self._left_to_another(event)) and not self._joined(heard, view):
            self._add(_drafted(heard, view))
        self._carry(event, view, begun)

    def _left_to_another(self, event: Event) -> bool:
        """Whether nobody misses it: it has no bytes, or they are of the item before it."""
        if event.end == event.start:
            return True
        before = self._last.get(event.side)
        if before is None or before.end != event.start:
            return False
        before.end = event.end
        return True

    def _joined(self, heard: Heard, view: View) -> bool:
        """Whether it is one more piece of the last item."""
        event, draft = heard.event, self._drafts[-1] if self._drafts else None
        if draft is None or draft.event is not type(event) or draft.side is not event.side:
            return False
        if draft.end != event.start or (isinstance(event, Malformed) and event.reason):
            return False
        draft.at, draft.end = heard.at, event.end
        draft.pieces += 1
        draft.details += map(_line, view.details)
        return True

    def _carry(self, event: Event, view: View, begun: dict[Side, Begun]) -> None:
        """Note what it carries, and where the message began that it is of."""
        side, newest = event.side, self.newest
        if isinstance(event, Head) and not isinstance(event, InterimResponse):
            begun[side] = Begun(newest, None)
            return
        message = begun.get(side)
        if message is None or (isinstance(event, Chunk) and message.kind not in (None, type(event))):
            message = Begun(newest, None)
        media = message.media or view.media
        if isinstance(event, Chunk) or not getattr(event, "fin", True):
            begun[side] = Begun(message.first, type(event), media)
        else:
            begun.pop(side, None)
        if view.content and self._drafts:
            draft = self._drafts[-1]
            size = len(view.content) + (draft.content.size if draft.content else 0)
            draft.content = shapes.Content(first=message.first, size=size, media=_line(media, ITEM_CHARACTERS))
            self.carried(message.first, b"" if media == MAIL and not isinstance(event, Chunk) else view.content, media)

    def carried(self, first: str, data: bytes, media: str) -> None:
        """The message that begins with the item `first` carries this, too. For a subclass that wants to know."""

    def _add(self, draft: _Draft) -> None:
        self._drafts.append(draft)
        if draft.side is not None and draft.end > draft.start:
            self._last[draft.side] = draft


def _drafted(heard: Heard, view: View) -> _Draft:
    event = heard.event
    wrong = isinstance(event, Malformed) and event.reason not in ("", CUT_OFF)
    draft = _Draft(
        _kind(event), heard.at, _line(view.summary, ITEM_CHARACTERS), began=heard.began, side=event.side,
        protocol=heard.protocol, start=event.start, end=event.end,
        tone="wrong" if wrong else "bold" if isinstance(event, Upgraded) else "faint" if view.silent else "said",
    )  # fmt: skip
    draft.details = _lines(view.details)
    draft.preview = preview(view.content) if view.content else []
    draft.event = type(event) if isinstance(event, Chunk) else None
    return draft


def _kind(event: Event) -> str:
    """The event's tag, as it is in JSON."""
    kind = type(event).__struct_config__.tag
    assert isinstance(kind, str)
    return kind


def _said(conversation: Conversation, side: Side) -> int:
    return conversation.client_bytes if side is Side.CLIENT else conversation.server_bytes


# ── texts ─────────────────────────────────────────────────────────────────────────────────────────────────


def _lines(details: Iterable[str]) -> list[str]:
    return [_line(detail) for detail in details]


def _line(text: str, most: int = ITEM_DETAIL_CHARACTERS) -> str:
    """A text that somebody chose, escaped, of `most` characters."""
    if len(text) <= most:
        return escape(text)
    return f"{escape(text[:most])} … and {len(text) - most} characters more"


def _cut(text: str, most: int) -> str:
    """A text that is escaped."""
    return text if len(text) <= most else f"{text[:most]}…"


_ENDS = re.compile(r"\r\n|\n|\r")


def preview(content: bytes) -> list[str]:
    """How it begins, a line a line, each escaped; none where it is no text."""
    begins = content[:PREVIEW_BYTES]
    if not is_text(begins):
        return []
    text = begins.decode("utf-8", "surrogateescape")
    if len(begins) < len(content):
        text = text.rstrip(_UNDECODED)  # of a character that was cut
    lines = _ENDS.split(text)
    if not lines[-1]:
        lines.pop()
    return [escape(line) for line in lines[:PREVIEW_LINES]]
