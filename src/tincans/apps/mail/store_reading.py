"""Mails as somebody asks for them: rows of the index, with what they look like.

What a mail looks like is found when it is asked for the first time, and kept. A search needs all mails looked at: that
is done in steps of a fraction of a second, the newest first, so whoever searches has the newest at once.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import msgspec

from tincans.apps.mail.store_folder import Folder
from tincans.apps.mail.store_index import Index
from tincans.apps.mail.store_look import Header, Looked, glance, look
from tincans.apps.mail.store_mail import Envelope, Mail
from tincans.limits import MAIL_READ_SECONDS, MAILS_A_LOOK

#: What `mails_of` wants of each mail.
COLUMNS = "mails.number, mails.at, mails.size, mails.file, mails.envelope, mails.seen, mails.header"

#: More than any number of a mail, and as much as SQLite can hold.
MOST = 2**63 - 1

_envelope = msgspec.json.Decoder(Envelope).decode
_header = msgspec.json.Decoder(Header).decode
_encode = msgspec.json.Encoder().encode


def mails_of(folder: Folder, index: Index, rows: Sequence[Any]) -> list[Mail]:
    """The mails of these rows. Those that nobody has looked at are looked at now, for MAIL_READ_SECONDS at most."""
    looked = _look_at(folder, index, [row for row in rows if row[6] is None], MAIL_READ_SECONDS)
    boxes = index.mailboxes_of([row[0] for row in rows])
    made = []
    for number, at, size, file, envelope, seen, kept in rows:
        header = _header(kept) if kept is not None else looked.get(number) or _glance(folder, file)
        mail = Mail(
            number=number, at=at, size=size, envelope=_envelope(envelope), mailboxes=boxes.get(number, ()),
            seen=bool(seen), **msgspec.structs.asdict(header),
        )  # fmt: skip
        made.append(mail)
    return made


def look_on(folder: Folder, index: Index, seconds: float) -> int:
    """Look at mails that nobody has looked at, the newest first, for so long, but at one; how many are left."""
    query = f"SELECT {COLUMNS} FROM mails WHERE header IS NULL ORDER BY number DESC LIMIT ?"
    _look_at(folder, index, index.rows(query, (MAILS_A_LOOK,)), seconds)
    return int(index.value("SELECT count(*) FROM mails WHERE header IS NULL"))


def _look_at(folder: Folder, index: Index, rows: Sequence[Any], seconds: float) -> dict[int, Header]:
    """Look at the mails of these rows for so long, and keep in the index what was found."""
    end = time.monotonic() + seconds
    found: dict[int, Looked] = {}
    for number, _, _, file, envelope, _, _ in rows:
        if found and time.monotonic() > end:
            break
        found[number] = _looked(folder, file, _envelope(envelope))
    if found:
        _keep(index, found)
    return {number: looked.header for number, looked in found.items()}


def _looked(folder: Folder, file: str, envelope: Envelope) -> Looked:
    try:
        looked = look(folder.letters / file)
    except FileNotFoundError:  # deleted meanwhile, or the machine has lost it
        return Looked(Header())
    return Looked(looked.header, " ".join([looked.words, envelope.user, envelope.sender, *envelope.recipients]))


def _keep(index: Index, found: dict[int, Looked]) -> None:
    with index.transaction():
        still = set(index.numbers(list(found)))
        kept = [(_encode(looked.header), number) for number, looked in found.items()]
        index.execute_many("UPDATE mails SET header = ? WHERE number = ?", kept)
        words = [(number, looked.words) for number, looked in found.items() if number in still]
        index.execute_many("INSERT OR REPLACE INTO words (rowid, text) VALUES (?, ?)", words)


def _glance(folder: Folder, file: str) -> Header:
    try:
        return glance(folder.letters / file)
    except FileNotFoundError:
        return Header()


# ── what is asked for ─────────────────────────────────────────────────────────────────────────────────────


def chosen(mailbox: str, text: str) -> tuple[str, str, list[object]]:
    """Where those mails' numbers are found, under which name, and the values for it.

    Words are looked up first: SQLite believes that to be dear, and would look them up once for each mail of a mailbox.
    """
    if not text.strip():
        if not mailbox:
            return "mails WHERE true", "number", []
        return "boxes WHERE mailbox = ?", "number", [clean(mailbox)]
    if not mailbox:
        return "words WHERE words MATCH ?", "rowid", [_phrases(text)]
    joined = "words CROSS JOIN boxes ON boxes.mailbox = ? AND boxes.number = words.rowid WHERE words MATCH ?"
    return joined, "words.rowid", [clean(mailbox), _phrases(text)]


def _phrases(text: str) -> str:
    """A query of FTS5: each word as it is, whatever signs it has, or as the beginning of a longer one."""
    words = clean(text).replace("\0", " ").split()
    return " ".join('"{}"*'.format(word.replace('"', '""')) for word in words)


def clean(text: str) -> str:
    """Half a character of UTF-16, which JSON can say and SQLite cannot, becomes a question mark."""
    return text.encode("utf-8", "replace").decode()


def bounded(number: int) -> int:
    """A number that SQLite can hold."""
    return max(0, min(number, MOST))
