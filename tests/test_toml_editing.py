"""A key is set or taken out, and every other byte of the file stays."""

from __future__ import annotations

import tomllib
from functools import partial

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tincans.toml_editing import put, take_out
from tincans.toml_lines import TomlError

CASES = {
    "nothing": ("", '[users]\nann = "new"\n'),
    "a comment alone": ("# mine", '# mine\n\n[users]\nann = "new"\n'),
    "another table": ('[limits]\nidle = 3', '[limits]\nidle = 3\n\n[users]\nann = "new"\n'),
    "a table of tables": ('[[listen]]\nann = 1\n', '[[listen]]\nann = 1\n\n[users]\nann = "new"\n'),
    "an empty table": ("[users] # who\n", '[users] # who\nann = "new"\n'),
    "no end of the line": ("[users]", '[users]\nann = "new"\n'),
    "another key": (
        '[users]\nbob = "b"\n\n# after\n[[listen]]\n', '[users]\nbob = "b"\nann = "new"\n\n# after\n[[listen]]\n'
    ),
    "the key": (
        '[users]\n  ann="old"  # Ann\nbob = "b"\n[limits]\nann = "x"\n',
        '[users]\n  ann="new"  # Ann\nbob = "b"\n[limits]\nann = "x"\n',
    ),
    "the key in quotes": ("['users']\n'ann' = 'old'#\n", "['users']\n'ann' = \"new\"#\n"),
    "the key with escapes": ('[users]\nann = "a\\"b" # "c"\n', '[users]\nann = "new" # "c"\n'),
    "the key on many lines": ('[users]\nann = """\n[limits]\n""" # x\nbob = "b"', '[users]\nann = "new"\nbob = "b"\n'),
    "the key as a number": ("[users]\nann = 3 # x\n", '[users]\nann = "new"\n'),
    "by dots": ('users.bob = "b"\n[limits]\n', 'users.bob = "b"\nusers.ann = "new"\n[limits]\n'),
    "by dots, the key": ('users . ann = "old" # x\nx = 1', 'users . ann = "new" # x\nx = 1\n'),
    "of another table": ('[x]\nusers.ann = "o"\n', '[x]\nusers.ann = "o"\n\n[users]\nann = "new"\n'),
    "lines of another system": ('# a\r\n[users]\r\nbob = "b"\r\n', '# a\r\n[users]\r\nbob = "b"\r\nann = "new"\r\n'),
    "odd characters": ('# \x0b \u2028 \x85\n[users]\n', None),
    "odder characters": ('# \u2028 \x85\n[users]\n', '# \u2028 \x85\n[users]\nann = "new"\n'),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES)
def test_a_key_is_set(text: str, expected: str | None) -> None:
    if expected is None:
        with pytest.raises(TomlError):
            put(text, "users", "ann", "new")
    else:
        assert put(text, "users", "ann", "new") == expected
        assert tomllib.loads(expected)["users"]["ann"] == "new"


def test_a_key_is_taken_out_with_its_line() -> None:
    text = '# a\n[users] # b\nann = "a" # c\n# d\nbob = """\nb"""\n[x]\nann = 1'
    assert take_out(text, "users", "ann") == '# a\n[users] # b\n# d\nbob = """\nb"""\n[x]\nann = 1\n'
    assert take_out(text, "users", "bob") == '# a\n[users] # b\nann = "a" # c\n# d\n[x]\nann = 1\n'
    assert take_out('users.ann = "a"\nx = 1\n', "users", "ann") == "x = 1\n"


@pytest.mark.parametrize("text", ["", "[users]\n", '[users]\nbob = "b"\n', "[x]\nann = 1\n"])
def test_what_is_not_there_cannot_be_taken_out(text: str) -> None:
    with pytest.raises(KeyError):
        take_out(text, "users", "ann")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('x = 1\nusers = { ann = "a" }\n', 2),
        ("users = {}\n", 1),
        ("users = 3\n", 1),
        ("\n[[users]]\n", 2),
        ("[users.ann]\nx = 1\n", 1),
    ],
)
def test_a_table_that_cannot_be_added_to(text: str, line: int) -> None:
    for change in (partial(put, text, "users", "ann", "new"), partial(take_out, text, "users", "ann")):
        with pytest.raises(
            TomlError, match=r"'users' is no table to which a line could be added; its header is \[users\]"
        ) as raised:
            change()
        assert raised.value.line == line


def test_what_is_no_toml_stays_untouched() -> None:
    with pytest.raises(TomlError) as raised:
        put("[users]\nann = \n", "users", "ann", "new")
    assert raised.value.line == 2


names = st.text(min_size=1, max_size=8).filter(lambda name: name.isprintable() or name == "\x7f")
filled = st.dictionaries(names, st.text(max_size=8), max_size=4)


@given(others=filled, users=filled, key=names, value=st.text(max_size=8), dotted=st.booleans())
def test_all_else_stays(others: dict[str, str], users: dict[str, str], key: str, value: str, dotted: bool) -> None:
    assume(not any("\ud800" <= each <= "\udfff" for each in "".join((*others, *others.values(), *users, key, value))))
    text = "# hello\n" + 'users.first = "1" # the first\n' * dotted
    for name, each in others.items():
        text = put(text, "others", name, each)
    expected = tomllib.loads(text)
    before = text.splitlines(keepends=True)
    for name, each in [*users.items(), (key, value)]:
        text = put(text, "users", name, each)
        expected["users"] = expected.get("users", {}) | {name: each}
        assert tomllib.loads(text) == expected
    text = take_out(text, "users", key)
    del expected["users"][key]
    assert tomllib.loads(text).get("users", {}) == expected["users"]
    after = text.splitlines(keepends=True)
    assert [line for line in before if line not in after and "# the first" not in line] == []
