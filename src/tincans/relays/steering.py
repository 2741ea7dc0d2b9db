"""A link whose words are looked at before they pass: they may wait, be replaced, or turn out to be TLS.

The two channels of a link are given to the ordinary `pump`, each inside a `SteeredChannel`, so ends, losses, notes and
backpressure are as on any other link. What a `SteeredChannel` receives is what may pass now. Behind both stands one
`Steering`, which reads along with one decoder:

    client ──► SteeredChannel ──► pump ──► server            what comes is decoded; what may pass is received
                    │    Steering: decoder, steerer
    client ◄── pump ◄── SteeredChannel ◄── server

What waits:

* where the `Steerer` wants whole events, what has begun and is none yet;
* where TLS is seen through, the client's first bytes while they may become a ClientHello.

**TLS begins** with the client's first byte, or after both have agreed to it (STARTTLS: an `Upgraded` to "tls"). Either
way it is the client who speaks next, so it is its `receive` that performs both handshakes, while the server's rests.
Both channels below are replaced, the taps are told, and the same conversation goes on in plain. Words that came before
the handshake, after the agreement, are refused: nobody knows who said them (as CVE-2011-0411).

Once nothing can come of it any more, the steering is *through*, and the channels below are all there is.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tincans.channel import Channel, Side
from tincans.conversation import Tap, steering_taps
from tincans.errors import HandshakeFailed
from tincans.held import carry_held, hold
from tincans.protocols.decoder import Decoder
from tincans.protocols.events import Event, Upgraded
from tincans.protocols.http_events import Request
from tincans.protocols.session import Match
from tincans.protocols.tls import TlsSession
from tincans.protocols.tls_messages import ClientHello
from tincans.pump import pump
from tincans.recording import Outcome
from tincans.relays.steered import SteeredChannel
from tincans.transports.tls_words import quoted

if TYPE_CHECKING:
    from tincans.relays.interception import Interception

log = logging.getLogger(__name__)

#: Protocols in which TLS can begin later; in HTTP, by CONNECT, also inside TLS.
_BEFORE_TLS = frozenset(("http", "smtp", "ftp", "pop3", "imap", "irc", "postgresql"))
_IN_TLS = frozenset(("http",))

#: So many bytes tell whether it is TLS: the header of a record, and of a message.
_RECOGNIZED = 9


class Steerer:
    """What becomes of each event of a link. This one lets everything pass as it was said."""

    #: Set before anything is asked.
    steering: Steering

    def is_done(self, protocol: str) -> bool:
        """Whether it need not hear any more, now that `protocol` is spoken."""
        return True

    def waits(self, protocol: str, side: Side) -> bool:
        """Whether what `side` has begun to say waits until it is a whole event. Asked once `protocol` is known."""
        return False

    async def hear(self, protocol: str, event: Event) -> bytes | None:
        """Hear the next event before it passes: None lets it pass as it was said, bytes pass in its place.

        They do so only where all of the event still waits. Nothing else passes meanwhile, so wait for neither party.
        """
        return None

    def secured(self, facts: Mapping[str, str]) -> None:
        """From here on TLS protects both legs, and the events are those of what is said inside it."""

    async def aclose(self) -> None:
        """The link is over."""


async def steer(
    client: Channel, server: Channel, taps: Sequence[Tap] = (), steerer: Steerer | None = None,
    interception: Interception | None = None, *, port: int | None = None, protocol: str = "",
    resume: Channel | None = None,
) -> Outcome:  # fmt: skip
    """As `pump`, with `steerer` asked about every event and TLS seen through by `interception`, where given.

    Both channels are streams. `port` is the server's, by which the protocol is guessed where it is not given. `resume`
    is an earlier channel to that server, whose session of TLS it is offered again. What is said by hand is read along
    like what that side says itself. Raises `ConnectError` when a handshake of TLS fails; the client was told, then.
    """
    decoder = Decoder(protocol, port=port)
    legs = hold(client, server) if steering_taps(taps) else None
    steering = Steering(*(legs or (client, server)), taps, steerer or Steerer(), interception, decoder, resume)
    carrying = pump(steering.client, steering.server, taps)
    try:
        if legs is None:
            return await carrying
        return await carry_held(*legs, taps, carrying, steering.client.abort, steering.server.abort)
    finally:
        await steering.steerer.aclose()


class Steering:
    """What both directions of one link share."""

    def __init__(
        self, client: Channel, server: Channel, taps: Sequence[Tap], steerer: Steerer,
        interception: Interception | None, decoder: Decoder, resume: Channel | None = None,
    ) -> None:  # fmt: skip
        self.client = SteeredChannel(client, Side.CLIENT, self)
        self.server = SteeredChannel(server, Side.SERVER, self)
        self.steerer = steerer
        steerer.steering = self
        self.decoder = decoder
        #: Nothing is looked at any more.
        self.is_through = False
        self._interception, self._resume = interception, resume
        self._taps = tuple(taps)
        self._turn = asyncio.Lock()  # one piece is decoded after the other
        self._agreed = False  # on TLS, and the client has not said hello yet
        self._securing = False
        self._is_secured = False
        #: What the client says first, while it may become a hello; None once it has turned out not to be one.
        self._hello: _Hello | None = None
        self._host = ""  # whom the client asked a proxy for
        self._look_for_hello()

    @property
    def sees_through(self) -> bool:
        """Whether TLS is taken apart here."""
        return self._interception is not None

    def note(self, text: str) -> None:
        """Tell the taps something worth knowing."""
        for tap in self._taps:
            tap.noted(text)

    def through(self) -> None:
        """Look at nothing any more: what waits passes, and so does all that comes."""
        self.is_through = True
        self._hello = None
        for channel in (self.client, self.server):
            channel.pass_all()
            channel.look_again()

    # ── what a channel asks ───────────────────────────────────────────────────────────────────────────────

    def must_rest(self, channel: SteeredChannel) -> bool:
        """Whether nothing more is to be received there before something else has happened."""
        return channel is self.server and (self._agreed or self._securing)

    async def heard(self, channel: SteeredChannel, data: bytes | None) -> None:
        """Take in what came, None for the end."""
        if channel is self.client and self._hello is not None:
            await self._hear_hello(self._hello, data)
            return
        async with self._turn:
            await self._decode(channel, data)

    # ── decoding ──────────────────────────────────────────────────────────────────────────────────────────

    async def _decode(self, channel: SteeredChannel, data: bytes | None) -> None:
        if self.is_through:
            channel.add(data or b"")
            channel.pass_all()
            return
        try:
            await self._decode_piece(channel, data)
        except HandshakeFailed:
            raise
        except Exception as error:
            log.exception("a decoder crashed, and the link goes on without it")
            self.note(f"the decoder crashed: {type(error).__name__}: {error}")
            self.through()

    async def _decode_piece(self, channel: SteeredChannel, data: bytes | None) -> None:
        if data is None:
            told = self.decoder.end(channel.side)
        else:
            channel.add(data)
            told = self.decoder.receive(channel.side, data)
        for protocol, event in told:
            await self._pass_event(protocol, event)
            if isinstance(event, Upgraded) and self.sees_through and self._upgrade(event):
                return
        for each in (self.client, self.server):
            each.pass_until(self._limit(each))
            each.look_again()
        if self._nothing_can_come():
            self.through()

    async def _pass_event(self, protocol: str, event: Event) -> None:
        channel = self.client if event.side is Side.CLIENT else self.server
        channel.told = event.end
        if isinstance(event, Request) and event.method == "CONNECT":
            self._host = event.target.rpartition(":")[0].strip("[]")
        instead = await self.steerer.hear(protocol, event)
        if instead is not None:
            channel.replace(event.start, event.end, instead)

    def _limit(self, channel: SteeredChannel) -> int:
        """The offset up to which what that side said may pass."""
        protocol = self.decoder.protocol
        waits = protocol and not channel.ended and self.steerer.waits(protocol, channel.side)
        return channel.told if waits else channel.heard

    def _upgrade(self, event: Upgraded) -> bool:
        """Whether this event makes everything wait for TLS."""
        if event.to == "":
            self._look_for_hello()
        if event.to != "tls":
            return False
        for channel in (self.client, self.server):
            channel.pass_until(self.decoder.began(channel.side))
            if early := channel.heard - self.decoder.began(channel.side):
                reason = f"{early} bytes that TLS does not protect came before the handshake"
                raise HandshakeFailed(channel.remote, reason, caller=channel is self.client)
        self._agreed = True
        self._look_for_hello()
        self.client.look_again()
        return True

    def _nothing_can_come(self) -> bool:
        protocol = self.decoder.protocol
        if not protocol or not self.steerer.is_done(protocol):
            return False
        return not self.sees_through or protocol not in (_IN_TLS if self._is_secured else _BEFORE_TLS)

    # ── TLS ───────────────────────────────────────────────────────────────────────────────────────────────

    def _look_for_hello(self) -> None:
        if self._interception is not None:
            self._hello = _Hello()

    async def _hear_hello(self, hello: _Hello, data: bytes | None) -> None:
        """More of what the client says first: wait for more, see through TLS, or find out that it is none."""
        found = hello.take(data)
        if found is Match.WAIT:
            return
        if found is Match.SURE and hello.event is not None:
            await self._secure(hello.event, bytes(hello.said))
            return
        self._hello = None
        if self._agreed:
            self._agreed = False
            self.server.look_again()
            if hello.said:
                said = quoted(bytes(hello.said))
                raise HandshakeFailed(self.client.remote, f"it agreed to TLS, and said {said}", caller=True)
        async with self._turn:
            if hello.said:
                await self._decode(self.client, bytes(hello.said))
            if data is None:
                await self._decode(self.client, None)

    async def _secure(self, hello: ClientHello, said: bytes) -> None:
        """Perform both handshakes in the place of what is below."""
        assert self._interception is not None
        self._securing = True
        await self.server.rest(self.client)
        legs = await self._interception.secure(
            self.client.bare, self.server.bare, hello, said, host=self._host, resume=self._resume
        )
        self.client.replace_bare(legs.client)
        self.server.replace_bare(legs.server)
        self.decoder.secured()
        self._securing = self._agreed = False
        self._is_secured = True
        self._hello = None
        if self.decoder.session is None:
            self._look_for_hello()
        for tap in self._taps:
            tap.secured(legs.facts)
        self.steerer.secured(legs.facts)
        if legs.is_opaque or self._nothing_can_come():
            self.through()
        self.server.look_again()


class _Hello:
    """What a client says first, while it may become a ClientHello."""

    __slots__ = ("_session", "event", "said")

    def __init__(self) -> None:
        self.said = bytearray()
        self.event: ClientHello | None = None
        self._session = TlsSession()

    def take(self, data: bytes | None) -> Match:
        """WAIT for more, SURE once `event` is there, or NO."""
        if data is None:
            return Match.NO
        self.said += data
        if TlsSession.recognize(bytes(self.said[:_RECOGNIZED]), b"") not in (Match.WAIT, Match.SURE):
            return Match.NO
        events = self._session.receive(Side.CLIENT, data)
        if not events:
            return Match.WAIT
        if isinstance(events[0], ClientHello):
            self.event = events[0]
        return Match.SURE if self.event is not None else Match.NO
