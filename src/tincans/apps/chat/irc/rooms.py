"""IRC's commands about rooms: JOIN, PART, NAMES, TOPIC, KICK, INVITE (RFC 2812 §3.2)."""

from __future__ import annotations

from collections.abc import Iterator

from tincans.apps.chat.irc.member import IrcMember
from tincans.apps.chat.irc.refusals import refuse
from tincans.apps.chat.modes import RANKS
from tincans.apps.chat.refusals import Refused, Why
from tincans.apps.chat.room import Room
from tincans.protocols.irc import Message


def join(caller: IrcMember, message: Message) -> None:
    """`JOIN 0` leaves all rooms (RFC 2812 §3.2.1)."""
    if message.parameters[0] == "0":
        for room in sorted(caller.rooms, key=lambda room: room.name):
            caller.hub.part(caller, room.name)
        return
    keys = iter(message.parameters[1].split(",") if len(message.parameters) > 1 else ())
    for name in _listed(message.parameters[0]):
        key = next(keys, "")
        try:
            _join(caller, name, key)
        except Refused as refused:
            refuse(caller, refused, name, command="JOIN")


def _join(caller: IrcMember, name: str, key: str) -> None:
    before = len(caller.rooms)
    room = caller.hub.join(caller, name, key)
    if len(caller.rooms) == before:
        return  # they are in it already, which nobody answers
    if room.state.topic is not None:
        _tell_topic(caller, room)
    if "no-implicit-names" not in caller.caps:
        tell_names(caller, room)


def part(caller: IrcMember, message: Message) -> None:
    text = message.parameters[1] if len(message.parameters) > 1 else ""
    for name in _listed(message.parameters[0]):
        try:
            caller.hub.part(caller, name, text)
        except Refused as refused:
            refuse(caller, refused, name)


def names(caller: IrcMember, message: Message) -> None:
    """Without a room it is nobody: a hub may have thousands (https://modern.ircdocs.horse/#names-message)."""
    if not message.parameters:
        caller.reply("RPL_ENDOFNAMES", "*", "name a room")
        return
    for name in dict.fromkeys(_listed(message.parameters[0])):
        try:
            tell_names(caller, caller.hub.room(name, caller))
        except Refused:
            caller.reply("RPL_ENDOFNAMES", caller.word(name), "that is all")


def tell_names(caller: IrcMember, room: Room) -> None:
    sign = "@" if "s" in room.state.modes else "="
    signs = {ranks: rank_signs(caller, ranks) for ranks in set(room.members.values())}
    if "userhost-in-names" in caller.caps:
        words = [signs[ranks] + member.who.source for member, ranks in room.members.items()]
    else:
        words = [signs[ranks] + member.nick for member, ranks in room.members.items()]
    caller.reply_words("RPL_NAMREPLY", sign, room.name, words=words)
    caller.reply("RPL_ENDOFNAMES", room.name, "that is all")


def rank_signs(caller: IrcMember, ranks: str) -> str:
    """Somebody's signs: all of them, the highest first, for those who want that, else the highest."""
    signs = "".join(RANKS[rank] for rank in ranks)
    return signs if "multi-prefix" in caller.caps else signs[:1]


def topic(caller: IrcMember, message: Message) -> None:
    name = message.parameters[0]
    if len(message.parameters) > 1:
        caller.hub.set_topic(caller, name, message.parameters[1])
        return
    room = caller.hub.room(name, caller)
    if room.state.topic is None:
        caller.reply("RPL_NOTOPIC", room.name, "no topic is set")
    else:
        _tell_topic(caller, room)


def _tell_topic(caller: IrcMember, room: Room) -> None:
    topic = room.state.topic
    assert topic is not None
    caller.reply("RPL_TOPIC", room.name, topic.text)
    caller.reply("RPL_TOPICWHOTIME", room.name, topic.by, str(topic.at // 10**9))


def kick(caller: IrcMember, message: Message) -> None:
    """One room, and one or more nicks."""
    room = message.parameters[0]
    text = message.parameters[2] if len(message.parameters) > 2 else ""
    for nick in _listed(message.parameters[1]):
        try:
            caller.hub.kick(caller, room, nick, text)
        except Refused as refused:
            refuse(caller, refused, *_about_both(refused, nick, room))


def invite(caller: IrcMember, message: Message) -> None:
    """Without anything it lists where the caller was invited (https://modern.ircdocs.horse/#invite-message)."""
    if not message.parameters:
        for invited in sorted(caller.invitations, key=lambda room: room.name):
            caller.reply("RPL_INVITELIST", invited.name)
        caller.reply("RPL_ENDOFINVITELIST", "that is all")
        return
    if len(message.parameters) < 2:
        caller.reply("ERR_NEEDMOREPARAMS", "INVITE", "name a nick and a room")
        return
    nick, room = message.parameters[:2]
    try:
        other = caller.hub.invite(caller, room, nick)
    except Refused as refused:
        refuse(caller, refused, *_about_both(refused, nick, room))
        return
    caller.reply("RPL_INVITING", other.nick, room)
    if other.away:
        caller.reply("RPL_AWAY", other.nick, other.away)


def _about_both(refused: Refused, nick: str, room: str) -> tuple[str, ...]:
    if refused.why is Why.NO_SUCH_NICK:
        return (nick,)
    return (nick, room) if refused.why in (Why.THEY_ARE_NOT, Why.ALREADY) else (room,)


def _listed(names: str) -> Iterator[str]:
    return iter([name for name in names.split(",") if name])
