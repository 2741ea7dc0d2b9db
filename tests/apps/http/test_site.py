"""The files of a folder, as a client is given them."""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

import pytest

from tincans.apps.http.exchange import Exchange
from tincans.apps.http.site import Site, send_file
from tincans.apps.settings import Settings
from tincans.errors import UsageError
from tincans.files import OpenFile
from tincans.limits import HTTP_SMALL_BYTES, HTTP_UNWANTED_BYTES
from wired import Answer, answers_to, get, read, said_to

LONG_AGO = 1_000_000_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a b.txt").write_text("hello")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "small").write_bytes(b"s" * HTTP_SMALL_BYTES)
    (tmp_path / "large").write_bytes(b"l" * (HTTP_SMALL_BYTES + 1))
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "index.html").write_text("<p>index")
    (tmp_path / "bare").mkdir()
    for path in tmp_path.rglob("*"):
        os.utime(path, (LONG_AGO, LONG_AGO))
    return tmp_path


@pytest.fixture
def site(folder: Path) -> Iterator[Site]:
    site = Site(str(folder), Settings())
    yield site
    site.close()


async def ask(site: Site, path: str, *fields: str, method: str = "GET") -> Answer:
    [answer] = await answers_to(site, get(path, *fields, method=method))
    return answer


def test_a_folder_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        Site(str(tmp_path / "none"), Settings())


async def test_a_file_and_what_is_said_of_it(site: Site, folder: Path) -> None:
    answer = await ask(site, "/a%20b.txt")
    assert (answer.status, answer.body) == (200, b"hello")
    assert answer.fields["content-type"] == "text/plain; charset=utf-8"
    assert answer.fields["last-modified"] == formatdate(LONG_AGO, usegmt=True)
    assert answer.fields["accept-ranges"] == "bytes"
    assert answer.fields["vary"] == "Accept-Encoding"
    assert answer.fields["x-content-type-options"] == "nosniff"
    assert re.fullmatch(r'"[0-9a-f-]+"', answer.fields["etag"])


@pytest.mark.parametrize("name", ["empty", "small", "large"])
async def test_files_of_any_size_again_and_again(site: Site, folder: Path, name: str) -> None:
    whole = (folder / name).read_bytes()
    answers = await answers_to(site, get(f"/{name}") * 3, get(f"/{name}", method="HEAD"))
    assert [answer.body for answer in answers] == [whole, whole, whole, b""]
    assert len({(answer.fields["etag"], answer.fields["content-length"]) for answer in answers}) == 1


async def test_what_was_changed_is_served_as_it_is_now(site: Site, folder: Path) -> None:
    path = folder / "a b.txt"
    first = await ask(site, "/a%20b.txt")
    path.write_text("HELLO")
    os.utime(path, (LONG_AGO, LONG_AGO))
    second = await ask(site, "/a%20b.txt")
    assert (first.body, second.body) == (b"hello", b"HELLO")
    path.unlink()
    assert (await ask(site, "/a%20b.txt")).status == 404


@pytest.mark.parametrize(("at", "said"), [(-1, True), (0, True), (2**33, True), (2**40, False), (2**62, False)])
async def test_a_file_may_be_of_any_time(folder: Path, at: int, said: bool) -> None:
    async def handler(exchange: Exchange) -> None:
        file = os.open(folder / "a b.txt", os.O_RDONLY)
        stat = os.stat_result((0, 0, 0, 0, 0, 0, 5, 0, at, 0), {"st_mtime": float(at), "st_mtime_ns": at})
        with OpenFile(file, stat) as opened:  # not every disk has such times
            await send_file(exchange, opened, "text/plain")

    since = f"If-Modified-Since: {formatdate(LONG_AGO, usegmt=True)}"
    for fields, status in (((), 200), ((since,), 304 if at < LONG_AGO else 200)):
        [answer] = await answers_to(handler, get("/", *fields))
        assert answer.status == status
        assert ("last-modified" in answer.fields) is said


async def test_a_tag_is_another_for_another_state_of_the_file(site: Site, folder: Path) -> None:
    tags = set()
    for content, at in (("a", 1), ("ab", 1), ("ab", 2)):
        (folder / "tagged").write_text(content)
        os.utime(folder / "tagged", ns=(at, at))
        tags.add((await ask(site, "/tagged", "Range: bytes=0-0")).fields["etag"])
    assert len(tags) == 3


async def test_a_folder_shows_its_index(site: Site) -> None:
    answer = await ask(site, "/sub/")
    assert (answer.body, answer.fields["content-type"]) == (b"<p>index", "text/html; charset=utf-8")


async def test_without_an_index_it_is_shown_by_whoever_shows_folders(site: Site) -> None:
    async def show(exchange: Exchange, path: str) -> None:
        await exchange.respond(200, (), f"shown {path}".encode())

    assert (await ask(site, "/bare/")).status == 404
    site.folder = show
    assert (await ask(site, "/bare/")).body == b"shown /bare/"


@pytest.mark.parametrize(
    ("path", "location"),
    [("/sub", "/sub/"), ("/sub?a=b&c", "/sub/?a=b&c"), ("//sub", "/sub/"), ("/%2Fsub", "/sub/"),
     ("/x%0d%0a/../s%75b", "/x%0D%0A/../sub/")],
)  # fmt: skip
async def test_a_folder_without_its_slash_is_elsewhere(site: Site, path: str, location: str) -> None:
    answer = await ask(site, path)
    assert (answer.status, answer.fields["location"]) == (301, location)


@pytest.mark.parametrize(
    ("path", "status"),
    [("/none", 404), ("/a%20b.txt/", 404), ("/a%20b.txt/x", 404), ("/%00", 404), ("/" + "a" * 300, 404),
     ("/../../../etc/passwd", 404), ("/%2e%2e/%2e%2e/etc/passwd", 404), ("/..%2f..%2fetc%2fpasswd", 404), ("/%ff", 404),
     ("/fifo", 403)],
)  # fmt: skip
async def test_what_there_is_not(site: Site, folder: Path, path: str, status: int) -> None:
    os.mkfifo(folder / "fifo")
    answer = await ask(site, path)
    assert (answer.status, answer.fields["content-type"]) == (status, "text/plain; charset=utf-8")
    assert answer.body.startswith(b"%d " % status)


async def test_what_can_be_asked(site: Site) -> None:
    for path in ("*", "/", "/none"):
        answer = await ask(site, path, method="OPTIONS")
        assert (answer.status, answer.fields["allow"]) == (204, "GET, HEAD, OPTIONS")
    for method in ("POST", "PUT", "DELETE", "PROPFIND", "TRACE", "get"):
        [answer] = read(await said_to(site, get("/", method=method, body=b"x")), method)
        assert (answer.status, answer.fields["allow"]) == (405, "GET, HEAD, OPTIONS")


async def test_a_body_has_no_meaning_and_no_harm(site: Site) -> None:
    answers = await answers_to(site, get("/empty", body=get("/smuggled")), get("/sub/"))
    assert [answer.status for answer in answers] == [200, 200]
    chunked = get("/empty", "Transfer-Encoding: chunked")
    answers = await answers_to(site, chunked + b"x\r\n" + get("/smuggled"), ends=False)
    assert [answer.status for answer in answers] == [400]
    answers = await answers_to(site, get("/empty", body=b"x" * (HTTP_UNWANTED_BYTES + 1)), get("/more"), ends=False)
    assert [answer.status for answer in answers] == [200]


# ── conditions and parts ──────────────────────────────────────────────────────────────────────────────────


async def test_a_client_that_has_it_is_told_so(site: Site) -> None:
    tag = (await ask(site, "/small")).fields["etag"]
    for method in ("GET", "HEAD"):
        answer = await ask(site, "/small", f"If-None-Match: W/{tag}", method=method)
        assert (answer.status, answer.body, answer.fields["etag"]) == (304, b"", tag)
        assert "content-length" not in answer.fields
    answer = await ask(site, "/small", 'If-Match: "other"')
    assert (answer.status, answer.body[:4]) == (412, b"412 ")


async def test_a_part(site: Site) -> None:
    answer = await ask(site, "/a%20b.txt", "Range: bytes=1-2")
    assert (answer.status, answer.body) == (206, b"el")
    assert answer.fields["content-range"] == "bytes 1-2/5"
    assert answer.fields["content-type"] == "text/plain; charset=utf-8"
    answer = await ask(site, "/large", f"Range: bytes=1-{HTTP_SMALL_BYTES + 9}")
    assert answer.body == b"l" * HTTP_SMALL_BYTES


async def test_parts_that_are_not_there(site: Site) -> None:
    answer = await ask(site, "/a%20b.txt", "Range: bytes=5-")
    assert (answer.status, answer.fields["content-range"]) == (416, "bytes */5")
    assert (await ask(site, "/empty", "Range: bytes=0-")).status == 416
    assert (await ask(site, "/empty", "Range: bytes=-5")).status == 416


async def test_several_parts(site: Site, folder: Path) -> None:
    (folder / "digits.txt").write_text("0123456789" * 100)
    answer = await ask(site, "/digits.txt", "Range: bytes=998-, 1-3, 500-500")
    match = re.fullmatch("multipart/byteranges; boundary=([0-9a-f]{32})", answer.fields["content-type"])
    assert match is not None
    parts = answer.body.decode().split(f"\r\n--{match[1]}")
    assert parts[0] == ""
    assert parts[-1] == "--\r\n"
    head = "\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes "
    assert parts[1:-1] == [
        f"{head}998-999/1000\r\n\r\n89",
        f"{head}1-3/1000\r\n\r\n123",
        f"{head}500-500/1000\r\n\r\n0",
    ]


async def test_a_part_of_what_has_changed_is_the_whole(site: Site) -> None:
    tag = (await ask(site, "/small")).fields["etag"]
    assert (await ask(site, "/small", "Range: bytes=0-0", f"If-Range: {tag}")).status == 206
    assert (await ask(site, "/small", "Range: bytes=0-0", 'If-Range: "other"')).status == 200


async def test_head_has_no_parts(site: Site) -> None:
    answer = await ask(site, "/small", "Range: bytes=0-0", method="HEAD")
    assert (answer.status, answer.fields["content-length"]) == (200, str(HTTP_SMALL_BYTES))


# ── packed files ──────────────────────────────────────────────────────────────────────────────────────────


def pack(path: Path, coding: str, data: bytes, at: float = LONG_AGO) -> None:
    packed = path.with_name(path.name + coding)
    packed.write_bytes(data)
    os.utime(packed, (at, at))


async def test_a_packed_file_is_sent_to_who_takes_it(site: Site, folder: Path) -> None:
    pack(folder / "a b.txt", ".gz", gzip.compress(b"hello"))
    pack(folder / "a b.txt", ".br", b"brotli")
    plain = await ask(site, "/a%20b.txt")
    for accepted, coding, body in (
        ("gzip, br", "br", b"brotli"),
        ("gzip;q=1, br;q=0.5", "gzip", gzip.compress(b"hello")),
        ("*", "br", b"brotli"),
        ("br;q=0, gzip;q=0", "", b"hello"),
        ("identity", "", b"hello"),
    ):
        answer = await ask(site, "/a%20b.txt", f"Accept-Encoding: {accepted}")
        assert answer.fields.get("content-encoding", "") == coding
        assert gzip.decompress(answer.body) == b"hello" if coding == "gzip" else answer.body == body
        assert answer.fields["content-type"] == "text/plain; charset=utf-8"
        assert answer.fields["vary"] == "Accept-Encoding"
        assert (answer.fields["etag"] == plain.fields["etag"]) == (not coding)


async def test_one_that_is_older_than_the_file_is_not(site: Site, folder: Path) -> None:
    pack(folder / "a b.txt", ".gz", b"old", LONG_AGO - 1)
    answer = await ask(site, "/a%20b.txt", "Accept-Encoding: gzip")
    assert answer.body == b"hello"
    assert "content-encoding" not in answer.fields


async def test_an_index_may_be_packed_and_parts_are_of_what_is_sent(site: Site, folder: Path) -> None:
    pack(folder / "sub" / "index.html", ".br", b"packed")
    answer = await ask(site, "/sub/", "Accept-Encoding: br", "Range: bytes=-2")
    assert (answer.status, answer.body, answer.fields["content-encoding"]) == (206, b"ed", "br")


async def test_a_packed_file_by_its_own_name_is_a_file(site: Site, folder: Path) -> None:
    pack(folder / "a b.txt", ".gz", b"packed")
    answer = await ask(site, "/a%20b.txt.gz", "Accept-Encoding: gzip")
    assert (answer.body, answer.fields["content-type"]) == (b"packed", "application/gzip")
    assert "content-encoding" not in answer.fields
