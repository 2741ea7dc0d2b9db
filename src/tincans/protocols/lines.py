"""Lines: text, or records, that end in a mark or begin with their length.

The option says which:

    lines            lines that end in LF, with or without CR before it
    lines:lf         that end in LF; a CR before it belongs to the line
    lines:crlf       that end in CR LF; a lone LF belongs to the line
    lines:nul        that end in a zero byte
    lines:u16        that follow their length; also u8, u32, u16le, u32le, and varint (as in Protocol Buffers)
    lines:/REGEX/    that end where this regular expression (of bytes) matches something
"""

from __future__ import annotations

import re
from typing import ClassVar, Literal

import msgspec

from tincans.channel import Side
from tincans.errors import LocalProtocolError
from tincans.limits import LINE_BYTES, MESSAGE_BYTES
from tincans.protocols.cursor import varint
from tincans.protocols.events import Event, encoded, text
from tincans.protocols.inbox import Inbox, Wrong
from tincans.protocols.plain_secrets import PATTERN, secrets_in, without_secrets
from tincans.protocols.session import Match, Session

_MARKS = {"lf": b"\n", "crlf": b"\r\n", "nul": b"\0"}
_LENGTHS: dict[str, tuple[int, Literal["big", "little"]]] = {
    "u8": (1, "big"), "u16": (2, "big"), "u32": (4, "big"), "u16le": (2, "little"), "u32le": (4, "little"),
}  # fmt: skip
#: With these begins what is text only in its first line: SSH (RFC 4253 §4.2) and VNC (RFC 6143 §7.1.1).
_BANNERS = (b"SSH-", b"RFB 0")
#: Text has none of these (C0 but for what terminals and printers know, and DEL).
CONTROLS = re.compile(rb"[\x00-\x06\x0e-\x1a\x1c-\x1f\x7f]")


class Line(Event, frozen=True, kw_only=True):
    """One line and how it ended: in the mark of the option, or not at all (`finish` empty) before the side's end."""

    line: str
    finish: str = "\n"

    @property
    def summary(self) -> str:
        return self.line + self.finish

    def masked(self) -> Line:
        return msgspec.structs.replace(self, line=without_secrets(self.line)) if self.hidden else self


class Record(Event, frozen=True, kw_only=True):
    """So many bytes as the length before them said."""

    data: bytes

    @property
    def summary(self) -> str:
        return text(self.data) or "(an empty record)"


class LinesSession(Session):
    """Lines or records, as the option says."""

    name: ClassVar[str] = "lines"
    title: ClassVar[str] = "lines"
    suspicious = PATTERN

    def __init__(self, **arguments: object) -> None:
        super().__init__(**arguments)  # type: ignore[arg-type]
        option = self.options.get("option", "")
        self.check_option(option)
        self._option = option
        self.line_end = _MARKS["crlf"] if option == "crlf" else b""
        self._pattern = re.compile(encoded(option[1:-1])) if option.startswith("/") else None

    @classmethod
    def check_option(cls, option: str) -> None:
        if option in ("", "varint") or option in _MARKS or option in _LENGTHS:
            return
        if len(option) < 3 or option[0] != "/" or option[-1] != "/":
            known = ", ".join(["lf", "crlf", "nul", *_LENGTHS, "varint"])
            raise ValueError(f"lines are one of {known}, or /REGEX/, and not {option!r}")
        try:
            matches_nothing = re.compile(encoded(option[1:-1])).match(b"")
        except re.error as error:
            raise ValueError(f"{option} is not a regular expression: {error}") from error
        if matches_nothing:
            raise ValueError(f"{option} matches where nothing is, so it ends no line")

    @classmethod
    def recognize(cls, client: bytes, server: bytes) -> Match:
        """Any text is lines; whatever more is known is for other protocols to say."""
        said = client + server
        if CONTROLS.search(said) or any(side.startswith(_BANNERS) for side in (client, server)):
            return Match.NO
        if any(side and banner.startswith(side) for side in (client, server) for banner in _BANNERS):
            return Match.WAIT
        try:
            said.decode()
        except UnicodeDecodeError as error:
            if error.end < len(said) or error.reason != "unexpected end of data":
                return Match.NO
        return Match.MAYBE

    # ── reading ───────────────────────────────────────────────────────────────────────────────────────────

    def _read(self, side: Side, inbox: Inbox) -> Event | None:
        if self._pattern is not None:
            return self._read_until_match(side, self._pattern, inbox)
        if self._option in _LENGTHS or self._option == "varint":
            return self._read_record(inbox)
        end = _MARKS.get(self._option, b"\n")
        line = inbox.line(LINE_BYTES, end)
        if line is None:
            return None
        if not self._option and line.endswith(b"\r\n"):
            end = b"\r\n"
        return self._said(side, inbox, line[: -len(end)], end)

    def _said(self, side: Side, inbox: Inbox, line: bytes, finish: bytes) -> Line:
        """A line that was just taken; what is secret in it is hidden."""
        begin = inbox.start - len(line) - len(finish)
        for start, end in secrets_in(line):
            self._hide(side, begin + start, begin + end)
        return Line(line=text(line), finish=text(finish))

    def _read_until_match(self, side: Side, pattern: re.Pattern[bytes], inbox: Inbox) -> Event | None:
        # A match that touches the end of what came may grow with what comes next.
        match = pattern.search(inbox.data)
        if match is not None and match.end() > match.start() and (match.end() < len(inbox) or inbox.ended):
            line = inbox.take(match.end())
            return self._said(side, inbox, line[: match.start()], line[match.start() :])
        if len(inbox) > LINE_BYTES:
            raise Wrong(f"a line is longer than {LINE_BYTES} bytes", inbox.start + LINE_BYTES, skip=LINE_BYTES)
        return None

    def _read_record(self, inbox: Inbox) -> Event | None:
        head, length = self._length(inbox)
        if head == 0:
            return None
        if length > MESSAGE_BYTES:
            raise Wrong(f"a record has {length} bytes, and more than {MESSAGE_BYTES} are not believed", inbox.start)
        if len(inbox) < head + length:
            return None
        return Record(data=inbox.take(head + length)[head:])

    def _length(self, inbox: Inbox) -> tuple[int, int]:
        """How many bytes the length takes, 0 when it is not there yet; and what it says."""
        if self._option in _LENGTHS:
            size, order = _LENGTHS[self._option]
            return (size, int.from_bytes(inbox.data[:size], order)) if len(inbox) >= size else (0, 0)
        length = 0
        for place, byte in enumerate(inbox.data[:10]):
            length |= (byte & 0x7F) << 7 * place
            if byte < 0x80:
                return place + 1, length
        if len(inbox) >= 10:
            raise Wrong("a length has more than ten bytes", inbox.start)
        return 0, 0

    def _finish(self, side: Side, inbox: Inbox) -> Event | None:
        if not inbox.data or self._option in _LENGTHS or self._option == "varint":
            return None
        return self._said(side, inbox, inbox.take_all(), b"")

    def _skip(self, side: Side, count: int) -> bool:
        return self._option not in _LENGTHS and self._option != "varint"

    # ── writing ───────────────────────────────────────────────────────────────────────────────────────────

    def _write(self, side: Side, event: Event) -> bytes:
        if isinstance(event, Line):
            return encoded(event.line + event.finish)
        if not isinstance(event, Record):
            raise LocalProtocolError(f"lines have no {type(event).__name__}")
        length = len(event.data)
        if self._option in _LENGTHS:
            size, order = _LENGTHS[self._option]
            if length >= 256**size:
                raise LocalProtocolError(f"a record of {length} bytes is too long for {self._option}")
            return length.to_bytes(size, order) + event.data
        return varint(length) + event.data
