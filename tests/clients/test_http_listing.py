"""What a folder holds is read from our own servers' JSON, and from the pages of others."""

from __future__ import annotations

import calendar
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tincans.clients.http_listing import parse_json, parse_page
from tincans.clients.remote import Item
from tincans.clients.url import Url
from tincans.errors import TransferFailed

URL = Url.parse("http://h:8000/music%20/")


def at(*parts: int) -> float:
    return calendar.timegm((*parts, 0))


def test_json_of_our_own() -> None:
    said = b"""{"path": "/music/", "items": [
        {"name": "a b", "href": "a%20b", "type": "file", "size": 44, "modified": "2026-11-27T20:15:00.250000000Z"},
        {"name": "?", "href": "%FF%2F..", "type": "file", "size": 1, "modified": ""},
        {"name": "sub", "href": "sub/", "type": "folder", "size": 0, "modified": "2026-11-27T20:15:00.000000000Z"}
    ]}"""
    assert parse_json(said, URL) == [
        Item("a b", False, 44, at(2026, 11, 27, 20, 15)),
        Item("\udcff/..", False, 1, None),
        Item("sub", True, None, at(2026, 11, 27, 20, 15)),
    ]


@pytest.mark.parametrize(
    "said", [b"", b"[]", b"{}", b'{"items": [{}]}', b'{"items": [{"href": "x", "modified": "y"}]}']
)
def test_json_that_is_none(said: bytes) -> None:
    with pytest.raises(TransferFailed, match=r"http://h:8000/music%20/: it is no listing of a folder: "):
        parse_json(said, URL)


def test_a_page_of_nginx() -> None:
    page = """<html><head><title>Index of /</title></head><body><h1>Index of /</h1><hr><pre><a href="../">../</a>
<a href="sub/">sub/</a>                                      27-Nov-2026 20:15                   -
<a href="a%20%26.txt">a &amp;.txt</a>                        27-Nov-2026 20:16                1234
</pre><hr></body></html>"""
    assert parse_page(page, URL) == [
        Item("sub", True, None, at(2026, 11, 27, 20, 15), False),
        Item("a &.txt", False, 1234, at(2026, 11, 27, 20, 16), False),
    ]


def test_a_page_of_apache() -> None:
    page = """<table><tr><th><a href="?C=N;O=D">Name</a></th><th><a href="?C=M;O=A">Last modified</a></th></tr>
<tr><td><a href="/">Parent Directory</a></td><td>&nbsp;</td><td align="right">  - </td></tr>
<tr><td><a href="x.iso">x.iso</a></td><td align="right">2026-11-27 20:15  </td><td align="right">1.5M</td></tr>"""
    assert parse_page(page, URL) == [Item("x.iso", False, 3 * 512 * 1024, at(2026, 11, 27, 20, 15), False)]


@pytest.mark.parametrize(
    ("href", "name"),
    [
        ("x", "x"), ("./x", "x"), ("x#y", "x"), ("/music%20/x", "x"), ("http://h:8000/music%20/x", "x"), ("x/", "x"),
        ("%C3%A9%0A", "é\n"), ("a%20b", "a b"),
        ("../x", ""), ("x/y", ""), ("/x", ""), ("?x", ""), ("x?y", ""), ("#x", ""), ("", ""), (".", ""),
        ("/music%20/", ""), ("http://h:8000/", ""), ("http://other:8000/music%20/x", ""),
        ("https://h:8000/music%20/x", ""), ("//h/x", ""),
        ("mailto:x@y", ""), ("http://[/", ""), ("x%00", ""), ("/music%20", ""),
    ],
)  # fmt: skip
def test_a_link_counts_that_leads_to_something_in_the_folder(href: str, name: str) -> None:
    found = parse_page(f'<a href="{href}">x</a>', URL)
    assert [item.name for item in found] == ([name] if name else [])


def test_what_is_written_otherwise_leads_where_it_leads() -> None:
    # Whoever makes files of such names looks at them first.
    assert [item.name for item in parse_page('<a href="..%2Fx">', URL)] in ([], ["../x"])
    assert [item.name for item in parse_page('<a href="x"><a href="x/"><a href="x">', URL)] == ["x"]


@pytest.mark.parametrize("text", ["99-Nov-2026 20:15 1", "01-Foo-2026 20:15 1", "2026-13-01 20:15 1K"])
def test_a_time_that_is_none(text: str) -> None:
    (item,) = parse_page(f'<a href="x">x</a> {text}', URL)
    assert item.size in (1, 1024)
    assert item.modified is None


@given(st.text())
def test_any_page_is_read_or_refused(page: str) -> None:
    for said in (page, f'<a href="{page}">', f'<a href="x">{page}', f"<![{page}"):
        with contextlib.suppress(TransferFailed):
            assert all(item.name for item in parse_page(said, URL))
