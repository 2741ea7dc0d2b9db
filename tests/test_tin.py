"""`.tin` files: every entry comes back, whatever was said, and what is wrong is said with its line."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tincans import tin
from tincans.channel import Side
from tincans.conversation import Closed, Dropped, Ended, Entry, How, Joined, Kind, Noted, Opened, Said, Secured
from tincans.errors import TinError

_SIDES = st.sampled_from(Side)
_TEXT = st.text(max_size=20)
_DATA = st.one_of(st.binary(max_size=80), st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass")))
_NAMES = st.from_regex(r"[a-z]{1,5}\.[a-z]{1,5}", fullmatch=True)
_FACTS = st.dictionaries(_NAMES, st.text(st.characters(exclude_categories=["Cs"]), max_size=10), max_size=2)
_PLAIN = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


def _entries(at: int) -> st.SearchStrategy[Entry]:
    when = {"conversation": st.just(7), "at": st.integers(at - 10**9, at + 10**10)}
    return st.one_of(
        st.builds(Said, side=_SIDES, data=_DATA, **when),
        st.builds(Ended, side=_SIDES, **when),
        st.builds(Dropped, side=_SIDES, count=st.integers(0, 10**12), reason=_PLAIN, **when),
        st.builds(Noted, text=_PLAIN, **when),
        st.builds(Joined, far=_PLAIN, server=_PLAIN, facts=_FACTS, **when),
        st.builds(Secured, facts=_FACTS, **when),
        st.builds(Closed, how=st.sampled_from(How), by=st.one_of(st.none(), _SIDES), detail=_PLAIN, **when),
    )


@given(
    opened=st.builds(
        Opened, conversation=st.just(7), at=st.just(1_790_000_000_123_456_789), kind=st.sampled_from(Kind),
        client=_PLAIN.filter(bool), server=_PLAIN.filter(bool), name=_PLAIN, near=_PLAIN, far=_PLAIN,
        boundaries=st.booleans(), facts=_FACTS,
    ),
    entries=st.lists(_entries(1_790_000_000_123_456_789), max_size=8),
)  # fmt: skip
def test_all_entries_come_back(opened: Opened, entries: list[Entry]) -> None:
    text = "".join(tin.write([opened, *entries]))
    assert text.isprintable() or set(text) - {"\n"} == {c for c in text if c.isprintable()}
    assert all(line == line.rstrip(" ") for line in text.split("\n"))
    assert list(tin.read(text.splitlines(), number=7)) == [opened, *entries]


def test_what_is_said_reads_well() -> None:
    said = Said(conversation=1, at=1_500_000_000, side=Side.CLIENT, data=b"GET / HTTP/1.0\r\n\r\n")
    opened = Opened(conversation=1, at=0, kind=Kind.RELAY, client="c", server="s")
    assert "".join(tin.write([opened, said])).endswith(
        "opened: 1970-01-01 00:00:00.000000000\n\n1.500000000 C\n    GET / HTTP/1.0\\r\\n\n    \\r\\n\n"
    )


def test_a_file_may_hold_several() -> None:
    entries: list[Entry] = []
    for number in (7, 8, 9):
        entries.append(Opened(conversation=number, at=number, kind=Kind.LISTEN, client="c", server="s"))
        if number != 8:
            entries.append(Said(conversation=number, at=number + 1, side=Side.CLIENT, data=b"%d" % number))
    text = "".join(tin.write(entries))
    assert text.count("\n\ntincans conversation 1\n") == 2
    assert list(tin.read(text.splitlines(), number=7)) == entries


def test_a_file_within_a_file_has_its_format() -> None:
    with pytest.raises(TinError, match="line 2: it is of format 2"):
        list(tin.read(["C ends", "tincans conversation 2"]))


@given(st.lists(st.one_of(st.text(max_size=20), st.from_regex(r"(-?[0-9.]{,9} )?[CS]( [a-z]+)?( [0-9]+)?"))))
def test_whatever_is_read_only_tin_errors_are_raised(lines: list[str]) -> None:
    with suppress(TinError):
        list(tin.read(lines))


def test_what_is_written_by_hand_may_be_short() -> None:
    opened, said, ended = tin.read(["# a comment", "C", "    hello\\n", "", "C ends"])
    assert isinstance(opened, Opened)
    assert said == Said(conversation=1, at=0, side=Side.CLIENT, data=b"hello\n")
    assert ended == Ended(conversation=1, at=0, side=Side.CLIENT)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "line 0: there is no conversation in it"),
        (["# a comment", ""], "line 2: there is no conversation in it"),
        (["tincans conversation 2"], "line 1: it is of format 2"),
        (["C", "    a\\q"], "line 1: there is no escape"),
        (["", "C hex", "    0g"], "line 2: non-hexadecimal"),
        (["color: red", "", "C"], "line 3: a conversation has no 'color'"),
        (["C ends", "GET / HTTP/1.1", "Host: a"], "line 2: 'GET' is nothing"),
        (["C speaks"], "line 1: 'speaks' is nothing"),
        (["C", "explodes"], "line 2: 'explodes' is nothing"),
        (["kind: teapot", "C"], "line 2: 'teapot'"),
        (["closed never"], "line 1: 'never'"),
        (["joined", "    far"], "line 1: 'far' is no fact"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(lines: list[str], message: str) -> None:
    with pytest.raises(TinError, match=f"^{message}"):
        list(tin.read(lines))
