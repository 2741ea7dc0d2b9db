"""What is said when files are passed from one peer to another, once each knows who the other is.

    giver                                               taker
    Offering(entries, more) ───────────────────────►    names and sizes; again while `more`
                        ◄────────────── Check(index, digest)     is what I have of that size the same?
    Checked(same) ─────────────────────────────────►
                        ◄────────────── Want(index, offset, digest)
    Begins(offset, …) ─────────────────────────────►    offset: as wanted, or 0 where the digest is of another beginning
    pieces of content, the last one empty ─────────►
    Ended(digest) ─────────────────────────────────►    of the whole file, beginning included
                        ◄────────────── Got(index)               that file is there, and was checked
                        ◄────────────── Thanks()                 or Stopped(reason), at any time between two files

**Nobody waits for a question to arrive.** The giver answers in the order in which it is asked, and the taker asks for
some files before the first of them is there (PASS_AHEAD): a thousand small ones take some journeys there and back, and
not one each. So little is asked ahead that it fits what any connection holds, whoever reads or does not.

**Resuming needs no memory.** Whoever has the beginning of a file says how long it is and what its SHA-256 is. The giver
compares that with its own file's beginning: the same, and it goes on behind it; another, as the file has changed or
belongs to something else, and it begins anew. So it does not matter who was killed, when, or how often, nor whether the
giver is another process today, or another member who has the file, too.

**Who has all of it says so, and hears that it was heard.** `Got` and `Thanks` are what a giver counts, and not what it
has sent. It answers `Thanks` with the goodbye of TLS, and nothing else is one: a connection that ends without it was
lost, at whatever byte, and whoever called calls again (`receiving.py`). Who stops of their own will says goodbye, too.

**What is whole is checked, not believed.** Both hash what goes by, beginning included, and `Ended` compares. A file
that changes while it is sent is none that ever was: the giver looks before and after, says so, and the taker wants it
again.

**Names are the giver's, files the taker's.** What a giver calls a file is a path that is taken apart and checked name
by name (`checked_path`): nothing absolute, no `..`, no name that cannot be one. That it stays beneath the folder,
whatever links are there, is the concern of `files.Files`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable

import msgspec

from tincans.errors import RemoteProtocolError
from tincans.files.beneath import is_part
from tincans.limits import FILE_NAME_BYTES, FOLDERS_DEEP, PASS_FILES, PASS_PATH_BYTES, PASS_PIECE_BYTES
from tincans.peers.frames import Message

#: Whatever tells files apart here.
HASH = hashlib.sha256
DIGEST_BYTES = 32


class Entry(msgspec.Struct, frozen=True):
    """A file or a folder that is offered. `path` is relative, its names parted by `/`, as bytes: not all are UTF-8."""

    path: bytes
    #: Bytes; None where nobody knows yet, as of a pipe.
    size: int | None = 0
    is_folder: bool = False

    @property
    def name(self) -> str:
        """The path as text, with what is no UTF-8 as `os.fsdecode` has it. Hostile."""
        return os.fsdecode(self.path)


class Offering(Message, frozen=True):
    """Some of what is offered."""

    entries: list[Entry]
    more: bool = False


class Check(Message, frozen=True):
    """Whether what the taker has, which is as long as the file, has the file's content."""

    index: int
    digest: bytes


class Checked(Message, frozen=True):
    same: bool


class Want(Message, frozen=True):
    """The file of that place in the offering, from `offset` on; the digest is of what the taker has before it."""

    index: int
    offset: int = 0
    digest: bytes = b""


class Begins(Message, frozen=True):
    """The content comes, from `offset` on."""

    offset: int
    size: int | None
    #: When the file was changed, in nanoseconds since 1970; None where nobody knows.
    modified: int | None = None
    #: Whether it is a program.
    runs: bool = False


class Ended(Message, frozen=True):
    """The content has come; or why not, and whether it is worth to want it again, as the file has changed meanwhile."""

    digest: bytes = b""
    reason: str = ""
    changed: bool = False


class Got(Message, frozen=True):
    """The file of that place in the offering is there: whole, checked, and by its name."""

    index: int


class Thanks(Message, frozen=True):
    """The taker has all that it wants."""


class Stopped(Message, frozen=True):
    """The taker goes no further; without a reason it does not want what is offered."""

    reason: str = ""


def add_checked(found: dict[bytes, Entry], entries: Iterable[Entry]) -> None:
    """Add entries to those `found` before, by their paths, if all can be files in one folder.

    Raises `RemoteProtocolError` for a name that would leave it, or that comes twice, and for more than PASS_FILES.
    """
    for entry in entries:
        if checked_path(entry.path) in found:
            raise RemoteProtocolError("the other side offers two files of one name")
        found[entry.path] = entry
    if len(found) > PASS_FILES:
        raise RemoteProtocolError(f"the other side offers more than {PASS_FILES} files")


def checked_path(path: bytes) -> bytes:
    """The path, if it is one of a file in a folder. Raises `RemoteProtocolError`."""
    names = path.split(b"/")
    if len(path) > PASS_PATH_BYTES or len(names) > FOLDERS_DEEP or not all(map(_is_name, names)):
        raise RemoteProtocolError(
            f"the other side offers a file of a name that none may have: {os.fsdecode(path[:99])}"
        )
    return path


def _is_name(name: bytes) -> bool:
    return (
        0 < len(name) <= FILE_NAME_BYTES
        and name not in (b".", b"..")
        and b"\0" not in name
        and not is_part(os.fsdecode(name))
    )


def pieces(fd: int, offset: int, end: int) -> Iterable[bytes]:
    """What is in a file from one place to another, piece by piece; less where it ends before. Raises `OSError`."""
    while offset < end and (data := os.pread(fd, min(PASS_PIECE_BYTES, end - offset), offset)):
        yield data
        offset += len(data)
