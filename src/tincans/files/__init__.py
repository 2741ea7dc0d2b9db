"""`Files`: one folder with all that is in it, for every app that gives files out or takes them in (HTTP, FTP).

No path, link or encoding leads out of the folder (`beneath.py`), what is neither a file nor a folder is never opened,
nothing is changed unless `write` says so, and what is uploaded appears whole or not at all (`uploads.py`).

Every call is synchronous and quick: some microseconds for what is in the kernel's caches. They raise `OSError` alone:

    FileNotFoundError      there is none, it lies outside, or it is an upload that is not whole yet
    IsADirectoryError      a folder where a file was asked for
    NotADirectoryError     a file where a folder was asked for, or with a `/` behind it
    PermissionError        the system says no; a device, FIFO or socket; a change where `write` is off (EROFS)
    FileExistsError        a folder is to be made where there is something
    OSError                what the disk says: ENOSPC, EDQUOT, EIO, ENOTEMPTY, EBUSY …
"""

from __future__ import annotations

import errno
import os
from stat import S_ISDIR, S_ISLNK, S_ISREG
from typing import NamedTuple

from tincans.files.beneath import LIST, Top, inside, is_part
from tincans.files.uploads import Upload, begin, copy_into, kept_size, place_mode, remove_parts, resume

__all__ = ["Files", "Item", "OpenFile", "Upload"]


class Item(NamedTuple):
    """One of a folder's files and folders; a link is what it leads to."""

    name: str
    stat: os.stat_result

    @property
    def is_folder(self) -> bool:
        return S_ISDIR(self.stat.st_mode)


class OpenFile:
    """A regular file that is open for reading. Leaving its `with` closes it."""

    __slots__ = ("fd", "stat")

    def __init__(self, fd: int, stat: os.stat_result) -> None:
        self.fd, self.stat = fd, stat

    def close(self) -> None:
        """Idempotent."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)

    def __enter__(self) -> OpenFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Files:
    """What lies in one folder. The folder is opened once: who renames it later does not change what is served."""

    def __init__(self, folder: str | os.PathLike[str], *, write: bool = False, walks: bool = False) -> None:
        """Raises `UsageError` where there is no such folder. `walks` does without openat2(2), as if it were missing."""
        self.write = write
        self._top = Top(folder, walks=walks)

    def close(self) -> None:
        """Idempotent. What was opened stays open."""
        self._top.close()

    def __del__(self) -> None:
        if hasattr(self, "_top"):  # else there was no such folder
            self.close()

    # ── reading ───────────────────────────────────────────────────────────────────────────────────────────

    def open(self, path: str) -> OpenFile:
        """Open a regular file for reading; whoever asked closes it."""
        found = self._top.reach(path)
        try:
            stat = os.fstat(found)
            if not S_ISREG(stat.st_mode):
                raise _no_file(stat, path)
            return OpenFile(os.open(f"/proc/self/fd/{found}", os.O_RDONLY | os.O_CLOEXEC), stat)
        except OSError as error:
            error.filename = path
            raise
        finally:
            os.close(found)

    def stat(self, path: str) -> os.stat_result:
        """What is known about a file or a folder, links followed."""
        found = self._top.reach(path)
        try:
            stat = os.fstat(found)
        finally:
            os.close(found)
        if not (S_ISREG(stat.st_mode) or S_ISDIR(stat.st_mode)):
            raise _no_file(stat, path)
        return stat

    def same(self, path: str, stat: os.stat_result) -> bool:
        """Whether `open` would give the file that `stat` is of, and nothing of it was changed since then.

        Quicker than opening it again. Something may have changed all the same where `stat` was made within two seconds
        of the last change before: the kernel's clock for that has ticks.
        """
        try:
            now = self._top.look(path)
        except OSError:
            return False
        return (
            now.st_ino == stat.st_ino
            and now.st_ctime_ns == stat.st_ctime_ns
            and now.st_dev == stat.st_dev
            and now.st_size == stat.st_size
        )

    def list(self, path: str) -> list[Item]:
        """The files and folders in a folder, by name. What could not be opened is left out."""
        folder = self._top.reach(path, LIST)
        try:
            names = [name for name in os.listdir(folder) if not is_part(name)]
            found = [self._item(folder, path, name) for name in sorted(names)]
        finally:
            os.close(folder)
        return [item for item in found if item is not None]

    def _item(self, folder: int, path: str, name: str) -> Item | None:
        try:
            stat = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if S_ISLNK(stat.st_mode):
                stat = self.stat(f"{path}/{name}")
            if not (S_ISREG(stat.st_mode) or S_ISDIR(stat.st_mode)):
                return None
            if stat.st_mode & 0o444 != 0o444 and not os.access(name, os.R_OK, dir_fd=folder, effective_ids=True):
                return None
        except OSError:  # outside, or gone meanwhile
            return None
        return Item(name, stat)

    # ── writing ───────────────────────────────────────────────────────────────────────────────────────────

    def create(self, path: str, *, offset: int = 0, append: bool = False) -> Upload:
        """Begin a file that appears, in the place of one that is there, when the upload is committed.

        `offset` goes on with the part that was kept, cut there; or, where none is that long, with a copy of the file
        that is there; `OSError` (EINVAL) where that is shorter, too. `append` goes on with the file that is there, or,
        where there is none, with the part. A link of that name is replaced, not followed. The permissions of a file
        that is replaced stay.
        """
        folder, name = self._above(path)
        try:
            if inside(path).endswith("/"):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
            mode = place_mode(folder, name)
            upload = self._begin(folder, name, path, offset, append)
            if mode is not None:
                os.fchmod(upload.fd, mode)
            return upload
        finally:
            os.close(folder)

    def _begin(self, folder: int, name: str, path: str, offset: int, append: bool) -> Upload:
        if append:
            try:
                return self._copied(folder, name, path, None)
            except FileNotFoundError:
                return resume(folder, name, kept_size(folder, name) or 0) or begin(folder, name)
        if not offset:
            return begin(folder, name)
        return resume(folder, name, offset) or self._copied(folder, name, path, offset)

    def _copied(self, folder: int, name: str, path: str, length: int | None) -> Upload:
        """A part that begins as the file that is there, or as its first bytes."""
        with self.open(path) as file:
            if length is not None and length > file.stat.st_size:
                raise OSError(errno.EINVAL, "the file is shorter than that", path)
            upload = begin(folder, name)
            try:
                copy_into(upload, file.fd, file.stat.st_size if length is None else length)
            except BaseException:
                upload.discard()
                raise
            return upload

    def part_size(self, path: str) -> int | None:
        """How much there is of an upload of that name that was not finished; None where there is none."""
        folder, name = self._top.above(path)
        try:
            return kept_size(folder, name)
        finally:
            os.close(folder)

    def make_folder(self, path: str) -> None:
        folder, name = self._above(path)
        try:
            os.mkdir(name, dir_fd=folder)
        finally:
            os.close(folder)

    def remove_file(self, path: str) -> None:
        """Take a file away; of a link the link."""
        folder, name = self._above(path)
        try:
            if inside(path).endswith("/"):
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
            os.unlink(name, dir_fd=folder)
        finally:
            os.close(folder)

    def remove_folder(self, path: str) -> None:
        """Take an empty folder away, with the parts of unfinished uploads in it."""
        folder, name = self._above(path)
        try:
            os.rmdir(name, dir_fd=folder)
        except OSError as error:
            if error.errno != errno.ENOTEMPTY:
                raise
            remove_parts(folder, name)
            os.rmdir(name, dir_fd=folder)
        finally:
            os.close(folder)

    def rename(self, old: str, new: str) -> None:
        """Call a file or a folder by another name, in another folder too; a file that has it is replaced."""
        folder, name = self._above(old)
        try:
            target, target_name = self._above(new)
            try:
                os.rename(name, target_name, src_dir_fd=folder, dst_dir_fd=target)
            finally:
                os.close(target)
        finally:
            os.close(folder)

    def set_time(self, path: str, mtime: float) -> None:
        """When a file or a folder was changed, in seconds since 1970."""
        self._may_write(path)
        found = self._top.reach(path)
        try:
            os.utime(f"/proc/self/fd/{found}", (mtime, mtime))
        finally:
            os.close(found)

    def set_mode(self, path: str, mode: int) -> None:
        """Who may read, write and run it: the nine lowest bits of `mode`."""
        self._may_write(path)
        found = self._top.reach(path)
        try:
            os.chmod(f"/proc/self/fd/{found}", mode & 0o777)
        finally:
            os.close(found)

    def _above(self, path: str) -> tuple[int, str]:
        self._may_write(path)
        return self._top.above(path)

    def _may_write(self, path: str) -> None:
        if not self.write:
            raise PermissionError(errno.EROFS, "read-only", path)


def _no_file(stat: os.stat_result, path: str) -> OSError:
    if S_ISDIR(stat.st_mode):
        return IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    return PermissionError(errno.EACCES, "neither a file nor a folder", path)
