"""PUT, DELETE and MKCOL: whole or not at all, only by who may, and by no page of elsewhere."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from asking import Answer, Asker, asking, raw
from tincans.apps import find_app
from tincans.apps.settings import Settings
from tincans.files import Upload
from tincans.tasks import spawn
from tincans.transports import dial
from tincans.users import Users, Verifier


@pytest.fixture
async def ask(tmp_path: Path) -> AsyncIterator[Asker]:
    async with asking(find_app(f"http:{tmp_path}", Settings(write=True))) as asker:
        yield asker


def tree(folder: Path) -> dict[str, bytes | None]:
    """All that is below a folder, by its path: contents of files, None for folders."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


async def put(ask: Asker, path: str, body: bytes | list[bytes], **fields: str) -> Answer:
    return await ask("PUT", path, [(name.replace("_", "-"), value) for name, value in fields.items()], body)


# ── PUT ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_file_is_new_and_then_another(ask: Asker, tmp_path: Path) -> None:
    first = await put(ask, "/jam", b"jam")
    assert (first.status, tree(tmp_path)) == (201, {"jam": b"jam"})
    assert (await ask.get("/jam")).field("etag") == first.field("etag")
    second = await put(ask, "/jam", b"more jam")
    assert (second.status, tree(tmp_path)) == (204, {"jam": b"more jam"})
    assert second.field("etag") != first.field("etag")


@pytest.mark.parametrize("body", [b"", b"j" * 1_000_000, [b"j" * 70_000, b"a", b"m" * 70_000]])
async def test_a_body_of_any_size_and_framing(ask: Asker, tmp_path: Path, body: bytes | list[bytes]) -> None:
    assert (await put(ask, "/jam", body)).status == 201
    assert tree(tmp_path) == {"jam": body if isinstance(body, bytes) else b"".join(body)}


async def test_the_folders_on_its_way_are_made(ask: Asker, tmp_path: Path) -> None:
    assert (await put(ask, "/a%20b/%FF/jam", b"jam")).status == 201
    assert os.fsencode(next(tmp_path.rglob("jam")).parent).endswith(b"/a b/\xff")
    odd = b"PUT //c/../d/./e//tea HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    assert (await raw(ask, odd)).startswith(b"HTTP/1.1 201 ")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a b", "d"]
    assert (tmp_path / "d" / "e" / "tea").exists()


async def test_a_file_is_no_folder_and_a_folder_no_file(ask: Asker, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "jam").touch()
    before = tree(tmp_path)
    for path in ("/sub", "/sub/", "/jam/tea", "/"):
        assert (await put(ask, path, b"x")).status in (403, 404, 409), path
    assert tree(tmp_path) == before


async def test_a_file_that_is_cut_off_never_appears(ask: Asker, tmp_path: Path) -> None:
    (tmp_path / "jam").write_text("old")
    for head in (b"Content-Length: 9", b"Transfer-Encoding: chunked"):
        async with await dial(ask.address) as channel:
            await channel.send(b"PUT /jam HTTP/1.1\r\nHost: a\r\n%b\r\n\r\n2\r\nja" % head)
            await channel.send_eof()
            assert (await channel.receive()).startswith(b"HTTP/1.1 400 ")
    async with await dial(ask.address) as channel:
        await channel.send(b"PUT /tea HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nte")
        while len(list(tmp_path.iterdir())) < 2:  # until it has begun
            await asyncio.sleep(0.001)
        channel.abort()
    while len(list(tmp_path.iterdir())) > 1:  # until the server has noticed
        assert (await ask.get("/tea")).status == 404
    assert tree(tmp_path) == {"jam": b"old"}


async def test_a_malformed_body_never_appears(ask: Asker, tmp_path: Path) -> None:
    answer = await raw(ask, b"PUT /jam HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nja\r\nx\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert tree(tmp_path) == {}


async def test_nothing_of_it_is_seen_while_it_comes(ask: Asker, tmp_path: Path) -> None:
    async with await dial(ask.address) as channel:
        await channel.send(b"PUT /jam HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nExpect: 100-continue\r\n\r\n")
        assert await channel.receive() == b"HTTP/1.1 100 Continue\r\n\r\n"
        await channel.send(b"jam")
        listed = await ask.get("/", [("Accept", "application/json")])
        assert listed.body == b'{"path":"/","items":[]}\n'
        assert (await ask.get("/jam")).status == 404
        await channel.send(b"jam")
        assert (await channel.receive()).startswith(b"HTTP/1.1 201 ")
    assert tree(tmp_path) == {"jam": b"jamjam"}


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
async def test_a_disk_that_is_full_is_507(
    ask: Asker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def write(self: Upload, data: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Upload, "write", write)
    assert (await put(ask, "/jam", b"jam")).status == 507
    assert tree(tmp_path) == {}


@pytest.mark.parametrize(
    ("field", "value", "status"),
    [
        ("If-None-Match", "*", 412), ("If-Match", "*", 204), ("If-Match", '"x"', 412), ("If-None-Match", '"x"', 204),
        ("If-Unmodified-Since", "Fri, 01 Jan 2038 00:00:00 GMT", 204),
        ("If-Unmodified-Since", "Thu, 01 Jan 1970 00:00:00 GMT", 412),
    ],
)  # fmt: skip
async def test_conditions_on_what_is_there(ask: Asker, tmp_path: Path, field: str, value: str, status: int) -> None:
    (tmp_path / "jam").write_text("old")
    assert (await ask("PUT", "/jam", [(field, value)], b"new")).status == status
    assert tree(tmp_path) == {"jam": b"old" if status == 412 else b"new"}
    (tmp_path / "jam").write_text("old")
    assert (await ask("DELETE", "/jam", [(field, value)])).status == status
    assert tree(tmp_path) == ({"jam": b"old"} if status == 412 else {})


async def test_conditions_on_what_is_not_there(ask: Asker, tmp_path: Path) -> None:
    assert (await put(ask, "/jam", b"x", If_Match="*")).status == 412
    assert tree(tmp_path) == {}
    assert (await put(ask, "/jam", b"x", If_None_Match="*")).status == 201


async def test_a_tag_that_was_seen_guards_against_what_others_wrote(ask: Asker) -> None:
    tag = (await put(ask, "/jam", b"one")).field("etag")
    assert (await put(ask, "/jam", b"two", If_Match=tag)).status == 204
    assert (await put(ask, "/jam", b"three", If_Match=tag)).status == 412


# ── going on ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_file_comes_in_parts(ask: Asker, tmp_path: Path) -> None:
    first = await put(ask, "/jam", b"0123", Content_Range="bytes 0-3/10")
    assert (first.status, first.field("upload-offset"), tree(tmp_path).get("jam")) == (202, "4", None)
    asked = await put(ask, "/jam", b"", Content_Range="bytes */10")
    assert (asked.status, asked.field("upload-offset")) == (202, "4")
    gap = await put(ask, "/jam", b"6", Content_Range="bytes 6-6/10")
    assert (gap.status, gap.field("upload-offset")) == (409, "4")
    last = await put(ask, "/jam", b"3456789", Content_Range="bytes 3-9/10")
    assert (last.status, tree(tmp_path)) == (201, {"jam": b"0123456789"})
    assert (await put(ask, "/jam", b"", Content_Range="bytes */10")).field("upload-offset") == "0"


async def test_what_was_cut_off_is_kept_for_who_said_so(ask: Asker, tmp_path: Path) -> None:
    async with await dial(ask.address) as channel:
        await channel.send(
            b"PUT /a/jam HTTP/1.1\r\nHost: a\r\nContent-Range: bytes 0-9/10\r\nContent-Length: 10\r\n\r\n0123"
        )
        await channel.send_eof()
        assert (await channel.receive()).startswith(b"HTTP/1.1 400 ")
    assert (await put(ask, "/a/jam", b"", Content_Range="bytes */10")).field("upload-offset") == "4"
    assert (await put(ask, "/a/jam", b"456789", Content_Range="bytes 4-9/10")).status == 201
    assert tree(tmp_path)["a/jam"] == b"0123456789"


async def test_a_file_that_has_a_whole_range_is_a_file(ask: Asker, tmp_path: Path) -> None:
    assert (await put(ask, "/jam", b"012", Content_Range="bytes 0-2/3")).status == 201
    assert (await put(ask, "/jam", [b"0", b"1"], Content_Range="bytes 0-1/2")).status == 204
    assert tree(tmp_path) == {"jam": b"01"}


@pytest.mark.parametrize(
    "said", ["bytes 0-3/*", "lines 0-3/4", "bytes 3-0/4", "bytes 0-3/3", "bytes 0-4/9", "bytes */4", "bytes 0-1/4"]
)
async def test_a_range_that_is_wrong_is_400(ask: Asker, tmp_path: Path, said: str) -> None:
    assert (await put(ask, "/jam", b"0123", Content_Range=said)).status == 400
    assert tree(tmp_path) == {}


async def test_a_part_may_not_be_longer_than_it_says(ask: Asker, tmp_path: Path) -> None:
    answer = await put(ask, "/jam", [b"01", b"23"], Content_Range="bytes 0-2/3")
    assert answer.status == 413
    assert tree(tmp_path).get("jam") is None


# ── DELETE, MKCOL ─────────────────────────────────────────────────────────────────────────────────────────


async def test_a_file_or_an_empty_folder_is_deleted(ask: Asker, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "jam").touch()
    full = await ask("DELETE", "/sub/")
    assert (full.status, full.text) == (409, "409 the folder is not empty\n")
    assert (await ask("DELETE", "/sub/jam/")).status == 404
    assert (await ask("DELETE", "/sub/jam")).status == 204
    assert (await ask("DELETE", "/sub/jam")).status == 404
    assert (await ask("DELETE", "/sub")).status == 204
    assert tree(tmp_path) == {}
    assert (await ask("DELETE", "/")).status == 403
    assert tmp_path.is_dir()


async def test_a_folder_is_made(ask: Asker, tmp_path: Path) -> None:
    assert (await ask("MKCOL", "/sub/")).status == 201
    assert (await ask("MKCOL", "/sub")).status == 405
    assert (await ask("MKCOL", "/a/b")).status == 409
    assert (await ask("MKCOL", "/c", body=b"<x/>")).status == 415
    assert tree(tmp_path) == {"sub": None}


# ── who may ───────────────────────────────────────────────────────────────────────────────────────────────

METHODS = ("PUT", "DELETE", "MKCOL", "POST")


async def test_what_may_be_done_is_said(ask: Asker) -> None:
    answer = await ask("OPTIONS", "/")
    assert (answer.status, answer.field("allow")) == (204, "GET, HEAD, OPTIONS, PUT, DELETE, MKCOL, POST")


async def test_nothing_changes_where_nothing_may(tmp_path: Path) -> None:
    (tmp_path / "jam").touch()
    async with asking(find_app(f"http:{tmp_path}")) as ask:
        for method in METHODS:
            answer = await ask(method, "/jam", body=b"x")
            assert (answer.status, answer.field("allow")) == (405, "GET, HEAD, OPTIONS")
    assert tree(tmp_path) == {"jam": b""}


async def test_where_users_are_known_who_has_logged_in_may(tmp_path: Path) -> None:
    users = Users({"jane": str(Verifier.of("secret", rounds=2))})
    async with asking(find_app(f"http:{tmp_path}", Settings(write=True, users=users, guests=True))) as ask:
        for method in METHODS:
            answer = await ask(method, "/jam", body=b"x")
            assert (answer.status, answer.field("www-authenticate")[:5]) == (401, "Basic")
        assert (await ask("PUT", "/jam", [("Authorization", "Basic amFuZTpzZWNyZXQ=")], b"jam")).status == 201
    assert tree(tmp_path) == {"jam": b"jam"}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("Origin", "http://evil.example"), ("Origin", "null"), ("Origin", "http://127.0.0.1"), ("Origin", "x"),
        ("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Site", "same-site"),
    ],
)  # fmt: skip
async def test_a_page_of_elsewhere_changes_nothing(
    ask: Asker, tmp_path: Path, method: str, field: str, value: str
) -> None:
    (tmp_path / "jam").touch()
    answer = await ask(method, "/jam" if method != "POST" else "/", [(field, value)], b"x")
    assert answer.status == 403
    assert tree(tmp_path) == {"jam": b""}


async def test_a_page_of_ours_may(ask: Asker) -> None:
    fields = [("Origin", f"http://{ask.host}"), ("Sec-Fetch-Site", "same-origin")]
    assert (await ask("PUT", "/jam", fields, b"jam")).status == 201


# ── where it may not ──────────────────────────────────────────────────────────────────────────────────────

#: Each would be `secret` beside the folder that is served, for somebody who decodes too much, too late or too little.
OUTSIDE = [
    "/../secret", "/..%2fsecret", "/%2e%2e/secret", "/%2e%2e%2fsecret", "/.%2e/secret", "//../secret", "/./../secret",
    "/x/../../secret", "/..%5csecret", "/..\\secret", "/%252e%252e/secret", "/%c0%ae%c0%ae/secret",
    "/%c0%ae%c0%ae%c0%afsecret", "/%e0%80%ae%e0%80%ae/secret", "/..%c0%afsecret", "/..;/secret", "/%00/../secret",
    "/secret%00", "/..%00/secret", "/link/secret", "/link%2fsecret", "/link/../secret", "http://HOST/../secret",
    "http://HOST/..%2fsecret", "/%u002e%u002e/secret",
]  # fmt: skip


@pytest.mark.parametrize("target", OUTSIDE)
async def test_no_path_leaves_the_folder(tmp_path: Path, target: str) -> None:
    served = tmp_path / "served"
    served.mkdir()
    (tmp_path / "secret").write_text("outside")
    (served / "link").symlink_to("..")
    async with asking(find_app(f"http:{served}", Settings(write=True))) as ask:
        target = target.replace("HOST", ask.host)
        for method in ("GET", "DELETE", "PUT", "MKCOL"):
            body = b"changed" if method == "PUT" else b""
            head = f"{method} {target} HTTP/1.1\r\nHost: {ask.host}\r\nConnection: close\r\n"
            answer = await raw(ask, f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            assert answer.startswith(b"HTTP/1.1 ")
            assert b"outside" not in answer
    assert (tmp_path / "secret").read_text() == "outside"
    assert {path.name for path in tmp_path.iterdir()} == {"served", "secret"}


async def test_two_at_once_do_not_meet(ask: Asker, tmp_path: Path) -> None:
    async with await dial(ask.address) as channel:
        await channel.send(b"PUT /jam HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nConnection: close\r\n\r\none")
        other = spawn(put(ask, "/jam", b"two"))
        assert (await other).status == 201
        await channel.send(b"one")
        assert (await channel.receive()).startswith(b"HTTP/1.1 204 ")
    assert tree(tmp_path) == {"jam": b"oneone"}


async def test_only_one_goes_on_with_a_part(ask: Asker, tmp_path: Path) -> None:
    assert (await put(ask, "/jam", b"01", Content_Range="bytes 0-1/4")).status == 202
    async with await dial(ask.address) as channel:
        await channel.send(
            b"PUT /jam HTTP/1.1\r\nHost: a\r\nContent-Range: bytes 2-3/4\r\nContent-Length: 2\r\n"
            b"Expect: 100-continue\r\n\r\n"
        )
        assert await channel.receive() == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert (await put(ask, "/jam", b"45", Content_Range="bytes 2-3/4")).status == 409
        await channel.send(b"23")
        assert (await channel.receive()).startswith(b"HTTP/1.1 201 ")
    assert tree(tmp_path) == {"jam": b"0123"}
