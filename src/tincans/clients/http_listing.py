"""What a folder holds, as HTTP servers say it: JSON of tincans' own, or the links of a page made for people.

Of a page those links count that lead to something in the folder itself; what stands behind one is read as nginx, Apache
and their like write it, a time and a size, both perhaps rounded:

    <a href="a%20b.txt">a b.txt</a>     27-Nov-2026 20:15      1234        nginx: the size is exact
    <a href="sub/">sub/</a>             2026-11-27 20:15       1.2K        Apache
    <a href="x">x</a>                                                      python3 -m http.server
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable
from datetime import datetime
from html.parser import HTMLParser
from urllib.parse import urljoin

import msgspec

from tincans.clients.remote import Item, moment
from tincans.clients.url import Url, unquoted
from tincans.errors import TransferFailed, UrlError

_WHEN = re.compile(
    r"(?:(?P<d>\d\d)-(?P<b>[A-Z][a-z]{2})-(?P<y>\d{4})|(?P<Y>\d{4})-(?P<m>\d\d)-(?P<D>\d\d)) (?P<H>\d\d):(?P<M>\d\d)"
    r"(?::\d\d)?\s+(?:(?P<size>\d{1,18}(?:\.\d{1,9})?)(?P<unit>[KMGTP]?)|-)?"
)
_MONTHS = {name: number for number, name in enumerate(calendar.month_abbr) if name}
_UNITS = {unit: 1024**power for power, unit in enumerate(["", "K", "M", "G", "T", "P"])}


class _Row(msgspec.Struct):
    """One item of our own servers' JSON; see `tincans.apps.http.listing`."""

    href: str
    type: str = "file"
    size: int = 0
    modified: str = ""


class _Listing(msgspec.Struct):
    items: list[_Row]


def parse_json(said: bytes, url: Url) -> list[Item]:
    """The items of a listing as our own server gives it. Raises `TransferFailed` where it is none."""
    try:
        return [_item(row) for row in msgspec.json.decode(said, type=_Listing).items]
    except (msgspec.MsgspecError, ValueError) as error:
        raise TransferFailed(url, f"it is no listing of a folder: {error}") from error


def _item(row: _Row) -> Item:
    is_folder = row.type == "folder"
    modified = datetime.fromisoformat(row.modified[:19] + "+00:00").timestamp() if row.modified else None
    return Item(unquoted(row.href.removesuffix("/")), is_folder, None if is_folder else row.size, modified)


def parse_page(said: str, url: Url) -> list[Item]:
    """The items that a page links to; `url` is that of the folder it was fetched from."""
    links = _Links()
    try:
        links.feed(said)
        links.close()
    except AssertionError as error:  # how html.parser takes leave of what is no HTML
        raise TransferFailed(url, "it is no page") from error
    items: dict[str, Item] = {}
    for href, text in links.found:
        if (name := _child(href, url)) and name.removesuffix("/") not in items:
            items[name.removesuffix("/")] = _described(name, text)
    return list(items.values())


class _Links(HTMLParser):
    """The links of a page, each with the text up to the next one."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: Iterable[tuple[str, str | None]]) -> None:
        href = dict(attrs).get("href") if tag == "a" else None
        if href is not None:
            self.found.append((href, ""))

    def handle_data(self, data: str) -> None:
        if self.found:
            href, text = self.found[-1]
            self.found[-1] = href, (text + data)[-1000:]


def _child(href: str, url: Url) -> str:
    """The name in that folder that a link leads to, with its slash where that is a folder; empty where it is none."""
    base = f"{url.scheme}://{url.authority}{url.folder().path}"
    try:
        found = Url.parse(urljoin(base, href.partition("#")[0]), schemes=(url.scheme,))
    except (UrlError, ValueError):
        return ""
    folder = url.folder().place
    if found.authority != url.authority or found.query or not found.place.startswith(folder):
        return ""
    name = unquoted(found.path[found.path.rindex("/", 0, len(found.path) - 1) + 1 :]) if found.path != "/" else ""
    return name if found.place == folder + name else ""


def _described(name: str, text: str) -> Item:
    """A link with what is said of it."""
    match = _WHEN.search(text)
    is_folder = name.endswith("/")
    size = None
    if match is not None and match["size"] and not is_folder:
        size = int(float(match["size"]) * _UNITS[match["unit"]])
    return Item(name.removesuffix("/"), is_folder, size, _time(match) if match is not None else None, is_exact=False)


def _time(match: re.Match[str]) -> float | None:
    month = _MONTHS.get(match["b"], 0) if match["b"] else int(match["m"])
    year, day = int(match["y"] or match["Y"]), int(match["d"] or match["D"])
    return moment(year, month, day, int(match["H"]), int(match["M"]))
