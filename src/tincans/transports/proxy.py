"""Calling through a proxy: SOCKS5 (RFC 1928, RFC 1929) and HTTP CONNECT (RFC 9110 §9.3.6), over any channel.

Both are asked by name, so the proxy resolves it: a name may mean something only where the proxy is. What the target
said along with the proxy's last answer is not lost: the channel that is returned begins with it.
"""

from __future__ import annotations

import ipaddress
import re
from base64 import b64encode
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from tincans.address import Address
from tincans.channel import Buffered, Channel
from tincans.errors import (
    AddressError,
    ChannelBroken,
    ChannelError,
    ConnectError,
    EndOfStream,
    LimitExceeded,
    ProxyRefused,
)
from tincans.limits import HOST_CHARACTERS, PROXY_ANSWER_BYTES
from tincans.transports.tls_words import quoted

_EXAMPLE = "socks5://127.0.0.1:1080 or http://127.0.0.1:3128"

#: A scheme, the wraps below it, and the port where none is given: IANA's for SOCKS, Squid's for HTTP.
_SCHEMES = {
    "socks5": ("socks5", (), 1080),
    "socks5h": ("socks5", (), 1080),
    "http": ("http", (), 3128),
    "https": ("http", ("tls",), 3128),
}

# RFC 1928 §3 and §6
_VERSION, _NO_PASSWORD, _PASSWORD, _NOTHING_ACCEPTABLE, _CONNECT = 5, 0, 2, 255, 1
_IPV4, _NAME, _IPV6 = 1, 3, 4
_REPLIES = {
    1: "it failed",
    2: "its rules forbid it",
    3: "there is no way to that network",
    4: "there is no way to that host",
    5: "the connection was refused there",
    6: "it took too long",
    7: "it cannot connect at all",
    8: "it does not know that kind of address",
}

_STATUS = {
    401: "it asks for a password, but not as a proxy does",
    403: "its rules forbid it",
    404: "it does not know CONNECT: it may be a web server",
    405: "it does not know CONNECT: it may be a web server",
    407: "it asks for a user and a password: http://user:password@…",
    502: "it could not reach that host",
    503: "it could not reach that host",
    504: "that host did not answer",
}


@dataclass(frozen=True)
class Proxy:
    """A proxy and who we are to it. Shows no password."""

    #: "socks5" or "http".
    kind: str
    address: Address
    user: str = ""
    password: str = field(default="", repr=False)

    def __str__(self) -> str:
        who = f"{self.user}:******@" if self.user else ""
        return f"{self.kind}://{who}{self.address.host}:{self.address.port}"


def parse_proxy(text: str) -> Proxy:
    """Read `socks5://[user:password@]host[:port]`, or `http://` or `https://` and the same. Raises `AddressError`."""
    shown = re.sub(r"//[^/@]*@", "//******@", text)
    try:
        split = urlsplit(text)
        host, port = split.hostname, split.port
    except ValueError as error:
        raise AddressError(shown, f"it is no proxy: {str(error).lower()}", _EXAMPLE) from error
    if split.scheme not in _SCHEMES:
        raise AddressError(shown, "a proxy begins with socks5://, http:// or https://", _EXAMPLE)
    if not host or split.path not in ("", "/") or split.query or split.fragment:
        raise AddressError(shown, "a proxy is a host and a port", _EXAMPLE)
    kind, wraps, default = _SCHEMES[split.scheme]
    user, password = unquote(split.username or ""), unquote(split.password or "")
    if kind == "socks5" and max(len(user.encode()), len(password.encode())) > 255:  # RFC 1929 §2
        raise AddressError(shown, "a user or password of SOCKS5 has at most 255 bytes", _EXAMPLE)
    return Proxy(kind, Address("tcp", host, port or default, wraps=wraps), user, password)


async def through(channel: Channel, proxy: Proxy, target: Address) -> Channel:
    """Have the proxy at the other end of `channel` connect to `target`, and return the channel to there.

    `ProxyRefused` says what the proxy answered. When it fails or is cancelled, `channel` is closed.
    """
    if target.scheme != "tcp":
        channel.abort()
        raise ProxyRefused(target, f"a proxy leads to a host and a port, not to {target.scheme}")
    talk = _Talk(Buffered(channel), proxy, target)
    try:
        await (talk.socks() if proxy.kind == "socks5" else talk.connect())
    except BaseException:
        channel.abort()
        raise
    return talk.channel if talk.channel.ahead else channel


class _Talk:
    """One conversation with a proxy."""

    def __init__(self, channel: Buffered, proxy: Proxy, target: Address) -> None:
        self.channel, self._proxy, self._target = channel, proxy, target

    def _refused(self, reason: str) -> ConnectError:
        return ProxyRefused(self._target, f"the proxy {self._proxy} says no: {reason}")

    def _odd(self, reason: str) -> ConnectError:
        return ProxyRefused(self._target, f"the proxy {self._proxy} {reason}")

    async def _ask(self, question: bytes, count: int) -> bytes:
        """Send a question, and receive an answer of so many bytes."""
        try:
            await self.channel.send(question)
            return await self.channel.receive_exactly(count)
        except ChannelError as error:
            raise self._lost(error) from error

    def _lost(self, error: ChannelError) -> ConnectError:
        if isinstance(error, EndOfStream):
            return self._odd("hung up")
        if isinstance(error, LimitExceeded):
            return self._odd(f"answered with more than {error.limit} bytes")
        return self._odd(f"was lost: {error.reason if isinstance(error, ChannelBroken) else error}")

    # ── SOCKS5 ────────────────────────────────────────────────────────────────────────────────────────────

    async def socks(self) -> None:
        """RFC 1928: agree on a method, perform it, ask for the connection."""
        methods = bytes([_NO_PASSWORD, _PASSWORD] if self._proxy.user else [_NO_PASSWORD])
        version, method = await self._ask(bytes([_VERSION, len(methods)]) + methods, 2)
        if version != _VERSION:
            raise self._odd(f"does not speak SOCKS5: it said {quoted(bytes([version, method]) + self.channel.ahead)}")
        if method == _PASSWORD and self._proxy.user:
            await self._log_in()
        elif method == _NOTHING_ACCEPTABLE:
            wants = "another way to log in" if self._proxy.user else "a user and a password: socks5://user:password@…"
            raise self._refused(f"it asks for {wants}")
        elif method != _NO_PASSWORD:
            raise self._odd(f"chose to log in by method {method}, which was not offered")
        version, reply, _, kind = await self._ask(bytes([_VERSION, _CONNECT, 0]) + self._where(), 4)
        if reply:
            raise self._refused(_REPLIES.get(reply, f"its reason is number {reply}"))
        await self._skip_bound_address(kind)

    async def _log_in(self) -> None:
        user, password = self._proxy.user.encode(), self._proxy.password.encode()
        request = bytes([1, len(user)]) + user + bytes([len(password)]) + password
        _, status = await self._ask(request, 2)
        if status:
            raise self._refused("it does not accept that user and password")

    def _where(self) -> bytes:
        host, port = self._target.host, self._target.port.to_bytes(2, "big")
        try:
            ip = ipaddress.ip_address(host)
        except ValueError:
            name = host.encode("ascii")
            assert len(name) <= HOST_CHARACTERS
            return bytes([_NAME, len(name)]) + name + port
        return bytes([_IPV4 if ip.version == 4 else _IPV6]) + ip.packed + port

    async def _skip_bound_address(self, kind: int) -> None:
        """The proxy's own end; nobody needs it, and its length depends on its kind."""
        if kind == _NAME:
            (length,) = await self._ask(b"", 1)
        else:
            length = {_IPV4: 4, _IPV6: 16}.get(kind, -2)
            if length < 0:
                raise self._odd(f"answered with an address of the unknown kind {kind}")
        await self._ask(b"", length + 2)

    # ── HTTP CONNECT ──────────────────────────────────────────────────────────────────────────────────────

    async def connect(self) -> None:
        """RFC 9110 §9.3.6: any 2xx opens the tunnel, which begins after the empty line."""
        try:
            await self.channel.send(self._request())
            head = await self.channel.receive_until(b"\r\n\r\n", PROXY_ANSWER_BYTES)
        except EndOfStream as error:
            said = self.channel.ahead
            raise (self._odd(f"is no HTTP proxy: it said {quoted(said)}") if said else self._lost(error)) from error
        except ChannelError as error:
            raise self._lost(error) from error
        match = re.match(rb"HTTP/1\.[01] ([0-9]{3})(?: ([^\r\n]*))?", head)
        if match is None:
            raise self._odd(f"is no HTTP proxy: it said {quoted(head)}")
        status, words = int(match[1]), (match[2] or b"").decode("latin-1")
        if status // 100 != 2:
            raise self._refused(
                f"{status} {words.strip()}".strip() + (f", {_STATUS[status]}" if status in _STATUS else "")
            )

    def _request(self) -> bytes:
        host = f"[{self._target.host}]" if ":" in self._target.host else self._target.host
        lines = [f"CONNECT {host}:{self._target.port} HTTP/1.1", f"Host: {host}:{self._target.port}"]
        if self._proxy.user:  # RFC 7617 §2
            token = b64encode(f"{self._proxy.user}:{self._proxy.password}".encode()).decode()
            lines.append(f"Proxy-Authorization: Basic {token}")
        return "\r\n".join([*lines, "", ""]).encode()
