"""`tincans send`: files to another person, by a code that is said, or to a peer that is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tincans.cli import options
from tincans.cli.options import ADDRESS, settings
from tincans.limits import PASS_PORT

if TYPE_CHECKING:
    from tincans.address import Address


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@click.option("--peer", metavar="NAME", default="", help="To this known peer, who runs tincans receive: no code.")
@click.option("--to", type=ADDRESS, metavar="ADDRESS", help="Where that peer is. [it is found by mDNS]")
@click.option("--name", metavar="NAME", default="", help="How the receiver is to call what comes from stdin.")
@click.option(
    "--count", type=click.IntRange(0), metavar="N", default=1,
    help="How many are to receive it; 0: whoever has the code, until Ctrl-C. [1]",
)  # fmt: skip
@click.option(
    "--listen", type=ADDRESS, metavar="ADDRESS", default=f"tcp://*:{PASS_PORT}",
    help=f"Where to wait for them. [*:{PASS_PORT}, or another port if that is taken]",
)  # fmt: skip
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but the code, and errors.")
@options.common
def command(
    files: tuple[str, ...], peer: str, to: Address | None, name: str, count: int, listen: Address, quiet: bool
) -> None:
    """Send each FILE, or folder with all that is in it, to another person; - is stdin.

    It prints what they have to type, with a code that is made for this alone and bears three wrong guesses, and waits.
    Nobody who listens learns anything, and no server is asked. From then on the two know each other, and need no code
    (--peer). What broke off is gone on with when both do the same again.

    \b
      tincans send holiday.mp4 photos/
      tincans send --count 5 slides.pdf
      tincans send --peer ann@desk report.pdf
      tar c src | tincans send - --name src.tar
    """
    from tincans.cli.passing import Give, give

    settings().start_logging(quiet)
    give(Give(files, name, to, peer, count, listen, quiet))
