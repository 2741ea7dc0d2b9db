"""`tincans receive`: files from another person, by the code that they said, or from peers that are known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tincans.cli import options
from tincans.cli.options import ADDRESS, settings
from tincans.limits import PASS_PORT

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from tincans.address import Address


def _complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    from tincans.peers.codes import completions

    return [CompletionItem(code) for code in completions(incomplete)]


@click.command()
@click.argument("code", nargs=-1, metavar="[CODE]", shell_complete=_complete)
@click.option("--from", "source", type=ADDRESS, metavar="ADDRESS", help="Where the sender is. [it is found by mDNS]")
@click.option("--to", metavar="FOLDER", default=".", help="Where the files go; - is stdout, for one file. [here]")
@click.option("-y", "--yes", is_flag=True, help="Take it without asking.")
@click.option("--overwrite", is_flag=True, help="Write over files that are there, instead of NAME (1).")
@click.option(
    "--count", type=click.IntRange(0), metavar="N", default=1,
    help="Without a code: how many times to receive; 0: until Ctrl-C. [1]",
)  # fmt: skip
@click.option(
    "--listen", type=ADDRESS, metavar="ADDRESS", default=f"tcp://*:{PASS_PORT}",
    help=f"Without a code: where to wait. [*:{PASS_PORT}, or another port if that is taken]",
)  # fmt: skip
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
@options.common
def command(
    code: tuple[str, ...], source: Address | None, to: str, yes: bool, overwrite: bool, count: int, listen: Address,
    quiet: bool,
) -> None:  # fmt: skip
    """Receive what another person sends: by their CODE, or without one from peers that are known.

    The code may be typed with blanks or dashes, in any case, and four letters of each word are enough. A file appears
    when all of it came and was checked. What came of one that broke off is gone on with by the same command.

    \b
      tincans receive 7-hovercraft-orbit
      tincans receive 7 hove orbi --from 192.168.1.5:7768
      tincans receive 7-hovercraft-orbit --to - | tar x
      tincans receive --to ~/incoming --count 0 --yes
    """
    from tincans.cli.passing import Take, take

    settings().start_logging(quiet)
    take(Take(" ".join(code), source, to, yes, overwrite, count, listen, quiet))
