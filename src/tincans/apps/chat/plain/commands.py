"""The commands of plain lines, a row each: how it is written, what it is for, and what it does.

What a command does is given the person and what stands behind its name. It raises `Refused`, whose text is shown; what
takes its time is a coroutine.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from difflib import get_close_matches
from typing import TYPE_CHECKING, NamedTuple

from tincans.apps.chat.member import Member
from tincans.apps.chat.mode_texts import changes_of
from tincans.apps.chat.modes import RANKS
from tincans.apps.chat.names import folded
from tincans.apps.chat.refusals import Refused, Why
from tincans.apps.chat.texts import UNSEARCHED
from tincans.limits import CHAT_HISTORY_MESSAGES

if TYPE_CHECKING:
    from tincans.apps.chat.plain import Person

#: What `/history` and `/search` show where no number says how many.
_SHOWN = 20


class Command(NamedTuple):
    """One row of the table."""

    name: str
    #: What stands behind the name: in capitals what is to be put there, in brackets what may be left out.
    form: str
    help: str
    do: Callable[[Person, str], Coroutine[None, None, None] | None]
    #: Who is not in yet comes in as a guest first.
    needs_hub: bool = True


# ── rooms ─────────────────────────────────────────────────────────────────────────────────────────────────


def _join(person: Person, rest: str) -> None:
    name, _, key = _given(rest, "join").partition(" ")
    person.enter_room(name if name.startswith("#") else f"#{name}", key.strip())


def _part(person: Person, rest: str) -> None:
    name, text = _room_first(person, rest)
    person.hub.part(person, name, text)
    person.reform()
    if person.current is not None:
        person.say(f"what you say now is said in {person.current.name}")


def _who(person: Person, rest: str) -> None:
    hub = person.hub
    if rest and not rest.startswith("#"):
        person.say(_described(hub.find(rest)))
        return
    room = hub.room(rest, person) if rest else person.here()
    names = [RANKS.get(ranks[:1], "") + member.nick for member, ranks in room.members.items()]
    person.say(f"in {room.name}: {', '.join(sorted(names, key=str.lower)) or 'nobody'}")


def _described(member: Member) -> str:
    account = f", logged in as {member.account}" if member.account else ""
    away = f", away: {member.away}" if member.away else ""
    rooms = sorted(room.name for room in member.rooms if "s" not in room.state.modes)
    return f"{member.nick} is in {', '.join(rooms) or 'no room'}{account}{away}"


def _rooms(person: Person, rest: str) -> None:
    for _, room in sorted(person.hub.rooms.items()):
        if room.shows(person):
            topic = f": {room.state.topic.text}" if room.state.topic is not None else ""
            person.say(f"{room.name}, {len(room.members)} here{topic}")


def _topic(person: Person, rest: str) -> None:
    room = person.here()
    if rest:
        person.hub.set_topic(person, room.name, "" if rest == "-" else rest)
    elif room.state.topic is not None:
        person.say(f"the topic of {room.name}: {room.state.topic.text}")
    else:
        person.say(f"{room.name} has no topic")


def _invite(person: Person, rest: str) -> None:
    nick, _, name = _given(rest, "invite").partition(" ")
    person.hub.invite(person, name.strip() or person.here().name, nick)


def _kick(person: Person, rest: str) -> None:
    nick, _, text = _given(rest, "kick").partition(" ")
    person.hub.kick(person, person.here().name, nick, text.strip())


def _mode(person: Person, rest: str) -> None:
    room = person.here()
    if rest:
        person.hub.set_modes(person, room.name, changes_of(rest))
    else:
        person.say(f"the modes of {room.name}: +{room.state.modes}")


# ── people ────────────────────────────────────────────────────────────────────────────────────────────────


def _nick(person: Person, rest: str) -> None:
    nick = _given(rest, "nick")
    if person.is_in:
        person.hub.rename(person, nick)
    else:
        person.come_in(nick)


def _me(person: Person, rest: str) -> None:
    person.speak(_given(rest, "me"), "act")


def _msg(person: Person, rest: str) -> None:
    nick, _, text = _given(rest, "msg").partition(" ")
    person.hub.whisper(person, nick, text)


def _away(person: Person, rest: str) -> None:
    person.hub.set_away(person, rest)


async def _login(person: Person, rest: str) -> None:
    name, _, password = _given(rest, "login").partition(" ")
    await person.check_login(name, password)
    person.hub.log_in(person, name)
    person.say(f"you are logged in as {name}")
    if not person.is_in:
        person.arrive()


def _quit(person: Person, rest: str) -> None:
    person.farewell = rest
    person.dismiss("")


# ── what was said, and help ───────────────────────────────────────────────────────────────────────────────


async def _history(person: Person, rest: str) -> None:
    room, limit = person.here(), _SHOWN
    if rest:
        if not (rest.isdecimal() and rest.isascii() and 0 < int(rest[:9]) <= CHAT_HISTORY_MESSAGES):
            raise Refused(Why.NOT_UNDERSTOOD, f"/history takes a number of messages, at most {CHAT_HISTORY_MESSAGES}")
        limit = int(rest)
    person.show_history(await person.hub.history.read(folded(room.name), limit=limit))


async def _search(person: Person, rest: str) -> None:
    rooms = [folded(room.name) for room in person.rooms]
    unsearched = await person.hub.history.unsearched()
    found = await person.hub.history.search(_given(rest, "search"), rooms=rooms, limit=_SHOWN)
    if found:
        person.show_history(found[::-1])
    else:
        person.say("nothing that was said has that in it")
    if unsearched:
        person.say(UNSEARCHED)


def _help(person: Person, rest: str) -> None:
    width = max(len(form_of(command)) for command in COMMANDS.values())
    person.say(
        "a line is said in the room; what begins with / is a command, unless it begins with //",
        *(f"{form_of(command):<{width}}  {command.help}" for command in COMMANDS.values()),
    )


def form_of(command: Command) -> str:
    return f"/{command.name} {command.form}".rstrip()


def _given(rest: str, name: str) -> str:
    """What stands behind a command that needs it. Raises `Refused`."""
    if not rest:
        raise Refused(Why.NOT_UNDERSTOOD, f"it is written so: {form_of(COMMANDS[name])}")
    return rest


def _room_first(person: Person, rest: str) -> tuple[str, str]:
    """The room that is named, else the one that they are in; and what is behind that."""
    if rest.startswith("#"):
        name, _, text = rest.partition(" ")
        return name, text.strip()
    return person.here().name, rest


COMMANDS = {
    command.name: command
    for command in (
        Command("join", "#ROOM [KEY]", "enter a room, which is made if need be, and speak there", _join),
        Command("part", "[#ROOM] [WHY]", "leave a room", _part),
        Command("nick", "NAME", "be called something else", _nick, needs_hub=False),
        Command("who", "[#ROOM or NAME]", "who is in a room; who somebody is", _who),
        Command("rooms", "", "the rooms that there are", _rooms),
        Command("history", "[NUMBER]", f"what was said last, {_SHOWN} messages or so many", _history),
        Command("search", "WORDS", "what was said with these words, in the rooms that you are in", _search),
        Command("me", "WHAT", "say what you do: * ann waves", _me),
        Command("msg", "NAME TEXT", "say something to one alone", _msg),
        Command("topic", "[TEXT]", "what the room is about; - takes it away", _topic),
        Command("invite", "NAME [#ROOM]", "invite somebody", _invite),
        Command("kick", "NAME [WHY]", "put somebody out", _kick),
        Command("mode", "[MODES]", "what the room allows, as in IRC: +o ann", _mode),
        Command("away", "[WHY]", "say that you are away; without a word, that you are back", _away),
        Command("login", "NAME PASSWORD", "prove who you are", _login, needs_hub=False),
        Command("help", "", "this", _help, needs_hub=False),
        Command("quit", "[WHY]", "leave", _quit, needs_hub=False),
    )
}

#: What people who come from IRC call some of them.
_ALIASES = {
    "j": "join", "leave": "part", "names": "who", "whois": "who", "list": "rooms", "query": "msg", "exit": "quit",
}  # fmt: skip


def find(word: str) -> Command:
    """The command that is called so, in any case. Raises `Refused`."""
    command = COMMANDS.get(_ALIASES.get(word.lower(), word.lower()))
    if command is None:
        near = get_close_matches(word.lower(), COMMANDS, 1)
        hint = f"did you mean /{near[0]}?" if near else "/help says what there is"
        raise Refused(Why.NO_SUCH_COMMAND, f"there is no /{word[:40]}, and //{word[:40]} would say it; {hint}")
    return command
