"""The handlers that give what was said: a page of it decoded, and its bytes."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from tincans.channel import Side
from tincans.watch import shapes
from tincans.watch.asking import Call, Decoded, Size
from tincans.watch.reel import Reel


class Paged(Decoded, frozen=True, kw_only=True):
    """A page of one conversation."""

    page: Annotated[Size, Meta(description="which, from 0 on")]
    exact: Annotated[bool, Meta(description="decode all before it first")] = False


class Spanned(Decoded, frozen=True, kw_only=True):
    """A span of what one side said."""

    side: Annotated[Side, Meta(description="who said it")]
    start: Annotated[Size, Meta(description="the first byte")]
    end: Annotated[Size, Meta(description="the one after the last")]


async def page(call: Call, asked: Paged) -> shapes.Page:
    return await _reel(call, asked).page(asked.page, exact=asked.exact)


async def said(call: Call, asked: Spanned) -> shapes.Bytes:
    return await _reel(call, asked).bytes(asked.side, asked.start, asked.end)


def _reel(call: Call, asked: Decoded) -> Reel:
    return call.reel(asked.number, asked.protocol, secrets=asked.secrets)
