"""Apps: parties that answer a caller. `find_app` gives the one that a command line names.

    echo               says back what it hears
    discard            hears everything and says nothing
    chargen, daytime, time
                       the old services: characters without end, the time for people, the time for programs
    http:DIR           a web server for the files of a folder
    http:echo          a web server that answers with what it was asked
    asgi:MODULE:APP    a web application of yours
    ftp:DIR            an FTP server for the files of a folder
    mail               takes every mail, and keeps it
    mail:pop3          gives them out
    chat               rooms for people and programs: IRC, browsers, plain lines, JSON lines, peers, all on one port
    exec:COMMAND       a process for each caller
    MODULE:FUNCTION    your own function of one channel

An app is what `tincans.serve` takes: an `async def` of a `Channel`, or a plain `def`, run in a thread, of a
`BlockingChannel`. One that has a `close` is called there when its server has closed and its last caller has left.
"""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from typing import NamedTuple, cast

from tincans.address import PLACES, WRAPS
from tincans.apps.settings import Settings
from tincans.errors import UsageError
from tincans.server import App


class Kind(NamedTuple):
    """One kind of app: where its module is, and which settings it has a use for."""

    #: MODULE:NAME under `tincans.apps`, loaded when it is asked for.
    home: str
    #: What follows the colon, to be shown; empty where the name alone is the app. In brackets it may be left out.
    rest: str = ""
    settings: frozenset[str] = frozenset()

    @property
    def form(self) -> str:
        """How the rest is written behind the name: `:DIR`, or `[:pop3]` where it may be left out."""
        return f"[:{self.rest[1:]}" if self.rest.startswith("[") else f":{self.rest}".rstrip(":")


_FILES = frozenset({"users", "guests", "write"})
_TLS = frozenset({"tls", "cert", "key"})
_MAIL = frozenset({"users", "guests", "mails", *_TLS})

#: Where there is no `rest`, the home is the app itself; else it is called with what follows the colon and the settings.
KINDS: dict[str, Kind] = {
    "echo": Kind("echo:echo"),
    "discard": Kind("discard:discard"),
    "chargen": Kind("chargen:chargen"),
    "daytime": Kind("daytime:daytime"),
    "time": Kind("daytime:time"),
    "http": Kind("http:load", "DIR", _FILES),
    "asgi": Kind("http.asgi:load", "MODULE:APP"),
    "ftp": Kind("ftp:load", "DIR", _FILES | _TLS | {"passive"}),
    "mail": Kind("mail:load", "[pop3]", _MAIL | {"keep", "days"}),
    "chat": Kind(
        "chat:load",
        "[NAME]",
        frozenset({"users", "guests", *_TLS, "keep", "days", "rooms", "flood", "operators", "trust"}),
    ),
    "exec": Kind("process:load", "COMMAND"),
}


def find_app(text: str, settings: Settings | None = None) -> App:
    """The app that `text` names, told its settings.

    `UsageError` says what is wrong with it, and the nearest name that there is; or which setting it has no use for.
    """
    kind, settings = _kind(text), settings or Settings()
    if kind is None:
        app = _find_function(text)
        _check_settings(text, settings)
        return app
    _check_settings(text, settings)
    module, _, name = kind.home.partition(":")
    found = getattr(import_module(f"tincans.apps.{module}"), name)
    return cast("App", found(text.partition(":")[2], settings) if kind.rest else found)


def _check_settings(text: str, settings: Settings) -> None:
    known = takes(text)
    for name in settings.given():
        if name not in known:
            these = ", ".join(sorted(known)) or "none at all"
            raise UsageError(f"{text} has no use for the setting {name!r} (it takes {these})")


def forms() -> list[str]:
    """How each of the apps is written."""
    return [*(f"{name}{kind.form}" for name, kind in KINDS.items()), "MODULE:FUNCTION"]


def takes(text: str) -> frozenset[str]:
    """The settings that the app which `text` names has a use for."""
    kind = _kind(text)
    return kind.settings if kind is not None else frozenset()


def _kind(text: str) -> Kind | None:
    """Its row in the table; None where it is a function, or nothing at all."""
    head, colon, _ = text.partition(":")
    kind = KINDS.get(head)
    if kind is None or (colon and not kind.rest):
        return None
    return kind if colon or not kind.rest or kind.rest.startswith("[") else None


def _find_function(text: str) -> App:
    from tincans.apps.function import load_function

    head, colon, _ = text.partition(":")
    if colon and set(head.split("+")) <= {*PLACES, *WRAPS, "wss"} and head not in KINDS:
        raise UsageError(f"{text!r} is an address and not an app; tincans relay passes callers on to an address")
    if head in KINDS and KINDS[head].rest:
        raise UsageError(f"{head} needs something behind it: {head}:{KINDS[head].rest}")
    if colon:
        return load_function(text)
    near = get_close_matches(text, KINDS, 1)
    hint = f", did you mean {near[0]!r}?" if near else f" (there are {', '.join(forms())})"
    raise UsageError(f"there is no app {text!r}{hint}")
