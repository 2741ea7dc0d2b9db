"""The API's table: every path, what it takes, who answers, and what. `docs/api.md` says what each means."""

from __future__ import annotations

from typing import Any

from tincans.watch import chats, files, looking, mails, mailshapes, reading, shapes, standing, steering
from tincans.watch.answers import (
    TOLD,
    Board,
    Chats,
    Done,
    Finding,
    Hello,
    Inboxes,
    Listing,
    Look,
    MailListing,
    One,
    OneMail,
    Seconds,
)
from tincans.watch.asking import Call, Decoded, Numbered
from tincans.watch.endpoints import Endpoint, Nothing
from tincans.watch.openapi import document

_ONE = "/api/conversations/{number}"
_BYTES = ("application/octet-stream",)
_ROW = "/api/board/{name}"
_MAIL = "/api/mails/{number}"


async def described(call: Call, asked: Nothing) -> dict[str, Any]:
    return document(ROWS, Look, TOLD)


ROWS: tuple[Endpoint, ...] = (
    Endpoint("GET", "/api/openapi.json", described, Nothing, (dict[str, Any],), "this document", needs_token=False),
    Endpoint("GET", "/api", looking.hello, Nothing, (Hello,), "who answers, and what may be asked"),
    Endpoint("GET", "/api/board", looking.board, Nothing, (Board,), "the listeners and relays of the switchboard"),
    Endpoint(
        "GET", "/api/conversations", looking.conversations, looking.Which, (Listing, Finding),
        "the conversations, listed or searched",
    ),
    Endpoint("GET", _ONE, looking.conversation, Numbered, (One,), "one conversation"),
    Endpoint("GET", f"{_ONE}/pages/{{page}}", reading.page, reading.Paged, (shapes.Page,), "a part of it, decoded"),
    Endpoint("GET", f"{_ONE}/bytes", reading.said, reading.Spanned, (shapes.Bytes,), "what a side said, in hex"),
    Endpoint("GET", f"{_ONE}/content/{{item}}", reading.content, reading.Item, _BYTES, "what a message carries"),
    Endpoint("GET", f"{_ONE}/content/{{item}}/mail", reading.mail, reading.Item, (shapes.Mail,), "a mail, taken apart"),
    Endpoint("GET", f"{_ONE}/content/{{item}}/parts/{{path}}", reading.part, reading.Part, _BYTES, "a part of a mail"),
    Endpoint("GET", f"{_ONE}/seconds", reading.seconds, Numbered, (Seconds,), "how much was said when"),
    Endpoint("GET", f"{_ONE}/state", standing.state, Decoded, (shapes.State,), "who waits for whom"),
    Endpoint("GET", f"{_ONE}/diagram.svg", files.diagram, Decoded, ("image/svg+xml",), "the sequence diagram"),
    Endpoint("GET", f"{_ONE}/export/{{form}}", files.export, files.Exported, files.MEDIA, "a file of it"),
    Endpoint(
        "GET", f"{_ONE}/program/{{language}}", files.program, files.Programmed, ("text/plain",),
        "a program that says the same",
    ),
    Endpoint("POST", f"{_ONE}/say", steering.say, Numbered, (Done,), "say something as a side", steering.Words),
    Endpoint("POST", f"{_ONE}/pause", steering.pause, Numbered, (Done,), "hold back a side", steering.Speaker),
    Endpoint("POST", f"{_ONE}/resume", steering.resume, Numbered, (Done,), "pass it on again", steering.Speaker),
    Endpoint("POST", f"{_ONE}/end", steering.end, Numbered, (Done,), "tell that a side has ended", steering.Speaker),
    Endpoint("POST", f"{_ONE}/reset", steering.reset, Numbered, (Done,), "end it at once", Nothing),
    Endpoint("POST", f"{_ROW}/stop", steering.stop, steering.Named, (Board,), "take no new callers", Nothing),
    Endpoint("POST", f"{_ROW}/start", steering.start, steering.Named, (Board,), "listen there again", Nothing),
    Endpoint("GET", "/api/chats", chats.chats, Nothing, (Chats,), "the hubs of chats that run here"),
    Endpoint("GET", "/api/inboxes", mails.inboxes, Nothing, (Inboxes,), "the inboxes and their mailboxes"),
    Endpoint("GET", "/api/mails", mails.mails, mails.Which, (MailListing,), "the mails that were taken"),
    Endpoint("POST", "/api/mails/clear", mails.clear, mails.Clearing, (Done,), "delete all mails", Nothing),
    Endpoint("GET", _MAIL, mails.mail, mails.Numbered, (OneMail,), "one mail, taken apart"),
    Endpoint("GET", f"{_MAIL}/source", mails.source, mails.Numbered, _BYTES, "all of it, as it was sent"),
    Endpoint("GET", f"{_MAIL}/parts/{{path}}", mails.part, mails.Part, _BYTES, "a part of it, unpacked"),
    Endpoint("GET", f"{_MAIL}/frame", mails.frame, mails.Framed, (mailshapes.Frame,), "its HTML, made for a frame"),
    Endpoint("POST", f"{_MAIL}/seen", mails.seen, mails.Numbered, (Done,), "somebody has read it", Nothing),
    Endpoint("POST", f"{_MAIL}/delete", mails.delete, mails.Leaving, (Done,), "delete it", Nothing),
)  # fmt: skip
