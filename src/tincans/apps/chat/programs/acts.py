"""What each command of a program does (docs/chat.md).

A command is done at once and gives its answer: the objects that only the program is told, of which the first gets the
label; none where what it has brought about is the answer. What takes its time is a coroutine, which gives what does the
rest. Each raises `Refused`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tincans.apps.chat import events
from tincans.apps.chat.mode_texts import changes_of
from tincans.apps.chat.names import folded
from tincans.apps.chat.once import msgid_of
from tincans.apps.chat.programs import commands, words
from tincans.apps.chat.programs.words import Word, stamp
from tincans.apps.chat.refusals import Refused, Why
from tincans.apps.chat.room import Room
from tincans.limits import (
    CHAT_CLIENT_BYTES,
    CHAT_FILE_BYTES,
    CHAT_HISTORY_MESSAGES,
    CHAT_ID_CHARACTERS,
    CHAT_ID_CHARACTERS_MOST,
    CHAT_LINE_BYTES,
    CHAT_NICK_BYTES,
    CHAT_ROOM_BYTES,
    CHAT_ROOMS_JOINED,
    CHAT_TEXT_BYTES,
    CHAT_TOPIC_BYTES,
)

if TYPE_CHECKING:
    from tincans.apps.chat.programs import Program

Answer = tuple[Word, ...]
_Rest = Callable[["Program", Any], Answer]

_PROTOCOL = 1
LIMITS = {
    "line": CHAT_LINE_BYTES, "text": CHAT_TEXT_BYTES, "topic": CHAT_TOPIC_BYTES, "nick": CHAT_NICK_BYTES,
    "room": CHAT_ROOM_BYTES, "rooms": CHAT_ROOMS_JOINED, "history": CHAT_HISTORY_MESSAGES, "file": CHAT_FILE_BYTES,
}  # fmt: skip

#: Where the browser's door takes files (browser/files.py).
_FILES = "/files"


# ── coming and going ──────────────────────────────────────────────────────────────────────────────────────


def welcome(program: Program) -> Word:
    """What is said to who has come in."""
    hub = program.hub
    return words.Welcome(
        hub=hub.name, protocol=_PROTOCOL, nick=program.nick, account=program.account, limits=LIMITS,
        ticket=program.ticket, files=_FILES, at=stamp(hub.now()),
    )  # fmt: skip


def _hello(program: Program, command: commands.Hello) -> Any:
    if program.is_in:
        raise Refused(Why.ALREADY, f"you are here already, and called {program.nick}")
    return _logged_in(program, command, _come_in) if command.name else _come_in(program, command)


async def _logged_in(program: Program, command: commands.Hello | commands.Login, then: _Rest) -> _Rest:
    await program.check_login(command.name, command.password)
    return then


def _come_in(program: Program, command: commands.Hello) -> Answer:
    if command.name:
        program.hub.log_in(program, command.name)
    program.client = command.client.encode()[:CHAT_CLIENT_BYTES].decode(errors="ignore")
    program.enter(command.nick)
    return (welcome(program),)


def _login(program: Program, command: commands.Login) -> Any:
    return _logged_in(program, command, _log_in)


def _log_in(program: Program, command: commands.Login) -> Answer:
    program.hub.log_in(program, command.name)
    return (words.Done(),)


def _nick(program: Program, command: commands.Nick) -> Answer:
    program.hub.rename(program, command.nick)
    return ()


def _away(program: Program, command: commands.Away) -> Answer:
    program.hub.set_away(program, command.text)
    return (words.Done(),)


def _ping(program: Program, command: commands.Ping) -> Answer:
    return (words.Pong(),)


def _pong(program: Program, command: commands.Pong) -> Answer:
    return (words.Done(),)


def _quit(program: Program, command: commands.Quit) -> Answer:
    program.farewell, program.over = command.text, True
    return (words.Bye(text="goodbye"),)


# ── rooms ─────────────────────────────────────────────────────────────────────────────────────────────────


def _join(program: Program, command: commands.Join) -> Answer:
    hub = program.hub
    room = hub.join(program, command.room, command.key)
    if command.history <= 0:
        return (_room(room, program),)
    limit = min(command.history, CHAT_HISTORY_MESSAGES)
    messages = hub.history.recent(folded(room.name), limit)
    count, _ = hub.history.counts(folded(room.name))
    return _room(room, program), _history(room, messages, more=count > len(messages))


def _room(room: Room, program: Program) -> Word:
    state = room.state
    topic = None
    if state.topic is not None:
        topic = words.Topic(state.topic.text, state.topic.by.partition("!")[0], stamp(state.topic.at))
    letters = state.modes + ("k" if state.key else "") + ("l" if state.limit else "")
    return words.Room(
        room=room.name, topic=topic, modes=f"+{letters}", people=[
            words.Person.of(member, ranks) for member, ranks in room.members.items()
        ],
    )  # fmt: skip


def _part(program: Program, command: commands.Part) -> Answer:
    program.hub.part(program, command.room, command.text)
    return ()


def _topic(program: Program, command: commands.Topic) -> Answer:
    program.hub.set_topic(program, command.room, command.text)
    return ()


def _mode(program: Program, command: commands.Mode) -> Answer:
    program.hub.set_modes(program, command.room, changes_of(command.modes))
    return ()


def _kick(program: Program, command: commands.Kick) -> Answer:
    program.hub.kick(program, command.room, command.nick, command.text)
    return ()


def _invite(program: Program, command: commands.Invite) -> Answer:
    program.hub.invite(program, command.room, command.nick)
    return (words.Done(),)


def _rooms(program: Program, command: commands.Rooms) -> Answer:
    hub = program.hub
    return (
        words.Rooms(
            rooms=[
                words.Listed(
                    room.name, room.state.topic.text if room.state.topic else "", len(room.members),
                    hub.history.counts(name)[1],
                )
                for name, room in sorted(hub.rooms.items())
                if room.shows(program)
            ]
        ),
    )  # fmt: skip


def _who(program: Program, command: commands.Who) -> Answer:
    if command.nick:
        return (words.People(people=[words.Person.of(program.hub.find(command.nick))]),)
    if not command.room:
        raise Refused(Why.NOT_UNDERSTOOD, "who is asked of a room or of a nick")
    room = program.hub.room(command.room, program)
    return (words.People(people=[words.Person.of(member, ranks) for member, ranks in room.members.items()]),)


# ── speaking ──────────────────────────────────────────────────────────────────────────────────────────────


def _say(program: Program, command: commands.Say) -> Any:
    text = _plain(command.text)
    if command.to:
        program.hub.whisper(program, command.to, text, command.kind)
    elif not command.room:
        raise Refused(Why.NOT_UNDERSTOOD, "a message is said to a room or to a nick")
    elif command.id:
        return _say_once(program, command, text)
    else:
        program.hub.say(program, command.room, text, command.kind)
    return ()


def _say_once(program: Program, command: commands.Say, text: str) -> Any:
    """Say what has a name of the program's own; what was said under it already is its answer, and not said again."""
    hub, count = program.hub, len(command.id)
    if not CHAT_ID_CHARACTERS <= count <= CHAT_ID_CHARACTERS_MOST:
        raise Refused(Why.BAD_ID, f"an id has {CHAT_ID_CHARACTERS} to {CHAT_ID_CHARACTERS_MOST} characters")
    room = hub.room(command.room)
    room.check_speech(program)
    msgid = msgid_of(room.name, command.id)

    def say(*_: object) -> Answer:
        found = hub.once.find(room.name, msgid)
        if found is not None:
            return (words.Message.of(found),)
        hub.once.note(hub.say(program, room.name, text, command.kind, msgid=msgid))
        return ()

    async def look_up() -> _Rest:
        await hub.once.look_up(room.name, msgid)
        return say

    return look_up() if command.again else say()


def _plain(text: str) -> str:
    """A text with line feeds as its only line ends. Raises `Refused` where nobody could be shown it."""
    if "\0" in text:
        raise Refused(Why.NOT_UNDERSTOOD, "a text has no NUL")
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


# ── what was said ─────────────────────────────────────────────────────────────────────────────────────────


async def _read(program: Program, command: commands.History) -> _Rest:
    """One more than asked for shows whether there are more."""
    room = _readable(program, command.room)
    limit = _limit(command.limit)
    # What is behind 0 is all, and a history takes 0 for nothing that was asked for.
    after = -1 if command.after is not None and command.after <= 0 else command.after or 0
    messages = await program.hub.history.read(
        folded(room.name), after=after, before=command.before or 0, limit=limit + 1
    )
    more = len(messages) > limit
    if more:
        messages = messages[:limit] if after and not command.before else messages[-limit:]
    word = _history(room, messages, more=more)
    return lambda *_: (word,)


async def _search(program: Program, command: commands.Search) -> _Rest:
    limit = _limit(command.limit)
    rooms = [_readable(program, command.room)] if command.room else program.rooms
    unsearched = await program.hub.history.unsearched()
    found = await program.hub.history.search(
        command.text, rooms=[folded(room.name) for room in rooms], before=command.before or 0, limit=limit + 1
    )
    word = words.Found.of(found, limit, unsearched)
    return lambda *_: (word,)


def _history(room: Room, messages: list[events.Message], *, more: bool) -> Word:
    return words.History(room=room.name, messages=[words.Message.of(each) for each in messages], more=more)


def _limit(wanted: int) -> int:
    return max(1, min(wanted, CHAT_HISTORY_MESSAGES))


def _readable(program: Program, name: str) -> Room:
    """A room whose history is for the program: one that it is in, or any for an operator of the hub."""
    room = program.hub.room(name, program)
    if program not in room.members and not program.is_operator:
        raise Refused(Why.NOT_IN_ROOM, f"you are not in {room.name}")
    return room


#: What does each command.
DO: dict[type[commands.Command], Callable[[Program, Any], Any]] = {
    commands.Hello: _hello, commands.Login: _login, commands.Join: _join, commands.Part: _part,
    commands.Say: _say, commands.Act: _say, commands.Notice: _say, commands.History: _read,
    commands.Search: _search, commands.Rooms: _rooms, commands.Who: _who, commands.Nick: _nick,
    commands.Topic: _topic, commands.Mode: _mode, commands.Kick: _kick, commands.Invite: _invite,
    commands.Away: _away, commands.Ping: _ping, commands.Pong: _pong, commands.Quit: _quit,
}  # fmt: skip
