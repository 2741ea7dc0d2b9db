"""IMAP (RFC 9051, RFC 3501) as far as a reader needs it: who asked what, and what came of it.

A command has a tag, and so has the response that ends it; untagged responses (`*`) come at any time. A line may hold
strings of any bytes: it stops at `{n}`, n bytes follow, and then the line goes on (RFC 9051 §4.3):

    Command … {n} ─► Literal (n bytes) ─► More … {n} ─► Literal ─► More      the server's lines as well
                └ the client waits for `+` before it sends them, but not behind `{n+}`

Behind AUTHENTICATE and STARTTLS the client waits, too; behind IDLE it says DONE, without a tag.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar, NamedTuple
from typing import Literal as OneOf

import msgspec

from tincans.channel import Side
from tincans.errors import LocalProtocolError
from tincans.limits import IMAP_LINE_BYTES, PIPELINED_COMMANDS
from tincans.protocols import sasl
from tincans.protocols.events import MASK, Chunk, Event, encoded, text
from tincans.protocols.inbox import Inbox, Wrong
from tincans.protocols.mail import show_mail
from tincans.protocols.session import Match, Session
from tincans.protocols.textual import CONTROLS, TextLine
from tincans.protocols.view import View, Viewer

_LITERAL = re.compile(r"~?\{(\d{1,20})(\+?)\}\Z")
_ASTRING = r'(?:"(?:[^"\\]|\\.)*"|[^ "]+)'

# ── events ────────────────────────────────────────────────────────────────────────────────────────────────


class Command(TextLine, frozen=True, kw_only=True):
    """A command, up to its end or to its first literal."""

    tag: str
    name: str
    arguments: str = ""

    @property
    def line(self) -> str:
        return f"{self.tag} {self.name} {self.arguments}" if self.arguments else f"{self.tag} {self.name}"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not _TAG.fullmatch(self.tag) or self.name != self.name.upper() or " " in self.name or not self.name:
            raise ValueError("a command has a tag and a name in capitals, and then its arguments")

    @property
    def secret(self) -> str:
        """What of the arguments has to be masked: the password of LOGIN, the response of AUTHENTICATE."""
        first = re.match(rf"{_ASTRING} +", self.arguments)
        rest = self.arguments[first.end() :] if first else ""
        if self.name == "LOGIN" and not _LITERAL.fullmatch(rest):
            return rest
        is_login = self.name == "AUTHENTICATE" and first is not None
        return rest if is_login and first and sasl.is_secret(first[0].strip(), None, rest) else ""

    def masked(self) -> Command:
        shown = self.arguments.removesuffix(self.secret) + MASK if self.secret else self.arguments
        return msgspec.structs.replace(self, arguments=shown)


class Done(TextLine, frozen=True, kw_only=True):
    """The end of IDLE."""

    @property
    def line(self) -> str:
        return "DONE"


class Literal(Chunk, frozen=True, kw_only=True):
    """Bytes of a literal."""

    secret: bool = False

    @property
    def summary(self) -> str:
        return f"literal, {MASK if self.secret else f'{len(self.data)} bytes'}"

    def masked(self) -> Literal:
        return msgspec.structs.replace(self, data=MASK.encode()) if self.secret else self


class More(TextLine, frozen=True, kw_only=True):
    """How a line goes on behind a literal: to its end, or to the next one."""

    words: str
    secret: bool = False

    @property
    def line(self) -> str:
        return self.words

    def masked(self) -> More:
        return msgspec.structs.replace(self, words=MASK) if self.secret else self


class Tagged(TextLine, frozen=True, kw_only=True):
    """What became of the command with this tag, which ends with it."""

    side: Side = Side.SERVER
    tag: str
    status: OneOf["OK", "NO", "BAD"]
    message: str = ""

    @property
    def line(self) -> str:
        return f"{self.tag} {self.status} {self.message}".rstrip(" ")


class Untagged(TextLine, frozen=True, kw_only=True):
    """What the server tells: asked or not, up to its end or its first literal."""

    side: Side = Side.SERVER
    response: str

    @property
    def line(self) -> str:
        return f"* {self.response}"


class Continuation(TextLine, frozen=True, kw_only=True):
    """The server waits for the rest: a literal, a response of a login, DONE."""

    side: Side = Side.SERVER
    message: str = ""

    @property
    def line(self) -> str:
        return f"+ {self.message}"


# ── the state machine ─────────────────────────────────────────────────────────────────────────────────────

State = OneOf["any", "stranger", "user", "selected"]


class Rule(NamedTuple):
    """One command: in which state it may come, what its arguments look like, and which state it leads to."""

    state: State
    arguments: str = ".*"
    leads_to: State = "any"


_SOME = r".+"
RULES = {
    "CAPABILITY": Rule("any", ""), "NOOP": Rule("any", ""), "LOGOUT": Rule("any", ""), "ID": Rule("any", _SOME),
    "STARTTLS": Rule("stranger", ""), "AUTHENTICATE": Rule("stranger", r"[A-Za-z0-9_-]{1,20}( \S+)?", "user"),
    "LOGIN": Rule("stranger", _SOME, "user"),
    "ENABLE": Rule("user", _SOME), "NAMESPACE": Rule("user", ""), "LIST": Rule("user", _SOME),
    "LSUB": Rule("user", _SOME), "STATUS": Rule("user", _SOME), "APPEND": Rule("user", _SOME), "IDLE": Rule("user", ""),
    "CREATE": Rule("user", _SOME), "DELETE": Rule("user", _SOME), "RENAME": Rule("user", _SOME),
    "SUBSCRIBE": Rule("user", _SOME), "UNSUBSCRIBE": Rule("user", _SOME),
    "SELECT": Rule("user", _SOME, "selected"), "EXAMINE": Rule("user", _SOME, "selected"),
    "CLOSE": Rule("selected", "", "user"), "UNSELECT": Rule("selected", "", "user"),
    "CHECK": Rule("selected", ""), "EXPUNGE": Rule("selected", ""), "SEARCH": Rule("selected", _SOME),
    "FETCH": Rule("selected", _SOME), "STORE": Rule("selected", _SOME), "COPY": Rule("selected", _SOME),
    "MOVE": Rule("selected", _SOME), "UID": Rule("selected", r"(?i:COPY|MOVE|FETCH|SEARCH|STORE|EXPUNGE)( .+)?"),
}  # fmt: skip

_FAR: dict[State, int] = {"any": -1, "stranger": 0, "user": 1, "selected": 2}
_TAG = re.compile(r'[^\x00-\x20\x7f(){%*"\\+]+')
_COMMAND = re.compile(rf"({_TAG.pattern}) ([^ ]+)(?: (.*))?", re.DOTALL)
_TAGGED = re.compile(rf"({_TAG.pattern}) (OK|NO|BAD)(?: (.*))?", re.IGNORECASE | re.DOTALL)
_HELD = ("AUTHENTICATE", "STARTTLS")


class ImapSession(Session):
    """IMAP."""

    name: ClassVar[str] = "imap"
    title: ClassVar[str] = "IMAP"
    ports: ClassVar[tuple[int, ...]] = (143, 993)
    line_end = b"\r\n"
    suspicious = re.compile(
        rb"^[ \t]*(?:[^ \t\n]+[ \t]+)?(?:AUTHENTICATE|LOGIN)[ \t]+([^\n]+)", re.IGNORECASE | re.MULTILINE
    )

    def __init__(self, **arguments: object) -> None:
        super().__init__(**arguments)  # type: ignore[arg-type]
        self._begin()
        self._is_greeted = False

    def _begin(self) -> None:
        self._is_greeted = True
        self._state: State = "stranger"
        self._pending: dict[str, Command] = {}  # what was asked and is not over, by its tag
        self._current: Command | None = None  # whose line the client is in the middle of, or whose login goes on
        self._challenge: str | None = None  # the one that the client answers next
        self._left = dict.fromkeys(Side, 0)  # bytes of a literal that are still to come
        self._goes_on = dict.fromkeys(Side, False)  # a line goes on behind a literal
        self._has_user = False  # of LOGIN: the name was said, and the rest is the password

    def secured(self) -> None:
        super().secured()
        self._begin()

    @property
    def awaited(self) -> Side | None:
        for side in Side:
            if self._goes_on[side] and not (side is Side.CLIENT and self._waits):
                return side
        if not self._is_greeted or self._waits:
            return Side.SERVER
        idles = any(command.name == "IDLE" for command in self._pending.values())
        return None if idles else Side.SERVER if self._pending and self._challenge is None else Side.CLIENT

    @property
    def _waits(self) -> bool:
        return Side.CLIENT in self._held

    @classmethod
    def recognize(cls, client: bytes, server: bytes) -> Match:
        greetings = (b"* OK", b"* PREAUTH", b"* BYE")
        if not server:
            return Match.WAIT if _is_command(client) else Match.NO
        said = server[:9].upper()
        if any(re.match(re.escape(greeting) + rb"[ \r\n]", said + b" " * (len(said) == 9)) for greeting in greetings):
            return Match.SURE
        return Match.WAIT if any(greeting.startswith(said) for greeting in greetings) else Match.NO

    @classmethod
    def viewer(cls) -> Viewer:
        return ImapViewer()

    def _read(self, side: Side, inbox: Inbox) -> Event | None:
        if self._left[side]:
            return self._read_literal(side, inbox)
        line = inbox.line(IMAP_LINE_BYTES, what="a line")
        if line is None:
            return None
        start, words = inbox.start - len(line), text(line.rstrip(b"\r\n"))
        faults = () if line.endswith(b"\r\n") else ("the line ends in a lone LF",)
        if CONTROLS.search(words):
            self._goes_on[side] = False
            inbox.put_back(line)
            raise Wrong(
                "a line has control characters in it", start, until=b"\n", reply=b"* BAD control characters\r\n"
            )
        if self._goes_on[side]:
            return self._more(side, words, start, faults)
        event = (self._asked if side is Side.CLIENT else self._told)(words, start)
        if event is None:
            inbox.put_back(line)
            raise Wrong(f"the {side.value} does not begin a line so", start, until=b"\n", reply=b"* BAD what?\r\n")
        if event.faults and self.strict and self._speaking is side:
            raise Wrong(event.faults[0], start)
        if self.strict and side is Side.CLIENT and inbox.data and self._in_starttls:
            raise Wrong("something is said behind STARTTLS, before TLS", inbox.start, reply=b"* BAD wait\r\n")
        return msgspec.structs.replace(event, faults=(*faults, *event.faults)) if faults else event

    @property
    def _in_starttls(self) -> bool:
        return self._waits and self._current is not None and self._current.name == "STARTTLS"

    def _suspects(self, side: Side, data: bytes) -> Iterator[tuple[int, int]]:
        logs_in = side is Side.CLIENT and self._current is not None and self._current.name in ("AUTHENTICATE", "LOGIN")
        return iter([(0, len(data))]) if logs_in else super()._suspects(side, data)

    # ── literals ──────────────────────────────────────────────────────────────────────────────────────────

    def _read_literal(self, side: Side, inbox: Inbox) -> Event | None:
        start = inbox.start
        data = inbox.take(self._left[side])
        self._left[side] -= len(data)
        if not data:
            return None
        secret = side is Side.CLIENT and self._is_login and self._has_user
        if secret:
            self._hide(side, start, inbox.start)
        if not self._left[side] and side is Side.CLIENT:
            self._has_user = True
        return Literal(data=data, secret=secret)

    @property
    def _is_login(self) -> bool:
        return self._current is not None and self._current.name == "LOGIN"

    def _more(self, side: Side, words: str, start: int, faults: tuple[str, ...]) -> Event:
        is_literal = _LITERAL.fullmatch(words.strip(" "))
        secret = side is Side.CLIENT and self._is_login and not is_literal and words.strip(" ") != ""
        if secret:
            self._hide(side, start, start + len(encoded(words)))
        self._literal(side, words)
        return More(words=words, secret=secret, faults=faults)

    def _literal(self, side: Side, words: str) -> None:
        """Whether a literal stands behind a line."""
        match = _LITERAL.search(words)
        self._goes_on[side] = match is not None
        if match is None:
            return
        self._left[side] = int(match[1])
        if side is Side.CLIENT and not match[2]:
            self._hold(Side.CLIENT)

    # ── the client ────────────────────────────────────────────────────────────────────────────────────────

    def _asked(self, words: str, start: int) -> TextLine | None:
        match = _COMMAND.fullmatch(words)
        in_login = self._current is not None and self._current.name == "AUTHENTICATE"
        # Without an answer to AUTHENTICATE (there is a gap), what is no command is a response.
        if in_login and (self._challenge is not None or match is None):
            return self._response(words, start)
        if words.upper() == "DONE":
            return Done()
        if match is None:
            return None
        command = Command(tag=match[1], name=match[2].upper(), arguments=match[3] or "")
        faults = tuple(self._command_faults(command))
        end = start + len(encoded(words))
        self._hide(Side.CLIENT, end - len(encoded(command.secret)), end)
        self._meant(command)
        return msgspec.structs.replace(command, faults=faults)

    def _command_faults(self, command: Command) -> Iterator[str]:
        rule = RULES.get(command.name)
        if rule is None:
            return  # extensions have commands of their own
        if not re.fullmatch(rule.arguments, command.arguments, re.DOTALL):
            yield f"{command.name} does not have such arguments"
        if command.tag in self._pending:
            yield f"{command.tag} is not over yet"
        if not self._is_greeted:
            yield "the server speaks first"
        known = [RULES[asked.name].leads_to for asked in self._pending.values() if asked.name in RULES]
        likely = max(_FAR[self._state], *(_FAR[state] for state in known), 0)
        if rule.state == "stranger" and self._state != "stranger":
            yield f"{command.name} comes before the login"
        elif likely < _FAR[rule.state]:
            yield f"{command.name} comes after {'SELECT' if rule.state == 'selected' else 'the login'}"

    def _meant(self, command: Command) -> None:
        if len(self._pending) >= PIPELINED_COMMANDS:
            if self.strict:
                at = self._inboxes[Side.CLIENT].start
                raise Wrong(f"more than {PIPELINED_COMMANDS} commands are not over yet", at)
            del self._pending[next(iter(self._pending))]
        self._pending[command.tag] = command.masked()
        self._current, self._challenge = command.masked(), None
        self._has_user = re.match(rf"{_ASTRING} +", command.arguments) is not None
        self._literal(Side.CLIENT, command.arguments)
        if command.name in _HELD:
            self._hold(Side.CLIENT)

    def _response(self, words: str, start: int) -> sasl.Response:
        assert self._current is not None
        secret = sasl.is_secret(self._current.arguments.partition(" ")[0], self._challenge or "", words)
        if secret:
            self._hide(Side.CLIENT, start, start + len(encoded(words)))
        self._challenge = None
        self._hold(Side.CLIENT)
        return sasl.Response(response=words, secret=secret, faults=sasl.faults(words))

    # ── the server ────────────────────────────────────────────────────────────────────────────────────────

    def _told(self, words: str, start: int) -> TextLine | None:
        if words.startswith("* "):
            return self._untagged(words[2:])
        if words == "+" or words.startswith("+ "):
            return self._continuation(words[2:])
        match = _TAGGED.fullmatch(words)
        if match is None:
            return None
        tag, status, message = match[1], match[2].upper(), match[3] or ""
        return Tagged(tag=tag, status=status, message=message, faults=self._ended(tag, status))  # type: ignore[arg-type]

    def _untagged(self, response: str) -> Untagged:
        if not self._is_greeted:
            self._is_greeted = True
            if response.upper().startswith("PREAUTH"):
                self._state = "user"
        self._literal(Side.SERVER, response)
        return Untagged(response=response)

    def _continuation(self, message: str) -> Continuation:
        if self._current is not None and self._current.name == "AUTHENTICATE":
            self._challenge = message
        if not self._in_starttls:
            self._release(Side.CLIENT)
        return Continuation(message=message)

    def _ended(self, tag: str, status: str) -> tuple[str, ...]:
        """Take a tagged response for what it ends; what is wrong with it."""
        command = self._pending.pop(tag, None)
        if command is None:
            return ("nothing with this tag was asked",)
        is_current = self._current is not None and self._current.tag == tag
        if is_current:
            self._current, self._challenge = None, None
        if command.name == "STARTTLS" and status == "OK":
            return self._start_tls()
        if is_current:
            if self._waits and self._goes_on[Side.CLIENT]:  # the literal is not wanted, and will not come
                self._goes_on[Side.CLIENT], self._left[Side.CLIENT] = False, 0
            self._release(Side.CLIENT)
        rule = RULES.get(command.name)
        if rule is not None and rule.leads_to != "any" and status == "OK":
            self._state = rule.leads_to
        return ()

    def _start_tls(self) -> tuple[str, ...]:
        """RFC 9051 §6.2.1; what was said before TLS must not count as said inside it."""
        said = self.waiting(Side.CLIENT)
        if said and self.strict:
            raise Wrong("something was said behind STARTTLS, before TLS", self._inboxes[Side.SERVER].start)
        self._upgrade("tls")
        return (f"the client said {said} bytes behind STARTTLS, before TLS",) if said else ()

    # ── gaps, and writing ─────────────────────────────────────────────────────────────────────────────────

    def _skip(self, side: Side, count: int) -> bool:
        if side is Side.SERVER:
            self._release(Side.CLIENT)
        if count > self._left[side]:
            self._goes_on[side] = False
        self._left[side] = max(0, self._left[side] - count)
        return True

    def _write(self, side: Side, event: Event) -> bytes:
        left, goes_on = self._left[side], self._goes_on[side]
        match event:
            case Literal(data=data) if 0 < len(data) <= left:
                return data
            case More() if goes_on and not left:
                return encoded(event.line) + b"\r\n"
            case sasl.Response() if side is Side.CLIENT:
                return encoded(event.response) + b"\r\n"
            case TextLine() if side is event.side and not goes_on and not isinstance(event, More):
                return encoded(event.line) + b"\r\n"
        raise LocalProtocolError(f"the {side.value} does not say {event.summary!r} now")


# ── as it is shown ────────────────────────────────────────────────────────────────────────────────────────

#: A literal behind this is a whole mail: what FETCH gives, and what APPEND takes.
_MAIL = re.compile(r"(?:\b(?:BODY\[\]|RFC822) ~?\{\d+\}|\bAPPEND .*\{\d+\+?\})\Z", re.IGNORECASE | re.DOTALL)


class ImapViewer(Viewer):
    """Shows the mails of FETCH and APPEND, with the line that goes on behind them."""

    def __init__(self) -> None:
        self._mails: dict[Side, bytearray] = {}
        self._sizes = dict.fromkeys(Side, 0)

    def view(self, event: Event) -> View:
        side = event.side
        if isinstance(event, Literal) and side in self._mails:
            self._sizes[side] += len(event.data)
            self._mails[side] += event.data[: self.most - len(self._mails[side])]
            return View(event.summary)
        view = super().view(event)
        if side in self._mails:
            shown = show_mail(bytes(self._mails.pop(side)), self._sizes[side])
            view = View(view.summary, (*view.details, *shown.details), shown.content, shown.media)
        if isinstance(event, TextLine) and _MAIL.search(event.line):
            self._mails[side], self._sizes[side] = bytearray(), 0
        return view


def _is_command(client: bytes) -> bool:
    """Whether it is a tag and what a client says first, or the beginning of that."""
    tag, _, rest = client.partition(b" ")
    verb, end, _ = rest.replace(b"\r", b" ").replace(b"\n", b" ").partition(b" ")
    firsts = (b"AUTHENTICATE", b"CAPABILITY", b"LOGIN", b"STARTTLS")
    known = verb.upper() in firsts if end else any(first.startswith(verb.upper()) for first in firsts)
    return known and re.fullmatch(rb"[A-Za-z0-9.]+", tag) is not None
