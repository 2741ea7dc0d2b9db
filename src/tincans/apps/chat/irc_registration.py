"""How a caller of IRC comes in, and goes: NICK, USER, PASS, PING, QUIT (RFC 2812 §3.1), and the greeting.

    NICK and USER were said, CAP is not being talked about, a password was checked ─► Hub.enter ─► 001 … 376

Until then what was said is kept in a `Registration`, which is let go of when they are in.
"""

from __future__ import annotations

import asyncio
import time

from tincans import __version__
from tincans.apps.chat.irc_member import IrcMember, server_name
from tincans.apps.chat.irc_refusals import refuse
from tincans.apps.chat.irc_support import isupport
from tincans.apps.chat.refusals import Refused, Why
from tincans.limits import CHAT_REASON_BYTES, CHAT_REGISTER_SECONDS
from tincans.protocols.irc import Message


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
        else:
            caller.hub.check_nick(wish, caller)
            caller.registration.nick = wish
            welcome(caller)
    except Refused as refused:
        refuse(caller, refused, wish)


def user(caller: IrcMember, message: Message) -> None:
    if caller.registration is None or caller.registration.user:
        caller.reply("ERR_ALREADYREGISTERED", "you have said who you are already")
        return
    caller.registration.user = True
    caller.real_name = message.parameters[3][:CHAT_REASON_BYTES]
    welcome(caller)


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
    else:
        caller.reply("ERR_PASSWDMISMATCH", "the name or the password is wrong: PASS name:password")
        caller.dismiss("wrong password")


def ping(caller: IrcMember, message: Message) -> None:
    if not message.parameters:
        caller.reply("ERR_NOORIGIN", "nothing was asked")
    else:
        caller.answer("PONG", server_name(caller.hub), message.parameters[0])


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
    try:
        caller.hub.enter(caller, registration.nick)
    except Refused as refused:
        refuse(caller, refused, *((registration.nick,) if refused.why is not Why.NOT_LOGGED_IN else ("*",)))
        if refused.why is Why.NOT_LOGGED_IN:
            caller.dismiss(refused.text)
        registration.nick = ""
        return
    registration.close()
    caller.registration = None
    _greet(caller)


def _greet(caller: IrcMember) -> None:
    hub, server = caller.hub, server_name(caller.hub)
    caller.reply("RPL_WELCOME", f"Welcome to {hub.name}, {caller.who.source}")
    caller.reply("RPL_YOURHOST", f"Your host is {server}, running tincans-{__version__}")
    caller.reply("RPL_CREATED", f"It has run since {time.strftime('%F %T', time.gmtime(hub.began // 10**9))} UTC")
    caller.reply("RPL_MYINFO", server, f"tincans-{__version__}", "io", "Ibeiklmnoqrstv", "Ibeklqov")
    for words in isupport(hub):
        caller.reply("RPL_ISUPPORT", *words, "are supported by this server")
