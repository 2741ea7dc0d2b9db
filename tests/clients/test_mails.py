"""`tincans.send_mail` and `tincans.inbox`, as a program uses them."""

from __future__ import annotations

from email.message import EmailMessage
from pathlib import Path

import pytest

import tincans
from posting import store
from tincans.apps import find_app
from tincans.apps.settings import Settings
from tincans.clients.calling import Calling
from tincans.conversation import Kind
from tincans.errors import UrlError, UsageError
from tincans.journal import open_journal
from tincans.server import serve


def message() -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Bcc"], mail["Subject"] = "ann@x.y", "bob@x.y", "carl@x.y", "hello"
    mail.set_content("there\n")
    return mail


@pytest.mark.parametrize("form", ["message", "bytes", "file"])
async def test_a_mail_goes_round(tmp_path: Path, form: str) -> None:
    settings = Settings(mails=str(tmp_path / "mails"))
    mail: EmailMessage | bytes | Path = message()
    if form != "message":
        mail = message().as_bytes()
    if form == "file":
        mail = tmp_path / "mail.eml"
        mail.write_bytes(message().as_bytes())
    journal = open_journal("memory:")
    how = Calling(recorders=[journal], name="mails")
    async with (
        await serve("tcp://127.0.0.1:0", find_app("mail", settings)) as smtp,
        await serve("tcp://127.0.0.1:0", find_app("mail:pop3", settings)) as pop3,
    ):
        done = await tincans.send_mail(mail, f"smtp://127.0.0.1:{smtp.address.port}", how=how)
        assert done.accepted == ("bob@x.y", "carl@x.y")
        async with await tincans.inbox(f"pop3://carl:any@127.0.0.1:{pop3.address.port}", how=how) as box:
            (letter,) = await box.letters()
    assert (letter.subject, letter.from_, letter.to) == ("hello", "ann@x.y", "bob@x.y")
    recorded = await journal.conversations()
    assert {(each.kind, each.name) for each in recorded} == {(Kind.CONNECT, "mails")}
    await journal.aclose()
    with store(tmp_path / "mails") as mails:
        data = mails.path(1).read_bytes()
    assert data.endswith(b"\r\nthere\r\n")
    assert (b"Bcc" in data) == (form != "message")  # what is sent as it is is sent as it is


async def test_it_is_sent_to_whom_the_call_says(tmp_path: Path) -> None:
    async with await serve("tcp://127.0.0.1:0", find_app("mail", Settings(mails=str(tmp_path)))) as server:
        await tincans.send_mail(message(), f"smtp://127.0.0.1:{server.address.port}", sender="", recipients=["eve@x.y"])
    with store(tmp_path) as mails:
        assert (mails.get(1).envelope.sender, mails.get(1).envelope.recipients) == ("", ("eve@x.y",))


async def test_what_cannot_be_meant() -> None:
    with pytest.raises(UsageError, match="a mail needs somebody to go to"):
        await tincans.send_mail(b"Subject: x\r\n\r\n", "smtp://127.0.0.1:1")
    with pytest.raises(UrlError, match="begins with none of smtp://, smtps://, lmtp://"):
        await tincans.send_mail(message(), "pop3://127.0.0.1:1")
    with pytest.raises(UrlError, match="begins with none of pop3://, pop3s://"):
        await tincans.inbox("smtp://127.0.0.1:1")
