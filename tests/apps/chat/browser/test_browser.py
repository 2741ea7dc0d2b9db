"""The browser's door: every path, who is let in, files in and out, and the WebSockets; asked by h11 and websockets."""

from __future__ import annotations

import asyncio
import errno
import json
import re
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import quote

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from asking import Answer, Asker, asking, raw
from rooming import USERS, Guest
from running import PATIENCE, Certificates
from tincans.apps.chat import Chat
from tincans.apps.chat.history import MemoryHistory
from tincans.apps.chat.hub import Hub
from tincans.apps.settings import Settings
from tincans.files import Upload
from tincans.limits import CHAT_HISTORY_MESSAGES, CHAT_LINE_BYTES


class Visit:
    """A hub that is asked by HTTP."""

    def __init__(self, ask: Asker, app: Chat) -> None:
        self.ask, self.app = ask, app

    @property
    def hub(self) -> Hub:
        return self.app.hub

    async def json(self, path: str, status: int = 200, *, login: str = "") -> Any:
        answer = await self.ask("GET", path, [("Authorization", login)] if login else [])
        assert answer.status == status, answer.text
        assert answer.field("content-type") == "application/json"
        return json.loads(answer.body)

    async def send(self, nick: Nick, data: bytes | list[bytes], *, room: str = "#ops", name: str = "a.txt") -> Answer:
        """Put a file into a room."""
        path = f"/files?room={quote(room)}&name={quote(name, errors='surrogateescape')}"
        return await self.ask("POST", path, [("Authorization", f"Bearer {nick.ticket}")], data)


class Nick:
    """A member by a WebSocket."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket, self.ticket = socket, ""

    async def do(self, do: str, **more: object) -> Any:
        """Have it done, and give what answers it."""
        await self.socket.send(json.dumps({"do": do, "label": "mine", **more}))
        while True:
            said = await self.hear()
            if said.get("label") == "mine":
                return said

    async def hear(self) -> Any:
        return json.loads(await self.socket.recv())


@asynccontextmanager
async def visiting(address: str = "tcp://127.0.0.1:0", **settings: Any) -> AsyncIterator[Visit]:
    app = Chat("pears", Settings(**{"rooms": "memory:", **settings}))
    async with asking(app, address) as ask:
        yield Visit(ask, app)


@asynccontextmanager
async def socket_of(visit: Visit, path: str = "/chat", **options: Any) -> AsyncIterator[ClientConnection]:
    async with connect(f"ws://{visit.ask.host}{path}", proxy=None, **options) as socket:
        yield socket


@asynccontextmanager
async def called(visit: Visit, nick: str, *rooms: str, **hello: str) -> AsyncIterator[Nick]:
    """Somebody who is on the hub, in these rooms."""
    async with socket_of(visit) as socket:
        member = Nick(socket)
        member.ticket = (await member.do("hello", nick=nick, **hello))["ticket"]
        for room in rooms:
            assert (await member.do("join", room=room))["on"] == "room"
        yield member


# ── the page ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_page_may_load_its_own_files_and_nothing_else() -> None:
    async with visiting() as visit:
        page = await visit.ask.get("/")
        assert page.status == 200
        assert page.field("content-type") == "text/html; charset=utf-8"
        policy = dict(part.strip().partition(" ")[::2] for part in page.field("content-security-policy").split(";"))
        (script,) = re.findall(rb"<script type=\"importmap\">(.*?)</script>", page.body, re.DOTALL)
        digest = b64encode(sha256(script).digest()).decode()
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == f"'self' 'sha256-{digest}'"
        assert policy["style-src"] == "'self'"
        assert policy["frame-ancestors"] == policy["form-action"] == policy["base-uri"] == "'none'"
        assert policy["require-trusted-types-for"] == "'script'"
        assert page.field("x-content-type-options") == "nosniff"
        assert page.field("referrer-policy") == "no-referrer"
        assert page.field("cross-origin-resource-policy") == "same-origin"


async def test_all_that_the_page_names_is_there() -> None:
    async with visiting() as visit:
        page = (await visit.ask.get("/")).text
        names = re.findall(r'"\./(static/[^"]+[^/"])"', page)
        assert len(names) > 8
        for name in names:
            answer = await visit.ask.get(f"/{name}")
            assert answer.status == 200, name
            assert answer.body
            assert "sandbox" in answer.field("content-security-policy")
        assert (await visit.ask.get("/static/js/main.js")).field("content-type") == "text/javascript; charset=utf-8"


async def test_what_a_browser_has_already_is_not_sent_again() -> None:
    async with visiting() as visit:
        tag = (await visit.ask.get("/static/chat.css")).field("etag")
        again = await visit.ask.get("/static/chat.css", [("If-None-Match", tag)])
        assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/nothing", "/static", "/static/", "/static/nothing.js", "/static/../browser.py", "/static/%2e%2e/browser.py",
        "/static/page/index.html", "/static/page/js/../../page.py", "/static/page/js/../index.html", "/index.html",
        "/staticx", "//", "/static//etc/passwd", "/files/", "/files/x", "/files/../chat.css", "/filesx", "/api",
        "/api/", "/api/nothing", "/api/rooms/%23ops", "/api/rooms/%23ops/messages/x",
    ],
)  # fmt: skip
async def test_what_is_not_there_is_not_found(path: str) -> None:
    async with visiting() as visit, called(visit, "ann", "#ops"):
        answer = await visit.ask.get(path)
        assert answer.status == 404
        assert b"passwd" not in answer.body


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/", "GET, HEAD"), ("DELETE", "/static/chat.css", "GET, HEAD"), ("PUT", "/files/x/y", "GET, HEAD"),
        ("GET", "/files", "POST"), ("POST", "/api/rooms", "GET, HEAD"),
    ],
)  # fmt: skip
async def test_a_method_that_is_not_for_a_path(method: str, path: str, allowed: str) -> None:
    async with visiting() as visit:
        answer = await visit.ask(method, path, body=b"x" if method != "GET" else b"")
        assert answer.status == 405
        assert answer.field("allow") == allowed


async def test_a_connection_is_kept_and_let_go_when_the_hub_retires() -> None:
    async with visiting() as visit:
        for _ in range(3):
            assert (await visit.ask.get("/api/rooms")).status == 200
        assert visit.ask.server.served == 1
        assert len(visit.hub.retiring) == 1
    assert visit.app._lobby is None  # and nobody waited for the drain


# ── who is let in ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("host", ["evil.example.org", "127.0.0.1.nip.io", "evil.example.org:7767"])
@pytest.mark.parametrize("path", ["/", "/chat", "/api/rooms", "/files/x/y", "/static/chat.css"])
async def test_a_name_that_was_made_to_mean_this_machine_is_not_answered(host: str, path: str) -> None:
    async with visiting() as visit:
        said = await raw(visit.ask, f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        assert said.startswith(b"HTTP/1.1 421 ")


async def test_where_all_log_in_the_host_may_be_any() -> None:
    async with visiting(users=USERS) as visit:
        said = await raw(visit.ask, b"GET / HTTP/1.1\r\nHost: chat.example.org\r\nConnection: close\r\n\r\n")
        assert said.startswith(b"HTTP/1.1 200 ")


ELSEWHERE = ["http://evil.example.org", "null", "http://127.0.0.1", "http://localhost:1", "file://", "http://[", "x"]


@pytest.mark.parametrize("origin", ELSEWHERE)
@pytest.mark.parametrize("path", ["/chat", "/irc"])
async def test_a_page_of_another_site_opens_no_websocket(origin: str, path: str) -> None:
    async with visiting() as visit:
        with pytest.raises(InvalidStatus) as told:
            async with socket_of(visit, path, origin=origin):
                pass
        assert told.value.response.status_code == 403
        assert not visit.hub.people


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_the_hubs_own_page_does(scheme: str) -> None:
    async with visiting() as visit:
        async with socket_of(visit, origin=f"{scheme}://{visit.ask.host}") as socket:
            assert (await Nick(socket).do("hello", nick="ann"))["on"] == "welcome"


@pytest.mark.parametrize("origin", ELSEWHERE)
async def test_a_page_of_another_site_puts_no_file_there(origin: str) -> None:
    async with visiting() as visit, called(visit, "ann", "#ops") as ann:
        fields = [("Authorization", f"Bearer {ann.ticket}"), ("Origin", origin)]
        assert (await visit.ask("POST", "/files?room=%23ops&name=a", fields, b"x")).status == 403
        assert visit.hub.shelf.size == 0


@pytest.mark.parametrize(
    ("path", "site", "mode", "status"),
    [
        ("/", "cross-site", "navigate", 200), ("/", "same-site", "navigate", 200), ("/", "none", "navigate", 200),
        ("/", "cross-site", "no-cors", 403), ("/api/rooms", "cross-site", "navigate", 403),
        ("/api/rooms", "same-site", "no-cors", 403), ("/api/rooms", "same-origin", "cors", 200),
        ("/static/chat.css", "cross-site", "no-cors", 403), ("/files/x/y", "cross-site", "no-cors", 403),
        ("/files/x/y", "cross-site", "navigate", 404), ("/static/chat.css", "same-origin", "no-cors", 200),
    ],
)  # fmt: skip
async def test_what_another_site_may_have_a_browser_ask_for(path: str, site: str, mode: str, status: int) -> None:
    async with visiting() as visit:
        dest = "document" if mode == "navigate" else "image"
        fields = [("Sec-Fetch-Site", site), ("Sec-Fetch-Mode", mode), ("Sec-Fetch-Dest", dest)]
        assert (await visit.ask.get(path, fields)).status == status


def basic(name: str, password: str) -> str:
    return f"Basic {b64encode(f'{name}:{password}'.encode()).decode()}"


async def test_a_hub_without_guests_shows_the_page_and_wants_a_login_for_the_rest() -> None:
    async with visiting(users=USERS) as visit, called(visit, "ann", "#ops", name="ann", password="ann") as ann:
        assert (await visit.ask.get("/")).status == 200
        answer = await visit.ask.get("/api/rooms")
        assert (answer.status, answer.field("www-authenticate")[:5]) == (401, "Basic")
        for login in (basic("ann", "ann"), f"Bearer {ann.ticket}"):
            found = await visit.json("/api/rooms", login=login)
            assert [room["name"] for room in found["rooms"]] == ["#ops"]
        for wrong in (basic("ann", "bob"), basic("nobody", ""), "Basic x", "Bearer x", "Bearer", "Other x"):
            told = await visit.json("/api/rooms", 401, login=wrong)
            assert told["code"] in ("wrong-password", "not-logged-in")
    assert not visit.app._lobby


async def test_a_ticket_is_good_for_as_long_as_its_member_is_there() -> None:
    async with visiting() as visit:
        async with called(visit, "ann", "#ops") as ann:
            assert (await visit.send(ann, b"x")).status == 201
            await ann.do("quit")
        await _until(lambda: not visit.hub.tickets)
        answer = await visit.send(ann, b"x")
        assert answer.status == 401
        assert json.loads(answer.body)["code"] == "not-logged-in"


# ── the API ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_rooms_that_there_are() -> None:
    async with visiting() as visit, called(visit, "ann", "#ops", "#quiet", "#secret") as ann:
        await ann.do("topic", room="#ops", text="Pears")
        await ann.do("mode", room="#secret", modes="+s")
        number = (await ann.do("say", room="#ops", text="ripe"))["number"]
        shown = {
            "on": "rooms",
            "rooms": [
                {"name": "#ops", "topic": "Pears", "people": 1, "number": number},
                {"name": "#quiet", "topic": "", "people": 1, "number": 0},
            ],
        }
        assert await visit.json("/api/rooms") == shown
        mine = await visit.json("/api/rooms", login=f"Bearer {ann.ticket}")
        assert [room["name"] for room in mine["rooms"]] == ["#ops", "#quiet", "#secret"]


async def test_messages_are_the_objects_that_a_program_is_told() -> None:
    async with visiting() as visit, called(visit, "ann", "#ops") as ann:
        said = [await ann.do("say", room="#ops", text=str(number)) for number in range(5)]
        for message in said:
            del message["label"]
        path = "/api/rooms/%23ops/messages"
        numbers = [message["number"] for message in said]
        assert await visit.json(path) == {"on": "history", "room": "#ops", "messages": said, "more": False}
        newest = await visit.json(f"{path}?limit=2")
        assert (newest["messages"], newest["more"]) == (said[3:], True)
        before = await visit.json(f"{path}?before={numbers[3]}&limit=2")
        assert (before["messages"], before["more"]) == (said[1:3], True)
        after = await visit.json(f"{path}?after={numbers[1]}&limit=2")
        assert (after["messages"], after["more"]) == (said[2:4], True)
        last = await visit.json(f"{path}?after={numbers[3]}")
        assert (last["messages"], last["more"]) == (said[4:], False)
        between = await visit.json(f"{path}?after={numbers[0]}&before={numbers[3]}")
        assert between["messages"] == said[1:3]


async def test_one_request_gives_so_many_messages_and_no_more() -> None:
    async with visiting() as visit:
        ann = Guest(visit.hub, "ann")
        visit.hub.join(ann, "#ops")
        for number in range(CHAT_HISTORY_MESSAGES + 1):
            visit.hub.say(ann, "#ops", str(number))
        for limit in (CHAT_HISTORY_MESSAGES, CHAT_HISTORY_MESSAGES + 1):
            found = await visit.json(f"/api/rooms/%23ops/messages?limit={limit}&after=1")
            assert len(found["messages"]) <= CHAT_HISTORY_MESSAGES
        assert len((await visit.json("/api/rooms/%23ops/messages?limit=0"))["messages"]) == 1


async def test_search() -> None:
    async with visiting() as visit, called(visit, "ann", "#ops", "#other") as ann:
        for text in ("ripe pears", "plums", "more pears"):
            await ann.do("say", room="#ops", text=text)
        await ann.do("say", room="#other", text="pears elsewhere")
        found = await visit.json("/api/search?text=pears")
        assert found["on"] == "found"
        assert [each["text"] for each in found["messages"]] == ["pears elsewhere", "more pears", "ripe pears"]
        one = await visit.json("/api/search?text=pears&room=%23ops&limit=1")
        assert ([each["text"] for each in one["messages"]], one["more"]) == (["more pears"], True)
        rest = await visit.json(f"/api/search?text=pears&room=%23ops&before={one['messages'][0]['number']}")
        assert ([each["text"] for each in rest["messages"]], rest["more"]) == (["ripe pears"], False)
        assert (await visit.json("/api/search"))["messages"] == []


async def test_it_is_told_that_older_ones_were_not_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    async def unsearched(_: MemoryHistory) -> int:
        return 7

    async with visiting() as visit:
        assert "unsearched" not in await visit.json("/api/search?text=pears")
        monkeypatch.setattr(MemoryHistory, "unsearched", unsearched)
        assert (await visit.json("/api/search?text=pears"))["unsearched"] == 7


@pytest.mark.parametrize("modes", ["+s", "+i", "+k secret", "+r", "+b *", "+l 1"])
async def test_what_one_could_not_enter_one_cannot_read(modes: str) -> None:
    async with visiting() as visit, called(visit, "ann", "#ops") as ann, called(visit, "bob") as bob:
        await ann.do("say", room="#ops", text="pears")
        assert (await ann.do("mode", room="#ops", modes=modes))["on"] == "mode"
        for login in ("", f"Bearer {bob.ticket}"):
            fields = [("Authorization", login)] if login else []
            answer = await visit.ask.get("/api/rooms/%23ops/messages", fields)
            assert answer.status in (401, 403, 404)
            assert (await visit.json("/api/search?text=pears", login=login))["messages"] == []
            assert (await visit.ask.get("/api/search?text=pears&room=%23ops", fields)).status == answer.status
        mine = await visit.json("/api/rooms/%23ops/messages", login=f"Bearer {ann.ticket}")
        assert [each["text"] for each in mine["messages"]] == ["pears"]


@pytest.mark.parametrize("query", ["before=x", "after=-1", "limit=1.5", "before=٣", f"limit={'9' * 30}"])
async def test_a_number_that_is_none(query: str) -> None:
    async with visiting() as visit, called(visit, "ann", "#ops"):
        told = await visit.json(f"/api/rooms/%23ops/messages?{quote(query, safe='=')}", 400)
        assert told["code"] == "not-understood"
        assert query.partition("=")[0] in told["text"]


# ── files ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_file_is_said_in_the_room_and_can_be_had(tmp_path: Path) -> None:
    async with visiting(rooms=str(tmp_path)) as visit, called(visit, "bob", "#ops") as bob:
        async with called(visit, "ann", "#ops") as ann:
            answer = await visit.send(ann, b"ripe pears", name="the report.pdf")
            assert answer.status == 201
            told = json.loads(answer.body)
            assert (told["on"], told["kind"], told["from"], told["room"]) == ("message", "file", "ann", "#ops")
            assert told["file"] == {
                "name": "the report.pdf", "size": 10, "type": "application/pdf", "url": told["file"]["url"],
            }  # fmt: skip
            assert told["text"] == f"the report.pdf (10 B) http://{visit.ask.host}{told['file']['url']}"
            for each in (bob, ann):
                while (said := await each.hear())["on"] != "message":
                    pass
                assert said == told
        got = await visit.ask.get(told["file"]["url"])
        assert (got.status, got.body) == (200, b"ripe pears")
        (listed,) = (await visit.json("/api/rooms/%23ops/messages"))["messages"]
        assert listed == told
    async with visiting(rooms=str(tmp_path)) as again:
        assert (await again.ask.get(told["file"]["url"])).body == b"ripe pears"


async def test_a_file_in_chunks_has_no_length_before_its_end() -> None:
    async with visiting() as visit, called(visit, "ann", "#ops") as ann:
        told = json.loads((await visit.send(ann, [b"ripe ", b"pears"])).body)
        assert told["file"]["size"] == 10


async def test_who_names_no_host_is_told_where_he_has_called() -> None:
    async with visiting() as visit, called(visit, "ann", "#ops") as ann:
        head = f"POST /files?room=%23ops&name=a HTTP/1.0\r\nAuthorization: Bearer {ann.ticket}\r\nContent-Length: 1\r\n"
        said = await raw(visit.ask, f"{head}\r\nx".encode())
        told = json.loads(said.rpartition(b"\r\n\r\n")[2])
        assert told["text"].endswith(f" http://{visit.ask.host}{told['file']['url']}")


async def test_parts_of_a_file() -> None:
    async with visiting() as visit, called(visit, "ann", "#ops") as ann:
        url = json.loads((await visit.send(ann, b"0123456789", name="a.bin")).body)["file"]["url"]
        whole = await visit.ask.get(url)
        assert whole.field("accept-ranges") == "bytes"
        part = await visit.ask.get(url, [("Range", "bytes=2-4")])
        assert (part.status, part.body, part.field("content-range")) == (206, b"234", "bytes 2-4/10")
        rest = await visit.ask.get(url, [("Range", "bytes=8-"), ("If-Range", whole.field("etag"))])
        assert (rest.status, rest.body) == (206, b"89")
        beyond = await visit.ask.get(url, [("Range", "bytes=10-")])
        assert (beyond.status, beyond.field("content-range")) == (416, "bytes */10")
        same = await visit.ask.get(url, [("If-None-Match", whole.field("etag"))])
        assert same.status == 304
        head = await visit.ask("HEAD", url)
        assert (head.status, head.field("content-length"), head.body) == (200, "10", b"")


SHOWN = ["a.png", "a.jpg", "a.gif", "a.webp", "a.mp4", "a.webm", "a.ogg", "a.mp3", "a.flac"]
GIVEN = ["a.html", "a.svg", "a.xhtml", "a.xml", "a.pdf", "a.js", "a.txt", "a", "a.css", "a.html.exe", "a.png.html"]


@pytest.mark.parametrize("name", [*SHOWN, *GIVEN])
async def test_what_is_given_out_is_no_page_of_this_site(name: str) -> None:
    async with visiting() as visit, called(visit, "ann", "#ops") as ann:
        said = await visit.send(ann, b"<script>alert(1)</script>", name=name)
        answer = await visit.ask.get(json.loads(said.body)["file"]["url"])
        policy = answer.field("content-security-policy")
        assert "sandbox" in policy
        assert "allow-" not in policy
        assert "default-src 'none'" in policy
        assert answer.field("x-content-type-options") == "nosniff"
        assert answer.field("cross-origin-resource-policy") == "same-origin"
        assert answer.field("referrer-policy") == "no-referrer"
        way = "inline" if name in SHOWN else "attachment"
        assert answer.field("content-disposition") == f'{way}; filename="{name}"'


async def test_a_file_has_its_own_name_and_no_other() -> None:
    async with visiting() as visit, called(visit, "ann", "#ops") as ann:
        said = await visit.send(ann, b"x", name="Grüße\r\nX-Evil: 1/\u202e.html")
        file = json.loads(said.body)["file"]
        assert file["name"] == "Grüße__X-Evil: 1__.html"
        answer = await visit.ask.get(file["url"])
        assert answer.status == 200
        assert "x-evil" not in dict(answer.fields)
        assert answer.field("content-disposition").startswith("attachment; ")
        other = f"{file['url'].rpartition('/')[0]}/other.png"
        assert (await visit.ask.get(other)).status == 404


@pytest.mark.parametrize(
    ("room", "name", "status", "code"),
    [
        ("#nowhere", "a", 404, "no-such-room"), ("#other", "a", 403, "not-in-room"), ("", "a", 404, "no-such-room"),
        ("#ops", "", 400, "empty"), ("#ops", "  ", 400, "empty"),
    ],
)  # fmt: skip
async def test_a_file_that_cannot_be_said_is_not_taken(room: str, name: str, status: int, code: str) -> None:
    async with visiting() as visit, called(visit, "ann", "#ops") as ann, called(visit, "bob", "#other"):
        answer = await visit.send(ann, b"x" * 100_000, room=room, name=name)
        assert answer.status == status
        assert json.loads(answer.body)["code"] == code
        assert visit.hub.shelf._files is None


async def test_without_a_ticket_no_file_is_taken() -> None:
    async with visiting() as visit, called(visit, "ann", "#ops") as ann:
        for login in ("", "Bearer x", "Bearer", f"Basic {ann.ticket}", ann.ticket):
            fields = [("Authorization", login)] if login else []
            answer = await visit.ask("POST", "/files?room=%23ops&name=a", fields, b"x")
            assert answer.status == 401


async def test_who_may_not_speak_sends_no_file() -> None:
    async with visiting() as visit, called(visit, "ann", "#ops") as ann, called(visit, "bob", "#ops") as bob:
        await ann.do("mode", room="#ops", modes="+m")
        answer = await visit.send(bob, b"x")
        assert (answer.status, json.loads(answer.body)["code"]) == (403, "moderated")


async def test_who_leaves_while_a_file_comes_has_not_sent_it() -> None:
    async with visiting() as visit, called(visit, "ann", "#ops") as ann, called(visit, "bob", "#ops"):
        head = f"POST /files?room=%23ops&name=a HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {ann.ticket}\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", visit.ask.address.port)
        writer.write(f"{head}Content-Length: 10\r\n\r\nhalf ".encode())
        await _until(lambda: visit.hub.shelf.size == 5)
        await ann.do("part", room="#ops")
        writer.write(b"whole")
        assert (await reader.readline()).startswith(b"HTTP/1.1 403 ")
        writer.close()
        await writer.wait_closed()
        assert visit.hub.shelf.size == 0
        assert visit.hub.history.last == 0


async def test_of_a_file_that_is_cut_off_nothing_is_left(tmp_path: Path) -> None:
    async with visiting(rooms=str(tmp_path)) as visit, called(visit, "ann", "#ops") as ann:
        head = f"POST /files?room=%23ops&name=a HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {ann.ticket}\r\n"
        _, writer = await asyncio.open_connection("127.0.0.1", visit.ask.address.port)
        writer.write(f"{head}Content-Length: 10\r\n\r\nhalf ".encode())
        await _until(lambda: visit.hub.shelf.size == 5)
        assert len(list((tmp_path / "files").iterdir())) == 1
        writer.close()
        await writer.wait_closed()
        await _until(lambda: visit.hub.shelf.size == 0)
        assert list((tmp_path / "files").iterdir()) == []
        assert visit.hub.history.last == 0


async def _until(holds: Any) -> None:
    async with asyncio.timeout(PATIENCE):
        while not holds():
            await asyncio.sleep(0.002)


async def test_a_file_of_one_byte_too_many_is_refused_before_it_comes() -> None:
    async with visiting() as visit, called(visit, "ann", "#ops") as ann:
        visit.hub.shelf.each = 10
        assert (await visit.send(ann, b"x" * 10)).status == 201
        for data in (b"x" * 11, [b"x" * 10, b"x"]):
            answer = await visit.send(ann, data)
            assert (answer.status, json.loads(answer.body)["code"]) == (413, "too-long")
        head = "POST /files?room=%23ops&name=a HTTP/1.1\r\nHost: localhost\r\n"
        patient = f"{head}Authorization: Bearer {ann.ticket}\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n"
        assert (await raw(visit.ask, patient.encode())).startswith(b"HTTP/1.1 413 ")
        assert visit.hub.shelf.size == 10


async def test_one_byte_more_than_there_is_room_for() -> None:
    async with visiting() as visit, called(visit, "ann", "#ops") as ann:
        visit.hub.shelf.most = 10
        assert (await visit.send(ann, b"x" * 6)).status == 201
        answer = await visit.send(ann, b"x" * 5)
        assert (answer.status, json.loads(answer.body)["code"]) == (507, "disk")
        assert (await visit.send(ann, b"x" * 4)).status == 201


@pytest.mark.parametrize("step", ["write", "commit"])
async def test_what_the_disk_refuses_is_refused(step: str) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    async with visiting() as visit, called(visit, "ann", "#ops") as ann:
        with patch.object(Upload, step, full):
            answer = await visit.send(ann, b"x" * 10)
        assert answer.status == 507
        assert json.loads(answer.body) == {
            "on": "error", "code": "disk", "text": "it cannot be kept: no space left on device",
        }  # fmt: skip
        assert visit.hub.shelf.size == 0
        assert visit.hub.history.last == 0


# ── WebSockets ────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_object_is_a_message_of_the_websocket() -> None:
    async with visiting() as visit, called(visit, "ann", "#ops") as ann, called(visit, "bob", "#ops") as bob:
        said = await ann.do("say", room="#ops", text="Grüße 🥫\nand more")
        assert (said["on"], said["number"]) == ("message", 1)
        del said["label"]
        while (heard := await bob.hear())["on"] != "message":
            pass
        assert heard == said


@pytest.mark.parametrize(
    ("path", "offers", "spoken"),
    [
        ("/chat", ["text.ircv3.net"], "text.ircv3.net"),
        ("/chat", ["nonsense", "binary.ircv3.net", "text.ircv3.net"], "text.ircv3.net"),
        ("/irc", ["binary.ircv3.net"], "binary.ircv3.net"),
        ("/irc", None, None),
    ],
)
async def test_irc_by_websocket(path: str, offers: list[str] | None, spoken: str | None) -> None:
    async with visiting() as visit, socket_of(visit, path, subprotocols=offers) as socket:
        assert socket.subprotocol == spoken
        for line in ("NICK ann", "USER ann 0 * :Ann"):
            await socket.send(line)
        while True:
            line_or_bytes = await socket.recv()
            assert isinstance(line_or_bytes, bytes) == (spoken == "binary.ircv3.net")
            line = line_or_bytes if isinstance(line_or_bytes, str) else line_or_bytes.decode()
            if " 001 ann " in line:
                break


async def test_a_websocket_of_another_subprotocol_speaks_json() -> None:
    async with visiting() as visit, socket_of(visit, subprotocols=["other"]) as socket:
        assert socket.subprotocol is None
        assert (await Nick(socket).do("hello", nick="ann"))["on"] == "welcome"


@pytest.mark.parametrize("path", ["/chat", "/irc"])
async def test_who_only_looks_at_a_websocket_is_told_what_it_is(path: str) -> None:
    async with visiting() as visit:
        assert (await visit.ask.get(path)).status in (400, 426)


async def test_a_message_of_a_websocket_has_just_so_many_bytes() -> None:
    async with visiting() as visit, called(visit, "ann", "#ops") as ann:
        room = len(json.dumps({"do": "ping", "label": "mine", "x": ""}))
        assert (await ann.do("ping", x="x" * (CHAT_LINE_BYTES - room)))["on"] == "pong"
        with pytest.raises(ConnectionClosed):
            await ann.do("ping", x="x" * (CHAT_LINE_BYTES - room + 1))
        await _until(lambda: not visit.hub.people)


async def test_inside_tls_all_is_the_same(certificates: Certificates) -> None:
    leaf = str(certificates.leaf)
    trusting = ssl.create_default_context(cafile=certificates.ca)
    async with visiting(cert=leaf, key=leaf) as visit:
        host = f"localhost:{visit.ask.address.port}"
        async with connect(f"wss://{host}/chat", ssl=trusting, origin=f"https://{host}", proxy=None) as socket:  # type: ignore[arg-type]
            ann = Nick(socket)
            ticket = (await ann.do("hello", nick="ann"))["ticket"]
            await ann.do("join", room="#ops")
            reader, writer = await asyncio.open_connection("localhost", visit.ask.address.port, ssl=trusting)
            head = f"POST /files?room=%23ops&name=a HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {ticket}\r\n"
            writer.write(f"{head}Connection: close\r\nContent-Length: 1\r\n\r\nx".encode())
            said = json.loads((await reader.read()).rpartition(b"\r\n\r\n")[2])
            assert f" https://{host}/files/" in said["text"]
            writer.close()
            await writer.wait_closed()


async def test_a_hub_that_stops_says_so() -> None:
    async with visiting() as visit, called(visit, "ann") as ann:
        visit.app.retire()
        assert await ann.hear() == {"on": "bye", "text": "the hub stops"}
        with pytest.raises(ConnectionClosed):
            await ann.hear()
