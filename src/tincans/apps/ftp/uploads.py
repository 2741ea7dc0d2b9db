"""What comes from the client: STOR, APPE and STOU (RFC 959 §4.1.3).

An upload ends with its data connection, and so it ends, too, when the client is killed. That is told from the control
connection, which ends at the same moment, and from a TLS that has no goodbye. Then its part is kept (`files.uploads`),
SIZE tells how much that is, and the client goes on with REST and STOR, or with APPE.
"""

from __future__ import annotations

import asyncio
import errno
import secrets
from functools import partial
from typing import TYPE_CHECKING

from tincans.apps.ftp.control import Refused
from tincans.apps.ftp.transfer import Transfer, checked_place, taken_offset, transfer
from tincans.channel import Channel
from tincans.errors import EndOfStream
from tincans.files import Upload
from tincans.protocols.ftp import Command
from tincans.tasks import spawn

if TYPE_CHECKING:
    from tincans.apps.ftp.visit import Visit

#: Turns of the loop within which both connections of a client that was killed are found ended.
_TURNS = 3


async def stor(visit: Visit, command: Command) -> None:
    checked_place(visit)
    offset = taken_offset(visit)
    try:
        upload = await _begun(visit, visit.path(command.argument), offset=offset)
    except OSError as error:
        if error.errno == errno.EINVAL and offset:
            raise Refused(554, f"There is not so much of it that it could go on at {offset}.") from error
        raise
    await _store(visit, command, upload, "Send it.")


async def appe(visit: Visit, command: Command) -> None:
    """Go on with what is there; with an unfinished upload, if the client was just told how much of that there is."""
    checked_place(visit)
    visit.begin_at = 0
    path, size = visit.path(command.argument), 0
    if visit.resumable[0] == path:
        size = visit.resumable[1]
    upload = await _begun(visit, path, offset=size, append=not size)
    await _store(visit, command, upload, "Send what is to be added.")


async def stou(visit: Visit, command: Command) -> None:
    """Under a name that nothing has, which 150 says (RFC 1123 §4.1.2.9)."""
    checked_place(visit)
    visit.begin_at = 0
    name = f"{command.argument or 'upload'}.{secrets.token_hex(6)}"
    await _store(visit, command, visit.files.create(visit.path(name)), f"FILE: {name}")


async def _begun(visit: Visit, path: str, *, offset: int = 0, append: bool = False) -> Upload:
    """Begin it; in a thread where what is there already may have to be copied. Raises `OSError`."""
    create = partial(visit.files.create, path, offset=offset, append=append)
    if not (offset or append):
        return create()
    beginning = spawn(asyncio.to_thread(create))
    try:
        return await asyncio.shield(beginning)
    except asyncio.CancelledError:
        beginning.add_done_callback(_forget)
        raise


def _forget(beginning: asyncio.Task[Upload]) -> None:
    """Nobody waits for it any more: what was kept is kept."""
    if not beginning.exception():
        beginning.result().keep()


async def _store(visit: Visit, command: Command, upload: Upload, says: str) -> None:
    """Take it in. Where it is cut its part is kept; where the disk cannot, it is thrown away."""
    visit.resumable = ("", 0)
    with upload:
        try:
            count = await transfer(visit, command, says, partial(_receive, visit, upload))
        except OSError:
            raise
        except BaseException:
            if upload.size:
                upload.keep()
            raise
        upload.commit()
    await visit.reply(226, f"It is there, {count} bytes came.")


async def _receive(visit: Visit, upload: Upload, data: Channel, now: Transfer) -> None:
    """All that comes. Raises `Refused` where it only seems to end."""
    unix = _UnixLines()
    try:
        while True:
            piece = await data.receive()
            upload.write(unix.take(piece) if visit.is_text else piece)
            now.went(len(piece))
    except EndOfStream:
        upload.write(unix.held)
    if "tls.truncated" in data.facts:
        raise Refused(426, "TLS ended without a goodbye, so it may not be all.")
    for _ in range(_TURNS):
        await asyncio.sleep(0)
    if visit.control.has_ended:
        raise Refused(426, "The control connection ended, too, so it may not be all.")


class _UnixLines:
    """Each CR LF as LF, the reverse of what is sent: a CR may be the last that came."""

    def __init__(self) -> None:
        self.held = b""

    def take(self, data: bytes) -> bytes:
        data = self.held + data
        self.held = b"\r" if data.endswith(b"\r") else b""
        return data[: len(data) - len(self.held)].replace(b"\r\n", b"\n")
