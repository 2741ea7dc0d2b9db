"""A channel of WebSocket messages, on the sans-I/O core of the `websockets` library.

The core parses frames, checks the rules, masks, inflates and answers pings; this channel moves the bytes. Fragments
are joined, so one `receive` is one message whoever cut it, and text and binary messages both come as bytes. A
WebSocket ends in both directions at once (RFC 6455 §1.4), so there is no half-close.

A pong may be late but must not be hoarded: while one waits for a peer that does not read, only the latest is kept,
which RFC 6455 §5.5.3 allows. So what waits to be sent is at most one message, one pong and one close frame.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence

from websockets.exceptions import PayloadTooBig
from websockets.frames import Close, CloseCode, Frame, Opcode
from websockets.protocol import Event, Protocol, State

from tincans.channel import Buffer, Channel, Traits, Turn
from tincans.errors import CannotHalfClose, ChannelBroken, ChannelClosed, ChannelError, EndOfStream, LimitExceeded
from tincans.limits import WEBSOCKET_CLOSE_SECONDS, WEBSOCKET_MESSAGE_BYTES
from tincans.transports.outlet import Outlet

#: Close codes of a party that has finished (RFC 6455 §7.4.1), besides those of applications, 3000 and above.
_FINISHED = (CloseCode.NORMAL_CLOSURE, CloseCode.GOING_AWAY, CloseCode.NO_STATUS_RCVD)


class WebSocketChannel(Channel):
    """Messages over the channel below, which it owns, once the opening handshake is done."""

    __slots__ = (
        "_answers", "_below", "_closed", "_end", "_facts", "_goodbye", "_message", "_messages", "_outlet", "_partial",
        "_partial_text", "_protocol", "_receiving", "_sending", "_text", "local", "remote",
    )  # fmt: skip

    traits = Traits(boundaries=True, half_close=False)

    def __init__(self, below: Channel, protocol: Protocol, facts: Mapping[str, str], *, text: bool) -> None:
        """`protocol` is open; what came with its handshake is given to `hear`. With `text`, text is sent as text."""
        self.local, self.remote = below.local, below.remote
        self._below, self._protocol, self._text = below, protocol, text
        self._facts = {**below.facts, **facts}
        self._outlet = Outlet(below, self._to_send)
        self._receiving, self._sending = Turn("receiving"), Turn("sending")
        self._messages = deque[bytes]()  # received, and not asked for yet
        self._partial: bytearray | None = None  # the fragments of a message so far
        self._partial_text = False
        self._answers: list[bytes] = []  # pongs and the close frame, not yet sent
        self._message = b""  # what `send` sends
        self._end: ChannelError | None = None
        self._closed = False
        self._goodbye = Close(CloseCode.NORMAL_CLOSURE, "")

    @property
    def facts(self) -> Mapping[str, str]:
        """`ws.resource`, and where there are any `ws.subprotocol`, `ws.origin`, `ws.deflate`; at the end `ws.close`."""
        return self._facts

    # ── receiving ─────────────────────────────────────────────────────────────────────────────────────────

    async def receive(self) -> bytes:
        with self._receiving:
            while True:
                if self._closed:
                    raise ChannelClosed
                if self._messages:
                    return self._messages.popleft()
                if self._end is not None:
                    raise _again(self._end)
                await self._more()

    async def _more(self) -> None:
        try:
            data = await self._below.receive()
        except EndOfStream:
            self._end = ChannelBroken("the other side went away without closing the WebSocket")
        except ChannelBroken as error:
            self._end = error
        else:
            self._protocol.receive_data(data)
            self.hear(self._protocol.events_received())

    def hear(self, events: Sequence[Event]) -> None:
        """Take in what the protocol made of the bytes that came."""
        for event in events:
            if isinstance(event, Frame):
                self._hear_frame(event)
        if self._end is None and (error := self._protocol.parser_exc):
            self._end = _broken(error)
        answers = [data for data in self._protocol.data_to_send() if data]
        if answers:
            self._answers = answers[-1:] if self._answers else answers
            self._outlet.answer()

    def _hear_frame(self, frame: Frame) -> None:
        match frame.opcode:
            case Opcode.TEXT | Opcode.BINARY if frame.fin:
                self._hear_message(frame.data, frame.opcode is Opcode.TEXT)
            case Opcode.TEXT | Opcode.BINARY:
                self._partial, self._partial_text = bytearray(frame.data), frame.opcode is Opcode.TEXT
            case Opcode.CONT:
                assert self._partial is not None, "the protocol refuses a continuation of nothing"
                self._partial += frame.data
                if frame.fin:
                    self._hear_message(self._partial, self._partial_text)
                    self._partial = None
            case Opcode.CLOSE:
                self._hear_close()

    def _hear_message(self, data: Buffer, is_text: bool) -> None:
        message = bytes(data)
        if is_text and not _is_utf8(message):  # RFC 6455 §8.1
            self._end = ChannelBroken("the other side sent text that is not UTF-8")
            self._protocol.fail(CloseCode.INVALID_DATA, "text that is not UTF-8")
        elif self._end is None:
            self._messages.append(message)

    def _hear_close(self) -> None:
        close = self._protocol.close_rcvd
        assert close is not None
        self._facts = {**self._facts, "ws.close": str(int(close.code))}
        if close.code in _FINISHED or close.code >= 3000:
            self._end = EndOfStream()
        else:
            self._end = ChannelBroken(f"the other side closed the WebSocket: {_words(close)}")

    # ── sending ───────────────────────────────────────────────────────────────────────────────────────────

    async def send(self, data: Buffer) -> None:
        with self._sending:
            if self._closed:
                raise ChannelClosed
            if self._protocol.state is not State.OPEN or self._end is not None:
                raise ChannelBroken("the other side closed the WebSocket")
            view = memoryview(data).cast("B")
            # What is not UTF-8 must not go as text (RFC 6455 §5.6); as binary it arrives whole.
            if self._text and _is_utf8(bytes(view)):
                self._protocol.send_text(view)
            else:
                self._protocol.send_binary(view)
            self._message = b"".join(self._protocol.data_to_send())
            await self._outlet.flush()

    def _to_send(self) -> bytes:
        data = b"".join([*self._answers, self._message])
        self._answers, self._message = [], b""
        return data

    async def send_eof(self) -> None:
        if self._closed:
            raise ChannelClosed
        raise CannotHalfClose("WebSocket")

    # ── ending ────────────────────────────────────────────────────────────────────────────────────────────

    async def aclose(self) -> None:
        """Say a close frame and wait for the other side's, for at most WEBSOCKET_CLOSE_SECONDS; then close below.

        While another task sends or receives there is no waiting: that task is to be woken at once.
        """
        if self._closed:
            return
        self._closed = True
        try:
            if not (self._outlet.torn or isinstance(self._end, ChannelBroken)):
                async with asyncio.timeout(WEBSOCKET_CLOSE_SECONDS):
                    await self._close_politely()
        except (ChannelError, TimeoutError):
            pass
        except BaseException:
            self._below.abort()
            raise
        await self._below.aclose()

    async def _close_politely(self) -> None:
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(self._goodbye.code, self._goodbye.reason)
            self._answers += self._protocol.data_to_send()
        await self._outlet.flush()
        while not (self._receiving.taken or self._protocol.close_rcvd or self._protocol.parser_exc):
            self._protocol.receive_data(await self._below.receive())

    def abort(self) -> None:
        self._closed = True
        self._below.abort()


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _broken(error: Exception) -> ChannelError:
    """Why the protocol stopped: the other side broke its rules, or our limit."""
    if isinstance(error, PayloadTooBig):
        return LimitExceeded("a WebSocket message", WEBSOCKET_MESSAGE_BYTES)
    return ChannelBroken(f"the other side broke the rules of WebSocket: {error}")


def _words(close: Close) -> str:
    """`1009 (message too big): 'frame with 20000000 bytes'`."""
    try:
        name = f" ({CloseCode(close.code).name.lower().replace('_', ' ')})"
    except ValueError:
        name = ""
    return f"{int(close.code)}{name}" + (f": {close.reason!r}" if close.reason else "")


def _again(error: ChannelError) -> ChannelError:
    """The same error once more, without the last one's traceback."""
    match error:
        case LimitExceeded(what=what, limit=limit):
            return LimitExceeded(what, limit)
        case ChannelBroken(reason=reason):
            return ChannelBroken(reason)
    return EndOfStream()
