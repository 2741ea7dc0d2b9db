"""`/api/live`: what happens, told to whoever looks, as it changes and at most ten times a second.

A reader asks with one message what it wants to see, and with another whenever that changes. What it is told is made
when it is ready to be told: the news since what it was told last, as they stand then. So a slow one gets less, and
later, and nothing waits for it but one message.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect

from tincans.limits import CHART_SECONDS, LOOK_ROWS
from tincans.tasks import spawn
from tincans.watch import looking, shapes
from tincans.watch.answers import Changes, Chart, Gone, Look, Well
from tincans.watch.asking import Call
from tincans.watch.guard import STEERS, SUBPROTOCOL
from tincans.watch.lookout import Lookout
from tincans.watch.shapes import to_json
from tincans.watch.watched import Watched

#: RFC 6455 §7.4.1: the server is going down.
GOING_AWAY = 1001

_read = msgspec.json.Decoder(Look).decode


class Live:
    """Serves readers until `close`."""

    def __init__(self, watched: Watched, lookout: Lookout) -> None:
        self._watched, self.lookout = watched, lookout
        self._closing = asyncio.Event()

    def close(self) -> None:
        """Tell every reader to go."""
        self._closing.set()

    async def serve(self, socket: WebSocket) -> None:
        """One reader, until it goes or is told to."""
        await socket.accept(SUBPROTOCOL if SUBPROTOCOL in socket.scope["subprotocols"] else None)
        hello = looking.hello_of(Call(self._watched, self.lookout, bool(socket.scope[STEERS])))
        reader = _Reader(socket, self._watched, self.lookout)
        self.lookout += 1
        try:
            await reader.tell(hello)
            await until_closed(socket, self._closing, reader.hear(), reader.follow())
        finally:
            self.lookout += -1


async def until_closed(socket: WebSocket, closing: asyncio.Event, *work: Any) -> None:
    """Do all of `work` until the first of it ends or `closing` is set, which the other side is told. Nothing is
    left."""
    going = spawn(closing.wait())
    tasks: list[asyncio.Task[Any]] = [going, *map(spawn, work)]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if going.done():
            await socket.close(GOING_AWAY)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    for task in tasks:
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, WebSocketDisconnect):
            raise error


class _Reader:
    """What one reader wants, and what it was told."""

    def __init__(self, socket: WebSocket, watched: Watched, lookout: Lookout) -> None:
        self._socket, self._watched, self._lookout = socket, watched, lookout
        self._look = Look()
        self._asked = asyncio.Event()
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

    async def hear(self) -> None:
        """What it asks for, until it goes."""
        while True:
            text = await self._socket.receive_text()
            try:
                self._look = _read(text)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                advice = "docs/api.md says what /api/live takes."
                await self.tell(shapes.Trouble(error=f"what was asked makes no sense: {error}", advice=advice))
                continue
            self._forget()
            self._asked.set()

    async def follow(self) -> None:
        """Tell it what is new, again and again."""
        await self._asked.wait()
        await self._lookout.news(0)
        while True:
            self._asked.clear()
            news = self._news()
            self._mark = self._lookout.revision
            for message in news:  # while it is told, it may ask for something else
                await self.tell(message)
            await self._wait()

    async def _wait(self) -> None:
        """Until there is something new, or it asks for something else."""
        waits = [spawn(self._asked.wait()), spawn(self._lookout.news(self._mark))]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def _news(self) -> list[Any]:
        lookout, told = self._lookout, list[Any]()
        if lookout.trouble[0] > self._mark and (lookout.trouble[1] or self._troubled):
            told.append(lookout.trouble[1] or Well())
            self._troubled = lookout.trouble[1] is not None
        if self._look.all:
            told += self._about_all()
        if self._look.seconds:
            seconds = [each for each in lookout.chart.seconds if each.at > self._second]
            if seconds:
                self._second = seconds[-1].at
                told.append(Chart(seconds=seconds[-CHART_SECONDS:]))
        return told

    def _about_all(self) -> list[Any]:
        lookout, told = self._lookout, list[Any]()
        changes = self._changes()
        if changes.rows or changes.skipped or not self._mark:
            told.append(changes)
        if gone := [number for number, _ in lookout.gone.since(self._mark)] if self._mark else []:
            told.append(Gone(numbers=gone))
        if lookout.board[0] > self._mark or not self._mark:
            told.append(lookout.board[1])
        return told

    def _changes(self) -> Changes:
        lookout = self._lookout
        found = [row for _, row in lookout.rows.since(self._mark) if self._mark or row.told.closed is None]
        skipped = max(0, len(found) - LOOK_ROWS) + lookout.left_out - self._left_out
        self._left_out = lookout.left_out
        return Changes(
            rows=[row.raw for row in reversed(found[:LOOK_ROWS])], skipped=skipped, total=lookout.total,
            now=shapes.micros(self._watched.now()),
        )  # fmt: skip
