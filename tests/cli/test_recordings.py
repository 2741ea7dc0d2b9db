from __future__ import annotations

from pathlib import Path

import pytest

from tincans.cli.recordings import reading, write
from tincans.errors import JournalError


async def test_a_journal_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match=r"there is no journal in .*nowhere"):
        async with reading(str(tmp_path / "nowhere")):
            raise AssertionError("it was opened")
    assert list(tmp_path.iterdir()) == []


def test_text_goes_out_as_utf8(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    write("►")
    assert capfdbinary.readouterr().out == "►".encode()
