"""The whole of the API, asked as a program would ask it: each answer is one that the served document describes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tincans.channel import Side
from tincans.conversation import How, Kind, Opening
from tincans.journal import Journal, open_journal
from tincans.limits import LIST_MOST, PAGE_BODY_BYTES, SAY_BYTES
from tincans.watch import steering
from tincans.watch.answers import TOLD
from tincans.watch.api import ROWS
from visiting import TOKENS, Guest, document, hang_up, office, serving_page

REQUEST = b"GET /secret HTTP/1.1\r\nHost: x\r\nAuthorization: Basic YWRhOmxvdmVsYWNl\r\n\r\n"
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 25\r\n\r\n<script>alert(1)</script>"


def record(journal: Journal, *, client: str = "tcp://127.0.0.1:50312", name: str = "") -> int:
    """One conversation of HTTP."""
    tap = journal.begin(Opening(kind=Kind.LISTEN, client=client, server="tcp://127.0.0.1:80", name=name))
    tap.said(Side.CLIENT, REQUEST)
    tap.said(Side.SERVER, RESPONSE)
    tap.closed(How.FINISHED)
    return tap.number


@contextlib.asynccontextmanager
async def recorded(folder: Path, count: int = 1) -> AsyncIterator[Guest]:
    """The page of a journal with some conversations, numbered from 1 on."""
    journal = open_journal(folder)
    for number in range(count):
        record(journal, client=f"tcp://127.0.0.1:{50000 + number}", name="odd" if number % 2 else "even")
    await journal.flush()
    async with serving_page(journal) as guest:
        yield guest
    await journal.aclose()


# ── the document ──────────────────────────────────────────────────────────────────────────────────────────


async def test_the_document_has_every_path_and_every_message(tmp_path: Path) -> None:
    async with recorded(tmp_path) as guest:
        told = (await document(guest)).told
    assert told["openapi"] == "3.1.0"
    assert {(path, method) for path, each in told["paths"].items() for method in each} == {
        (row.path, row.method.lower()) for row in ROWS
    }
    assert len({each[method]["operationId"] for each in told["paths"].values() for method in each}) == len(ROWS)
    assert len(told["x-websockets"]["/api/live"]["told"]) == len(TOLD)
    for name, schema in told["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        assert schema.get("description") or "enum" in schema, f"nobody says what {name} is"


def test_api_md_has_every_path() -> None:
    text = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
    for row in ROWS:
        short = row.path.replace("{number}", "N").replace("{page}", "P").replace("{name}", "NAME")
        for name in ("item", "path", "form", "language"):
            short = short.replace(f"{{{name}}}", name.upper())
        below = short.removeprefix("/api/conversations/N")
        assert f"{row.method} {short}" in text or f"| `{below}" in text, f"{row.method} {row.path}"


# ── looking ───────────────────────────────────────────────────────────────────────────────────────────────

#: What is asked of a journal with one conversation of HTTP, by the paths of the document.
ASKED = {
    "/api": [""],
    "/api/openapi.json": [""],
    "/api/board": [""],
    "/api/conversations": [
        "", "?party=80", "?state=open&state=finished", "?text=ALERT", "?protocol=http", "?since=1&until=2", "?most=999",
    ],
    "/api/conversations/{number}": [""],
    "/api/conversations/{number}/pages/{page}": ["", "?exact=1", "?protocol=lines", "?protocol=raw&secrets=1"],
    "/api/conversations/{number}/bytes": ["?side=client&start=0&end=999", "?side=server&start=5&end=5"],
    "/api/conversations/{number}/state": ["", "?protocol=lines"],
    "/api/conversations/{number}/seconds": [""],
    "/api/conversations/{number}/diagram.svg": [""],
    "/api/conversations/{number}/content/{item}": [""],
    "/api/conversations/{number}/content/{item}/mail": [""],
    "/api/conversations/{number}/content/{item}/parts/{path}": [""],
    **{f"/api/conversations/{{number}}/export/{{form}}#{form}": [""] for form in ("pcapng", "har", "jsonl", "tin")},
    **{
        f"/api/conversations/{{number}}/program/{{language}}#{language}": [""]
        for language in ("curl", "python", "java", "php", "c")
    },
}  # fmt: skip


def test_every_path_that_only_looks_is_asked() -> None:
    elsewhere = ("/api/inboxes", "/api/mails", "/api/chats")  # tests/watch/test_mails.py, test_chats.py
    looking = {row.path for row in ROWS if not row.steers and not row.path.startswith(elsewhere)}
    assert {path.partition("#")[0] for path in ASKED} == looking


@pytest.mark.parametrize(("path", "query"), [(path, query) for path, queries in ASKED.items() for query in queries])
async def test_what_is_answered_is_what_the_document_says(tmp_path: Path, path: str, query: str) -> None:
    path, _, which = path.partition("#")
    async with recorded(tmp_path) as guest:
        filled = path.format(number=1, page=0, item="0.3", path="1", form=which, language=which)
        answer = await guest.ask(filled + query)
        (await document(guest)).check(path, answer)
        assert answer.status == (409 if "}/mail" in path or "/parts/" in path else 200), answer


async def test_the_list_is_cut_and_filtered(tmp_path: Path) -> None:
    async with recorded(tmp_path, 7) as guest:

        async def numbers(query: str) -> tuple[int, list[int]]:
            told = await guest.get(f"/api/conversations?{query}")
            return told["total"], [row["number"] for row in told["rows"]]

        assert await numbers("") == (7, [1, 2, 3, 4, 5, 6, 7])
        assert await numbers("offset=2&limit=3") == (7, [3, 4, 5])
        assert await numbers("offset=99") == (7, [])
        assert await numbers("name=odd") == (3, [2, 4, 6])
        assert await numbers("party=:50004") == (1, [5])
        assert await numbers("kind=relay") == (0, [])
        assert await numbers("state=open") == (0, [])
        assert await numbers("state=open&state=finished&limit=1") == (7, [1])
        assert await numbers(f"least={len(REQUEST + RESPONSE)}") == (7, [1, 2, 3, 4, 5, 6, 7])
        assert await numbers(f"least={len(REQUEST + RESPONSE) + 1}") == (0, [])
        first = (await guest.get("/api/conversations/1"))["conversation"]["opened"]
        assert (await numbers(f"until={first}"))[0] == 0


async def test_a_search_goes_on_where_it_was_left_and_finds_nothing_in_secrets(tmp_path: Path) -> None:
    async with recorded(tmp_path, 5) as guest:
        found: list[int] = []
        query = "text=ALERT(1)&limit=2"
        while query:
            told = await guest.get(f"/api/conversations?{query}")
            found += [row["number"] for row in told["rows"]]
            query = "" if told["next"] is None else f"text=ALERT(1)&limit=2&before={told['next']}"
        assert found == [5, 4, 3, 2, 1]
        assert [row["protocol"] for row in (await guest.get("/api/conversations?protocol=http"))["rows"]] == [
            "http"
        ] * 5
        assert (await guest.get("/api/conversations?text=YWRhOmxvdmVsYWNl"))["rows"] == []
        assert len((await guest.get("/api/conversations?text=YWRhOmxvdmVsYWNl&secrets=1"))["rows"]) == 5


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("/conversations?limti=1", "there is no parameter 'limti', did you mean 'limit'?"),
        ("/conversations?limit=0", "'limit' makes no sense: expected `int` >= 1"),
        (f"/conversations?limit={LIST_MOST + 1}", f"'limit' makes no sense: expected `int` <= {LIST_MOST}"),
        ("/conversations?limit=x", "'limit' makes no sense: expected `int`, got `str`"),
        ("/conversations?limit=1&limit=2", "'limit' is given more than once"),
        ("/conversations?state=fine", "'state' makes no sense: invalid enum value 'fine' - at `$[0]`"),
        ("/conversations?party=" + 1025 * "x", "'party' makes no sense: expected `str` of length <= 1024"),
        (f"/conversations?since={2**52 + 1}", f"'since' makes no sense: expected `int` <= {2**52}"),
        ("/conversations/x", "'number' makes no sense: expected `int`, got `str`"),
        (f"/conversations/{2**62 + 1}", f"'number' makes no sense: expected `int` <= {2**62}"),
        ("/conversations/1/bytes?side=client&start=0", "'end' is missing"),
        ("/conversations/1/bytes?side=me&start=0&end=1", "'side' makes no sense: invalid enum value 'me'"),
        ("/conversations/1/bytes?side=client&start=2&end=1", "that is no span of bytes: it ends before it begins"),
        ("/conversations/1/export/exe", "'form' makes no sense: invalid enum value 'exe'"),
        ("/conversations/1?number=2", "there is no parameter 'number'"),
        ("/conversations/1/pages/0?protocol=xyz", "'xyz' is not a protocol"),
        ("?x=1", "there is no parameter 'x'"),
    ],
)  # fmt: skip
async def test_what_makes_no_sense_is_told(tmp_path: Path, query: str, error: str) -> None:
    async with recorded(tmp_path) as guest:
        answer = await guest.ask(f"/api{query}")
        told = error if error.endswith("protocol") or not error.startswith("'") else f"the parameter {error}"
        assert (answer.status, answer.json["error"], answer.json["type"]) == (400, told, "trouble")
        assert answer.json["advice"]


@pytest.mark.parametrize(
    "path",
    ["/conversations/2", "/conversations/-1", "/conversations/1/pages/1", "/conversations/1/content/9.9", "/nothing"],
)
async def test_what_is_not_there_is_told(tmp_path: Path, path: str) -> None:
    async with recorded(tmp_path) as guest:
        answer = await guest.ask(f"/api{path}")
        assert (answer.status, answer.json["type"]) == (404, "trouble")


async def test_what_was_said_is_given_as_nothing_that_a_browser_runs(tmp_path: Path) -> None:
    async with recorded(tmp_path) as guest:
        items = (await guest.get("/api/conversations/1/pages/0"))["items"]
        first = next(item["content"]["first"] for item in items if item["content"])
        answer = await guest.ask(f"/api/conversations/1/content/{first}")
        assert answer.body == b"<script>alert(1)</script>"
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"] == 'attachment; filename="content"'
        assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
        assert answer.headers["tincans-media"] == "text/html"
        assert answer.headers["x-content-type-options"] == "nosniff"
        request = next(item["id"] for item in items if item["kind"] == "request")
        assert (await guest.ask(f"/api/conversations/1/content/{request}")).status == 409


async def test_secrets_are_masked_for_whom_may_only_look(tmp_path: Path) -> None:
    look = {"Authorization": f"Bearer {TOKENS.look}"}
    async with recorded(tmp_path) as guest:
        for path in ("pages/0", "export/jsonl", "export/har", "export/tin", "program/curl", "diagram.svg"):
            answer = await guest.ask(f"/api/conversations/1/{path}", look)
            assert answer.status == 200
            assert b"YWRhOmxvdmVsYWNl" not in answer.body, path
            assert (await guest.ask(f"/api/conversations/1/{path}?secrets=1", look)).status == 403
        said = await guest.get("/api/conversations/1/bytes?side=client&start=0&end=999")
        assert b"YWRhOmxvdmVsYWNl".hex() not in said["data"]
        assert said["hidden"]
        told = await guest.ask("/api/conversations/1/pages/0?secrets=1")
        assert b"YWRhOmxvdmVsYWNl" in told.body


async def test_a_journal_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    async with serving_page(journal) as guest:
        await journal.aclose()
        answer = await guest.ask("/api/conversations")
        assert (answer.status, answer.json["error"]) == (503, "the journal is closed")


# ── steering, and what comes of it on the wire ────────────────────────────────────────────────────────────


async def test_words_are_said_as_either_side(tmp_path: Path) -> None:
    async with office(tmp_path) as here:
        client, server, number = await here.talk()
        path = f"/api/conversations/{number}/say"
        answer = await here.guest.post(path, {"side": "client", "text": r"one\r\n\x00é"})
        (await document(here.guest)).check("/api/conversations/{number}/say", answer, "post")
        assert answer.json == {"done": True}
        assert await server[0].readexactly(8) == "one\r\n\0é".encode()
        assert (await here.guest.post(path, {"side": "server", "hex": "00 ff"})).status == 200
        assert await client[0].readexactly(2) == b"\0\xff"
        await hang_up(client, server)


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"side": "client"}, 400),
        ({"side": "client", "text": "x", "hex": "00"}, 400),
        ({"side": "client", "hex": "0"}, 400),
        ({"side": "client", "text": "\\q"}, 400),
        ({"side": "middle", "text": "x"}, 400),
        ({"text": "x"}, 400),
        ({"side": "client", "text": "x", "more": 1}, 400),
        ([], 400),
        ({"side": "client", "text": ""}, 409),
        ({"side": "client", "hex": SAY_BYTES * "00"}, 200),
        ({"side": "client", "hex": (SAY_BYTES + 1) * "00"}, 413),
        ({"side": "client", "text": PAGE_BODY_BYTES * "x"}, 413),
    ],
)
async def test_what_cannot_be_said(tmp_path: Path, said: object, status: int) -> None:
    async with office(tmp_path) as here:
        client, server, number = await here.talk()
        reading = asyncio.ensure_future(server[0].read(-1))  # noqa: TID251
        answer = await here.guest.post(f"/api/conversations/{number}/say", said)
        assert answer.status == status, answer
        await hang_up(client)
        assert len(await reading) == (SAY_BYTES if status == 200 else 0)
        await hang_up(server)


async def test_a_party_that_takes_nothing_is_told_and_hears_it_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steering, "SAY_SECONDS", 0.05)
    async with office(tmp_path) as here:
        client, server, number = await here.talk()
        client[1].write(MUCH)  # more than all buffers on the way hold
        path = f"/api/conversations/{number}/say"
        while (answer := await here.guest.post(path, {"side": "client", "text": "by hand"})).status == 200:
            pass
        assert answer.status == 409
        assert answer.json["error"].startswith("the server takes nothing now")
        client[1].write_eof()
        heard = await server[0].read()
        assert len(heard.replace(b"by hand", b"")) == len(MUCH)
        assert b"by hand" in heard
        await hang_up(client, server)


MUCH = 32 * 1024 * 1024 * b"x"


async def test_a_side_is_held_back_and_let_go(tmp_path: Path) -> None:
    async with office(tmp_path) as here:
        client, server, number = await here.talk()
        path = f"/api/conversations/{number}"
        async with here.guest.live(conversation=number) as told:
            assert (await told.until("grew"))["can"] == ["say", "pause", "resume", "end", "reset"]
            assert (await here.guest.post(f"{path}/pause", {"side": "client"})).status == 200
            await told.until("grew", lambda grew: grew["held"] == ["client"])
            client[1].write(b"held")
            server[1].write(b"not held")
            assert await client[0].readexactly(8) == b"not held"
            assert (await here.guest.post(f"{path}/resume", {"side": "client"})).status == 200
            assert await server[0].readexactly(4) == b"held"
            await told.until("grew", lambda grew: grew["held"] == [])
        await hang_up(client, server)


async def test_a_side_is_ended_by_hand(tmp_path: Path) -> None:
    async with office(tmp_path) as here:
        client, server, number = await here.talk()
        path = f"/api/conversations/{number}"
        assert (await here.guest.post(f"{path}/end", {"side": "client"})).status == 200
        assert await server[0].read() == b""
        answer = await here.guest.post(f"{path}/say", {"side": "client", "text": "x"})
        assert (answer.status, answer.json["error"]) == (409, "the client has ended what it says")
        server[1].write(b"goes on")
        assert await client[0].readexactly(7) == b"goes on"
        await hang_up(client, server)


async def test_the_whole_is_reset(tmp_path: Path) -> None:
    async with office(tmp_path) as here:
        client, server, number = await here.talk()
        path = f"/api/conversations/{number}"
        assert (await here.guest.post(f"{path}/reset")).status == 200
        for stream in (client, server):
            with pytest.raises(ConnectionResetError):
                await stream[0].read()
        while (answer := await here.guest.post(f"{path}/reset")).status != 409:
            assert answer.status == 200  # it ends in its own time
        assert answer.json["error"] == "the conversation is over"
        await here.journal.flush()
        told = (await here.guest.get(path))["conversation"]
        assert (told["how"], told["detail"]) == ("reset", "by hand")
        assert "by hand: both channels are reset" in told["notes"]
        await hang_up(client, server)


async def test_one_that_is_not_recorded_can_be_looked_at_and_steered(tmp_path: Path) -> None:
    async with office(tmp_path) as here:
        client = await here.call("quiet")
        client[1].write(b"hello")
        assert await client[0].readexactly(5) == b"hello"
        told = await here.guest.get("/api/conversations/-1")
        assert (told["conversation"]["name"], told["conversation"]["client_bytes"], told["pages"]) == ("quiet", 5, 0)
        state = await here.guest.get("/api/conversations/-1/state")
        assert state["client"]["said"] == 5
        assert (await here.guest.ask("/api/conversations/-1/pages/0")).status == 404
        assert (await here.guest.post("/api/conversations/-1/say", {"side": "server", "text": "by hand"})).status == 200
        assert await client[0].readexactly(7) == b"by hand"
        await hang_up(client)


async def test_a_listener_is_stopped_and_started(tmp_path: Path) -> None:
    async with office(tmp_path) as here:
        before = next(row.address.port for row in here.board.rows if row.name == "echo")
        talking = await here.call("echo")
        answer = await here.guest.post("/api/board/echo/stop")
        (await document(here.guest)).check("/api/board/{name}/stop", answer, "post")
        assert [row["listening"] for row in answer.json["rows"] if row["name"] == "echo"] == [False]
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", before)
        talking[1].write(b"still here")
        assert await talking[0].readexactly(10) == b"still here"
        answer = await here.guest.post("/api/board/echo/start")
        assert [row["listening"] for row in answer.json["rows"] if row["name"] == "echo"] == [True]
        again = await here.call("echo")
        again[1].write(b"again")
        assert await again[0].readexactly(5) == b"again"
        assert (await here.guest.post("/api/board/ecko/stop")).status == 404
        assert (await here.guest.post("/api/board/unix:%2Ftmp%2Fx.sock/stop")).status == 404
        await hang_up(talking, again)


async def test_what_another_program_recorded_cannot_be_steered(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    tap = journal.begin(Opening(kind=Kind.LISTEN, client="tcp://127.0.0.1:1", server="tcp://127.0.0.1:2"))
    await journal.flush()
    async with serving_page(journal) as guest:
        for path, error in (
            ("/api/conversations/1/reset", "another program carries this conversation"),
            ("/api/board/echo/stop", "there is no switchboard here: this is the page of a journal"),
        ):
            answer = await guest.post(path)
            assert (answer.status, answer.json["error"]) == (409, error)
        assert (await guest.post("/api/conversations/2/reset")).status == 404
    tap.closed(How.FINISHED)
    await journal.aclose()
