"""A mail, taken apart for a reader: its fields, its parts, and each part unpacked. What is said in a conversation and
what lies in an inbox are read by the same code.

Mails are hostile: whatever one is, there is an answer, and nothing is raised. One that would take too long is not taken
apart at all: it is its own only part, then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from itertools import islice
from typing import NamedTuple

from tincans.limits import MAIL_FIELD_CHARACTERS, MAIL_FIELDS, MAIL_PARTS
from tincans.protocols.content import known_charset
from tincans.protocols.mail import heads, is_bearable
from tincans.watch import shapes
from tincans.watch.items import MAIL


class Carried(NamedTuple):
    """What a message carries: its media type, empty where nobody said, and as much as there is of it."""

    media: str
    data: bytes
    #: Why that is not all; empty where it is.
    lack: str = ""
    #: Of the file that it was, where it was one.
    name: str = ""


class Leaf(NamedTuple):
    """A part that is not made of parts."""

    #: By which it is asked for: `1`, `2.1` … counted as in IMAP.
    path: str
    message: Message
    #: Whether it belongs to a mail that is inside this one.
    is_enclosed: bool = False

    @property
    def media(self) -> str:
        return self.message.get_content_type()

    @property
    def name(self) -> str:
        """Of the file that it was; a broken name is none."""
        try:
            return self.message.get_filename() or ""
        except Exception:  # the parser has bugs
            return ""

    @property
    def id(self) -> str:
        """By which another part shows it, as `cid:ID` (RFC 2392)."""
        try:
            return str(self.message.get("Content-ID", "")).strip().strip("<>")
        except Exception:  # as above
            return ""

    @property
    def data(self) -> bytes:
        """Unpacked."""
        data = self.message.get_payload(decode=True)
        return data if isinstance(data, bytes) else b""

    @property
    def text(self) -> str:
        """As text. Raises `LookupError` where nobody knows the charset."""
        return self.data.decode(known_charset(self.message.get_content_charset("utf-8")).name, "replace")

    @property
    def role(self) -> shapes.Role:
        """What a reader takes it for."""
        try:
            is_attached = self.message.get_content_disposition() == "attachment"
        except Exception:  # as above
            is_attached = True
        if self.media.startswith("text/") and not (is_attached or self.is_enclosed or self.name):
            return "body"
        return "inline" if self.id and not is_attached else "attached"


def every_field(parsed: EmailMessage) -> Iterator[tuple[str, str]]:
    """All fields in their order, MAIL_FIELDS at most, decoded where that takes no time to speak of; never raises."""
    for name, raw in islice(parsed.raw_items(), MAIL_FIELDS):
        text = str(raw)
        try:
            if len(text) <= MAIL_FIELD_CHARACTERS:
                text = str(parsed.policy.header_fetch_parse(name, text))
        except Exception:  # as above: a broken field is shown as it came
            pass
        yield name, " ".join(text.split())


def read_mail(carried: Carried, fields: Callable[[EmailMessage], Iterator[tuple[str, str]]] = heads) -> shapes.Mail:
    """What a reader of a mail is shown: these fields, and its parts. Never raises."""
    try:
        parsed = parse(carried.data)
        return shapes.mail(list(fields(parsed)), [_part(leaf) for leaf in leaves(parsed)], carried.lack)
    except Exception:  # the parser has bugs, and a mail that nobody can read is still to be shown
        whole = shapes.Part(path="1", media=MAIL, name="", size=len(carried.data), role="attached", id="")
        return shapes.mail([], [whole], carried.lack or "its parts cannot be told apart")


def read_part(data: bytes, path: str) -> Carried | None:
    """One part of a mail, text as UTF-8; None where there is none of that path. Never raises."""
    try:
        found = next((leaf for leaf in leaves(parse(data)) if leaf.path == path), None)
        return None if found is None else _unpacked(found)
    except Exception:  # as above
        return Carried(MAIL, data) if path == "1" else None


def parse(data: bytes) -> EmailMessage:
    """A mail as Python's parser reads it. Raises `ValueError` where that would take too long, and whatever it likes."""
    if not is_bearable(data):
        raise ValueError("it would take too long")
    parsed = message_from_bytes(data, policy=policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def leaves(parsed: Message) -> Iterator[Leaf]:
    """The parts that are not made of parts, MAIL_PARTS at most."""
    waiting = deque([Leaf("", parsed)])
    found = 0
    while waiting and found < MAIL_PARTS:
        path, each, is_enclosed = waiting.popleft()
        inner = each.get_payload() if each.is_multipart() else None
        if not isinstance(inner, list):
            found += 1
            yield Leaf(path or "1", each, is_enclosed)
            continue
        dot = f"{path}." if path else ""
        is_mail = is_enclosed or each.get_content_type() == MAIL
        parts = [Leaf(f"{dot}{at}", part, is_mail) for at, part in enumerate(inner, 1) if isinstance(part, Message)]
        waiting.extendleft(reversed(parts))


def _part(leaf: Leaf) -> shapes.Part:
    return shapes.Part(
        path=leaf.path, media=leaf.media, name=leaf.name, size=len(leaf.data), role=leaf.role, id=leaf.id
    )


def _unpacked(leaf: Leaf) -> Carried:
    if leaf.message.get_content_maintype() != "text":
        return Carried(leaf.media, leaf.data, name=leaf.name)
    try:
        return Carried(leaf.media, leaf.text.encode("utf-8", "replace"), name=leaf.name)
    except LookupError:
        return Carried(leaf.media, leaf.data, name=leaf.name)
