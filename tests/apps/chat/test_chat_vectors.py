"""docs/chat.md and its vectors against the real hub: what is written is what it says, and the other way round."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from conversing import Object, Party, Talker, party
from rooming import user
from tincans.apps.chat.plain import commands as plain_commands
from tincans.apps.chat.programs import acts as program_acts
from tincans.apps.chat.programs import commands as program_commands
from tincans.apps.chat.programs import words as program_words
from tincans.apps.chat.refusals import Why
from tincans.errors import EndOfStream
from tincans.users import Users

DOCS = Path(__file__).parents[3] / "docs"
TEXT = (DOCS / "chat.md").read_text()

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def cases() -> dict[str, list[Object]]:
    found: dict[str, list[Object]] = {}
    for line in (DOCS / "chat-vectors.jsonl").read_text().splitlines():
        row = json.loads(line)
        if "case" in row:
            steps = found[row["case"]] = []
        else:
            steps.append(row)
    return found


CASES = cases()
#: Those of which every message is an object, and nobody ends one direction alone, which a WebSocket cannot.
OBJECTS = [
    case for case, steps in CASES.items()
    if not case.startswith("plain lines") and not any("ends" in step for step in steps)
]  # fmt: skip


def check(expected: Any, told: Any, ids: dict[str, str]) -> None:
    """What was told is what is expected; `ids` are those met before in this case."""
    if isinstance(expected, dict) and isinstance(told, dict):
        assert expected.keys() == told.keys()
        for name in expected:
            check(expected[name], told[name], ids)
    elif isinstance(expected, list) and isinstance(told, list):
        assert len(expected) == len(told)
        for one, other in zip(expected, told, strict=True):
            check(one, other, ids)
    elif expected == "<time>":
        assert TIME.fullmatch(told)
    elif isinstance(expected, str) and expected.startswith("<id "):
        assert told
        assert ids.setdefault(expected, told) == told
    elif expected != "<any>":
        assert told == expected


async def play(steps: list[Object], there: Party, scheme: str = "tcp") -> None:
    callers: dict[str, Talker] = {}
    ids: dict[str, str] = {}
    for step in steps:
        name = step.get("by") or step["to"]
        caller = callers.get(name)
        if caller is None:
            caller = callers[name] = await there.call(scheme)
        if "says" in step:
            says = step["says"]
            await caller.type((says if isinstance(says, str) else json.dumps(says)) + "\n" * (scheme == "tcp"))
        elif "ends" in step:
            await caller.channel.send_eof()
        elif "ended" in step:
            with pytest.raises(EndOfStream):
                await caller.line()
        else:
            line = await caller.line()
            check(step["told"], line if isinstance(step["told"], str) else json.loads(line), ids)
    assert len(set(ids.values())) == len(ids)
    for caller in callers.values():
        caller.channel.abort()


@pytest.mark.parametrize("case", CASES)
async def test_the_hub_says_what_the_vectors_have(case: str) -> None:
    async with party(users=Users({"root": user("toor")}), guests=True) as there:
        await play(CASES[case], there)


@pytest.mark.parametrize("case", OBJECTS)
async def test_it_says_the_same_in_messages_of_a_websocket(case: str) -> None:
    async with party(users=Users({"root": user("toor")}), guests=True) as there:
        await play(CASES[case], there, "ws")


def test_a_vector_that_is_not_kept_is_noticed() -> None:
    told = {"on": "message", "at": "2026-11-28T03:00:00.000000Z", "id": "a", "number": 1}
    check({"on": "message", "at": "<time>", "id": "<id 1>", "number": 1}, told, {})
    for wrong in ({"number": 2}, {"at": "now"}, {"id": ""}, {"more": 1}):
        with pytest.raises((AssertionError, KeyError)):
            check({"on": "message", "at": "<time>", "id": "<id 1>", "number": 1}, {**told, **wrong}, {})
    with pytest.raises(AssertionError):
        check(["<id 1>", "<id 1>"], ["a", "b"], {})


# ── the tables ────────────────────────────────────────────────────────────────────────────────────────────


def table(heading: str) -> dict[str, str]:
    """The rows of the tables below a heading: what is in backquotes in the first cell, and the second cell."""
    _, _, part = TEXT.partition(f"{heading}\n")
    rows = re.findall(r"^\| (`.*?) \| ?(.*?) ?\|", re.split(r"\n#+ ", part)[0], re.MULTILINE)
    found = {name: cell for names, cell in rows for name in re.findall(r"`([^`]+)`", names)}
    return {name: cell for name, cell in found.items() if name not in ("do", "on")}


def tagged(kinds: Any) -> dict[str, type[msgspec.Struct]]:
    return {str(kind.__struct_config__.tag): kind for kind in kinds}


COMMANDS = tagged(get_args(program_commands.AnyCommand))
WORDS = tagged(kind for kind in program_words.Word.__subclasses__())


def test_each_command_is_in_the_table_with_its_fields() -> None:
    rows = table("## What a program says")
    assert rows.keys() == COMMANDS.keys()
    for name, kind in COMMANDS.items():
        fields = set(kind.__struct_fields__) - {"label"}
        said = set(re.findall(r"`(\w+)`", rows[name]))
        assert fields == said, name


def test_each_object_is_in_a_table_with_its_fields() -> None:
    rows = table("## What the hub says")
    assert rows.keys() == WORDS.keys()
    for name, kind in WORDS.items():
        fields = set(kind.__struct_encode_fields__)
        said = set(re.findall(r"[`*](\w+)[`*]", rows[name]))
        assert fields <= said, f"{name}: {fields - said} is not told of"


def test_every_code_is_told_of() -> None:
    _, _, part = TEXT.partition("The codes of `error`")
    assert set(re.findall(r"`([a-z-]+)`", part.split("\n\n")[0])) == {why.value for why in Why}


def test_every_limit_that_is_told_of_is_told() -> None:
    limits = re.search(r"`limits` \((.*?)\)", table("## What the hub says")["welcome"])
    assert limits is not None
    assert set(re.findall(r"`(\w+)`", limits[1])) == program_acts.LIMITS.keys()


def test_each_plain_command_is_in_the_table() -> None:
    rows = {
        line.split("`")[1]: line.rpartition("` | ")[2].removesuffix(" |")
        for line in TEXT.splitlines() if line.startswith("| `/")
    }  # fmt: skip
    assert rows == {plain_commands.form_of(each): each.help for each in plain_commands.COMMANDS.values()}
