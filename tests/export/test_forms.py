"""What all forms have in common: a conversation of any size needs no more memory than a few of its entries."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator

import pytest

from tincans.channel import Side
from tincans.conversation import Closed, Entry, How, Kind, Opened, Said
from tincans.export import Form
from tincans.export.har import Har
from tincans.export.hiding import Hiding
from tincans.export.lines import Jsonl, Tin
from tincans.export.pcapng import Pcapng

MIB = 1024 * 1024
FORMS: list[Callable[[], Form]] = [lambda: Pcapng("tincans"), Tin, Jsonl, lambda: Har("1")]


def bulk(count: int) -> Iterator[Entry]:
    """So many half MiB in one direction, as HTTP."""
    yield Opened(conversation=1, at=1, kind=Kind.LISTEN, client="tcp://127.0.0.1:5", server="tcp://127.0.0.1:80")
    yield Said(conversation=1, at=2, side=Side.CLIENT, data=b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (count * MIB // 2)
    yield Said(conversation=1, at=3, side=Side.SERVER, data=head)
    for _ in range(count):
        yield Said(conversation=1, at=4, side=Side.SERVER, data=bytes(MIB // 2))
    yield Closed(conversation=1, at=5, how=How.FINISHED)


def peak(work: Callable[[int], None], count: int) -> int:
    work(1)  # whatever is imported late is there now
    tracemalloc.start()
    try:
        work(count)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("make", FORMS[:3], ids=["pcapng", "tin", "jsonl"])
def test_memory_does_not_grow_with_the_conversation(make: Callable[[], Form]) -> None:
    def write(count: int) -> None:
        form = make()
        for entry in bulk(count):
            for _ in form.take(entry):
                pass

    assert peak(write, 16) < peak(write, 4) + MIB


def test_nor_does_what_hides_secrets() -> None:
    def hide(count: int) -> None:
        hiding = Hiding()
        for entry in bulk(count):
            hiding.look(entry)
        hiding.look_no_more()
        for entry in bulk(count):
            assert hiding.hide(entry) is not None

    assert peak(hide, 16) < peak(hide, 4) + MIB


@pytest.mark.parametrize("make", FORMS, ids=["pcapng", "tin", "jsonl", "har"])
def test_no_conversation_is_a_file_too(make: Callable[[], Form]) -> None:
    form = make()
    data = form.head() + b"".join(form.over()) + form.foot()
    assert isinstance(data, bytes)
    assert form.masked == 0
