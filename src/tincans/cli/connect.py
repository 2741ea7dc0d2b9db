"""`tincans connect`: be the client."""

from __future__ import annotations

import os
import sys
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, NamedTuple

import click

from tincans.cli import options
from tincans.cli.options import ADDRESS, Record, Show, settings

if TYPE_CHECKING:
    from tincans.address import Address
    from tincans.channel import Channel
    from tincans.cli.desk import Manner
    from tincans.conversation import Recorder


class Call(NamedTuple):
    """Whom to call, and how."""

    address: Address
    timeout: float
    retry: float
    proxy: str | None


@click.command()
@click.argument("address", type=ADDRESS)
@click.option("--crlf", is_flag=True, help="End the lines that are sent in CR LF.")
@click.option("--hex-input", is_flag=True, help="Read stdin as lines of hexadecimal, as in: 48 65 6c 6c 6f 0a")
@click.option("--once", is_flag=True, help="Send one line, wait --timeout for one back, and exit.")
@options.timeout_option
@click.option("--retry", type=click.FloatRange(0), metavar="SECONDS", default=0.0, help="Call again for so long.")
@click.option("--proxy", metavar="URL", help="Call through socks5://[user:password@]host:port or http://….")
@click.option("--from", "--bind", "source", metavar="PORT", help="Call from this port, host or host:port.")
@click.option("--show", "shown", is_flag=True, help="Show on stderr what both sides say, as what it means.")
@options.showing
@options.recording
@options.common
def command(
    address: Address, crlf: bool, hex_input: bool, once: bool, timeout: float, retry: float,
    proxy: str | None, source: str | None, shown: bool, show: Show, record: Record,
) -> None:  # fmt: skip
    """Call ADDRESS and talk to the server there.

    At a terminal you type lines and read what comes; in a pipeline stdin is sent and stdout is the answer, byte for
    byte. The end of stdin (Ctrl-D) ends what you say; the answer is still read to its end. Where the channel carries
    messages (udp, ws), a line is a message. --as, --full, --secrets and --json are ways to --show; so is --hex beside
    them, and alone it is how the answer is printed.

    \b
      tincans connect :7707
      printf 'GET / HTTP/1.0\\r\\n\\r\\n' | tincans connect tls://example.org:443
      echo PING | tincans connect --once --crlf :6379
      tincans connect :6379 --as redis
    """
    from tincans.cli.desk import Manner
    from tincans.tasks import run

    settings().start_logging(record.quiet)
    call = Call(_from(address, source) if source else address, timeout, retry, proxy)
    shown = (shown or show.is_chosen) and not record.quiet
    manner = Manner(crlf=crlf, hex=show.hex and not shown, hex_input=hex_input)
    run(_connect(call, manner, once, record, show if shown else None))


def _from(address: Address, source: str) -> Address:
    """The address, called from a port of one's own choice."""
    from tincans.address import NETWORK, Address
    from tincans.errors import UsageError

    if address.scheme not in NETWORK:
        raise UsageError(f"--from is for tcp and udp, and {address} is neither")
    if source.isdecimal():
        source = f":{source}"
    Address.parse(f"tcp://{source}" if ":" in source else f"tcp://{source}:0")  # or it says what is wrong
    kept = tuple(option for option in address.options if option[0] != "bind")
    return address._replace(options=(*kept, ("bind", source)))


async def _connect(call: Call, manner: Manner, once: bool, record: Record, show: Show | None) -> None:
    from tincans.cli.desk import ask, talk

    async with AsyncExitStack() as stack:
        recorders: list[Recorder] = []
        if journal := await stack.enter_async_context(record.opened()):
            recorders.append(journal)
        if show is not None:
            from tincans.cli.live import printing

            recorders.append(stack.enter_context(printing(show, lambda: None, fd=2, totals=False)))
        channel = await _dial(call, recorders)
        if not record.quiet and os.isatty(0) and show is None:
            print(f"connected to {channel.remote.bare()} from {channel.local.bare()}", file=sys.stderr)
        if once:
            await ask(channel, manner, call.timeout)
        else:
            await talk(channel, manner)


async def _dial(call: Call, recorders: list[Recorder]) -> Channel:
    from tincans.client import connect

    return await connect(call.address, timeout=call.timeout, retry=call.retry, proxy=call.proxy, recorders=recorders)
