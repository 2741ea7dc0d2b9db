"""What a listing says: sorted as people sort, exact for programs, of any size."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from stat import S_IFDIR, S_IFREG
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tincans.apps.http.listing import Listing, Sorting, rfc3339
from tincans.files import Item
from tincans.limits import LISTING_ROWS


def file(name: str, size: int = 0, at: float = 0.0) -> Item:
    return Item(name, os.stat_result((S_IFREG | 0o644, 1, 1, 1, 0, 0, size, 0, int(at), 0, *_times(at))))


def folder(name: str, at: float = 0.0) -> Item:
    return Item(name, os.stat_result((S_IFDIR | 0o755, 1, 1, 1, 0, 0, 4096, 0, int(at), 0, *_times(at))))


def _times(at: float) -> tuple[float, ...]:
    """The last fields of a stat_result: in seconds as floats, and in nanoseconds."""
    return (0.0, at, 0.0, 0, round(at * 1000) * 1_000_000, 0)


def names(items: Sequence[Item], query: str = "") -> list[str]:
    return [row.name for row in Listing("/", items, Sorting.of(query)).rows]


def told(listing: Listing) -> Any:
    return json.loads(b"".join(listing.json()))


# ── order ─────────────────────────────────────────────────────────────────────────────────────────────────

ITEMS = [file("b 10", 1, 30), file("B 9", 3, 10), file("a", 2, 20), folder("z", 5), folder("y", 40)]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["y", "z", "a", "B 9", "b 10"]),
        ("sort=name&order=desc", ["z", "y", "b 10", "B 9", "a"]),
        ("sort=size", ["y", "z", "B 9", "a", "b 10"]),
        ("sort=size&order=asc", ["y", "z", "b 10", "a", "B 9"]),
        ("sort=time", ["y", "z", "b 10", "a", "B 9"]),
        ("sort=time&order=asc", ["z", "y", "B 9", "a", "b 10"]),
        ("sort=jam", ["y", "z", "a", "B 9", "b 10"]),
        ("sort=size&order=jam", ["y", "z", "B 9", "a", "b 10"]),
        ("order=desc", ["z", "y", "b 10", "B 9", "a"]),
    ],
)
def test_folders_are_first_and_the_rest_is_as_asked(query: str, expected: list[str]) -> None:
    assert names(ITEMS, query) == expected


def test_a_click_on_a_column_asks_for_it_and_the_next_one_turns_it() -> None:
    by_name = Sorting.of("")
    assert by_name.turned("name") == ("name", "desc")
    assert by_name.turned("size") == ("size", "desc")
    assert by_name.turned("size").turned("size") == ("size", "asc")
    assert by_name.turned("time").turned("name") == ("name", "asc")


def test_numbers_count_as_numbers_whatever_their_digits() -> None:
    assert names([file(name) for name in ("x²", "x10", "x٣", "x2", "x" + "9" * 200)]) == [
        "x2", "x٣", "x10", "x" + "9" * 200, "x²",
    ]  # fmt: skip


def any_name() -> st.SearchStrategy[str]:
    """What a file may be called: text or any other bytes."""
    said = st.text(min_size=1).map(lambda text: text.encode("utf-8", "surrogatepass")) | st.binary(min_size=1)
    names = said.map(lambda name: os.fsdecode(name.translate(None, b"/\0")))
    return names.filter(lambda name: name not in ("", ".", ".."))


@given(st.lists(any_name(), unique=True))
def test_any_names_can_be_sorted(given_names: list[str]) -> None:
    assert sorted(names([file(name) for name in given_names])) == sorted(given_names)


# ── JSON ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_json_says_all_and_exactly() -> None:
    items = [file("a b.wav", 44, 1_764_274_500.25), folder("ü")]
    assert told(Listing("/music/", items, Sorting())) == {
        "path": "/music/",
        "items": [
            {"name": "ü", "href": "%C3%BC/", "type": "folder", "size": 0, "modified": "1970-01-01T00:00:00.000000000Z"},
            {"name": "a b.wav", "href": "a%20b.wav", "type": "file", "size": 44,
             "modified": "2025-11-27T20:15:00.250000000Z"},
        ],
    }  # fmt: skip


def test_a_name_that_is_no_text_has_an_exact_reference() -> None:
    (item,) = told(Listing("/\udcff/", [file("a\udcfe\n")], Sorting()))["items"]
    assert (item["name"], item["href"]) == ("a\ufffd\n", "a%FE%0A")


@pytest.mark.parametrize("count", [0, 1, LISTING_ROWS, LISTING_ROWS + 1, 10_000])
def test_a_folder_of_any_size_comes_in_pieces_that_are_bounded(count: int) -> None:
    listing = Listing("/", [file(f"{number}") for number in range(count)], Sorting())
    pieces = list(listing.json())
    assert len(json.loads(b"".join(pieces))["items"]) == count
    assert len(pieces) == 2 + -(-count // LISTING_ROWS)


@pytest.mark.parametrize(
    ("at", "said"),
    [
        (0, "1970-01-01T00:00:00.000000000Z"), (-1, "1969-12-31T23:59:59.999999999Z"),
        (253_402_300_799_999_999_999, "9999-12-31T23:59:59.999999999Z"), (253_402_300_800_000_000_000, ""),
        (-62_135_596_800_000_000_000, "0001-01-01T00:00:00.000000000Z"), (-62_135_596_800_000_000_001, ""),
    ],
)  # fmt: skip
def test_a_time_is_said_where_it_has_a_form(at: int, said: str) -> None:
    assert rfc3339(at) == said


# ── tags ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_tag_changes_with_what_is_said_and_with_nothing_else() -> None:
    def tag(items: Sequence[Item], query: str = "", path: str = "/", variant: str = "json") -> str:
        return Listing(path, items, Sorting.of(query)).tag(variant)

    first = tag([file("a", 1, 1)])
    assert first == tag([file("a", 1, 1)])
    others = [
        tag([file("b", 1, 1)]), tag([file("a", 2, 1)]), tag([file("a", 1, 2)]), tag([folder("a", 1)]), tag([]),
        tag([file("a", 1, 1)], "sort=size"), tag([file("a", 1, 1)], path="/x/"), tag([file("a", 1, 1)], variant="page"),
    ]  # fmt: skip
    assert len({first, *others}) == 1 + len(others)
