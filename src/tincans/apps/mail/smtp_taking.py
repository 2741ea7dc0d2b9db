"""One mail on its way from a caller to the disk, and why it cannot be kept once something is in the way.

What is in the way is told at the mail's end and not before, as the other side says all of the text first: until then
what comes is thrown away, and nothing of the mail is left.
"""

from __future__ import annotations

import errno
import os

from tincans.apps.mail.store import Envelope, Mails
from tincans.errors import MailsError
from tincans.protocols.smtp_commands import Reply

LARGE = Reply(code=552, status="5.3.4", lines=("so long a mail is not taken",))
FULL = Reply(code=452, status="4.3.1", lines=("there is not enough room on the disk",))
TROUBLE = Reply(code=451, status="4.3.0", lines=("the mail could not be kept; the server's log says why",))

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Taking:
    """One mail that is being taken. `finish` or `discard` it."""

    __slots__ = ("_incoming", "_left", "_refusal")

    def __init__(self, mails: Mails, envelope: Envelope, most: int) -> None:
        """`most`: bytes that it may have."""
        self._incoming = mails.begin(envelope)
        self._left = most
        self._refusal: Reply | None = None

    @property
    def refusal(self) -> Reply | None:
        """Why it will not be kept; None as long as nothing is in the way."""
        return self._refusal

    def refuse(self, reply: Reply) -> None:
        """Do not keep it: `reply` is what its end is answered with. The first reason counts."""
        self._refusal = self._refusal or reply
        self._incoming.discard()

    def write(self, data: bytes) -> None:
        """Take a piece of the text. Never raises: what is in the way is told at the end."""
        if self._refusal is not None:
            return
        self._left -= len(data)
        if self._left < 0:
            self.refuse(LARGE)
            return
        try:
            self._incoming.write(data)
        except MailsError as error:
            self.refuse(refusal_for(error))

    def finish(self) -> Reply:
        """Its end is there: keep it, and say so; or say why not."""
        if self._refusal is None:
            try:
                number = self._incoming.commit()
            except MailsError as error:
                self.refuse(refusal_for(error))
            else:
                return Reply(code=250, status="2.0.0", lines=(f"kept as mail {number}",))
        assert self._refusal is not None
        return self._refusal

    def discard(self) -> None:
        """Leave nothing of it. Does nothing once it is finished."""
        self._incoming.discard()


def refusal_for(error: MailsError) -> Reply:
    """A disk that is full may be emptied: try again. What else it may be, only the server's log can say."""
    cause = error.__cause__
    return FULL if isinstance(cause, OSError) and cause.errno in _FULL else TROUBLE


def has_room(mails: Mails, size: int) -> bool:
    """Whether a mail of that size would fit on the disk; true where nobody knows."""
    try:
        disk = os.statvfs(mails.folder.path)
    except OSError:
        return True
    return size <= disk.f_bavail * disk.f_frsize
