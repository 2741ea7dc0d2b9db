"""A maildrop: the mails that one login sees, as they were when it began, and the lock that keeps others out of it.

A login of `bob@example.org` opens the mailbox of that name. One without a domain, `bob`, opens the mailbox of what the
user bob has sent, and those of all addresses whose local part is bob. `all` is every mail, where no users are known.

RFC 1939 §4 has a maildrop opened by one at a time. Those overlap, so a login locks what it opens for itself, and what
that is part of for all who open another part of it:

    all         all for itself
    bob         all with others, bob for itself
    bob@x.org   all with others, bob with others, bob@x.org for itself

A lock is a byte of one file, found by the name's hash, so no file is made of what a stranger calls himself. The kernel
takes it away when the process dies (fcntl(2), "Open file description locks").
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import struct
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import IO

from tincans.apps.mail.store import Mails
from tincans.errors import MailsError, reason_of

#: What opens every mail.
ALL = "all"

#: struct flock, as fcntl(2) lays it out: type, whence, start, length, process.
_LOCK = struct.Struct("hhqqi4x")

#: A mail is read in pieces of this size.
_PIECE_BYTES = 64 * 1024


class InUse(Exception):
    """Somebody else has opened this maildrop, or a part of it."""


class Letter:
    """A mail of a maildrop. `number` is the store's; a maildrop counts from 1."""

    __slots__ = ("file", "is_deleted", "is_read", "number", "size")

    def __init__(self, number: int, size: int, file: str) -> None:
        self.number, self.size, self.file = number, size, file
        self.is_deleted = self.is_read = False


class Maildrop:
    """What one login sees. `close` opens it for others; nothing is deleted but by `update`."""

    def __init__(self, mails: Mails, name: str, *, anybody: bool) -> None:
        """Lock it, in a moment. `anybody` may log in: no users are known. Raises `InUse` and `MailsError`."""
        self._mails, self._name = mails, "" if anybody and name == ALL else name
        self._mailboxes: list[str] | None = None  # None is all
        self._identity = ""
        #: The mails, once they were read.
        self.letters: list[Letter] = []
        try:
            self._lock = _locked(mails.folder.path / "maildrops", self._name)
        except OSError as error:
            raise MailsError(mails.folder.path, reason_of(error)) from error

    def read(self) -> None:
        """Find out which mails there are. To be done in a thread; raises `MailsError`."""
        self._mailboxes = self._mails.mailboxes_of(self._name) if self._name else None
        self.letters = [Letter(*row) for row in self._mails.letters(self._mailboxes)]
        self._identity = self._mails.identity[:12]

    @property
    def kept(self) -> list[tuple[int, Letter]]:
        """Those not marked as deleted, with the numbers that they have here."""
        return [(number, letter) for number, letter in enumerate(self.letters, 1) if not letter.is_deleted]

    def name_of(self, letter: Letter) -> str:
        """The unique name of a mail: the same in every session, and never that of another mail (RFC 1939 §7)."""
        return f"{self._identity}.{letter.number}"

    def path_of(self, letter: Letter) -> str:
        return f"{self._mails.folder.letters}/{letter.file}"

    def update(self) -> None:
        """Remove what is marked as deleted, and remember what was read (RFC 1939 §6).

        To be done in a thread; raises `MailsError`.
        """
        self._mails.mark_all_seen([each.number for each in self.letters if each.is_read and not each.is_deleted])
        self._mails.delete_all([each.number for each in self.letters if each.is_deleted], self._mailboxes)

    def close(self) -> None:
        """Let others in. Idempotent."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def _locked(path: Path, name: str) -> int:
    """Lock all parts of that name, which is empty for everything; the descriptor that holds the locks."""
    local, at, _ = name.lower().partition("@")
    parts = ["", *([local] if local else []), *([name.lower()] if at else [])]
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        for part in parts:
            kind = fcntl.F_WRLCK if part == parts[-1] else fcntl.F_RDLCK
            fcntl.fcntl(file, fcntl.F_OFD_SETLK, _LOCK.pack(kind, os.SEEK_SET, _place(part), 1, 0))
    except BlockingIOError:
        os.close(file)
        raise InUse from None
    except BaseException:
        os.close(file)
        raise
    return file


def _place(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()[:7], "big")


# ── a mail as POP3 gives it ───────────────────────────────────────────────────────────────────────────────


def regular(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """A text, each line of which ends in CR LF, the last too. One whose lines do is given as it is.

    A client takes a lone LF for the end of a line, and the dot that may follow it for the end of the mail: so none is
    left. A lone CR is, but at the very end.
    """
    held, ends = b"", True
    for more in pieces:
        piece = held + more
        held = b"\r" if piece.endswith(b"\r") else b""  # an LF may follow
        if held:
            piece = piece[:-1]
        if piece:
            ends = piece.endswith(b"\n")
            yield _without_lone_ends(piece)
    if held or not ends:
        yield b"\r\n"


def _without_lone_ends(piece: bytes) -> bytes:
    if piece.count(b"\n") == piece.count(b"\r\n"):
        return piece
    return piece.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def whole(file: IO[bytes]) -> Iterator[bytes]:
    """All of a file, in pieces."""
    return iter(partial(file.read, _PIECE_BYTES), b"")


def top(file: IO[bytes], lines: int) -> Iterator[bytes]:
    """The header, the blank line behind it, and so many lines of the body (RFC 1939 §7, TOP)."""
    in_header, begins, left = True, True, lines
    while in_header or left > 0:
        piece = file.readline(_PIECE_BYTES)
        if not piece:
            return
        ends = piece.endswith(b"\n")
        if in_header:
            in_header = not (begins and piece in (b"\r\n", b"\n"))
        else:
            left -= ends
        begins = ends
        yield piece
