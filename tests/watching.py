"""The page in a real browser: a tincans that serves it, and tabs that look at it and notice whatever is wrong.

A tab that saw a fault fails its test, whether anybody looked for it or not: an error on the console, a violation of the
page's policy, an exception, a dialog, a request that failed or that went anywhere but to the page's own server.

Playwright's synchronous API has a loop in its thread for as long as it runs, so no other loop may run there meanwhile:
what needs one (reading a journal) is done by `apart`, in a thread of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Dialog,
    Locator,
    Page,
    Request,
    expect,
    sync_playwright,
)

from running import PATIENCE, POLL, Program, program, start, tincans
from tincans.channel import Side
from tincans.conversation import How, Opening
from tincans.journal import Bounds
from tincans.journal.sqlite import SqliteJournal
from visiting import Visitor

T = TypeVar("T")

#: No sandbox because tests run as root; nothing that calls home.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

WIDE = (1280, 800)
PHONE = (360, 740)

#: Told on the console, where every other fault is.
_NOTICE = """
document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI, sourceFile, lineNumber }) =>
    console.error(`policy: ${violatedDirective} forbids ${blockedURI} in ${sourceFile}:${lineNumber}`));
"""

#: For what is to be seen, in milliseconds: a busy machine may need it, and no test that passes waits for it.
SEEN = 60_000

expect.set_options(timeout=SEEN)


def apart(do: Callable[..., T], *arguments: Any) -> T:
    """Do it in another thread, where no loop runs."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(do, *arguments).result()


# ── the page served ───────────────────────────────────────────────────────────────────────────────────────


class Served:
    """A tincans that serves a page: `url` opens it with the token that may steer."""

    def __init__(self, program: Program, folder: Path) -> None:
        self.program, self.folder = program, folder
        self._newest: dict[str, int] = {}
        self.url = program.wait_for(r"^(http://\S+#token=\S+)$")[1]
        self.origin = self.url.partition("/#")[0]

    @property
    def journal(self) -> Path:
        return self.folder / "kept"

    def port(self, name: str) -> int:
        """Where an entry of the switchboard listens."""
        addresses = json.loads((self.folder / "ports.json").read_text())
        return int(addresses[name].rpartition(":")[2])

    def newest(self, name: str) -> int:
        """The number of the newest conversation through that entry, which is another than when this was asked last."""
        seen = self._newest.get(name, 0)
        self._newest[name] = self._number(f"name={name}", lambda row: int(row["number"]) > seen)
        return self._newest[name]

    def number_of(self, line: Line) -> int:
        """The number of this conversation."""
        return self._number(
            f"party=:{line.client_port}", lambda row: bool(row["client"].endswith(f":{line.client_port}"))
        )

    def _number(self, which: str, is_wanted: Callable[[Any], bool]) -> int:
        """Of the newest conversation that is listed and wanted, once there is one."""
        deadline = time.monotonic() + PATIENCE
        while True:
            rows = Visitor(self.url).get(f"/api/conversations?{which}&limit=500")["rows"]
            found = [int(row["number"]) for row in rows if is_wanted(row)]
            if found:
                return found[-1]
            assert time.monotonic() < deadline, f"there is no conversation of {which}"
            time.sleep(POLL)

    def call(self, name: str) -> socket.socket:
        """A client of that entry."""
        caller = socket.create_connection(("127.0.0.1", self.port(name)), PATIENCE)
        caller.settimeout(PATIENCE)
        return caller


class Line(NamedTuple):
    """A conversation through the relay `line`, of which the test is both ends."""

    client: socket.socket
    server: socket.socket

    @property
    def client_port(self) -> int:
        """The client's ephemeral port, by which the page tells it from others."""
        return int(self.client.getsockname()[1])


@contextlib.contextmanager
def line_up(folder: Path, *entries: str) -> Iterator[Exchange]:
    """As `up`, with a relay more, `line`; gives what makes a call through it. Its `served` is the page."""
    with socket.create_server(("127.0.0.1", 0)) as target:
        target.settimeout(PATIENCE)
        with up(folder, relays("line", target.getsockname()[1]), *entries) as served:
            yield Exchange(served, target)


def clog(speaker: socket.socket) -> None:
    """Speak until nobody takes any more."""
    speaker.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            speaker.send(b"x" * 65536)


class Exchange:
    """Makes calls through the relay `line`."""

    def __init__(self, served: Served, target: socket.socket) -> None:
        self.served, self._target = served, target

    @contextlib.contextmanager
    def __call__(self) -> Iterator[Line]:
        """A client and a server that have not spoken yet; both are closed at the end."""
        with self.served.call("line") as client:
            with self.answer() as server:
                yield Line(client, server)

    @contextlib.contextmanager
    def answer(self) -> Iterator[socket.socket]:
        """The target's socket for who calls next, through the relay or not."""
        server, _ = self._target.accept()
        with server:
            server.settimeout(PATIENCE)
            yield server


def listens(name: str, app: str = "echo", address: str = ":0", **limits: float) -> str:
    """An entry of a tincans.toml."""
    return f'[[listen]]\nname = "{name}"\naddress = "{address}"\napp = "{app}"\n{_limits(limits)}'


def relays(name: str, target: object, address: str = ":0", **limits: float) -> str:
    """An entry of a tincans.toml; a target that is a number is a port of this machine."""
    target = f":{target}" if isinstance(target, int) else target
    return f'[[relay]]\nname = "{name}"\nlisten = "{address}"\ntarget = "{target}"\n{_limits(limits)}'


def _limits(limits: dict[str, float]) -> str:
    return f"limits = {{ {', '.join(f'{name} = {value}' for name, value in limits.items())} }}\n" if limits else ""


@contextlib.contextmanager
def up(folder: Path, *entries: str, page: str = "127.0.0.1:0") -> Iterator[Served]:
    """Run `tincans up` with these entries, which records into `folder`/kept, while the block runs."""
    folder.mkdir(exist_ok=True)
    (folder / "tincans.toml").write_text('journal = "kept"\n' + "\n".join(entries))
    arguments = ["up", "tincans.toml", "--ports-file", "ports.json", "--page", page]
    with start(tincans(*arguments), cwd=folder, env=_own_data(folder)) as running:
        yield Served(running, folder)


@contextlib.contextmanager
def watch(folder: Path, *options: str, address: str = "127.0.0.1:0") -> Iterator[Served]:
    """Run `tincans watch` on the journal in `folder`/kept while the block runs."""
    arguments = ["watch", "--journal", str(folder / "kept"), "--address", address, "--no-open", *options]
    with start(tincans(*arguments), env=_own_data(folder)) as running:
        yield Served(running, folder)


def _own_data(folder: Path) -> dict[str, str]:
    """Tokens and mails of its own; they stay the same when it is started again."""
    data = folder / "data"
    return {"XDG_DATA_HOME": str(data), "TINCANS_MAILS": str(data / "tincans" / "mails")}


# ── the browser ───────────────────────────────────────────────────────────────────────────────────────────


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """A browser, without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program("chromium"), args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


class Tab:
    """A tab that shows the page of one server; `page` is Playwright's."""

    def __init__(self, context: BrowserContext, served: Served) -> None:
        self.served = served
        #: What was wrong, in the order in which it was noticed.
        self.faults: list[str] = []
        #: Requests that the page's policy stopped before they went anywhere: what was said wanted them.
        self.stopped: list[str] = []
        self._allowed: list[str] = []
        context.add_init_script(_NOTICE)
        self.page: Page = context.new_page()
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self._fault(f"exception: {error}"))
        self.page.on("crash", lambda _: self._fault("the page crashed"))
        self.page.on("dialog", self._dismiss)
        self.page.on("request", self._see)
        self.page.on("requestfailed", self._see_failed)
        self.page.on("websocket", lambda socket: self._check_origin(socket.url.replace("ws://", "http://")))

    def allow(self, pattern: str) -> None:
        """Take what matches for no fault: a test that provokes one says so."""
        self._allowed.append(pattern)

    def check(self) -> None:
        """Fails where anything was wrong."""
        for url in self.stopped:
            with contextlib.suppress(ValueError):
                self.faults.remove(f"a request to {url}")
        assert not self.faults, "the page has faults:\n" + "\n".join(self.faults)

    def _fault(self, text: str) -> None:
        if not any(re.search(pattern, text) for pattern in self._allowed):
            self.faults.append(text)

    def _hear(self, said: ConsoleMessage) -> None:
        if said.type == "error":
            self._fault(f"console: {said.text}")

    def _dismiss(self, dialog: Dialog) -> None:
        self._fault(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _see(self, request: Request) -> None:
        self._check_origin(request.url)

    def _check_origin(self, url: str) -> None:
        if not url.startswith((f"{self.served.origin}/", f"blob:{self.served.origin}/", "blob:null/", "about:")):
            self._fault(f"a request to {url}")

    def _see_failed(self, request: Request) -> None:
        if request.failure == "csp":
            self.stopped.append(request.url)
        elif request.failure != "net::ERR_ABORTED":  # the page lets go of what it does not want any more
            self._fault(f"{request.method} {request.url} failed: {request.failure}")

    # ── going places ──────────────────────────────────────────────────────────────────────────────────────

    def open(self, where: str = "") -> Page:
        """Open the page with its token, and then a view of it: `conversations?state=open`."""
        self.page.goto(self.served.url)
        expect(self.page.get_by_role("navigation", name="Views")).to_be_visible()
        if where:
            self.go(where)
        return self.page

    def go(self, where: str) -> None:
        """Show another view, as a link to it does."""
        self.page.evaluate("where => { location.hash = `#/${where}` }", where)

    def shows(self, text: str | re.Pattern[str]) -> Locator:
        """An element of this text, once it is seen."""
        found = self.page.get_by_text(text).first
        expect(found).to_be_visible()
        return found

    def read(self, number: int) -> None:
        """Show a conversation."""
        self.open(f"conversations/{number}")
        expect(self.page.get_by_role("heading", name=f"#{number} ")).to_be_visible()

    # ── the map ───────────────────────────────────────────────────────────────────────────────────────────

    def channel(self, words: str) -> Locator:
        """A channel of the map, by some of the words that a screen reader says of it."""
        return self.page.locator("g.channel").and_(self.page.get_by_role("treeitem", name=words))

    def channel_of(self, line: Line) -> Locator:
        """The channel of this client."""
        return self.channel(f"tcp://127.0.0.1:{line.client_port} to ")

    def station(self, name: str) -> Locator:
        """A listening socket of the map, by its kind and name: `relay front`."""
        return self.page.get_by_role("treeitem", name=re.compile(f"^{re.escape(name)} "))

    # ── one conversation ──────────────────────────────────────────────────────────────────────────────────

    def item(self, words: str | re.Pattern[str]) -> Locator:
        """Something that was said, by some of the words that a screen reader says of it."""
        return self.page.get_by_role("feed").get_by_role("article", name=words)

    @property
    def panel(self) -> Locator:
        """What is shown of the chosen item."""
        return self.page.get_by_role("complementary", name="The chosen item")

    def look_at(self, words: str | re.Pattern[str], tab: str) -> Locator:
        """Choose what was said, and look at it in one of the panel's ways; gives that."""
        self.item(words).first.click()
        self.panel.get_by_role("tab", name=tab).click()
        return self.panel.get_by_role("tabpanel", name=tab)


@contextlib.contextmanager
def tab_of(browser: Browser, served: Served, *, size: tuple[int, int] = WIDE, **options: Any) -> Iterator[Tab]:
    """A tab with nothing kept from others; whatever was wrong in it fails the block when it ends well."""
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height}, permissions=["clipboard-read", "clipboard-write"],
        reduced_motion="reduce", locale="en-GB", timezone_id="UTC", accept_downloads=True, **options,
    )  # fmt: skip
    context.set_default_timeout(SEEN)
    try:
        tab = Tab(context, served)
        yield tab
        tab.check()
    finally:
        context.close()


# ── a journal, written by hand ────────────────────────────────────────────────────────────────────────────


class Hand:
    """A clock that a test sets, in nanoseconds, and the words of conversations that it makes up."""

    def __init__(self, journal: Path) -> None:
        self.at = time.time_ns()
        self._journal = SqliteJournal(journal, Bounds(), self)

    def now(self) -> int:
        return self.at

    def write(self, opening: Opening, words: Iterable[tuple[Side, bytes]], how: How | None = How.FINISHED) -> None:
        """A conversation that begins now; each word comes a millisecond after the one before. None leaves it open."""
        tap = self._journal.begin(opening)
        for side, data in words:
            self.at += 1_000_000
            tap.said(side, data)
        if how is not None:
            tap.closed(how, Side.CLIENT if how is How.RESET else None)

    def close(self) -> None:
        apart(asyncio.run, self._journal.aclose())


@contextlib.contextmanager
def by_hand(journal: Path) -> Iterator[Hand]:
    """Writes a journal while the block runs; what is still open then is open for ever."""
    hand = Hand(journal)
    try:
        yield hand
    finally:
        hand.close()
