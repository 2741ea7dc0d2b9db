"""IRC's MODE: what a room allows, its lists, its ranks; and what a client says of itself (RFC 2812 §3.1.5, §3.2.3).

    MODE #ops +ov-m ann bob        letters, and behind them what some of these need, in order
    MODE #ops b                    a list is asked for by its letter alone

What cannot be changed is answered with a number each, and all the rest is changed, and told in one MODE.
"""

from __future__ import annotations

from collections.abc import Iterator

from tincans.apps.chat.events import Change
from tincans.apps.chat.irc.member import IrcMember
from tincans.apps.chat.irc.refusals import refuse
from tincans.apps.chat.irc.support import USER_MODES
from tincans.apps.chat.modes import FLAGS, LISTS, RANKS, VALUES
from tincans.apps.chat.names import folded
from tincans.apps.chat.refusals import Refused, Why
from tincans.apps.chat.room import Room
from tincans.limits import IRC_MODES
from tincans.protocols.irc import Message

#: The replies that list, and end, each of a room's lists.
_LISTED = {
    "b": ("RPL_BANLIST", "RPL_ENDOFBANLIST"), "e": ("RPL_EXCEPTLIST", "RPL_ENDOFEXCEPTLIST"),
    "I": ("RPL_INVEXLIST", "RPL_ENDOFINVEXLIST"), "q": ("RPL_QUIETLIST", "RPL_ENDOFQUIETLIST"),
}  # fmt: skip
#: Those that only operators are shown, as everybody else has no use for them but to get around a ban.
_OPERATORS = "eI"


def mode(caller: IrcMember, message: Message) -> None:
    target, *rest = message.parameters
    if not target.startswith("#"):
        _user_mode(caller, target, "".join(rest[:1]))
        return
    room = caller.hub.room(target, caller)
    if not rest or not rest[0].strip("+-"):
        _show(caller, room)
        return
    wanted = [*_changes(caller, room, rest[0], iter(rest[1:]))]
    if wanted and caller not in room.members and not caller.is_operator:
        caller.reply("ERR_NOTONCHANNEL", room.name, f"you are not in {room.name}")
    elif wanted:
        caller.hub.set_modes(caller, room.name, wanted, lambda change, refused: _refuse(caller, room, change, refused))


# ── of a room ─────────────────────────────────────────────────────────────────────────────────────────────


def _show(caller: IrcMember, room: Room) -> None:
    """A key is a secret of the room's; that it has one is not."""
    state = room.state
    letters, values = state.modes + "k" * bool(state.key) + "l" * bool(state.limit), list[str]()
    if state.key:
        values.append(state.key if caller in room.members or caller.is_operator else "*")
    if state.limit:
        values.append(str(state.limit))
    caller.reply("RPL_CHANNELMODEIS", room.name, f"+{letters}", *values)
    caller.reply("RPL_CREATIONTIME", room.name, str(state.created // 10**9))


def _changes(caller: IrcMember, room: Room, letters: str, values: Iterator[str]) -> Iterator[Change]:
    """The changes that were asked for. Lists that were asked for are answered, once, and what is no change, too."""
    on, count, listed = True, 0, set[str]()
    for letter in letters:
        if letter in "+-":
            on = letter == "+"
            continue
        value = next(values, "") if _takes_value(letter, on) else ""
        if value or (letter == "k" and not on):
            count += 1
            if count <= IRC_MODES:
                yield Change(letter, on, value)
        elif letter in LISTS:
            if letter not in listed:
                listed.add(letter)
                _list(caller, room, letter)
        elif _takes_value(letter, on):
            caller.reply("ERR_NEEDMOREPARAMS", "MODE", f"{'+' if on else '-'}{letter} needs something behind it")
        elif letter in FLAGS + VALUES:
            yield Change(letter, on)
        else:
            caller.reply("ERR_UNKNOWNMODE", caller.word(letter), f"there is no mode {letter}")


def _takes_value(letter: str, on: bool) -> bool:
    return letter in LISTS or letter in RANKS or letter == "k" or (letter == "l" and on)


def _list(caller: IrcMember, room: Room, letter: str) -> None:
    if letter in _OPERATORS:
        room.check_operator(caller)
    entry, end = _LISTED[letter]
    between = ("q",) if letter == "q" else ()
    for mask in room.state.masks.get(letter, ()):
        caller.reply(entry, room.name, *between, mask.mask, mask.by, str(mask.at // 10**9))
    caller.reply(end, room.name, *between, "that is all")


def _refuse(caller: IrcMember, room: Room, change: Change, refused: Refused) -> None:
    """A change that could not be made, in its number."""
    value = caller.word(change.value)
    if change.mode in RANKS:
        refuse(caller, refused, value, *([room.name] if refused.why is Why.THEY_ARE_NOT else []))
    elif refused.why is Why.TOO_MANY:
        caller.reply("ERR_BANLISTFULL", room.name, change.mode, refused.text)
    elif refused.why in (Why.BAD_MODE, Why.TOO_LONG):
        caller.reply("ERR_INVALIDMODEPARAM", room.name, change.mode, value, refused.text)
    else:
        refuse(caller, refused, room.name, command="MODE")


# ── of oneself ────────────────────────────────────────────────────────────────────────────────────────────


def user_modes(caller: IrcMember) -> str:
    """The letters of somebody's own modes: who is an operator is one by what they have proven, and not by a letter."""
    return "".join(sorted(caller.user_modes + "o" * caller.is_operator))


def _user_mode(caller: IrcMember, nick: str, letters: str) -> None:
    if folded(nick) != folded(caller.nick):
        caller.hub.find(nick)
        caller.reply("ERR_USERSDONTMATCH", "that is for them to say")
        return
    if not letters:
        caller.reply("RPL_UMODEIS", f"+{user_modes(caller)}")
        return
    before = set(user_modes(caller))
    if not _set(caller, letters):
        caller.reply("ERR_UMODEUNKNOWNFLAG", "there is no such mode, of those you have said")
    tell_user_modes(caller, before)


def _set(caller: IrcMember, letters: str) -> bool:
    """Set and take what can be; whether all letters are known. Nobody makes himself an operator (RFC 2812 §3.1.5)."""
    on, modes = True, set(caller.user_modes)
    for letter in letters:
        if letter in "+-":
            on = letter == "+"
        elif letter == "o":
            caller.is_operator = caller.is_operator and on
        elif letter in USER_MODES:
            modes = modes | {letter} if on else modes - {letter}
    caller.user_modes = "".join(sorted(modes))
    return set(letters) <= {*USER_MODES, *"+-"}


def tell_user_modes(caller: IrcMember, before: set[str]) -> None:
    """Say what is otherwise than `before`."""
    now = set(user_modes(caller))
    taken, given = "".join(sorted(before - now)), "".join(sorted(now - before))
    if changed := f"-{taken}" * bool(taken) + f"+{given}" * bool(given):
        caller.answer("MODE", caller.nick, changed)
