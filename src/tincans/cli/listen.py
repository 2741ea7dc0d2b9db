"""`tincans listen`: be the server."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from tincans.cli import options
from tincans.cli.help import Sectioned, section
from tincans.cli.options import ADDRESS, Listening, Record, Show, Telling, settings

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from tincans.address import Address


class AppType(click.ParamType):  # type: ignore[type-arg]  # generic only since click 8.5
    """An app, as it is written; it is found once its settings are known, before anybody is served."""

    name = "app"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return str(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        from tincans.apps import KINDS

        written = (f"{name}:" if kind.rest and not kind.rest.startswith("[") else name for name, kind in KINDS.items())
        return [CompletionItem(each) for each in (*written, "mail:pop3") if each.startswith(incomplete)]


@click.command(cls=Sectioned)
@click.argument("address", type=ADDRESS)
@click.argument("app", type=AppType(), required=False)
@click.option("--once", is_flag=True, help="Serve one caller, then exit; byte for byte where you are the app.")
@click.option("--crlf", is_flag=True, help="End the lines that you type in CR LF.")
@section("What an app may do, and who may log in", options.telling)
@section("How callers are served", options.listening)
@section("How it is shown and recorded", options.showing, options.recording)
@options.common
def command(
    address: Address, app: str | None, once: bool, crlf: bool, telling: Telling, listening: Listening, show: Show,
    record: Record,
) -> int:  # fmt: skip
    """Listen on ADDRESS and let APP answer every caller.

    \b
    APP is
      left out           you: each line that comes has its caller's number; a line
                         that you type goes to all, "@2 text" to one
      echo               says back what it hears
      discard            hears everything and says nothing
      chargen, daytime, time
                         the old services of RFC 864, 867 and 868
      http:DIR           a web server for the files of a folder
      http:echo          a web server that answers with what it was asked
      asgi:MODULE:APP    a web application of yours
      ftp:DIR            an FTP server for the files of a folder
      mail               takes every mail by SMTP or LMTP, and keeps it
      mail:pop3          gives them out by POP3
      chat               rooms for IRC, browsers, nc and programs, on one port
      exec:COMMAND       a process for each caller, on its stdin and stdout
      MODULE:FUNCTION    your function of one channel

    With an app, what is said is shown: C: is the client, S: the server. With port 0 the system chooses a free one.

    \b
      tincans listen :7707 echo
      tincans listen :8080 http:. --write
      tincans listen :0 --port-file port exec:'sort -u'
      tincans listen --once :9000 > received
    """
    from tincans.apps import find_app
    from tincans.cli import serving
    from tincans.cli.answering import Answering, Yourself
    from tincans.errors import UsageError

    settings().start_logging(record.quiet)
    if listening.workers > 1 and (once or app is None):
        raise UsageError("--workers needs an app that answers every caller, and neither --once nor you at a terminal")
    if app is None and telling.settings.given():
        raise UsageError(f"--{next(iter(telling.settings.given()))} is for an app, and without one you answer yourself")
    found = find_app(app, telling.settings) if app is not None else None
    if found is None and show.is_chosen:
        reason = "--as, --full, --json and --secrets show what callers and an app say; without an app you see it all"
        raise UsageError(reason)
    how = Answering(listening, record, show, once)
    serve = Yourself(how, crlf).serve if found is None else partial(how.serve, found)
    return serving.run(serve, address, listening, record)
