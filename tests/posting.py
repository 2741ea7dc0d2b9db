"""Mails for the tests of the store and of whoever reads it: put there without a server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tincans.apps.mail.store import Envelope, Mails


@contextmanager
def store(folder: Path, *, keep: int = 0, days: float = 0) -> Iterator[Mails]:
    """The store in a folder, given back in the end."""
    mails = Mails.open(folder, keep=keep, days=days)
    try:
        yield mails
    finally:
        mails.close()


def put(mails: Mails, data: bytes = b"Subject: hello\r\n\r\nthere\r\n", *to: str, user: str = "") -> int:
    """Keep one mail, sent to these addresses or by this user; its number."""
    with mails.begin(Envelope(sender="ada@example.org", recipients=to or ("bob@example.org",), user=user)) as incoming:
        incoming.write(data)
        return incoming.commit()


def mail(subject: str, *lines: str, to: str = "bob@example.org") -> bytes:
    """A plain mail."""
    head = ["From: Ada <ada@example.org>", f"To: {to}", f"Subject: {subject}", "", *lines]
    return "".join(f"{line}\r\n" for line in head).encode()


def files(folder: Path) -> list[str]:
    """The mails' files in a store, by their paths in it, unfinished ones too."""
    found = (os.path.join(at, name) for at, _, names in os.walk(folder / "letters") for name in names)
    return sorted(os.path.relpath(path, folder / "letters") for path in found if not path.endswith("lock"))
