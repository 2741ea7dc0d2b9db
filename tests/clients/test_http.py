"""The HTTP client takes what is right, and answers what is not with a sentence; nothing of it becomes a file."""

from __future__ import annotations

import asyncio
import gzip
import os
from base64 import b64encode
from pathlib import Path

import pytest

from running import Certificates
from scripted import ANY, CLOSE, RESET, answering, ok
from tincans.address import Address
from tincans.channel import Channel
from tincans.clients.calling import Calling
from tincans.clients.http import HttpRemote
from tincans.clients.remote import Item, Part, Remote, Upload
from tincans.clients.url import Url
from tincans.errors import ConnectError, LimitExceeded, RemoteProtocolError, RequestRefused, TransferFailed
from tincans.limits import REDIRECTS, RESPONSE_HEAD_BYTES
from tincans.server import serve
from tincans.transports.memory import memory_pair

DATES = ("Last-Modified: Sat, 28 Nov 2026 00:00:00 GMT", "Date: Sat, 28 Nov 2026 00:10:00 GMT")


class Fetched:
    """What a download said, and its bytes."""

    def __init__(self) -> None:
        self.size: int | None = None
        self.offset, self.version, self.data = 0, "", b""
        self.modified: float | None = None


async def fetch(url: Url, part: Part | None = None, how: Calling | None = None) -> Fetched:
    fetched = Fetched()
    async with HttpRemote(url, how or Calling()) as remote:
        await fetch_with(remote, url, part, fetched)
    return fetched


async def fetch_with(remote: Remote, url: Url, part: Part | None, fetched: Fetched) -> Fetched:
    async with remote.fetch(url, part) as download:
        fetched.size, fetched.offset, fetched.version = download.size, download.offset, download.version
        fetched.modified = download.modified
        async for piece in download:
            fetched.data += piece
    return fetched


# ── what is right ─────────────────────────────────────────────────────────────────────────────────────────


async def test_a_file_with_what_is_said_of_it() -> None:
    async with answering(ok(b"hello", 'ETag: "x"', *DATES)) as server:
        fetched = await fetch(server.url)
    assert (fetched.data, fetched.size, fetched.offset, fetched.version) == (b"hello", 5, 0, '"x"')
    assert fetched.modified == 1795824000
    head = server.asked[0].split(b"\r\n")
    assert head[0] == b"GET /file HTTP/1.1"
    assert set(head[1:]) == {
        f"Host: {server.url.authority}".encode(), b"User-Agent: tincans", b"Accept-Encoding: identity"
    }  # fmt: skip


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nTrailer: x\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\nhello" + CLOSE,
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok(b"hello"),
    ],
)
async def test_every_way_to_end_a_body(answer: bytes) -> None:
    async with answering(answer) as server:
        assert (await fetch(server.url)).data == b"hello"


async def test_what_is_packed_stays_packed() -> None:
    async with answering(ok(b"\x1f\x8bxyz", "Content-Encoding: gzip")) as server:
        assert (await fetch(server.url)).data == b"\x1f\x8bxyz"


async def test_one_connection_is_kept_for_many_requests() -> None:
    async with answering(ok(b"one"), ok(b"two"), ok(b"three", "Connection: close"), ok(b"four")) as server:
        async with HttpRemote(server.url, Calling()) as remote:
            for expected in (b"one", b"two", b"three", b"four"):
                assert (await fetch_with(remote, server.url, None, Fetched())).data == expected
    assert server.connections == [1, 1, 1, 2]


async def test_a_kept_connection_that_is_gone_is_replaced() -> None:
    async with answering(ok(b"one"), CLOSE, ok(b"two")) as server:
        async with HttpRemote(server.url, Calling()) as remote:
            for expected in (b"one", b"two"):
                assert (await fetch_with(remote, server.url, None, Fetched())).data == expected
    assert server.connections == [1, 1, 2]


async def test_look_asks_for_the_head_alone() -> None:
    async with answering(
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n" + DATES[0].encode() + b"\r\n\r\n",
        b"HTTP/1.1 404 No\r\nContent-Length: 9\r\n\r\n", b"HTTP/1.1 405 No\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n",
    ) as server:  # fmt: skip
        async with HttpRemote(server.url, Calling()) as remote:
            assert await remote.look(server.url) == Item("file", False, 99, 1795824000)
            assert await remote.look(server.url) is None
            assert await remote.look(server.url) is None
            with pytest.raises(RequestRefused, match="the server says 403 No"):
                await remote.look(server.url)
    assert server.connections == [1] * 4


# ── a part that is gone on with ───────────────────────────────────────────────────────────────────────────


def partial(data: bytes, said: str, *fields: str) -> bytes:
    return ok(data, f"Content-Range: {said}", *fields, status="206 Partial Content")


async def test_what_is_missing_is_asked_for_if_it_is_the_same() -> None:
    async with answering(partial(b"llo", "bytes 2-4/5", 'ETag: "x"'), partial(b"llo", "bytes 2-4/*")) as server:
        for _ in range(2):
            fetched = await fetch(server.url, Part(2, '"x"'))
            assert (fetched.data, fetched.offset, fetched.size) == (b"llo", 2, 5)
    assert all(b'\r\nRange: bytes=2-\r\nIf-Range: "x"' in asked for asked in server.asked)


async def test_another_version_comes_whole() -> None:
    async with answering(ok(b"other", 'ETag: "y"')) as server:
        fetched = await fetch(server.url, Part(2, '"x"'))
    assert (fetched.data, fetched.offset, fetched.version) == (b"other", 0, '"y"')


async def test_a_part_that_is_all_of_it() -> None:
    async with answering(ok(b"no", "Content-Range: bytes */5", status="416 No")) as server:
        fetched = await fetch(server.url, Part(5, '"x"'))
    assert (fetched.data, fetched.offset, fetched.size) == (b"", 5, 5)


@pytest.mark.parametrize(
    "answer",
    [
        partial(b"llo", "bytes 1-3/5"), partial(b"ll", "bytes 2-3/5"), partial(b"llo", "bytes 2-4/5", 'ETag: "y"'),
        partial(b"llo", "lines 2-4/5"), ok(b"llo", status="206 Partial Content"),
        partial(b"llo", "bytes 2-99999999999999999999/5"),
    ],
)  # fmt: skip
async def test_another_part_than_what_was_asked_for_is_not_mixed(answer: bytes) -> None:
    async with answering(answer) as server:
        with pytest.raises(TransferFailed, match="asked for"):
            await fetch(server.url, Part(2, '"x"'))


@pytest.mark.parametrize(
    "answer", [partial(b"llo", "bytes 2-4/5"), ok(b"", "Content-Range: bytes */5", status="416 No")]
)
async def test_a_part_that_nobody_asked_for(answer: bytes) -> None:
    async with answering(answer) as server:
        with pytest.raises(RequestRefused):
            await fetch(server.url)


async def test_a_part_that_no_file_has_any_more() -> None:
    async with answering(ok(b"", "Content-Range: bytes */4", status="416 No")) as server:
        with pytest.raises(RequestRefused, match="416"):
            await fetch(server.url, Part(5, '"x"'))


@pytest.mark.parametrize(
    ("fields", "version"),
    [
        (['ETag: "x"', *DATES], '"x"'), (['ETag: W/"x"', *DATES], ""), (["ETag: x"], ""),
        ([*DATES], "Sat, 28 Nov 2026 00:00:00 GMT"), ([DATES[0]], ""), ([DATES[1]], ""), (["Last-Modified: x"], ""),
        ([DATES[0], "Date: Sat, 28 Nov 2026 00:00:00 GMT"], ""),  # it may be changed again within that second
    ],
)  # fmt: skip
async def test_what_tells_two_versions_apart(fields: list[str], version: str) -> None:
    async with answering(ok(b"", *fields)) as server:
        assert (await fetch(server.url)).version == version


# ── what is not right ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell" + CLOSE, "not what was announced: .*received 4 bytes"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell" + RESET, "the connection broke"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhello", "it is longer than announced"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhell" + CLOSE, "not what was announced"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n" + CLOSE, "not what was announced"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\nhello", "not what was announced"),
        (CLOSE, "the server hung up without an answer"),
        (b"HTTP/1.1 200 OK\r\nContent" + CLOSE, "the connection broke"),
        (b"HTTP/1.1 200 OK\r\nContent" + RESET, "the connection broke"),
    ],
)
async def test_what_ends_too_early_or_too_late(answer: bytes, sentence: str) -> None:
    async with answering(answer) as server:
        with pytest.raises(TransferFailed, match=rf"^{server.url}: .*{sentence}"):
            await fetch(server.url)


@pytest.mark.parametrize(
    "answer",
    [
        b"220 ftp.example\r\n\r\n", b"\0\1\2\3\r\n\r\n", b"HTTP/1.1 200 OK\r\nA B: c\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", b"HTTP/1.1 2 OK\r\n\r\n",
    ],
)  # fmt: skip
async def test_what_is_no_http(answer: bytes) -> None:
    async with answering(answer + CLOSE) as server:
        with pytest.raises(RemoteProtocolError, match="the server does not speak HTTP as it should"):
            await fetch(server.url)


async def test_a_head_has_a_bound() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: "
    fits = head + b"x" * (RESPONSE_HEAD_BYTES - len(head) - 4) + b"\r\n\r\n"
    async with answering(fits, fits[:-4] + b"x" * 70_000 + b"\r\n\r\n" + CLOSE) as server:
        await fetch(server.url)
        with pytest.raises(RemoteProtocolError, match="as it should"):
            await fetch(server.url)


async def test_a_server_that_says_nothing_is_given_up() -> None:
    how = Calling(patience=0.03)
    for answer in (b"", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell"):
        async with answering(answer) as server:
            with pytest.raises(TransferFailed, match=r"the server said nothing for 0\.03 s"):
                await fetch(server.url, how=how)


async def test_a_refusal_is_said_in_its_words() -> None:
    async with answering(ok(b"never", status="404 Gone fishing")) as server:
        with pytest.raises(RequestRefused, match=r"^http://127.*: the server says 404 Gone fishing$") as caught:
            await fetch(server.url)
        assert caught.value.code == 404


async def test_leaving_early_closes_the_connection() -> None:
    async with answering(ok(b"x" * 100_000), ok(b"two")) as server:
        async with HttpRemote(server.url, Calling()) as remote:
            async with remote.fetch(server.url):
                pass
            assert (await fetch_with(remote, server.url, None, Fetched())).data == b"two"
    assert server.connections == [1, 2]


# ── redirects and logins ──────────────────────────────────────────────────────────────────────────────────


def moved(where: object, status: str = "302 Found") -> bytes:
    return ok(b"there", f"Location: {where}", status=status)


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See", "307 Temporary", "308 Permanent"])
async def test_a_redirect_is_followed(status: str) -> None:
    async with answering(moved("other?x#y", status), ok(b"hello")) as server:
        fetched = await fetch(server.url)
    assert fetched.data == b"hello"
    assert server.asked[1].startswith(b"GET /other?x HTTP/1.1\r\n")
    assert server.connections == [1, 1]


async def test_redirects_have_a_bound() -> None:
    async with answering(*[moved("/file")] * REDIRECTS, ok(b"hello")) as server:
        assert (await fetch(server.url)).data == b"hello"
    async with answering(*[moved("/file")] * (REDIRECTS + 1)) as server:
        with pytest.raises(TransferFailed, match=f"it leads in circles: more than {REDIRECTS} redirects"):
            await fetch(server.url)


@pytest.mark.parametrize(
    "where", ["ftp://h/x", "javascript:alert(1)", "http://h:x/", "http://[/", "file:///etc/passwd"]
)
async def test_a_redirect_that_leads_nowhere(where: str) -> None:
    async with answering(moved(where)) as server:
        with pytest.raises(TransferFailed, match="the server leads to"):
            await fetch(server.url)


BASIC = b"\r\nAuthorization: Basic " + b64encode(b"ada:love:lace")


async def test_a_login_is_shown_to_no_other_server() -> None:
    async with answering(ok(b"other"), ok(b"still the other")) as other:
        async with answering(moved("/same"), moved(other.url)) as server:
            assert (await fetch(server.url._replace(user="ada", password="love:lace"))).data == b"other"
            assert all(asked.count(BASIC) == 1 for asked in server.asked)
        assert b"Authorization" not in other.asked[0]


async def test_no_login_goes_from_https_to_http(certificates: Certificates) -> None:
    how, where = Calling(ca=str(certificates.ca)), "http://127.0.0.1:1/x"
    async with answering(moved(where), moved(where), address=f"tls://127.0.0.1:0{certificates.served}") as server:
        with pytest.raises(TransferFailed, match=rf"leads to {where}, where a password could be read on the way"):
            await fetch(server.url._replace(user="ada", password="x"), how=how)
        with pytest.raises(ConnectError):  # without one it is followed
            await fetch(server.url, how=how)


async def test_a_login_that_is_not_basic_is_named() -> None:
    async with answering(ok(b"", "WWW-Authenticate: Negotiate", status="401 No")) as server:
        with pytest.raises(RequestRefused, match="401 No, and wants a login that is not Basic"):
            await fetch(server.url)


async def test_the_address_called_instead_is_for_the_first_server_alone(tmp_path: Path) -> None:
    async with answering(ok(b"hello")) as other:
        async with answering(moved("/x"), moved(other.url), address=f"unix:{tmp_path}/s") as server:
            how = Calling(via=Address.parse(f"unix:{tmp_path}/s"))
            assert (await fetch(Url.parse("http://nowhere.invalid/"), how=how)).data == b"hello"
            assert len(server.asked) == 2


# ── listings ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_listings() -> None:
    page = ok(gzip.compress(b'<a href="x">'), "Content-Type: text/html", "Content-Encoding: gzip")
    json = ok(b'{"items": [{"href": "y"}]}', "Content-Type: application/json")
    latin = ok("<a href=ä>".encode("latin-1"), "Content-Type: text/html; charset=iso-8859-1")
    async with answering(page, json, latin) as server:
        async with HttpRemote(server.url, Calling()) as remote:
            names = [[item.name for item in await remote.list(server.url)] for _ in range(3)]
    assert names == [["x"], ["y"], ["ä"]]
    assert server.asked[0].startswith(b"GET /file/ HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("answer", "error", "sentence"),
    [
        (ok(b"", "Content-Type: image/png"), TransferFailed, "it is no listing of a folder but image/png"),
        (ok(b""), TransferFailed, "it is no listing of a folder but something without a type"),
        (ok(b"x", "Content-Type: text/html", "Content-Encoding: gzip"), TransferFailed, "its listing cannot be read"),
        (ok(b"x", "Content-Type: text/html", "Content-Encoding: zip"), TransferFailed, "its listing cannot be read"),
        (ok(b"", status="404 No"), RequestRefused, "404 No"),
    ],
)
async def test_a_listing_that_is_none(answer: bytes, error: type[Exception], sentence: str) -> None:
    async with answering(answer) as server:
        async with HttpRemote(server.url, Calling()) as remote:
            with pytest.raises(error, match=sentence):
                await remote.list(server.url)


@pytest.mark.parametrize("packed", [False, True])
async def test_a_listing_has_a_bound(packed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tincans.clients.http.LISTING_BYTES", 1000)
    for size, fits in ((999, True), (1000, False)):
        body = b"x" * size
        fields = ["Content-Type: text/html", *(["Content-Encoding: gzip"] if packed else [])]
        async with answering(ok(gzip.compress(body) if packed else body, *fields)) as server:
            async with HttpRemote(server.url, Calling()) as remote:
                if fits:
                    assert await remote.list(server.url) == []
                else:
                    with pytest.raises(LimitExceeded, match=r"the listing of http.* is longer than 1000 bytes"):
                        await remote.list(server.url)


# ── what is stored ────────────────────────────────────────────────────────────────────────────────────────


async def taking(channel: Channel) -> None:
    """A server that takes one PUT, wants it, and answers with what it got."""
    got = b""
    while b"\r\n\r\n" not in got:
        got += await channel.receive()
    await channel.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    body = got.partition(b"\r\n\r\n")[2]
    while not body.endswith((b"end", b"0\r\n\r\n")):
        body += await channel.receive()
    await channel.send(ok(b"", f"X: {body!r}", status="201 Created"))


async def test_a_file_and_what_comes_are_stored(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"the end")
    moved: list[int] = []
    async with await serve(ANY, taking) as server:
        url = Url("http", "127.0.0.1", server.address.port, "/f")
        with open(tmp_path / "f", "rb") as file:
            async with HttpRemote(url, Calling()) as remote:
                await remote.store(url, Upload(file.fileno(), moved=moved.append))
        near, far = memory_pair()
        await far.send(b"the ")
        await far.send(b"end")
        await far.send_eof()
        async with near, far, HttpRemote(url, Calling()) as remote:
            await remote.store(url, Upload(near, moved=moved.append))
    assert sum(moved) == 14


async def test_a_body_that_is_refused_is_not_sent(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x" * 1_000_000)
    async with answering(ok(b"no", status="413 Too much")) as server:
        with open(tmp_path / "f", "rb") as file:
            async with HttpRemote(server.url, Calling()) as remote:
                with pytest.raises(RequestRefused, match="413 Too much"):
                    await remote.store(server.url, Upload(file.fileno()))
    assert b"\r\nExpect: 100-continue" in server.asked[0]
    assert len(server.asked) == 1


async def test_an_answer_in_the_middle_of_a_body_counts(tmp_path: Path) -> None:
    async def full(channel: Channel) -> None:
        await channel.receive()
        await channel.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        await channel.receive()
        await channel.send(ok(b"", status="507 Full"))
        await asyncio.sleep(0.05)

    (tmp_path / "f").touch()
    os.truncate(tmp_path / "f", 100_000_000)
    async with await serve(ANY, full) as server:
        url = Url("http", "127.0.0.1", server.address.port, "/f")
        with open(tmp_path / "f", "rb") as file:
            async with HttpRemote(url, Calling()) as remote:
                with pytest.raises(RequestRefused, match="507 Full"):
                    await remote.store(url, Upload(file.fileno()))


async def test_a_file_that_shrinks_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"the end")
    async with await serve(ANY, taking) as server:
        url = Url("http", "127.0.0.1", server.address.port, "/f")
        with open(tmp_path / "f", "rb") as file:
            upload = Upload(file.fileno())
            os.truncate(tmp_path / "f", 3)
            async with HttpRemote(url, Calling()) as remote:
                with pytest.raises(TransferFailed, match="the file here became shorter"):
                    await remote.store(url, upload)
