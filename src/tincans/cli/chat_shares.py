"""Files between peers: `/send` offers one to a room, `/get` fetches it from any peer that has it (`peers/offers.py`).

An offer is a message that can be read anywhere; what a terminal needs to fetch the file is the URI at its end:

    plan.pdf (1.2 MiB) tincans-file:7f3a…?size=1258291&sha256=9c1f…&name=plan.pdf
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote

from tincans.errors import UsageError
from tincans.peers.offers import Call, Offer, Offers
from tincans.peers.tls import FILE
from tincans.text import human_bytes

if TYPE_CHECKING:
    from tincans.address import Address
    from tincans.channel import Channel
    from tincans.peers.mesh import Mesh
    from tincans.peers.presences import Member
    from tincans.peers.tls import Peer
    from tincans.progress import Progress

_URI = re.compile(r"tincans-file:([0-9a-f]{32})\?(size=\d{1,18}&sha256=[0-9a-f]{64}&name=\S+)$")


def written(offer: Offer) -> str:
    """An offer as it is said."""
    query = f"size={offer.size}&sha256={offer.sha256}&name={quote(offer.name, safe='')}"
    return f"{offer.name} ({human_bytes(offer.size)}) tincans-file:{offer.id}?{query}"


def read(text: str) -> Offer | None:
    """The offer in a message, if it is one."""
    match = _URI.search(text)
    if match is None:
        return None
    said = {name: values[0] for name, values in parse_qs(match[2]).items()}
    name = said.get("name", "")
    return Offer(match[1], name, int(said["size"]), said["sha256"]) if name and "/" not in name else None


def shown(offer: Offer) -> str:
    """What a person is shown of it."""
    return f"{offer.name} ({human_bytes(offer.size)}): /get {offer.name}"


class Shares:
    """The files that we offer, and those that we have heard of, the last of each name."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh
        self._offers = Offers(lambda peer: peer.key in mesh.roster)
        self._heard: dict[str, Offer] = {}
        mesh.answer(FILE, self._answer)

    async def _answer(self, channel: Channel, peer: Peer) -> None:
        await self._offers.answer(channel, peer)

    def hear(self, text: str) -> str:
        """Hear of an offer; gives what a person is shown instead of the message, the same where it is none."""
        offer = read(text)
        if offer is None:
            return text
        self._heard[offer.name] = offer
        return shown(offer)

    async def offer(self, path: Path) -> str:
        """Answer for a file while this runs; gives what is to be said of it. Raises `CannotRead`, `UsageError`."""
        return written(await self._offers.offer(path))

    async def fetch(self, name: str, folder: Path, progress: Progress) -> Path:
        """Fetch the file that was offered by that name; gives where it is. Raises as `Offers.fetch` does."""
        offer = self._heard.get(name)
        if offer is None:
            raise UsageError(f"nobody has offered a file called {name}")
        calls = [self._call(member, address) for member in self._mesh.members.values() for address in member.addresses]
        return await self._offers.fetch(offer, calls, folder, progress)

    def _call(self, member: Member, address: Address) -> Call:
        async def call() -> tuple[Channel, Peer]:
            return await self._mesh.tls.call(address, protocol=FILE, expected=member.fingerprint)

        return call
