"""What is searched for is understood, whatever it is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from remembering import said, say
from tincans.apps.chat.history.folder import FolderHistory
from tincans.apps.chat.history.index import Index
from tincans.apps.chat.history.search import Sort, Term, id_word, parse, tokens


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("one two", [("words", "one"), ("words", "two")]),
        ('"one two" three', [("words", "one two"), ("words", "three")]),
        ('x"y z"w', [("words", "x"), ("words", "y z"), ("words", "w")]),
        ("wor*", [("beginning", "wor*")]),
        ("from:Ann x", [("nick", "Ann"), ("words", "x")]),
        ("From:[x]", [("nick", "[x]")]),
        ("from: x", [("words", "from:"), ("words", "x")]),
        ('- "" "?" * _', []),
        ("a\0b", [("words", "a"), ("words", "b")]),
        ("\ud800 x", [("words", "x")]),
    ],
)
def test_parse(text: str, terms: list[tuple[str, str]]) -> None:
    assert parse(text) == [Term(Sort(sort), words) for sort, words in terms]


def test_tokens() -> None:
    assert tokens("Straße_ÉTÉ, x-1 東京!") == ["straße", "ete", "x", "1", "東", "京"]


def test_ids_of_any_form_are_words_of_their_own() -> None:
    words = {id_word(identity) for identity in ("abc", "ab-c", "ab_c", "abç", "6162", "")}
    assert len(words) == 6
    assert all(word[1:].isalnum() for word in words)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    """The index of a history in which something was said."""
    history = FolderHistory.open(tmp_path_factory.mktemp("rooms") / "rooms")
    say(history, "one and two", "NEAR and not OR far", "東京 1")
    history.append([said(4, room="#other")])
    asyncio.run(history.aclose())
    index = Index(history.folder / "index.sqlite3")
    yield index
    index.close()


@given(st.text(max_size=30) | st.text(alphabet='"*^(){}:+-ANDORNTE a\0\ue000東', max_size=30))
@example("x " * 400)
@example('"' + "x " * 400)
@example("from:" + "x" * 900)
def test_no_text_is_wrong(index: Index, text: str) -> None:
    terms = parse(text)
    for rooms in (["#ops"], ["#other"], ["#ops", "#other"]):
        assert len(index.search(terms, rooms, 0, 10)) <= 3 if terms else True


def test_an_id_that_is_no_text_is_one_that_nothing_has(index: Index) -> None:
    assert index.named("\ud800") == []
