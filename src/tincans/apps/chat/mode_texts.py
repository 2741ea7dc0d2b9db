"""Changes of a room's modes as people and programs write them, which is IRC's way: `+o-v ann bob`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tincans.apps.chat.events import Change
from tincans.apps.chat.modes import LISTS, RANKS, VALUES
from tincans.apps.chat.refusals import Refused, Why


def changes_of(text: str) -> list[Change]:
    """Letters with + and - among them, and behind them the values, in their order. Raises `Refused`.

    A key is taken away with any value, as IRC has it, or, where there are not enough for all, with none.
    """
    letters, *values = text.split() or [""]
    signed = list(_signed(letters))
    spare = len(values) - sum(_needs_value(letter, on) for letter, on in signed)
    changes = []
    for letter, on in signed:
        has_value = _needs_value(letter, on)
        if letter == "k" and not on and spare > 0:
            has_value, spare = True, spare - 1
        if has_value and not values:
            raise Refused(Why.BAD_MODE, f"the mode {letter} needs a value, as in +{letter} VALUE")
        changes.append(Change(letter, on, values.pop(0) if has_value else ""))
    if not changes or values:
        raise Refused(Why.BAD_MODE, f"{text!r} are no modes: as in +m, +o ann or -k")
    return changes


def _signed(letters: str) -> Iterator[tuple[str, bool]]:
    on = True
    for letter in letters:
        if letter in "+-":
            on = letter == "+"
        else:
            yield letter, on


def _needs_value(letter: str, on: bool) -> bool:
    return letter in LISTS or letter in RANKS or (letter in VALUES and on)


def text_of(changes: Iterable[Change]) -> str:
    """As `changes_of` reads them."""
    return " ".join(words_of(changes))


def words_of(changes: Iterable[Change]) -> list[str]:
    """The letters with their signs, `+o-v`, and then what each of them needs."""
    letters, values, sign = "", [], ""
    for change in changes:
        now = "+" if change.on else "-"
        letters += (now if now != sign else "") + change.mode
        sign = now
        if change.value:
            values.append(change.value)
    return [letters, *values]
