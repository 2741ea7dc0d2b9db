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
from tincans.transports.stream import SocketChannel

if TYPE_CHECKING:
    from tincans.relays.interception import Interception

#: Where FTP is at home; on 990 it is TLS from the first byte, and an address of tls://.
FTP_PORT = 21


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
    protocol: str = "",
) -> Server:
    """Listen on one address and join every caller to a call of the other; any address to any address.

    Each conversation is told to `recorders` under `name`. A target that does not answer within `timeout` seconds (and
    `retry` seconds of trying again) is the end of that one caller, by a reset. Returns the running `Server`, which the
    caller closes. Raises `ListenError`.

    `protocol` is what they speak, as `find_protocol` takes it; the data connections of `ftp` are followed, also where
    nothing is said and the target has FTP's port: see `tincans.relays.ftp`. Raises `NoSuchProtocol`.

    `intercept` sees through TLS that passes, from the first byte or after STARTTLS: see `tincans.relays.interception`.
    The target's address may then have the options of `tls://`; `AddressError` names a file that cannot be used.
    """
    limits = limits or Limits()
    if isinstance(target, str):
        target = Address.parse(target, also=("tls",) if intercept else ())
    interception = _interception(target, limits.handshake) if intercept else None
    if protocol:
        _check(protocol)
    exchange = _Exchange(target, limits.idle, timeout, retry, recorders, name, protocol, interception)
    limits = limits._replace(idle=None)  # of the link, not of the caller alone
    return await serve(
        listen, exchange.carry, limits=limits, name=name, reuse_port=reuse_port, turned_away=exchange.turned_away
    )


class _Exchange:
    """What all links of one relay share: whom it calls and how, and the plumbing."""

    def __init__(
        self, target: Address, idle: float | None, timeout: float, retry: float, recorders: Sequence[Recorder],
        name: str, protocol: str, interception: Interception | None,
    ) -> None:  # fmt: skip
        self._target, self._idle, self._timeout, self._retry = target, idle, timeout, retry
        self._recorders, self._name = tuple(recorders), name
        self._protocol, self._interception = protocol, interception
        self._follows_ftp = protocol == "ftp" or (not protocol and target.port == FTP_PORT)
        self._plumbing = Plumbing()

    async def carry(self, client: Channel) -> None:
        """One caller's conversation, from the call to its end."""
        taps = self._begin(client)
        call = partial(connect, self._target, timeout=self._timeout, retry=self._retry)
        await carry(client, call, partial(self._join, taps), taps)

    def turned_away(self, client: Channel, reason: str) -> None:
        """Tell of a caller whose handshake failed."""
        for tap in self._begin(client):
            tap.closed(How.FAILED, Side.CLIENT, reason)

    def _begin(self, client: Channel) -> list[Tap]:
        if not self._recorders:
            return []
        opening = Opening(
            kind=Kind.RELAY,
            name=self._name,
            client=str(client.remote.bare()),
            near=str(client.local.bare()),
            server=str(self._target.bare()),
            boundaries=client.traits.boundaries,
            facts=facts_of(Side.CLIENT, client),
        )
        return begin(self._recorders, opening)

    async def _join(self, taps: list[Tap], client: Channel, server: Channel) -> Outcome:
        with self._plumbing:
            if self._idle is None:
                return await self._carry(client, server, taps)
            return await self._join_while_talking(client, server, taps, self._idle)

    async def _carry(self, client: Channel, server: Channel, taps: list[Tap], *also: Tap) -> Outcome:
        """Until the end. Those in `also` hear what is said on connections that belong to this one, too."""
        is_stream = not (client.traits.boundaries or server.traits.boundaries)
        if not is_stream or not (self._follows_ftp or self._interception):
            return await join(client, server, [*taps, *also], self._plumbing)
        from tincans.relays.ftp import FtpSteerer  # only who asks for it pays for the decoders
        from tincans.relays.steering import steer

        if isinstance(client, SocketChannel):  # FTP's ABOR is urgent (RFC 959 §4.1.3)
            client.keep_urgent()
        steerer = FtpSteerer(
            taps, self._recorders, self._name, self._plumbing, self._interception, also, self._target.option("proxy")
        )
        return await steer(
            client, server, [*taps, *also], steerer, self._interception, port=self._target.port or None,
            protocol=self._protocol,
        )  # fmt: skip

    async def _join_while_talking(self, client: Channel, server: Channel, taps: list[Tap], idle: float) -> Outcome:
        """As `join`, but both sides are closed when nothing was said for `idle` seconds."""
        silent = asyncio.timeout(None)
        silence = Silence(idle, lambda: silent.reschedule(asyncio.get_running_loop().time()))
        try:
            async with silent:
                return await self._carry(client, server, taps, silence)
        except TimeoutError:
            return Outcome(How.IDLE, None, f"nothing was said for {idle:g} s")
        finally:
            silence.closed(How.IDLE)


def _check(protocol: str) -> None:
    from tincans.protocols import find_protocol

    find_protocol(protocol)


def _interception(target: Address, handshake: float) -> Interception:
    from tincans.relays.interception import Interception  # only who asks for it pays for the decoders

    return Interception(target, handshake=handshake)
