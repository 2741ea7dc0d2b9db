"""The IRC door: a caller's lines are acted upon in their order, and all that came in one piece in one go.

    channel ─► bytes ─► IrcSession(strict) ─► messages ─► COMMANDS ─► hub
                                                             └─► replies ─► outbox ─► channel

RFC 2812 as clients use it (https://modern.ircdocs.horse) with IRCv3's capabilities (`irc_caps`); docs/compliance/irc.md
and docs/compliance/ircv3.md say what is there. Over a WebSocket a message is one line without its end
(https://ircv3.net/specs/extensions/websocket).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from typing import cast

from tincans.apps.chat.hub import Hub
from tincans.apps.chat.irc_commands import COMMANDS, Command
from tincans.apps.chat.irc_member import IrcMember
from tincans.apps.chat.irc_refusals import refuse
from tincans.apps.chat.irc_registration import Registration
from tincans.apps.chat.pace import Pace
from tincans.apps.chat.refusals import Refused
from tincans.channel import Channel, Side
from tincans.errors import ChannelError, EndOfStream, RemoteProtocolError
from tincans.limits import CHAT_GOODBYE_SECONDS
from tincans.protocols.events import Event
from tincans.protocols.irc import IrcSession, Message


async def attend(hub: Hub, channel: Channel, first: bytes) -> None:
    """Talk with one caller of IRC to the end; `first` was received already. Whoever calls this closes the channel.

    Raises what the channel does. Cancelling leaves nothing behind but a channel to be closed.
    """
    caller = IrcMember(hub, channel)
    caller.registration = Registration(caller)
    why = "the connection was lost"
    try:
        await _hear(caller, channel, first)
    except EndOfStream:
        why = "hung up"
    except asyncio.CancelledError:
        if not caller.was_cancelled():
            raise
    finally:
        hub.leave(caller, why)
        if caller.registration is not None:
            caller.registration.close()
        try:
            if caller.dismissed:
                await _say_goodbye(caller)
        finally:
            caller.close()


async def _hear(caller: IrcMember, channel: Channel, data: bytes) -> None:
    """Act on all that is said, until they are dismissed."""
    session, pace = IrcSession(strict=True), Pace(caller.hub.flood)
    loop, whole = asyncio.get_running_loop(), channel.traits.boundaries
    while not caller.dismissed:
        caller.heard = loop.time()
        events, wrong = _read(session, data + b"\n" if whole else data)
        await _act(caller, events, pace, loop)
        if wrong:
            caller.dismiss(wrong)
        if caller.outbox.waits:
            await caller.outbox.drained()  # whoever does not read is not read
        if not caller.dismissed:
            data = await channel.receive()


def _read(session: IrcSession, data: bytes) -> tuple[Sequence[Event], str]:
    """What was said, and what is so wrong that the rest cannot be believed."""
    try:
        return session.receive(Side.CLIENT, data), ""
    except RemoteProtocolError as error:
        return cast("Sequence[Event]", error.before), str(error)


async def _act(caller: IrcMember, events: Iterable[Event], pace: Pace, loop: asyncio.AbstractEventLoop) -> None:
    """One after the other, without ever waiting for anything where nothing has to be waited for."""
    for event in events:
        if seconds := pace.step(loop.time()):
            await asyncio.sleep(seconds)
        if isinstance(event, Message) and (slow := _obey(caller, event)) is not None:
            await slow
        if caller.dismissed:
            return


def _obey(caller: IrcMember, message: Message) -> Awaitable[None] | None:
    """Act on one message; what is returned has to be awaited until it is through."""
    row = _row(caller, message)
    if row is None:
        return None
    try:
        slow = row.handler(caller, message)
    except Refused as refused:
        refuse(caller, refused, *message.parameters[:1], command=message.command)
        return None
    return None if slow is None else _finish(caller, message, slow)


async def _finish(caller: IrcMember, message: Message, slow: Awaitable[None]) -> None:
    try:
        await slow
    except Refused as refused:
        refuse(caller, refused, *message.parameters[:1], command=message.command)


def _row(caller: IrcMember, message: Message) -> Command | None:
    """The row of the table, or None where it was answered that there is none."""
    command = message.command
    row = COMMANDS.get(command)
    if message.excess:
        caller.reply("ERR_INPUTTOOLONG", f"that was {message.excess} bytes too long")
    elif row is None:
        caller.reply("ERR_UNKNOWNCOMMAND", command, "there is no such command")
    elif not row.early and caller.registration is not None:
        caller.reply("ERR_NOTREGISTERED", "say who you are first: NICK and USER")
    elif len(message.parameters) < row.least:
        caller.reply("ERR_NEEDMOREPARAMS", command, f"it needs more parameters: {row.help}")
    else:
        return row
    return None


async def _say_goodbye(caller: IrcMember) -> None:
    """Let them read why they have to go, for as long as politeness asks."""
    try:
        async with asyncio.timeout(CHAT_GOODBYE_SECONDS):
            await caller.outbox.drained()
    except (TimeoutError, ChannelError):
        pass
