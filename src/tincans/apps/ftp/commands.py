"""What is done at each command: its function, and whether it changes anything.

What a command needs beside that is in the row of `protocols.ftp.COMMANDS`. A function is told the visit and the
command; it replies, or raises `Refused`, or lets an `OSError` through, which is answered with what it says.
"""

from __future__ import annotations

import errno
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NamedTuple

from tincans.apps.ftp import about, downloads, folders, login, modes, places, uploads
from tincans.apps.ftp.control import Refused
from tincans.protocols.ftp import Command, Known, Takes

if TYPE_CHECKING:
    from tincans.apps.ftp.visit import Visit


class Does(NamedTuple):
    """What is done at one command."""

    function: Callable[[Visit, Command], Awaitable[None]]
    #: Only who may write may say it.
    writes: bool = False


DOES: dict[str, Does] = {
    "ABOR": Does(modes.abor),
    "ACCT": Does(login.acct),
    "ALLO": Does(modes.allo, writes=True),
    "APPE": Does(uploads.appe, writes=True),
    "AUTH": Does(login.auth),
    "CCC": Does(login.ccc),
    "CDUP": Does(folders.cdup),
    "CLNT": Does(about.clnt),
    "CWD": Does(folders.cwd),
    "DELE": Does(folders.dele, writes=True),
    "EPRT": Does(places.eprt),
    "EPSV": Does(places.epsv),
    "FEAT": Does(about.feat),
    "HELP": Does(about.help_),
    "HOST": Does(login.host),
    "LANG": Does(about.lang),
    "LIST": Does(downloads.list_),
    "MDTM": Does(folders.mdtm),
    "MFMT": Does(folders.mfmt, writes=True),
    "MKD": Does(folders.mkd, writes=True),
    "MLSD": Does(downloads.mlsd),
    "MLST": Does(about.mlst),
    "MODE": Does(modes.mode),
    "NLST": Does(downloads.nlst),
    "NOOP": Does(about.noop),
    "OPTS": Does(about.opts),
    "PASS": Does(login.pass_),
    "PASV": Does(places.pasv),
    "PBSZ": Does(login.pbsz),
    "PORT": Does(places.port),
    "PROT": Does(login.prot),
    "PWD": Does(folders.pwd),
    "QUIT": Does(login.quit_),
    "REIN": Does(login.rein),
    "REST": Does(modes.rest),
    "RETR": Does(downloads.retr),
    "RMD": Does(folders.rmd, writes=True),
    "RNFR": Does(folders.rnfr, writes=True),
    "RNTO": Does(folders.rnto, writes=True),
    "SITE": Does(about.site),
    "SIZE": Does(modes.size),
    "STAT": Does(about.stat),
    "STOR": Does(uploads.stor, writes=True),
    "STOU": Does(uploads.stou, writes=True),
    "STRU": Does(modes.stru),
    "SYST": Does(about.syst),
    "TYPE": Does(modes.type_),
    "USER": Does(login.user),
    "XCUP": Does(folders.cdup),
    "XCWD": Does(folders.cwd),
    "XMKD": Does(folders.mkd, writes=True),
    "XPWD": Does(folders.pwd),
    "XRMD": Does(folders.rmd, writes=True),
}

#: What an `OSError` is answered with, where it is not 550: 4 for now, 5 for ever (RFC 959 §4.2.1).
_CODES = {
    errno.EBUSY: 450, errno.EMFILE: 451, errno.ENFILE: 451, errno.EIO: 451, errno.ENOSPC: 452, errno.EDQUOT: 452,
    errno.EFBIG: 552,
}  # fmt: skip


async def obey(visit: Visit, command: Command) -> None:
    """Do what a command says, and answer it. Raises as `Channel.receive` and `Channel.send` do."""
    try:
        await _allowed(visit, command).function(visit, command)
    except Refused as refused:
        await visit.reply(refused.code, refused.text)
    except OSError as error:
        await visit.reply(*answer_of(error))
    if command.verb != "RNFR":
        visit.renamed = None


def _allowed(visit: Visit, command: Command) -> Does:
    """What is done at a command. Raises `Refused`."""
    known, does = command.known, DOES.get(command.verb)
    if known is None:
        raise Refused(500, f"There is no command {command.verb}." if command.verb else "A command has a verb.")
    if known.login and not visit.is_in:
        raise Refused(530, "Log in first: say USER, and then PASS.")
    if does is None:
        raise Refused(502, f"{command.verb} is not done here: {known.help}.")
    _check_argument(command, known)
    if does.writes:
        visit.check_write()
    return does


def _check_argument(command: Command, known: Known) -> None:
    if known.takes is Takes.ARGUMENT and not command.argument:
        raise Refused(501, f"{command.verb} needs an argument.")
    if known.takes is Takes.NOTHING and command.argument:
        raise Refused(501, f"{command.verb} takes no argument.")


def answer_of(error: OSError) -> tuple[int, str]:
    """The reply that says what the system said."""
    reason = error.strerror or str(error)
    return _CODES.get(error.errno or 0, 550), reason[:1].upper() + reason[1:] + "."
