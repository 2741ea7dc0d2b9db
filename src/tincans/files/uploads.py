"""A file that is being written: it appears whole or not at all.

What was written so far lies in a part beside the place, `.NAME.tincans-part`, which no path reaches; `commit` renames
it over the place in one step (rename(2)). A writer that dies leaves the part and never half a file; the next one begins
the part anew, or goes on with it where it is asked to.

A part belongs to whoever holds its lock (flock(2)), which the kernel takes back however the writer ends. Several
uploads of one name at once have a part each (`.NAME.2.tincans-part` …), and the last to commit wins. Between opening a
part and locking it another may have committed it: what is locked must still be what bears the name.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
from stat import S_IMODE, S_ISDIR, S_ISLNK, S_ISREG
from types import TracebackType

from tincans.channel import Buffer
from tincans.files.beneath import LIST, PART, is_part
from tincans.limits import FILE_NAME_BYTES

_NEW = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
#: What copy_file_range(2) says where two filesystems cannot do it together.
_NO_COPY = {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}
#: What link(2) says where a filesystem has no such links (FAT) or forbids them.
_NO_LINK = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
_OLD = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Upload:
    """An open part. One of `commit`, `keep` and `discard` ends it; leaving its `with` discards it otherwise."""

    def __init__(self, folder: int, name: str, part: str, fd: int) -> None:
        """Owns `fd`, that of the part, which is locked; that of the folder it copies."""
        self.fd = fd
        self._folder, self._name, self._part = os.dup(folder), name, part

    @property
    def size(self) -> int:
        """How long the file is by now."""
        return os.fstat(self.fd).st_size

    def write(self, data: Buffer) -> None:
        """Write all of `data` at the end. Raises what the disk says (`OSError`: ENOSPC, EFBIG, EDQUOT, EIO)."""
        written = os.write(self.fd, data)
        while written < len(data):
            written += os.write(self.fd, memoryview(data)[written:])

    def commit(self) -> None:
        """Have it appear, in the place of what was there. Raises `OSError`; then it may still be discarded."""
        os.rename(self._part, self._name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        self._close()

    def commit_as(self, name: str) -> None:
        """Have it appear under that name in its folder, if there is nothing of it: at no moment is anything replaced.

        Raises `FileExistsError`, and `OSError` otherwise; then it may still be committed or discarded.
        """
        try:  # unlike a rename, a link replaces nothing
            os.link(self._part, name, src_dir_fd=self._folder, dst_dir_fd=self._folder, follow_symlinks=False)
            os.unlink(self._part, dir_fd=self._folder)
        except OSError as error:
            if error.errno not in _NO_LINK:
                raise
            if _is_there(self._folder, name):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name) from error
            os.rename(self._part, name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        self._close()

    def keep(self) -> None:
        """Leave the part for somebody who goes on with it later; of several of one name at once, the first one's."""
        if self._part != part_name(self._name):
            self.discard()
        else:
            self._close()

    def discard(self) -> None:
        """Take away what was written. Does nothing once it has ended."""
        if self.fd >= 0:
            try:
                os.unlink(self._part, dir_fd=self._folder)
            except FileNotFoundError:  # the folder was taken away meanwhile, and the part with it
                pass
            finally:
                self._close()

    def _close(self) -> None:
        os.close(self.fd)
        os.close(self._folder)
        self.fd = self._folder = -1

    def __enter__(self) -> Upload:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()


def begin(folder: int, name: str) -> Upload:
    """An empty part for the file `name` in a folder, of which `folder` is the descriptor; the caller closes that."""
    number = 1
    while (fd := _locked(folder, part_name(name, number), _NEW)) is None:
        number += 1
    os.truncate(fd, 0)
    return Upload(folder, name, part_name(name, number), fd)


def resume(folder: int, name: str, offset: int) -> Upload | None:
    """The part that was kept, cut at `offset`; None where there is none that long. As `begin`.

    Raises `OSError` (EBUSY) while another upload writes to it.
    """
    part = part_name(name)
    try:
        fd = _locked(folder, part, _OLD)
    except FileNotFoundError:
        return None
    if fd is None:
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), name)
    if os.fstat(fd).st_size < offset:
        os.close(fd)
        return None
    os.truncate(fd, offset)
    os.lseek(fd, offset, os.SEEK_SET)
    return Upload(folder, name, part, fd)


def copy_into(upload: Upload, source: int, length: int) -> None:
    """Begin an empty part with the first `length` bytes of another file: inside the kernel, where it can.

    Ends where the file does, should it have become shorter.
    """
    done = 0
    while done < length:
        try:
            copied = os.copy_file_range(source, upload.fd, length - done, done)
        except OSError as error:
            if error.errno not in _NO_COPY:
                raise
            copied = os.sendfile(upload.fd, source, done, length - done)
        if not copied:
            break
        done += copied


def kept_size(folder: int, name: str) -> int | None:
    """The size of the part that was kept, or is being written; None where there is none."""
    try:
        return os.stat(part_name(name), dir_fd=folder, follow_symlinks=False).st_size
    except FileNotFoundError:
        return None


def place_mode(folder: int, name: str) -> int | None:
    """The permissions of the file that an upload will be put in the place of; None where there is none.

    Raises `IsADirectoryError` for a folder, `PermissionError` where what is there must not be replaced.
    """
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), name)
    if S_ISLNK(found.st_mode):
        return None
    if not S_ISREG(found.st_mode) or not os.access(name, os.W_OK, dir_fd=folder, effective_ids=True):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), name)
    return S_IMODE(found.st_mode)


def remove_parts(folder: int, name: str) -> None:
    """Where there is nothing else in the folder `name` any more, take away the parts in it."""
    inner = os.open(name, LIST | os.O_NOFOLLOW, dir_fd=folder)
    try:
        left = os.listdir(inner)
        for part in left if all(map(is_part, left)) else ():
            os.unlink(part, dir_fd=inner)
    finally:
        os.close(inner)


def part_name(name: str, number: int = 1) -> str:
    """What the part of a file is called; the name itself may be too long to be in it."""
    tail = (f".{number}" if number > 1 else "") + PART
    if len(os.fsencode(name)) + len(tail) + 1 > FILE_NAME_BYTES:
        name = hashlib.sha256(os.fsencode(name)).hexdigest()
    return f".{name}{tail}"


def _locked(folder: int, part: str, flags: int) -> int | None:
    """Open a part and lock it; None where another has it."""
    while True:
        fd = os.open(part, flags, 0o666, dir_fd=folder)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _bears_name(fd, folder, part):
                return fd
        except BlockingIOError:
            os.close(fd)
            return None
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)


def _is_there(folder: int, name: str) -> bool:
    """Whether anything has that name, a link that leads nowhere too."""
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _bears_name(fd: int, folder: int, name: str) -> bool:
    try:
        return os.path.samestat(os.stat(name, dir_fd=folder, follow_symlinks=False), os.fstat(fd))
    except FileNotFoundError:
        return False
