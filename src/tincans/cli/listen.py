"""`tincans listen`: be the server."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from tincans.cli import options
from tincans.cli.options import ADDRESS, Listening, Record, Show, settings

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from tincans.address import Address


class AppType(click.ParamType):  # type: ignore[type-arg]  # generic only since click 8.5
    """An app, found before anybody is served; what is wrong with it is told by `UsageError`."""

    name = "app"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from tincans.apps import find_app

        return find_app(value) if isinstance(value, str) else value

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        return [CompletionItem(each) for each in ("echo", "discard", "exec:") if each.startswith(incomplete)]


@click.command()
@click.argument("address", type=ADDRESS)
@click.argument("app", type=AppType(), required=False)
@click.option("--once", is_flag=True, help="Serve one caller, then exit; byte for byte where you are the app.")
@click.option("--crlf", is_flag=True, help="End the lines that you type in CR LF.")
@options.listening
@options.showing
@options.recording
@options.common
def command(
    address: Address, app: Any, once: bool, crlf: bool, listening: Listening, show: Show, record: Record
) -> int:
    """Listen on ADDRESS and let APP answer every caller.

    \b
    APP is
      left out           you: each line that comes has its caller's number; a line
                         that you type goes to all, "@2 text" to one
      echo               says back what it hears
      discard            hears everything and says nothing
      exec:COMMAND       a process for each caller, on its stdin and stdout
      MODULE:FUNCTION    your function of one channel

    With an app, what is said is shown: C: is the client, S: the server. With port 0 the system chooses a free one.

    \b
      tincans listen :7707 echo
      tincans listen :0 --port-file port exec:'sort -u'
      tincans listen --once :9000 > received
    """
    from tincans.cli import serving
    from tincans.cli.answering import Answering, Yourself
    from tincans.errors import UsageError

    settings().start_logging(record.quiet)
    if listening.workers > 1 and (once or app is None):
        raise UsageError("--workers needs an app that answers every caller, and neither --once nor you at a terminal")
    if app is None and show.is_chosen:
        reason = "--as, --full, --json and --secrets show what callers and an app say; without an app you see it all"
        raise UsageError(reason)
    how = Answering(listening, record, show, once)
    serve = Yourself(how, crlf).serve if app is None else partial(how.serve, app)
    return serving.run(serve, address, listening, record)
