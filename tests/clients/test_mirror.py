"""Trees are the same at both ends afterwards, only what differs moves, and no server reaches out of the folder."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import tincans
from scripted import ANY, Ftp, answering, ftp, ok
from tincans.apps import find_app
from tincans.apps.settings import Settings
from tincans.clients.url import Url
from tincans.errors import TreeIncomplete
from tincans.limits import FOLDERS_DEEP
from tincans.progress import Deed, Result, Step
from tincans.server import serve

NAMES = ["plain", "two words", "größer", "new\nline", "#?%41;&+", "-rf", "back\\slash", "*", ".hidden", "x" * 255]


def grow(folder: Path) -> None:
    """A tree with every kind of name."""
    for place in ("", "sub", "sub/of two words", "sub/of\nlines/deep"):
        (folder / place).mkdir(parents=True, exist_ok=True)
        for number, name in enumerate(NAMES):
            (folder / place / name).write_bytes(name.encode() * number)
            os.utime(folder / place / name, (1_700_000_000 + number,) * 2)
    (folder / "empty").mkdir()


def tree(folder: Path) -> dict[str, bytes | None]:
    """All that is in a folder."""
    found: dict[str, bytes | None] = {}
    for place, folders, files in os.walk(folder):
        for name in folders:
            found[os.path.relpath(os.path.join(place, name), folder)] = None
        for name in files:
            path = Path(place, name)
            found[os.path.relpath(path, folder)] = path.read_bytes()
    return found


@asynccontextmanager
async def served(kind: str, folder: Path) -> AsyncIterator[Url]:
    """A server of ours for that folder, which may be changed."""
    folder.mkdir(exist_ok=True)
    async with await serve(ANY, find_app(f"{kind}:{folder}", Settings(write=True))) as server:
        yield Url(kind, "127.0.0.1", server.address.port, "/")


class Steps:
    """What was told of a transfer."""

    def __init__(self) -> None:
        self.all: list[Step] = []

    def __call__(self, step: Step) -> None:
        self.all.append(step)

    def named(self, deed: Deed) -> set[str]:
        return {step.name for step in self.all if step.deed is deed}

    @property
    def reasons(self) -> list[str]:
        return [step.reason for step in self.all if step.deed is Deed.FAILED]


BOTH = pytest.mark.parametrize("kind", ["http", "ftp"])


@BOTH
async def test_there_and_back_again(kind: str, tmp_path: Path) -> None:
    here, there, back = tmp_path / "here", tmp_path / "there", tmp_path / "back"
    grow(here)
    count = 4 * len(NAMES)
    size = sum(len(data) for data in tree(here).values() if data)
    async with served(kind, there) as url:
        assert await tincans.put(here, url, tree=True) == Result(count, size)
        assert tree(there) == tree(here)
        assert await tincans.put(here, url, tree=True) == Result(same=count)
        assert await tincans.get(url, back, tree=True) == Result(count, size)
        assert tree(back) == tree(here)
        assert await tincans.get(url, back, tree=True) == Result(same=count)
        assert {path.stat().st_mtime_ns // 10**9 for path in back.rglob("plain")} == {
            path.stat().st_mtime_ns // 10**9 for path in there.rglob("plain")
        }


@BOTH
async def test_only_what_differs_moves(kind: str, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
        for name in ("same", "size", "time"):
            (folder / name).write_bytes(b"hello")
            os.utime(folder / name, (1_700_000_000,) * 2)
    async with served(kind, there) as url:
        (there / "size").write_bytes(b"hello!")
        os.utime(there / "size", (1_700_000_000,) * 2)
        os.utime(there / "time", (1_700_000_001,) * 2)
        (there / "new").touch()
        steps = Steps()
        await tincans.get(url, here, tree=True, progress=steps)
        assert steps.named(Deed.DONE) == {"size", "time", "new"}
        assert {(step.name, step.size) for step in steps.all if step.deed is Deed.FOUND} == {
            ("same", 5), ("size", 6), ("time", 5), ("new", 0),
        }  # fmt: skip
        assert steps.named(Deed.SAME) == {"same"}
        os.utime(here / "same", (1_700_000_009,) * 2)  # newer here
        os.utime(here / "time", (1_600_000_000,) * 2)  # older here: the server's may be so only for having been stored
        steps = Steps()
        await tincans.put(here, url, tree=True, progress=steps)
        assert steps.named(Deed.DONE) == {"same"}
        assert {(step.name, step.size) for step in steps.all if step.deed is Deed.FOUND} == {
            ("same", 5), ("size", 6), ("time", 5), ("new", 0),
        }  # fmt: skip


@BOTH
async def test_what_is_there_alone_goes_if_that_is_asked_for(kind: str, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    grow(here)
    async with served(kind, there) as url:
        await tincans.put(here, url, tree=True)
        for folder in (here, there):
            (folder / "old" / "er").mkdir(parents=True)
            (folder / "old" / "er" / f"only {folder.name}").touch()
            (folder / "kept").touch()
        (here / "kept").unlink()
        (there / "link").symlink_to(tmp_path)
        assert (await tincans.put(here, url, tree=True)).removed == 0
        steps = Steps()
        await tincans.put(here, url, tree=True, delete=True, exclude=["kept"], dry_run=True, progress=steps)
        assert steps.named(Deed.REMOVED) == {"old/er/only there"}
        assert "old/er/only there" in tree(there)
        await tincans.put(here, url, tree=True, delete=True, exclude=["kept"])
        assert set(tree(there)) - set(tree(here)) == {"kept", "link"}
        await tincans.put(here, url, tree=True, delete=True)
        (there / "link").unlink()
        assert tree(there) == tree(here)
        (here / "old" / "other").symlink_to(tmp_path)
        (here / "more" / "of").mkdir(parents=True)
        await tincans.get(url, here, tree=True, delete=True)
        assert tree(there) == tree(here)
    assert tmp_path.is_dir()
    assert here.is_dir()


@BOTH
async def test_patterns_choose(kind: str, tmp_path: Path) -> None:
    there = tmp_path / "there"
    for name in ("a.txt", "b.log", "sub/c.txt", "sub/d.txt", "skip/e.txt"):
        (there / name).parent.mkdir(parents=True, exist_ok=True)
        (there / name).touch()
    async with served(kind, there) as url:
        how: dict[str, Any] = {"tree": True, "include": ["*.txt"], "exclude": ["skip", "/sub/d.*"]}
        await tincans.get(url, tmp_path / "here", **how)
        assert {name for name, data in tree(tmp_path / "here").items() if data is not None} == {"a.txt", "sub/c.txt"}
        (tmp_path / "here" / "b.log").touch()
        steps = Steps()
        await tincans.put(tmp_path / "here", url.child("new/"), progress=steps, **how)
        assert steps.named(Deed.DONE) == {"a.txt", "sub/c.txt"}


@BOTH
async def test_a_dry_run_changes_nothing(kind: str, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    grow(here)
    async with served(kind, there) as url:
        assert (await tincans.put(here, url.child("x/"), tree=True, dry_run=True)).files == 4 * len(NAMES)
        assert tree(there) == {}
        await tincans.put(here, url, tree=True)
        assert (await tincans.get(url, tmp_path / "back", tree=True, dry_run=True)).files == 4 * len(NAMES)
        assert not (tmp_path / "back").exists()


@BOTH
async def test_links_and_devices_here_are_not_followed_into_folders(kind: str, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    (tmp_path / "file").write_bytes(b"hello")
    (here / "file").symlink_to(tmp_path / "file")
    (here / "loop").symlink_to(here)
    (here / "gone").symlink_to("nowhere")
    os.mkfifo(here / "pipe")
    async with served(kind, there) as url:
        steps = Steps()
        await tincans.put(here, url, tree=True, progress=steps)
    assert tree(there) == {"file": b"hello"}
    assert steps.named(Deed.SKIPPED) == {"loop", "gone", "pipe"}


@BOTH
async def test_hundreds_of_files(kind: str, tmp_path: Path) -> None:
    here, there, back = tmp_path / "here", tmp_path / "there", tmp_path / "back"
    for number in range(300):
        path = here / f"{number % 7}" / f"{number % 11}" / f"file {number} größer"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"%d\n" % number * (number % 100))
    async with served(kind, there) as url:
        assert (await tincans.put(here, url, tree=True)).files == 300
        assert (await tincans.get(url, back, tree=True)).files == 300
    assert tree(here) == tree(there) == tree(back)


# ── hostile servers ───────────────────────────────────────────────────────────────────────────────────────

EVIL = ["../evil", "/tmp/evil", "..", "sub/../../evil", ".evil.tincans-part", "x" * 256]


def mlsd(*names: str, kind: str = "file") -> bytes:
    return b"".join(f"type={kind};size=4;modify=20261128000000; {name}\r\n".encode() for name in names)


def as_json(*hrefs: str, kind: str = "file") -> bytes:
    import msgspec

    items = [{"name": href, "href": href, "type": kind, "size": 4, "modified": ""} for href in hrefs]
    return ok(msgspec.json.encode({"items": items}), "Content-Type: application/json")


@pytest.mark.parametrize("kind", ["file", "dir"])
async def test_names_that_lead_elsewhere_are_refused(kind: str, tmp_path: Path) -> None:
    target = tmp_path / "a" / "target"
    evil = [name for name in EVIL if name != ".."]  # which every listing has
    async with ftp(Ftp({}, mlsd(*evil, kind=kind))) as url:
        steps = Steps()
        with pytest.raises(TreeIncomplete, match=rf"{len(evil)} of {len(evil)} files"):
            await tincans.get(url, target, tree=True, progress=steps)
        assert len(steps.reasons) == len(evil)
    hrefs = [Url.parse("http://h/").child(name).path[1:].replace("/", "%2F") for name in EVIL]
    async with answering(as_json(*hrefs, kind="folder" if kind == "dir" else kind)) as server:
        with pytest.raises(TreeIncomplete, match=rf"{len(EVIL)} of {len(EVIL)} files"):
            await tincans.get(server.url, target, tree=True)
    assert tree(tmp_path) == {"a": None, "a/target": None}


async def test_a_name_that_comes_twice_is_one_file(tmp_path: Path) -> None:
    listing = mlsd("x", "x")
    async with answering(as_json("x", "x"), ok(b"once")) as server:
        steps = Steps()
        with pytest.raises(TreeIncomplete, match="1 of 2 files"):
            await tincans.get(server.url, tmp_path, tree=True, progress=steps)
    assert steps.reasons == ["the server lists it twice"]
    assert tree(tmp_path) == {"x": b"once"}
    assert listing.count(b"x") == 2


async def test_a_folder_that_is_a_link_here_is_not_entered(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "sub").symlink_to(tmp_path / "outside")
    async with answering(as_json("sub/", kind="folder"), as_json("x"), ok(b"evil")) as server:
        steps = Steps()
        with pytest.raises(TreeIncomplete):
            await tincans.get(server.url, tmp_path / "target", tree=True, progress=steps)
    assert "is a link" in steps.reasons[0]
    assert tree(tmp_path / "outside") == {}


async def test_folders_in_folders_have_a_bound(tmp_path: Path) -> None:
    steps = Steps()
    async with ftp(Ftp({}, mlsd("d", kind="dir"))) as url:
        with pytest.raises(TreeIncomplete):
            await tincans.get(url, tmp_path, tree=True, progress=steps, jobs=1)
    assert f"there are more than {FOLDERS_DEEP} folders in one another" in steps.reasons[0]
    assert sum(1 for _ in tmp_path.rglob("d")) == FOLDERS_DEEP


async def test_one_failure_is_no_others(tmp_path: Path) -> None:
    answers = [as_json("a", "b", "c"), ok(b"aaaa"), ok(b"no", status="403 No"), ok(b"cccc")]
    async with answering(*answers) as server:
        steps = Steps()
        with pytest.raises(TreeIncomplete, match="1 of 3 files could not be transferred"):
            await tincans.get(server.url, tmp_path, tree=True, jobs=1, progress=steps)
    assert tree(tmp_path) == {"a": b"aaaa", "c": b"cccc"}
    assert steps.named(Deed.FAILED) == {"b"}


async def test_a_folder_in_the_place_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    async with answering(as_json("x")) as server:
        steps = Steps()
        with pytest.raises(TreeIncomplete):
            await tincans.get(server.url, tmp_path, tree=True, progress=steps)
    assert "there is a folder in the place of a file" in steps.reasons[0]


async def test_a_folder_that_cannot_be_listed_is_the_failure_of_all(tmp_path: Path) -> None:
    async with answering(ok(b"", status="404 No")) as server:
        with pytest.raises(tincans.RequestRefused):
            await tincans.get(server.url, tmp_path / "x", tree=True)
    assert not (tmp_path / "x").exists()
