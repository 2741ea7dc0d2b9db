"""Who may ask: by a login, and by the name that the server is called."""

from __future__ import annotations

import socket
from base64 import b64encode

import pytest

from tincans.apps import find_app
from tincans.apps.http import Http
from tincans.apps.http.exchange import Exchange
from tincans.apps.http.login import Guarded, is_ours
from tincans.apps.settings import Settings
from tincans.server import serve
from tincans.transports import dial
from tincans.users import Users, Verifier
from wired import Answer, answers_to, get, heard, read, until

USERS = Users({"ann": str(Verifier.of("se:cret ä", rounds=1))})


async def say_user(exchange: Exchange) -> None:
    await exchange.respond(200, (), exchange.user.encode() or b"a guest")


def basic(text: str, encoding: str = "utf-8") -> str:
    return "Authorization: Basic " + b64encode(text.encode(encoding)).decode()


async def ask(settings: Settings, *fields: str) -> Answer:
    [answer] = await answers_to(Guarded(say_user, settings), get("/", *fields))
    return answer


async def test_who_has_a_login_is_let_in_by_it() -> None:
    settings = Settings(users=USERS)
    for login in (basic("ann:se:cret ä"), basic("ann:se:cret ä").replace("Basic ", "bASIC  ")):
        answer = await ask(settings, login)
        assert (answer.status, answer.body) == (200, b"ann")


@pytest.mark.parametrize(
    "login",
    [basic("ann:wrong"), basic("bob:se:cret ä"), basic("ann"), basic(":"), basic("ann:se:cret ä", "latin-1"),
     "Authorization: Basic", "Authorization: Basic !!!", "Authorization: Basic YQ=", "Authorization: Bearer YQ==",
     "Authorization: Basic YW5uOg== YQ=="],
)  # fmt: skip
@pytest.mark.parametrize("guests", [None, True])
async def test_a_wrong_login_is_refused(login: str, guests: bool | None) -> None:
    answer = await ask(Settings(users=USERS, guests=guests), login)
    assert answer.status == 401
    assert answer.fields["www-authenticate"] == 'Basic realm="tincans", charset="UTF-8"'


async def test_guests_are_let_in_where_they_may() -> None:
    assert (await ask(Settings(users=USERS))).status == 401
    assert (await ask(Settings(users=USERS, guests=True))).body == b"a guest"
    assert (await ask(Settings())).body == b"a guest"
    assert (await ask(Settings(guests=False))).status == 401


async def test_where_nobody_is_known_a_login_is_nobodys() -> None:
    assert (await ask(Settings(), basic("ann:se:cret ä"))).body == b"a guest"
    assert (await ask(Settings(guests=False), basic("ann:se:cret ä"))).status == 401


def test_it_is_closed_with_what_it_guards() -> None:
    class Closing:
        closed = False

        async def __call__(self, exchange: Exchange) -> None: ...

        def close(self) -> None:
            self.closed = True

    handler = Closing()
    Guarded(handler, Settings()).close()
    assert handler.closed


# ── the Host ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:80", "localhost:", "localhost.", "127.0.0.1", "127.0.0.1:8080", "10.1.2.3", "[::1]",
     "[::1]:8080", "a.localhost", "shop.test:81", "printer.local", "nas.home.arpa", "mymachine", "a.internal",
     socket.gethostname(), ""],
)  # fmt: skip
def test_these_names_can_only_be_ours(host: str) -> None:
    assert is_ours(host, "127.0.0.1")
    assert is_ours(host, "::1")


@pytest.mark.parametrize(
    "host",
    ["evil.example.com", "evil.com:8080", "localhost.evil.com", "127.0.0.1.evil.com", "evil.com.", "1.2.3", "0x7f.1",
     "evillocalhost.com"],
)  # fmt: skip
def test_these_may_be_made_to_point_here(host: str) -> None:
    assert not is_ours(host, "127.0.0.1")
    assert not is_ours(host, "127.9.9.9")
    assert not is_ours(host, "::1")
    assert is_ours(host, "192.0.2.1")
    assert is_ours(host, "")


async def test_a_page_from_elsewhere_reads_nothing_here() -> None:
    async with await serve("tcp://127.0.0.1:0", Http(Guarded(say_user, Settings()))) as server:
        async with await dial(server.address) as client:
            await client.send(get().replace(b"localhost", b"evil.com"))
            [refused] = read(await until(client, b"alone\n"))
            assert refused.status == 421
            await client.send(get())
            [answer] = read(await until(client, b"guest"))
            assert answer.status == 200


async def test_what_has_nothing_to_be_read_may_be_called_as_one_likes() -> None:
    async with await serve("tcp://127.0.0.1:0", find_app("http:echo")) as server:
        async with await dial(server.address) as client:
            await client.send(get("/", "Connection: close").replace(b"localhost", b"evil.com"))
            [answer] = read(await heard(client))
            assert answer.status == 200


async def test_who_logs_in_may_call_us_as_he_likes() -> None:
    settings = Settings(users=USERS, guests=True)
    async with await serve("tcp://127.0.0.1:0", Http(Guarded(say_user, settings))) as server:
        async with await dial(server.address) as client:
            await client.send(get("/", basic("ann:se:cret ä")).replace(b"localhost", b"tunnel.example.com"))
            [answer] = read(await until(client, b"ann"))
            assert answer.status == 200
