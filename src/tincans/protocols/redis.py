"""Redis: commands and their replies, commands typed as a line, and which reply belongs to which command.

What a value is, `resp.py` knows. Replies come in the order of their commands, so a queue of names tells what each is
the reply to. Three things come unasked: what a subscription brings (a push in RESP3, an array with a telling first word
in RESP2), what MONITOR shows, and a replica's stream, which is another protocol.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import compress
from typing import ClassVar

import msgspec

from tincans.channel import Side
from tincans.errors import LocalProtocolError
from tincans.limits import LINE_BYTES, REDIS_PENDING
from tincans.protocols.events import MASK, Event, encoded, text
from tincans.protocols.inbox import Inbox, Wrong
from tincans.protocols.resp import CRLF, ITEMS_SHOWN, SHOWN, Parser, Value, cut, write_value
from tincans.protocols.sasl import COMMON
from tincans.protocols.session import Match, Session
from tincans.protocols.view import View, Viewer

# ── events ────────────────────────────────────────────────────────────────────────────────────────────────


class Command(Event, frozen=True, kw_only=True):
    """What the client wants: the command's name and what it is about. `inline`: typed as a line."""

    arguments: tuple[str, ...]
    inline: bool = False
    #: Bytes of it that were too many to keep.
    left_out: int = 0

    @property
    def name(self) -> str:
        """As the reply's `to` has it: `GET`, `CONFIG SET`; empty where there is none, which nobody answers."""
        words = 2 if self.arguments and self.arguments[0].upper() in _CONTAINERS else 1
        return " ".join(self.arguments[:words]).upper()

    @property
    def summary(self) -> str:
        return " ".join(map(_argument, self.arguments)) or "(an empty command)"

    @property
    def details(self) -> Iterator[str]:
        if self.left_out:
            yield f"{self.left_out} bytes more, not kept"

    def masked(self) -> Command:
        secrets = _secrets(self.arguments)
        if not secrets:
            return self
        arguments = [
            word[: secrets[place]] + MASK if place in secrets else word for place, word in enumerate(self.arguments)
        ]
        return msgspec.structs.replace(self, arguments=tuple(arguments))


class _Valued(Event, frozen=True, kw_only=True):
    side: Side = Side.SERVER
    value: Value
    #: Bytes of it that were too many to keep.
    left_out: int = 0

    @property
    def details(self) -> Iterator[str]:
        each = self.value.each
        if each and len(self.value.items) // each > ITEMS_SHOWN:
            yield from _listed(self.value.items, each)
        keys = self.value.attributes
        yield from (f"attribute {key}: {value}" for key, value in zip(keys[::2], keys[1::2], strict=True))
        if self.left_out:
            yield f"{self.left_out} bytes more, not kept"


def _listed(items: Sequence[Value], each: int) -> Iterator[str]:
    for place in range(0, len(items), each):
        yield ": ".join(map(str, items[place : place + each]))


class Reply(_Valued, frozen=True, kw_only=True):
    """What a command was answered. `to` is the command's name, empty where that is not known."""

    to: str = ""

    @property
    def summary(self) -> str:
        return f"{self.value} (to {self.to})" if self.to else str(self.value)

    def masked(self) -> Reply:
        secret = _secret_leaves(self.to, self.value)
        return msgspec.structs.replace(self, value=_masked(self.value, iter(secret))) if any(secret) else self


class Push(_Valued, frozen=True, kw_only=True):
    """What nobody asked for just now: a message of a subscription, its confirmation, a command that MONITOR shows."""

    @property
    def summary(self) -> str:
        return str(self.value)


class RedisViewer(Viewer):
    """A long string is content, so that a reader may have all of it."""

    def view(self, event: Event) -> View:
        strings: Sequence[str] = ()
        if isinstance(event, Command):
            strings = event.masked().arguments
        elif isinstance(event, _Valued):
            strings = [leaf.text or "" for leaf in event.masked().value.leaves]
        longest = max(strings, key=len, default="")
        return View(event.summary, tuple(event.details), encoded(longest) if len(longest) > SHOWN else None)


def _argument(word: str) -> str:
    plain = word and not re.search(r"[\s\"']", word)
    return cut(word) if plain else f'"{cut(word)}"'


# ── secrets ───────────────────────────────────────────────────────────────────────────────────────────────

_CONTAINERS = frozenset(
    (
        "ACL", "CLIENT", "CLUSTER", "COMMAND", "CONFIG", "DEBUG", "FUNCTION", "LATENCY", "MEMORY", "MODULE", "OBJECT",
        "PUBSUB", "SCRIPT", "SENTINEL", "SLOWLOG", "XGROUP", "XINFO",
    )
)  # fmt: skip
#: Settings whose values are passwords.
_PASSWORDS = frozenset(
    ("requirepass", "masterauth", "sentinel-pass", "auth-pass", "tls-key-file-pass", "tls-client-key-file-pass")
)


def _after(words: Sequence[str], counts: dict[str, int]) -> Iterator[int]:
    """The place that stands so far behind one of these words."""
    return (place + counts[word.upper()] for place, word in enumerate(words) if word.upper() in counts)


def _settings(words: Sequence[str]) -> Iterator[int]:
    return (place + 1 for place, word in enumerate(words) if word.lower() in _PASSWORDS)


#: Of a command's words, the places of those that are secret.
_SECRETS: dict[str, Callable[[Sequence[str]], Iterator[int]]] = {
    "AUTH": lambda words: iter([len(words) - 1]),
    "HELLO": lambda words: _after(words, {"AUTH": 2}),
    "MIGRATE": lambda words: _after(words, {"AUTH": 1, "AUTH2": 2}),
    "CONFIG": _settings,
    "SENTINEL": _settings,
    "ACL": lambda words: (place for place, word in enumerate(words) if place > 2 and word[:1] in (">", "<", "#", "!")),
}


def _secrets(words: Sequence[str]) -> dict[int, int]:
    """The places of secret words, each with how many of its characters may be shown."""
    if len(words) < 2 or (rule := _SECRETS.get(words[0].upper())) is None:
        return {}
    shown = int(words[0].upper() == "ACL")
    return {place: shown for place in rule(words) if 0 < place < len(words)}


def _secret_leaves(to: str, value: Value) -> list[bool]:
    """Which of a reply's leaves are passwords: CONFIG GET gives them away."""
    if to != "CONFIG GET":
        return []
    names = [leaf.text or "" for leaf in value.leaves]
    return [place > 0 and names[place - 1].lower() in _PASSWORDS for place in range(len(names))]


def _masked(value: Value, secret: Iterator[bool]) -> Value:
    if not value.each or value.text is None:
        return msgspec.structs.replace(value, text=MASK) if next(secret) else value
    return msgspec.structs.replace(value, items=tuple(_masked(item, secret) for item in value.items))


# ── commands in a line ────────────────────────────────────────────────────────────────────────────────────

_WORD = re.compile(rb"""\s*(?:"((?:\\.|[^"\\])*)"|'((?:\\'|[^'])*)'|([^\s"']+))(?=\s|$)""", re.DOTALL)
_ESCAPE = re.compile(rb"\\(?:x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"a": b"\a"}
_PLAIN = re.compile(rb"[A-Za-z0-9_:.@/+-]+")


def _words(line: bytes) -> Iterator[tuple[bytes, int, int]]:
    """A typed line's words, and where each stands in it. Raises `ValueError`."""
    at = 0
    while line[at:].strip():
        match = _WORD.match(line, at)
        if match is None:
            raise ValueError("unbalanced quotes in request")
        double, single, plain = match.groups()
        if double is not None:
            word = _ESCAPE.sub(lambda m: bytes.fromhex(m[1].decode()) if m[1] else _ESCAPES.get(m[2], m[2]), double)
        else:
            word = single.replace(b"\\'", b"'") if single is not None else plain
        yield word, *match.span(match.lastindex or 0)
        at = match.end()


def _quoted(word: str) -> bytes:
    data = encoded(word)
    if _PLAIN.fullmatch(data):
        return data
    return b'"%s"' % re.sub(rb"[^ !#-\[\]-~]", lambda match: b"\\x%02x" % match[0][0], data)


# ── the session ───────────────────────────────────────────────────────────────────────────────────────────

#: Commands that are answered by as many pushes as they have arguments, and the first word of each.
_SUBSCRIBING = frozenset(("SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE"))
_TOLD = _SUBSCRIBING | {"MESSAGE", "PMESSAGE", "SMESSAGE"}
_MONITORED = re.compile(r"\d+\.\d{6} \[\d+ [^\]]+\] ")
#: What a client begins with, and the beginning of that.
_COMMAND = re.compile(rb"\*[1-9][0-9]{0,6}\r\n\$[0-9]{1,9}\r\n")
_COMMAND_BEGUN = re.compile(rb"\*(?:[1-9][0-9]{0,6}(?:\r(?:\n(?:\$(?:[0-9]{1,9}\r?)?)?)?)?)?")
#: What nobody but a Redis server is told in a line (an AUTH that names no mechanism, too), the beginning of that, and
#: what may be the answer.
_TYPED_WORDS = ("PING", "INFO", "ECHO", "MONITOR", "SUBSCRIBE", "PSUBSCRIBE", "DBSIZE", "HGETALL")
_TYPED = re.compile(
    rb"(?i)(?:(?:%s)(?: [^\r\n]*)?|AUTH (?!(?:SSL|TLS|%s)\b)[^\r\n]+)\r?\n" % ("|".join(_TYPED_WORDS).encode(), COMMON)
)
_TYPED_BEGUN = re.compile(rb"(?i)(?:%s|AUTH)(?: [^\r\n]*)?\r?" % "|".join(_TYPED_WORDS).encode())
_REPLY = re.compile(rb"[+\-][^\r\n]*\r\n|:-?[0-9]+\r\n|[$*%~](?:-1|[0-9]{1,9})\r\n")
_REPLY_BEGUN = re.compile(rb"(?:[+\-][^\r\n]*|:-?[0-9]*|[$*%~](?:-1?|[0-9]{0,9}))\r?")


def _told(whole: re.Pattern[bytes], begun: re.Pattern[bytes], said: bytes) -> Match:
    if whole.match(said):
        return Match.SURE
    return Match.WAIT if begun.fullmatch(said) else Match.NO


class _Pending:
    """A command that is not answered yet; a subscription is by several pushes."""

    __slots__ = ("left", "name")

    def __init__(self, name: str, left: int) -> None:
        self.name, self.left = name, left


class RedisSession(Session):
    """Redis, Valkey, KeyDB: whatever speaks RESP2 or RESP3."""

    name: ClassVar[str] = "redis"
    title: ClassVar[str] = "Redis"
    ports: ClassVar[tuple[int, ...]] = (6379,)
    suspicious = re.compile(
        rb"\A(?:\*[0-9]+\r\n\$[0-9]+\r\n)?(?:ACL|AUTH|CONFIG|HELLO|MIGRATE)\b(.+)", re.IGNORECASE | re.DOTALL
    )

    def __init__(self, **arguments: object) -> None:
        super().__init__(**arguments)  # type: ignore[arg-type]
        self._parsers = {side: Parser(commands=side is Side.CLIENT, strict=self.strict) for side in Side}
        self._pending: deque[_Pending] | None = deque()  # None: there were too many to tell any more
        self._subscriptions = 0
        self._monitoring = False
        self._silent = False  # CLIENT REPLY OFF
        self._unanswered = 0  # commands that CLIENT REPLY SKIP leaves without a reply

    @property
    def awaited(self) -> Side | None:
        if self._pending:
            return Side.SERVER
        return None if self._pending is None or self._subscriptions or self._monitoring else Side.CLIENT

    @classmethod
    def viewer(cls) -> Viewer:
        return RedisViewer()

    @classmethod
    def recognize(cls, client: bytes, server: bytes) -> Match:
        """An array of bulk strings; or a line that Redis knows, and an answer to it in RESP."""
        if client.startswith(b"*"):
            return _told(_COMMAND, _COMMAND_BEGUN, client)
        typed = _told(_TYPED, _TYPED_BEGUN, client)
        begun = client.isalpha() and any(word.startswith(text(client).upper()) for word in (*_TYPED_WORDS, "AUTH"))
        if typed is Match.NO and not begun:
            return Match.NO
        answered = _told(_REPLY, _REPLY_BEGUN, server) if server else Match.WAIT
        return answered if typed is Match.SURE or answered is Match.NO else Match.WAIT

    # ── reading ───────────────────────────────────────────────────────────────────────────────────────────

    def _read(self, side: Side, inbox: Inbox) -> Event | None:
        if not inbox.data:
            return None
        parser = self._parsers[side]
        if side is Side.CLIENT and inbox.data[0] != ord("*") and not parser.is_reading:
            return self._typed(inbox)
        try:
            value = parser.read(inbox)
        except Wrong:
            parser.reset()
            raise
        if value is None:
            return None
        places, left_out = parser.places, parser.left_out
        parser.reset()
        if side is Side.SERVER:
            return self._answered(value, places, left_out)
        arguments = tuple(item.text or "" for item in value.items)
        return self._asked(Command(arguments=arguments, left_out=left_out), places)

    def _typed(self, inbox: Inbox) -> Event | None:
        start = inbox.start
        line = inbox.line(LINE_BYTES, b"\n", "a command in a line")
        if line is None:
            return None
        try:
            words = list(_words(line))
        except ValueError as error:
            inbox.put_back(line)
            raise Wrong(
                str(error), start, skip=len(line), reply=b"-ERR Protocol error: %s\r\n" % encoded(str(error))
            ) from error
        places = [(start + begin, start + end) for _, begin, end in words]
        return self._asked(Command(arguments=tuple(text(word) for word, _, _ in words), inline=True), places)

    def _asked(self, command: Command, places: Sequence[tuple[int, int]]) -> Command:
        secrets = _secrets(command.arguments).items()
        places = [(places[place][0] + shown, places[place][1]) for place, shown in secrets if place < len(places)]
        self._hide_these(Side.CLIENT, places, command)
        if command.arguments:
            self._expect(command)
        return command

    def _hide_these(self, side: Side, places: Iterable[tuple[int, int]], event: Command | Reply) -> None:
        """Hide the places of secrets; the whole of an event that has some and was cut, as they are not known there."""
        if event.left_out and event.masked() != event:
            self._hide(side, self._marks[side], self.offset(side))
            return
        for start, end in places:
            self._hide(side, start, end)

    def _expect(self, command: Command) -> None:
        """Remember what will be answered."""
        words = [word.upper() for word in command.arguments[:3]]
        if words[:2] == ["CLIENT", "REPLY"]:
            self._silent = words[2:] == ["OFF"]
            self._unanswered = 1 if words[2:] == ["SKIP"] else 0
            if words[2:] != ["ON"]:
                return
        elif self._silent:
            return
        elif self._unanswered:
            self._unanswered -= 1
            return
        if self._pending is None:
            return
        if len(self._pending) >= REDIS_PENDING:
            self._pending = None
            return
        left = max(1, len(command.arguments) - 1) if words[0] in _SUBSCRIBING else 1
        self._pending.append(_Pending(command.name, left))

    def _answered(self, value: Value, places: Sequence[tuple[int, int]], left_out: int) -> Event:
        if self._is_push(value):
            return Push(value=value, left_out=left_out)
        to = self._pending.popleft().name if self._pending else ""
        failed = value.kind in ("error", "bulk error")
        if not failed and to in ("SYNC", "PSYNC"):
            self._upgrade("raw")
        self._monitoring = (self._monitoring or (to == "MONITOR" and not failed)) and to != "RESET"
        if to == "RESET":
            self._subscriptions = 0
        reply = Reply(value=value, to=to, left_out=left_out)
        self._hide_these(Side.SERVER, compress(places, _secret_leaves(to, value)), reply)
        return reply

    def _is_push(self, value: Value) -> bool:
        """Whether nobody asked for this; a confirmation also answers its command."""
        if value.kind == "simple string":
            return self._monitoring and _MONITORED.match(value.text or "") is not None
        if value.kind not in ("array", "push") or not value.items:
            return value.kind == "push"
        first = (value.items[0].text or "").upper()
        head = self._pending[0] if self._pending else None
        confirms = head is not None and head.name == first and first in _SUBSCRIBING
        if value.kind == "array" and not confirms and not (self._subscriptions and first in _TOLD):
            return False
        if first in _SUBSCRIBING:
            self._confirmed(value, head if confirms else None)
        return True

    def _confirmed(self, value: Value, head: _Pending | None) -> None:
        count = value.items[-1]
        self._subscriptions = int(count.text or 0) if count.kind == "integer" else 0
        if head is not None:
            head.left -= 1
            if not head.left:
                assert self._pending
                self._pending.popleft()

    # ── writing ───────────────────────────────────────────────────────────────────────────────────────────

    def _write(self, side: Side, event: Event) -> bytes:
        if isinstance(event, Command) and not event.left_out:
            if event.inline:
                return b" ".join(map(_quoted, event.arguments)) + CRLF
            event_value = Value("array", "", tuple(Value("bulk string", word) for word in event.arguments))
        elif isinstance(event, Reply | Push) and not event.left_out:
            event_value = event.value
        else:
            raise LocalProtocolError(f"Redis is not told {event.summary!r}")
        out: list[bytes] = []
        write_value(event_value, out)
        return b"".join(out)
