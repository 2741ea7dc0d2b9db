"""What the API answers, and what it tells over the WebSocket: the shapes of `shapes.py`, and what stands around them.

A type that is told over the WebSocket has its name in `type`, as the table in `docs/api.md` lists them.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from tincans.watch.mailshapes import Delivery, Inbox, MailRow
from tincans.watch.shapes import Conversation, Mail, Program, Row, Second, State, Trouble


class Hello(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="hello"):
    """The beginning: who answers, and what may be asked of it."""

    version: str
    #: Whether this token may steer.
    steer: bool
    #: Where the journal is; empty where nothing is recorded.
    journal: str
    now: int
    #: What `protocol` takes, by name.
    protocols: list[str]
    #: Whether there is a switchboard, and so something to steer.
    board: bool


class Board(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="board"):
    """The listeners and relays of the switchboard, in the configuration's order."""

    rows: list[Row]


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the conversations that were asked for, the oldest first."""

    total: int
    offset: int
    rows: list[Conversation]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Those found in a moment's reading, the newest first; `before=NEXT` reads on, and null is the end."""

    rows: list[Conversation]
    next: int | None
    #: How many were looked at now, and how many there are to look at.
    looked: int
    total: int


class One(msgspec.Struct, frozen=True, kw_only=True):
    """One conversation, and how much of it there is to read."""

    conversation: Conversation
    pages: int
    #: Recorded entries.
    total: int


class Seconds(msgspec.Struct, frozen=True, kw_only=True):
    """How much was said when, in steps of so many microseconds."""

    step: int
    seconds: list[Second]


class ChatRow(msgspec.Struct, frozen=True, kw_only=True):
    """One hub of a chat."""

    #: That of its listener; what the hub calls itself.
    name: str
    hub: str
    #: Where its own page is; empty where a browser cannot open it.
    url: str


class Chats(msgspec.Struct, frozen=True, kw_only=True):
    """The hubs of chats that run here, in the configuration's order."""

    rows: list[ChatRow]


class Inboxes(msgspec.Struct, frozen=True, kw_only=True):
    """The inboxes that there are, in the order of the switchboard."""

    rows: list[Inbox]


class MailListing(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the mails that were asked for, the newest first."""

    total: int
    offset: int
    rows: list[MailRow]
    #: Mails in which the text was not looked for yet: the same request goes on.
    left: int


class OneMail(msgspec.Struct, frozen=True, kw_only=True):
    """One mail: its row in a list, how it came, and what it says, with all fields of its header."""

    mail: MailRow
    delivery: Delivery
    read: Mail


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """It was done."""

    done: bool = True


# ── told over the WebSocket ───────────────────────────────────────────────────────────────────────────────


class Changes(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="changes"):
    """Conversations in which something happened, as they are now."""

    #: Each a `Conversation`, encoded once for all readers.
    rows: list[Annotated[msgspec.Raw, Meta(extra_json_schema={"$ref": "#/components/schemas/Conversation"})]]
    #: How many more changed.
    skipped: int
    #: How many are recorded.
    total: int
    now: int


class Gone(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="gone"):
    """Those that the journal has forgotten, or that were not recorded and are over."""

    numbers: list[int]


class Programs(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="programs"):
    """The programs at the ends of open conversations: by number, then by side."""

    of: dict[str, dict[str, Program]]


class States(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="states"):
    """Who waits for whom, in conversations that have just become silent."""

    states: list[State]


class Chart(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="seconds"):
    """What was said in each second that has ended."""

    seconds: list[Second]


class Grew(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="grew"):
    """How the conversation stands that the reader has open."""

    conversation: int
    pages: int
    total: int
    #: Null once it is over, or where it cannot be told.
    state: State | None
    #: Whose words are held back, and what may be done to it now.
    held: list[str]
    can: list[str]


class Arrived(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="mails"):
    """The inboxes that there are, each with a number that is another one once something in it has changed."""

    revisions: dict[str, int]


class Well(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="well"):
    """What could not be shown can be shown again."""


class Look(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type", tag="look"):
    """What a reader of the WebSocket asks for."""

    all: bool = False
    seconds: bool = False
    mails: bool = False
    conversation: int | None = None
    #: As which the open conversation is decoded; empty for what is found out.
    protocol: str = ""


#: All that is told over `/api/live`.
TOLD: tuple[Any, ...] = (Hello, Changes, Gone, Board, Programs, States, Chart, Grew, Arrived, Trouble, Well)
