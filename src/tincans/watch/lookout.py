"""The lookout: asks what has happened, for all who look together, and keeps what holds now.

    every 100 ms while somebody looks, every second else ──► journal.changes, the register, the switchboard
        ──► a new revision of what changed ──► whoever waits is woken, and takes what is newer than what it took last

Nothing is queued for anybody: a reader that is slow finds, when it comes back, what holds then. What would grow is
bounded, and what was left out is counted. Asking is measured, and the next time is LOOK_REST times as long away as the
last took, so that looking costs the traffic a tenth at most, however much is said.

Whatever goes wrong in it becomes a trouble that every reader is told, and it goes on asking.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Generic, TypeVar

import msgspec

from tincans.conversation import Conversation
from tincans.errors import TincansError
from tincans.journal import Filter
from tincans.limits import IDLE_LOOK_SECONDS, LOOK_CHANGES, LOOK_OVER, LOOK_REST, LOOK_SECONDS
from tincans.register import Register
from tincans.switchboard import Row as BoardRow
from tincans.tasks import spawn, wake
from tincans.text import escape
from tincans.watch import shapes
from tincans.watch.answers import Board
from tincans.watch.chart import Chart
from tincans.watch.glance import at_a_glance
from tincans.watch.silences import Silences
from tincans.watch.trouble import trouble
from tincans.watch.watched import Watched

log = logging.getLogger(__name__)

T = TypeVar("T")


class Standing:
    """A conversation as it stands, and its shape once somebody wants it."""

    __slots__ = ("_raw", "told")

    def __init__(self, told: Conversation) -> None:
        self.told = told
        self._raw: msgspec.Raw | None = None

    @property
    def raw(self) -> msgspec.Raw:
        """Encoded once for all readers."""
        if self._raw is None:
            self._raw = msgspec.Raw(shapes.to_json(shapes.conversation(self.told)))
        return self._raw


class Newest(Generic[T]):
    """The newest of each, by number, in the order in which they changed, with the revision at which they did."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[int, T]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def put(self, number: int, value: T, revision: int) -> None:
        """It is this now."""
        self._kept.pop(number, None)
        self._kept[number] = revision, value

    def get(self, number: int) -> T | None:
        found = self._kept.get(number)
        return found[1] if found else None

    def revision(self, number: int) -> int:
        """At which it changed last; 0 for what is not kept."""
        found = self._kept.get(number)
        return found[0] if found else 0

    def drop(self, number: int) -> None:
        self._kept.pop(number, None)

    def since(self, mark: int) -> Iterator[tuple[int, T]]:
        """Those that changed after revision `mark`, the last first, at the cost of these alone."""
        for number in reversed(self._kept):
            revision, value = self._kept[number]
            if revision <= mark:
                return
            yield number, value

    def __iter__(self) -> Iterator[tuple[int, T]]:
        return ((number, value) for number, (_, value) in self._kept.items())


class Lookout:
    """Asks while its block runs."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        #: Counts the ticks in which something changed.
        self.revision = 0
        self.rows: Newest[Standing] = Newest()
        self.gone: Newest[None] = Newest()
        self.board: tuple[int, Board] = (0, Board(rows=[]))
        self.trouble: tuple[int, shapes.Trouble | None] = (0, None)
        self.chart = Chart(watched.now())
        #: Who waits for whom, in open conversations that became silent.
        self.states: Newest[shapes.State] = Newest()
        self._silences = Silences()
        #: The programs at the ends of open conversations, by side.
        self.programs: Newest[dict[str, shapes.Program]] = Newest()
        #: How many conversations are recorded, and how many changes were left out, ever.
        self.total = 0
        self.left_out = 0
        #: Seconds that the last tick took.
        self.took = 0.0
        self._mark: int | None = None
        self._asked_at = 0  # when the register was last asked
        self._over: dict[int, None] = {}  # those kept in rows that are over, the oldest first
        self._readers = 0
        self._waiters: set[asyncio.Future[None]] = set()
        self._hurry = asyncio.Event()

    async def __aenter__(self) -> Lookout:
        self._ticking, self._judging = spawn(self._run()), spawn(self._judge())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = [self._ticking, self._judging]
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
    def _next(self) -> int:
        """The revision of what changes now: that of the next time that readers are told."""
        return self.revision + 1

    # ── asking ────────────────────────────────────────────────────────────────────────────────────────────

    async def _run(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            began = clock()
            await self._tick_safely()
            self.took = clock() - began
            usual = LOOK_SECONDS if self._readers else IDLE_LOOK_SECONDS
            await self._rest(max(usual, self.took * LOOK_REST))

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
            changed = await self._tick()
            failed = None
        except Exception as error:
            if not isinstance(error, TincansError):
                log.exception("what happens cannot be looked at")
            failed = trouble(error)
            changed = False
        if failed != self.trouble[1]:
            self.trouble = self._next, failed
            changed = True
        if changed:
            self._tell()

    def _tell(self) -> None:
        """There is a new revision."""
        self.revision += 1
        for waiter in self._waiters:
            wake(waiter)

    async def _tick(self) -> bool:
        """Ask once; whether something changed."""
        if await self._watched.look_after():
            self._begin_again()
        first = not self.revision
        changed = self._see_board()
        changed |= await self._see_conversations()
        is_over = self.chart.is_over(now := self._watched.now())
        if first or is_over:
            self.total = await self._watched.journal.count()
        if is_over:
            self.chart.end(now, await self._watched.journal.count(Filter(open=True)))
        return changed or first or is_over

    async def _judge(self) -> None:
        """Say of those that have become silent who waits for whom, one after the other, while somebody looks."""
        clock = asyncio.get_running_loop().time
        while True:
            began = clock()
            found = self._silences.next(self._watched.now()) if self._readers else None
            if found is not None:
                await self._judge_one(found)
            await asyncio.sleep(max(0 if found else LOOK_SECONDS, (clock() - began) * LOOK_REST))

    async def _judge_one(self, conversation: Conversation) -> None:
        try:
            state = await at_a_glance(self._watched.journal, conversation, self._watched.now())
        except TincansError:
            return  # the next tick tells
        except Exception:
            log.exception("how conversation %d stands cannot be told", conversation.number)
            return
        if conversation.closed is None:
            self.states.put(conversation.number, shapes.state(state), self._next)
            self._tell()

    def _begin_again(self) -> None:
        """The journal is another: none of the conversations is there any more."""
        for number, _ in list(self.rows):
            self.gone.put(number, None, self._next)
        self.rows, self.states, self._mark, self._over = Newest(), Newest(), None, {}

    def _see_board(self) -> bool:
        board = board_of(self._watched)
        if board == self.board[1]:
            return False
        self.board = self._next, board
        return True

    async def _see_conversations(self) -> bool:
        """Those that go on here are known from the register, sooner than the journal has them; the others from that."""
        first = self._mark is None
        changes = await self._watched.journal.changes(self._mark, LOOK_CHANGES)
        self._mark = changes.mark
        self.left_out += changes.left_out
        register = self._watched.register
        told = [each for each in changes.conversations if register is None or each.number not in register.talks]
        (self.chart.begin if first else self.chart.take)(told)
        if register is not None:
            told += (here := self._heard_here(register))
            self.chart.take(here)
        self._keep(told)
        self._silences.take(told)
        return bool(told or changes.left_out)

    def _heard_here(self, register: Register) -> list[Conversation]:
        """In which something happened here since this was last asked."""
        since, self._asked_at = self._asked_at, self._watched.now()
        here = [talk.conversation for talk in register.talks.values() if talk.conversation.last >= since]
        return here + [talk.conversation for talk in register.over.values() if talk.conversation.last >= since]

    def _keep(self, conversations: Iterable[Conversation]) -> None:
        for told in conversations:
            self.rows.put(told.number, Standing(told), self._next)
            self.gone.drop(told.number)
            if told.closed is not None:
                self._over[told.number] = None
                self.states.drop(told.number)
        while len(self._over) > LOOK_OVER:
            number = next(iter(self._over))
            del self._over[number]
            self.rows.drop(number)


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
