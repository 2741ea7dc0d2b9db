"""The listing of a folder as a page: one document that needs nothing else, and no script to be read, sorted or used.

With its script times are in the reader's own zone, and files are sent with their progress. The style and the script
stand in the page, and its policy (CSP Level 3) allows these two, by their hashes, and nothing else. Names are hostile:
none of them becomes markup, an address of elsewhere, a line of its own or a change of direction.

Its links lead to what is in the folder, and to nothing else: sorting and deleting are buttons of forms, so that what
mirrors a site (wget) follows none of them.
"""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from html import escape
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote

from tincans.apps.http.listing import Listing, Row, Sorting, rfc3339
from tincans.limits import LISTING_ROWS
from tincans.text import escape as visible
from tincans.text import human_bytes

_FOLDER = Path(__file__).with_name("static")
_STYLE = (_FOLDER / "listing.css").read_text("utf-8")
_SCRIPT = (_FOLDER / "listing.js").read_text("utf-8")
_SIGN = (
    '<svg viewBox="0 0 32 32" fill="none" stroke-width="2.4" stroke-linecap="round" stroke-linejoin="round"{more}>'
    '<path d="M11 12c3 9 7 9 10 0" stroke="#7d8590"/>'
    '<path d="M2.5 8.5 9.5 6l2.8 10.5-7 2.500z" fill="#0b6b8a" stroke="#0b6b8a"/>'
    '<path d="m29.500 8.500-7-2.500-2.800 10.500 7 2.500z" fill="#c07a1e" stroke="#c07a1e"/></svg>'
)
_MARK = _SIGN.format(more=' aria-hidden="true"')
_ICON = "data:image/svg+xml," + quote(_SIGN.format(more=' xmlns="http://www.w3.org/2000/svg"'))

#: The picture before a name, by its ending; the style sheet has the shapes.
_PICTURES = {
    "image": "png jpg jpeg gif webp avif svg bmp tif tiff ico heic psd",
    "video": "mp4 webm mkv mov avi m4v mpg mpeg ogv",
    "audio": "mp3 wav flac ogg oga opus m4a aac wma mid midi",
    "archive": "zip tar gz tgz bz2 xz zst br 7z rar deb rpm jar iso whl",
    "code": "py js mjs ts tsx jsx c h cc cpp hpp rs go java kt rb php sh pl lua sql html htm css json xml yaml toml",
}
_PICTURE_OF = {ending: picture for picture, endings in _PICTURES.items() for ending in endings.split()}


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


#: What the page may load and do.
POLICY = (
    f"default-src 'none'; style-src {_hash(_STYLE)}; script-src {_hash(_SCRIPT)}; img-src data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def page(listing: Listing, query: str, *, writable: bool, may_log_in: bool = False) -> Iterator[bytes]:
    """The document, piece by piece.

    Where it is writable it has the forms by which the folder is changed; for who may log in it has a button.
    """
    yield "".join(_before(listing, query, writable, may_log_in)).encode()
    for start in range(0, len(listing.rows), LISTING_ROWS):
        rows = listing.rows[start : start + LISTING_ROWS]
        yield "\n".join([_line(row, writable) for row in rows]).encode() + b"\n"
    yield "".join(_behind(listing, writable)).encode()


# ── the pieces ────────────────────────────────────────────────────────────────────────────────────────────


def _text(text: str) -> str:
    """A hostile text as one piece of markup, with all of it to be seen."""
    return f'<bdi dir="ltr">{escape(visible(text))}</bdi>'


def _before(listing: Listing, query: str, writable: bool, may_log_in: bool) -> Iterator[str]:
    steps = listing.path.strip("/").split("/") if listing.path != "/" else []
    title = visible(steps[-1]) if steps else "Files"
    yield (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{escape(title)}</title>\n<link rel="icon" href="{_ICON}">\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n"
    )
    login = '<form><button name="login">Log in</button></form>' if may_log_in else ""
    yield f'<header>{_MARK}<nav aria-label="Folders"><ol>{_trail(steps)}</ol></nav>{login}</header>\n<main>\n'
    heading = _text(steps[-1]) if steps else title
    yield f'<div class="title"><h1>{heading}</h1><p id="sum">{_sum(listing)}</p></div>\n'
    if writable:
        yield _question(query)
        yield _FORMS
    yield f'<table class="card" id="list">\n<thead><tr>{_heads(listing.sorting, writable)}</tr></thead>\n<tbody>\n'
    if steps:
        rest = '<td class="x">' if writable else ""
        yield f'<tr><td class="n"><a class="up" href="../">Up</a><td class="s"><td class="t">{rest}\n'


def _behind(listing: Listing, writable: bool) -> Iterator[str]:
    if not listing.rows:
        yield f'<tr><td class="empty" colspan="{3 + writable}">There is nothing in this folder.\n'
    yield f"</tbody>\n</table>\n</main>\n<footer>Served by tincans</footer>\n<script>{_SCRIPT}</script>\n</body>\n"


def _trail(steps: list[str]) -> str:
    """The folders from the root to this one, as links."""
    names = ["Files", *map(_text, steps)]
    links = [f'<li><a href="{"../" * (len(steps) - place)}">{name}</a>' for place, name in enumerate(names[:-1])]
    return "".join([*links, f'<li aria-current="page">{names[-1]}'])


def _sum(listing: Listing) -> str:
    folders = sum(row.is_folder for row in listing.rows)
    files = len(listing.rows) - folders
    counts = [_count(folders, "folder")] if folders else []
    if files:
        counts += [_count(files, "file"), human_bytes(sum(row.size for row in listing.rows))]
    return " · ".join(counts)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _heads(sorting: Sorting, writable: bool) -> str:
    def head(key: str, kind: str, title: str) -> str:
        now = {"asc": "ascending", "desc": "descending"}[sorting.order]
        sort = f' aria-sort="{now}"' if key == sorting.key else ""
        turned = sorting.turned(key)
        order = f'<input type="hidden" name="order" value="{turned.order}">'
        button = f'<button name="sort" value="{turned.key}">{title}</button>'
        return f'<th scope="col" class="{kind}"{sort}><form>{order}{button}</form>'

    changed = 'Changed<span id="zone"> (UTC)</span>'
    rest = '<th scope="col" class="x"><span class="unseen">Delete</span>' if writable else ""
    return head("name", "n", "Name") + head("size", "s", "Size") + head("time", "t", changed) + rest


def _line(row: Row, writable: bool) -> str:
    name, href, at = _text(row.name), row.href, rfc3339(row.at)
    when = f'<time datetime="{at[:19]}Z">{at[:10]} {at[11:16]}</time>' if at else ""
    size = "" if row.is_folder else human_bytes(row.size)
    link = f'<a class="{_picture(row)}" href="{href}">{name}</a>'
    line = f'<tr><td class="n">{link}<td class="s">{size}<td class="t">{when}'
    if writable:
        told = f'value="{href.rstrip("/")}" aria-label="Delete {escape(visible(row.name))}"'
        line += f'<td class="x"><button form="ask" name="delete" {told}></button>'
    return line


def _picture(row: Row) -> str:
    if row.is_folder:
        return "folder"
    return _PICTURE_OF.get(row.name.rpartition(".")[2].lower(), "file")


# ── changing ──────────────────────────────────────────────────────────────────────────────────────────────

#: A field of the form that carries files comes last, as what it is about has to be known when they come.
_FORMS = (
    '<div class="change">\n'
    '<form id="send" class="card send" method="post" enctype="multipart/form-data">'
    '<p id="hint" hidden>Drop files or folders anywhere.</p>'
    '<input id="files" type="file" name="file" multiple aria-label="Files to upload">'
    '<button class="main">Upload</button>'
    '<button id="choose" type="button" class="choose" hidden>Choose files</button>'
    '<button id="choose-folder" type="button" class="choose" hidden>Choose a folder</button>'
    '</form>\n<input id="tree" type="file" webkitdirectory hidden aria-label="A folder to upload">\n'
    '<form class="card make" method="post" enctype="multipart/form-data">'
    '<input type="text" name="folder" required maxlength="255" aria-label="Name of a new folder" '
    'placeholder="New folder">'
    "<button>Make it</button></form>\n</div>\n"
    '<ul id="going" class="card going" aria-label="Uploads" hidden></ul>\n<form id="ask"></form>\n'
)


def _question(query: str) -> str:
    """Whether what somebody asked to delete really shall be."""
    asked = unquote(parse_qs(query).get("delete", [""])[0], errors="surrogateescape")
    if not asked:
        return ""
    value = escape(quote(os.fsencode(asked), safe=""))
    return (
        '<form class="card ask" method="post" enctype="multipart/form-data">'
        f"<p>Delete {_text(asked)} for ever?</p>"
        f'<button class="danger" name="delete" value="{value}">Delete</button>'
        '<a class="button" href="./">Keep it</a></form>\n'
    )
