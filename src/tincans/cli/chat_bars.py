"""The two bars of a chat at a terminal: what is above what was said, and what is below it.

     #ops · 3 people · deploys and alerts
    …
     1 #ops │ 2 #lobby 4 │ 3 bob 1!                 2 on their way

What does not fit is left out: first the topic, then panes in which nothing is new, then those in which nothing is for
us; how many others have something new is told then (+7).
"""

from __future__ import annotations

from collections.abc import Iterable

from tincans.cli.chat_lines import Line, Piece, cut, width_of
from tincans.cli.chat_talk import Pane, Talk
from tincans.text import legible

_HUB = "hub"


def head(talk: Talk, hub: str, width: int) -> Line:
    """Which room it is, how many are in it, and what it is about."""
    pane = talk.current
    if not pane.name:
        text = f"{_HUB} {legible(hub)} · you are {legible(talk.nick)}"
    elif pane.member is None:
        text = legible(pane.name) + (" · you are not in it" if pane.is_room else " · whispering, which nobody keeps")
    else:
        people = len(pane.member.people)
        text = f"{legible(pane.name)} · {'1 person' if people == 1 else f'{people} people'}"
        if pane.member.topic is not None:
            text += f" · {legible(pane.member.topic.text)}"
    text = cut(f" {text}", width)
    return [("class:head", text + " " * (width - width_of(text)))]


def foot(talk: Talk, status: str, width: int) -> Line:
    """All panes, with what is new in each; and how things stand, at the right."""
    status = cut(f" {legible(status)} ", max(0, width - 12)) if status else ""
    room = width - width_of(status)
    pieces, taken = Line(), 0
    for style, text in _tabs(talk, room):
        text = cut(text, room - taken)
        taken += width_of(text)
        pieces.append((style, text))
    return [*pieces, ("class:foot", " " * max(0, room - taken)), ("class:status", status)]


def _tabs(talk: Talk, room: int) -> Line:
    """Of all panes where there is room; else of those that matter most, in their places."""
    tabs = {pane: _tab(talk, pane) for pane in talk.panes}
    if _total(tabs.values()) <= room:
        return [*tabs.values()]
    new = [pane for pane in talk.panes if pane.unread or pane is talk.current]
    if _total(tabs[pane] for pane in new) <= room:
        return [tabs[pane] for pane in new]
    room -= len(f" +{len(new)} ")
    chosen = set[Pane]()
    for pane in sorted(new, key=lambda pane: (pane is not talk.current, not pane.mentions)):
        if not chosen or _total(tabs[each] for each in [*chosen, pane]) <= room:
            chosen.add(pane)
    return [*(tabs[pane] for pane in new if pane in chosen), ("class:called", f" +{len(new) - len(chosen)} ")]


def _total(tabs: Iterable[Piece]) -> int:
    return sum(width_of(text) for _, text in tabs)


def _tab(talk: Talk, pane: Pane) -> tuple[str, str]:
    text = f" {talk.panes.index(pane)} {legible(pane.name) or _HUB} "
    if pane.unread:
        text += f"{pane.unread}{'!' if pane.mentions else ''} "
    if pane is talk.current:
        return "class:current", text
    if pane.mentions:
        return "class:called", text
    return "class:unread" if pane.unread else "class:foot", text


def prompt(talk: Talk, width: int) -> Line:
    """What stands before what is typed."""
    return [("class:prompt", cut(legible(talk.current.name) or _HUB, max(4, width // 3)) + "> ")]
