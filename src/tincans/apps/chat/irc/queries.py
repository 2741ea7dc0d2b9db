"""IRC's commands that ask the hub for something: LIST, STATS, VERSION, TIME, ADMIN, INFO (RFC 2812 §3.2.6, §3.4).

There is one server, which is the hub: whoever asks another one by its name is told that it is not there.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator

from tincans.apps.chat.irc.member import IrcMember
from tincans.apps.chat.irc.support import isupport
from tincans.apps.chat.modes import mask_pattern
from tincans.apps.chat.names import folded
from tincans.apps.chat.room import Room
from tincans.protocols.irc import Message
from tincans.version import VERSION

# ── LIST ──────────────────────────────────────────────────────────────────────────────────────────────────


#: Rooms that are looked at in one turn of the loop: a millisecond.
_SLICE = 200


async def list_(caller: IrcMember, message: Message) -> None:
    """Rooms by name, or those that fit all conditions and one of the masks; secret ones are shown to who is in them."""
    asked = [each for each in (message.parameters or ("",))[0].split(",") if each]
    caller.reply("RPL_LISTSTART", "Channel", "Users  Name")
    for at, room in enumerate(_asked(caller, asked)):
        if room is not None:
            topic = room.state.topic
            text = topic.text if topic is not None else ""
            caller.reply("RPL_LIST", room.name, str(len(room.members)), text)
        if at % _SLICE == _SLICE - 1:
            await asyncio.sleep(0)
    caller.reply("RPL_LISTEND", "that is all")


def _asked(caller: IrcMember, asked: list[str]) -> Iterator[Room | None]:
    """All rooms, with None for one that was not asked for."""
    conditions = [found for each in asked if (found := _condition(each, time.time())) is not None]
    names = [each for each in asked if each.startswith("#") or not _CONDITION.fullmatch(each)]
    without = [mask_pattern(folded(each[1:])) for each in names if each.startswith("!")]
    masks = [mask_pattern(folded(each)) for each in names if not each.startswith("!")]
    for name, room in sorted(caller.hub.rooms.items()):
        fits = not masks or any(mask.fullmatch(name) for mask in masks)
        fits = fits and not any(mask.fullmatch(name) for mask in without)
        fits = fits and room.shows(caller) and all(condition(room) for condition in conditions)
        yield room if fits else None


#: U people, C minutes since it was made, T minutes since its topic was set (https://modern.ircdocs.horse/#elist-parameter).
_CONDITION = re.compile(r"([CT]?)([<>])([0-9]{1,9})", re.IGNORECASE)


def _condition(said: str, now: float) -> Callable[[Room], bool] | None:
    match = _CONDITION.fullmatch(said)
    if match is None:
        return None
    what, count = match[1].upper(), int(match[3])

    def measure(room: Room) -> float | None:
        if what == "C":
            return (now - room.state.created / 10**9) / 60
        if what == "T":
            return (now - room.state.topic.at / 10**9) / 60 if room.state.topic is not None else None
        return len(room.members)

    def fits(room: Room) -> bool:
        found = measure(room)
        return found is not None and (found < count if match[2] == "<" else found > count)

    return fits


# ── the hub itself ────────────────────────────────────────────────────────────────────────────────────────


def _is_here(caller: IrcMember, message: Message, at: int = 0) -> bool:
    """Whether the server that is asked, if one is, is this one; else it was answered."""
    asked = (message.parameters[at:] or ("",))[0]
    fits = not asked or mask_pattern(asked).fullmatch(folded(caller.form.server)) is not None
    if not fits and folded(asked) not in caller.hub.people:
        caller.reply("ERR_NOSUCHSERVER", caller.word(asked), "there is no such server")
        return False
    return True


def version(caller: IrcMember, message: Message) -> None:
    if _is_here(caller, message):
        caller.reply("RPL_VERSION", f"tincans-{VERSION}.", caller.form.server, "rooms with four doors on one port")
        for words in isupport(caller.hub):
            caller.reply("RPL_ISUPPORT", *words, "are supported by this server")


def time_(caller: IrcMember, message: Message) -> None:
    """In UTC."""
    if _is_here(caller, message):
        now = time.strftime("%A %B %d %Y -- %H:%M:%S +00:00", time.gmtime(caller.hub.now() // 10**9))
        caller.reply("RPL_TIME", caller.form.server, now)


def admin(caller: IrcMember, message: Message) -> None:
    """Who runs the hub, by the names under which they log in."""
    if not _is_here(caller, message):
        return
    operators = sorted(caller.hub.operators)
    if not operators:
        caller.reply("ERR_NOADMININFO", caller.form.server, "nobody is said to run this hub")
        return
    caller.reply("RPL_ADMINME", caller.form.server, "who runs this hub")
    caller.reply("RPL_ADMINLOC1", caller.hub.name)
    caller.reply("RPL_ADMINLOC2", f"as which they log in: {', '.join(operators)}")
    caller.reply("RPL_ADMINEMAIL", "say it to them here")


def info(caller: IrcMember, message: Message) -> None:
    if _is_here(caller, message):
        for line in _INFO:
            caller.reply("RPL_INFO", line)
        caller.reply("RPL_ENDOFINFO", "that is all")


_INFO = (
    f"tincans {VERSION}: a chat for people and programs with whatever they have in hand.",
    "The same rooms are at this port for IRC, for browsers, for nc, and for programs that say JSON.",
)


def stats(caller: IrcMember, message: Message) -> None:
    """u: for how long the hub has run. What else servers count is not counted here."""
    letter = (message.parameters or ("*",))[0][:1]
    if not _is_here(caller, message, 1):
        return
    if letter == "u":
        minutes, seconds = divmod((caller.hub.now() - caller.hub.began) // 10**9, 60)
        hours, minutes = divmod(minutes, 60)
        days, hours = divmod(hours, 24)
        caller.reply("RPL_STATSUPTIME", f"Server Up {days} days {hours}:{minutes:02}:{seconds:02}")
    caller.reply("RPL_ENDOFSTATS", caller.word(letter), "that is all")


def links(caller: IrcMember, message: Message) -> None:
    """All servers: this one."""
    server = caller.form.server
    caller.reply("RPL_LINKS", server, server, f"0 {caller.hub.name}")
    caller.reply("RPL_ENDOFLINKS", "*", "that is all")


def summon(caller: IrcMember, message: Message) -> None:
    """Calling the users of the machine is not for a hub (RFC 2812 §4.5)."""
    caller.reply("ERR_SUMMONDISABLED", "nobody is summoned here; INVITE asks who is on the hub")


def users(caller: IrcMember, message: Message) -> None:
    """Nor is telling who they are (RFC 2812 §4.6)."""
    caller.reply("ERR_USERSDISABLED", "nobody is told who uses this machine; WHO tells who is on the hub")
