"""What a person types in a chat: a message, or a command that begins with a slash; and what a line may go on with.

One table has the commands: what each takes, and what it does, which is what `/help` prints.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple


class Usage(NamedTuple):
    """What a command takes, as it is written in help: words in brackets may be left out."""

    takes: str
    does: str

    @property
    def needs(self) -> int:
        """How many words it needs at least."""
        return sum(not word.startswith("[") for word in self.takes.split())


COMMANDS: dict[str, Usage] = {
    "join": Usage("ROOM [KEY]", "enter a room, and make it if it is not there"),
    "part": Usage("[TEXT]", "leave this room, or close this pane"),
    "me": Usage("TEXT", "do something: /me waves"),
    "msg": Usage("NICK [TEXT]", "whisper with somebody"),
    "notice": Usage("TEXT", "say something that no program answers"),
    "topic": Usage("[TEXT]", "what the room is about; - takes it away"),
    "who": Usage("[NICK]", "who is here, or who somebody is"),
    "rooms": Usage("", "all rooms"),
    "history": Usage("[N]", "show N earlier messages; PageUp does it, too"),
    "search": Usage("TEXT", 'find messages: words, "a phrase", begin*, from:NICK'),
    "send": Usage("FILE", "put a file into the room"),
    "nick": Usage("NAME", "be called otherwise"),
    "away": Usage("[TEXT]", "be away; without a text, be back"),
    "get": Usage("NAME", "fetch a file that a peer has offered to here"),
    "invite": Usage("[NICK]", "let somebody into the room, or a peer in by a code"),
    "kick": Usage("NICK [TEXT]", "take somebody out"),
    "mode": Usage("[MODES]", "what the room allows: +o NICK, +i, +k KEY, as in IRC"),
    "peers": Usage("", "the peers that are here"),
    "trust": Usage("NAME", "let a peer in who waits for that"),
    "call": Usage("PEER", "call a peer: an address, a name, or a code"),
    "clear": Usage("", "empty this pane"),
    "help": Usage("[COMMAND]", "this"),
    "quit": Usage("[TEXT]", "leave"),
}

#: Those that are for peers.
_PEERS = frozenset({"get", "peers", "trust", "call"})

#: What is said behind them.
_KEYS = "PageUp looks back, Alt-1 … 9 turn to panes, Alt-A to news, Tab completes"

#: Other names for some of them.
ALIASES = {
    "j": "join", "leave": "part", "close": "part", "w": "who", "names": "who", "whois": "who", "list": "rooms",
    "whisper": "msg", "query": "msg", "find": "search", "exit": "quit", "bye": "quit", "action": "me",
    "file": "send", "fetch": "get",
}  # fmt: skip


class Typed(NamedTuple):
    """A command and its words; a message is `say`, and all of it the one word."""

    command: str
    words: tuple[str, ...]

    def word(self, place: int) -> str:
        """One of its words; empty where it has not so many."""
        return self.words[place] if place < len(self.words) else ""


class NotACommand(ValueError):
    """What was typed is none: its `str` says why, in a sentence."""


def parse(line: str) -> Typed:
    """What was typed. `//` begins a message with a slash. Raises `NotACommand`."""
    if not line.startswith("/"):
        return Typed("say", (line,))
    if line.startswith("//"):
        return Typed("say", (line[1:],))
    name, _, rest = line[1:].partition(" ")
    name = ALIASES.get(name.lower(), name.lower())
    usage = COMMANDS.get(name)
    if usage is None:
        near = get_close_matches(name, COMMANDS, 1)
        raise NotACommand(
            f"there is no command /{name}" + (f", did you mean /{near[0]}?" if near else "; /help has all")
        )
    words = tuple(rest.split(None, len(usage.takes.split()) - 1)) if usage.takes else ()
    if len(words) < usage.needs:
        raise NotACommand(f"/{name} needs {usage.takes.split()[len(words)]}: /{name} {usage.takes}")
    return Typed(name, tuple(word.strip() for word in words))


def help_lines(name: str = "", *, peers: bool = True) -> list[str]:
    """Help on one command, or all: those for peers only where there may be some."""
    name = ALIASES.get(name.removeprefix("/").lower(), name.removeprefix("/").lower())
    all_of_them = {each: usage for each, usage in COMMANDS.items() if peers or each not in _PEERS}
    chosen = {name: COMMANDS[name]} if name in COMMANDS else all_of_them
    heads = {each: f"/{each} {usage.takes}".rstrip() for each, usage in chosen.items()}
    widest = max(map(len, heads.values()))
    lines = [f"{heads[each]:{widest}}  {usage.does}" for each, usage in chosen.items()]
    return lines if len(lines) == 1 else [*lines, _KEYS]


# ── completion ────────────────────────────────────────────────────────────────────────────────────────────


class Known(NamedTuple):
    """What a line can be completed with: those who spoke last come first."""

    nicks: Sequence[str] = ()
    rooms: Sequence[str] = ()


def completions(before: str, known: Known) -> Iterator[tuple[str, int]]:
    """What the last word of a line may become, with how many of its characters that replaces."""
    if before.startswith("/") and " " not in before:
        names = [f"/{name} " for name in COMMANDS]
        yield from ((name, len(before)) for name in names if name.startswith(before.lower()))
        return
    command = before[1:].partition(" ")[0].lower() if before.startswith("/") else ""
    if ALIASES.get(command, command) == "send":
        path = before.partition(" ")[2].lstrip()
        yield from ((name, len(path)) for name in _paths(path))
        return
    word = before.rpartition(" ")[2]
    if not word:
        return
    if word.startswith("#"):
        yield from ((f"{room} ", len(word)) for room in _beginning(known.rooms, word))
        return
    behind = ": " if word == before else " "
    yield from ((f"{nick}{behind}", len(word)) for nick in _beginning(known.nicks, word.removeprefix("@")))


def _beginning(names: Iterable[str], begin: str) -> Iterator[str]:
    return (name for name in names if name.lower().startswith(begin.lower()) and name.isprintable())


def _paths(begin: str) -> list[str]:
    """Files and folders that a path may become."""
    folder, _, name = begin.rpartition("/")
    there = Path(os.path.expanduser(f"{folder}/" if "/" in begin else "."))
    try:
        entries = sorted(os.scandir(there), key=lambda entry: entry.name)
    except OSError:
        return []
    shown = f"{folder}/" if "/" in begin else ""
    return [
        f"{shown}{entry.name}{'/' if entry.is_dir() else ''}"
        for entry in entries
        if entry.name.startswith(name) and entry.name.isprintable() and (name or not entry.name.startswith("."))
    ]
