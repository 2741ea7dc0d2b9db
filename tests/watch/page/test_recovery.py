"""A state that cannot be shown is said, and the page recovers by itself."""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from running import free_port
from tincans.channel import Side
from tincans.conversation import Kind, Opening
from watching import Tab, by_hand, listens, tab_of, up, watch

pytestmark = pytest.mark.foreign

ECHO = listens("echo", address="unix:echo.sock")
CALL = Opening(kind=Kind.CONNECT, client="tcp://127.0.0.1:50006", server="tcp://192.0.2.7:23")
OTHER = Opening(kind=Kind.CONNECT, client="tcp://127.0.0.1:50007", server="tcp://192.0.2.8:23")
#: What the browser itself says while nobody answers.
NOBODY = (
    r"ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_SOCKET_NOT_CONNECTED|ERR_EMPTY_RESPONSE|WebSocket connection to"
)


def link(tab: Tab, text: str) -> None:
    """The bar says how the page is connected."""
    expect(tab.page.get_by_role("status").filter(has_text=re.compile(f"^{text}$"))).to_be_visible()


def test_a_server_that_is_started_again_is_found_by_itself(browser: Browser, tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(up(tmp_path, listens("echo"), page=address))
        tab = stack.enter_context(tab_of(browser, first))
        tab.open()
        link(tab, "Live")
        tab.allow(NOBODY)
        first.program.stop()
        banner = tab.page.get_by_role("alert")
        expect(banner).to_contain_text("The server does not answer, since ")
        link(tab, "Lost")
        (tmp_path / "ports.json").unlink(missing_ok=True)
        again = stack.enter_context(up(tmp_path, listens("echo"), page=address))
        with again.call("echo") as caller:
            expect(banner).to_have_count(0)
            link(tab, "Live")
            expect(tab.channel(f"tcp://127.0.0.1:{caller.getsockname()[1]} to ")).to_be_visible()


def test_a_server_that_stands_still_is_said_and_found_again(browser: Browser, tmp_path: Path) -> None:
    with up(tmp_path, listens("echo")) as served, tab_of(browser, served) as tab:
        tab.page.clock.install()
        tab.open()
        link(tab, "Live")
        tab.allow(NOBODY)
        served.program.process.send_signal(signal.SIGSTOP)
        try:
            for _ in range(40):
                tab.page.clock.run_for(1000)
            expect(tab.page.get_by_role("alert")).to_contain_text("The server does not answer")
        finally:
            served.program.process.send_signal(signal.SIGCONT)
        for _ in range(40):
            tab.page.clock.run_for(1000)
        with served.call("echo") as caller:
            expect(tab.page.get_by_role("alert")).to_have_count(0)
            expect(tab.channel(f"tcp://127.0.0.1:{caller.getsockname()[1]} to ")).to_be_visible()


def test_a_journal_that_is_gone_is_said_and_found_again(browser: Browser, tmp_path: Path) -> None:
    journal = tmp_path / "kept"
    with by_hand(journal) as hand:
        hand.write(CALL, [(Side.SERVER, b"before\n")])
    with watch(tmp_path) as served, tab_of(browser, served) as tab:
        tab.open("conversations")
        row = tab.page.get_by_role("grid", name="Conversations").get_by_role("row")
        expect(row.filter(has_text="192.0.2.7")).to_have_count(1)
        tab.allow("status of 503")
        shutil.rmtree(journal)
        banner = tab.page.get_by_role("alert")
        expect(banner).to_contain_text(f"the journal in {journal} is gone", ignore_case=True)
        link(tab, "Trouble")
        with by_hand(journal) as hand:
            hand.write(OTHER, [(Side.SERVER, b"after\n")])
        expect(banner).to_have_count(0)
        link(tab, "Live")
        expect(row.filter(has_text="192.0.2.8")).to_have_count(1)
        expect(row.filter(has_text="192.0.2.7")).to_have_count(0)
        row.filter(has_text="192.0.2.8").click()
        expect(tab.item("after")).to_be_visible()


def test_a_wrong_token_is_said_and_asked_for(browser: Browser, tmp_path: Path) -> None:
    with up(tmp_path, ECHO) as served, tab_of(browser, served) as tab:
        tab.allow("status of 401|WebSocket connection to")
        origin, right = served.url.split("/#token=")
        tab.page.goto(f"{origin}/#token={'x' * 43}")
        expect(tab.page.get_by_role("alert")).to_contain_text("The server does not know this token")
        tab.page.get_by_label("Token").fill(right)
        tab.page.get_by_role("button", name="Look").click()
        expect(tab.station("listen echo")).to_be_visible()
        assert right not in tab.page.url
