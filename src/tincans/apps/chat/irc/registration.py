"""How a caller of IRC comes in, and goes: NICK, USER, PASS, PING, QUIT (RFC 2812 §3.1), and the greeting.

    NICK and USER were said, CAP is not being talked about, a password was checked ─► Hub.enter ─► 001 … 376

Until then what was said is kept in a `Registration`, which is let go of when they are in.
"""

from __future__ import annotations

import asyncio
import time

from tincans.apps.chat.irc.member import IrcMember
from tincans.apps.chat.irc.refusals import refuse
from tincans.apps.chat.irc.sasl import logged_in, rest
from tincans.apps.chat.irc.support import isupport, mode_letters
from tincans.apps.chat.names import folded
from tincans.apps.chat.refusals import Refused, Why
from tincans.apps.chat.texts import cut
from tincans.limits import CHAT_REASON_BYTES, CHAT_REGISTER_SECONDS
from tincans.protocols.irc import Message
from tincans.version import VERSION


class Registration:
    """What was said of who a caller is; it is closed when they are in, or gone."""

    __slots__ = ("nick", "talks_caps", "timer", "user")

    def __init__(self, caller: IrcMember) -> None:
        #: The nick they wish for.
        self.nick = ""
        #: USER was said.
        self.user = False
        #: They talk about capabilities, and CAP END is still to come.
        self.talks_caps = False
        loop = asyncio.get_running_loop()
        self.timer = loop.call_later(CHAT_REGISTER_SECONDS, caller.dismiss, "you did not say who you are")

    def close(self) -> None:
        self.timer.cancel()


def nick(caller: IrcMember, message: Message) -> None:
    wish = message.parameters[0] if message.parameters else ""
    if not wish:
        caller.reply("ERR_NONICKNAMEGIVEN", "no nick was given")
        return
    try:
        if caller.registration is None:
            caller.hub.rename(caller, wish)
            return
        _check_wish(caller, wish, caller.registration)
    except Refused as refused:
        if refused.why is Why.BANNED:
            barring = next(room.name for room in caller.rooms if room.bars(caller))
            caller.reply("ERR_BANNICKCHANGE", caller.word(wish), barring, refused.text)
        else:
            refuse(caller, refused, wish)
        return
    caller.registration.nick = wish
    welcome(caller)


def _check_wish(caller: IrcMember, wish: str, registration: Registration) -> None:
    """Who may still log in may wish for the name of a user: whether it is theirs is seen when they come in."""
    try:
        caller.hub.check_nick(wish, caller)
    except Refused as refused:
        if not registration.talks_caps or refused.why is Why.BAD_NICK or folded(wish) in caller.hub.people:
            raise


def regain(caller: IrcMember, message: Message) -> None:
    """Be called that, though somebody of the same account is: a connection of one's own that was lost, and whose end
    the hub has not seen yet. It is let go."""
    wish = message.parameters[0] if message.parameters else caller.account
    other = caller.hub.people.get(folded(wish))
    if other is not None and other is not caller and other.account and other.account == caller.account:
        caller.hub.dismiss(other, f"{caller.account} has come back")
    nick(caller, Message(verb="NICK", parameters=(wish,)))


def user(caller: IrcMember, message: Message) -> None:
    if caller.registration is None or caller.registration.user:
        caller.reply("ERR_ALREADYREGISTERED", "you have said who you are already")
        return
    caller.registration.user = True
    caller.real_name = cut(message.parameters[3])
    welcome(caller)


def set_name(caller: IrcMember, message: Message) -> None:
    """What is too long is refused, and not cut (https://ircv3.net/specs/extensions/setname)."""
    name = message.parameters[0]
    if not name.strip() or cut(name) != name.strip(" "):
        caller.fail("SETNAME", "INVALID_REALNAME", text=f"a name has between 1 and {CHAT_REASON_BYTES} bytes")
        return
    caller.hub.set_name(caller, name)


async def password(caller: IrcMember, message: Message) -> None:
    """`PASS name:password` logs in, as bouncers have it; before the rest is said."""
    if caller.registration is None:
        caller.reply("ERR_ALREADYREGISTERED", "you are in already")
        return
    name, _, secret = message.parameters[0].partition(":")
    if not caller.hub.users:
        return  # nobody can log in here, and everybody is welcome
    if await caller.hub.users.check(name, secret):
        caller.hub.log_in(caller, name)
        logged_in(caller)
        return
    await rest()
    caller.reply("ERR_PASSWDMISMATCH", "the name or the password is wrong: PASS name:password")
    caller.dismiss("wrong password")


def ping(caller: IrcMember, message: Message) -> None:
    if not message.parameters:
        caller.reply("ERR_NOORIGIN", "nothing was asked")
    else:
        caller.answer("PONG", caller.form.server, message.parameters[0])


def pong(caller: IrcMember, message: Message) -> None:
    """Whatever is said is heard, and that was all that was asked."""


def quit_(caller: IrcMember, message: Message) -> None:
    text = message.parameters[0] if message.parameters else ""
    caller.hub.dismiss(caller, f"Quit: {text}" if text else "Quit")


# ── the greeting ──────────────────────────────────────────────────────────────────────────────────────────


def welcome(caller: IrcMember) -> None:
    """Let them in, if all was said. A nick that was taken meanwhile has to be chosen anew."""
    registration = caller.registration
    if registration is None or not registration.nick or not registration.user or registration.talks_caps:
        return
    wish, registration.nick = registration.nick, ""
    try:
        caller.hub.enter(caller, wish)
    except Refused as refused:
        if refused.why is Why.NOT_LOGGED_IN:
            caller.fail("*", "ACCOUNT_REQUIRED_TO_CONNECT", text=refused.text)
            caller.dismiss(refused.text)
        else:
            refuse(caller, refused, wish)
        return
    registration.close()
    caller.registration = None
    _greet(caller)


def _greet(caller: IrcMember) -> None:
    hub, server = caller.hub, caller.form.server
    created = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(hub.began // 10**9))
    caller.reply("RPL_WELCOME", f"Welcome to {hub.name}, {caller.who.source}")
    caller.reply("RPL_YOURHOST", f"Your host is {server}, running tincans-{VERSION}")
    caller.reply("RPL_CREATED", f"It has run since {created} UTC")
    caller.reply("RPL_MYINFO", server, f"tincans-{VERSION}", *mode_letters())
    for words in isupport(hub):
        caller.reply("RPL_ISUPPORT", *words, "are supported by this server")
    tell_counts(caller)
    tell_motd(caller)


def lusers(caller: IrcMember, message: Message) -> None:
    """Of all, as there is one server."""
    tell_counts(caller)


def tell_counts(caller: IrcMember) -> None:
    people, rooms = caller.hub.people, caller.hub.rooms
    shown = sum(room.shows(caller) for room in rooms.values())
    caller.reply("RPL_LUSERCLIENT", f"There are {len(people)} users and 0 invisible on 1 servers")
    if operators := sum(member.is_operator for member in people.values()) if caller.hub.operators else 0:
        caller.reply("RPL_LUSEROP", str(operators), "operators are on")
    if shown:
        caller.reply("RPL_LUSERCHANNELS", str(shown), "rooms are there")
    caller.reply("RPL_LUSERME", f"I have {len(people)} clients and 0 servers")


def motd(caller: IrcMember, message: Message) -> None:
    tell_motd(caller)


def tell_motd(caller: IrcMember) -> None:
    """There is none to be set."""
    caller.reply("ERR_NOMOTD", "there is no message of the day")
