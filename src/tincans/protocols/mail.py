"""What the mail protocols share: the text of a mail on the wire, and how a mail is shown.

The text ends in a line with nothing but a dot, so a dot that begins another line is doubled (RFC 5321 §4.5.2, RFC 1939
§3). Only CR LF ends a line. Programs that take a lone LF for an end, too, disagree with others about where a mail
ends, and what one calls text is a command for the other ("SMTP smuggling"):

    line begins after CR LF │ . CR LF  the end         │ . LF, . CR LF  doubtful: the end for some,
                            │ . else   drop the dot    │                and text by the standard:
    after a lone LF         │ .        is just a dot   │                what the other side does next tells
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage

from tincans.limits import (
    HELD_BYTES,
    MAIL_FIELD_CHARACTERS,
    MAIL_LINE_BYTES,
    MAIL_LOOKS,
    MAIL_PART_FIELD_BYTES,
    MAIL_PARTS,
)
from tincans.protocols.content import known_charset
from tincans.protocols.events import Chunk, Event, Malformed
from tincans.protocols.inbox import Inbox, Wrong
from tincans.protocols.textual import Faulty
from tincans.protocols.view import View, Viewer

_LONE = re.compile(rb"(?<!\r)\n|\r(?!\n)")


class Text(Chunk, frozen=True, kw_only=True):
    """A piece of a mail, as it was before dots were doubled."""

    @property
    def summary(self) -> str:
        return f"mail text, {len(self.data)} bytes"


class EndOfMail(Faulty, frozen=True, kw_only=True):
    """The text is complete; its faults are told here. After BDAT it takes no bytes, elsewhere a line with a dot."""

    @property
    def summary(self) -> str:
        return "end of mail"


# ── on the wire ───────────────────────────────────────────────────────────────────────────────────────────


class DotText:
    """Reads one text up to its lone dot. `strict`: a lone CR or LF is `Wrong`, and else it is counted."""

    def __init__(self, *, strict: bool = False) -> None:
        self._strict = strict
        self._after: bytes = b"\r\n"  # what stands before what comes next: the end of a line, or nothing
        self._length = 0  # of the line so far
        self._lone = self._long = 0
        self._first = 0  # where the first lone CR or LF is
        self._odd_dot = -1  # where a lone dot with odd ends was text
        #: A lone dot with odd ends is next, and no regular end has come behind it yet: if the other side answers now,
        #: it has taken that for the end.
        self.doubtful = False

    @property
    def begins_line(self) -> bool:
        return self._after == b"\r\n"

    @property
    def faults(self) -> Iterator[str]:
        if self._lone:
            yield f"lone CRs and LFs: {self._lone}, the first at byte {self._first}"
        if self._odd_dot >= 0:
            yield f"at byte {self._odd_dot} is a lone dot with odd ends, where the mail is over for some servers"
        if self._long:
            yield f"lines of more than {MAIL_LINE_BYTES} bytes: {self._long}"

    def tear(self) -> None:
        """Some bytes are missing here."""
        self._after, self._length = b"", 0

    def read(self, inbox: Inbox) -> bytes | None:
        """The next piece; empty when the end is there (and taken); None when more has to come."""
        if self._after and inbox.data.startswith(b"."):
            if len(inbox) < 3 and bytes(inbox.data) in (b".", b".\r"):
                return None
            if self.begins_line and inbox.data.startswith(b".\r\n"):
                inbox.take(3)
                return b""
            if self._is_doubtful(inbox):
                return None
            if self.begins_line:
                inbox.take(1)
        return self._piece(inbox)

    def whole_lines(self, data: bytes, start: int) -> tuple[bytes, int]:
        """The piece of all lines that are whole from `start` on, up to the end of the text; and where they end.

        What `read` gives in many steps of an inbox that has nothing else in it. Nothing where a closer look is needed.
        """
        end = data.find(b"\r\n.\r\n", start)
        end = (end if end >= 0 else data.rfind(b"\r\n", start)) + 2
        is_over = self.begins_line and data.startswith(b".\r\n", start)
        if end < 2 or is_over or not _is_regular(data, end, start):
            return b"", start
        dot = self.begins_line and data.startswith(b".", start)
        piece = data[start + dot : end].replace(b"\r\n.", b"\r\n")
        self._measure(piece)
        self._after = b"\r\n"
        return piece, end

    def end_here(self, inbox: Inbox) -> None:
        """It was the end: take the doubtful dot."""
        self.doubtful = False
        self._note(inbox.start + 1)
        inbox.take(3 if inbox.data.startswith(b".\r\n") else 2)

    def _is_doubtful(self, inbox: Inbox) -> bool:
        is_odd = inbox.data.startswith((b".\n", b".\r\n")) and not self._strict
        is_open = not inbox.ended and len(inbox) <= HELD_BYTES and inbox.find(b"\r\n.\r\n") < 0
        self.doubtful = is_odd and is_open
        if is_odd and not is_open:
            self._odd_dot = inbox.start
        return self.doubtful

    def _piece(self, inbox: Inbox) -> bytes | None:
        """Up to the next line that begins with a dot; a CR waits for what follows it."""
        dot = inbox.data.find(b"\n.")
        size = dot + 1 if dot >= 0 else len(inbox) - inbox.data.endswith(b"\r")
        if size == 0:
            return None
        if not _is_regular(inbox.data, size):
            lone = [match.start() for match in _LONE.finditer(inbox.data, 0, size)]
            self._note(inbox.start + lone[0], len(lone))
        piece = inbox.take(size)
        self._measure(piece)
        self._after = b"\r\n" if piece.endswith(b"\r\n") else b"\n" if piece.endswith(b"\n") else b""
        return piece

    def _note(self, at: int, count: int = 1) -> None:
        if self._strict:
            raise Wrong("a line of the text ends in a lone CR or LF", at)
        self._first = self._first if self._lone else at
        self._lone += count

    def _measure(self, piece: bytes) -> None:
        """Count lines that are too long; the first may have begun before. Quick where there are none."""
        start = -self._length
        while len(piece) - start >= MAIL_LINE_BYTES:
            end = piece.rfind(b"\n", max(0, start), start + MAIL_LINE_BYTES)
            if end < 0:
                self._count_long(piece)
                return
            start = end + 1
        end = piece.rfind(b"\n")
        self._length = len(piece) - end - 1 if end >= 0 else self._length + len(piece)

    def _count_long(self, piece: bytes) -> None:
        first, *others = piece.split(b"\n")
        lengths = [self._length + len(first), *map(len, others)]
        self._length = lengths.pop()  # of what the next piece goes on with
        self._long += sum(length >= MAIL_LINE_BYTES for length in lengths)


def _is_regular(data: bytes | bytearray, end: int, start: int = 0) -> bool:
    """Whether all ends of lines are CR LF; quick, as they usually are."""
    pairs = data.count(b"\r\n", start, end)
    return data.count(b"\n", start, end) == pairs == data.count(b"\r", start, end)


def dotted(data: bytes, *, begins_line: bool) -> bytes:
    """A piece of text as it is sent: the dots that begin lines are doubled."""
    data = data.replace(b"\r\n.", b"\r\n..")
    return b"." + data if begins_line and data.startswith(b".") else data


#: A field about a part, of which Python's parser takes the square.
_LONG = re.compile(rb"content-[a-z-]+:(?:[^\n]|\n[ \t]){%d}" % MAIL_PART_FIELD_BYTES)
_PART_FIELD = b"\ncontent-"


def is_bearable(data: bytes, most: int = MAIL_LOOKS) -> bool:
    """Whether it is taken apart in some seconds: a mail can be made so that it takes hours.

    `most` is how many times a line may be compared with the end of a part, some microseconds each.
    """
    lower = b"\n" + data.lower()  # so that plain searches do, which take a hundredth of the time
    looks = (lower.count(b"\n") + lower.count(b"\r")) * (1 + lower.count(b"multipart/"))
    if looks > most or lower.count(_PART_FIELD) > 5 * MAIL_PARTS:
        return False
    at = -1
    while (at := lower.find(_PART_FIELD, at + 1)) >= 0:
        if _LONG.match(lower, at + 1):
            return False
    return True


# ── as it is shown ────────────────────────────────────────────────────────────────────────────────────────

_SHOWN = ("From", "To", "Cc", "Subject", "Date")


class MailViewer(Viewer):
    """Collects each mail's text, and shows the mail at its end."""

    def __init__(self) -> None:
        self._text = bytearray()
        self._size = 0

    def view(self, event: Event) -> View:
        if isinstance(event, Text):
            self._size += len(event.data)
            self._text += event.data[: self.most - len(self._text)]
            return View(event.summary)
        if not isinstance(event, EndOfMail) and not (isinstance(event, Malformed) and self._size):
            return super().view(event)
        shown = show_mail(bytes(self._text), self._size)
        self._text.clear()
        self._size = 0
        return View(event.summary, (*event.details, *shown.details), shown.content, shown.media)


def show_mail(data: bytes, size: int | None = None) -> View:
    """A mail for a reader: who, to whom, about what; its parts; the text. `size` is the whole mail's."""
    size = len(data) if size is None else size
    cut = [f"only the first {len(data)} of {size} bytes are shown"] if size > len(data) else []
    try:
        mail = message_from_bytes(data, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        content, media = _content(mail)
        shown = [f"{name}: {value}" for name, value in heads(mail)]
        return View(f"mail, {size} bytes", (*shown, *_parts(mail), *cut), content, media)
    except Exception:  # the parser has bugs, and a mail that nobody can read is still to be shown
        return View(f"mail, {size} bytes", (*cut, "its parts cannot be told apart"), data, "message/rfc822")


def heads(mail: EmailMessage) -> Iterator[tuple[str, str]]:
    """The fields that a reader of the mail wants to see; never raises."""
    raw = {name.lower(): value for name, value in reversed(list(mail.raw_items()))}
    for name in _SHOWN:
        if name.lower() in raw:
            yield name, _header(mail, name, raw[name.lower()])


def _header(mail: EmailMessage, name: str, raw: str) -> str:
    if len(raw) > MAIL_FIELD_CHARACTERS:
        return " ".join(raw.split())
    try:
        return str(mail[name])
    except Exception:  # as above: a broken header is shown as it came
        return " ".join(str(raw).split())


def _parts(mail: EmailMessage) -> Iterator[str]:
    for part in mail.walk():
        if not part.is_multipart():
            name = part.get_filename()
            yield f"part: {part.get_content_type()}{f' {name}' if name else ''}, {len(_payload(part))} bytes"


def _content(mail: EmailMessage) -> tuple[bytes | None, str]:
    part = mail.get_body(("plain", "html"))
    if part is None:
        return None, ""
    try:
        charset = known_charset(part.get_content_charset("utf-8")).name
        return _payload(part).decode(charset, "replace").encode("utf-8", "replace"), part.get_content_type()
    except LookupError:
        return _payload(part), part.get_content_type()


def _payload(part: object) -> bytes:
    data = part.get_payload(decode=True) if isinstance(part, EmailMessage) else b""
    return data if isinstance(data, bytes) else b""
