"""The API over HTTP: rooms, their messages, and search, as the same objects that a program is told (docs/chat.md).

    GET /api/rooms                                             `rooms`
    GET /api/rooms/NAME/messages?before=&after=&limit=         `history`
    GET /api/search?text=&room=&before=&limit=                 `found`

Who asks is a guest where guests are let in, a user who logs in (Basic), or a member, by the ticket of his `welcome`
(Bearer); and is told what he could be told as that.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import parse_qs

from tincans.apps.chat.browser.said import answer, refuse
from tincans.apps.chat.hub import Hub
from tincans.apps.chat.member import Member
from tincans.apps.chat.programs.words import Found, History, Listed, Message, Rooms, Word
from tincans.apps.chat.refusals import Refused, Why
from tincans.apps.chat.room import Room
from tincans.apps.http.exchange import Exchange
from tincans.apps.http.login import user_of
from tincans.apps.http.site import fail
from tincans.limits import CHAT_HISTORY_MESSAGES

_USUAL = 50


class Asked(NamedTuple):
    """The parameters of a request."""

    text: str = ""
    room: str = ""
    before: int = 0
    after: int = 0
    limit: int = _USUAL


class Api:
    """The handler of `/api/…`."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def __call__(self, exchange: Exchange) -> None:
        await exchange.discard()
        if exchange.request.method not in ("GET", "HEAD"):
            await fail(exchange, 405, fields=[("Allow", "GET, HEAD")])
            return
        try:
            word = await self._answer(exchange)
        except Refused as refused:
            await refuse(exchange, refused)
        else:
            await answer(exchange, word)

    async def _answer(self, exchange: Exchange) -> Word:
        member = await visitor(self._hub, exchange)
        asked = _asked(exchange.request.query)
        match exchange.request.path.split("/")[2:]:
            case ["rooms"]:
                return self._rooms(member)
            case ["rooms", name, "messages"]:
                return await self._messages(member, name, asked)
            case ["search"]:
                return await self._search(member, asked)
        raise Refused(Why.NO_SUCH_COMMAND, "there is no such path: /api/rooms, /api/rooms/NAME/messages, /api/search")

    def _rooms(self, member: Member) -> Word:
        shown = (room for room in self._hub.rooms.values() if room.shows(member))
        return Rooms(rooms=[self._listed(room) for room in shown])

    def _listed(self, room: Room) -> Listed:
        topic = room.state.topic
        _, last = self._hub.history.counts(room.name)
        return Listed(room.name, topic.text if topic else "", len(room.members), last)

    async def _messages(self, member: Member, name: str, asked: Asked) -> Word:
        room = self._hub.room(name, member)
        check_reading(room, member)
        read, limit = self._hub.history.read, asked.limit
        said = await read(room.name, after=asked.after, before=asked.before, limit=limit + 1)
        more = len(said) > limit
        forwards = asked.after and not asked.before
        kept = said[:limit] if forwards else said[-limit:]
        return History(room=room.name, messages=[Message.of(each) for each in kept], more=more)

    async def _search(self, member: Member, asked: Asked) -> Word:
        unsearched = await self._hub.history.unsearched()
        found = await self._hub.history.search(
            asked.text, rooms=self._searched(member, asked.room), before=asked.before, limit=asked.limit + 1
        )
        return Found.of(found, asked.limit, unsearched)

    def _searched(self, member: Member, name: str) -> Iterable[str]:
        if name:
            room = self._hub.room(name, member)
            check_reading(room, member)
            return [room.name]
        return [room.name for room in self._hub.rooms.values() if _may_read(room, member)]


def check_reading(room: Room, member: Member) -> None:
    """Raises `Refused` where they may not read it: they are not in it, and would not be let in as they come."""
    if member not in room.members:
        room.check_entry(member, "")


def _may_read(room: Room, member: Member) -> bool:
    try:
        check_reading(room, member)
    except Refused:
        return False
    return room.shows(member)


async def visitor(hub: Hub, exchange: Exchange) -> Member:
    """Who asks: a member of the hub, or one who has not entered. Raises `Refused` for a wrong login, and for guests
    where none are let in."""
    scheme, _, ticket = (login := exchange.request.fields.get("authorization")).partition(" ")
    if scheme.lower() == "bearer":
        known = hub.tickets.get(ticket.strip())
        if known is None:
            raise Refused(Why.NOT_LOGGED_IN, "the ticket is nobody's, or not any more")
        return known
    member = Member(exchange.channel.remote.host or "local")
    if login and hub.users:
        account = await user_of(hub.users, login)
        if account is None:
            raise Refused(Why.WRONG_PASSWORD, "the name or the password is wrong")
        member.account = account
        member.is_operator = account in hub.operators
    elif not hub.guests:
        raise Refused(Why.NOT_LOGGED_IN, "this hub is for those who log in")
    return member


def _asked(query: str) -> Asked:
    """Raises `Refused`."""
    given = {name: values[-1] for name, values in parse_qs(query).items()}
    numbers = {"before": 0, "after": 0, "limit": _USUAL}
    for name, otherwise in numbers.items():
        text = given.get(name, str(otherwise))
        if not (text.isascii() and text.isdecimal() and len(text) < 19):
            raise Refused(Why.NOT_UNDERSTOOD, f"{name} is a number, and {text[:40]!r} is none")
        numbers[name] = int(text)
    limit = max(1, min(numbers.pop("limit"), CHAT_HISTORY_MESSAGES))
    return Asked(given.get("text", ""), given.get("room", ""), limit=limit, **numbers)
