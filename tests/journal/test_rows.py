from __future__ import annotations

import itertools
import sqlite3

import pytest

from tincans.channel import Side
from tincans.conversation import Conversation, How, Kind
from tincans.journal import Filter
from tincans.journal.rows import chosen, from_row, to_row

CONVERSATIONS = [
    Conversation(
        number=number, kind=kind, name=name, client="tcp://10.0.0.1:1", near="unix:/Run/X", far="", server=server,
        opened=opened, closed=9 if how else None, how=how, client_bytes=said, server_bytes=2 * said,
    )
    for number, (kind, name, server, opened, how, said) in enumerate(
        itertools.product(
            [Kind.LISTEN, Kind.RELAY], ["", "front"], ["tcp://[::1]:80", "unix:/run/Ärger"], [1, 2],
            [None, How.RESET, How.LOST], [0, 5],
        )
    )
]  # fmt: skip


@pytest.mark.parametrize(
    "which",
    [
        Filter(),
        Filter(party="RUN/x"),
        Filter(party="/run"),
        Filter(party="1\nunix"),
        Filter(kind=Kind.RELAY),
        Filter(open=True),
        Filter(open=False),
        Filter(how=(How.RESET,)),
        Filter(how=(None,)),
        Filter(how=(None, How.LOST)),
        Filter(open=False, how=(None, How.LOST)),
        Filter(since=2),
        Filter(until=2),
        Filter(name="front"),
        Filter(least=15),
        Filter(least=16),
        Filter(most=15),
        Filter(most=14),
        Filter(before=0),
        Filter(before=5, limit=1),
        Filter(kind=Kind.LISTEN, how=(None,), name="front", since=2, until=3, least=1, most=20, before=90, party="::"),
    ],
)
def test_the_filter_in_sql_is_the_filter(which: Filter) -> None:
    database = sqlite3.connect(":memory:")
    columns = ", ".join(f'"{field}"' for field in Conversation.__struct_fields__)
    database.execute(f"CREATE TABLE conversations ({columns})")
    database.execute("CREATE INDEX open_conversations ON conversations(number) WHERE closed IS NULL")
    for each in CONVERSATIONS:
        row = to_row(each)
        database.execute(f"INSERT INTO conversations VALUES ({', '.join('?' * len(row))})", row)
    source, parameters = chosen(which)
    found = database.execute(f"SELECT number {source} ORDER BY number", parameters).fetchall()
    assert [number for (number,) in found] == [each.number for each in CONVERSATIONS if which.matches(each)]
    database.close()


def test_a_row_holds_all_of_a_conversation() -> None:
    told = Conversation(
        number=1, kind=Kind.CONNECT, name='"', client="a", server="b", near="c", far="d", boundaries=True,
        facts={"x": "\u202e"}, opened=1, joined=0, closed=2**62, how=How.IDLE, by=Side.SERVER, detail="ä",
        client_bytes=1, server_bytes=2, client_pieces=3, server_pieces=4, dropped=5, last=6, client_ended=7,
        server_ended=None, notes=["1", "'"],
    )  # fmt: skip
    assert from_row([*to_row(told), 10, 20]) == told
