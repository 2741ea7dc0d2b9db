"""Who may log in, in one place for all apps: names, and of each password what can only check it.

A password is kept as RFC 5803 writes it, the form that PostgreSQL has too:

    SCRAM-SHA-256$600000:SALT$STOREDKEY:SERVERKEY

So a server can let in who shows the password (PLAIN, FTP's PASS, HTTP's Basic), and who proves by SCRAM to know it
without ever saying it. Neither key is the password, and guessing costs a PBKDF2 of so many rounds each time, some
tenths of a second: so a right password is remembered for as long as the process runs, by a digest under a key of the
process' own.

A name that nobody has costs as much as a wrong password, and SCRAM is shown a salt for it that stays the same, in all
workers and after a restart: so nobody finds out which names there are (RFC 5802 §9).
"""

from __future__ import annotations

import asyncio
import binascii
import hashlib
import hmac
import os
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from tincans.errors import UsageError
from tincans.limits import PASSWORD_ROUNDS, PASSWORD_ROUNDS_MOST
from tincans.saslprep import saslprep

_RECORD = re.compile(r"SCRAM-SHA-256\$([0-9]{1,9}):([A-Za-z0-9+/]+=*)\$([A-Za-z0-9+/]{43}=):([A-Za-z0-9+/]{43}=)")

#: What a name may be: it stands in paths, in addresses of mail and in every protocol's line.
_NAME = re.compile(r"[\w.@+-]{1,64}")

_SALT_BYTES = 16


class Verifier(NamedTuple):
    """What can check one password, and nothing else (RFC 5802 §3)."""

    rounds: int
    salt: bytes
    stored_key: bytes
    server_key: bytes

    @classmethod
    def parse(cls, record: str) -> Verifier:
        """Read a record. Raises `ValueError`."""
        match = _RECORD.fullmatch(record)
        try:
            if match is not None and 0 < int(match[1]) <= PASSWORD_ROUNDS_MOST:
                return cls(int(match[1]), *(b64decode(part) for part in match.groups()[1:]))
        except binascii.Error:
            pass
        raise ValueError("a password is kept as tincans passwd prints it, SCRAM-SHA-256$…")

    @classmethod
    def of(cls, password: str, *, rounds: int = PASSWORD_ROUNDS, salt: bytes | None = None) -> Verifier:
        """Make one. It takes some tenths of a second; by default the salt is a new one."""
        salt = os.urandom(_SALT_BYTES) if salt is None else salt
        salted = hashlib.pbkdf2_hmac("sha256", _prepared(password), salt, rounds)
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        server_key = hmac.digest(salted, b"Server Key", "sha256")
        return cls(rounds, salt, hashlib.sha256(client_key).digest(), server_key)

    def __str__(self) -> str:
        salt, stored, server = (b64encode(part).decode() for part in self[1:])
        return f"SCRAM-SHA-256${self.rounds}:{salt}${stored}:{server}"

    def fits(self, password: str) -> bool:
        """Whether this is the password; takes as long as making one."""
        other = Verifier.of(password, rounds=self.rounds, salt=self.salt)
        return hmac.compare_digest(self.stored_key, other.stored_key)


class Users:
    """Names and their verifiers. Truthy where anybody is known; equal where all of them are."""

    def __init__(self, records: Mapping[str, str] | None = None) -> None:
        """Of records by name, as `[users]` has them. Raises `UsageError`, naming the one that is wrong."""
        self._verifiers: dict[str, Verifier] = {}
        for name, record in (records or {}).items():
            check_name(name)
            try:
                self._verifiers[name] = Verifier.parse(record)
            except ValueError as error:
                raise UsageError(f"the user {name!r}: {error}") from error
        self._secret = os.urandom(32)
        #: The same in every process that has these users, and known to nobody who has not their records.
        self._disguise = hashlib.sha256("\n".join(map(str, self._verifiers.values())).encode()).digest()
        self._right: dict[str, bytes] = {}  # a digest of the password that was right, by name

    async def check(self, name: str, password: str) -> bool:
        """Whether `name` has this password. The first time in a thread, and then at once. Cancelling is harmless."""
        digest = hmac.digest(self._secret, password.encode("utf-8", "surrogatepass"), "sha256")
        known = self._right.get(name)
        if known is not None and hmac.compare_digest(known, digest):
            return True
        right = await asyncio.to_thread(self.verifier(name).fits, password) and name in self
        if right:
            self._right[name] = digest
        return right

    def verifier(self, name: str) -> Verifier:
        """What SCRAM is done with. A name that nobody has gets one that no password fits, always with the same salt."""
        found = self._verifiers.get(name)
        if found is not None:
            return found
        rounds = next(iter(self._verifiers.values())).rounds if self._verifiers else PASSWORD_ROUNDS
        made = hmac.digest(self._disguise, name.encode("utf-8", "surrogatepass"), "sha512")
        return Verifier(rounds, made[:_SALT_BYTES], made[_SALT_BYTES:48], made[32:])

    def __contains__(self, name: str) -> bool:
        return name in self._verifiers

    def __iter__(self) -> Iterator[str]:
        return iter(self._verifiers)

    def __len__(self) -> int:
        return len(self._verifiers)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Users) and self._verifiers == other._verifiers

    def __hash__(self) -> int:
        return hash(tuple(self._verifiers.items()))


def check_name(name: str) -> None:
    """Raises `UsageError` where nobody can be called that."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no user's name: letters, digits and . @ + - _, at most 64")


def _prepared(password: str) -> bytes:
    """A password as it is digested: prepared, or, as PostgreSQL does it, just as it is where it cannot be."""
    try:
        password = saslprep(password)
    except ValueError:
        pass
    return password.encode("utf-8", "surrogatepass")
