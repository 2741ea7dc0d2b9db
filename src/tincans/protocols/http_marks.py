"""What HTTP/1.x looks like to who does not know where it begins: at the start of a conversation, and behind a gap."""

from __future__ import annotations

import re

from tincans.channel import Side
from tincans.limits import GUESS_BYTES, HTTP_START_BYTES
from tincans.protocols.inbox import Inbox
from tincans.protocols.session import Match

#: The methods of IANA's registry, and UPnP's: in the middle of anything no other word begins a request.
_METHODS = (
    b"ACL|BASELINE-CONTROL|BIND|CHECKIN|CHECKOUT|CONNECT|COPY|DELETE|GET|HEAD|LABEL|LINK|LOCK|MERGE|MKACTIVITY|"
    b"MKCALENDAR|MKCOL|MKREDIRECTREF|MKWORKSPACE|MOVE|M-SEARCH|NOTIFY|OPTIONS|ORDERPATCH|PATCH|POST|PROPFIND|PROPPATCH|"
    b"PUT|QUERY|REBIND|REPORT|SEARCH|SUBSCRIBE|TRACE|UNBIND|UNCHECKOUT|UNLINK|UNLOCK|UNSUBSCRIBE|UPDATE|"
    b"UPDATEREDIRECTREF|VERSION-CONTROL"
)
_TARGET = rb"[!-~\x80-\xff]{1,%d}" % HTTP_START_BYTES

#: What a message begins with. It may stand in the middle of a line, as a body need not end in one.
_BEGINS = {
    Side.CLIENT: re.compile(rb"(?:%b) %b HTTP/1\.[01]\r?\n" % (_METHODS, _TARGET)),
    Side.SERVER: re.compile(rb"HTTP/1\.[01] [1-5][0-9][0-9][ \r\n]"),
}
#: What may become that, at the end of what came; it may as well match more.
_BEGUN = {
    Side.CLIENT: re.compile(rb"(?:(?:%b) (?:%b(?: [HTP/1.0\r]{0,9})?)?|[A-Z-]{1,17})\Z" % (_METHODS, _TARGET)),
    Side.SERVER: re.compile(rb"H[TP/1.0-9 ]{0,11}\Z"),
}

#: What may be a secret in a head that is no good: the value of a field, and a password in a target.
SUSPICIOUS = re.compile(
    rb"(?:Authorization|Cookie2?)[ \t\0]*:?[ \t]*([^\n]+(?:\n[ \t][^\n]*)*)|//[^/?#@:\s]*:([^/?#@\s]+)(?=@|\Z)",
    re.IGNORECASE,
)

_METHOD = re.compile(rb"(?:%b) " % _METHODS)
_REQUEST_LINE = re.compile(rb"(?:\r?\n)*[A-Z-]+ [!-~\x80-\xff]+ HTTP/[0-9]\.[0-9]\r?\n")
_REQUEST_BEGUN = re.compile(rb"(?:\r?\n)*\r?(?:[A-Z-]+(?: (?:[!-~\x80-\xff]+(?: [HTP/.0-9\r]{0,9})?)?)?)?\Z")
_STATUS = b"HTTP/1."


def recognize(client: bytes, server: bytes) -> Match:
    """Whether the first that the two sides said is HTTP/1.x."""
    if _REQUEST_LINE.match(client) or server.startswith(_STATUS):
        return Match.SURE
    if client and _REQUEST_BEGUN.match(client):
        return Match.WAIT if len(client) < GUESS_BYTES else Match.SURE  # nothing else has words that are so long
    return Match.WAIT if server and _STATUS.startswith(server) else Match.NO


def find_message(side: Side, inbox: Inbox) -> tuple[int, bool]:
    """Where in the inbox a message begins, and that it does; or where what may become one begins, or it ends."""
    data = inbox.data
    waits = side is Side.CLIENT and len(data) < HTTP_START_BYTES and inbox.find(b"\n") < 0
    if waits and _METHOD.match(data):  # look once at a long line that comes in small pieces
        return 0, False
    match = _BEGINS[side].search(data)
    if match is not None:
        return match.start(), True
    begun = _BEGUN[side].search(data)
    return (begun.start() if begun else len(data)), False
