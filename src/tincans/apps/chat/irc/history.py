"""CHATHISTORY: what was said in a room, from any place in it (https://ircv3.net/specs/extensions/chathistory).

A place is `timestamp=…` or `msgid=…`, and becomes a number of the hub's order: `after` it, `before` it. A time has
milliseconds, as server-time has, so what was said in that millisecond is the place itself: neither before nor after.

    BEFORE   the newest before a place              AROUND    half before and half behind it
    AFTER    the oldest behind it                   BETWEEN   from the first place on towards the second
    LATEST   the newest, or the newest behind it    TARGETS   which rooms have anything new

A room is read by who is in it, and by the operators of the hub. Between two nicks nothing is kept.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from tincans.apps.chat.events import Message as Said
from tincans.apps.chat.history import History
from tincans.apps.chat.irc.forms import stamp
from tincans.apps.chat.irc.member import IrcMember
from tincans.apps.chat.names import folded
from tincans.apps.chat.refusals import Refused
from tincans.apps.chat.room import Room
from tincans.limits import CHAT_HISTORY_MESSAGES
from tincans.protocols.irc import Message

_MILLISECOND = 10**6
#: Behind every message; and before every one, as a history takes 0 for no place.
_END, _BEGINNING = 2**62, -1

_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z")


class _Fault(Exception):
    """The command cannot be followed: a code of a standard reply, what it is about, and why."""

    def __init__(self, code: str, text: str, *about: str) -> None:
        self.code, self.text, self.about = code, text, about
        super().__init__(text)


class _Place(NamedTuple):
    """A place in the order of a room: what is said before has a number below `first`, what comes behind is above
    `last`."""

    first: int
    last: int


async def chathistory(caller: IrcMember, message: Message) -> None:
    subcommand, *rest = message.parameters
    subcommand = subcommand.upper()
    try:
        if subcommand == "TARGETS":
            _tell_targets(caller, *_checked(rest, 3))
        elif subcommand in ("LATEST", "BEFORE", "AFTER", "AROUND"):
            await _tell(caller, subcommand, *_checked(rest, 3))
        elif subcommand == "BETWEEN":
            await _tell(caller, subcommand, *_checked(rest, 4))
        else:
            raise _Fault("INVALID_PARAMS", "there is no such subcommand")
    except _Fault as fault:
        caller.fail("CHATHISTORY", fault.code, caller.word(subcommand), *map(caller.word, fault.about), text=fault.text)


def _checked(rest: Sequence[str], count: int) -> Sequence[str]:
    if len(rest) < count:
        raise _Fault("INVALID_PARAMS", f"{count} parameters are needed behind the subcommand")
    if len(rest) > count:
        raise _Fault("INVALID_PARAMS", f"only {count} parameters are needed behind the subcommand")
    return rest


async def _tell(caller: IrcMember, subcommand: str, target: str, *rest: str) -> None:
    room, limit = _readable(caller, target), _limit(rest[-1])
    tell_history(caller, room.name or target, await _read(caller, subcommand, room, rest[:-1], limit))


class _Nobody(NamedTuple):
    """Somebody with whom nothing is kept."""

    name: str = ""


def _readable(caller: IrcMember, target: str) -> Room | _Nobody:
    try:
        if not target.startswith("#"):
            caller.hub.find(target)
            return _Nobody()
        room = caller.hub.room(target, caller)
    except Refused as refused:
        raise _Fault("INVALID_TARGET", refused.text, target) from refused
    if caller not in room.members and not caller.is_operator:
        raise _Fault("INVALID_TARGET", f"you are not in {room.name}", target)
    return room


async def _read(
    caller: IrcMember, subcommand: str, room: Room | _Nobody, places: Sequence[str], limit: int
) -> list[Said]:
    if not room.name:
        return []
    try:
        return await _find(caller.hub.history, subcommand, folded(room.name), places, limit)
    except OSError as error:
        reason = f"the history cannot be read: {error.strerror or error}"
        raise _Fault("MESSAGE_ERROR", reason, room.name) from error


async def _find(history: History, subcommand: str, room: str, places: Sequence[str], limit: int) -> list[Said]:
    """The messages that are asked for, the oldest first."""
    if subcommand == "LATEST" and places[0] == "*":
        return await history.read(room, limit=limit)
    place = await _place(history, room, places[0])
    if subcommand == "LATEST":
        return await history.read(room, after=place.last or _BEGINNING, before=_END, limit=limit)
    if subcommand == "BEFORE":
        return await history.read(room, before=place.first, limit=limit)
    if subcommand == "AFTER":
        return await history.read(room, after=place.last or _BEGINNING, limit=limit)
    if subcommand == "AROUND":
        before = await history.read(room, before=place.last + 1, limit=(limit + 1) // 2)
        behind = limit - len(before)
        return before + (await history.read(room, after=place.last or _BEGINNING, limit=behind) if behind else [])
    return await _between(history, room, place, await _place(history, room, places[1]), limit)


async def _between(history: History, room: str, one: _Place, other: _Place, limit: int) -> list[Said]:
    """From the first place on, in whichever direction the second is."""
    if one.last <= other.last:
        found = await history.read(room, after=one.last or _BEGINNING, limit=limit)
        return [message for message in found if message.number < other.first]
    return await history.read(room, after=other.last or _BEGINNING, before=one.first, limit=limit)


async def _place(history: History, room: str, said: str) -> _Place:
    kind, _, value = said.partition("=")
    if kind == "msgid":
        number = await history.number(room, msgid=value) if value else 0
        if not number:
            raise _Fault("MESSAGE_ERROR", "there is no such message here", room, said)
        return _Place(number, number)
    if kind != "timestamp":
        raise _Fault("INVALID_MSGREFTYPE", "a place is timestamp=… or msgid=…", room, said)
    at = _time(value)
    before = await history.number(room, at=at)
    return _Place(before + 1, await history.number(room, at=at + _MILLISECOND))


def _time(said: str) -> int:
    """Nanoseconds since 1970, of the whole millisecond."""
    match = _TIME.fullmatch(said)
    try:
        if match is not None:
            second = datetime.fromisoformat(match[1]).replace(tzinfo=UTC)
            return int(second.timestamp()) * 10**9 + int((match[2] or "")[:3].ljust(3, "0")) * _MILLISECOND
    except ValueError:
        pass
    raise _Fault("INVALID_PARAMS", "a time is YYYY-MM-DDThh:mm:ss.sssZ", said)


def _limit(said: str) -> int:
    if not (said.isascii() and said.isdigit() and 0 < len(said) < 10 and int(said)):
        raise _Fault("INVALID_PARAMS", "the last parameter is how many messages at most", said)
    return min(int(said), CHAT_HISTORY_MESSAGES)


# ── answers ───────────────────────────────────────────────────────────────────────────────────────────────


def tell_history(caller: IrcMember, target: str, messages: Sequence[Said]) -> None:
    """Messages in a batch, or, for those who know none, as they are."""
    batch = caller.begin_batch("chathistory", target)
    caller.say(b"".join(caller.form.message(message, batch=batch) for message in messages))
    caller.end_batch(batch)


def _tell_targets(caller: IrcMember, one: str, other: str, limit: str) -> None:
    """The caller's rooms in which anything was said between two times, with that of the last; the first time says from
    which end they are counted."""
    times = [_time(each.removeprefix("timestamp=")) for each in (one, other)]
    low, high = min(times), max(times)
    last = (
        (message.at, room.name)
        for room in caller.rooms
        for message in caller.hub.history.recent(folded(room.name), 1)
        if low < message.at < high
    )
    found = sorted(last, reverse=times[0] > times[1])[: _limit(limit)]
    batch = caller.begin_batch("draft/chathistory-targets")
    for at, name in found:
        caller.answer("CHATHISTORY", "TARGETS", name, stamp(at), batch=batch)
    caller.end_batch(batch)
