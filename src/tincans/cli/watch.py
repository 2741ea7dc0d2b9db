"""`tincans watch`: the page of a journal, whoever writes it; or with --json what is said from now on, as events."""

from __future__ import annotations

import asyncio
import select
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack, aclosing
from typing import TYPE_CHECKING

import click

from tincans.cli import options
from tincans.cli.options import ADDRESS, settings
from tincans.cli.page import announce, open_browser, serve
from tincans.cli.serving import Stop, port_file, warn_if_open

if TYPE_CHECKING:
    from tincans.address import Address
    from tincans.watch.feed import Wanted
    from tincans.watch.page import Page

#: How often it is looked whether somebody still reads.
_NOTICE_SECONDS = 0.25


@click.command()
@click.option("--address", type=ADDRESS, help="Where to serve the page. [:7700, or a free port where that is taken]")
@click.option("--read-only", is_flag=True, help="Print the address with the token that may look, and not steer.")
@click.option("--no-open", "opens", flag_value=False, default=True, help="Open no browser.")
@click.option("--mails", metavar="DIR", type=click.Path(file_okay=False), help="The inbox to show. [the user's own]")
@click.option("--port-file", metavar="FILE", type=click.Path(dir_okay=False), help="Write the real port there.")
@click.option("--json", "as_json", is_flag=True, help="No page: print one event a line, as they are said from now on.")
@click.option("--full", is_flag=True, help="With --json: all events, and not some hundreds a second.")
@click.option(
    "--secrets", is_flag=True, help="With --json: passwords, cookies and the like, which are masked otherwise."
)
@options.as_option
@options.journal_option
@options.common
def command(
    address: Address | None, read_only: bool, opens: bool, port_file: str | None, as_json: bool, full: bool,
    secrets: bool, protocol: str, journal: str | None, mails: str | None,
) -> None:  # fmt: skip
    """Open a page on which every recorded conversation is seen, and every one that goes on.

    Prints the page's address with a token that lets in who has it, and opens it in a browser where there is one. Other
    programs go on recording into the journal, and what they record is seen as it happens.

    \b
      tincans watch
      tincans watch --journal office/conversations --read-only
      tincans watch --json | jq 'select(.type == "request") | .target'
    """
    given = {"--full": full, "--secrets": secrets, "--as": bool(protocol)}
    if not as_json and (alone := [name for name, is_given in given.items() if is_given]):
        raise click.UsageError(f"{alone[0]} is about events: it goes with --json")
    if as_json and (address is not None or read_only or port_file or mails):
        others = "--address, --read-only, --mails and --port-file"
        raise click.UsageError(f"with --json there is no page: it goes without {others}")
    settings().start_logging()
    from tincans import tasks

    if as_json:
        from tincans.watch.feed import Wanted

        tasks.run(_print_events(journal, Wanted(protocol=protocol, full=full, secrets=secrets)))
    else:
        tasks.run(_Watch((journal, mails), address, read_only, opens, port_file).run())


async def _print_events(where: str | None, wanted: Wanted) -> None:
    """Print them until it is asked to stop. Raises `BrokenPipeError` when nobody reads them any more."""
    from tincans.errors import ChannelBroken
    from tincans.tasks import spawn
    from tincans.transports.stdio import StdioChannel
    from tincans.watch.feed import events
    from tincans.watch.watched import Watched

    async def print_events() -> None:
        async with Watched.reading(where) as watched, aclosing(events(watched, wanted)) as lines, StdioChannel() as out:
            async for line in lines:
                await out.send(line + b"\n")

    stop = Stop()
    noticing = spawn(_notice(stop.broken))
    try:
        await stop.until(spawn(print_events()))
    except ChannelBroken:
        stop.unread = True
    finally:
        noticing.cancel()
    if stop.unread:
        raise BrokenPipeError


async def _notice(gone: Callable[[], None]) -> None:
    """Call `gone` when whoever reads stdout has gone, also while there is nothing to print (poll(2), POLLERR)."""
    poll = select.poll()
    poll.register(1, 0)
    while True:
        await asyncio.sleep(_NOTICE_SECONDS)
        if poll.poll(0):
            return gone()


class _Watch:
    """One run of the command with a page."""

    def __init__(
        self, where: tuple[str | None, str | None], address: Address | None, read_only: bool, opens: bool,
        port_file: str | None,
    ) -> None:  # fmt: skip
        """`where` the journal and the mails are."""
        self._where, self._address, self._read_only = where, address, read_only
        self._opens, self._port_file = opens, port_file

    async def run(self) -> None:
        """Serve the page until it is asked to stop."""
        from tincans.watch.watched import Watched

        stop = Stop()
        async with AsyncExitStack() as stack:
            watched = await stack.enter_async_context(Watched.reading(*self._where))
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
