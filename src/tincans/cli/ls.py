"""`tincans ls`: list a folder of a server, by HTTP and FTP."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from tincans.cli import options
from tincans.cli.options import Called, Record, settings

if TYPE_CHECKING:
    from tincans.clients.remote import Item


@click.command()
@click.argument("url", metavar="URL")
@click.option("-1", "names", is_flag=True, help="Only the names, one a line.")
@click.option("--json", "as_json", is_flag=True, help="One item a line, as JSON; times in seconds since 1970.")
@options.calling
@options.active_option
@options.recording
@options.common
def command(url: str, names: bool, as_json: bool, called: Called, active: bool, record: Record) -> None:
    """List the folder at URL: kind, size, time and name of what is in it.

    d is a folder, l a link, ~ stands before what the server has rounded. Where an HTTP server has no listing for
    programs, the links of its page are listed.

    \b
      tincans ls ftp://127.0.0.1:2121/
      tincans ls http://127.0.0.1:8000/photos/ -1
      tincans ls --tls ftp://ada@example.org/ --json | jq .name
    """
    from tincans.tasks import run

    settings().start_logging(record.quiet)
    items = run(_list(url, called, active, record))
    write = sys.stdout.write
    if as_json:
        import msgspec

        for item in items:
            write(msgspec.json.encode(_described(item)).decode() + "\n")
    elif names:
        for item in items:
            write(_shown(item) + "\n")
    else:
        _write_table(items)


async def _list(url: str, called: Called, active: bool, record: Record) -> list[Item]:
    import tincans

    async with record.opened() as journal:
        return await tincans.ls(url, how=called.calling([journal] if journal else [], active=active))


def _described(item: Item) -> dict[str, object]:
    """As JSON has it: a byte of a name that is no UTF-8 is replaced."""
    name = item.name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    kind = "folder" if item.is_folder else "link" if item.is_link else "file"
    return {"name": name, "type": kind, "size": item.size, "modified": item.modified, "exact": item.is_exact}


def _shown(item: Item) -> str:
    from tincans.text import escape

    return escape(item.name) + ("/" if item.is_folder else "")


def _write_table(items: list[Item]) -> None:
    rows = [(_kind(item), _size(item), _when(item), _shown(item)) for item in items]
    width = max((len(size) for _, size, _, _ in rows), default=0)
    for kind, size, when, name in rows:
        sys.stdout.write(f"{kind}  {size:>{width}}  {when:<17} {name}\n")


def _kind(item: Item) -> str:
    return "d" if item.is_folder else "l" if item.is_link else "-"


def _size(item: Item) -> str:
    return "" if item.size is None else f"{'' if item.is_exact else '~'}{item.size}"


def _when(item: Item) -> str:
    """In our zone, to a minute."""
    if item.modified is None:
        return ""
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(item.modified))
    return when if item.is_exact else f"~{when}"
