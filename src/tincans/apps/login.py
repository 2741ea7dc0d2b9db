"""Logins as a server hears them: SASL's PLAIN, LOGIN and SCRAM-SHA-256, for SMTP (RFC 4954) and POP3 (RFC 5034).

A mechanism is a generator, and so a state machine that reads like the RFC: it yields a challenge, is sent the response,
and returns the `Claim` of who that is. What it cannot believe is `LoginRefused`. It knows no protocol and no base64;
`Login` adds that, and asks `Users` whether a password is the right one.

    PLAIN           ─► "" ◄─ authzid NUL name NUL password                              (RFC 4616)
    LOGIN           ─► "Username:" ◄─ name ─► "Password:" ◄─ password                   (no RFC; everybody has it)
    SCRAM-SHA-256   ─► "" ◄─ n,,n=name,r=A ─► r=AB,s=salt,i=rounds ◄─ c=…,r=AB,p=proof  (RFC 5802, RFC 7677)
                    ─► v=proof of the server ◄─ ""

Where no users are known, any name comes in with any password, as a test wants it: the name says whose mailbox is meant.
SCRAM is not offered then, as nobody could say what a proof has to prove. A password is prepared by `Users`; a name is
taken as it was said, as what a name may be needs no preparing (`tincans.users.NAME`) but for letters beyond ASCII.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Generator
from enum import Enum
from typing import NamedTuple

from tincans.limits import LOGIN_NAME_BYTES
from tincans.users import Users


class Claim(NamedTuple):
    """Who somebody says to be, and the password to be checked; None where it was proven already."""

    name: str
    password: str | None = None


class Why(Enum):
    """Why a login was refused: a protocol has a code for each."""

    CANCELLED = "the login was given up"
    MALFORMED = "that is no response of this mechanism"
    WRONG = "the name or the password is wrong"


class LoginRefused(Exception):
    """Nobody is logged in; another login may follow."""

    def __init__(self, why: Why) -> None:
        self.why = why
        super().__init__(why.value)


#: Yields challenges, is sent responses, returns who it is. Raises `LoginRefused`.
Steps = Generator[bytes, bytes, Claim]


def offered(users: Users) -> tuple[str, ...]:
    """The mechanisms by which one can log in, the best first."""
    return tuple(name for name in _MECHANISMS if users or name != "SCRAM-SHA-256")


class Login:
    """One login by one mechanism, in lines of base64. `name` is who logged in, once `hear` has returned None."""

    def __init__(self, mechanism: str, users: Users) -> None:
        """`mechanism` is one of those `offered`."""
        self.name = ""
        self._users = users
        self._steps = _MECHANISMS[mechanism](users)
        self._first: bytes | None = next(self._steps)  # the challenge that was not asked for yet

    async def hear(self, response: str | None) -> str | None:
        """Take what the client said, None where it named the mechanism alone; the next challenge, or None: it is in.

        An empty first response is "=", and "*" gives up (RFC 4954 §4). The first check of a password takes some tenths
        of a second, in a thread. Raises `LoginRefused`, and is then over. Cancelling ends it, too.
        """
        first, self._first = self._first, None
        if response is None and first is not None:
            return b64encode(first).decode()
        said = "" if response is None or (response == "=" and first is not None) else response
        try:
            return b64encode(self._steps.send(_decoded(said))).decode()
        except StopIteration as done:
            claim: Claim = done.value
        if claim.password is not None and not await _fits(claim.name, claim.password, self._users):
            raise LoginRefused(Why.WRONG)
        self.name = claim.name
        return None


async def _fits(name: str, password: str, users: Users) -> bool:
    if users:
        return await users.check(name, password)
    return 0 < len(name.encode()) <= LOGIN_NAME_BYTES and name.isprintable()


def _decoded(response: str) -> bytes:
    if response == "*":
        raise LoginRefused(Why.CANCELLED)
    try:
        return b64decode(response, validate=True)
    except ValueError:
        raise LoginRefused(Why.MALFORMED) from None


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise LoginRefused(Why.MALFORMED) from None


# ── the mechanisms ────────────────────────────────────────────────────────────────────────────────────────


def _plain(users: Users) -> Steps:
    """RFC 4616 §2. Who acts is who logs in: nobody may act for another."""
    message = yield b""
    parts = _text(message).split("\0")
    if len(parts) != 3:
        raise LoginRefused(Why.MALFORMED)
    acts, name, password = parts
    if acts not in ("", name):
        raise LoginRefused(Why.WRONG)
    return Claim(name, password)


def _login(users: Users) -> Steps:
    """draft-murchison-sasl-login: the two questions, as every client knows them."""
    name = yield b"Username:"
    password = yield b"Password:"
    return Claim(_text(name), _text(password))


#: RFC 5802 §7: the header of channel binding, which is not offered; then the name and the client's nonce.
_FIRST = re.compile(
    r"(?P<header>[ny],(?:a=(?P<acts>[^,]*))?,)(?P<bare>n=(?P<name>[^,]+),r=(?P<nonce>[!-+\--~]+)(?:,.*)?)", re.DOTALL
)
_FINAL = re.compile(r"(?P<bare>c=(?P<header>[^,]+),r=(?P<nonce>[!-+\--~]+)(?:,.*)?),p=(?P<proof>[^,]+)", re.DOTALL)


def _scram(users: Users) -> Steps:
    """RFC 5802 §5 with SHA-256 (RFC 7677): the password is never said, and the server proves that it knows it, too."""
    message = yield b""
    first = _matched(_FIRST, message)
    name = _unescaped(first["name"])
    verifier = users.verifier(name)
    nonce = first["nonce"] + _nonce()
    challenge = f"r={nonce},s={b64encode(verifier.salt).decode()},i={verifier.rounds}"
    message = yield challenge.encode()
    final = _matched(_FINAL, message)
    if final["nonce"] != nonce or _decoded(final["header"]) != first["header"].encode():
        raise LoginRefused(Why.WRONG)
    said = f"{first['bare']},{challenge},{final['bare']}".encode()
    proven = _proves(_decoded(final["proof"]), verifier.stored_key, said) and name in users
    if not proven or _unescaped(first["acts"] or first["name"]) != name:
        raise LoginRefused(Why.WRONG)
    yield b"v=" + b64encode(hmac.digest(verifier.server_key, said, "sha256"))
    return Claim(name)


def _nonce() -> str:
    return b64encode(os.urandom(18)).decode()


def _proves(proof: bytes, stored_key: bytes, said: bytes) -> bool:
    """Whether who made `proof` has the key behind the stored one (RFC 5802 §3)."""
    signature = hmac.digest(stored_key, said, "sha256")
    client_key = bytes(a ^ b for a, b in zip(proof, signature, strict=False))
    return hmac.compare_digest(hashlib.sha256(client_key).digest(), stored_key)


def _matched(pattern: re.Pattern[str], message: bytes) -> re.Match[str]:
    match = pattern.fullmatch(_text(message))
    if match is None:
        raise LoginRefused(Why.MALFORMED)
    return match


def _unescaped(name: str) -> str:
    """A name as SCRAM writes it: "," is =2C and "=" is =3D, and there is no other = (RFC 5802 §5.1)."""
    if re.search("=(?!2C|3D)", name):
        raise LoginRefused(Why.MALFORMED)
    return name.replace("=2C", ",").replace("=3D", "=")


_MECHANISMS: dict[str, Callable[[Users], Steps]] = {"SCRAM-SHA-256": _scram, "PLAIN": _plain, "LOGIN": _login}
