"""Lines written by a thread: all of them where somebody reads, and a count of the rest where nobody does."""

from __future__ import annotations

import os
import threading

import pytest

from tincans.cli import output
from tincans.cli.output import BATCH, ITEM_BYTES, Output


class Plain:
    """A form for text: a line an item."""

    def lines(self, item: str) -> str:
        return f"{item}\n"

    def skipped(self, count: int) -> str:
        return f"({count} skipped)\n"

    def prepare(self) -> None: ...


def read_all(fd: int) -> list[str]:
    with open(fd, encoding="utf-8") as file:
        return file.read().splitlines()


def test_all_that_is_put_is_written_in_order() -> None:
    reader, writer = os.pipe()
    lines = [f"line {number} ▶" for number in range(3 * BATCH + 1)]
    out = Output(writer, Plain(), pytest.fail)
    for line in lines:
        out.put(line)
    out.close()
    os.close(writer)
    assert read_all(reader) == lines


def test_a_reader_that_does_not_read_costs_lines_and_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "PATIENCE", 0.01)
    reader, writer = os.pipe()
    filled = fill(writer)
    out = Output(writer, Plain(), lambda: None, waiting=10 * ITEM_BYTES)
    for number in range(15):
        out.put(f"line {number}")
    out.close()  # gives up: the thread is still in its write
    rest = threading.Thread(target=out._thread.join)
    rest.start()
    assert os.read(reader, filled) == b"\0" * filled
    rest.join()
    os.close(writer)
    assert read_all(reader) == [*(f"line {number}" for number in range(10)), "(5 skipped)"]


def test_a_busy_machine_that_is_not_ready_yet_loses_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """What makes the lines is loaded in the other thread, which may take longer than any reader is waited for."""
    monkeypatch.setattr(output, "PATIENCE", 0.001)

    class Slow(Plain):
        def prepare(self) -> None:
            assert not closing.wait(0.02)  # closed long ago, as far as patience goes

    closing = threading.Event()
    reader, writer = os.pipe()
    out = Output(writer, Slow(), pytest.fail)
    out.put("the only line")
    out.close()
    closing.set()
    os.close(writer)
    assert read_all(reader) == ["the only line"]


def test_what_was_skipped_is_told_before_what_comes_next() -> None:
    reader, writer = os.pipe()
    filled = fill(writer)
    out = Output(writer, Plain(), lambda: None, waiting=3 * ITEM_BYTES)
    for number in range(5):
        out.put(f"line {number}")
    os.read(reader, filled)
    while out._taken < out._put:
        pass
    out.put("and on")
    out.close()
    os.close(writer)
    assert read_all(reader) == ["line 0", "line 1", "line 2", "(2 skipped)", "and on"]


def test_an_item_costs_its_bytes() -> None:
    reader, writer = os.pipe()
    fill(writer)
    out = Output(writer, Plain(), lambda: None, waiting=1000)
    out.put("small", 100)
    out.put("large", 1000 - 100 - 2 * ITEM_BYTES + 1)
    assert out._skipped == 1
    out.put("fits", 1000 - 100 - 2 * ITEM_BYTES)
    assert out._skipped == 0
    os.close(reader)
    out.close()
    os.close(writer)


def test_what_must_be_written_finds_room() -> None:
    reader, writer = os.pipe()
    filled = fill(writer)
    out = Output(writer, Plain(), pytest.fail, waiting=ITEM_BYTES)
    assert [out.put("first"), out.put("second"), out.put("third", must=True)] == [True, False, True]
    os.read(reader, filled)
    out.close()
    os.close(writer)
    assert read_all(reader) == ["first", "(1 skipped)", "third"]


class Picky(Plain):
    """A form that cannot show everything."""

    def lines(self, item: str) -> str:
        return f"{int(item)}\n"


def test_what_cannot_be_shown_is_logged_and_the_rest_is_shown(caplog: pytest.LogCaptureFixture) -> None:
    reader, writer = os.pipe()
    out = Output(writer, Picky(), pytest.fail)
    for item in ("1", "two", "3"):
        out.put(item)
    out.close()
    os.close(writer)
    assert read_all(reader) == ["1", "3"]
    assert "something cannot be shown" in caplog.text
    assert "ValueError" in caplog.text


def test_it_says_once_that_whoever_read_has_gone() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    gone = threading.Event()
    out = Output(writer, Plain(), gone.set)
    out.put("hello")
    assert gone.wait(5)
    assert out.broken
    out.put("nobody reads this")
    out.close()
    os.close(writer)


def test_a_descriptor_that_others_made_non_blocking_is_waited_for() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    out = Output(writer, Plain(), pytest.fail)
    long = "x" * 200_000  # more than a pipe holds
    out.put(long)
    closing = threading.Thread(target=close, args=(out, writer))
    closing.start()
    assert read_all(reader) == [long]
    closing.join()


def close(out: Output[str], writer: int) -> None:
    out.close()
    os.close(writer)


def fill(writer: int) -> int:
    """Write to a pipe until it takes nothing more; gives how much that was."""
    os.set_blocking(writer, False)
    filled = 0
    try:
        while True:
            filled += os.write(writer, b"\0" * 65536)
    except BlockingIOError:
        os.set_blocking(writer, True)
        return filled
