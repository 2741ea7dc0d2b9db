"""One transfer: a task with a data connection of its own, beside the control connection (RFC 959 §3.2, §3.3).

The control connection is listened to meanwhile, as a transfer may be asked about (STAT) or stopped (ABOR): it is
answered first, with 426, and then ABOR is, with 226. What else is said waits for its turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from tincans.apps.ftp import about
from tincans.apps.ftp.control import Control, Refused
from tincans.apps.ftp.places import Place
from tincans.channel import Channel, Side
from tincans.conversation import How
from tincans.errors import ChannelError, ConnectError
from tincans.limits import FTP_STALL_SECONDS
from tincans.protocols.ftp import Command, data_facts
from tincans.recording import Silence, beside, note, number_of, secure
from tincans.tasks import spawn

if TYPE_CHECKING:
    from tincans.apps.ftp.visit import Visit

#: What is done with a data connection.
Carry = Callable[[Channel, "Transfer"], Awaitable[None]]


class Transfer:
    """One transfer, from the place where its data connection is made to the close of that."""

    def __init__(self, visit: Visit, command: Command, carry: Carry) -> None:
        self.command = command
        #: Bytes so far.
        self.count = 0
        self._visit, self._carry = visit, carry
        self._task: asyncio.Task[None] | None = None
        self._why: Refused | None = None
        self._silence: Silence | None = None

    async def run(self, place: Place) -> None:
        """All of it. Raises `Refused` where it did not come to its end, `OSError`, and as `Control.hear` does."""
        visit = self._visit
        visit.transfer = self
        self._task = task = spawn(self._go(place))
        listening = spawn(self._listen(visit.control))
        try:
            await asyncio.wait((task, listening), return_when=asyncio.FIRST_COMPLETED)
            if listening.done() and listening.exception() is not None:
                self.cut("The control connection ended.")
            await asyncio.wait((task,))
        finally:
            visit.transfer = None
            task.cancel()
            listening.cancel()
            await asyncio.wait((task, listening))
        if not listening.cancelled():
            listening.result()
        if task.cancelled() and self._why is not None:
            raise self._why
        _explain(task)

    def went(self, count: int) -> None:
        """So many bytes more."""
        self.count += count
        if self._silence is not None:
            self._silence.carried(Side.SERVER, count)

    def cut(self, reason: str) -> None:
        """End it before its end."""
        self._why = self._why or Refused(426, reason)
        if self._task is not None:
            self._task.cancel()

    async def _listen(self, control: Control) -> None:
        while not control.is_full:
            command = await control.hear()
            if command.verb == "STAT" and not command.argument:
                await asyncio.shield(spawn(about.stat(self._visit, command)))
                continue
            control.keep(command)
            if command.verb == "ABOR":
                self.cut("You stopped it.")
                return

    async def _go(self, place: Place) -> None:
        data = await self._open(place)
        self._silence = Silence(FTP_STALL_SECONDS, partial(self.cut, f"Nothing moved for {FTP_STALL_SECONDS:g} s."))
        try:
            await self._carry(data, self)
        except BaseException:
            data.abort()
            raise
        finally:
            self._silence.closed(How.FINISHED)
        await data.aclose()

    async def _open(self, place: Place) -> Channel:
        """The data connection: a conversation of its own, inside TLS where PROT P was said."""
        visit, command = self._visit, self.command.summary
        control = visit.control.channel
        facts = data_facts(command, place.mode, visit.protection, number_of(control))
        data = beside(control, await place.open(), place.kind, facts)
        if number := number_of(data):
            note(control, f"data: conversation #{number} ({command})")
        if visit.protection == "C" or (wrap := visit.wrap) is None:
            return data
        try:
            return await secure(data, wrap)
        except ConnectError as error:
            data.abort()
            raise Refused(522, f"The data connection has no TLS: {error.reason}.") from error
        except BaseException:
            data.abort()
            raise


def _explain(task: asyncio.Task[None]) -> None:
    """What became of a transfer. Raises `Refused` and `OSError`."""
    try:
        task.result()
    except ChannelError as error:
        raise Refused(426, f"The data connection was lost: {error}.") from error
    except EOFError as error:
        raise Refused(451, "The file became shorter.") from error


async def transfer(visit: Visit, command: Command, says: str, carry: Carry) -> int:
    """Announce it, carry it out and give its bytes. Raises as `Transfer.run`; who calls says that it is complete."""
    place = checked_place(visit)
    await visit.reply(150, says)
    goes_on = Transfer(visit, command, carry)
    try:
        await goes_on.run(place)
    finally:
        await visit.settle(None)
    return goes_on.count


def checked_place(visit: Visit) -> Place:
    """Where the data connection can be made, as was said before. Raises `Refused`."""
    if visit.place is None:
        raise Refused(425, "Say PASV, EPSV, PORT or EPRT first.")
    if visit.protection == "C" and visit.settings.tls == "required":
        raise Refused(521, "Data is private here: say PBSZ 0 and PROT P.")
    return visit.place


def taken_offset(visit: Visit) -> int:
    """Where REST said that the transfer begins; it is said for one alone."""
    offset, visit.begin_at = visit.begin_at, 0
    if offset and visit.is_text:
        raise Refused(550, "A text is transferred from its beginning: say TYPE I.")
    return offset
