"""Debian's Chromium with the page in it, and what is measured inside: how long its main thread was ever blocked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bench.figures import NotMeasured
from bench.workplace import has

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

#: No sandbox because benchmarks run as root, too; nothing that calls home.
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip

SETTLED_MS = 2000

#: Long tasks are those of more than 50 ms (Long Tasks API); where there was none, the longest is taken for 0.
_BLOCKED = """
window.blocked = 0;
new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) window.blocked = Math.max(window.blocked, duration);
}).observe({ type: "longtask", buffered: false });
"""


@contextmanager
def browsing() -> Iterator[Browser]:
    """A browser. `NotMeasured` where there is none."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise NotMeasured("playwright is not installed") from None
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=has("chromium"), args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def looking(browser: Browser, url: str, view: str) -> Iterator[Page]:
    """A tab with the page at `url` (which has the token) and a view of it, as `map`; it hears what happens, and has
    been open for a moment: a browser that has just begun is busy with itself."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    try:
        page.goto(url)
        page.get_by_text("Live", exact=True).wait_for()
        go(page, view)
        page.wait_for_timeout(SETTLED_MS)
        page.evaluate(_BLOCKED)
        yield page
    finally:
        page.close()


def go(page: Page, view: str) -> None:
    """Show another view, as the address of a link to it would."""
    page.evaluate("(view) => { location.hash = `#/${view}`; }", view)


def blocked(page: Page) -> float:
    """The longest that its main thread was blocked since this was last asked, in milliseconds."""
    longest: float = page.evaluate("() => { const longest = window.blocked; window.blocked = 0; return longest; }")
    return longest
