"""Giving words to those messages of an index that have none yet, in the background, the newest first.

An index that is made anew takes in where the messages are before its hub opens, which is a second or two for a million
of them: then rooms are entered, and their past is read, as ever. The words, by which a search finds messages, take
twenty times as long. So they come behind, CHAT_WORDS_MESSAGES in a transaction: what was said last is found first, and
what is said meanwhile has its words as ever. A process that is killed goes on where it was.
"""

from __future__ import annotations

from tincans.apps.chat.history.index import Index
from tincans.apps.chat.history.log import Log, Place
from tincans.apps.chat.history.search import indexed
from tincans.limits import CHAT_WORDS_MESSAGES

_NEXT = 'SELECT number, room, segment, "offset", length FROM messages WHERE number <= ? ORDER BY number DESC LIMIT ?'


class Words:
    """The words of the messages of an index. Its errors are `sqlite3.Error` and `OSError`."""

    def __init__(self, log: Log, index: Index) -> None:
        self._log, self._index = log, index
        #: Up to this number no message has words yet; 0 where all have.
        self.wordless = index.wordless()

    def leave(self, number: int) -> None:
        """All messages up to this number have none, which are taken in by the transaction that goes on."""
        self._index.execute("UPDATE progress SET wordless = ?", (number,))
        self.wordless = number

    def some(self) -> bool:
        """Give words to some messages, if any have none."""
        if not self.wordless:
            return False
        rows = self._index.rows(_NEXT, (self.wordless, CHAT_WORDS_MESSAGES))
        rooms = {number: room for number, room, *_ in rows}
        messages = self._log.read(Place(*row[2:]) for row in reversed(rows))
        wordless = rows[-1][0] - 1 if len(rows) == CHAT_WORDS_MESSAGES else 0
        with self._index.transaction():
            self._index.insert(
                "INSERT INTO words (rowid, text)",
                [(message.number, indexed(message, rooms[message.number])) for message in messages],
            )
            self._index.execute("UPDATE progress SET wordless = ?", (wordless,))
        self.wordless = wordless
        return True
