"""Files over HTTP: dropped in a room, and given out to whoever has the link.

    POST /files?room=%23ops&name=report.pdf      the file as the body; Authorization: Bearer TICKET
    GET /files/ID/NAME                           ranges, conditions

The ticket is that of a member (`welcome` in docs/chat.md), who then says the file in the room: its answer is that
message. Whether they may is found out before the first byte is read.

What is given out is never a page of this site, whatever it calls itself: it is a download, or, of pictures, sound and
films, shown in a sandbox.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import parse_qs

from tincans.apps.chat.browser.guard import HEADERS
from tincans.apps.chat.browser.said import answer, refuse
from tincans.apps.chat.events import File
from tincans.apps.chat.files import Shelf
from tincans.apps.chat.hub import Hub
from tincans.apps.chat.member import Member
from tincans.apps.chat.programs.words import Message
from tincans.apps.chat.refusals import Refused, Why
from tincans.apps.http.exchange import Exchange
from tincans.apps.http.media import disposition, type_of
from tincans.apps.http.request import CHUNKED
from tincans.apps.http.site import fail, send_file
from tincans.errors import reason_of
from tincans.text import human_bytes

#: Shown by a browser where it asks for them; nothing in them is a document.
_SHOWN = frozenset({
    "image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/bmp", "audio/mpeg", "audio/ogg",
    "audio/mp4", "audio/flac", "audio/x-wav", "audio/wav", "video/mp4", "video/webm", "video/ogg",
})  # fmt: skip


class _Wish(NamedTuple):
    """Who wants to put what where."""

    member: Member
    room: str
    name: str


class Desk:
    """The handler of `/files`."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    @property
    def _shelf(self) -> Shelf:
        return self._hub.shelf

    async def __call__(self, exchange: Exchange) -> None:
        request = exchange.request
        takes = request.path == "/files"
        allowed = ("POST",) if takes else ("GET", "HEAD")
        if request.method not in allowed:
            await fail(exchange, 405, fields=[("Allow", ", ".join(allowed))])
        elif takes:
            await self._take(exchange)
        else:
            await self._give(exchange)

    # ── out ───────────────────────────────────────────────────────────────────────────────────────────────

    async def _give(self, exchange: Exchange) -> None:
        path = exchange.request.path.removeprefix("/files")
        await exchange.discard()
        try:
            file = await self._shelf.open(path)
        except OSError:
            await fail(exchange, 404, "there is no such file, or not any more")
            return
        kind = type_of(path)
        shown = kind in _SHOWN
        more = (
            *HEADERS,
            ("Content-Disposition", disposition(path.rpartition("/")[2], inline=shown)),
            ("Cache-Control", "private, max-age=31536000, immutable"),
        )
        with file:
            await send_file(exchange, file, kind, more=more)

    # ── in ────────────────────────────────────────────────────────────────────────────────────────────────

    async def _take(self, exchange: Exchange) -> None:
        try:
            message = await self._taken(exchange)
        except Refused as refused:
            await refuse(exchange, refused)
        except OSError as error:
            await refuse(exchange, Refused(Why.DISK, f"it cannot be kept: {reason_of(error)}"))
        else:
            await answer(exchange, message, 201)

    async def _taken(self, exchange: Exchange) -> Message:
        wish = self._wish(exchange)
        length = exchange.request.length
        arrival = await self._shelf.begin(wish.name, None if length == CHUNKED else length)
        with arrival.whole():
            async for piece in exchange.body():
                arrival.write(piece)
            file = arrival.keep()
            self._check(wish)  # they may have left meanwhile
            return Message.of(self._hub.say(wish.member, wish.room, _words(exchange, file), "file", file=file))

    def _wish(self, exchange: Exchange) -> _Wish:
        """Raises `Refused` for what could not be said in the end."""
        asked = parse_qs(exchange.request.query, keep_blank_values=True)
        scheme, _, ticket = exchange.request.fields.get("authorization").partition(" ")
        member = self._hub.tickets.get(ticket.strip()) if scheme.lower() == "bearer" else None
        if member is None:
            raise Refused(Why.NOT_LOGGED_IN, "a file is put in a room with the ticket of somebody who is on the hub")
        name = asked.get("name", [""])[0]
        if not name.strip():
            raise Refused(Why.EMPTY, "the file has no name")
        wish = _Wish(member, asked.get("room", [""])[0], name)
        self._check(wish)
        return wish

    def _check(self, wish: _Wish) -> None:
        if not self._hub.is_on(wish.member):
            raise Refused(Why.NOT_LOGGED_IN, "you have left the hub")
        self._hub.room(wish.room, wish.member).check_speech(wish.member)


def _words(exchange: Exchange, file: File) -> str:
    """What is said of it where there is only text: the link, as this caller calls us."""
    scheme = "https" if "tls.version" in exchange.channel.facts else "http"
    local = exchange.channel.local
    host = exchange.request.host or f"{f'[{local.host}]' if ':' in local.host else local.host}:{local.port}"
    return f"{file.name} ({human_bytes(file.size)}) {scheme}://{host}{file.url}"
