"""Redis: what RESP2 and RESP3 say, commands in lines of their own, and which reply belongs to which command.

Values nest, so one that is half there is kept as a stack of aggregates, each of which knows how many values it still
lacks. Nothing is taken from the inbox before a value is whole: `_Parser` only goes on from where it has looked.

    *2 ──► [array, 2 lacking] ──$3 foo──► [array, 1 lacking] ──$3 bar──► whole

A message of more than MESSAGE_BYTES is shown cut: its further bytes are passed over as they come, and counted.

Replies come in the order of their commands, so a queue of names tells what each is the reply to. Three things come
unasked: what a subscription brings (a push in RESP3, an array with a telling first word in RESP2), what MONITOR shows,
and a replica's stream, which is another protocol. The specification: https://redis.io/docs/latest/develop/reference/protocol-spec/
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar, NamedTuple

import msgspec

from tincans.channel import Side
from tincans.errors import LocalProtocolError
from tincans.limits import LINE_BYTES, MESSAGE_BYTES, REDIS_DEPTH, REDIS_PENDING, REDIS_VALUES
from tincans.protocols.session import MASK, Event, Inbox, Match, Session, Wrong, encoded, text
from tincans.protocols.view import View, Viewer

# ── values ────────────────────────────────────────────────────────────────────────────────────────────────


class _Kind(NamedTuple):
    """A type of RESP: its first byte, its name, and either what its line may be, or what its length counts."""

    mark: str
    name: str
    line: re.Pattern[str] | None = None
    #: Values for each one that the length counts; 0: it counts bytes.
    each: int = 0


def _line(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.DOTALL)


_KINDS = (
    _Kind("+", "simple string", _line(r"[^\r\n]*")),
    _Kind("-", "error", _line(r"[^\r\n]*")),
    _Kind(":", "integer", _line(r"[+-]?[0-9]{1,20}")),
    _Kind("_", "null", _line(r"")),
    _Kind("#", "boolean", _line(r"[tf]")),
    _Kind(",", "double", _line(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?|inf|nan)")),
    _Kind("(", "big number", _line(r"[+-]?[0-9]+")),
    _Kind("$", "bulk string"),
    _Kind("!", "bulk error"),
    _Kind("=", "verbatim string"),
    _Kind(";", "part"),
    _Kind("*", "array", each=1),
    _Kind("~", "set", each=1),
    _Kind(">", "push", each=1),
    _Kind("%", "map", each=2),
    _Kind("|", "attribute", each=2),
)
_BY_MARK = {ord(kind.mark): kind for kind in _KINDS}
_BY_NAME = {kind.name: kind for kind in _KINDS}
#: In RESP2 these two are null when their length is -1.
_NULLABLE = ("bulk string", "array")
_LENGTH = re.compile(rb"-1|[0-9]{1,18}|\?")
_CRLF = b"\r\n"
#: How much of one value a summary has, and how many of an aggregate's.
_SHOWN, _ITEMS_SHOWN = 120, 8


class Value(msgspec.Struct, frozen=True):
    """One value: the name of its type, and its text or its values. A null of RESP2 is a bulk string or array without.

    A map has its keys and values by turns; a verbatim string begins with its format (`txt:`). `attributes` go
    before a value, by turns as in a map.
    """

    kind: str
    text: str | None = ""
    items: tuple[Value, ...] = ()
    attributes: tuple[Value, ...] = ()

    def __post_init__(self) -> None:
        kind = _BY_NAME.get(self.kind)
        if kind is None or self.kind in ("part", "attribute"):
            raise ValueError(f"there is no {self.kind!r} in Redis")
        if self.text is None and self.kind not in _NULLABLE:
            raise ValueError(f"a null cannot be of type {self.kind}")
        if kind.line is not None and not kind.line.fullmatch(self.text or ""):
            raise ValueError(f"{self.text!r} is not of type {self.kind}")
        if self.items and not kind.each:
            raise ValueError(f"a value of type {self.kind} has no values in it")
        if (kind.each == 2 and len(self.items) % 2) or len(self.attributes) % 2:
            raise ValueError("a map needs a value for each key")
        if self.kind == "verbatim string" and (self.text or "")[3:4] != ":":
            raise ValueError("a verbatim string begins with its format, as in 'txt:'")

    @property
    def is_null(self) -> bool:
        return self.text is None or self.kind == "null"

    @property
    def leaves(self) -> Iterator[Value]:
        """The values in it that have none in them, in the order in which they are said."""
        if not _BY_NAME[self.kind].each or self.text is None:
            yield self
        for item in self.items:
            yield from item.leaves

    def __str__(self) -> str:
        """As `redis-cli` shows it, in one line."""
        if self.is_null:
            return "(nil)"
        if _BY_NAME[self.kind].each:
            return self._braced()
        return _STYLES.get(self.kind, "{}").format(_cut(self.text or ""))

    def _braced(self) -> str:
        shown = [str(item) for item in self.items[: 2 * _ITEMS_SHOWN if self.kind == "map" else _ITEMS_SHOWN]]
        if self.kind == "map":
            shown = [f"{key}: {value}" for key, value in zip(shown[::2], shown[1::2], strict=True)]
        count = len(self.items) // _BY_NAME[self.kind].each
        more = [f"… {count} in all"] if count > len(shown) else []
        opening, closing = "[]" if self.kind in ("array", "push") else "{}"
        return f"{opening}{', '.join(shown + more)}{closing}"


_STYLES = {
    "error": "(error) {}", "bulk error": "(error) {}", "integer": "(integer) {}", "double": "(double) {}",
    "boolean": "({})", "bulk string": '"{}"',
}  # fmt: skip


def _cut(string: str) -> str:
    return string if len(string) <= _SHOWN else f"{string[:_SHOWN]}… ({len(encoded(string))} bytes)"


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
        each = _BY_NAME[self.value.kind].each
        if each and len(self.value.items) // each > _ITEMS_SHOWN:
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
        return View(event.summary, tuple(event.details), encoded(longest) if len(longest) > _SHOWN else None)


def _argument(word: str) -> str:
    plain = word and not re.search(r"[\s\"']", word)
    return _cut(word) if plain else f'"{_cut(word)}"'


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
    if not value.items:
        return msgspec.structs.replace(value, text=MASK) if next(secret) else value
    return msgspec.structs.replace(value, items=tuple(_masked(item, secret) for item in value.items))


# ── one side's values ─────────────────────────────────────────────────────────────────────────────────────


class _Open:
    """An aggregate that lacks `lacking` values; None: as many as come before its end."""

    def __init__(self, kind: str, lacking: int | None, attributes: tuple[Value, ...]) -> None:
        self.kind, self.lacking, self.attributes = kind, lacking, attributes
        self.items: list[Value] = []


class _Parser:
    """Goes on through the inbox from where it has looked. Nothing is taken before a value is whole, or is cut."""

    def __init__(self, *, commands: bool, strict: bool) -> None:
        """`commands`: only arrays of bulk strings, as a server takes them."""
        self._commands, self._strict = commands, strict
        self.reset()

    def reset(self) -> None:
        self._at = self._looked = 0
        self._taken = 0  # of a message that is cut
        self._stack: list[_Open] = []
        self._attributes: tuple[Value, ...] = ()
        self._bulk: tuple[str, int] | None = None  # its type and its length
        self._kept: str | None = None  # of that bulk
        self._values = 0
        self._passing = 0  # and what of it is passed over
        self.left_out = 0
        #: Where each leaf's text stands.
        self.places: list[tuple[int, int]] = []

    @property
    def is_reading(self) -> bool:
        """Whether a value has begun."""
        return bool(self._stack or self._bulk)

    def read(self, inbox: Inbox) -> Value | None:
        """The next value, which is taken; None when it is not all there. Raises `Wrong`."""
        while True:
            value = self._read_bulk(inbox, *self._bulk) if self._bulk else self._read_line(inbox)
            if value is None:
                return None
            if isinstance(value, Value) and (whole := self._put(inbox, value)) is not None:
                inbox.take(self._at)
                return whole

    def wrong(self, reason: str, at: int, behind: int) -> Wrong:
        """The place `at` is wrong; decoding goes on at `behind`. Both are counted from the inbox's beginning."""
        return Wrong(reason, at, skip=behind, reply=b"-ERR Protocol error: %s\r\n" % encoded(reason))

    # A half-made value gives True: go on. None: more has to come.

    def _read_line(self, inbox: Inbox) -> Value | bool | None:
        found = inbox.data.find(_CRLF, max(self._at, self._looked))
        length = (found if found >= 0 else len(inbox) - 1) - self._at
        if length > LINE_BYTES:
            inbox.take(self._at)
            raise Wrong(f"a line is longer than {LINE_BYTES} bytes", inbox.start + LINE_BYTES, until=_CRLF)
        if found < 0:
            self._looked = max(self._at, len(inbox) - 1)
            return None
        start, self._at = self._at, found + 2
        line = bytes(inbox.data[start:found])
        try:
            return self._begin(inbox, line, start)
        except ValueError as error:
            raise self.wrong(str(error), inbox.start + start, self._at) from error

    def _begin(self, inbox: Inbox, line: bytes, start: int) -> Value | bool:
        """What a line is, or begins. Raises `ValueError`."""
        if line == b"." and self._stack and self._stack[-1].lacking is None:
            return self._closed(self._stack.pop())
        kind = _BY_MARK.get(line[0]) if line else None
        allowed = kind is not None and (kind.mark == (";" if self._in_parts() else "$" if self._stack else "*"))
        if kind is None or not (allowed or (not self._commands and kind.mark != ";" and not self._in_parts())):
            raise ValueError(f"{text(line[:40])!r} begins no value here")
        rest = line[1:]
        if kind.line is not None:
            self.places.append((inbox.start + start + 1, inbox.start + start + len(line)))
            return self._made(kind.name, text(rest))
        if not _LENGTH.fullmatch(rest):
            raise ValueError(f"{text(rest[:40])!r} is no length")
        return self._counted(kind, rest)

    def _in_parts(self) -> bool:
        return bool(self._stack) and self._stack[-1].kind == "bulk string"

    def _counted(self, kind: _Kind, length: bytes) -> Value | bool:
        if length == b"-1":
            if kind.name not in _NULLABLE or (self._commands and self._stack):
                raise ValueError(f"a value of type {kind.name} has no length of -1")
            return self._made(kind.name, None)
        if length == b"?" and (kind.name == "part" or self._commands or not (kind.each or kind.mark == "$")):
            raise ValueError(f"a value of type {kind.name} needs a length")
        if kind.name == "part" and not int(length):
            return self._made("part", "")  # the last one: no more than its line
        if length != b"?" and not kind.each:
            self._bulk = kind.name, int(length)
            return True
        if kind.name == "attribute" and self._attributes:
            raise ValueError("a value has attributes twice")
        if len(self._stack) >= REDIS_DEPTH:
            raise ValueError(f"values are nested more than {REDIS_DEPTH} deep")
        opened = _Open(kind.name, None if length == b"?" else int(length) * kind.each, self._attributes)
        self._attributes = ()
        if opened.lacking == 0:
            return self._closed(opened)
        self._stack.append(opened)
        return True

    def _read_bulk(self, inbox: Inbox, kind: str, length: int) -> Value | bool | None:
        if self._kept is None:
            keep = min(length, max(0, MESSAGE_BYTES - self._taken - self._at))
            if keep < length and self._strict:
                raise self.wrong(f"a message has more than {MESSAGE_BYTES} bytes", inbox.start + self._at, self._at)
            if len(inbox) < self._at + keep:
                return None
            self._kept = text(inbox.data[self._at : self._at + keep])
            self.places.append((inbox.start + self._at, inbox.start + self._at + keep))
            self._at += keep
            self._passing = length - keep
            self.left_out += self._passing
        if self._passing and not self._pass_over(inbox):
            return None
        if len(inbox) < self._at + 2:
            return None
        if inbox.data[self._at : self._at + 2] != _CRLF:
            raise self.wrong("a bulk string does not end where its length says", inbox.start + self._at, self._at)
        self._at += 2
        kept, self._kept, self._bulk = self._kept, None, None
        try:
            return self._made(kind, kept)
        except ValueError as error:
            raise self.wrong(str(error), inbox.start + self._at - 2, self._at) from error

    def _pass_over(self, inbox: Inbox) -> bool:
        """Take what is too much to keep; whether that was all."""
        self._take(inbox)
        gone = len(inbox.take(self._passing))
        self._taken += gone
        self._passing -= gone
        return not self._passing

    def _take(self, inbox: Inbox) -> None:
        self._taken += len(inbox.take(self._at))
        self._at = self._looked = 0

    def _made(self, kind: str, said: str | None) -> Value:
        attributes, self._attributes = self._attributes, ()
        if kind == "part":  # of a streamed string; checked only when that is whole
            return msgspec.structs.replace(_EMPTY, text=said)
        return Value(kind, said, (), attributes)

    def _closed(self, opened: _Open) -> Value | bool:
        """The aggregate that is whole now. Raises `ValueError`."""
        items = tuple(opened.items)
        if opened.kind == "bulk string":
            joined = b"".join(encoded(item.text or "") for item in items)  # a character may be in two parts
            return Value("bulk string", text(joined), (), opened.attributes)
        if self.left_out and _BY_NAME[opened.kind].each == 2:
            items = items[: len(items) // 2 * 2]
        if opened.kind == "attribute":
            self._attributes = items
            return True
        return Value(opened.kind, "", items, opened.attributes)

    def _put(self, inbox: Inbox, value: Value) -> Value | None:
        """Put a value where it belongs; the message, if that makes it whole."""
        try:
            return self._placed(inbox, value)
        except ValueError as error:
            raise self.wrong(str(error), inbox.start + self._at, self._at) from error

    def _placed(self, inbox: Inbox, value: Value) -> Value | None:
        while self._stack:
            opened = self._stack[-1]
            if self._taken + self._at <= MESSAGE_BYTES and self._values < REDIS_VALUES:
                opened.items.append(value)
                self._values += 1
            else:
                self._overflow(inbox)
            last_part = opened.kind == "bulk string" and not value.text
            opened.lacking = opened.lacking if opened.lacking is None else opened.lacking - 1
            if opened.lacking != 0 and not last_part:
                return None
            closed = self._closed(self._stack.pop())
            if not isinstance(closed, Value):
                return None
            value = closed
        return value

    def _overflow(self, inbox: Inbox) -> None:
        """A value too many: only its bytes are counted."""
        if self._strict:
            raise ValueError(f"a message has more than {MESSAGE_BYTES} bytes, or {REDIS_VALUES} values")
        self.left_out += self._at
        self._take(inbox)
        self.places.clear()


_EMPTY = Value("bulk string")


def _wire(value: Value, out: list[bytes]) -> None:
    """The bytes of a value, in pieces."""
    kind = _BY_NAME[value.kind]
    if value.attributes:
        out.append(b"|%d\r\n" % (len(value.attributes) // 2))
        for item in value.attributes:
            _wire(item, out)
    mark = kind.mark.encode()
    if value.text is None:
        out.append(mark + b"-1\r\n")
    elif kind.line is not None:
        out.append(mark + encoded(value.text) + _CRLF)
    elif kind.each:
        out.append(b"%s%d\r\n" % (mark, len(value.items) // kind.each))
        for item in value.items:
            _wire(item, out)
    else:
        data = encoded(value.text)
        out.append(b"%s%d\r\n%s\r\n" % (mark, len(data), data))


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
#: What nobody but a Redis server is told in a line, the beginning of that, and what may be the answer.
_TYPED_WORDS = ("PING", "INFO", "ECHO", "MONITOR", "SUBSCRIBE", "PSUBSCRIBE", "DBSIZE", "HGETALL")
_TYPED = re.compile(rb"(?i)(?:%s)(?: [^\r\n]*)?\r?\n" % "|".join(_TYPED_WORDS).encode())
_TYPED_BEGUN = re.compile(rb"(?i)(?:%s)(?: [^\r\n]*)?\r?" % "|".join(_TYPED_WORDS).encode())
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

    def __init__(self, **arguments: object) -> None:
        super().__init__(**arguments)  # type: ignore[arg-type]
        self._parsers = {side: _Parser(commands=side is Side.CLIENT, strict=self.strict) for side in Side}
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
        begun = client.isalpha() and any(word.startswith(text(client).upper()) for word in _TYPED_WORDS)
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
            raise Wrong(
                str(error), start, skip=0, reply=b"-ERR Protocol error: %s\r\n" % encoded(str(error))
            ) from error
        places = [(start + begin, start + end) for _, begin, end in words]
        return self._asked(Command(arguments=tuple(text(word) for word, _, _ in words), inline=True), places)

    def _asked(self, command: Command, places: Sequence[tuple[int, int]]) -> Command:
        for place, shown in _secrets(command.arguments).items():
            if place < len(places):
                self._hide(Side.CLIENT, places[place][0] + shown, places[place][1])
        if command.arguments:
            self._expect(command)
        return command

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
        for secret, place in zip(_secret_leaves(to, value), places, strict=False):
            if secret:
                self._hide(Side.SERVER, *place)
        return Reply(value=value, to=to, left_out=left_out)

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
                return b" ".join(map(_quoted, event.arguments)) + _CRLF
            event_value = Value("array", "", tuple(Value("bulk string", word) for word in event.arguments))
        elif isinstance(event, Reply | Push) and not event.left_out:
            event_value = event.value
        else:
            raise LocalProtocolError(f"Redis is not told {event.summary!r}")
        out: list[bytes] = []
        _wire(event_value, out)
        return b"".join(out)
