"""Which files a text names."""

from __future__ import annotations

import pytest

from tincans.apps.chat.links import files_in, is_id

ONE, TWO = "0123456789abcdef" * 2, "f" * 32


@pytest.mark.parametrize(("text", "files"), [
    (f"a.pdf (5 bytes) http://hub:7767/files/{ONE}/a.pdf", {ONE}),
    (f"https://[::1]/files/{ONE}/a, /files/{TWO}/b /files/{ONE}/a", {ONE, TWO}),
    (f"seen?(/files/{ONE})", {ONE}),
    (f"https://elsewhere/?u=http%3A%2F%2Fhub%2Ffiles%2F{ONE}%2Fa and %2ffiles%2f{TWO}", {ONE, TWO}),
    (f"/files/{ONE.upper()}/a", {ONE}),
    (f"/files/{ONE}0/a /files/{ONE[1:]}/a /files/{ONE}x {ONE} /files/{ONE[1:]}g", set()),
    ("files", set()),
    ("", set()),
])  # fmt: skip
def test_links_name_files(text: str, files: set[str]) -> None:
    assert files_in(text) == files


@pytest.mark.parametrize("name", [ONE, TWO])
def test_an_id_is_32_digits(name: str) -> None:
    assert is_id(name)
    for wrong in (name[1:], name + "0", name.replace(name[0], "G"), name + "\n", ".."):
        assert not is_id(wrong)
