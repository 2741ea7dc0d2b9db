"""What a machine that loses power has of a history: all but about the last second."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from remembering import THEN, eventually, numbers, say
from tincans.apps.chat.events import RoomState, Topic
from tincans.apps.chat.history import forget as history_forget
from tincans.apps.chat.history import log as history_log
from tincans.apps.chat.history import rooms as history_rooms
from tincans.apps.chat.history import syncing as history_syncing
from tincans.apps.chat.history.folder import FolderHistory
from tincans.apps.chat.history.syncing import Syncer, force


@contextlib.contextmanager
def mounted(image: Path, place: Path) -> Iterator[None]:
    """A disk that is an image, in use while the block runs; nothing but an fsync has it written to."""
    place.mkdir()
    done = subprocess.run(["mount", "-o", "loop,commit=3600", image, place], capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"this root may not mount disks: {done.stderr.decode().strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", place], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """The image of a disk of 16 MiB, in use at `machine`."""
    if os.geteuid() != 0:
        pytest.skip("only root mounts disks")
    image = tmp_path / "disk"
    with open(image, "wb") as file:
        file.truncate(16 * 1024 * 1024)
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    with mounted(image, tmp_path / "machine"):
        yield image


def synced(history: FolderHistory) -> bool:
    return history._log._synced == history._log.end and history._rooms._is_synced


@pytest.mark.foreign
async def test_a_machine_that_lost_power_has_what_was_forced_to_its_disk(
    disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_syncing, "CHAT_SYNC_SECONDS", 0.001)
    for module in (history_log, history_forget):
        monkeypatch.setattr(module, "CHAT_SEGMENT_BYTES", 20_000)
    history = FolderHistory.open(tmp_path / "machine" / "rooms")
    try:
        for _ in range(8):
            say(history, *["word " * 100] * 20)
        history.keep(state := RoomState(name="#ops", created=THEN, topic=Topic("it", "ann", THEN)))
        await eventually(lambda: synced(history))
        monkeypatch.setattr(history_syncing, "CHAT_SYNC_SECONDS", 3600)
        say(history, "the last second")
        shutil.copy(disk, tmp_path / "copy")  # what the disk has when the power is lost
    finally:
        await history.aclose()
    with mounted(tmp_path / "copy", tmp_path / "later"):
        later = FolderHistory.open(tmp_path / "later" / "rooms")
        try:
            assert later.last in (160, 161)
            assert numbers(await later.read("#ops", before=161, limit=200)) == [*range(1, 161)]
            assert later.rooms == {"#ops": state}
        finally:
            await later.aclose()


@pytest.fixture
def forced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of what is forced to the disk, in their order."""
    names: list[str] = []

    def note(path: Path) -> None:
        force(path)
        names.append(path.name)

    for module in (history_log, history_rooms):
        monkeypatch.setattr(module, "force", note)
    return names


async def test_only_what_is_new_is_forced(tmp_path: Path, forced: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_syncing, "CHAT_SYNC_SECONDS", 0.001)
    history = FolderHistory.open(tmp_path / "rooms")
    try:
        say(history, "one")
        await eventually(lambda: len(forced) == 3)
        say(history, "two")
        await eventually(lambda: len(forced) == 4)
        history.keep(RoomState(name="#ops", created=THEN))
        await eventually(lambda: len(forced) == 6)
        monkeypatch.setattr(history_log, "CHAT_SEGMENT_BYTES", 1)
        say(history, "three")
        await eventually(lambda: len(forced) == 10)
    finally:
        await history.aclose()
    assert forced == [
        "00000001.jsonl", "log", "rooms", "00000001.jsonl", "rooms.jsonl", "rooms", "00000001.jsonl", "00000002.jsonl",
        "log", "rooms",
    ]  # fmt: skip


async def test_closing_forces_the_rest(tmp_path: Path, forced: list[str]) -> None:
    history = FolderHistory.open(tmp_path / "rooms")
    say(history, "one")
    await history.aclose()
    assert forced == ["00000001.jsonl", "log", "rooms"]
    await FolderHistory.open(tmp_path / "rooms").aclose()
    assert len(forced) == 3  # nothing was new


async def test_a_disk_that_refuses_is_said_once_and_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(history_syncing, "CHAT_SYNC_SECONDS", 0.001)
    asked: list[int] = []

    def sync() -> None:
        asked.append(len(asked))
        if len(asked) in (1, 2, 4):
            raise OSError(5, "Input/output error")

    syncer = Syncer(tmp_path, sync)
    for times in range(1, 5):
        syncer.arrived()
        await eventually(lambda times=times: len(asked) == times)  # type: ignore[misc]
    syncer.close()
    syncer.close()
    assert [record.message for record in caplog.records] == [
        f"a loss of power may cost more of {tmp_path} than a second: [Errno 5] Input/output error"
    ] * 2
    assert len(asked) == 4


async def test_what_cannot_be_forced_is_forced_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    history = FolderHistory.open(tmp_path / "rooms")
    try:
        say(history, "one")
        history.keep(RoomState(name="#ops", created=THEN))

        def fail(path: Path) -> None:
            raise OSError(5, "Input/output error", str(path))

        for module, whole in ((history_log, history._log), (history_rooms, history._rooms)):
            with monkeypatch.context() as patch:
                patch.setattr(module, "force", fail)
                with pytest.raises(OSError, match="Input/output error"):
                    whole.sync()
            assert not synced(history)
            whole.sync()
        assert synced(history)
    finally:
        await history.aclose()


def test_what_is_gone_is_not_forced(tmp_path: Path) -> None:
    force(tmp_path / "nothing")
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        force(tmp_path / "file" / "below")
