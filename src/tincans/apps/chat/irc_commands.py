"""The commands of the IRC door: one table. A handler is told who says what, and answers by what it does to them:

    def handler(caller: IrcMember, message: Message) -> None

A few are coroutines (they read history, or check a password); nothing more of that caller is acted upon until one is
through. A handler may raise `Refused`, which is answered by a number (`irc_refusals`) with the first parameter in it;
where something else should stand there, it calls `refuse` itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from tincans.apps.chat import (
    irc_caps,
    irc_history,
    irc_messages,
    irc_modes,
    irc_monitor,
    irc_operators,
    irc_past,
    irc_people,
    irc_queries,
    irc_registration,
    irc_rooms,
    irc_sasl,
    irc_who,
)
from tincans.apps.chat.irc_member import IrcMember
from tincans.protocols.irc import Message

Handler = Callable[[IrcMember, Message], Awaitable[None] | None]


class Command(NamedTuple):
    """A row: what acts on it, how many parameters it needs, and what HELP says of it."""

    handler: Handler
    least: int
    help: str
    #: May be said before one is in.
    early: bool = False


def help_(caller: IrcMember, message: Message) -> None:
    """All commands, or one of them."""
    asked = (message.parameters or ("",))[0].upper()
    row = COMMANDS.get(asked)
    if asked and row is None:
        caller.reply("ERR_HELPNOTFOUND", caller.word(asked), "there is no such command; HELP alone names all")
        return
    subject = asked or "*"
    caller.reply("RPL_HELPSTART", subject, "what can be said here")
    for line in [row.help] if row is not None else dict.fromkeys(each.help for each in COMMANDS.values()):
        caller.reply("RPL_HELPTXT", subject, line)
    caller.reply("RPL_ENDOFHELP", subject, "that is all")


COMMANDS: dict[str, Command] = {
    # coming and going
    "NICK": Command(irc_registration.nick, 0, "NICK <nick>: be called that", early=True),
    "REGAIN": Command(irc_registration.regain, 0, "REGAIN [<nick>]: take it from a lost connection of your own"),
    "USER": Command(irc_registration.user, 4, "USER <user> 0 * :<real name>: say who you are", early=True),
    "PASS": Command(irc_registration.password, 1, "PASS <name>:<password>: log in", early=True),
    "PING": Command(irc_registration.ping, 0, "PING <word>: ask whether the hub is there", early=True),
    "PONG": Command(irc_registration.pong, 0, "PONG <word>: answer a PING", early=True),
    "QUIT": Command(irc_registration.quit_, 0, "QUIT [:<why>]: leave", early=True),
    "CAP": Command(irc_caps.cap, 1, "CAP LS|LIST|REQ|END: say what your program can do", early=True),
    "AUTHENTICATE": Command(irc_sasl.authenticate, 1, "AUTHENTICATE <mechanism>: log in by SASL", early=True),
    "SETNAME": Command(irc_registration.set_name, 1, "SETNAME :<real name>: say who you are, anew"),
    "LUSERS": Command(irc_registration.lusers, 0, "LUSERS: how many are here"),
    "MOTD": Command(irc_registration.motd, 0, "MOTD: the message of the day"),
    # rooms
    "JOIN": Command(irc_rooms.join, 1, "JOIN <room>{,<room>} [<key>{,<key>}]: enter rooms; JOIN 0 leaves all"),
    "PART": Command(irc_rooms.part, 1, "PART <room>{,<room>} [:<why>]: leave rooms"),
    "NAMES": Command(irc_rooms.names, 0, "NAMES <room>{,<room>}: who is in a room"),
    "TOPIC": Command(irc_rooms.topic, 1, "TOPIC <room> [:<topic>]: what a room is about, or set it; : alone takes it"),
    "KICK": Command(irc_rooms.kick, 2, "KICK <room> <nick>{,<nick>} [:<why>]: put somebody out of a room"),
    "INVITE": Command(irc_rooms.invite, 0, "INVITE <nick> <room>: let somebody in; alone, where you were invited"),
    # talk
    "PRIVMSG": Command(irc_messages.privmsg, 0, "PRIVMSG <room or nick>{,…} :<text>: say something"),
    "NOTICE": Command(irc_messages.notice, 0, "NOTICE <room or nick>{,…} :<text>: say what no program answers"),
    "TAGMSG": Command(irc_messages.tagmsg, 1, "TAGMSG <room or nick>{,…}: say tags alone"),
    "CHATHISTORY": Command(irc_history.chathistory, 1, "CHATHISTORY LATEST <room> * <count>: what was said"),
    "HISTORY": Command(irc_past.history, 1, "HISTORY <room> [<count>]: what was said, in words"),
    "SEARCH": Command(irc_past.search, 1, "SEARCH :<words>: what was said with these words in your rooms"),
    "AWAY": Command(irc_messages.away, 0, "AWAY [:<why>]: go away, or, without a word, come back"),
    # what rooms and people are
    "MODE": Command(irc_modes.mode, 1, "MODE <room> [+-<letters> {<what these need>}]: what is allowed, or change it"),
    "LIST": Command(irc_queries.list_, 0, "LIST [<room, mask, or condition as >3>{,…}]: the rooms there are"),
    "WHO": Command(irc_who.who, 1, "WHO <room, nick or mask> [o] [%<fields>]: who is there"),
    "WHOIS": Command(irc_people.whois, 0, "WHOIS <nick>{,<nick>}: what is known of somebody"),
    "WHOWAS": Command(irc_people.whowas, 0, "WHOWAS <nick> [<count>]: who was called that"),
    "ISON": Command(irc_people.ison, 1, "ISON <nick>{ <nick>}: which of them are on"),
    "USERHOST": Command(irc_people.userhost, 1, "USERHOST <nick>{ <nick>}: where they are"),
    "MONITOR": Command(irc_monitor.monitor, 1, "MONITOR +|- <nick>{,<nick>}, C, L or S: be told when they come and go"),
    "KNOCK": Command(irc_operators.knock, 1, "KNOCK <room>: ask to be let in"),
    # the hub
    "HELP": Command(help_, 0, "HELP [<command>]: this"),
    "HELPOP": Command(help_, 0, "HELP [<command>]: this"),
    "VERSION": Command(irc_queries.version, 0, "VERSION: what runs here"),
    "TIME": Command(irc_queries.time_, 0, "TIME: what time it is"),
    "ADMIN": Command(irc_queries.admin, 0, "ADMIN: who runs the hub"),
    "INFO": Command(irc_queries.info, 0, "INFO: what this is"),
    "STATS": Command(irc_queries.stats, 0, "STATS u: for how long it has run"),
    "LINKS": Command(irc_queries.links, 0, "LINKS: all servers, which is one"),
    "SUMMON": Command(irc_queries.summon, 0, "SUMMON: is not there; INVITE asks somebody who is on the hub"),
    "USERS": Command(irc_queries.users, 0, "USERS: is not there; WHO tells who is on the hub"),
    # who runs it
    "OPER": Command(irc_operators.oper, 2, "OPER <name> <password>: be an operator of the hub"),
    "KILL": Command(irc_operators.kill, 1, "KILL <nick> [:<why>]: have somebody let go"),
    "WALLOPS": Command(irc_operators.wallops, 1, "WALLOPS :<text>: say something to all who want to hear it"),
}
