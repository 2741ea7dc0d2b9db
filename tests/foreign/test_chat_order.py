"""One room, and everybody in it at once: WeeChat, irssi, Chromium, nc, a PHP program and a Java program.

Each says numbered messages (200, or 1,000 with --deep) while all the others do. One more, who only listens, is told the
room's order; that is what all the others saw, none is missing, none is there twice. Then one leaves, and all are told.

Who shows what they say themselves before the hub has it (IRC's clients here, and a terminal with nc) is compared by
what the others said; what they said is in the order of the room as they said it.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, WebSocket

from chatters import Hub, Person
from foreign.test_chat_languages import LANGUAGES, built
from irc_programs import Irssi, Weechat, irssi, until, weechat
from running import Program, program, start
from watching import chromium, tab_of

pytestmark = pytest.mark.foreign

__all__ = ["built"]  # a fixture

#: What is said by each before the next comes; less would have them wait for Playwright.
CHUNK = 20
#: Types lines into the page's field, as somebody does who is very quick.
TYPE = """
async (field, texts) => {
    const { set } = Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value");
    for (const text of texts) {
        set.call(field, text);
        field.dispatchEvent(new InputEvent("input", { bubbles: true }));
        await new Promise((drawn) => setTimeout(drawn));
        field.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
    }
}
"""

#: Who said what.
Words = list[tuple[str, str]]


class Everybody(NamedTuple):
    """All that are in the room, by their nicks' first letters."""

    olga: Program  # listens, by nc, in JSON lines
    wendy: Weechat
    iris: Irssi
    nina: Program
    phil: Program
    jane: Program
    chris: Person
    #: What Chromium was told, as it came.
    frames: list[str]

    def speakers(self) -> dict[str, Callable[[list[str]], None]]:
        return {
            "wendy": self.wendy.say_all,
            "iris": lambda texts: self.iris.command("\r".join(texts)),
            "nina": lambda texts: self.nina.feed("".join(f"{text}\n" for text in texts).encode()),
            "phil": lambda texts: self.phil.feed("".join(f"{text}\n" for text in texts).encode()),
            "jane": lambda texts: self.jane.feed("".join(f"{text}\n" for text in texts).encode()),
            "chris": lambda texts: self.chris.field.evaluate(TYPE, texts),
        }

    def order(self) -> Words:
        """The room's, as the listener was told it."""
        return in_json(self.olga.out.decode().splitlines())

    def seen(self) -> dict[str, Words]:
        """What each of the others has seen. Chromium's frames come only while Playwright is asked something."""
        self.chris.page.evaluate("0")
        return {
            "wendy": self.wendy.said("#ops"),
            "iris": self.iris.said("#ops"),
            "nina": in_plain(self.nina.out.decode()),
            "phil": printed(self.phil.out.decode()),
            "jane": printed(self.jane.out.decode()),
            "chris": in_json(self.frames),
        }


@pytest.fixture
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    found = Hub(tmp_path / "rooms")
    found.start()
    try:
        yield found
    finally:
        found.close()


@pytest.fixture
def everybody(hub: Hub, browser: Browser, built: Path, tmp_path: Path) -> Iterator[Everybody]:
    nc = [program("nc"), "127.0.0.1", str(hub.port)]
    for name in ("wendy", "iris"):
        (tmp_path / name).mkdir()
    with ExitStack() as stack:
        enter = stack.enter_context
        olga = enter(start(nc, stdin=subprocess.PIPE))
        olga.feed(b'{"do": "hello", "nick": "olga"}\n{"do": "join", "room": "#ops"}\n')
        nina = enter(start(nc, stdin=subprocess.PIPE))
        nina.feed(b"/nick nina\n/join #ops\n")
        phil, jane = (
            enter(start([*LANGUAGES[each](built), "127.0.0.1", str(hub.port), "#ops", nick], stdin=subprocess.PIPE))
            for each, nick in (("PHP", "phil"), ("Java", "jane"))
        )
        chris, frames = Person(enter(tab_of(browser, hub)), "chris"), list[str]()  # type: ignore[arg-type]
        chris.page.on("websocket", lambda socket: listen(socket, frames))
        come_in(chris, hub)
        wendy = enter(weechat(tmp_path / "wendy", hub.port, "wendy", "#ops"))
        iris = enter(irssi(tmp_path / "iris", hub.port, "iris", "#ops"))
        all_ = Everybody(olga, wendy, iris, nina, phil, jane, chris, frames)
        for nick in all_.speakers():
            olga.wait_for(rf'"nick":"{nick}"')
        yield all_


def listen(socket: WebSocket, frames: list[str]) -> None:
    socket.on("framereceived", lambda payload: frames.append(payload if isinstance(payload, str) else payload.decode()))


def come_in(person: Person, hub: Hub) -> None:
    person.page.goto(f"{hub.url}#ops")
    person.page.get_by_label("How others see you").fill(person.nick)
    person.page.keyboard.press("Enter")
    person.field.wait_for()


# ── what each form of the same words is ───────────────────────────────────────────────────────────────────


def in_json(lines: list[str]) -> Words:
    """Of JSON lines; the numbers follow each other without a gap."""
    told = [word for line in lines if (word := json.loads(line))["on"] == "message"]
    assert [word["number"] for word in told] == list(range(1, len(told) + 1))
    return [(word["from"], word["text"]) for word in told]


def printed(out: str) -> Words:
    """Of the programs in examples/chat: `17 phil "text"`."""
    parts = [line.split(" ", 2) for line in out.splitlines()]
    assert [int(number) for number, _, _ in parts] == list(range(1, len(parts) + 1))
    return [(nick, json.loads(text)) for _, nick, text in parts]


def in_plain(out: str) -> Words:
    return re.findall(r"^(\w+): (.*)$", out, re.MULTILINE)


def without(words: Words, nick: str) -> Words:
    return [each for each in words if each[0] != nick]


def shows_the_end_of(order: Words, shown: list[str]) -> bool:
    """What is still on its way to the hub is shown, too, below all else: it goes to its place when the hub has it."""
    return bool(shown) and shown == [text for _, text in order[-len(shown) :]]


# ── the proof ─────────────────────────────────────────────────────────────────────────────────────────────


def test_all_see_one_order_and_who_leaves(everybody: Everybody, pytestconfig: pytest.Config) -> None:
    count = 1000 if pytestconfig.getoption("deep") else 200
    speakers = everybody.speakers()
    for start_of in range(0, count, CHUNK):
        for nick, say in speakers.items():
            say([f"{nick} {number}" for number in range(start_of, start_of + CHUNK)])
    total = count * len(speakers)
    until(lambda: everybody.olga.out.count(b'"on":"message"') == total, "all is in the room")
    order = everybody.order()
    for nick in speakers:
        assert [text for who, text in order if who == nick] == [f"{nick} {number}" for number in range(count)]
    everybody.chris.sees(order[-1][1])
    others = total - count
    until(lambda: all(len(without(said, nick)) >= others for nick, said in everybody.seen().items()), "all saw all")
    told_all = ("phil", "jane", "chris")  # their own words, too
    until(lambda: all(len(everybody.seen()[nick]) >= total for nick in told_all), "all saw their own")
    seen = everybody.seen()
    assert [nick for nick in told_all if seen[nick] != order] == []
    assert [nick for nick in ("wendy", "iris", "nina") if without(seen[nick], nick) != without(order, nick)] == []
    until(lambda: shows_the_end_of(order, everybody.chris.texts()), "the page shows that order")

    everybody.nina.feed(b"/quit good night\n")
    everybody.wendy.shows("nina.* has quit .*good night", "#ops")
    everybody.iris.shows("nina.* has quit .*good night", "#ops")
    everybody.olga.wait_for(r'"on":"quit".*"nick":"nina".*"text":"good night"')
    everybody.chris.log.get_by_text("good night").wait_for()
    for each in (everybody.phil, everybody.jane):
        assert each.process.stdin is not None
        each.process.stdin.close()
        each.wait()  # 0: all that they said was kept
