"""IRC's WHO (RFC 2812 §3.6.1): a room's people, a nick, or whoever a mask fits.

A secret room is never named to who is not in it, and who is there is no secret: somebody who is invisible (mode i) is
left out only where somebody looks for whoever there is. WHOX lets a client choose what it is told of each, and gives it
a word of its own back (https://ircv3.net/specs/extensions/whox):

    WHO #ops %tcnfa,17  ─►  354 ann 17 #ops bob H@ bob

Looking at ten thousand people takes a while, in which the hub does nothing else: so it is done in slices, and others
have their turn in between.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from tincans.apps.chat.irc.member import IrcMember
from tincans.apps.chat.irc.people import idle_of, is_bot, user_of
from tincans.apps.chat.irc.rooms import rank_signs
from tincans.apps.chat.member import Member
from tincans.apps.chat.modes import mask_pattern
from tincans.apps.chat.names import folded
from tincans.apps.chat.room import Room
from tincans.limits import IRC_WHO_PEOPLE
from tincans.protocols.irc import Message

#: People who are looked at in one turn of the loop: a millisecond.
_SLICE = 200


class Asked(NamedTuple):
    """What one WHO asks for."""

    what: str
    #: Of operators of the hub alone.
    operators: bool = False
    #: WHOX's letters, and the client's own word; None where it was not asked for.
    fields: str | None = None
    token: str = ""

    @classmethod
    def parse(cls, what: str, more: str) -> Asked:
        flags, x, rest = more.partition("%")
        fields, _, token = rest.partition(",")
        return cls(what, "o" in flags, fields if x else None, token)


def who(caller: IrcMember, message: Message) -> Awaitable[None] | None:
    asked = Asked.parse(message.parameters[0], (message.parameters[1:] or ("",))[0])
    if asked.what.startswith("#"):
        room = caller.hub.rooms.get(folded(asked.what))
        if room is not None and room.shows(caller):
            for member in room.members:
                _tell(caller, asked, room, member)
    elif (one := caller.hub.people.get(folded(asked.what))) is not None:
        _tell(caller, asked, _shared(caller, one), one)
    else:
        return _look_around(caller, asked)
    _end(caller, asked)
    return None


async def _look_around(caller: IrcMember, asked: Asked) -> None:
    """Tell of those whom a mask fits, up to IRC_WHO_PEOPLE of them."""
    pattern = mask_pattern("*" if asked.what == "0" else asked.what)
    people, count = list(caller.hub.people.values()), 0
    for start in range(0, len(people), _SLICE):
        for member in people[start : start + _SLICE]:
            if count < IRC_WHO_PEOPLE and caller.hub.is_on(member) and _fits(caller, member, pattern):
                count += _tell(caller, asked, _shared(caller, member), member)
        if count == IRC_WHO_PEOPLE:
            break
        await asyncio.sleep(0)
    _end(caller, asked)


def _end(caller: IrcMember, asked: Asked) -> None:
    caller.reply("RPL_ENDOFWHO", caller.word(asked.what), "that is all")


def _fits(caller: IrcMember, member: Member, pattern: re.Pattern[str]) -> bool:
    """Whether their nick, user and host, account or real name is like that, and they may be found so."""
    if _is_invisible(member) and member is not caller and not member.rooms & caller.rooms:
        return False
    source = member.who.source
    said = (member.nick, source, source[len(member.nick) + 1 :], member.host, member.account, member.real_name)
    return any(pattern.fullmatch(each.lower()) for each in said if each)


def _is_invisible(member: Member) -> bool:
    return isinstance(member, IrcMember) and "i" in member.user_modes


def _shared(caller: IrcMember, member: Member) -> Room | None:
    """A room of theirs that the caller may know of, best one that both are in."""
    shown = sorted((room for room in member.rooms if room.shows(caller)), key=lambda room: room.name)
    return next((room for room in shown if caller in room.members), shown[0] if shown else None)


# ── what is told of each ──────────────────────────────────────────────────────────────────────────────────


def _tell(caller: IrcMember, asked: Asked, room: Room | None, member: Member) -> bool:
    """Whether it was told."""
    if asked.operators and not member.is_operator:
        return False
    if asked.fields is not None:
        words = [caller.word(asked.token[:3])] if "t" in asked.fields else []
        words += [field(caller, room, member) for letter, field in _FIELDS.items() if letter in asked.fields]
        caller.reply("RPL_WHOSPCRPL", *words)
    else:
        caller.reply(
            "RPL_WHOREPLY", _name(room), user_of(member), member.host, caller.form.server, member.nick,
            _flags(caller, room, member), f"0 {_real_name(member)}",
        )  # fmt: skip
    return True


def _name(room: Room | None) -> str:
    return room.name if room is not None else "*"


def _real_name(member: Member) -> str:
    return member.real_name or member.nick


def _flags(caller: IrcMember, room: Room | None, member: Member) -> str:
    """H here or G gone, * an operator of the hub, and their signs in the room."""
    signs = rank_signs(caller, room.members.get(member, "")) if room is not None else ""
    return f"{'G' if member.away else 'H'}{'*' * member.is_operator}{signs}{'B' * is_bot(member)}"


#: WHOX's fields in the order in which they are told; what is unknown, or nobody's business, is what others write there.
_FIELDS: dict[str, Callable[[IrcMember, Room | None, Member], str]] = {
    "c": lambda caller, room, member: _name(room),
    "u": lambda caller, room, member: user_of(member),
    "i": lambda caller, room, member: "255.255.255.255",
    "h": lambda caller, room, member: member.host,
    "s": lambda caller, room, member: caller.form.server,
    "n": lambda caller, room, member: member.nick,
    "f": _flags,
    "d": lambda caller, room, member: "0",
    "l": lambda caller, room, member: str(idle_of(caller, member)),
    "a": lambda caller, room, member: member.account or "0",
    "o": lambda caller, room, member: "n/a",
    "r": lambda caller, room, member: _real_name(member),
}
