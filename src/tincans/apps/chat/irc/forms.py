"""How the IRC door writes what happens, for all callers who want it alike.

One form is a choice of those capabilities (IRCv3) that change what others do into bytes, at one address of the hub, and
there is one object for each: members of the same form are told the same bytes. All other capabilities are between one
caller and the hub, and make no difference here.

A text of several lines, or a long one, which other doors allow, is several messages that share a msgid; a file is a
link to it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from tincans.apps.chat.events import (
    Away,
    Event,
    Invited,
    Joined,
    Kicked,
    Kind,
    Left,
    LoggedIn,
    Message,
    ModesSet,
    NameSet,
    Quit,
    Renamed,
    Said,
    Tagged,
    TopicSet,
    Whispered,
    Who,
)
from tincans.apps.chat.mode_texts import words_of
from tincans.apps.chat.texts import second
from tincans.limits import IRC_MESSAGE_BYTES
from tincans.protocols.irc import written, written_tags

#: The capabilities by which forms differ.
WRITTEN = frozenset(
    (
        "account-notify",
        "account-tag",
        "away-notify",
        "chghost",
        "extended-join",
        "message-tags",
        "server-time",
        "setname",
    )
)


class IrcForm:
    """A form. Equal ones are one object (`form_of`)."""

    __slots__ = ("_url", "caps", "server")

    def __init__(self, caps: frozenset[str], server: str, url: str) -> None:
        self.caps, self.server, self._url = caps, server, url

    def write(self, event: Event) -> bytes:
        write = _WRITERS.get(type(event))
        return write(self, event) if write is not None else b""

    def tags(self, at: int, who: Who | None = None, *, msgid: str = "", batch: str = "") -> str:
        """The tags of a message that those of this form have asked for, as they stand behind the @."""
        said = [f"batch={batch}"] if batch else []
        if "server-time" in self.caps:
            said.append(f"time={stamp(at)}")
        if msgid and "message-tags" in self.caps:
            said.append(f"msgid={msgid}")
        if who is not None and who.account and "account-tag" in self.caps:
            said.append(f"account={who.account}")
        return ";".join(said)

    def message(self, message: Message, *, batch: str = "", tags: dict[str, str] | None = None) -> bytes:
        """What was said in a room; `tags` are a client's."""
        said = self.tags(message.at, message.who, msgid=message.id, batch=batch)
        return self._spoken(said, message.who, message.room, message.kind, self.text(message), tags)

    def text(self, message: Message) -> str:
        """The text of a message, with the link to its file behind it."""
        return f"{message.text} {self._url}{message.file.url}" if message.file is not None else message.text

    def whisper(self, event: Whispered) -> bytes:
        said = self.tags(event.at, event.who, msgid=event.id)
        return self._spoken(said, event.who, event.to, event.kind, event.text, event.tags)

    def _spoken(self, said: str, who: Who, to: str, kind: Kind, text: str, tags: dict[str, str] | None) -> bytes:
        if tags and "message-tags" in self.caps:
            said = ";".join(filter(None, (said, written_tags(tags))))
        before, end = ("\x01ACTION ", b"\x01\r\n") if kind == "act" else ("", b"\r\n")
        head = f":{who.source} {'NOTICE' if kind == 'notice' else 'PRIVMSG'} {to} :{before}".encode()
        parts = parts_of(text, IRC_MESSAGE_BYTES - len(head) - len(end))
        head = f"@{said} ".encode() + head if said else head
        return b"".join([head + part + end for part in parts])


def form_of(caps: frozenset[str], server: str, url: str) -> IrcForm:
    """The form of those who have these capabilities, among others."""
    return _form_of(caps & WRITTEN, server, url)


@lru_cache(maxsize=1024)
def _form_of(caps: frozenset[str], server: str, url: str) -> IrcForm:
    return IrcForm(caps, server, url)


@lru_cache(maxsize=64)
def stamp(at: int) -> str:
    """A time as server-time has it: UTC, in milliseconds."""
    return f"{second(at // 10**9)}.{at // 10**6 % 1000:03}Z"


_LINE_ENDS = re.compile(r"\r\n|\r|\n")


def parts_of(text: str, most: int) -> Iterator[bytes]:
    """A text in lines of at most so many bytes, cut behind a blank where there is one, and never within a character.
    Lines without anything are left out, as nothing cannot be said; a NUL becomes a blank."""
    for line in _LINE_ENDS.split(text):
        rest = line.replace("\0", " ").encode("utf-8", "replace")
        while len(rest) > most:
            part = rest[:most].decode("utf-8", "ignore").encode()
            blank = part.rfind(b" ", most // 2)
            part = part[: blank + 1] if blank > 0 else part
            yield part
            rest = rest[len(part) :]
        if rest.strip():
            yield rest


# ── what happens, one function each ───────────────────────────────────────────────────────────────────────


def _from(form: IrcForm, event: Event, who: Who, verb: str, *parameters: str) -> bytes:
    return written(verb, *parameters, source=who.source, tags=form.tags(event.at, who))


def _said(form: IrcForm, event: Said) -> bytes:
    return form.message(event.message, tags=event.tags)


def _tagged(form: IrcForm, event: Tagged) -> bytes:
    if "message-tags" not in form.caps:
        return b""
    tags = ";".join(filter(None, (form.tags(event.at, event.who, msgid=event.id), written_tags(event.tags))))
    return written("TAGMSG", event.to, source=event.who.source, tags=tags)


def _joined(form: IrcForm, event: Joined) -> bytes:
    more = (event.who.account or "*", event.name or event.who.nick) if "extended-join" in form.caps else ()
    said = _from(form, event, event.who, "JOIN", event.room, *more)
    if event.away and "away-notify" in form.caps:
        said += _from(form, event, event.who, "AWAY", event.away)
    return said


def _left(form: IrcForm, event: Left) -> bytes:
    return _from(form, event, event.who, "PART", event.room, *filter(None, (event.text,)))


def _quit(form: IrcForm, event: Quit) -> bytes:
    return _from(form, event, event.who, "QUIT", event.text)


def _renamed(form: IrcForm, event: Renamed) -> bytes:
    """A guest's user is his nick, and changes with it."""
    after = event.who._replace(nick=event.nick)
    said = _from(form, event, event.who, "NICK", event.nick)
    return said + _host_changed(form, event, event.who._replace(nick=event.nick, account=event.who.user), after)


def _logged_in(form: IrcForm, event: LoggedIn) -> bytes:
    said = _host_changed(form, event, event.before, event.who)
    if "account-notify" in form.caps:
        said += _from(form, event, event.who, "ACCOUNT", event.who.account or "*")
    return said


def _host_changed(form: IrcForm, event: Event, before: Who, after: Who) -> bytes:
    if "chghost" not in form.caps or before.user == after.user:
        return b""
    tags = form.tags(event.at, after)
    return written("CHGHOST", after.user, after.host, source=before.source, tags=tags)


def _name_set(form: IrcForm, event: NameSet) -> bytes:
    return _from(form, event, event.who, "SETNAME", event.name) if "setname" in form.caps else b""


def _away(form: IrcForm, event: Away) -> bytes:
    if "away-notify" not in form.caps:
        return b""
    return _from(form, event, event.who, "AWAY", *filter(None, (event.text,)))


def _topic_set(form: IrcForm, event: TopicSet) -> bytes:
    return _from(form, event, event.who, "TOPIC", event.room, event.text)


def _modes_set(form: IrcForm, event: ModesSet) -> bytes:
    modes = words_of(event.changes)
    if event.who is None:
        return written("MODE", event.room, *modes, source=form.server, tags=form.tags(event.at))
    return _from(form, event, event.who, "MODE", event.room, *modes)


def _kicked(form: IrcForm, event: Kicked) -> bytes:
    return _from(form, event, event.by, "KICK", event.room, event.who.nick, event.text)


def _invited(form: IrcForm, event: Invited) -> bytes:
    return _from(form, event, event.by, "INVITE", event.nick, event.room)


_WRITERS: dict[type[Event], Callable[[IrcForm, Any], bytes]] = {
    Said: _said, Whispered: IrcForm.whisper, Tagged: _tagged, Joined: _joined, Left: _left, Quit: _quit,
    Renamed: _renamed, LoggedIn: _logged_in, NameSet: _name_set, Away: _away, TopicSet: _topic_set,
    ModesSet: _modes_set, Kicked: _kicked, Invited: _invited,
}  # fmt: skip
