"""`asgi:MODULE:APP`: applications are found, told of their beginning and end, and everything wrong is one sentence."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from asking import asking
from tincans.apps import find_app
from tincans.apps.http.asgi import Asgi
from tincans.apps.http.asgi_scope import Message, Receive, Scope, Send
from tincans.errors import UsageError
from tincans.limits import ASGI_END_SECONDS
from tincans.server import close_app, serve

SOURCE = """
async def app(scope, receive, send):
    if scope["type"] != "http":
        raise NotImplementedError
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"found"})

class Factory:
    async def __call__(self, scope, receive, send): ...

async def handler(channel): ...

count = 3
"""


@pytest.fixture
def _module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A current directory with a module in it, forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "my_site.py").write_text(SOURCE)
    yield
    sys.modules.pop("my_site", None)


@pytest.mark.usefixtures("_module")
async def test_an_application_in_the_current_directory_answers() -> None:
    async with asking(find_app("asgi:my_site:app")) as ask:
        assert (await ask.get("/")).body == b"found"


@pytest.mark.usefixtures("_module")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("my_site", "'my_site' is not an app: write asgi:MODULE:APP, as in asgi:myapp:app"),
        ("my_site:aap", "my_site has no function 'aap', did you mean 'app'?"),
        ("my_site:count", "my_site:count is no ASGI application, as it cannot be called"),
        ("my_site:Factory", "my_site:Factory is a class, and an ASGI application is an object or a function"),
        ("my_site:handler", "my_site:handler takes other parameters than an ASGI 3 application: scope, receive, send"),
    ],
)
def test_what_is_no_application_is_one_sentence(text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        find_app(f"asgi:{text}")
    assert str(caught.value) == said


@pytest.mark.usefixtures("_module")
def test_an_application_that_was_only_looked_at_needs_no_end() -> None:
    assert close_app(find_app("asgi:my_site:app")) is None


# ── its beginning and its end ─────────────────────────────────────────────────────────────────────────────


async def test_the_application_begins_before_its_first_caller_and_ends_behind_its_last() -> None:
    happened: list[str] = []

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[dict[str, Any]]:
        happened.append("begins")
        yield {"shelf": "jam"}
        await asyncio.sleep(0)
        happened.append("ends")

    async def home(request: Request) -> PlainTextResponse:
        happened.append("answers")
        return PlainTextResponse(request.state.shelf)

    async with asking(Asgi(Starlette(routes=[Route("/", home)], lifespan=lifespan))) as ask:
        assert happened == ["begins"]
        assert (await ask.get("/")).text == "jam"
    assert happened == ["begins", "answers", "ends"]


async def test_an_application_that_cannot_start_is_one_sentence() -> None:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        if app.routes == []:
            raise RuntimeError("the shelf is empty")
        yield

    with pytest.raises(UsageError) as caught:
        await serve("tcp://127.0.0.1:0", Asgi(Starlette(lifespan=lifespan)))
    assert str(caught.value) == "the application could not start: RuntimeError: the shelf is empty"


async def test_an_application_without_a_lifespan_is_served() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})

    async with asking(Asgi(app)) as ask:
        assert (await ask.get("/")).status == 204


async def test_a_requests_state_is_its_own() -> None:
    seen: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            scope["state"]["count"] = 0
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        seen.append(scope["state"]["count"])
        scope["state"]["count"] = 1
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})

    async with asking(Asgi(app)) as ask:
        await ask.get("/")
        await ask.get("/")
    assert seen == [0, 0]


async def test_an_end_that_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.failed", "message": "the shelf fell"})

    async with asking(Asgi(app)):
        pass
    assert "the application ended badly: the shelf fell" in caplog.text


async def test_an_end_that_never_comes_is_waited_for_only_so_long(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert ASGI_END_SECONDS == 10
    monkeypatch.setattr("tincans.apps.http.asgi_lifespan.ASGI_END_SECONDS", 0.01)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await asyncio.Future()

    async with asking(Asgi(app)):
        pass
    assert "the application did not end within 0.01 s" in caplog.text


async def test_what_goes_on_behind_a_response_holds_up_no_request_and_is_waited_for_at_the_end() -> None:
    go_on, happened = asyncio.Event(), list[str]()

    async def behind() -> None:
        await go_on.wait()
        happened.append("done")

    async def home(request: Request) -> PlainTextResponse:
        return PlainTextResponse("soon", background=BackgroundTask(behind) if request.url.path == "/" else None)

    async with asking(Asgi(Starlette(routes=[Route("/", home), Route("/other", home)]))) as ask:
        assert (await ask.get("/")).text == "soon"
        assert (await ask.get("/other")).text == "soon"
        assert happened == []
        asyncio.get_running_loop().call_later(0.01, go_on.set)
    assert happened == ["done"]


async def test_what_never_ends_behind_a_response_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tincans.apps.http.asgi.ASGI_END_SECONDS", 0.01)
    cancelled: list[bool] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})
        try:
            await asyncio.Future()
        finally:
            cancelled.append(True)

    async with asking(Asgi(app)) as ask:
        assert (await ask.get("/")).status == 204
    assert cancelled == [True]


async def test_a_crash_behind_the_response_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        message: Message = {"type": "http.response.start", "status": 204}
        await send(message)
        await send({"type": "http.response.body"})
        raise RuntimeError("too late")

    async with asking(Asgi(app)) as ask:
        assert (await ask.get("/")).status == 204
        assert (await ask.get("/")).status == 204
    assert "the application crashed behind its response" in caplog.text
