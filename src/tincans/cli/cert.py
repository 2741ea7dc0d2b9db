"""`tincans cert`: a certificate for TLS between programs of one's own."""

from __future__ import annotations

from pathlib import Path

import click

from tincans.cli import options


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME…")
@click.option(
    "--folder", type=click.Path(file_okay=False, path_type=Path), default=".", help="Where to put it. [this folder]"
)
@options.common
def command(names: tuple[str, ...], folder: Path) -> None:
    """Make a certificate for the host names and IP addresses given, and say how to trust it.

    It is signed by an authority of your own, made when it is first needed and kept in your data folder: trust that
    once, and every certificate made here is trusted.

    \b
      tincans cert localhost 127.0.0.1
      tincans listen 'tls://127.0.0.1:9000?cert=localhost.pem&key=localhost.key' echo
    """
    from tincans.certificates import how_to_trust, make_leaf

    leaf = make_leaf(names, folder)
    click.echo(f"certificate  {leaf.cert_path}\nkey          {leaf.key_path}\nauthority    {leaf.ca_path}\n")
    cert, key = _shown(leaf.cert_path), _shown(leaf.key_path)
    click.echo(f"Listen with it:\n  tincans listen 'tls://127.0.0.1:9000?cert={cert}&key={key}' echo\n")
    click.echo("Trust the authority, once, where the other program runs:\n")
    click.echo(how_to_trust(leaf.ca_path), nl=False)


def _shown(path: Path) -> str:
    """A path that can stand in an address."""
    from urllib.parse import quote

    return quote(str(path), safe="/@:,*[]~")
