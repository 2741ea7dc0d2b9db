"""What `tincans listen` does once its options are understood: an app answers, or you do; for ever, or once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tincans import transports
from tincans.channel import Channel, Listener, Side
from tincans.cli.desk import Manner, talk
from tincans.cli.options import Listening, Record, Show
from tincans.cli.serving import Place, Stop, say, serve_until_stopped
from tincans.cli.terminal import Terminal
from tincans.conversation import Recorder
from tincans.errors import ChannelClosed
from tincans.server import App, Server, serve
from tincans.tasks import spawn


class OneCaller(Listener):
    """A listener that gives its first caller and no other: then nobody listens any more."""

    __slots__ = ("_listener", "_taken", "address")

    def __init__(self, listener: Listener) -> None:
        self._listener, self.address = listener, listener.address
        self._taken = False

    async def accept(self) -> Channel:
        if self._taken:
            await self.aclose()
            raise ChannelClosed
        channel = await self._listener.accept()
        self._taken = True
        return channel

    async def greet(self, channel: Channel) -> Channel:
        return await self._listener.greet(channel)

    async def aclose(self) -> None:
        await self._listener.aclose()


class Answering(NamedTuple):
    """The options of `tincans listen` that do not depend on who answers."""

    listening: Listening
    record: Record
    show: Show
    once: bool

    async def serve(self, app: App, place: Place) -> None:
        """Let `app` answer, and show what is said."""
        await self.serve_shown(app, place, self.show, Stop())

    async def serve_shown(self, app: App, place: Place, show: Show | None, stop: Stop) -> None:
        """Serve until the one caller has left, or `stop` is asked for."""

        async def start(recorders: Sequence[Recorder]) -> Server:
            listener = await transports.listen(place.address, reuse_port=place.reuse_port)
            return await serve(
                place.address, app, limits=self.listening.limits, recorders=recorders,
                listener=OneCaller(listener) if self.once else listener,
            )  # fmt: skip

        await serve_until_stopped(start, place, self.record, show, stop, parties=(place.address,))


class Yourself:
    """You answer: many callers by number, or with --once one, byte for byte."""

    def __init__(self, how: Answering, crlf: bool) -> None:
        self._how, self._manner = how, Manner(crlf=crlf, hex=how.show.hex)
        #: Why the one conversation failed, if it did.
        self._failure: Exception | None = None

    async def serve(self, place: Place) -> None:
        """Answer until you stop, or until the one caller has left. Raises what ended that one too early."""
        if self._how.once:
            await self._how.serve_shown(self._talk, place, None, Stop())
            if self._failure is not None:
                raise self._failure
        else:
            await self._serve_many(place)

    async def _serve_many(self, place: Place) -> None:
        stop = Stop()
        terminal = Terminal(self._manner, quiet=self._how.record.quiet, on_broken=stop.broken)
        stop.goodbye = terminal.hang_up
        reading = spawn(terminal.read())
        try:
            await self._how.serve_shown(terminal, place, None, stop)
        finally:
            await terminal.aclose()  # which ends the reading
            await reading

    async def _talk(self, channel: Channel) -> None:
        if not self._how.record.quiet:
            say(f"called from {channel.remote.bare()}")
        try:
            await talk(channel, self._manner, side=Side.SERVER)
        except Exception as error:
            self._failure = error
