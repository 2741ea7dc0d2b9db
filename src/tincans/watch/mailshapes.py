"""What the API says of inboxes, as types; the other shapes are in `shapes.py`, whose rules hold here too.

`tests/watch/golden/mails/` has one file of each function.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from tincans.apps.mail.store import Mail, Mailbox
from tincans.text import escape
from tincans.watch import shapes


class Box(msgspec.Struct, frozen=True, kw_only=True):
    """One mailbox of an inbox."""

    name: str
    count: int
    #: How many of them nobody has opened, the bytes of all, and the newest one's number.
    unseen: int
    bytes: int
    newest: int


class Inbox(msgspec.Struct, frozen=True, kw_only=True):
    """One folder of mails, and its mailboxes by name: those with the newest mails, where there are too many."""

    name: str
    folder: str
    #: Mails; one may be in several mailboxes.
    count: int
    mailboxes: list[Box]
    #: How many mailboxes there are beside these.
    more: int


def inbox(name: str, folder: str, count: int, boxes: Sequence[Mailbox], most: int) -> Inbox:
    """The shape of an inbox, with `most` of its mailboxes: they stay in their places while mails come."""
    first = sorted(boxes, key=lambda each: each.newest, reverse=True)[:most]
    rows = [
        Box(name=escape(each.name), count=each.count, unseen=each.unseen, bytes=each.bytes, newest=each.newest)
        for each in sorted(first, key=lambda each: each.name)
    ]
    return Inbox(
        name=escape(name), folder=escape(folder), count=count, mailboxes=rows,
        more=len(boxes) - len(rows),
    )  # fmt: skip


class MailRow(msgspec.Struct, frozen=True, kw_only=True):
    """One mail in a list. Its number is its inbox's, grows in the order of arrival, and never means another."""

    number: int
    at: int
    size: int
    mailboxes: list[str]
    seen: bool
    #: What its header says, decoded; empty where it says nothing.
    subject: str
    from_: str = msgspec.field(name="from")
    to: str
    #: Parts that are files.
    attachments: int
    #: Who handed it over, and to whom.
    sender: str
    recipients: list[str]


def mail_row(told: Mail) -> MailRow:
    """The shape of a mail in a list."""
    return MailRow(
        number=told.number, at=shapes.micros(told.at), size=told.size, mailboxes=_all(told.mailboxes), seen=told.seen,
        subject=escape(told.subject), from_=escape(told.from_), to=escape(told.to), attachments=told.attachments,
        sender=escape(told.envelope.sender), recipients=_all(told.envelope.recipients),
    )  # fmt: skip


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """How a mail came: what was said about it, and nothing of it stands in it."""

    sender: str
    recipients: list[str]
    #: Who had logged in; empty for a guest.
    user: str
    #: The caller's address, and what it called itself.
    client: str
    hello: str
    #: What stood behind MAIL FROM, and behind RCPT TO of each recipient, by name.
    parameters: dict[str, str]
    recipient_parameters: dict[str, dict[str, str]]
    #: The conversation that delivered it; null where it is not in this journal, or not any more.
    conversation: int | None


def delivery(told: Mail, conversation: int | None) -> Delivery:
    """The shape of how a mail came."""
    said = told.envelope
    return Delivery(
        sender=escape(said.sender), recipients=_all(said.recipients), user=escape(said.user),
        client=escape(said.client), hello=escape(said.hello), parameters=_escaped(said.parameters),
        recipient_parameters={escape(to): _escaped(each) for to, each in said.recipient_parameters.items()},
        conversation=conversation,
    )  # fmt: skip


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """Where a link leads, and what it says."""

    text: str
    href: str


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """A mail's HTML, made for a frame: at `address`, for one time and without a token."""

    address: str
    links: list[Link]
    #: How much of it lies elsewhere, and is not fetched.
    elsewhere: int
    #: Whether only its beginning is there.
    is_cut: bool


def frame(address: str, links: Iterable[tuple[str, str]], elsewhere: int, *, is_cut: bool) -> Frame:
    """The shape of what was made for a frame."""
    shown = [Link(text=escape(text), href=escape(href)) for text, href in links]
    return Frame(address=address, links=shown, elsewhere=elsewhere, is_cut=is_cut)


def _all(texts: Iterable[str]) -> list[str]:
    return [escape(each) for each in texts]


def _escaped(texts: dict[str, str]) -> dict[str, str]:
    return {escape(name): escape(text) for name, text in texts.items()}
