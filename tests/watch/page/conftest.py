"""One browser for each module: the loop that Playwright has in its thread is gone before another module's tests run.

The office is one for all of them: its programs are other processes, and every test has conversations of its own in it.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from scene import Office, office
from watching import Exchange, Tab, chromium, tab_of


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """An office of real programs."""
    with office(tmp_path_factory.mktemp("office")) as work:
        yield work


@pytest.fixture
def call(work: Office) -> Exchange:
    """Makes conversations of which the test is both ends."""
    return work.call


@pytest.fixture
def tab(browser: Browser, work: Office) -> Iterator[Tab]:
    """A tab that may show the office's page."""
    with tab_of(browser, work.served) as tab:
        yield tab
