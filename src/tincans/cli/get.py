"""`tincans get`: fetch files, by HTTP and FTP."""

from __future__ import annotations

import click

from tincans.cli import options
from tincans.cli.options import Called, Mirror, Record, settings


@click.command()
@click.argument("url", metavar="URL")
@click.argument("file", required=False)
@click.option("-f", "--force", is_flag=True, help="Write over a file that is there.")
@click.option("-c", "--continue", "resume", is_flag=True, help="Go on with what an earlier attempt left.")
@options.mirroring
@options.calling
@options.active_option
@options.recording
@options.common
def command(
    url: str, file: str | None, force: bool, resume: bool, mirror: Mirror, called: Called, active: bool, record: Record
) -> None:
    """Fetch the file at URL, as FILE, or called as at the server; - is stdout.

    It appears whole or not at all, with the server's time; what came of one that broke off is kept beside it, as
    FILE.part, for --continue, which never mixes two versions. With --recursive FILE is a folder, made the same as the
    one at URL: only what differs in size or time is fetched. Passwords stand in the URL, in ~/.netrc, or are asked for.

    \b
      tincans get https://example.org/big.iso
      tincans get -c https://example.org/big.iso
      tincans get http://127.0.0.1:8000/data.json - | jq .
      tincans get -r ftp://127.0.0.1:2121/photos/ photos
      tincans get --via unix:///run/x.sock http://localhost/status -
    """
    from tincans.cli.transferring import Job, transfer

    settings().start_logging(record.quiet)
    transfer(Job("get", url, file or "", {"force": force, "resume": resume, **mirror.wishes}), called, active, record)
