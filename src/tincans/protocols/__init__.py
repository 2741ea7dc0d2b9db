"""What two applications say, as what it means: one pure `Session` a protocol.

    session = find_protocol("lines").session()
    session.receive(Side.CLIENT, b"hello\\n")      # [Line(side=CLIENT, start=0, end=6, line="hello", …)]
    session.send(Side.SERVER, Line(line="hi"))     # b"hi\\n"

`docs/adding-a-protocol.md` shows how one is written. Nothing here knows a socket, a loop or a clock.
"""

from __future__ import annotations

from tincans.protocols.decoder import Decoder
from tincans.protocols.events import MASK, Chunk, Data, Event, Malformed, Missing, Upgraded, encoded, text
from tincans.protocols.inbox import Inbox, Wrong
from tincans.protocols.registry import Protocol, find_protocol, guess, names
from tincans.protocols.session import Match, Session

__all__ = [
    "MASK",
    "Chunk",
    "Data",
    "Decoder",
    "Event",
    "Inbox",
    "Malformed",
    "Match",
    "Missing",
    "Protocol",
    "Session",
    "Upgraded",
    "Wrong",
    "encoded",
    "find_protocol",
    "guess",
    "names",
    "text",
]
