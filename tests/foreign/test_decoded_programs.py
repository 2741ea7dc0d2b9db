"""What real programs say through a relay, decoded, beside what they report themselves: curl, git, a browser."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

import servers
from mailing import Pop3Server, SmtpServer, with_server
from running import Serving, program, run, serving, understood
from servers import Nginx
from tincans.channel import Side
from tincans.decoding import Heard
from tincans.protocols import Malformed, http, websocket_events
from tincans.protocols.http_events import Body, InterimResponse, MessageEnd, Request, Response
from tincans.protocols.mail import Text
from tincans.protocols.view import View

pytestmark = pytest.mark.foreign


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[Nginx]:
    with servers.nginx(tmp_path / "nginx") as nginx:
        yield nginx


@pytest.fixture
def relay(nginx: Nginx, tmp_path: Path) -> Iterator[Serving]:
    with serving("relay", ":0", f":{nginx.port}", journal=tmp_path / "journal") as relay:
        yield relay


def curl(*arguments: str) -> dict[str, Any]:
    """What curl reports of a transfer; its body goes where `--output` says."""
    command = ["--silent", "--show-error", "--noproxy", "*", "--write-out", "%{json}", *arguments]
    report: dict[str, Any] = json.loads(run([program("curl"), *command]))
    return report


def of(kind: type, told: list[Heard]) -> list[Any]:
    return [heard.event for heard in told if isinstance(heard.event, kind)]


def messages(told: list[Heard]) -> list[tuple[Any, Any, bytes]]:
    """Each request, its final response, and the response's body without its framing."""
    found: list[tuple[Any, Any, bytes]] = []
    requests = iter(of(Request, told))
    body, response = b"", None
    for heard in told:
        if heard.event.side is Side.CLIENT:
            continue
        if isinstance(heard.event, Response):
            response, body = heard.event, b""
        elif isinstance(heard.event, Body):
            body += heard.event.data
        elif isinstance(heard.event, MessageEnd):
            found.append((next(requests), response, body))
    return found


def views(told: list[Heard]) -> list[View]:
    viewer = http.HttpSession.viewer()
    return [viewer.view(heard.event) for heard in told]


def check_nothing_is_malformed(told: list[Heard]) -> None:
    assert not of(Malformed, told)


# ── curl ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_curl_and_http(nginx: Nginx, relay: Serving, tmp_path: Path) -> None:
    (nginx.www / "file").write_bytes(bytes(range(256)) * 40)
    at = f"http://127.0.0.1:{relay.port}"
    transfers = [
        ["/file"], ["--range", "100-299", "/file"], ["--range", "0-1,5-6", "/file"], ["--head", "/file"],
        ["--data", "tin=can", "/nobody"], ["/index.html?q=%E2%82%AC"],
    ]  # fmt: skip
    segments = [["--output", "/dev/null", *options, f"{at}{path}"] for *options, path in transfers]
    words = [word for segment in segments for word in [*segment, "--next"]]
    run([program("curl"), "--silent", "--show-error", *words[:-1]])
    relay.program.stop()

    (told,) = understood(tmp_path / "journal")
    check_nothing_is_malformed(told)
    said = messages(told)
    assert [request.method for request, _, _ in said] == ["GET", "GET", "GET", "HEAD", "POST", "GET"]
    assert [response.status for _, response, _ in said] == [200, 206, 206, 200, 404, 200]
    assert said[0][2] == bytes(range(256)) * 40
    assert said[1][2] == (bytes(range(256)) * 2)[100:300]
    assert said[1][1].field("content-range") == "bytes 100-299/10240"
    assert said[2][1].field("content-type").startswith("multipart/byteranges")
    assert (said[3][2], said[3][1].field("content-length")) == (b"", "10240")
    assert said[5][0].target == "/index.html?q=%E2%82%AC"


def test_sizes_are_those_that_curl_reports(nginx: Nginx, relay: Serving, tmp_path: Path) -> None:
    report = curl("--output", "/dev/null", "--user", "ada:lovelace", f"http://127.0.0.1:{relay.port}/index.html")
    relay.program.stop()

    (told,) = understood(tmp_path / "journal")
    ((request, response, body),) = messages(told)
    assert request.end - request.start == report["size_request"]
    assert response.end - response.start == report["size_header"]
    assert len(body) == report["size_download"]
    assert (response.status, response.field("content-type")) == (report["http_code"], report["content_type"])
    assert "lovelace" not in str(request.masked())
    assert dict(request.masked().headers)["Authorization"] == "Basic ******"


def test_chunked_both_ways_and_packed(nginx: Nginx, relay: Serving, tmp_path: Path) -> None:
    text = "a can of tin, a tin of can\n" * 4000
    (nginx.www / "zip" / "text").write_text(text)
    (tmp_path / "upload").write_text(text)
    at = f"http://127.0.0.1:{relay.port}"
    chunked = ["--header", "Transfer-Encoding: chunked", "--header", "Expect: 100-continue"]
    down = curl("--output", str(tmp_path / "got"), "--compressed", f"{at}/zip/text")
    up = curl("--upload-file", str(tmp_path / "upload"), *chunked, f"{at}/put/text")
    relay.program.stop()

    assert (tmp_path / "got").read_text() == (nginx.www / "put" / "text").read_text() == text
    downloaded, uploaded = understood(tmp_path / "journal")
    check_nothing_is_malformed(downloaded + uploaded)
    ((_, response, body),) = messages(downloaded)
    assert response.field("transfer-encoding") == "chunked"
    assert response.field("content-encoding") == "gzip"
    assert len(body) == down["size_download"] < len(text)
    unpacked = b"".join(view.content or b"" for view in views(downloaded))
    assert unpacked == text.encode()
    sent = b"".join(event.data for event in of(Body, uploaded) if event.side is Side.CLIENT)
    assert sent == text.encode()
    assert up["http_code"] in [event.status for event in of(Response, uploaded)]
    assert [event.status for event in of(InterimResponse, uploaded)] == [100]


async def test_curl_and_smtp(tmp_path: Path) -> None:
    mail = b"From: ada@example.org\r\nSubject: tin\r\n\r\n.dots\r\n..and more\r\nGr\xc3\xbc\xc3\x9fe\r\n"
    (tmp_path / "mail").write_bytes(mail)
    inbox = SmtpServer()

    def send(host: str, port: int) -> None:
        with serving("relay", ":0", f"{host}:{port}", journal=tmp_path / "journal") as relay:
            to = ["--mail-rcpt", "bob@example.org", "--mail-rcpt", "eve@example.org"]
            curl(
                f"smtp://127.0.0.1:{relay.port}", "--mail-from", "ada@example.org", *to, "--user", "ada:lovelace",
                "--upload-file", str(tmp_path / "mail"),
            )  # fmt: skip

    await with_server("smtp", inbox.greeting, inbox.answers, send)

    (told,) = await asyncio.to_thread(understood, tmp_path / "journal")
    check_nothing_is_malformed(told)
    assert {heard.protocol for heard in told} == {"smtp"}
    assert b"".join(event.data for event in of(Text, told)) == mail
    assert inbox.mails == [("ada@example.org", ("bob@example.org", "eve@example.org"), mail)]
    summaries = [heard.event.masked().summary for heard in told]
    assert "RCPT TO:<eve@example.org>" in summaries
    assert not any("lovelace" in summary or "bG92ZWxhY2U" in summary for summary in summaries)


async def test_curl_and_pop3(tmp_path: Path) -> None:
    mail = b"From: ada@example.org\r\nSubject: tin\r\n\r\n.dots\r\nGr\xc3\xbc\xc3\x9fe\r\n"
    pop3 = Pop3Server(mail)
    got: list[bytes] = []

    def fetch(host: str, port: int) -> None:
        with serving("relay", ":0", f"{host}:{port}", journal=tmp_path / "journal") as relay:
            url = f"pop3://127.0.0.1:{relay.port}/1"
            got.append(run([program("curl"), "--silent", "--show-error", "--user", "ada:lovelace", url]))

    await with_server("pop3", pop3.greeting, pop3.answers, fetch)

    (told,) = await asyncio.to_thread(understood, tmp_path / "journal")
    check_nothing_is_malformed(told)
    assert b"".join(event.data for event in of(Text, told)) == got[0] == mail
    summaries = [heard.event.masked().summary for heard in told]
    assert not any("lovelace" in summary for summary in summaries)
    assert any("******" in summary for summary in summaries)


# ── git ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_git_clones_over_http(nginx: Nginx, relay: Serving, tmp_path: Path) -> None:
    git = [program("git"), "-c", "user.name=ada", "-c", "user.email=ada@example.org", "-C"]
    origin, bare = tmp_path / "origin", nginx.www / "can.git"
    origin.mkdir()
    run([*git, str(origin), "init", "--quiet"])
    for number in range(5):
        (origin / "tin").write_text(f"can {number}\n" * 1000)
        run([*git, str(origin), "add", "tin"])
        run([*git, str(origin), "commit", "--quiet", "--message", f"Can {number}"])
    run([*git, str(origin), "clone", "--quiet", "--bare", str(origin), str(bare)])
    run([*git, str(bare), "update-server-info"])
    run([*git, str(tmp_path), "clone", "--quiet", f"http://127.0.0.1:{relay.port}/can.git", "copy"])
    relay.program.stop()

    assert (tmp_path / "copy" / "tin").read_text() == (origin / "tin").read_text()
    conversations = understood(tmp_path / "journal")
    check_nothing_is_malformed([heard for told in conversations for heard in told])
    found = [response.status for told in conversations for _, response, _ in messages(told)]
    assert sorted(found) == sorted(row[0] for rows in nginx.connections for row in rows)
    requests = [event for told in conversations for event in of(Request, told)]
    assert requests[0].target == "/can.git/info/refs?service=git-upload-pack"
    assert all(request.field("user-agent").startswith("git/") for request in requests)


# ── a browser ─────────────────────────────────────────────────────────────────────────────────────────────

TALK = """
(url) => new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    const heard = [];
    socket.onopen = () => { socket.send("Grüße 🥫 ".repeat(100)); socket.send(new Uint8Array([0, 1, 255])); };
    socket.onmessage = ({ data }) => {
        heard.push(typeof data === "string" ? data : "bytes");
        if (heard.length === 2) socket.close(4001, "enough");
    };
    socket.onerror = () => reject(new Error("the WebSocket failed"));
    socket.onclose = () => resolve(heard);
})
"""


def test_a_browser_and_websocket(tmp_path: Path) -> None:
    def echo(connection: ServerConnection) -> None:
        for _ in range(2):
            connection.send(connection.recv())
        with contextlib.suppress(ConnectionClosed):
            connection.recv()

    with serve(echo, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            port = server.socket.getsockname()[1]
            with serving("relay", ":0", f":{port}", journal=tmp_path / "journal") as relay:
                heard = in_a_browser(f"ws://127.0.0.1:{relay.port}/talk")
        finally:
            server.shutdown()
            thread.join()

    (told,) = [told for told in understood(tmp_path / "journal") if of(websocket_events.Text, told)]
    check_nothing_is_malformed(told)
    assert heard == ["Grüße 🥫 " * 100, "bytes"]
    (request,) = of(Request, told)
    assert (request.target, request.field("upgrade")) == ("/talk", "websocket")
    assert "permessage-deflate" in of(InterimResponse, told)[0].field("sec-websocket-extensions")
    by_side = {side: [h.event for h in told if h.event.side is side and h.protocol == "websocket"] for side in Side}
    for side in Side:
        assert [event.text for event in by_side[side] if isinstance(event, websocket_events.Text)] == [
            "Grüße 🥫 " * 100
        ]
        assert [event.data for event in by_side[side] if isinstance(event, websocket_events.Binary)] == [
            bytes([0, 1, 255])
        ]
    (close, *_) = of(websocket_events.Close, told)
    assert (close.side, close.code, close.reason) == (Side.CLIENT, 4001, "enough")


def in_a_browser(url: str) -> list[str]:
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program("chromium"), args=flags)
        heard: list[str] = browser.new_page().evaluate(TALK, url)
        browser.close()
    return heard
