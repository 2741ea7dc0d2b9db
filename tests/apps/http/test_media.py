"""Types by names, and packed forms by what a client takes."""

from __future__ import annotations

import pytest

from tincans.apps.http.media import codings, type_of


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("/index.html", "text/html; charset=utf-8"),
        ("/A.TXT", "text/plain; charset=utf-8"),
        ("/style.css", "text/css; charset=utf-8"),
        ("/app.js", "text/javascript; charset=utf-8"),
        ("/app.mjs", "text/javascript; charset=utf-8"),
        ("/data.json", "application/json"),
        ("/a.svg", "image/svg+xml"),
        ("/a.wasm", "application/wasm"),
        ("/a.b/c.mp4", "video/mp4"),
        ("/a.webm", "video/webm"),
        ("/a.woff2", "font/woff2"),
        ("/a.tar.gz", "application/gzip"),
        ("/a.html.br", "application/octet-stream"),
        ("/a.tar.xz", "application/x-xz"),
        ("/README", "application/octet-stream"),
        ("/.git", "application/octet-stream"),
        ("/a.unheard-of", "application/octet-stream"),
        ("/data:text", "application/octet-stream"),
        ("/data:,a.html", "text/html; charset=utf-8"),
        ("/http://x/a?b#c.png", "image/png"),
        ("/\udcff.txt", "text/plain; charset=utf-8"),
        ("/folder.html/file", "application/octet-stream"),
    ],
)
def test_types(name: str, kind: str) -> None:
    assert type_of(name) == kind


@pytest.mark.parametrize(
    ("accepted", "wanted"),
    [
        ("", ()),
        ("gzip", ("gzip",)),
        ("gzip, deflate, br, zstd", ("br", "gzip")),
        ("GZIP;Q=1.000,\tbr ; q=0.999", ("gzip", "br")),
        ("x-gzip", ("gzip",)),
        ("br;q=0, gzip", ("gzip",)),
        ("*", ("br", "gzip")),
        ("*;q=0", ()),
        ("*;q=0.5, br;q=0", ("gzip",)),
        ("identity, gzip;q=0.5", ()),
        ("gzip;q=2", ()),
        ("gzip;q=0.1234", ()),
        ("gzip;level=1", ()),
        ("gzip br", ()),
    ],
)
def test_packed_forms(accepted: str, wanted: tuple[str, ...]) -> None:
    assert codings(accepted) == wanted
