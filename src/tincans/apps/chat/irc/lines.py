"""What a caller of IRC says, as messages: a strict session reads it, and is had only while a line is unfinished.

Ten thousand members are idle most of the time, and a session is two kilobytes: one that has nothing left over is put
back for whoever speaks next.
"""

from __future__ import annotations

from typing import cast

from tincans.channel import Side
from tincans.errors import RemoteProtocolError
from tincans.protocols.events import Event
from tincans.protocols.irc import IrcSession

#: Sessions that nobody has; and how many of them are kept.
_spare: list[IrcSession] = []
_SPARE = 16

#: What a session has to hear of the answer to STARTTLS, which is that there is no such command, to read on.
_NO_TLS = b":hub 421 * STARTTLS :there is no such command\r\n"


class IrcLines:
    """One caller's. `wrong` is what is so wrong that the rest of what they say cannot be believed."""

    __slots__ = ("_session", "wrong")

    def __init__(self) -> None:
        self._session: IrcSession | None = None
        self.wrong = ""

    def read(self, data: bytes) -> list[Event]:
        """What is complete with this."""
        session = self._session or (_spare.pop() if _spare else IrcSession(strict=True))
        events: list[Event] = []
        try:
            events += session.receive(Side.CLIENT, data)
            while session.waiting_for_tls:
                events += [event for event in session.receive(Side.SERVER, _NO_TLS) if event.side is Side.CLIENT]
        except RemoteProtocolError as error:
            self._session, self.wrong = None, str(error)
            return [*events, *cast("list[Event]", error.before)]
        self._session = session if session.unfinished(Side.CLIENT) else None
        if self._session is None and len(_spare) < _SPARE:
            _spare.append(session)
        return events
