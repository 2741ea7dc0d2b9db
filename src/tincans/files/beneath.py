"""One folder that no path leaves: what is opened lies beneath it, at the moment when it is opened.

To look first and to open then is a race: between the two a folder of the path can become a link to somewhere else. So
nothing is looked at by its name. openat2(2) with RESOLVE_BENEATH has the kernel follow the whole path and refuse each
step that would leave, links included. Where it is missing (before Linux 5.6, in gVisor, behind an old seccomp filter)
the path is walked component by component: each is opened where it lies, without following it (O_PATH, O_NOFOLLOW), and
a link's text is walked in its place.

A path is text that begins with `/`. Bytes that are no UTF-8 are in it as `os.fsdecode` has them. `.`, `..` and `//` are
taken out of it as text, before anything is opened; `..` never leads above the top.

    beneath       all links of the way lie inside                 → opened
    outside       a link, or a link's `..`, leads out             → FileNotFoundError, as if there were nothing
    an absolute link is outside, unless its text begins with the folder's own path; that one is walked by us, as the
    kernel knows no such exception
"""

from __future__ import annotations

import ctypes
import errno
import os
from stat import S_ISDIR, S_ISLNK

from tincans.errors import UsageError
from tincans.limits import LINKS_FOLLOWED

#: Opens nothing: a descriptor that only says which file is meant (open(2), O_PATH).
LOOK = os.O_PATH | os.O_CLOEXEC
#: A folder, to be listed.
LIST = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC

#: How the name of a file ends that is not wholly there yet. No path reaches such a name.
PART = ".tincans-part"

_OPENAT2 = 437  # the same on all architectures (syscalls(2))
_RESOLVE_NO_MAGICLINKS, _RESOLVE_BENEATH = 0x02, 0x08

#: Answers of the kernel that mean the same to whoever asked: there is nothing of that name inside.
_NOTHING = {errno.ELOOP, errno.ENAMETOOLONG, errno.EXDEV}


class _How(ctypes.Structure):
    """struct open_how (openat2(2))."""

    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


_syscall = ctypes.CDLL(None, use_errno=True).syscall
_syscall.argtypes = (ctypes.c_long, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_size_t)
_syscall.restype = ctypes.c_long
_hows = {flags: _How(flags, 0, _RESOLVE_BENEATH | _RESOLVE_NO_MAGICLINKS) for flags in (LOOK, LIST)}
_addresses = {flags: ctypes.addressof(how) for flags, how in _hows.items()}
_SIZE = ctypes.sizeof(_How)


class Top:
    """The folder. `reach` opens what lies beneath it. `close` gives its descriptor back."""

    __slots__ = ("_fd", "_paths", "_walks")

    def __init__(self, folder: str | os.PathLike[str], *, walks: bool = False) -> None:
        """Raises `UsageError` where there is no such folder. `walks` leaves openat2 out, as if it were missing."""
        self._fd = -1
        try:
            self._fd = os.open(folder, LOOK | os.O_DIRECTORY)
        except (OSError, ValueError) as error:
            raise UsageError(f"{os.fspath(folder)!r} is no folder: {_reason(error)}") from error
        #: What an absolute link to inside begins with.
        self._paths = {os.path.abspath(folder), os.path.realpath(folder)}
        self._walks = walks or not self._has_openat2()

    def close(self) -> None:
        """Idempotent."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def reach(self, path: str, flags: int = LOOK) -> int:
        """A descriptor of what lies at `path`, opened with the flags LOOK or LIST; the caller closes it.

        Raises `FileNotFoundError`, `NotADirectoryError`, `PermissionError`.
        """
        text = inside(path)
        if self._walks:
            return self._walk(text, flags)
        fd: int = _syscall(_OPENAT2, self._fd, os.fsencode(text), _addresses[flags], _SIZE)
        if fd >= 0:
            return fd
        number = ctypes.get_errno()
        if number in (errno.EXDEV, errno.EAGAIN, errno.EINTR):  # outside, perhaps; or something moved meanwhile
            return self._walk(text, flags)
        raise _error(number, path)

    def look(self, path: str) -> os.stat_result:
        """What lies at `path`, links followed, *outside too*: only to be compared with what `reach` gave before."""
        return os.stat(inside(path), dir_fd=self._fd)

    def above(self, path: str) -> tuple[int, str]:
        """The folder in which `path` lies, and its name there. The caller closes the descriptor.

        Raises as `reach` does, and `PermissionError` for the top itself, which is in no folder.
        """
        text = inside(path).rstrip("/")
        folder, _, name = text.rpartition("/")
        if name == ".":
            raise _error(errno.EPERM, path)
        return self.reach(f"/{folder}/" if folder else "/"), name

    def _has_openat2(self) -> bool:
        fd: int = _syscall(_OPENAT2, self._fd, b".", _addresses[LOOK], _SIZE)
        if fd >= 0:
            os.close(fd)
        return fd >= 0

    def _walk(self, text: str, flags: int) -> int:
        """`reach` without the kernel's help."""
        way: list[int] = []  # the folders that were gone through, and last where the walk stands
        try:
            self._walk_into(way, text)
            return way.pop() if flags == LOOK and way else os.open(".", flags, dir_fd=way[-1] if way else self._fd)
        except OSError as error:
            if error.errno in _NOTHING:
                raise _error(error.errno, f"/{text}") from error
            raise
        finally:
            for fd in way:
                os.close(fd)

    def _walk_into(self, way: list[int], text: str) -> None:
        left, links = text.split("/")[::-1], LINKS_FOLLOWED
        while left:
            step = left.pop()
            here = way[-1] if way else self._fd
            if step in ("", ".", ".."):
                if not S_ISDIR(os.fstat(here).st_mode):
                    raise _error(errno.ENOTDIR, text)
                if step == "..":
                    _step_back(way)
                continue
            way.append(os.open(step, LOOK | os.O_NOFOLLOW, dir_fd=here))
            if S_ISLNK(os.fstat(way[-1]).st_mode):
                if not links:
                    raise _error(errno.ELOOP, text)
                links -= 1
                left += self._link(way).split("/")[::-1]

    def _link(self, way: list[int]) -> str:
        """What is walked in the place of the link that the way has come to; an absolute one begins at the top."""
        target = os.readlink("", dir_fd=way[-1])
        _step_back(way)
        if target.startswith("/"):
            target = self._within(target)
            while way:
                _step_back(way)
        return target

    def _within(self, target: str) -> str:
        """An absolute link's text as one from the top."""
        for path in self._paths:
            if target == path or target.startswith(f"{path.rstrip('/')}/"):
                return target[len(path) :]
        raise _error(errno.EXDEV, target)


def inside(path: str) -> str:
    """The path from the top on, `.` for the top, without any `.` or `..` or `//`; a `/` at its end stays.

    Raises `FileNotFoundError` where there can be no such file: with NUL, or a part that is not there yet.
    """
    if "\0" in path or not path.startswith("/") or not (path.isascii() or _is_name(path)):
        raise _error(errno.ENOENT, path)
    if "/." in path or "//" in path:
        path = _resolved(path)
    if PART in path and any(is_part(name) for name in path.split("/")):
        raise _error(errno.ENOENT, path)
    return path[1:] or "."


def is_part(name: str) -> bool:
    """Whether a file of this name is one that is not wholly there yet."""
    return name.startswith(".") and name.endswith(PART)


def _is_name(path: str) -> bool:
    try:
        os.fsencode(path)
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True


def _resolved(path: str) -> str:
    kept: list[str] = []
    for name in path.split("/"):
        if name == "..":
            kept[-1:] = []
        elif name not in ("", "."):
            kept.append(name)
    end = "/" if kept and path.endswith(("/", "/.", "/..")) else ""
    return f"/{'/'.join(kept)}{end}"


def _step_back(way: list[int]) -> None:
    if not way:
        raise _error(errno.EXDEV, "..")
    os.close(way.pop())


def _error(number: int, path: str) -> OSError:
    number = errno.ENOENT if number in _NOTHING else number
    return OSError(number, os.strerror(number), path)


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror or "").lower() if isinstance(error, OSError) else str(error)
