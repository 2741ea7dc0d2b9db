"""POP3 (RFC 1939) with CAPA and pipelining (RFC 2449), STLS (RFC 2595) and AUTH (RFC 5034).

Each command has one response, `+OK` or `-ERR`, in their order; a queue says which is whose. Behind some a text follows
up to a line with a lone dot: a mail after RETR and TOP, a list after others (`RULES`).

    RETR ─+OK─► Text … EndOfMail     CAPA, LIST, UIDL ─+OK─► Item … EndOfList
    AUTH ─+ …─► Response ─► … +OK    STLS ─+OK─► TLS, and then everything anew (RFC 2595 §4)
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from typing import ClassVar, NamedTuple

import msgspec

from tincans.channel import Side
from tincans.errors import LocalProtocolError
from tincans.limits import LINE_BYTES, PIPELINED_COMMANDS, POP3_COMMAND_BYTES, POP3_RESPONSE_BYTES, SASL_BYTES
from tincans.protocols import sasl
from tincans.protocols.events import MASK, Event, encoded, text
from tincans.protocols.inbox import Inbox, Wrong
from tincans.protocols.mail import DotText, EndOfMail, MailViewer, Text, dotted
from tincans.protocols.session import Match, Session
from tincans.protocols.textual import CONTROLS, TextLine

# ── events ────────────────────────────────────────────────────────────────────────────────────────────────


class Command(TextLine, frozen=True, kw_only=True):
    """A command. The secret of PASS, APOP and AUTH is the last word of its argument."""

    verb: str
    argument: str = ""

    @property
    def line(self) -> str:
        return f"{self.verb} {self.argument}" if self.argument else self.verb

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.verb != self.verb.upper() or " " in self.verb:
            raise ValueError("a command is a verb in capitals and an argument")

    @property
    def secret(self) -> str:
        """What of the argument has to be masked."""
        first, _, rest = self.argument.partition(" ")
        if self.verb == "PASS":
            return self.argument
        if self.verb == "AUTH" and not sasl.is_secret(first, None, rest):
            return ""
        return rest if self.verb in ("APOP", "AUTH") else ""

    def masked(self) -> Command:
        shown = self.argument.removesuffix(self.secret) + MASK if self.secret else self.argument
        return msgspec.structs.replace(self, argument=shown)


class Status(TextLine, frozen=True, kw_only=True):
    """What became of a command: `+OK` or `-ERR`, and words for people."""

    side: Side = Side.SERVER
    ok: bool
    message: str = ""

    @property
    def line(self) -> str:
        return f"{'+OK' if self.ok else '-ERR'} {self.message}".rstrip(" ")


class Challenge(TextLine, frozen=True, kw_only=True):
    """What the server asks in a login, in base64."""

    side: Side = Side.SERVER
    challenge: str = ""

    @property
    def line(self) -> str:
        return f"+ {self.challenge}"


class Item(TextLine, frozen=True, kw_only=True):
    """A line of a list: a capability, a mail's number and size or unique name."""

    side: Side = Side.SERVER
    item: str

    @property
    def line(self) -> str:
        return self.item


class EndOfList(TextLine, frozen=True, kw_only=True):
    """The lone dot behind a list."""

    side: Side = Side.SERVER

    @property
    def line(self) -> str:
        return "."


# ── the state machine ─────────────────────────────────────────────────────────────────────────────────────


class Rule(NamedTuple):
    """One command: its argument; whether it needs to come before the login (False), after it (True), or does not."""

    argument: str
    after_login: bool | None
    #: What comes behind +OK: "mail", "list", "list" only where there is no argument ("all"), or nothing.
    follows: str = ""


_NUMBER = r"\d+"
RULES = {
    "USER": Rule(r".+", False),
    "PASS": Rule(r".*", False),
    "APOP": Rule(r"\S+ [0-9a-f]{32}", False),
    "AUTH": Rule(r"[A-Za-z0-9_-]{1,20}( ([A-Za-z0-9+/]+={0,2}|=))?", False),
    "STLS": Rule(r"", False),
    "STAT": Rule(r"", True),
    "LIST": Rule(rf"({_NUMBER})?", True, "all"),
    "UIDL": Rule(rf"({_NUMBER})?", True, "all"),
    "RETR": Rule(_NUMBER, True, "mail"),
    "TOP": Rule(rf"{_NUMBER} {_NUMBER}", True, "mail"),
    "DELE": Rule(_NUMBER, True),
    "NOOP": Rule(r"", True),
    "RSET": Rule(r"", True),
    "UTF8": Rule(r"", False),  # RFC 6856 §2
    "LANG": Rule(r".*", None, "all"),  # RFC 6856 §3
    "CAPA": Rule(r"", None, "list"),
    "QUIT": Rule(r"", None),
}

_END = b".\r\n"
_GREETING = "(GREETING)"
_LOGINS = ("PASS", "APOP", "AUTH")
_HELD = ("AUTH", "STLS")
#: With a password in the place of a mechanism: Redis, which answers `+OK` as well.
_STRANGE_LOGIN = re.compile(rb"AUTH (?!(?:%s)\b)" % sasl.COMMON, re.IGNORECASE)
_STATUS = re.compile(r"(\+OK|-ERR)(?: (.*))?", re.IGNORECASE | re.DOTALL)


class Pop3Session(Session):
    """POP3."""

    name: ClassVar[str] = "pop3"
    title: ClassVar[str] = "POP3"
    ports: ClassVar[tuple[int, ...]] = (110, 995)
    line_end = b"\r\n"
    suspicious = re.compile(rb"^[ \t]*(?:PASS|APOP|AUTH)[ \t]+([^\n]+)", re.IGNORECASE | re.MULTILINE)

    def __init__(self, **arguments: object) -> None:
        super().__init__(**arguments)  # type: ignore[arg-type]
        self._begin(Command(verb=_GREETING))

    def _begin(self, *pending: Command) -> None:
        self._pending = deque(pending)  # what waits for its response, in their order
        self._is_logged_in = False
        self._mechanism, self._challenge = "", ""  # of a login that goes on
        self._is_asked = False  # there is a challenge, and no response yet
        self._text: DotText | None = None
        self._ends_here = False  # the client takes the doubtful dot for the end
        self._in_list = False

    def secured(self) -> None:
        super().secured()
        self._begin()

    @property
    def awaited(self) -> Side | None:
        is_speaking = self._text is not None or self._in_list
        return Side.SERVER if is_speaking or (self._pending and not self._is_asked) else Side.CLIENT

    @classmethod
    def recognize(cls, client: bytes, server: bytes) -> Match:
        """The server speaks first, and says `+OK`; Redis says that too, but only when asked."""
        if not server:
            return Match.WAIT if client.split(b" ")[0].strip().upper().decode("latin-1") in RULES else Match.NO
        if not any(status.startswith(server[: len(status)].upper()) for status in (b"+OK", b"-ERR")):
            return Match.NO
        if len(server) < 4 + server.startswith(b"-"):
            return Match.WAIT
        verb, end, _ = client.replace(b"\r", b" ").replace(b"\n", b" ").partition(b" ")
        known = [rule for rule in RULES if rule.startswith(verb.upper().decode("latin-1"))]
        if not known or (end and verb.upper().decode("latin-1") not in RULES):
            return Match.NO
        return Match.MAYBE if _STRANGE_LOGIN.match(client) else Match.SURE

    @classmethod
    def viewer(cls) -> MailViewer:
        return MailViewer()

    def _read(self, side: Side, inbox: Inbox) -> Event | None:
        if side is Side.CLIENT:
            return self._read_client(inbox)
        if self._text is not None:
            return self._read_text(inbox, self._text)
        return self._read_item(inbox) if self._in_list else self._read_status(inbox)

    def _suspects(self, side: Side, data: bytes) -> Iterator[tuple[int, int]]:
        in_login = side is Side.CLIENT and self._mechanism != ""
        return iter([(0, len(data))]) if in_login else super()._suspects(side, data)

    # ── the client ────────────────────────────────────────────────────────────────────────────────────────

    def _read_client(self, inbox: Inbox) -> Event | None:
        in_login = bool(self._mechanism) or inbox.data[:4].upper() == b"AUTH"
        limit = SASL_BYTES if in_login else POP3_COMMAND_BYTES
        line = inbox.line(limit - 1 if self.strict else LINE_BYTES, what="a command")
        if line is None:
            return None
        start, words = inbox.start - len(line), text(line.rstrip(b"\r\n"))
        # Without an answer to AUTH (there is a gap), what is no command is a response.
        if self._mechanism and (self._is_asked or words.partition(" ")[0].upper() not in RULES):
            return self._response(CONTROLS.sub("", words), start, len(line.rstrip(b"\r\n")))
        if CONTROLS.search(words):
            inbox.put_back(line)
            self._ask(Command(verb=""))
            raise Wrong("that is no command", inbox.start, until=b"\n", reply=b"-ERR that is no command\r\n")
        verb, _, argument = words.partition(" ")
        command = Command(verb=verb.upper(), argument=argument)
        faults = [*_line_faults(line, limit, "the command"), *self._command_faults(command)]
        if faults and self.strict and self._speaking is Side.CLIENT:
            raise Wrong(faults[0], start)
        self._meant(command)
        end = start + len(line.rstrip(b"\r\n"))
        self._hide(Side.CLIENT, end - len(encoded(command.secret)), end)
        if self.strict and command.verb == "STLS" and inbox.data:
            raise Wrong("something is said behind STLS, before TLS", inbox.start, reply=b"-ERR wait\r\n")
        return msgspec.structs.replace(command, faults=tuple(faults))

    def _command_faults(self, command: Command) -> Iterator[str]:
        rule = RULES.get(command.verb)
        if rule is None:
            yield "that command is not known"
            return
        if not re.fullmatch(rule.argument, command.argument, re.DOTALL):
            yield f"{command.verb} does not have such an argument"
        if self._pending and self._pending[0].verb == _GREETING:
            yield "the server speaks first"
        likely = self._is_logged_in or any(pending.verb in _LOGINS for pending in self._pending)
        if rule.after_login is True and not likely:
            yield f"{command.verb} comes after the login"
        if rule.after_login is False and self._is_logged_in:
            yield f"{command.verb} comes before the login"

    def _meant(self, command: Command) -> None:
        if command.verb == "AUTH":
            self._mechanism, self._challenge = command.argument.partition(" ")[0], ""
        self._ask(command.masked())
        if command.verb in _HELD:
            self._hold(Side.CLIENT)

    def _ask(self, command: Command) -> None:
        if self._text is not None and self._text.doubtful and not self._pending:
            self._ends_here = self._freed = True  # who asks for something else has seen the end
        if len(self._pending) >= PIPELINED_COMMANDS:
            if self.strict:
                at = self._inboxes[Side.CLIENT].start
                raise Wrong(f"more than {PIPELINED_COMMANDS} commands wait for responses", at)
            self._pending.popleft()
        self._pending.append(command)

    def _response(self, words: str, start: int, size: int) -> Event:
        secret = sasl.is_secret(self._mechanism, self._challenge, words)
        if secret:
            self._hide(Side.CLIENT, start, start + size)
        self._is_asked = False
        self._hold(Side.CLIENT)
        return sasl.Response(response=words, secret=secret, faults=sasl.faults(words))

    # ── the server ────────────────────────────────────────────────────────────────────────────────────────

    def _read_status(self, inbox: Inbox) -> Event | None:
        line = inbox.line(LINE_BYTES, what="a response")
        if line is None:
            return None
        words = text(line.rstrip(b"\r\n"))
        match = _STATUS.fullmatch(words)
        is_challenge = self._mechanism != "" and (words.startswith("+ ") or words == "+")
        if CONTROLS.search(words) or not (match or is_challenge):
            inbox.put_back(line)
            raise Wrong("a response begins with +OK or -ERR", inbox.start, until=b"\n")
        faults = tuple(_line_faults(line, SASL_BYTES if is_challenge else POP3_RESPONSE_BYTES, "the response"))
        if match is None:
            self._is_asked, self._challenge = True, words[2:]
            self._release(Side.CLIENT)
            return Challenge(challenge=words[2:], faults=faults)
        ok = match[1].upper() == "+OK"
        return Status(ok=ok, message=match[2] or "", faults=(*faults, *self._answered(ok)))

    def _answered(self, ok: bool) -> list[str]:
        """Take a status for what it answers; what is wrong with it."""
        if not self._pending:
            return ["nothing was asked"]
        command = self._pending.popleft()
        if command.verb in _LOGINS:
            self._is_logged_in |= ok
        if command.verb == "AUTH":
            self._mechanism, self._is_asked = "", False
        if command.verb == "STLS" and ok:
            return self._start_tls()
        if command.verb in _HELD:
            self._release(Side.CLIENT)
        if ok and command.verb in RULES:
            follows = RULES[command.verb].follows
            self._text = DotText() if follows == "mail" else None
            self._in_list = follows == "list" or (follows == "all" and not command.argument)
        return []

    def _start_tls(self) -> list[str]:
        """RFC 2595 §4; what was said before TLS must not count as said inside it."""
        said = self.waiting(Side.CLIENT)
        if said and self.strict:
            raise Wrong("something was said behind STLS, before TLS", self._inboxes[Side.SERVER].start)
        self._upgrade("tls")
        return [f"the client said {said} bytes behind STLS, before TLS"] if said else []

    def _read_item(self, inbox: Inbox) -> Event | None:
        line = inbox.line(LINE_BYTES, what="a line of a list")
        if line is None:
            return None
        words = text(line.rstrip(b"\r\n").replace(b"\r", b""))
        faults = tuple(_line_faults(line, LINE_BYTES, "it"))
        if words == ".":
            self._in_list = False
            return EndOfList(faults=faults)
        return Item(item=words.removeprefix("."), faults=faults)

    def _read_text(self, inbox: Inbox, reading: DotText) -> Event | None:
        if self._ends_here:
            reading.end_here(inbox)
        elif (data := reading.read(inbox)) is None:
            return None
        elif data:
            return Text(data=data)
        self._ends_here = False
        self._text = None
        return EndOfMail(faults=tuple(reading.faults))

    def say_text(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """What our own end, the server, says behind `+OK`: a mail or a list, its dots doubled, and the lone dot.

        `pieces` are text of which every line ends in CR LF, cut anywhere but between those two. Unlike what `send`
        gives it is not heard again, which a client that fetches many mails would wait for: no line of it can be taken
        for the last, whatever it is. Raises `LocalProtocolError` where nothing follows now, and where the last line has
        no end.
        """
        if self._text is None and not self._in_list:
            raise LocalProtocolError("nothing follows what was said")
        begins_line, count = True, 0
        for piece in filter(None, pieces):
            data = dotted(piece, begins_line=begins_line)
            begins_line = piece.endswith(b"\r\n")
            count += len(data)
            yield data
        if not begins_line:
            raise LocalProtocolError("the last line of a text ends in CR LF")
        self._text, self._in_list = None, False
        self.moved({Side.SERVER: self.offset(Side.SERVER) + count + len(_END)})
        yield _END

    # ── gaps, and writing ─────────────────────────────────────────────────────────────────────────────────

    def _skip(self, side: Side, count: int) -> bool:
        if side is Side.CLIENT:
            return True
        if self._text is not None:
            self._text.tear()
        else:
            self._pending.clear()
        self._release(Side.CLIENT)
        return True

    def _write(self, side: Side, event: Event) -> bytes:
        if side is event.side or (side is Side.SERVER and isinstance(event, Text | EndOfMail)):
            match event:
                case Item(item=item) if self._in_list:
                    return encoded("." * item.startswith(".") + item) + b"\r\n"
                case Command() | Status() | Challenge():
                    return encoded(event.line) + b"\r\n"
                case sasl.Response(response=response):
                    return encoded(response) + b"\r\n"
                case EndOfList() if self._in_list:
                    return _END
                case Text(data=data) if self._text is not None:
                    kept = bytes(self._inboxes[Side.SERVER].data)  # a CR whose LF may come now
                    return dotted(kept + data, begins_line=self._text.begins_line)[len(kept) :]
                case EndOfMail() if self._text is not None and self._text.begins_line:
                    return _END
        raise LocalProtocolError(f"the {side.value} does not say {event.summary!r} now")


def _line_faults(line: bytes, limit: int, what: str) -> Iterator[str]:
    if not line.endswith(b"\r\n"):
        yield f"{what} ends in a lone LF"
    if len(line) > limit:
        yield f"{what} is longer than {limit} bytes"
