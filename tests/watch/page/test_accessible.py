"""Every view is fit for who does not see it, or has no mouse: judged by axe, in light and dark, narrow and wide.

Dark is the same document in other colours, so there only the rules about colours are asked again.
"""

from __future__ import annotations

import re
import smtplib
import socket
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from running import PATIENCE
from watching import PHONE, WIDE, Exchange, Line, Tab, line_up, listens, tab_of

pytestmark = pytest.mark.foreign

REQUEST = b'POST /pears HTTP/1.1\r\nContent-Length: 14\r\n\r\n{"kinds": [3]}'


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Exchange, Line, int]]:
    """An open conversation, and one that is over."""
    with line_up(tmp_path_factory.mktemp("axe"), listens("echo"), listens("mail", "mail")) as call:
        send_mail(call.served.port("mail"))
        with call() as over:
            over.client.sendall(b"over\n")
            assert over.server.recv(100) == b"over\n"
        with call() as line:
            line.client.sendall(REQUEST)
            assert line.server.recv(len(REQUEST), socket.MSG_WAITALL) == REQUEST
            line.server.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            assert line.client.recv(100).startswith(b"HTTP/1.1 404")
            yield call, line, call.served.number_of(line)


def send_mail(port: int) -> None:
    """One that has all that the inbox shows."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Ada <ada@example.org>", "charles@example.org", "Pears"
    mail.set_content("The pears are ripe.")
    mail.add_alternative(
        '<html lang="en"><title>Pears</title><p>The <a href="https://orchard.example">pears</a>', subtype="html"
    )
    mail.add_attachment(b"{}", maintype="application", subtype="json", filename="order.json")
    with smtplib.SMTP("127.0.0.1", port, timeout=PATIENCE) as client:
        client.send_message(mail)


#: The rules of axe that judge colours.
COLOURS = ["color-contrast", "link-in-text-block"]
#: It is told to the document once, as that stays the same from view to view: its half a megabyte takes 80 ms to read.
AXE: str = Axe().axe_script


def serious(page: Page, rules: list[str] | None) -> list[str]:
    """What axe finds that keeps people out, or nearly; by these rules, or by all that it has for that."""
    options: dict[str, Any] = {"resultTypes": ["violations"]}  # the rest is not described, which takes longest
    if rules is not None:
        options["runOnly"] = rules
    found: list[dict[str, Any]] = page.evaluate("async (options) => (await axe.run(options)).violations", options)
    return [
        f"{each['impact']}: {each['id']}: {node['html'][:200]} {node['any'][:1] and node['any'][0]['message']}"
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


@pytest.mark.parametrize(("colours", "rules"), [("light", None), ("dark", COLOURS)])
@pytest.mark.parametrize("size", [WIDE, PHONE])
def test_axe_finds_nothing_serious(
    browser: Browser, line: tuple[Exchange, Line, int], size: tuple[int, int], colours: str, rules: list[str] | None
) -> None:
    call, talk, number = line
    with tab_of(browser, call.served, size=size, color_scheme=colours, bypass_csp=True) as tab:
        found: dict[str, list[str]] = {}
        tab.open("map")
        expect(tab.channel_of(talk)).to_be_visible()
        tab.page.evaluate(AXE)
        found["map"] = serious(tab.page, rules)
        tab.station("relay line").locator(".head").click()
        found["menu"] = serious(tab.page, rules)
        tab.page.keyboard.press("Escape")
        tab.go("conversations")
        expect(tab.page.get_by_role("grid").get_by_role("row").filter(has_text="line")).to_have_count(2)
        found["conversations"] = serious(tab.page, rules)
        tab.go("charts")
        expect(tab.page.get_by_role("figure", name="Opening time")).to_be_visible()
        found["charts"] = serious(tab.page, rules)
        tab.page.get_by_role("button", name="As a table").click()
        found["table"] = serious(tab.page, rules)
        tab.go(f"conversations/{number}")
        expect(tab.item("404 Not Found")).to_be_visible()
        found["conversation"] = serious(tab.page, rules)
        content = tab.look_at("the client: body", "Content")
        expect(content.get_by_role("region", name="JSON")).to_be_visible()
        found["content"] = serious(tab.page, rules)
        tab.panel.get_by_role("tab", name="Bytes").click()
        expect(tab.panel.locator(".marked").first).to_be_visible()
        found["bytes"] = serious(tab.page, rules)
        tab.page.keyboard.press("Escape")
        tab.go("mails")
        tab.page.get_by_role("grid").get_by_role("link", name="Pears").click()
        letter = tab.page.get_by_role("article", name="Pears")
        for name in ("HTML", "Text", "Source", "Attachments", "Header", "Dialogue"):
            letter.get_by_role("tab", name=name).click()
            expect(letter.get_by_text("Fetching…")).to_have_count(0)
            found[name] = serious(tab.page, rules)
        tab.page.keyboard.press("Escape")
        expect(letter).to_have_count(0)
        found["mails"] = serious(tab.page, rules)
        tab.page.keyboard.press("?")
        expect(tab.page.get_by_role("dialog", name="Keys")).to_be_visible()
        found["keys"] = serious(tab.page, rules)
        assert {view: what for view, what in found.items() if what} == {}


def test_nothing_is_wider_than_a_phone(browser: Browser, line: tuple[Exchange, Line, int]) -> None:
    call, _, number = line
    with tab_of(browser, call.served, size=PHONE, has_touch=True, is_mobile=True) as tab:
        tab.open()
        for where in (
            "map",
            "conversations",
            "charts",
            f"conversations/{number}",
            "mails",
            "mails/1",
            "mails/1?tab=dialogue",
        ):
            tab.go(where)
            expect(tab.page.get_by_text("Fetching…")).to_have_count(0)
            assert tab.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, where


def test_by_keyboard_alone(browser: Browser, line: tuple[Exchange, Line, int]) -> None:
    call, talk, number = line
    with tab_of(browser, call.served) as tab:
        tab.open("map")
        press = tab.page.keyboard.press
        channel = tab.channel_of(talk)
        expect(channel).to_be_visible()
        tree = tab.page.get_by_role("tree")
        expect(tree.locator("g.channel")).to_have_count(1)  # what was over has faded: the last row is this one's
        until_focused(tab, tree.locator("[tabindex='0']"))
        press("End")
        expect(channel).to_be_focused()
        press("Enter")
        expect(tab.page.get_by_role("heading", name=f"#{number} ")).to_be_visible()
        feed = tab.page.get_by_role("feed").get_by_role("article")
        expect(tab.item("404 Not Found")).to_be_visible()
        until_focused(tab, tab.page.locator("article[tabindex='0']"))
        press("Home")
        expect(feed.first).to_be_focused()
        press("ArrowDown")
        press("ArrowDown")
        expect(tab.item("POST /pears")).to_be_focused()
        press("Enter")
        expect(tab.panel.get_by_role("tab", name="Meaning")).to_be_focused()
        press("ArrowLeft")
        hex_view = tab.panel.get_by_role("grid", name="Bytes that the client said")
        expect(hex_view).to_be_visible()
        until_focused(tab, hex_view)
        press("ArrowRight")
        expect(tab.panel.get_by_text("1 (0x1): 4f = 79 “O”")).to_be_visible()
        press("Escape")
        expect(tab.item("POST /pears")).to_be_focused()
        until_focused(tab, tab.page.get_by_role("textbox", name="What to say as the client"))
        tab.page.keyboard.type("by hand")
        press("Control+Enter")
        assert talk.server.recv(1000).endswith(b"by hand\n")
        press("Escape")
        press("Tab")
        press("1")
        expect(channel).to_be_visible()
        expect(tab.page).to_have_url(re.compile("#/map$"))


def until_focused(tab: Tab, wanted: Locator) -> None:
    """Press Tab until it has the focus; there are not so many stops."""
    for _ in range(40):
        if wanted.evaluate("each => each === document.activeElement"):
            return
        tab.page.keyboard.press("Tab")
    raise AssertionError(f"the focus never came to {wanted}")
