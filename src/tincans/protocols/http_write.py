"""HTTP/1.x as it is written: heads, and bodies in the framing that their head has promised."""

from __future__ import annotations

from tincans.channel import Side
from tincans.errors import LocalProtocolError
from tincans.protocols.events import Event, encoded
from tincans.protocols.http_events import Answer, Body, Fields, Head, MessageEnd, Request
from tincans.protocols.http_state import Half, Place


def write(half: Half, event: Event) -> bytes:
    """What `half` says to mean `event`. Raises `LocalProtocolError` where it cannot say that now."""
    match event:
        case Request() if half.side is Side.CLIENT:
            return _written(half, f"{event.method} {event.target} HTTP/{event.version}", event)
        case Answer() if half.side is Side.SERVER:
            return _written(half, f"HTTP/{event.version} {event.status} {event.reason}", event)
        case Body():
            return _written_body(half, event.data)
        case MessageEnd():
            return _written_end(half, event)
    raise LocalProtocolError(f"the {half.side.value} says no {type(event).__name__} in HTTP")


def _written(half: Half, start: str, event: Head) -> bytes:
    if half.place is not Place.HEAD:
        raise LocalProtocolError("the message before it is not complete, or was the last")
    return encoded(f"{start}\r\n{_fields(event.headers)}\r\n")


def _fields(fields: Fields) -> str:
    return "".join([f"{name}: {value}\r\n" for name, value in fields])


def _written_body(half: Half, data: bytes) -> bytes:
    if half.place is Place.LENGTH and len(data) <= half.left:
        return data
    if half.place in (Place.SIZE, Place.CHUNK_END):
        return b"%x\r\n%b\r\n" % (len(data), data) if data else b""
    if half.place is not Place.UNTIL_CLOSE:
        raise LocalProtocolError(f"{len(data)} bytes more are not what the head has promised")
    return data


def _written_end(half: Half, event: MessageEnd) -> bytes:
    if half.place in (Place.SIZE, Place.CHUNK_END):
        return encoded(f"0\r\n{_fields(event.trailers)}\r\n")
    if event.trailers or half.place not in (Place.HEAD, Place.UNTIL_CLOSE, Place.CLOSED):
        raise LocalProtocolError("the body is not complete, or has no room for trailers")
    return b""
