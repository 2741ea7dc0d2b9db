"""An inbox for `tincans inbox`: the mailbox of a server of POP3, or the folder in which `mail` keeps what it takes.

Both have letters with numbers, by which one is fetched and deleted; with POP3 they are those of the session.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Protocol

from tincans.apps.mail.store import Mail, Mails
from tincans.clients.calling import Calling
from tincans.clients.pop3 import Letter, Pop3Client, open_mailbox
from tincans.clients.url import Url
from tincans.errors import NoSuchMail
from tincans.folders import mails_folder


class Inbox(AbstractAsyncContextManager["Inbox"], Protocol):
    """Where mails are read; leaving the block closes it."""

    async def letters(self, text: str, limit: int) -> list[Letter]:
        """The newest `limit` of them, the oldest first; with `text` those alone that have these words."""

    async def fetch(self, number: int, write: Callable[[bytes], object]) -> None:
        """Give one to `write`, piece by piece. Raises `NoSuchMail` or `MailboxRefused`."""

    async def delete(self, numbers: Sequence[int]) -> None:
        """Delete them; with POP3 when it is closed. Raises as `fetch` does."""


class FarInbox(Inbox):
    """A mailbox behind POP3."""

    def __init__(self, url: Url, how: Calling) -> None:
        self._url, self._how = url, how
        self._client: Pop3Client | None = None

    @property
    def client(self) -> Pop3Client:
        assert self._client is not None
        return self._client

    async def letters(self, text: str, limit: int) -> list[Letter]:
        words = text.lower().split()
        found = await self.client.letters()
        return [each for each in found if all(word in _words(each) for word in words)][-limit:]

    async def fetch(self, number: int, write: Callable[[bytes], object]) -> None:
        await self.client.fetch(number, write)

    async def delete(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            await self.client.delete(number)

    async def __aenter__(self) -> FarInbox:
        self._client = await open_mailbox(self._url, self._how)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.client.__aexit__(kind, error, trace)


class NearInbox(Inbox):
    """A mailbox, or all of them, in a folder of this machine."""

    def __init__(self, folder: str, mailbox: str) -> None:
        self._folder, self._mailbox = folder or mails_folder(), mailbox
        self._mails: Mails | None = None

    @property
    def mails(self) -> Mails:
        assert self._mails is not None
        return self._mails

    async def letters(self, text: str, limit: int) -> list[Letter]:
        return await asyncio.to_thread(self._letters, text, limit)

    def _letters(self, text: str, limit: int) -> list[Letter]:
        if text.strip():
            while self.mails.look():
                pass
        found = self.mails.list(mailbox=self._mailbox, text=text, limit=limit)
        return [_letter(mail) for mail in reversed(found)]

    async def fetch(self, number: int, write: Callable[[bytes], object]) -> None:
        await asyncio.to_thread(self._fetch, number, write)

    def _fetch(self, number: int, write: Callable[[bytes], object]) -> None:
        self._check(number)
        with self.mails.path(number).open("rb") as file:
            while data := file.read(256 * 1024):
                write(data)
        self.mails.mark_seen(number)

    async def delete(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            await asyncio.to_thread(self.mails.delete, number, self._mailbox)

    def _check(self, number: int) -> None:
        if self._mailbox and self._mailbox not in self.mails.get(number).mailboxes:
            raise NoSuchMail(number)

    async def __aenter__(self) -> NearInbox:
        self._mails = await asyncio.to_thread(Mails.open, self._folder)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.mails.close()


def _letter(mail: Mail) -> Letter:
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(mail.at // 1_000_000_000))
    return Letter(
        number=mail.number, uid=str(mail.number), size=mail.size, from_=mail.from_ or mail.envelope.sender,
        to=mail.to or ", ".join(mail.envelope.recipients), subject=mail.subject, date=when,
    )  # fmt: skip


def _words(letter: Letter) -> str:
    return " ".join([letter.from_, letter.to, letter.subject, letter.date]).lower()
