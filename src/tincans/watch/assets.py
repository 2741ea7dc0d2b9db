"""The files of the page, as they lie in `static/`, and below `/chat/` those that it shares with the page of a hub.

No build step, and nothing from outside the machine. Each is read when it is asked for, which takes less than a
millisecond, so that one who works on them needs only to reload; a browser keeps them and asks each time whether its own
is still the same (`ETag`). Media types are named here, because those of the machine may be anybody's.
"""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from tincans.watch.trouble import NoSuchPath, Refused

FOLDER = Path(__file__).with_name("static")
#: Folders beside it, by the first step of their paths: what the page shares with that of a hub.
BESIDE = {"chat": Path(__file__).parents[1] / "apps" / "chat" / "browser" / "static"}

_MEDIA = {
    ".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8", ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml", ".png": "image/png", ".ico": "image/x-icon",
    ".woff2": "font/woff2", ".json": "application/json", ".webmanifest": "application/manifest+json",
    ".txt": "text/plain; charset=utf-8", ".md": "text/plain; charset=utf-8",
}  # fmt: skip

_INLINE = re.compile(rb"<script\b(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL | re.IGNORECASE)


class Assets:
    """The files below a folder, and below those beside it, by their paths."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder.resolve()
        self._beside = {name: each.resolve() for name, each in BESIDE.items()}

    def inline(self) -> list[str]:
        """What a Content-Security-Policy calls the scripts that stand in the page itself: its import map."""
        try:
            page = (self._folder / "index.html").read_bytes()
        except OSError:
            return []
        return [f"'sha256-{b64encode(sha256(script).digest()).decode()}'" for script in _INLINE.findall(page)]

    async def serve(self, request: Request) -> Response:
        """The file of the request's path; that of `/` is the page. Raises `Refused`."""
        if request.method not in ("GET", "HEAD"):
            raise Refused(405, "files can only be read", "Ask for it with GET.", {"Allow": "GET, HEAD"})
        path, media = self._find(request.url.path)
        data = path.read_bytes()
        tag = f'"{sha256(data).hexdigest()[:32]}"'
        headers = {"ETag": tag, "Cache-Control": "no-cache"}
        if tag in request.headers.get("if-none-match", ""):
            return Response(None, 304, headers)
        return Response(data, 200, {**headers, "Content-Type": media})

    def _find(self, path: str) -> tuple[Path, str]:
        name = "index.html" if path == "/" else path[1:]
        first, _, rest = name.partition("/")
        folder = self._beside.get(first, self._folder)
        name = rest if first in self._beside else name
        found = (folder / name).resolve() if "\0" not in name and not name.endswith("/") else folder
        media = _MEDIA.get(found.suffix)
        if media is None or not found.is_relative_to(folder) or not found.is_file():
            raise NoSuchPath(f"there is no {path}", "The page is at /, and the API below /api.")
        return found, media
