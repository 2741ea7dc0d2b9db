"""A file for a room: posted to the hub's door for files, over HTTP on the same port, with the ticket of who says it."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from tincans.clients.chat_link import reach
from tincans.clients.chat_wire import Event, Message, Refused, read
from tincans.clients.http_wire import Hangup, Head, HttpConnection, Request
from tincans.clients.local import reading
from tincans.clients.remote import Upload
from tincans.clients.url import Url
from tincans.errors import CannotRead, ChatRefused, RemoteProtocolError, TransferFailed
from tincans.limits import CHAT_ANSWER_BYTES

if TYPE_CHECKING:
    from tincans.clients.calling import Calling
    from tincans.clients.chat import Chat

#: What can stand in a field of HTTP.
_TICKET = re.compile(r"[!-~]+")


async def send_file(
    chat: Chat, how: Calling, room: str, path: Path, moved: Callable[[int], None] | None = None
) -> Message:  # fmt: skip
    """Put a file into a room, on a connection of its own; `moved` is told how many bytes went.

    Gives the message that says it. Raises `CannotRead`, `ConnectError`, `ChatRefused`, `TransferFailed` and
    `ChannelError`; then, and when it is cancelled, the hub has none of it.
    """
    if not _TICKET.fullmatch(chat.welcome.ticket):
        raise ChatRefused("no-files", "this hub takes no files")
    with reading(path):
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe that nobody writes to would block us
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise CannotRead(str(path), "it is no regular file")
        return await _post(chat, how, _target(chat, room, path.name), Upload(fd, moved=moved))
    finally:
        os.close(fd)


def _target(chat: Chat, room: str, name: str) -> Url:
    address = chat.address
    query = urlencode({"room": room, "name": name}, errors="replace")
    scheme = "https" if "tls" in address.wraps else "http"
    return Url(scheme, address.host or "localhost", address.port, chat.welcome.files, query)


async def _post(chat: Chat, how: Calling, url: Url, upload: Upload) -> Message:
    place = chat.address._replace(wraps=tuple(wrap for wrap in chat.address.wraps if wrap != "ws"), resource="")
    channel = await reach(place, how)
    try:
        connection = HttpConnection(channel, how.patience)
        fields = [("Authorization", f"Bearer {chat.welcome.ticket}")]
        head = await connection.ask(Request("POST", url, fields, upload))
        data = b""
        async for piece in connection.body(url):
            data += piece
            if len(data) > CHAT_ANSWER_BYTES:
                raise TransferFailed(url, "the hub does not end its answer")
    except Hangup:
        raise TransferFailed(url, "the hub hung up") from None
    finally:
        await channel.aclose()
    return _said(_answer(head, data))


def _answer(head: Head, data: bytes) -> Event | None:
    try:
        return read(data)
    except RemoteProtocolError:
        if head.status // 100 == 2:
            raise
        raise ChatRefused(f"http-{head.status}", f"the hub takes no files: {head.status} {head.reason}") from None


def _said(answer: Event | None) -> Message:
    if isinstance(answer, Refused):
        raise ChatRefused(answer.code, answer.text)
    if not isinstance(answer, Message):
        raise RemoteProtocolError(f"the hub answers a file with {type(answer).__name__}")
    return answer
