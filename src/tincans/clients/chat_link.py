"""One connection to a hub: commands go out, many in one write where they are ready together, and events come in.

It knows how objects are framed, and nothing of what they mean. Whoever owns it reads; when it breaks, the reader hears.
"""

from __future__ import annotations

import asyncio

from tincans.address import Address
from tincans.channel import Channel
from tincans.client import connect
from tincans.clients.calling import Calling
from tincans.clients.chat_wire import Event, Lines, command, read
from tincans.errors import ChannelError
from tincans.limits import GOODBYE_SECONDS
from tincans.tasks import spawn


class Link:
    """Owns its channel."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self._lines = None if channel.traits.boundaries else Lines()
        self._out: list[bytes] = []
        self._sending: asyncio.Task[None] | None = None

    async def receive(self) -> list[Event]:
        """What the hub says next, perhaps nothing that is known. Raises `ChannelError`. Cancelling loses nothing."""
        data = await self.channel.receive()
        objects = [data] if self._lines is None else self._lines.feed(data)
        return [event for each in objects if each.strip() and (event := read(each)) is not None]

    def say(self, data: bytes) -> None:
        """Say one object, after those before it and soon; what goes wrong with that is heard by who receives."""
        self._out.append(data)
        if self._sending is None:
            self._sending = spawn(self._send())

    async def _send(self) -> None:
        try:
            while self._out:
                out, self._out = self._out, []
                if self._lines is not None:
                    out = [b"\n".join((*out, b""))]
                for data in out:
                    await self.channel.send(data)
        except ChannelError:
            pass
        finally:
            self._sending = None

    async def aclose(self, text: str | None = None) -> None:
        """Say goodbye, hear what the hub still has to say for GOODBYE_SECONDS at most, and close. Idempotent.

        When cancelled it is closed all the same.
        """
        try:
            self.say(command("quit", text=text))
            async with asyncio.timeout(GOODBYE_SECONDS):
                while True:
                    await self.channel.receive()
        except (ChannelError, TimeoutError):
            pass
        finally:
            await self._stop_sending()
            await self.channel.aclose()

    async def _stop_sending(self) -> None:
        if self._sending is not None:
            self._sending.cancel()

    def abort(self) -> None:
        self.channel.abort()


async def open_link(address: Address, how: Calling) -> Link:
    """Call a hub, at its door for programs. Raises `ConnectError`. Cancelling leaves nothing open."""
    return Link(await reach(address, how))


async def reach(address: Address, how: Calling) -> Channel:
    """Call a hub, whichever of its doors is wanted. As `open_link`."""
    return await connect(
        _called(address, how), timeout=how.timeout, retry=how.retry, proxy=how.proxy or None,
        recorders=how.recorders, name=how.name,
    )  # fmt: skip


def _called(address: Address, how: Calling) -> Address:
    """The address as it is called: `via` another one, with the certificates to trust, at the door for programs."""
    called = how.via or address
    options = dict(called.options)
    if "tls" in called.wraps:
        if how.via is not None and address.host:
            options.setdefault("sni", address.host)
        if how.ca:
            options.setdefault("ca", how.ca)
        if not how.verify:
            options.setdefault("verify", "off")
    if "ws" in called.wraps:
        options.setdefault("text", "on")
        if not called.resource and "resource" not in options:
            options["resource"] = "/chat"
    return called._replace(options=tuple(options.items()))
