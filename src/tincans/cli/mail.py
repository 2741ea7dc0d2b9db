"""`tincans mail`: send a mail, by SMTP or LMTP."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from tincans.cli import options
from tincans.cli.options import Called, Record, settings

if TYPE_CHECKING:
    from email.message import EmailMessage

    from tincans.clients.smtp import Delivered
    from tincans.clients.url import Url


class Draft(NamedTuple):
    """What is to be sent, as the command line says it."""

    to: tuple[str, ...]
    cc: tuple[str, ...]
    bcc: tuple[str, ...]
    sender: str
    subject: str
    text: str | None
    html: str | None
    attach: tuple[str, ...]
    field: tuple[str, ...]
    raw: str | None


_writing = options.bundle(
    "draft",
    Draft,
    click.option("--to", "to", multiple=True, metavar="ADDRESS", help="Who gets it; again for another one."),
    click.option("--cc", "cc", multiple=True, metavar="ADDRESS", help="Who gets a copy."),
    click.option("--bcc", "bcc", multiple=True, metavar="ADDRESS", help="Who gets it without the others knowing."),
    click.option("--from", "sender", metavar="ADDRESS", default="", help="Who it is from. [you, on this machine]"),
    click.option("--subject", metavar="TEXT", default="", help="What it is about."),
    click.option("--text", metavar="TEXT", help="What it says. [standard input]"),
    click.option("--html", metavar="FILE", help="The same as HTML, beside the text."),
    click.option("--attach", multiple=True, metavar="FILE", help="A file to go with it; again for another one."),
    click.option("--field", multiple=True, metavar="'NAME: VALUE'", help="A further field of its header."),
    click.option("--raw", metavar="FILE", help="A whole mail as it is, in a file; - is standard input."),
)


@click.command()
@click.argument("url", metavar="URL")
@_writing
@options.calling
@options.recording
@options.common
def command(url: str, draft: Draft, called: Called, record: Record) -> int:
    """Send a mail to the server at URL: smtp://, smtps:// or lmtp://.

    The text is what --text says or what comes on standard input. A user in the URL, or in ~/.netrc, logs in. Where some
    of those it is for are refused the others get it, each is named, and the exit status is 1.

    \b
      tincans mail --to you@example.org --subject hello --text hi smtp://127.0.0.1:7725
      make report | tincans mail --to you@example.org --attach chart.png smtp://127.0.0.1:7725
      tincans mail --raw talk.eml --tls smtp://ann:secret@mail.example.org:587
    """
    from tincans.clients.smtp import SCHEMES
    from tincans.clients.url import Url
    from tincans.tasks import run

    settings().start_logging(record.quiet)
    place = Url.parse(url, schemes=SCHEMES)
    mail = _made(draft)
    return _tell(run(_send(place, mail, draft, called, record)), record.quiet)


def _made(draft: Draft) -> EmailMessage | bytes | Path:
    """The mail. Raises `UsageError`, `OSError`."""
    from tincans.clients.compose import Letterhead, compose
    from tincans.errors import UsageError

    if draft.raw is not None:
        if draft.text is not None or draft.html or draft.attach or draft.subject or draft.field:
            raise UsageError("--raw is the whole mail: what it says and has with it stands there already")
        return sys.stdin.buffer.read() if draft.raw == "-" else Path(draft.raw)
    if not (draft.to or draft.cc or draft.bcc):
        raise UsageError("a mail needs somebody to go to: --to ann@example.org")
    html = Path(draft.html).read_text(encoding="utf-8") if draft.html else ""
    text = draft.text if draft.text is not None else _typed()
    head = Letterhead(draft.sender, draft.to, draft.cc, draft.subject, draft.field)
    return compose(head, text, html=html, attachments=[Path(name) for name in draft.attach])


def _typed() -> str:
    """What is typed, or piped, in."""
    if sys.stdin.isatty():
        click.echo("what it says; Ctrl-D ends it", err=True)
    return sys.stdin.buffer.read().decode("utf-8", "replace")


async def _send(
    url: Url, mail: EmailMessage | bytes | Path, draft: Draft, called: Called, record: Record
) -> Delivered:  # fmt: skip
    import tincans
    from tincans.clients.compose import addresses

    everyone = [*draft.to, *draft.cc, *draft.bcc]
    async with record.opened() as journal:
        return await tincans.send_mail(
            mail, url, sender=addresses(draft.sender)[0] if draft.sender else None,
            recipients=addresses(*everyone) if everyone else None,
            how=called.calling([journal] if journal else []),
        )  # fmt: skip


def _tell(done: Delivered, quiet: bool) -> int:
    from tincans.cli.serving import say

    if not quiet:
        say(f"sent to {', '.join(done.accepted)}: {done.reply}")
    for address, reason in done.refused.items():
        say(f"not to {address}: {reason}")
    return 1 if done.refused else 0
