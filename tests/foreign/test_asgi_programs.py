"""`asgi:MODULE:APP` as others use it: Chromium and Node over WebSockets, curl over HTTP, and the end by Ctrl-C."""

from __future__ import annotations

import contextlib
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from running import Certificates, Program, program, run, start, tincans
from watching import chromium

pytestmark = pytest.mark.foreign

#: An application as people write them, on starlette.
SITE = """
import contextlib

from starlette.applications import Starlette
from starlette.responses import HTMLResponse, JSONResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute


@contextlib.asynccontextmanager
async def lifespan(app):
    print("begins", flush=True)
    yield {"shelf": "jam"}
    print("ends", flush=True)


async def home(request):
    return HTMLResponse("<!doctype html><title>home</title><link rel=icon href='data:,'>")


async def sent(request):
    form = await request.form()
    return JSONResponse({name: (await value.read()).decode() for name, value in form.items()})


async def count(request):
    async def numbers():
        for number in range(1000):
            yield f"{number}\\n"
    return StreamingResponse(numbers(), media_type="text/plain")


async def talk(socket):
    await socket.accept(subprotocol=socket.scope["subprotocols"][0])
    async for message in socket.iter_json():
        await socket.send_json({"heard": message, "shelf": socket.state.shelf})
        if message == "leave":
            await socket.close(4000, "as you like")


app = Starlette(lifespan=lifespan, routes=[
    Route("/", home), Route("/sent", sent, methods=["POST"]), Route("/count", count), WebSocketRoute("/talk", talk),
])

async def broken(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "the shelf is empty"})
"""

#: Says each word when the one before was answered, and gives back all that it heard, and how it ended.
TALK = """
(url, words) => new Promise((resolve, reject) => {
    const socket = new WebSocket(url, ["tin", "can"]);
    const heard = [];
    const next = () => socket.send(JSON.stringify(words.shift()));
    socket.onopen = next;
    socket.onmessage = ({ data }) => { heard.push(JSON.parse(data)); if (words.length) next(); };
    socket.onerror = () => reject(new Error("the WebSocket failed"));
    socket.onclose = ({ code, reason }) => resolve({ protocol: socket.protocol, heard, code, reason });
})
"""
WORDS = ["hello", "Grüße 🥫", "x" * 100_000, "leave"]
TOLD = {
    "protocol": "tin",
    "heard": [{"heard": word, "shelf": "jam"} for word in WORDS],
    "code": 4000,
    "reason": "as you like",
}


@contextlib.contextmanager
def site(folder: Path, address: str = "tcp://127.0.0.1:0") -> Iterator[tuple[Program, int]]:
    """Serve it while the block runs."""
    (folder / "jam_site.py").write_text(SITE)
    command = tincans("listen", address, "asgi:jam_site:app", "--no-record", "--quiet", "--port-file", "port")
    with start(command, cwd=folder) as running:
        running.wait_for_file(folder / "port")
        yield running, int((folder / "port").read_text())


def test_a_page_talks_to_the_application_that_served_it(tmp_path: Path) -> None:
    with site(tmp_path) as (_, port), chromium() as browser:
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{port}/")
        assert page.title() == "home"
        told = page.evaluate(f"([url, words]) => ({TALK})(url, words)", [f"ws://127.0.0.1:{port}/talk", WORDS])
        assert told == TOLD


def test_node_talks_to_it_over_tls(tmp_path: Path, certificates: Certificates) -> None:
    script = f"""
        const {{ WebSocket }} = globalThis;
        ({TALK})(process.argv[1], {json.dumps(WORDS)}).then((told) => console.log(JSON.stringify(told)));
    """
    with site(tmp_path, f"tls://127.0.0.1:0{certificates.served}") as (_, port):
        command = [program("node"), "--experimental-websocket", "--no-warnings", "-e", script]
        trusting = {"NODE_EXTRA_CA_CERTS": str(certificates.ca)}
        told = run([*command, f"wss://127.0.0.1:{port}/talk"], env=trusting)
    assert json.loads(told) == TOLD


def test_curl_sends_a_form_and_hears_a_stream(tmp_path: Path) -> None:
    curl = [program("curl"), "--silent", "--show-error", "--noproxy", "*"]
    with site(tmp_path) as (_, port):
        sent = run([*curl, "--form", "jam=@-", f"http://127.0.0.1:{port}/sent"], stdin=b"j" * 300_000)
        assert json.loads(sent) == {"jam": "j" * 300_000}
        heard = run([*curl, f"http://127.0.0.1:{port}/count"])
        assert heard == b"".join(b"%d\n" % number for number in range(1000))


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_the_application_begins_and_ends_with_the_command(tmp_path: Path, how: signal.Signals) -> None:
    with site(tmp_path) as (running, _):
        running.wait_for("^begins$")
        running.process.send_signal(how)
        running.wait(None)
        assert running.out.endswith(b"begins\nends\n")


def test_an_application_that_cannot_start_ends_the_command(tmp_path: Path) -> None:
    (tmp_path / "jam_site.py").write_text(SITE)
    with start(tincans("listen", ":0", "asgi:jam_site:broken", "--no-record"), cwd=tmp_path) as running:
        running.wait(2)
        assert b"the application could not start: the shelf is empty" in running.err
