"""A browser page that talks wss:// to a line server which knows nothing of WebSocket or TLS: the relay joins them."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from running import Certificates, program, recorded, serving, start

pytestmark = pytest.mark.foreign

LINE_SERVER = Path(__file__).parents[2] / "examples" / "languages" / "server.php"

#: No sandbox because tests run as root; an authority of our own; nothing that calls home.
FLAGS = [
    "--ignore-certificate-errors",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

#: Says each line when the one before was answered, ends, and gives back all that it heard.
TALK = """
([url, lines]) => new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    const heard = [];
    socket.binaryType = "arraybuffer";
    const next = () => lines.length ? socket.send(lines.shift() + "\\n") : socket.close(1000);
    socket.onopen = next;
    socket.onmessage = ({ data }) => {
        heard.push(typeof data === "string" ? data : new TextDecoder().decode(data));
        if (heard.join("").endsWith("\\n")) next();
    };
    socket.onerror = () => reject(new Error("the WebSocket failed"));
    socket.onclose = ({ code }) => resolve({ code, heard: heard.join("") });
})
"""


@contextlib.contextmanager
def browser_page() -> Iterator[Page]:
    """A page of its own; Playwright has a loop in this thread until it is left."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program("chromium"), args=FLAGS)
        yield browser.new_page()
        browser.close()


def test_a_page_talks_to_a_line_server(certificates: Certificates, tmp_path: Path) -> None:
    lines = ["Hello from a browser", "Grüße, 世界 🥫", "", "111111111", "tin can " * 12_500]
    with start([program("php"), str(LINE_SERVER), "0"]) as server:
        target = server.wait_for(r"^(\d+)\n")[1]
        listen = f"wss://127.0.0.1:0/talk{certificates.served}"
        with serving("relay", listen, f":{target}", journal=tmp_path / "journal") as relay:
            with browser_page() as page:
                result = page.evaluate(TALK, [f"wss://127.0.0.1:{relay.port}/talk", lines])
            server.wait_for("goodbye")
        printed = server.out

    (only,) = recorded(tmp_path / "journal")
    heard = result["heard"].encode()
    assert result["code"] == 1000
    assert only.client == "".join(line + "\n" for line in lines).encode() == told(printed, b"<")
    assert only.server.startswith(heard)
    assert told(printed, b">").startswith(heard)
    assert heard.splitlines()[:4] == [
        b"20 Hello from a browser",
        "20 Grüße, 世界 🥫".encode(),
        b"0 ",
        b"12345678987654321",
    ]
    assert only.conversation.facts["client.ws.resource"] == "/talk"


def told(printed: bytes, mark: bytes) -> bytes:
    return b"".join(re.findall(rb"^\d+ %s (.*\n)" % mark, printed, re.MULTILINE))
