"""IRC: messages, one a line, which either side says at any time (RFC 2812, with IRCv3's message tags).

    @time=2026-11-24T21:22:05.585Z :dan!d@host PRIVMSG #tea :hello there
    tags                            source     verb    parameters; only the last may have blanks

A message is one `Message`, whatever its verb: servers, clients and services have added to the verbs of the RFC for
thirty years. A reply is a message whose verb is a number (`Message.name` says which).

Parsing is as lenient as other parsers are (https://github.com/ircdocs/parser-tests): a lone LF ends a line, several
blanks are one, an empty line is `Blank`. STARTTLS holds the client until the server answered 670, from where both
speak TLS, or 691, from where they do not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import ClassVar, NamedTuple

import msgspec

from tincans.channel import Side
from tincans.errors import LocalProtocolError
from tincans.limits import IRC_CLIENT_TAGS_BYTES, IRC_MESSAGE_BYTES, IRC_TAGS_BYTES, LINE_BYTES
from tincans.protocols.events import MASK, Event, encoded, text
from tincans.protocols.inbox import Inbox, Wrong
from tincans.protocols.irc_numerics import NUMERICS
from tincans.protocols.session import Match, Session

# ── events ────────────────────────────────────────────────────────────────────────────────────────────────


class Source(NamedTuple):
    """Who a message is from: `nick!user@host`, of which all but the first may be missing, or a server's name."""

    nick: str
    user: str = ""
    host: str = ""

    @classmethod
    def parse(cls, source: str) -> Source:
        rest, _, host = source.partition("@")
        nick, _, user = rest.partition("!")
        return cls(nick, user, host)

    def __str__(self) -> str:
        return self.nick + (f"!{self.user}" if self.user else "") + (f"@{self.host}" if self.host else "")


class Message(Event, frozen=True, kw_only=True):
    """One message. `verb` is as it was said; `command` has it in capitals, as it may be said either way."""

    verb: str
    parameters: tuple[str, ...] = ()
    #: As it stands behind the colon; `sender` has its parts.
    source: str = ""
    #: Tags with their values, unescaped; a tag without a value has an empty one (IRCv3 message-tags).
    tags: dict[str, str] = msgspec.field(default_factory=dict)
    #: Bytes more than IRC allows, which a server answers with ERR_INPUTTOOLONG. What has some cannot be sent.
    excess: int = 0

    def __post_init__(self) -> None:
        everything = (self.verb, self.source, *self.parameters)
        if any(sign in each for each in everything for sign in "\r\n\0"):
            raise ValueError("a message has no end of a line and no NUL in it")
        if not self.verb or self.verb[0] in ":@" or " " in self.verb:
            raise ValueError(f"{self.verb!r} is no command")
        if any(not each or each[0] == ":" or " " in each for each in self.parameters[:-1]):
            raise ValueError("only the last parameter may be empty, begin with a colon, or have blanks in it")
        if " " in self.source:
            raise ValueError(f"a source has no blanks in it: {self.source!r}")
        if not all(_TAG.fullmatch(tag) for tag in self.tags):
            raise ValueError(f"tags have names: {', '.join(self.tags)!r}")

    @property
    def command(self) -> str:
        return self.verb.upper()

    @property
    def name(self) -> str:
        """What a number is called, as `RPL_WELCOME`; else the command itself."""
        return NUMERICS.get(self.verb, self.command)

    @property
    def sender(self) -> Source:
        return Source.parse(self.source)

    @property
    def client_tags(self) -> dict[str, str]:
        """The tags that only clients understand, and servers pass on (IRCv3 message-tags, "client-only tags")."""
        return {tag: value for tag, value in self.tags.items() if tag.startswith("+")}

    @property
    def summary(self) -> str:
        name = NUMERICS.get(self.verb)
        verb = f"{self.verb} {name}" if name else self.verb
        return " ".join(([f":{self.source}"] if self.source else []) + [verb, *_spoken(self.parameters)])

    @property
    def details(self) -> Iterator[str]:
        for tag, value in self.tags.items():
            yield f"@{tag}: {value}" if value else f"@{tag}"
        if self.excess:
            yield f"{self.excess} bytes longer than IRC allows"

    def masked(self) -> Message:
        secrets = _secrets(self.command, self.parameters, self.side)
        if not secrets:
            return self
        parameters = list(self.parameters)
        for at, kept in secrets:
            parameters[at] = parameters[at][:kept] + MASK
        return msgspec.structs.replace(self, parameters=tuple(parameters))


class Blank(Event, frozen=True, kw_only=True):
    """An empty line, which is ignored (RFC 2812 §2.3.1)."""

    @property
    def summary(self) -> str:
        return "(an empty line)"


# ── secrets ───────────────────────────────────────────────────────────────────────────────────────────────

#: Which parameters of a command are secret, where the client says it.
_SECRETS = {
    "PASS": slice(0, None), "OPER": slice(1, None), "WEBIRC": slice(0, 1), "REGISTER": slice(2, None),
    "VERIFY": slice(1, None), "JOIN": slice(1, None),
}  # fmt: skip

#: The services that users identify themselves to, and what they say then: the rest of it is a secret.
_SERVICES = re.compile(r"(?:nickserv|chanserv|authserv|userserv|q|x)(?:@.*)?", re.IGNORECASE)
_IDENTIFIES = re.compile(
    r"(?:identify|id|login|auth|register|ghost|recover|release|regain|drop|setpass|set +password|confirm) +",
    re.IGNORECASE,
)

#: What AUTHENTICATE says beside the secrets: a mechanism's name, none of which is base64 of what anybody would say.
_MECHANISM = re.compile(r"[+*]|PLAIN|EXTERNAL|ANONYMOUS|LOGIN|GSSAPI|OAUTHBEARER|[A-Z0-9]+(?:-[A-Z0-9]+)+")


def _secrets(command: str, parameters: tuple[str, ...], side: Side) -> list[tuple[int, int]]:
    """Which parameters are secret, and how many characters at their beginning are not."""
    if command == "AUTHENTICATE":
        return [(at, 0) for at, parameter in enumerate(parameters) if not _MECHANISM.fullmatch(parameter)]
    if side is not Side.CLIENT:
        return []
    if command in ("PRIVMSG", "NOTICE", "SQUERY") and len(parameters) > 1 and _SERVICES.fullmatch(parameters[0]):
        match = _IDENTIFIES.match(parameters[1])
        return [(1, match.end())] if match else []
    if command in ("NS", "NICKSERV"):
        return _asked_service(parameters)
    return [(at, 0) for at in range(len(parameters))[_SECRETS.get(command, slice(0))]]


def _asked_service(parameters: tuple[str, ...]) -> list[tuple[int, int]]:
    """NS IDENTIFY and the like: what comes behind the word, be it in the same parameter or not."""
    said = " ".join(parameters) + " "
    match = _IDENTIFIES.match(said)
    if match is None:
        return []
    secrets, start = [], 0
    for at, parameter in enumerate(parameters):
        kept = max(0, match.end() - start)
        if kept < len(parameter):
            secrets.append((at, kept))
        start += len(parameter) + 1
    return secrets


# ── messages as bytes ─────────────────────────────────────────────────────────────────────────────────────

_TAG = re.compile(r"[^ ;=\r\n\0]+")
_PARTS = re.compile(rb" *(?:@([^ ]*) +)?(?::([^ ]*) +)?([^ :@][^ ]*)(?: +|$)")
_PARAMETER = re.compile(rb":(.*)|([^ ]+) *", re.DOTALL)

#: What stands in a tag's value for what cannot (IRCv3 message-tags, "escaping values").
_ESCAPES = {";": "\\:", " ": "\\s", "\\": "\\\\", "\r": "\\r", "\n": "\\n", "\0": ""}
_UNESCAPES = {":": ";", "s": " ", "\\": "\\", "r": "\r", "n": "\n"}


class _Split(NamedTuple):
    """A message, and where its parameters stand in it; how long its tags are."""

    message: Message
    spans: tuple[tuple[int, int], ...]
    tags: int


def _split(line: bytes) -> _Split | None:
    """The parts of a message without its end; None where it has no command."""
    head = _PARTS.match(line)
    if head is None:
        return None
    tags, source, verb = (text(part or b"") for part in head.groups())
    spans = [match.span(1 if match[1] is not None else 2) for match in _PARAMETER.finditer(line, head.end())]
    message = Message(
        verb=verb, source=source, tags=_read_tags(tags), parameters=tuple(text(line[slice(*span)]) for span in spans)
    )
    return _Split(message, tuple(spans), head.end(1) + 1 if head[1] is not None else 0)


def read_message(line: bytes) -> Message:
    """A line without its end as a message. Raises `ValueError` where it is none."""
    split = None if re.search(rb"[\r\n\0]", line) else _split(line)
    if split is None:
        raise ValueError("a message has no command, or the end of a line or a NUL in it")
    return split.message


def _join(message: Message) -> bytes:
    words = [f"@{written_tags(message.tags)}"] if message.tags else []
    words += [f":{message.source}"] if message.source else []
    return encoded(" ".join([*words, message.verb, *_spoken(message.parameters)]))


def written(verb: str, *parameters: str, source: str = "", tags: str = "") -> bytes:
    """A message of a server as bytes, made quickly: what cannot be in it (the end of a line, a NUL) becomes a blank,
    and what is longer than IRC allows is cut, between two characters.

    `tags` are written already, as by `written_tags`. All parameters but the last are words.
    """
    *words, last = parameters or ("",)
    if parameters:
        last = last if last.isprintable() else last.translate(_NOT_SAID)
        colon = not last or len(parameters) == _TEXTS.get(verb) or last[0] == ":" or " " in last
        words.append(f":{last}" if colon else last)
    said = " ".join([f":{source} {verb}" if source else verb, *words])
    if not said.isprintable():
        said = said.translate(_NOT_SAID)
    data = encoded(said)
    if len(data) > IRC_MESSAGE_BYTES - 2:
        data = data[: IRC_MESSAGE_BYTES - 2].decode(errors="ignore").encode()
    return b"%b%b\r\n" % (encoded(f"@{tags} "), data) if tags else data + b"\r\n"


#: What ends in a text where it has so many parameters: there is always a colon before that, as programs of few lines
#: look for it. Others look for none before a nick, a mode, or a piece of base64.
_TEXTS = {
    "PRIVMSG": 2, "NOTICE": 2, "TOPIC": 2, "PART": 2, "QUIT": 1, "KICK": 3, "AWAY": 1, "ERROR": 1, "PING": 1,
    "SETNAME": 1, "301": 3, "311": 6, "332": 3, "353": 4, "372": 2,
}  # fmt: skip
_NOT_SAID = {ord(sign): " " for sign in "\r\n\0"}


def _spoken(parameters: tuple[str, ...]) -> list[str]:
    """The parameters as they are said: the last with a colon before it where it needs one."""
    if not parameters:
        return []
    *middle, last = parameters
    return [*middle, f":{last}" if not last or last[0] == ":" or " " in last else last]


def _read_tags(said: str) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in said.split(";"))
    return {tag: re.sub(r"\\(.?)", _unescaped, value) for tag, _, value in pairs if tag}


def _unescaped(match: re.Match[str]) -> str:
    return _UNESCAPES.get(match[1], match[1])


def written_tags(tags: Mapping[str, str]) -> str:
    """Tags as they stand behind the @, escaped."""
    said = ((tag, "".join(_ESCAPES.get(sign, sign) for sign in value)) for tag, value in tags.items())
    return ";".join(f"{tag}={value}" if value else tag for tag, value in said)


# ── the session ───────────────────────────────────────────────────────────────────────────────────────────


class IrcSession(Session):
    """A client and a server. A message without a command is wrong, and so is one with a NUL or a lone CR in it."""

    name: ClassVar[str] = "irc"
    title: ClassVar[str] = "IRC"
    ports: ClassVar[tuple[int, ...]] = (6667, 6697, 194, 7000)
    suspicious = re.compile(
        rb"^(?:[@:][^ \n]+ +)*(?:AUTHENTICATE|NICKSERV|NS|OPER|PASS|REGISTER|WEBIRC|PRIVMSG +(?:NickServ|Q@)[^ \n]*)"
        rb"[ \r\0]+([^\n]+)",
        re.IGNORECASE | re.MULTILINE,
    )

    @classmethod
    def recognize(cls, client: bytes, server: bytes) -> Match:
        return max(_recognize_client(client), _recognize_server(server))

    def _read(self, side: Side, inbox: Inbox) -> Event | None:
        line = inbox.line(LINE_BYTES, what="a message")
        if line is None:
            return None
        said = line.rstrip(b"\r\n")
        if not said.strip(b" "):
            return Blank()
        start = inbox.start - len(line)
        split = None if b"\r" in said or b"\0" in said else _split(said)
        if split is None:
            inbox.put_back(line)
            found = re.search(rb"[\r\0]", said)
            reason = "a message has a NUL or a lone CR in it" if found else "a message has no command"
            raise Wrong(reason, start + (found.start() if found else 0), until=b"\n")
        return self._heard(side, split, start, len(said))

    def _heard(self, side: Side, split: _Split, start: int, size: int) -> Message:
        message = split.message
        for at, kept in _secrets(message.command, message.parameters, side):
            place, end = split.spans[at]
            self._hide(side, start + place + len(encoded(message.parameters[at][:kept])), start + end)
        if message.command == "STARTTLS" and side is Side.CLIENT:
            self._hold(Side.CLIENT)
        elif side is Side.SERVER and self.waiting_for_tls:
            self._answered(message.verb)
        excess = _excess(side, split.tags, size)
        return msgspec.structs.replace(message, excess=excess) if excess else message

    @property
    def waiting_for_tls(self) -> bool:
        """The client has asked for STARTTLS, and the server has not answered."""
        return Side.CLIENT in self._held

    def _answered(self, verb: str) -> None:
        if verb == "670":
            self._upgrade("tls")
        elif re.fullmatch(r"[4-6]\d\d", verb):  # 691, or a server that does not know it
            self._release(Side.CLIENT)

    def _skip(self, side: Side, count: int) -> bool:
        self._release(Side.CLIENT)
        return True

    def _write(self, side: Side, event: Event) -> bytes:
        if isinstance(event, Blank):
            return b"\r\n"
        if not isinstance(event, Message):
            raise LocalProtocolError(f"IRC has no {type(event).__name__}")
        split = _split(said := _join(event))
        assert split is not None
        if excess := _excess(side, split.tags, len(said)):
            raise LocalProtocolError(f"the message is {excess} bytes longer than IRC allows")
        return said + b"\r\n"


def _excess(side: Side, tags: int, size: int) -> int:
    """How many bytes are too many, where tags take so many of the message without its end."""
    most = IRC_CLIENT_TAGS_BYTES if side is Side.CLIENT else IRC_TAGS_BYTES
    return max(0, tags - most) + max(0, size - tags + 2 - IRC_MESSAGE_BYTES)


# ── recognizing ───────────────────────────────────────────────────────────────────────────────────────────

_OPENS = re.compile(
    rb"(?:PASS [^\n]*\n)*"
    rb"(?:CAP (?:LS|LIST|REQ|END)\b[^\n]*|NICK [^\n]+|USER(?: [^ \n]+){3} [^\n]+|AUTHENTICATE [^\n]+)\n",
    re.IGNORECASE,
)
_MAY_OPEN = re.compile(rb"(?:PASS [^\n]*|STARTTLS\r?|WEBIRC [^\n]*)\n", re.IGNORECASE)
_GREETS = re.compile(rb"(?:@[^ \n]+ )?(?::[^ \n]+ +)?NOTICE (?:AUTH|\*|[^ \n]+) :[^\n]*\n|:[^ \n]+ +[0-9]{3} [^\n]+\n")
_BEGINNINGS = (b"PASS ", b"CAP ", b"NICK ", b"USER ", b"AUTHENTICATE ", b"STARTTLS\r", b"WEBIRC ")


def _recognize_client(said: bytes) -> Match:
    if _OPENS.match(said):
        return Match.SURE
    last = said[said.rfind(b"\n") + 1 :].upper()
    if last and any(last.startswith(word) or word.startswith(last) for word in _BEGINNINGS):
        return Match.WAIT
    return Match.MAYBE if _MAY_OPEN.match(said) else Match.NO


def _recognize_server(said: bytes) -> Match:
    if _GREETS.match(said):
        return Match.SURE
    begun = said.startswith((b":", b"@", b"NOTICE ")) or (said and b"NOTICE ".startswith(said))
    return Match.WAIT if begun and b"\n" not in said else Match.NO
