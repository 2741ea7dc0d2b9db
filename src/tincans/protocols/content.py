"""Content as it was before it was packed: gzip, deflate, Brotli and Zstandard undone, and text made UTF-8.

For a reader, who sees pieces as they come: each piece gives what it unpacks to, never more than is left of a
bound, so that no bomb goes off. What cannot be unpacked is said in `trouble` and does not end anything.
"""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Callable
from typing import Protocol

import brotli
import zstandard

from tincans.limits import VIEW_BYTES


class _Unpacker(Protocol):
    """Undoes one coding."""

    def unpack(self, data: bytes, most: int) -> bytes:
        """What the next piece unpacks to, at most about `most` bytes of it. Raises an error of its library."""

    def is_complete(self) -> bool:
        """Whether the stream has had its end."""


class _Zlib:
    """gzip (of several members), or deflate: with zlib's frame as RFC 9110 §8.4.1.2 says, or without as some do."""

    def __init__(self, bits: int) -> None:
        self._bits = bits
        self._decoder = None if bits == 0 else zlib.decompressobj(bits)
        self._first = b""

    def unpack(self, data: bytes, most: int) -> bytes:
        if self._decoder is None:
            self._first += data
            if len(self._first) < 2:
                return b""
            # RFC 1950 §2.2: the method is 8, and the two bytes are a multiple of 31.
            framed = self._first[0] & 0x0F == 8 and int.from_bytes(self._first[:2], "big") % 31 == 0
            self._decoder, data = zlib.decompressobj(15 if framed else -15), self._first
        plain = self._decoder.decompress(data, most)
        while self._bits == 31 and self._decoder.eof and self._decoder.unused_data.strip(b"\0") and len(plain) < most:
            rest, self._decoder = self._decoder.unused_data, zlib.decompressobj(31)
            plain += self._decoder.decompress(rest, most - len(plain))
        return plain

    def is_complete(self) -> bool:
        return self._decoder is not None and self._decoder.eof


class _Brotli:
    def __init__(self) -> None:
        self._decoder = brotli.Decompressor()

    def unpack(self, data: bytes, most: int) -> bytes:
        if self._decoder.is_finished():
            return b""
        return bytes(self._decoder.process(data, output_buffer_limit=most))

    def is_complete(self) -> bool:
        return bool(self._decoder.is_finished())


class _Zstandard:
    """In pieces of a block: the library gives all that a piece unpacks to, and one block is at most 128 KiB of it."""

    def __init__(self) -> None:
        self._decoder = zstandard.ZstdDecompressor(max_window_size=2**23).decompressobj()  # RFC 9659 §3: 8 MiB

    def unpack(self, data: bytes, most: int) -> bytes:
        plain = b""
        for at in range(0, len(data), 64):
            if self._decoder.eof or len(plain) >= most:
                break
            plain += self._decoder.decompress(data[at : at + 64])
        return plain[:most]

    def is_complete(self) -> bool:
        return self._decoder.eof


_UNPACKERS: dict[str, Callable[[], _Unpacker]] = {
    "gzip": lambda: _Zlib(31),
    "x-gzip": lambda: _Zlib(31),  # RFC 9110 §8.4.1.3
    "deflate": lambda: _Zlib(0),
    "br": _Brotli,
    "zstd": _Zstandard,
}
_ERRORS = (zlib.error, brotli.error, zstandard.ZstdError)

#: Python has these beside charsets: they are none, and some take very long. Punycode takes the square of the length, a
#: quarter of an hour for a megabyte.
_NO_CHARSETS = {"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape"}


class Content:
    """One body: fed with its pieces, it gives what is shown of them, `most` bytes in all."""

    def __init__(self, codings: list[str] | None = None, charset: str = "", *, most: int = VIEW_BYTES) -> None:
        """`codings` in the order in which they were applied. Text in `charset` becomes UTF-8."""
        #: What went wrong, or was left out; empty while all is well.
        self.trouble = ""
        self._most = self._left = most
        self._stopped = self._begun = False
        self._unpackers: list[tuple[str, _Unpacker]] = []
        for coding in reversed([coding.lower() for coding in codings or () if coding.lower() not in ("", "identity")]):
            if coding not in _UNPACKERS:
                self._give_up(f"{coding} is not known, so the content is shown as it is packed")
                self._stopped = False
                break
            self._unpackers.append((coding, _UNPACKERS[coding]()))
        self._decoder = _decoder(charset)
        if charset and self._decoder is None and not _is_utf8(charset):
            self.trouble = self.trouble or f"the charset {charset} is not known"

    @property
    def is_packed(self) -> bool:
        return bool(self._unpackers)

    def feed(self, data: bytes) -> bytes:
        """What the next piece shows."""
        if self._stopped:
            return b""
        self._begun |= bool(data)
        for coding, unpacker in self._unpackers:
            try:
                data = unpacker.unpack(data, self._most + 1)
            except _ERRORS as error:
                self._give_up(f"this is no {coding}: {error}")
                return b""
            self._check(data, self._most)
        return self._shown(data)

    def end(self) -> bytes:
        """What the end shows: characters of which half is there."""
        if self._begun and not self._stopped:
            for coding, unpacker in self._unpackers:
                if not unpacker.is_complete():
                    self._give_up(f"the {coding} ends too soon")
                    break
        return self._decoder.decode(b"", True).encode() if self._decoder is not None else b""

    def lost(self) -> None:
        """A piece is missing."""
        if self._unpackers:
            self._give_up("what was packed with the missing bytes cannot be shown")

    def _shown(self, data: bytes) -> bytes:
        self._check(data, self._left)
        data = data[: self._left]
        self._left -= len(data)
        return data if self._decoder is None else self._decoder.decode(data).encode("utf-8", "surrogatepass")

    def _check(self, data: bytes, most: int) -> None:
        if len(data) > most:
            self._give_up(f"only the first {self._most} bytes of it are shown")

    def _give_up(self, trouble: str) -> None:
        self._stopped = True
        self.trouble = self.trouble or trouble


def _is_utf8(charset: str) -> bool:
    return charset.lower().replace("_", "-") in ("utf-8", "utf8", "us-ascii", "ascii")


def _decoder(charset: str) -> codecs.IncrementalDecoder | None:
    """Makes text of bytes in `charset`; None where they are UTF-8 anyway, or nobody knows it."""
    if not charset or _is_utf8(charset):
        return None
    try:
        found = known_charset(charset)
    except LookupError:
        return None
    return found.incrementaldecoder("replace") if found.incrementaldecoder is not None else None


def known_charset(name: str) -> codecs.CodecInfo:
    """What decodes text in a charset. Raises `LookupError` where nobody knows it, and where it is none."""
    try:
        found = codecs.lookup(name)
    except ValueError as error:  # such as a NUL
        raise LookupError(name) from error
    if not found._is_text_encoding or found.name.replace("_", "-") in _NO_CHARSETS:
        raise LookupError(name)
    return found


def media_type(value: str) -> tuple[str, str]:
    """The media type and the charset of a Content-Type field (RFC 9110 §8.3)."""
    media, _, parameters = value.partition(";")
    charset = ""
    for parameter in parameters.split(";"):
        name, _, word = parameter.partition("=")
        if name.strip().lower() == "charset" and not charset:
            charset = word.strip().strip("\"'")
    return media.strip().lower(), charset
