"""The commands of the IRC door: one table. A handler is told who says what, and answers by what it does to them:

    def handler(caller: IrcMember, message: Message) -> None

A few are coroutines (they read history, or check a password); nothing more of that caller is acted upon until one is
through. A handler may raise `Refused`, which is answered by a number (`irc.refusals`) with the first parameter in it;
where something else should stand there, it calls `refuse` itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from tincans.apps.chat.irc import (
    caps,
    history,
    messages,
    modes,
    monitor,
    operators,
    past,
    people,
    queries,
    registration,
    rooms,
    sasl,
    who,
)
from tincans.apps.chat.irc.member import IrcMember
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
    "NICK": Command(registration.nick, 0, "NICK <nick>: be called that", early=True),
    "REGAIN": Command(registration.regain, 0, "REGAIN [<nick>]: take it from a lost connection of your own"),
    "USER": Command(registration.user, 4, "USER <user> 0 * :<real name>: say who you are", early=True),
    "PASS": Command(registration.password, 1, "PASS <name>:<password>: log in", early=True),
    "PING": Command(registration.ping, 0, "PING <word>: ask whether the hub is there", early=True),
    "PONG": Command(registration.pong, 0, "PONG <word>: answer a PING", early=True),
    "QUIT": Command(registration.quit_, 0, "QUIT [:<why>]: leave", early=True),
    "CAP": Command(caps.cap, 1, "CAP LS|LIST|REQ|END: say what your program can do", early=True),
    "AUTHENTICATE": Command(sasl.authenticate, 1, "AUTHENTICATE <mechanism>: log in by SASL", early=True),
    "SETNAME": Command(registration.set_name, 1, "SETNAME :<real name>: say who you are, anew"),
    "LUSERS": Command(registration.lusers, 0, "LUSERS: how many are here"),
    "MOTD": Command(registration.motd, 0, "MOTD: the message of the day"),
    # rooms
    "JOIN": Command(rooms.join, 1, "JOIN <room>{,<room>} [<key>{,<key>}]: enter rooms; JOIN 0 leaves all"),
    "PART": Command(rooms.part, 1, "PART <room>{,<room>} [:<why>]: leave rooms"),
    "NAMES": Command(rooms.names, 0, "NAMES <room>{,<room>}: who is in a room"),
    "TOPIC": Command(rooms.topic, 1, "TOPIC <room> [:<topic>]: what a room is about, or set it; : alone takes it"),
    "KICK": Command(rooms.kick, 2, "KICK <room> <nick>{,<nick>} [:<why>]: put somebody out of a room"),
    "INVITE": Command(rooms.invite, 0, "INVITE <nick> <room>: let somebody in; alone, where you were invited"),
    # talk
    "PRIVMSG": Command(messages.privmsg, 0, "PRIVMSG <room or nick>{,…} :<text>: say something"),
    "NOTICE": Command(messages.notice, 0, "NOTICE <room or nick>{,…} :<text>: say what no program answers"),
    "TAGMSG": Command(messages.tagmsg, 1, "TAGMSG <room or nick>{,…}: say tags alone"),
    "CHATHISTORY": Command(history.chathistory, 1, "CHATHISTORY LATEST <room> * <count>: what was said"),
    "HISTORY": Command(past.history, 1, "HISTORY <room> [<count>]: what was said, in words"),
    "SEARCH": Command(past.search, 1, "SEARCH :<words>: what was said with these words in your rooms"),
    "AWAY": Command(messages.away, 0, "AWAY [:<why>]: go away, or, without a word, come back"),
    # what rooms and people are
    "MODE": Command(modes.mode, 1, "MODE <room> [+-<letters> {<what these need>}]: what is allowed, or change it"),
    "LIST": Command(queries.list_, 0, "LIST [<room, mask, or condition as >3>{,…}]: the rooms there are"),
    "WHO": Command(who.who, 1, "WHO <room, nick or mask> [o] [%<fields>]: who is there"),
    "WHOIS": Command(people.whois, 0, "WHOIS <nick>{,<nick>}: what is known of somebody"),
    "WHOWAS": Command(people.whowas, 0, "WHOWAS <nick> [<count>]: who was called that"),
    "ISON": Command(people.ison, 1, "ISON <nick>{ <nick>}: which of them are on"),
    "USERHOST": Command(people.userhost, 1, "USERHOST <nick>{ <nick>}: where they are"),
    "MONITOR": Command(monitor.monitor, 1, "MONITOR +|- <nick>{,<nick>}, C, L or S: be told when they come and go"),
    "KNOCK": Command(operators.knock, 1, "KNOCK <room>: ask to be let in"),
    # the hub
    "HELP": Command(help_, 0, "HELP [<command>]: this"),
    "HELPOP": Command(help_, 0, "HELP [<command>]: this"),
    "VERSION": Command(queries.version, 0, "VERSION: what runs here"),
    "TIME": Command(queries.time_, 0, "TIME: what time it is"),
    "ADMIN": Command(queries.admin, 0, "ADMIN: who runs the hub"),
    "INFO": Command(queries.info, 0, "INFO: what this is"),
    "STATS": Command(queries.stats, 0, "STATS u: for how long it has run"),
    "LINKS": Command(queries.links, 0, "LINKS: all servers, which is one"),
    "SUMMON": Command(queries.summon, 0, "SUMMON: is not there; INVITE asks somebody who is on the hub"),
    "USERS": Command(queries.users, 0, "USERS: is not there; WHO tells who is on the hub"),
    # who runs it
    "OPER": Command(operators.oper, 2, "OPER <name> <password>: be an operator of the hub"),
    "KILL": Command(operators.kill, 1, "KILL <nick> [:<why>]: have somebody let go"),
    "WALLOPS": Command(operators.wallops, 1, "WALLOPS :<text>: say something to all who want to hear it"),
}
