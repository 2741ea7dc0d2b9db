"""What the two servers have in common: when the mails are opened and given back, TLS that does not come, the end."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import cast

import pytest

from delivering import hear, rest, say
from running import Certificates
from tincans.apps import find_app
from tincans.apps.mail import serving
from tincans.apps.mail.serving import MailServer
from tincans.apps.mail.smtp_dialogue import House
from tincans.apps.mail.store import Mails
from tincans.apps.settings import Settings
from tincans.channel import Buffered, Channel
from tincans.client import connect
from tincans.errors import HandshakeFailed, MailsError
from tincans.limits import Limits
from tincans.server import close_app, serve, start_app
from tincans.tasks import spawn
from tincans.transports.memory import memory_pair

NAMES = pytest.mark.parametrize("name", ["mail", "mail:pop3"])


def found(name: str, settings: Settings) -> MailServer[House]:
    return cast("MailServer[House]", find_app(name, settings))


@NAMES
async def test_to_look_at_the_settings_makes_nothing(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "mails"
    app = find_app(name, Settings(mails=str(folder)))
    close_app(app)
    assert not folder.exists()
    await start_app(app)
    assert folder.exists()
    close_app(app)
    close_app(app)
    assert folder not in Mails._opened


@NAMES
async def test_no_server_where_mails_cannot_be_kept(tmp_path: Path, name: str) -> None:
    (tmp_path / "letter").write_text("mine")
    with pytest.raises(MailsError, match="it has other files in it"):
        await serve("tcp://127.0.0.1:0", find_app(name, Settings(mails=str(tmp_path))))


async def test_who_gives_up_starting_leaves_nothing_open(tmp_path: Path) -> None:
    may_go_on = threading.Event()

    def opening() -> House:
        may_go_on.wait()
        return House(Mails.open(tmp_path / "mails"))

    def nobody(house: House, channel: Channel) -> serving.Caller:
        raise AssertionError("nobody calls")

    starting = spawn(MailServer(opening, nobody).start())
    await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    may_go_on.set()
    while (tmp_path / "mails") in Mails._opened or not (tmp_path / "mails").exists():
        await asyncio.sleep(0.001)


@pytest.mark.parametrize(("name", "words"), [("mail", "STARTTLS"), ("mail:pop3", "STLS")])
async def test_no_handshake_is_waited_for_without_end(
    tmp_path: Path, certificates: Certificates, monkeypatch: pytest.MonkeyPatch, name: str, words: str
) -> None:
    monkeypatch.setattr(serving, "Limits", lambda: Limits(handshake=0.01))
    leaf = str(certificates.leaf)
    app = found(name, Settings(mails=str(tmp_path), tls="offered", cert=leaf, key=leaf))
    await start_app(app)
    client, server = memory_pair()
    answering = spawn(app(server))
    async with Buffered(client) as channel:
        await channel.receive_until(b"\r\n")
        if name == "mail":
            await say(channel, "EHLO x")
        await channel.send_line(words, b"\r\n")
        with pytest.raises(HandshakeFailed, match=r"no handshake within 0\.01 s"):
            await answering
    close_app(app)


@NAMES
async def test_who_comes_when_it_closes_is_not_kept(tmp_path: Path, name: str) -> None:
    """A handshake of TLS takes its time: the app may be told of a caller when it was told of the end already."""
    app = found(name, Settings(mails=str(tmp_path)))
    await start_app(app)
    app.retire()
    client, server = memory_pair()
    answering = spawn(app(server))
    async with Buffered(client) as channel:
        await hear(channel)
        assert await rest(channel) == ("421 4.3.2 the server stops\r\n" if name == "mail" else "")
        await answering
    close_app(app)


async def test_a_reader_who_is_idle_does_not_keep_a_server_that_closes(tmp_path: Path) -> None:
    server = await serve("tcp://127.0.0.1:0", find_app("mail:pop3", Settings(mails=str(tmp_path))))
    async with Buffered(await connect(server.address)) as channel:
        await channel.receive_until(b"\r\n")
        await server.aclose()
        assert await rest(channel) == ""
