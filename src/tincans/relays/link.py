"""One live pair of channels: who called, and whom the relay called for them.

Two plain sockets are joined by two `Pipe`s on the descriptors themselves; every other pair (TLS, WebSocket, datagrams,
child processes …) by `tincans.pump`. Both give the same `Outcome`, tell the same taps and end the same way: EOF passes
as EOF and the other direction runs on, a reset passes as a reset, and cancelling the link closes both sides.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence

from tincans.channel import Channel, Side
from tincans.controls import RESET, Hand
from tincans.conversation import How, Tap, steering_taps
from tincans.errors import ConnectError, TincansError
from tincans.held import carry_held, hold
from tincans.pump import pump
from tincans.recording import Outcome
from tincans.relays.pipe import Pipe
from tincans.relays.plumbing import Plumbing
from tincans.transports.stream import SocketChannel, close, describe, reset


async def carry(
    client: Channel,
    call: Callable[[], Awaitable[Channel]],
    join: Callable[[Channel, Channel], Awaitable[Outcome]],
    taps: Sequence[Tap],
) -> None:
    """One caller's conversation from the call to its end, told to its taps whatever happens.

    Owns `client`, which is aborted when the call fails, when `join` does, and when cancelled.
    """
    outcome = Outcome(How.STOPPED, None, "the relay was stopped")
    try:
        server = await call()
        for tap in taps:
            tap.joined(str(server.local.bare()), str(server.remote.bare()), facts_of(Side.SERVER, server))
        outcome = await join(client, server)
    except TincansError as error:
        at_fault = Side.CLIENT if isinstance(error, ConnectError) and error.caller else Side.SERVER
        outcome = Outcome(How.FAILED, at_fault, str(error))
        client.abort()
    except BaseException:
        client.abort()
        raise
    finally:
        for tap in taps:
            tap.closed(*outcome)


def facts_of(side: Side, channel: Channel) -> dict[str, str]:
    """A channel's facts, as a conversation's are named: `client.tls.version`."""
    return {f"{side.value}.{name}": fact for name, fact in channel.facts.items()}


async def join(client: Channel, server: Channel, taps: Sequence[Tap], plumbing: Plumbing) -> Outcome:
    """Carry everything both ways until both have said their last word, or one is lost; then both are closed.

    Cancelling aborts both. The channels are owned from the call on.
    """
    if isinstance(client, SocketChannel) and isinstance(server, SocketChannel) and client.fresh and server.fresh:
        link = SocketLink(client.detach(), server.detach(), taps, plumbing)
        if not steering_taps(taps):
            return await link.run()
        with Hand(*link.pipes, taps, link.reset):
            return await link.run()
    if not steering_taps(taps):
        return await pump(client, server, taps)
    near, far = hold(client, server)
    return await carry_held(near, far, taps, pump(near, far, taps), near.abort, far.abort)


class SocketLink:
    """Two sockets and the pipe of each direction."""

    __slots__ = ("_client", "_done", "_first", "_server", "_taps", "pipes")

    def __init__(self, client: socket.socket, server: socket.socket, taps: Sequence[Tap], plumbing: Plumbing) -> None:
        self._client, self._server, self._taps = client, server, taps
        self._done: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._first: Side | None = None  # who ended first
        self.pipes = (
            Pipe(Side.CLIENT, client, server, taps, plumbing, self),
            Pipe(Side.SERVER, server, client, taps, plumbing, self),
        )

    async def run(self) -> Outcome:
        """Carry until it is over, and close both sockets."""
        for pipe in self.pipes:
            pipe.start()
        finish = reset
        try:
            outcome = await self._done
            if outcome.how is How.FINISHED:
                finish = close
                await self._hear_out()
            return outcome
        finally:
            for pipe in self.pipes:
                pipe.stop()
            for sock in (self._client, self._server):
                finish(sock)

    async def _hear_out(self) -> None:
        """Drain what was said by a side that was ended by hand: unread, it would reset what that side still hears."""
        for pipe, sock in zip(self.pipes, (self._client, self._server), strict=True):
            if pipe.cut:
                await SocketChannel(sock).aclose()

    def reset(self) -> None:
        """End it at once."""
        for pipe in self.pipes:
            pipe.stop()
        self._finish(RESET)

    # ── what the pipes tell ───────────────────────────────────────────────────────────────────────────────

    def ended(self, side: Side) -> None:
        """`side` has said its last word: pass that on, and be done when both have."""
        for tap in self._taps:
            tap.ended(side)
        self._first = self._first or side
        try:
            (self._server if side is Side.CLIENT else self._client).shutdown(socket.SHUT_WR)
        except OSError as error:
            self.lost(side.other, error)
            return
        if all(pipe.ended for pipe in self.pipes):
            self._finish(Outcome(How.FINISHED, self._first))

    def lost(self, side: Side, error: OSError) -> None:
        """`side` is gone: nothing more can pass in either direction."""
        for pipe in self.pipes:
            pipe.stop()
        self._finish(Outcome(How.RESET, side, describe(error)))

    def _finish(self, outcome: Outcome) -> None:
        if not self._done.done():
            self._done.set_result(outcome)
