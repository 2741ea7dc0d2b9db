"""What the hub refuses, as IRC says it: a number, what it is about, and the hub's sentence."""

from __future__ import annotations

from tincans.apps.chat.irc.member import IrcMember
from tincans.apps.chat.refusals import Refused, Why

_NUMBERS = {
    Why.NO_SUCH_ROOM: "ERR_NOSUCHCHANNEL", Why.NO_SUCH_NICK: "ERR_NOSUCHNICK", Why.NOT_IN_ROOM: "ERR_NOTONCHANNEL",
    Why.THEY_ARE_NOT: "ERR_USERNOTINCHANNEL", Why.NICK_TAKEN: "ERR_NICKNAMEINUSE",
    Why.BAD_NICK: "ERR_ERRONEUSNICKNAME", Why.BAD_ROOM: "ERR_BADCHANMASK", Why.MODERATED: "ERR_CANNOTSENDTOCHAN",
    Why.BANNED: "ERR_BANNEDFROMCHAN", Why.INVITE_ONLY: "ERR_INVITEONLYCHAN", Why.WRONG_KEY: "ERR_BADCHANNELKEY",
    Why.FULL: "ERR_CHANNELISFULL", Why.NOT_OPERATOR: "ERR_CHANOPRIVSNEEDED", Why.NOT_LOGGED_IN: "ERR_NEEDREGGEDNICK",
    Why.TOO_MANY: "ERR_TOOMANYCHANNELS", Why.ALREADY: "ERR_USERONCHANNEL", Why.BAD_MODE: "ERR_UNKNOWNMODE",
}  # fmt: skip
#: Those that are about nothing but the one who asked.
_BARE = {
    Why.EMPTY: "ERR_NOTEXTTOSEND", Why.TOO_LONG: "ERR_INPUTTOOLONG", Why.WRONG_PASSWORD: "ERR_PASSWDMISMATCH",
}  # fmt: skip
#: Whatever keeps somebody from speaking in a room is one number.
_SPEECH = {
    Why.NOT_IN_ROOM: "ERR_CANNOTSENDTOCHAN", Why.BANNED: "ERR_CANNOTSENDTOCHAN", Why.FULL: "ERR_CANNOTSENDTOCHAN",
}  # fmt: skip


def refuse(caller: IrcMember, refused: Refused, *about: str, command: str = "") -> None:
    """Answer what was refused; `about` is the room, the nick, or whatever was named, as that number has it."""
    about = tuple(map(caller.word, about))
    name = _SPEECH.get(refused.why) if command in ("PRIVMSG", "TAGMSG") else None
    name = name or _NUMBERS.get(refused.why)
    if name is not None:
        caller.reply(name, *about, refused.text)
    elif refused.why in _BARE:
        caller.reply(_BARE[refused.why], refused.text)
    else:
        caller.reply("ERR_UNKNOWNERROR", command or "*", refused.text)
