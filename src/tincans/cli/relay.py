"""`tincans relay`: be the channel between a client and a server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from tincans.cli import options
from tincans.cli.options import ADDRESS, Listening, Record, Show, settings

if TYPE_CHECKING:
    from tincans.address import Address
    from tincans.conversation import Recorder
    from tincans.server import Server


@click.command()
@click.argument("listen", type=ADDRESS)
@click.argument("target", type=ADDRESS)
@options.timeout_option
@options.listening
@options.showing
@options.recording
@options.common
def command(listen: Address, target: Address, timeout: float, listening: Listening, show: Show, record: Record) -> int:
    """Listen on LISTEN, call TARGET for every caller, and carry what they say both ways.

    Shows who calls whom, what is said (► by the client, ◄ by the server) and how it ends. Any address can be joined to
    any other: what a stream and messages lose to each other is said in the record.

    \b
      tincans relay :8080 example.org:80
      tincans relay :9000 unix:///run/app.sock
      tincans relay wss://127.0.0.1:8443?cert=cert.pem&key=key.pem :9000
    """
    from tincans.cli import serving
    from tincans.relays import relay

    settings().start_logging(record.quiet)

    async def serve(place: serving.Place) -> None:
        async def start(recorders: Sequence[Recorder]) -> Server:
            return await relay(
                place.address, target, limits=listening.limits, recorders=recorders, timeout=timeout,
                reuse_port=place.reuse_port,
            )  # fmt: skip

        await serving.serve_until_stopped(start, place, record, show, serving.Stop(), parties=(listen, target))

    return serving.run(serve, listen, listening, record)
