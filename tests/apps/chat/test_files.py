"""The files of a hub: whole or not there, counted, under names that do nothing, and nothing left of what is cut off."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import unquote

import pytest

from tincans.apps.chat.events import File
from tincans.apps.chat.files import Shelf, clean
from tincans.apps.chat.refusals import Refused, Why
from tincans.limits import CHAT_FILE_NAME_BYTES


@asynccontextmanager
async def shelf_of(folder: Path | None, **bounds: int) -> AsyncIterator[Shelf]:
    shelf = Shelf(folder, **bounds)
    try:
        yield shelf
    finally:
        shelf.close()


async def put(shelf: Shelf, name: str, data: bytes, length: int | None = None) -> File:
    arrival = await shelf.begin(name, length)
    with arrival.whole():
        arrival.write(data)
        return arrival.keep()


async def content(shelf: Shelf, file: File) -> bytes:
    with await shelf.open(unquote(file.url, errors="surrogateescape").removeprefix("/files")) as opened:
        return Path(f"/proc/self/fd/{opened.fd}").read_bytes()


async def test_a_file_is_kept_and_found_by_its_link(tmp_path: Path) -> None:
    async with shelf_of(tmp_path / "files") as shelf:
        file = await put(shelf, "report.pdf", b"pears")
        other = await put(shelf, "report.pdf", b"plums")
        assert (file.name, file.size, file.type) == ("report.pdf", 5, "application/pdf")
        assert file.url != other.url
        assert await content(shelf, file) == b"pears"
        assert await content(shelf, other) == b"plums"
        assert shelf.size == 10
    async with shelf_of(tmp_path / "files") as again:
        assert await content(again, file) == b"pears"
        assert again.size == 10


async def test_an_id_cannot_be_guessed(tmp_path: Path) -> None:
    async with shelf_of(tmp_path) as shelf:
        ids = {(await put(shelf, "a", b"")).url.split("/")[2] for _ in range(50)}
    assert len(ids) == 50
    assert all(len(bytes.fromhex(each)) == 16 for each in ids)


async def test_a_file_that_is_not_whole_is_not_there(tmp_path: Path) -> None:
    async with shelf_of(tmp_path) as shelf:
        arrival = await shelf.begin("a", None)
        arrival.write(b"half")
        (folder,) = tmp_path.iterdir()
        with pytest.raises(FileNotFoundError):
            await shelf.open(f"/{folder.name}/a")
        arrival.discard()
        arrival.discard()
        assert shelf.size == 0
        assert list(tmp_path.iterdir()) == []


async def test_what_was_kept_can_be_taken_back(tmp_path: Path) -> None:
    async with shelf_of(tmp_path) as shelf:
        arrival = await shelf.begin("a", 3)
        arrival.write(b"all")
        arrival.keep()
        arrival.discard()
        assert shelf.size == 0
        assert list(tmp_path.iterdir()) == []


async def test_what_a_hub_that_was_killed_left_is_taken_away(tmp_path: Path) -> None:
    async with shelf_of(tmp_path) as shelf:
        kept = await put(shelf, "whole", b"whole")
        arrival = await shelf.begin("half", None)
        arrival.write(b"half")
        arrival._upload.keep()  # type: ignore[union-attr]  # the process ends, and its part stays
    assert len(list(tmp_path.iterdir())) == 2
    async with shelf_of(tmp_path) as again:
        assert await content(again, kept) == b"whole"
        assert again.size == 5
        assert len(list(tmp_path.iterdir())) == 1


async def test_a_file_may_have_just_so_many_bytes(tmp_path: Path) -> None:
    async with shelf_of(tmp_path, each=10) as shelf:
        assert (await put(shelf, "a", b"x" * 10, 10)).size == 10
        with pytest.raises(Refused) as told:
            await shelf.begin("a", 11)
        assert told.value.why is Why.TOO_LONG
        with pytest.raises(Refused) as later:  # of one whose length was not said
            await put(shelf, "a", b"x" * 11)
        assert later.value.why is Why.TOO_LONG
        assert shelf.size == 10
        assert len(list(tmp_path.iterdir())) == 1


async def test_all_files_together_may_have_just_so_many_bytes(tmp_path: Path) -> None:
    async with shelf_of(tmp_path, most=10) as shelf:
        await put(shelf, "a", b"x" * 6)
        await put(shelf, "a", b"x" * 4)
        for length in (1, None):
            with pytest.raises(Refused) as full:
                await put(shelf, "a", b"x", length)
            assert full.value.why is Why.DISK
            assert "take the 10 B that they may, and go only with the messages that name them" in str(full.value)
        assert shelf.size == 10
        assert len(list(tmp_path.iterdir())) == 2


async def test_two_that_arrive_at_once_share_the_room(tmp_path: Path) -> None:
    async with shelf_of(tmp_path, most=10) as shelf:
        one, two = await shelf.begin("a", 6), await shelf.begin("a", 6)
        one.write(b"x" * 6)
        with pytest.raises(Refused):
            two.write(b"x" * 6)
        two.discard()
        assert one.keep().size == 6
        assert shelf.size == 6


async def test_files_that_are_kept_nowhere_are_gone_with_their_hub() -> None:
    async with shelf_of(None) as shelf:
        file = await put(shelf, "a", b"passing")
        assert await content(shelf, file) == b"passing"
        folder = shelf._folder
        assert folder is not None
        assert folder.is_dir()
    assert not folder.exists()


async def test_nothing_is_made_before_the_first_file(tmp_path: Path) -> None:
    async with shelf_of(tmp_path / "files"):
        pass
    assert not (tmp_path / "files").exists()


async def test_no_path_leads_out_or_to_what_is_hidden(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    async with shelf_of(tmp_path / "files") as shelf:
        file = await put(shelf, "a", b"")
        folder = file.url.split("/")[2]
        for path in ("/../secret", f"/{folder}/../../secret", f"/{folder}", "/", "/x/y", f"/{folder}/.a.tincans-part"):
            with pytest.raises(OSError):
                await shelf.open(path)


NAMES: list[tuple[str, str]] = [
    ("report.pdf", "report.pdf"),
    ("Grüße 🥫.txt", "Grüße 🥫.txt"),
    ("a/b\\c", "a_b\\c"),
    ("../../etc/passwd", "_.._etc_passwd"),
    (".hidden", "hidden"),
    ("...", "file"),
    ("  ", "file"),
    ("evil\u202egnp.exe", "evil_gnp.exe"),
    ("a\nb\0c\x1b[31m", "a_b_c_[31m"),
    ("<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"),
    ("\udcff.txt", "_.txt"),
]


@pytest.mark.parametrize(("given", "kept"), NAMES)
async def test_a_name_is_one_line_that_does_nothing(given: str, kept: str, tmp_path: Path) -> None:
    assert clean(given) == kept
    async with shelf_of(tmp_path) as shelf:
        file = await put(shelf, given, b"x")
        assert file.name == kept
        assert await content(shelf, file) == b"x"


@pytest.mark.parametrize("sign", ["x", "ß", "🥫"])
@pytest.mark.parametrize(("before", "after"), [("", ".gz"), ("a.", "")])
async def test_a_name_may_have_just_so_many_bytes(sign: str, before: str, after: str, tmp_path: Path) -> None:
    count = (CHAT_FILE_NAME_BYTES - len(before + after)) // len(sign.encode())
    fits, longer = (before + sign * times + after for times in (count, count + 1))
    assert clean(fits) == fits
    cut = clean(longer)
    assert cut != longer
    assert CHAT_FILE_NAME_BYTES - 4 <= len(cut.encode()) <= CHAT_FILE_NAME_BYTES
    async with shelf_of(tmp_path) as shelf:
        assert (await put(shelf, longer, b"")).name == cut
