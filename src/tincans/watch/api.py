"""The API's table, and the handlers of what only looks. `docs/api.md` says what each means; this is how it is found
out.

A handler is given the call's context and what was asked, read and checked already, and gives a shape or a file. It
raises what goes wrong; `trouble.py` has the statuses.
"""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta

from tincans import __version__
from tincans.conversation import How, Kind
from tincans.journal import Filter
from tincans.limits import LIST_MOST, LIST_ROWS
from tincans.protocols import names
from tincans.switchboard import Row as BoardRow
from tincans.text import escape
from tincans.watch import shapes
from tincans.watch.answers import Board, Finding, Hello, Listing, One
from tincans.watch.endpoints import Endpoint, Nothing
from tincans.watch.watched import Watched


class Call(NamedTuple):
    """What a handler works with: what is watched, and whether the token may steer."""

    watched: Watched
    steers: bool


# ── what the parameters take ──────────────────────────────────────────────────────────────────────────────

Text = Annotated[str, Meta(max_length=1024)]
Number = Annotated[int, Meta(ge=-(2**62), le=2**62)]
Size = Annotated[int, Meta(ge=0, le=2**62)]
#: Microseconds; in nanoseconds they still fit into 64 bits.
Time = Annotated[int, Meta(ge=0, le=2**52)]
Standing = Literal["open", "finished", "reset", "failed", "idle", "stopped", "lost"]


class Which(msgspec.Struct, frozen=True, kw_only=True):
    """Which conversations, and how many of them."""

    party: Annotated[Text, Meta(description="text in one of the addresses")] = ""
    kind: Annotated[Kind | None, Meta(description="the part that tincans played")] = None
    name: Annotated[Text, Meta(description="the listener's or relay's name, exactly")] = ""
    state: Annotated[list[Standing], Meta(description="how they stand; may be given several times")] = []
    least: Annotated[Size | None, Meta(description="bytes said in it, by both together, at least")] = None
    most: Annotated[Size | None, Meta(description="bytes said in it, by both together, at most")] = None
    since: Annotated[Time | None, Meta(description="begun then or later, in microseconds")] = None
    until: Annotated[Time | None, Meta(description="begun before, in microseconds")] = None
    text: Annotated[Text, Meta(description="what was said in it, case aside")] = ""
    protocol: Annotated[Text, Meta(description="what is spoken in it")] = ""
    offset: Annotated[Size, Meta(description="rows left out at the beginning")] = 0
    limit: Annotated[int, Meta(ge=1, le=LIST_MOST, description="rows at most")] = LIST_ROWS
    before: Annotated[Number | None, Meta(description="where text or protocol read on: NEXT of the answer before")] = (
        None
    )

    @property
    def filter(self) -> Filter:
        """As the journal takes it."""
        how = tuple(None if each == "open" else How(each) for each in self.state)
        since, until = (None if at is None else at * 1000 for at in (self.since, self.until))
        return Filter(
            party=self.party, kind=self.kind, how=how, since=since, until=until, name=self.name, least=self.least,
            most=self.most, before=self.before,
        )  # fmt: skip


class Numbered(msgspec.Struct, frozen=True, kw_only=True):
    """One conversation."""

    number: Annotated[Number, Meta(description="its number; negative where it is not recorded")]


# ── looking ───────────────────────────────────────────────────────────────────────────────────────────────


def hello_of(call: Call) -> Hello:
    """The beginning of every visit."""
    watched = call.watched
    return Hello(
        version=__version__, steer=call.steers, journal=escape(watched.where), now=shapes.micros(watched.now()),
        protocols=names(), board=watched.board is not None,
    )  # fmt: skip


async def hello(call: Call, asked: Nothing) -> Hello:
    return hello_of(call)


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


async def board(call: Call, asked: Nothing) -> Board:
    return board_of(call.watched)


async def conversations(call: Call, asked: Which) -> Listing | Finding:
    journal = call.watched.journal
    which = asked.filter
    total = await journal.count(which)
    found = await journal.some(which, asked.offset, asked.limit)
    return Listing(total=total, offset=asked.offset, rows=[shapes.conversation(each) for each in found])


async def conversation(call: Call, asked: Numbered) -> One:
    found = await call.watched.journal.conversation(asked.number)
    return One(conversation=shapes.conversation(found), pages=0, total=0)


ROWS: tuple[Endpoint, ...] = (
    Endpoint("GET", "/api", hello, Nothing, (Hello,), "who answers, and what may be asked"),
    Endpoint("GET", "/api/board", board, Nothing, (Board,), "the listeners and relays of the switchboard"),
    Endpoint(
        "GET", "/api/conversations", conversations, Which, (Listing, Finding), "the conversations, listed or searched"
    ),
    Endpoint("GET", "/api/conversations/{number}", conversation, Numbered, (One,), "one conversation"),
)
