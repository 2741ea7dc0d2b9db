"""`serve`: listens, gives every caller a channel of its own, and goes on listening.

One task accepts; each caller has one task, which performs the handshakes, runs the app and closes the channel. What
an app does there is its own: it may return, raise because the other side left, or crash, and the server goes on.

    listening ── aclose() ──► draining: no new callers, the open ones may finish ── limits.drain ──► aborted
        └────────────────────────────────── abort() ──────────────────────────────────────────────────►┘

A channel is handed to the app as it is. Only where somebody records, or limits.idle is set, does a `RecordingChannel`
stand between; an idle limit is one more tap of it. Where a tap wants the controls it is a `SharedChannel`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from types import TracebackType
from typing import Any, cast

from tincans import transports
from tincans.address import Address
from tincans.blocking import BlockingChannel, in_thread, is_async
from tincans.channel import Channel, Listener, Side
from tincans.conversation import How, Kind, Recorder, begin, steering_taps
from tincans.errors import (
    ChannelBroken,
    ChannelClosed,
    ChannelError,
    ConnectError,
    EndOfStream,
    LimitExceeded,
    RemoteProtocolError,
)
from tincans.limits import Limits
from tincans.recording import RecordingChannel, Silence, opening
from tincans.shared import SharedChannel
from tincans.tasks import spawn

#: A party that answers one caller: an `async def` of a `Channel`, or a plain `def`, which runs in a thread of its own
#: and is given a `BlockingChannel`. The channel is closed when it returns, and aborted when it raises. Where it has a
#: `start`, that is awaited before the first caller is taken; a `listens` is told the address then, with its real port;
#: a `retire` is called when its server begins to close, so that nobody is kept who only might say something later; a
#: `close` is called when the server has closed and the last caller has left, and its end is waited for.
App = Callable[[Channel], Awaitable[None]] | Callable[[BlockingChannel], object]

log = logging.getLogger(__name__)

#: What an app may let through without being at fault: whom it talked to left, or broke a rule.
_PASSED_ON = (ChannelBroken, LimitExceeded, RemoteProtocolError, ConnectError)


def in_task(app: App) -> Callable[[Channel], Awaitable[None]]:
    """The app as a coroutine function: an `async def` as it is, a plain `def` in a thread of its own."""
    if is_async(app):
        return cast("Callable[[Channel], Awaitable[None]]", app)
    return partial(in_thread, cast("Callable[[BlockingChannel], object]", app))


async def start_app(app: App) -> None:
    """Have an app get ready; most are. Raises `UsageError` where it cannot."""
    starting = _call(app, "start")
    if starting is not None:
        await starting


def close_app(app: App) -> Coroutine[Any, Any, None] | None:
    """Have an app give back what it holds; most hold nothing. What this gives, if it does, is to be awaited."""
    return _call(app, "close")


def _call(app: App | None, name: str, *arguments: object) -> Coroutine[Any, Any, None] | None:
    method = getattr(app, name, None)
    return method(*arguments) if method is not None else None


async def serve(
    address: Address | str, app: App, *, limits: Limits | None = None, recorders: Sequence[Recorder] = (),
    name: str = "", reuse_port: bool = False, listener: Listener | None = None,
    turned_away: Callable[[Channel, str], object] | None = None,
) -> Server:  # fmt: skip
    """Listen on `address` and run `app` for every caller, until the server that this returns is closed.

    `recorders` are told every conversation under `name`. `reuse_port` lets several processes share one TCP or UDP port.
    A `listener` that there is already is used instead of opening `address`, and owned. `turned_away` is called with
    each caller whose handshake failed and why, instead of telling the recorders. Raises `ListenError`, and `UsageError`
    where the app cannot start.
    """
    if isinstance(address, str):
        address = Address.parse(address)
    if listener is None:
        listener = await transports.listen(address, reuse_port=reuse_port)
    try:
        await start_app(app)
    except BaseException:
        await listener.aclose()
        raise
    server = Server(listener, app, limits or Limits(), recorders, name, turned_away)
    _call(app, "listens", server.address)
    return server


class Server:
    """What `serve` gives: it listens until `aclose` or `abort`. Leaving its `async with` is `aclose`."""

    def __init__(
        self, listener: Listener, app: App, limits: Limits, recorders: Sequence[Recorder] = (), name: str = "",
        turned_away: Callable[[Channel, str], object] | None = None,
    ) -> None:  # fmt: skip
        self.limits = limits
        #: How many callers there have been.
        self.served = 0
        self._listener = listener
        self._app = in_task(app)
        self._to_close: App | None = app
        self._closing: asyncio.Task[None] | None = None  # the app is closing
        self._recorders, self._name = tuple(recorders), name
        self._turned_away = turned_away or self._record_failure
        self._greets = type(listener).greet is not Listener.greet
        self._watches = bool(recorders) or limits.idle is not None
        self._callers: dict[asyncio.Task[None], Channel] = {}
        self._left = asyncio.Event()  # set when a caller leaves
        self._accepting = spawn(self._accept())
        self._accepting.add_done_callback(self._perhaps_over)

    @property
    def address(self) -> Address:
        """Where it really listens."""
        return self._listener.address

    @property
    def app(self) -> App | None:
        """What answers its callers; None once that was closed."""
        return self._to_close

    @property
    def listening(self) -> bool:
        """Whether it takes new callers."""
        return not self._accepting.done()

    @property
    def clients(self) -> int:
        """How many callers are being served now, those in a handshake included."""
        return len(self._callers)

    # ── ending ────────────────────────────────────────────────────────────────────────────────────────────

    async def wait_closed(self) -> None:
        """Wait until it does not listen any more and the last caller was served. Raises what broke the listening.

        Cancelling leaves the server as it is.
        """
        await asyncio.wait([self._accepting])
        await self._listener.aclose()  # the accepting task has, unless it was cancelled before it began
        while self._callers:
            await asyncio.wait(self._callers)
        await self._app_closed()
        if not self._accepting.cancelled():
            self._accepting.result()

    async def stop_listening(self) -> None:
        """Accept nobody any more, so that another may listen there; open channels go on. Idempotent."""
        self._accepting.cancel()
        await asyncio.wait([self._accepting])
        await self._listener.aclose()
        if self._callers:
            _call(self._to_close, "retire")

    async def aclose(self) -> None:
        """Stop gracefully: accept nobody any more, let open channels finish for `limits.drain` seconds, abort the rest.

        Returns when all is over; at once where nobody is connected. Cancelling aborts what is left.
        """
        try:
            await self.stop_listening()
            if self._callers:
                await asyncio.wait(self._callers, timeout=self.limits.drain)
        finally:
            self.abort()
        if self._callers:
            await asyncio.wait(self._callers)
        await self._app_closed()

    def abort(self) -> None:
        """Stop at once: accept nobody any more and abort every open channel; the apps are cancelled. Idempotent."""
        self._accepting.cancel()
        for task in self._callers:
            task.cancel()

    async def __aenter__(self) -> Server:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    # ── callers ───────────────────────────────────────────────────────────────────────────────────────────

    async def _accept(self) -> None:
        accept, most = self._listener.accept, self.limits.clients
        try:
            while True:
                if most is not None:
                    await self._place(most)
                channel = await accept()
                self.served += 1
                task = spawn(self._attend(channel), keep=False)
                self._callers[task] = channel
                task.add_done_callback(self._gone)
        except ChannelClosed:
            pass  # the listener was closed, or had only this many callers to give
        finally:
            await self._listener.aclose()

    async def _place(self, most: int) -> None:
        """Wait until one more may be served; the callers wait in the kernel's queue."""
        while len(self._callers) >= most:
            self._left.clear()
            await self._left.wait()

    def _gone(self, task: asyncio.Task[None]) -> None:
        channel = self._callers.pop(task)
        self._left.set()
        if task.cancelled():
            channel.abort()  # it may have been cancelled before it began
        if self._accepting.done():
            self._perhaps_over()

    async def _app_closed(self) -> None:
        if self._closing is not None:
            await asyncio.wait([self._closing])

    def _perhaps_over(self, _: object = None) -> None:
        """Once nobody is accepted any more and the last caller has left, the app is closed."""
        if not self._callers and self._to_close is not None:
            app, self._to_close = self._to_close, None
            if (closing := close_app(app)) is not None:
                self._closing = spawn(closing)

    async def _attend(self, channel: Channel) -> None:
        """One caller, from the handshake to the close."""
        try:
            if self._greets:
                greeted = await self._greet(channel)
                if greeted is None:
                    return
                channel = greeted
            if self._watches:
                channel = self._watched(channel)
            await self._app(channel)
        except (EndOfStream, ChannelClosed):
            pass  # the app read to the end, or the idle limit closed it: nothing is wrong
        except Exception as error:
            self._failed(channel, error)
        except BaseException:
            _explain(channel, How.STOPPED)
            channel.abort()
            raise
        await channel.aclose()

    async def _greet(self, channel: Channel) -> Channel | None:
        """The handshakes, within their limit; who does not finish them is sent away, and the recorders are told."""
        try:
            async with asyncio.timeout(self.limits.handshake):
                return await self._listener.greet(channel)
        except TimeoutError:
            reason = f"no handshake within {self.limits.handshake:g} s"
        except (ConnectError, ChannelBroken) as error:
            reason = error.reason
        except ChannelError as error:
            reason = str(error)
        log.info("%s was turned away: %s", channel.remote, reason)
        self._turned_away(channel, reason)
        channel.abort()
        return None

    def _record_failure(self, channel: Channel, reason: str) -> None:
        for tap in begin(self._recorders, opening(Kind.LISTEN, channel, self._name)):
            tap.closed(How.FAILED, Side.CLIENT, reason)

    def _watched(self, channel: Channel) -> RecordingChannel:
        taps = begin(self._recorders, opening(Kind.LISTEN, channel, self._name)) if self._recorders else []
        if self.limits.idle is not None:
            taps.append(Silence(self.limits.idle, lambda: self._silent(watched)))
        kind = SharedChannel if steering_taps(taps) else RecordingChannel
        watched = kind(channel, taps, Side.SERVER, recorders=self._recorders, name=self._name)
        return watched

    def _silent(self, channel: RecordingChannel) -> None:
        """Nothing was said for too long: the app's next word with the channel, or the one it waits for, says closed."""
        channel.end(How.IDLE, None, f"nothing was said for {self.limits.idle:g} s")
        spawn(channel.aclose())

    def _failed(self, channel: Channel, error: Exception) -> None:
        """The app raised: the channel is aborted, and the log and the recorders are told why."""
        if isinstance(error, _PASSED_ON):
            reason = str(error)
            log.info("the app ended with %s: %s", channel.remote, reason)
        else:
            reason = f"the app crashed: {type(error).__name__}: {error}"
            log.error("the app crashed with %s", channel.remote, exc_info=error)
        _explain(channel, How.RESET, Side.SERVER, reason)
        channel.abort()


def _explain(channel: Channel, how: How, by: Side | None = None, detail: str = "") -> None:
    if isinstance(channel, RecordingChannel):
        channel.end(how, by, detail)
