"""Mails for a program: `send_mail` hands one to a server, `inbox` opens a mailbox.

await tincans.send_mail(mail, "smtp://127.0.0.1:7725")

async with await tincans.inbox("pop3://ann:secret@127.0.0.1:7710") as box:
    for letter in await box.letters():
        print(letter.from_, letter.subject)
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from tincans.clients import pop3, smtp
from tincans.clients.calling import Calling
from tincans.clients.compose import envelope, pieces, read_head
from tincans.clients.pop3 import Pop3Client, open_mailbox
from tincans.clients.smtp import Delivered, open_smtp
from tincans.clients.url import Url
from tincans.errors import UsageError


async def send_mail(
    mail: EmailMessage | bytes | Path, url: Url | str, *, sender: str | None = None,
    recipients: Sequence[str] | None = None, how: Calling | None = None,
) -> Delivered:  # fmt: skip
    """Hand a mail to the server at `url` (smtp, smtps, lmtp), and tell what became of it.

    `mail` is a message, its bytes, or the file of one, which is read as it goes. Who it is from and who gets it is what
    its fields From, To, Cc and Bcc say, unless `sender` and `recipients` do; an empty `sender` is nobody (`<>`). A
    message's Bcc is not sent. The user in the URL, or netrc's for its host, logs in. `how` says by which proxy, relay
    or certificate, and who records it.

    Raises `ConnectError`, `MailRefused` where nobody gets it or the server says nothing, `ChannelError` where that is
    lost or says what no server of mail does, `UsageError` where there is nobody to send it to. Where it is cancelled,
    the server has the mail or has not: nobody can tell.
    """
    url = Url.parse(url, schemes=smtp.SCHEMES) if isinstance(url, str) else url
    told_sender, told_recipients = _told(mail) if sender is None or recipients is None else ("", [])
    sender = told_sender if sender is None else sender
    recipients = told_recipients if recipients is None else recipients
    if not recipients:
        raise UsageError("a mail needs somebody to go to")
    size = os.stat(mail).st_size if isinstance(mail, Path) else 0
    async with await open_smtp(url, how or Calling()) as client:
        return await client.deliver(sender, list(recipients), pieces(mail), size=size)


def _told(mail: EmailMessage | bytes | Path) -> tuple[str, list[str]]:
    if isinstance(mail, Path):
        mail = read_head(mail)
    elif isinstance(mail, bytes):
        parsed = message_from_bytes(mail, policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        mail = parsed
    return envelope(mail)


async def inbox(url: Url | str, *, how: Calling | None = None) -> Pop3Client:
    """Open the mailbox at `url` (pop3, pop3s), of whom it names or netrc does; the caller closes it.

    `aclose`, which leaving an `async with` without an error is, deletes what was marked; `abort` deletes nothing.
    Raises `ConnectError`, `MailboxRefused` where the server does not let us in, `ChannelError`.
    Cancelling leaves nothing open.
    """
    return await open_mailbox(Url.parse(url, schemes=pop3.SCHEMES) if isinstance(url, str) else url, how or Calling())
