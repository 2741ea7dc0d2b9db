"""Each end is asked for once, and again when it is another."""

from __future__ import annotations

from typing import Any

from tincans.conversation import Conversation, Kind
from tincans.watch.naming import Ends


def told(number: int = 1, **fields: Any) -> Conversation:
    return Conversation(
        number=number, kind=Kind.RELAY, client="tcp://127.0.0.1:1", near="tcp://127.0.0.1:2", server="tcp://127.0.0.1:4",
        opened=0, **fields,
    )  # fmt: skip


def test_an_end_is_asked_for_once() -> None:
    ends = Ends()
    ends.take([told(far="tcp://127.0.0.1:3")])
    assert ends.fresh() == {
        (1, "client"): ("tcp://127.0.0.1:1", "tcp://127.0.0.1:2"),
        (1, "server"): ("tcp://127.0.0.1:4", "tcp://127.0.0.1:3"),
    }
    ends.take([told(far="tcp://127.0.0.1:3", client_bytes=9)])
    assert ends.fresh() == {}


def test_a_relays_server_is_asked_for_once_it_answers() -> None:
    ends = Ends()
    ends.take([told()])
    before = ends.fresh()
    ends.take([told(far="tcp://127.0.0.1:3")])
    assert (1, "server") in ends.fresh()
    assert all(all(end) for end in before.values())


def test_one_that_is_over_is_forgotten() -> None:
    ends = Ends()
    ends.take([told(far="tcp://127.0.0.1:3")])
    ends.take([told(far="tcp://127.0.0.1:3", closed=5)])
    assert ends.fresh() == {}
    assert not ends._known
