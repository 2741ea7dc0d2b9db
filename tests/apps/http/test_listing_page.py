"""The page of a folder: hostile names stay text, and its policy allows its own style and script alone."""

from __future__ import annotations

import os
import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from urllib.parse import quote

import pytest
from hypothesis import given

from apps.http.test_listing import any_name, file, folder
from tincans.apps.http.listing import Listing, Sorting
from tincans.apps.http.listing_page import POLICY, page
from tincans.files import Item
from tincans.limits import LISTING_ROWS

HOSTILE = [
    "<script>alert(1)</script>", "\"'><img src=x onerror=alert(1)>", "&lt;", "javascript:alert(1)", "a\nb\r\tc",
    "evil\u202egnp.exe", "\u2028\u2066", "\udcff\udcc0\udcae", "\x1b[2J\x07", "?delete=x",
    "#", "%2e%2e", "..%2f", "\\..",
    "a" * 255, "عربي.txt", "👩‍👩‍👧", " ", "//x", "{{7*7}}", "]]>", "<!--", "-->", "</style>",
]  # fmt: skip


def shown(items: list[Item], *, path: str = "/", query: str = "", writable: bool = False) -> str:
    return b"".join(page(Listing(path, items, Sorting.of(query)), query, writable=writable)).decode()


class Outline(HTMLParser):
    """The elements of a page, and its links with their texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.links: list[tuple[str, str]] = []
        self._open = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        assert not [name for name, _ in attrs if name.startswith("on") or name == "style"]
        if tag == "a":
            self.links.append((dict(attrs)["href"] or "", ""))
            self._open = True

    def handle_endtag(self, tag: str) -> None:
        self._open = self._open and tag != "a"

    def handle_data(self, data: str) -> None:
        if self._open:
            self.links[-1] = (self.links[-1][0], self.links[-1][1] + data)


@pytest.mark.parametrize("writable", [False, True])
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_stays_text(name: str, writable: bool) -> None:
    name = name.replace("/", "")
    query = f"delete={quote(quote(os.fsencode(name)))}"
    plain = Outline(shown([file("plain")], path="/plain/", query="delete=plain", writable=writable))
    hostile = Outline(shown([file(name)], path=f"/{name}/", query=query, writable=writable))
    assert hostile.elements == plain.elements
    assert all(re.fullmatch(r"(\.\./)*|\./|[\w.~%-]+", href) for href, _ in hostile.links)
    assert all(text.isprintable() for _, text in hostile.links)


@given(any_name())
def test_any_name_is_one_printable_line(name: str) -> None:
    (link,) = Outline(shown([file(name)])).links
    assert link[1].isprintable()
    assert "\n" not in link[0]


def test_the_policy_knows_what_stands_in_the_page_and_nothing_else() -> None:
    said = shown([file("a")], writable=True)
    (style,) = re.findall(r"<style>(.*?)</style>", said, re.DOTALL)
    (script,) = re.findall(r"<script>(.*?)</script>", said, re.DOTALL)
    for kind, text in (("style-src", style), ("script-src", script)):
        hashed = b64encode(sha256(text.encode()).digest()).decode()
        assert re.search(rf"{kind} '(\S+)'(;|$)", POLICY)[1] == f"sha256-{hashed}"  # type: ignore[index]
    assert POLICY.startswith("default-src 'none'; ")
    assert "unsafe" not in POLICY


def test_a_row_says_what_it_is_and_how_large_and_when() -> None:
    said = shown([file("song 1.WAV", 1536, 0.0), folder("sub")])
    assert '<a class="audio" href="song%201.WAV">' in said
    assert '<td class="s">1.5 KiB<td class="t"><time datetime="1970-01-01T00:00:00Z">1970-01-01 00:00</time>' in said
    assert '<a class="folder" href="sub/">' in said
    assert '<p id="sum">1 folder · 1 file · 1.5 KiB</p>' in said


def test_the_trail_leads_to_every_folder_above() -> None:
    outline = Outline(shown([], path="/a b/c/d/"))
    assert outline.links[:3] == [("../../../", "Files"), ("../../", "a b"), ("../", "c")]
    assert "There is nothing in this folder." in shown([])


@pytest.mark.parametrize(("query", "column", "now"), [("", "Name", "ascending"), ("sort=size", "Size", "descending")])
def test_the_column_that_sorts_says_so(query: str, column: str, now: str) -> None:
    said = shown([], query=query)
    (sorted_by,) = re.findall(r'aria-sort="(\w+)"><form><[^>]*><button [^>]*>(\w+)', said)
    assert sorted_by == (now, column)


def test_forms_are_there_for_those_who_may_write_alone() -> None:
    said = shown([file("a")], query="delete=a")
    assert 'method="post"' not in said
    assert "delete" not in said.partition("<body>")[2].partition("<script>")[0].lower()
    said = shown([file("a"), folder("b c")], query="delete=b%2520c", writable=True)
    assert said.count('method="post"') == 3
    assert '<p>Delete <bdi dir="ltr">b c</bdi> for ever?</p><button class="danger" name="delete" value="b%20c">' in said
    assert '<button form="ask" name="delete" value="b%20c" aria-label="Delete b c">' in said


def test_a_page_of_any_size_comes_in_pieces_that_are_bounded() -> None:
    listing = Listing("/", [file(f"{number}") for number in range(10_000)], Sorting())
    pieces = list(page(listing, "", writable=True))
    assert len(pieces) == 2 + 10_000 // LISTING_ROWS
    assert max(map(len, pieces[1:-1])) < LISTING_ROWS * 400
