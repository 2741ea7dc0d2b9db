"""The app `chat`: rooms with four doors on one port, for people and programs with whatever they have in hand.

    IRC clients ──────┐                        ┌── history: what was said, kept before it is told
    browsers ─────────┤                        │
    nc, scripts ──────┼── doors ── members ── hub ── rooms
    JSON lines ───────┤                        │
    peers ────────────┘                        └── a mesh of others' hubs

The hub (`hub.py`) is synchronous: it has the rooms, the order and the rules. A door (`doors.py`, and a module each)
turns what a caller says into calls of the hub, and what happens (`events.py`) into what is said to the caller.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from tincans.apps.chat.doors import Lobby, attend
from tincans.apps.chat.files import Shelf
from tincans.apps.chat.history import History, open_history
from tincans.apps.chat.hub import Hub
from tincans.apps.settings import Settings
from tincans.channel import Channel
from tincans.errors import ChannelError, UsageError
from tincans.folders import rooms_folder
from tincans.transports import Wrap

if TYPE_CHECKING:
    from tincans.address import Address
    from tincans.apps.chat.around import Around


def load(name: str, settings: Settings) -> Chat:
    """The app, told its settings; `name` is the hub's. Raises `UsageError` where nobody could come in."""
    if settings.guests is False and not settings.users:
        raise UsageError("nobody could come in: name users, or leave guests in")
    if unknown := [each for each in settings.operators if each not in settings.users]:
        raise UsageError(f"the operator {unknown[0]!r} is no user")
    if settings.tls != "off":
        settings.wrap()  # raises where a file cannot be used
    if settings.trust:
        from tincans.peers.known import Trust

        Trust.parse(settings.trust)  # raises where one is no fingerprint
        if settings.rooms == "memory:":
            raise UsageError("peers need a hub whose rooms are kept in a folder")
    return Chat(name or "tincans", settings)


def _files_folder(rooms: str) -> Path | None:
    """Where the files are of the rooms that are kept there; None for nowhere that lasts."""
    return None if rooms == "memory:" else Path(rooms or rooms_folder()).expanduser() / "files"


class Chat:
    """The app. To be started before the first caller, and closed when the last has left."""

    def __init__(self, name: str, settings: Settings) -> None:
        self._name, self._settings = name, settings
        self._lobby: Lobby | None = None
        self._around: Around | None = None

    async def start(self) -> None:
        """Open the history, and the peers' door for those who are trusted. Raises as `open_history` and `peered` do.

        Cancelling leaves nothing open.
        """
        settings = self._settings

        def opening() -> History:
            return open_history(settings.rooms, keep=settings.keep, days=settings.days)

        opened = asyncio.get_running_loop().run_in_executor(None, opening)
        try:
            history = await asyncio.shield(opened)
        except asyncio.CancelledError:
            await (await opened).aclose()
            raise
        hub = Hub(
            history, name=self._name, users=settings.users, guests=settings.lets_guests_in,
            operators=settings.operators, flood=settings.flood, shelf=Shelf(_files_folder(settings.rooms)),
        )  # fmt: skip
        self._lobby = Lobby(hub, cache(self._wrap), tls_only=settings.tls == "required")
        if settings.trust:
            await self._let_peers_in(self._lobby)

    async def _let_peers_in(self, lobby: Lobby) -> None:
        from tincans.apps.chat.around import Around
        from tincans.peers.known import Trust

        self._around = Around()
        try:
            self._lobby = await self._around.open_door(lobby, Trust.parse(self._settings.trust))
        except BaseException:
            await self._end(lobby)
            raise

    def listens(self, address: Address) -> None:
        """Others may find the hub there, where they reach it."""
        if self._around is None and not address.is_loopback:
            from tincans.apps.chat.around import Around

            self._around = Around()
        if self._around is not None:
            self._around.listens(self._name, address)

    def _wrap(self) -> Wrap:
        """TLS for those who begin with it, also where nothing was said about it: nobody else notices."""
        wrap = msgspec.structs.replace(self._settings, tls="offered").wrap(looked_ahead=True)
        assert wrap is not None
        return wrap

    @property
    def hub(self) -> Hub:
        """The hub, once it was started."""
        assert self._lobby is not None, "it was not started, or is closed"
        return self._lobby.hub

    async def __call__(self, channel: Channel) -> None:
        assert self._lobby is not None, "it was not started, or is closed"
        try:
            await attend(self._lobby, channel)
        except ChannelError:
            pass  # they have left, which the door has told the hub

    def retire(self) -> None:
        """Let everybody go, and say that the hub stops."""
        if self._lobby is not None:
            self._lobby.hub.retire()

    def close(self) -> Coroutine[Any, Any, None] | None:
        """Give the history back, if it was opened; its end is to be waited for. Idempotent."""
        lobby, self._lobby = self._lobby, None
        return self._end(lobby) if lobby is not None else None

    async def _end(self, lobby: Lobby) -> None:
        if self._around is not None:
            await self._around.aclose()
        await lobby.hub.aclose()
