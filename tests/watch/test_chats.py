"""The hubs of chats on the page: which there are, and talking on one over the page's own server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from running import PATIENCE, POLL
from tincans.address import Address
from tincans.apps.chat.hub import Hub
from tincans.config import parse_config
from tincans.journal import open_journal
from tincans.limits import CHAT_LINE_BYTES
from tincans.switchboard import Switchboard
from tincans.watch.chats import hubs_of
from tincans.watch.page import Page, serve_page
from tincans.watch.tokens import Tokens
from tincans.watch.watched import Watched
from visiting import Visitor

HERE = Address.parse("127.0.0.1:0")
TOKENS = Tokens("s" * 43, "l" * 43)
HUBS = """
[[listen]]
name = "chat"
address = ":0"
app = "chat"
rooms = "memory:"
[[listen]]
name = "echo"
address = ":0"
app = "echo"
[[listen]]
address = "unix://{folder}/hub.sock"
app = "chat:pears"
rooms = "memory:"
[[listen]]
name = "secret"
address = "tls://127.0.0.1:0"
app = "chat"
rooms = "memory:"
"""


class Guest:
    """What a test works with."""

    def __init__(self, page: Page, board: Switchboard, watched: Watched) -> None:
        self.page, self.board, self.watched = page, board, watched

    def hub(self, name: str = "chat") -> Hub:
        return hubs_of(self.watched)[name].hub

    @asynccontextmanager
    async def call(self, name: str = "chat", token: str = TOKENS.steer, **more: Any) -> AsyncIterator[ClientConnection]:
        where = f"ws://127.0.0.1:{self.page.address.port}/api/chat/{name}"
        offers: Any = ["tincans", f"token.{token}"]
        async with connect(where, subprotocols=offers, proxy=None, **more) as socket:
            yield socket


@asynccontextmanager
async def guest(folder: Any, text: str = HUBS) -> AsyncIterator[Guest]:
    journal = open_journal("memory:")
    async with Switchboard() as board:
        await board.apply(parse_config(text.format(folder=folder), folder / "tincans.toml"))
        watched = Watched(journal, board=board)
        async with serve_page(HERE, watched, TOKENS) as page:
            yield Guest(page, board, watched)
    await journal.aclose()


async def do(socket: ClientConnection, do: str, **more: object) -> Any:
    """Have it done, and give what answers it."""
    await socket.send(json.dumps({"do": do, "label": "mine", **more}))
    while True:
        said = json.loads(await socket.recv())
        if said.get("label") == "mine":
            return said


async def test_the_hubs_that_run(tmp_path: Any) -> None:
    async with guest(tmp_path) as page:
        ports = {row.name: row.address.port for row in page.board.rows}
        rows = (await asyncio.to_thread(Visitor(page.page.url()).get, "/api/chats"))["rows"]
        assert rows == [
            {"name": "chat", "hub": "tincans", "url": f"http://127.0.0.1:{ports['chat']}"},
            {"name": f"unix://{tmp_path}/hub.sock", "hub": "pears", "url": ""},
            {"name": "secret", "hub": "tincans", "url": f"https://127.0.0.1:{ports['secret']}"},
        ]
        await page.board.stop("chat")
        rows = (await asyncio.to_thread(Visitor(page.page.url()).get, "/api/chats"))["rows"]
        assert [row["name"] for row in rows] == [f"unix://{tmp_path}/hub.sock", "secret"]


async def test_where_nothing_runs_there_is_no_hub() -> None:
    journal = open_journal("memory:")
    async with serve_page(HERE, Watched(journal), TOKENS) as page:
        assert (await asyncio.to_thread(Visitor(page.url()).get, "/api/chats")) == {"rows": []}
    await journal.aclose()


@pytest.mark.parametrize("name", ["chat", "unix://{folder}/hub.sock", "secret"])
@pytest.mark.parametrize("safe", ["/:", ""])
async def test_one_talks_with_a_hub_as_a_program(name: str, safe: str, tmp_path: Any) -> None:
    name = quote(name.format(folder=tmp_path), safe=safe)
    async with guest(tmp_path) as page, page.call(name) as ann, page.call(name) as bob:
        assert (await do(ann, "hello", nick="ann"))["on"] == "welcome"
        assert (await do(bob, "hello", nick="bob"))["nick"] == "bob"
        for each in (ann, bob):
            assert (await do(each, "join", room="#ops"))["on"] == "room"
        said = await do(ann, "say", room="#ops", text="Grüße 🥫")
        assert (said["on"], said["number"]) == ("message", 1)
        del said["label"]
        while (heard := json.loads(await bob.recv()))["on"] != "message":
            pass
        assert heard == said


async def test_who_goes_has_left_the_hub(tmp_path: Any) -> None:
    async with guest(tmp_path) as page:
        async with page.call() as ann:
            await do(ann, "hello", nick="ann")
            assert list(page.hub().people) == ["ann"]
        async with asyncio.timeout(PATIENCE):
            while page.hub().people:
                await asyncio.sleep(POLL)


async def test_a_token_that_may_only_look_hears_and_says_nothing(tmp_path: Any) -> None:
    async with guest(tmp_path) as page, page.call() as ann, page.call(token=TOKENS.look) as looker:
        await do(ann, "hello", nick="ann")
        await do(ann, "join", room="#ops")
        await do(ann, "say", room="#ops", text="before")
        assert (await do(looker, "hello"))["nick"] == "guest"
        assert (await do(looker, "join", room="#ops"))["on"] == "room"
        history = await do(looker, "history", room="#ops")
        assert [each["text"] for each in history["messages"]] == ["before"]
        for command, more in [
            ("say", {"room": "#ops", "text": "x"}), ("say", {"to": "ann", "text": "x"}), ("nick", {"nick": "ann2"}),
            ("topic", {"room": "#ops", "text": "x"}), ("mode", {"room": "#ops", "modes": "+m"}), ("away", {}),
            ("kick", {"room": "#ops", "nick": "ann"}), ("login", {"name": "ann", "password": ""}), ("nonsense", {}),
            ("invite", {"room": "#ops", "nick": "ann"}), ("act", {"room": "#ops", "text": "x"}),
        ]:  # fmt: skip
            refused = await do(looker, command, **more)
            assert (refused["on"], refused["code"]) == ("error", "read-only"), command
        await ann.send(json.dumps({"do": "say", "room": "#ops", "text": "after"}))
        while (heard := json.loads(await looker.recv()))["on"] != "message":
            pass
        assert heard["text"] == "after"
        assert page.hub().history.last == 2


async def test_what_is_no_object_is_the_hubs_to_answer(tmp_path: Any) -> None:
    async with guest(tmp_path) as page, page.call(token=TOKENS.look) as looker:
        for nonsense in ("[", "1", '{"do": 1}', b"\xff", "[" * 5000):
            await looker.send(nonsense)
            assert json.loads(await looker.recv())["code"] == "not-understood"


@pytest.mark.parametrize("token", ["", "x" * 43])
async def test_without_a_token_nobody_talks(token: str, tmp_path: Any) -> None:
    async with guest(tmp_path) as page:
        with pytest.raises(InvalidStatus) as told:
            async with page.call(token=token):
                pass
        assert told.value.response.status_code == 401


async def test_a_page_of_another_site_talks_with_nobody(tmp_path: Any) -> None:
    async with guest(tmp_path) as page:
        with pytest.raises(InvalidStatus) as told:
            async with page.call(origin="http://evil.example.org"):
                pass
        assert told.value.response.status_code == 403


@pytest.mark.parametrize("name", ["echo", "nobody", ""])
async def test_what_is_no_hub_is_not_found(name: str, tmp_path: Any) -> None:
    async with guest(tmp_path) as page:
        with pytest.raises(InvalidStatus) as told:
            async with page.call(name):
                pass
        assert told.value.response.status_code == 404


async def test_a_hub_that_is_dismissed_says_so(tmp_path: Any) -> None:
    async with guest(tmp_path) as page, page.call() as ann:
        await do(ann, "hello", nick="ann")
        page.hub().retire()
        assert json.loads(await ann.recv()) == {"on": "bye", "text": "the hub stops"}
        with pytest.raises(ConnectionClosed):
            await ann.recv()


async def test_a_message_has_just_so_many_bytes(tmp_path: Any) -> None:
    async with guest(tmp_path) as page, page.call() as ann:
        room = CHAT_LINE_BYTES - len(json.dumps({"do": "ping", "label": "mine", "x": ""}))
        assert (await do(ann, "ping", x="x" * room))["on"] == "pong"
        with pytest.raises(ConnectionClosed):
            await do(ann, "ping", x="x" * (room + 1))
        assert ann.close_code == 1009


async def test_a_page_that_ends_lets_all_go(tmp_path: Any) -> None:
    async with guest(tmp_path) as page, page.call() as ann:
        await do(ann, "hello", nick="ann")
        await page.page.aclose()
        await ann.wait_closed()
        assert ann.close_code in (1000, 1001)
        assert not page.hub().people
