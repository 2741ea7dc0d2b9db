"""IRC's commands about people: WHO, WHOIS, WHOWAS, ISON, USERHOST (RFC 2812 §3.6, §4.8, §4.9).

A secret room is never named to who is not in it, and who is there is no secret: somebody who is invisible (mode i) is
left out only where somebody looks for whoever there is. WHOX lets a client choose what it is told of each, and gives it
a word of its own back (https://ircv3.net/specs/extensions/whox):

    WHO #ops %tcnfa,17  ─►  354 ann 17 #ops bob H@ bob
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import islice

from tincans.apps.chat.irc_member import IrcMember
from tincans.apps.chat.irc_rooms import rank_signs
from tincans.apps.chat.member import Member
from tincans.apps.chat.modes import mask_pattern
from tincans.apps.chat.names import folded
from tincans.apps.chat.refusals import Refused
from tincans.apps.chat.room import Room
from tincans.limits import IRC_USERHOST_NICKS, IRC_WHO_PEOPLE
from tincans.protocols.irc import Message

# ── WHO ───────────────────────────────────────────────────────────────────────────────────────────────────


def who(caller: IrcMember, message: Message) -> None:
    """A room's people, a nick, or whoever a mask fits: their nick, user, host, account or real name."""
    what, more = message.parameters[0], (message.parameters[1:] or ("",))[0]
    flags, x, fields = more.partition("%")
    fields, _, token = fields.partition(",")
    for room, member in islice(_found(caller, what, "o" in flags), IRC_WHO_PEOPLE if what[:1] != "#" else None):
        if x:
            _reply_fields(caller, room, member, fields, token)
        else:
            _reply_who(caller, room, member)
    caller.reply("RPL_ENDOFWHO", caller.word(what), "that is all")


def _found(caller: IrcMember, what: str, operators: bool) -> Iterator[tuple[Room | None, Member]]:
    """Those who are looked for, each with a room that the caller may know of, if there is one."""
    if what.startswith("#"):
        room = caller.hub.rooms.get(folded(what))
        members = list(room.members) if room is not None and room.shows(caller) else []
    else:
        room = None
        members = [member for member in caller.hub.people.values() if _fits(caller, member, what)]
    for member in members:
        if member.is_operator or not operators:
            yield room or _shared(caller, member), member


def _fits(caller: IrcMember, member: Member, what: str) -> bool:
    if folded(what) == folded(member.nick):
        return True
    if _is_invisible(member) and member is not caller and not member.rooms & caller.rooms:
        return False
    said = (member.nick, member.who.source.partition("!")[2], member.host, member.account, member.real_name)
    pattern = mask_pattern("*" if what == "0" else what)
    return any(pattern.fullmatch(folded(each)) for each in (*said, member.who.source) if each)


def _shared(caller: IrcMember, member: Member) -> Room | None:
    """A room of theirs, best one that both are in."""
    shown = sorted((room for room in member.rooms if room.shows(caller)), key=lambda room: room.name)
    return next((room for room in shown if caller in room.members), shown[0] if shown else None)


def _is_invisible(member: Member) -> bool:
    return isinstance(member, IrcMember) and "i" in member.user_modes


def _is_bot(member: Member) -> bool:
    return isinstance(member, IrcMember) and "B" in member.user_modes


def _user(member: Member) -> str:
    return member.account or member.nick


def _flags(caller: IrcMember, room: Room | None, member: Member) -> str:
    """H here or G gone, * an operator of the hub, and their signs in the room."""
    signs = rank_signs(caller, room.members.get(member, "")) if room is not None else ""
    return f"{'G' if member.away else 'H'}{'*' * member.is_operator}{signs}{'B' * _is_bot(member)}"


def _reply_who(caller: IrcMember, room: Room | None, member: Member) -> None:
    caller.reply(
        "RPL_WHOREPLY", room.name if room is not None else "*", _user(member), member.host, caller.form.server,
        member.nick, _flags(caller, room, member), f"0 {member.real_name or member.nick}",
    )  # fmt: skip


#: WHOX's fields in the order in which they are told; what is unknown, or nobody's business, is what others write there.
_FIELDS: dict[str, Callable[[IrcMember, Room | None, Member], str]] = {
    "c": lambda caller, room, member: room.name if room is not None else "*",
    "u": lambda caller, room, member: _user(member),
    "i": lambda caller, room, member: "255.255.255.255",
    "h": lambda caller, room, member: member.host,
    "s": lambda caller, room, member: caller.form.server,
    "n": lambda caller, room, member: member.nick,
    "f": _flags,
    "d": lambda caller, room, member: "0",
    "l": lambda caller, room, member: str(_idle(caller, member)),
    "a": lambda caller, room, member: member.account or "0",
    "o": lambda caller, room, member: "n/a",
    "r": lambda caller, room, member: member.real_name or member.nick,
}


def _reply_fields(caller: IrcMember, room: Room | None, member: Member, fields: str, token: str) -> None:
    words = [caller.word(token[:3])] if "t" in fields else []
    words += [field(caller, room, member) for letter, field in _FIELDS.items() if letter in fields]
    caller.reply("RPL_WHOSPCRPL", *words)


def _idle(caller: IrcMember, member: Member) -> int:
    return max(0, caller.hub.now() - member.spoke) // 10**9


# ── WHOIS and WHOWAS ──────────────────────────────────────────────────────────────────────────────────────


def whois(caller: IrcMember, message: Message) -> None:
    """`WHOIS nick`, or `WHOIS server nick`, which asks the server of the nick; there is one."""
    if not message.parameters:
        caller.reply("ERR_NONICKNAMEGIVEN", "name a nick")
        return
    for nick in dict.fromkeys(message.parameters[-1].split(",")):
        try:
            _tell_of(caller, caller.hub.find(nick))
        except Refused as refused:
            caller.reply("ERR_NOSUCHNICK", caller.word(nick), refused.text)
        caller.reply("RPL_ENDOFWHOIS", caller.word(nick), "that is all")


def _tell_of(caller: IrcMember, member: Member) -> None:
    nick = member.nick
    caller.reply("RPL_WHOISUSER", nick, _user(member), member.host, "*", member.real_name or nick)
    shown = sorted((room for room in member.rooms if room.shows(caller)), key=lambda room: room.name)
    words = [f"{rank_signs(caller, room.members[member])}{room.name}" for room in shown]
    caller.reply("RPL_WHOISSERVER", nick, caller.form.server, caller.hub.name)
    caller.reply_words("RPL_WHOISCHANNELS", nick, words=words)
    if member.is_operator:
        caller.reply("RPL_WHOISOPERATOR", nick, "is an operator of this hub")
    if member.away:
        caller.reply("RPL_AWAY", nick, member.away)
    if member.account:
        caller.reply("RPL_WHOISACCOUNT", nick, member.account, "has logged in as")
    if _is_bot(member):
        caller.reply("RPL_WHOISBOT", nick, "is a program")
    if isinstance(member, IrcMember) and member.secure:
        caller.reply("RPL_WHOISSECURE", nick, "is connected by TLS")
    if member is caller or caller.is_operator:
        caller.reply("RPL_WHOISHOST", nick, f"is connecting from {member.host}")
    idle, since = _idle(caller, member), member.entered // 10**9
    caller.reply("RPL_WHOISIDLE", nick, str(idle), str(since), "seconds idle, signon time")


def whowas(caller: IrcMember, message: Message) -> None:
    """`WHOWAS nick{,nick} [count]`: the latest first; all that are remembered where no count above 0 was said."""
    if not message.parameters:
        caller.reply("ERR_NONICKNAMEGIVEN", "name a nick")
        return
    count = (message.parameters[1:] or ("",))[0]
    most = int(count) if count.isdecimal() and len(count) < 10 else 0
    for nick in dict.fromkeys(message.parameters[0].split(",")):
        was = (gone for gone in reversed(caller.hub.gone) if folded(gone.who.nick) == folded(nick))
        found = list(islice(was, most or None))
        for gone in found:
            user, _, host = gone.who.source.partition("!")[2].partition("@")
            caller.reply("RPL_WHOWASUSER", gone.who.nick, user, host, "*", gone.real_name or gone.who.nick)
            caller.reply("RPL_WHOISSERVER", gone.who.nick, caller.form.server, f"until {_when(gone.at)}")
        if not found:
            caller.reply("ERR_WASNOSUCHNICK", caller.word(nick), "there was nobody called that")
        caller.reply("RPL_ENDOFWHOWAS", caller.word(nick), "that is all")


def _when(at: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at // 10**9))


# ── who is there ──────────────────────────────────────────────────────────────────────────────────────────


def ison(caller: IrcMember, message: Message) -> None:
    """Those of these nicks that are on, in one line."""
    nicks = [nick for parameter in message.parameters for nick in parameter.split(" ")]
    members = (caller.hub.people.get(folded(nick)) for nick in nicks)
    caller.reply("RPL_ISON", " ".join(member.nick for member in members if member is not None))


def userhost(caller: IrcMember, message: Message) -> None:
    """`nick*=+user@host` for each that is on: * for an operator, - for who is away."""
    members = (caller.hub.people.get(folded(nick)) for nick in message.parameters[:IRC_USERHOST_NICKS])
    said = (
        f"{member.nick}{'*' * member.is_operator}={'-' if member.away else '+'}{_user(member)}@{member.host}"
        for member in members
        if member is not None
    )
    caller.reply("RPL_USERHOST", " ".join(said))
