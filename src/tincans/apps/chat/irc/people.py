"""IRC's commands about people: WHOIS, WHOWAS, ISON, USERHOST (RFC 2812 §3.6, §4.8, §4.9); WHO is in `irc/who.py`.

A secret room is never named to who is not in it. Who is there is no secret.
"""

from __future__ import annotations

import time
from itertools import islice

from tincans.apps.chat.irc.member import IrcMember
from tincans.apps.chat.irc.rooms import rank_signs
from tincans.apps.chat.member import Member
from tincans.apps.chat.names import folded
from tincans.apps.chat.refusals import Refused
from tincans.limits import IRC_USERHOST_NICKS
from tincans.protocols.irc import Message


def user_of(member: Member) -> str:
    """What stands between a nick and a host: an account, which only its user has, or the nick again."""
    return member.account or member.nick


def is_bot(member: Member) -> bool:
    """Whether they have said that they are a program."""
    return isinstance(member, IrcMember) and "B" in member.user_modes


def idle_of(caller: IrcMember, member: Member) -> int:
    """For how many seconds they have said nothing."""
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
    caller.reply("RPL_WHOISUSER", nick, user_of(member), member.host, "*", member.real_name or nick)
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
    if is_bot(member):
        caller.reply("RPL_WHOISBOT", nick, "is a program")
    if isinstance(member, IrcMember) and member.secure:
        caller.reply("RPL_WHOISSECURE", nick, "is connected by TLS")
    if member is caller or caller.is_operator:
        caller.reply("RPL_WHOISHOST", nick, f"is connecting from {member.host}")
    idle, since = idle_of(caller, member), member.entered // 10**9
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
        f"{member.nick}{'*' * member.is_operator}={'-' if member.away else '+'}{user_of(member)}@{member.host}"
        for member in members
        if member is not None
    )
    caller.reply("RPL_USERHOST", " ".join(said))
