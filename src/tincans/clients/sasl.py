"""Logins as a client says them: SASL's SCRAM-SHA-256, PLAIN and LOGIN, for SMTP (RFC 4954) and POP3 (RFC 5034).

A mechanism has what it says first, what it answers to each challenge, and a last look once the server says welcome:
SCRAM believes that only of a server that has proven to know the password, too (RFC 5802 §3). The other end of each is
`tincans.apps.login`; like there, names and passwords are said as they are (no SASLprep).
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from typing import Protocol

from tincans.clients.login import Login
from tincans.errors import RemoteProtocolError
from tincans.limits import SCRAM_ROUNDS


class Mechanism(Protocol):
    """What is said in one login. Raises `RemoteProtocolError` at what no such server says."""

    @property
    def first(self) -> bytes | None:
        """What goes with the mechanism's name; None where the server has to ask first."""

    def answer(self, challenge: bytes) -> bytes: ...

    def finish(self) -> None:
        """The server has let us in."""


def choose(offered: Iterable[str]) -> str:
    """The best of the mechanisms that a server offers; empty where it has none of ours."""
    names = {name.upper() for name in offered}
    return next((name for name in _MECHANISMS if name in names), "")


class Answers:
    """One login by one mechanism, in lines of base64. `first` goes with its name; None where it has to be asked for."""

    def __init__(self, mechanism: str, login: Login) -> None:
        """`mechanism` is one that `choose` gave."""
        self.mechanism = mechanism
        self._said = _MECHANISMS[mechanism](login)
        self.first = None if self._said.first is None else b64encode(self._said.first).decode()

    def answer(self, challenge: str) -> str:
        """What is said to a challenge. Raises `RemoteProtocolError`, and then the login is over."""
        try:
            asked = b64decode(challenge, validate=True)
        except ValueError as error:
            raise RemoteProtocolError("the server's challenge is not base64") from error
        return b64encode(self._said.answer(asked)).decode()

    def finish(self) -> None:
        """The server says that we are in. Raises `RemoteProtocolError` where it has not proven who it is."""
        self._said.finish()


# ── the mechanisms ────────────────────────────────────────────────────────────────────────────────────────


class _Plain:
    """RFC 4616 §2: all of it at once."""

    def __init__(self, login: Login) -> None:
        self.first: bytes | None = f"\0{login.user}\0{login.password}".encode()

    def answer(self, challenge: bytes) -> bytes:
        raise RemoteProtocolError("the server asks for more than PLAIN has to say")

    def finish(self) -> None:
        pass


class _Login:
    """The name, and then the password, whatever the questions say (no RFC; everybody has it)."""

    first: bytes | None = None

    def __init__(self, login: Login) -> None:
        self._words = [login.password.encode(), login.user.encode()]

    def answer(self, challenge: bytes) -> bytes:
        if not self._words:
            raise RemoteProtocolError("the server asks for more than LOGIN has to say")
        return self._words.pop()

    def finish(self) -> None:
        pass


#: RFC 5802 §7: the nonce, the salt and the rounds; what may follow is an extension that nobody has to know.
_SERVER_FIRST = re.compile(rb"r=([!-+\--~]+),s=([A-Za-z0-9+/=]+),i=([1-9]\d{0,8})(?:,.*)?", re.DOTALL)


class _Scram:
    """RFC 5802 §3 with SHA-256 (RFC 7677). The password is never said."""

    def __init__(self, login: Login) -> None:
        name = login.user.replace("=", "=3D").replace(",", "=2C")
        self._password = login.password.encode()
        self._nonce = b64encode(os.urandom(18))
        self._bare = b"n=" + name.encode() + b",r=" + self._nonce
        self._proof = b""  # what the server has to prove with; empty before it was asked to
        self._proven = False
        self.first: bytes | None = b"n,," + self._bare

    def answer(self, challenge: bytes) -> bytes:
        if not self._proof:
            return self._prove(challenge)
        if not hmac.compare_digest(challenge, b"v=" + b64encode(self._proof)):
            raise RemoteProtocolError("the server does not know the password: it is another one's")
        self._proven = True
        return b""

    def _prove(self, challenge: bytes) -> bytes:
        match = _SERVER_FIRST.fullmatch(challenge)
        if match is None or not match[1].startswith(self._nonce) or match[1] == self._nonce:
            raise RemoteProtocolError("the server's challenge is none of SCRAM")
        rounds = int(match[3])
        if rounds > SCRAM_ROUNDS:
            raise RemoteProtocolError(f"the server asks for {rounds} rounds of SCRAM, and {SCRAM_ROUNDS} are the most")
        salted = hashlib.pbkdf2_hmac("sha256", self._password, b64decode(match[2]), rounds)
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        last = b"c=biws,r=" + match[1]
        said = b",".join([self._bare, challenge, last])
        signature = hmac.digest(hashlib.sha256(client_key).digest(), said, "sha256")
        self._proof = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), said, "sha256")
        return last + b",p=" + b64encode(bytes(a ^ b for a, b in zip(client_key, signature, strict=True)))

    def finish(self) -> None:
        if not self._proven:
            raise RemoteProtocolError("the server did not prove that it knows the password")


_MECHANISMS: dict[str, type[_Plain | _Login | _Scram]] = {"SCRAM-SHA-256": _Scram, "PLAIN": _Plain, "LOGIN": _Login}
