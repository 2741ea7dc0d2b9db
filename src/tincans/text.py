"""Hostile bytes and plain numbers, made fit for a terminal.

What two parties say may hold anything, escape sequences that rewrite the screen included, so nothing of it
reaches a terminal but through `escape` or `hexdump`. `escape` loses nothing: the escapes, read as in a Python
bytes literal, give the same bytes again; what is UTF-8 and printable stays as it is.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator

_NAMED = {0x07: r"\a", 0x08: r"\b", 0x09: r"\t", 0x0A: r"\n", 0x0B: r"\v", 0x0C: r"\f", 0x0D: r"\r", 0x5C: r"\\"}


class _Escapes(dict[int, str]):
    """A table for `str.translate` that fills itself as characters are met; only the first 256 are remembered."""

    def __missing__(self, code: int) -> str:
        text = _escaped(code)
        if code < 0x100:
            self[code] = text
        return text


def _escaped(code: int) -> str:
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8, as "surrogateescape" decodes it
        return f"\\x{code - 0xDC00:02x}"
    if chr(code).isprintable():
        return chr(code)
    if code < 0x80:
        return f"\\x{code:02x}"
    # Not printable, but whole: the bytes it was said in, so that the text reads back as what was said.
    return "".join(f"\\x{byte:02x}" for byte in chr(code).encode("utf-8", "surrogatepass"))


_ESCAPES = _Escapes(_NAMED)


def escape(data: bytes | str) -> str:
    """`data` as one line of printable text: what prints stays, everything else becomes `\\n`, `\\x1b` and the like.

    Bytes are read as UTF-8 where they are. Bidirectional controls, line separators and other characters that do not
    print are escaped too.
    """
    text = data if isinstance(data, str) else data.decode("utf-8", "surrogateescape")
    if text.isprintable() and "\\" not in text:
        return text
    return text.translate(_ESCAPES)


#: Join letters and signs, and draw nothing: Persian words and many emoji fall apart without (Unicode 15, 23.2).
_JOINERS = "\u200c\u200d"
_LEGIBLE = _Escapes({**_NAMED, **{ord(sign): sign for sign in ("\\", *_JOINERS)}})


def legible(text: str) -> str:
    """`text` as one line for a person to read: escaped is only what does not print, so a backslash stays itself."""
    return text if text.isprintable() else text.translate(_LEGIBLE)


_ESCAPED = re.compile(r"\\(?:x([0-9a-f]{2})|([abtnvfr\\]))")
_UNNAMED = {text[1]: chr(code) for code, text in _NAMED.items()}


def unescape(text: str) -> bytes:
    """The bytes that `escape` made `text` of. A `ValueError` names an escape that `escape` does not write."""
    plain = _ESCAPED.sub("", text)
    if "\\" in plain:
        raise ValueError(f"there is no escape {plain[plain.index(chr(92)) :][:2]!r}")
    data = bytearray()
    end = 0
    for match in _ESCAPED.finditer(text):
        data += text[end : match.start()].encode()
        data += bytes.fromhex(match[1]) if match[1] else _UNNAMED[match[2]].encode()
        end = match.end()
    return bytes(data + text[end:].encode())


def is_text(data: bytes) -> bool:
    """Whether it reads better as text: at most one byte in eight is neither printable nor a line's end."""
    strange = len(data.translate(None, bytes([9, 10, 13, *range(0x20, 0x7F)])))
    try:
        data.decode()
    except UnicodeDecodeError:
        return strange * 8 <= len(data)
    return sum(byte < 0x20 and byte not in (9, 10, 13) for byte in data) * 8 <= len(data)


def starred(data: bytes, start: int, hidden: Iterable[tuple[int, int]]) -> bytes:
    """`data`, whose first byte stands at `start`, with a `*` in the place of every byte of the `hidden` spans."""
    shown, end = bytearray(data), start + len(data)
    for first, last in hidden:
        first, last = max(first, start), min(last, end)
        if first < last:
            shown[first - start : last - start] = b"*" * (last - first)
    return bytes(shown)


def hexdump(data: bytes, offset: int = 0, hidden: Iterable[tuple[int, int]] = ()) -> Iterator[str]:
    """`data` as lines of 16 bytes in the manner of `hexdump -C`; `offset` is where the first byte stands.

    The bytes of the `hidden` spans, counted as `offset` is, are shown as `**`.
    """
    secret = {at for start, end in hidden for at in range(max(start, offset), min(end, offset + len(data)))}
    for start in range(0, len(data), 16):
        row = data[start : start + 16]
        place = offset + start
        cells = [f"{byte:02x}" for byte in row]
        printed = [chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row]
        for at in secret.intersection(range(place, place + len(row))) if secret else ():
            cells[at - place], printed[at - place] = "**", "*"
        left, right = " ".join(cells[:8]), " ".join(cells[8:])
        yield f"{place:08x}  {left:<23}  {right:<23}  |{''.join(printed)}|"


def clock(at: int) -> str:
    """The time of day in our zone, to a millisecond; `at` is in nanoseconds since 1970-01-01 UTC."""
    second, rest = divmod(at, 1_000_000_000)
    return f"{time.strftime('%H:%M:%S', time.localtime(second))}.{rest // 1_000_000:03}"


def day(at: int) -> str:
    """The day in our zone, as in `Sunday, 2026-11-22`; `at` as for `clock`."""
    return time.strftime("%A, %Y-%m-%d", time.localtime(at // 1_000_000_000))


def human_bytes(count: int) -> str:
    """A number of bytes in at most nine characters: `512 B`, `1.4 KiB`, `16.0 GiB`."""
    if count < 1024:
        return f"{count} B"
    size = float(count)
    for unit in ("KiB", "MiB", "GiB", "TiB", "PiB"):
        size /= 1024
        if size < 1023.95 or unit == "PiB":
            break
    return f"{size:.1f} {unit}"


def human_seconds(seconds: float) -> str:
    """A duration with about three digits: `0.4 ms`, `12 ms`, `1.24 s`, `3 min 20 s`, `2 h 5 min`, `4 d 1 h`."""
    if seconds < 0.00995:
        return f"{seconds * 1e3:.1f} ms"
    if seconds < 0.9995:
        return f"{seconds * 1e3:.0f} ms"
    if seconds < 59.995:
        return f"{seconds:.2f} s"
    whole = round(seconds)
    for upper, lower, big, small in ((3600, 60, "min", "s"), (86400, 3600, "h", "min")):
        if whole < upper:
            return f"{whole // lower} {big} {whole % lower // (lower // 60)} {small}"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"
