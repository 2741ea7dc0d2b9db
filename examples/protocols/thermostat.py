"""A thermostat: `temp?;` asks, `temp=21.5;` tells, `goal=22;` sets, and `ok;` or `no;` is the answer to that."""

import re

from msgspec.structs import replace

from tincans.channel import Side
from tincans.protocols import MASK, Event, Inbox, Match, Session, Wrong, encoded, text

LONGEST = 64
MESSAGE = re.compile(rb"([a-z]+)(\?|=([^;]*)|);")


class Message(Event, frozen=True, kw_only=True):
    name: str
    what: str = ""  # `?`, `=` and a value, or nothing

    def __post_init__(self) -> None:
        if not MESSAGE.fullmatch(encoded(f"{self.name}{self.what};")):
            raise ValueError("a message is a name, and behind it ?, =VALUE or nothing")

    @property
    def summary(self) -> str:
        return self.name + self.what

    def masked(self) -> "Message":
        return replace(self, what=f"={MASK}") if self.name == "pin" else self


class ThermostatSession(Session):
    name = "thermostat"
    title = "thermostat"
    ports = (4567,)

    @classmethod
    def recognize(cls, client: bytes, server: bytes) -> Match:
        first = re.match(rb"[a-z]+(\?;|=[^;\n]*;|)", client)
        return Match.NO if not first else Match.MAYBE if first[1] else Match.WAIT

    def _read(self, side: Side, inbox: Inbox) -> Event | None:
        start = inbox.start
        if (said := inbox.line(LONGEST, b";", "a message")) is None:
            return None
        if (match := MESSAGE.fullmatch(said)) is None:
            raise Wrong("it is neither a question nor a value nor an answer", start, skip=0)
        if match[1] == b"pin":
            self._hide(side, start + len("pin="), inbox.start - len(";"))
        return Message(name=text(match[1]), what=text(match[2]))

    def _write(self, side: Side, event: Event) -> bytes:
        assert isinstance(event, Message)
        return encoded(event.summary + ";")

    def _skip(self, side: Side, count: int) -> bool:
        return True
