"""The SMTP server as a whole: what is dangerous, how it ends, TLS, and the app with its settings."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from delivering import HELLO, USERS, calling, codes, deliver, dotted, hear, kept, plain, rest, say, texts
from posting import store
from running import Certificates
from tincans.address import Address
from tincans.apps import find_app
from tincans.apps.mail import smtp
from tincans.apps.mail.smtp import SmtpServer
from tincans.apps.mail.smtp_dialogue import House, own_name
from tincans.apps.mail.store import Mails
from tincans.apps.settings import Settings
from tincans.channel import Buffered
from tincans.client import connect
from tincans.errors import ChannelBroken, UsageError
from tincans.journal import open_journal
from tincans.recording import secure
from tincans.server import serve
from tincans.tasks import spawn
from tincans.transports.tls import client_wrap, server_wrap


@pytest.fixture
def mails(tmp_path: Path) -> Iterator[Mails]:
    with store(tmp_path / "mails") as found:
        yield found


# ── what is dangerous ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "end",
    [
        b"\n.\n",
        b"\n.\r\n",
        b"\r\n.\n",
        b"\r.\r",
        b"\r.\r\n",
        b"\r\n.\r",
        b"\r\n\0.\n",
        b"\r\n.\r\r\n",
        b"\n\n.\r\n",
        b"\n..\n",
    ],
)
@pytest.mark.parametrize("whole", [True, False])
async def test_nobody_smuggles(mails: Mails, end: bytes, whole: bool) -> None:
    """SEC Consult, "SMTP Smuggling", 2023: a doubtful end is an error, and what is behind it is never a command."""
    async with calling(House(mails)) as channel:
        await codes(channel, "EHLO x", "MAIL FROM:<a@b>", "RCPT TO:<c@d>", "DATA")
        smuggled = b"MAIL FROM:<evil@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nSubject: smuggled\r\n.\r\nQUIT\r\n"
        for part in [b"Subject: x\r\n" + end + smuggled] if whole else [b"Subject: x\r\n", end, smuggled]:
            with contextlib.suppress(ChannelBroken):  # it may be closed already
                await channel.send(part)
        assert await rest(channel) == "550 5.5.2 lines end in CR LF\r\n"
    assert not kept(mails)


@pytest.mark.parametrize("line", [b"NOOP\n", b"RSET\r\r\n", b"NOOP\rRSET\r\n", b"MAIL FROM:<a@b>\0\r\n", b"\x7f\r\n"])
async def test_a_command_ends_in_cr_lf_and_is_text(mails: Mails, line: bytes) -> None:
    async with calling(House(mails)) as channel:
        await say(channel, "EHLO x")
        await channel.send(b"NOOP\r\n" + line + b"NOOP\r\n")
        first, second, *more = (await rest(channel)).splitlines()
        assert (first, second[:9], more) == ("250 2.0.0 ok", "500 5.5.2", [])


async def test_what_comes_before_the_fault_counts(mails: Mails) -> None:
    async with calling(House(mails)) as channel:
        await codes(channel, "EHLO x", "MAIL FROM:<a@b>", "RCPT TO:<c@d>", "DATA")
        await channel.send(b"x\r\n.\r\nNOOP\nQUIT\r\n")
        assert await rest(channel) == "250 2.0.0 kept as mail 1\r\n500 5.5.2 a lone LF\r\n"
    assert texts(mails) == [b"x\r\n"]


async def test_no_text_is_taken_that_did_not_wait_for_354(mails: Mails) -> None:
    """RFC 2920 §3.1: DATA is the last of a group. Else who is refused DATA has said commands without knowing it."""
    async with calling(House(mails)) as channel:
        await say(channel, "EHLO x")
        await channel.send(b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nhello\r\n.\r\nQUIT\r\n")
        assert (await rest(channel)).splitlines() == [
            "250 2.1.0 go on", "250 2.1.5 is taken", "554 5.5.0 something was said behind DATA before it was answered",
        ]  # fmt: skip
    assert not kept(mails)


async def test_long_lines_and_zero_bytes_are_kept(mails: Mails) -> None:
    """RFC 5321 §4.5.3.1.6 lets a server take more than 1000; a tester wants to see what was sent."""
    data = b"Subject: " + b"x" * 100_000 + b"\r\n\r\n\0a\0\r\n" + b"y" * 1001 + b"\r\n"
    async with calling(House(mails)) as channel:
        await say(channel, "EHLO x")
        assert (await deliver(channel, data))[:3] == "250"
    assert texts(mails) == [data]


# ── ends ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_who_says_nothing_is_sent_away(mails: Mails, monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 5321 §4.5.3.2.7. In the middle of a mail, too."""
    monkeypatch.setattr(smtp, "SMTP_SECONDS", 0.03)
    heard = ""
    while "is taken" not in heard:  # again, where the machine was too busy to hear all of it in that time
        async with calling(House(mails)) as channel:
            await channel.send(b"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT 9\r\nhello\r\n")
            heard = await rest(channel)
        assert heard.endswith("\r\n421 4.4.2 nothing was said for 300 seconds\r\n")
    assert not kept(mails)


async def test_who_does_not_listen_either_is_left(mails: Mails, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "SMTP_SECONDS", 0.03)
    monkeypatch.setattr(smtp, "SMTP_GOODBYE_SECONDS", 0.01)
    async with calling(House(mails)) as channel:
        saying = channel.send(b"NOOP\r\n" * 1_000_000)
        with pytest.raises(ChannelBroken):
            await saying


async def test_a_server_that_stops_says_so_and_keeps_nothing_half(mails: Mails, tmp_path: Path) -> None:
    app = SmtpServer(lambda: House(Mails.open(tmp_path / "mails")))
    server = await serve("tcp://127.0.0.1:0", app)
    async with Buffered(await connect(server.address)) as channel:
        await hear(channel)
        await codes(channel, "EHLO x", "MAIL FROM:<a@b>", "RCPT TO:<c@d>", "DATA")
        await channel.send(b"hello\r\n" * 20_000)
        server.abort()
        await server.aclose()
        assert await hear(channel) == "421 4.3.2 the server stops"
    assert not kept(mails)


async def test_who_is_idle_does_not_keep_a_server_that_closes(mails: Mails, tmp_path: Path) -> None:
    server = await serve("tcp://127.0.0.1:0", find_app("mail", Settings(mails=str(tmp_path / "mails"))))
    async with Buffered(await connect(server.address)) as channel:
        await hear(channel)
        await say(channel, "EHLO x")
        await server.aclose()  # it would have waited for `limits.drain` else, and a test may not take so long
        assert await rest(channel) == "421 4.3.2 the server stops\r\n"


async def test_who_is_in_the_middle_of_a_mail_may_finish_it(mails: Mails, tmp_path: Path) -> None:
    server = await serve("tcp://127.0.0.1:0", find_app("mail", Settings(mails=str(tmp_path / "mails"))))
    async with Buffered(await connect(server.address)) as channel:
        await hear(channel)
        await codes(channel, "EHLO x", "MAIL FROM:<a@b>")
        closing = spawn(server.aclose())
        while server.listening:
            await asyncio.sleep(0)
        await codes(channel, "RCPT TO:<c@d>", "DATA")
        await channel.send(dotted(HELLO))
        assert await rest(channel) == "250 2.0.0 kept as mail 1\r\n421 4.3.2 the server stops\r\n"
        await closing
    assert texts(mails) == [HELLO]


# ── TLS ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def wrapped(mails: Mails, certificates: Certificates) -> House:
    return House(mails, wrap=server_wrap(Address.parse(f"tls://localhost:1{certificates.served}")))


async def begin_tls(channel: Buffered, certificates: Certificates) -> Buffered:
    assert await say(channel, "STARTTLS") == "220 2.0.0 go on with TLS"
    wrap = client_wrap(Address.parse(f"tls://localhost:1{certificates.trusted}"))
    return Buffered(await secure(channel.channel, wrap))


async def test_everything_begins_anew_inside_tls(wrapped: House, certificates: Certificates) -> None:
    """RFC 3207 §4.2."""
    async with calling(wrapped) as channel:
        assert "|250 STARTTLS" in await say(channel, "EHLO x")
        await say(channel, plain("before", "x"))
        async with await begin_tls(channel, certificates) as inside:
            assert await say(inside, "MAIL FROM:<a@b>") == "503 5.5.1 EHLO comes before MAIL"
            assert "STARTTLS" not in await say(inside, "EHLO again")
            assert (await say(inside, "STARTTLS"))[:3] == "503"
            await deliver(inside)
            assert (await say(inside, "QUIT"))[:3] == "221"
            assert await rest(inside) == ""
    ((found, data),) = kept(wrapped.mails)
    assert (data, found.envelope.user, found.envelope.hello) == (HELLO, "", "again")


async def test_what_is_said_behind_starttls_never_counts(wrapped: House) -> None:
    """CVE-2011-0411."""
    async with calling(wrapped) as channel:
        await say(channel, "EHLO x")
        await channel.send(b"STARTTLS\r\nEHLO injected\r\n")
        assert await rest(channel) == "503 5.5.1 wait\r\n"


async def test_where_tls_is_required_nothing_is_sent_before(wrapped: House, certificates: Certificates) -> None:
    """RFC 3207 §4."""
    async with calling(wrapped._replace(tls_first=True)) as channel:
        assert "AUTH" not in await say(channel, "EHLO x")
        refused = ["MAIL FROM:<a@b>", "AUTH PLAIN", "VRFY a", "HELP", "RCPT TO:<bad>", "DATA"]
        assert await codes(channel, *refused, "NOOP") == [*["530"] * len(refused), "250"]
        await channel.send(b"BDAT 6\r\nRSET\r\nNOOP\r\n")
        assert [(await hear(channel))[:3], (await hear(channel))[:3]] == ["530", "250"]
        async with await begin_tls(channel, certificates) as inside:
            assert "AUTH PLAIN LOGIN" in await say(inside, "EHLO x")
            assert (await deliver(inside))[:3] == "250"


# ── the app ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_app_is_found_and_told_its_settings(tmp_path: Path, certificates: Certificates) -> None:
    chain = str(certificates.leaf)
    settings = Settings(mails=str(tmp_path / "mails"), tls="required", cert=chain, key=chain, users=USERS, guests=False)
    server = await serve("tcp://127.0.0.1:0", find_app("mail", settings))
    async with server, Buffered(await connect(server.address)) as channel:
        assert (await hear(channel)).startswith(f"220 {own_name()} ESMTP")
        await say(channel, "EHLO x")
        async with await begin_tls(channel, certificates) as inside:
            assert "SCRAM-SHA-256" in await say(inside, "EHLO x")
            assert (await say(inside, "MAIL FROM:<a@b>"))[:3] == "530"
            await say(inside, plain("bob", "bob's"))
            assert (await deliver(inside))[:3] == "250"
            await say(inside, "QUIT")
    with store(tmp_path / "mails") as mails:
        assert texts(mails) == [HELLO]


async def test_over_tls_from_the_beginning_there_is_no_starttls(tmp_path: Path, certificates: Certificates) -> None:
    settings = Settings(mails=str(tmp_path), tls="required", cert=str(certificates.leaf), key=str(certificates.leaf))
    server = await serve(f"tls://localhost:0{certificates.served}", find_app("mail", settings))
    async with (
        server,
        Buffered(await connect(f"{server.address.bare()}{certificates.trusted}".replace("tcp:", "tls:"))) as channel,
    ):
        await hear(channel)
        assert "STARTTLS" not in await say(channel, "EHLO x")
        assert (await deliver(channel))[:3] == "250"


async def test_a_mail_knows_the_conversation_that_delivered_it(tmp_path: Path) -> None:
    journal = open_journal("memory:")
    server = await serve("tcp://127.0.0.1:0", find_app("mail", Settings(mails=str(tmp_path))), recorders=[journal])
    async with server:
        for _ in range(2):
            async with Buffered(await connect(server.address)) as channel:
                await hear(channel)
                await say(channel, "EHLO x")
                await deliver(channel)
                await say(channel, "QUIT")
    with store(tmp_path) as mails:
        numbers = [each.envelope.conversation for each, _ in kept(mails)]
    assert sorted(numbers) == sorted(each.number for each in await journal.conversations())


def test_nobody_could_send_a_mail(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nobody could send a mail"):
        find_app("mail", Settings(mails=str(tmp_path), guests=False))


@pytest.mark.parametrize("name", ["mail:imap", "mail:pop4"])
def test_there_is_no_other_mail(name: str) -> None:
    with pytest.raises(UsageError, match="no mail:"):
        find_app(name)


def test_a_name_that_cannot_be_said_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "my_machine")
    assert own_name() == "localhost"
    monkeypatch.setattr("socket.gethostname", lambda: "machine.example")
    assert own_name() == "machine.example"
