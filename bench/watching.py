"""What it costs to be watched: the same `tincans up`, recorded, with the page closed and with it open in Chromium.

The browser runs on the same cores as the load, the relay and the server, so what it draws is a part of the cost.
"""

from __future__ import annotations

import asyncio
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench.browser import blocked, browsing, go, looking
from bench.figures import Figure, NotMeasured, Once, Target, alternate, leave_out
from bench.peers import COMMAND
from bench.program import PATIENCE, Program, free_port
from bench.relay import gbits
from bench.workplace import Workplace
from tincans.channel import Side
from tincans.conversation import How, Kind, Opening
from tincans.journal import Bounds, open_journal

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CLOSED = "page closed"
MAP = "map open"
TALK = "conversation open"
TINCANS = "tincans"

MESSAGES = 1_000_000
CONVERSATIONS = 100_000
#: How long each load lasts: a page that was just opened has more to do at first than later.
SECONDS = 5
#: How many lines are timed in a round.
LINES = 20


def measure(place: Workplace) -> list[Figure]:
    figures = [*_loads(), *_pages()]
    journal = place.path(".journal")
    place.say(f"  recording {MESSAGES:,} messages and {CONVERSATIONS:,} conversations …")
    asyncio.run(_record(journal))  # before Playwright has a loop in this thread
    try:
        with browsing() as browser:
            _measure_loads(place, browser, figures[:4])
            _measure_shown(place, browser, figures[4])
            _measure_recorded(place, browser, journal, figures[5:])
    except NotMeasured as error:
        for figure in figures:
            if not figure.samples:
                leave_out([figure], TINCANS, str(error))
    return figures


def _loads() -> list[Figure]:
    watched = [Target(MAP, 0.9, CLOSED), Target(TALK, 0.9, CLOSED)]
    return [
        Figure("Watching: bulk, one connection", "Gbit/s", targets=watched,
               remark="One recorded relay of `tincans up`. The browser draws on the same cores."),
        Figure("Watching: 64-byte messages, 50 connections", "messages/s", targets=watched,
               remark="Round trips a second through a recorded relay; each is two events."),
        Figure("Watching: longest block of the page's main thread", "ms", less_is_better=True,
               targets=[Target(MAP, 100), Target(TALK, 100)],
               remark="While those messages passed. Long tasks only: 0 is less than 50 ms."),
        Figure("Watching: memory of `tincans up` under those messages", "MiB", less_is_better=True,
               remark="Resident after each round; the journal's own buffers are in it."),
    ]  # fmt: skip


def _pages() -> list[Figure]:
    return [
        Figure("Watching: from said to shown", "ms", less_is_better=True, targets=[Target(TINCANS, 200)],
               remark=f"The median of {LINES} lines a round, each said when the one before was shown: from send(2) "
                      "in the client to the text in the page."),
        Figure("Watching: 1,000,000 messages in one conversation", "s", less_is_better=True,
               targets=[Target("opened", 1)],
               remark="From the click to the first words on the page; then by the slider to the middle and the end."),
        Figure("Watching: longest block while 100,000 conversations scroll", "ms", less_is_better=True,
               targets=[Target(TINCANS, 50)],
               remark="All of the list in two hundred steps, a frame each. Long tasks only: 0 is less than 50 ms."),
    ]  # fmt: skip


# ── while it talks ────────────────────────────────────────────────────────────────────────────────────────


def _measure_loads(place: Workplace, browser: Browser, figures: list[Figure]) -> None:
    bulk, *small = figures
    with place.target("sink") as sink, _up(place, sink.port) as (program, url):
        place.load("bulk", program.port, 1)  # fills the journal's memory, as for `recording`
        runs = _watched(browser, url, lambda page: (gbits(place.load("bulk", program.port, SECONDS * place.scale)),))
        alternate([bulk], runs, place.rounds, place.say)
    with place.target("echo_epoll") as echo, _up(place, echo.port) as (program, url):

        def once(page: Page | None) -> tuple[float, ...]:
            result = place.load("pingpong", program.port, 64, 50, SECONDS * place.scale)
            rate = result["messages"] / result["seconds"]
            return rate, blocked(page) if page else 0.0, program.resident() / 2**20

        alternate(small, _watched(browser, url, once), place.rounds, place.say)
    small[1].samples.pop(CLOSED, None)  # there is no page that could be blocked


def _watched(browser: Browser, url: str, once: Callable[[Page | None], tuple[float, ...]]) -> dict[str, Once]:
    """The same with the page closed, with the map open, and with the newest conversation open as it goes on."""

    def with_page(view: str) -> tuple[float, ...]:
        with looking(browser, url, view) as page:
            return once(page)

    def with_talk() -> tuple[float, ...]:
        with looking(browser, url, "map") as page:
            page.evaluate(_FOLLOW_NEWEST)
            return once(page)

    return {CLOSED: lambda: once(None), MAP: lambda: with_page("map"), TALK: with_talk}


#: Opens the first channel that is drawn on the map.
_FOLLOW_NEWEST = """
() => {
    const found = () => {
        const channel = document.querySelector("main [data-number]");
        if (!channel) return requestAnimationFrame(found);
        location.hash = `#/conversations/${channel.dataset.number}`;
    };
    found();
}
"""


def _measure_shown(place: Workplace, browser: Browser, figure: Figure) -> None:
    with place.target("echo_epoll") as echo, _up(place, echo.port) as (program, url):
        with socket.create_connection(("127.0.0.1", program.port)) as client:
            client.sendall(b"hello\n")
            with looking(browser, url, "conversations/1") as page:
                page.get_by_text("hello").first.wait_for()
                once = {TINCANS: lambda: (_shown_once(client, page),)}
                alternate([figure], once, place.rounds, place.say)


def _shown_once(client: socket.socket, page: Page) -> float:
    took = []
    for _ in range(LINES):
        word = f"line-{time.monotonic_ns()}"
        said = time.time()
        client.sendall(f"{word}\n".encode())
        shown = page.evaluate(_SHOWN, word)
        took.append(float(shown) - said * 1e3)
    return sorted(took)[LINES // 2]


#: When a word was on the page: looked for at every frame. Browser and bench have the same clock.
_SHOWN = """
(word) => new Promise((resolve) => {
    const look = () => document.body.textContent.includes(word)
        ? resolve(performance.timeOrigin + performance.now()) : requestAnimationFrame(look);
    look();
})
"""


@contextmanager
def _up(place: Workplace, target: int) -> Iterator[tuple[Program, str]]:
    """`tincans up` with one recorded relay, and the address of its page."""
    port, file = free_port(), place.path(".toml")
    file.write_text(
        f'journal = "{place.path(".journal").name}"\npage = ":0"\n'
        f'[[relay]]\nname = "bench"\nlisten = "127.0.0.1:{port}"\ntarget = "127.0.0.1:{target}"\n'
    )
    program = place.start([COMMAND, "up", file], port)
    try:
        place.commands.setdefault("Watching, tincans", place.shown(program.command))
        yield program, _address(program)
    finally:
        program.stop()


def _address(program: Program) -> str:
    """Of its page, once it has printed that."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if found := re.search(r"http://\S+#token=\S+", program.said()):
            return found[0]
        time.sleep(0.02)
    raise NotMeasured(f"tincans serves no page: {program.said()[-200:]}")


# ── when it is over ───────────────────────────────────────────────────────────────────────────────────────


def _measure_recorded(place: Workplace, browser: Browser, journal: Path, figures: list[Figure]) -> None:
    opened, scrolled = figures
    port = free_port()
    program = place.start([COMMAND, "watch", "--journal", journal, "--address", f":{port}", "--no-open"], port)
    try:
        with looking(browser, _address(program), "conversations") as page:
            for _ in range(place.rounds):
                for name, took in _opened_once(page).items():
                    opened.samples.setdefault(name, []).append(took)
                scrolled.samples.setdefault(TINCANS, []).append(_scrolled_once(page))
    finally:
        program.stop()


async def _record(where: Path) -> None:
    journal = open_journal(where, Bounds(total=2**32))
    opening = Opening(kind=Kind.RELAY, client="tcp://127.0.0.1:50312", server="tcp://127.0.0.1:7707")
    try:
        tap = journal.begin(opening)
        for number in range(MESSAGES):
            tap.said(Side.CLIENT if number % 2 == 0 else Side.SERVER, b"message %055d\n" % number)
            if number % 10_000 == 0:
                await journal.flush()
        tap.closed(How.FINISHED, Side.CLIENT)
        for number in range(CONVERSATIONS):
            short = journal.begin(opening)
            short.said(Side.CLIENT, b"GET / HTTP/1.1\r\n\r\n")
            short.closed(How.FINISHED, Side.CLIENT)
            if number % 1000 == 0:
                await journal.flush()
        await journal.flush()
    finally:
        await journal.aclose()


def _opened_once(page: Page) -> dict[str, float]:
    """Seconds."""
    go(page, "conversations")
    page.get_by_role("grid").wait_for()
    return {
        "opened": _timed(page, "location.hash = '#/conversations/1';", 0),
        "to the middle": _timed(page, _SLIDE % (MESSAGES // 2), MESSAGES // 2 - 300),
        "to the end": _timed(page, _SLIDE % MESSAGES, MESSAGES - 300),
    }


_SLIDE = """
    const slider = document.querySelector("input[type=range]");
    slider.value = %d;
    slider.dispatchEvent(new Event("input", { bubbles: true }));
"""

#: Does ACT, and tells how long it took until messages from a number on, and fewer than a thousand, are seen.
_TIMED = """
(least) => new Promise((resolve) => {
    const began = performance.now();
    ACT
    const look = () => {
        const numbers = [...document.querySelectorAll("article .summary")]
            .map((each) => Number(/message 0*(\\d+)/.exec(each.textContent)?.[1] ?? NaN))
            .filter((number) => number >= least && number < least + 1000);
        if (numbers.length) resolve((performance.now() - began) / 1000); else requestAnimationFrame(look);
    };
    look();
})
"""


def _timed(page: Page, act: str, least: int) -> float:
    took: float = page.evaluate(_TIMED.replace("ACT", act), least)
    return took


def _scrolled_once(page: Page) -> float:
    go(page, "conversations")
    page.get_by_role("grid").wait_for()
    blocked(page)
    page.evaluate(_SCROLL)
    return blocked(page)


_SCROLL = """
() => new Promise((resolve) => {
    const box = [...document.querySelectorAll("main *")].find(
        (each) => each.scrollHeight > 1e5 && getComputedStyle(each).overflowY !== "visible");
    let step = 0;
    const next = () => {
        if (step++ > 200) return resolve();
        box.scrollTop = (box.scrollHeight - box.clientHeight) * step / 200;
        requestAnimationFrame(next);
    };
    next();
})
"""
