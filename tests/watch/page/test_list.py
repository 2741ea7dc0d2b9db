"""The list of conversations: every filter narrows it, the address says which, and what begins now appears on top."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote_plus

import pytest
from playwright.sync_api import Browser, Locator, expect

from tincans.channel import Side
from tincans.conversation import How, Kind, Opening
from watching import Served, Tab, by_hand, listens, tab_of, up, watch

pytestmark = pytest.mark.foreign

C, S = Side.CLIENT, Side.SERVER
HOUR = 3_600_000_000_000
GET = b"GET /pears HTTP/1.1\r\nHost: shop.example\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nplenty"
LISTENED = Opening(kind=Kind.LISTEN, client="tcp://10.0.0.9:1234", server="tcp://127.0.0.1:7707")
CALL = Opening(kind=Kind.CONNECT, client="tcp://127.0.0.1:50006", server="tcp://192.0.2.7:23")


def relay(name: str, client: int, server: str = "tcp://192.0.2.7:80") -> Opening:
    return Opening(
        kind=Kind.RELAY, name=name, client=f"tcp://127.0.0.1:{client}", near="tcp://127.0.0.1:8080",
        far="tcp://127.0.0.1:41000", server=server,
    )  # fmt: skip


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Seven conversations, no two alike."""
    folder = tmp_path_factory.mktemp("list")
    with by_hand(folder / "kept") as hand:
        now, hand.at = hand.at, hand.at - 30 * HOUR
        hand.write(relay("old", 50001), [(C, b"yesterday")])  # 1
        hand.at = now - 2 * HOUR
        hand.write(relay("shop", 50002), [(C, GET), (S, ANSWER)])  # 2
        hand.write(relay("shop", 50003), [(C, GET)], How.RESET)  # 3
        hand.write(relay("shop", 50004, "unix:///run/redis.sock"), [(C, b"PING\r\n"), (S, b"+PONG\r\n")])  # 4
        hand.at = now - HOUR // 60
        hand.write(LISTENED, [(C, b"x" * 5000)])  # 5
        hand.write(CALL, [(S, b"login: ")], How.FAILED)  # 6
        hand.write(relay("line", 50007), [(C, "Grüße".encode())], How.IDLE)  # 7
    with watch(folder) as served:
        yield served


@pytest.fixture
def tab(browser: Browser, served: Served) -> Iterator[Tab]:
    with tab_of(browser, served) as tab:
        tab.open("conversations")
        expect(rows(tab)).to_have_text(["7", "6", "5", "4", "3", "2", "1"])
        yield tab


def rows(tab: Tab) -> Locator:
    """The numbers of those that are listed."""
    return tab.page.get_by_role("grid", name="Conversations").get_by_role("link")


def test_a_row_says_who_what_and_how(tab: Tab) -> None:
    row = tab.page.get_by_role("row").filter(has=tab.page.get_by_role("link", name="3", exact=True))
    cells = row.get_by_role("gridcell")
    parties = "127.0.0.1:50003→192.0.2.7:80"
    began, spoken = re.compile(r":\d\d:\d\d$"), re.compile("^(http)?$")  # which is told once somebody has looked
    expect(cells).to_have_text(["3", began, "1.0 ms", "shop", parties, spoken, "43 B", "0 B", "✕reset"])
    expect(cells.last.get_by_title("reset by the client")).to_be_visible()


TYPED = [
    ("party", "50003", "3"),
    ("party", "REDIS", "4"),
    ("name", "shop", "4 3 2"),
    ("name", "sho", ""),
    ("text", "pears", "3 2"),
    ("text", "PLENTY", "2"),
    ("text", "Grün", ""),
    ("text", "Grüße", "7"),
]
LABELS = {"party": "Address of a party", "name": "Name of a listener or relay, exactly", "text": "Text that was said"}


def test_what_is_typed_narrows_the_list(tab: Tab) -> None:
    for name, typed, left in TYPED:
        tab.page.get_by_label(LABELS[name]).fill(typed)
        is_left(tab, f"{name}={quote_plus(typed)}", left)
        is_left_again(tab, left)
        tab.page.get_by_role("button", name="Clear").click()


def test_what_is_chosen_narrows_the_list(tab: Tab) -> None:
    for label, option, left in [("Kind", "listen", "5"), ("Kind", "connect", "6"), ("Protocol", "http", "3 2")]:
        tab.page.get_by_label(label, exact=True).select_option(option)
        is_left(tab, f"{label.lower()}={option}", left)
        is_left_again(tab, left)
        tab.page.get_by_label(label, exact=True).select_option("")


def test_several_states_are_chosen(tab: Tab) -> None:
    tab.page.get_by_role("button", name="State").click()
    tab.page.get_by_role("checkbox", name="reset").check()
    is_left(tab, "state=reset", "3")
    tab.page.get_by_role("checkbox", name="failed").check()
    is_left(tab, "state=reset&state=failed", "6 3")
    is_left_again(tab, "6 3")
    tab.page.get_by_role("button", name="Clear").click()
    is_left(tab, "", "7 6 5 4 3 2 1")


def test_sizes_narrow_the_list(tab: Tab) -> None:
    tab.page.get_by_role("button", name="Size").click()
    tab.page.get_by_label("At least").fill("40")
    is_left(tab, "least=40", "5 3 2")
    tab.page.get_by_label("At most").fill("1 KiB")
    is_left(tab, "least=40&most=1+KiB", "3 2")
    is_left_again(tab, "3 2")


def test_times_narrow_the_list(tab: Tab) -> None:
    tab.page.get_by_role("button", name="Time").click()
    for choice, name, left in [("Last 5 minutes", "5m", "7 6 5"), ("Last 24 hours", "24h", "7 6 5 4 3 2")]:
        tab.page.get_by_role("radio", name=choice).check()
        is_left(tab, f"when={name}", left)
    is_left_again(tab, left)


def is_left(tab: Tab, address: str, numbers: str) -> None:
    """These are listed, and the address says why."""
    expect(rows(tab)).to_have_text(numbers.split())
    expect(tab.page).to_have_url(f"{tab.served.origin}/#/conversations{address and '?'}{address}")
    if not numbers:
        tab.shows("No conversation is like that")


def is_left_again(tab: Tab, numbers: str) -> None:
    """What the address says is enough to list the same."""
    tab.page.reload()
    expect(rows(tab)).to_have_text(numbers.split())


def test_a_click_on_a_row_opens_it_and_back_leads_back(tab: Tab) -> None:
    tab.page.get_by_title("PING").or_(tab.page.get_by_title("unix:///run/redis.sock")).first.click()
    expect(tab.page.get_by_role("heading", name="#4 relay shop")).to_be_visible()
    tab.page.go_back()
    expect(rows(tab)).to_have_count(7)


def test_what_begins_appears_and_what_ends_says_so(browser: Browser, tmp_path: Path) -> None:
    with up(tmp_path, listens("echo")) as served, tab_of(browser, served) as tab:
        tab.open("conversations")
        tab.shows("Nobody has talked yet")
        with served.call("echo") as first:
            row = tab.page.get_by_role("row").filter(has_text=f":{first.getsockname()[1]}")
            expect(row.get_by_role("gridcell").last).to_have_text("●open")
            first.sendall(b"hello")
            expect(row.get_by_title("5 bytes")).to_have_count(2)
            assert first.recv(100) == b"hello"
            with served.call("echo"):
                expect(rows(tab)).to_have_text(["2", "1"])
        expect(row.get_by_role("gridcell").last).to_have_text("○finished")


def test_many_are_scrolled_through(browser: Browser, tmp_path: Path) -> None:
    with by_hand(tmp_path / "kept") as hand:
        for number in range(1, 30_001):
            hand.at += 1000
            hand.write(relay("many", number % 60_000), [])
    with watch(tmp_path) as served, tab_of(browser, served) as tab:
        tab.open("conversations")
        tab.shows("30,000 conversations")
        grid = tab.page.get_by_role("grid", name="Conversations")
        grid.focus()
        tab.page.keyboard.press("End")
        expect(grid.get_by_role("link", name="1", exact=True)).to_be_visible()
        grid.evaluate("grid => { grid.scrollTop = grid.scrollHeight / 2 }")
        expect(grid.get_by_role("link", name=re.compile("^14[89]..$|^15[01]..$")).first).to_be_visible()
        assert rows(tab).count() < 100  # only what is seen is in the document
