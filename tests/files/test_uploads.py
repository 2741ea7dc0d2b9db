"""An upload appears whole or not at all: whatever the disk, another upload or `kill -9` does to it."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filling import no_file_longer_than
from tincans.files import Files
from tincans.files.uploads import part_name
from tincans.limits import FILE_NAME_BYTES

OLD = b"what was there before"


@pytest.fixture(params=[False, True], ids=["openat2", "walked"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Files]:
    (tmp_path / "file").write_bytes(OLD)
    found = Files(tmp_path, write=True, walks=request.param)
    yield found
    found.close()


def content(files: Files, path: str = "/file") -> bytes:
    with files.open(path) as file:
        return os.pread(file.fd, 10**6, 0)


def unfinished(files: Files, folder: Path) -> list[str]:
    """The parts in a folder, none of which the list has."""
    listed = {item.name for item in files.list("/")}
    return sorted(set(os.listdir(folder)) - listed)


def test_it_appears_when_it_is_committed(files: Files, tmp_path: Path) -> None:
    with files.create("/new") as upload:
        upload.write(b"hello")
        upload.write(memoryview(b" world"))
        assert upload.size == 11
        assert [item.name for item in files.list("/")] == ["file"]
        with pytest.raises(FileNotFoundError):
            files.open("/new")
        upload.commit()
    assert content(files, "/new") == b"hello world"
    assert sorted(os.listdir(tmp_path)) == ["file", "new"]
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o666 & ~umask()


def test_it_appears_under_a_name_that_nothing_has(files: Files, tmp_path: Path) -> None:
    os.symlink("nowhere", tmp_path / "link")
    with files.create("/file") as upload:
        upload.write(b"new")
        for name in ("file", "link"):
            with pytest.raises(FileExistsError):
                upload.commit_as(name)
        upload.commit_as("other")
    assert content(files) == OLD
    assert content(files, "/other") == b"new"
    assert sorted(os.listdir(tmp_path)) == ["file", "link", "other"]


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP])
def test_the_same_where_there_are_no_links(
    files: Files, tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on FAT, which a test cannot mount everywhere."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", refuse)
    with files.create("/new") as upload:
        upload.write(b"new")
        with pytest.raises(FileExistsError):
            upload.commit_as("file")
        upload.commit_as("other")
    assert content(files) == OLD
    assert content(files, "/other") == b"new"
    assert sorted(os.listdir(tmp_path)) == ["file", "other"]


def umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_what_was_there_is_there_until_then(files: Files, tmp_path: Path) -> None:
    (tmp_path / "file").chmod(0o640)
    with files.open("/file") as before, files.create("/file") as upload:
        upload.write(b"new")
        assert content(files) == OLD
        upload.commit()
        assert content(files) == b"new"
        assert os.read(before.fd, 100) == OLD  # whoever is reading it reads on in the old one
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640


def test_it_is_discarded_unless_it_is_committed(files: Files, tmp_path: Path) -> None:
    with files.create("/file") as upload:
        upload.write(b"new")
    with pytest.raises(TypeError), files.create("/other") as upload:
        upload.write("no bytes")  # type: ignore[arg-type]
    upload.discard()
    assert os.listdir(tmp_path) == ["file"]
    assert content(files) == OLD


@pytest.mark.parametrize("path", ["/file/", "/folder", "/folder/", "/new/"])
def test_a_folder_cannot_be_uploaded(files: Files, tmp_path: Path, path: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError):
        files.create(path)
    with files.create("/late") as upload:
        files.make_folder("/late")
        with pytest.raises(IsADirectoryError):
            upload.commit()
    assert sorted(os.listdir(tmp_path)) == ["file", "folder", "late"]


def test_a_link_is_replaced_and_not_followed(files: Files, tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    os.symlink("file", tmp_path / "link")
    os.symlink("/etc/passwd", tmp_path / "out")
    for name in ("link", "out"):
        with files.create(f"/{name}") as upload:
            upload.write(b"new")
            upload.commit()
        assert not (tmp_path / name).is_symlink()
        assert content(files, f"/{name}") == b"new"
    assert content(files) == OLD


def test_the_folder_may_be_taken_away_meanwhile(files: Files, tmp_path: Path) -> None:
    for ending in ("discard", "keep", "commit"):
        files.make_folder("/gone")
        with files.create("/gone/new") as upload:
            files.remove_folder("/gone")
            if ending == "commit":
                with pytest.raises(FileNotFoundError):
                    upload.commit()
            else:
                getattr(upload, ending)()
    assert os.listdir(tmp_path) == ["file"]


# ── going on ──────────────────────────────────────────────────────────────────────────────────────────────


def test_what_was_kept_is_gone_on_with(files: Files, tmp_path: Path) -> None:
    assert files.part_size("/new") is None
    with files.create("/new") as upload:
        upload.write(b"hello wor")
        upload.keep()
    assert files.part_size("/new") == 9
    assert [item.name for item in files.list("/")] == ["file"]
    with files.create("/new", offset=6) as upload:
        assert upload.size == 6
        upload.write(b"all")
        upload.commit()
    assert content(files, "/new") == b"hello all"
    assert files.part_size("/new") is None
    assert sorted(os.listdir(tmp_path)) == ["file", "new"]


def test_without_a_part_a_file_that_is_there_is_gone_on_with(files: Files) -> None:
    with files.create("/file", offset=5) as upload:
        upload.write(b"ever")
        assert content(files) == OLD
        upload.commit()
    assert content(files) == b"what ever"


def test_a_part_that_is_too_short_is_no_part(files: Files) -> None:
    with files.create("/file") as upload:
        upload.write(b"WHAT")
        upload.keep()
    with files.create("/file", offset=4) as upload:
        assert os.pread(upload.fd, 100, 0) == b"WHAT"
        upload.keep()
    with files.create("/file", offset=5) as upload:
        assert os.pread(upload.fd, 100, 0) == b"what "


def test_nothing_is_gone_on_with_beyond_its_end(files: Files) -> None:
    with files.create("/file", offset=len(OLD)) as upload:
        upload.keep()
    for offset in (len(OLD) + 1, 2**40):
        with pytest.raises(OSError, match="shorter") as raised:
            files.create("/file", offset=offset)
        assert raised.value.errno == errno.EINVAL
    with pytest.raises(FileNotFoundError):
        files.create("/new", offset=1)
    assert files.part_size("/file") == len(OLD)
    assert content(files) == OLD


def test_a_new_upload_begins_the_part_anew(files: Files, tmp_path: Path) -> None:
    with files.create("/new") as upload:
        upload.write(b"long ago")
        upload.keep()
    with files.create("/new") as upload:
        assert upload.size == 0
        upload.write(b"now")
        upload.commit()
    assert content(files, "/new") == b"now"
    assert unfinished(files, tmp_path) == []


def test_appending_goes_on_with_the_file_or_else_with_the_part(files: Files) -> None:
    with files.create("/file", append=True) as upload:
        upload.write(b", and more")
        assert content(files) == OLD
        upload.commit()
    assert content(files) == OLD + b", and more"
    with files.create("/new", append=True) as upload:
        upload.write(b"one")
        upload.keep()
    with files.create("/new", append=True) as upload:
        upload.write(b", two")
        upload.commit()
    assert content(files, "/new") == b"one, two"


def test_what_is_copied_may_be_elsewhere(files: Files, tmp_path: Path) -> None:
    """A link leads into the folder; what it leads to is what is gone on with, and stays."""
    os.symlink("file", tmp_path / "link")
    with files.create("/link", append=True) as upload:
        upload.write(b"!")
        upload.commit()
    assert content(files, "/link") == OLD + b"!"
    assert content(files) == OLD


def test_where_the_kernel_cannot_copy_between_the_two(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))  # as between two filesystems of different kinds

    monkeypatch.setattr(os, "copy_file_range", refuse)
    with files.create("/file", append=True) as upload:
        upload.write(b"!")
        upload.commit()
    assert content(files) == OLD + b"!"


# ── several at once ───────────────────────────────────────────────────────────────────────────────────────


def test_uploads_of_one_name_do_not_meet(files: Files, tmp_path: Path) -> None:
    uploads = [files.create("/file") for _ in range(3)]
    for number, upload in enumerate(uploads):
        upload.write(b"%d" % number * 3)
    assert len(unfinished(files, tmp_path)) == 3
    for number in (2, 0):
        uploads[number].commit()
        assert content(files) == b"%d" % number * 3
    uploads[1].keep()  # of several at once the first one's part is what could be kept
    assert unfinished(files, tmp_path) == []


def test_a_part_that_somebody_writes_to_is_not_taken(files: Files) -> None:
    with files.create("/new") as upload:
        upload.write(b"hello")
        assert files.part_size("/new") == 5
        with pytest.raises(OSError, match="busy") as raised:
            files.create("/new", offset=5)
        assert raised.value.errno == errno.EBUSY
        upload.commit()
    assert content(files, "/new") == b"hello"


WRITER = """
import sys
from tincans.files import Files
files = Files(sys.argv[1], write=True)
for number in range(1000):
    with files.create("/file") as upload:
        upload.write(bytes([number % 256]) * 50_000)
        upload.write(bytes([number % 256]) * 50_000)
        upload.commit()
"""


def test_processes_that_write_one_file_each_write_all_of_it(files: Files, tmp_path: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER.replace("1000", "100"), tmp_path]) for _ in range(3)]
    seen = set()
    while any(writer.poll() is None for writer in writers):
        seen.add(content(files))
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert all(each == OLD or each == each[:1] * 100_000 for each in seen)
    assert content(files) == bytes([99]) * 100_000
    assert unfinished(files, tmp_path) == []


# ── a bad end ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_full_disk_leaves_what_was_there(files: Files, tmp_path: Path) -> None:
    with no_file_longer_than(1000):
        with files.create("/file") as upload:
            upload.write(b"x" * 1000)
            with pytest.raises(OSError, match="too large"):
                upload.write(b"x")
        assert content(files) == OLD
        with files.create("/file") as upload:
            with pytest.raises(OSError, match="too large"):
                upload.write(b"x" * 1001)
            assert upload.size == 1000  # what there was room for
            upload.keep()
    with no_file_longer_than(len(OLD) - 1), pytest.raises(OSError, match="too large"):
        files.create("/file", append=True)
    assert content(files) == OLD
    assert unfinished(files, tmp_path) == []


MIDDLE = """
import os, signal, sys
from tincans.files import Files
files = Files(sys.argv[1], write=True)
upload = files.create("/file")
upload.write(b"hello wor")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_who_is_killed_in_the_middle_leaves_what_was_there_and_a_part(files: Files, tmp_path: Path) -> None:
    assert subprocess.run([sys.executable, "-c", MIDDLE, tmp_path]).returncode == -signal.SIGKILL
    assert content(files) == OLD
    assert files.part_size("/file") == 9
    with files.create("/file", offset=9) as upload:
        upload.write(b"ld")
        upload.commit()
    assert content(files) == b"hello world"
    assert unfinished(files, tmp_path) == []


def test_who_is_killed_anywhere_leaves_a_whole_file(files: Files, tmp_path: Path) -> None:
    chance = random.Random(5)
    for _ in range(4):
        with subprocess.Popen([sys.executable, "-c", WRITER, tmp_path]) as writer:
            while content(files) == OLD:
                assert writer.poll() is None
            for _ in range(chance.randrange(400)):
                found = content(files)
                assert found == found[:1] * 100_000
            writer.kill()
        found = content(files)
        assert found == found[:1] * 100_000
        assert [item.name for item in files.list("/")] == ["file"]
        with files.create("/file") as upload:  # what was left is in nobody's way
            upload.write(OLD)
            upload.commit()
        assert unfinished(files, tmp_path) == []


# ── names ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("length", [FILE_NAME_BYTES - 14, FILE_NAME_BYTES - 13, FILE_NAME_BYTES])
def test_a_name_as_long_as_there_are_has_a_part(files: Files, length: int) -> None:
    for name in ("x" * length, "ü" * (length // 2)):
        with files.create(f"/{name}") as upload, files.create(f"/{name}") as other:
            upload.write(b"one")
            other.write(b"other")
            assert files.part_size(f"/{name}") == 3
            upload.commit()
        assert content(files, f"/{name}") == b"one"


def test_a_longer_name_is_none(files: Files, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="too long"):
        files.create("/" + "x" * (FILE_NAME_BYTES + 1))
    assert os.listdir(tmp_path) == ["file"]


@given(name=st.text(min_size=1, max_size=300), number=st.integers(1, 10**6))
def test_the_name_of_a_part_is_never_too_long(name: str, number: int) -> None:
    try:
        os.fsencode(name)
    except UnicodeEncodeError:
        return
    part = part_name(name, number)
    assert len(os.fsencode(part)) <= FILE_NAME_BYTES
    assert part.startswith(".")
    assert part.endswith(".tincans-part")


@pytest.mark.parametrize("name", [".file.tincans-part", ".file.2.tincans-part", ".tincans-part"])
def test_no_path_reaches_a_part(files: Files, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("half of it")
    for attempt in (files.open, files.stat, files.create, files.make_folder, files.remove_file, files.part_size):
        with pytest.raises(FileNotFoundError):
            attempt(f"/{name}")
    with pytest.raises(FileNotFoundError):
        files.rename(f"/{name}", "/mine")
    with pytest.raises(FileNotFoundError):
        files.rename("/file", f"/{name}")
    assert [item.name for item in files.list("/")] == ["file"]
    for visible in ("file.tincans-part", ".file.tincans-part.txt"):
        with files.create(f"/{visible}") as upload:
            upload.commit()
        assert files.stat(f"/{visible}").st_size == 0
