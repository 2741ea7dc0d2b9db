"""Whether the first words of a conversation are SMTP's: FTP's servers begin with the same digits."""

from __future__ import annotations

import re

from tincans.protocols.session import Match

_GREETS = re.compile(rb"\b(?:E?SMTP|LMTP)\b", re.IGNORECASE)
_OTHERS = re.compile(rb"\bS?FTPS?D?\b", re.IGNORECASE)


def recognize(client: bytes, server: bytes) -> Match:
    """By the words of the greeting; where they say nothing, by the first command."""
    asked = _hello(client) if client else Match.WAIT
    greeted = _greeting(server) if server else Match.WAIT
    if asked is Match.SURE or greeted is Match.WAIT:
        return asked
    return greeted


def _hello(client: bytes) -> Match:
    word = client[:5].upper()
    if len(word) == 5:
        return Match.SURE if word in (b"EHLO ", b"HELO ", b"LHLO ") else Match.NO
    return Match.WAIT if any(hello.startswith(word) for hello in (b"EHLO ", b"HELO ", b"LHLO ")) else Match.NO


def _greeting(server: bytes) -> Match:
    """Decided by the whole first line, so that it does not matter how it was cut."""
    code = server[:3]
    if not any(known.startswith(code) for known in (b"220", b"421", b"554")):
        return Match.NO
    line, end, _ = server.partition(b"\n")
    if not end:
        return Match.WAIT
    if _GREETS.search(line):
        return Match.SURE
    return Match.NO if _OTHERS.search(line) else Match.WAIT
