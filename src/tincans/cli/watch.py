"""`tincans watch`: the page of a journal, whoever writes it, or what is said now as JSON."""

from __future__ import annotations

import sys
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import click

from tincans.cli import options
from tincans.cli.options import ADDRESS, settings
from tincans.cli.page import announce, open_browser, serve
from tincans.cli.serving import Stop, port_file, warn_if_open

if TYPE_CHECKING:
    from tincans.address import Address
    from tincans.watch.page import Page


@click.command()
@click.option("--address", type=ADDRESS, help="Where to serve the page. [:7700, or a free port where that is taken]")
@click.option("--read-only", is_flag=True, help="Print the address with the token that may look, and not steer.")
@click.option("--no-open", "opens", flag_value=False, default=True, help="Open no browser.")
@click.option("--port-file", metavar="FILE", type=click.Path(dir_okay=False), help="Write the real port there.")
@options.journal_option
@options.common
def command(address: Address | None, read_only: bool, opens: bool, port_file: str | None, journal: str | None) -> None:
    """Open a page on which every recorded conversation is seen, and every one that goes on.

    Prints the page's address with a token that lets in who has it, and opens it in a browser where there is one. Other
    programs go on recording into the journal, and what they record is seen as it happens.

    \b
      tincans watch
      tincans watch --journal office/conversations --read-only
    """
    settings().start_logging()
    from tincans import tasks

    tasks.run(_Watch(journal, address, read_only, opens, port_file).run())


class _Watch:
    """One run of the command."""

    def __init__(
        self, where: str | None, address: Address | None, read_only: bool, opens: bool, port_file: str | None
    ) -> None:
        self._where, self._address, self._read_only = where, address, read_only
        self._opens, self._port_file = opens, port_file

    async def run(self) -> None:
        """Serve the page until it is asked to stop."""
        from tincans.watch.watched import Watched

        stop = Stop()
        async with AsyncExitStack() as stack:
            watched = await stack.enter_async_context(Watched.reading(self._where))
            page = await serve(stack, self._address, watched)
            stack.enter_context(port_file(self._port_file))(page.address)
            self._announce(page)
            await stop.wait()

    def _announce(self, page: Page) -> None:
        url = page.url(read_only=self._read_only)
        announce(url)
        warn_if_open(page.address)
        if self._opens and sys.stdout.isatty():
            open_browser(url)
