"""Changes of a room's modes as people and programs write them, which is IRC's way: `+o-v ann bob`."""

from __future__ import annotations

from collections.abc import Iterable

from tincans.apps.chat.events import Change
from tincans.apps.chat.modes import LISTS, RANKS, VALUES
from tincans.apps.chat.refusals import Refused, Why


def changes_of(text: str) -> list[Change]:
    """Letters with + and - among them, and behind them the values, in their order. Raises `Refused`."""
    letters, *values = text.split() or [""]
    changes, on = [], True
    for letter in letters:
        if letter in "+-":
            on = letter == "+"
            continue
        has_value = letter in LISTS or letter in RANKS or (letter in VALUES and on)
        if has_value and not values:
            raise Refused(Why.BAD_MODE, f"the mode {letter} needs a value, as in +{letter} VALUE")
        changes.append(Change(letter, on, values.pop(0) if has_value else ""))
    if not changes or values:
        raise Refused(Why.BAD_MODE, f"{text!r} are no modes: as in +m, +o ann or -k")
    return changes


def text_of(changes: Iterable[Change]) -> str:
    """As `changes_of` reads them."""
    letters, values, sign = "", [], ""
    for change in changes:
        now = "+" if change.on else "-"
        letters += (now if now != sign else "") + change.mode
        sign = now
        if change.value:
            values.append(change.value)
    return " ".join([letters, *values])
