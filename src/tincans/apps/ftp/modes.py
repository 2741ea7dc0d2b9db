"""How the next transfer goes: TYPE, MODE, STRU, ALLO (RFC 959 §4.1.2), REST and SIZE (RFC 3659 §4, §5); and ABOR."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from tincans.apps.ftp.control import Refused
from tincans.limits import FTP_TEXT_BYTES
from tincans.protocols.ftp import Command

if TYPE_CHECKING:
    from tincans.apps.ftp.visit import Visit


async def abor(visit: Visit, command: Command) -> None:
    """Nothing goes on any more: a transfer was stopped when this was heard."""
    await visit.settle(None)
    await visit.reply(226, "Nothing goes on.")


async def rest(visit: Visit, command: Command) -> None:
    """At which byte the next transfer begins (RFC 3659 §5)."""
    if not re.fullmatch(r"\d{1,18}", command.argument, re.ASCII):
        raise Refused(501, "Say how many bytes there are already.")
    visit.begin_at = int(command.argument)
    await visit.reply(350, f"The next transfer begins at {visit.begin_at}.")


async def size(visit: Visit, command: Command) -> None:
    """How much a transfer of it would carry (RFC 3659 §4); of an unfinished upload, what is there."""
    path = visit.path(command.argument)
    part = visit.files.part_size(path) if visit.may_write else None
    if part:
        visit.resumable = (path, part)
    await visit.reply(213, str(part or _carried(visit, path)))


def _carried(visit: Visit, path: str) -> int:
    """What a transfer of the file would carry: of a text a CR for each line. Raises `Refused` if it is long."""
    with visit.files.open(path) as file:
        size = file.stat.st_size
        if not visit.is_text:
            return size
        if size > FTP_TEXT_BYTES:
            raise Refused(550, "It is too long to be counted as a text: say TYPE I.")
        return size + os.pread(file.fd, size, 0).count(b"\n")


async def type_(visit: Visit, command: Command) -> None:
    match command.argument.upper().split():
        case ["A"] | ["A", "N"]:
            visit.is_text = True
        case ["I"] | ["L", "8"]:
            visit.is_text = False
        case _:
            raise Refused(504, "It is A, text, or I, bytes.")
    await visit.reply(200, "It is text now." if visit.is_text else "It is bytes now.")


async def mode(visit: Visit, command: Command) -> None:
    if command.argument.upper() != "S":
        raise Refused(504, "It is S, a stream.")
    await visit.reply(200, "It is a stream.")


async def stru(visit: Visit, command: Command) -> None:
    if command.argument.upper() != "F":
        raise Refused(504, "It is F, a file.")
    await visit.reply(200, "It is a file.")


async def allo(visit: Visit, command: Command) -> None:
    """Nothing has to be reserved (RFC 959 §4.1.3)."""
    if not re.fullmatch(r"\d+( R \d+)?", command.argument, re.ASCII | re.IGNORECASE):
        raise Refused(501, "Say how many bytes.")
    await visit.reply(202, "Nothing has to be reserved.")
