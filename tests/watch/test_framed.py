"""A mail's HTML in a frame: as it was meant, and harmless; and what was made for a frame is had once."""

from __future__ import annotations

from base64 import b64encode
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tincans.limits import CONTENT_MOST, FRAME_CHARACTERS, FRAME_LINK_CHARACTERS, FRAME_LINKS, FRAMES_KEPT
from tincans.watch.framed import Frames, framed

PNG = b"\x89PNG\r\n\x1a\n"
DATA = f"data:image/png;base64,{b64encode(PNG).decode()}"


def mail(html: str, pictures: dict[str, bytes] | None = None, kind: str = "png") -> bytes:
    """A mail of this HTML, whose pictures came along; it is the part `1` where there are none, else `1.1`."""
    made = EmailMessage()
    made.set_content(html, subtype="html")
    for name, data in (pictures or {}).items():
        made.add_related(data, "image", kind, cid=f"<{name}>")
    return made.as_bytes()


def shown(html: str, pictures: dict[str, bytes] | None = None) -> str:
    found = framed(mail(html, pictures), "1")
    assert found is not None
    return found.data.decode().rstrip("\n").replace('<base target="_blank">', "", 1)


def links(html: str) -> list[tuple[str, str]]:
    found = framed(mail(html), "1")
    assert found is not None
    return found.links


@pytest.mark.parametrize(
    "html",
    [
        '<img src="cid:logo@tin">', "<img src='cid:logo@tin'>", "<img src=cid:logo@tin>", '<img src="CID:logo@tin">',
        '<img src="cid:logo%40tin">', '<p style="background: url(cid:logo@tin)">', '<td background="cid:logo@tin">',
    ],
)  # fmt: skip
def test_pictures_that_came_along_are_in_it(html: str) -> None:
    text = shown(html, {"logo@tin": PNG})
    assert DATA in text
    assert "cid:" not in text.lower()


def test_only_pictures_that_came_along_are_put_in() -> None:
    for html in ("<img src=cid:other>", "<a href='cid:logo@tin'>x", "<p>acid:logo@tin", "see cid-logo@tin"):
        assert shown(html, {"logo@tin": PNG}) == html
    page = mail("<iframe src=cid:page>", {"page": b"<script>"}, "x-page")
    found = framed(page, "1")
    assert found is not None
    assert b"cid:page" in found.data


def test_so_many_pictures_and_not_one_more() -> None:
    data = bytes(CONTENT_MOST // 4)  # a third more in base64
    text = shown("<img src=cid:a>" * 4, {"a": data})
    assert text.count("data:image/png") == 2
    assert text.count("cid:a") == 2


@pytest.mark.parametrize(
    "element", ["link", "meta", "base", "object", "embed", "iframe", "frame", "frameset", "portal", "LiNk"]
)
def test_what_leads_elsewhere_is_no_element_any_more(element: str) -> None:
    assert shown(f"<{element} href=//192.0.2.66>") == f"<off-{element} href=//192.0.2.66>"
    assert shown(f"<{element}/href=//192.0.2.66>").startswith("<off-")
    assert shown(f"<{element}ish>") == f"<{element}ish>"


def test_links_open_in_tabs_that_know_nothing_of_this_one() -> None:
    assert shown("<a TARGET=_top rel = 'opener' href=x data-target=y>") == (
        "<a off-TARGET=_top off-rel = 'opener' href=x data-target=y>"
    )
    for html, framed_as in [
        ("<p>x", '<base target="_blank"><p>x'),
        ("\n<!DOCTYPE html><p>x", '\n<!DOCTYPE html><base target="_blank"><p>x'),
    ]:
        found = framed(mail(html), "1")
        assert found is not None
        assert found.data.decode().rstrip("\n") == framed_as


def test_its_styles_stay() -> None:
    html = "<style>p { color: red }</style><p style='margin: 0'>Grüße"
    assert shown(html) == html


def test_links_are_told_with_where_they_lead() -> None:
    assert links('<a href="http://tin.example/?a=1&amp;b=2">Go <b>there</b>&nbsp;now</a>') == [
        ("Go there now", "http://tin.example/?a=1&b=2")
    ]
    assert links("<A class=x HREF=https://a.example>A</A><a href='mailto:x@y'>B</a>") == [
        ("A", "https://a.example"), ("B", "mailto:x@y"),
    ]  # fmt: skip
    assert links("<a href='javascript:alert(1)'>x</a><a href=data:,x>y</a><a name=z>z</a><a href=/here>h</a>") == []
    assert links("<a href=http://a>1</a><a href=http://a>2</a>") == [("1", "http://a")]
    many = "".join(f"<a href=http://a/{number}>{'x' * 5000}</a>" for number in range(FRAME_LINKS + 1))
    found = links(many)
    assert len(found) == FRAME_LINKS
    assert len(found[0][0]) == FRAME_LINK_CHARACTERS
    assert len(links(f"<a href=http://{'a' * 3000}>")[0][1]) == FRAME_LINK_CHARACTERS


@pytest.mark.parametrize(
    ("html", "elsewhere"),
    [
        ("<img src=http://a/x><img src = '//a/y'><td background=\"https://a/z\">", 3),
        ("<p style='background: url(http://a)'><img srcset=https://b>", 2),
        ("<a href=http://a>http://b</a><img src=cid:x><img src=data:,>", 0),
    ],
)
def test_what_lies_elsewhere_is_counted(html: str, elsewhere: int) -> None:
    found = framed(mail(html), "1")
    assert found is not None
    assert found.elsewhere == elsewhere


def test_so_much_of_it_and_not_a_character_more() -> None:
    for more in (0, 1):
        found = framed(mail("<p>".ljust(FRAME_CHARACTERS + more - 1, "x")), "1")  # and the end of a line
        assert found is not None
        assert found.is_cut == bool(more)
        assert len(found.data) == len('<base target="_blank">') + FRAME_CHARACTERS


def test_only_html_is_framed() -> None:
    data = mail("<p>x", {"a": PNG})
    assert framed(data, "1") is not None
    assert framed(data, "2") is None
    assert framed(data, "9") is None
    assert framed(b"Content-Type: text/html; charset=klingon\n\nx", "1") is None


@given(
    st.text(max_size=200)
    | st.lists(st.sampled_from(["<a ", "href=", "'", '"', "cid:", "<", ">", "x", "="])).map("".join)
)
def test_no_html_is_too_broken(html: str) -> None:
    data = b"Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n" + html.encode(
        "utf-8", "replace"
    )
    assert framed(data, "1") is not None


@pytest.mark.parametrize("piece", ["<a ", "<a href=", "src=", "cid:", "<a href='", "url(", "</a"])
def test_html_made_to_take_long_takes_a_moment(piece: str) -> None:
    """Where one look took the square of it this would not end."""
    assert framed(mail(piece * 300_000), "1") is not None


def test_what_was_made_is_kept_for_so_many_frames() -> None:
    frames = Frames()
    addresses = [frames.put(b"x") for _ in range(FRAMES_KEPT + 1)]
    assert len(set(addresses)) == FRAMES_KEPT + 1
    assert len(frames) == FRAMES_KEPT
