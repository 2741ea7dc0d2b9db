"""An invitation: a code that is good for some wrong guesses, in this process and in those that go on with the offer.

A guess is right or wrong in one step, before anything is answered, so guesses that come at once on many connections
are not one more than allowed. A right one costs nothing: several may receive by one code.

Where a file is named what is left is kept in it, and written before the guess is answered: who can have the program
killed and started again is given no further guesses by that. The file is the user's alone, as the code is in it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from tincans.limits import CODE_GUESSES, CODE_KEPT_SECONDS
from tincans.peers.codes import Code
from tincans.replacing import replacing


class _Kept(msgspec.Struct):
    """What is in the file."""

    code: str
    left: int
    port: int
    since: float


class Invitation:
    """A code, and how many wrong guesses it still bears."""

    def __init__(self, code: Code, *, left: int = CODE_GUESSES, file: Path | None = None) -> None:
        self.code, self.left = code, left
        #: The port on which those who have the code expect us; 0 where there is none yet.
        self.port = 0
        #: Whether somebody may have been told the code already.
        self.is_known = False
        self._file = file
        self._since = time.time()

    @classmethod
    def opened(cls, file: Path) -> Invitation | None:
        """The one that an earlier process left in that file, if it is still good."""
        with suppress(OSError, msgspec.MsgspecError, ValueError):
            kept = msgspec.json.decode(file.read_bytes(), type=_Kept)
            if kept.left > 0 and 0 <= time.time() - kept.since < CODE_KEPT_SECONDS:
                invitation = cls(Code.parse(kept.code), left=min(kept.left, CODE_GUESSES), file=file)
                invitation.port, invitation._since, invitation.is_known = kept.port, kept.since, True
                return invitation
        return None

    def renumber(self, number: int) -> None:
        """Have another number, that nobody else on the network has, before anybody was told it. Raises `OSError`."""
        self.code = self.code._replace(number=number)
        self.keep()

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

    def keep(self) -> None:
        """Write the file, if there is one. Raises `OSError`."""
        if self._file is None:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with replacing(self._file) as file:
            file.write(msgspec.json.encode(_Kept(str(self.code), self.left, self.port, self._since)))

    def forget(self) -> None:
        """All is done: nobody is to go on with this. Never raises."""
        if self._file is not None:
            with suppress(OSError):
                self._file.unlink()
