"""`tincans put`: store files, by HTTP and FTP."""

from __future__ import annotations

import click

from tincans.cli import options
from tincans.cli.options import Called, Mirror, Record, settings


@click.command()
@click.argument("file")
@click.argument("url", metavar="URL")
@click.option("-c", "--continue", "resume", is_flag=True, help="Go on behind what the server has of it already.")
@options.mirroring
@options.calling
@options.active_option
@options.recording
@options.common
def command(file: str, url: str, resume: bool, mirror: Mirror, called: Called, active: bool, record: Record) -> None:
    """Store FILE at URL; - is stdin. Where URL ends in a slash, the file keeps its name.

    With --recursive FILE is a folder, and the one at URL is made the same: only what differs is stored. Passwords stand
    in the URL, in ~/.netrc, or are asked for.

    \b
      tincans put report.pdf http://127.0.0.1:8000/
      tincans put -c big.iso ftp://ada@127.0.0.1:2121/big.iso
      tar c src | tincans put - ftp://127.0.0.1:2121/src.tar
      tincans put -r --delete site/ ftp://ada@example.org/www/
    """
    from tincans.cli.transferring import Job, transfer

    settings().start_logging(record.quiet)
    transfer(Job("put", url, file, {"resume": resume, **mirror.wishes}), called, active, record)
