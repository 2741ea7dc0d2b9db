"""The handlers of inboxes: the mails that were taken, each of them taken apart, and what is done to them.

A mail is read from its file each time somebody asks for it, CONTENT_MOST of it; its source is all of it, in pieces.
What changes something comes by POST, from those who may steer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Annotated, BinaryIO, TypeVar

import msgspec
from msgspec import Meta

from tincans.apps.mail.store import Mail, Mails
from tincans.errors import NoSuchConversation, NoSuchMail
from tincans.limits import CONTENT_MOST, LIST_MOST, LIST_ROWS, MAILBOXES_SHOWN, SOURCE_PIECE_BYTES
from tincans.text import unescape
from tincans.watch import mailshapes
from tincans.watch.answers import Done, Inboxes, MailListing, OneMail
from tincans.watch.asking import Call, Number, Size, Text
from tincans.watch.endpoints import File, Nothing
from tincans.watch.framed import framed
from tincans.watch.items import MAIL
from tincans.watch.looking import told
from tincans.watch.parts import Carried, every_field, read_mail, read_part
from tincans.watch.reading import carried_file
from tincans.watch.trouble import Refused

T = TypeVar("T")


class Where(msgspec.Struct, frozen=True, kw_only=True):
    """One of the inboxes."""

    inbox: Annotated[Text, Meta(description="its name; the first where it is left out")] = ""


class Which(Where, frozen=True, kw_only=True):
    """Which of its mails, the newest first, and how many."""

    mailbox: Annotated[Text, Meta(description="in this mailbox, as its name is shown; all where it is left out")] = ""
    text: Annotated[Text, Meta(description="words in them, or their beginnings")] = ""
    offset: Annotated[Size, Meta(description="rows left out at the beginning")] = 0
    limit: Annotated[int, Meta(ge=1, le=LIST_MOST, description="rows at most")] = LIST_ROWS


class Numbered(Where, frozen=True, kw_only=True):
    """One mail."""

    number: Annotated[Number, Meta(description="its number")]


class Part(Numbered, frozen=True, kw_only=True):
    """A part of a mail."""

    path: Annotated[Text, Meta(description="its path in the mail")]


class Framed(Numbered, frozen=True, kw_only=True):
    """A part of a mail that is HTML."""

    path: Annotated[Text, Meta(description="its path in the mail")] = "1"


class Leaving(Numbered, frozen=True, kw_only=True):
    """A mail that is to go."""

    mailbox: Annotated[Text, Meta(description="from this mailbox; from all where it is left out")] = ""


class Clearing(Where, frozen=True, kw_only=True):
    """Mails that are to go."""

    mailbox: Annotated[Text, Meta(description="this mailbox; all of them where it is left out")] = ""


# ── looking ───────────────────────────────────────────────────────────────────────────────────────────────


async def inboxes(call: Call, asked: Nothing) -> Inboxes:
    rows = []
    for name, folder in call.watched.inboxes.named().items():
        rows.append(await call.watched.inboxes.ask(name, partial(_inbox, name, folder)))
    return Inboxes(rows=rows)


def _inbox(name: str, folder: Path, mails: Mails) -> mailshapes.Inbox:
    return mailshapes.inbox(name, str(folder), mails.count(), mails.mailboxes(), MAILBOXES_SHOWN)


async def mails(call: Call, asked: Which) -> MailListing:
    mailbox = _plain(asked.mailbox)

    def look(mails: Mails) -> MailListing:
        found = mails.list(mailbox=mailbox, text=asked.text, offset=asked.offset, limit=asked.limit)
        left = mails.look(0) if asked.text.strip() else 0
        total = mails.count(mailbox=mailbox, text=asked.text)
        rows = [mailshapes.mail_row(each) for each in found]
        return MailListing(total=total, offset=asked.offset, rows=rows, left=left)

    return await call.watched.inboxes.ask(asked.inbox, look)


def _plain(shown: str) -> str:
    """The name of a mailbox that is shown so."""
    try:
        return unescape(shown).decode("utf-8", "surrogateescape")
    except ValueError as error:
        raise Refused(400, f"that is no name of a mailbox: {error}", "GET /api/inboxes has them as they are.") from None


async def mail(call: Call, asked: Numbered) -> OneMail:
    found, read = await _read(call, asked, lambda carried: read_mail(carried, every_field))
    conversation = await _conversation(call, found)
    return OneMail(mail=mailshapes.mail_row(found), delivery=mailshapes.delivery(found, conversation), read=read)


async def _conversation(call: Call, found: Mail) -> int | None:
    """The conversation that delivered it, if this journal has it: in another, the number is somebody else's."""
    number = found.envelope.conversation
    try:
        conversation = await told(call, number)
    except NoSuchConversation:
        return None
    ended = conversation.closed or call.watched.now()
    is_it = conversation.client == found.envelope.client and conversation.opened <= found.at <= ended
    return number if is_it else None


async def source(call: Call, asked: Numbered) -> File:
    def open_it(mails: Mails) -> tuple[int, BinaryIO]:
        return mails.get(asked.number).size, mails.path(asked.number).open("rb")

    size, file = await call.watched.inboxes.ask(asked.inbox, _present(open_it, asked.number))
    given = carried_file(Carried(MAIL, b""), f"mail-{asked.number}.eml")
    body = _pieces(call, file)
    return given._replace(body=body, headers={**given.headers, "Content-Length": str(size)})


async def _pieces(call: Call, file: BinaryIO) -> AsyncIterator[bytes]:
    """All of it; it is closed at the end, however that comes."""
    with file:
        while piece := await call.watched.inboxes.run(partial(file.read, SOURCE_PIECE_BYTES)):
            yield piece


async def part(call: Call, asked: Part) -> File:
    _, found = await _read(call, asked, lambda carried: (read_part(carried.data, asked.path), carried.lack))
    carried, lack = found
    if carried is None:
        raise Refused(404, "the mail has no such part", "Its parts have their own names as `path`.")
    return carried_file(carried._replace(lack=lack), f"mail-{asked.number}-part-{asked.path}")


async def frame(call: Call, asked: Framed) -> mailshapes.Frame:
    _, made = await _read(call, asked, lambda carried: framed(carried.data, asked.path))
    if made is None:
        raise Refused(409, "that part of the mail is no HTML", "Those that are say so in `media`.")
    address = call.watched.inboxes.frames.put(made.data)
    return mailshapes.frame(address, made.links, made.elsewhere, is_cut=made.is_cut)


async def _read(call: Call, asked: Numbered, read: Callable[[Carried], T]) -> tuple[Mail, T]:
    """A mail, and what is read in as much of it as is taken apart. Raises `NoSuchMail`."""

    def look(mails: Mails) -> tuple[Mail, T]:
        found = mails.get(asked.number)
        with mails.path(asked.number).open("rb") as file:
            data = file.read(CONTENT_MOST)
        lack = f"only the first {CONTENT_MOST} bytes of it are taken apart" if found.size > CONTENT_MOST else ""
        return found, read(Carried(MAIL, data, lack))

    return await call.watched.inboxes.ask(asked.inbox, _present(look, asked.number))


def _present(look: Callable[[Mails], T], number: int) -> Callable[[Mails], T]:
    """The same; what was deleted between the index and the file is `NoSuchMail` too."""

    def careful(mails: Mails) -> T:
        try:
            return look(mails)
        except FileNotFoundError:
            raise NoSuchMail(number) from None

    return careful


# ── changing ──────────────────────────────────────────────────────────────────────────────────────────────


async def seen(call: Call, asked: Numbered, posted: Nothing) -> Done:
    await call.watched.inboxes.ask(asked.inbox, lambda mails: mails.mark_seen(asked.number))
    return Done()


async def delete(call: Call, asked: Leaving, posted: Nothing) -> Done:
    mailbox = _plain(asked.mailbox)
    await call.watched.inboxes.ask(asked.inbox, lambda mails: mails.delete(asked.number, mailbox))
    return Done()


async def clear(call: Call, asked: Clearing, posted: Nothing) -> Done:
    mailbox = _plain(asked.mailbox)
    await call.watched.inboxes.ask(asked.inbox, lambda mails: mails.clear(mailbox))
    return Done()
