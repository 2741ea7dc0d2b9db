"""Apps: parties that answer a caller. `find_app` gives the one that a command line names.

    echo               says back what it hears
    discard            hears everything and says nothing
    exec:COMMAND       a process for each caller
    MODULE:FUNCTION    your own function of one channel

An app is what `tincans.serve` takes: an `async def` of a `Channel`, or a plain `def`, run in a thread, of a
`BlockingChannel`.
"""

from __future__ import annotations

from difflib import get_close_matches

from tincans.address import PLACES, WRAPS
from tincans.apps.discard import discard
from tincans.apps.echo import echo
from tincans.apps.function import load_function
from tincans.apps.process import Process
from tincans.errors import UsageError
from tincans.server import App

#: The apps that are called by a name alone.
NAMED: dict[str, App] = {"echo": echo, "discard": discard}

_FORMS = (*NAMED, "exec:COMMAND", "MODULE:FUNCTION")


def find_app(text: str) -> App:
    """The app that `text` names. `UsageError` says what is wrong with it, and the nearest name that there is."""
    if text in NAMED:
        return NAMED[text]
    head, colon, rest = text.partition(":")
    if head == "exec" and colon:
        return Process(rest)
    if colon and set(head.split("+")) <= {*PLACES, *WRAPS, "wss"}:
        raise UsageError(f"{text!r} is an address and not an app; tincans relay passes callers on to an address")
    if colon:
        return load_function(text)
    near = get_close_matches(text, (*NAMED, "exec"), 1)
    hint = f", did you mean {near[0]!r}?" if near else f" (there are {', '.join(_FORMS)})"
    raise UsageError(f"there is no app {text!r}{hint}")
