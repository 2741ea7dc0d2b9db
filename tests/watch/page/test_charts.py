"""The charts: what was said shows in them, for all conversations and for one."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, expect

from watching import Exchange, Tab, line_up, tab_of

pytestmark = pytest.mark.foreign


@pytest.fixture(scope="module")
def call(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """Makes conversations of which the test is both ends."""
    with line_up(tmp_path_factory.mktemp("charts")) as call:
        yield call


@pytest.fixture
def tab(browser: Browser, call: Exchange) -> Iterator[Tab]:
    with tab_of(browser, call.served) as tab:
        yield tab


def exchange(call: Exchange) -> int:
    """The client says 3,000 bytes, the server 70,000; gives the conversation's number."""
    with call() as line:
        for speaker, hearer, size in [(line.client, line.server, 3000), (line.server, line.client, 70_000)]:
            speaker.sendall(b"x" * size)
            while size:
                size -= len(hearer.recv(size))
        return call.served.number_of(line)


def plot(tab: Tab, title: str) -> Locator:
    return tab.page.get_by_role("figure", name=title)


def test_all_that_is_said_is_charted(tab: Tab, call: Exchange) -> None:
    exchange(call)
    tab.open("charts")
    expect(plot(tab, "Bytes a second")).to_contain_text(re.compile(r"clients 2\.9 KiB.*servers 68\.4 KiB"))
    exchange(call)
    expect(plot(tab, "Bytes a second")).to_contain_text(re.compile(r"clients 5\.9 KiB.*servers 136\.7 KiB"))
    expect(plot(tab, "Messages a second")).to_be_visible()
    with call():
        expect(plot(tab, "Open channels")).to_contain_text(re.compile("1 now, at most 1 at .*; 3 opened"))
    expect(plot(tab, "Open channels")).to_contain_text("0 now, at most 1 at")
    expect(plot(tab, "Opening time")).to_contain_text(re.compile(r"[\d.]+ (ms|s) is the median"))
    tab.page.get_by_role("button", name="As a table").click()
    table = tab.page.get_by_role("region", name="The last ten minutes, as a table")
    rows = table.get_by_role("row").filter(has_text=re.compile("KiB"))
    expect(rows.first.get_by_role("cell").nth(1)).to_have_text(re.compile("68.4 KiB|136.7 KiB"))


def test_one_conversation_is_charted(tab: Tab, call: Exchange) -> None:
    tab.read(exchange(call))
    tab.page.get_by_role("button", name="Charts").click()
    dialog = tab.page.get_by_role("dialog", name="Charts")
    expect(dialog.get_by_role("figure", name=re.compile("^Bytes"))).to_contain_text(
        re.compile(r"clients 2\.9 KiB.*servers 68\.4 KiB")
    )
    tab.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
