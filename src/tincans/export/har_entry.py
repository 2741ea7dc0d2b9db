"""One request and its answer as an entry of a HAR file (http://www.softwareishard.com/blog/har-12-spec/).

Names and structure are the specification's, and where it has none those that browsers write (with an underscore:
`_webSocketMessages`, `_resourceType`). Times are in milliseconds.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qsl, quote

from tincans.address import Address
from tincans.channel import Side
from tincans.errors import AddressError
from tincans.limits import HAR_BODY_BYTES
from tincans.protocols.content import Content, media_type
from tincans.protocols.http_events import Answer, Fields, Head, Request

Json = dict[str, Any]

#: What stands in a URL as it is (RFC 3986 §2), escapes included.
_URL_SAFE = "!#$%&'()*+,/:;=?@[]-._~"

#: A body is unpacked in steps of this: what is packed may become a thousand times as much.
_STEP = 64 * 1024

_FORM = "application/x-www-form-urlencoded"


class Body:
    """A body as it came: what of it was kept, how long it was, and when it began and ended."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.size = 0

    def add(self, data: bytes, room: int) -> int:
        """The next piece, of which `room` bytes may be kept; gives how many were."""
        kept = data[: max(0, room)] if len(self.data) == self.size else b""
        self.data += kept
        self.size += len(data)
        return len(kept)

    @property
    def lack(self) -> list[str]:
        return [] if len(self.data) == self.size else [f"only the first {len(self.data)} of {self.size} bytes are here"]


class Message:
    """A request or an answer: its head as far as it is known, its body, and its moments in nanoseconds."""

    def __init__(self, began: int, at: int, head: Head | None = None) -> None:
        self.head = head
        self.body = Body()
        self.began, self.at = began, at
        self.is_whole = False

    @property
    def headers_size(self) -> int:
        return self.head.end - self.head.start if self.head else -1

    @property
    def version(self) -> str:
        return f"HTTP/{self.head.version}" if self.head else ""

    def remarks(self) -> list[str]:
        return [*(self.head.notes if self.head else ()), *self.body.lack]


class Socket:
    """What was said in WebSocket behind the answer."""

    def __init__(self) -> None:
        self.messages: list[Json] = []
        self.kept = self.size = 0
        self._begun: dict[Side, Any] = {}

    def add(self, side: Side, at: int, data: str | bytes, room: int, *, is_last: bool) -> int:
        """The next message, or piece of one, for which there is `room`; gives how much of it was kept."""
        self.size += len(data)
        if len(data) > room or self.kept + len(data) < self.size:
            return 0
        self.kept += len(data)
        whole = self._begun.pop(side) + data if side in self._begun else data
        if is_last:
            self.messages.append(_message(side, at, whole))
        else:
            self._begun[side] = whole
        return len(data)

    @property
    def lack(self) -> list[str]:
        return (
            [] if self.kept == self.size else [f"of {self.size} bytes of messages only the first {self.kept} are here"]
        )


class Exchange:
    """A request, its answer, and the WebSocket behind them, if there is one."""

    def __init__(self, request: Message) -> None:
        self.request = request
        self.answer: Message | None = None
        self.socket: Socket | None = None
        self.comments: list[str] = []
        #: Nobody knows any more which answer belongs to it.
        self.is_given_up = False

    @property
    def is_over(self) -> bool:
        answered = self.answer is not None and self.answer.is_whole
        return self.is_given_up or (answered and self.request.is_whole and self.socket is None)

    @property
    def kept(self) -> int:
        """Bytes of what was said that it holds."""
        answer, socket = self.answer, self.socket
        return len(self.request.body.data) + (len(answer.body.data) if answer else 0) + (socket.kept if socket else 0)

    def remarks(self) -> list[str]:
        """What a reader should know, each once."""
        found = [
            *self.comments,
            *self.request.remarks(),
            *(self.answer.remarks() if self.answer else ["no answer came"]),
        ]
        return list(dict.fromkeys([*found, *(self.socket.lack if self.socket else [])]))


# ── an entry ──────────────────────────────────────────────────────────────────────────────────────────────


def entry(exchange: Exchange, connection: int, server: str, *, secure: bool) -> Json:
    """The exchange; `server` is the address of who answered, `connection` the conversation's number."""
    request, answer = exchange.request, exchange.answer
    scheme = ("ws" if exchange.socket else "http") + ("s" if secure else "")
    found: Json = {
        "startedDateTime": _moment(request.began),
        "time": _milliseconds(max(request.at, answer.at if answer else 0) - request.began),
        "request": _request(request, scheme, server),
        "response": _answer(answer),
        "cache": {},
        "timings": _timings(request, answer),
        "connection": str(connection),
    }
    if ip := _ip(server):
        found["serverIPAddress"] = ip
    if exchange.socket is not None:
        found |= {"_resourceType": "websocket", "_webSocketMessages": exchange.socket.messages}
    if remarks := exchange.remarks():
        found["comment"] = "; ".join(remarks)
    return found


def _timings(request: Message, answer: Message | None) -> Json:
    if answer is None:
        return {"send": _milliseconds(request.at - request.began), "wait": 0, "receive": 0}
    return {
        "send": _milliseconds(request.at - request.began),
        "wait": _milliseconds(answer.began - request.at),
        "receive": _milliseconds(answer.at - max(answer.began, request.at)),
    }


def _milliseconds(nanoseconds: int) -> float:
    """None is less than nothing: an answer may begin before its request is whole."""
    return max(0, nanoseconds) / 1e6


def _moment(at: int) -> str:
    second, rest = divmod(max(0, at), 10**9)
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09}Z"


def _ip(server: str) -> str:
    try:
        return str(ip_address(Address.parse(server).host))
    except (AddressError, ValueError):
        return ""


# ── the request ───────────────────────────────────────────────────────────────────────────────────────────


def _request(message: Message, scheme: str, server: str) -> Json:
    head = message.head
    url = _url(head, scheme, server)
    found: Json = {
        "method": head.method if isinstance(head, Request) else "",
        "url": url,
        "httpVersion": message.version,
        "cookies": [_cookie(pair) for value in _every(head, "cookie") for pair in value.split(";") if pair.strip()],
        "headers": _headers(head),
        "queryString": _pairs(url.partition("#")[0].partition("?")[2]),
        "headersSize": message.headers_size,
        "bodySize": message.body.size,
    }
    if message.body.size and head is not None:
        found["postData"] = _posted(head, message.body)
    return found


def _url(head: Head | None, scheme: str, server: str) -> str:
    """The target, made absolute (RFC 9112 §3.3)."""
    target = head.target if isinstance(head, Request) else "/"
    host = (head.field("host") if head else "") or server.partition("://")[2] or "unknown"
    if "://" not in target.partition("?")[0]:
        if target == "*":
            target = ""
        if isinstance(head, Request) and head.method == "CONNECT":
            host, target = target, ""
        target = f"{scheme}://{host}{target}"
    return quote(target, safe=_URL_SAFE, errors="surrogateescape")


def _posted(head: Head, body: Body) -> Json:
    """What was posted. Bytes that are no text are in base64, which the specification has no field for."""
    media = head.field("content-type")
    data = bytes(body.data)
    try:
        found: Json = {"mimeType": media, "text": data.decode()}
    except UnicodeDecodeError:
        return {"mimeType": media, "text": base64.b64encode(data).decode(), "_encoding": "base64"}
    if media_type(media)[0] == _FORM:
        found["params"] = _pairs(found["text"])
    return found


# ── the answer ────────────────────────────────────────────────────────────────────────────────────────────


def _answer(message: Message | None) -> Json:
    head = message.head if message else None
    body = message.body if message else Body()
    return {
        "status": head.status if isinstance(head, Answer) else 0,
        "statusText": head.reason if isinstance(head, Answer) else "",
        "httpVersion": message.version if message else "",
        "cookies": [_set_cookie(value) for value in _every(head, "set-cookie")],
        "headers": _headers(head),
        "content": _content(head, body),
        "redirectURL": head.field("location") if head else "",
        "headersSize": message.headers_size if message else -1,
        "bodySize": body.size if message else -1,
    }


def _content(head: Head | None, body: Body) -> Json:
    """The body unpacked, as text where it is some."""
    media = head.field("content-type") if head else ""
    found: Json = {"size": body.size, "mimeType": media or "x-unknown"}
    if not body.size or head is None:
        return found
    codings = f"{head.field('content-encoding')},{head.field('transfer-encoding')}".split(",")
    content = Content(
        [coding.strip() for coding in codings if coding.strip().lower() != "chunked"], media_type(media)[1],
        most=HAR_BODY_BYTES,
    )  # fmt: skip
    pieces = (bytes(body.data[at : at + _STEP]) for at in range(0, len(body.data), _STEP))
    data = b"".join(map(content.feed, pieces)) + content.end()
    if content.is_packed:
        found |= {"size": len(data), "compression": len(data) - body.size}
    if content.trouble:
        found["comment"] = content.trouble
    return found | _text(data)


def _text(data: bytes) -> Json:
    try:
        return {"text": data.decode()}
    except UnicodeDecodeError:
        return {"text": base64.b64encode(data).decode(), "encoding": "base64"}


# ── fields ────────────────────────────────────────────────────────────────────────────────────────────────


def _every(head: Head | None, name: str) -> list[str]:
    return head.every(name) if head else []


def _headers(head: Head | None) -> list[Json]:
    fields: Fields = head.headers if head else ()
    return [{"name": name, "value": value} for name, value in fields]


def _pairs(text: str) -> list[Json]:
    pairs = parse_qsl(text, keep_blank_values=True, errors="surrogateescape")
    return [{"name": name, "value": value} for name, value in pairs]


def _cookie(pair: str) -> Json:
    name, _, value = pair.strip().partition("=")
    return {"name": name, "value": value}


def _set_cookie(value: str) -> Json:
    """A cookie with its attributes (RFC 6265 §4.1.1)."""
    pair, *attributes = value.split(";")
    found = _cookie(pair)
    for attribute in attributes:
        name, _, word = (part.strip() for part in attribute.partition("="))
        match name.lower():
            case "path" | "domain" as known:
                found[known] = word
            case "expires":
                found |= _expires(word)
            case "httponly":
                found["httpOnly"] = True
            case "secure":
                found["secure"] = True
    return found


def _expires(word: str) -> Json:
    try:
        return {"expires": parsedate_to_datetime(word).astimezone(UTC).isoformat()}
    except (ValueError, OverflowError):
        return {}


# ── WebSocket ─────────────────────────────────────────────────────────────────────────────────────────────


def _message(side: Side, at: int, data: str | bytes) -> Json:
    """A message as Chrome writes it: seconds since 1970, and what is no text in base64."""
    return {
        "type": "send" if side is Side.CLIENT else "receive",
        "time": at / 1e9,
        "opcode": 1 if isinstance(data, str) else 2,
        "data": data if isinstance(data, str) else base64.b64encode(data).decode(),
    }
