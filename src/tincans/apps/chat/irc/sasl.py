"""Logging in over IRC by SASL: AUTHENTICATE (https://ircv3.net/specs/extensions/sasl-3.2), on `apps/login.py`.

    AUTHENTICATE PLAIN ─► AUTHENTICATE + ◄─ AUTHENTICATE <base64, in pieces of 400> ─► 900, 903 │ 904 … 907

A piece of exactly 400 characters is followed by another, be it `+` for nothing. Wrong passwords are answered late, and
after some of them the caller has to go.
"""

from __future__ import annotations

import asyncio

from tincans.apps.chat.hub import Hub
from tincans.apps.chat.irc.member import IrcMember
from tincans.apps.login import Login, LoginRefused, Why, offered
from tincans.limits import LOGIN_ATTEMPTS, LOGIN_REST_SECONDS, SASL_BYTES
from tincans.protocols.irc import Message

#: What one AUTHENTICATE carries.
_PIECE = 400


def mechanisms(hub: Hub) -> tuple[str, ...]:
    """Those by which one can log in here, the best first; none where nobody is known, and all are guests."""
    return tuple(name for name in offered(hub.users) if name != "LOGIN") if hub.users else ()


class Dialogue:
    """One login that goes on: what was said of the present response, and what decides."""

    __slots__ = ("login", "said")

    def __init__(self, login: Login) -> None:
        self.login, self.said = login, ""


async def authenticate(caller: IrcMember, message: Message) -> None:
    word = message.parameters[0]
    if "sasl" not in caller.caps:
        caller.reply("ERR_SASLFAIL", "ask for the capability sasl first")
    elif caller.account:
        caller.reply("ERR_SASLALREADY", f"you are logged in as {caller.account}")
    elif len(word) > _PIECE:
        caller.login = None
        caller.reply("ERR_SASLTOOLONG", f"a response is said in pieces of {_PIECE}")
    elif caller.login is not None:
        await _go_on(caller, caller.login, word)
    elif word == "*":
        caller.reply("ERR_SASLABORTED", "there is no login to give up")
    else:
        await _begin(caller, word.upper())


async def _begin(caller: IrcMember, mechanism: str) -> None:
    names = mechanisms(caller.hub)
    if mechanism not in names:
        caller.reply("RPL_SASLMECHS", ",".join(names) or "*", "are the mechanisms that there are")
        caller.reply("ERR_SASLFAIL", "there is no such mechanism")
        return
    caller.login = Dialogue(Login(mechanism, caller.hub.users))
    await _hear(caller, caller.login, None)


async def _go_on(caller: IrcMember, dialogue: Dialogue, piece: str) -> None:
    if piece == "*":
        await _hear(caller, dialogue, piece)
        return
    dialogue.said += "" if piece == "+" else piece
    if len(dialogue.said) > SASL_BYTES:
        caller.login = None
        caller.reply("ERR_SASLTOOLONG", f"a response has at most {SASL_BYTES} bytes")
    elif len(piece) < _PIECE:
        response, dialogue.said = dialogue.said, ""
        await _hear(caller, dialogue, response)


async def _hear(caller: IrcMember, dialogue: Dialogue, response: str | None) -> None:
    try:
        challenge = await dialogue.login.hear(response)
    except LoginRefused as refused:
        caller.login = None
        await _refuse(caller, refused)
        return
    if challenge is not None:
        _challenge(caller, challenge)
        return
    caller.login = None
    caller.hub.log_in(caller, dialogue.login.name)
    logged_in(caller)
    caller.reply("RPL_SASLSUCCESS", "you have logged in")


def _challenge(caller: IrcMember, challenge: str) -> None:
    """In pieces, the last of which is shorter than the others."""
    for start in range(0, len(challenge) + 1, _PIECE):
        caller.answer("AUTHENTICATE", challenge[start : start + _PIECE] or "+")


async def _refuse(caller: IrcMember, refused: LoginRefused) -> None:
    if refused.why is Why.CANCELLED:
        caller.reply("ERR_SASLABORTED", "the login was given up")
        return
    await rest()
    caller.reply("ERR_SASLFAIL", str(refused))
    count_wrong(caller)


async def rest() -> None:
    """What is wrong is answered late, so that guessing takes long."""
    await asyncio.sleep(LOGIN_REST_SECONDS)


def count_wrong(caller: IrcMember) -> None:
    caller.wrong_logins += 1
    if caller.wrong_logins >= LOGIN_ATTEMPTS:
        caller.hub.dismiss(caller, "too many wrong logins")


def logged_in(caller: IrcMember) -> None:
    who = caller.who.source if caller.nick else f"*!{caller.account}@{caller.host}"
    caller.reply("RPL_LOGGEDIN", who, caller.account, f"you are logged in as {caller.account}")
