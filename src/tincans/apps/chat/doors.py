"""The doors of a hub: what a caller says first decides how it is spoken with.

    0x16 …                  TLS: a peer, by its ALPN, is let through the peers' door; for all others TLS is ended here,
                            and what they say first inside decides
    GET, POST …             the browser's: the page, the API, files, and WebSockets, over which it is JSON or IRC
    NICK, CAP, USER …       IRC
    {                       JSON lines, for programs
    anything else           plain lines, for people with nc; also who says nothing for CHAT_DOOR_SECONDS

A channel with boundaries is a WebSocket that was opened already: JSON, or IRC where that was its subprotocol.

Each door is a module with an `async def attend(hub, channel, first)`: `first` was received from the channel already. It
returns when the member is gone, and whoever called it closes the channel; only the browser's receives `first` itself.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import NamedTuple, cast

from tincans.apps.chat.hub import Hub
from tincans.channel import Buffered, Channel
from tincans.errors import HandshakeFailed
from tincans.limits import CHAT_DOOR_SECONDS, LINE_BYTES, Limits
from tincans.recording import look_ahead, secure
from tincans.transports import Wrap

#: Talks with one caller to the end.
Attend = Callable[[Hub, Channel, bytes], Awaitable[None]]

#: The first word of a request of HTTP/1.1 (RFC 9110 §9), and the blank behind it.
_HTTP = re.compile(rb"(?:GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH|TRACE|CONNECT|MKCOL|PROPFIND) ")
#: What clients of IRC say first; STARTTLS, though, is not there where TLS is.
_IRC = re.compile(rb"(?:@\S+ +)?(?:CAP|NICK|USER|PASS|AUTHENTICATE|WEBIRC|PING|QUIT)(?: |\r?\n)", re.IGNORECASE)
_TLS = b"\x16"


class Lobby(NamedTuple):
    """What callers are met with: the hub, TLS for those who begin it, and the peers' door, if it is open."""

    hub: Hub
    #: Makes the handshake of TLS; called for the first who needs it.
    wrap: Callable[[], Wrap]
    #: Nothing is answered outside TLS.
    tls_only: bool = False
    #: Told a channel and its first words, whether these are a peer's; None needs more of them.
    is_peer: Callable[[bytes], bool | None] | None = None
    #: Talks with a peer, who has begun TLS with what is to be received first.
    attend_peer: Callable[[Channel], Awaitable[None]] | None = None

    def is_clear(self, first: bytes) -> bool:
        """Whether what somebody said first is enough to know the door."""
        if not first.startswith(_TLS):
            return _is_clear(first)
        return self.is_peer is None or self.is_peer(first) is not None or len(first) > LINE_BYTES


def _is_clear(first: bytes) -> bool:
    """Whether it is the whole of a line, or cannot be anything else but what it is."""
    return b"\n" in first or door_of(first) != "plain" or len(first) > LINE_BYTES


async def attend(lobby: Lobby, channel: Channel) -> None:
    """Meet one caller and talk to the end. Raises what the channel does."""
    if channel.traits.boundaries:
        irc = "irc" in channel.facts.get("ws.subprotocol", "")
        await _door("irc" if irc else "programs")(lobby.hub, channel, b"")
        return
    inside = "tls.version" in channel.facts
    channel, first = await look_ahead(channel, lobby.is_clear, seconds=CHAT_DOOR_SECONDS)
    if first.startswith(_TLS) and not inside:
        if lobby.is_peer is not None and lobby.attend_peer is not None and lobby.is_peer(first):
            await lobby.attend_peer(channel)
            return
        channel = await _secured(channel, lobby.wrap())
        channel, first = await look_ahead(channel, _is_clear, seconds=CHAT_DOOR_SECONDS)
    elif lobby.tls_only and not inside:
        await channel.send(_TLS_ONLY)
        return
    await _open(lobby.hub, channel, first)


_TLS_ONLY = b"This hub is spoken with inside TLS alone.\r\n"


async def _secured(channel: Channel, wrap: Wrap) -> Channel:
    seconds, remote = Limits().handshake, channel.remote
    try:
        async with asyncio.timeout(seconds):
            return await secure(channel, wrap)
    except TimeoutError:
        raise HandshakeFailed(remote, f"no handshake within {seconds:g} s", caller=True) from None


async def _open(hub: Hub, channel: Channel, first: bytes) -> None:
    name = door_of(first)
    if name == "browser" or not first:
        await _door(name)(hub, channel, b"")
        return
    first = await channel.receive()
    if isinstance(channel, Buffered) and not channel.ahead:
        channel = channel.channel  # what is said to a thousand members has one call less to go through for each
    await _door(name)(hub, channel, first)


def door_of(first: bytes) -> str:
    """Which door it is, by what is said first: the name of its module."""
    if _HTTP.match(first):
        return "browser"
    if _IRC.match(first):
        return "irc"
    return "programs" if first.lstrip()[:1] == b"{" else "plain"


def _door(name: str) -> Attend:
    return cast("Attend", import_module(f"tincans.apps.chat.{name}").attend)
