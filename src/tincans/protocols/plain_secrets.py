"""Secrets in texts that no protocol of ours gives a meaning: a password in JSON, and in the login of a chat.

    {"do": "login", "name": "ann", "password": "…"}         JSON lines, a WebSocket's messages
    /login ann …                                            a person at a terminal

A value ends where the text does, too: what was cut off in the middle of a password has said a part of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tincans.protocols.events import MASK, encoded, text

#: The last group is the secret.
PATTERN = re.compile(
    rb'"(?:password|passwd|secret|ticket)"[ \t]*:[ \t]*"((?:[^"\\\r\n]|\\.)+)|^/login[ \t]+[^ \t\r\n]+[ \t]+([^\r\n]+)',
    re.IGNORECASE | re.MULTILINE,
)


def secrets_in(said: bytes) -> Iterator[tuple[int, int]]:
    """Where they are: from which byte to which."""
    if b'"' in said or said[:1] == b"/":
        for match in PATTERN.finditer(said):
            yield match.span(match.lastindex or 0)


def without_secrets(said: str) -> str:
    """The text with each of them replaced by `MASK`; itself where there is none."""
    data = encoded(said)
    spans = list(secrets_in(data))
    if not spans:
        return said
    parts, at = [], 0
    for start, end in spans:
        parts += [data[at:start], MASK.encode()]
        at = end
    return text(b"".join([*parts, data[at:]]))
