"""What an SMTP client says, one line at a time: events, their grammar, and what is wrong with them.

A fault is what a polite server answers: `501 5.5.4 …`. A command that has one is still an event, as a server answers
and goes on (RFC 5321 §4.3.2); only what no longer is a command at all is `Wrong`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import copy
from functools import lru_cache
from typing import ClassVar, Literal, NamedTuple

import msgspec

from tincans.limits import MAIL_LOCAL_BYTES, MAIL_PATH_BYTES, SASL_BYTES, SMTP_COMMAND_BYTES, SMTP_ENVELOPE_BYTES
from tincans.protocols import replies, sasl
from tincans.protocols.events import MASK, encoded
from tincans.protocols.textual import TextLine

#: How many replies are remembered with their bytes, and how many commands with their events.
REPLIES_KEPT, COMMANDS_KEPT = 128, 512

# ── events ────────────────────────────────────────────────────────────────────────────────────────────────


class Line(TextLine, frozen=True, kw_only=True):
    """What the client says in one line. Its faults are the replies that a polite server gives, the first before all."""

    @property
    def refusal(self) -> Reply | None:
        """What to answer where it breaks the rules."""
        if not self.faults:
            return None
        code, status, words = self.faults[0].split(" ", 2)
        return Reply(code=int(code), status=status, lines=(words,))


class Command(Line, frozen=True, kw_only=True):
    """A command without an event of its own: DATA, RSET, STARTTLS, NOOP, VRFY, QUIT, an unknown one, a wrong one."""

    verb: str
    argument: str = ""

    @property
    def line(self) -> str:
        return f"{self.verb} {self.argument}" if self.argument else self.verb

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.verb != self.verb.upper() or " " in self.verb or self.argument != self.argument.strip(" \t"):
            raise ValueError("a command is a verb in capitals, and an argument without blanks around it")


class Hello(Line, frozen=True, kw_only=True):
    """Who the client is: EHLO, HELO, or LHLO for LMTP (RFC 2033)."""

    verb: Literal["EHLO", "HELO", "LHLO"] = "EHLO"
    domain: str

    @property
    def line(self) -> str:
        return f"{self.verb} {self.domain}"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.domain != self.domain.strip(" \t") or not self.domain:
            raise ValueError("who says hello has a name without blanks around it")


class _Envelope(Line, frozen=True, kw_only=True):
    """MAIL or RCPT: what stands between `<` and `>`, and the parameters; one without a value has an empty one."""

    prefix: ClassVar[str]

    address: str
    parameters: dict[str, str] = msgspec.field(default_factory=dict)

    @property
    def line(self) -> str:
        named = (f" {name}={value}" if value else f" {name}" for name, value in self.parameters.items())
        return f"{self.prefix}<{self.address}>{''.join(named)}"

    def __post_init__(self) -> None:
        if _BETWEEN.fullmatch(self.address) is None:
            raise ValueError(f"{self.address!r} cannot be said between < and >")
        if self.parameters:
            super().__post_init__()
        for name, value in self.parameters.items():
            if not name or name != name.upper() or re.search(r"[ \t=]", name) or re.search(r"[ \t]", value):
                raise ValueError(f"{name}={value} is no parameter: a name in capitals, and no blanks")


class MailFrom(_Envelope, frozen=True, kw_only=True):
    """A mail begins: who gets the complaints. The address is empty where nobody does (`<>`)."""

    prefix: ClassVar[str] = "MAIL FROM:"


class RcptTo(_Envelope, frozen=True, kw_only=True):
    """One more who is to get the mail."""

    prefix: ClassVar[str] = "RCPT TO:"


class Bdat(Line, frozen=True, kw_only=True):
    """So many bytes of the mail follow at once (RFC 3030); after the last of them the mail is complete."""

    size: int
    last: bool = False

    @property
    def line(self) -> str:
        return f"BDAT {self.size}{' LAST' if self.last else ''}"

    def __post_init__(self) -> None:
        if not 0 <= self.size < 10**20:
            raise ValueError("a chunk's size has 1 to 20 digits")


class Auth(Line, frozen=True, kw_only=True):
    """A login begins (RFC 4954): by which mechanism, perhaps with its first response ("=" for an empty one)."""

    mechanism: str
    response: str = ""

    @property
    def line(self) -> str:
        return f"AUTH {self.mechanism} {self.response}".rstrip(" ")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.mechanism or " " in self.mechanism + self.response:
            raise ValueError("a login has a mechanism and at most one response")

    @property
    def is_secret(self) -> bool:
        return sasl.is_secret(self.mechanism, None, self.response)

    def masked(self) -> Auth:
        return msgspec.structs.replace(self, response=MASK) if self.is_secret else self


class Reply(replies.Reply, frozen=True, kw_only=True):
    """A reply, with its enhanced status (RFC 2034) where every line begins with the same one."""

    status: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.status and not (_ENHANCED.fullmatch(self.status) and int(self.status[0]) == self.code // 100):
            raise ValueError(f"the status of a {self.code} is like {self.code // 100}.1.0, and not {self.status!r}")

    @property
    def summary(self) -> str:
        return " ".join(filter(None, [f"{self.code}", self.status, self.lines[0]]))


_ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_STATUS = re.compile(rf"({_ENHANCED.pattern}) (.*)", re.DOTALL)


def split_status(code: int, lines: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """The enhanced status that all lines begin with, and the lines without it."""
    matches = [_STATUS.fullmatch(line) for line in lines]
    found = {match[1] for match in matches if match is not None}
    if len(found) != 1 or None in matches or not next(iter(found)).startswith(str(code // 100)):
        return "", lines
    return found.pop(), tuple(match[2] for match in matches if match is not None)


@lru_cache(REPLIES_KEPT)
def lines_in(reply: replies.Reply) -> tuple[str, ...]:
    """The lines of a reply as they are said: with the enhanced status in each."""
    if not isinstance(reply, Reply) or not reply.status:
        return reply.lines
    return tuple([f"{reply.status} {line}" for line in reply.lines])


@lru_cache(REPLIES_KEPT)
def written(reply: replies.Reply) -> bytes:
    """The bytes of a reply. A server says few different ones, and those that were said last are kept."""
    lines = lines_in(reply)
    before = "".join([f"{reply.code}-{line}\r\n" for line in lines[:-1]])
    return encoded(f"{before}{reply.code} {lines[-1]}\r\n")


# ── grammar (RFC 5321 §4.1.2, with the UTF-8 of RFC 6531 §3.3) ────────────────────────────────────────────

#: What stands between < and >: a > may stand in quotes. And the same as it may be said in one line.
_PATH = re.compile(r'<((?:[^<>"]++|"(?:[^"\\]|\\.)*")*)>', re.DOTALL)
_BETWEEN = re.compile(r'(?:[^<>"\r\n]++|"(?:[^"\\\r\n]|\\[^\r\n])*")*')
_ENVELOPE = re.compile(
    rf"""(?:FROM|TO):([ \t]*)(?:{_PATH.pattern}|([^\s<>"]+))(?:[ \t]+(.*))?""", re.IGNORECASE | re.DOTALL
)

_UTF8 = r"\u0080-\ud7ff\ue000-\U0010ffff"
_ATOM = rf"[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~{_UTF8}-]+"
_LABEL = rf"[A-Za-z0-9{_UTF8}](?:[A-Za-z0-9{_UTF8}-]*[A-Za-z0-9{_UTF8}])?"
_DOMAIN = rf"{_LABEL}(?:\.{_LABEL})*"
_LITERAL = r"\[(?:\d{1,3}(?:\.\d{1,3}){3}|IPv6:[0-9A-Fa-f:.]+|[A-Za-z0-9-]+:[!-Z^-~]+)\]"
_QUOTED = rf'"(?:[ !#-\[\]-~{_UTF8}]|\\[ -~])*"'
_MAILBOX = re.compile(
    rf"(?:@{_DOMAIN}(?:,@{_DOMAIN})*:)?(?P<local>{_ATOM}(?:\.{_ATOM})*|{_QUOTED})@(?:{_DOMAIN}|{_LITERAL})"
)
_NAME = re.compile(rf"{_DOMAIN}|{_LITERAL}")
_PARAMETER = re.compile(rf"[A-Z0-9][A-Z0-9-]*(?:=[!-<>-~{_UTF8}][!-~{_UTF8}]*)?")
_CHUNK = re.compile(r"(\d{1,20})( +LAST)?", re.IGNORECASE)

#: Parameters of MAIL and RCPT: the extension that has them, and what their values look like.
_KNOWN = {
    "SIZE": ("SIZE", r"\d{1,20}"),
    "BODY": ("8BITMIME", r"(?i:7BIT|8BITMIME|BINARYMIME)"),
    "SMTPUTF8": ("SMTPUTF8", ""),
    "AUTH": ("AUTH", r".+"),
    "RET": ("DSN", r"(?i:FULL|HDRS)"),
    "ENVID": ("DSN", r".+"),
    "NOTIFY": ("DSN", r"(?i:NEVER|(?:SUCCESS|FAILURE|DELAY)(?:,(?:SUCCESS|FAILURE|DELAY))*)"),
    "ORCPT": ("DSN", r"[A-Za-z0-9-]+;.+"),
    "REQUIRETLS": ("REQUIRETLS", ""),
    "MT-PRIORITY": ("MT-PRIORITY", r"-?[0-9]"),
}


def _hello(verb: str, argument: str) -> Line:
    if not argument:
        return Command(verb=verb, faults=(f"501 5.5.4 {verb} names who is calling",))
    faults = () if _NAME.fullmatch(argument) else ("501 5.5.2 that is neither a domain nor an address literal",)
    return Hello(verb=verb, domain=argument, faults=faults)  # type: ignore[arg-type]


def _mail(verb: str, argument: str) -> Line:
    return _envelope(MailFrom, "FROM", "5.1.7", argument) or _syntax(verb, argument, "MAIL FROM:<address>")


def _rcpt(verb: str, argument: str) -> Line:
    return _envelope(RcptTo, "TO", "5.1.3", argument) or _syntax(verb, argument, "RCPT TO:<address>")


def _bdat(verb: str, argument: str) -> Line:
    if match := _CHUNK.fullmatch(argument):
        return Bdat(size=int(match[1]), last=match[2] is not None)
    return _syntax(verb, argument, "BDAT size [LAST]")


def _auth(verb: str, argument: str) -> Line:
    mechanism, *responses = re.split("[ \t]+", argument)
    if len(responses) > 1 or not mechanism:
        return Command(verb=verb, argument=MASK, faults=("501 5.5.4 it is AUTH mechanism [response]",))
    response = "".join(responses)
    is_sound = sasl.MECHANISM.fullmatch(mechanism) and (response == "=" or sasl.RESPONSE.fullmatch(response))
    return Auth(
        mechanism=mechanism.upper(), response=response,
        faults=() if is_sound else ("501 5.5.2 a mechanism has a name, and a response is base64",),
    )  # fmt: skip


def _none(verb: str, argument: str) -> Line:
    faults = (f"501 5.5.4 {verb} has no argument",) if argument else ()
    return Command(verb=verb, argument=argument, faults=faults)


def _some(verb: str, argument: str) -> Line:
    faults = () if argument else (f"501 5.5.4 {verb} has an argument",)
    return Command(verb=verb, argument=argument, faults=faults)


def _any(verb: str, argument: str) -> Line:
    return Command(verb=verb, argument=argument)


def _syntax(verb: str, argument: str, wanted: str) -> Line:
    return Command(verb=verb, argument=argument, faults=(f"501 5.5.4 it is {wanted}",))


def _envelope(kind: type[MailFrom | RcptTo], word: str, status: str, argument: str) -> Line | None:
    match = _ENVELOPE.fullmatch(argument)
    if match is None or argument[: len(word)].upper() != word:
        return None
    blanks, path, bare, rest = match.groups()
    address = bare if path is None else path
    wrong = _address_fault(kind, address, status)
    if not (blanks or wrong or rest) and path is not None:
        return kind(address=address)
    faults = [*(["501 5.5.2 there is no blank behind the colon"] if blanks else [])]
    faults += ["501 5.5.2 an address stands between < and >"] if path is None else []
    faults += [wrong] if wrong else []
    parameters, more = _parameters(rest or "")
    return kind(address=address, parameters=parameters, faults=(*faults, *more))


def _address_fault(kind: type[MailFrom | RcptTo], address: str, status: str) -> str:
    """What is wrong with an address; nothing where it is one."""
    match = _MAILBOX.fullmatch(address)
    if match is not None:
        is_long = len(encoded(match["local"])) > MAIL_LOCAL_BYTES or len(encoded(address)) + 2 > MAIL_PATH_BYTES
        return f"501 {status} the address is too long" if is_long else ""
    if kind is MailFrom and not address:
        return ""
    if kind is RcptTo and address.lower() == "postmaster":  # RFC 5321 §4.1.1.3
        return ""
    return f"501 {status} that is no address"


def _parameters(words: str) -> tuple[dict[str, str], list[str]]:
    """Parameters by name, and what is wrong with them."""
    found: dict[str, str] = {}
    faults = []
    for word in re.findall(r"[^ \t]+", words):
        name, _, value = word.partition("=")
        name = name.upper()
        known = _KNOWN.get(name)
        if not name or name in found or not _PARAMETER.fullmatch(name + word[len(name) :]):
            faults.append(f"501 5.5.4 {word} is no parameter, or there twice")
        elif known is not None and not re.fullmatch(known[1], value):
            faults.append(f"501 5.5.4 {name} has no such value")
        if name:
            found[name] = value
    return found, faults


def extensions_in(lines: tuple[str, ...]) -> dict[str, str]:
    """The extensions that an answer to EHLO offers, with their parameters."""
    named = (line.partition(" ") for line in lines[1:])
    return {keyword.upper(): parameters for keyword, _, parameters in named}


def is_domain(name: str) -> bool:
    """Whether it is a domain or an address literal, as EHLO and a greeting name one."""
    return _NAME.fullmatch(name) is not None


def extension_of(parameter: str) -> str | None:
    """The extension that a parameter of MAIL or RCPT belongs to; None where that is not known."""
    return _KNOWN[parameter][0] if parameter in _KNOWN else None


_LIMITS = {"AUTH": SASL_BYTES, "MAIL": SMTP_ENVELOPE_BYTES, "RCPT": SMTP_ENVELOPE_BYTES}


def line_limit(verb: str) -> int:
    """How long a command may be with its end (RFC 5321 §4.5.3.1.4; extensions make some of them longer)."""
    return _LIMITS.get(verb, SMTP_COMMAND_BYTES)


# ── the state machine ─────────────────────────────────────────────────────────────────────────────────────

#: What has happened in a session: the greetings (`esmtp` where it was EHLO), a login, a mail begun, a recipient named,
#: a chunk of it sent by BDAT; and TLS.
State = Literal["hello", "esmtp", "login", "mail", "rcpt", "bdat", "tls"]


class Rule(NamedTuple):
    """One command: its argument's grammar; what must have happened and what not; what it begins and ends."""

    parse: Callable[[str, str], Line]
    needs: frozenset[State] = frozenset()
    without: frozenset[State] = frozenset()
    begins: frozenset[State] = frozenset()
    ends: frozenset[State] = frozenset()


def _states(*states: State) -> frozenset[State]:
    return frozenset(states)


_TRANSACTION = _states("mail", "rcpt", "bdat")

#: Commands that wait for the reply before the client may go on end a pipelined group (RFC 2920 §3.1).
RULES = {
    #          argument  needs                      not after                begins                    ends
    "EHLO": Rule(_hello, _states(), _states(), _states("hello", "esmtp"), _TRANSACTION),
    "LHLO": Rule(_hello, _states(), _states(), _states("hello", "esmtp"), _TRANSACTION),
    "HELO": Rule(_hello, _states(), _states(), _states("hello"), _TRANSACTION | {"esmtp"}),
    "MAIL": Rule(_mail, _states("hello"), _states("mail"), _states("mail"), _states()),
    "RCPT": Rule(_rcpt, _states("mail"), _states("bdat"), _states("rcpt"), _states()),
    "DATA": Rule(_none, _states("rcpt"), _states("bdat"), _states(), _states()),
    "BDAT": Rule(_bdat, _states("rcpt"), _states(), _states("bdat"), _states()),
    "RSET": Rule(_none, _states(), _states(), _states(), _TRANSACTION),
    "STARTTLS": Rule(_none, _states("esmtp"), _states("tls", "mail"), _states(), _states()),
    "AUTH": Rule(_auth, _states("esmtp"), _states("login", "mail"), _states("login"), _states()),
    "VRFY": Rule(_some, _states(), _states(), _states(), _states()),
    "EXPN": Rule(_some, _states(), _states(), _states(), _states()),
    "HELP": Rule(_any, _states(), _states(), _states(), _states()),
    "NOOP": Rule(_any, _states(), _states(), _states(), _states()),
    "QUIT": Rule(_none, _states(), _states(), _states(), _states()),
}

#: Clients say these over and over, and nothing in them is a secret.
_REMEMBERED = frozenset({"MAIL", "RCPT", "DATA", "RSET", "EHLO", "QUIT"})


def command(verb: str, argument: str) -> Line:
    """The event of a command, whose faults are those of its grammar alone."""
    if verb in _REMEMBERED:
        return copy(_parsed(verb, argument))  # as each is given a place of its own
    rule = RULES.get(verb)
    return Command(verb=verb, argument=argument) if rule is None else rule.parse(verb, argument)


@lru_cache(COMMANDS_KEPT)
def _parsed(verb: str, argument: str) -> Line:
    return RULES[verb].parse(verb, argument)


#: What is answered, too, though it is no command: the connection itself, and a mail's end.
GREETING, END = "(greeting)", "(end of mail)"
ANSWERED = {
    **RULES,
    GREETING: Rule(_any),
    END: Rule(_any, ends=_TRANSACTION),
}

_BEFORE: dict[State, str] = {"hello": "EHLO", "esmtp": "EHLO", "mail": "MAIL", "rcpt": "RCPT"}


def out_of_order(verb: str, state: set[State]) -> str | None:
    """What a polite server answers to `verb` after all that happened; None where it is in order."""
    rule = RULES[verb]
    if rule.needs <= state and rule.without.isdisjoint(state):
        return None
    for need in ("hello", "esmtp", "mail", "rcpt"):
        if need in rule.needs - state:
            return f"503 5.5.1 {_BEFORE[need]} comes before {verb}"
    if "bdat" in rule.without & state:
        return f"503 5.5.1 after BDAT there is no {verb}"
    return f"503 5.5.1 {verb} does not come now, or not twice"
