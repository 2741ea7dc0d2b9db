"""The IRC door: a caller's lines are acted upon in their order, and all that came in one piece in one go.

    channel ─► bytes ─► IrcSession(strict) ─► messages ─► COMMANDS ─► hub
                                                             └─► replies ─► outbox ─► channel

RFC 2812 as clients use it (https://modern.ircdocs.horse) with IRCv3's capabilities (`irc.caps`); docs/compliance/irc.md
and docs/compliance/ircv3.md say what is there. Over a WebSocket a message is one line without its end
(https://ircv3.net/specs/extensions/websocket).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from tincans.apps.chat.hub import Hub
from tincans.apps.chat.irc.commands import COMMANDS, Command
from tincans.apps.chat.irc.lines import IrcLines
from tincans.apps.chat.irc.member import IrcMember
from tincans.apps.chat.irc.monitor import forget
from tincans.apps.chat.irc.refusals import refuse
from tincans.apps.chat.irc.registration import Registration
from tincans.apps.chat.pace import Pace
from tincans.apps.chat.refusals import Refused
from tincans.channel import Channel
from tincans.errors import ChannelError, EndOfStream
from tincans.limits import CHAT_PONG_SECONDS, GOODBYE_SECONDS
from tincans.protocols.irc import Message


async def attend(hub: Hub, channel: Channel, first: bytes) -> None:
    """Talk with one caller of IRC to the end; `first` was received already. Whoever calls this closes the channel.

    Raises what the channel does. Cancelling leaves nothing behind but a channel to be closed.
    """
    caller = IrcMember(hub, channel)
    caller.registration = Registration(caller)
    why, patience = "the connection was lost", 0.0
    try:
        await _hear(caller, channel, first)
        patience = GOODBYE_SECONDS
    except EndOfStream:
        why, patience = "hung up", CHAT_PONG_SECONDS
    except asyncio.CancelledError:
        if not caller.was_cancelled():
            raise
        patience = GOODBYE_SECONDS
    finally:
        hub.leave(caller, why)
        forget(caller)
        caller.close_registration()
        try:
            if patience:
                await _say_goodbye(caller, channel, patience)
        finally:
            caller.close()


async def _hear(caller: IrcMember, channel: Channel, data: bytes) -> None:
    """Act on all that is said, until they are dismissed."""
    lines, pace, loop = IrcLines(), Pace(caller.hub.flood), asyncio.get_running_loop()
    end = b"\n" if channel.traits.boundaries else b""
    while not caller.dismissed:
        caller.heard = loop.time()
        await _act(caller, lines, data + end, pace)
        if lines.wrong:
            caller.hub.dismiss(caller, lines.wrong)
        if not caller.dismissed:
            data = await channel.receive()


async def _act(caller: IrcMember, lines: IrcLines, data: bytes, pace: Pace) -> None:
    """One after the other, without ever waiting for anything where nothing has to be waited for."""
    loop = asyncio.get_running_loop()
    for event in lines.read(data):
        if seconds := pace.step(loop.time()):
            await asyncio.sleep(seconds)
        if isinstance(event, Message) and (slow := _obey(caller, event)) is not None:
            await slow
        if caller.dismissed:
            return
        if caller.outbox.waits:
            await caller.outbox.drained()  # whoever does not read is not read


def _obey(caller: IrcMember, message: Message) -> Awaitable[None] | None:
    """Act on one message; what is returned has to be awaited until it is through."""
    if message.tags:
        caller.begin(message)
    slow = None
    try:
        if (row := _row(caller, message)) is not None:
            slow = row.handler(caller, message)
    except Refused as refused:
        refuse(caller, refused, *message.parameters[:1], command=message.command)
    if slow is not None:
        return _finish(caller, message, slow)
    caller.finish()
    return None


async def _finish(caller: IrcMember, message: Message, slow: Awaitable[None]) -> None:
    try:
        await slow
    except Refused as refused:
        refuse(caller, refused, *message.parameters[:1], command=message.command)
    caller.finish()


def _row(caller: IrcMember, message: Message) -> Command | None:
    """The row of the table, or None where it was answered that there is none."""
    command = message.command
    row = COMMANDS.get(command)
    if message.excess:
        caller.reply("ERR_INPUTTOOLONG", f"that was {message.excess} bytes too long")
    elif not _is_utf8(message):
        caller.fail(command if row is not None else "*", "INVALID_UTF8", text="say it in UTF-8, as everybody here does")
    elif row is None:
        caller.reply("ERR_UNKNOWNCOMMAND", command, "there is no such command")
    elif not row.early and caller.registration is not None:
        caller.reply("ERR_NOTREGISTERED", "say who you are first: NICK and USER")
    elif len(message.parameters) < row.least:
        caller.reply("ERR_NEEDMOREPARAMS", command, f"it needs more parameters: {row.help}")
    else:
        return row
    return None


def _is_utf8(message: Message) -> bool:
    """A byte that is not is half a surrogate by now."""
    try:
        "".join((message.verb, *message.parameters, *message.tags.values(), *message.tags)).encode()
    except UnicodeEncodeError:
        return False
    return True


async def _say_goodbye(caller: IrcMember, channel: Channel, patience: float) -> None:
    """Let them read all that was said. Who is sent away is waited for: a close would take it from them, if they have
    said more meanwhile."""
    try:
        async with asyncio.timeout(patience):
            await caller.outbox.drained()
            if caller.dismissed:
                await channel.send_eof()
                while True:
                    await channel.receive()
    except (TimeoutError, ChannelError):
        pass
