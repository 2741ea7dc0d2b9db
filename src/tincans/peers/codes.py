"""Spoken codes: `7-hovercraft-orbit`, by which one person tells another which offer is meant, and that it is they.

    7             the number: which of the offers that there are on the network (it is no secret)
    hovercraft    the words: the password of the pairing (`pairing.py`), used once
    orbit

Two words of `words.py` are one of 262,144. Whoever does not know them has so many guesses as the offer allows and no
more, as nothing that is said in a pairing helps to guess beside it: with `CODE_GUESSES` of 3 that is 1 in 87,381.

What was heard or typed is read leniently: upper case, blanks or nothing much for dashes, and of each word as much as
tells it from the others (four letters always do). It is always written in one way.
"""

from __future__ import annotations

import re
import secrets
from difflib import get_close_matches
from typing import NamedTuple

from tincans.errors import CodeError
from tincans.limits import CODE_NUMBER, CODE_WORDS
from tincans.peers.words import WORDS

_PIECE = re.compile(r"[a-z]+|[0-9]+")
_SEPARATORS = re.compile(r"[\s.,_–—-]*")
_EXAMPLE = "7-hovercraft-orbit"


class Code(NamedTuple):
    """A code; its `str` is how it is said and typed."""

    number: int
    words: tuple[str, ...]

    def __str__(self) -> str:
        return "-".join((str(self.number), *self.words))

    @property
    def password(self) -> bytes:
        """What both ends must know: the words, without the number, which anybody may see."""
        return "-".join(self.words).encode()

    @classmethod
    def new(cls, number: int | None = None) -> Code:
        """A code for the offer of that number, or of any, with words that nobody can foresee."""
        words = tuple(secrets.choice(WORDS) for _ in range(CODE_WORDS))
        return cls(1 + secrets.randbelow(CODE_NUMBER) if number is None else number, words)

    @classmethod
    def parse(cls, text: str) -> Code:
        """The code that was meant. Raises `CodeError`, which names the piece that is wrong and what it may be."""
        pieces = _pieces(text)
        if not pieces or not pieces[0].isdecimal():
            raise CodeError(text, "it begins with a number")
        number = int(pieces[0][:9])  # far too long is too high, too
        if not 1 <= number <= CODE_NUMBER:
            raise CodeError(text, f"its number is one of 1 to {CODE_NUMBER}")
        if len(pieces) != 1 + CODE_WORDS:
            raise CodeError(text, f"it has {CODE_WORDS} words behind its number, as in {_EXAMPLE}")
        return cls(number, tuple(_word(text, piece) for piece in pieces[1:]))


def completions(text: str) -> list[str]:
    """What a code that begins like this can be, up to the end of the word that is being typed; none where it cannot.

    What stands before that word comes back as a code is written.
    """
    try:
        pieces = _pieces(text)
        if not pieces or not pieces[0].isdecimal():
            return []
        if text[-1:] and _SEPARATORS.fullmatch(text[-1:]):
            pieces.append("")
        if not 2 <= len(pieces) <= 1 + CODE_WORDS:
            return []
        before = "-".join((pieces[0], *(_word(text, piece) for piece in pieces[1:-1])))
    except CodeError:
        return []
    return [f"{before}-{word}" for word in WORDS if word.startswith(pieces[-1])]


def _pieces(text: str) -> list[str]:
    """The numbers and words of what was typed. Raises `CodeError` for what is neither."""
    lower = text.strip().lower()
    if strange := _SEPARATORS.sub("", _PIECE.sub("", lower)):
        raise CodeError(text, f"{strange[0]!r} is in none")
    return _PIECE.findall(lower)


def _word(text: str, piece: str) -> str:
    """The one word that begins like this."""
    if piece in WORDS:
        return piece
    begun = [word for word in WORDS if word.startswith(piece)]
    if len(begun) == 1:
        return begun[0]
    if begun:
        raise CodeError(text, f"{piece!r} may be {' or '.join(map(repr, begun[:4]))}")
    near = get_close_matches(piece, WORDS, 1)
    raise CodeError(text, f"{piece!r} is none of its words{f', did you mean {near[0]!r}?' if near else ''}")
