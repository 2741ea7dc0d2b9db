"""The example of docs/adding-a-protocol.md: it is what the page shows, its test passes, and it loads in each way."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from running import start, tincans
from tincans import tin
from tincans.channel import Side
from tincans.conversation import How, Kind, Opening, Said
from tincans.errors import RemoteProtocolError
from tincans.journal import open_journal
from tincans.protocols import find_protocol
from tincans.testing import check_mutations, check_session

HERE = Path(__file__).parent.parent.parent
EXAMPLE = HERE / "examples" / "protocols"
PAGE = HERE / "docs" / "adding-a-protocol.md"
NAME = "thermostat:ThermostatSession"


@pytest.fixture
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLE))


@pytest.mark.parametrize("file", ["thermostat.py", "thermostat.tin", "test_thermostat.py"])
def test_the_page_shows_the_very_files(file: str) -> None:
    assert f"\n{(EXAMPLE / file).read_text()}```\n" in PAGE.read_text()


def test_the_example_is_some_forty_lines() -> None:
    lines = [line for line in (EXAMPLE / "thermostat.py").read_text().splitlines() if line.strip()]
    assert len(lines) <= 45


@pytest.mark.usefixtures("_importable")
def test_it_is_proven_by_module_and_class() -> None:
    events = check_session(EXAMPLE / "thermostat.tin", NAME, guessed=False)
    assert [event.hidden for event in events][:2] == [((4, 8),), ()]
    with pytest.raises(RemoteProtocolError):
        find_protocol(NAME).session(strict=True).receive(Side.CLIENT, b"Goal=23;")


@given(random=st.randoms(use_true_random=False))
def test_broken_it_raises_nothing_and_loses_nothing(random: st.DataObject) -> None:
    sys.path.insert(0, str(EXAMPLE))
    try:
        check_mutations(EXAMPLE / "thermostat.tin", NAME, random)  # type: ignore[arg-type]
    finally:
        sys.path.remove(str(EXAMPLE))


def test_its_own_test_passes_where_somebody_copied_it(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__", ".hypothesis"))
    (folder / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    with start([sys.executable, "-m", "pytest", "-q"], cwd=folder, env={"TINCANS_GOLDEN": ""}) as tested:
        tested.wait()
        assert b"3 passed" in tested.out


# ── by the real command ───────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal with the transcript in it."""
    where = tmp_path_factory.mktemp("thermostat") / "journal"
    asyncio.run(_record(where))
    return where


async def _record(where: Path) -> None:
    journal = open_journal(where)
    tap = journal.begin(Opening(kind=Kind.LISTEN, client="tcp://127.0.0.1:50312", server="tcp://127.0.0.1:4567"))
    for entry in tin.read((EXAMPLE / "thermostat.tin").read_text().splitlines()):
        if isinstance(entry, Said):
            tap.said(entry.side, entry.data)
    tap.closed(How.FINISHED)
    await journal.aclose()


def shown(journal: Path, *arguments: str, cwd: Path, env: Mapping[str, str]) -> str:
    with start(tincans("show", "last", *arguments, "--journal", str(journal)), cwd=cwd, env=env) as showing:
        showing.wait()
        return showing.out.decode()


def test_it_is_found_in_the_current_folder(journal: Path) -> None:
    text = shown(journal, "--as", NAME, cwd=EXAMPLE, env={"PYTHONDONTWRITEBYTECODE": "1"})
    assert "pin=******\n" in text
    assert "malformed at byte 23: it is neither a question nor a value nor an answer" in text


def test_installed_it_is_found_by_its_name_and_recognized(journal: Path, tmp_path: Path) -> None:
    """A distribution as pip leaves it: the module, and beside it a folder with the entry point."""
    shutil.copy(EXAMPLE / "thermostat.py", tmp_path)
    info = tmp_path / "thermostat-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: thermostat\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[tincans.protocols]\nthermostat = {NAME}\n")
    env = {"PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    for arguments in (["--as", "thermostat"], []):
        assert "pin=******\n" in shown(journal, *arguments, cwd=tmp_path, env=env)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with start(tincans("show", "last", "--as", "thermostat", "--journal", str(journal)), cwd=elsewhere) as unknown:
        unknown.wait(2)
        assert b"'thermostat' is not a protocol" in unknown.err
