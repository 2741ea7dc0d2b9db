"""IRC's MONITOR: a client is told when nicks that it has named come and go, in whatever rooms they are.

https://ircv3.net/specs/extensions/monitor. Each hub has one board, on which stands who waits for whom, by folded nick:
so somebody who comes costs one look, and not one for everybody who is here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from weakref import WeakKeyDictionary

from tincans.apps.chat.events import Entered, Event, Quit, Renamed
from tincans.apps.chat.hub import Hub
from tincans.apps.chat.irc.member import IrcMember
from tincans.apps.chat.names import folded, is_nick
from tincans.limits import IRC_MONITORED
from tincans.protocols.irc import Message


def monitor(caller: IrcMember, message: Message) -> None:
    """`+` and `-` name nicks; C clears the list, L lists it, S says who of them is there."""
    sign, *rest = message.parameters
    if sign in "+-" and not rest:
        caller.reply("ERR_NEEDMOREPARAMS", "MONITOR", "name nicks behind it")
        return
    doing = _DOING.get(sign.upper())
    if doing is not None:
        doing(caller, [nick for nick in (rest or [""])[0].split(",") if nick])


def _add(caller: IrcMember, nicks: list[str]) -> None:
    board, before = board_of(caller.hub), set(caller.monitored or ())
    wanted = {folded(nick): nick for nick in nicks if is_nick(nick) and folded(nick) not in before}
    names = list(wanted)
    taken, rest = names[: IRC_MONITORED - len(before)], names[IRC_MONITORED - len(before) :]
    for name in taken:
        board.add(name, caller)
    _tell_states(caller, [wanted[name] for name in taken])
    if rest:
        over = ",".join(wanted[name] for name in rest)
        caller.reply("ERR_MONLISTFULL", str(IRC_MONITORED), over, f"nobody waits for more than {IRC_MONITORED}")


def _remove(caller: IrcMember, nicks: list[str]) -> None:
    for nick in nicks:
        board_of(caller.hub).remove(folded(nick), caller)


def _clear(caller: IrcMember, nicks: list[str]) -> None:
    forget(caller)


def _list(caller: IrcMember, nicks: list[str]) -> None:
    caller.reply_words("RPL_MONLIST", words=sorted(caller.monitored or ()), between=",")
    caller.reply("RPL_ENDOFMONLIST", "that is all")


def _status(caller: IrcMember, nicks: list[str]) -> None:
    _tell_states(caller, sorted(caller.monitored or ()))


_DOING: dict[str, Callable[[IrcMember, list[str]], None]] = {
    "+": _add, "-": _remove, "C": _clear, "L": _list, "S": _status,
}  # fmt: skip


def _tell_states(caller: IrcMember, nicks: Iterable[str]) -> None:
    people = caller.hub.people
    here = {nick: people.get(folded(nick)) for nick in nicks}
    there = [member.who.source for member in here.values() if member is not None]
    caller.reply_words("RPL_MONONLINE", words=there, between=",")
    caller.reply_words("RPL_MONOFFLINE", words=[nick for nick, member in here.items() if member is None], between=",")


def forget(caller: IrcMember) -> None:
    """They wait for nobody any more: they have said so, or are gone."""
    for name in list(caller.monitored or ()):
        board_of(caller.hub).remove(name, caller)


class Board:
    """Who waits for whom on one hub, of which it is a watcher."""

    def __init__(self) -> None:
        #: By the nick that is waited for.
        self.waiting: dict[str, set[IrcMember]] = {}

    def add(self, name: str, member: IrcMember) -> None:
        if member.monitored is None:
            member.monitored = set()
        member.monitored.add(name)
        self.waiting.setdefault(name, set()).add(member)

    def remove(self, name: str, member: IrcMember) -> None:
        if member.monitored and name in member.monitored:
            member.monitored.discard(name)
            waiting = self.waiting[name]
            waiting.discard(member)
            if not waiting:
                del self.waiting[name]

    def __call__(self, event: Event) -> None:
        """Something has happened on the hub."""
        if isinstance(event, Entered):
            self._tell(event.who.nick, "RPL_MONONLINE", event.who.source)
        elif isinstance(event, Quit):
            self._tell(event.who.nick, "RPL_MONOFFLINE", event.who.nick)
        elif isinstance(event, Renamed) and folded(event.who.nick) != folded(event.nick):
            self._tell(event.who.nick, "RPL_MONOFFLINE", event.who.nick)
            self._tell(event.nick, "RPL_MONONLINE", event.who._replace(nick=event.nick).source)

    def _tell(self, nick: str, name: str, what: str) -> None:
        for member in self.waiting.get(folded(nick), ()):
            member.notify(name, what)


_boards: WeakKeyDictionary[Hub, Board] = WeakKeyDictionary()


def board_of(hub: Hub) -> Board:
    board = _boards.get(hub)
    if board is None:
        board = _boards[hub] = Board()
        hub.watchers.append(board)
    return board
