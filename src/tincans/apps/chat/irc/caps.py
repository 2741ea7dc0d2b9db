"""Which of IRCv3's capabilities there are, and how one talks about them: CAP.

What they change is where it happens: how an event is written (`irc.forms`), what is replied to whom (`irc.member`,
`irc.rooms`), what is answered as one (`irc.labels`). Whoever says CAP LS or CAP REQ before they are in comes in with
CAP END (https://ircv3.net/specs/extensions/capability-negotiation).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tincans.apps.chat.irc.member import IrcMember
from tincans.apps.chat.irc.registration import welcome
from tincans.apps.chat.irc.sasl import mechanisms
from tincans.limits import IRC_MESSAGE_BYTES
from tincans.protocols.irc import Message

_CAPS = (
    "account-notify", "account-tag", "away-notify", "batch", "cap-notify", "chghost", "draft/chathistory",
    "echo-message", "extended-join", "invite-notify", "labeled-response", "message-tags", "multi-prefix",
    "no-implicit-names", "server-time", "setname", "standard-replies", "userhost-in-names",
)  # fmt: skip
_SASL = "sasl"
_NOTIFY = "cap-notify"
#: The version of the negotiation that has values, several lines, and cap-notify for everybody.
_VERSION = 302


def cap(caller: IrcMember, message: Message) -> None:
    subcommand = message.parameters[0].upper()
    rest = message.parameters[-1] if len(message.parameters) > 1 else ""
    if caller.registration is not None and subcommand in ("LS", "REQ"):
        caller.registration.talks_caps = True
    if subcommand == "LS":
        _list(caller, rest)
    elif subcommand == "LIST":
        _say(caller, "LIST", sorted(caller.caps))
    elif subcommand == "REQ":
        _request(caller, rest)
    elif subcommand == "END":
        _end(caller)
    else:
        caller.reply("ERR_INVALIDCAPCMD", caller.word(message.parameters[0]), "there is no such subcommand of CAP")


def _end(caller: IrcMember) -> None:
    """Who is in already has nothing to end. A login that was begun is given up with it."""
    if caller.registration is None:
        return
    caller.registration.talks_caps = False
    if caller.login is not None:
        caller.login = None
        caller.reply("ERR_SASLABORTED", "the login was given up")
    welcome(caller)


def _list(caller: IrcMember, version: str) -> None:
    values = version.isascii() and version.isdigit() and int(version[:9]) >= _VERSION
    if values:
        caller.knows_302 = True
        caller.set_caps(caller.caps | {_NOTIFY})
    logins = mechanisms(caller.hub)
    sasl = [f"{_SASL}={','.join(logins)}" if values else _SASL] if logins else []
    _say(caller, "LS", [*_CAPS, *sasl], in_several=values)


def _request(caller: IrcMember, rest: str) -> None:
    """All that is asked for, or nothing."""
    wanted = set(caller.caps)
    known = {*_CAPS, _SASL} if mechanisms(caller.hub) else {*_CAPS}
    for word in rest.split():
        name = word.removeprefix("-")
        if name not in known or (word == f"-{_NOTIFY}" and caller.knows_302):
            caller.answer("CAP", caller.nick or "*", "NAK", rest)
            return
        if word.startswith("-"):
            wanted.discard(name)
        else:
            wanted.add(name)
    caller.answer("CAP", caller.nick or "*", "ACK", rest)
    caller.set_caps(wanted)


def _say(caller: IrcMember, subcommand: str, words: Sequence[str], *, in_several: bool = True) -> None:
    *others, last = _lines(words, IRC_MESSAGE_BYTES - 100) if in_several else [" ".join(words)]
    for line in others:
        caller.answer("CAP", caller.nick or "*", subcommand, "*", line)
    caller.answer("CAP", caller.nick or "*", subcommand, last)


def _lines(words: Iterable[str], most: int) -> list[str]:
    """The words in lines of at most so many characters; one line at least."""
    lines = [""]
    for word in words:
        if lines[-1] and len(lines[-1]) + 1 + len(word) > most:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".lstrip(" ")
    return lines
