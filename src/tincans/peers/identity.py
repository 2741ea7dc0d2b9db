"""Who a peer is: an Ed25519 key of its own, and nothing else.

The key is a file that is made once. Names and addresses change and can be claimed by anybody; what is pinned, signed
and compared is the key. People see its **fingerprint**, the SHA-256 of the key as certificates hold it (its
SubjectPublicKeyInfo, RFC 5280 §4.1), in small letters and digits without those that look alike (base32, RFC 4648 §6):
thirteen groups of four, so that two people can read it to each other.

All keys being Ed25519, a key is 32 bytes (RFC 8032 §5.1.5) and the bytes around it are always the same (RFC 8410 §4),
so programs name each other by the key itself: whoever has a name can check a signature.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from base64 import b32decode, b32encode
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from tincans.errors import IdentityBroken, UsageError, reason_of
from tincans.folders import peers_folder

#: What stands before the 32 bytes of a key in its SubjectPublicKeyInfo: a SEQUENCE with the object identifier
#: 1.3.101.112, and a BIT STRING (RFC 8410 §4 and §10.1).
_BEFORE_KEY = bytes.fromhex("302a300506032b6570032100")

KEY_BYTES = 32
SIGNATURE_BYTES = 64

_DIGEST_BYTES = 32
_GROUP = 4
_CHARACTERS = 52  # of base32 for 256 bits


class Fingerprint(bytes):
    """The SHA-256 of a key's SubjectPublicKeyInfo. `str` is what people compare; equal where the bytes are."""

    __slots__ = ()

    @classmethod
    @lru_cache(maxsize=4096)
    def of(cls, key: bytes) -> Fingerprint:
        """That of a key of KEY_BYTES bytes."""
        return cls(hashlib.sha256(_BEFORE_KEY + key).digest())

    @classmethod
    def parse(cls, text: str) -> Fingerprint:
        """Read one as people write it: in any case, with blanks, dashes or nothing between. Raises `ValueError`."""
        plain = re.sub(r"[\s-]", "", text).upper()
        try:
            if len(plain) == _CHARACTERS:
                return cls(b32decode(plain + "===="))
        except ValueError:
            pass
        raise ValueError(f"{text!r} is not a fingerprint: that is 13 groups of 4 letters and digits, as abcd-efgh-…")

    def __str__(self) -> str:
        text = b32encode(self).decode().lower()[:_CHARACTERS]
        return "-".join(text[at : at + _GROUP] for at in range(0, _CHARACTERS, _GROUP))

    @property
    def short(self) -> str:
        """Its first two groups: enough to tell people apart, and not to trust one."""
        return str(self)[: 2 * _GROUP + 1]


def verified(key: bytes, signature: bytes, data: bytes) -> bool:
    """Whether the owner of this key signed exactly this."""
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


class Identity:
    """One's own key. It signs, and never leaves."""

    def __init__(self, private: Ed25519PrivateKey, path: Path) -> None:
        #: The file that it is in.
        self.path = path
        self.private = private
        #: The public key, KEY_BYTES bytes: what others know one by.
        self.key = private.public_key().public_bytes_raw()
        self.fingerprint = Fingerprint.of(self.key)

    @classmethod
    def open(cls, folder: Path | None = None) -> Identity:
        """The one in `folder` (by default `folders.peers_folder()`), made if there is none yet.

        Processes that ask at once are given the same. Raises `IdentityBroken`.
        """
        path = (peers_folder() if folder is None else folder) / "identity.pem"
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not path.exists():
                _make(path)
            return cls(_read(path), path)
        except OSError as error:
            raise IdentityBroken(path, reason_of(error)) from error

    def sign(self, data: bytes) -> bytes:
        """SIGNATURE_BYTES bytes that `verified` takes. What is signed begins with words that say what it is for."""
        return self.private.sign(data)


def _make(path: Path) -> None:
    """A new key under that name, whole and never readable by others; or the one that another process put there."""
    key = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    descriptor, beside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # 0600 from its first moment
    try:
        with open(descriptor, "wb") as file:
            file.write(key)
            file.flush()
            os.fsync(descriptor)  # who loses this is somebody else tomorrow
        os.link(beside, path)  # unlike a rename, it replaces nothing
    except FileExistsError:
        pass
    finally:
        os.unlink(beside)


def _read(path: Path) -> Ed25519PrivateKey:
    if path.stat().st_mode & 0o077:
        raise IdentityBroken(path, f"others may read it; run: chmod 600 {path}")
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except TypeError as error:
        raise IdentityBroken(path, "it is locked with a password") from error
    except ValueError as error:
        raise IdentityBroken(path, "there is no key in it") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise IdentityBroken(path, "the key in it is not an Ed25519 key")
    return key


def parse_fingerprint(text: str) -> Fingerprint:
    """As `Fingerprint.parse`, for what a user wrote. Raises `UsageError`."""
    try:
        return Fingerprint.parse(text)
    except ValueError as error:
        raise UsageError(str(error)) from error
