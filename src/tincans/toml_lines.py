"""TOML, and the line on which each of its keys stands: `tomllib` tells that only of a mistake in the syntax.

A file is a row of statements, each a key with its value or the header of a table, and each parses by itself. So lines
are taken until what was taken parses: that was one statement, and all that is in it stands on its first line.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any

#: Where a value is: the keys and, in an array, the index on the way to it. `("listen", 0, "address")`.
Place = tuple[str | int, ...]


class TomlError(ValueError):
    """A mistake in the syntax: what is wrong, and on which line: the last one where the file ends too early."""

    def __init__(self, line: int, reason: str) -> None:
        self.line, self.reason = line, reason
        super().__init__(reason)


def parse(text: str) -> tuple[dict[str, Any], dict[Place, int]]:
    """What a TOML file says, and the line, from 1, of every key and table in it. Raises `TomlError`."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.fullmatch(r"(.*?)(?: \(at line (\d+), column \d+\)| \(at end of document\))?", str(error), re.DOTALL)
        assert found is not None
        line = int(found[2] or len(text.splitlines()))
        raise TomlError(line, found[1][:1].lower() + found[1][1:]) from None
    return data, _Lines(text).of


class _Lines:
    """The walk over the statements of a file that parses as a whole."""

    def __init__(self, text: str) -> None:
        self.of: dict[Place, int] = {}
        self._counts: dict[Place, int] = {}  # of the tables in each array that [[headers]] make
        table: Place = ()
        for line, statement, parsed in statements(text):
            if statement.lstrip().startswith("["):
                table = self._open(parsed, statement.lstrip().startswith("[["))
                self.of.setdefault(table, line)
            else:
                self._note(table, parsed, line)

    def _open(self, parsed: dict[str, Any], double: bool) -> Place:
        """The place of the table that a header begins; `[a.b]` is in the last of the tables of `[[a]]`."""
        *way, last = keys_of(parsed)
        place: Place = ()
        for key in way:
            place = (*place, key)
            if place in self._counts:
                place = (*place, self._counts[place] - 1)
        place = (*place, last)
        if double:
            self._counts[place] = self._counts.get(place, 0) + 1
            place = (*place, self._counts[place] - 1)
        return place

    def _note(self, place: Place, value: Any, line: int) -> None:
        self.of.setdefault(place, line)
        if isinstance(value, dict | list):
            for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
                self._note((*place, key), inner, line)


def statements(text: str) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """The first line, the text and the meaning of each statement."""
    taken, first = "", 1
    for line, more in enumerate(text.split("\n"), 1):
        taken += more + "\n"
        try:
            parsed = tomllib.loads(taken)
        except tomllib.TOMLDecodeError:
            continue  # a value that goes on
        if parsed:
            yield first, taken, parsed
        taken, first = "", line + 1


def keys_of(header: dict[str, Any]) -> list[str]:
    """The keys of a header, as it parses by itself: `[a.b]` is {"a": {"b": {}}}."""
    keys, rest = [], header
    while rest:
        [(key, inner)] = rest.items()
        keys.append(key)
        rest = inner[0] if isinstance(inner, list) else inner
    return keys
