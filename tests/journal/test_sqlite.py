from __future__ import annotations

import itertools
from pathlib import Path

from tincans.journal import open_journal
from tincans.testing import check_journal


async def test_it_keeps_the_contract(tmp_path: Path) -> None:
    folders = (tmp_path / str(number) for number in itertools.count())
    await check_journal(lambda bounds: open_journal(next(folders), bounds))
