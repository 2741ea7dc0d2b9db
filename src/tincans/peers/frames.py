"""Messages and content on one channel, told apart: how two programs speak that pair or pass files.

    ┌───┬──────────────┬─────────┐
    │ m │ length (31)  │ payload │     m = 0: a message, a map in MessagePack whose "type" says which
    └───┴──────────────┴─────────┘     m = 1: a piece of a file's content; one without a byte is the file's end

Four bytes, the first the highest, stand before each. Both ends know what may come next, so whoever reads says which
kinds of message they expect, and anything else is a `RemoteProtocolError`. Only `Refused` may come in the place of any
message: it ends the conversation, and says why in words for a person.
"""

from __future__ import annotations

import struct
from contextlib import suppress
from functools import lru_cache
from typing import TypeVar, Union, overload

import msgspec

from tincans.channel import Buffered, Channel
from tincans.errors import ChannelBroken, ChannelError, EndOfStream, PeerRefused, RemoteProtocolError
from tincans.limits import LARGE_BYTES, PASS_MESSAGE_BYTES, PASS_PIECE_BYTES, RECEIVE_BYTES

_HEADER = struct.Struct("!I")
_CONTENT = 1 << 31

A = TypeVar("A", bound="Message")
B = TypeVar("B", bound="Message")
C = TypeVar("C", bound="Message")
D = TypeVar("D", bound="Message")
E = TypeVar("E", bound="Message")


class Message(msgspec.Struct, frozen=True, tag_field="type", tag=str.lower):
    """What one end says to the other."""


class Refused(Message, frozen=True):
    """No, and why: one sentence, of which no character is to be trusted."""

    reason: str


class Frames:
    """The frames of a channel, which it owns. One task a direction, as the channel's contract has it."""

    def __init__(self, channel: Channel) -> None:
        self.channel = Buffered(channel)
        self._left = 0  # bytes of the piece that is being received

    # ── messages ──────────────────────────────────────────────────────────────────────────────────────────

    async def send(self, message: Message) -> None:
        """Raises as `Channel.send` does."""
        await self.channel.send(_framed(message))

    @overload
    async def receive(self, one: type[A], /) -> A: ...
    @overload
    async def receive(self, one: type[A], two: type[B], /) -> A | B: ...
    @overload
    async def receive(
        self, one: type[A], two: type[B], three: type[C], four: type[D], five: type[E], /
    ) -> A | B | C | D | E: ...
    async def receive(self, *kinds: type[Message]) -> Message:
        """The next message, which must be one of `kinds`.

        Raises `PeerRefused` where the other end says no, `RemoteProtocolError` for anything else, and as
        `Channel.receive` does. Cancelling loses nothing but a part of a message: close the channel then.
        """
        (header,) = _HEADER.unpack(await self.channel.receive_exactly(_HEADER.size))
        if header & _CONTENT:
            raise RemoteProtocolError("the other side sent content where a message was expected")
        if header > PASS_MESSAGE_BYTES:
            raise RemoteProtocolError(f"the other side sent a message of more than {PASS_MESSAGE_BYTES} bytes")
        data = await self.channel.receive_exactly(header)
        try:
            message = _decoder((*kinds, Refused)).decode(data)
        except msgspec.MsgspecError as error:
            raise RemoteProtocolError(f"the other side sent what was not expected: {error}") from error
        if isinstance(message, Refused):
            raise PeerRefused(self.channel.remote.bare(), message.reason)
        return message

    # ── content ───────────────────────────────────────────────────────────────────────────────────────────

    async def send_piece(self, data: bytes) -> None:
        """One piece of a file, of at most PASS_PIECE_BYTES, and not empty."""
        header = _HEADER.pack(len(data) | _CONTENT)
        if len(data) < LARGE_BYTES:  # cheaper to copy than to send by itself
            await self.channel.send(header + data)
        else:
            await self.channel.send(header)
            await self.channel.send(data)

    async def send_end(self, message: Message) -> None:
        """The end of a file's content, and the message behind it."""
        await self.channel.send(_HEADER.pack(_CONTENT) + _framed(message))

    async def receive_some(self) -> bytes:
        """Some bytes of a file's content, as they come; none at its end. Raises as `receive` does."""
        if not self._left:
            (header,) = _HEADER.unpack(await self.channel.receive_exactly(_HEADER.size))
            if not header & _CONTENT:
                raise RemoteProtocolError("the other side sent a message where content was expected")
            self._left = header & ~_CONTENT
            if self._left > PASS_PIECE_BYTES:
                raise RemoteProtocolError(f"the other side sent a piece of more than {PASS_PIECE_BYTES} bytes")
            if not self._left:
                return b""
        ahead = len(self.channel.ahead)
        data = await self.channel.receive_exactly(min(self._left, ahead or RECEIVE_BYTES))
        self._left -= len(data)
        return data

    # ── ending ────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def is_cut(self) -> bool:
        """Whether the channel has ended without the goodbye of TLS: nobody chose that, or somebody on the way did."""
        return self.channel.facts.get("tls.truncated") == "yes"

    async def ended(self) -> None:
        """Wait until the other end has said goodbye.

        Raises `ChannelBroken` where it was lost, and `RemoteProtocolError` where it says more.
        """
        try:
            await self.channel.receive()
        except EndOfStream:
            if self.is_cut:
                raise ChannelBroken from None
        else:
            raise RemoteProtocolError("the other side goes on when all was said")

    async def refuse(self, reason: str) -> None:
        """Say no, if there is still somebody to hear it; what follows is a close."""
        with suppress(ChannelError):
            await self.send(Refused(reason))

    async def aclose(self) -> None:
        await self.channel.aclose()

    def abort(self) -> None:
        self.channel.abort()


def _framed(message: Message) -> bytes:
    data = msgspec.msgpack.encode(message)
    assert len(data) <= PASS_MESSAGE_BYTES, "whoever makes messages keeps them short"
    return _HEADER.pack(len(data)) + data


@lru_cache(maxsize=32)
def _decoder(kinds: tuple[type[Message], ...]) -> msgspec.msgpack.Decoder[Message]:
    return msgspec.msgpack.Decoder(Union[kinds])  # noqa: UP007
