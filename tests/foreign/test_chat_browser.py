"""A hub's rooms in Debian's Chromium: people and a program talk, scroll back, drop files, search, and lose the hub."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import socket
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, WebSocketRoute, expect

from chatters import Hub, Person, person, robot_of
from running import PATIENCE, POLL
from watch.page.test_accessible import AXE, COLOURS, serious
from watching import PHONE, WIDE, chromium, listens, tab_of, up

pytestmark = pytest.mark.foreign

#: Ten by ten pixels of green.
PNG = b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAYAAACNMs+9AAAAFUlEQVR42mNk+M9Qz0AEYBxVSF+FABJADveWkH6oAAAAAElFTkSuQmCC"
)
HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "javascript:alert(1) https://example.org/\"onmouseover=alert(1)// 'x",
    "</textarea></div></body><h1>owned",
    "\u202egnp.exe \u2066inside\u2069 \u200f\u061c end",
    "bell\x07 escape\x1b[31m back\x08space \x85 next",
    "a\u0300" * 2000,
    "w" * 8000,
    "\n".join(str(number) for number in range(200)),
    "https://example.org/" + "x" * 2000,
    "https://[not-an-address http://",
    "🥫" * 500,
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    hub = Hub(tmp_path / "rooms")
    hub.start()
    try:
        yield hub
    finally:
        hub.close()


# ── talking ───────────────────────────────────────────────────────────────────────────────────────────────


def test_two_people_and_a_program_talk_in_one_order(browser: Browser, hub: Hub) -> None:
    with person(browser, hub, "ann") as ann, person(browser, hub, "bob") as bob, robot_of(hub) as robot:
        for number in range(20):
            ann.say(f"ann {number}")
            bob.say(f"bob {number}")
            robot.start("say", room="#ops", text=f"robot {number}")
        for each in (ann, bob):
            for nick in ("ann", "bob", "robot"):
                each.sees(f"{nick} 19")
        history = robot.do("history", room="#ops", limit=100)
        said = [message["text"] for message in history["messages"]]
        assert len(said) == 60
        assert ann.texts() == bob.texts() == said
        ann.say("several\nlines, and https://example.org/a(b).")
        assert robot.hear("several\nlines, and https://example.org/a(b).")["from"] == "ann"
        link = bob.log.get_by_role("link")
        expect(link).to_have_attribute("href", "https://example.org/a(b)")
        assert "noopener" in (link.get_attribute("rel") or "")
        ann.say("/me waves")
        expect(bob.log.locator(".act").last).to_contain_text("ann waves")


def test_who_comes_goes_and_is_renamed_is_told(browser: Browser, hub: Hub) -> None:
    with person(browser, hub, "ann") as ann:
        people = ann.page.get_by_role("complementary", name="People in #ops")
        with robot_of(hub, "robot") as robot:
            expect(people.get_by_role("button", name="robot")).to_be_visible()
            expect(people).to_contain_text("2 people")
            robot.do("nick", nick="android")
            ann.sees("robot is now android")
            robot.do("away", text="to charge")
            expect(people).to_contain_text("to charge")
            ann.say("/mode +v android")
            expect(people.get_by_role("button", name=re.compile("android.*may always speak"))).to_be_visible()
            robot.do("topic", room="#ops", text="x")
            ann.say("/topic Pears and plums")
            robot.until(lambda said: said["on"] == "topic" and said["text"] == "Pears and plums")
            expect(ann.page.locator(".roomhead")).to_contain_text("Pears and plums")
        ann.sees("android left")
        expect(people).to_contain_text("1 person")


def test_what_people_of_irc_ask_for_is_told(browser: Browser, hub: Hub) -> None:
    with person(browser, hub, "ann") as ann, robot_of(hub, "robot"):
        told = ann.page.locator(".notice")
        for asked, answer in (("/names", "2 here: @ann, robot"), ("/whois robot", "robot"), ("/list", "#ops (2)")):
            ann.say(asked)
            expect(told).to_have_text(answer)


def test_one_is_remembered_and_comes_back(browser: Browser, hub: Hub) -> None:
    with person(browser, hub, "ann") as ann:
        ann.say("before")
        ann.sees("before")
        ann.page.wait_for_function("() => localStorage['tincans.chat.hub']?.includes('#ops')")
        ann.page.reload()
        ann.sees("before")
        expect(ann.page.locator(".me")).to_contain_text("ann")
        ann.say("/nick anna")
        expect(ann.page.locator(".me")).to_contain_text("anna")
        ann.page.wait_for_function("() => localStorage['tincans.chat.hub']?.includes('anna')")
        ann.page.goto(hub.url)
        expect(ann.page.locator(".me")).to_contain_text("anna")
        expect(ann.page).to_have_title(re.compile("^#ops · "))


def test_a_nick_that_somebody_has_is_asked_for_again(browser: Browser, hub: Hub) -> None:
    with robot_of(hub, "robot"), tab_of(browser, hub) as tab:  # type: ignore[arg-type]
        tab.page.goto(hub.url)
        tab.page.get_by_label("How others see you").fill("Robot")
        tab.page.keyboard.press("Enter")
        expect(tab.page.get_by_role("alert")).to_contain_text("Somebody is called")
        asked = tab.page.get_by_label("How others see you")
        expect(asked).to_have_value("Robot")
        expect(asked).to_be_focused()
        expect(tab.page.locator(".link")).to_be_empty()  # nobody is called before one has said who one is
        tab.page.get_by_label("How others see you").fill("ann")
        tab.page.keyboard.press("Enter")
        expect(tab.page.get_by_role("log")).to_be_visible()


# ── what was said before ──────────────────────────────────────────────────────────────────────────────────

#: Scrolls up or down by so much, and gives by how much what was looked at has moved on the screen besides.
SCROLL = """
async ([by]) => {
    const box = document.querySelector("[role=log]");
    const top = box.getBoundingClientRect().top;
    const rows = [...box.querySelectorAll("[data-number]")];
    const row = rows.find((each) => each.getBoundingClientRect().bottom > top + 40);
    const before = row.getBoundingClientRect().bottom;
    const from = box.scrollTop;
    box.scrollTop += by;
    const moved = box.scrollTop - from;
    for (let frames = 0; frames < 4; frames += 1) await new Promise(requestAnimationFrame);
    const same = box.querySelector(`[data-number="${row.dataset.number}"]`);
    return {
        jump: same ? Math.round(same.getBoundingClientRect().bottom - before + moved) : null,
        rows: box.querySelectorAll("[data-number]").length,
        first: Number(box.querySelector("[data-number]").dataset.number),
        numbers: [...box.querySelectorAll("[data-number]")].map((each) => Number(each.dataset.number)),
    };
}
"""


def test_ten_thousand_messages_are_scrolled_through_without_a_jump_or_a_gap(browser: Browser, hub: Hub) -> None:
    with robot_of(hub) as robot:
        for start_ in range(0, 10_000, 500):
            robot.say(
                *(
                    f"line {number}\nand more" if number % 7 == 0 else f"line {number}"
                    for number in range(start_, start_ + 500)
                )
            )
        with person(browser, hub, "ann") as ann:
            ann.sees("line 9999")
            seen = set[int](ann.page.evaluate(SCROLL, [0])["numbers"])
            for _ in range(3000):
                state = ann.page.evaluate(SCROLL, [-1500])
                assert state["jump"] in (0, None, 1, -1), state
                assert state["rows"] <= 160
                assert state["numbers"] == sorted(state["numbers"])
                seen.update(state["numbers"])
                if state["first"] == 1 and ann.log.get_by_text("This is where #ops begins.").is_visible():
                    break
            assert seen == set(range(1, 10_001))
            expect(ann.log.get_by_text("line 0\nand more")).to_be_visible()
            ann.page.get_by_role("button", name="To the newest").click()
            ann.sees("line 9999")
            robot.say("and one more")
            ann.sees("and one more")


def test_a_room_that_is_new_to_one_is_shown_at_its_end(browser: Browser, hub: Hub) -> None:
    with robot_of(hub) as robot:
        robot.say(*(f"line {number}" for number in range(300)))
        with person(browser, hub, "ann") as ann:
            expect(ann.sees("line 299")).to_be_in_viewport()
            expect(ann.log.locator(".fresh")).to_have_count(0)
            expect(ann.page.get_by_role("button", name="To the newest")).to_have_count(0)
            expect(ann.page).to_have_title(re.compile("^#ops"))


def test_what_is_looked_at_stays_when_something_is_said(browser: Browser, hub: Hub) -> None:
    with robot_of(hub) as robot:
        robot.say(*(f"line {number}" for number in range(300)))
        with person(browser, hub, "ann") as ann:
            ann.sees("line 299")
            ann.page.evaluate(SCROLL, [-2000])
            row = ann.log.locator("[data-number]").nth(40)
            row = ann.log.locator(f"[data-number='{row.get_attribute('data-number')}']")  # whatever comes above
            place = row.evaluate("row => row.getBoundingClientRect().top")
            robot.say(*(f"more {number}" for number in range(30)))
            button = ann.page.get_by_role("button", name="30 new")
            expect(button).to_be_visible()
            again = row.evaluate("row => row.getBoundingClientRect().top")
            assert abs(place - again) <= 1
            button.click()
            ann.sees("more 29")
            expect(button).to_be_hidden()


def test_what_is_searched_is_shown_among_what_was_said_then(browser: Browser, hub: Hub) -> None:
    with robot_of(hub) as robot:
        robot.say(
            *(f"line {number}" for number in range(100)), "a ripe pear", *(f"later {number}" for number in range(900))
        )
        with person(browser, hub, "ann") as ann:
            ann.sees("later 899")
            ann.say("/search pear")
            results = ann.page.get_by_role("complementary", name="Search")
            results.get_by_role("button", name="a ripe pear").click()
            expect(ann.sees("a ripe pear")).to_be_in_viewport()
            ann.sees("line 99")
            ann.sees("later 0")
            robot.say("meanwhile")
            for _ in range(400):
                if ann.log.get_by_text("meanwhile", exact=True).is_visible():
                    break
                ann.page.evaluate(SCROLL, [1500])
            numbers = ann.page.evaluate(SCROLL, [0])["numbers"]
            assert numbers[-1] == 1002
            assert numbers == list(range(numbers[0], 1003))


# ── unread, and called ────────────────────────────────────────────────────────────────────────────────────


def test_what_was_not_read_is_counted_and_marked(browser: Browser, hub: Hub) -> None:
    with robot_of(hub, "robot", "#ops", "#lobby") as robot, person(browser, hub, "ann", "#lobby") as ann:
        ann.say("/join #ops")
        expect(ann.field).to_have_attribute("aria-label", "Write in #ops")
        ann.room("#lobby").click()
        robot.say("one", "two")
        expect(ann.room("#ops")).to_contain_text("2 not read")
        expect(ann.page).to_have_title(re.compile("^• #lobby"))
        robot.say("Ann: three, not annabel")
        expect(ann.room("#ops")).to_contain_text("you were called")
        expect(ann.page).to_have_title(re.compile(r"^\(1\) #lobby"))
        icon = ann.page.locator("link[rel=icon]")
        expect(icon).to_have_attribute("href", re.compile("tins-new"))
        ann.room("#ops").click()
        ann.sees("two")
        marked = ann.log.locator("mark")
        expect(marked).to_have_text("Ann")
        fresh = ann.log.locator(".row", has=ann.page.locator(".fresh"))
        expect(fresh).to_contain_text("one")
        expect(ann.room("#ops")).not_to_contain_text("not read")
        expect(ann.page).to_have_title(re.compile("^#ops"))
        expect(icon).to_have_attribute("href", re.compile("tins.svg"))


def test_what_was_not_read_is_known_when_one_comes_back(browser: Browser, hub: Hub) -> None:
    with robot_of(hub) as robot, person(browser, hub, "ann") as ann:
        robot.say("read")
        ann.sees("read")
        ann.page.wait_for_function("() => JSON.parse(localStorage['tincans.chat.hub'] ?? '{}').read?.['#ops'] === 1")
        ann.page.goto("about:blank")
        robot.say(*(f"later {number}" for number in range(60)))
        ann.page.goto(hub.url)
        fresh = ann.log.locator(".row", has=ann.page.locator(".fresh"))
        expect(fresh).to_contain_text("later 0")
        expect(fresh).to_be_in_viewport()


def test_a_word_to_one_alone(browser: Browser, hub: Hub) -> None:
    with robot_of(hub) as robot, person(browser, hub, "ann") as ann, person(browser, hub, "bob") as bob:
        robot.do("say", to="ann", text="psst")
        expect(ann.room("robot")).to_contain_text("1 not read")
        ann.room("robot").click()
        ann.sees("psst")
        ann.say("what?")
        assert robot.hear("what?")["from"] == "ann"
        ann.say("/msg bob hello there")
        expect(bob.room("ann")).to_be_visible()
        assert "psst" not in bob.texts()


# ── files ─────────────────────────────────────────────────────────────────────────────────────────────────

#: Drops files on the element, as a desktop does.
DROP = """
async (box, files) => {
    const data = new DataTransfer();
    for (const { name, type, bytes } of files) data.items.add(new File([new Uint8Array(bytes)], name, { type }));
    const tell = (kind) =>
        box.dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
    tell("dragenter");
    tell("dragover");
    await new Promise(requestAnimationFrame);
    const isOver = document.querySelector(".drop") !== null;
    tell("drop");
    return isOver;
}
"""

#: Pastes a file of so many bytes into the field.
PASTE = """
(field, [name, size]) => {
    const data = new DataTransfer();
    data.items.add(new File(["y".repeat(size)], name));
    field.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
}
"""


def test_files_that_are_dropped_are_in_the_room(browser: Browser, hub: Hub, tmp_path: Path) -> None:
    evil = b"<script>alert(1)</script>"
    files = [
        {"name": "green.png", "type": "image/png", "bytes": list(PNG)},
        {"name": "evil <img>.html", "type": "text/html", "bytes": list(evil)},
    ]
    with person(browser, hub, "ann") as ann, person(browser, hub, "bob") as bob, robot_of(hub) as robot:
        assert ann.page.locator(".inroom").evaluate(DROP, files)
        picture = bob.log.get_by_role("img", name="Picture: green.png")
        expect(picture).to_be_visible()
        picture.evaluate("picture => picture.decode()")
        assert picture.evaluate("picture => picture.naturalWidth") == 10
        said = robot.until(lambda said: said["on"] == "message" and said["kind"] == "file" and "evil" in said["text"])
        assert said["text"].endswith(said["file"]["url"])
        with bob.page.expect_download() as download:
            bob.log.get_by_role("link", name="evil <img>.html").click()
        download.value.save_as(tmp_path / "got")
        assert (tmp_path / "got").read_bytes() == evil


def test_a_file_is_chosen_or_pasted_and_can_be_stopped(browser: Browser, hub: Hub) -> None:
    with person(browser, hub, "ann") as ann:
        ann.choose("a.txt", b"x")
        expect(ann.log.get_by_role("link", name="a.txt")).to_be_visible()
        ann.field.evaluate(PASTE, ["b.txt", 1])
        expect(ann.log.get_by_role("link", name="b.txt")).to_be_visible()
        # One that never comes to its end: the hub is held while it is sent.
        assert hub.program is not None
        hub.program.process.send_signal(19)
        try:
            ann.field.evaluate(PASTE, ["big.bin", 30_000_000])
            expect(ann.page.get_by_role("progressbar", name="Sending big.bin")).to_be_visible()
            ann.page.get_by_role("button", name="Do not send big.bin").click()
            expect(ann.page.get_by_role("progressbar")).to_have_count(0)
        finally:
            hub.program.process.send_signal(18)
        ann.say("after")
        ann.sees("after")
        expect(ann.log.get_by_role("link", name="big.bin")).to_have_count(0)


def test_a_file_that_is_refused_says_why(browser: Browser, hub: Hub) -> None:
    with robot_of(hub) as robot, person(browser, hub, "ann") as ann:
        ann.tab.allow(r"status of 403")
        robot.do("mode", room="#ops", modes="+m")
        ann.choose("a.txt", b"x")
        expect(ann.page.get_by_role("alert")).to_contain_text("only some may speak in #ops")
        ann.page.get_by_role("button", name="Forget a.txt").click()
        ann.say("hello")
        expect(ann.page.get_by_role("alert")).to_contain_text("Only some may speak in #ops.")
        expect(ann.field).to_have_value("hello")


# ── losing the hub ────────────────────────────────────────────────────────────────────────────────────────


def test_a_hub_that_is_killed_comes_back_without_a_gap_or_a_double(browser: Browser, hub: Hub) -> None:
    with person(browser, hub, "ann") as ann, person(browser, hub, "bob") as bob:
        for each in (ann, bob):
            each.tab.allow(r"WebSocket connection|ERR_CONNECTION")
        for round_ in range(3):
            with robot_of(hub, "robot") as robot:
                robot.say(*(f"round {round_} line {number}" for number in range(50)))
                ann.sees(f"round {round_} line 49")
            hub.kill()
            expect(ann.page.get_by_role("alert")).to_contain_text("The hub cannot be reached")
            ann.say(f"said while it was gone {round_}")
            expect(ann.log.locator(".pending")).to_contain_text(f"gone {round_}")
            hub.start()
            for each in (ann, bob):
                if (again := each.page.get_by_role("button", name="Try now")).is_visible():
                    with contextlib.suppress(Exception):
                        again.click(timeout=500)
                expect(each.page.get_by_role("alert")).to_have_count(0)
                each.sees(f"said while it was gone {round_}")
            expect(ann.log.locator(".pending")).to_have_count(0)
        with robot_of(hub, "robot") as robot:
            history = robot.do("history", room="#ops", limit=500)["messages"]
            said = [message["text"] for message in history]
            assert len(said) == len(set(said)) == 153
            for each in (ann, bob):
                assert each.texts() == said[-160:]


def test_a_hub_that_has_forgotten_all_is_begun_anew(browser: Browser, hub: Hub) -> None:
    with person(browser, hub, "ann") as ann:
        ann.tab.allow(r"WebSocket connection|ERR_CONNECTION")
        for number in range(5):
            ann.say(f"before {number}")
        ann.sees("before 4")
        hub.kill()
        shutil.rmtree(hub.folder)
        hub.start()
        expect(ann.log.get_by_text("before 4")).to_have_count(0)
        with robot_of(hub) as robot:
            robot.say("anew")
            ann.sees("anew")
        ann.page.reload()
        ann.sees("anew")
        expect(ann.log.locator(".fresh")).to_have_count(0)


def test_more_than_can_be_caught_up_at_once_leaves_no_gap(browser: Browser, hub: Hub) -> None:
    with person(browser, hub, "ann") as ann:
        ann.tab.allow(r"WebSocket connection|ERR_|Failed to load")
        with robot_of(hub) as robot:
            robot.say("before")
            ann.sees("before")
            ann.page.context.set_offline(True)
            ann.page.evaluate("() => dispatchEvent(new Event('offline'))")
            hub.kill()
        expect(ann.page.get_by_role("alert")).to_contain_text("The hub cannot be reached")
        hub.start()
        with robot_of(hub) as robot:
            for start_ in range(0, 2500, 500):
                robot.say(*(f"line {number}" for number in range(start_, start_ + 500)))
            ann.page.context.set_offline(False)
            ann.sees("line 2499")
            seen = set[int](ann.page.evaluate(SCROLL, [0])["numbers"])
            for _ in range(1000):
                state = ann.page.evaluate(SCROLL, [-1500])
                seen.update(state["numbers"])
                if state["first"] == 1:
                    break
            assert seen == set(range(1, 2502))


def test_of_a_file_that_a_kill_cuts_off_nothing_is_shown_or_kept(hub: Hub) -> None:
    with robot_of(hub) as robot, socket.create_connection(("127.0.0.1", hub.port)) as sender:
        head = (
            f"POST /files?room=%23ops&name=half HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {robot.ticket}\r\n"
        )
        sender.sendall(f"{head}Content-Length: 1000000\r\n\r\n".encode() + bytes(500_000))
        while sum(part.stat().st_size for part in hub.folder.glob("files/*/.*")) < 500_000:
            time.sleep(POLL)
        hub.kill()
    hub.start()
    with robot_of(hub) as robot:
        assert robot.do("history", room="#ops")["messages"] == []
        answer = robot.send("whole.txt", b"whole")
        assert answer.startswith(b"HTTP/1.1 201 ")
        (message,) = robot.do("history", room="#ops")["messages"]
        assert message["file"]["name"] == "whole.txt"
    assert [file.name for file in hub.folder.glob("files/*/*")] == ["whole.txt"]
    assert len(list(hub.folder.glob("files/*"))) == 1


# ── answers that are late, and people who are quick ───────────────────────────────────────────────────────


class Late:
    """The WebSocket of a page, on a line on which words of one kind, and what the same side says next, may be late."""

    def __init__(self, page: Page) -> None:
        self.page, self.kind, self.held = page, "", list[tuple[Callable[[str], None], str]]()
        page.route_web_socket(re.compile("/chat$"), self._opened)

    def _opened(self, line: WebSocketRoute) -> None:
        server = line.connect_to_server()
        server.on_message(lambda said: self._pass(line.send, str(said)))
        line.on_message(lambda said: self._pass(server.send, str(said)))

    def _pass(self, on: Callable[[str], None], said: str) -> None:
        told = json.loads(said)
        if self.kind in (told.get("on"), told.get("do")) or any(on == other for other, _ in self.held):
            self.held.append((on, said))
        else:
            on(said)

    def wait(self) -> None:
        """Until something is held back."""
        deadline = time.monotonic() + PATIENCE
        while not self.held:
            assert time.monotonic() < deadline
            self.page.wait_for_timeout(1000 * POLL)

    def go(self) -> None:
        """Let all of it arrive, in its order, and what comes later too."""
        self.kind, held, self.held = "", self.held, []
        for on, said in held:
            on(said)


@pytest.fixture
def late(browser: Browser, hub: Hub) -> Iterator[tuple[Late, Person]]:
    """Somebody who is about to come in."""
    with tab_of(browser, hub) as tab:  # type: ignore[arg-type]
        line = Late(tab.page)
        tab.page.goto(f"{hub.url}#ops")
        tab.page.get_by_label("How others see you").fill("ann")
        yield line, Person(tab, "ann")


def test_what_happens_while_the_past_is_late_is_told_behind_it(late: tuple[Late, Person], hub: Hub) -> None:
    line, ann = late
    with robot_of(hub, "bob") as bob:
        bob.say("before")
        line.kind = "history"
        ann.page.keyboard.press("Enter")
        line.wait()
        bob.do("topic", room="#ops", text="Pears")
        bob.say("meanwhile")
        expect(ann.page.locator(".roomhead")).to_contain_text("Pears")
        line.go()
        ann.sees("before")
        ann.sees("bob set the topic: Pears")
        assert ann.texts() == ["before", "meanwhile"]


def test_what_is_said_before_one_is_welcome_again_waits_and_is_said_once(late: tuple[Late, Person], hub: Hub) -> None:
    line, ann = late
    ann.tab.allow(r"WebSocket connection|ERR_CONNECTION")
    ann.page.keyboard.press("Enter")
    ann.say("first")
    ann.sees("first")
    expect(ann.log.locator(".pending")).to_have_count(0)
    line.kind = "welcome"
    hub.kill()
    hub.start()
    line.wait()
    ann.say("early")
    expect(ann.log.locator(".pending")).to_contain_text("early")
    line.go()
    expect(ann.log.locator(".pending")).to_have_count(0)
    ann.sees("early")
    expect(ann.page.get_by_role("alert")).to_have_count(0)
    assert ann.texts() == ["first", "early"]


#: Does something, and gives what holds before the next task: no frame is drawn, and no key can be pressed before that.
AT_ONCE = """
async () => {{
    {does};
    for (let turns = 0; turns < 100; turns += 1) await null;
    const {{ activeElement: here }} = document;
    return [here.getAttribute("aria-label"), here.value];
}}
"""


def test_the_next_key_is_for_what_is_shown(browser: Browser, hub: Hub) -> None:
    with person(browser, hub, "ann", "#lobby") as ann:
        ann.say("/join #ops")
        expect(ann.field).to_have_attribute("aria-label", "Write in #ops")
        ann.field.fill("for #ops alone")

        def after(does: str) -> list[str]:
            held: list[str] = ann.page.evaluate(AT_ONCE.format(does=does))
            return held

        key = "document.activeElement.blur(); dispatchEvent(new KeyboardEvent('keydown', {{ key: '{}' }}))"
        room = "[...document.querySelectorAll('button.room')].find((each) => each.textContent.includes('{}')).click()"
        assert after(room.format("#lobby")) == ["Write in #lobby", ""]
        assert after(room.format("#ops")) == ["Write in #ops", "for #ops alone"]
        assert after(key.format("f")) == ["Search what was said", ""]
        assert after(key.format("/")) == ["Write in #ops", "for #ops alone"]
        assert after("document.querySelector('[aria-label=\"Change the topic\"]').click()") == ["Topic of #ops", ""]
        ann.field.fill("/away")
        ann.field.press("Enter")
        expect(ann.page.get_by_role("listbox")).to_have_count(0)


# ── for everybody ─────────────────────────────────────────────────────────────────────────────────────────


def test_hostile_texts_do_nothing(browser: Browser, hub: Hub) -> None:
    with robot_of(hub) as robot, person(browser, hub, "ann", size=PHONE) as ann:
        for text in HOSTILE:
            robot.say(text)
            robot.do("topic", room="#ops", text=text)
        robot.do("away", text=HOSTILE[0])
        robot.do("nick", nick="ro\u0300bot" if robot.do("nick", nick="x\u202ey")["on"] == "error" else "z")
        robot.say("the end")
        ann.sees("the end")
        for text in HOSTILE[:2]:
            ann.sees(text)
        assert ann.log.locator("img, script, h1").count() == 0
        for link in ann.log.get_by_role("link").all():
            assert (link.get_attribute("href") or "").startswith("https://example.org/")
            assert link.get_attribute("onmouseover") is None
        shown = "".join(ann.texts())
        assert not re.search("[\u202a-\u202e\u2066-\u2069\x00-\x08\x0b-\x1f]", shown)
        assert ann.page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
        assert ann.log.evaluate("box => box.scrollWidth <= box.clientWidth")
        fold = ann.log.get_by_role("button", name="Show all of it").first
        fold.click()
        expect(ann.log.get_by_role("button", name="Show less").first).to_be_visible()


def test_all_of_it_by_keys(browser: Browser, hub: Hub) -> None:
    with robot_of(hub, "robot") as robot, tab_of(browser, hub) as tab:  # type: ignore[arg-type]
        page = tab.page
        page.goto(f"{hub.url}#ops")
        press, write = page.keyboard.press, page.keyboard.type
        expect(page.get_by_label("How others see you")).to_be_focused()
        write("ann")
        press("Enter")
        ann = Person(tab, "ann")
        expect(ann.field).to_be_focused()
        expect(page.get_by_role("complementary", name="People in #ops")).to_contain_text("robot")
        robot.do("mode", room="#ops", modes="-t")
        write("ro")
        press("Tab")
        expect(ann.field).to_have_value("robot: ")
        write("hello")
        press("Enter")
        robot.hear("robot: hello")
        write("/to")
        expect(page.get_by_role("listbox")).to_contain_text("/topic")
        press("Tab")
        write("Keys")
        press("Shift+Enter")
        expect(ann.field).to_have_value("/topic Keys\n")
        press("Backspace")
        press("Enter")
        robot.until(lambda said: said["on"] == "topic" and said["text"] == "Keys")
        for _ in range(2):
            press("ArrowUp")
        expect(ann.field).to_have_value("robot: hello")
        for _ in range(2):
            press("ArrowDown")
        expect(ann.field).to_have_value("")
        write("/join #plums")
        press("Enter")
        expect(ann.field).to_have_attribute("aria-label", "Write in #plums")
        expect(ann.field).to_be_focused()
        robot.say("news")
        expect(ann.room("#ops")).to_contain_text("1 not read")
        press("Shift+Tab")
        press("Shift+Tab")
        expect(ann.log).to_be_focused()
        press("n")
        expect(ann.field).to_have_attribute("aria-label", "Write in #ops")
        ann.log.focus()
        press("f")
        expect(page.get_by_role("searchbox")).to_be_focused()
        write("news")
        expect(page.get_by_role("complementary", name="Search").get_by_role("button", name="news")).to_be_visible()
        press("Escape")
        expect(page.get_by_role("searchbox")).to_be_hidden()
        page.locator("#main").focus()
        press("/")
        expect(ann.field).to_be_focused()
        write("/nothing")
        press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("There is no /nothing")


@pytest.mark.parametrize(("colours", "rules"), [("light", None), ("dark", COLOURS)])
@pytest.mark.parametrize("size", [WIDE, PHONE])
def test_axe_finds_nothing_serious(
    browser: Browser, hub: Hub, size: tuple[int, int], colours: str, rules: list[str] | None
) -> None:
    found: dict[str, list[str]] = {}
    with robot_of(hub) as robot, tab_of(browser, hub, size=size, color_scheme=colours) as tab:  # type: ignore[arg-type]
        page = tab.page
        page.goto(f"{hub.url}#ops")
        page.evaluate(AXE)
        expect(page.get_by_label("How others see you")).to_be_visible()
        found["entry"] = serious(page, rules)
        page.get_by_role("button", name="Log in with a password").click()
        found["login"] = serious(page, rules)
        page.get_by_role("button", name="Come in without a password").click()
        page.get_by_label("How others see you").fill("ann")
        page.keyboard.press("Enter")
        ann = Person(tab, "ann")
        expect(ann.log).to_be_visible()
        for nick in ("a", "bb", "ccc", "dddd", "eeeee", "f6", "g77", "h888", "zoe", "yan", "xa", "wes"):
            robot.do("nick", nick=nick)
            robot.say(f"ann: {nick} says https://example.org/", "and more")
        robot.do("act", room="#ops", text="waves")
        robot.do("notice", room="#ops", text="noted")
        robot.do("away", text="elsewhere")
        ann.choose("a.png", PNG)
        expect(ann.log.get_by_role("img", name="Picture: a.png")).to_be_visible()
        ann.say("/join #plums")
        expect(ann.field).to_have_attribute("aria-label", "Write in #plums")
        robot.say("ann: come back")
        expect(page).to_have_title(re.compile(r"^\(1\)"))
        if size == PHONE:
            page.get_by_role("button", name="Rooms").click()
        found["rooms"] = serious(page, rules)
        ann.room("#ops").click()
        ann.sees("ann: come back")
        found["talk"] = serious(page, rules)
        ann.field.fill("/")
        page.keyboard.type("m")
        expect(page.get_by_role("listbox")).to_be_visible()
        found["completion"] = serious(page, rules)
        ann.field.fill("/nothing")
        ann.field.press("Enter")
        expect(page.get_by_role("alert")).to_be_visible()
        found["refused"] = serious(page, rules)
        ann.field.fill("")
        page.get_by_role("button", name="Search").click()
        page.get_by_role("searchbox").fill("more")
        expect(page.get_by_role("complementary", name="Search").get_by_role("listitem").first).to_be_visible()
        found["search"] = serious(page, rules)
        page.keyboard.press("Escape")
        if page.get_by_role("complementary", name="People in #ops").count() == 0:
            page.get_by_role("button", name=re.compile("^People")).click()
        expect(page.get_by_role("complementary", name="People in #ops")).to_be_visible()
        found["people"] = serious(page, rules)
        if size == PHONE:
            page.get_by_role("complementary").get_by_role("button", name="Close").click()
        page.get_by_role("button", name="More").click()
        found["menu"] = serious(page, rules)
        page.get_by_role("menuitem", name="Commands").click()
        found["help"] = serious(page, rules)
        page.keyboard.press("Escape")
        if size == PHONE:
            page.get_by_role("button", name="Rooms").click()
        page.get_by_role("button", name="Join or make a room").click()
        expect(page.get_by_role("dialog").get_by_role("button", name="#plums")).to_be_visible()
        found["join"] = serious(page, rules)
    assert {view: faults for view, faults in found.items() if faults} == {}


# ── on the page of `tincans up` ───────────────────────────────────────────────────────────────────────────


def test_the_page_of_a_switchboard_talks_with_its_hub(browser: Browser, tmp_path: Path) -> None:
    entry = listens("chat", "chat") + f'rooms = "{tmp_path / "rooms"}"\n'
    with up(tmp_path / "up", listens("echo"), entry) as served, tab_of(browser, served) as tab:
        port = served.port("chat")
        hub = Hub(tmp_path)
        hub.port = port
        tab.open()
        tab.page.keyboard.press("5")
        tab.page.get_by_label("How others see you").fill("ann")
        tab.page.keyboard.press("Enter")
        ann = Person(tab, "ann")
        expect(ann.log).to_be_visible()
        with robot_of(hub, "robot", "#lobby") as robot:
            ann.say("hello from the page")
            robot.hear("hello from the page")
            robot.say("hello back", room="#lobby")
            ann.sees("hello back")
            tab.page.get_by_role("link", name="Map").click()
            robot.say("ann?", room="#lobby")
            expect(tab.page.get_by_role("link", name="Chat 1 not read")).to_be_visible()
            tab.page.get_by_role("link", name="Chat").click()
            ann.sees("ann?")
            expect(tab.page.get_by_role("link", name="Chat 1 not read")).to_have_count(0)
            assert tab.page.url.endswith("#/chat/chat/%23lobby")
            tab.page.evaluate(AXE)
            for colours in ("light", "dark"):
                tab.page.emulate_media(color_scheme=colours)
                assert serious(tab.page, None) == []


def test_a_page_without_a_hub_says_how_to_have_one(browser: Browser, tmp_path: Path) -> None:
    with up(tmp_path / "up", listens("echo")) as served, tab_of(browser, served) as tab:
        tab.open("chat")
        tab.shows("No hub of a chat runs here")
        tab.page.evaluate(AXE)
        assert serious(tab.page, None) == []


def test_a_token_that_may_only_look_reads_the_rooms(browser: Browser, tmp_path: Path) -> None:
    entry = listens("chat", "chat") + f'rooms = "{tmp_path / "rooms"}"\n'
    with up(tmp_path / "up", entry) as served:
        hub = Hub(tmp_path)
        hub.port = served.port("chat")
        with robot_of(hub, "robot", "#lobby") as robot, tab_of(browser, served) as tab:
            robot.say("before", room="#lobby")
            _, look = (served.folder / "data" / "tincans" / "page.tokens").read_text().split()
            tab.page.goto(f"{served.origin}/#token={look}")
            tab.go("chat")
            looker = Person(tab, "guest")
            looker.sees("before")
            robot.say("after", room="#lobby")
            looker.sees("after")
            expect(tab.page.get_by_text("This token may only look.")).to_be_visible()
            expect(looker.field).to_have_count(0)
            people = robot.do("who", room="#lobby")["people"]
            assert [each["nick"] for each in people] == ["robot", "guest"]
