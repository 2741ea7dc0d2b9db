"""IRC's commands by which one talks: PRIVMSG, NOTICE, TAGMSG, AWAY (RFC 2812 §3.3, §4.1; IRCv3 message-tags)."""

from __future__ import annotations

from tincans.apps.chat.events import Kind
from tincans.apps.chat.irc.member import IrcMember
from tincans.apps.chat.irc.refusals import refuse
from tincans.apps.chat.refusals import Refused, Why
from tincans.limits import CHAT_TARGETS
from tincans.protocols.irc import Message

_CTCP = "\x01"


def privmsg(caller: IrcMember, message: Message) -> None:
    _speak(caller, message, "say")


def notice(caller: IrcMember, message: Message) -> None:
    """What goes wrong with it is not answered (RFC 2812 §3.3.2)."""
    _speak(caller, message, "notice")


def _speak(caller: IrcMember, message: Message, kind: Kind) -> None:
    if not message.parameters:
        _refuse(caller, kind, "ERR_NORECIPIENT", f"nobody was named ({message.command})")
        return
    if len(message.parameters) < 2 or not message.parameters[1]:
        _refuse(caller, kind, "ERR_NOTEXTTOSEND", "there is nothing in it")
        return
    text, tags = message.parameters[1], message.client_tags
    if kind == "say" and (acted := _action(text)):
        text, kind = acted, "act"
    for target in _targets(caller, message, kind):
        try:
            _say(caller, target, text, kind, tags)
        except Refused as refused:
            if kind != "notice":
                refuse(caller, refused, target, command="PRIVMSG")


def _targets(caller: IrcMember, message: Message, kind: Kind) -> list[str]:
    """Those who are named, each once, and no more than may be."""
    targets = list(dict.fromkeys(message.parameters[0].split(",")))
    if len(targets) > CHAT_TARGETS:
        _refuse(
            caller, kind, "ERR_TOOMANYTARGETS", f"at most {CHAT_TARGETS} at once", caller.word(targets[CHAT_TARGETS])
        )
    return targets[:CHAT_TARGETS]


def _refuse(caller: IrcMember, kind: Kind, name: str, text: str, *about: str) -> None:
    if kind != "notice":
        caller.reply(name, *about, text)


def _action(text: str) -> str:
    """What is done, where it is CTCP's ACTION ("/me waves")."""
    return text.removeprefix(f"{_CTCP}ACTION ").removesuffix(_CTCP) if text.startswith(f"{_CTCP}ACTION ") else ""


def _say(caller: IrcMember, target: str, text: str, kind: Kind, tags: dict[str, str]) -> None:
    if target.startswith("#"):
        if text.startswith(_CTCP):
            raise Refused(Why.MODERATED, "a room answers no CTCP")
        caller.hub.say(caller, target, text, kind, tags=tags)
        return
    if text.startswith(_CTCP) and not isinstance(caller.hub.find(target), IrcMember):
        return  # who is behind another door has no client that could answer
    other = caller.hub.whisper(caller, target, text, kind, tags=tags)
    if other.away and kind != "notice":
        caller.reply("RPL_AWAY", other.nick, other.away)


def tagmsg(caller: IrcMember, message: Message) -> None:
    """Tags alone; without any that clients have for each other it says nothing, and nobody is told."""
    tags = message.client_tags
    if not tags:
        return
    for target in _targets(caller, message, "say"):
        try:
            caller.hub.tag(caller, target, tags)
        except Refused as refused:
            refuse(caller, refused, target, command="TAGMSG")


def away(caller: IrcMember, message: Message) -> None:
    caller.hub.set_away(caller, message.parameters[0] if message.parameters else "")
    if caller.away:
        caller.reply("RPL_NOWAWAY", "you are marked as away")
    else:
        caller.reply("RPL_UNAWAY", "you are no longer marked as away")
