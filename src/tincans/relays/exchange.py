"""The relay: it listens like a server, and for every caller it calls the target like a client."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from tincans.address import Address
from tincans.channel import Channel, Side
from tincans.client import connect
from tincans.conversation import How, Kind, Opening, Recorder, Tap, begin
from tincans.limits import CONNECT_SECONDS, Limits
from tincans.recording import Outcome, Silence
from tincans.relays.link import carry, facts_of, join
from tincans.relays.plumbing import Plumbing
from tincans.server import Server, serve

if TYPE_CHECKING:
    from tincans.relays.interception import Interception


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
    intercept: bool = False,
) -> Server:
    """Listen on one address and join every caller to a call of the other; any address to any address.

    Each conversation is told to `recorders` under `name`. A target that does not answer within `timeout` seconds (and
    `retry` seconds of trying again) is the end of that one caller, by a reset. Returns the running `Server`, which the
    caller closes. Raises `ListenError`.

    `intercept` sees through TLS that passes, from the first byte or after STARTTLS: see `tincans.relays.interception`.
    The target's address may then have the options of `tls://`; `AddressError` names a file that cannot be used.
    """
    limits = limits or Limits()
    if isinstance(target, str):
        target = Address.parse(target, also=("tls",) if intercept else ())
    interception = _interception(target, limits.handshake) if intercept else None
    exchange = _Exchange(target, limits.idle, timeout, retry, interception)

    async def app(client: Channel) -> None:
        await exchange.carry(client, begin(recorders, exchange.opening(client, name)) if recorders else [])

    def turned_away(client: Channel, reason: str) -> None:
        for tap in begin(recorders, exchange.opening(client, name)):
            tap.closed(How.FAILED, Side.CLIENT, reason)

    limits = limits._replace(idle=None)  # of the link, not of the caller alone
    return await serve(listen, app, limits=limits, name=name, reuse_port=reuse_port, turned_away=turned_away)


class _Exchange:
    """What all links of one relay share: whom it calls and how, and the plumbing."""

    def __init__(
        self, target: Address, idle: float | None, timeout: float, retry: float, interception: Interception | None
    ) -> None:
        self._target, self._idle, self._timeout, self._retry = target, idle, timeout, retry
        self._plumbing = Plumbing()
        self._interception = interception

    def opening(self, client: Channel, name: str) -> Opening:
        return Opening(
            kind=Kind.RELAY,
            name=name,
            client=str(client.remote.bare()),
            near=str(client.local.bare()),
            server=str(self._target.bare()),
            boundaries=client.traits.boundaries,
            facts=facts_of(Side.CLIENT, client),
        )

    async def carry(self, client: Channel, taps: list[Tap]) -> None:
        """One caller's conversation from the call to its end, told to its taps whatever happens."""
        call = partial(connect, self._target, timeout=self._timeout, retry=self._retry)
        await carry(client, call, partial(self._join, taps), taps)

    async def _join(self, taps: list[Tap], client: Channel, server: Channel) -> Outcome:
        with self._plumbing:
            if self._idle is None:
                return await self._carry(client, server, taps)
            return await self._join_while_talking(client, server, taps, self._idle)

    async def _carry(self, client: Channel, server: Channel, taps: list[Tap]) -> Outcome:
        if self._interception is None or client.traits.boundaries or server.traits.boundaries:
            return await join(client, server, taps, self._plumbing)
        from tincans.relays.steering import steer

        return await steer(client, server, taps, interception=self._interception, port=self._target.port or None)

    async def _join_while_talking(self, client: Channel, server: Channel, taps: list[Tap], idle: float) -> Outcome:
        """As `join`, but both sides are closed when nothing was said for `idle` seconds."""
        silent = asyncio.timeout(None)
        silence = Silence(idle, lambda: silent.reschedule(asyncio.get_running_loop().time()))
        try:
            async with silent:
                return await self._carry(client, server, [*taps, silence])
        except TimeoutError:
            return Outcome(How.IDLE, None, f"nothing was said for {idle:g} s")
        finally:
            silence.closed(How.IDLE)


def _interception(target: Address, handshake: float) -> Interception:
    from tincans.relays.interception import Interception  # only who asks for it pays for the decoders

    return Interception(target, handshake=handshake)
