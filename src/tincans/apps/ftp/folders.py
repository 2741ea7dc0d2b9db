"""Folders and files by their names: where the client is, and what is made, renamed, dated and taken away."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from stat import S_ISDIR, S_ISREG
from typing import TYPE_CHECKING

from tincans.apps.ftp.control import Refused
from tincans.apps.ftp.listing import moment
from tincans.protocols.ftp import Command

if TYPE_CHECKING:
    from tincans.apps.ftp.visit import Visit


async def pwd(visit: Visit, command: Command) -> None:
    await visit.reply(257, f"{_quoted(visit.folder)} is where you are.")


async def cwd(visit: Visit, command: Command) -> None:
    path = visit.path(command.argument)
    if not S_ISDIR(visit.files.stat(path).st_mode):
        raise Refused(550, "That is a file, and no folder.")
    visit.enter(path)
    await visit.reply(250, f"{_quoted(visit.folder)} is where you are now.")


async def cdup(visit: Visit, command: Command) -> None:
    visit.enter(visit.folder + "/..")
    await visit.reply(250, f"{_quoted(visit.folder)} is where you are now.")


async def mkd(visit: Visit, command: Command) -> None:
    path = visit.path(command.argument)
    visit.files.make_folder(path)
    await visit.reply(257, f"{_quoted(path)} was made.")


async def rmd(visit: Visit, command: Command) -> None:
    visit.files.remove_folder(visit.path(command.argument))
    await visit.reply(250, "It is gone.")


async def dele(visit: Visit, command: Command) -> None:
    visit.files.remove_file(visit.path(command.argument))
    await visit.reply(250, "It is gone.")


async def rnfr(visit: Visit, command: Command) -> None:
    """Say what is to be renamed; only the very next command may be RNTO (RFC 959 §4.1.3)."""
    path = visit.path(command.argument)
    visit.files.stat(path)
    visit.renamed = path
    await visit.reply(350, "And what shall it be called?")


async def rnto(visit: Visit, command: Command) -> None:
    if visit.renamed is None:
        raise Refused(503, "Say RNFR first.")
    visit.files.rename(visit.renamed, visit.path(command.argument))
    await visit.reply(250, "It is called that now.")


async def mdtm(visit: Visit, command: Command) -> None:
    """When a file was changed (RFC 3659 §3)."""
    found = visit.files.stat(visit.path(command.argument))
    if not S_ISREG(found.st_mode):
        raise Refused(550, "That is a folder, and no file.")
    await visit.reply(213, moment(found.st_mtime))


_MFMT = re.compile(r"(\d{14})(\.\d+)? (.+)", re.ASCII | re.DOTALL)


async def mfmt(visit: Visit, command: Command) -> None:
    """Say when a file was changed: `MFMT YYYYMMDDHHMMSS path`, in UTC (draft-somers-ftp-mfxx §3.1)."""
    match = _MFMT.fullmatch(command.argument)
    if match is None:
        raise Refused(501, "Say YYYYMMDDHHMMSS, a blank and a path.")
    try:
        when = datetime.strptime(match[1], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        raise Refused(501, f"{match[1]} is no time.") from None
    visit.files.set_time(visit.path(match[3]), when.timestamp() + float(match[2] or 0))
    await visit.reply(213, f"Modify={match[1]}; {match[3]}")


async def chmod(visit: Visit, argument: str) -> None:
    """`SITE CHMOD 644 path`."""
    mode, _, path = argument.partition(" ")
    if not re.fullmatch(r"0?[0-7]{3}", mode, re.ASCII) or not path:
        raise Refused(501, "Say SITE CHMOD, three octal digits and a path.")
    visit.files.set_mode(visit.path(path), int(mode, 8))
    await visit.reply(200, "It is now.")


def _quoted(path: str) -> str:
    """As 257 says a path: a quotation mark in it is said twice (RFC 959, appendix II)."""
    return '"' + path.replace('"', '""') + '"'
