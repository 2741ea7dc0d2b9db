"""A file here that is fetched: it appears whole or not at all, and what came of it is kept where that can be continued.

What comes goes into a part beside it, which gets the name when all came. As soon as more is to come than what is in the
part there is a note beside it: from which URL it is, and of which version; so whatever ends us, kill -9 too, it can be
continued. Without a note nobody knows what a part is the beginning of, and the next who fetches throws it away. A note
is never beside a part that is of another version: it goes before the first byte, and comes after it.

    get URL FILE        FILE.part                      and FILE.part.json
    in a mirrored tree  .NAME.tincans-part             and .NAME.tincans-part.json, which no listing may name

What is there and is no file, a pipe or a device, is written to as it is.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

import msgspec

from tincans.clients.remote import Part
from tincans.clients.url import Url
from tincans.errors import CannotRead, CannotWrite, reason_of

_SUFFIX = ".tincans-part"
#: Bytes of a file's name on Linux (NAME_MAX).
_NAME_BYTES = 255


class _Note(msgspec.Struct):
    """What is known of a part."""

    url: str
    version: str


class LocalFile:
    """One file that is fetched; see the head of this module. Synchronous: every call is quick."""

    def __init__(self, path: Path, *, hidden: bool = False) -> None:
        """`hidden`: the part is out of the way, in a tree."""
        self.path = path
        name, suffix = (f".{path.name}", _SUFFIX) if hidden else (path.name, ".part")
        self._part, self._note = (path.with_name(_short(name, end)) for end in (suffix, f"{suffix}.json"))
        self._is_special = not hidden and path.exists() and not path.is_file()
        self._fd = -1
        self._url: Url | None = None
        self._version = ""
        self._is_noted = False

    def kept(self, url: Url) -> Part | None:
        """What is here of the file at `url`, if it can be continued."""
        if self._is_special:
            return None
        with suppress(OSError, msgspec.MsgspecError):
            note = msgspec.json.decode(self._note.read_bytes(), type=_Note)
            size = self._part.stat().st_size
            if note.url == str(url.without_secrets()) and note.version and size:
                return Part(size, note.version)
        return None

    def begin(self, offset: int, url: Url, version: str) -> None:
        """Open the part for that version of the file at `url`; what is in it behind `offset` is of another.

        Where there is an offset the part was `kept`. Raises `CannotWrite`.
        """
        self._url, self._version, self._is_noted = url, version, offset > 0
        with told(self.path):
            if self._is_special:
                self._fd = os.open(self.path, os.O_WRONLY | os.O_CLOEXEC)
                return
            self._fd = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
            if not offset:
                self._note.unlink(missing_ok=True)
            os.ftruncate(self._fd, offset)
            os.lseek(self._fd, offset, os.SEEK_SET)

    def write(self, data: bytes) -> None:
        """Add to the part. Raises `CannotWrite`."""
        with told(self.path):
            view = memoryview(data)
            while view:
                view = view[os.write(self._fd, view) :]

    def note(self) -> None:
        """More is to come than what was written: leave a note, if there is none. Raises `CannotWrite`."""
        if self._url is None or not self._version or self._is_noted or self._is_special:
            return
        with told(self.path):
            self._note.write_bytes(msgspec.json.encode(_Note(str(self._url.without_secrets()), self._version)))
        self._is_noted = True

    def commit(self, modified: float | None) -> None:
        """All came: the part gets the file's name, and its time where that is known. Raises `CannotWrite`."""
        with told(self.path):
            if self._is_special:
                self._close()
                return
            if modified is not None:
                os.utime(self._fd, ns=(int(modified * 1e9),) * 2)
            self._close()
            os.replace(self._part, self.path)
            if self._is_noted:
                self._note.unlink(missing_ok=True)

    def keep(self) -> bool:
        """It ended too early: whether what came can be continued; else it is thrown away. Never raises."""
        if self._fd < 0:
            return False
        size = os.fstat(self._fd).st_size
        self._close()
        if self._is_special:
            return False
        with suppress(CannotWrite):
            if size:
                self.note()
        if size and self._is_noted:
            return True
        for path in (self._part, self._note):
            with suppress(OSError):
                path.unlink()
        return False

    def _close(self) -> None:
        fd, self._fd = self._fd, -1
        os.close(fd)


def is_part(name: str) -> bool:
    """Whether a file is called as parts in a tree are, or their notes."""
    return name.startswith(".") and name.removesuffix(".json").endswith(_SUFFIX)


def _short(name: str, suffix: str) -> str:
    """The name with the suffix; where that is too long for a file, with a digest in the place of its end."""
    if len(os.fsencode(name + suffix)) <= _NAME_BYTES:
        return name + suffix
    digest = sha256(os.fsencode(name)).hexdigest()[:16]
    return os.fsdecode(os.fsencode(name)[: _NAME_BYTES - len(suffix) - len(digest)]) + digest + suffix


@contextmanager
def told(path: Path) -> Iterator[None]:
    """What the system has against a file is told in our words, and with the name that it was to have."""
    try:
        yield
    except OSError as error:
        raise CannotWrite(str(path), reason_of(error)) from error


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """The same for one that is read."""
    try:
        yield
    except OSError as error:
        raise CannotRead(str(path), reason_of(error)) from error
