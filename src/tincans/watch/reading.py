"""The handlers that give what was said: a page of it decoded, and its bytes."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from tincans.channel import Side
from tincans.watch import shapes
from tincans.watch.answers import Seconds
from tincans.watch.asking import Call, Decoded, Numbered, Size, Text
from tincans.watch.content import content as unpacked
from tincans.watch.content import mail as taken_apart
from tincans.watch.content import part as part_of
from tincans.watch.endpoints import File
from tincans.watch.parts import Carried
from tincans.watch.reel import Reel
from tincans.watch.timeline import timeline

#: As much of a media type as anybody means.
_HEADER_CHARACTERS = 200


class Paged(Decoded, frozen=True, kw_only=True):
    """A page of one conversation."""

    page: Annotated[Size, Meta(description="which, from 0 on")]
    exact: Annotated[bool, Meta(description="decode all before it first")] = False


class Spanned(Decoded, frozen=True, kw_only=True):
    """A span of what one side said."""

    side: Annotated[Side, Meta(description="who said it")]
    start: Annotated[Size, Meta(description="the first byte")]
    end: Annotated[Size, Meta(description="the one after the last")]


class Item(Decoded, frozen=True, kw_only=True):
    """An item of one conversation."""

    item: Annotated[Text, Meta(description="at which the message begins, as PAGE.PLACE")]


class Part(Item, frozen=True, kw_only=True):
    """A part of a mail."""

    path: Annotated[Text, Meta(description="its path in the mail")]


async def page(call: Call, asked: Paged) -> shapes.Page:
    return await _reel(call, asked).page(asked.page, exact=asked.exact)


async def said(call: Call, asked: Spanned) -> shapes.Bytes:
    return await _reel(call, asked).bytes(asked.side, asked.start, asked.end)


async def content(call: Call, asked: Item) -> File:
    return carried_file(await unpacked(_reel(call, asked), asked.item))


async def mail(call: Call, asked: Item) -> shapes.Mail:
    return await taken_apart(_reel(call, asked), asked.item)


async def part(call: Call, asked: Part) -> File:
    return carried_file(await part_of(_reel(call, asked), asked.item, asked.path))


async def seconds(call: Call, asked: Numbered) -> Seconds:
    return await timeline(call.watched.journal, asked.number, call.reels.run)


def carried_file(carried: Carried, name: str = "content") -> File:
    """Whatever was said is no page of ours: a browser is to save it, and to run nothing of it if it shows it after
    all. `name` is what it is saved as where it has no name itself."""
    headers = {"Tincans-Media": _header(carried.media), "Tincans-Lack": _header(carried.lack)}
    policy = {"Content-Security-Policy": "sandbox; default-src 'none'"}
    return File("application/octet-stream", carried.data, carried.name or name, {**headers, **policy})


def _header(text: str) -> str:
    """A text that somebody chose, as a header may have it."""
    return "".join(each if " " <= each <= "~" else "?" for each in text[:_HEADER_CHARACTERS])


def _reel(call: Call, asked: Decoded) -> Reel:
    return call.reel(asked.number, asked.protocol, secrets=asked.secrets)
