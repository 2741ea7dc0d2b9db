"""A conversation as text that reads well in a repository: a `.tin` file.

    tincans conversation 1
    kind: relay
    client: tcp://127.0.0.1:50312
    server: tcp://127.0.0.1:7707
    opened: 2026-11-24 21:22:05.585201317

    0.000012000 C
        GET / HTTP/1.0\\r\\n
        \\r\\n
    0.001400000 S hex
        1f 8b 08 00
    0.001400000 S ends
    0.002000000 closed finished client

The number behind the first words is the format. The head has what `Opened` has; then comes what happened, each with its
seconds since then. What was said is indented by four spaces, a line a line with its end written out; the lines' escapes
are those of `escape`. A line that begins with `#` is a comment. Written by hand, the head's lines and the times may be
left out. A file may hold several conversations: each further one begins with the same first words. `read` gives the
very entries that `write` was given, but for the conversations' numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import msgspec

from tincans.channel import Side
from tincans.conversation import Closed, Dropped, Ended, Entry, How, Joined, Kind, Noted, Opened, Said, Secured
from tincans.errors import TinError
from tincans.text import escape, is_text, unescape

FORMAT = 1

_TITLE = "tincans conversation"
_INDENT = "    "
_HEX_ROW = 32
#: Of a line that makes no sense: it may be no text, and of any length.
_QUOTED = 40
_SIDES = {"C": Side.CLIENT, "S": Side.SERVER}
_LETTERS = {side: letter for letter, side in _SIDES.items()}
_HAPPENED = re.compile(r"(?:(-?)(\d+)(?:\.(\d{1,9}))? )?(\S+)(?: (.*))?")
_HEAD = re.compile(r"([a-z]+(?: [\w.-]+)?): ?(.*)")


# ── writing ───────────────────────────────────────────────────────────────────────────────────────────────


def write(entries: Iterable[Entry]) -> Iterator[str]:
    """The lines of a file, their ends included. `Opened` begins each conversation."""
    writer = Writer()
    for entry in entries:
        yield from writer.take(entry)


class Writer:
    """Writes a file entry by entry."""

    def __init__(self) -> None:
        self._opened: int | None = None

    def take(self, entry: Entry) -> Iterator[str]:
        """The lines of what happened next."""
        if isinstance(entry, Opened):
            if self._opened is not None:
                yield "\n"
            self._opened = entry.at
            yield from _head(entry)
            return
        words, *lines = _happened(entry)
        yield f"{_since(entry.at - (self._opened or 0))} {words}\n"
        yield from (f"{_INDENT}{line}\n" for line in lines)


def _since(nanoseconds: int) -> str:
    """Seconds; less than none where the clock was put back."""
    seconds, rest = divmod(abs(nanoseconds), 1_000_000_000)
    return f"{'-' if nanoseconds < 0 else ''}{seconds}.{rest:09}"


def _head(opened: Opened) -> Iterator[str]:
    yield f"{_TITLE} {FORMAT}\n"
    yield f"kind: {opened.kind.value}\n"
    for name in ("name", "client", "server", "near", "far"):
        if value := getattr(opened, name):
            yield f"{name}: {_escaped(value)}\n"
    if opened.boundaries:
        yield "boundaries: yes\n"
    yield f"opened: {_moment(opened.at)}\n"
    for name, fact in opened.facts.items():
        yield f"fact {name}: {_escaped(fact)}".rstrip(" ") + "\n"
    yield "\n"


def _moment(at: int) -> str:
    second, rest = divmod(at, 1_000_000_000)
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%d %H:%M:%S}.{rest:09}"


def _happened(entry: Entry) -> Iterator[str]:
    match entry:
        case Said(side=side, data=data):
            yield from _said(_LETTERS[side], data)
        case Ended(side=side):
            yield f"{_LETTERS[side]} ends"
        case Dropped(side=side, count=count, reason=reason):
            yield f"{_LETTERS[side]} dropped {count} {_escaped(reason)}".rstrip(" ")
        case Noted(text=text):
            yield f"note {_escaped(text)}".rstrip(" ")
        case Joined(far=far, server=server, facts=facts):
            yield "joined"
            yield from _facts({"far": far, "server": server, **{f"fact {name}": fact for name, fact in facts.items()}})
        case Secured(facts=facts):
            yield "secured"
            yield from _facts({f"fact {name}": fact for name, fact in facts.items()})
        case Closed(how=how, by=by, detail=detail):
            yield f"closed {how.value} {by.value if by else '-'} {_escaped(detail)}".rstrip(" ")
        case Opened():
            raise ValueError("a conversation is opened once")


def _facts(facts: dict[str, str]) -> Iterator[str]:
    return (f"{name}: {_escaped(fact)}".rstrip(" ") for name, fact in facts.items())


def _said(letter: str, data: bytes) -> Iterator[str]:
    lines = [_escaped(line) for line in data.splitlines(keepends=True)] if is_text(data) else []
    if lines or not data:
        yield letter
        yield from lines
        return
    yield f"{letter} hex"
    for start in range(0, len(data), _HEX_ROW):
        yield data[start : start + _HEX_ROW].hex(" ")


def _escaped(text: bytes | str) -> str:
    """As `escape`; an editor would take a blank at a line's end away."""
    line = escape(text)
    return f"{line[:-1]}\\x20" if line.endswith(" ") else line


# ── reading ───────────────────────────────────────────────────────────────────────────────────────────────


def read(lines: Iterable[str], number: int = 1) -> Iterator[Entry]:
    """The entries, with `number` as the first conversation's. Raises `TinError`, which names the line."""
    return _Reader(number).entries(lines)


class _Reader:
    """Reads a file line by line; an entry is given when the next begins."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._head: dict[str, str] | None = {}
        self._titled = False
        self._opened = self._at = 0
        self._words: str | None = None  # of the entry that is being read
        self._body: list[str] = []
        self._began = 0  # its line

    def entries(self, lines: Iterable[str]) -> Iterator[Entry]:
        count = 0
        for count, line in enumerate(lines, 1):
            line = line.rstrip("\n")
            try:
                yield from self._line(count, line)
            except (ValueError, msgspec.MsgspecError) as error:
                raise TinError(self._began or count, str(error)) from error
        try:
            if self._head == {} and not self._titled:
                raise ValueError("there is no conversation in it")
            yield from self._open()
            yield from self._entry()
        except (ValueError, msgspec.MsgspecError) as error:
            raise TinError(self._began or count, str(error)) from error

    def _line(self, count: int, line: str) -> Iterator[Entry]:
        if line.startswith("#"):
            return
        if self._words is not None and line.startswith(_INDENT):
            self._body.append(line.removeprefix(_INDENT))
        elif line.startswith(_TITLE):
            yield from self._title(count, line.removeprefix(_TITLE).strip())
        elif line.strip() and not self._is_head(line):
            yield from self._open()
            yield from self._entry()
            self._began = count
            self._begin(line)

    def _title(self, count: int, version: str) -> Iterator[Entry]:
        if self._titled or self._head is None:
            yield from self._open()
            yield from self._entry()
            self._number, self._head = self._number + 1, {}
        self._titled, self._began = True, count
        if version != str(FORMAT):
            raise ValueError(f"it is of format {version[:_QUOTED] or 'none'}, and this tincans reads format {FORMAT}")

    def _is_head(self, line: str) -> bool:
        if self._head is None or (match := _HEAD.fullmatch(line)) is None:
            return False
        self._head[match[1]] = _text(match[2])
        return True

    def _open(self) -> Iterator[Entry]:
        if self._head is None:
            return
        head, self._head = self._head, None
        facts = {name.removeprefix("fact "): head.pop(name) for name in list(head) if name.startswith("fact ")}
        self._opened = self._at = _nanoseconds(head.pop("opened", "1970-01-01"))
        boundaries = head.pop("boundaries", "no") == "yes"
        fields = {"kind": "relay", "client": "tcp://127.0.0.1:50000", "server": "tcp://127.0.0.1:9", **head}
        for name in fields.keys() - set(Opened.__struct_fields__):
            raise ValueError(f"a conversation has no {name!r}")
        fields["kind"] = Kind(fields["kind"])  # type: ignore[assignment]
        yield Opened(
            conversation=self._number, at=self._opened, boundaries=boundaries, facts=facts,
            **fields,  # type: ignore[arg-type]
        )  # fmt: skip

    def _begin(self, line: str) -> None:
        match = _HAPPENED.fullmatch(line)
        if match is None:
            raise ValueError(f"{line[:_QUOTED]!r} is nothing that happens in a conversation")
        sign, seconds, rest, what, words = match.groups()
        if seconds is not None:
            since = int(seconds) * 1_000_000_000 + int((rest or "").ljust(9, "0"))
            self._at = self._opened + (-since if sign else since)
        self._words, self._body = f"{what} {words or ''}".rstrip(" "), []

    def _entry(self) -> Iterator[Entry]:
        if self._words is None:
            return
        what, _, words = self._words.partition(" ")
        body, self._words = self._body, None
        place = {"conversation": self._number, "at": self._at}
        if what in _SIDES:
            yield _spoken(_SIDES[what], words, body, place)
            return
        facts = _read_facts(body)
        match what:
            case "note":
                yield Noted(**place, text=_text(words))
            case "joined":
                yield Joined(**place, far=facts.pop("far", ""), server=facts.pop("server", ""), facts=_plain(facts))
            case "secured":
                yield Secured(**place, facts=_plain(facts))
            case "closed":
                how, by, detail = (*words.split(" ", 2), "", "")[:3]
                side = Side(by) if by not in ("-", "") else None
                yield Closed(**place, how=How(how), by=side, detail=_text(detail))
            case _:
                raise ValueError(f"{what[:_QUOTED]!r} is nothing that happens in a conversation")


def _spoken(side: Side, words: str, body: list[str], place: dict[str, int]) -> Entry:
    if words == "ends":
        return Ended(**place, side=side)
    if words.startswith("dropped "):
        count, _, reason = words.removeprefix("dropped ").partition(" ")
        return Dropped(**place, side=side, count=int(count), reason=_text(reason))
    if words == "hex":
        return Said(**place, side=side, data=bytes.fromhex(" ".join(body)))
    if words:
        raise ValueError(f"{words!r} is nothing that a side does")
    return Said(**place, side=side, data=b"".join(map(unescape, body)))


def _read_facts(body: list[str]) -> dict[str, str]:
    facts = {}
    for line in body:
        name, colon, fact = line.partition(": ")
        if not colon and not line.endswith(":"):
            raise ValueError(f"{line!r} is no fact: it needs a name, a colon and a value")
        facts[name.rstrip(":")] = _text(fact)
    return facts


def _plain(facts: dict[str, str]) -> dict[str, str]:
    return {name.removeprefix("fact "): fact for name, fact in facts.items()}


def _text(escaped: str) -> str:
    return unescape(escaped).decode("utf-8", "surrogateescape")


def _nanoseconds(moment: str) -> int:
    second, _, rest = moment.partition(".")
    at = datetime.fromisoformat(second).replace(tzinfo=UTC)
    return int(at.timestamp()) * 1_000_000_000 + int(rest.ljust(9, "0") or 0)
