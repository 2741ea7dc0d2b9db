"""The app `http`: a web server for the files of a folder, or one that answers with what it was asked.

    request.py      a head, read strictly or not at all
    intake.py       what a client says: heads and bodies
    exchange.py     one request and its response
    connection.py   the loop over them; patience.py, how long it waits
    login.py        who may ask
    site.py         the files of a folder; conditions.py, ranges.py and media.py, what is said of them
    kept.py         small ones in memory
    writing.py      what changes them; upload.py, what forms do
    folder.py       the listing of a folder; listing.py, what it says; listing_page.py, how that looks
    echo.py         the handler of http:echo
    websocket.py    the opening of a WebSocket over an exchange
    asgi.py         the app asgi:MODULE:APP

Each stands on those above it.
"""

from __future__ import annotations

from tincans.apps.http.connection import Http
from tincans.apps.settings import Settings

__all__ = ["Http", "load"]


def load(rest: str, settings: Settings) -> Http:
    """The app `http:DIR`, or `http:echo`. Raises `UsageError` where there is no such folder."""
    from tincans.apps.http.login import Guarded

    if rest == "echo":
        from tincans.apps.http.echo import echo

        return Http(Guarded(echo, settings, any_host=True))
    from tincans.apps.http.folder import equip
    from tincans.apps.http.site import Site

    return Http(Guarded(equip(Site(rest, settings)), settings))
