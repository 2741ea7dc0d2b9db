"""What the SMTP server answers: one dialogue a caller, fed with events, and no socket in it.

The session has judged already what is a command and whether it comes in its order (`faults`); here is decided what only
this server can know: who may send, whether TLS comes first, how much a mail may have, how often one may err. Where
several reasons speak against a command, the reply is the first of

    530 TLS comes first │ what the session found │ 530 a login comes first │ what the command's own answer is

To who said LHLO it is an LMTP server (RFC 2033), and gives one reply a recipient at a mail's end.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from tincans.apps.login import Login, LoginRefused, Why, offered
from tincans.apps.mail.smtp_taking import FULL, LARGE, Taking, has_room
from tincans.apps.mail.store import Envelope, Mails
from tincans.limits import MAIL_BYTES, MAIL_RECIPIENTS, SMTP_ERRORS
from tincans.protocols import sasl
from tincans.protocols.events import Event
from tincans.protocols.mail import EndOfMail, Text
from tincans.protocols.smtp_commands import (
    Auth,
    Bdat,
    Command,
    Hello,
    Line,
    MailFrom,
    RcptTo,
    Reply,
    is_domain,
)
from tincans.transports import Wrap
from tincans.users import Users

Replies = tuple[Reply, ...]


@lru_cache(64)
def _reply(code: int, status: str, *lines: str) -> Replies:
    return (Reply(code=code, status=status, lines=lines),)


_OK = _reply(250, "2.0.0", "ok")
_SENDER = _reply(250, "2.1.0", "go on")
_RECIPIENT = _reply(250, "2.1.5", "is taken")
_GO_ON = _reply(354, "", "the text, and a dot in a line of its own")
_CHUNK = _reply(250, "2.0.0", "the chunk is taken")
_BYE = _reply(221, "2.0.0", "goodbye")
_TLS = _reply(220, "2.0.0", "go on with TLS")
_NO_TLS = _reply(502, "5.5.1", "there is no STARTTLS here")
_TLS_FIRST = _reply(530, "5.7.0", "STARTTLS comes first")
_LOGIN_FIRST = _reply(530, "5.7.0", "AUTH comes first")
_LOGGED_IN = _reply(235, "2.7.0", "welcome")
_NO_MECHANISM = _reply(504, "5.5.4", "there is no such mechanism here")
_VERIFIED = _reply(252, "2.1.5", "every mail is taken here, whoever it is for")
_NO_LIST = _reply(550, "5.1.1", "there are no lists here")
_HELP = _reply(214, "2.0.0", "tincans takes every mail and keeps it", "see RFC 5321, or tincans inbox --help")
_ERRORS = _reply(421, "4.7.0", f"more than {SMTP_ERRORS} errors")
_AHEAD = _reply(554, "5.5.0", "something was said behind DATA before it was answered")
_NO_MAIL = _reply(503, "5.5.1", "MAIL comes first, and it was refused")
_NO_RECIPIENT = _reply(503, "5.5.1", "RCPT comes first, and nobody was taken")
_NO_CHUNK = _reply(501, "5.5.4", "it is BDAT size [LAST], and nobody knows how much follows")
_OTHER = _reply(503, "5.5.1", "LHLO is for LMTP, EHLO and HELO are for SMTP, and this channel is the other one")
_RECIPIENTS = _reply(452, "4.5.3", f"more than {MAIL_RECIPIENTS} recipients")
_UNKNOWN = _reply(500, "5.5.1", "that command is not known")
_NOT_KNOWN = _reply(555, "5.5.4", "there is no such parameter here")
_REFUSED = {
    Why.CANCELLED: _reply(501, "5.7.0", Why.CANCELLED.value),
    Why.MALFORMED: _reply(501, "5.5.2", Why.MALFORMED.value),
    Why.WRONG: _reply(535, "5.7.8", Why.WRONG.value),
}

#: What EHLO tells beside SIZE, AUTH and STARTTLS.
_OFFERS = ("PIPELINING", "8BITMIME", "SMTPUTF8", "CHUNKING", "BINARYMIME", "DSN", "ENHANCEDSTATUSCODES", "HELP")

#: What may be said before TLS where that is required (RFC 3207 §4).
_BEFORE_TLS = frozenset({"EHLO", "HELO", "LHLO", "NOOP", "STARTTLS", "QUIT"})

#: The parameters that are understood, of MAIL and of RCPT.
_OF_MAIL = frozenset({"SIZE", "BODY", "SMTPUTF8", "AUTH", "RET", "ENVID"})
_OF_RCPT = frozenset({"NOTIFY", "ORCPT"})


class House(NamedTuple):
    """What all callers of one server share: where mails are kept, who may send them, and how TLS begins."""

    mails: Mails
    users: Users = Users()
    #: Who has not logged in may send, too.
    guests: bool = True
    wrap: Wrap | None = None
    tls_first: bool = False
    #: Bytes of the longest mail.
    most: int = MAIL_BYTES
    #: How the server calls itself.
    name: str = "localhost"


def own_name() -> str:
    """What this machine calls itself, where that can be said in a greeting."""
    name = socket.gethostname()
    return name if is_domain(name) else "localhost"


class Dialogue:
    """One caller's. `over` is set once the channel is to be closed; `begins_tls`, once TLS is to begin."""

    def __init__(self, house: House, *, client: str, conversation: Callable[[], int], secure: bool) -> None:
        """`client` is the caller's address, `conversation` tells its number in the journal; `secure`: it is TLS."""
        self.over = self.begins_tls = False
        self._house, self._client, self._conversation = house, client, conversation
        self._secure = secure
        self._errors = 0
        self._begin()

    def _begin(self) -> None:
        self._hello = self._user = ""
        self._is_lmtp = False
        self._login: Login | None = None
        self._mail: MailFrom | None = None
        self._recipients: list[RcptTo] = []
        self._taking: Taking | None = None
        self._chunk, self._is_last = 0, True  # of BDAT: bytes still to come
        self._refusal: Replies = ()  # of the chunk that is passing

    def secured(self) -> None:
        """TLS stands: everything begins anew (RFC 3207 §4.2)."""
        self.begins_tls, self._secure = False, True
        self._begin()

    def discard(self) -> None:
        """Forget the mail that was begun; nothing of it is left."""
        if self._taking is not None:
            self._taking.discard()
        self._mail, self._taking = None, None
        self._recipients = []

    @property
    def greeting(self) -> Reply:
        (reply,) = _reply(220, "", f"{self._house.name} ESMTP and LMTP, tincans takes every mail")
        return reply

    @property
    def is_in_mail(self) -> bool:
        """Whether a mail was begun that is not at its end."""
        return self._mail is not None

    @property
    def takes_text(self) -> bool:
        """Whether what comes next is the text of a mail."""
        return self._taking is not None

    def answer(self, event: Event, ahead: int = 0) -> Replies:
        """The replies to one event that is no part of a login. `ahead`: bytes that were said behind it already.

        Raises nothing that the caller could be the cause of.
        """
        if type(event) is Text:
            return self._text(event)
        if type(event) is Command and (torn := self._torn(event, ahead)):
            self.over = True
            return torn
        replies = self._refused(event)
        if not replies or type(event) is Bdat:
            replies = _ANSWERS[type(event)](self, event)
        return self._counted(replies) if replies and replies[-1].code >= 500 else replies

    async def log_in(self, event: Auth | sasl.Response) -> Replies:
        """The replies to a part of a login. Cancelling ends the dialogue."""
        replies = self._refused(event) or await self._log_in(event)
        return self._counted(replies) if replies[-1].code >= 500 else replies

    def _counted(self, replies: Replies) -> Replies:
        """One more error; the one that is too much is answered by a goodbye."""
        self._errors += 1
        if self._errors <= SMTP_ERRORS:
            return replies
        self.over = True
        return _ERRORS

    def _refused(self, event: Event) -> Replies:
        """What speaks against a command before it is looked at more closely."""
        if not isinstance(event, Line):
            return ()
        if self._house.tls_first and not self._secure and event.line.partition(" ")[0] not in _BEFORE_TLS:
            return _TLS_FIRST
        refusal = event.refusal
        return () if refusal is None else (refusal,)

    def _torn(self, event: Command, ahead: int) -> Replies:
        """What a command is answered with behind which nobody knows whether commands follow, or the text of a mail."""
        if event.verb == "DATA" and ahead:
            return _AHEAD
        return _NO_CHUNK if event.verb == "BDAT" else ()

    # ── commands ──────────────────────────────────────────────────────────────────────────────────────────

    def _greet(self, event: Hello) -> Replies:
        is_lmtp = event.verb == "LHLO"
        if self._hello and is_lmtp != self._is_lmtp:
            self.over = True
            return _OTHER
        self.discard()
        self._hello, self._is_lmtp = event.domain, is_lmtp
        lines = self._offers() if event.verb != "HELO" else ()
        return _reply(250, "", self._house.name, *lines)

    def _offers(self) -> tuple[str, ...]:
        """The extensions, as EHLO tells them."""
        house = self._house
        has_tls = house.wrap is not None and not self._secure
        logins = () if house.tls_first and not self._secure else (f"AUTH {' '.join(offered(house.users))}",)
        more = ("STARTTLS",) if has_tls else ()
        return (f"SIZE {house.most}", *_OFFERS, *logins, *more)

    def _begin_mail(self, event: MailFrom) -> Replies:
        house = self._house
        if not (house.guests or self._user):
            return _LOGIN_FIRST
        if event.parameters:
            if not event.parameters.keys() <= _OF_MAIL:
                return _NOT_KNOWN
            size = int(event.parameters.get("SIZE", "0"))
            if size > house.most:
                return (LARGE,)
            if not has_room(house.mails, size):
                return (FULL,)
        self._mail = event
        return _SENDER

    def _add_recipient(self, event: RcptTo) -> Replies:
        if self._mail is None:  # it was said before MAIL was refused
            return _NO_MAIL
        if not event.parameters.keys() <= _OF_RCPT:
            return _NOT_KNOWN
        if len(self._recipients) >= MAIL_RECIPIENTS:
            return _RECIPIENTS
        self._recipients.append(event)
        return _RECIPIENT

    def _command(self, event: Command) -> Replies:
        answer = _COMMANDS.get(event.verb)
        return answer(self) if answer is not None else _UNKNOWN

    def _reset(self) -> Replies:
        self.discard()
        return _OK

    def _quit(self) -> Replies:
        self.over = True
        return _BYE

    def _start_tls(self) -> Replies:
        if self._house.wrap is None:
            return _NO_TLS
        self.begins_tls = True
        return _TLS

    # ── the mail ──────────────────────────────────────────────────────────────────────────────────────────

    def _begin_text(self) -> Replies:
        if not self._recipients:  # it was said before they were refused
            return _NO_RECIPIENT
        self._taking = self._take()
        return _GO_ON

    def _take(self) -> Taking:
        assert self._mail is not None
        envelope = Envelope(
            sender=self._mail.address,
            recipients=tuple([each.address for each in self._recipients]),
            user=self._user,
            client=self._client,
            hello=self._hello,
            conversation=self._conversation(),
            parameters=self._mail.parameters,
            recipient_parameters={each.address: each.parameters for each in self._recipients if each.parameters},
        )
        return Taking(self._house.mails, envelope, self._house.most)

    def _text(self, event: Text) -> Replies:
        if self._taking is not None and not self._refusal:
            self._taking.write(event.data)
        if not self._chunk:
            return ()
        self._chunk -= len(event.data)
        return self._end_chunk()

    def _begin_chunk(self, event: Bdat) -> Replies:
        """RFC 3030 §2. What is refused has to pass, too, before it is answered."""
        self._refusal = self._refused(event) or (() if self._recipients else _NO_RECIPIENT)
        if self._taking is None and not self._refusal:
            self._taking = self._take()
        self._chunk, self._is_last = event.size, event.last
        return self._end_chunk()

    def _end_chunk(self) -> Replies:
        """The reply to a chunk, once all of it is there; to the last one, at the end of the mail."""
        if self._chunk or self._is_last:
            return ()
        if self._refusal or self._taking is None:
            return self._refusal
        return (self._taking.refusal,) if self._taking.refusal is not None else _CHUNK

    def _end_mail(self, event: EndOfMail) -> Replies:
        replies, self._refusal = self._refusal, ()
        if self._taking is not None and not replies:
            replies = (self._taking.finish(),)
        if self._is_lmtp:  # RFC 2033 §4.2
            replies *= max(1, len(self._recipients))
        self.discard()
        return replies

    # ── logins ────────────────────────────────────────────────────────────────────────────────────────────

    async def _log_in(self, event: Auth | sasl.Response) -> Replies:
        if isinstance(event, Auth):
            if event.mechanism not in offered(self._house.users):
                return _NO_MECHANISM
            self._login = Login(event.mechanism, self._house.users)
        assert self._login is not None, "the session opens a login where AUTH was answered by 334"
        try:
            response = (event.response or None) if isinstance(event, Auth) else event.response
            challenge = await self._login.hear(response)
        except LoginRefused as refused:
            return _REFUSED[refused.why]
        if challenge is not None:
            return (Reply(code=334, lines=(challenge,)),)
        self._user = self._login.name
        return _LOGGED_IN


_COMMANDS: dict[str, Callable[[Dialogue], Replies]] = {
    "DATA": Dialogue._begin_text,
    "EXPN": lambda dialogue: _NO_LIST,
    "HELP": lambda dialogue: _HELP,
    "NOOP": lambda dialogue: _OK,
    "QUIT": Dialogue._quit,
    "RSET": Dialogue._reset,
    "STARTTLS": Dialogue._start_tls,
    "VRFY": lambda dialogue: _VERIFIED,
}

_ANSWERS: dict[type[Event], Callable[[Dialogue, Any], Replies]] = {
    Bdat: Dialogue._begin_chunk,
    Command: Dialogue._command,
    EndOfMail: Dialogue._end_mail,
    Hello: Dialogue._greet,
    MailFrom: Dialogue._begin_mail,
    RcptTo: Dialogue._add_recipient,
}
