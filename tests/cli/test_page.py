"""The page beside what matters more: where it cannot be served that is an error only where it was asked for."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tincans.address import Address
from tincans.cli import page
from tincans.errors import NotStarted
from tincans.journal import open_journal
from tincans.watch.watched import Watched


@contextlib.asynccontextmanager
async def watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[contextlib.AsyncExitStack, Watched]]:
    """Something to watch, and a data folder of the test's own."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    journal = open_journal("memory:")
    async with contextlib.AsyncExitStack() as stack:
        yield stack, Watched(journal)
    await journal.aclose()


async def test_no_page_is_no_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with watched(tmp_path, monkeypatch) as (stack, what):
        assert await page.serve_beside(stack, False, what) is None
    assert not list(tmp_path.iterdir())


async def test_a_taken_port_is_an_error_only_where_it_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        there = Address("tcp", "127.0.0.1", taken.getsockname()[1])
        monkeypatch.setattr(page, "USUAL", there)
        async with watched(tmp_path, monkeypatch) as (stack, what):
            served = await page.serve_beside(stack, True, what)
            assert served is not None
            assert served.address.port not in (0, there.port)
            with pytest.raises(NotStarted, match=r"the page: cannot listen on .*: the address is already in use"):
                await page.serve_beside(stack, there, what)


async def test_tokens_that_cannot_be_used_are_a_warning_or_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "tincans").write_text("in the way")
    async with watched(tmp_path, monkeypatch) as (stack, what):
        assert await page.serve_beside(stack, True, what) is None
        assert "there is no page: the page's tokens in" in caplog.text
        with pytest.raises(NotStarted, match="the page: the page's tokens in"):
            await page.serve_beside(stack, Address.parse(":0"), what)


def test_no_browser_is_opened_where_there_is_no_display(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("BROWSER", f"touch {tmp_path}/opened")
    page.open_browser("http://127.0.0.1:1/")
    assert not list(tmp_path.iterdir())
