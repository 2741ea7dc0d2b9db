"""The SMTP client with servers that another made (aiosmtpd), with ours, and with some that do what they want."""

from __future__ import annotations

import asyncio
import warnings
from pathlib import Path

import pytest

from posting import store
from running import Certificates
from scripted import Lines, lines
from tincans.apps import find_app
from tincans.apps.settings import Settings
from tincans.clients.calling import Calling
from tincans.clients.smtp import open_smtp
from tincans.clients.url import Url
from tincans.errors import (
    CertificateNotTrusted,
    HandshakeFailed,
    LocalProtocolError,
    MailRefused,
    RemoteProtocolError,
)
from tincans.server import serve
from tincans.users import Users, Verifier

TEXT = [b"Subject: dots\r\n\r\n.\r\n..two\r", b"\n.", b"one\r\nlast"]
WHOLE = b"".join(TEXT) + b"\r\n"
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # aiosmtpd's imports, which are not ours to mend
    from aiosmtpd.smtp import SMTP, Envelope

EHLO = "250-peer\n250-PIPELINING\n250-SIZE 100\n250-8BITMIME\n250 AUTH PLAIN"
TABLE = {
    "EHLO": EHLO, "LHLO": EHLO, "MAIL": "250 ok", "RCPT": "250 ok", "RCPT TO:<no@": "550 5.1.1 not here",
    "DATA": "354 go", ".": "250 2.0.0 taken", "RSET": "250 ok", "QUIT": "221 bye", "": "500 what?",
}  # fmt: skip


def peer(**change: str) -> Lines:
    """A server in which some answers are others; one word in capitals each."""
    return Lines(change.pop("greeting", "220 peer ESMTP"), {**TABLE, **change})


async def test_a_mail_is_handed_over_by_few_words() -> None:
    script = peer()
    async with lines(script, "smtp") as url, await open_smtp(url, Calling()) as client:
        done = await client.deliver("ann@x.y", ["bob@x.y", "no@x.y"], TEXT, size=99)
        assert done == (("bob@x.y",), {"no@x.y": "550 5.1.1 not here"}, "250 2.0.0 taken")
        await client.deliver("", ["bob@x.y"], [b"again\r\n"])
    assert script.said == [
        "EHLO [127.0.0.1]",
        "MAIL FROM:<ann@x.y> SIZE=99 BODY=8BITMIME", "RCPT TO:<bob@x.y>", "RCPT TO:<no@x.y>", "DATA",
        "MAIL FROM:<> BODY=8BITMIME", "RCPT TO:<bob@x.y>", "DATA", "QUIT",
    ]  # fmt: skip
    assert script.texts == [b"Subject: dots\r\n\r\n..\r\n...two\r\n..one\r\nlast", b"again"]


async def test_where_nobody_gets_it_another_mail_may_follow() -> None:
    script = peer()
    async with lines(script, "smtp") as url, await open_smtp(url, Calling()) as client:
        with pytest.raises(MailRefused, match=r"the mail was not taken: 550 5\.1\.1 not here"):
            await client.deliver("ann@x.y", ["no@x.y", "no@y.z"], TEXT)
        with pytest.raises(MailRefused, match="the mail has 101 bytes, and it takes 100 at most"):
            await client.deliver("ann@x.y", ["bob@x.y"], TEXT, size=101)
        with pytest.raises(MailRefused, match="it does not take addresses beyond ASCII"):
            await client.deliver("ann@x.y", ["böb@x.y"], TEXT)
        assert (await client.deliver("ann@x.y", ["bob@x.y"], TEXT)).accepted == ("bob@x.y",)


async def test_an_old_server_is_asked_one_thing_after_the_other() -> None:
    script = peer(EHLO="502 what?", HELO="250 peer")
    async with lines(script, "smtp") as url, await open_smtp(url, Calling()) as client:
        await client.deliver("ann@x.y", ["bob@x.y"], [b"x\r\n"], size=5)
    assert script.said[:3] == ["EHLO [127.0.0.1]", "HELO [127.0.0.1]", "MAIL FROM:<ann@x.y>"]


async def test_lmtp_answers_for_each_recipient() -> None:
    script = peer(**{".": "250 kept\n452 4.2.2 full"})
    async with lines(script, "lmtp") as url, await open_smtp(url, Calling()) as client:
        done = await client.deliver("ann@x.y", ["bob@x.y", "no@x.y", "carl@x.y"], [b"x\r\n"])
    assert done.accepted == ("bob@x.y",)
    assert done.refused == {"no@x.y": "550 5.1.1 not here", "carl@x.y": "452 4.2.2 full"}
    assert script.said[0] == "LHLO [127.0.0.1]"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"greeting": "554 not today"}, "the mail was not taken: 554 not today"),
        ({"EHLO": "421 busy"}, "421 busy"),
        ({"MAIL": "451 later"}, "451 later"),
        ({"DATA": "554 no"}, "554 no"),
        ({".": "554 5.7.1 spam"}, "554 5.7.1 spam"),
    ],
)
async def test_what_a_server_refuses_is_said(change: dict[str, str], reason: str) -> None:
    with pytest.raises(MailRefused, match=reason):
        async with lines(peer(**change), "smtp") as url, await open_smtp(url, Calling()) as client:
            await client.deliver("ann@x.y", ["bob@x.y"], TEXT)


async def test_a_server_that_is_none_or_hangs_up() -> None:
    with pytest.raises(RemoteProtocolError, match="begins with three digits"):
        async with lines(Lines("SSH-2.0-OpenSSH", {"": ""}), "smtp") as url:
            await open_smtp(url, Calling())
    with pytest.raises(RemoteProtocolError, match="hung up before it was ready"):
        async with lines(Lines("220 hello", {"": ""}), "smtp") as url:
            await open_smtp(url, Calling())


async def test_a_server_that_says_nothing_is_given_up() -> None:
    async with await serve("tcp://127.0.0.1:0", find_app("discard")) as server:
        url = Url("smtp", "127.0.0.1", server.address.port)
        with pytest.raises(MailRefused, match=r"the server said nothing for 0\.02 s"):
            await open_smtp(url, Calling(patience=0.02))


async def test_no_address_becomes_a_second_command() -> None:
    script = peer()
    async with lines(script, "smtp") as url:
        with pytest.raises(LocalProtocolError, match="is no address of mail"):
            async with await open_smtp(url, Calling()) as client:
                await client.deliver("ann@x.y", ["bob@x.y>\r\nRCPT TO:<eve@x.y"], TEXT)
    assert script.said == ["EHLO [127.0.0.1]"]


async def test_tls_is_begun_or_nothing_is_said() -> None:
    script = peer(STARTTLS="454 not now")
    async with lines(script, "smtp") as url:
        with pytest.raises(HandshakeFailed, match="it does not begin TLS: 454 not now"):
            await open_smtp(url._replace(user="ann", password="secret"), Calling(starttls=True))
    assert script.said == ["EHLO [127.0.0.1]", "STARTTLS"]


async def test_what_came_before_tls_is_nobodys() -> None:
    script = peer(STARTTLS="220 go\n250 2.0.0 in already")
    async with lines(script, "smtp") as url:
        with pytest.raises((HandshakeFailed, RemoteProtocolError)):
            await open_smtp(url, Calling(starttls=True))


async def test_a_login_that_is_not_known_here() -> None:
    script = peer(EHLO="250-peer\n250 AUTH GSSAPI")
    async with lines(script, "smtp") as url:
        with pytest.raises(MailRefused, match="offers no login that is known here"):
            await open_smtp(url._replace(user="ann", password="secret"), Calling())
    assert "secret" not in " ".join(script.said)


@pytest.mark.parametrize("tls", [False, True])
async def test_our_own_server_keeps_what_was_sent(tmp_path: Path, certificates: Certificates, tls: bool) -> None:
    users = Users({"ann": str(Verifier.of("secret", rounds=4096))})
    leaf = str(certificates.leaf)
    settings = Settings(users=users, mails=str(tmp_path), tls="offered", cert=leaf, key=leaf)
    async with await serve("tcp://127.0.0.1:0", find_app("mail", settings)) as server:
        url = Url("smtp", "127.0.0.1", server.address.port, user="ann", password="secret")
        how = Calling(ca=str(certificates.ca), starttls=tls)
        async with await open_smtp(url, how) as client:
            done = await client.deliver("ann@x.y", ["böb@x.y"], TEXT)
        with pytest.raises(MailRefused, match=r"535 5\.7\.8"):
            await open_smtp(url._replace(password="wrong"), how)
        if tls:
            with pytest.raises(CertificateNotTrusted):
                await open_smtp(url, Calling(starttls=True))
    assert done.accepted == ("böb@x.y",)
    with store(tmp_path) as mails:
        (kept,) = mails.list()
        assert mails.path(kept.number).read_bytes() == WHOLE
        assert kept.mailboxes == ("ann",)


class Handler:
    """What aiosmtpd says that it received."""

    def __init__(self) -> None:
        self.received: list[tuple[str | None, list[str], bytes]] = []

    async def handle_RCPT(self, _s: object, _c: object, envelope: Envelope, address: str, _o: object) -> str:  # noqa: N802
        if address.startswith("no@"):
            return "550 5.1.1 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, _s: object, _c: object, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        self.received.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
        return "250 2.6.0 taken"


async def test_another_server_receives_what_was_sent() -> None:
    handler, loop = Handler(), asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(handler, hostname="peer.example", enable_SMTPUTF8=True, loop=loop), "127.0.0.1", 0
    )
    async with server:
        url = Url("smtp", "127.0.0.1", server.sockets[0].getsockname()[1])
        async with await open_smtp(url, Calling()) as client:
            done = await client.deliver("ann@x.y", ["böb@x.y", "no@x.y"], TEXT, size=len(WHOLE))
            assert done == (("böb@x.y",), {"no@x.y": "550 5.1.1 no such mailbox"}, "250 2.6.0 taken")
            await client.deliver("", ["carl@x.y"], [b"again\r\n"])
        while any(task is not asyncio.current_task() and not task.done() for task in asyncio.all_tasks()):
            await asyncio.sleep(0)  # aiosmtpd sees the end
    assert handler.received == [("ann@x.y", ["böb@x.y"], WHOLE), ("<>", ["carl@x.y"], b"again\r\n")]


async def test_a_client_that_is_cancelled_leaves_nothing_open() -> None:
    async with lines(peer(), "smtp") as url:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await open_smtp(url, Calling())
