"""Finding a text in what two sides said, in pieces as they come.

Case does not matter: ASCII is found whatever the case of its letters; for any other text what was said is read as
UTF-8, and both are folded as Unicode folds case (`str.casefold`). What is no UTF-8 is found byte by byte. What was said
packed or in base64 is searched as it was said, and composed letters are not found as decomposed ones.

A match may span pieces of one side, but neither two sides nor bytes that are missing.
"""

from __future__ import annotations

from collections.abc import Iterable

from tincans.channel import Side
from tincans.conversation import Dropped, Entry, Opened, Said
from tincans.decoding import Decoding, Heard, Tape
from tincans.limits import SEARCH_CHECK_BYTES
from tincans.protocols import Event, Missing
from tincans.watch.playhead import Pace

#: Protocols without secrets that nothing else can follow: in these all that was said is shown.
_OPEN = frozenset({"raw", "lines", "tls", "dns"})

#: Bytes of one character in UTF-8, at most.
_WIDEST = 4


class Needle:
    """What is looked for."""

    def __init__(self, text: bytes | str) -> None:
        self.text = data = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
        self._lower = data.lower()
        self._folded = ""
        if not data.isascii():
            self._folded = data.decode("utf-8", "ignore").casefold() if _is_utf8(data) else ""
        #: Bytes before the end of a piece in which a match may begin that ends in the next.
        self.reach = _WIDEST * len(self._folded) if self._folded else len(data) - 1
        #: Bytes that one side has said at least where it is found.
        self.least = 1 if self._folded else len(data)

    def is_in(self, data: bytes) -> bool:
        """Whether it is in there, case aside."""
        if self._folded:
            return self._folded in data.decode("utf-8", "replace").casefold()
        return self._lower in data.lower()


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


class Finder:
    """Looks for it in what both sides say, one piece after the other, until it is found."""

    def __init__(self, needle: Needle) -> None:
        self._needle = needle
        self._ends = dict.fromkeys(Side, b"")

    def say(self, side: Side, data: bytes) -> bool:
        """Whether it has been said, now that `side` said `data`."""
        data = self._ends[side] + data
        self._ends[side] = data[max(0, len(data) - self._needle.reach) :]
        return self._needle.is_in(data)

    def gap(self, side: Side) -> None:
        """Something is missing here in what `side` says."""
        self._ends[side] = b""

    def take(self, entries: Iterable[Entry]) -> bool:
        """Whether it is in what comes next."""
        pieces: dict[Side, list[bytes]] = {side: [] for side in Side}
        for entry in entries:
            if isinstance(entry, Said):
                pieces[entry.side].append(entry.data)
            elif isinstance(entry, Dropped):
                if self.say(entry.side, b"".join(pieces[entry.side])):
                    return True
                pieces[entry.side].clear()
                self.gap(entry.side)
        return any(self.say(side, b"".join(said)) for side, said in pieces.items())


class Check:
    """Looks for it in what anybody may see of one conversation, taken from its beginning: not in secrets.

    So what is found says nothing of a password, not even of a part of it, to who may not see it. What cannot be checked
    counts as not said: a message that is not complete yet, and what follows after SEARCH_CHECK_BYTES.
    """

    def __init__(self, needle: Needle) -> None:
        self._finder = Finder(needle)
        self._tape = Tape()
        self._decoding: Decoding | None = None
        self._room = SEARCH_CHECK_BYTES

    def take(self, entries: Iterable[Entry]) -> bool | None:
        """Whether it is there; None: it goes on being looked for in what comes next."""
        pace = Pace()
        for entry in entries:
            pace.step()
            if self._decoding is None:
                assert isinstance(entry, Opened)
                self._decoding = Decoding(entry)
            self._room -= len(entry.data) if isinstance(entry, Said) else 0
            if self._room < 0:
                return False
            self._tape.add(entry)
            if self._see(self._decoding.take(entry)):
                return True
            if self._decoding.protocol.partition(":")[0] in _OPEN:  # and it is in there, or nobody would check
                return True
        return None

    def finish(self) -> bool:
        """Whether it is there, when nothing more comes."""
        return self._decoding is not None and self._see(self._decoding.close())

    def _see(self, told: Iterable[Entry | Heard]) -> bool:
        return any(self._hear(each.event) for each in told if isinstance(each, Heard))

    def _hear(self, event: Event) -> bool:
        """Whether it is in what can be seen of the next event: to the finder each secret is as if it were missing."""
        data, side, start = self._tape.cut(event), event.side, event.start
        for begin, end in event.hidden:
            if self._finder.say(side, data[start - event.start : begin - event.start]):
                return True
            self._finder.gap(side)
            start = end
        if isinstance(event, Missing):
            self._finder.gap(side)
        return self._finder.say(side, data[start - event.start :])
