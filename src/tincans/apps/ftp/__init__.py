"""The app `ftp:DIR`: an FTP server for the files of a folder (RFC 959, and what became of it).

Each caller is a `Visit`: who logged in, which folder it is in, what the next transfer is like. Commands come one by one
over the `Control` connection; the row of each in `protocols.ftp.COMMANDS` says what it needs, the row in
`commands.DOES` what it does here, and the function is in the module of its topic:

    login.py       USER PASS AUTH PROT …          places.py      PASV EPSV PORT EPRT: where a data connection is made
    folders.py     CWD MKD DELE RNFR MFMT …       downloads.py   RETR LIST MLSD …: what goes to the client
    about.py       FEAT OPTS STAT HELP SITE …     uploads.py     STOR APPE STOU: what comes from it
    modes.py       TYPE REST SIZE ABOR …          listing.py     a file as a line: for people, for programs

A transfer is a task beside the control connection, which is listened to meanwhile: ABOR and STAT are answered at once,
and everything else waits. Its data connection is a conversation of its own (`recording.beside`), with the facts that a
relay gives to it, too.

What is not trusted: a path (`files.Files`), the host that calls for data or is to be called for it (it must be the
one on the control connection, RFC 2577 §3), what was said before TLS stood, and the end of an upload whose client is
gone: its part is kept, and the client goes on from there with SIZE and REST or APPE.

Over a Unix socket, or anything else without hosts, the client is on this machine: data goes over 127.0.0.1.
"""

from __future__ import annotations

from tincans.apps.ftp.visit import Visit
from tincans.apps.settings import Settings
from tincans.channel import Channel
from tincans.errors import EndOfStream, UsageError
from tincans.files import Files


def load(folder: str, settings: Settings) -> Ftp:
    """The app `ftp:DIR`. Raises `UsageError` where there is no such folder, or a setting cannot be used."""
    if not folder:
        raise UsageError("ftp: needs a folder after it, as in ftp:.")
    return Ftp(folder, settings)


class Ftp:
    """The app that serves `folder` by FTP. It holds the folder open until `close`."""

    def __init__(self, folder: str, settings: Settings) -> None:
        self.settings = settings
        self.ports = settings.passive_ports
        #: The handshake of AUTH TLS; None where TLS is off.
        self.wrap = settings.wrap()
        self.files = Files(folder, write=settings.write)
        self._visits: set[Visit] = set()

    async def __call__(self, channel: Channel) -> None:
        visit = Visit(self, channel)
        self._visits.add(visit)
        try:
            await visit.run()
        except EndOfStream:
            pass
        except BaseException:
            visit.control.abort()
            raise
        finally:
            self._visits.discard(visit)
            await visit.leave()
        await visit.control.aclose()

    def retire(self) -> None:
        """Say goodbye to who only might say something later; transfers go on to their end."""
        for visit in self._visits:
            visit.retire()

    def close(self) -> None:
        """Give the folder back. Idempotent."""
        self.files.close()
