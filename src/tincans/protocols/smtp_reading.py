"""SMTP (RFC 5321) with pipelining, chunks, STARTTLS and logins; LMTP (RFC 2033) too, which begins with LHLO.

Commands may come before the replies to those in front of them (RFC 2920), so a queue says which command each reply is
for. There are two states: what the replies have *confirmed*, and what is *likely* once all that was asked is granted.
A client can only know the first or hope for the second, so a command is out of order only where it is by both.

What the client says behind DATA, AUTH and STARTTLS means what their replies make of it, and is held until then:

    DATA ─354─► Text … EndOfMail          BDAT n ──► n bytes of Text, whatever the reply; EndOfMail after LAST
    AUTH ─334─► Response ─334─► … ─235─►  STARTTLS ─220─► TLS, and then everything anew (RFC 3207 §4.2)

Where the reply is not in the recording, what the client says shows which it was.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping
from typing import ClassVar

import msgspec

from tincans.channel import Side
from tincans.errors import LocalProtocolError
from tincans.limits import LINE_BYTES, PIPELINED_COMMANDS, SASL_BYTES
from tincans.protocols import replies, sasl
from tincans.protocols.events import Event, encoded, text
from tincans.protocols.inbox import Inbox, Wrong
from tincans.protocols.mail import DotText, EndOfMail, MailViewer, Text, dotted
from tincans.protocols.replies import ReplyReader
from tincans.protocols.session import Match, Session
from tincans.protocols.smtp_commands import (
    ANSWERED,
    END,
    GREETING,
    RULES,
    Auth,
    Bdat,
    Hello,
    Line,
    MailFrom,
    RcptTo,
    Reply,
    State,
    command,
    extension_of,
    extensions_in,
    line_limit,
    out_of_order,
    split_status,
    written,
)
from tincans.protocols.smtp_guess import recognize
from tincans.protocols.textual import CONTROLS

_HELD = ("DATA", "AUTH", "STARTTLS")
_ENVELOPE = (MailFrom, RcptTo)
#: Replies that answer one command only: where the queue is wrong about it, they put it right.
_ONLY_FOR = {354: "DATA", 334: "AUTH", 235: "AUTH", 221: "QUIT"}


class SmtpReading(Session):
    """SMTP or LMTP, as `SmtpSession` reads it where nothing is usual."""

    name: ClassVar[str] = "smtp"
    title: ClassVar[str] = "SMTP"
    ports: ClassVar[tuple[int, ...]] = (25, 465, 587, 1025, 2525)
    line_end = b"\r\n"
    suspicious = re.compile(rb"^[ \t]*AUTH[ \t]+(?:[A-Z0-9_-]+[ \t]+)?([^\n]+)", re.IGNORECASE | re.MULTILINE)

    def __init__(self, **arguments: object) -> None:
        super().__init__(**arguments)  # type: ignore[arg-type]
        self._replies = ReplyReader(coded=True)
        self._begin(GREETING)

    def _begin(self, *pending: str, state: frozenset[State] = frozenset()) -> None:
        """As after the connection was made."""
        #: What the server has offered in answer to EHLO, with its parameters; None while that is not known.
        self.extensions: Mapping[str, str] | None = None
        self._pending = deque(pending)  # what is to be answered, in its order
        self._lost = ""  # a command whose answer is missing, though it decides what comes next
        self._confirmed, self._likely = set(state), set(state)
        self._is_lmtp = False
        self._recipients = self._copies = 0  # accepted ones; and in LMTP those whose copy is answered for
        self._parameters: dict[str, str] = {}  # of the mail that was begun last
        self._text: DotText | None = None
        self._is_ahead = False  # the text began without waiting for 354
        self._is_torn = False  # some of the text is missing
        self._ends_here = False  # the server takes the doubtful dot for the end
        self._chunk, self._is_last = 0, False  # of BDAT: bytes still to come
        self._login: sasl.Exchange | None = None

    def secured(self) -> None:
        super().secured()
        self._begin(state=frozenset({"tls"}))

    @property
    def awaited(self) -> Side | None:
        mail_goes_on = self._text is not None or self._chunk > 0
        return Side.SERVER if self._pending and not mail_goes_on else Side.CLIENT

    @classmethod
    def recognize(cls, client: bytes, server: bytes) -> Match:
        """By the greeting's words, as FTP's begins with 220 too; where they say nothing, by the first command."""
        return recognize(client, server)

    @classmethod
    def viewer(cls) -> MailViewer:
        return MailViewer()

    def _suspects(self, side: Side, data: bytes) -> Iterator[tuple[int, int]]:
        in_login = side is Side.CLIENT and self._login is not None
        return iter([(0, len(data))]) if in_login else super()._suspects(side, data)

    # ── the client ────────────────────────────────────────────────────────────────────────────────────────

    def _read(self, side: Side, inbox: Inbox) -> Event | None:
        if side is Side.SERVER:
            return self._read_reply(inbox)
        if self._text is not None:
            return self._read_text(inbox, self._text)
        if self._chunk:
            return self._read_chunk(inbox)
        if self._is_last:
            self._is_last = False
            return EndOfMail()
        return self._read_line(inbox)

    def _read_line(self, inbox: Inbox) -> Event | None:
        line = self._line(inbox)
        if line is None:
            return None
        words = text(line[:-2] if self.strict else line.rstrip(b"\r\n"))
        verb = words.partition(" ")[0].upper()
        if (unanswered := self._unanswered) and verb not in RULES:
            if unanswered == "DATA":
                inbox.put_back(line)
                self._text, self._is_ahead = DotText(strict=self.strict), unanswered != self._lost
                self._lost = ""
                return self._read_text(inbox, self._text)
            if unanswered == "AUTH" and self._login is not None and sasl.RESPONSE.fullmatch(words):
                return self._response(self._login, inbox, line, words)
        self._lost = ""
        if self._login is not None and self._login.is_open:
            return self._response(self._login, inbox, line, words)
        return self._command(inbox, line, words)

    @property
    def _unanswered(self) -> str:
        """The command whose answer decides what comes next, and has not come."""
        return self._lost or (self._pending[-1] if self._pending and self._pending[-1] in _HELD else "")

    def _line(self, inbox: Inbox) -> bytes | None:
        """The next line. Strict, one that is too long or ends in a lone LF is `Wrong`."""
        limit = self._limit(inbox)
        try:
            line = inbox.line(limit - 1 if self.strict else LINE_BYTES, what="a command")
        except Wrong as wrong:
            wrong.reply = b"500 5.5.2 the line is too long\r\n"
            self._ask("")
            raise
        if self.strict and line is not None and not line.endswith(b"\r\n"):
            inbox.put_back(line)
            raise Wrong("a line ends in a lone LF", inbox.start + len(line) - 1, reply=b"500 5.5.2 a lone LF\r\n")
        return line

    def _limit(self, inbox: Inbox) -> int:
        if self._login is not None:
            return SASL_BYTES
        return line_limit(text(inbox.data[:4]).upper())

    def _command(self, inbox: Inbox, line: bytes, words: str) -> Line:
        if not words.isprintable() and CONTROLS.search(words):
            inbox.put_back(line)
            self._ask("")
            raise Wrong("that is no command", inbox.start, until=b"\n", reply=b"500 5.5.2 that is no command\r\n")
        verb, _, argument = words.strip(" \t").partition(" ")
        verb, argument = verb.upper(), argument.strip(" \t")
        event = command(verb, argument)
        faults = [*self._line_faults(line, verb), *event.faults, *self._order_faults(event, verb)]
        if faults and self.strict and self._speaking is Side.CLIENT:
            raise Wrong(faults[0], inbox.start - len(line))
        if verb == "AUTH":
            self._hide_login(inbox, line, event)
        self._meant(event, verb)
        if self.strict and verb == "STARTTLS" and inbox.data:
            raise Wrong("something is said behind STARTTLS, before TLS", inbox.start, reply=b"503 5.5.1 wait\r\n")
        return event if len(faults) == len(event.faults) else msgspec.structs.replace(event, faults=tuple(faults))

    def _line_faults(self, line: bytes, verb: str) -> list[str]:
        faults = [] if line.endswith(b"\r\n") else ["500 5.5.2 the line ends in a lone LF"]
        if len(line) > line_limit(verb):
            faults.append("500 5.5.2 the line is too long")
        if verb not in RULES and verb not in (self.extensions or {}):
            faults.append("500 5.5.1 that command is not known")
        return faults

    def _order_faults(self, event: Line, verb: str) -> list[str]:
        """What is wrong with a command now, though it may be right at another time."""
        faults = []
        if self._pending and self._pending[0] == GREETING:
            faults.append("554 5.5.1 the server speaks first")
        if verb in RULES and (wrong := out_of_order(verb, self._likely)):
            faults.append(wrong)
        if verb == "DATA" and self._parameters.get("BODY", "").upper() == "BINARYMIME":
            faults.append("503 5.5.1 binary text is sent by BDAT")  # RFC 3030 §3
        if isinstance(event, _ENVELOPE):
            faults += self._envelope_faults(event)
        return faults

    def _envelope_faults(self, event: MailFrom | RcptTo) -> list[str]:
        faults = []
        for name in event.parameters:
            extension = extension_of(name)
            if self.extensions is not None and extension is not None and extension not in self.extensions:
                faults.append(f"555 5.5.4 {name} belongs to {extension}, which was not offered")
        parameters = event.parameters if isinstance(event, MailFrom) else self._parameters
        if not event.address.isascii() and "SMTPUTF8" not in parameters:  # RFC 6531 §3.4
            faults.append("553 5.6.7 an address beyond ASCII needs SMTPUTF8")
        return faults

    def _hide_login(self, inbox: Inbox, line: bytes, event: Line) -> None:
        """Hide the response that comes with AUTH; all of its argument where it cannot be told apart."""
        if isinstance(event, Auth) and not event.is_secret:
            return
        end = inbox.start - len(line) + len(line.rstrip())
        secret = encoded(event.response) if isinstance(event, Auth) else line.strip().partition(b" ")[2]
        self._hide(Side.CLIENT, end - len(secret), end)

    def _meant(self, event: Line, verb: str) -> None:
        """What follows from a command that was said."""
        if isinstance(event, MailFrom):
            self._parameters = event.parameters
        elif isinstance(event, Bdat):
            self._chunk, self._is_last = event.size, event.last
        elif isinstance(event, Hello):
            self._is_lmtp = event.verb == "LHLO"
        elif isinstance(event, Auth):
            self._login = sasl.Exchange(event.mechanism)
        self._ask(END if isinstance(event, Bdat) and event.last else verb)
        if verb in _HELD:
            self._hold(Side.CLIENT)

    def _ask(self, verb: str) -> None:
        """A reply to `verb` is to come."""
        if len(self._pending) >= PIPELINED_COMMANDS:
            if self.strict:
                at = self._inboxes[Side.CLIENT].start
                raise Wrong(f"more than {PIPELINED_COMMANDS} commands wait for replies", at)
            self._pending.popleft()
        self._pending.append(verb)
        self._foresee(verb)

    def _foresee(self, verb: str) -> None:
        if rule := ANSWERED.get(verb):
            self._likely -= rule.ends
            self._likely |= rule.begins

    def _response(self, login: sasl.Exchange, inbox: Inbox, line: bytes, words: str) -> Event:
        """A line of a login; what is not base64 in it is left to the server to judge."""
        words = CONTROLS.sub("", words)
        secret = sasl.is_secret(login.mechanism, login.challenge, words)
        if secret:
            self._hide(Side.CLIENT, inbox.start - len(line), inbox.start - len(line) + len(line.rstrip(b"\r\n")))
        login.is_open = False
        if "AUTH" not in self._pending:
            self._pending.append("AUTH")  # its own was lost
        self._hold(Side.CLIENT)
        return sasl.Response(response=words, secret=secret, faults=sasl.faults(words))

    # ── the mail ──────────────────────────────────────────────────────────────────────────────────────────

    def _read_text(self, inbox: Inbox, reading: DotText) -> Event | None:
        if self._ends_here:
            self._ends_here = False
            reading.end_here(inbox)
            return self._end_text(reading)
        try:
            data = reading.read(inbox)
        except Wrong as wrong:
            wrong.reply = b"550 5.5.2 lines end in CR LF\r\n"
            raise
        if data is None:
            return None
        if data:
            return Text(data=data)
        self._ask(END)
        return self._end_text(reading)

    def _end_text(self, reading: DotText) -> Event:
        self._text, self._is_torn = None, False
        return EndOfMail(faults=tuple(f"550 5.5.2 {fault}" for fault in reading.faults))

    def _read_chunk(self, inbox: Inbox) -> Event | None:
        data = inbox.take(self._chunk)
        self._chunk -= len(data)
        return Text(data=data) if data else None

    # ── the server ────────────────────────────────────────────────────────────────────────────────────────

    def _read_reply(self, inbox: Inbox) -> Event | None:
        told = self._replies.read(inbox)
        if told is None:
            return None
        status, lines = split_status(told.code, told.lines)
        faults = [*told.faults, *self._answered(told.code, told.lines)]
        return Reply(code=told.code, status=status, lines=lines, faults=tuple(faults))

    def _answered(self, code: int, lines: tuple[str, ...]) -> list[str]:
        """Take a reply for what it answers; what is wrong with it."""
        if code < 200:
            return ["SMTP has no replies that begin with 1"]
        if self._text is not None and not self._pending and code != 421:
            self._end_early()
        verb = self._next_answered(code)
        if verb is None:
            return [] if code == 421 else ["nothing was asked"]
        if code == 334 and self._login is not None:
            self._pending.appendleft(verb)
            self._login.challenge, self._login.is_open = lines[0], True
        self._confirm(verb, is_granted=code < 300)
        if verb in ("EHLO", "LHLO", "HELO") and code < 300:
            self.extensions = extensions_in(lines) if verb != "HELO" else {}
        return self._free(verb, code)

    def _end_early(self) -> None:
        """The server answers before the text is over: it has taken something else for the end."""
        assert self._text is not None
        if self._text.doubtful:
            self._ends_here = self._freed = True
        elif self._is_torn:
            self._text, self._is_torn = None, False
        else:
            return
        self._ask(END)

    def _next_answered(self, code: int) -> str | None:
        """What this reply answers, which waits for no other then."""
        only = _ONLY_FOR.get(code)
        while only in self._pending and self._pending[0] != only:
            self._pending.popleft()
        if not self._pending:
            return None
        verb = self._pending.popleft()
        if verb == GREETING and code // 100 in (2, 3) and code != 220 and self._pending:
            return self._pending.popleft()  # the recording began later
        if verb == END and self._is_lmtp:  # one reply for each recipient (RFC 2033 §4.2)
            self._copies += 1
            if self._copies < self._recipients:
                self._pending.appendleft(verb)
                return ""
        return verb

    def _confirm(self, verb: str, *, is_granted: bool) -> None:
        """Keep both states true."""
        rule = ANSWERED.get(verb)
        if rule is None:
            return
        if is_granted or verb == END:  # a mail that was refused is over, too
            self._confirmed -= rule.ends
            self._confirmed |= rule.begins
            self._recipients += verb == "RCPT"
        if "mail" in rule.ends and "mail" not in self._confirmed:
            self._recipients = self._copies = 0
        if not is_granted and rule.begins:
            self._likely = set(self._confirmed)
            for pending in self._pending:
                self._foresee(pending)

    def _free(self, verb: str, code: int) -> list[str]:
        """What the client said behind DATA, AUTH or STARTTLS can be read now."""
        if verb not in _HELD:
            return []
        if verb == "DATA":
            self._begin_text(is_wanted=code == 354)
        elif verb == "AUTH" and code != 334:
            self._login = None
        elif verb == "STARTTLS" and code == 220:
            return self._start_tls()
        self._release(Side.CLIENT)
        return []

    def _begin_text(self, *, is_wanted: bool) -> None:
        if not self._is_ahead:
            self._text = DotText(strict=self.strict) if is_wanted else None
        elif not is_wanted:
            self._text = None
        self._is_ahead = False

    def _start_tls(self) -> list[str]:
        """RFC 3207 §4.2; what was said before TLS must not count as said inside it (CVE-2011-0411)."""
        said = self.waiting(Side.CLIENT)
        if said and self.strict:
            raise Wrong("something was said behind STARTTLS, before TLS", self._inboxes[Side.SERVER].start)
        self._upgrade("tls")
        return [f"the client said {said} bytes behind STARTTLS, before TLS"] if said else []

    # ── gaps ──────────────────────────────────────────────────────────────────────────────────────────────

    def _skip(self, side: Side, count: int) -> bool:
        if side is Side.SERVER:
            self._replies.forget()
            self._lost = self._unanswered if self._text is None else ""
            self._pending.clear()
            self._release(Side.CLIENT)
        elif self._text is not None:
            self._text.tear()
            self._is_torn = True
        else:
            self._chunk = max(0, self._chunk - count)
        return True

    # ── writing ───────────────────────────────────────────────────────────────────────────────────────────

    def _write(self, side: Side, event: Event) -> bytes:
        if side is Side.SERVER and isinstance(event, replies.Reply):
            return written(event)
        if side is Side.CLIENT:
            match event:
                case Line():
                    return encoded(event.line) + b"\r\n"
                case sasl.Response():
                    return encoded(event.response) + b"\r\n"
                case Text():
                    return self._write_text(event.data)
                case EndOfMail() if self._text is not None and self._text.begins_line:
                    return b".\r\n"
        raise LocalProtocolError(f"the {side.value} does not say {event.summary!r} now")

    def _write_text(self, data: bytes) -> bytes:
        if self._text is None:
            if len(data) > self._chunk:
                raise LocalProtocolError(f"the chunk has {self._chunk} bytes left, and not {len(data)}")
            return data
        kept = bytes(self._inboxes[Side.CLIENT].data)  # a CR whose LF may come now
        return dotted(kept + data, begins_line=self._text.begins_line)[len(kept) :]
