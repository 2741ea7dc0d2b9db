"""The HTML of a mail, made fit for a frame in which it looks as it was meant and does nothing.

The page's own policy forbids every style that is not a file of the page, and what a page makes itself (a blob,
`srcdoc`) inherits that. So a mail is served by itself, with a policy of its own: its styles hold, pictures are those
that came with it, and nothing else is fetched, run or sent. A link that somebody presses opens a tab of its own, which
knows nothing of this one. A frame sends no token, so the page asks for a ticket with its token, and the frame is given
what was made for it, once:

    GET /api/mails/12/frame   with the token   ──► {"address": "/frames/TICKET", "links": […], "elsewhere": 3}
    GET /frames/TICKET        from the frame   ──► the HTML, under `_POLICY`; the ticket is gone

Pictures that the mail brought along (`cid:`, RFC 2392) are put into it as `data:`. Where its links lead stands beside
the frame, too, in full.
"""

from __future__ import annotations

import html
import re
import secrets
from base64 import b64encode
from collections import OrderedDict
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import Response

from tincans.limits import CONTENT_MOST, FRAME_CHARACTERS, FRAME_LINK_CHARACTERS, FRAME_LINKS, FRAMES_KEPT
from tincans.watch.parts import Leaf, leaves, parse
from tincans.watch.trouble import NoSuchPath

_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": (
        "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; "
        "img-src data:; font-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    ),
    "X-DNS-Prefetch-Control": "off",
}

#: Elements that ask for something elsewhere before any policy is asked (`<link rel="dns-prefetch">`), or lead the frame
#: there. Under another name they are nothing.
_ASKING = re.compile(r"<(?=(?:link|meta|base|object|embed|i?frame|frameset|portal)[\s/>])", re.IGNORECASE)
_CID = re.compile(r"(?<=[\"'(=\s])cid:([^\s\"'<>()\\]{1,512})", re.IGNORECASE)
_LEADS = re.compile(r"href\s{0,9}=\s{0,9}[\"']?\Z", re.IGNORECASE)
#: What a browser draws.
_PICTURES = re.compile(r"image/(?:png|jpeg|jpg|gif|webp|avif|bmp|svg\+xml|x-icon|vnd\.microsoft\.icon)")
#: What a browser would fetch from elsewhere, if it might.
_ELSEWHERE = re.compile(
    r"\b(?:src|srcset|background|poster)\s{0,9}=\s{0,9}[\"']?\s{0,9}(?:https?:)?//|\burl\(\s{0,9}[\"']?(?:https?:)?//",
    re.IGNORECASE,
)
_ANCHOR = re.compile(r"<a\s([^<>]*)>", re.IGNORECASE)
#: What says in which window a link opens, and what that is told of the frame's.
_WINDOW = re.compile(r"(?<![\w-])(?=(?:target|rel)\s{0,9}=)", re.IGNORECASE)
_DOCTYPE = re.compile(r"\s*<!doctype[^<>]*>", re.IGNORECASE)
#: All links open in a tab of their own, which has no hold on this one (HTML, 4.6.7.1: `noopener` is implied).
_BASE = '<base target="_blank">'
_HREF = re.compile(r"(?:^|\s)href\s{0,9}=\s{0,9}(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>?")
#: What is looked at behind an anchor for the words of its link.
_WORDS = 4096


class Framed(NamedTuple):
    """A mail's HTML for a frame, its links (what is said, and where it leads), and how much in it lies elsewhere."""

    data: bytes
    links: list[tuple[str, str]]
    elsewhere: int
    #: Whether it is more than FRAME_CHARACTERS, and this its beginning.
    is_cut: bool


def framed(data: bytes, path: str) -> Framed | None:
    """The HTML at `path` of a mail; None where there is none. Never raises."""
    try:
        parts = list(leaves(parse(data)))
        found = next((leaf for leaf in parts if leaf.path == path and leaf.media == "text/html"), None)
        text = found.text if found else None
    except Exception:  # the parser has bugs, and nobody knows some charsets
        return None
    if text is None:
        return None
    is_cut, text = len(text) > FRAME_CHARACTERS, text[:FRAME_CHARACTERS]
    quiet = _ANCHOR.sub(lambda anchor: _WINDOW.sub("off-", anchor[0]), _ASKING.sub("<off-", text))
    drawn = _with_pictures(quiet, parts)
    doctype = _DOCTYPE.match(drawn)  # what stands before it makes a browser draw as in 1998
    start = doctype.end() if doctype else 0
    drawn = drawn[:start] + _BASE + drawn[start:]
    return Framed(drawn.encode("utf-8", "replace"), list(_links(text)), len(_ELSEWHERE.findall(quiet)), is_cut)


def _with_pictures(text: str, parts: list[Leaf]) -> str:
    """With the pictures in it that came along, CONTENT_MOST bytes of them; the others stay away."""
    pictures = {leaf.id: leaf for leaf in parts if leaf.id and _PICTURES.fullmatch(leaf.media)}
    made: dict[str, str] = {}
    room = CONTENT_MOST

    def put(match: re.Match[str]) -> str:
        nonlocal room
        leaf = pictures.get(unquote(match[1])) or pictures.get(match[1])
        if leaf is None or _LEADS.search(text, max(0, match.start() - 20), match.start()):
            return match[0]
        if leaf.path not in made:
            made[leaf.path] = f"data:{leaf.media};base64,{b64encode(leaf.data).decode()}"
        room -= len(made[leaf.path])
        return made[leaf.path] if room >= 0 else match[0]

    return _CID.sub(put, text)


def _links(text: str) -> Iterator[tuple[str, str]]:
    """What a reader may go to, FRAME_LINKS at most, each place once."""
    seen = set()
    for anchor in _ANCHOR.finditer(text):
        href = _HREF.search(anchor[1])
        where = html.unescape(href[1] or href[2] or href[3] or "").strip() if href else ""
        if where.lower().startswith(("http://", "https://", "mailto:")) and where not in seen:
            seen.add(where)
            yield _words(text, anchor.end()), where[:FRAME_LINK_CHARACTERS]
        if len(seen) >= FRAME_LINKS:
            return


def _words(text: str, start: int) -> str:
    """The words from there to the link's end."""
    inside = re.split("</a", text[start : start + _WORDS], maxsplit=1, flags=re.IGNORECASE)[0]
    return " ".join(html.unescape(_TAG.sub(" ", inside)).split())[:FRAME_LINK_CHARACTERS]


class Frames:
    """What was made for frames that have not asked for it yet: the FRAMES_KEPT newest."""

    def __init__(self) -> None:
        self._made: OrderedDict[str, bytes] = OrderedDict()

    def put(self, data: bytes) -> str:
        """Keep it for the one who comes with the address that is given."""
        ticket = secrets.token_urlsafe(24)
        self._made[ticket] = data
        if len(self._made) > FRAMES_KEPT:
            self._made.popitem(last=False)
        return f"/frames/{ticket}"

    def __len__(self) -> int:
        return len(self._made)

    async def serve(self, request: Request) -> Response:
        """What the ticket is for, once. Raises `NoSuchPath`."""
        data = self._made.pop(request.path_params["ticket"], None) if request.method == "GET" else None
        if data is None:
            raise NoSuchPath("there is nothing for this frame", "GET /api/mails/N/frame makes it, for one time.")
        return Response(data, headers=_HEADERS)
