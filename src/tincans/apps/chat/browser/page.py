"""The page of a hub, and what it is made of, as it lies in `static/`: no build step, and nothing from elsewhere.

/                  static/index.html, with the policy that lets it be a page
/static/…          static/…
/static/page/…     what it shares with the page of `tincans up`: watch/static/{js,css,vendor}, and its sign
"""

from __future__ import annotations

import re
from base64 import b64encode
from functools import cache
from hashlib import sha256
from pathlib import Path

from tincans.apps.chat.browser.guard import HEADERS
from tincans.apps.http.exchange import Exchange
from tincans.apps.http.media import type_of
from tincans.apps.http.site import More, fail, send_file
from tincans.files import Files, OpenFile

OWN = Path(__file__).with_name("static")
SHARED = Path(__file__).parents[3] / "watch" / "static"

#: What of the shared files is given out.
_SHARED = ("js/", "css/", "vendor/", "tins.svg")
_HTML = "text/html; charset=utf-8"
#: Of a Host what can stand in a policy.
_PLAIN = re.compile(r"[\w.:\[\]-]+", re.ASCII)
_INLINE = re.compile(rb"<script\b(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL | re.IGNORECASE)

#: What the page may load and do (CSP Level 3): its own files, its own server, and no markup made of text.
_POLICY = (
    "default-src 'none'; script-src 'self'{scripts}; style-src 'self'; img-src 'self'; "
    "connect-src 'self' {sockets}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)


class Page:
    """The handler of `/` and `/static/…`."""

    async def __call__(self, exchange: Exchange) -> None:
        request = exchange.request
        await exchange.discard()
        if request.method not in ("GET", "HEAD"):
            await fail(exchange, 405, fields=[("Allow", "GET, HEAD")])
            return
        try:
            file = _open(request.path)
        except OSError:
            await fail(exchange, 404)
            return
        more = _page(request.host) if request.path == "/" else HEADERS
        with file:
            await send_file(
                exchange,
                file,
                type_of(request.path) if more is HEADERS else _HTML,
                more=(*more, ("Cache-Control", "no-cache")),
            )


def _open(path: str) -> OpenFile:
    """The file that a path means. Raises `OSError`."""
    own = path.removeprefix("/static/")
    shared = own.removeprefix("page/")
    if ".." in path.split("/"):
        raise FileNotFoundError(path)  # nobody who means well says so, and a part of what is shared is not given out
    is_shared = shared != own and shared.startswith(_SHARED)
    files = Files(SHARED if is_shared else OWN)
    try:
        return files.open("/index.html" if path == "/" else f"/{shared if is_shared else own}")
    finally:
        files.close()


def _page(host: str) -> More:
    sockets = f"ws://{host} wss://{host}" if _PLAIN.fullmatch(host) else ""  # some browsers have them beside 'self'
    policy = _POLICY.format(scripts=_scripts(), sockets=sockets)
    return (
        ("Content-Security-Policy", policy),
        ("Referrer-Policy", "no-referrer"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
    )


@cache
def _scripts() -> str:
    return "".join(f" {each}" for each in inline((OWN / "index.html").read_bytes()))


def inline(page: bytes) -> list[str]:
    """What a policy calls the scripts that stand in the page itself: its import map."""
    return [f"'sha256-{b64encode(sha256(script).digest()).decode()}'" for script in _INLINE.findall(page)]
