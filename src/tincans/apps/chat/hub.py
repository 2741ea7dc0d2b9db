"""The hub: who is on it, under which names, and its rooms (`rooms.py`, `governing.py`).

All of it is synchronous, and happens in one loop: a member asks, the hub checks, keeps, and tells, and when the call
returns it has happened for all. So every door sees the same in the same order, which is that of the history.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Iterable

from tincans.apps.chat.events import Away, Entered, Event, Kind, LoggedIn, NameSet, Quit, Renamed, Tagged, Whispered
from tincans.apps.chat.files import Shelf
from tincans.apps.chat.governing import Governed
from tincans.apps.chat.history import History
from tincans.apps.chat.member import Form, Gone, Member
from tincans.apps.chat.names import NICK_RULE, folded, is_nick
from tincans.apps.chat.once import Once
from tincans.apps.chat.outbox import Flusher
from tincans.apps.chat.refusals import Refused, Why
from tincans.apps.chat.texts import check_text, cut
from tincans.apps.chat.tidying import Tidying
from tincans.clock import SYSTEM, Clock
from tincans.limits import CHAT_GONE, CHAT_NICK_BYTES, CHAT_PING_SECONDS, CHAT_PONG_SECONDS
from tincans.tasks import spawn
from tincans.users import Users

#: How often it is looked who is silent, in seconds.
_SWEEP = 5.0


class Hub(Governed):
    """One hub. Made in a running loop; `aclose` lets everybody go and gives the history back."""

    def __init__(
        self, history: History, *, name: str = "tincans", users: Users | None = None, guests: bool = True,
        operators: Iterable[str] = (), flood: int = 0, shelf: Shelf | None = None, clock: Clock = SYSTEM,
    ) -> None:  # fmt: skip
        super().__init__(history, name, clock)
        #: Who may log in; whether those come in who have not; the accounts that run it.
        self.users, self.guests, self.operators = users or Users(), guests, frozenset(operators)
        #: Commands of a member in a second; 0 for any number.
        self.flood = flood
        self.flusher = Flusher()
        #: What programs have given names of their own.
        self.once = Once(history)
        #: The files of its rooms, which the hub closes; by default they are gone with it.
        self.shelf = shelf or Shelf(None)
        #: Who may put a file into a room, as which member, by what they show to do so.
        self.tickets: dict[str, Member] = {}
        #: Who was here last under which names, the latest last.
        self.gone: deque[Gone] = deque(maxlen=CHAT_GONE)
        #: Called when nobody new is taken: the browser's door lets go whom it keeps for another request.
        self.retiring: list[Callable[[], None]] = []
        self._accounts = {folded(name): name for name in self.users}
        self._sweeping = spawn(self._sweep())
        #: Takes away the files that nothing names any more.
        self.tidying = Tidying(self.shelf, history)
        self._tidying = spawn(self.tidying.run())

    # ── coming and going ──────────────────────────────────────────────────────────────────────────────────

    def check_nick(self, nick: str, member: Member | None = None) -> None:
        """Raises `Refused` where `member` cannot be called that."""
        if not is_nick(nick):
            raise Refused(Why.BAD_NICK, f"nobody can be called {nick!r}: {NICK_RULE}")
        if self.people.get(folded(nick), member) is not member:
            raise Refused(Why.NICK_TAKEN, f"somebody is called {nick} already")
        account = self._accounts.get(folded(nick), "")
        if account and (member is None or member.account != account):
            raise Refused(Why.NICK_TAKEN, f"{nick} is the name of a user, who has to log in")

    def free_nick(self, wish: str = "guest") -> str:
        """A nick that nobody has and no user: the wish, or as much of it as there is room for, and a number."""
        wish = wish if is_nick(wish) else "guest"
        tried, nick = 0, wish
        while folded(nick) in self.people or folded(nick) in self._accounts:
            tried += 1
            # One after the other would take the ten thousandth guest ten thousand tries.
            number = str(tried if tried < 10 else random.randrange(10 ** (1 + tried // 10)))
            nick = cut(wish, CHAT_NICK_BYTES - len(number)) + number
        return nick

    def enter(self, member: Member, nick: str) -> None:
        """Let somebody in. Raises `Refused`: the nick, or where guests are not let in."""
        if not member.account and not self.guests:
            raise Refused(Why.NOT_LOGGED_IN, "this hub is for those who log in")
        self.check_nick(nick, member)
        member.nick = nick
        member.entered = member.spoke = self.now()
        member.heard = asyncio.get_running_loop().time()
        self.people[folded(nick)] = member
        self._watch(Entered(at=member.entered, who=member.who))

    def is_on(self, member: Member) -> bool:
        """Whether they have entered, and not left."""
        return self.people.get(folded(member.nick)) is member

    def leave(self, member: Member, text: str = "") -> None:
        """Somebody is gone from the hub, and so from all rooms. Idempotent."""
        if not self.is_on(member):
            return
        others = self.neighbours(member)
        del self.people[folded(member.nick)]
        for room in list(member.rooms):
            room.remove(member)
        event = Quit(at=self.now(), who=member.who, text=cut(text))
        self.gone.append(Gone(event.who, member.real_name, event.at))
        self._tell(event, others)

    def rename(self, member: Member, nick: str) -> None:
        """Raises `Refused`."""
        if nick == member.nick:
            return
        self.check_nick(nick, member)
        for room in member.rooms:
            room.check_rename(member)
        event = Renamed(at=self.now(), who=member.who, nick=nick)
        self.gone.append(Gone(event.who, member.real_name, event.at))
        del self.people[folded(member.nick)]
        member.nick = nick
        self.people[folded(nick)] = member
        self._tell_neighbours(event, member)

    def set_away(self, member: Member, text: str) -> None:
        """An empty text is back. Others hear of it where it is new."""
        before, member.away = member.away, cut(text)
        event = Away(at=self.now(), who=member.who, text=member.away)
        if member.away != before:
            self._tell(event, self.neighbours(member))
        member.own(event)

    def log_in(self, member: Member, account: str) -> None:
        """Somebody has proven who they are, or, with no account, is a guest again."""
        before, member.account = member.who, account
        member.is_operator = account in self.operators
        if self.is_on(member):
            self._tell_neighbours(LoggedIn(at=self.now(), who=member.who, before=before), member)
            self.give_back_ranks(member)

    def set_name(self, member: Member, name: str) -> None:
        """What somebody says their name is."""
        member.real_name = cut(name)
        self._tell_neighbours(NameSet(at=self.now(), who=member.who, name=member.real_name), member)

    def neighbours(self, member: Member) -> set[Member]:
        """All others in the rooms of a member."""
        others: set[Member] = set()
        for room in member.rooms:
            others.update(room.members)
        others.discard(member)
        return others

    def whisper(
        self, member: Member, nick: str, text: str, kind: Kind = "say", *, tags: dict[str, str] | None = None
    ) -> Member:
        """Say something to one alone, who is returned; it is kept nowhere. Raises `Refused`."""
        other = self.find(nick)
        check_text(text)
        member.spoke = now = self.now()
        said, tags = self._named(now), tags or {}
        event = Whispered(at=now, who=member.who, to=other.nick, kind=kind, text=text, id=said, tags=tags)
        self._tell_other(event, other, member)
        return other

    def tag(self, member: Member, to: str, tags: dict[str, str]) -> None:
        """Say tags alone, in a room or to one member; they are kept nowhere. Raises `Refused` as what is said does."""
        now = self.now()
        if to.startswith("#"):
            room = self.room(to)
            room.check_speech(member)
            self._tell_room(room, Tagged(at=now, who=member.who, to=room.name, tags=tags, id=self._named(now)), member)
        else:
            other = self.find(to)
            self._tell_other(
                Tagged(at=now, who=member.who, to=other.nick, tags=tags, id=self._named(now)), other, member
            )

    def _tell_other(self, event: Event, other: Member, by: Member) -> None:
        self._tell(event, (other,) if other is not by else ())
        by.own(event)

    def _tell(self, event: Event, members: Iterable[Member]) -> None:
        for member in members:
            member.tell(event)
        self._watch(event)

    def _tell_neighbours(self, event: Event, by: Member) -> None:
        self._tell(event, self.neighbours(by))
        by.own(event)

    def reform(self, member: Member, form: Form) -> None:
        """Somebody is written to in another form from now on."""
        for room in member.rooms:
            room.reform(member, form)
        member.form = form

    # ── ending ────────────────────────────────────────────────────────────────────────────────────────────

    def dismiss(self, member: Member, text: str) -> None:
        """Let somebody go, and say why."""
        self.leave(member, text)
        member.dismiss(text)

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_SWEEP)
            self.sweep(loop.time())

    def sweep(self, now: float) -> None:
        """Ask those who are silent whether they are there, and let those go who have not answered; `now` is the loop's
        time. Done every few seconds."""
        for member in list(self.people.values()):
            if member.outbox is None or now - member.heard < CHAT_PING_SECONDS:
                continue
            if member.pinged <= member.heard:
                member.pinged = now
                member.ping()
            elif now - member.pinged >= CHAT_PONG_SECONDS:
                self.dismiss(member, f"silent for {now - member.heard:.0f} seconds")

    def retire(self) -> None:
        """The server closes: let everybody go."""
        for member in list(self.people.values()):
            self.dismiss(member, "the hub stops")
        for retire in self.retiring:
            retire()

    async def aclose(self) -> None:
        """Let everybody go and give the history back. Idempotent."""
        self._sweeping.cancel()
        self._tidying.cancel()
        self.retire()
        self.shelf.close()
        await self.history.aclose()
