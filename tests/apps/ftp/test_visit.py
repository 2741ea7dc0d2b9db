"""How long a visit may be silent."""

from __future__ import annotations

from pathlib import Path

import pytest

from ftping import calling, served, visiting
from tincans.errors import EndOfStream


async def test_who_does_not_log_in_has_to_leave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with served(tmp_path) as server, calling(server) as caller:
        await caller.hear()
        assert await caller.codes("NOOP") == [200]
        monkeypatch.setattr("tincans.apps.ftp.visit.FTP_LOGIN_SECONDS", 0.03)
        assert await caller.codes("USER ftp") == [331]
        assert await caller.hear() == "421 Nobody logged in within 0.03 s."
        with pytest.raises(EndOfStream):
            await caller.channel.receive()


async def test_who_says_nothing_has_to_leave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with visiting(tmp_path) as caller:
        monkeypatch.setattr("tincans.apps.ftp.visit.FTP_IDLE_SECONDS", 0.03)
        assert await caller.codes("NOOP") == [200]
        assert await caller.hear() == "421 Nothing was said for 0.03 s."
        with pytest.raises(EndOfStream):
            await caller.channel.receive()


async def test_a_transfer_is_no_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with visiting(tmp_path) as caller:
        async with await caller.call() as data:
            assert await caller.codes("STOR new") == [150]
            monkeypatch.setattr("tincans.apps.ftp.visit.FTP_IDLE_SECONDS", 0.01)
            for _ in range(4):
                await data.send(b"x")
                assert await caller.codes("STAT") == [211]
        assert (await caller.hear())[:3] == "226"
        assert (await caller.hear())[:3] == "421"
