"""What answers for a folder without an index file: its listing, as the page or as JSON.

A guest of a site that knows users may ask for it with `?login`, and is asked who that is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from posixpath import normpath
from urllib.parse import parse_qs

from tincans.apps.http.conditions import failed
from tincans.apps.http.exchange import Exchange
from tincans.apps.http.listing import Listing, Sorting
from tincans.apps.http.listing_page import POLICY, page
from tincans.apps.http.login import challenge
from tincans.apps.http.site import Site, redirect
from tincans.apps.http.upload import post
from tincans.apps.http.writing import METHODS, changing, may_write

_FIELDS = [
    ("Cache-Control", "no-cache"),
    ("Vary", "Accept"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
]
_JSON = [*_FIELDS, ("Content-Type", "application/json")]
_PAGE = [*_FIELDS, ("Content-Type", "text/html; charset=utf-8"), ("Content-Security-Policy", POLICY)]


def equip(site: Site) -> Site:
    """Have a site show its folders, and, where its files may be written, be changed."""

    async def show(exchange: Exchange, path: str) -> None:
        await show_folder(site, exchange, path)

    site.folder = show
    if site.settings.write:
        for name, change in {**METHODS, "POST": post}.items():
            site.methods[name] = changing(site, change)
    return site


async def show_folder(site: Site, exchange: Exchange, path: str) -> None:
    """Respond with the listing of a folder. It is looked at in another thread, as it may have thousands of files.

    A path with dots or slashes too many is moved to the one that it means, as the links of a page are relative.
    """
    request = exchange.request
    meant = f"/{normpath(path).lstrip('/')}/".replace("//", "/")
    if meant != path:
        await redirect(exchange, meant)
        return
    may_log_in = bool(site.settings.users) and not exchange.user
    if may_log_in and "login" in parse_qs(request.query, keep_blank_values=True):
        await challenge(exchange)
        return
    listing = await asyncio.to_thread(_look, site, path, Sorting.of(request.query))
    if wants_json(request.fields.get("accept")):
        tag, fields, pieces = listing.tag("json"), _JSON, listing.json()
    else:
        writable = may_write(site, exchange)
        tag = listing.tag(f"{writable}{may_log_in}{request.query}{POLICY}")
        fields, pieces = _PAGE, page(listing, request.query, writable=writable, may_log_in=may_log_in)
    fields = [*fields, ("ETag", tag)]
    by_tag = "if-none-match" in request.fields or "if-match" in request.fields  # it has no date
    status = failed(request.fields, reads=True, tag=tag, modified=0) if by_tag else 0
    await exchange.respond(status or 200, fields, b"" if status else _in_turns(pieces))


def wants_json(accept: str) -> bool:
    """Whether the client would rather have JSON than a page (RFC 9110 §12.5.1, without the weights)."""
    return "application/json" in accept and "text/html" not in accept


def _look(site: Site, path: str, sorting: Sorting) -> Listing:
    return Listing(path, site.files.list(path), sorting)


async def _in_turns(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The pieces, with a turn for others behind each."""
    for piece in pieces:
        yield piece
        await asyncio.sleep(0)
