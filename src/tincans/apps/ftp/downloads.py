"""What goes to the client: RETR, and the listings LIST, NLST (RFC 959 §4.1.3) and MLSD (RFC 3659 §7)."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from tincans.apps.ftp import about
from tincans.apps.ftp.control import Refused
from tincans.apps.ftp.listing import as_data, fact_line
from tincans.apps.ftp.transfer import Transfer, taken_offset, transfer
from tincans.channel import Channel
from tincans.files import OpenFile
from tincans.limits import FTP_PIECE_BYTES, RECEIVE_BYTES
from tincans.protocols.ftp import Command

if TYPE_CHECKING:
    from tincans.apps.ftp.visit import Visit


async def retr(visit: Visit, command: Command) -> None:
    offset = taken_offset(visit)
    with visit.files.open(visit.path(command.argument)) as file:
        size = file.stat.st_size
        if offset > size:
            raise Refused(554, f"It ends at {size}.")
        if visit.is_text:
            count = await transfer(visit, command, "The text follows.", partial(_send_text, file))
        else:
            says = f"It follows ({size - offset} bytes)."
            count = await transfer(visit, command, says, partial(_send_file, file, offset))
    await visit.reply(226, f"That is all, {count} bytes.")


async def _send_file(file: OpenFile, offset: int, data: Channel, now: Transfer) -> None:
    end = file.stat.st_size
    while offset < end:
        count = min(end - offset, FTP_PIECE_BYTES)
        await data.send_file(file.fd, offset, count)
        now.went(count)
        offset += count
    await data.send_eof()


async def _send_text(file: OpenFile, data: Channel, now: Transfer) -> None:
    """Each LF as CR LF (RFC 959 §3.1.1.1)."""
    offset = 0
    while piece := os.pread(file.fd, RECEIVE_BYTES, offset):
        offset += len(piece)
        text = piece.replace(b"\n", b"\r\n")
        await data.send(text)
        now.went(len(text))
    await data.send_eof()


async def list_(visit: Visit, command: Command) -> None:
    lines = about.long_lines(visit, command.argument)
    await _send_lines(visit, command, lines)


async def nlst(visit: Visit, command: Command) -> None:
    await _send_lines(visit, command, [item.name for item in about.items(visit, command.argument)])


async def mlsd(visit: Visit, command: Command) -> None:
    """RFC 3659 §7."""
    items = visit.files.list(visit.path(command.argument))
    await _send_lines(
        visit, command, [fact_line(item, visit.facts, may_write=visit.may_write) for item in items]
    )  # fmt: skip


async def _send_lines(visit: Visit, command: Command, lines: list[str]) -> None:
    """A listing is text, whatever the type (RFC 3659 §7.2 says so for MLSD)."""

    async def carry(data: Channel, now: Transfer) -> None:
        said = as_data(lines)
        for at in range(0, len(said), FTP_PIECE_BYTES):
            await data.send(said[at : at + FTP_PIECE_BYTES])
            now.went(min(len(said) - at, FTP_PIECE_BYTES))
        await data.send_eof()

    await transfer(visit, command, "The list follows.", carry)
    await visit.reply(226, f"That is all, {len(lines)} of them.")
