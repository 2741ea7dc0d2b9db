"""The POP3 client with our server, and with some that do what they want."""

from __future__ import annotations

from pathlib import Path

import pytest

from posting import mail, put, store
from running import Certificates
from scripted import Lines, lines
from tincans.apps import find_app
from tincans.apps.settings import Settings
from tincans.clients.calling import Calling
from tincans.clients.pop3 import Letter, open_mailbox
from tincans.clients.url import Url
from tincans.errors import CertificateNotTrusted, HandshakeFailed, MailboxRefused, RemoteProtocolError, TincansError
from tincans.limits import POP3_AHEAD
from tincans.server import serve
from tincans.users import Users, Verifier

TABLE = {
    "CAPA": "+OK\nUSER\nUIDL\nTOP\n.", "USER": "+OK", "PASS": "+OK in", "LIST": "+OK\n1 10\n3 20\n.",
    "UIDL": "+OK\n1 a\n3 b\n.", "TOP 1": "+OK\nSubject: one\nFrom: =?utf-8?q?=C3=84?= <a@x>\n\n.", "TOP 3": "-ERR gone",
    "RETR 1": "+OK\nSubject: one\n\n..dots\n.", "RETR": "-ERR no such mail", "DELE": "+OK", "QUIT": "+OK bye",
    "": "-ERR what?",
}  # fmt: skip


def peer(**change: str) -> Lines:
    return Lines(change.pop("greeting", "+OK peer"), {**TABLE, **change})


def named(url: Url) -> Url:
    return url._replace(user="ann", password="secret")


async def fetched(url: Url, number: int, how: Calling | None = None) -> bytes:
    data = bytearray()
    async with await open_mailbox(named(url), how or Calling()) as box:
        await box.fetch(number, data.extend)
    return bytes(data)


async def delete_and_fetch(url: Url, deleted: int, number: int) -> None:
    async with await open_mailbox(named(url), Calling()) as box:
        await box.delete(deleted)
        await box.fetch(number, bytearray().extend)


async def test_a_mailbox_is_listed_read_and_emptied_by_few_words() -> None:
    script = peer()
    async with lines(script, "pop3") as url, await open_mailbox(named(url), Calling()) as box:
        assert await box.letters() == [
            Letter(number=1, uid="a", size=10, subject="one", from_="Ä <a@x>"), Letter(number=3, uid="b", size=20),
        ]  # fmt: skip
        data = bytearray()
        await box.fetch(1, data.extend)
        assert data == b"Subject: one\r\n\r\n.dots\r\n"
        await box.delete(1)
    assert script.said == [
        "CAPA", "USER ann", "PASS secret", "LIST", "UIDL", "TOP 1 0", "TOP 3 0", "RETR 1", "DELE 1", "QUIT",
    ]  # fmt: skip


async def test_who_leaves_by_an_error_has_deleted_nothing() -> None:
    script = peer()
    async with lines(script, "pop3") as url:
        with pytest.raises(MailboxRefused, match="the server says no such mail"):
            await delete_and_fetch(url, 1, 2)
    assert script.said[-1] == "RETR 2"


async def test_an_old_server_has_neither_names_nor_headers() -> None:
    script = peer(CAPA="-ERR what?")
    async with lines(script, "pop3") as url, await open_mailbox(named(url), Calling()) as box:
        assert await box.letters() == [Letter(number=1, size=10), Letter(number=3, size=20)]
    assert script.said == ["CAPA", "USER ann", "PASS secret", "LIST", "QUIT"]


@pytest.mark.parametrize(
    ("change", "error", "reason"),
    [
        ({"greeting": "-ERR busy"}, MailboxRefused, "the server says busy"),
        ({"PASS": "-ERR [AUTH] wrong"}, MailboxRefused, r"the server says \[AUTH\] wrong"),
        ({"QUIT": "-ERR some could not be deleted"}, MailboxRefused, "the server says some could not be deleted"),
        ({"greeting": "220 smtp"}, RemoteProtocolError, "begins with"),
        ({"LIST": "+OK\nx y\n."}, RemoteProtocolError, "is no line about a mail"),
        ({"PASS": ""}, TincansError, "hung up before the mailbox was open"),
    ],
)  # fmt: skip
async def test_what_a_server_refuses_or_gets_wrong_is_said(
    change: dict[str, str], error: type[Exception], reason: str
) -> None:
    with pytest.raises(error, match=reason):
        async with lines(peer(**change), "pop3") as url, await open_mailbox(named(url), Calling()) as box:
            await box.letters()


async def test_a_mailbox_needs_a_name() -> None:
    async with lines(peer(), "pop3") as url:
        with pytest.raises(MailboxRefused, match="the URL names nobody"):
            await open_mailbox(url, Calling())


async def test_a_server_that_says_nothing_is_given_up() -> None:
    async with await serve("tcp://127.0.0.1:0", find_app("discard")) as server:
        with pytest.raises(MailboxRefused, match=r"says nothing for 0\.02 s"):
            await open_mailbox(named(Url("pop3", "127.0.0.1", server.address.port)), Calling(patience=0.02))


async def test_tls_is_begun_or_nothing_is_said() -> None:
    script = peer(STLS="-ERR not now")
    async with lines(script, "pop3") as url:
        with pytest.raises(HandshakeFailed, match="it does not begin TLS: not now"):
            await open_mailbox(named(url), Calling(starttls=True))
    assert script.said == ["CAPA", "STLS"]


@pytest.mark.parametrize("tls", [False, True])
async def test_our_own_server_gives_out_what_it_has(tmp_path: Path, certificates: Certificates, tls: bool) -> None:
    users = Users({"ann": str(Verifier.of("secret", rounds=4096))})
    leaf = str(certificates.leaf)
    settings = Settings(users=users, mails=str(tmp_path), tls="offered", cert=leaf, key=leaf)
    count = POP3_AHEAD + 1
    with store(tmp_path) as mails:
        for number in range(count):
            put(mails, mail(f"number {number}", ".", "..", "text"), "ann@example.org")
    async with await serve("tcp://127.0.0.1:0", find_app("mail:pop3", settings)) as server:
        url = Url("pop3", "127.0.0.1", server.address.port)
        how = Calling(ca=str(certificates.ca), starttls=tls)
        assert await fetched(url, 2, how) == mail("number 1", ".", "..", "text")
        async with await open_mailbox(named(url), how) as box:
            letters = await box.letters()
            assert [letter.subject for letter in letters] == [f"number {number}" for number in range(count)]
            assert len({letter.uid for letter in letters}) == count
            for letter in letters[1:]:
                await box.delete(letter.number)
        async with await open_mailbox(named(url), how) as box:
            assert [letter.subject for letter in await box.letters()] == ["number 0"]
        with pytest.raises(MailboxRefused, match="the name or the password is wrong"):
            await open_mailbox(url._replace(user="ann", password="no"), how)
        if tls:
            with pytest.raises(CertificateNotTrusted):
                await open_mailbox(named(url), Calling(starttls=True))
