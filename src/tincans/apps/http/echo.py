"""The handler of `http:echo`: answers any request with what it got.

A request with a body is answered with that body, its Content-Type, and as it was framed: of known length, or in chunks.
One without is answered with its own head as text, or, where it accepts `application/json`, as an object. Both ways the
rest is in fields:

    X-Echo-Method, X-Echo-Target     what was asked
    X-Echo-Client                    who asked
    X-Echo-Field                     each field of the request as it was said, `Name: value`, in their order

    ?status=404                      answers with that status, of 200 … 599
    ?delay=0.5                       waits for so many seconds before, ECHO_DELAY_SECONDS at most

Bodies of any size are sent back while they come. What comes back was said by somebody, perhaps by a page of elsewhere:
a browser does not run it here (sandbox, nosniff).
"""

from __future__ import annotations

from asyncio import sleep
from collections.abc import AsyncIterator, Iterator
from math import isfinite
from urllib.parse import parse_qs

import msgspec

from tincans.apps.http.exchange import Exchange, Request
from tincans.apps.http.request import CHUNKED
from tincans.apps.http.site import fail
from tincans.limits import ECHO_DELAY_SECONDS


async def echo(exchange: Exchange) -> None:
    """Answer with what was asked."""
    request = exchange.request
    try:
        status, delay = _wishes(request.query)
    except ValueError as error:
        await fail(exchange, 400, str(error))
        return
    await sleep(delay)
    first = await exchange.take()  # before the answer begins: the client may wait to be asked for it
    if not first:
        await exchange.respond(status, list(_fields(exchange, "")), _in_words(exchange))
        return
    media = request.fields.get("content-type", "application/octet-stream")
    length = None if request.length == CHUNKED else request.length
    await exchange.respond(status, list(_fields(exchange, media)), _back(first, exchange), length=length)


async def _back(first: bytes, exchange: Exchange) -> AsyncIterator[bytes]:
    yield first
    while piece := await exchange.take():
        yield piece


def _wishes(query: str) -> tuple[int, float]:
    """The status and the delay that the query asks for. Raises `ValueError`."""
    asked = parse_qs(query)
    status, delay = asked.get("status", ["200"])[0], asked.get("delay", ["0"])[0]
    if not (status.isascii() and status.isdigit() and 200 <= int(status) <= 599):
        raise ValueError(f"{status!r} is no status of 200 to 599")
    try:
        seconds = float(delay)
    except ValueError:
        seconds = -1
    if not isfinite(seconds) or not 0 <= seconds <= ECHO_DELAY_SECONDS:
        raise ValueError(f"{delay!r} is no delay of 0 to {ECHO_DELAY_SECONDS:g} seconds")
    return int(status), seconds


def _fields(exchange: Exchange, media: str) -> Iterator[tuple[str, str]]:
    request = exchange.request
    words = "application/json" if _wants_json(request) else "text/plain; charset=utf-8"
    yield "Content-Type", _said(media) if media else words
    yield "X-Content-Type-Options", "nosniff"
    yield "Content-Security-Policy", "sandbox"
    yield "Cache-Control", "no-store"
    yield "X-Echo-Method", request.method
    yield "X-Echo-Target", request.target
    yield "X-Echo-Client", str(exchange.channel.remote)
    for name, value in request.fields:
        yield "X-Echo-Field", f"{name}: {_said(value)}"


def _said(value: str) -> str:
    """A field's value as the bytes that it came in, which is how a response says it."""
    return value.encode("utf-8", "surrogateescape").decode("latin-1")


def _wants_json(request: Request) -> bool:
    return "application/json" in request.fields.get("accept")


def _in_words(exchange: Exchange) -> bytes:
    """A request without a body, to be read."""
    request = exchange.request
    if not _wants_json(request):
        lines = [f"{name}: {value}\n" for name, value in request.fields]
        head = f"{request.method} {request.target} HTTP/{request.version}\n{''.join(lines)}"
        return head.encode("utf-8", "surrogateescape")
    told = {
        "method": request.method,
        "target": request.target,
        "version": request.version,
        "client": str(exchange.channel.remote),
        "fields": [[name, _readable(value)] for name, value in request.fields],
    }
    return msgspec.json.encode(told) + b"\n"


def _readable(value: str) -> str:
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
