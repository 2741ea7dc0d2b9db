"""A visitor of the page: a plain HTTP client and a WebSocket, as a program that uses the API has them."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import re
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from email.message import EmailMessage
from pathlib import Path
from typing import Any, NamedTuple

from jsonschema import Draft202012Validator
from websockets.asyncio.client import ClientConnection as AsyncConnection
from websockets.asyncio.client import connect as async_connect
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from running import PATIENCE, POLL, Program, run
from tincans.address import Address
from tincans.apps.mail.store import Envelope, Mails
from tincans.config import parse_config
from tincans.journal import Journal, open_journal
from tincans.register import Register
from tincans.switchboard import Switchboard
from tincans.watch.inboxes import Inboxes, of_folder
from tincans.watch.page import Page, serve_page
from tincans.watch.tokens import Tokens
from tincans.watch.watched import Watched


class Answer(NamedTuple):
    """What was answered, as it is."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Visitor:
    """Knows the page's address and its token. Each request has a connection of its own."""

    def __init__(self, url: str) -> None:
        found = re.fullmatch(r"http://(\[[^]]+\]|[^:]+):(\d+)/#token=([A-Za-z0-9_-]{43})", url)
        assert found is not None, f"{url} is no address of a page"
        self.url, self.host, self.port, self.token = url, found[1], int(found[2]), found[3]

    def ask(
        self, path: str, headers: Mapping[str, str] | None = None, *, method: str = "GET", body: bytes | None = None
    ) -> Answer:
        """One request, with the token unless `headers` say otherwise; a header of an empty text is left out."""
        given = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        connection = http.client.HTTPConnection(self.host.strip("[]"), self.port, timeout=PATIENCE)
        try:
            connection.putrequest(method, path, skip_host="Host" in given, skip_accept_encoding=True)
            if body is not None and "Content-Length" not in given:
                given["Content-Length"] = str(len(body))
            for name, value in given.items():
                if value:
                    connection.putheader(name, value)
            connection.endheaders(body)
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def get(self, path: str) -> Any:
        """The JSON of an answer that is a success."""
        answer = self.ask(path)
        assert answer.status == 200, answer
        return answer.json

    def post(self, path: str, said: object = None) -> Answer:
        """Post JSON."""
        body = b"" if said is None else json.dumps(said).encode()
        return self.ask(path, {"Content-Type": "application/json"}, method="POST", body=body)

    def patiently(self, path: str) -> Any:
        """As `get`, of a page that may only be about to be served."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return self.get(path)
            except ConnectionRefusedError:
                assert time.monotonic() < deadline
                time.sleep(POLL)

    @contextlib.contextmanager
    def live(self, path: str = "/api/live", **look: object) -> Iterator[Told]:
        """A WebSocket, which asks for `look`."""
        with connect(
            f"ws://{self.host}:{self.port}{path}",
            subprotocols=["tincans", f"token.{self.token}"],  # type: ignore[list-item]
            open_timeout=PATIENCE, close_timeout=PATIENCE, max_size=None, proxy=None,
        ) as socket:  # fmt: skip
            told = Told(socket)
            if look:
                told.ask(**look)
            yield told


class Told:
    """What a WebSocket is told, in order."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def ask(self, **look: object) -> None:
        """Ask to see something else."""
        self.socket.send(json.dumps({"type": "look", **look}))

    def next(self) -> Any:
        """The next message."""
        return json.loads(self.socket.recv(PATIENCE))

    def until(self, kind: str) -> Any:
        """The next message of this type; those before it are left out."""
        while True:
            message = self.next()
            if message["type"] == kind:
                return message

    def row(self, wanted: Callable[[Any], bool]) -> Any:
        """The next conversation told that is wanted."""
        while True:
            for row in self.until("changes")["rows"]:
                if wanted(row):
                    return row

    def end(self) -> int | None:
        """Read on until it is closed; gives the code that it was closed with."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                self.socket.recv(PATIENCE)
        return self.socket.close_code


@contextlib.contextmanager
def visit(running: Program) -> Iterator[Visitor]:
    """Visit the page whose address is the first line that a program prints."""
    yield Visitor(running.wait_for(r"\A(http://\S+)$")[1])


# ── a page in the test's own loop ─────────────────────────────────────────────────────────────────────────

#: What the pages of `serving_page` take.
TOKENS = Tokens("S" * 43, "L" * 43)


class Guest:
    """A visitor of a page that is served by the test's own loop: it waits in another thread."""

    def __init__(self, page: Page, *, read_only: bool = False) -> None:
        self.visitor = Visitor(page.url(read_only=read_only))
        self.page = page

    async def ask(
        self, path: str, headers: Mapping[str, str] | None = None, *, method: str = "GET", body: bytes | None = None
    ) -> Answer:
        return await asyncio.to_thread(self.visitor.ask, path, headers, method=method, body=body)

    async def get(self, path: str) -> Any:
        return await asyncio.to_thread(self.visitor.get, path)

    async def post(self, path: str, said: object = None) -> Answer:
        return await asyncio.to_thread(self.visitor.post, path, said)

    @contextlib.asynccontextmanager
    async def live(self, path: str = "/api/live", **look: object) -> AsyncIterator[Listener]:
        visitor = self.visitor
        async with async_connect(
            f"ws://{visitor.host}:{visitor.port}{path}",
            subprotocols=["tincans", f"token.{visitor.token}"],  # type: ignore[list-item]
            open_timeout=PATIENCE, close_timeout=PATIENCE, max_size=None, proxy=None,
        ) as socket:  # fmt: skip
            listener = Listener(socket)
            if look:
                await listener.ask(**look)
            yield listener


class Listener:
    """As `Told`, in the test's own loop."""

    def __init__(self, socket: AsyncConnection) -> None:
        self.socket = socket

    async def ask(self, **look: object) -> None:
        await self.socket.send(json.dumps({"type": "look", **look}))

    async def next(self) -> Any:
        async with asyncio.timeout(PATIENCE):
            return json.loads(await self.socket.recv())

    async def until(self, kind: str, wanted: Callable[[Any], bool] = lambda message: True) -> Any:
        """The next message of this type that is wanted."""
        while True:
            message = await self.next()
            if message["type"] == kind and wanted(message):
                return message

    async def row(self, wanted: Callable[[Any], bool]) -> Any:
        """The next conversation told that is wanted."""
        while True:
            for row in (await self.until("changes"))["rows"]:
                if wanted(row):
                    return row

    async def end(self) -> int | None:
        """Read on until it is closed; gives the code that it was closed with."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                await self.next()
        return self.socket.close_code


@contextlib.asynccontextmanager
async def serving_page(
    journal: Journal, *, board: Switchboard | None = None, register: Register | None = None,
    inboxes: Inboxes | None = None,
) -> AsyncIterator[Guest]:  # fmt: skip
    """The page of a journal, and of inboxes, visited with the token that may steer."""
    watched = Watched(journal, "a test's journal", board=board, register=register, inboxes=inboxes)
    async with serve_page(Address.parse(":0"), watched, TOKENS) as page:
        yield Guest(page)


# ── what the page says of itself ──────────────────────────────────────────────────────────────────────────


class Document:
    """The document that the page serves, by which answers are checked."""

    def __init__(self, told: Any) -> None:
        self.told = told
        self._strict = json.loads(json.dumps(told))
        for schema in self._strict["components"]["schemas"].values():
            if "properties" in schema:
                schema["additionalProperties"] = False

    def check(self, path: str, answer: Answer, method: str = "get") -> Any:
        """An answer of a path, as the document has it; gives its JSON."""
        responses = self.told["paths"][path][method]["responses"]
        content = responses["200" if answer.status == 200 else "default"]["content"]
        media = answer.headers["content-type"].partition(";")[0]
        if media != "application/json" or media not in content:
            assert media in [each.partition(";")[0] for each in content], media
            return None
        self.fits(answer.json, content[media]["schema"])
        return answer.json

    def fits(self, told: Any, schema: Any) -> None:
        whole = {"components": self._strict["components"], **json.loads(json.dumps(schema))}
        Draft202012Validator(whole).validate(told)


async def document(guest: Guest) -> Document:
    return Document(await guest.get("/api/openapi.json"))


# ── a switchboard with a page ─────────────────────────────────────────────────────────────────────────────

ECHO_AND_RELAY = """\
[[listen]]
name = "echo"
address = ":0"
app = "echo"

[[listen]]
name = "quiet"
address = ":0"
app = "echo"
record = false

[[relay]]
name = "front"
listen = ":0"
target = "127.0.0.1:{target}"
"""


class Office(NamedTuple):
    """A switchboard that runs, with its page: an echo, one that is not recorded, and a relay to the test's server."""

    guest: Guest
    board: Switchboard
    register: Register
    journal: Journal
    #: Each caller of the relay's target.
    called: asyncio.Queue[Stream]

    async def call(self, name: str) -> Stream:
        """Call a listener or relay."""
        port = next(row.address.port for row in self.board.rows if row.name == name)
        return await asyncio.open_connection("127.0.0.1", port)

    async def talk(self) -> tuple[Stream, Stream, int]:
        """Both ends of a new conversation through the relay, and its number, once it can be steered."""
        client = await self.call("front")
        server = await self.called.get()
        number = max(self.register.talks)
        while self.register.talks[number].controls is None:
            await asyncio.sleep(POLL)
        return client, server, number


#: One end of a connection.
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@contextlib.asynccontextmanager
async def office(folder: Path) -> AsyncIterator[Office]:
    """Run it while the block runs."""
    called: asyncio.Queue[Stream] = asyncio.Queue()
    target = await asyncio.start_server(lambda *stream: called.put_nowait(stream), "127.0.0.1", 0)
    journal, register = open_journal(folder), Register()
    board = Switchboard(journal=journal, register=register)
    port = target.sockets[0].getsockname()[1]
    try:
        await board.apply(parse_config(ECHO_AND_RELAY.format(target=port), Path("a test")))
        async with serving_page(journal, board=board, register=register) as guest:
            yield Office(guest, board, register, journal, called)
    finally:
        board.abort()
        await board.aclose()
        target.close()
        while not called.empty():
            called.get_nowait()[1].close()
        await journal.aclose()


async def hang_up(*streams: Stream) -> None:
    """Close these ends."""
    for _, writer in streams:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


# ── an inbox with a page ──────────────────────────────────────────────────────────────────────────────────

YOU = Envelope(sender="ada@tin.example", recipients=("you@example.org",), client="tcp://127.0.0.1:50312", hello="tin")


def letter(subject: str = "Pears", text: str = "The pears are ripe.\n") -> bytes:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "Ada <ada@tin.example>", "you@example.org", subject
    made.set_content(text)
    made.add_alternative("<p style='color: green'>The <a href='http://tin.example/'>pears</a>", subtype="html")
    made.add_attachment(b"<script>", maintype="text", subtype="html", filename="../schön.html")
    return made.as_bytes()


LETTER = letter()


class Inbox(NamedTuple):
    """A page with one inbox, and its store."""

    guest: Guest
    mails: Mails

    def take(self, data: bytes | None = None, envelope: Envelope = YOU) -> int:
        incoming = self.mails.begin(envelope)
        incoming.write(LETTER if data is None else data)
        return incoming.commit()

    async def numbers(self, query: str = "") -> list[int]:
        return [row["number"] for row in (await self.guest.get(f"/api/mails?{query}"))["rows"]]


@contextlib.asynccontextmanager
async def inbox(folder: Path) -> AsyncIterator[Inbox]:
    mails, inboxes = Mails.open(folder / "mails"), Inboxes(of_folder(folder / "mails"))
    journal = open_journal(folder / "kept")
    async with serving_page(journal, inboxes=inboxes) as guest:
        yield Inbox(guest, mails)
    inboxes.close()
    mails.close()
    await journal.aclose()


def write_apart(folder: Path, subject: str) -> None:
    """Take a mail in another process."""
    program = (
        "import sys; from tincans.apps.mail.store import Envelope, Mails; mails = Mails.open(sys.argv[1]);"
        "mail = mails.begin(Envelope(recipients=('x@y',))); mail.write(f'Subject: {sys.argv[2]}\\n\\n'.encode());"
        "mail.commit(); mails.close()"
    )
    run([sys.executable, "-c", program, str(folder), subject])
