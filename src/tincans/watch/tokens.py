"""The two tokens of the page: with the one you may steer, with the other only look.

They are kept in one file, so that a page which is open goes on when the command is started again:

    ~/.local/share/tincans/page.tokens      0600, two lines: the token that may steer, the token that may look

Whoever reads the file may steer, so it is made with its permissions and its content at once (a file of another name is
linked to this one, link(2): of two processes that start together one is first, and the other reads what that wrote),
and one that others can read, or that is somebody else's, is refused.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
import stat
from pathlib import Path
from typing import NamedTuple

from tincans.errors import TincansError, reason_of

#: Of random bytes: 256 bits, as RFC 6750 §5.2 wants a token that nobody can guess; 43 characters of base64url.
_TOKEN_BYTES = 32
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


class TokensUnsafe(TincansError):
    """Delete that file, if it is yours, and start again: new tokens are made, and the page asks for the new address."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"the page's tokens in {path} cannot be used: {reason}")


class Tokens(NamedTuple):
    """What a request shows to be let in."""

    steer: str
    look: str

    def may_look(self, token: str) -> bool:
        """Whether it is one of them; as slow for one that is nearly right as for any other."""
        return self.may_steer(token) | _same(token, self.look)

    def may_steer(self, token: str) -> bool:
        """Whether it is the one that may steer."""
        return _same(token, self.steer)


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "surrogateescape"), other.encode())


def new() -> Tokens:
    """Tokens that nobody else has."""
    return Tokens(secrets.token_urlsafe(_TOKEN_BYTES), secrets.token_urlsafe(_TOKEN_BYTES))


def default_path() -> Path:
    """The file in the user's data folder, beside the journal."""
    from platformdirs import user_data_path

    return user_data_path("tincans") / "page.tokens"


def kept(path: Path | None = None) -> Tokens:
    """The tokens in the file, which is made where there is none. Raises `TokensUnsafe`."""
    path = path or default_path()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _read(path) or _make(path)
    except OSError as error:
        raise TokensUnsafe(path, reason_of(error)) from error


def _read(path: Path) -> Tokens | None:
    """None where there is no file."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise TokensUnsafe(path, "it is no file")
        if status.st_uid != os.geteuid():
            raise TokensUnsafe(path, "it is somebody else's")
        if status.st_mode & 0o077:
            raise TokensUnsafe(path, "others than you can read it")
        lines = os.read(file, 1024).decode("ascii", "replace").split("\n")
    finally:
        os.close(file)
    if len(lines) != 3 or lines[2] or not all(map(_TOKEN.fullmatch, lines[:2])) or lines[0] == lines[1]:
        raise TokensUnsafe(path, "there are no two tokens in it")
    return Tokens(*lines[:2])


def _make(path: Path) -> Tokens:
    made = new()
    part = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(file, "w") as writing:
            writing.write("".join(f"{token}\n" for token in made))
        os.link(part, path)
    except FileExistsError:  # another process was first
        return _read(path) or made
    finally:
        part.unlink()
    return made
