"""A caller of the IRC door, as a member of the hub, and what its handlers answer with.

    handler(caller, message) ─► caller.reply("RPL_TOPIC", …)   a number, to this caller alone
                             ─► caller.say(line)               any other line
                             ─► hub.…() ─► caller.own(event)   what it did itself, as its form writes it

What answers a labelled command is gathered until the handler is through, and then said as one (`irc_labels`); what
others do meanwhile is not held up.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from tincans.apps.chat.events import Away, Event, Invited, LoggedIn, Said, Tagged, Whispered
from tincans.apps.chat.hub import Hub
from tincans.apps.chat.irc_forms import IrcForm, form_of
from tincans.apps.chat.member import Member, written
from tincans.apps.chat.outbox import Outbox
from tincans.channel import Channel
from tincans.limits import IRC_MESSAGE_BYTES
from tincans.protocols import irc
from tincans.protocols.irc_numerics import NUMBERS

if TYPE_CHECKING:
    from tincans.apps.chat.irc_registration import Registration

_NO_CAPS: frozenset[str] = frozenset()
#: What its own handler answers.
_ANSWERED = (Away, Invited, LoggedIn)
#: What is told to who did it where they want echoes.
_ECHOED = (Said, Whispered, Tagged)


class IrcMember(Member):
    """One caller. There are thousands, hence the slots; what only some need is made when it is."""

    __slots__ = (
        "_doer", "_gathered", "_url", "_woken", "dismissed", "hub", "login", "monitored", "registration", "secure",
        "user_modes",
    )  # fmt: skip

    def __init__(self, hub: Hub, channel: Channel) -> None:
        self.secure = "tls.version" in channel.facts
        self._url = base_url(channel)
        self.outbox: Outbox = Outbox(channel, hub.flusher, self._is_slow)
        super().__init__(host_of(channel), form_of(_NO_CAPS, server_name(hub), self._url), self.outbox)
        self.hub = hub
        #: What was said of who they are; None once they are in.
        self.registration: Registration | None = None
        #: The letters of their own modes that are on.
        self.user_modes = ""
        #: The folded nicks whose coming and going they are told; None where they asked for none.
        self.monitored: set[str] | None = None
        #: Why the hub let them go; the door closes then.
        self.dismissed = ""
        #: What answers the labelled command that is acted upon.
        self._gathered: list[bytes] | None = None
        #: The task of the door, which `dismiss` wakes; whether it did.
        self._doer = asyncio.current_task()
        self._woken = False

    # ── what they want ────────────────────────────────────────────────────────────────────────────────────

    @property
    def caps(self) -> frozenset[str]:
        """The capabilities that they have asked for."""
        assert isinstance(self.form, IrcForm)
        return self.form.caps

    def set_caps(self, caps: Iterable[str]) -> None:
        """From now on they have these capabilities."""
        form = form_of(frozenset(caps), server_name(self.hub), self._url)
        self.hub.reform(self, form)

    # ── what is said to them ──────────────────────────────────────────────────────────────────────────────

    def say(self, data: bytes) -> None:
        """Say whole lines, in answer to what they said."""
        if self._gathered is not None:
            self._gathered.append(data)
        else:
            self._send(data)

    def reply(self, name: str, *parameters: str) -> None:
        """A reply by its name, as `RPL_TOPIC`; who it is for stands before the parameters."""
        to = self.nick or "*"
        self.say(irc.written(NUMBERS[name], to, *parameters, source=server_name(self.hub), tags=self._tags()))

    def reply_words(self, name: str, *parameters: str, words: Iterable[str]) -> None:
        """Replies of which the last parameter is these words, as many in each as fit; none for no words."""
        head = len(irc.written(NUMBERS[name], self.nick or "*", *parameters, "", source=server_name(self.hub)))
        line, size = list[str](), head
        for word in words:
            more = len(word.encode()) + 1
            if line and size + more > IRC_MESSAGE_BYTES:
                self.reply(name, *parameters, " ".join(line))
                line, size = [], head
            line.append(word)
            size += more
        if line:
            self.reply(name, *parameters, " ".join(line))

    def answer(self, verb: str, *parameters: str) -> None:
        """A message of the server that is no number: `PONG`, `CAP`, `NOTICE`, `FAIL`."""
        self.say(irc.written(verb, *parameters, source=server_name(self.hub), tags=self._tags()))

    def _tags(self) -> str:
        return self.form.tags(self.hub.now()) if isinstance(self.form, IrcForm) else ""

    def _send(self, data: bytes) -> None:
        self.outbox.add(data)

    # ── what happens ──────────────────────────────────────────────────────────────────────────────────────

    def tell(self, event: Event) -> None:
        if isinstance(event, Invited) and event.nick != self.nick and "invite-notify" not in self.caps:
            return
        super().tell(event)

    def own(self, event: Event) -> None:
        if isinstance(event, _ANSWERED):
            return
        if isinstance(event, _ECHOED) and "echo-message" not in self.caps and not self._is_to_self(event):
            return
        if self.form is not None and (data := written(event, self.form)):
            self.say(data)

    def _is_to_self(self, event: Event) -> bool:
        return isinstance(event, Whispered) and event.to == self.nick

    def ping(self) -> None:
        self._send(irc.written("PING", server_name(self.hub), source=server_name(self.hub)))

    def dismiss(self, text: str) -> None:
        if self.dismissed:
            return
        self.dismissed = text or "goodbye"
        self.outbox.last(irc.written("ERROR", f"Closing link: {self.host} ({self.dismissed})"))
        if self._doer is not None and asyncio.current_task() is not self._doer:
            self._woken = self._doer.cancel()

    def was_cancelled(self) -> bool:
        """Whether it was `dismiss` that cancelled the task of the door, and nobody else did, too."""
        return self._woken and self._doer is not None and self._doer.uncancel() == 0

    def close(self) -> None:
        """Nothing more is said to them."""
        self.outbox.close()
        self._doer = None

    def _is_slow(self) -> None:
        self.hub.dismiss(self, "too slow")


def server_name(hub: Hub) -> str:
    """What the hub is called in a source, where no blank may be."""
    return re.sub(r"[\s!@:]+", "-", hub.name) or "tincans"


def host_of(channel: Channel) -> str:
    """Where a caller is, as others are shown it: a word that does not begin with a colon."""
    host = channel.remote.host or "localhost"
    return f"0{host}" if host.startswith(":") else host


def base_url(channel: Channel) -> str:
    """The hub's address as this caller knows it, to stand before the path of a file; empty where there is none."""
    local = channel.local
    if not local.port:
        return ""
    host = f"[{local.host}]" if ":" in local.host else local.host
    return f"http{'s' if 'tls.version' in channel.facts else ''}://{host}:{local.port}"
