"""An invitation: a code that is good for some wrong guesses, in this process and in those that go on with the offer.

A guess is right or wrong in one step, before anything is answered, so guesses that come at once on many connections
are not one more than allowed. A right one costs nothing: several may receive by one code.

Where a file is named what is left is kept in it, and written before the guess is answered: who can have the program
killed and started again is given no further guesses by that. The file is the user's alone, as the code is in it.

Whoever has said the code has a ticket from then on until they have all of it. Whose connection is lost shows it, with
the same key, and needs no code: neither a guess nor a void code is between them and the rest, and a sender who was
killed and started again knows them, too.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from tincans.limits import CODE_GUESSES, CODE_KEPT_SECONDS, PASS_TICKETS
from tincans.peers.codes import Code
from tincans.replacing import replacing


class _Kept(msgspec.Struct):
    """What is in the file."""

    code: str
    left: int
    port: int
    since: float
    #: Tickets, each with the key of whoever has it, as hexadecimal digits.
    tickets: list[tuple[str, str]] = []


class Invitation:
    """A code, and how many wrong guesses it still bears."""

    def __init__(self, code: Code, *, left: int = CODE_GUESSES, file: Path | None = None) -> None:
        self.code, self.left = code, left
        #: The port on which those who have the code expect us; 0 where there is none yet.
        self.port = 0
        #: Whether somebody may have been told the code already.
        self.is_known = False
        self._tickets: dict[tuple[bytes, bytes], None] = {}  # with their keys, the oldest first
        self._file, self._lock = file, -1
        self._since = time.time()

    @classmethod
    def opened(cls, file: Path) -> Invitation | None:
        """The one that an earlier process left in that file, if it is still good."""
        with suppress(OSError, msgspec.MsgspecError, ValueError):
            kept = msgspec.json.decode(file.read_bytes(), type=_Kept)
            if kept.left > 0 and 0 <= time.time() - kept.since < CODE_KEPT_SECONDS:
                invitation = cls(Code.parse(kept.code), left=min(kept.left, CODE_GUESSES), file=file)
                invitation.port, invitation._since, invitation.is_known = kept.port, kept.since, True
                invitation._tickets = {
                    (bytes.fromhex(ticket), bytes.fromhex(key)): None for ticket, key in kept.tickets
                }
                return invitation
        return None

    def renumber(self, number: int) -> None:
        """Have another number, that nobody else on the network has, before anybody was told it. Raises `OSError`."""
        self.code = self.code._replace(number=number)
        self.keep()

    @classmethod
    def kept(cls, file: Path) -> Invitation:
        """One that is kept in that file: the one that an earlier process left, or a new one.

        Where another process invites to the same just now this is a new one, which is kept nowhere. Raises `OSError`.
        """
        lock = _locked(file.with_suffix(".lock"))
        if lock is None:
            return cls(Code.new())
        invitation = cls.opened(file) or cls(Code.new(), file=file)
        invitation._lock = lock
        return invitation

    @property
    def is_void(self) -> bool:
        return self.left <= 0

    def guess(self, fits: Callable[[], bool]) -> bool:
        """Whether somebody guessed right; a wrong guess counts, and a void code is not even compared."""
        if self.is_void:
            return False
        if fits():
            return True
        self.left -= 1
        self.keep()
        return False

    def admit(self, ticket: bytes, key: bytes) -> None:
        """The one with that key has said the code, and may call again. Raises `OSError`."""
        self._tickets[ticket, key] = None
        if len(self._tickets) > PASS_TICKETS:
            del self._tickets[next(iter(self._tickets))]
        self.keep()

    def knows(self, ticket: bytes, key: bytes) -> bool:
        """Whether that is a ticket of the one with that key."""
        return (ticket, key) in self._tickets

    def dismiss(self, ticket: bytes, key: bytes) -> None:
        """They have all of it, or do not want it: they need not come again. Raises `OSError`."""
        if (ticket, key) in self._tickets:
            del self._tickets[ticket, key]
            self.keep()

    def keep(self) -> None:
        """Write the file, if there is one. Raises `OSError`."""
        if self._file is None:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with replacing(self._file) as file:
            tickets = [(ticket.hex(), key.hex()) for ticket, key in self._tickets]
            file.write(msgspec.json.encode(_Kept(str(self.code), self.left, self.port, self._since, tickets)))

    def forget(self) -> None:
        """All is done: nobody is to go on with this. Never raises."""
        if self._file is not None:
            with suppress(OSError):
                self._file.unlink()

    def close(self) -> None:
        """Let another process go on with what is kept. Idempotent."""
        lock, self._lock = self._lock, -1
        if lock >= 0:
            assert self._file is not None
            with suppress(OSError):
                self._file.with_suffix(".lock").unlink()
            os.close(lock)


def _locked(path: Path) -> int | None:
    """The file of that name, locked until it is closed; None where another process has it. Raises `OSError`.

    Whoever had it may have taken it away between our opening and locking it: what is locked must still bear the name.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.stat(path), os.fstat(fd)):
                return fd
        except BlockingIOError:
            os.close(fd)
            return None
        except FileNotFoundError:
            pass
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)
