"""Bytes as texts in a program's source: printable ASCII as it is, everything else escaped as the language has it.

Nothing that was said can end a text, begin an escape or mean anything to a compiler: all that a language takes for
more than itself is in its table. Numbers in escapes have a fixed length, so that a digit behind one is only a digit.
"""

from __future__ import annotations

from collections.abc import Iterator

#: A line of a program has about so many characters of what was said.
_ROW_BYTES = 72

_COMMON = {"\n": r"\n", "\r": r"\r", "\t": r"\t", '"': r"\"", "\\": r"\\"}


class Literals:
    """How a language writes texts between double quotes."""

    def __init__(self, special: dict[str, str], other: str, prefix: str = "") -> None:
        """`special` are further characters that are escaped, `other` formats the number of what does not print."""
        named = _COMMON | special
        printed = [chr(byte) if 0x20 <= byte < 0x7F else other.format(byte) for byte in range(256)]
        self._table = [named.get(chr(byte), text) for byte, text in enumerate(printed)]
        self._prefix = prefix

    def text(self, data: bytes) -> str:
        """All of it as one."""
        return f'{self._prefix}"{"".join(map(self._table.__getitem__, data))}"'

    def rows(self, data: bytes) -> Iterator[str]:
        """In several, one a line of a program and of the text; one that is empty where nothing was said."""
        lines = data.split(b"\n")
        whole = [line + b"\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] or len(lines) == 1 else [])
        for line in whole:
            for start in range(0, max(1, len(line)), _ROW_BYTES):
                yield self.text(line[start : start + _ROW_BYTES])


PYTHON = Literals({}, r"\x{:02x}", "b")
PHP = Literals({"$": r"\$"}, r"\x{:02x}")
#: Java reads `\u` before anything else, but not behind another backslash.
JAVA = Literals({}, r"\{:03o}")
#: `\?`, as `??/` is a backslash to some.
C = Literals({"?": r"\?"}, r"\{:03o}")


def shell(text: str) -> str:
    """An argument of a POSIX shell. Raises `ValueError` for NUL, which no argument can have in it."""
    if "\0" in text:
        raise ValueError("an argument has no NUL in it")
    if all(character.isprintable() or character in "\n\t" for character in text):
        return "'" + text.replace("'", r"'\''") + "'"
    data = text.encode("utf-8", "surrogateescape")
    said = data.rstrip(b"\n")  # what a command prints loses the ends of lines at its end
    octal = "".join(chr(byte) if byte < 0x80 and chr(byte).isalnum() else f"\\{byte:03o}" for byte in said)
    ends = "\n" * (len(data) - len(said))
    return f"\"$(printf '{octal}')\"" + (f"'{ends}'" if ends else "")
