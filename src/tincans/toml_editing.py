"""One key of one table of a TOML file, set or taken out; every other byte stays: comments, order, the ends of lines.

A table may be written in any way that can be added to: under its header, or key by key at the top (`users.ann = "…"`).
One in braces is not taken apart.
"""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

from tincans.toml_lines import TomlError, keys_of, parse, statements

#: A statement on one line whose value is a string: what stands before the value, the value, and what follows it.
_STRING = re.compile(r"""([^=\n]*=[ \t]*)("(?:[^"\\\n]|\\.)*"|'[^'\n]*')([^\n]*\n?)""")


def assign(key: str, value: str) -> str:
    """A line that gives `key` the string `value`, without its end."""
    return f"{_key(key)} = {_string(value)}"


def put(text: str, table: str, key: str, value: str) -> str:
    """A file's text in which `table` has `key` with the string `value`. Raises `TomlError`."""
    found = _Table(text, table)
    lines, line = found.lines, f"{found.prefix}{assign(key, value)}{found.line_end}"
    if key in found.keys:
        first, last = found.keys[key]
        old = _STRING.fullmatch("".join(lines[first:last]))
        lines[first:last] = [f"{old[1]}{_string(value)}{old[3]}" if old else line]
    elif found.end:
        lines.insert(found.end, line)
    else:
        lines += [found.line_end] * bool(lines) + [f"[{_key(table)}]{found.line_end}", line]
    return "".join(lines)


def take_out(text: str, table: str, key: str) -> str:
    """A file's text in which `table` has no `key`. Raises `KeyError` where it has none, and `TomlError`."""
    found = _Table(text, table)
    first, last = found.keys[key]
    del found.lines[first:last]
    return "".join(found.lines)


class _Table:
    """Where a table stands in a file: the lines of each of its keys, and where another can be added."""

    def __init__(self, text: str, name: str) -> None:
        """Raises `TomlError` where it is no table, or one that cannot be added to."""
        data, places = parse(text)
        self.line_end = "\r\n" if "\r\n" in text else "\n"
        self.lines = re.findall(r"[^\n]*\n|[^\n]+", text)
        if self.lines and not self.lines[-1].endswith("\n"):
            self.lines[-1] += self.line_end
        #: Of each key the first line, and the one after its last.
        self.keys: dict[str, tuple[int, int]] = {}
        #: The line before which another key is added; 0 where the table is not there.
        self.end = 0
        #: What stands before its keys.
        self.prefix = ""
        self._find(text, name)
        if not isinstance(data.get(name, {}), dict) or (name in data and not self.end):
            line = min(line for place, line in places.items() if place[:1] == (name,))
            raise TomlError(line, f"{name!r} is no table to which a line could be added; its header is [{name}]")

    def _find(self, text: str, name: str) -> None:
        table: list[str] = []  # in which one the walk is
        for line, statement, parsed in statements(text):
            lines = (line - 1, line - 1 + statement.count("\n"))
            if statement.lstrip().startswith("["):
                table = ["", ""] if statement.lstrip().startswith("[[") else keys_of(parsed)
                if table == [name]:
                    self.end = lines[1]
            elif table == [name]:
                self._note(next(iter(parsed)), lines)
            elif not table and _is_dotted(statement, name, parsed):
                self.prefix = f"{_key(name)}."
                self._note(next(iter(parsed[name])), lines)

    def _note(self, key: str, lines: tuple[int, int]) -> None:
        self.keys[key] = lines
        self.end = lines[1]


def _is_dotted(statement: str, table: str, parsed: dict[str, Any]) -> bool:
    """Whether it is a key of the table, and not all of the table in braces: then another can follow."""
    if not isinstance(parsed.get(table), dict) or not parsed[table]:
        return False
    try:
        tomllib.loads(f"{statement}\n{_key(table)}.{_key(''.join(parsed[table]) + '+')} = 0")
    except tomllib.TOMLDecodeError:
        return False
    return True


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _string(name)


def _string(value: str) -> str:
    """A string in quotes: JSON's are TOML's, but for DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
