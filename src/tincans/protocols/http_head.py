"""The heads of HTTP/1.x: how one is read, what is wrong with it, and how long it says that the body is.

A head in good order is read by two regular expressions. Any other is read again line by line: what can be understood
is, and everything that the rules forbid is noted with its place and with the answer that a server gives to it.

What two parties on one connection may read differently is how requests are smuggled (RFC 9112 §11.2), so that is what
the notes are about: line ends, white space around names, and above all the length of the body.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from tincans.channel import Side
from tincans.limits import HTTP_FIELDS, HTTP_HEAD_BYTES, HTTP_LENGTH_DIGITS, HTTP_START_BYTES
from tincans.protocols.events import text
from tincans.protocols.http_events import SECRET, Fields, password_of, secrets_of
from tincans.protocols.inbox import Inbox, Wrong
from tincans.text import escape

#: How long a body is where no number says it.
CHUNKED, UNTIL_CLOSE, UNKNOWN = -1, -2, -3

BAD = "400 Bad Request"
_TOO_LARGE = "431 Request Header Fields Too Large"
_BLANKS = b" \t"
_NO_TRAILERS = {"content-length", "host", "transfer-encoding"}
_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"  # RFC 9110 §5.6.2
_REQUEST = re.compile(rf"({_TOKEN}) ([!-~]+) HTTP/(1\.[01])\r\n")
_STATUS = re.compile(r"HTTP/(1\.[01]) ([1-9][0-9][0-9])(?: ([^\r\n]*))?\r\n")
_FIELD = re.compile(rf"^({_TOKEN}):[ \t]*(.*)\r\n", re.MULTILINE)
_IS_TOKEN = re.compile(_TOKEN).fullmatch
_END = re.compile(rb"\n\r?\n")
_EMPTY_LINES = re.compile(rb"(?:\r?\n)*")
_SOMETHING = re.compile(rb"[^\r\n]|\r\r")
_VERSION = re.compile(rb"HTTP/([0-9]{1,3}\.[0-9]{1,3})").fullmatch
_ANY_STATUS = re.compile(rb"HTTP/([0-9]{1,3}\.[0-9]{1,3})[ \t]+([1-9][0-9][0-9])(?:[ \t](.*))?").fullmatch
_HOST = lru_cache(256)(re.compile(r"[\w\-.~%!$&'()*+,;=:\[\]]*", re.ASCII).fullmatch)  # RFC 3986 §3.2.2, and a port
_HAS_CONTROL = re.compile(rb"[\r\0\v\f]").search  # of all, those that others take for a line's end or a blank
_LENGTH = re.compile(r"[0-9]+").fullmatch
_SECRET = frozenset(SECRET)
#: The value of a field with a secret, further lines of it too.
_SECRET_VALUES = {
    name: re.compile(rf"\n{name}[ \t]*:[ \t]*([^\n]*(?:\n[ \t][^\n]*)*)".encode(), re.IGNORECASE) for name in SECRET
}


class Note(NamedTuple):
    """What is wrong, at which byte of the head, and a server's answer to it."""

    reason: str
    at: int
    status: str = BAD


class Head(NamedTuple):
    """A head as it was read."""

    data: bytes
    #: Of a request its method, target and version; of a response its version, status and reason.
    start: tuple[str, str, str]
    fields: Fields
    #: Values by their names in lower case; those of one name as one list.
    known: dict[str, str]
    notes: list[Note]


def reply(status: str, reason: str) -> bytes:
    """What a polite server answers before it closes."""
    content = escape(reason).encode() + b"\n"
    fields = f"Content-Type: text/plain\r\nContent-Length: {len(content)}\r\nConnection: close\r\n"
    return f"HTTP/1.1 {status}\r\n{fields}\r\n".encode() + content


# ── reading ───────────────────────────────────────────────────────────────────────────────────────────────


def read_head(side: Side, inbox: Inbox) -> Head | None:
    """Take the next head from the inbox; None when it is not there yet. Raises `Wrong` for what is no head."""
    data = inbox.data
    if not data or (data[0] in b"\r\n" and side is Side.CLIENT and not _pass_empty_lines(inbox)):
        return None
    end = data.find(b"\r\n\r\n", max(inbox.looked - 2, 0), HTTP_HEAD_BYTES) + 4
    if end > 4:
        string = str(data[:end], "utf-8", "surrogateescape")
        match = (_REQUEST if side is Side.CLIENT else _STATUS).match(string)
        if match is not None and (at := match.end()) <= HTTP_START_BYTES:
            fields = _FIELD.findall(string, at)
            if _is_in_order(string, at, len(fields)):
                return Head(inbox.take(end), match.groups(""), tuple(fields), known_values(fields), [])  # type: ignore[arg-type]
    return _read_other(side, inbox)


def read_trailers(inbox: Inbox) -> tuple[Fields, list[Note]] | None:
    """Take a trailer section from the inbox, with the empty line that ends it; None when it is not there yet."""
    data = inbox.data
    if data[:2] == b"\r\n":
        inbox.take(2)
        return (), []
    end = 1 if data[:1] == b"\n" else inbox.search(_END, 3)
    if end is None or end > HTTP_HEAD_BYTES:
        if len(data) >= HTTP_HEAD_BYTES:
            raise _wrong("a trailer section is too long", inbox, HTTP_HEAD_BYTES, _TOO_LARGE)
        return None
    notes: list[Note] = []
    fields = _read_fields(inbox.take(end), 0, notes)
    if any(name.lower() in _NO_TRAILERS for name, _ in fields):  # RFC 9110 §6.5.1
        notes.append(Note("a trailer says what only a head can", 0))
    return tuple(fields), notes


def _is_in_order(string: str, at: int, count: int) -> bool:
    """Whether behind `at` there is nothing but `count` fields of the usual form, and then CR LF CR LF."""
    lines = string.count("\n")
    return (
        lines == count + 2
        and string.count("\r") == lines
        and "\0" not in string
        and "\v" not in string
        and "\f" not in string
        and string.find(" \r", at) < 0
        and string.find("\t\r", at) < 0
        and count <= HTTP_FIELDS
    )


def known_values(fields: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Values by their names in lower case; those of one name as one list (RFC 9110 §5.3)."""
    known = {name.lower(): value for name, value in fields}
    if len(known) != len(fields):
        known = {}
        for name, value in fields:
            name = name.lower()
            known[name] = f"{known[name]}, {value}" if name in known else value
    return known


def _pass_empty_lines(inbox: Inbox) -> bool:
    """Whether something follows them. RFC 9112 §2.2: ignore them before a request line."""
    if len(inbox) < HTTP_HEAD_BYTES and inbox.search(_SOMETHING, 2) is None:
        return False
    match = _EMPTY_LINES.match(inbox.data)
    assert match is not None
    if len(inbox) >= HTTP_HEAD_BYTES <= match.end():
        raise _wrong("there are too many empty lines", inbox, HTTP_HEAD_BYTES)
    if bytes(inbox.data[match.end() : match.end() + 2]) in (b"", b"\r"):
        return False
    inbox.take(match.end())
    return True


def _wrong(reason: str, inbox: Inbox, skip: int, status: str = BAD) -> Wrong:
    """What is too wrong to say where it ends."""
    return Wrong(reason, inbox.start, skip=skip, seek=True, reply=reply(status, reason))


# ── what is odd ───────────────────────────────────────────────────────────────────────────────────────────


def _read_other(side: Side, inbox: Inbox) -> Head | None:
    """A head that is not in good order, or not there yet."""
    _check_start(side, inbox)
    end = inbox.search(_END, 3)
    if end is not None and end <= HTTP_HEAD_BYTES:
        return _read_odd(side, inbox.take(end))
    if len(inbox) >= HTTP_HEAD_BYTES:
        raise _wrong("a head is too long", inbox, HTTP_HEAD_BYTES, _TOO_LARGE)
    return None


def _check_start(side: Side, inbox: Inbox) -> None:
    """Raise `Wrong` as soon as it is certain that this is no start line."""
    data = inbox.data
    if data and not 0x21 <= data[0] <= 0x7E:
        raise _wrong(f"no {_what(side)} begins with the byte {data[0]:#04x}", inbox, 1)
    found = data.find(b"\n", 0, HTTP_START_BYTES + 1)
    if found >= HTTP_START_BYTES or (found < 0 and len(data) > HTTP_START_BYTES):
        raise _wrong(f"a {_what(side)} is too long", inbox, HTTP_START_BYTES, "414 URI Too Long")
    if found >= 0 and _odd_start(side, bytes(data[:found]), []) is None:
        raise _wrong(f"this is no {_what(side)}", inbox, found + 1)


def _what(side: Side) -> str:
    return "request line" if side is Side.CLIENT else "status line"


def _read_odd(side: Side, data: bytes) -> Head:
    """Line by line, with everything noted that is out of order."""
    notes: list[Note] = []
    end = data.index(b"\n")
    start = _odd_start(side, data[:end], notes)
    assert start is not None
    fields = _read_fields(data, end + 1, notes)
    return Head(data, start, tuple(fields), known_values(fields), notes)


def _odd_start(side: Side, line: bytes, notes: list[Note]) -> tuple[str, str, str] | None:
    """The three parts of a start line, its end excluded but for a CR; None where it is none at all."""
    if not line.endswith(b"\r"):
        notes.append(Note("a line ends in LF alone", len(line)))
    line = line.removesuffix(b"\r")
    odd = _HAS_CONTROL(line)
    start = _odd_request(line, notes) if side is Side.CLIENT else _odd_status(line, notes)
    if odd and start is not None:
        notes.append(Note("there is a bare CR or another control character in the start line", 0))
    return start


def _odd_request(line: bytes, notes: list[Note]) -> tuple[str, str, str] | None:
    words = line.split()
    version = _VERSION(words[-1]) if len(words) > 1 else None
    if version is None:
        return None
    method, target = words[0], line.strip()[len(words[0]) : -len(words[-1])].strip()
    if b" ".join((method, target, words[-1])) != line or not target or len(target.split()) > 1:
        notes.append(Note("the request line is not a method, a target and a version with one blank between them", 0))
    elif not re.fullmatch(rb"[!-~]+", target):
        notes.append(Note("the target has characters that have to be encoded", len(method) + 1))
    if not _IS_TOKEN(text(method)):
        notes.append(Note("the method is no token", 0))
    _check_version(text(version[1]), len(line) - len(words[-1]), notes)
    return text(method), text(target), text(version[1])


def _odd_status(line: bytes, notes: list[Note]) -> tuple[str, str, str] | None:
    match = _ANY_STATUS(line)
    if match is None:
        return None
    if b" ".join([b"HTTP/" + match[1], *match.groups()[1 : match.lastindex]]) != line:
        notes.append(Note("the status line does not have one blank on each side of the status", 0))
    _check_version(text(match[1]), 0, notes)
    return text(match[1]), text(match[2]), text(match[3] or b"")


def _check_version(version: str, at: int, notes: list[Note]) -> None:
    if not re.fullmatch(r"1\.[0-9]", version):
        notes.append(Note(f"the version {version} is not spoken here", at, "505 HTTP Version Not Supported"))


def _read_fields(data: bytes, start: int, notes: list[Note]) -> list[tuple[str, str]]:
    """The fields of the lines from `start` on, up to the empty one."""
    fields: list[tuple[str, str]] = []
    at = start
    for line in data[start:].split(b"\n"):
        if at == len(data):
            break
        if not line.endswith(b"\r"):
            notes.append(Note("a line ends in LF alone", at + len(line)))
        _read_line(line.removesuffix(b"\r"), at, fields, notes)
        at += len(line) + 1
    if len(fields) > HTTP_FIELDS:
        notes.append(Note(f"there are more than {HTTP_FIELDS} fields", start, _TOO_LARGE))
    return fields


def _read_line(line: bytes, at: int, fields: list[tuple[str, str]], notes: list[Note]) -> None:
    if not line:
        return
    if _HAS_CONTROL(line):
        notes.append(Note("there is a bare CR or another control character in a field", at))
    if line[0] in _BLANKS:  # RFC 9112 §5.2
        notes.append(Note("a field goes on in the next line", at))
        if fields:
            fields[-1] = (fields[-1][0], f"{fields[-1][1]} {text(line.strip(_BLANKS))}".strip(" "))
        return
    raw, colon, value = line.partition(b":")
    if not colon:
        notes.append(Note("a line of the head has no colon", at))
        return
    name = raw.rstrip(_BLANKS)
    if name != raw:  # RFC 9112 §5.1
        notes.append(Note("there is white space before a colon", at + len(name)))
    if not _IS_TOKEN(text(name)):
        notes.append(Note("the name of a field is no token", at))
    fields.append((text(name), text(value.strip(_BLANKS))))


# ── what it means ─────────────────────────────────────────────────────────────────────────────────────────


@lru_cache(256)  # all requests of a client say the same
def tokens(value: str) -> frozenset[str]:
    """The members of a list, in lower case (RFC 9110 §5.6.1)."""
    return frozenset([word.strip(" \t").lower() for word in value.split(",")])


def check_host(head: Head) -> None:
    """Note what is wrong with the Host field of a request (RFC 9112 §3.2)."""
    host = head.known.get("host")
    if host is None:
        if head.start[2] != "1.0" and head.start[0] != "PRI":  # which HTTP/2 begins with, RFC 9113 §3.4
            head.notes.append(Note("there is no Host", 0))
    elif len(head.known) != len(head.fields) and sum(name.lower() == "host" for name, _ in head.fields) > 1:
        _note(head, "host", "there is more than one Host")
    elif not _HOST(host):
        _note(head, "host", "the Host is no host")


def body_length(head: Head, version: str, *, request: bool) -> int:
    """How long the body is (RFC 9112 §6.3), and note what makes that doubtful."""
    coding, length = head.known.get("transfer-encoding"), head.known.get("content-length")
    if coding is not None:
        return _coded_length(head, coding, version, request=request)
    if length is None:
        return 0 if request else UNTIL_CLOSE
    lengths = {word.strip(" \t") for word in length.split(",")}
    if len(lengths) > 1:
        _note(head, "content-length", "there are different Content-Lengths")
        return UNKNOWN
    if not _LENGTH(length := lengths.pop()) or len(length) > HTTP_LENGTH_DIGITS:
        _note(head, "content-length", "the Content-Length is no length")
        return UNKNOWN
    return int(length)


def _coded_length(head: Head, coding: str, version: str, *, request: bool) -> int:
    codings = [word.strip(" \t").lower() for word in coding.split(",")]
    if "content-length" in head.known:
        _note(head, "content-length", "there is a Content-Length beside a Transfer-Encoding")
    if version == "1.0":  # RFC 9112 §6.1
        _note(head, "transfer-encoding", "HTTP/1.0 has no Transfer-Encoding")
    if codings == ["chunked"]:
        return CHUNKED
    if "chunked" in codings[:-1]:
        _note(head, "transfer-encoding", "chunked is not the last Transfer-Encoding, or not the only one")
    else:
        _note(head, "transfer-encoding", "the Transfer-Encoding is not only chunked", "501 Not Implemented")
    if codings[-1] == "chunked":
        return CHUNKED
    return UNKNOWN if request else UNTIL_CLOSE


def _note(head: Head, name: str, reason: str, status: str = BAD) -> None:
    """Note what is wrong with the last field of that name."""
    place = head.data.lower().rfind(b"\n" + name.encode())
    head.notes.append(Note(reason, place + 1, status))


def has_secrets(head: Head) -> bool:
    """Whether there may be any in it."""
    return "@" in head.start[1] or not _SECRET.isdisjoint(head.known)


def secret_spans(head: Head, *, request: bool) -> Iterator[tuple[int, int]]:
    """Where in the bytes of a head its secrets are."""
    data, target = head.data, head.start[1]
    if request and "@" in target and (span := password_of(target)):
        place = data.find(target.encode("utf-8", "surrogateescape"))
        yield place + span[0], place + span[1]
    for name in SECRET.keys() & head.known.keys():
        for match in _SECRET_VALUES[name].finditer(data):
            for start, end in secrets_of(name, match[1].decode("latin-1").rstrip(" \t\r")):
                yield match.start(1) + start, match.start(1) + end
