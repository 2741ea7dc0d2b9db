"""What was said, in words for people: HISTORY and SEARCH.

Programs have CHATHISTORY (`irc.history`). WeeChat and irssi know nothing of it, and would show what is old as what is
new: so these are notices of the hub, with the time in the text.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from datetime import UTC, datetime

from tincans.apps.chat.events import Message as Said
from tincans.apps.chat.irc.forms import parts_of
from tincans.apps.chat.irc.member import IrcMember
from tincans.apps.chat.names import folded
from tincans.apps.chat.refusals import Refused, Why
from tincans.apps.chat.texts import UNSEARCHED
from tincans.limits import CHAT_HISTORY_MESSAGES
from tincans.protocols.irc import Message

#: Messages, where it is not said how many.
_SHOWN = 20
#: What of a text fits into one line, behind the longest of names.
_LINE_BYTES = 300


async def history(caller: IrcMember, message: Message) -> None:
    """The newest of a room that they are in, or, for an operator of the hub, of any."""
    room = caller.hub.room(message.parameters[0], caller)
    if caller not in room.members and not caller.is_operator:
        raise Refused(Why.NOT_IN_ROOM, f"you are not in {room.name}")
    count = message.parameters[1] if len(message.parameters) > 1 else str(_SHOWN)
    if not (count.isascii() and count.isdigit() and int(count[:9]) > 0):
        raise Refused(Why.NOT_UNDERSTOOD, f"{count!r} is no number of messages")
    limit = min(int(count[:9]), CHAT_HISTORY_MESSAGES)
    _tell(caller, await _found(caller.hub.history.read(folded(room.name), limit=limit)), f"of {room.name}")


async def search(caller: IrcMember, message: Message) -> None:
    """The newest with all of these words, in the rooms that they are in; the oldest of them first."""
    words = " ".join(message.parameters)
    rooms = [folded(room.name) for room in caller.rooms]
    unsearched = await caller.hub.history.unsearched()
    found = await _found(caller.hub.history.search(words, rooms=rooms, limit=_SHOWN))
    _tell(caller, reversed(found), f"with {words}" + f", but {UNSEARCHED}" * bool(unsearched))


async def _found(reading: Awaitable[list[Said]]) -> list[Said]:
    try:
        return await reading
    except OSError as error:
        raise Refused(Why.DISK, f"the history cannot be read: {error.strerror or error}") from error


def _tell(caller: IrcMember, found: Iterable[Said], what: str) -> None:
    for said in found:
        at = datetime.fromtimestamp(said.at // 10**9, UTC).strftime("%Y-%m-%d %H:%M:%S")
        who = f"* {said.who.nick}" if said.kind == "act" else f"<{said.who.nick}>"
        for part in parts_of(caller.form.text(said), _LINE_BYTES):
            caller.answer("NOTICE", caller.nick, f"[{at}] {said.room} {who} {part.decode()}")
    caller.answer("NOTICE", caller.nick, f"That is all {what}.")
