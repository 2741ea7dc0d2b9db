"""A fetched file appears whole or not at all, and what came of it is gone on with only where that is safe."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tincans.clients.local import LocalFile, is_part
from tincans.clients.remote import Part
from tincans.clients.url import Url
from tincans.errors import CannotWrite

URL = Url.parse("http://ada:secret@h/file")


def test_it_appears_with_its_last_byte(tmp_path: Path) -> None:
    path = tmp_path / "f"
    file = LocalFile(path)
    file.begin(0, URL, '"v"')
    file.write(b"hello")
    assert os.listdir(tmp_path) == ["f.part"]
    file.commit(1_795_824_000.5)
    assert os.listdir(tmp_path) == ["f"]
    assert path.read_bytes() == b"hello"
    assert path.stat().st_mtime == 1_795_824_000.5
    assert not file.keep()  # it is over


def test_what_came_is_kept_with_what_it_is_of(tmp_path: Path) -> None:
    file = LocalFile(tmp_path / "f")
    assert file.kept(URL) is None
    file.begin(0, URL, '"v"')
    file.write(b"hel")
    assert file.keep()
    again = LocalFile(tmp_path / "f")
    assert again.kept(URL) == Part(3, '"v"')
    assert again.kept(URL._replace(path="/other")) is None
    assert again.kept(URL.without_secrets()) == Part(3, '"v"')
    assert b"secret" not in (tmp_path / "f.part.json").read_bytes()
    again.begin(2, URL, '"v"')
    again.write(b"xy")
    again.commit(None)
    assert (tmp_path / "f").read_bytes() == b"hexy"
    assert os.listdir(tmp_path) == ["f"]


@pytest.mark.parametrize(("data", "version"), [(b"hel", ""), (b"", '"v"')])
def test_what_cannot_be_gone_on_with_is_thrown_away(data: bytes, version: str, tmp_path: Path) -> None:
    file = LocalFile(tmp_path / "f")
    file.begin(0, URL, version)
    file.write(data)
    assert not file.keep()
    assert os.listdir(tmp_path) == []


def test_a_part_without_a_note_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "f.part").write_bytes(b"whose?")
    assert LocalFile(tmp_path / "f").kept(URL) is None
    (tmp_path / "f.part.json").write_text("{")
    assert LocalFile(tmp_path / "f").kept(URL) is None
    # Somebody who goes on writing, and is killed: the note is gone before the first byte.
    (tmp_path / "f.part.json").write_text('{"url": "http://h/file", "version": "v"}')
    assert LocalFile(tmp_path / "f").kept(Url.parse("http://h/file")) == Part(6, "v")
    file = LocalFile(tmp_path / "f")
    file.begin(0, URL, '"v"')
    assert LocalFile(tmp_path / "f").kept(Url.parse("http://h/file")) is None
    file.keep()


def test_whoever_is_killed_has_left_a_note(tmp_path: Path) -> None:
    """Nothing is said to the one that writes: that is what a killed process looks like from outside."""
    file, again = LocalFile(tmp_path / "f"), LocalFile(tmp_path / "f")
    file.begin(0, URL, "1")
    file.note()
    assert again.kept(URL) is None  # of nothing
    file.write(b"hel")
    file.note()
    assert again.kept(URL) == Part(3, "1")
    again.begin(3, URL, "1")
    assert LocalFile(tmp_path / "f").kept(URL) == Part(3, "1")  # and so it is for the next who is killed
    again.write(b"lo")
    assert LocalFile(tmp_path / "f").kept(URL) == Part(5, "1")
    other = LocalFile(tmp_path / "f")
    other.begin(0, URL, "2")
    assert os.listdir(tmp_path) == ["f.part"]  # what is of another version is never beside the note of this one
    other.write(b"x")
    other.note()
    assert LocalFile(tmp_path / "f").kept(URL) == Part(1, "2")
    other.commit(None)
    assert os.listdir(tmp_path) == ["f"]
    again.keep()
    file.keep()


def test_what_has_no_version_has_no_note(tmp_path: Path) -> None:
    file = LocalFile(tmp_path / "f")
    file.begin(0, URL, "")
    file.write(b"hel")
    file.note()
    assert os.listdir(tmp_path) == ["f.part"]
    file.commit(None)


def test_a_link_in_the_place_of_a_part_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "victim").write_bytes(b"precious")
    (tmp_path / "f.part").symlink_to("victim")
    with pytest.raises(CannotWrite, match=r"cannot write .*/f: too many levels of symbolic links"):
        LocalFile(tmp_path / "f").begin(0, URL, '"v"')
    (tmp_path / "g").symlink_to("victim")
    file = LocalFile(tmp_path / "g")
    file.begin(0, URL, '"v"')
    file.commit(None)
    assert (tmp_path / "victim").read_bytes() == b"precious"
    assert not (tmp_path / "g").is_symlink()


def test_a_pipe_is_written_to_as_it_is(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "pipe.part").write_bytes(b"whose?")
    (tmp_path / "pipe.part.json").write_text('{"url": "http://h/file", "version": "v"}')
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    for end in ("commit", "keep"):
        file = LocalFile(tmp_path / "pipe")
        assert file.kept(Url.parse("http://h/file")) is None
        file.begin(0, URL, '"v"')
        file.write(b"hello")
        if end == "commit":
            file.commit(1.0)
        else:
            assert not file.keep()
        assert os.read(reader, 100) == b"hello"
    os.close(reader)
    assert (tmp_path / "pipe").is_fifo()
    assert (tmp_path / "pipe.part").read_bytes() == b"whose?"
    with pytest.raises(CannotWrite, match="is a directory"):
        LocalFile(tmp_path).begin(0, URL, '"v"')


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CannotWrite, match=r"cannot write .*/x/f: no such file or directory"):
        LocalFile(tmp_path / "x" / "f").begin(0, URL, '"v"')


@pytest.mark.parametrize("hidden", [False, True])
def test_the_longest_name_has_a_part(hidden: bool, tmp_path: Path) -> None:
    for name in ("é" * 127, "x" * 255):
        file = LocalFile(tmp_path / name, hidden=hidden)
        file.begin(0, URL, '"v"')
        file.write(b"x")
        assert file.keep()
        assert LocalFile(tmp_path / name, hidden=hidden).kept(URL) == Part(1, '"v"')
        assert not hidden or all(is_part(each) for each in os.listdir(tmp_path))
        file = LocalFile(tmp_path / name, hidden=hidden)
        file.begin(1, URL, '"v"')
        file.commit(None)
        assert os.listdir(tmp_path) == [name]
        (tmp_path / name).unlink()


def test_parts_are_told_by_their_names() -> None:
    assert is_part(".f.tincans-part")
    assert is_part(".f.tincans-part.json")
    assert not any(map(is_part, ("f", ".f", "f.part", "f.tincans-part", ".f.json")))
