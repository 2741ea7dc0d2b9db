"""What a hub is to those around it: a peer among peers, on its own port, and a name on the local network.

    --trust                     the peers' door is open, and what is said on the hub is said to the mesh
    an address that is no       the hub is announced by mDNS, for those who look for one (`peers/finding.py`)
    loopback

A hub is a peer of its own, with a key of its own: it says what its members say, and its owner may be another peer. Who
it is and whom it knows is in the folder `peers` beside its rooms.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack

from tincans.address import Address
from tincans.apps.chat.doors import Lobby
from tincans.apps.chat.peering import Peering, peered, with_peers
from tincans.errors import NoDiscovery
from tincans.peers.finding import Announcement, interfaces
from tincans.peers.known import Trust
from tincans.peers.naming import is_name
from tincans.peers.news import News
from tincans.tasks import spawn

log = logging.getLogger(__name__)


class Around:
    """The mesh of a hub and its announcement, as far as it has them. `aclose` ends both; idempotent."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._announcing: asyncio.Task[None] | None = None
        self._peering: Peering | None = None

    async def open_door(self, lobby: Lobby, trust: Trust) -> Lobby:
        """The lobby with the peers' door open; the history is in a folder. Raises as `peered` does."""
        hub = lobby.hub
        assert hub.history.folder is not None
        joined = peered(
            hub, name=hub.name if is_name(hub.name) else "", folder=hub.history.folder / "peers", ask=trust, told=_told
        )
        self._peering = await self._stack.enter_async_context(joined)
        log.info("peers know this hub by the fingerprint %s", self._peering.mesh.identity.fingerprint)
        return with_peers(lobby, self._peering.mesh)

    def listens(self, name: str, address: Address) -> None:
        """The hub of that name listens there. Where others reach it they may find it."""
        if address.scheme != "tcp" or "ws" in address.wraps:
            return
        if self._peering is not None and not address.wraps:
            self._peering.mesh.served_at(address)
        if not address.is_loopback:
            self._announcing = spawn(self._announce(name, address))

    async def _announce(self, name: str, address: Address) -> None:
        """Announce it until this is cancelled. Nobody is kept from talking where that cannot be."""
        try:
            async with Announcement("hub", name, address, interfaces=interfaces()):
                await asyncio.get_running_loop().create_future()
        except (NoDiscovery, OSError) as error:
            log.warning("the hub is not announced on the network: %s", error)

    async def aclose(self) -> None:
        if self._announcing is not None:
            self._announcing.cancel()
            await asyncio.wait([self._announcing])
        await self._stack.aclose()


def _told(news: News) -> None:
    log.log(logging.WARNING if news.loud else logging.INFO, "%s", news.text)
