"""Steering: what is clicked is looked for on the wire, at both ends of a real conversation."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, expect

from partners import read_all
from running import PATIENCE
from watching import Exchange, Line, Tab

pytestmark = pytest.mark.foreign


@pytest.fixture
def line(tab: Tab, call: Exchange) -> Iterator[Line]:
    """A conversation that the tab shows."""
    with call() as line:
        tab.read(call.served.number_of(line))
        expect(steer(tab).get_by_role("button", name="Say")).to_be_enabled()
        yield line


def steer(tab: Tab) -> Locator:
    return tab.page.get_by_role("region", name="Steer")


def of(tab: Tab, side: str) -> Locator:
    """The buttons of one side."""
    return steer(tab).get_by_role("group", name=f"The {side}", exact=True)


def say(tab: Tab, side: str, text: str, *, how: str = "Text", end: str = "LF") -> None:
    """Type it and say it."""
    steer(tab).get_by_role("radio", name=f"the {side}").check()
    steer(tab).get_by_role("combobox", name="As", exact=True).select_option(how)
    if how != "Hex":
        steer(tab).get_by_role("combobox", name="Line end").select_option(end)
    steer(tab).get_by_role("textbox").fill(text)
    steer(tab).get_by_role("button", name="Say").click()
    expect(steer(tab).get_by_role("textbox")).to_have_value("")


SAID = [
    ("client", "Grüße\nan alle", "Text", "CRLF", "Grüße\r\nan alle\r\n".encode()),
    ("client", r"a \ stays \n itself", "Text", "none", rb"a \ stays \n itself"),
    ("client", r"\x00\xff\t\\", "Escapes", "LF", b"\x00\xff\t\\\n"),
    ("server", "0d0a DE AD", "Hex", "", b"\r\n\xde\xad"),
    ("server", "+OK", "Text", "LF", b"+OK\n"),
]


def test_what_is_said_arrives_as_these_very_bytes(tab: Tab, line: Line) -> None:
    for side, text, how, end, expected in SAID:
        say(tab, side, text, how=how, end=end)
        hearer = line.server if side == "client" else line.client
        assert hearer.recv(1000) == expected
    line.client.sendall(b"and I\n")  # it is no other conversation than before
    assert line.server.recv(1000) == b"and I\n"
    expect(tab.item("an alle")).to_be_visible()
    expect(tab.page.get_by_role("feed")).to_contain_text("said by hand")


def test_what_makes_no_sense_is_not_said(tab: Tab, line: Line) -> None:
    steer(tab).get_by_role("combobox", name="As", exact=True).select_option("Hex")
    steer(tab).get_by_role("textbox").fill("abc")
    steer(tab).get_by_role("button", name="Say").click()
    expect(steer(tab).get_by_role("status")).to_have_text("a byte has two hexadecimal digits; one is missing")
    steer(tab).get_by_role("textbox").fill("0a")
    steer(tab).get_by_role("textbox").press("Control+Enter")
    assert line.server.recv(1000) == b"\n"


def test_a_side_is_paused_and_goes_on(tab: Tab, line: Line) -> None:
    of(tab, "client").get_by_role("button", name="Pause").click()
    expect(steer(tab).get_by_role("status")).to_have_text("The client is paused: nothing that it says is passed on")
    line.client.sendall(b"held\n")
    line.server.sendall(b"the other way is free\n")
    assert line.client.recv(1000) == b"the other way is free\n"
    line.server.setblocking(False)
    with pytest.raises(BlockingIOError):
        line.server.recv(1000)
    line.server.settimeout(PATIENCE)
    of(tab, "client").get_by_role("button", name="Resume").click()
    assert line.server.recv(1000) == b"held\n"
    expect(of(tab, "client").get_by_role("button", name="Pause")).to_be_visible()


def test_a_side_is_ended(tab: Tab, line: Line) -> None:
    of(tab, "client").get_by_role("button", name="End").click()
    assert line.server.recv(1000) == b""
    expect(of(tab, "client").get_by_role("button", name="End")).to_have_attribute("aria-disabled", "true")
    tab.shows("half-closed")
    line.server.sendall(b"still here\n")
    assert line.client.recv(1000) == b"still here\n"
    line.server.close()
    assert read_all(line.client) == b""


def test_both_channels_are_reset(tab: Tab, line: Line) -> None:
    steer(tab).get_by_role("button", name="Reset").click()
    dialog = tab.page.get_by_role("dialog", name=re.compile("^Reset conversation"))
    dialog.get_by_role("button", name="Leave it open").click()
    line.client.sendall(b"open\n")
    assert line.server.recv(1000) == b"open\n"
    steer(tab).get_by_role("button", name="Reset").click()
    dialog.get_by_role("button", name="Reset it").click()
    for end in (line.client, line.server):
        with pytest.raises(ConnectionResetError):
            end.recv(1000)
    expect(tab.page.locator("details.bottom")).to_contain_text("it is over")
    expect(tab.page.locator(".talk .head")).to_contain_text("reset")


def test_who_may_only_look_cannot_steer(browser: Browser, tab: Tab, line: Line) -> None:
    steers = re.search(r"#token=(\S+)", tab.served.url)
    assert steers is not None
    tokens = (tab.served.folder / "data" / "tincans" / "page.tokens").read_text().split()
    look = next(token for token in tokens if token != steers[1])
    number = tab.page.url.rpartition("/")[2]
    tab.allow("status of 403")
    with tab.page.expect_response("**/reset") as answer:
        tab.page.evaluate(
            "([number, token]) => fetch(`/api/conversations/${number}/reset`, { method: 'POST', body: '{}',"
            " headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' } })",
            [number, look],
        )
    assert answer.value.status == 403
    tab.page.evaluate("token => { location.hash = `#token=${token}` }", look)
    tab.page.reload()
    tab.go(f"conversations/{number}")
    tab.shows("your token may only look")
    expect(tab.page.get_by_role("button", name="Secrets")).to_have_count(0)
    line.client.sendall(b"unharmed\n")
    assert line.server.recv(1000) == b"unharmed\n"
