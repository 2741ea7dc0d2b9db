"""A mail that is being taken: it is there whole once `commit` has returned, and else not at all."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path
from typing import Protocol

import msgspec

from tincans.apps.mail.store_folder import Folder, Shelf
from tincans.apps.mail.store_mail import Envelope
from tincans.errors import MailsError, reason_of
from tincans.limits import MAIL_HELD_BYTES

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_encode = msgspec.json.Encoder().encode


class Desk(Protocol):
    """What a mail that is being taken needs of its store."""

    folder: Folder
    #: Whose turn it is at the shelf.
    taking: threading.Lock

    def shelf(self) -> Shelf: ...

    def arrived(self) -> None: ...


class Incoming:
    """One mail, written piece by piece. `commit` or `discard` it; as a context manager it is discarded if neither was.

    A short mail is held, and becomes a file in one go; a long one is written to a file as it comes, so memory stays
    bounded. Whatever the disk refuses is a `MailsError`, and then the mail is discarded.
    """

    __slots__ = ("_below", "_desk", "_envelope", "_file", "_held", "_over", "_path", "size")

    def __init__(self, desk: Desk, envelope: Envelope) -> None:
        self._desk, self._envelope = desk, envelope
        self._held = bytearray()
        self._file = -1
        self._path: Path | None = None  # of a long mail that is still being written
        self._below = ""  # where it stands below `letters`, once it does
        self._over = False
        #: Bytes written so far.
        self.size = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Add a piece of the mail's text, as it is to be kept. Raises `MailsError`."""
        assert not self._over, "the mail is committed or discarded"
        self._held += data
        self.size += len(data)
        if len(self._held) > MAIL_HELD_BYTES:
            try:
                with self._desk.taking:
                    self._spill()
            except OSError as error:
                raise self._refused(error) from error

    def commit(self) -> int:
        """Keep it, and return its number. From now on it survives the end of this process, however that comes.

        Raises `MailsError`; then nothing of the mail is left.
        """
        assert not self._over, "the mail is committed or discarded"
        try:
            with self._desk.taking:
                number = self._keep()
        except OSError as error:
            raise self._refused(error) from error
        self._over = True
        self._desk.arrived()
        return number

    def discard(self) -> None:
        """Forget it. Does nothing where it is committed or discarded already."""
        if self._over:
            return
        self._over = True
        self._close()
        path = self._desk.folder.letters / self._below if self._below else self._path
        if path is not None:
            with contextlib.suppress(OSError):
                path.unlink()

    def __enter__(self) -> Incoming:
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()

    def _spill(self) -> None:
        if self._path is None:
            self._path = self._desk.shelf().begin()
            self._file = os.open(self._path, _NEW, 0o600)
        if self._held:
            _write(self._file, self._held)
            self._held.clear()

    def _keep(self) -> int:
        try:
            below = self._put()
        except FileNotFoundError:
            self._desk.shelf().lost()
            below = self._put()
        words = b"%d %d %b %b" % (time.time_ns(), self.size, below.encode(), _encoded(self._envelope))
        return self._desk.folder.append(words)

    def _put(self) -> str:
        """Have all of it in its place; which is that."""
        folder, name, below = self._desk.shelf().place()
        if self._path is not None:
            self._spill()
            self._close()
            os.rename(self._path, name, dst_dir_fd=folder)
            self._below = below
            return below
        file = os.open(name, _NEW, 0o600, dir_fd=folder)
        self._below = below
        try:
            _write(file, self._held)
        finally:
            os.close(file)
        return below

    def _close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _refused(self, error: OSError) -> MailsError:
        self.discard()
        return MailsError(self._desk.folder.path, reason_of(error))


def _write(file: int, data: bytes | bytearray) -> None:
    """All of it: a disk that is almost full takes a part, and says so when it is asked again."""
    written = os.write(file, data)
    if written < len(data):
        with memoryview(data) as rest:
            while written < len(rest):
                written += os.write(file, rest[written:])


def _encoded(envelope: Envelope) -> bytes:
    try:
        return _encode(envelope)
    except UnicodeEncodeError:  # bytes that are no UTF-8, as the sessions read them
        return _encode(msgspec.convert(_clean(msgspec.to_builtins(envelope)), Envelope))


def _clean(value: object) -> object:
    """The same with a question mark for each byte that is no text."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_clean(name): _clean(each) for name, each in value.items()}
    return [_clean(each) for each in value] if isinstance(value, list | tuple) else value
