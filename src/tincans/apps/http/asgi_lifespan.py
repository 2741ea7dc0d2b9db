"""The beginning and the end of an ASGI application (ASGI 3, lifespan, version 2.0)."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from tincans.apps.http.asgi_scope import Application, Message
from tincans.errors import UsageError
from tincans.limits import ASGI_END_SECONDS
from tincans.tasks import spawn

log = logging.getLogger(__name__)


class Lifespan:
    """One run of an application, from `start` to `end`. One that knows nothing of it raises, and goes on without."""

    def __init__(self, application: Application) -> None:
        #: What the application keeps for its requests; each is given a copy.
        self.state: dict[str, Any] = {}
        self._application = application
        self._told: asyncio.Queue[Message] = asyncio.Queue()
        self._answers: asyncio.Queue[Message] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    @property
    def goes_on(self) -> bool:
        """Whether there is anybody to be told of the end."""
        return self._task is not None and not self._task.done()

    async def start(self) -> None:
        """Wait until the application is ready. Raises `UsageError` where it says that it cannot be."""
        self._task = spawn(self._run())
        answer = await self._ask("lifespan.startup")
        if answer is not None and answer["type"] == "lifespan.startup.failed":
            self._task.cancel()
            reason = str(answer.get("message", "")).strip().rpartition("\n")[2]
            raise UsageError(f"the application could not start{f': {reason}' if reason else ''}")

    async def end(self) -> None:
        """Wait until the application has cleaned up, or for `ASGI_END_SECONDS`; then it is cancelled."""
        if not self.goes_on:
            return
        assert self._task is not None
        try:
            async with asyncio.timeout(ASGI_END_SECONDS):
                answer = await self._ask("lifespan.shutdown")
                await asyncio.wait([self._task])
        except TimeoutError:
            log.warning("the application did not end within %g s", ASGI_END_SECONDS)
        else:
            if answer is not None and answer["type"] == "lifespan.shutdown.failed":
                log.error("the application ended badly: %s", answer.get("message", ""))
        self._task.cancel()

    async def _run(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        try:
            await self._application(scope, self._told.get, self._answers.put)
        except Exception as error:  # it has no lifespan, or said what is wrong before
            log.debug("the application's lifespan ended: %r", error)

    async def _ask(self, what: str) -> Message | None:
        """Tell it, and wait for its answer; None where it has left."""
        assert self._task is not None
        await self._told.put({"type": what})
        answer = spawn(self._answers.get())
        try:
            await asyncio.wait([answer, self._task], return_when=asyncio.FIRST_COMPLETED)
            await asyncio.sleep(0)  # it may have answered and left at once
            return answer.result() if answer.done() else None
        finally:
            answer.cancel()
