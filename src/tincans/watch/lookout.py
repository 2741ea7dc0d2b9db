"""The lookout: asks what has happened, for all who look together, and keeps what holds now.

    every 100 ms while somebody looks (LOOK_FLOOD_SECONDS in a flood), every second else
        ──► journal.changes, the register, the switchboard
        ──► a new revision of what changed ──► whoever waits is woken, and takes what is newer than what it took last

Nothing is queued for anybody: a reader that is slow finds, when it comes back, what holds then. What would grow is
bounded, and what was left out is counted. Asking is measured, and the next time is LOOK_REST times as long away as the
last took, so that looking costs the traffic a tenth at most, however much is said.

Whatever goes wrong in it becomes a trouble that every reader is told, and it goes on asking.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from time import monotonic
from types import TracebackType

from tincans.conversation import Conversation
from tincans.errors import NoSuchConversation, TincansError
from tincans.journal import Filter
from tincans.limits import (
    IDLE_LOOK_SECONDS,
    LOOK_CHANGES,
    LOOK_FLOOD,
    LOOK_FLOOD_SECONDS,
    LOOK_OVER,
    LOOK_REST,
    LOOK_ROWS,
    LOOK_SECONDS,
)
from tincans.register import Register
from tincans.switchboard import Row as BoardRow
from tincans.tasks import spawn, wake
from tincans.text import escape
from tincans.watch import shapes
from tincans.watch.answers import Arrived, Board
from tincans.watch.arriving import arrive
from tincans.watch.chart import Chart
from tincans.watch.naming import Ends, name
from tincans.watch.newest import Newest, Standing
from tincans.watch.search import known_protocol
from tincans.watch.silences import Silences, judge
from tincans.watch.speaking import Shown, listen
from tincans.watch.trouble import trouble
from tincans.watch.watched import Watched

log = logging.getLogger(__name__)


class Lookout:
    """Asks while its block runs."""

    def __init__(self, watched: Watched) -> None:
        self.watched = watched
        #: Counts the ticks in which something changed.
        self.revision = 0
        self.rows: Newest[Standing] = Newest()
        self.gone: Newest[None] = Newest()
        self.board: tuple[int, Board] = (0, Board(rows=[]))
        #: The inboxes, and how often each has changed.
        self.mails: tuple[int, Arrived] = (0, Arrived(revisions={}))
        self.trouble: tuple[int, shapes.Trouble | None] = (0, None)
        self.chart = Chart(watched.now())
        #: Who waits for whom, in open conversations that became silent.
        self.states: Newest[shapes.State] = Newest()
        self._silences, self._ends = Silences(), Ends()
        #: Conversations that readers were shown beside.
        self.shown = Shown()
        #: The programs at the ends of open conversations, by side.
        self.programs: Newest[dict[str, shapes.Program]] = Newest()
        #: How many conversations are recorded, how many are open, and how many changes were left out, ever.
        self.total = 0
        self.open = 0
        self.left_out = 0
        #: Seconds that the last tick took.
        self.took = 0.0
        self._changed = 0  # conversations in the last tick
        self._mark: int | None = None
        self._asked_at = 0  # when the register was last asked
        self._over: dict[int, None] = {}  # those kept in rows that are over, the oldest first
        self._left_out = 0  # up to which it was looked for those that were left out
        self._doubtful: list[int] = []  # open ones of which nobody may have told that they are over
        self._has_aside = False  # something changed beside the ticks
        self._readers = 0
        self._waiters: set[asyncio.Future[None]] = set()
        self._hurry = asyncio.Event()

    async def __aenter__(self) -> Lookout:
        self._ticking, self._judging = spawn(self._run()), spawn(judge(self, self._silences))
        self._naming, self._listening = spawn(name(self, self._ends)), spawn(listen(self, self.shown))
        self._arriving = spawn(arrive(self, self.watched.inboxes))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = [self._ticking, self._judging, self._naming, self._listening, self._arriving]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    # ── who looks ─────────────────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def looked_at(self) -> Iterator[None]:
        """Somebody looks while the block runs."""
        if not self._readers:
            self._hurry.set()
        self._readers += 1
        try:
            yield
        finally:
            self._readers -= 1

    async def news(self, mark: int) -> None:
        """Wait until there is a revision after `mark`."""
        while self.revision <= mark:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.add(waiter)
            try:
                await waiter
            finally:
                self._waiters.discard(waiter)

    @property
    def is_looked_at(self) -> bool:
        """Whether anybody looks."""
        return self._readers > 0

    def judged(self, conversation: Conversation, state: shapes.State) -> None:
        """Who waits for whom in one that became silent was found out."""
        if conversation.closed is None:
            self.states.put(conversation.number, state, self._next)
            self._has_aside = True

    def named(self, number: int, programs: Mapping[str, shapes.Program]) -> None:
        """The programs at ends of an open conversation were found out."""
        standing = self.rows.get(number)
        if standing is not None and standing.told.closed is None:
            self.programs.put(number, {**(self.programs.get(number) or {}), **programs}, self._next)
            self._has_aside = True

    def spoken(self, told: Conversation, protocol: str) -> None:
        """What is spoken in a conversation was found out."""
        standing = self.rows.get(told.number)
        if protocol and (standing is None or standing.protocol != protocol):
            self._keep([standing.told if standing else told])
            self._has_aside = True

    def arrived(self, told: Arrived) -> None:
        """The inboxes were looked at."""
        if told != self.mails[1]:
            self.mails = self._next, told
            self._has_aside = True

    @property
    def _next(self) -> int:
        """The revision of what changes now: that of the next time that readers are told."""
        return self.revision + 1

    # ── asking ────────────────────────────────────────────────────────────────────────────────────────────

    async def _run(self) -> None:
        while True:
            began = monotonic()
            await self._tick_safely()
            self.took = monotonic() - began
            await self._rest(max(self._usual, self.took * LOOK_REST))

    @property
    def _usual(self) -> float:
        """How often it asks where that costs little, in seconds."""
        if not self._readers:
            return IDLE_LOOK_SECONDS
        return LOOK_FLOOD_SECONDS if self._changed > LOOK_FLOOD else LOOK_SECONDS

    async def _rest(self, seconds: float) -> None:
        """Until then, or until somebody comes who looks."""
        try:
            async with asyncio.timeout(seconds):
                await self._hurry.wait()
        except TimeoutError:
            pass
        self._hurry.clear()

    async def _tick_safely(self) -> None:
        try:
            changed, failed = await self._tick(), None
        except Exception as error:
            changed, failed = False, trouble(error)
            if not isinstance(error, TincansError) and failed != self.trouble[1]:
                log.exception("what happens cannot be looked at")
        if failed != self.trouble[1]:
            self.trouble = self._next, failed
            changed = True
        if changed or self._has_aside:
            self._has_aside = False
            self.revision += 1
            for waiter in self._waiters:
                wake(waiter)

    async def _tick(self) -> bool:
        """Ask once; whether something changed."""
        if await self.watched.look_after():
            self._begin_again()
        first = not self.revision
        changed = self._see_board()
        changed |= await self._see_conversations()
        is_over = self.chart.is_over(now := self.watched.now())
        if first or is_over:
            await self._count()
            await self._see_what_is_gone()
        if is_over:
            self.chart.end(now, self.open)
        return changed or first or is_over

    async def _count(self) -> None:
        journal, register = self.watched.journal, self.watched.register
        self.total = await journal.count()
        self.open = await journal.count(Filter(open=True))
        if register is not None:
            self.open += sum(number < 0 for number in register.talks)

    def _begin_again(self) -> None:
        """The journal is another: none of the conversations is there any more."""
        for number, _ in list(self.rows):
            self.gone.put(number, None, self._next)
        self.rows, self.states, self.programs = Newest(), Newest(), Newest()
        self.chart.begin_again()
        self._mark, self._over = None, {}

    def _see_board(self) -> bool:
        board = board_of(self.watched)
        if board == self.board[1]:
            return False
        self.board = self._next, board
        return True

    async def _see_conversations(self) -> bool:
        """Those that go on here are known from the register, sooner than the journal has them; the others from that."""
        first = self._mark is None
        changes = await self.watched.journal.changes(self._mark, LOOK_CHANGES)
        self._mark = changes.mark
        self.left_out += changes.left_out
        register = self.watched.register
        told = [each for each in changes.conversations if register is None or each.number not in register.talks]
        (self.chart.begin if first else self.chart.take)(told)
        if register is not None:
            told += (here := self._heard_here(register))
            self.chart.take(here)
        self._changed = len(told) + changes.left_out
        self._keep(told)
        self._silences.take(told)
        self._ends.take(told)
        self.shown.take(told)
        return bool(told or changes.left_out)

    def _heard_here(self, register: Register) -> list[Conversation]:
        """In which something happened here since this was last asked."""
        since, self._asked_at = self._asked_at, self.watched.now()
        here = [talk.conversation for talk in register.talks.values() if talk.conversation.last >= since]
        return here + [talk.conversation for talk in register.over.values() if talk.conversation.last >= since]

    async def _see_what_is_gone(self) -> None:
        """A journal forgets the oldest first, so only they are looked for."""
        for number in list(self._over)[:LOOK_ROWS]:
            if await self._is_there(number):
                break
            self._forget(number)
            self.gone.put(number, None, self._next)
        if self.left_out > self._left_out:  # those that were left out are told by nobody
            self._left_out, self._doubtful = self.left_out, [n for n, row in self.rows if row.told.closed is None]
        elif (register := self.watched.register) is not None:
            self._doubtful += [n for n, row in self.rows if n < 0 and n not in register.talks]
        for number in self._doubtful[:LOOK_ROWS]:
            await self._see_again(number)
        del self._doubtful[:LOOK_ROWS]
        self.gone.trim(LOOK_OVER)

    async def _see_again(self, number: int) -> None:
        """See how one stands that was open when it was last told of."""
        register = self.watched.register
        if register is not None and number in register.talks:
            return
        if not await self._is_there(number):
            self._forget(number)
            self.gone.put(number, None, self._next)
        elif number > 0:
            self._keep([await self.watched.journal.conversation(number)])

    async def _is_there(self, number: int) -> bool:
        register = self.watched.register
        if register is not None and (number in register.talks or number in register.over):
            return True
        try:
            return number > 0 and bool(await self.watched.journal.conversation(number))
        except NoSuchConversation:
            return False

    def _forget(self, number: int) -> None:
        self._over.pop(number, None)
        self.rows.drop(number)

    def _keep(self, conversations: Iterable[Conversation]) -> None:
        for told in conversations:
            if told.number > 0 and self.rows.get(told.number) is None:
                self.total += 1  # until they are counted the next time
            self.rows.put(told.number, Standing(told, known_protocol(self.watched.journal, told.number)), self._next)
            self.gone.drop(told.number)
            if told.closed is not None:
                self._over[told.number] = None
                self.states.drop(told.number)
                self.programs.drop(told.number)
        while len(self._over) > LOOK_OVER:
            self._forget(next(iter(self._over)))


def board_of(watched: Watched) -> Board:
    """The switchboard as it stands; empty where there is none."""
    rows = [] if watched.board is None else watched.board.rows
    return Board(rows=[row_of(each) for each in rows])


def row_of(row: BoardRow) -> shapes.Row:
    """The shape of a row of the switchboard."""
    return shapes.Row(
        name=row.name, kind=row.kind, address=str(row.address), answers=escape(row.answers), clients=row.clients,
        served=row.served, listening=row.listening, record=row.record,
    )  # fmt: skip
