"""The relay: it listens like a server, and for every caller it calls the target like a client."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from tincans.address import Address
from tincans.channel import Channel, Side
from tincans.client import connect
from tincans.conversation import How, Kind, Opening, Recorder, Tap, begin
from tincans.errors import TincansError
from tincans.limits import CONNECT_SECONDS, Limits
from tincans.recording import Outcome, Silence
from tincans.relays.link import join
from tincans.relays.plumbing import Plumbing
from tincans.server import Server, serve


async def relay(
    listen: Address | str,
    target: Address | str,
    *,
    limits: Limits | None = None,
    recorders: Sequence[Recorder] = (),
    name: str = "",
    timeout: float = CONNECT_SECONDS,
    retry: float = 0,
    reuse_port: bool = False,
) -> Server:
    """Listen on one address and join every caller to a call of the other; any address to any address.

    Each conversation is told to `recorders` under `name`. A target that does not answer within `timeout` seconds (and
    `retry` seconds of trying again) is the end of that one caller, by a reset. Returns the running `Server`, which the
    caller closes. Raises `ListenError`.
    """
    limits = limits or Limits()
    exchange = _Exchange(Address.parse(target) if isinstance(target, str) else target, limits.idle, timeout, retry)

    async def app(client: Channel) -> None:
        await exchange.carry(client, begin(recorders, exchange.opening(client, name)) if recorders else [])

    def turned_away(client: Channel, reason: str) -> None:
        for tap in begin(recorders, exchange.opening(client, name)):
            tap.closed(How.FAILED, Side.CLIENT, reason)

    limits = limits._replace(idle=None)  # of the link, not of the caller alone
    return await serve(listen, app, limits=limits, name=name, reuse_port=reuse_port, turned_away=turned_away)


class _Exchange:
    """What all links of one relay share: whom it calls and how, and the plumbing."""

    def __init__(self, target: Address, idle: float | None, timeout: float, retry: float) -> None:
        self._target, self._idle, self._timeout, self._retry = target, idle, timeout, retry
        self._plumbing = Plumbing()

    def opening(self, client: Channel, name: str) -> Opening:
        return Opening(
            kind=Kind.RELAY,
            name=name,
            client=str(client.remote.bare()),
            near=str(client.local.bare()),
            server=str(self._target.bare()),
            boundaries=client.traits.boundaries,
            facts=_facts("client", client),
        )

    async def carry(self, client: Channel, taps: list[Tap]) -> None:
        """One caller's conversation from the call to its end, told to its taps whatever happens."""
        outcome = Outcome(How.STOPPED, None, "the relay was stopped")
        try:
            server = await connect(self._target, timeout=self._timeout, retry=self._retry)
            for tap in taps:
                tap.joined(str(server.local.bare()), str(server.remote.bare()), _facts("server", server))
            outcome = await self._join(client, server, taps)
        except TincansError as error:
            outcome = Outcome(How.FAILED, Side.SERVER, str(error))
            client.abort()
        finally:
            for tap in taps:
                tap.closed(*outcome)

    async def _join(self, client: Channel, server: Channel, taps: list[Tap]) -> Outcome:
        with self._plumbing:
            if self._idle is None:
                return await join(client, server, taps, self._plumbing)
            return await self._join_while_talking(client, server, taps, self._idle)

    async def _join_while_talking(self, client: Channel, server: Channel, taps: list[Tap], idle: float) -> Outcome:
        """As `join`, but both sides are closed when nothing was said for `idle` seconds."""
        silent = asyncio.timeout(None)
        silence = Silence(idle, lambda: silent.reschedule(asyncio.get_running_loop().time()))
        try:
            async with silent:
                return await join(client, server, [*taps, silence], self._plumbing)
        except TimeoutError:
            return Outcome(How.IDLE, None, f"nothing was said for {idle:g} s")
        finally:
            silence.closed(How.IDLE)


def _facts(whose: str, channel: Channel) -> dict[str, str]:
    return {f"{whose}.{name}": fact for name, fact in channel.facts.items()}
