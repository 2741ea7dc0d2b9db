"""`Files`: what lies in one folder, read and changed; what is no file is never opened, and nothing without `write`."""

from __future__ import annotations

import errno
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tincans.errors import UsageError
from tincans.files import Files

NAMES = ["a\nb", "grüße", "\udcff\udcfe", " ", "%2e%2e", "a\\b", "-rf", "...", ".hidden", "x" * 255, "😀" * 63]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    (folder / "folder").mkdir(parents=True)
    (folder / "file").write_text("hello")
    (folder / "folder/file").write_text("hello inside")
    (tmp_path / "outside").write_text("secret")
    return folder


@pytest.fixture(params=[False, True], ids=["openat2", "walked"])
def files(request: pytest.FixtureRequest, root: Path) -> Iterator[Files]:
    found = Files(root, write=True, walks=request.param)
    yield found
    found.close()


def content(files: Files, path: str) -> bytes:
    with files.open(path) as file:
        return os.pread(file.fd, 1000, 0)


def names(files: Files, path: str = "/") -> list[str]:
    return [item.name for item in files.list(path)]


@contextmanager
def nobody(root: Path) -> Iterator[None]:
    """Be somebody who must keep to the permissions, as root need not."""
    if os.geteuid():
        yield
        return
    for folder in (root, *root.parents[:-2]):
        folder.chmod(0o755)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


# ── reading ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_file_is_opened_with_what_is_known_about_it(files: Files, root: Path) -> None:
    with files.open("/folder/file") as file:
        assert os.read(file.fd, 100) == b"hello inside"
        assert file.stat == os.fstat(file.fd)
        assert file.stat.st_size == 12
        assert not os.get_inheritable(file.fd)
    assert file.fd == -1
    file.close()
    assert files.stat("/file") == os.stat(root / "file")
    assert files.stat("/folder/") == os.stat(root / "folder")


def test_what_is_not_there_and_what_is_of_another_kind(files: Files) -> None:
    for path in ("/nothing", "/folder/nothing", "/../outside", "/file\0"):
        with pytest.raises(FileNotFoundError):
            files.open(path)
        with pytest.raises(FileNotFoundError):
            files.stat(path)
        with pytest.raises(FileNotFoundError):
            files.list(path)
    for path in ("/", "/folder", "/folder/"):
        with pytest.raises(IsADirectoryError):
            files.open(path)
    for path in ("/file/", "/file/x"):
        with pytest.raises(NotADirectoryError):
            files.open(path)
    with pytest.raises(NotADirectoryError):
        files.list("/file")


def test_a_list_is_sorted_and_has_what_can_be_had(files: Files, root: Path) -> None:
    for name in ("B", "a", "ä", "\udcff", "a\nb"):
        (root / name).write_text(name, errors="surrogateescape")
    os.symlink("folder", root / "link")
    os.symlink(root / "file", root / "absolute")
    os.symlink("nothing", root / "broken")
    os.symlink("../outside", root / "out")
    os.symlink("loop", root / "loop")
    os.mkfifo(root / "fifo")
    listed = files.list("/")
    assert [item.name for item in listed] == ["B", "a", "a\nb", "absolute", "file", "folder", "link", "ä", "\udcff"]
    assert [item.name for item in listed if item.is_folder] == ["folder", "link"]
    assert {item.name: item.stat for item in listed}["link"] == os.stat(root / "folder")
    assert {item.name: item.stat for item in listed}["absolute"] == os.stat(root / "file")
    assert [item.name for item in files.list("/link/../folder/.")] == ["file"]


def test_what_may_not_be_read_is_left_out_and_not_opened(files: Files, root: Path) -> None:
    (root / "private").write_text("for nobody")
    (root / "private").chmod(0)
    (root / "closed").mkdir(mode=0)
    with nobody(root):
        assert names(files) == ["file", "folder"]
        for attempt in (files.open, files.create):
            with pytest.raises(PermissionError) as raised:
                attempt("/private")
            assert raised.value.filename in ("/private", "private")
        with pytest.raises(PermissionError):
            files.list("/closed")


@pytest.mark.parametrize("name", NAMES)
def test_hard_names_are_written_listed_read_renamed_and_removed(files: Files, name: str) -> None:
    files.make_folder(f"/{name}")
    with files.create(f"/{name}/{name}") as upload:
        upload.write(b"hard")
        assert names(files, f"/{name}") == []
        assert files.part_size(f"/{name}/{name}") == 4
        upload.commit()
    assert names(files, f"/{name}") == [name]
    assert content(files, f"/{name}/{name}") == b"hard"
    files.rename(f"/{name}/{name}", f"/folder/{name}")
    files.remove_folder(f"/{name}")
    assert names(files, "/folder") == sorted(["file", name])
    files.remove_file(f"/folder/{name}")
    assert names(files, "/folder") == ["file"]


@given(st.text())
def test_any_name_is_a_file_inside_or_none(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    folder = tmp_path_factory.mktemp("names")
    (folder / "root").mkdir()
    files = Files(folder / "root", write=True)
    try:
        with files.create(f"/{name}") as upload:
            upload.commit()
        assert len(files.list("/")) == 1
    except OSError:
        assert files.list("/") == []
    assert os.listdir(folder) == ["root"]
    files.close()


# ── neither file nor folder ───────────────────────────────────────────────────────────────────────────────


def test_a_fifo_is_never_opened(files: Files, root: Path) -> None:
    os.mkfifo(root / "fifo")
    writing = threading.Thread(target=lambda: os.close(os.open(root / "fifo", os.O_WRONLY)))
    writing.start()  # it waits until somebody opens the other end
    for attempt in (files.open, files.stat, files.create):
        with pytest.raises(PermissionError):
            attempt("/fifo")
    with pytest.raises(NotADirectoryError):
        files.list("/fifo")
    writing.join(0.02)
    assert writing.is_alive()
    os.close(os.open(root / "fifo", os.O_RDONLY))
    writing.join()


def test_a_socket_and_a_device_are_not_opened(files: Files, root: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "socket"))
    os.symlink("/dev/null", root / "null")
    odd = ["/socket"]
    if os.geteuid() == 0:
        os.mknod(root / "device", 0o666 | 0o020000, os.makedev(1, 3))  # /dev/null under another name
        odd.append("/device")
    for path in odd:
        for attempt in (files.open, files.stat, files.create):
            with pytest.raises(PermissionError):
                attempt(path)
    with pytest.raises(FileNotFoundError):
        files.open("/null")
    assert names(files) == ["file", "folder"]


# ── changing ──────────────────────────────────────────────────────────────────────────────────────────────

CHANGES: dict[str, Callable[[Files], object]] = {
    "create": lambda files: files.create("/new"),
    "append": lambda files: files.create("/file", append=True),
    "resume": lambda files: files.create("/file", offset=1),
    "make folder": lambda files: files.make_folder("/new"),
    "remove file": lambda files: files.remove_file("/file"),
    "remove folder": lambda files: files.remove_folder("/folder"),
    "rename": lambda files: files.rename("/file", "/new"),
    "set time": lambda files: files.set_time("/file", 0),
    "set mode": lambda files: files.set_mode("/file", 0),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_nothing_is_changed_unless_it_may_be(root: Path, change: Callable[[Files], object]) -> None:
    before = {each: os.lstat(each) for each in (root, *root.rglob("*"))}
    files = Files(root)
    with pytest.raises(PermissionError, match="read-only") as raised:
        change(files)
    assert raised.value.errno == errno.EROFS
    assert not files.write
    assert content(files, "/file") == b"hello"
    files.close()
    after = {each: os.lstat(each) for each in (root, *root.rglob("*"))}
    assert [(path, stat.st_mode, stat.st_mtime_ns) for path, stat in before.items()] == [
        (path, stat.st_mode, stat.st_mtime_ns) for path, stat in after.items()
    ]


def test_folders_are_made_and_removed(files: Files, root: Path) -> None:
    files.make_folder("/new/")
    files.make_folder("/new/inner")
    assert (root / "new/inner").is_dir()
    for path in ("/new", "/file", "/folder/"):
        with pytest.raises(FileExistsError):
            files.make_folder(path)
    with pytest.raises(FileNotFoundError):
        files.make_folder("/nothing/new")
    with pytest.raises(OSError, match="not empty"):
        files.remove_folder("/new")
    files.remove_folder("/new/inner/")
    files.remove_folder("/new")
    with pytest.raises(FileNotFoundError):
        files.remove_folder("/new")
    with pytest.raises(NotADirectoryError):
        files.remove_folder("/file")
    assert names(files) == ["file", "folder"]


def test_a_folder_is_empty_where_only_unfinished_uploads_are_in_it(files: Files, root: Path) -> None:
    files.make_folder("/new")
    with files.create("/new/one") as upload:
        upload.keep()
    with files.create("/new/two") as upload:
        upload.commit()
    with pytest.raises(OSError, match="not empty"):
        files.remove_folder("/new")
    assert files.part_size("/new/one") == 0
    files.remove_file("/new/two")
    files.remove_folder("/new")
    assert not (root / "new").exists()


def test_files_are_removed_and_of_links_the_links(files: Files, root: Path) -> None:
    os.symlink("folder/file", root / "link")
    os.symlink("../outside", root / "out")
    files.remove_file("/link")
    files.remove_file("/out")
    files.remove_file("/file")
    assert sorted(os.listdir(root)) == ["folder"]
    assert (root / "../outside").read_text() == "secret"
    assert content(files, "/folder/file") == b"hello inside"
    with pytest.raises(IsADirectoryError):
        files.remove_file("/folder")
    with pytest.raises(NotADirectoryError):
        files.remove_file("/folder/file/")
    with pytest.raises(FileNotFoundError):
        files.remove_file("/file")


def test_renaming_moves_and_replaces(files: Files, root: Path) -> None:
    files.rename("/file", "/folder/file")
    assert content(files, "/folder/file") == b"hello"
    files.rename("/folder", "/renamed")
    assert content(files, "/renamed/file") == b"hello"
    assert names(files) == ["renamed"]
    with pytest.raises(FileNotFoundError):
        files.rename("/file", "/other")
    with pytest.raises(OSError, match="Invalid argument"):
        files.rename("/renamed", "/renamed/inside")
    files.make_folder("/other")
    with pytest.raises(IsADirectoryError):
        files.rename("/renamed/file", "/other")


def test_a_link_out_is_no_way_to_change_what_lies_there(files: Files, root: Path) -> None:
    os.symlink("..", root / "up")
    for attempt in (files.create, files.make_folder, files.remove_file, files.remove_folder):
        with pytest.raises(FileNotFoundError):
            attempt("/up/outside")
    with pytest.raises(FileNotFoundError):
        files.rename("/file", "/up/file")
    with pytest.raises(FileNotFoundError):
        files.rename("/up/outside", "/mine")
    os.symlink("../outside", root / "out")
    with pytest.raises(FileNotFoundError):
        files.set_mode("/out", 0o777)
    with pytest.raises(FileNotFoundError):
        files.set_time("/out", 0)
    assert (root / "../outside").read_text() == "secret"


def test_the_top_stays(files: Files, root: Path) -> None:
    for attempt in (files.create, files.make_folder, files.remove_file, files.remove_folder):
        with pytest.raises(PermissionError):
            attempt("/")
    with pytest.raises(PermissionError):
        files.rename("/", "/folder/new")
    with pytest.raises(PermissionError):
        files.rename("/folder", "/folder/..")
    assert names(files) == ["file", "folder"]


def test_times_and_permissions_are_set(files: Files, root: Path) -> None:
    os.symlink("file", root / "link")
    files.set_time("/link", 1_000_000_000.25)
    files.set_time("/folder", 86400)
    assert files.stat("/file").st_mtime == 1_000_000_000.25
    assert files.stat("/folder").st_mtime == 86400
    files.set_mode("/file", 0o6710)
    assert (root / "file").stat().st_mode & 0o7777 == 0o710  # and nobody else's rights for whoever runs it
    files.set_mode("/file", 0)
    files.set_mode("/file", 0o644)
    assert content(files, "/file") == b"hello"


# ── whether it is still the same ──────────────────────────────────────────────────────────────────────────


def test_a_file_is_the_same_until_something_happens_to_it(files: Files, root: Path) -> None:
    def opened() -> os.stat_result:
        with files.open("/file") as file:
            return file.stat

    def happens(change: Callable[[], object]) -> bool:
        """Whether a change is seen, in another tick of the kernel's clock."""
        before = opened()
        assert files.same("/./file", before)
        while path.stat().st_ctime_ns == before.st_ctime_ns:
            change()
        return not files.same("/file", before)

    path = root / "file"
    assert happens(lambda: path.write_bytes(b"HELLO"))
    assert happens(lambda: path.chmod(0o600))
    assert happens(lambda: os.utime(path, (1, 1)))
    assert happens(lambda: (root / "other").write_bytes(b"hello") and (root / "other").replace(path))
    assert not files.same("/none", opened())
    assert not files.same("/\0", opened())
    stat = opened()
    path.unlink()
    assert not files.same("/file", stat)


# ── the folder itself ─────────────────────────────────────────────────────────────────────────────────────


def test_the_folder_is_opened_once(files: Files, root: Path) -> None:
    root.rename(root.with_name("renamed"))
    root.mkdir()
    assert content(files, "/file") == b"hello"


def test_it_gives_its_descriptor_back(root: Path) -> None:
    before = os.listdir("/proc/self/fd")
    files = Files(root)
    file = files.open("/file")
    files.close()
    files.close()
    assert os.read(file.fd, 10) == b"hello"
    file.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        files.open("/file")
    files = Files(root)
    del files
    assert os.listdir("/proc/self/fd") == before
    with pytest.raises(UsageError, match="is no folder: not a directory"):
        Files(root / "file")
