"""Who is let in: each rule is crossed by one request that is right in everything else."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tincans.address import Address
from tincans.journal import open_journal
from tincans.watch.page import serve_page
from tincans.watch.watched import Watched
from visiting import TOKENS, Guest, serving_page

STEER, LOOK = {"Authorization": f"Bearer {TOKENS.steer}"}, {"Authorization": f"Bearer {TOKENS.look}"}
JSON = {"Content-Type": "application/json"}


@contextlib.asynccontextmanager
async def page() -> AsyncIterator[Guest]:
    journal = open_journal("memory:")
    async with serving_page(journal) as guest:
        yield guest
    await journal.aclose()


def here(guest: Guest, header: str) -> str:
    return header.replace("PORT", str(guest.visitor.port))


# ── Host ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "host", ["127.0.0.1:PORT", "localhost:PORT", "LOCALHOST:PORT", "[::1]:PORT", "192.168.1.9:PORT", "NAME:PORT"]
)
async def test_the_page_is_asked_for_by_this_machines_names_and_by_addresses(host: str) -> None:
    async with page() as guest:
        own = here(guest, host).replace("NAME", socket.gethostname())
        assert (await guest.ask("/api", {"Host": own})).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:1", "127.0.0.1", "localhost", "evil.example:PORT", "127.0.0.1.evil.example:PORT", "localhost.:PORT",
        "evil.example@127.0.0.1:PORT", "127.0.0.1:PORT:PORT", "::1:PORT", "[127.0.0.1]:PORT", "[localhost]:PORT", " ",
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/", "/api", "/api/openapi.json"])
async def test_a_name_that_may_lead_anywhere_is_refused_whatever_is_asked(host: str, path: str) -> None:
    async with page() as guest:
        answer = await guest.ask(path, {"Host": here(guest, host)})
        assert answer.status == 403
        assert answer.json["type"] == "trouble"
        assert answer.json["error"] == "the request's Host is not this page's"


# ── where a request comes from ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        ({"Origin": "http://127.0.0.1:PORT"}, ""),
        ({"Origin": "http://127.0.0.1:1"}, "the request comes from a page of another origin"),
        ({"Origin": "https://127.0.0.1:PORT"}, "the request comes from a page of another origin"),
        ({"Origin": "http://localhost:PORT"}, "the request comes from a page of another origin"),
        ({"Origin": "null"}, "the request comes from a page of another origin"),
        ({"Sec-Fetch-Site": "same-origin"}, ""),
        ({"Sec-Fetch-Site": "none"}, ""),
        ({"Sec-Fetch-Site": "same-site"}, "the request comes from another site"),
        ({"Sec-Fetch-Site": "cross-site"}, "the request comes from another site"),
    ],
)
@pytest.mark.parametrize("path", ["/", "/api"])
async def test_another_origin_is_refused(headers: dict[str, str], error: str, path: str) -> None:
    async with page() as guest:
        answer = await guest.ask(path, {name: here(guest, value) for name, value in headers.items()})
        assert answer.status == (403 if error else 200)
        assert not error or answer.json["error"] == error


# ── tokens and methods ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/", {"Authorization": ""}, 200),
        ("GET", "/api/openapi.json", {"Authorization": ""}, 200),
        ("GET", "/api", {"Authorization": ""}, 401),
        ("GET", "/api/nothing", {"Authorization": ""}, 401),
        ("GET", "/api", {"Authorization": f"Basic {TOKENS.steer}"}, 401),
        ("GET", "/api", {"Authorization": f"Bearer {TOKENS.steer[:-1]}"}, 401),
        ("GET", "/api", {"Authorization": f"Bearer {TOKENS.steer}x"}, 401),
        ("GET", "/api", {"Authorization": "Bearer \xe9"}, 401),
        ("GET", f"/api?token={TOKENS.steer}", {"Authorization": ""}, 401),
        ("GET", "/api", LOOK, 200),
        ("HEAD", "/api", LOOK, 200),
        ("GET", "/api/nothing", LOOK, 404),
        ("POST", "/api/conversations/1/reset", {**LOOK, **JSON}, 403),
        ("POST", "/api/conversations/1/reset", {"Authorization": "", **JSON}, 401),
        ("POST", "/api/conversations/1/reset", STEER, 415),
        ("POST", "/api/conversations/1/reset", {**STEER, "Content-Type": "text/plain"}, 415),
        ("POST", "/api/conversations/1/reset", {**STEER, "Content-Type": "application/json; charset=utf-8"}, 404),
        ("GET", "/api/conversations/1/reset", STEER, 405),
        ("POST", "/api", {**STEER, **JSON}, 405),
        ("POST", "/", {**STEER, **JSON}, 405),
        ("PUT", "/api", STEER, 405),
        ("OPTIONS", "/api", STEER, 405),
        ("GET", "/api?secrets=1", LOOK, 400),
        ("GET", "/api/conversations/1/state?secrets=1", LOOK, 403),
        ("GET", "/api/conversations/1/state?secrets=1", STEER, 404),
    ],
)
async def test_what_a_token_lets_one_do(method: str, path: str, headers: dict[str, str], status: int) -> None:
    async with page() as guest:
        answer = await guest.ask(path, headers, method=method, body=b"{}" if method == "POST" else None)
        assert answer.status == status
        assert method == "HEAD" or status == 200 or answer.json["type"] == "trouble"
        assert status != 405 or answer.headers["allow"]


# ── a WebSocket ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("path", "protocols", "headers", "status"),
    [
        ("/api/live", [f"token.{TOKENS.look}"], {}, 0),
        ("/api/live", ["tincans", f"token.{TOKENS.look}"], {"Origin": "http://127.0.0.1:PORT"}, 0),
        ("/api/live", [], {}, 401),
        ("/api/live", ["tincans"], STEER, 401),
        ("/api/live", ["tincans", "token.x"], {}, 401),
        ("/api/live", [f"token.{TOKENS.look}"], {"Origin": "http://evil.example"}, 403),
        ("/api/live", [f"token.{TOKENS.look}"], {"Sec-Fetch-Site": "cross-site"}, 403),
        ("//evil.example:PORT/api/live", [f"token.{TOKENS.look}"], {}, 403),
        ("/api/nothing", [f"token.{TOKENS.look}"], {}, 404),
        ("/", [], {}, 401),
    ],
)
async def test_a_socket_is_let_in_by_the_same_rules(
    path: str, protocols: list[str], headers: dict[str, str], status: int
) -> None:
    async with page() as guest:
        given = {name: here(guest, value) for name, value in headers.items()}
        place = here(guest, path if path.startswith("//") else f"//127.0.0.1:PORT{path}")
        where = connect(
            f"ws:{place}", subprotocols=protocols or None, additional_headers=given,  # type: ignore[arg-type]
            host="127.0.0.1", port=guest.visitor.port, proxy=None, compression=None,
        )  # fmt: skip
        if status:
            with pytest.raises(InvalidStatus) as refused:
                await where
            assert refused.value.response.status_code == status
            return
        async with where as opened:
            assert opened.subprotocol == ("tincans" if "tincans" in protocols else None)


# ── what every answer says ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", ["/", "/nothing", "/api", "/api/nothing", "/api/openapi.json"])
async def test_every_answer_tells_the_browser_what_the_page_may_do(path: str) -> None:
    async with page() as guest:
        headers = (await guest.ask(path)).headers
        policy = headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "*" not in policy
        assert policy.startswith("default-src 'none'; script-src 'self' 'sha256-")
        assert f"connect-src 'self' ws://127.0.0.1:{guest.visitor.port};" in policy
        assert "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-opener-policy"] == headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["cache-control"] == ("no-cache" if path == "/" else "no-store")
        assert "access-control-allow-origin" not in headers
        assert "server" not in headers


async def test_a_page_may_be_asked_for_by_the_name_that_it_listens_at() -> None:
    journal = open_journal("memory:")
    watched = Watched(journal)
    async with serve_page(Address.parse("localhost:0"), watched, TOKENS) as served:
        assert served.url().startswith("http://localhost:")
        guest = Guest(served)
        assert (await guest.ask("/api")).status == 200
    await journal.aclose()
