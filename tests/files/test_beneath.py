"""No path, no link, no encoding and no race leads out of the folder: by openat2(2), and by walking without it."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from running import start
from tincans.errors import UsageError
from tincans.files.beneath import LIST, LOOK, Top, inside
from tincans.limits import LINKS_FOLLOWED

#: What a tree of attacks is called, and for each of its links where that leads; `{root}` and `{outside}` are folders.
LINKS = {
    "file": "within/file",
    "folder": "within",
    "within/up": "..",
    "within/over": "../within/../within/file",
    "absolute": "{root}/within/file",
    "absolute-folder": "{root}/within",
    "top": "{root}",
    "out": "{outside}",
    "out-file": "{outside}/file",
    "within/out": "../../outside/file",
    "beside": "{root}-beside/file",
    "sly": "{root}/../outside/file",
    "and-back": "../jail/within/file",
    "etc": "/etc/passwd",
    "process": "/proc/self/root",
    "loop": "loop",
    "loop-one": "loop-two",
    "loop-two": "loop-one",
    "nowhere": "nothing",
    "file-up": "within/file/../file",
    "file-end": "within/file/",
    "folder-end": "within/",
}


class Tree:
    """A folder `jail` full of links, and beside it what they must not lead to."""

    def __init__(self, folder: Path) -> None:
        self.root, self.outside = folder / "jail", folder / "outside"
        for place in (self.root / "within", self.outside, folder / "jail-beside"):
            place.mkdir(parents=True)
            (place / "file").write_text("here")
        for name, target in LINKS.items():
            os.symlink(target.format(root=self.root, outside=self.outside), self.root / name)
        #: All that lies inside, by number.
        self.inside = {os.lstat(each).st_ino for each in (self.root, *self.root.rglob("*"))}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    return Tree(tmp_path_factory.mktemp("attacks"))


@pytest.fixture(params=[False, True], ids=["openat2", "walked"])
def top(request: pytest.FixtureRequest, tree: Tree) -> Iterator[Top]:
    found = Top(tree.root, walks=request.param)
    yield found
    found.close()


def reached(top: Top, path: str, flags: int = LOOK) -> int | str:
    """The number of the file that a path reaches, or what it raises instead."""
    try:
        fd = top.reach(path, flags)
    except OSError as error:
        return type(error).__name__
    try:
        return os.fstat(fd).st_ino
    finally:
        os.close(fd)


@pytest.mark.parametrize(
    "path",
    [
        "/within/file", "/./within//file", "/../../within/file", "/within/../within/file", "/nothing/../within/file",
        "/file", "/folder/file", "/folder-end/file", "/within/up/within/file", "/within/over", "/absolute",
        "/absolute-folder/file", "/top/within/file", "/top/top/file",
    ],
)  # fmt: skip
def test_what_lies_inside_is_reached(top: Top, tree: Tree, path: str) -> None:
    assert reached(top, path) == os.stat(tree.root / "within/file").st_ino


@pytest.mark.parametrize("path", ["/", "/.", "/..", "//", "/../..", "/within/..", "/top", "/within/up", "/top/"])
@pytest.mark.parametrize("flags", [LOOK, LIST], ids=["looked at", "listed"])
def test_the_top_is_as_far_up_as_it_goes(top: Top, tree: Tree, path: str, flags: int) -> None:
    assert reached(top, path, flags) == os.stat(tree.root).st_ino


@pytest.mark.parametrize(
    "path",
    [
        "/out", "/out/file", "/out-file", "/within/out", "/within/up/out/file", "/beside", "/sly", "/and-back", "/etc",
        "/process/etc/passwd", "/loop", "/loop-one", "/nowhere", "/nothing", "/file\0", "/\0", "/within\0/file",
        "within/file", "", "../outside/file", "/" + "x" * 256, "/x" * 4000, "/\ud800",
        "/.file.tincans-part", "/within/.file.tincans-part/x", "/within/.tincans-part",
    ],
)  # fmt: skip
@pytest.mark.parametrize("flags", [LOOK, LIST], ids=["looked at", "listed"])
def test_what_leads_out_is_not_there(top: Top, path: str, flags: int) -> None:
    with pytest.raises(FileNotFoundError, match="No such file or directory"):
        top.reach(path, flags)


@pytest.mark.parametrize("path", ["/within/file/", "/within/file/x", "/file/x", "/file-up", "/file-end", "/absolute/"])
def test_a_file_is_no_folder(top: Top, path: str) -> None:
    assert reached(top, path) == "NotADirectoryError"


STEPS = st.sampled_from(["", ".", "..", "within", "file", *(name for name in LINKS if "/" not in name), "up", "over"])


@given(steps=st.lists(STEPS | st.text(max_size=3), max_size=8))
def test_both_ways_reach_the_same_and_nothing_outside(tree: Tree, steps: list[str]) -> None:
    path = "/" + "/".join(steps)
    tops = [Top(tree.root, walks=walks) for walks in (False, True)]
    try:
        one, other = (reached(top, path) for top in tops)
        assert one == other
        assert isinstance(one, str) or one in tree.inside
        if isinstance(one, int):
            assert os.stat(f"{tree.root}{os.path.normpath(path)}").st_ino == one
    finally:
        for top in tops:
            top.close()


@pytest.mark.parametrize("walks", [False, True])
def test_as_many_links_are_followed_as_linux_follows(tmp_path: Path, walks: bool) -> None:
    (tmp_path / "0").write_text("here")
    for number in range(LINKS_FOLLOWED + 1):
        os.symlink(str(number), tmp_path / str(number + 1))
    top = Top(tmp_path, walks=walks)
    assert reached(top, f"/{LINKS_FOLLOWED}") == os.stat(tmp_path / "0").st_ino
    assert reached(top, f"/{LINKS_FOLLOWED + 1}") == "FileNotFoundError"
    top.close()


@pytest.mark.parametrize("walks", [False, True])
@pytest.mark.parametrize("name", ["a\nb", "grüße", "\udcff\udcfe", " ", "%2e%2e", "a\\b", "-rf", "...", "..a", "con:"])
def test_hard_names_are_names(tmp_path: Path, walks: bool, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / name).write_text("here")
    top = Top(tmp_path, walks=walks)
    assert reached(top, f"/{name}/{name}") == os.stat(tmp_path / name / name).st_ino
    top.close()


@pytest.mark.parametrize("walks", [False, True])
def test_a_folder_that_becomes_a_link_while_it_is_opened(tmp_path: Path, walks: bool) -> None:
    tree = Tree(tmp_path)
    door, room, way_out = tree.root / "door", tree.root / "room", tree.root / "way-out"
    (tree.root / "within").rename(door)
    os.symlink(tree.outside, way_out)
    over = threading.Event()

    def swap() -> None:
        while not over.is_set():
            door.rename(room)
            way_out.rename(door)
            door.rename(way_out)
            room.rename(door)

    swapping = threading.Thread(target=swap)
    swapping.start()
    top = Top(tree.root, walks=walks)
    secret = os.stat(tree.outside / "file").st_ino
    try:
        seen: dict[int | str, int] = {}
        while len(seen) < 2 or min(seen.values()) < 200:
            found = reached(top, "/door/file")
            assert found != secret
            seen[found] = seen.get(found, 0) + 1
    finally:
        over.set()
        swapping.join()
        top.close()


RENAME = """
import os, sys
os.chdir(sys.argv[1])
print("renaming", flush=True)
while True:
    os.rename("jail-beside", "elsewhere")
    os.rename("elsewhere", "jail-beside")
"""


def test_where_the_kernel_gives_up_the_path_is_walked(tmp_path: Path) -> None:
    """openat2(2) says EAGAIN to a `..` while anything is renamed anywhere, as it cannot tell whether that led out."""
    tree = Tree(tmp_path)
    inside, walked = os.stat(tree.root / "within/file").st_ino, 0

    class Counting(Top):
        def _walk(self, text: str, flags: int) -> int:
            nonlocal walked
            walked += 1
            return super()._walk(text, flags)

    top = Counting(tree.root)
    with start([sys.executable, "-c", RENAME, str(tmp_path)]) as renaming:
        renaming.wait_for("renaming")
        while not walked:
            assert reached(top, "/within/up" * 15 + "/within/file") == inside
    top.close()


def test_a_kernel_without_openat2_is_found_out(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tincans.files.beneath._OPENAT2", 100_000)  # a call that no kernel has: ENOSYS
    top = Top(tree.root)
    assert reached(top, "/absolute") == os.stat(tree.root / "within/file").st_ino
    assert reached(top, "/out/file") == "FileNotFoundError"
    assert reached(top, "/within", LIST) == os.stat(tree.root / "within").st_ino
    top.close()


def test_what_is_above_a_path(top: Top, tree: Tree) -> None:
    for path in ("/within/new", "/within/new/", "/folder/./x/../new", "/within/up/within/new"):
        folder, name = top.above(path)
        assert (os.fstat(folder).st_ino, name) == (os.stat(tree.root / "within").st_ino, "new")
        os.close(folder)
    folder, name = top.above("/new")
    assert (os.fstat(folder).st_ino, name) == (os.stat(tree.root).st_ino, "new")
    os.close(folder)


@pytest.mark.parametrize("path", ["/", "/..", "//", "/within/.."])
def test_nothing_is_above_the_top(top: Top, path: str) -> None:
    with pytest.raises(PermissionError):
        top.above(path)


@pytest.mark.parametrize("path", ["/out/new", "/nothing/new", "/new\0", "/.x.tincans-part"])
def test_what_is_above_lies_inside(top: Top, path: str) -> None:
    with pytest.raises(FileNotFoundError):
        top.above(path)
    with pytest.raises(NotADirectoryError):
        top.above("/within/file/new")


@pytest.mark.parametrize("folder", ["nothing", "file", "a\0b"])
def test_a_folder_that_is_none(tmp_path: Path, folder: str) -> None:
    (tmp_path / "file").write_text("here")
    with pytest.raises(UsageError, match="is no folder: "):
        Top(f"{tmp_path}/{folder}")


def test_closing_twice_is_closing_once(tmp_path: Path) -> None:
    top = Top(tmp_path)
    top.close()
    top.close()
    assert reached(top, "/") == "OSError"


@given(st.text())
def test_a_path_inside_has_nothing_in_it_that_leads_on(text: str) -> None:
    if "\0" in text:
        return
    for path in (f"/{text}", f"/{text.replace('a', '/').replace('b', '.')}"):
        found = inside(path)
        assert found == "." or not {"", ".", ".."} & set(found.removesuffix("/").split("/"))
