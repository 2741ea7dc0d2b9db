"""What rooms are, as it is kept: a log of its own, a line for each change of a room, with all that it is then.

One change is one short write, however many rooms there are. When most of the file is of the past, it is replaced by
one with a line for each room: rarely enough, that it costs each change little.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from tincans.apps.chat.events import RoomState
from tincans.apps.chat.history.syncing import force
from tincans.apps.chat.history.tape import Tape
from tincans.apps.chat.names import folded
from tincans.limits import CHAT_ROOMS_LOG_BYTES
from tincans.replacing import replacing

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(RoomState).decode


class Rooms:
    """The rooms of a folder. For one thread."""

    def __init__(self, path: Path) -> None:
        """Read them. Raises `OSError`."""
        self._path = path
        self._is_synced = True
        self._tape = Tape(path, lambda line: _state(line) is not None)
        #: By folded name.
        self.states: dict[str, RoomState] = {}
        try:
            found = map(_state, path.read_bytes().splitlines())
            self.states = {folded(state.name): state for state in found if state is not None}
            self._compact_at = 0
            self._plan()
        except BaseException:
            self.close()
            raise

    def keep(self, state: RoomState) -> None:
        """Keep what a room is now. Raises `OSError`, and then it is kept as it was."""
        name = folded(state.name)
        if self.states.get(name) == state:
            return
        self._tape.append(_encode(state) + b"\n")
        self._is_synced = False
        self.states[name] = state
        if self._tape.end >= self._compact_at:
            self._compact()

    def _compact(self) -> None:
        """Replace the file by one that has no past. A disk that refuses is asked again later: nothing is lost."""
        try:
            with replacing(self._path, forced=True) as file:  # it takes the place of all that is known of rooms
                file.write(b"".join(_encode(state) + b"\n" for state in self.states.values()))
            tape = Tape(self._path, lambda line: True)
        except OSError:
            self._compact_at = 2 * self._tape.end
            return
        self._tape.close()
        self._tape = tape
        self._plan()

    def sync(self) -> None:
        """Force what was kept to the disk. For one thread, of any. Raises `OSError`: it is to be done again."""
        if not self._is_synced:
            self._is_synced = True
            try:
                force(self._path)
                force(self._path.parent)
            except OSError:
                self._is_synced = False
                raise

    def _plan(self) -> None:
        now = sum(len(_encode(state)) + 1 for state in self.states.values())
        self._compact_at = 2 * now + CHAT_ROOMS_LOG_BYTES

    def close(self) -> None:
        """Give the descriptor back. Idempotent."""
        self._tape.close()


def _state(line: bytes) -> RoomState | None:
    try:
        return _decode(line)
    except msgspec.MsgspecError:
        return None
