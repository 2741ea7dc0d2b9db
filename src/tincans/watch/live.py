"""`/api/live`: what happens, told to whoever looks, as it changes and at most ten times a second.

A reader asks with one message what it wants to see, and with another whenever that changes. What it is told is made
when it is ready to be told: the news since what it was told last, as they stand then. So a slow one gets less, and
later, and nothing waits for it but one message of each kind.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import aclosing
from typing import Any

import msgspec
from starlette.websockets import WebSocket

from tincans.limits import LOOK_BYTES, LOOK_ROWS
from tincans.protocols import find_protocol
from tincans.tasks import spawn
from tincans.watch import looking, shapes
from tincans.watch.answers import Changes, Chart, Gone, Look, Programs, States, Well
from tincans.watch.asking import Call
from tincans.watch.endpoints import checked
from tincans.watch.feed import Wanted, events
from tincans.watch.following import follow
from tincans.watch.guard import SUBPROTOCOL
from tincans.watch.shapes import to_json

#: RFC 6455 §7.4.1: the server is going down.
GOING_AWAY = 1001
#: And: a message is too big.
TOO_BIG = 1009

_read = msgspec.json.Decoder(Look).decode


async def accept(socket: WebSocket) -> None:
    """Let a WebSocket in, in the subprotocol of the API where it was offered: a browser wants one of its own back."""
    await socket.accept(SUBPROTOCOL if SUBPROTOCOL in socket.scope["subprotocols"] else None)


async def until_closed(socket: WebSocket, closing: asyncio.Event, *work: Coroutine[Any, Any, None]) -> None:
    """Do all of `work` until the first of it ends or `closing` is set, which the other side is told. Nothing is left.

    Raises what broke the work, which is `WebSocketDisconnect` where the other side has gone.
    """
    going = spawn(closing.wait())
    tasks: list[asyncio.Task[Any]] = [going, *map(spawn, work)]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if going.done():
            await socket.close(GOING_AWAY)
    finally:
        await _end(tasks)
    for task in tasks:
        if not task.cancelled():
            task.result()


async def _end(tasks: list[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def serve(call: Call, socket: WebSocket, closing: asyncio.Event) -> None:
    """One reader, until it goes (`WebSocketDisconnect`) or `closing` is set."""
    await accept(socket)
    reader = _Reader(call, socket)
    with call.lookout.looked_at():
        await reader.tell(looking.hello_of(call))
        await until_closed(socket, closing, reader.hear(), reader.tell_all(), reader.tell_one())


async def serve_events(call: Call, socket: WebSocket, closing: asyncio.Event) -> None:
    """`/api/events`: each event as it is decoded, until whoever reads goes (`WebSocketDisconnect`) or `closing` is set.

    Raises `Refused`.
    """
    wanted = checked(Wanted, {}, socket.query_params, call.steers)
    if wanted.protocol:
        find_protocol(wanted.protocol)
    await accept(socket)

    async def tell() -> None:
        async with aclosing(events(call.watched, wanted)) as lines:
            async for line in lines:
                await socket.send_text(line.decode())

    async def hear() -> None:
        while (await socket.receive())["type"] != "websocket.disconnect":
            pass

    await until_closed(socket, closing, hear(), tell())


def _wide(look: Look) -> tuple[bool, ...]:
    """What of it is about all."""
    return look.all, look.seconds, look.mails


class _Reader:
    """What one reader wants, and what it was told."""

    def __init__(self, call: Call, socket: WebSocket) -> None:
        self._call, self._socket, self._lookout = call, socket, call.lookout
        self._look = Look()
        #: It has asked for something else, and for another conversation.
        self._asked, self._other = asyncio.Event(), asyncio.Event()
        self._forget()
        self._troubled = False

    def _forget(self) -> None:
        """Tell it all from the beginning."""
        self._mark = 0  # the revision up to which it was told
        self._left_out = self._lookout.left_out
        self._second = 0  # and the second

    async def tell(self, message: Any) -> None:
        """Returns once there is room for more."""
        await self._socket.send_text(to_json(message).decode())

    # ── what it asks for ──────────────────────────────────────────────────────────────────────────────────

    async def hear(self) -> None:
        """What it asks for, until it goes."""
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            said = (message.get("text") or "").encode() or message.get("bytes") or b""
            if len(said) > LOOK_BYTES:
                await self._socket.close(TOO_BIG)
                return
            try:
                self._ask(_read(said))
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                advice = "docs/api.md says what /api/live takes."
                await self.tell(shapes.Trouble(error=f"what was asked makes no sense: {error}", advice=advice))

    def _ask(self, look: Look) -> None:
        if (look.conversation, look.protocol) != (self._look.conversation, self._look.protocol):
            self._other.set()
        if _wide(look) != _wide(self._look):
            self._forget()
        self._look = look
        self._asked.set()

    # ── the conversation that it has open ─────────────────────────────────────────────────────────────────

    async def tell_one(self) -> None:
        """Tell it how that grows, whichever it is."""
        while True:
            self._other.clear()
            tasks: list[asyncio.Task[Any]] = [spawn(self._other.wait())]
            if self._look.conversation is not None:
                tasks.append(spawn(follow(self._call, self._look.conversation, self._look.protocol, self.tell)))
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                await _end(tasks)
            for task in done:
                task.result()

    # ── and all of them ───────────────────────────────────────────────────────────────────────────────────

    async def tell_all(self) -> None:
        """Tell it what is new, again and again."""
        await self._asked.wait()
        while True:
            await self._lookout.news(0)
            self._asked.clear()
            news = list(self._news())
            self._mark = self._lookout.revision
            for message in news:  # while it is told, it may ask for something else
                await self.tell(message)
            await self._wait()

    async def _wait(self) -> None:
        """Until there is something new, or it asks for something else."""
        tasks: list[asyncio.Task[Any]] = [spawn(self._asked.wait()), spawn(self._lookout.news(self._mark))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _end(tasks)

    def _news(self) -> Iterator[Any]:
        changed, trouble = self._lookout.trouble
        if changed > self._mark and (trouble or self._troubled):
            self._troubled = trouble is not None
            yield trouble or Well()
        if self._look.all:
            yield from self._about_all()
        if self._look.seconds:
            seconds = [each for each in self._lookout.chart.seconds if each.at > self._second]
            if seconds:
                self._second = seconds[-1].at
                yield Chart(seconds=seconds)
        if self._look.mails and (self._lookout.mails[0] > self._mark or not self._mark):
            yield self._lookout.mails[1]

    def _about_all(self) -> Iterator[Any]:
        lookout, mark = self._lookout, self._mark
        changes = self._changes()
        if changes.rows or changes.skipped or not mark:
            yield changes
        if gone := [number for number, _ in lookout.gone.since(mark)] if mark else []:
            yield Gone(numbers=gone)
        if lookout.board[0] > mark or not mark:
            yield lookout.board[1]
        if programs := dict(lookout.programs.since(mark)):
            yield Programs(of={str(number): ends for number, ends in programs.items()})
        if states := [state for _, state in lookout.states.since(mark)]:
            yield States(states=states[:LOOK_ROWS])

    def _changes(self) -> Changes:
        lookout = self._lookout
        found = [row for _, row in lookout.rows.since(self._mark) if self._mark or row.told.closed is None]
        skipped = max(0, len(found) - LOOK_ROWS) + lookout.left_out - self._left_out
        if not self._mark:
            skipped = max(lookout.open, len(found)) - len(found[:LOOK_ROWS])
        self._left_out = lookout.left_out
        return Changes(
            rows=[row.raw for row in reversed(found[:LOOK_ROWS])], skipped=skipped, total=lookout.total,
            now=shapes.micros(self._call.watched.now()),
        )  # fmt: skip
