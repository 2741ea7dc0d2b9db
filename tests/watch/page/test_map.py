"""The map: every socket of the textbook picture, as real programs make them, and how one looks that is not well."""

from __future__ import annotations

import re
import socket
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from partners import read_all, reset
from running import free_port, port_of, program, start
from watching import Exchange, Tab, clog, relays, tab_of, up

pytestmark = pytest.mark.foreign


@pytest.fixture
def tab(tab: Tab) -> Tab:
    """The map is shown."""
    tab.open()
    return tab


def says(pattern: str) -> tuple[str, re.Pattern[str]]:
    """What a screen reader says of it."""
    return "aria-label", re.compile(pattern)


def test_new_sockets_are_drawn_with_their_ports_and_programs(browser: Browser, tmp_path: Path) -> None:
    target, mine = str(free_port()), str(free_port())
    with start([program("ncat"), "-lvk", "127.0.0.1", target], stdin=subprocess.PIPE) as server:
        port_of(server)
        with up(tmp_path, relays("front", int(target))) as served, tab_of(browser, served) as tab:
            tab.open()
            front = str(served.port("front"))
            station = tab.station("relay front")
            expect(station).to_have_attribute(*says(f":{front}, passes on to .*:{target}, 0 open channels$"))
            command = [program("ncat"), "-p", mine, "127.0.0.1", front]
            with start(command, stdin=subprocess.PIPE) as client:
                client.feed(b"hello\n")
                server.wait_for("hello")
                second = server.wait_for(r"Connection from 127\.0\.0\.1:(\d+)", stream="err")[1]
                channel = tab.channel(f"ncat, process {client.process.pid}, tcp://127.0.0.1:{mine} to")
                expect(channel).to_be_visible()
                expect(channel).to_have_attribute(*says(f" to ncat, process {server.process.pid}, "))
                ends = {
                    "caller": (mine, front),
                    "near": (front, mine),
                    "far": (second, target),
                    "target": (target, second),
                }
                for whose, (own, other) in ends.items():
                    expect(channel.locator(f".socket.{whose} text")).to_have_text(f"{own} ⇄ {other}")
                expect(channel.locator(".pid")).to_have_text([f"pid {each.process.pid}" for each in (client, server)])
                expect(station).to_have_attribute(*says("1 open channel$"))


def test_lines_move_with_the_traffic_and_then_are_still(tab: Tab, call: Exchange) -> None:
    with call() as line:
        channel = tab.channel_of(line)
        expect(channel).to_have_attribute(*says("; open;"))
        expect(channel.locator(".line.moves")).to_have_count(0)
        line.client.sendall(b"to")
        assert line.server.recv(100) == b"to"
        expect(channel.locator(".line.client.moves")).to_have_count(2)  # on both legs
        expect(channel.locator(".line.server.moves")).to_have_count(0)
        line.server.sendall(b"and fro")
        expect(channel.locator(".line.server.moves")).to_have_count(2)
        expect(channel).to_have_attribute(*says("the client said 2 B.*; the server said 7 B and is speaking"))
        expect(channel.locator(".line.moves")).to_have_count(0)


def test_a_half_closed_channel_looks_different(tab: Tab, call: Exchange) -> None:
    with call() as line:
        line.client.sendall(b"that is all")
        line.client.shutdown(socket.SHUT_WR)
        assert read_all(line.server) == b"that is all"
        channel = tab.channel_of(line)
        expect(channel).to_have_attribute(*says("; half-closed; the client said 11 B and has ended"))
        expect(channel.locator(".line.client.ended")).to_have_count(2)
        expect(channel.locator(".line.server.ended")).to_have_count(0)


def test_a_stuck_channel_looks_different_and_says_why(tab: Tab, call: Exchange) -> None:
    with call() as line:
        clog(line.client)
        channel = tab.channel_of(line)
        expect(channel).to_have_class(re.compile(r"\bstuck\b"))
        expect(channel).to_have_attribute(*says("; stuck; .*the server does not read"))
        expect(channel.locator(".sentence")).to_contain_text("the server does not read")


def test_a_reset_channel_looks_different(tab: Tab, call: Exchange) -> None:
    with call() as line:
        channel = tab.channel_of(line)
        expect(channel).to_have_class("channel open")
        reset(line.client)
        line.client.close()
        expect(channel).to_have_class("channel broken")
        expect(channel).to_have_attribute(*says("; reset by the client;"))


def test_a_channel_that_is_over_fades(browser: Browser, call: Exchange) -> None:
    with tab_of(browser, call.served) as tab:
        tab.page.clock.install()
        tab.open()
        with call() as line:
            channel = tab.channel_of(line)
            expect(channel).to_have_class("channel open")
        expect(channel).to_have_class("channel over")
        tab.page.clock.run_for(5000)
        expect(channel).to_have_count(0)


def test_a_click_on_a_channel_opens_the_conversation(tab: Tab, call: Exchange) -> None:
    with call() as line:
        line.client.sendall(b"who is there?\n")
        channel = tab.channel_of(line)
        expect(channel).to_have_attribute(*says("said 14 B"))
        number = channel.get_attribute("data-number")
        channel.locator(".number").click()
        expect(tab.page.get_by_role("heading", name=f"#{number} relay line")).to_be_visible()
        expect(tab.page).to_have_url(f"{call.served.origin}/#/conversations/{number}")
        expect(tab.item("who is there?")).to_be_visible()
        tab.page.go_back()
        expect(channel).to_be_visible()


def test_a_listener_is_stopped_and_started_again(tab: Tab, call: Exchange) -> None:
    spare = tab.station("listen spare")
    port = call.served.port("spare")
    with call.served.call("spare") as caller:
        spare.locator(".head").click()
        tab.page.get_by_role("menuitem", name="Stop").click()
        expect(spare).to_have_attribute(*says("stopped: it takes no new callers"))
        tab.shows("spare takes no new callers; those who talk go on")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
        caller.sendall(b"still here?")
        assert caller.recv(100) == b"still here?"
    spare.locator(".head").click()
    tab.page.get_by_role("menuitem", name="Start").click()
    tab.shows("spare listens again")
    with socket.create_connection(("127.0.0.1", port)) as caller:
        caller.sendall(b"again")
        assert caller.recv(100) == b"again"
