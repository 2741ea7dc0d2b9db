"""`tincans export`: recorded conversations as a file that other programs read."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import click

from tincans import __version__
from tincans.cli import options
from tincans.cli.options import Which
from tincans.cli.show import NumberType
from tincans.errors import AlreadyThere, CannotWrite, reason_of
from tincans.replacing import replacing

if TYPE_CHECKING:
    from tincans.export import Form
    from tincans.export.hiding import Hiding
    from tincans.journal import Journal

#: Suffixes of programs, and their languages.
PROGRAMS = {"sh": "curl", "py": "python", "java": "java", "php": "php", "c": "c"}
FORMATS = ("pcapng", "har", "jsonl", "tin", *PROGRAMS)


class _Wanted(NamedTuple):
    """What to write, and how."""

    form: str
    protocol: str
    far: bool
    secrets: bool


@click.command()
@click.argument("numbers", metavar="ID...", nargs=-1, type=NumberType())
@click.option("--to", "target", metavar="FILE", required=True, type=click.Path(allow_dash=True),
              help="Where to; its suffix says the form. - is stdout.")  # fmt: skip
@click.option("--format", "form", type=click.Choice(FORMATS), help="The form, where the suffix does not say it.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@click.option("--secrets", is_flag=True, help="Leave passwords, cookies and the like, which are masked otherwise.")
@options.as_option
@click.option("--leg", type=click.Choice(["near", "far"]), default="near",
              help="Of a relay, for pcapng: between it and the client, or it and the server. [near]")  # fmt: skip
@click.option("--all", "everything", is_flag=True, help="All conversations; the options below choose among them.")
@options.filtering
@options.journal_option
@options.common
def command(
    numbers: tuple[int, ...], target: str, form: str | None, force: bool, secrets: bool, protocol: str, leg: str,
    everything: bool, which: Which, journal: str | None,
) -> int:  # fmt: skip
    """Write recorded conversations to a file: those with the numbers ID, the last one, or --all.

    \b
      .pcapng  packets, for Wireshark and its like
      .har     HTTP requests and responses, for a browser's developer tools
      .jsonl   one decoded event a line, as `tincans show --json` prints them
      .tin     text that reads well in a repository; tincans import takes it back
      .sh      curl, with a command for each request of HTTP
      .py .java .php .c   a small client that says the same as the first conversation's

    \b
      tincans export last --to talk.pcapng
      tincans export 12 13 --to bug.tin
      tincans export --since 10m --party :8080 --to page.har
      tincans export last --to - --format pcapng | tshark -r -
      tincans export last --to talk.py && python3 talk.py
    """
    filtered = everything or which != Which("", None, False, False, None, "", None)
    if bool(numbers) == filtered:
        raise click.UsageError("say which: by their numbers (or 'last'), or by --all and the like, and not by both")
    wanted = _Wanted(form or _form_of(target), protocol, leg == "far", secrets)
    if target == "-" and wanted.form == "pcapng" and sys.stdout.isatty():
        raise click.UsageError("packets are nothing for a terminal: write them to a file, or pipe them")
    from tincans.tasks import run

    for remark in run(_export(journal, numbers, which, wanted, target, force)):
        click.echo(remark, err=True)
    return 0


def _form_of(target: str) -> str:
    suffix = Path(target).suffix
    if suffix[1:].lower() in FORMATS:
        return suffix[1:].lower()
    if target == "-":
        raise click.UsageError(f"stdout has no suffix: say the form with --format, which is {', '.join(FORMATS)}")
    known = ", ".join(f".{form}" for form in FORMATS)
    raise click.UsageError(f"{target!r} does not end in one of {known}: rename it, or say the form with --format")


# ── what is written ───────────────────────────────────────────────────────────────────────────────────────


async def _export(
    where: str | None, numbers: tuple[int, ...], which: Which, wanted: _Wanted, target: str, force: bool
) -> list[str]:
    """Write the file; gives what is to be said about it."""
    from tincans.cli.recordings import reading

    async with reading(where) as journal:
        chosen = await _chosen(journal, numbers, which)
        with whole(target, force) as file:
            return await _write(journal, chosen, wanted, file)


async def _chosen(journal: Journal, numbers: tuple[int, ...], which: Which) -> list[int]:
    from tincans.cli.recordings import newest
    from tincans.errors import JournalError

    if numbers:
        return list(dict.fromkeys([number or await newest(journal) for number in numbers]))
    if not (found := await journal.conversations(which.filter)):
        raise JournalError("no conversation is recorded, or none matches")
    return [conversation.number for conversation in found]


async def _write(journal: Journal, numbers: list[int], wanted: _Wanted, file: BinaryIO) -> list[str]:
    form = _form(wanted)
    hidden = 0
    file.write(form.head())
    for number in numbers:
        hiding = None if wanted.secrets or form.understands else await _looked(journal, number, wanted.protocol)
        async with aclosing(journal.read(number)) as entries:
            async for entry in entries:
                shown = hiding.hide(entry) if hiding else entry
                if shown is None:  # it was said after we had looked
                    break
                file.writelines(form.take(shown))
        file.writelines(form.over())
        hidden += hiding.count if hiding else 0
    file.write(form.foot())
    hidden += form.masked
    secrets = f"{hidden} secret{'' if hidden == 1 else 's'} masked; --secrets leaves them as they were"
    return [*([secrets] if hidden else []), *([form.lack] if form.lack else [])]


async def _looked(journal: Journal, number: int, protocol: str) -> Hiding:
    """What hides the secrets of a conversation: it has looked at all of it."""
    from tincans.export.hiding import Hiding

    hiding = Hiding(protocol)
    async with aclosing(journal.read(number)) as entries:
        async for entry in entries:
            hiding.look(entry)
    hiding.look_no_more()
    return hiding


def _form(wanted: _Wanted) -> Form:
    match wanted.form:
        case "pcapng":
            from tincans.export.pcapng import Pcapng

            return Pcapng(f"tincans {__version__}", far=wanted.far)
        case "har":
            from tincans.export.har import Har

            return Har(__version__, wanted.protocol, secrets=wanted.secrets)
        case "jsonl":
            from tincans.export.lines import Jsonl

            return Jsonl(wanted.protocol, secrets=wanted.secrets)
        case "tin":
            from tincans.export.lines import Tin

            return Tin()
        case program:
            from tincans.export.programs import Program

            return Program(PROGRAMS[program], wanted.protocol, secrets=wanted.secrets)


# ── where to ──────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def whole(target: str, force: bool) -> Iterator[BinaryIO]:
    """A file to write, which is there under its name once all of it is written, or not at all; - is stdout.

    It is for its owner alone, as the journal is. A pipe or a device is written to as it is. Raises `AlreadyThere`
    where a file is there and not `force`, and `CannotWrite`.
    """
    path = Path(target)
    if target == "-":
        yield sys.stdout.buffer
    elif path.exists() and not path.is_file():
        with _told(target), path.open("wb") as file:
            yield file
    elif path.exists() and not force:
        raise AlreadyThere(target)
    else:
        with _told(target), replacing(path.resolve()) as file:
            yield file


@contextmanager
def _told(target: str) -> Iterator[None]:
    """What the system has against it is told in our words, and with the name that was given."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise CannotWrite(target, reason_of(error)) from error
