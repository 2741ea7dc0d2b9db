"""What is said in WebSocket: messages and their pieces, pings, and goodbye."""

from __future__ import annotations

import msgspec
from websockets.exceptions import ProtocolError
from websockets.frames import CLOSE_CODE_EXPLANATIONS, CloseCode
from websockets.frames import Close as CloseFrame

from tincans.protocols.events import Event, text
from tincans.protocols.plain_secrets import without_secrets

#: The most that a control frame carries (RFC 6455 §5.5), and no code in a close frame (§7.4.1).
CONTROL_BYTES = 125
NO_CODE = 1005


class Text(Event, frozen=True, kw_only=True):
    """A message of text; a piece of one where `fin` is False, and the last piece behind such."""

    text: str
    fin: bool = True

    @property
    def summary(self) -> str:
        return self.text if self.fin else f"{self.text}…"

    def masked(self) -> Text:
        return msgspec.structs.replace(self, text=without_secrets(self.text)) if self.hidden else self


class Binary(Event, frozen=True, kw_only=True):
    """A message of bytes; a piece of one where `fin` is False, and the last piece behind such."""

    data: bytes
    fin: bool = True

    @property
    def summary(self) -> str:
        return f"binary, {len(self.data)} bytes" + ("" if self.fin else " and more")


class _Control(Event, frozen=True, kw_only=True):
    data: bytes = b""

    def __post_init__(self) -> None:
        if len(self.data) > CONTROL_BYTES:
            raise ValueError(f"a control frame carries at most {CONTROL_BYTES} bytes")

    @property
    def summary(self) -> str:
        return f"{type(self).__name__.lower()} {text(self.data)}".rstrip(" ")


class Ping(_Control, frozen=True, kw_only=True):
    """Are you there?"""


class Pong(_Control, frozen=True, kw_only=True):
    """I am; with the data of the ping."""


class Close(Event, frozen=True, kw_only=True):
    """The last that this side says. `code` is NO_CODE where it gave none."""

    code: int = NO_CODE
    reason: str = ""

    def __post_init__(self) -> None:
        if self.code == NO_CODE and not self.reason:
            return
        try:
            size = len(CloseFrame(self.code, self.reason).serialize())
        except ProtocolError as error:
            raise ValueError(f"{self.code} is no code for a close frame") from error
        if size > CONTROL_BYTES:
            raise ValueError(f"a close frame carries at most {CONTROL_BYTES} bytes")

    @property
    def summary(self) -> str:
        if self.code == NO_CODE:
            return "close"
        known = CLOSE_CODE_EXPLANATIONS.get(CloseCode(self.code)) if self.code in set(CloseCode) else None
        return f"close {self.code}" + (f" ({known})" if known else "") + (f": {self.reason}" if self.reason else "")
