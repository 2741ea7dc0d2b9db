"""A hub that is killed, again and again, while programs say all they can: what it acknowledged is there, in order.

Each program says numbered messages, many ahead of what was acknowledged. Whenever the hub is gone it calls again and
says again what had no answer, under the same id (docs/chat.md, "Saying it again"); so nothing is there twice.
"""

from __future__ import annotations

import contextlib
import json
import random
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from running import PATIENCE, POLL, Program, free_port, start, tincans

pytestmark = pytest.mark.foreign

PROGRAMS = 4
#: Messages that a program says ahead of what was acknowledged.
AHEAD = 64
#: How often the hub is killed: so often with --deep, and so often otherwise.
DEEP, QUICK = 50, 6

Object = dict[str, Any]


class Line:
    """One connection to the hub."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self._lines = self._socket.makefile("rb")

    def say(self, *objects: Object) -> None:
        self._socket.sendall(b"".join(json.dumps(each).encode() + b"\n" for each in objects))

    def hear(self) -> Object:
        """The next object. Raises `ConnectionError` when the hub is gone, also in the middle of a line."""
        line = self._lines.readline()
        if not line.endswith(b"\n"):
            raise ConnectionResetError
        found: Object = json.loads(line)
        return found

    def ask(self, do: str, **fields: Any) -> Object:
        self.say({"do": do, **fields, "label": "ask"})
        while (answer := self.hear()).get("label") != "ask":
            pass
        return answer

    def close(self) -> None:
        self._lines.close()
        self._socket.close()


class Speaker(threading.Thread):
    """A program that says numbered messages until it is told that it is enough, and everything was acknowledged."""

    def __init__(self, port: int, name: str) -> None:
        super().__init__(name=name)
        self._port = port
        self.enough = threading.Event()
        #: The texts that were acknowledged, by their number in the hub; how many were said; which have no answer.
        self.kept: dict[int, str] = {}
        self.said = 0
        self.open: dict[str, Object] = {}
        #: Messages that had been kept before the hub was killed, and were not acknowledged.
        self.found = 0
        self.wrong: list[Object] = []

    def run(self) -> None:
        while self.open or not self.enough.is_set():
            try:
                with contextlib.closing(Line(self._port)) as line:
                    self._talk(line)
            except ConnectionError:
                time.sleep(POLL)

    def _talk(self, line: Line) -> None:
        line.say({"do": "hello", "nick": self.name})
        last = line.ask("join", room="#ops", history=1)
        assert last["on"] == "room", last
        messages = line.hear()["messages"]
        before = messages[-1]["number"] if messages else 0
        line.say(*({**each, "again": True} for each in self.open.values()))
        while self.open or not self.enough.is_set():
            if not self.enough.is_set():
                line.say(*self._more())
            told = line.hear()
            if (label := told.get("label")) is None:
                continue
            if told["on"] != "message" or self.open.pop(label)["text"] != told["text"]:
                self.wrong.append(told)
                return
            self.kept[told["number"]] = told["text"]
            self.found += told["number"] <= before

    def _more(self) -> Iterator[Object]:
        while len(self.open) < AHEAD:
            self.said += 1
            text, label = f"{self.name} {self.said}", str(self.said)
            self.open[label] = {"do": "say", "room": "#ops", "text": text, "id": f"{text} of this test", "label": label}
            yield self.open[label]


class Listener(threading.Thread):
    """A program that hears all that is said, and after each loss what it has missed."""

    def __init__(self, port: int) -> None:
        super().__init__(name="listener")
        self._port = port
        self.heard: list[Object] = []
        self.enough = threading.Event()

    def run(self) -> None:
        while not self.enough.is_set():
            try:
                with contextlib.closing(Line(self._port)) as line:
                    self._listen(line)
            except ConnectionError:
                time.sleep(POLL)

    def _listen(self, line: Line) -> None:
        """What was said before it joined comes first, by pages from where it was; then what is said."""
        last = self.heard[-1]["number"] if self.heard else 0
        line.say({"do": "join", "room": "#ops"})
        asked, behind = {"do": "history", "room": "#ops", "limit": 500, "label": "page"}, list[Object]()
        line.say({**asked, "after": last})
        while (told := line.hear())["on"] != "history" or told["more"]:
            if told["on"] == "message":
                behind.append(told)
            elif told["on"] == "history":
                self.heard += told["messages"]
                line.say({**asked, "after": self.heard[-1]["number"]})
        self.heard += told["messages"]
        last = self.heard[-1]["number"] if self.heard else last
        self.heard += [each for each in behind if each["number"] > last]
        while not self.enough.is_set():
            told = line.hear()
            if told["on"] == "message" and told["number"] > (self.heard[-1]["number"] if self.heard else 0):
                self.heard.append(told)


@contextlib.contextmanager
def hub(port: int, folder: Path, port_file: Path) -> Iterator[Program]:
    """The real command, on this port and with this folder, ready to be called."""
    port_file.unlink(missing_ok=True)
    command = tincans("listen", f":{port}", "chat", "--rooms", str(folder), "--flood", "0", "--no-record", "--quiet")
    with start([*command, "--port-file", str(port_file)]) as running:
        running.wait_for_file(port_file)
        yield running


def wait_until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(POLL)


def kept(speakers: list[Speaker]) -> int:
    """How many messages were acknowledged."""
    assert not any(each.wrong for each in speakers), [each.wrong for each in speakers]
    return sum(len(each.kept) for each in speakers)


def wait_for_more(speakers: list[Speaker], count: int) -> None:
    """Wait until so many more messages were acknowledged."""
    enough = kept(speakers) + count
    wait_until(lambda: kept(speakers) >= enough)


def history(port: int) -> tuple[list[Object], Object]:
    """All that was said in the room, page by page, and the room."""
    with contextlib.closing(Line(port)) as line:
        room = line.ask("join", room="#ops")
        found: list[Object] = []
        while True:
            page = line.ask("history", room="#ops", after=found[-1]["number"] if found else 0, limit=500)
            found += page["messages"]
            if not page["more"]:
                return found, room


def test_a_hub_that_is_killed_keeps_what_it_acknowledged_once_and_in_order(
    tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    port, chance = free_port(), random.Random(6)
    kills = DEEP if pytestconfig.getoption("--deep") else QUICK
    speakers = [Speaker(port, f"program{number}") for number in range(PROGRAMS)]
    listener = Listener(port)
    try:
        for kill in range(kills):
            with hub(port, tmp_path / "rooms", tmp_path / "port") as running:
                if kill == 0:
                    with contextlib.closing(Line(port)) as line:
                        line.ask("join", room="#ops")
                        assert line.ask("topic", room="#ops", text="to be killed")["on"] == "topic"
                    for each in (listener, *speakers):
                        each.start()
                wait_for_more(speakers, chance.randrange(1, 500))
                running.process.send_signal(signal.SIGKILL)
                running.wait(-signal.SIGKILL)
        with hub(port, tmp_path / "rooms", tmp_path / "port"):
            for each in speakers:
                each.enough.set()
            for each in speakers:
                each.join(PATIENCE)
                assert not each.is_alive()
                assert not each.wrong
            messages, room = history(port)
            wait_until(lambda: len(listener.heard) >= len(messages))
    finally:
        listener.enough.set()
        for each in speakers:
            each.enough.set()
            each.open.clear()
    listener.join(PATIENCE)
    assert room["topic"]["text"] == "to be killed"
    assert listener.heard == messages
    check(messages, speakers)


def check(messages: list[Object], speakers: list[Speaker]) -> None:
    numbers = [message["number"] for message in messages]
    assert numbers == sorted(set(numbers))
    assert len({message["id"] for message in messages}) == len(messages)
    said = {message["number"]: message["text"] for message in messages}
    for each in speakers:
        own = [message["text"] for message in messages if message["from"] == each.name]
        assert own == [f"{each.name} {number}" for number in range(1, each.said + 1)]  # all, in order, each once
        assert each.kept.items() <= said.items()
        assert len(each.kept) == each.said
    print(
        f"{len(messages)} messages, {sum(each.found for each in speakers)} of them kept and not acknowledged at first"
    )
