"""Replies of three digits, in one line or several, as SMTP and FTP have them.

220 ready                    one line: the code, a blank, a text
250-mail.example             several: each but the last has a hyphen behind the code.
250 SIZE 1000                SMTP says the code in every line (RFC 5321 §4.2.1),
211-the features             FTP in the first and the last, and what stands between
 MDTM                        is free (RFC 959 §4.2)
211 end
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from tincans.channel import Side
from tincans.limits import REPLY_BYTES
from tincans.protocols.events import encoded, text
from tincans.protocols.inbox import Inbox, Wrong
from tincans.protocols.textual import Faulty

_LINE = re.compile(rb"([1-5][0-9][0-9])(?:([ -])(.*))?", re.DOTALL)


class Reply(Faulty, frozen=True, kw_only=True):
    """What the server answers: a code for programs, and lines for people."""

    side: Side = Side.SERVER
    code: int
    lines: tuple[str, ...] = ("",)

    def __post_init__(self) -> None:
        if not 100 <= self.code <= 599:
            raise ValueError(f"a reply's code has three digits and begins with 1 to 5, so it is not {self.code}")
        if not self.lines:
            raise ValueError("a reply has at least one line")
        if "\n" in (words := "".join(self.lines)) or "\r" in words:
            raise ValueError("a line of a reply has no end of a line in it")

    @property
    def kind(self) -> int:
        """The first digit: 1 more is to come, 2 done, 3 go on, 4 not now, 5 no."""
        return self.code // 100

    @property
    def summary(self) -> str:
        return f"{self.code} {self.lines[0]}".rstrip(" ")

    @property
    def details(self) -> Iterator[str]:
        yield from self.lines[1:]
        yield from super().details


class Told(NamedTuple):
    """What a `ReplyReader` read: the fields of a `Reply`."""

    code: int
    lines: tuple[str, ...]
    faults: tuple[str, ...]


class ReplyReader:
    """Collects the lines of one reply at a time. `coded`: every line has the code, as in SMTP."""

    def __init__(self, *, coded: bool) -> None:
        self._coded = coded
        self.forget()

    def forget(self) -> None:
        """What was begun will not go on: there is a gap, or the other side has ended."""
        self._code, self._size = 0, 0
        self._lines: list[str] = []
        self._faults: list[str] = []

    def read(self, inbox: Inbox) -> Told | None:
        """The next reply, or None when it is not yet there; then the lines that are there were taken.

        Raises `Wrong` at what is no reply, to go on after it. Ends of lines may lack their CR: that is a fault, and
        both modes accept it, as a client cannot be led astray by it.
        """
        while (line := inbox.line(REPLY_BYTES, what="a line of a reply")) is not None:
            self._size += len(line)
            if self._size > REPLY_BYTES:
                self.forget()
                raise Wrong(f"a reply is longer than {REPLY_BYTES} bytes", inbox.start - len(line), skip=0)
            if self._line(line, inbox):
                told = Told(self._code, tuple(self._lines), tuple(dict.fromkeys(self._faults)))
                self.forget()
                return told
        return None

    def _line(self, line: bytes, inbox: Inbox) -> bool:
        """Keep one line; whether it is the last."""
        if not line.endswith(b"\r\n"):
            self._faults.append("a line ends in a lone LF")
        said = line.removesuffix(b"\n").removesuffix(b"\r")
        if b"\r" in said:
            self._faults.append("a line has a lone CR in it")
            said = said.replace(b"\r", b"")
        match = _LINE.fullmatch(said)
        if self._code and not self._coded and not (match and int(match[1]) == self._code and match[2] != b"-"):
            self._lines.append(text(said))
            return False
        if match is None:
            self.forget()
            inbox.put_back(line)
            raise Wrong("a reply begins with three digits", inbox.start, until=b"\n")
        code = int(match[1])
        if self._code not in (0, code):
            self._faults.append(f"it begins with {self._code} and goes on with {code}")
        self._code = code
        self._lines.append(text(match[3] or b""))
        return match[2] != b"-"


def write_reply(reply: Reply, *, coded: bool) -> bytes:
    """The bytes of a reply. Raises `ValueError` where a line between the first and the last reads like the last."""
    *before, last = reply.lines
    if not coded and any(re.match(f"{reply.code}( |$)", line) for line in before[1:]):
        raise ValueError(f"only the last line of a reply begins with {reply.code} and a blank")
    said = [f"{reply.code}-{line}" if coded or at == 0 else line for at, line in enumerate(before)]
    return b"".join(encoded(line) + b"\r\n" for line in [*said, f"{reply.code} {last}"])
