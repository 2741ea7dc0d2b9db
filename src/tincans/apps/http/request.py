"""Requests: a head read strictly, as everybody else reads it, or not at all.

Requests are smuggled where two parties read the same bytes differently (RFC 9112 §11.2). So there is one way in: the
whole head has to fit one regular expression, which is the grammar of RFC 9112 without anything that may be left out or
forgiven. How long the body then is, is what the recorder's own reader of heads says of it, and whatever that has a note
about is refused, too. The rest is refused here: what is said twice, and what the target and Host say differently.

Clients say the same head again and again. A head that was read is remembered by its very bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NoReturn
from urllib.parse import unquote

import msgspec

from tincans.channel import Side
from tincans.errors import RemoteProtocolError
from tincans.limits import HTTP_FIELDS, HTTP_HEADS_KEPT, HTTP_KEPT_HEAD_BYTES, HTTP_START_BYTES
from tincans.protocols import http_head as heads
from tincans.protocols.inbox import Inbox, Wrong

#: `Request.length` of a body whose length only its chunks say.
CHUNKED = heads.CHUNKED

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_LINE = rb"%b:[\t -~\x80-\xff]*\r\n" % _TOKEN
#: RFC 9112 §2.1, of a request: no obs-fold, no blank before a colon, no control character, every line's end CR LF.
_HEAD = re.compile(rb"%b [!-~]+ HTTP/1\.[01]\r\n(?:%b)*\r\n" % (_TOKEN, _LINE))
_TRAILERS = re.compile(rb"(?:%b)*\r\n" % _LINE)
#: RFC 9110 §7.2: a name or an address, and perhaps a port.
_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[\w.~%!$&'()*+;=-]+)(?::[0-9]{0,5})?", re.ASCII)
_ABSOLUTE = re.compile(r"https?://(?P<host>[^/?#@]+)(?P<rest>[/?][^#]*|)", re.IGNORECASE)
_ORIGIN = re.compile(r"/[^#]*")
#: Those that there are (RFC 9112 §7); whatever else is not "chunked" was written so that not everybody sees it.
_CODINGS = re.compile(r"(?:(?:x-)?(?:gzip|compress)|deflate)(?:, *chunked)?", re.IGNORECASE)
_NOT_DONE = "501 Not Implemented"
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
#: The fields that make a request conditional (RFC 9110 §13.1), or ask for a part (§14.2).
_ASKING = frozenset({"if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "range"})
#: What may be said once at the most.
_ONCE = ("content-length", "transfer-encoding", "host", "expect", "authorization")


class Fields:
    """The fields of a head: looked up whatever their case, in the order in which they were said.

    Bytes that are no UTF-8 are kept by surrogateescape.
    """

    __slots__ = ("_known", "_pairs")

    def __init__(self, pairs: tuple[tuple[str, str], ...] = (), known: Mapping[str, str] | None = None) -> None:
        """`known` are the values by their names in lower case, where somebody has them already."""
        self._pairs = pairs
        self._known = known if known is not None else {name.lower(): ", ".join(self.every(name)) for name, _ in pairs}

    def get(self, name: str, default: str = "") -> str:
        """The value of the field of this name; of several, as one list (RFC 9110 §5.3)."""
        return self._known.get(name.lower(), default)

    def every(self, name: str) -> list[str]:
        """The values of all fields of this name, in their order."""
        wanted = name.lower()
        return [value for name, value in self._pairs if name.lower() == wanted]

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._known

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._pairs)

    def __len__(self) -> int:
        return len(self._pairs)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What a client asks for. One that is asked again may be the same object."""

    method: str
    #: As it was said.
    target: str
    #: Without percent-encoding, with bytes that are no UTF-8 by surrogateescape; it begins with "/", or is "*".
    path: str
    #: What is behind the question mark, as it was said.
    query: str
    fields: Fields
    version: str
    #: Whom the client wants to speak to, with the port if one was said; empty in HTTP/1.0 perhaps.
    host: str
    #: How many bytes its body has, 0 for none; or `CHUNKED`.
    length: int
    #: The connection is to be kept for the next one.
    keeps: bool
    #: The client waits for "100 Continue" before it says the body.
    patient: bool
    #: It is conditional, or asks for a part.
    asks: bool
    #: It is a GET for just what is there: neither that, nor a packed form.
    is_plain: bool
    #: The client would go on in another protocol (RFC 9110 §7.8), the name of which is in lower case; else empty.
    upgrade: str


def refuse(reason: str, status: str = heads.BAD) -> NoReturn:
    """Raise the error that is answered with `status` before the channel is closed."""
    raise RemoteProtocolError(reason, reply=heads.reply(status, reason))


def read_request(head: bytes) -> Request:
    """The request that `head`, up to and with its empty line, is. Raises `RemoteProtocolError` with the reply."""
    return _read_kept(head) if len(head) <= HTTP_KEPT_HEAD_BYTES else _read(head)


def check_trailers(section: bytes) -> None:
    """Raise `RemoteProtocolError` where a trailer section with its empty line is not in order."""
    inbox = Inbox()
    inbox.data += section
    trailers = heads.read_trailers(inbox)
    if trailers is None or trailers[1]:
        refuse(trailers[1][0].reason if trailers else "a trailer section does not end where it seems to")
    if not _TRAILERS.fullmatch(section):
        refuse("there is a control character in a trailer")


def _read(data: bytes) -> Request:
    head = _in_order(data)
    method, target, version = head.start
    if len(head.known) != len(head.fields):
        names = [name.lower() for name, _ in head.fields]
        if twice := [name for name in _ONCE if names.count(name) > 1]:
            refuse(f"there is more than one {twice[0]}")
    coding = head.known.get("transfer-encoding", "chunked")
    if coding.lower() != "chunked" and version == "1.1":
        refuse("the Transfer-Encoding is not chunked", _NOT_DONE if _CODINGS.fullmatch(coding) else heads.BAD)
    heads.check_host(head)
    length = heads.body_length(head, version, request=True)
    if head.notes:
        refuse(head.notes[0].reason, head.notes[0].status)
    if not head.known.get("content-length", "0").isdigit():
        refuse("the Content-Length is a list")
    host, rest = _where(head, method, target)
    path, _, query = rest.partition("?")
    asks = not _ASKING.isdisjoint(head.known)
    options = heads.tokens(head.known["connection"]) if "connection" in head.known else ()
    return Request(
        method=method, target=target, path=_decoded(path), query=query, fields=Fields(head.fields, head.known),
        version=version, host=host, length=length, patient=_patient(head, version),
        asks=asks, is_plain=not asks and method == "GET" and "accept-encoding" not in head.known,
        keeps="close" not in options and (version == "1.1" or "keep-alive" in options),
        upgrade=head.known.get("upgrade", "").lower() if "upgrade" in options and version == "1.1" else "",
    )  # fmt: skip


_read_kept = lru_cache(HTTP_HEADS_KEPT)(_read)


def _in_order(data: bytes) -> heads.Head:
    """What a head in good order says; there is one way to take that apart."""
    if not _HEAD.fullmatch(data):
        _refuse_head(data)
    start, *lines = str(data[:-4], "utf-8", "surrogateescape").split("\r\n")
    if len(start) + 2 > HTTP_START_BYTES or len(lines) > HTTP_FIELDS:
        _refuse_head(data)
    method, target, version = start.split(" ")
    fields = []
    for line in lines:
        name, _, value = line.partition(":")
        fields.append((name, value.strip(" \t")))
    return heads.Head(data, (method, target, version[5:]), tuple(fields), heads.known_values(fields), [])


def _refuse_head(data: bytes) -> NoReturn:
    """Say what is wrong with it, as the recorder's reader of heads notes it."""
    inbox = Inbox()
    inbox.data += data
    try:
        head = heads.read_head(Side.CLIENT, inbox)
    except Wrong as wrong:
        raise RemoteProtocolError(wrong.reason, reply=wrong.reply) from None
    if head is None or inbox.data:
        refuse("a line of the head ends in LF alone")
    if head.notes:
        refuse(head.notes[0].reason, head.notes[0].status)
    if head.start[2] not in ("1.0", "1.1"):
        refuse(f"the version {head.start[2]} is not spoken here", "505 HTTP Version Not Supported")
    refuse("there is a character in the head that may not be there")


def _patient(head: heads.Head, version: str) -> bool:
    """RFC 9110 §10.1.1."""
    expects = head.known.get("expect")
    if expects is None or version == "1.0":
        return False
    if expects.lower() != "100-continue":
        refuse(f"what is expected cannot be met: {expects}", "417 Expectation Failed")
    return True


def _where(head: heads.Head, method: str, target: str) -> tuple[str, str]:
    """The host, and the target without it (RFC 9112 §3.2)."""
    host = head.known.get("host", "")
    if (host or head.start[2] == "1.1") and not _HOST.fullmatch(host):
        refuse("the Host is no host")
    if _ORIGIN.fullmatch(target) or (target == "*" and method == "OPTIONS"):
        return host, target
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None:
        if method == "CONNECT":
            refuse("this is no proxy", _NOT_DONE)
        refuse("the target is neither a path nor an address")
    if host and absolute["host"].lower() != host.lower():
        refuse("the target and Host name different hosts")
    if not _HOST.fullmatch(absolute["host"]):
        refuse("the target's host is no host")
    rest = absolute["rest"]
    return absolute["host"], rest if rest.startswith("/") else f"/{rest}"


def _decoded(path: str) -> str:
    if "%" not in path:
        return path
    if _BAD_PERCENT.search(path):
        refuse("a percent sign in the target encodes nothing")
    return unquote(path, errors="surrogateescape")
