"""The page of a hub, and what it is made of, as it lies in `static/`: no build step, and nothing from elsewhere.

/                  static/index.html, with the policy that lets it be a page
/static/…          static/…
/static/page/…     what it shares with the page of `tincans up`: watch/static/{js,css,vendor}, and its sign
"""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

from tincans.apps.chat.browser_guard import HEADERS
from tincans.apps.http.exchange import Exchange
from tincans.apps.http.media import type_of
from tincans.apps.http.site import fail, send_file
from tincans.files import Files

OWN = Path(__file__).with_name("static")
SHARED = Path(__file__).parents[2] / "watch" / "static"

#: What of the shared files is given out.
_SHARED = ("js/", "css/", "vendor/", "tins.svg")
#: Of a Host what can stand in a policy.
_PLAIN = re.compile(r"[\w.:\[\]-]+", re.ASCII)
_INLINE = re.compile(rb"<script\b(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL | re.IGNORECASE)

#: What the page may load and do (CSP Level 3): its own files, its own server, and no markup made of text.
_POLICY = (
    "default-src 'none'; script-src 'self'{scripts}; style-src 'self'; img-src 'self' blob: data:; media-src 'self'; "
    "connect-src 'self' {sockets}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)


class Page:
    """The handler of `/` and `/static/…`."""

    def __init__(self) -> None:
        self._own, self._shared = Files(OWN), Files(SHARED)
        self._scripts = "".join(f" {each}" for each in inline((OWN / "index.html").read_bytes()))

    async def __call__(self, exchange: Exchange) -> None:
        request = exchange.request
        await exchange.discard()
        if request.method not in ("GET", "HEAD"):
            await fail(exchange, 405, fields=[("Allow", "GET, HEAD")])
            return
        files, path = self._place(request.path)
        try:
            file = files.open(path)
        except OSError:
            await fail(exchange, 404)
            return
        more = self._page(request.host) if request.path == "/" else HEADERS
        with file:
            await send_file(exchange, file, type_of(path), more=(*more, ("Cache-Control", "no-cache")))

    def _place(self, path: str) -> tuple[Files, str]:
        if path == "/":
            return self._own, "/index.html"
        path = path.removeprefix("/static/")
        shared = path.removeprefix("page/")
        if shared != path and shared.startswith(_SHARED):
            return self._shared, f"/{shared}"
        return self._own, f"/{path}"

    def _page(self, host: str) -> tuple[tuple[str, str], ...]:
        sockets = f"ws://{host} wss://{host}" if _PLAIN.fullmatch(host) else ""  # some browsers have them beside 'self'
        policy = _POLICY.format(scripts=self._scripts, sockets=sockets)
        return (
            ("Content-Security-Policy", policy),
            ("Referrer-Policy", "no-referrer"),
            ("Cross-Origin-Opener-Policy", "same-origin"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
        )


def inline(page: bytes) -> list[str]:
    """What a policy calls the scripts that stand in the page itself: its import map."""
    return [f"'sha256-{b64encode(sha256(script).digest()).decode()}'" for script in _INLINE.findall(page)]
