"""What a program says, read: a command, or why it is none."""

from __future__ import annotations

import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tincans.apps.chat.programs import commands
from tincans.apps.chat.programs.commands import Command, NotACommand, read
from tincans.apps.chat.refusals import Why

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def test_a_command_is_read_with_what_it_has_and_what_it_may_leave_out() -> None:
    command = read(b'{"label": "1", "room": "#ops", "unknown": {"a": [1]}, "do": "join", "history": 5}')
    assert command == commands.Join(room="#ops", history=5, label="1")


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_whatever_is_said_is_a_command_or_none(line: bytes) -> None:
    try:
        command: Command | None = read(line)
    except NotACommand:
        command = None
    assert command is None or type(command) in get_args(commands.AnyCommand)


@pytest.mark.parametrize(
    ("line", "why", "label"),
    [
        (b'{"do": "dance", "label": "1"}', Why.NO_SUCH_COMMAND, "1"),
        (b'{"do": "dance", "label": 1}', Why.NO_SUCH_COMMAND, ""),
        (b'{"do": "join", "label": "1"}', Why.NOT_UNDERSTOOD, "1"),
        (b'{"do": "ping", "label": 1}', Why.NOT_UNDERSTOOD, ""),
        (b'{"do": 7, "label": "1"}', Why.NOT_UNDERSTOOD, ""),
        (b'{"label": "1"}', Why.NOT_UNDERSTOOD, "1"),
        (b'{"do": "", "label": "1"}', Why.NOT_UNDERSTOOD, "1"),
        (b'{"do": "say", "text": "\\ud800", "label": "1"}', Why.NOT_UNDERSTOOD, ""),
        (b'{"do": "ping"', Why.NOT_UNDERSTOOD, ""),
        (b"[" * 100_000, Why.NOT_UNDERSTOOD, ""),
        (b'{"a":' * 10_000, Why.NOT_UNDERSTOOD, ""),
        (b'{"do": "\xff"}', Why.NOT_UNDERSTOOD, ""),
    ],
)
def test_why_it_is_none(line: bytes, why: Why, label: str) -> None:
    with pytest.raises(NotACommand) as none:
        read(line)
    assert (none.value.why, none.value.label) == (why, label)
    assert none.value.text
