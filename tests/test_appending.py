"""What is appended is there whole, or nothing of it is, whatever the disk does and whoever reads along."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from filling import no_file_longer_than
from tincans.appending import Appending


@contextmanager
def opened(path: Path) -> Iterator[Appending]:
    file = Appending(path)
    try:
        yield file
    finally:
        file.close()


def test_what_is_appended_is_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with opened(path) as file:
        assert file.end == 0
        file.append(b"one two ")
        file.append(b"three")
        assert (file.end, os.pread(file.file, 100, 0)) == (13, b"one two three")
    assert path.stat().st_mode & 0o777 == 0o600
    with opened(path) as file:
        assert file.end == 13
        file.cut(7)
        file.append(b"!")
        assert file.end == 8
    assert path.read_bytes() == b"one two!"


def test_what_is_not_torn_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"one")
    before = path.stat().st_mtime_ns
    with opened(path) as file:
        file.cut(3)
    assert path.stat().st_mtime_ns == before


def test_a_write_that_fails_or_is_short_leaves_nothing(tmp_path: Path) -> None:
    with opened(tmp_path / "file") as file:
        file.append(b"one\n")
        for size in (4, 5):
            with no_file_longer_than(size), pytest.raises(OSError, match="File too large" if size == 4 else "No space"):
                file.append(b"two\n")
            assert (tmp_path / "file").read_bytes() == b"one\n"
            assert file.end == 4
        file.append(b"two\n")
    assert (tmp_path / "file").read_bytes() == b"one\ntwo\n"


def test_what_could_not_be_undone_is_undone_before_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(tmp_path / "file") as file:
        file.append(b"one\n")

        def fail(*_: object) -> None:
            raise OSError("the disk is sulking")

        with monkeypatch.context() as patch, no_file_longer_than(6):
            patch.setattr(os, "ftruncate", fail)
            with pytest.raises(OSError, match="No space"):
                file.append(b"two\n")
            with pytest.raises(OSError, match="the disk is sulking"):
                file.append(b"three\n")
        assert (tmp_path / "file").read_bytes() == b"one\ntw"
        file.append(b"four\n")
    assert (tmp_path / "file").read_bytes() == b"one\nfour\n"


def test_who_reads_along_sees_nothing_of_what_is_undone(tmp_path: Path) -> None:
    """Up to `end`, that is: as the readers of a history do, in their threads."""
    wrong: list[bytes] = []
    over = threading.Event()
    with opened(tmp_path / "file") as file:

        def read() -> None:
            while not over.is_set():
                end = file.end
                data = os.pread(file.file, end, 0)
                if data != b"0123456789" * (end // 10) or end % 10:
                    wrong.append(data)

        reader = threading.Thread(target=read)
        reader.start()
        try:
            for number in range(300):
                with no_file_longer_than(file.end + number % 10), pytest.raises(OSError):
                    file.append(b"torn off..")
                file.append(b"0123456789")
        finally:
            over.set()
            reader.join()
    assert wrong == []


def test_a_closed_one_takes_nothing(tmp_path: Path) -> None:
    with opened(tmp_path / "file") as file:
        file.close()
        file.close()
        with pytest.raises(OSError, match="Bad file descriptor"):
            file.append(b"one\n")


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Appending(tmp_path / "none" / "file")
