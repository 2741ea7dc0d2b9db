"""Calling through proxies: real ones, and hand-made ones for every answer that they can give."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from running import port_of, program, start
from tincans import transports
from tincans.address import Address
from tincans.channel import Buffered, Channel
from tincans.errors import AddressError, ChannelError, ProxyRefused
from tincans.limits import PROXY_ANSWER_BYTES
from tincans.tasks import spawn
from tincans.testing import memory_pair
from tincans.transports.proxy import Proxy, parse_proxy, through

TARGET = Address.parse("tcp://example.org:80")


# ── what a user writes ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "kind", "address", "user", "password"),
    [
        ("socks5://127.0.0.1:1081", "socks5", "tcp://127.0.0.1:1081", "", ""),
        ("socks5h://proxy", "socks5", "tcp://proxy:1080", "", ""),
        ("http://[::1]:8080/", "http", "tcp://[::1]:8080", "", ""),
        ("http://proxy", "http", "tcp://proxy:3128", "", ""),
        ("https://me:a%3Ab%40c@proxy:1", "http", "tls://proxy:1", "me", "a:b@c"),
    ],
)
def test_proxies_in_text(text: str, kind: str, address: str, user: str, password: str) -> None:
    assert parse_proxy(text) == Proxy(kind, Address.parse(address), user, password)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("127.0.0.1:1080", "a proxy begins with socks5://, http:// or https://"),
        ("socks4://x", "a proxy begins with"),
        ("http://", "a proxy is a host and a port"),
        ("http://x/path", "a proxy is a host and a port"),
        ("http://x:99999", "port out of range"),
        ("socks5://" + "u" * 256 + ":p@x", "at most 255 bytes"),
        ("socks5://u:" + "p" * 256 + "@x", "at most 255 bytes"),
    ],
)
def test_what_is_no_proxy(text: str, reason: str) -> None:
    with pytest.raises(AddressError, match=reason):
        parse_proxy(text)


def test_no_password_is_shown() -> None:
    proxy = parse_proxy("socks5://me:secret@x:1")
    assert "secret" not in f"{proxy} {proxy!r}"
    assert str(proxy) == "socks5://me:******@x:1"
    with pytest.raises(AddressError) as caught:
        parse_proxy("ftp://me:secret@x:1")
    assert "secret" not in str(caught.value)


# ── real proxies ──────────────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def greeting() -> AsyncIterator[Address]:
    """A server that speaks first, and then says everything back."""

    async def serve() -> None:
        async for channel in listener:
            async with channel:
                await channel.send(b"welcome\n")
                async for piece in channel:
                    await channel.send(piece)

    async with await transports.listen(Address.parse("127.0.0.1:0")) as listener:
        serving = spawn(serve())
        yield listener.address
    await serving


MICROSOCKS = ["microsocks", "-i", "127.0.0.1", "-p", "0"]
NCAT = ["ncat", "--listen", "127.0.0.1", "0", "--proxy-type", "http"]


@pytest.mark.foreign
@pytest.mark.parametrize(
    ("command", "proxy"),
    [
        (MICROSOCKS, "socks5://127.0.0.1:{}"),
        ([*MICROSOCKS, "-u", "me", "-P", "secret"], "socks5://me:secret@127.0.0.1:{}"),
        (NCAT, "http://127.0.0.1:{}"),
        ([*NCAT, "--proxy-auth", "me:secret"], "http://me:secret@127.0.0.1:{}"),
    ],
)
async def test_real_proxies(command: Sequence[str], proxy: str) -> None:
    with start([program(command[0]), *command[1:]]) as running:
        where = parse_proxy(proxy.format(port_of(running)))
        async with greeting() as target:
            by_name = target._replace(host="localhost")
            for wanted in (target, by_name):
                channel = await through(await transports.dial(where.address), where, wanted)
                async with Buffered(channel) as reader:
                    assert await reader.receive_until(b"\n") == b"welcome"
                    await reader.send_line("hello")
                    assert await reader.receive_until(b"\n") == b"hello"


@pytest.mark.foreign
@pytest.mark.parametrize(
    ("command", "proxy", "reason"),
    [
        ([*MICROSOCKS, "-u", "me", "-P", "secret"], "socks5://127.0.0.1:{}", "it asks for a user and a password"),
        (
            [*MICROSOCKS, "-u", "me", "-P", "secret"],
            "socks5://me:x@127.0.0.1:{}",
            "does not accept that user and passw",
        ),
        ([*NCAT, "--proxy-auth", "me:secret"], "http://127.0.0.1:{}", "407 .*it asks for a user and a password"),
    ],
)
async def test_real_proxies_that_refuse(command: Sequence[str], proxy: str, reason: str) -> None:
    with start([program(command[0]), *command[1:]]) as running:
        where = parse_proxy(proxy.format(port_of(running)))
        with pytest.raises(ProxyRefused, match=reason):
            await through(await transports.dial(where.address), where, TARGET)


@pytest.mark.foreign
async def test_nobody_listens_behind_a_real_proxy() -> None:
    async with greeting() as target:
        pass
    with start([program(MICROSOCKS[0]), *MICROSOCKS[1:]]) as running:
        where = parse_proxy(f"socks5://127.0.0.1:{port_of(running)}")
        with pytest.raises(ProxyRefused, match="says no: the connection was refused there"):
            await through(await transports.dial(where.address), where, target)


# ── hand-made proxies ─────────────────────────────────────────────────────────────────────────────────────


async def answers(proxy: str, answer: bytes, target: Address = TARGET) -> tuple[Channel, bytes]:
    """Call through a proxy that says all of its answer at once and hangs up: the channel, and what it was asked."""
    near, far = memory_pair()
    await far.send(answer)
    await far.send_eof()
    try:
        channel = await through(near, parse_proxy(proxy), target)
        await channel.send_eof()
    finally:
        asked = b""
        try:
            while True:
                asked += await far.receive()
        except ChannelError:
            await far.aclose()
    return channel, asked


SOCKS, HTTP = "socks5://p:1", "http://p:1"
CONNECTED = b"\x05\x00" + b"\x05\x00\x00\x01" + bytes(6)


@pytest.mark.parametrize(
    ("target", "where"),
    [
        ("tcp://example.org:80", b"\x03\x0bexample.org\x00\x50"),
        ("tcp://1.2.3.4:80", b"\x01\x01\x02\x03\x04\x00\x50"),
        ("tcp://[::2]:443", b"\x04" + bytes(15) + b"\x02\x01\xbb"),
    ],
)
@pytest.mark.parametrize("bound", [b"\x01" + bytes(6), b"\x04" + bytes(18), b"\x03\x04name" + bytes(2)])
async def test_what_socks_is_asked_and_what_comes_behind_its_answer(target: str, where: bytes, bound: bytes) -> None:
    answer = b"\x05\x00" + b"\x05\x00\x00" + bound + b"first words"
    channel, asked = await answers(SOCKS, answer, Address.parse(target))
    assert asked == b"\x05\x01\x00" + b"\x05\x01\x00" + where
    assert await channel.receive() == b"first words"
    await channel.aclose()


async def test_socks_with_a_password() -> None:
    channel, asked = await answers("socks5://me:pass@p:1", b"\x05\x02" + b"\x01\x00" + CONNECTED[2:])
    assert asked.startswith(b"\x05\x02\x00\x02" + b"\x01\x02me\x04pass" + b"\x05\x01\x00")
    await channel.aclose()


async def test_what_http_is_asked_and_what_comes_behind_its_answer() -> None:
    answer = b"HTTP/1.0 200 Connection established\r\nX: y\r\n\r\nfirst words"
    channel, asked = await answers("http://me:pass@p:1", answer, Address.parse("tcp://[::2]:443"))
    assert asked == (
        b"CONNECT [::2]:443 HTTP/1.1\r\nHost: [::2]:443\r\nProxy-Authorization: Basic bWU6cGFzcw==\r\n\r\n"
    )
    assert await channel.receive() == b"first words"
    await channel.aclose()


async def test_a_channel_with_nothing_behind_the_answer_is_the_same_channel() -> None:
    near, far = memory_pair()
    await far.send(b"HTTP/1.1 204 \r\n\r\n")
    assert await through(near, parse_proxy(HTTP), TARGET) is near
    near.abort()
    far.abort()


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (1, "it failed"),
        (2, "its rules forbid it"),
        (3, "there is no way to that network"),
        (4, "there is no way to that host"),
        (5, "the connection was refused there"),
        (6, "it took too long"),
        (7, "it cannot connect at all"),
        (8, "it does not know that kind of address"),
        (99, "its reason is number 99"),
    ],
)
async def test_every_reply_of_socks(code: int, reason: str) -> None:
    with pytest.raises(ProxyRefused) as caught:
        await answers(SOCKS, b"\x05\x00" + bytes([5, code, 0, 1]) + bytes(6))
    assert str(caught.value) == f"cannot connect to {TARGET}: the proxy socks5://p:1 says no: {reason}"


@pytest.mark.parametrize(
    ("proxy", "answer", "reason"),
    [
        (SOCKS, b"\x05\xff", "says no: it asks for a user and a password"),
        ("socks5://u:p@x:1", b"\x05\xff", "says no: it asks for another way to log in"),
        (SOCKS, b"\x05\x02", "chose to log in by method 2, which was not offered"),
        ("socks5://u:p@x:1", b"\x05\x02\x01\x01", "says no: it does not accept that user and password"),
        (SOCKS, b"220 mail ready\r\n", "does not speak SOCKS5: it said '220 mail ready'"),
        (SOCKS, b"\x05\x00\x05\x00\x00\x09", "answered with an address of the unknown kind 9"),
        (SOCKS, b"", "hung up"),
        (SOCKS, CONNECTED[:-1], "hung up"),
        (HTTP, b"HTTP/1.1 403 No\r\n\r\n", "says no: 403 No, its rules forbid it"),
        (HTTP, b"HTTP/1.1 407\r\n\r\n", "says no: 407, it asks for a user and a password"),
        (HTTP, b"HTTP/1.1 405 Method Not Allowed\r\n\r\n", "it does not know CONNECT: it may be a web server"),
        (HTTP, b"HTTP/1.1 502 Bad Gateway\r\n\r\n", "it could not reach that host"),
        (HTTP, b"HTTP/1.1 504 \r\n\r\n", "says no: 504, that host did not answer"),
        (HTTP, b"HTTP/1.1 599 Odd\r\n\r\n", "says no: 599 Odd$"),
        (HTTP, b"SSH-2.0-x\r\n", "is no HTTP proxy: it said 'SSH-2.0-x'"),
        (HTTP, b"220 mail\r\n\r\n", "is no HTTP proxy: it said '220 mail'"),
        (HTTP, b"", "hung up"),
    ],
)
async def test_refusals_and_oddities(proxy: str, answer: bytes, reason: str) -> None:
    with pytest.raises(ProxyRefused, match=reason):
        await answers(proxy, answer)


async def test_an_answer_of_just_the_limit_and_one_byte_more() -> None:
    status = b"HTTP/1.1 200 OK\r\nX: "
    head = status + b"x" * (PROXY_ANSWER_BYTES - len(status))
    for more in (b"", b"x"):
        near, far = memory_pair()
        calling = spawn(through(near, parse_proxy(HTTP), TARGET))
        await asyncio.gather(far.send(head + more + b"\r\n\r\n"), calling, return_exceptions=True)
        if more:
            with pytest.raises(ProxyRefused, match=f"answered with more than {PROXY_ANSWER_BYTES} bytes"):
                await calling
        else:
            await calling
        near.abort()
        far.abort()


async def test_a_proxy_that_is_lost() -> None:
    for proxy in (SOCKS, HTTP):
        near, far = memory_pair()
        calling = spawn(through(near, parse_proxy(proxy), TARGET))
        await far.receive()
        far.abort()
        with pytest.raises(ProxyRefused, match="was lost: "):
            await calling


async def test_a_proxy_leads_to_hosts_only() -> None:
    near, far = memory_pair()
    with pytest.raises(ProxyRefused, match="a proxy leads to a host and a port, not to unix"):
        await through(near, parse_proxy(SOCKS), Address.parse("unix:x"))
    far.abort()


async def test_a_call_that_is_cancelled_leaves_nothing_open() -> None:
    near, far = memory_pair()
    calling = spawn(through(near, parse_proxy(SOCKS), TARGET))
    await far.receive()
    calling.cancel()
    await asyncio.gather(calling, return_exceptions=True)
    with pytest.raises(ChannelError):
        await near.receive()
    far.abort()
