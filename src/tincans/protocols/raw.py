"""Raw: bytes without a further meaning, or whole messages where the channel keeps boundaries."""

from __future__ import annotations

from typing import ClassVar

from tincans.channel import Side
from tincans.errors import LocalProtocolError
from tincans.protocols.events import Data, Event, text
from tincans.protocols.inbox import Inbox
from tincans.protocols.session import Session


class Message(Event, frozen=True, kw_only=True):
    """One whole message, perhaps empty."""

    data: bytes

    @property
    def summary(self) -> str:
        return text(self.data) or "(an empty message)"


class RawSession(Session):
    """Every piece is `Data`, or a `Message` where there are boundaries."""

    name: ClassVar[str] = "raw"
    title: ClassVar[str] = "raw bytes"
    framed: ClassVar[bool] = True

    def _read(self, side: Side, inbox: Inbox) -> Event | None:
        if self.boundaries:
            return Message(data=inbox.take_all())
        return Data(data=inbox.take_all()) if inbox.data else None

    def _write(self, side: Side, event: Event) -> bytes:
        if isinstance(event, Message if self.boundaries else Data):
            return event.data
        raise LocalProtocolError(f"raw bytes have no {type(event).__name__}")

    def _skip(self, side: Side, count: int) -> bool:
        return True
