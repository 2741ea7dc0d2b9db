"""A flood of conversations, and a conversation that is very long: what is shown adds up, and the page still answers.

How fast all of it is, `make bench` measures; here nothing is said of time.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from running import program, start
from tincans.channel import Side
from tincans.conversation import Kind, Opening
from visiting import Visitor
from watching import by_hand, relays, tab_of, up, watch

pytestmark = pytest.mark.foreign

C = Path(__file__).parents[3] / "bench" / "c"
CONNECTIONS, SIZE, SECONDS = 50, 64, 2.5
MESSAGES = 100_000


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the load generator and an echo."""
    folder = tmp_path_factory.mktemp("c")
    for name in ("load", "echo_epoll"):
        command = [program("gcc"), "-O2", "-o", str(folder / name), str(C / f"{name}.c")]
        subprocess.run(command, check=True, capture_output=True)
    return folder


def test_a_flood_is_counted_and_the_page_answers(browser: Browser, compiled: Path, tmp_path: Path) -> None:
    with start([str(compiled / "echo_epoll"), "0"]) as echo:
        port = int(echo.wait_for(r"(\d+)")[1])
        with up(tmp_path, relays("front", port)) as served, tab_of(browser, served) as tab:
            tab.open("map")
            load = [
                str(compiled / "load"),
                "pingpong",
                str(served.port("front")),
                str(SIZE),
                str(CONNECTIONS),
                str(SECONDS),
            ]
            with start(load) as flood:
                expect(tab.station("relay front")).to_have_attribute("aria-label", re.compile(f"{CONNECTIONS} open"))
                tab.page.get_by_text("and 42 more").click()
                expect(tab.page.get_by_role("tree").locator("g.channel")).to_have_count(CONNECTIONS)
                tab.go("conversations")
                expect(tab.page.get_by_role("grid").get_by_role("link")).not_to_have_count(0)
                tab.page.get_by_role("grid").get_by_role("link").first.click()
                expect(tab.item("the client: ").first).to_be_visible()
                flood.wait()
                told = json.loads(flood.out)
            expect(tab.page.locator(".totals")).to_contain_text(re.compile("Open ?0"))
            rows = Visitor(served.url).get("/api/conversations?limit=500")["rows"]
            assert len(rows) == CONNECTIONS
            said = sum(row["client_bytes"] for row in rows)
            assert said == sum(row["server_bytes"] for row in rows)
            assert said >= told["messages"] * SIZE
            pieces = sum(row["client_pieces"] for row in rows)
            tab.go("charts")
            expect(tab.page.get_by_role("figure", name="Messages a second")).to_contain_text(f"clients {pieces:,}")


def test_a_long_conversation_is_read_anywhere(browser: Browser, tmp_path: Path) -> None:
    with by_hand(tmp_path / "kept") as hand:
        sides = (Side.CLIENT, Side.SERVER)
        words = ((sides[at % 2], b"message %d\n" % at) for at in range(MESSAGES))
        hand.write(Opening(kind=Kind.LISTEN, client="tcp://127.0.0.1:1", server="tcp://127.0.0.1:2"), words)
    with watch(tmp_path) as served, tab_of(browser, served) as tab:
        tab.read(1)
        expect(tab.item("message 0\\n")).to_be_in_viewport()
        place = tab.page.get_by_role("slider", name="Place in the conversation")
        total = MESSAGES + 2  # and that it opened, and closed
        for at in (MESSAGES // 2, MESSAGES // 4 * 3):
            place.fill(str(at))
            expect(tab.page.get_by_role("status").filter(has_text=f"of {total:,}")).to_be_visible()
            expect(tab.item(f"message {at - 1}\\n")).to_be_in_viewport()
        place.fill(str(total - 1))
        expect(tab.item(f"message {MESSAGES - 1}\\n")).to_be_in_viewport()
        tab.look_at(f"message {MESSAGES - 1}\\n", "Bytes")
        expect(tab.panel.locator(".ascii .marked").first).to_have_text("m")
        tab.page.keyboard.press("Escape")
        tab.page.keyboard.press("Home")
        expect(tab.item("message 0\\n")).to_be_in_viewport()
        assert tab.page.get_by_role("article").count() < 1000  # only a part of it is in the document
