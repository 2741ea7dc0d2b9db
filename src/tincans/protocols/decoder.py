"""One conversation's bytes as events, whatever protocols it goes through.

A `Decoder` has the shape of a session. It keeps what comes until the protocol can be told (`registry.guess`), unless it
was given; and where a session says that the rest is something else, it puts the next one in its place:

    guessing ──recognized──► a session ──Upgraded to "websocket"──► that session, with what was left over
        ▲                        │ ▲
        └──Upgraded to ""────────┘ └──secured── TLS, which after STARTTLS is only noted where the
                                                recording holds what was said inside it
"""

from __future__ import annotations

from collections.abc import Mapping

from tincans.channel import Buffer, Side
from tincans.limits import GUESS_BYTES
from tincans.protocols.events import Event
from tincans.protocols.registry import Protocol, find_protocol, guess
from tincans.protocols.session import Session


class Decoder:
    """Lenient, as for a recording: nothing that was said raises anything."""

    def __init__(self, protocol: str = "", *, port: int | None = None, boundaries: bool = False) -> None:
        """`protocol` as `find_protocol` takes it, or empty to guess, `port` being the server's.

        Raises `NoSuchProtocol`.
        """
        self._port, self._boundaries = port, boundaries
        self._given = find_protocol(protocol) if protocol else None
        self._session: Session | None = None
        self._outer: Session | None = None  # who spoke before TLS began
        self._name = ""
        #: Until the protocol can be told: each word, None for a side's end, a number for bytes that are missing.
        self._early: list[tuple[Side, bytes | int | None]] = []
        self._starts = dict.fromkeys(Side, 0)
        if self._given is not None:
            self._begin(self._given)

    @property
    def protocol(self) -> str:
        """The name of what is spoken now; empty while that cannot be told."""
        return self._name

    @property
    def session(self) -> Session | None:
        """The session that reads now; None while the protocol cannot be told."""
        return self._session

    def began(self, side: Side) -> int:
        """The offset at which that side began to speak what is spoken now."""
        return self._starts[side]

    def receive(self, side: Side, data: Buffer) -> list[tuple[str, Event]]:
        """The events that are complete now, each with the name of its protocol."""
        return self._hear(side, bytes(data))

    def end(self, side: Side) -> list[tuple[str, Event]]:
        """`side` has said its last word."""
        return self._hear(side, None)

    def lost(self, side: Side, count: int) -> list[tuple[str, Event]]:
        """`count` bytes of `side` are not in the recording."""
        return self._hear(side, count)

    def secured(self) -> list[tuple[str, Event]]:
        """From here TLS protects what is said, and the recording holds it plain."""
        outer, self._outer = self._outer, None
        if outer is None:
            return []
        told = [each for side in Side for each in self._hear(side, None)]  # what was said too early is not said inside
        outer.secured()
        if self._session is not None:
            outer.moved({side: self._session.offset(side) for side in Side})
        self._session, self._name = outer, outer.name
        return told

    def moved(self, start: Mapping[Side, int]) -> None:
        """Nothing was said to it yet: these are the offsets at which the two sides begin, each with a whole message."""
        self._starts = dict(start)
        if self._session is not None:
            self._session.moved(start)

    def close(self) -> list[tuple[str, Event]]:
        """Nothing more will come: what was kept to tell the protocol is told now. Sides that did not end stay open."""
        if self._session is None and self._early:
            return self._replay(complete=True, over=True)
        return []

    def unfinished(self, side: Side) -> bytes:
        """What `side` has begun to say and is not an event yet."""
        if self._session is None:
            return b"".join(word for who, word in self._early if who is side and isinstance(word, bytes))
        return self._session.unfinished(side)

    # ── telling the protocol ──────────────────────────────────────────────────────────────────────────────

    def _hear(self, side: Side, word: bytes | int | None) -> list[tuple[str, Event]]:
        if self._session is not None:
            return self._say(side, word)
        self._early.append((side, word))
        over = all((side, None) in self._early for side in Side)
        return self._replay(complete=not isinstance(word, bytes), over=over)

    def _replay(self, *, complete: bool, over: bool) -> list[tuple[str, Event]]:
        """Guess, and when that succeeds say to the session all that was said until now."""
        client, server = (self.unfinished(side)[:GUESS_BYTES] for side in Side)
        if client or server:
            found = guess(client, server, self._port, complete=complete)
        else:  # one that only listens may end before the other begins, and behind a gap there may be more
            found = find_protocol("raw") if over or (self._boundaries and not complete) else None
        if found is None:
            return []
        early, self._early = self._early, []
        self._begin(found)
        return [told for side, word in early for told in self._hear(side, word)]

    def _begin(self, protocol: Protocol, options: dict[str, str] | None = None) -> None:
        self._session = protocol.session(boundaries=self._boundaries, start=self._starts, options=options)
        self._name = protocol.name

    # ── and following it ──────────────────────────────────────────────────────────────────────────────────

    def _say(self, side: Side, word: bytes | int | None) -> list[tuple[str, Event]]:
        session, name = self._session, self._name
        assert session is not None
        if word is None:
            events = session.end(side)
        elif isinstance(word, int):
            events = session.lost(side, word)
        else:
            events = session.receive(side, word)
        told = [(name, event) for event in events]
        if session.upgraded is not None:
            told += self._follow(session)
            if isinstance(word, int):  # a gap is in what comes next
                told += self._hear(side, word)
        return told

    def _follow(self, session: Session) -> list[tuple[str, Event]]:
        """Put the next session in the place of one that is through."""
        assert session.upgraded is not None
        to, options = session.upgraded.to, session.upgraded.options
        self._starts = {side: session.offset(side) for side in Side}
        rests = {side: session.rest(side) for side in Side}
        self._session, self._name = None, ""
        self._outer = session if to == "tls" else None
        self._port = None
        if to:
            self._begin(find_protocol(to), options)
        told: list[tuple[str, Event]] = []
        for side in (session.upgraded.side.other, session.upgraded.side):
            if rests[side]:
                told += self._hear(side, rests[side])
            if session.has_ended(side):
                told += self._hear(side, None)
        return told
