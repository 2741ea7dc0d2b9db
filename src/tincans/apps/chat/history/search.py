r"""What is searched for, and the words under which a message is found.

A search is words, phrases in quotes, beginnings (`wor*`) and `from:NICK`; a message has to have all of them. What is
between words does not count, nor do case and accents. A search is never wrong: what has no word in it is left out, and
where nothing is left nothing is found.

A message is indexed under its words (SQLite's FTS5, tokenizer unicode61) and under three words that nobody can say,
since each begins with a sign of Unicode's private area, which is taken out of what people say: the room, the nick, the
id. So a common word in a small room is looked for where the two meet, and not in all messages with the word.

Chinese, Japanese, Thai and others have no blanks between words; each of their signs is a word here, and what is typed
one after the other has to stand so.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from tincans.apps.chat.events import Message
from tincans.apps.chat.names import folded
from tincans.limits import CHAT_SEARCH_CHARACTERS, CHAT_SEARCH_WORDS

_TERM = re.compile(r'(?i:from:)(?P<nick>[^\s"]+)|"(?P<phrase>[^"]*)"?|(?P<word>[^\s"]+)')
_TOKEN = re.compile(r"[^\W_]+")
#: Thai, Lao, Burmese, Khmer; kana; Han.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)

#: What begins a word that nobody can say.
_MARK = "\ue000"


class Sort(Enum):
    WORDS = "words"
    BEGINNING = "beginning"
    NICK = "nick"


class Term(NamedTuple):
    """One thing that a message has to have: words one after the other, of which the last may be a beginning; a nick."""

    sort: Sort
    text: str

    @property
    def match(self) -> str:
        """In the language of FTS5."""
        if self.sort is Sort.NICK:
            return f'"{nick_word(self.text)}"'
        return f'"{sayable(self.text)}"{"*" if self.sort is Sort.BEGINNING else ""}'

    def is_in(self, message: Message) -> bool:
        """Whether a message has it, by the rules that FTS5 has, or nearly."""
        if self.sort is Sort.NICK:
            return folded(message.who.nick) == folded(self.text)
        wanted, said = tokens(self.text), tokens(message.text)
        return any(self._begins(wanted, said[at : at + len(wanted)]) for at in range(len(said) - len(wanted) + 1))

    def _begins(self, wanted: list[str], said: list[str]) -> bool:
        if self.sort is Sort.BEGINNING:
            return wanted[:-1] == said[:-1] and said[-1].startswith(wanted[-1])
        return wanted == said


def parse(text: str) -> list[Term]:
    """What is searched for: CHAT_SEARCH_WORDS terms at most, of CHAT_SEARCH_CHARACTERS; empty where it is nothing."""
    text = text[:CHAT_SEARCH_CHARACTERS].encode("utf-8", "replace").decode().replace("\0", " ")
    terms = [_term(**found.groupdict()) for found in _TERM.finditer(text)]
    return [term for term in terms if term.sort is Sort.NICK or tokens(term.text)][:CHAT_SEARCH_WORDS]


def _term(*, nick: str | None, phrase: str | None, word: str | None) -> Term:
    if nick is not None:
        return Term(Sort.NICK, nick)
    if word is not None and word.endswith("*"):
        return Term(Sort.BEGINNING, word)
    return Term(Sort.WORDS, phrase or word or "")


def tokens(text: str) -> list[str]:
    """The words of a text, as they are compared."""
    plain = unicodedata.normalize("NFD", sayable(text).lower())
    return _TOKEN.findall("".join(sign for sign in plain if not unicodedata.combining(sign)))


def match(terms: Iterable[Term], rooms: Iterable[int] = ()) -> str:
    """All terms, in one of these rooms where any are named, in the language of FTS5."""
    parts = [term.match for term in terms]
    if within := " OR ".join(f'"{room_word(room)}"' for room in rooms):
        parts.append(f"({within})")
    return " AND ".join(parts)


def indexed(message: Message, room: int) -> str:
    """The words under which a message is found. `room` is its number in the index."""
    return f"{room_word(room)} {nick_word(message.who.nick)} {id_word(message.id)} {sayable(message.text)}"


def sayable(text: str) -> str:
    """A text as it is indexed and searched for: with blanks between signs that are words."""
    if text.isascii():
        return text
    return _UNSPACED.sub(" \\g<0> ", text.replace(_MARK, " "))


def room_word(room: int) -> str:
    return f"{_MARK}r{room}"


@lru_cache(maxsize=4096)
def nick_word(nick: str) -> str:
    return f"{_MARK}n{folded(nick).encode().hex()}"


def id_word(identity: str) -> str:
    """Two ids that differ in their case alone may have the same."""
    if identity.isascii() and identity.isalnum():
        return f"{_MARK}i{identity}"
    return f"{_MARK}x{identity.encode('utf-8', 'surrogatepass').hex()}"
