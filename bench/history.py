"""A chat of a million messages: what keeping one costs, how soon its hub is open, joined and searched.

The messages are said by nobody: they are appended as a hub does it, first in bursts, then one by one. Then a real hub
is started on the folder, and a program joins a room and searches, over its port and in JSON lines; each round has a hub
of its own, which nobody has asked before.
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path
from typing import Any

from bench.figures import Figure, Target, alternate
from bench.peers import COMMAND, TINCANS
from bench.workplace import Workplace
from tincans.apps.chat.events import Message, RoomState, Who
from tincans.apps.chat.history.folder import FolderHistory
from tincans.apps.chat.history.index import remove_index

MESSAGES = 1_000_000
BURST = 64
#: How often one of the rooms is spoken in.
ROOMS = {"#lobby": 500, "#ops": 300, "#deploys": 150, "#random": 50, "#quiet": 1}
ONE_BY_ONE, BURSTS = "one by one", f"in bursts of {BURST}"
#: Half of all messages have `common`, and either `odd` or `even`; both in one of a hundred thousand, with `rare`.
SEARCHES = {
    "a rare word": ("rare", ""),
    "a common word": ("common", ""),
    "a common word in a small room": ("common", "#quiet"),
    "two common words that rarely meet": ("odd even", ""),
    "a phrase": ('"common odd"', ""),
    "a phrase that nobody said": ('"odd common"', ""),
    "a word of one person": ("from:nick7 common", ""),
    "a beginning": ("wor*", ""),
    "a beginning of one letter": ("w*", ""),
}


def measure(place: Workplace) -> list[Figure]:
    count = int(MESSAGES * place.scale)
    folder = place.path("-rooms")
    kept, opened = _kept(count), _opened(count)
    place.say(f"  keeping {count:,} messages …")
    asyncio.run(_keep(folder, count, kept, opened))
    joined, found = _joined(count), _found(count)
    for _ in range(place.rounds):
        _open(folder, opened)
    runs = {TINCANS: lambda: _join_and_search(place, folder)}
    figures = [joined, *(Figure(name, "ms") for name in SEARCHES)]
    alternate(figures, runs, place.rounds, place.say)
    for figure in figures[1:]:
        for samples in figure.samples.values():
            found.samples[figure.title] = samples
        for reason in figure.missing.values():
            found.missing[figure.title] = reason
    return [kept, opened, _made_anew(folder, count), joined, found]


def _kept(count: int) -> Figure:
    return Figure(
        f"History: keeping {count:,} messages", "µs a message", less_is_better=True, drawn=False,
        targets=[Target(ONE_BY_ONE, 15)],
        remark="Of the hub's thread, while another thread of the process indexes what was kept before.",
    )  # fmt: skip


def _opened(count: int) -> Figure:
    return Figure(
        f"History: opening {count:,} messages", "ms", less_is_better=True, drawn=False, targets=[Target(TINCANS, 1000)],
    )  # fmt: skip


def _made_anew(folder: Path, count: int) -> Figure:
    """What it costs once where the index was lost."""
    remove_index(folder / "index.sqlite3")
    figure = Figure(
        f"History: indexing {count:,} messages anew", "ms", less_is_better=True, drawn=False,
        remark="A hub opens, and has all but its search; that finds all when the words are indexed behind.",
    )  # fmt: skip
    asyncio.run(_make_anew(folder, figure))
    return figure


async def _make_anew(folder: Path, figure: Figure) -> None:
    began = time.perf_counter()
    history = FolderHistory.open(folder)
    figure.samples["until it is open"] = [(time.perf_counter() - began) * 1e3]
    while await history.unsearched():
        pass
    figure.samples["until all is found"] = [(time.perf_counter() - began) * 1e3]
    await history.aclose()


def _joined(count: int) -> Figure:
    return Figure(
        f"History: joining a room of {count:,} messages", "ms", less_is_better=True, targets=[Target(TINCANS, 100)],
        remark="From the command to the last of 100 messages, over TCP, of a hub that was just started.",
    )  # fmt: skip


def _found(count: int) -> Figure:
    return Figure(
        f"History: searching {count:,} messages", "ms", less_is_better=True,
        targets=[Target(name, 200) for name in SEARCHES],
        remark="From the command to the last of 50 messages, over TCP; each is asked once of a hub.",
    )  # fmt: skip


# ── keeping ───────────────────────────────────────────────────────────────────────────────────────────────


def _messages(count: int) -> Iterator[Message]:
    """As people write: 3 to 25 words, of which some are had often and most are not."""
    dice = random.Random(6)
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(dice.choices(letters, k=dice.randint(2, 9))) for _ in range(50_000)]
    often = list(accumulate(1 / (place + 2) for place in range(len(words))))
    texts = [" ".join(dice.choices(words, cum_weights=often, k=dice.randint(3, 25))) for _ in range(50_000)]
    rooms = dice.choices(list(ROOMS), list(ROOMS.values()), k=count)
    for number, room in enumerate(rooms, 1):
        text = f"{dice.choice(texts)}{' common' * (dice.random() < 0.5)} {'odd' if number % 2 else 'even'}"
        at = 1_790_000_000_000_000_000 + number * 10**9
        yield Message(
            number=number, at=at, room=room, who=Who(f"nick{number % 50}"), id=f"5eed0000{at:x}",
            text=text if number % 100_000 != 7 else f"{text} rare odd even",
        )  # fmt: skip


async def _keep(folder: Path, count: int, kept: Figure, opened: Figure) -> None:
    history = FolderHistory.open(folder)
    began, spent, messages = time.perf_counter(), 0.0, _messages(count)
    single = count // 100
    for _ in range((count - single) // BURST):
        burst = [next(messages) for _ in range(BURST)]
        spent -= time.perf_counter()
        history.append(burst)
        spent += time.perf_counter()
        await asyncio.sleep(0)
    kept.samples[BURSTS] = [spent / history.last * 1e6]
    rest = list(messages)
    await history.search("rare", rooms=ROOMS)  # waits for the index
    spent = -time.perf_counter()
    for message in rest:
        history.append([message])
    kept.samples[ONE_BY_ONE] = [(spent + time.perf_counter()) / len(rest) * 1e6]
    for room in ROOMS:
        history.keep(RoomState(name=room, created=1, modes="nt"))
    await history.search("rare", rooms=ROOMS)
    kept.samples["until all is found"] = [(time.perf_counter() - began) / count * 1e6]
    await history.aclose()


def _open(folder: Path, figure: Figure) -> None:
    began = time.perf_counter()
    history = FolderHistory.open(folder)
    figure.samples.setdefault(TINCANS, []).append((time.perf_counter() - began) * 1e3)
    asyncio.run(history.aclose())


# ── a hub ─────────────────────────────────────────────────────────────────────────────────────────────────


def _join_and_search(place: Workplace, folder: Path) -> list[float]:
    """Milliseconds of joining, and of each search."""
    with _hub(place, folder) as ask:
        took = [ask("history", do="join", room="#lobby", history=100)]
        for room in [*ROOMS][1:]:
            ask("room", do="join", room=room)
        for text, room in SEARCHES.values():
            in_room = {"room": room} if room else {}
            took.append(ask("found", do="search", text=text, **in_room))
    return took


@contextmanager
def _hub(place: Workplace, folder: Path) -> Iterator[Any]:
    """A hub on the folder, and how a program in it asks for something: milliseconds until it is told."""
    port = place.path(".port")
    command: list[str | Path] = [
        COMMAND,
        "listen",
        ":0",
        "chat",
        "--rooms",
        folder,
        "--no-record",
        "--quiet",
        "--port-file",
        port,
    ]
    program = place.start(command, port)
    try:
        place.commands.setdefault("History, tincans", place.shown(program.command))
        with socket.create_connection(("127.0.0.1", program.port)) as caller, caller.makefile("rwb") as lines:

            def ask(told: str, **command: object) -> float:
                began = time.perf_counter()
                lines.write(json.dumps(command).encode() + b"\n")
                lines.flush()
                while json.loads(lines.readline())["on"] != told:
                    pass
                return (time.perf_counter() - began) * 1e3

            ask("welcome", do="hello", nick="bench")
            yield ask
    finally:
        program.stop()
