"""`tincans inbox`: list, read, save and delete mails, of a server of POP3 or of our own folder."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from tincans.cli import options
from tincans.cli.options import SECONDS, Called, Record, settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from tincans.cli.inboxes import Inbox
    from tincans.clients.pop3 import Letter

#: How often a folder, or a server, is asked again by --wait: a server is logged in to each time.
_LOOK_SECONDS = 0.1
_ASK_SECONDS = 2.0

_COLUMNS = ("ID", "DATE", "FROM", "TO", "SUBJECT", "SIZE")


class Wish(NamedTuple):
    """What is to be done with the mails."""

    numbers: tuple[int, ...]
    search: str
    limit: int
    raw: bool
    save: str | None
    delete: bool
    json: bool
    wait: float | None


_wishing = options.bundle(
    "wish",
    Wish,
    click.argument("numbers", nargs=-1, type=click.IntRange(1), metavar="[NUMBER]..."),
    click.option("--search", metavar="TEXT", default="", help="Only those with these words."),
    click.option("--limit", type=click.IntRange(1), default=100, metavar="N", help="Only the newest N. [100]"),
    click.option("--raw", is_flag=True, help="Print the very bytes of the mail."),
    click.option("--save", metavar="DIR", help="Save those of the NUMBERs, or all, as files in DIR."),
    click.option("--delete", is_flag=True, help="Delete those of the NUMBERs; with --raw or --save afterwards."),
    click.option("--json", is_flag=True, help="Print one mail of the list a line, as JSON."),
    click.option("--wait", type=SECONDS, metavar="SECONDS", help="Wait so long for a mail to be there; else fail."),
)


@click.command()
@click.argument("url", metavar="[URL]", required=False)
@_wishing
@click.option("--mailbox", metavar="NAME", default="", help="Our own folder: only this one. [all]")
@click.option("--mails", metavar="DIR", default="", help="Our own folder. [$TINCANS_MAILS, or in your home]")
@options.calling
@options.recording
@options.common
def command(url: str | None, wish: Wish, mailbox: str, mails: str, called: Called, record: Record) -> None:
    """List the mails at URL, pop3:// or pop3s://, or print those of the NUMBERs.

    Without a URL they are those that the app `mail` has taken on this machine. A server is asked as the user in the URL
    or in ~/.netrc.

    \b
      tincans inbox
      tincans inbox --mailbox you@example.org --search invoice
      tincans inbox 12
      tincans inbox --mailbox you@example.org --wait 10 --json
      tincans inbox pop3://ann:secret@127.0.0.1:7710 --save mails
    """
    from tincans.tasks import run

    settings().start_logging(record.quiet)
    if url is not None and url.isdecimal():  # a number stands where the URL was left out
        wish, url = wish._replace(numbers=(int(url), *wish.numbers)), None
    _check(url, wish, mailbox or mails)
    run(_read(url, wish, (mails, mailbox), called, record))


def _check(url: str | None, wish: Wish, near: str) -> None:
    if url is not None and near:
        raise click.UsageError("--mailbox and --mails are for our own folder: a server is asked as the user in the URL")
    if wish.delete and not wish.numbers:
        raise click.UsageError("--delete needs the numbers of the mails")
    if wish.raw and len(wish.numbers) != 1:
        raise click.UsageError("--raw prints one mail: give its number")


async def _read(url: str | None, wish: Wish, near: tuple[str, str], called: Called, record: Record) -> None:
    from tincans.cli.inboxes import FarInbox, NearInbox
    from tincans.clients.pop3 import SCHEMES
    from tincans.clients.url import Url

    async with record.opened() as journal:
        how = called.calling([journal] if journal else [])

        def opened() -> Inbox:
            return FarInbox(Url.parse(url, schemes=SCHEMES), how) if url is not None else NearInbox(*near)

        if wish.wait is not None:
            await _wait(opened, wish, wish.wait, _LOOK_SECONDS if url is None else _ASK_SECONDS)
        async with opened() as inbox:
            await _do(inbox, wish, record.quiet)
    if wish.delete and not record.quiet:
        click.echo(f"{len(wish.numbers)} deleted", err=True)


async def _wait(opened: Callable[[], Inbox], wish: Wish, seconds: float, pause: float) -> None:
    """Until there is a mail. A mailbox of POP3 stays as it was when it was opened, so it is opened each time."""
    from tincans.errors import NoMail

    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while True:
        async with opened() as inbox:
            if await inbox.letters(wish.search, 1):
                return
        if loop.time() + pause > end:
            raise NoMail(seconds)
        await asyncio.sleep(pause)


async def _do(inbox: Inbox, wish: Wish, quiet: bool) -> None:
    if wish.save is not None:
        await _save(inbox, wish, Path(wish.save), quiet)
    elif wish.raw:
        await inbox.fetch(wish.numbers[0], sys.stdout.buffer.write)
        sys.stdout.buffer.flush()
    elif not wish.numbers:
        _list(await inbox.letters(wish.search, wish.limit), wish.json)
    elif not wish.delete:
        for number in wish.numbers:
            await _print(inbox, number)
    if wish.delete:
        await inbox.delete(wish.numbers)


# ── the list ──────────────────────────────────────────────────────────────────────────────────────────────


def _list(letters: list[Letter], as_json: bool) -> None:
    if as_json:
        import msgspec

        for letter in letters:
            sys.stdout.write(msgspec.json.encode(letter).decode() + "\n")
    elif not letters:
        click.echo("there is no mail, or none matches", err=True)
    else:
        from tincans.cli.tables import print_table

        print_table(_COLUMNS, [_row(letter) for letter in letters], right=("ID", "SIZE"), whole=("DATE",))


def _row(letter: Letter) -> tuple[str, ...]:
    from tincans.text import escape, human_bytes

    words = (letter.date, letter.from_, letter.to, letter.subject)
    return (str(letter.number), *map(escape, words), human_bytes(letter.size))


# ── one mail ──────────────────────────────────────────────────────────────────────────────────────────────


async def _print(inbox: Inbox, number: int) -> None:
    """What a reader wants of it: who, about what, its parts, its text."""
    from tincans.limits import CONTENT_MOST
    from tincans.protocols.mail import show_mail
    from tincans.text import escape

    data = bytearray()
    size = 0

    def keep(piece: bytes) -> None:
        nonlocal size
        size += len(piece)
        data.extend(piece[: CONTENT_MOST - len(data)])

    await inbox.fetch(number, keep)
    view = await asyncio.to_thread(show_mail, bytes(data), size)
    for line in view.details:
        click.echo(escape(line))
    click.echo()
    for line in (view.content or b"").decode("utf-8", "replace").splitlines():
        click.echo("".join(each if each.isprintable() else escape(each) for each in line.expandtabs()))


async def _save(inbox: Inbox, wish: Wish, folder: Path, quiet: bool) -> None:
    """Each as NUMBER.eml, whole or not at all; what is there already by that name is replaced."""
    os.makedirs(folder, exist_ok=True)
    numbers = wish.numbers or [letter.number for letter in await inbox.letters(wish.search, wish.limit)]
    for number in numbers:
        part = folder / f".{number}.eml.{os.getpid()}"
        try:
            with part.open("wb") as file:
                await inbox.fetch(number, file.write)
            part.rename(folder / f"{number}.eml")
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    if not quiet:
        click.echo(f"{len(numbers)} saved in {folder}", err=True)
