"""`tincans relay`: be the channel between a client and a server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from tincans.cli import options
from tincans.cli.options import ADDRESS, AddressType, Listening, Record, Show, settings

if TYPE_CHECKING:
    from tincans.address import Address
    from tincans.conversation import Recorder
    from tincans.server import Server


class _Target(AddressType):
    """The address of a relay's target, which may have the options of tls:// where --intercept, eager, was given."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Address:
        from tincans.address import Address

        if ctx is not None and ctx.params.get("intercept") and isinstance(value, str):
            return Address.parse(value, also=("tls",))
        return super().convert(value, param, ctx)


TARGET = _Target()


@click.command()
@click.argument("listen", type=ADDRESS)
@click.argument("target", type=TARGET)
@click.option(
    "--intercept", is_flag=True, is_eager=True,
    help="See through TLS, from the first byte or after STARTTLS, with certificates of your own authority.",
)  # fmt: skip
@options.timeout_option
@options.listening
@options.showing
@options.recording
@options.common
def command(
    listen: Address, target: Address, intercept: bool, timeout: float, listening: Listening, show: Show, record: Record
) -> int:
    """Listen on LISTEN, call TARGET for every caller, and carry what they say both ways.

    Shows who calls whom, what they mean (C: is the client, S: the server) and how it ends. Any address can be joined to
    any other: what a stream and messages lose to each other is said in the record.

    \b
      tincans relay :8080 example.org:80
      tincans relay :9000 unix:///run/app.sock
      tincans relay wss://127.0.0.1:8443?cert=cert.pem&key=key.pem :9000

    With --intercept the relay speaks TLS with each side and records what is said inside: it shows the client a
    certificate for the name that it asked for, signed by your own authority (`tincans cert` says how to trust it), and
    verifies the server's, unless TARGET says otherwise with the options of tls://.

    \b
      tincans relay :8443 example.org:443?sni=example.org --intercept
      tincans relay :2525 'mail.example.org:25?ca=ca.pem' --intercept
      tincans relay :5432 db.example.org:5432?verify=off --intercept

    The data connections of FTP are followed where the target's port is 21, with --as ftp, and with --intercept: other
    addresses are announced in their place, and each is a conversation of its own.

    \b
      tincans relay :2121 ftp.example.org:21
      tincans relay :2121 127.0.0.1:8021 --as ftp
    """
    from tincans.cli import serving
    from tincans.relays import relay

    settings().start_logging(record.quiet)

    async def serve(place: serving.Place) -> None:
        async def start(recorders: Sequence[Recorder]) -> Server:
            return await relay(
                place.address, target, limits=listening.limits, recorders=recorders, timeout=timeout,
                reuse_port=place.reuse_port, intercept=intercept, protocol=show.protocol,
            )  # fmt: skip

        await serving.serve_until_stopped(start, place, record, show, serving.Stop(), parties=(listen, target))

    return serving.run(serve, listen, listening, record)
