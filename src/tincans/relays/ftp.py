"""FTP through a relay: announced data addresses are followed, and addresses of the relay are announced in their place.

An `FtpSteerer` reads along with the control connection. Where one side says at which address it can be called for data,
the relay listens, announces that place instead, and when the other side calls there it calls the first:

    passive    client ──PASV──────────────────────► server      active    client ──PORT client──► PORT far ──► server
               client ◄── 227 near ◄── 227 server ◄─ server                server calls far, the relay calls client
               client calls near, the relay calls server

A data connection is a conversation of its own. Its facts say to which control connection it belongs and for which
command it is, so it is begun when that command was said; the control conversation has its number in a note.

What is announced is not believed. The server is called nowhere but where the control connection goes, the client
nowhere but where it came from (bounce attacks, RFC 2577 §3), and only the other one of them is let in. After PROT P
the data connection is seen through like the control connection (RFC 4217 §9): the FTP client speaks first in TLS,
whoever called. When the control connection is over, so is what was announced; transfers have a moment to end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from tincans import transports
from tincans.address import NETWORK, Address
from tincans.channel import Buffer, Channel, Listener, Side
from tincans.client import connect
from tincans.controls import Hand
from tincans.conversation import Controls, How, Kind, Opening, Recorder, Tap, begin, steering_taps
from tincans.errors import ListenError
from tincans.limits import DRAIN_SECONDS, FTP_DATA_SECONDS
from tincans.protocols.events import Event, Upgraded
from tincans.protocols.ftp import (
    Command,
    DataAddress,
    FtpSession,
    Opens,
    Reply,
    data_facts,
    is_same_host,
    write_command,
)
from tincans.protocols.replies import write_reply
from tincans.recording import Outcome
from tincans.relays.link import carry, facts_of, join
from tincans.relays.plumbing import Plumbing
from tincans.relays.steering import Steerer, steer
from tincans.tasks import spawn

if TYPE_CHECKING:
    from tincans.relays.interception import Interception

#: An address that nobody has, and no server takes (RFC 1122 §3.2.1.3).
_NOWHERE = DataAddress("0.0.0.0", 0)


class FtpSteerer(Steerer):
    """Follows one control connection; done at once where anything but FTP is spoken."""

    def __init__(
        self, taps: Sequence[Tap], recorders: Sequence[Recorder], name: str, plumbing: Plumbing,
        interception: Interception | None = None, heard: Sequence[Tap] = (), proxy: str = "",
    ) -> None:  # fmt: skip
        """`taps` are those of the control connection. Those in `heard` hear what is said on data connections, too, and
        nothing else. `proxy` is the one through which the server was called.
        """
        self._number = _number_of(taps)
        self._recorders, self._name, self._plumbing = tuple(recorders), name, plumbing
        self._interception, self._heard, self._proxy = interception, tuple(heard), proxy
        self._is_secured = False
        #: The command that the next data connection is for, once it was said.
        self._command: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._meeting: _Meeting | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def is_done(self, protocol: str) -> bool:
        return protocol != "ftp"

    def waits(self, protocol: str, side: Side) -> bool:
        return protocol == "ftp"

    def secured(self, facts: Mapping[str, str]) -> None:
        self._is_secured = True

    async def hear(self, protocol: str, event: Event) -> bytes | None:
        match event:
            case Command():
                return await self._hear_command(event)
            case Reply() if event.announced:
                return await self._hear_announced(event, event.announced)
            case Upgraded(to="tls") if not self.steering.sees_through:
                self.steering.note("data connections cannot be followed inside TLS; --intercept sees through it")
        return None

    async def aclose(self) -> None:
        """The control connection is over: transfers may end, unless that was not its own end."""
        self._give_up_meeting()
        task = asyncio.current_task()
        try:
            if self._tasks and not (task and task.cancelling()):
                await asyncio.wait(self._tasks, timeout=DRAIN_SECONDS)
        finally:
            for each in self._tasks:
                each.cancel()
            if self._tasks:
                await asyncio.wait(self._tasks)

    # ── what is said on the control connection ────────────────────────────────────────────────────────────

    async def _hear_command(self, command: Command) -> bytes | None:
        if command.opens in (Opens.PASSIVE, Opens.ACTIVE):
            self._command = asyncio.get_running_loop().create_future()
        elif self._may_transfer(command) and not self._command.done():
            self._command.set_result(command.masked().summary)
        if command.announced:
            return await self._hear_port(command, command.announced)
        if command.verb == "CCC" and self._is_secured:
            self.steering.note("CCC is not passed on: TLS goes on to the end")
            return write_command(msgspec.structs.replace(command, verb="XCCC"))  # which no server knows
        return None

    @staticmethod
    def _may_transfer(command: Command) -> bool:
        """What nobody knows may be a transfer, too: the server would wait for its data connection."""
        return command.opens is not Opens.NOTHING or (command.verb != "" and command.known is None)

    async def _hear_port(self, command: Command, announced: DataAddress) -> bytes | None:
        """The server is to call the client."""
        client, server = self.steering.client, self.steering.server
        if not is_same_host(announced.host, client.remote.host):
            self.steering.note(f"{command.summary} is not passed on: it is not the address that the client has")
            return write_command(command.announcing(_NOWHERE))
        callee = Address("tcp", client.remote.host, announced.port)
        if (place := await self._meet(server, callee, "active")) is None:
            return None
        return write_command(command.announcing(place))

    async def _hear_announced(self, reply: Reply, announced: DataAddress) -> bytes | None:
        """The client is to call the server."""
        client, server = self.steering.client, self.steering.server
        if reply.code == 227 and ":" in client.local.host:
            self.steering.note("227 cannot announce an IPv6 address, so the data connection is not followed")
            return None
        if announced.host and not is_same_host(announced.host, server.remote.host):
            self.steering.note(f"{server.remote.host} is called for data, and not {announced}, which is not the server")
        options = (("proxy", self._proxy),) if self._proxy else ()
        callee = Address("tcp", server.remote.host, announced.port, options=options)
        if (place := await self._meet(client, callee, "passive")) is None:
            return None
        return write_reply(reply.announcing(place), coded=False)

    # ── the data connection ───────────────────────────────────────────────────────────────────────────────

    async def _meet(self, leg: Channel, callee: Address, mode: str) -> DataAddress | None:
        """Listen where `leg` ends here, for whom it leads to; gives the place. None, and a note, if that cannot be."""
        self._give_up_meeting()
        if leg.local.scheme not in NETWORK:
            self.steering.note(f"data connections are not followed: {leg.local} has no port")
            return None
        try:
            listener = await transports.listen(Address("tcp", leg.local.host, 0))
        except ListenError as error:
            self.steering.note(f"the data connection is not followed: {error}")
            return None
        place = DataAddress(leg.local.host, listener.address.port)
        self.steering.note(f"{place} is announced instead of {callee.host}:{callee.port}")
        self._meeting = _Meeting(listener, leg.remote.host, callee, mode, self._command)
        task = self._meeting.task = spawn(self._attend(self._meeting))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return place

    def _give_up_meeting(self) -> None:
        """What was announced last does not count any more, unless somebody came."""
        if self._meeting is not None and self._meeting.task is not None:
            self._meeting.task.cancel()
        self._meeting = None

    async def _attend(self, meeting: _Meeting) -> None:
        """Wait for the caller and for the command, and join it to the other."""
        try:
            async with asyncio.timeout(FTP_DATA_SECONDS):
                caller, command = await self._await_caller(meeting)
        except TimeoutError:
            self.steering.note(f"nobody used the data connection to {meeting.callee} within {FTP_DATA_SECONDS:g} s")
            return
        finally:
            await meeting.listener.aclose()
            if self._meeting is meeting:
                self._meeting = None
        await self._carry(caller, meeting, command)

    async def _await_caller(self, meeting: _Meeting) -> tuple[Channel, str]:
        caller = await meeting.listener.accept()
        while not is_same_host(caller.remote.host, meeting.caller):
            self.steering.note(f"{caller.remote} called for data, and was turned away")
            caller.abort()
            caller = await meeting.listener.accept()
        try:
            return caller, await asyncio.shield(meeting.command)
        except BaseException:
            caller.abort()
            raise

    async def _carry(self, caller: Channel, meeting: _Meeting, command: str) -> None:
        protection = self._protection
        facts = data_facts(command, meeting.mode, protection, self._number)
        opening = Opening(
            kind=Kind.RELAY, name=self._name, client=str(caller.remote.bare()), near=str(caller.local.bare()),
            server=str(meeting.callee.bare()), facts={**facts_of(Side.CLIENT, caller), **facts},
        )  # fmt: skip
        taps = begin(self._recorders, opening)
        if taps:
            self.steering.note(f"data: conversation #{_number_of(taps)} ({command})")
        seen_through = self._interception is not None and protection == "P"
        join = partial(self._join_in_tls if seen_through else self._join, taps, meeting)
        await carry(caller, partial(connect, meeting.callee), join, taps)

    @property
    def _protection(self) -> str:
        session = self.steering.decoder.session
        return session.protection if isinstance(session, FtpSession) else "C"

    async def _join(self, taps: Sequence[Tap], meeting: _Meeting, caller: Channel, callee: Channel) -> Outcome:
        with self._plumbing:
            return await join(caller, callee, [*taps, *self._heard], self._plumbing)

    async def _join_in_tls(self, taps: Sequence[Tap], meeting: _Meeting, caller: Channel, callee: Channel) -> Outcome:
        """As `_join`, and see through TLS. Servers want the control connection's session again (RFC 4217 §10.2)."""
        taps = [*taps, *self._heard]
        secure = partial(
            steer, interception=self._interception, protocol="raw", resume=self.steering.server.bare
        )  # fmt: skip
        if meeting.mode == "passive":
            return await secure(caller, callee, taps)
        outcome = await secure(callee, caller, [_turned(tap) for tap in taps])
        return outcome._replace(by=outcome.by and outcome.by.other)


class _Meeting:
    """Where one data connection is waited for."""

    __slots__ = ("callee", "caller", "command", "listener", "mode", "task")

    def __init__(
        self, listener: Listener, caller: str, callee: Address, mode: str, command: asyncio.Future[str]
    ) -> None:
        self.listener = listener
        #: The host that may call, and who is called for it.
        self.caller, self.callee = caller, callee
        self.mode, self.command = mode, command
        self.task: asyncio.Task[None] | None = None


class _Turned:
    """A tap that is told of a link whose two sides are the other way round."""

    __slots__ = ("_tap",)

    def __init__(self, tap: Tap) -> None:
        self._tap = tap

    @property
    def number(self) -> int:
        return self._tap.number

    def joined(self, far: str, server: str, facts: Mapping[str, str]) -> None:
        self._tap.joined(far, server, facts)

    def said(self, side: Side, data: Buffer) -> None:
        self._tap.said(side.other, data)

    def wants(self, side: Side) -> bool:
        return self._tap.wants(side.other)

    def carried(self, side: Side, count: int) -> None:
        self._tap.carried(side.other, count)

    def ended(self, side: Side) -> None:
        self._tap.ended(side.other)

    def noted(self, text: str) -> None:
        self._tap.noted(text)

    def secured(self, facts: Mapping[str, str]) -> None:
        sides = {side.value: side.other.value for side in Side}
        turned = {name.partition("."): fact for name, fact in facts.items()}
        self._tap.secured({f"{sides.get(side, side)}.{name}": fact for (side, _, name), fact in turned.items()})

    def closed(self, how: How, by: Side | None = None, detail: str = "") -> None:
        self._tap.closed(how, by and by.other, detail)


class _TurnedSteering(_Turned):
    """As `_Turned`, of a tap that wants the controls."""

    __slots__ = ()

    def steer(self, controls: Controls) -> None:
        assert isinstance(controls, Hand)
        for tap in steering_taps([self._tap]):
            tap.steer(controls.turned())


def _turned(tap: Tap) -> Tap:
    return _TurnedSteering(tap) if steering_taps([tap]) else _Turned(tap)


def _number_of(taps: Sequence[Tap]) -> int:
    """The conversation's number, by the first that has one."""
    return next((tap.number for tap in taps if tap.number), 0)
