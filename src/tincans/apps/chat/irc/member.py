"""A caller of the IRC door, as a member of the hub, and what its handlers answer with.

    handler(caller, message) ─► caller.reply("RPL_TOPIC", …)   a number, to this caller alone
                             ─► caller.say(line)               any other line
                             ─► hub.…() ─► caller.own(event)   what it did itself, as its form writes it

What answers a labelled command is gathered until the handler is through, and then said as one (`irc.labels`); what
others do meanwhile is not held up.

    begin(message) ─► reply, say, own … ─► finish()
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

from tincans.apps.chat.events import Away, Event, Invited, Said, Tagged, Whispered
from tincans.apps.chat.hub import Hub
from tincans.apps.chat.irc.forms import IrcForm, form_of
from tincans.apps.chat.irc.labels import label_of, labelled, reference
from tincans.apps.chat.member import Member, written
from tincans.apps.chat.outbox import Outbox
from tincans.apps.chat.places import base_url, host_of
from tincans.channel import Channel
from tincans.limits import IRC_MESSAGE_BYTES
from tincans.protocols import irc
from tincans.protocols.irc_numerics import NUMBERS

if TYPE_CHECKING:
    from tincans.apps.chat.irc.registration import Registration
    from tincans.apps.chat.irc.sasl import Dialogue
    from tincans.protocols.irc import Message

_NO_CAPS: frozenset[str] = frozenset()
#: What its own handler answers.
_ANSWERED = (Away, Invited)
#: What is told to who did it where they want echoes.
_ECHOED = (Said, Whispered, Tagged)


class IrcMember(Member):
    """One caller. There are thousands, hence the slots; what only some need is made when it is."""

    __slots__ = (
        "_doer", "_gathered", "_label", "_url", "_woken", "caps", "dismissed", "hub", "knocked", "knows_302", "login",
        "monitored", "registration", "secure", "user_modes", "wrong_logins",
    )  # fmt: skip

    form: IrcForm
    outbox: Outbox

    def __init__(self, hub: Hub, channel: Channel) -> None:
        self.secure = "tls.version" in channel.facts
        self._url = base_url(channel)
        outbox = Outbox(channel, hub.flusher, self._is_slow)
        super().__init__(host_of(channel), form_of(_NO_CAPS, server_name(hub), self._url), outbox)
        self.hub = hub
        #: The capabilities that they have asked for (`set_caps`).
        self.caps = _NO_CAPS
        #: They have said CAP LS 302.
        self.knows_302 = False
        #: A login by SASL that goes on, and how many were wrong.
        self.login: Dialogue | None = None
        self.wrong_logins = 0
        #: What was said of who they are; None once they are in.
        self.registration: Registration | None = None
        #: The letters of their own modes that are on.
        self.user_modes = ""
        #: The folded nicks whose coming and going they are told; None where they asked for none.
        self.monitored: set[str] | None = None
        #: When they last knocked at a room, in the loop's seconds; 0 where they did not.
        self.knocked = 0.0
        #: Why the hub let them go; the door closes then.
        self.dismissed = ""
        #: The label of the command that is acted upon, and what answers it.
        self._label = ""
        self._gathered: list[bytes] | None = None
        #: The task of the door, which `dismiss` wakes; whether it did.
        self._doer = asyncio.current_task()
        self._woken = False

    # ── what they want ────────────────────────────────────────────────────────────────────────────────────

    def set_caps(self, caps: Iterable[str]) -> None:
        """From now on they have these capabilities."""
        self.caps = _interned(frozenset(caps))
        form = form_of(self.caps, self.form.server, self._url)
        if form is not self.form:
            self.hub.reform(self, form)

    # ── what is said to them ──────────────────────────────────────────────────────────────────────────────

    def begin(self, message: Message) -> None:
        """This is acted upon now; if it has a label, what answers it is gathered."""
        if "labeled-response" in self.caps and "batch" in self.caps and (label := label_of(message.tags)):
            self._label, self._gathered = label, []

    def finish(self) -> None:
        """It was acted upon: what was gathered is said."""
        if self._gathered is not None:
            gathered, self._gathered = self._gathered, None
            self._send(labelled(self._label, gathered, self.form.server))

    def say(self, data: bytes) -> None:
        """Say whole lines, in answer to what they said."""
        if self._gathered is not None:
            self._gathered.append(data)
        else:
            self._send(data)

    def reply(self, name: str, *parameters: str) -> None:
        """A reply by its name, as `RPL_TOPIC`; who it is for stands before the parameters."""
        self.answer(NUMBERS[name], self.nick or "*", *parameters)

    def notify(self, name: str, *parameters: str) -> None:
        """A reply that answers nothing: something has happened that they had asked to be told of."""
        tags = self.form.tags(self.hub.now())
        self._send(irc.written(NUMBERS[name], self.nick, *parameters, source=self.form.server, tags=tags))

    def reply_words(self, name: str, *parameters: str, words: Iterable[str], between: str = " ") -> None:
        """Replies of which the last parameter is these words, as many in each as fit; none for no words."""
        head = len(irc.written(NUMBERS[name], self.nick or "*", *parameters, "", source=self.form.server))
        rest, most, sign = between.join(words).encode(), IRC_MESSAGE_BYTES - head, between.encode()
        while rest:
            end = rest.rfind(sign, 0, most + 1) if len(rest) > most else len(rest)
            end = end if end > 0 else most  # a word longer than a line, which no name is
            self.reply(name, *parameters, rest[:end].decode(errors="ignore"))
            rest = rest[end:].removeprefix(sign)

    def answer(self, verb: str, *parameters: str, batch: str = "") -> None:
        """A message of the server that is no number: `PONG`, `CAP`, `NOTICE`."""
        tags = self.form.tags(self.hub.now(), batch=batch)
        self.say(irc.written(verb, *parameters, source=self.form.server, tags=tags))

    def fail(self, command: str, code: str, *about: str, text: str) -> None:
        """The command was not followed: a standard reply (https://ircv3.net/specs/extensions/standard-replies)."""
        self.answer("FAIL", command, code, *about, text)

    def begin_batch(self, kind: str, *parameters: str) -> str:
        """What follows belongs together; the name of the batch is for its messages' tags. Empty for who knows none."""
        if "batch" not in self.caps:
            return ""
        batch = reference()
        self.answer("BATCH", f"+{batch}", kind, *parameters)
        return batch

    def end_batch(self, batch: str) -> None:
        if batch:
            self.answer("BATCH", f"-{batch}")

    @staticmethod
    def word(said: str) -> str:
        """What a client said, as a parameter that is not the last: `*` for what cannot be one."""
        return said if said and " " not in said and said[0] != ":" else "*"

    def _send(self, data: bytes) -> None:
        if data:
            self.outbox.add(data)

    # ── what happens ──────────────────────────────────────────────────────────────────────────────────────

    def tell(self, event: Event) -> None:
        if isinstance(event, Invited) and event.nick != self.nick and "invite-notify" not in self.caps:
            return
        super().tell(event)

    def own(self, event: Event) -> None:
        if isinstance(event, _ANSWERED):
            return
        if isinstance(event, _ECHOED):
            if isinstance(event, (Whispered, Tagged)) and event.to == self.nick:
                self._send(written(event, self.form))  # and the echo: two messages, of which that has the label
            if "echo-message" not in self.caps:
                return
        if data := written(event, self.form):
            self.say(data)

    def ping(self) -> None:
        self._send(irc.written("PING", self.form.server))

    def dismiss(self, text: str) -> None:
        if self.dismissed:
            return
        self.finish()
        self.dismissed = text or "goodbye"
        self.outbox.last(irc.written("ERROR", f"Closing link: {self.host} ({self.dismissed})"))
        if self._doer is not None and asyncio.current_task() is not self._doer:
            self._woken = self._doer.cancel()

    def was_cancelled(self) -> bool:
        """Whether it was `dismiss` that cancelled the task of the door, and nobody else did, too."""
        return self._woken and self._doer is not None and self._doer.uncancel() == 0

    def close_registration(self) -> None:
        """They will not come in any more."""
        if self.registration is not None:
            self.registration.close()

    def close(self) -> None:
        """Nothing more is said to them."""
        self.outbox.close()
        self._doer = None

    def _is_slow(self) -> None:
        self.hub.dismiss(self, "too slow")


@lru_cache(maxsize=1024)
def _interned(caps: frozenset[str]) -> frozenset[str]:
    """The same set for all who have the same: it is two kilobytes."""
    return caps


def server_name(hub: Hub) -> str:
    """What the hub is called in a source, where no blank may be."""
    return re.sub(r"[\s!@:]+", "-", hub.name) or "tincans"
