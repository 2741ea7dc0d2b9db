"""Commands as a table, and what is answered when the system says no."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

import pytest

from filling import no_file_longer_than
from ftping import visiting
from tincans.apps.ftp.commands import DOES, answer_of
from tincans.errors import ChannelBroken
from tincans.protocols.ftp import COMMANDS, Opens


def test_every_command_that_is_done_has_its_row() -> None:
    assert set(DOES) <= set(COMMANDS)
    assert set(COMMANDS) - set(DOES) == {"ADAT", "CONF", "ENC", "MIC", "SMNT"}  # RFC 2228 without TLS; nothing to mount


def test_what_writes_is_for_those_who_may_write() -> None:
    assert {verb for verb, does in DOES.items() if does.writes} == {
        "ALLO", "APPE", "DELE", "MFMT", "MKD", "RMD", "RNFR", "RNTO", "STOR", "STOU", "XMKD", "XRMD",
    }  # fmt: skip
    assert all(DOES[verb].writes for verb, known in COMMANDS.items() if known.opens is Opens.UPLOAD)


@pytest.mark.parametrize(
    ("number", "code"),
    [(errno.ENOENT, 550), (errno.EACCES, 550), (errno.EBUSY, 450), (errno.EMFILE, 451), (errno.ENOSPC, 452),
     (errno.EFBIG, 552)],
)  # fmt: skip
def test_what_the_system_says_is_answered(number: int, code: int) -> None:
    assert answer_of(OSError(number, os.strerror(number))) == (code, f"{os.strerror(number)}.")


async def test_what_the_disk_does_not_take_is_thrown_away(tmp_path: Path) -> None:
    with no_file_longer_than(1_000_000):
        async with visiting(tmp_path) as caller:
            async with await caller.call() as data:
                assert await caller.codes("STOR large") == [150]
                with contextlib.suppress(ChannelBroken):
                    await data.send(bytes(10_000_000))
                assert await caller.hear() == "552 File too large."
            assert not list(tmp_path.iterdir())
            assert (await caller.store("STOR small", b"x"))[:3] == "226"
