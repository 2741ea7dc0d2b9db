"""All of what a message carries: a body, a file, a mail; from the item at which the message begins to its end.

What is shown of it in items is bounded. Here it is decoded once more, from the page on at which it begins, and
CONTENT_MOST of it is unpacked and put together, across pages. Secrets stay masked unless the reel shows them.

A mail is content like any other, with the type `message/rfc822`; `mail` takes it apart, and `part` gives one of its
parts. Mails are hostile: whatever one is, there is an answer, and nothing is raised but `Refused`.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from functools import partial
from typing import NamedTuple

from tincans.channel import Side
from tincans.conversation import Entry
from tincans.decoding import Heard
from tincans.limits import CONTENT_MOST, MAIL_LOOKS, MAIL_PART_FIELD_BYTES, MAIL_PARTS
from tincans.protocols.mail import heads
from tincans.protocols.view import View
from tincans.watch import shapes
from tincans.watch.items import MAIL, Begun, Items
from tincans.watch.playhead import Pace, Playhead
from tincans.watch.reel import Reel
from tincans.watch.trouble import Refused


class Carried(NamedTuple):
    """What a message carries: its media type, empty where nobody said, and as much as there is of it."""

    media: str
    data: bytes
    #: Why that is not all; empty where it is.
    lack: str = ""


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


def read_mail(carried: Carried) -> shapes.Mail:
    """What a reader of a mail is shown. Never raises."""
    try:
        parsed = _parse(carried.data)
        fields = list(heads(parsed))
        parts = [(path, each.get_content_type(), _name(each), len(_payload(each))) for path, each in _leaves(parsed)]
    except Exception:  # the parser has bugs, and a mail that nobody can read is still to be shown
        whole = ("1", MAIL, "", len(carried.data))
        return shapes.mail([], [whole], carried.lack or "its parts cannot be told apart")
    return shapes.mail(fields, parts, carried.lack)


def read_part(data: bytes, path: str) -> Carried | None:
    """One part of a mail; None where there is none of that path. Never raises."""
    try:
        found = next((each for at, each in _leaves(_parse(data)) if at == path), None)
        return None if found is None else _unpacked(found)
    except Exception:  # as above
        return Carried(MAIL, data) if path == "1" else None


def _parse(data: bytes) -> EmailMessage:
    if not _is_bearable(data):
        raise ValueError("it would take too long")
    parsed = message_from_bytes(data, policy=policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


#: A field about a part, of which parsing takes the square.
_LONG = re.compile(rb"^content-[a-z-]+:(?:[^\n]|\n[ \t]){%d}" % MAIL_PART_FIELD_BYTES, re.IGNORECASE | re.MULTILINE)
_FIELD = re.compile(rb"^content-[a-z-]+:", re.IGNORECASE | re.MULTILINE)
_SEVERAL = re.compile(rb"multipart/", re.IGNORECASE)


def _is_bearable(data: bytes) -> bool:
    """Whether it is taken apart in some seconds: a mail can be made so that it takes hours."""
    lines = data.count(b"\n") + data.count(b"\r") + 1
    looks = lines * (1 + len(_SEVERAL.findall(data)))
    return looks <= MAIL_LOOKS and len(_FIELD.findall(data)) <= 5 * MAIL_PARTS and not _LONG.search(data)


def _leaves(parsed: Message) -> Iterator[tuple[str, Message]]:
    """The parts that are not made of parts, MAIL_PARTS at most, each with its path."""
    waiting = deque([("", parsed)])
    found = 0
    while waiting and found < MAIL_PARTS:
        path, each = waiting.popleft()
        inner = each.get_payload() if each.is_multipart() else None
        if not isinstance(inner, list):
            found += 1
            yield path or "1", each
            continue
        dot = f"{path}." if path else ""
        parts = [(f"{dot}{number}", part) for number, part in enumerate(inner, 1) if isinstance(part, Message)]
        waiting.extendleft(reversed(parts))


def _name(leaf: Message) -> str:
    try:
        return leaf.get_filename() or ""
    except Exception:  # as above: a broken name is none
        return ""


def _payload(leaf: Message) -> bytes:
    data = leaf.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""


def _unpacked(leaf: Message) -> Carried:
    data, media = _payload(leaf), leaf.get_content_type()
    if leaf.get_content_maintype() != "text":
        return Carried(media, data)
    try:
        return Carried(media, data.decode(leaf.get_content_charset("utf-8"), "replace").encode("utf-8", "replace"))
    except LookupError:  # nobody knows the charset
        return Carried(media, data)
