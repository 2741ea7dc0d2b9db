"""The tables of docs/compliance say what is done, and name a test for it that there is."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs" / "compliance").glob("*.md"))
COLUMNS = ["RFC and section", "what it asks", "here", "test"]
NAMED = re.compile(r"`(tests/[^`:]+\.py)::([^`]+)`")


class Row(NamedTuple):
    """One line of a table."""

    line: int
    cells: list[str]

    @property
    def here(self) -> str:
        """Which of the three it is."""
        return re.split(r"[:;,. ]", self.cells[2].removeprefix("not "))[0]


def rows(page: Path) -> list[Row]:
    """Every line of every table of a page, the heads and the rules under them included."""
    lines = page.read_text().splitlines()
    found = [(number, line.strip()) for number, line in enumerate(lines, 1) if line.lstrip().startswith("|")]
    return [Row(number, [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]) for number, line in found]


def entries(page: Path) -> list[Row]:
    """The rows that say something."""
    return [row for row in rows(page) if row.cells != COLUMNS and not set("".join(row.cells)) <= set("-: ")]


@cache
def names_in(file: str) -> set[str]:
    """The names of a file's tests, found without running it: `test_name`, or `Class::test_name`."""
    path = ROOT / file
    if not path.exists():
        return set()
    found = set()
    for node in ast.parse(path.read_text()).body:
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f"{node.name}::" if isinstance(node, ast.ClassDef) else ""
        found |= {prefix + each.name for each in inner if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}
    return found


def test_there_are_pages() -> None:
    assert "small-services" in [page.stem for page in PAGES]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_each_table_has_the_four_columns(page: Path) -> None:
    assert page.read_text().startswith("# ")
    heads = [
        row for row, rule in zip(rows(page), rows(page)[1:], strict=False) if set("".join(rule.cells)) <= set("-: ")
    ]
    assert heads
    assert all(row.cells == COLUMNS for row in heads)
    assert [row for row in rows(page) if len(row.cells) != 4] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_each_row_says_whether_it_is_done(page: Path) -> None:
    assert [row for row in entries(page) if row.here not in ("done", "deviation")] == []
    assert [row for row in entries(page) if row.cells[2] == "deviation"] == [], "how it differs, and why, is said"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_is_done_has_a_test(page: Path) -> None:
    done = [row for row in entries(page) if row.cells[2].startswith("done")]
    assert [row for row in done if not NAMED.search(row.cells[3])] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_test_that_is_named_is_there(page: Path) -> None:
    text = page.read_text()
    named = NAMED.findall(text)
    assert len(named) == text.count("`tests/"), "a test is named by its file and its name"
    missing = [f"{file}::{name}" for file, name in named if name.partition("[")[0] not in names_in(file)]
    assert missing == []
