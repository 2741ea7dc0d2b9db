"""All of what a message carries: a body, a file, a mail; from the item at which the message begins to its end.

What is shown of it in items is bounded. Here it is decoded once more, from the page on at which it begins, and
CONTENT_MOST of it is unpacked and put together, across pages. Secrets stay masked unless the reel shows them.

A mail is content like any other, with the type `message/rfc822`; `mail` takes it apart, and `part` gives one of its
parts, by `parts.py`.
"""

from __future__ import annotations

from functools import partial

from tincans.channel import Side
from tincans.conversation import Entry
from tincans.decoding import Heard
from tincans.limits import CONTENT_MOST
from tincans.protocols.view import View
from tincans.watch import shapes
from tincans.watch.items import MAIL, Begun, Items
from tincans.watch.parts import Carried, read_mail, read_part
from tincans.watch.playhead import Pace, Playhead
from tincans.watch.reel import Reel
from tincans.watch.trouble import Refused


async def content(reel: Reel, item: str) -> Carried:
    """What the message carries that begins at that item.

    Raises `Refused`: 404 for no item, 409 for one that has no content.
    """
    page, place = _parsed(item)
    stretch = await reel.stretch(page)
    if place >= len(stretch.items):
        raise Refused(404, f"there is no item {item}", "The items of a page have their own names as `id`.")
    told = stretch.items[place].content
    gathered = await _gather(reel, told.first if told else item, exact=stretch.is_exact)
    if gathered.media is None:
        raise Refused(409, f"item {item} has no content", "Those that have some say so in `content`.")
    return Carried(gathered.media, bytes(gathered.data[:CONTENT_MOST]), gathered.lack)


def _parsed(item: str) -> tuple[int, int]:
    page, _, place = item.partition(".")
    if not (page.isdecimal() and place.isdecimal() and page.isascii() and place.isascii()) or len(item) > 40:
        raise Refused(404, "an item is called PAGE.PLACE", "The items of a page have their own names as `id`.")
    return int(page), int(place)


class _Gathered:
    """What was found of one message."""

    def __init__(self, first: str) -> None:
        self.first = first
        self.media: str | None = None
        self.data = bytearray()
        self.lack = ""
        #: Whether all of it was read, or enough.
        self.is_over = False


class _Gatherer(Items):
    """The items of a page, of which one message is gathered."""

    def __init__(self, page: int, into: _Gathered) -> None:
        super().__init__(page)
        self._into = into
        self._seen = False

    def heard(self, heard: Heard, view: View, begun: dict[Side, Begun]) -> None:
        into = self._into
        if into.is_over:
            return
        super().heard(heard, view, begun)
        goes_on = any(each.first == into.first for each in begun.values())
        into.is_over = (self._has_begun and not goes_on) or len(into.data) > CONTENT_MOST

    @property
    def _has_begun(self) -> bool:
        """Whether the item stands before what comes next."""
        page, place = _parsed(self._into.first)
        return self._page > page or len(self) > place

    def carried(self, first: str, data: bytes, media: str) -> None:
        into = self._into
        if first == into.first and not into.is_over:
            into.media = into.media or media
            into.data += data[: CONTENT_MOST + 1 - len(into.data)]


async def _gather(reel: Reel, first: str, *, exact: bool) -> _Gathered:
    page, _ = _parsed(first)
    gathered = _Gathered(first)
    head = await reel.head_at(page, exact=exact)
    head.widen(CONTENT_MOST + 1)  # by one more it is known that there is more
    for number in range(page, reel.pages):
        items = _Gatherer(number, gathered)
        async for entries in reel.entries(number):
            await reel.run(partial(_read, head, entries, items))
            if gathered.is_over:
                break
        if gathered.is_over:
            break
    if len(gathered.data) > CONTENT_MOST:
        gathered.lack = f"only the first {CONTENT_MOST} bytes of it are here"
    elif not gathered.is_over and head.waiting.conversation.closed is None:
        gathered.lack = "it is not over yet"
    return gathered


def _read(head: Playhead, entries: list[Entry], items: Items) -> None:
    head.read(entries, items, {side: [] for side in Side}, Pace())


# ── mails ─────────────────────────────────────────────────────────────────────────────────────────────────


async def mail(reel: Reel, item: str) -> shapes.Mail:
    """The mail that begins at that item, for a reader. Raises `Refused`, 409 where that is no mail."""
    carried = await _mail(reel, item)
    return await reel.run(partial(read_mail, carried))


async def part(reel: Reel, item: str, path: str) -> Carried:
    """One part of that mail, unpacked; text is UTF-8 then. Raises `Refused`, 404 where it has no such part."""
    carried = await _mail(reel, item)
    found = await reel.run(partial(read_part, carried.data, path))
    if found is None:
        raise Refused(404, "the mail has no such part", "Its parts have their own names as `path`.")
    return found


async def _mail(reel: Reel, item: str) -> Carried:
    carried = await content(reel, item)
    if carried.media != MAIL:
        raise Refused(409, f"what begins at item {item} is no mail", f"Only what is {MAIL} is taken apart.")
    return carried
