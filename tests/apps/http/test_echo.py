"""`http:echo` answers with what it got: the body in the body, the rest in fields, whatever its size and framing."""

from __future__ import annotations

import asyncio
import json

import pytest

from asking import asking, raw
from tincans.apps import find_app
from tincans.errors import EndOfStream
from tincans.limits import ECHO_DELAY_SECONDS
from tincans.tasks import spawn
from tincans.transports import dial


@pytest.mark.parametrize("body", [b"jam", b"j" * 1_000_000, [b"j" * 70_000, b"a", b"m" * 70_000]])
async def test_a_body_comes_back_as_it_was_framed(body: bytes | list[bytes]) -> None:
    async with asking(find_app("http:echo")) as ask:
        answer = await ask("PUT", "/a?b", [("Content-Type", "text/jam; charset=x")], body)
        assert (answer.status, answer.field("content-type")) == (200, "text/jam; charset=x")
        if isinstance(body, bytes):
            assert (answer.body, answer.field("content-length")) == (body, str(len(body)))
        else:
            assert (answer.body, answer.field("transfer-encoding")) == (b"".join(body), "chunked")


async def test_what_was_asked_comes_back_in_fields() -> None:
    async with asking(find_app("http:echo")) as ask:
        answer = await ask("POST", "/a%20b?c=d", [("X-One", "1"), ("x-one", b"\xff"), ("Accept", "*/*")], b"jam")
        echoed = [value for name, value in answer.fields if name == "x-echo-field"]
        assert echoed == [f"Host: {ask.host}", "X-One: 1", "x-one: \xff", "Accept: */*", "Content-Length: 3"]
        assert (answer.field("x-echo-method"), answer.field("x-echo-target")) == ("POST", "/a%20b?c=d")
        assert answer.field("x-echo-client").startswith("tcp://127.0.0.1:")
        assert answer.field("content-type") == "application/octet-stream"


async def test_a_request_without_a_body_comes_back_as_text() -> None:
    async with asking(find_app("http:echo")) as ask:
        answer = await ask("DELETE", "/jam", [("X-One", b"\xff")])
        assert answer.body == b"DELETE /jam HTTP/1.1\nHost: %b\nX-One: \xff\n" % ask.host.encode()
        assert answer.field("content-type") == "text/plain; charset=utf-8"


async def test_or_as_an_object_where_that_is_wanted() -> None:
    async with asking(find_app("http:echo")) as ask:
        answer = await ask.get("/jam", [("Accept", "application/json"), ("X-One", b"\xff")])
        told = json.loads(answer.body)
        assert told.pop("client").startswith("tcp://127.0.0.1:")
        fields = [["Host", ask.host], ["Accept", "application/json"], ["X-One", "\ufffd"]]
        assert told == {"method": "GET", "target": "/jam", "version": "1.1", "fields": fields}


@pytest.mark.parametrize("status", [200, 204, 304, 404, 599])
async def test_a_status_can_be_asked_for(status: int) -> None:
    async with asking(find_app("http:echo")) as ask:
        assert (await ask.get(f"/?status={status}")).status == status
        assert (await ask("PUT", f"/?status={status}", body=b"jam")).status == status
        assert (await ask.get("/")).status == 200  # the connection is kept


async def test_a_delay_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    async def wait(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr("tincans.apps.http.echo.sleep", wait)
    async with asking(find_app("http:echo")) as ask:
        assert (await ask.get("/?delay=0.5")).status == 200
        assert (await ask.get(f"/?delay={ECHO_DELAY_SECONDS}")).status == 200
    assert waited == [0.5, ECHO_DELAY_SECONDS]


@pytest.mark.parametrize(
    "query",
    ["status=199", "status=600", "status=jam", "status=%D9%A2%D9%A0%D9%A0", "delay=-1", "delay=nan", "delay=jam",
     f"delay={ECHO_DELAY_SECONDS + 1}"],
)  # fmt: skip
async def test_what_cannot_be_asked_for_is_400(query: str) -> None:
    async with asking(find_app("http:echo")) as ask:
        assert (await ask.get(f"/?{query}")).status == 400


async def test_head_has_no_body() -> None:
    async with asking(find_app("http:echo")) as ask:
        answer = await ask("HEAD", "/jam")
        assert (answer.status, answer.body, answer.field("x-echo-method")) == (200, b"", "HEAD")


async def test_a_client_that_waits_to_be_asked_for_its_body_is_asked() -> None:
    async with asking(find_app("http:echo")) as ask, await dial(ask.address) as channel:
        await channel.send(
            b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
        )
        assert await channel.receive() == b"HTTP/1.1 100 Continue\r\n\r\n"
        await channel.send(b"jam")
        answer = b"".join([data async for data in channel])
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert answer.endswith(b"\r\n\r\njam")


async def test_each_piece_comes_back_before_the_next_is_said() -> None:
    async with asking(find_app("http:echo")) as ask, await dial(ask.address) as channel:
        await channel.send(b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        for word in (b"tin", b"can"):
            await channel.send(b"3\r\n%b\r\n" % word)
            heard = b""
            while not heard.endswith(b"3\r\n%b\r\n" % word):
                heard += await channel.receive()
        await channel.send(b"0\r\n\r\n")
        assert (await channel.receive()).endswith(b"0\r\n\r\n")


async def test_a_body_of_any_size_is_never_held() -> None:
    """Over a channel that holds little, a client that does not listen is not heard either, and loses nothing."""
    size = 4 * 1024 * 1024
    async with asking(find_app("http:echo"), "memory:echo") as ask, await dial(ask.address) as channel:
        await channel.send(b"PUT / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % size)
        sending = spawn(channel.send(bytes(size)))
        await asyncio.sleep(0.01)
        assert not sending.done()
        heard = b""
        try:
            while True:
                heard += await channel.receive()
        except EndOfStream:
            await sending
        assert len(heard.partition(b"\r\n\r\n")[2]) == size


async def test_what_comes_back_is_run_by_no_browser() -> None:
    async with asking(find_app("http:echo")) as ask:
        answer = await ask("POST", "/", [("Content-Type", "text/html")], b"<script>alert(1)</script>")
        assert answer.field("content-security-policy") == "sandbox"
        assert answer.field("x-content-type-options") == "nosniff"


async def test_a_malformed_body_is_no_echo() -> None:
    async with asking(find_app("http:echo")) as ask:
        answer = await raw(ask, b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n")
        assert answer.startswith(b"HTTP/1.1 400 ")
