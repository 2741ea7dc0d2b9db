"""A mail on its way to a disk that refuses it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from delivering import HELLO, calling, deliver, say, texts
from posting import store
from tincans.apps.mail import smtp_taking
from tincans.apps.mail.smtp_dialogue import House
from tincans.apps.mail.store import Mails


@pytest.fixture
def mails(tmp_path: Path) -> Iterator[Mails]:
    with store(tmp_path / "mails") as found:
        yield found


# ── the disk ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("code", "reply"),
    [
        (errno.ENOSPC, "452 4.3.1 there is not enough room on the disk"),
        (errno.EDQUOT, "452 4.3.1 there is not enough room on the disk"),
        (errno.EIO, "451 4.3.0 the mail could not be kept; the server's log says why"),
    ],
)
@pytest.mark.parametrize("size", [100, 300_000])
async def test_a_disk_that_refuses(
    mails: Mails, monkeypatch: pytest.MonkeyPatch, code: int, reply: str, size: int
) -> None:
    def refuse(*_: object) -> NoReturn:
        raise OSError(code, os.strerror(code))

    async with calling(House(mails)) as channel:
        await say(channel, "EHLO x")
        with monkeypatch.context() as patch:
            patch.setattr("tincans.apps.mail.store_incoming._write", refuse)
            assert await deliver(channel, b"x" * size + b"\r\n") == reply
        assert (await deliver(channel))[:3] == "250"  # once there is room again
    assert texts(mails) == [HELLO]


def test_a_disk_that_cannot_be_asked_has_room(mails: Mails, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: object) -> NoReturn:
        raise OSError(errno.ENOSYS, "no")

    monkeypatch.setattr(os, "statvfs", refuse)
    assert smtp_taking.has_room(mails, 10**18)
