"""`get`, `put` and `ls` as functions: what they give and raise, and what a cancelled one leaves."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

import tincans
from scripted import ANY, Ftp, answering, ftp, ok
from tincans.apps import find_app
from tincans.apps.settings import Settings
from tincans.clients.remote import Item
from tincans.clients.url import Url
from tincans.errors import AlreadyThere, CannotRead, TransferFailed, UrlError, UsageError
from tincans.progress import Deed, Result, Step
from tincans.server import Server, serve
from tincans.tasks import spawn
from tincans.transports.memory import memory_pair

BOTH = pytest.mark.parametrize("kind", ["http", "ftp"])
#: So large that no socket's buffer takes it.
LARGE = 64 * 1024 * 1024


async def served(kind: str, folder: Path) -> tuple[Server, Url]:
    folder.mkdir(exist_ok=True)
    server = await serve(ANY, find_app(f"{kind}:{folder}", Settings(write=True)))
    return server, Url(kind, "127.0.0.1", server.address.port, "/")


def large(path: Path) -> Path:
    """A file that is large, and different everywhere."""
    with open(path, "wb") as file:
        for number in range(LARGE // 65536):
            file.write(number.to_bytes(8, "big") * 8192)
    return path


def same(one: Path, other: Path) -> bool:
    return one.read_bytes() == other.read_bytes()


class First:
    """Hears steps, and says when the first bytes have moved."""

    def __init__(self) -> None:
        self.moved = asyncio.Event()
        self.all: list[Step] = []

    def __call__(self, step: Step) -> None:
        self.all.append(step)
        if step.deed is Deed.MOVED:
            self.moved.set()


async def cancelled(start: Callable[[First], Coroutine[Any, Any, Result]]) -> None:
    """Begin something, and cancel it once something moved."""
    first = First()
    task = spawn(start(first))
    await first.moved.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@BOTH
async def test_a_cancelled_download_is_gone_on_with(kind: str, tmp_path: Path) -> None:
    server, url = await served(kind, tmp_path / "site")
    file = large(tmp_path / "site" / "file")
    os.utime(file, (1_700_000_000,) * 2)
    url, here = url.child("file"), tmp_path / "here"
    async with server:
        await cancelled(lambda progress: tincans.get(url, here, progress=progress))
        kept = (tmp_path / "here.part").stat().st_size
        assert 0 < kept < LARGE
        assert not here.exists()
        first = First()
        assert await tincans.get(url, here, resume=True, progress=first) == Result(1, LARGE - kept)
    assert first.all[0] == Step(Deed.BEGUN, "here", kept, LARGE)
    assert same(file, here)
    assert sorted(os.listdir(tmp_path)) == ["here", "site"]


@BOTH
async def test_a_relay_that_breaks_in_the_middle(kind: str, tmp_path: Path) -> None:
    server, url = await served(kind, tmp_path / "site")
    file = large(tmp_path / "site" / "file")
    os.utime(file, (1_700_000_000,) * 2)
    url, here = url.child("file"), tmp_path / "here"
    async with server:
        async with await tincans.relay(ANY, server.address) as between:

            def cut(step: Step) -> None:
                if step.deed is Deed.MOVED:
                    between.abort()

            how = tincans.Calling(via=between.address, patience=1)
            with pytest.raises(TransferFailed):
                await tincans.get(url, here, how=how, progress=cut)
        assert os.listdir(tmp_path / "site") == ["file"]
        assert not here.exists()
        kept = (tmp_path / "here.part").stat().st_size
        assert 0 < kept < LARGE
        assert (await tincans.get(url, here, resume=True)).bytes == LARGE - kept
    assert same(file, here)


@BOTH
async def test_a_file_that_changed_meanwhile_is_fetched_whole(kind: str, tmp_path: Path) -> None:
    server, url = await served(kind, tmp_path / "site")
    file = large(tmp_path / "site" / "file")
    url, here = url.child("file"), tmp_path / "here"
    async with server:
        await cancelled(lambda progress: tincans.get(url, here, progress=progress))
        file.write_bytes(b"another")
        await tincans.get(url, here, resume=True)
    assert here.read_bytes() == b"another"


@BOTH
async def test_a_cancelled_upload_is_gone_on_with(kind: str, tmp_path: Path) -> None:
    server, url = await served(kind, tmp_path / "site")
    here, url = large(tmp_path / "here"), url.child("file")
    async with server:
        await cancelled(lambda progress: tincans.put(here, url, resume=True, progress=progress))
        while server.clients:  # until the server has noticed
            await asyncio.sleep(0.01)
        first = First()
        await tincans.put(here, url, resume=True, progress=first)
    assert same(here, tmp_path / "site" / "file")
    moved = [step.amount for step in first.all if step.deed is Deed.MOVED]
    assert sum(moved) == LARGE
    assert moved[0] > 0
    assert not [name for name in os.listdir(tmp_path / "site") if name != "file"]


@BOTH
async def test_channels_at_our_end(kind: str, tmp_path: Path) -> None:
    server, url = await served(kind, tmp_path / "site")
    near, far = memory_pair()
    async with server, near, far:
        await far.send(b"hello")
        await far.send_eof()
        assert await tincans.put(near, url.child("x")) == Result(1, 5)
        assert await tincans.get(url.child("x"), near) == Result(1, 5)
        assert await far.receive() == b"hello"
        modified = int(os.stat(tmp_path / "site" / "x").st_mtime)
        assert await tincans.ls(url) == [Item("x", False, 5, modified)]
        for tree in (False, True):
            with pytest.raises(UsageError, match="what comes from stdin is one file"):
                await tincans.put(near, url, tree=tree)
        with pytest.raises(UsageError, match="a tree goes into a folder"):
            await tincans.get(url, near, tree=True)


async def test_where_a_file_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    async with answering(*[ok(b"x")] * 4) as server:
        await tincans.get(str(server.url))
        await tincans.get(server.url, "sub")
        await tincans.get(server.url, Path("other"))
        with pytest.raises(AlreadyThere, match="other is already there"):
            await tincans.get(server.url, "other")
        await tincans.get(server.url, "other", force=True)
        for path in ("/", "/a/..", "/a%2Fb"):
            with pytest.raises(UsageError, match="does not end in a file's name"):
                await tincans.get(server.url._replace(path=path))
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")} == {"file", "sub", "sub/file", "other"}


async def test_what_is_asked_for_is_looked_at_first(tmp_path: Path) -> None:
    for url in ("smtp://h", "h", ""):
        with pytest.raises(UrlError):
            await tincans.get(url)
        with pytest.raises(UrlError):
            await tincans.put(tmp_path, url)
        with pytest.raises(UrlError):
            await tincans.ls(url)
    for how in (tincans.Calling(starttls=True), tincans.Calling(active=True)):
        with pytest.raises(UsageError, match="HTTP inside TLS is https"):
            await tincans.ls("http://127.0.0.1:1/", how=how)
    with pytest.raises(CannotRead, match=r"cannot read .*/none: no such file or directory"):
        await tincans.put(tmp_path / "none", "http://127.0.0.1:1/")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CannotRead, match=r"cannot read .*/pipe: it is no regular file"):
        await tincans.put(tmp_path / "pipe", "http://127.0.0.1:1/")
    with pytest.raises(UsageError, match="is a folder: --recursive"):
        await tincans.put(tmp_path, "http://127.0.0.1:1/")


@pytest.mark.parametrize("sent", [b"hell", b"hello!"])
async def test_a_file_that_is_not_as_large_as_announced_is_none(sent: bytes, tmp_path: Path) -> None:
    table = {"SIZE": "213 5", "MDTM": "213 20261128000000"}
    async with ftp(Ftp(table, sent)) as url:
        with pytest.raises(TransferFailed, match="than announced"):
            await tincans.get(url, tmp_path / "x")
    assert sorted(os.listdir(tmp_path)) == ["x.part", "x.part.json"]
