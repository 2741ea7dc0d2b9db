"""The folder that mails live in, and what its processes agree on there without a database.

    index.sqlite3                   what there is, to be asked: `store_index.py`
    arrivals                        a line for each mail that was taken; the index catches up with it when it likes
    counter                         the newest mail's number, 8 bytes; who holds its flock(2) may append to `arrivals`
    letters/0007/                   the mails that one process took, its `lock` held for as long as it lives
    letters/0007/012/012345.eml     a mail, byte by byte as it was sent
    letters/0007/begun/17           a long one that is still being sent

A mail is there as soon as its line is whole: that is one write(2) under a lock which is held for some microseconds, so
whoever takes mails waits for no database and no disk. What was written survives the end of its process, however it
ends; nothing is forced to the disk, so a machine that loses power may lose the mails of its last seconds, as the
kernel writes them back (vm.dirty_expire_centisecs, 30 s).

A process that was killed may leave a file without a line. It is among the last that the process made, so `sweep`, which
the next to open the folder does, looks only there; who lives is known by the lock, which the kernel takes away.

When the index has taken in all lines `arrivals` is replaced by an empty one: an appender sees, under the lock, that the
file it has open has no name any more, and the index, that the token in its first line is a new one.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from uuid import uuid4

from tincans.errors import MailsError, reason_of

_NUMBER = struct.Struct("<Q")
_CREATE = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC

#: The bytes of a log's first line: a token, and the line's end.
TOKEN_BYTES = 33

#: Mails in one folder: a listing of it, and the kernel's own search, stay quick.
_A_FOLDER = 1000


class Folder:
    """The folder, its counter and its log. Its errors are `OSError`, but where it says else. Any thread may use it."""

    def __init__(self, path: Path) -> None:
        """Make it where it is not there. Raises `MailsError` where it cannot be, or is something else's."""
        self.path, self.letters = path, path / "letters"
        self._turn = threading.Lock()
        self._log = -1
        _prepare(path)
        self._counter = os.open(path / "counter", _CREATE, 0o600)

    @property
    def index(self) -> Path:
        return self.path / "index.sqlite3"

    @property
    def log(self) -> Path:
        return self.path / "arrivals"

    def close(self) -> None:
        """Give the descriptors back. Idempotent."""
        for descriptor in (self._counter, self._log):
            if descriptor >= 0:
                os.close(descriptor)
        self._counter = self._log = -1

    # ── numbers and lines ─────────────────────────────────────────────────────────────────────────────────

    def append(self, words: bytes) -> int:
        """Give what `words` say of a mail the next number, and a line in the log: from here on the mail is there.

        A line begins with an end of a line, so that one which a kill has torn before spoils none but itself.
        """
        with self._turn:
            fcntl.flock(self._counter, fcntl.LOCK_EX)
            try:
                number = self.newest + 1
                self._follow()
                line = b"\n%d %b\n" % (number, words)
                os.pwrite(self._counter, _NUMBER.pack(number), 0)
                written = os.write(self._log, line)
                if written != len(line):
                    os.ftruncate(self._log, os.fstat(self._log).st_size - written)
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            finally:
                fcntl.flock(self._counter, fcntl.LOCK_UN)
        return number

    @property
    def newest(self) -> int:
        """The number of the newest mail that anybody took; 0 before the first."""
        data = os.pread(self._counter, _NUMBER.size, 0)
        return int(_NUMBER.unpack(data)[0]) if len(data) == _NUMBER.size else 0

    def no_number_up_to(self, used: int) -> None:
        """Never give a number up to `used`: the machine may have lost the counter's last steps, but not the index's."""
        if self.newest < used:
            with self._locked():
                os.pwrite(self._counter, _NUMBER.pack(max(used, self.newest)), 0)

    def begin_log(self, taken: tuple[int, int]) -> None:
        """Replace the log by an empty one, if the index has taken in all of it: `taken` is its inode, and how far."""
        with self._locked():
            found = self.log.stat()
            if (found.st_ino, found.st_size) == taken:
                self._make_log()

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with self._turn:
            fcntl.flock(self._counter, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._counter, fcntl.LOCK_UN)

    def _follow(self) -> None:
        """Have the log open that is there now."""
        if self._log >= 0 and os.fstat(self._log).st_nlink:
            return
        if self._log >= 0:
            os.close(self._log)
            self._log = -1
        if not self.log.exists():
            self._make_log()
        self._log = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)

    def _make_log(self) -> None:
        new = self.path / "arrivals.new"
        new.unlink(missing_ok=True)
        file = os.open(new, _CREATE, 0o600)
        try:
            os.write(file, b"%b\n" % uuid4().hex.encode())
        finally:
            os.close(file)
        new.rename(self.log)


class Shelf:
    """Where one process puts the mails that it takes: a folder of its own, in which nobody else makes anything.

    For one thread at a time.
    """

    def __init__(self, letters: Path) -> None:
        """Make one, and hold its lock. Raises `OSError`."""
        self._path, self._lock = _take_shelf(letters)
        self._name = self._path.name
        self._begun = 0
        self._serial = 0
        self._bucket = -1  # the descriptor of the folder that is being filled
        os.mkdir(self._path / "begun", 0o700)

    def begin(self) -> Path:
        """A path for a mail that is still being sent."""
        self._begun += 1
        return self._path / "begun" / str(self._begun)

    def place(self) -> tuple[int, str, str]:
        """Where the next mail goes: a folder's descriptor, the file's name in it, and its path below `letters`.

        The folder may be removed while it is empty, by whoever deletes mails: then ask again, after `lost`.
        """
        serial = self._serial
        bucket, name = f"{serial // _A_FOLDER:03d}", f"{serial:06d}.eml"
        if self._bucket < 0 or serial % _A_FOLDER == 0:
            self._open(self._path / bucket)
        self._serial = serial + 1
        return self._bucket, name, f"{self._name}/{bucket}/{name}"

    def lost(self) -> None:
        """The folder that `place` gave is not there any more."""
        if self._bucket >= 0:
            os.close(self._bucket)
            self._bucket = -1

    def _open(self, bucket: Path) -> None:
        bucket.mkdir(mode=0o700, exist_ok=True)
        self.lost()
        self._bucket = os.open(bucket, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def close(self) -> None:
        """Give the lock back: what is unfinished now is anybody's to sweep. Idempotent."""
        for descriptor in (self._bucket, self._lock):
            if descriptor >= 0:
                os.close(descriptor)
        self._bucket = self._lock = -1


def _take_shelf(letters: Path) -> tuple[Path, int]:
    letters.mkdir(mode=0o700, exist_ok=True)
    number = max((int(name) for name in os.listdir(letters) if name.isdecimal()), default=0)
    while True:
        number += 1
        path = letters / f"{number:04d}"
        try:
            path.mkdir(mode=0o700)
            lock = os.open(path / "lock", _CREATE, 0o600)
        except (FileExistsError, FileNotFoundError):  # another process took it, or swept it
            continue
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.fstat(lock).st_nlink:
            return path, lock
        os.close(lock)


def sweep(letters: Path, known: Callable[[Sequence[str]], set[str]]) -> None:
    """Remove what processes left unfinished that live no more. `known` says which of these paths the index has.

    Everything that stands in the log must be in the index. Raises `OSError`.
    """
    for path in sorted(letters.glob("*/lock")):
        try:
            lock = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:  # swept by another
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _sweep_shelf(path.parent, known)
            path.unlink(missing_ok=True)
            remove_empty(letters, [path.parent.name])
        except BlockingIOError:
            pass  # its process lives
        finally:
            os.close(lock)


def _sweep_shelf(shelf: Path, known: Callable[[Sequence[str]], set[str]]) -> None:
    for path in [*shelf.glob("begun/*")]:
        path.unlink(missing_ok=True)
    for bucket in sorted(path for path in shelf.iterdir() if path.name.isdecimal())[-2:]:
        names = [f"{shelf.name}/{bucket.name}/{name}" for name in os.listdir(bucket)]
        for orphan in set(names) - known(names):
            (shelf.parent / orphan).unlink(missing_ok=True)


def remove_empty(letters: Path, below: Sequence[str]) -> None:
    """Remove the folders of those paths, and theirs, where nothing is left in them."""
    for path in dict.fromkeys(below):
        for folder in (letters / path / "begun", letters / path):
            with contextlib.suppress(OSError):
                folder.rmdir()


def _prepare(path: Path) -> None:
    """Make the folder if it is not there; take only an empty one or a store for one. The index file comes first."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not any(path.iterdir()):
            path.chmod(0o700)
        elif not (path / "index.sqlite3").exists():
            raise MailsError(path, "it has other files in it and keeps no mails")
        os.close(os.open(path / "index.sqlite3", _CREATE, 0o600))
        (path / "letters").mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise MailsError(path, reason_of(error)) from error
