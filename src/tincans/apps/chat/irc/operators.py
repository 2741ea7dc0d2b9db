"""IRC's commands of those who run the hub, and KNOCK: OPER, KILL, WALLOPS (RFC 2812 §3.1.4, §3.7.1, §4.7).

An operator is a user whom the hub was told of (`--operator`): by having logged in as one, or by OPER. In rooms an
operator of the hub may do what those of the room may, by the commands that are there for all.
"""

from __future__ import annotations

import asyncio

from tincans.apps.chat.irc.member import IrcMember
from tincans.apps.chat.irc.modes import tell_user_modes, user_modes
from tincans.apps.chat.irc.sasl import count_wrong, rest
from tincans.apps.chat.texts import cut
from tincans.limits import IRC_KNOCK_SECONDS
from tincans.protocols import irc
from tincans.protocols.irc import Message


async def oper(caller: IrcMember, message: Message) -> None:
    """Prove that one runs the hub. Who is no operator and whose password is wrong are answered alike, and late."""
    name, secret = message.parameters[:2]
    if not (await caller.hub.users.check(name, secret) and name in caller.hub.operators):
        await rest()
        caller.reply("ERR_PASSWDMISMATCH", "the name or the password is wrong, or that user does not run this hub")
        count_wrong(caller)
        return
    before = set(user_modes(caller))
    caller.is_operator = True
    tell_user_modes(caller, before)
    caller.reply("RPL_YOUREOPER", "you are an operator of this hub")


def _may(caller: IrcMember) -> bool:
    """Whether they run the hub; else they were told that one has to."""
    if not caller.is_operator:
        caller.reply("ERR_NOPRIVILEGES", "only who runs this hub may do that")
    return caller.is_operator


def kill(caller: IrcMember, message: Message) -> None:
    """Have somebody let go. Who is on a peer's hub can only be let go there."""
    if not _may(caller):
        return
    nick, why = message.parameters[0], cut((message.parameters[1:] or ("",))[0])
    member = caller.hub.find(nick)
    if member.outbox is None:
        caller.reply("ERR_NOPRIVILEGES", f"{member.nick} is on another hub")
        return
    caller.hub.dismiss(member, f"Killed ({caller.nick} ({why or caller.nick}))")


def wallops(caller: IrcMember, message: Message) -> None:
    """Say something to all who want to hear operators (mode w)."""
    if not _may(caller):
        return
    said = irc.written("WALLOPS", message.parameters[0], source=caller.who.source)
    for member in caller.hub.people.values():
        if isinstance(member, IrcMember) and "w" in member.user_modes:
            member.outbox.add(said)


def knock(caller: IrcMember, message: Message) -> None:
    """Ask a room's operators to be let in (https://modern.ircdocs.horse has the numbers; each server has its rules)."""
    room = caller.hub.room(message.parameters[0], caller)
    now = asyncio.get_running_loop().time()
    if caller in room.members:
        caller.reply("ERR_KNOCKONCHAN", room.name, f"you are in {room.name}")
    elif "i" not in room.state.modes and not room.state.key:
        caller.reply("ERR_CHANOPEN", room.name, f"{room.name} is open")
    elif room.matches("b", caller):
        caller.reply("ERR_CANNOTSENDTOCHAN", room.name, f"you are banned from {room.name}")
    elif caller.knocked and now - caller.knocked < IRC_KNOCK_SECONDS:
        caller.reply("ERR_TOOMANYKNOCK", room.name, f"one knocks every {IRC_KNOCK_SECONDS:.0f} seconds")
    else:
        caller.knocked = now
        for member in room.members:
            if room.is_operator(member) and isinstance(member, IrcMember):
                member.notify("RPL_KNOCK", room.name, caller.who.source, "asks to be let in")
        caller.reply("RPL_KNOCKDLVR", room.name, "those who could let you in were asked")
