"""The login that SMTP (RFC 4954), POP3 (RFC 5034) and IMAP (RFC 9051 §6.2.2) share: SASL, in lines of base64.

The client names a mechanism, perhaps with its first response; the server sends challenges until it has decided. Which
responses are secret depends on the mechanism: all of them, but for the user's name in LOGIN.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator

import msgspec

from tincans.protocols.events import MASK
from tincans.protocols.textual import TextLine

#: What a response may be: base64, or `*` to give up, or `=` for an empty first response (RFC 4954 §4).
RESPONSE = re.compile(r"[A-Za-z0-9+/]*={0,2}|\*")
MECHANISM = re.compile(r"[A-Za-z0-9_-]{1,20}")  # RFC 4422 §3.1
#: Those of IANA's registry that mail is read with; any other word is more likely none (Redis has AUTH, too).
COMMON = (
    rb"ANONYMOUS|CRAM-MD5|DIGEST-MD5|EXTERNAL|GS2-[A-Z0-9-]+|GSSAPI|KERBEROS_V4|LOGIN|NTLM|OAUTHBEARER|OTP|PLAIN|"
    rb"SCRAM-[A-Z0-9-]+|SKEY|XOAUTH2"
)


class Response(TextLine, frozen=True, kw_only=True):
    """What the client answers to a challenge: base64, or `*` to give up."""

    response: str
    #: Whether it is to be masked.
    secret: bool = True

    @property
    def line(self) -> str:
        return self.response

    @property
    def details(self) -> Iterator[str]:
        if not self.secret and (meant := decoded(self.response)):
            yield f"which is {meant}"
        yield from super().details

    def masked(self) -> Response:
        return msgspec.structs.replace(self, response=MASK) if self.secret else self


class Exchange:
    """A login that goes on, as one hears it."""

    def __init__(self, mechanism: str) -> None:
        self.mechanism, self.challenge = mechanism, ""  # the last one, where it is known
        self.is_open = False  # there is a challenge, and no response yet


def faults(response: str) -> tuple[str, ...]:
    """What breaks the rules in a response."""
    return () if RESPONSE.fullmatch(response) else ("a response is base64",)


def is_secret(mechanism: str, challenge: str | None, response: str) -> bool:
    """Whether this answer to `challenge` has to be masked; to None: it came with the mechanism."""
    if response in ("*", "=", ""):
        return False
    return mechanism.upper() != "LOGIN" or (challenge is not None and "user" not in decoded(challenge).lower())


def decoded(words: str) -> str:
    """What base64 means, or nothing."""
    try:
        return b64decode(words, validate=True).decode()
    except ValueError:
        return ""
