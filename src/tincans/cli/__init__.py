"""The command line: `tincans COMMAND`, one module a command, loaded when it is called.

A command is the object `command` in `tincans.cli.NAME`. Its name and its one line of help stand in `SECTIONS` below,
so that `tincans --help` and a typo's near miss load none of them; importing this module costs what click costs.

Every failure is told in the same way, here and nowhere else: one sentence, one line of advice, and exit status 2 where
the command was wrong or 1 where it failed. A command raises; it never prints an error and exits by itself.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from keyword import iskeyword

import click

from tincans import __version__
from tincans.cli.options import Settings, debug_option, verbose_option

#: What a shell reports for a program that Ctrl-C or a closed pipe ended: 128 and the signal's number.
INTERRUPTED = 128 + 2
PIPE_CLOSED = 128 + 13

PICTURE = """\
  tincans connect ──calls──► tincans relay ──calls──► tincans listen
  the client                 the channel              the server
"""

#: The commands by the part they play, each with its line of help.
SECTIONS: dict[str, dict[str, str]] = {
    "The server, who is called": {
        "listen": "Answer the callers: you, echo, a command or your function.",
    },
    "The client, who calls": {
        "connect": "Call an address and talk, by terminal or pipe.",
        "get": "Fetch a file or a tree by HTTP or FTP.",
        "put": "Store a file or a tree by HTTP or FTP.",
        "ls": "List a folder of a server of HTTP or FTP.",
        "mail": "Send a mail by SMTP or LMTP.",
        "inbox": "List and read mails: by POP3, or those taken here.",
    },
    "The channel between the two": {
        "relay": "Carry what callers and a server say, and show it.",
    },
    "Chat and peers": {
        "chat": "Talk in rooms, with people, programs and peers.",
        "say": "Say something in a room, or each line of a pipe.",
        "hear": "Print what is said in rooms, a line each.",
        "send": "Send files to another person, by a code or to a peer.",
        "receive": "Receive the files that another person sends.",
    },
    "All of it together": {
        "up": "Run the listeners and relays of tincans.toml.",
        "watch": "Open the page on which all of it is seen.",
    },
    "What was said": {
        "conversations": "List the recorded conversations.",
        "show": "Print one of them: as text, hex, JSON or its very bytes.",
        "diff": "Compare two of them: what was said differently.",
        "export": "Write them to a file: packets, HAR, JSON or text.",
        "import": "Take exported ones back into the journal.",
    },
    "Certificates and passwords": {
        "cert": "Make a certificate, signed by an authority of your own.",
        "passwd": "Say who may log in, and by which password.",
    },
}
COMMANDS = {name: line for section in SECTIONS.values() for name, line in section.items()}


class _Tincans(click.Group):
    """The group: it knows its commands from `SECTIONS` and loads the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name
        command: click.Command = import_module(f"tincans.cli.{module}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if not ctx.resilient_parsing and args[0] not in COMMANDS:
            raise click.UsageError(f"there is no command {args[0]!r}{near_miss(args[0], COMMANDS)}", ctx)
        return super().resolve_command(ctx, args)

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_help_text(ctx, formatter)
        formatter.write(f"\n{PICTURE}")

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        widest = max(map(len, COMMANDS))
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(widest), line) for name, line in commands.items()])


@click.group(cls=_Tincans, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="tincans %(version)s")
@verbose_option
@debug_option
def group() -> None:
    """Be the server, the client or the channel between any two applications, and see what they say."""


def near_miss(word: str, known: Sequence[str] | dict[str, str]) -> str:
    """`, did you mean 'listen'?` for a word that is nearly one of those known, else nothing."""
    from difflib import get_close_matches

    near = get_close_matches(word, list(known), 1)
    return f", did you mean {near[0]!r}?" if near else ""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; leaves through `SystemExit` with the status that the head of this module promises."""
    _open_standard()
    if "_TINCANS_COMPLETE" in os.environ:  # a shell asks how to complete a line: click answers
        group.main(prog_name="tincans")
    settings = Settings()
    sys.exit(guarded(lambda: _invoke(arguments, settings), settings))


def _open_standard() -> None:
    """Open what we were started without (`<&-`, `>&-`) as /dev/null, or a socket would be taken for stdin or stdout."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:  # CPython's sign of a descriptor that is not open
            os.open(os.devnull, os.O_RDWR)  # the lowest that is free is given, which is this one
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w", closefd=False))


def _invoke(arguments: Sequence[str] | None, settings: Settings) -> object:
    """What `click.Group.main` does, without its own ideas of errors and closed pipes."""
    try:
        with group.make_context("tincans", list(sys.argv[1:] if arguments is None else arguments), obj=settings) as ctx:
            return group.invoke(ctx)
    except click.exceptions.Exit as done:
        return done.exit_code


def guarded(work: Callable[[], object], settings: Settings) -> int:
    """Do `work` and tell what goes wrong with it; gives the exit status, which may be what `work` returns."""
    try:
        status = _tried(work, settings)
        sys.stdout.flush()
    except BrokenPipeError:
        status = _hush()
    return status


def _tried(work: Callable[[], object], settings: Settings) -> int:
    try:
        result = work()
        return result if isinstance(result, int) else 0
    except click.exceptions.NoArgsIsHelpError as help_wanted:
        click.echo(help_wanted.format_message(), err=True)
        return 2
    except (KeyboardInterrupt, click.Abort):
        if sys.stderr.isatty():
            click.echo(err=True)  # below the ^C
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except Exception as error:
        if settings.debug:
            import traceback

            traceback.print_exc()
        return _tell(error)


def _hush() -> int:
    """Whoever read our output has gone (`| head -1`): that is no failure to speak of."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return PIPE_CLOSED


def _tell(error: Exception) -> int:
    """Print the sentence and the advice; gives the exit status."""
    from tincans.text import escape

    sentence, advice, status = _words(error)
    if not sentence.isprintable():  # peers choose some of its words
        sentence = escape(sentence)
    click.echo(f"tincans: {sentence}\n  {advice}", err=True)
    return status


def _words(error: Exception) -> tuple[str, str, int]:
    """What went wrong, what would work, and the exit status."""
    from tincans.errors import TincansError, reason_of

    if isinstance(error, click.ClickException):
        path = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "tincans"
        return _usage_sentence(error), f"{path} --help says what it takes.", error.exit_code
    if isinstance(error, TincansError):
        return str(error), error.advice, error.exit_code
    if isinstance(error, OSError):
        about = f"{error.filename}: " if error.filename is not None else ""
        return f"{about}{reason_of(error)}", TincansError("").advice, 1
    advice = "This is a mistake in tincans: please report it, with what --debug prints."
    return f"{type(error).__name__}: {error}", advice, 1


def _usage_sentence(error: click.ClickException) -> str:
    """Click's message, as a sentence like all of ours."""
    if isinstance(error, click.NoSuchOption):
        near = f", did you mean {error.possibilities[0]!r}?" if error.possibilities else ""
        return f"there is no option {error.option_name!r}{near}"
    if isinstance(error, click.MissingParameter) and error.param is not None:
        param = error.param
        return f"{param.opts[0] if isinstance(param, click.Option) else param.human_readable_name} is missing"
    message = error.format_message()
    return message[:1].lower() + message[1:].rstrip(".")
