"""What `tincans up` and `tincans watch` do about the page: serve it somewhere, print its address, open a browser.

What it is made of takes a fifth of a second to import, so it is imported here, in another thread, and only where there
is to be a page.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from contextlib import AsyncExitStack
from importlib import import_module
from typing import TYPE_CHECKING

import click

from tincans.address import Address
from tincans.errors import AddressInUse, NotStarted, TincansError

if TYPE_CHECKING:
    from tincans.watch.page import Page
    from tincans.watch.watched import Watched

log = logging.getLogger(__name__)

#: Where the page is looked for.
USUAL = Address("tcp", "127.0.0.1", 7700)


async def serve(stack: AsyncExitStack, address: Address | None, watched: Watched) -> Page:
    """Serve the page until `stack` ends: at `address`, or at the usual one, or a free one where that is taken.

    Raises `ListenError`, `UsageError` where no browser can open the address, and `TokensUnsafe`.
    """
    await asyncio.to_thread(import_module, "tincans.watch.page")
    from tincans.watch import tokens
    from tincans.watch.page import serve_page

    kept = await asyncio.to_thread(tokens.kept)
    if address is not None:
        return await stack.enter_async_context(serve_page(address, watched, kept))
    try:
        return await stack.enter_async_context(serve_page(USUAL, watched, kept))
    except AddressInUse:
        return await stack.enter_async_context(serve_page(USUAL._replace(port=0), watched, kept))


async def serve_beside(stack: AsyncExitStack, asked: Address | bool, watched: Watched) -> Page | None:
    """As `serve`, beside what matters more; True stands for the usual address, False for no page.

    A page that was asked for by its address and cannot be served is `NotStarted`; another is a warning, and None.
    """
    if asked is False:
        return None
    try:
        return await serve(stack, None if asked is True else asked, watched)
    except TincansError as error:
        if asked is not True:
            raise NotStarted("the page", error) from error
        log.warning("there is no page: %s", error)
        return None


def announce(url: str, *, err: bool = False) -> None:
    """Print the page's address, at once: who reads it through a pipe waits for it."""
    click.echo(url, err=err)
    (sys.stderr if err else sys.stdout).flush()


def open_browser(url: str) -> None:
    """Show it where there is a display; where that cannot be done nothing is said, as the address is printed anyway."""
    if sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        import webbrowser

        threading.Thread(target=webbrowser.open, args=[url], daemon=True).start()
