"""RESP, what Redis speaks: values of the types of RESP2 and RESP3, read and written.

Values nest, so one that is half there is kept as a stack of aggregates, each of which knows how many values it still
lacks. Nothing is taken from the inbox before a value is whole: a `Parser` only goes on from where it has looked.

    *2 ──► [array, 2 lacking] ──$3 foo──► [array, 1 lacking] ──$3 bar──► whole

A value of more than MESSAGE_BYTES is cut: its further bytes are passed over as they come, and counted. The
specification: https://redis.io/docs/latest/develop/reference/protocol-spec/
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from tincans.limits import LINE_BYTES, MESSAGE_BYTES, REDIS_DEPTH, REDIS_VALUES
from tincans.protocols.events import encoded, text
from tincans.protocols.inbox import Inbox, Wrong

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
CRLF = b"\r\n"
#: How much of one value a summary has, how many of an aggregate's, and of how many in one another.
SHOWN, ITEMS_SHOWN, DEPTH_SHOWN = 120, 8, 2


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
    def each(self) -> int:
        """How many values stand for one item: 2 in a map, 0 where there are none."""
        return _BY_NAME[self.kind].each

    @property
    def leaves(self) -> Iterator[Value]:
        """The values in it that have none in them, in the order in which they are said."""
        if not self.each or self.text is None:
            yield self
        for item in self.items:
            yield from item.leaves

    def __str__(self) -> str:
        """As `redis-cli` shows it, in one line."""
        return self._shown(0)

    def _shown(self, depth: int) -> str:
        if self.is_null:
            return "(nil)"
        if self.each:
            return self._braced(depth)
        return _STYLES.get(self.kind, "{}").format(cut(self.text or ""))

    def _braced(self, depth: int) -> str:
        most = self.each * ITEMS_SHOWN if depth < DEPTH_SHOWN else 0
        shown = [item._shown(depth + 1) for item in self.items[:most]]
        if self.kind == "map":
            shown = [f"{key}: {value}" for key, value in zip(shown[::2], shown[1::2], strict=True)]
        count = len(self.items) // self.each
        more = [f"… {count} in all"] if count > len(shown) else []
        opening, closing = "[]" if self.kind in ("array", "push") else "{}"
        return f"{opening}{', '.join(shown + more)}{closing}"


_STYLES = {
    "error": "(error) {}", "bulk error": "(error) {}", "integer": "(integer) {}", "double": "(double) {}",
    "boolean": "({})", "bulk string": '"{}"',
}  # fmt: skip


def cut(string: str) -> str:
    return string if len(string) <= SHOWN else f"{string[:SHOWN]}… ({len(encoded(string))} bytes)"


# ── one side's values ─────────────────────────────────────────────────────────────────────────────────────


class _Open:
    """An aggregate that lacks `lacking` values; None: as many as come before its end. It begins with leaf `leaf`."""

    def __init__(self, kind: str, lacking: int | None, attributes: tuple[Value, ...], leaf: int, *, kept: bool) -> None:
        self.kind, self.lacking, self.attributes, self.leaf, self.kept = kind, lacking, attributes, leaf, kept
        self.items: list[Value] = []


class Parser:
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
        self._full = False  # what begins now is not kept any more
        self._keeping = True  # the value that is being put in its place is kept
        self._passing = 0  # and what of it is passed over
        self.left_out = 0
        #: Where each leaf's text stands, attributes left out.
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
        found = inbox.data.find(CRLF, max(self._at, self._looked))
        length = (found if found >= 0 else len(inbox) - 1) - self._at
        if length > LINE_BYTES:
            inbox.take(self._at)
            raise Wrong(f"a line is longer than {LINE_BYTES} bytes", inbox.start + LINE_BYTES, until=CRLF)
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
        if line == b"." and self._stack and self._stack[-1].lacking is None and not self._in_parts():
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
        if rest == b"-1":
            self.places.append((inbox.start + start, inbox.start + start))
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
        lacking = None if length == b"?" else int(length) * kind.each
        opened = _Open(kind.name, lacking, self._attributes, len(self.places), kept=not self._full)
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
        if inbox.data[self._at : self._at + 2] != CRLF:
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
        self._keeping = not self._full
        attributes, self._attributes = self._attributes, ()
        if kind == "part":  # of a streamed string; checked only when that is whole
            return msgspec.structs.replace(_EMPTY, text=said)
        return Value(kind, said, (), attributes)

    def _closed(self, opened: _Open) -> Value | bool:
        """The aggregate that is whole now. Raises `ValueError`."""
        self._keeping = opened.kept
        items = tuple(opened.items)
        if opened.kind in ("bulk string", "attribute"):  # one leaf, or none
            parts, self.places[opened.leaf :] = self.places[opened.leaf :], []
        if opened.kind == "bulk string":
            self.places.append((parts[0][0], parts[-1][1]) if parts else (0, 0))
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
            if self._keeping:
                opened.items.append(value)
                self._values += 1
            else:
                self._overflow(inbox)
            self._look_for_room(inbox)
            last_part = opened.kind == "bulk string" and not value.text
            opened.lacking = opened.lacking if opened.lacking is None else opened.lacking - 1
            if opened.lacking != 0 and not last_part:
                return None
            closed = self._closed(self._stack.pop())
            if not isinstance(closed, Value):
                return None
            value = closed
        return value

    def _look_for_room(self, inbox: Inbox) -> None:
        """Whether a value that begins now can be kept."""
        if not self._full and (self._taken + self._at > MESSAGE_BYTES or self._values >= REDIS_VALUES):
            self._full = True
            self._take(inbox)

    def _overflow(self, inbox: Inbox) -> None:
        """A value too many: only its bytes are counted."""
        if self._strict:
            raise ValueError(f"a message has more than {MESSAGE_BYTES} bytes, or {REDIS_VALUES} values")
        self.left_out += self._at
        self._take(inbox)
        self.places.clear()


_EMPTY = Value("bulk string")


def write_value(value: Value, out: list[bytes]) -> None:
    """The bytes of a value, in pieces."""
    kind = _BY_NAME[value.kind]
    if value.attributes:
        out.append(b"|%d\r\n" % (len(value.attributes) // 2))
        for item in value.attributes:
            write_value(item, out)
    mark = kind.mark.encode()
    if value.text is None:
        out.append(mark + b"-1\r\n")
    elif kind.line is not None:
        out.append(mark + encoded(value.text) + CRLF)
    elif kind.each:
        out.append(b"%s%d\r\n" % (mark, len(value.items) // kind.each))
        for item in value.items:
            write_value(item, out)
    else:
        data = encoded(value.text)
        out.append(b"%s%d\r\n%s\r\n" % (mark, len(data), data))
