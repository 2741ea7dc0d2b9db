"""The FTP client takes what is right, and answers what is not with a sentence; nobody is called whom a server names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from hearing import Hearing
from scripted import ANY, Ftp, ftp
from tincans.address import Address
from tincans.channel import Channel
from tincans.clients.calling import Calling
from tincans.clients.ftp import FtpRemote
from tincans.clients.remote import Item, Part, Upload
from tincans.clients.url import Url
from tincans.errors import (
    ConnectError,
    HandshakeFailed,
    LimitExceeded,
    RemoteProtocolError,
    RequestRefused,
    TransferFailed,
    UsageError,
)
from tincans.server import serve

SIZES = {"SIZE": "213 5", "MDTM": "213 20261128000000"}
VERSION = "5 1795824000.0"


async def fetch(script: Ftp, part: Part | None = None, how: Calling | None = None, **change: Any) -> tuple[int, bytes]:
    """Where it begins, and what came."""
    data = b""
    async with ftp(script) as url:
        url = url._replace(**change)
        async with FtpRemote(url, how or Calling()) as remote, remote.fetch(url, part) as download:
            async for piece in download:
                data += piece
    return download.offset, data


async def test_a_file_is_fetched_by_few_words() -> None:
    script = Ftp(SIZES, b"hello")
    assert await fetch(script) == (0, b"hello")
    assert script.said == [
        "USER anonymous", "PASS anonymous@", "FEAT", "TYPE I", "PWD", "SIZE /file", "MDTM /file", "EPSV", "RETR /file",
        "QUIT",
    ]  # fmt: skip


async def test_what_a_listing_said_is_not_asked_again(tmp_path: Path) -> None:
    script = Ftp(SIZES, b"hello")
    async with ftp(script) as url, FtpRemote(url, Calling()) as remote:
        async with remote.fetch(url, listed=Item("file", False, 5, 1795824000.0)) as download:
            assert b"".join([piece async for piece in download]) == b"hello"
        assert (download.size, download.modified, download.version) == (5, 1795824000.0, VERSION)
        assert script.said[-2:] == ["EPSV", "RETR /file"]
        for vague in (Item("file", False, 5), Item("file", False, None, 1.0), Item("file", False, 5, 1.0, False)):
            async with remote.fetch(url, listed=vague) as download:
                assert b"".join([piece async for piece in download]) == b"hello"
            assert script.said[-4:] == ["SIZE /file", "MDTM /file", "EPSV", "RETR /file"]
        async with remote.fetch(url, Part(2, VERSION), Item("file", False, 4, 1.0)) as download:
            assert download.offset == 2  # what goes on is never of an old listing


async def test_a_file_that_changed_since_it_was_listed_is_known_anew() -> None:
    script = Ftp(SIZES, b"hello")
    async with ftp(script) as url, FtpRemote(url, Calling()) as remote:
        async with remote.fetch(url, listed=Item("file", False, 4, 1.0)) as download:
            assert b"".join([piece async for piece in download]) == b"hello"
        assert (download.size, download.modified, download.version) == (5, 1795824000.0, VERSION)
    async with ftp(Ftp(SIZES, b"hell")) as url, FtpRemote(url, Calling()) as remote:
        with pytest.raises(TransferFailed, match="it is shorter than announced: 4 bytes of 5"):
            async with remote.fetch(url, listed=Item("file", False, 9, 1.0)) as download:
                assert b"".join([piece async for piece in download]) == b"hell"


async def test_several_files_over_one_connection() -> None:
    script = Ftp({"SIZE": "550 no", "MDTM": "550 no"}, b"hello")
    async with ftp(script) as url, FtpRemote(url, Calling()) as remote:
        for _ in range(2):
            async with remote.fetch(url) as download:
                assert (download.size, download.modified, download.version) == (None, None, "")
                assert b"".join([piece async for piece in download]) == b"hello"
        assert await remote.look(url) is None
    assert script.said.count("USER anonymous") == 1


@pytest.mark.parametrize(
    ("path", "home", "said"),
    [
        ("/a%20b", "/", "/a b"), ("/a/b", "/home/ada", "/home/ada/a/b"), ("//etc/x", "/home/ada", "/etc/x"),
        ("/%2Fetc/x", "/home/ada", "/etc/x"), ("/../x", '/ho""me', '/x'), ("/x", '/ho""me', '/ho"me/x'),
        ("/x%0Ay", "/", "/x\0y"),
    ],
)  # fmt: skip
async def test_a_path_begins_where_the_login_leads_to(path: str, home: str, said: str) -> None:
    script = Ftp({**SIZES, "PWD": f'257 "{home}" is it'}, b"hello")
    await fetch(script, path=path)
    assert f"RETR {said}" in script.said


async def test_a_user_logs_in() -> None:
    script = Ftp(SIZES, b"hello")
    await fetch(script, user="ada", password="love lace")
    assert script.said[:2] == ["USER ada", "PASS love lace"]
    script = Ftp({**SIZES, "PASS": "530 no"})
    with pytest.raises(RequestRefused, match=r"^ftp://ada:\*{6}@127.*: the server says 530 no$"):
        await fetch(script, user="ada", password="love lace")


# ── a part that is gone on with ───────────────────────────────────────────────────────────────────────────


async def test_what_is_missing_is_asked_for_if_it_is_the_same() -> None:
    script = Ftp(SIZES, b"llo")
    assert await fetch(script, Part(2, VERSION)) == (2, b"llo")
    assert script.said[-3:] == ["REST 2", "RETR /file", "QUIT"]


@pytest.mark.parametrize("part", [Part(2, "4 1795824000.0"), Part(2, "5 1795824001.0"), Part(6, VERSION)])
async def test_another_version_comes_whole(part: Part) -> None:
    assert await fetch(Ftp(SIZES, b"hello"), part) == (0, b"hello")


async def test_a_server_that_cannot_go_on() -> None:
    with pytest.raises(RequestRefused, match="502 not here"):
        await fetch(Ftp({**SIZES, "REST": "502 not here"}, b"llo"), Part(2, VERSION))


# ── what is not right ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("table", "error", "sentence"),
    [
        ({"": "421 too many"}, RequestRefused, "421 too many"),
        ({"": "hello"}, RemoteProtocolError, "three digits"),
        ({"": "220 " + "x" * 100_000}, RemoteProtocolError, "longer than"),
        ({"USER": "530 no"}, RequestRefused, "530 no"),
        ({"TYPE": "504 no"}, RequestRefused, "504 no"),
        ({"RETR": "550 no file"}, RequestRefused, "550 no file"),
        ({"226": "426 cut"}, TransferFailed, "the server says 426 cut"),
        ({"226": "421 bye"}, RequestRefused, "421 bye"),
        ({"SIZE": "213 6"}, TransferFailed, "it is shorter than announced: 5 bytes of 6"),
        ({"SIZE": "213 4"}, TransferFailed, "it is longer than announced: 5 bytes of 4"),
        ({"EPSV": "229 here (|||99999|)"}, RemoteProtocolError, "does not say where to call it"),
        ({"EPSV": "229 nowhere"}, RemoteProtocolError, "does not say where to call it"),
        ({"EPSV": "230 what"}, RemoteProtocolError, "does not say where to call it"),
        ({"EPSV": "500 what", "PASV": "227 (8,8,8,8,0,21)"}, RemoteProtocolError, "wants to have 8.8.8.8 called"),
        ({"EPSV": "229 (|1|8.8.8.8|21|)"}, RemoteProtocolError, "wants to have 8.8.8.8 called"),
        ({"EPSV": "500 what", "PASV": "500 what"}, RequestRefused, "500 what"),
    ],
)
async def test_what_a_server_may_say_instead(table: dict[str, str], error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        await fetch(Ftp({**SIZES, **table}, b"hello"))


async def test_a_port_where_nobody_listens() -> None:
    async with await serve(ANY, lambda channel: channel.aclose()) as server:
        port = server.address.port
    with pytest.raises(ConnectError):
        await fetch(Ftp({**SIZES, "EPSV": f"229 here (|||{port}|)"}))


@pytest.mark.parametrize(("said", "sentence"), [(b"", "hung up"), (b"220 ftp\r\n", "hung up")])
async def test_a_server_that_hangs_up(said: bytes, sentence: str) -> None:
    async def app(channel: Channel) -> None:
        await channel.send(said)

    async with await serve(ANY, app) as server:
        url = Url("ftp", "127.0.0.1", server.address.port, "/file")
        async with FtpRemote(url, Calling()) as remote:
            with pytest.raises(RemoteProtocolError, match=sentence):
                await remote.look(url)


async def test_a_server_that_says_nothing_is_given_up() -> None:
    async def app(channel: Channel) -> None:
        await channel.receive()

    async with await serve(ANY, app) as server:
        url = Url("ftp", "127.0.0.1", server.address.port, "/file")
        async with FtpRemote(url, Calling(patience=0.03)) as remote:
            with pytest.raises(TransferFailed, match=r"the server said nothing for 0\.03 s"):
                await remote.look(url)


async def test_what_is_refused_leaves_a_connection_that_works() -> None:
    script = Ftp({**SIZES, "RETR": "550 no"}, b"hello")
    async with ftp(script) as url, FtpRemote(url, Calling()) as remote:
        for _ in range(2):
            with pytest.raises(RequestRefused):
                async with remote.fetch(url):
                    pass
    assert script.said.count("USER anonymous") == 1


async def test_leaving_early_ends_the_connection() -> None:
    script = Ftp(SIZES, b"hello")
    async with ftp(script) as url, FtpRemote(url, Calling()) as remote:
        for _ in range(2):
            async with remote.fetch(url):
                pass
    assert script.said.count("USER anonymous") == 2
    assert "QUIT" not in script.said


async def test_no_word_is_said_without_the_tls_that_was_asked_for() -> None:
    script = Ftp(SIZES)
    with pytest.raises(HandshakeFailed, match="it does not begin TLS: 502 unknown"):
        await fetch(script, how=Calling(starttls=True), user="ada", password="x")
    assert script.said == ["AUTH TLS"]
    with pytest.raises(HandshakeFailed, match="bytes came before TLS"):
        await fetch(Ftp({"AUTH": "234 go\r\n230 you are in"}), how=Calling(starttls=True))


async def test_active_is_no_way_through_what_has_no_port(tmp_path: Path) -> None:
    script = Ftp(SIZES, b"hello")
    async with await serve(f"unix:{tmp_path}/s", script):
        how = Calling(via=Address.parse(f"unix:{tmp_path}/s"), active=True)
        url = Url.parse("ftp://127.0.0.1/file")
        async with FtpRemote(url, how) as remote:
            with pytest.raises(UsageError, match="leave --active out"):
                async with remote.fetch(url):
                    pass


async def test_data_connections_are_recorded_beside() -> None:
    hearing = Hearing()
    await fetch(Ftp(SIZES, b"hello"), how=Calling(recorders=[hearing], name="mine"))
    control, data = hearing.all
    assert data.opening.name == control.opening.name == "mine"
    facts = {name: fact for name, fact in data.opening.facts.items() if name.startswith("ftp.")}
    assert facts == {
        "ftp.command": "RETR /file", "ftp.mode": "passive", "ftp.protection": "C", "ftp.control": "1",
    }  # fmt: skip
    assert control.notes == ["data: conversation #2 (RETR /file)"]


# ── folders ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_listings() -> None:
    script = Ftp({}, b"type=file;size=1; x\r\n")
    async with ftp(script) as url, FtpRemote(url, Calling()) as remote:
        assert await remote.list(url) == [Item("x", False, 1)]
    assert "MLSD /file" in script.said
    script = Ftp({"FEAT": "502 no", "CWD": "250 ok"}, b"drwxr-xr-x 1 0 0 0 Jan 02 2020 x\r\n")
    async with ftp(script) as url, FtpRemote(url, Calling()) as remote:
        assert [item.name for item in await remote.list(url)] == ["x"]
    assert script.said[-4:] == ["CWD /file", "EPSV", "LIST -a", "QUIT"]


async def test_a_listing_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tincans.clients.ftp.LISTING_BYTES", 100)
    for size, fits in ((98, True), (99, False)):
        async with ftp(Ftp({}, b"x" * size + b"\r\n")) as url, FtpRemote(url, Calling()) as remote:
            if fits:
                assert await remote.list(url) == []
            else:
                with pytest.raises(LimitExceeded, match=r"the listing of ftp.* is longer than 100 bytes"):
                    await remote.list(url)


async def test_folders_are_made_and_removed() -> None:
    script = Ftp({"MKD": "257 made", "RMD": "250 gone", "DELE": "550 no"})
    async with ftp(script) as url, FtpRemote(url, Calling()) as remote:
        await remote.make_folder(url)
        await remote.remove(url, folder=True)
        with pytest.raises(RequestRefused, match="550 no"):
            await remote.remove(url, folder=False)
    script = Ftp({"MKD": "550 there", "CWD": "250 ok"})
    async with ftp(script) as url, FtpRemote(url, Calling()) as remote:
        await remote.make_folder(url)
    async with ftp(Ftp({"MKD": "550 not here"})) as url, FtpRemote(url, Calling()) as remote:
        with pytest.raises(RequestRefused, match="550 not here"):
            await remote.make_folder(url)


# ── what is stored ────────────────────────────────────────────────────────────────────────────────────────


async def store(script: Ftp, path: Path, **how: bool) -> None:
    with open(path, "rb") as file:
        async with ftp(script) as url, FtpRemote(url, Calling()) as remote:
            await remote.store(url, Upload(file.fileno(), modified=1795824000.9), **how)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "f").write_bytes(b"hello")
    return tmp_path / "f"


async def test_a_file_is_stored_with_its_time(file: Path) -> None:
    script = Ftp({"SIZE": "213 5", "FEAT": "211-\r\n MFMT\r\n SIZE\r\n211 end", "MFMT": "213 ok"})
    await store(script, file)
    assert script.stored == b"hello"
    assert script.said[-4:] == ["STOR /file", "SIZE /file", "MFMT 20261128000000 /file", "QUIT"]


@pytest.mark.parametrize(
    ("there", "features", "said", "stored"),
    [
        ("213 2", " REST STREAM", ["REST 2", "STOR /file"], b"llo"),
        ("213 2", " SIZE", ["EPSV", "APPE /file"], b"llo"),
        ("213 9", " REST STREAM", ["EPSV", "STOR /file"], b"hello"),
        ("550 no", " REST STREAM", ["EPSV", "STOR /file"], b"hello"),
    ],
)
async def test_what_is_there_is_gone_on_behind(
    there: str, features: str, said: list[str], stored: bytes, file: Path
) -> None:
    class Growing(Ftp):
        """Says another size once something was stored."""

        async def _transfer(self, data: Channel, verb: str) -> None:
            await super()._transfer(data, verb)
            self._table["SIZE"] = "213 5"

    script = Growing({"SIZE": there, "FEAT": f"211-\r\n{features}\r\n211 end"})
    await store(script, file, resume=True)
    assert script.stored == stored
    index = script.said.index(said[-1])
    assert script.said[index - 1 : index + 1] == said


async def test_all_of_it_is_there(file: Path) -> None:
    script = Ftp({"SIZE": "213 5"})
    await store(script, file, resume=True)
    assert not any(said.startswith(("STOR", "APPE")) for said in script.said)


async def test_less_is_there_than_was_sent(file: Path) -> None:
    with pytest.raises(TransferFailed, match="it is shorter than announced: 4 bytes of 5"):
        await store(Ftp({"SIZE": "213 4"}), file)
    with pytest.raises(TransferFailed, match="the server says 452 full"):
        await store(Ftp({"SIZE": "213 5", "226": "452 full"}), file)
    with pytest.raises(RequestRefused, match="553 no"):
        await store(Ftp({"STOR": "553 no"}), file)


async def test_a_server_that_hangs_up_in_the_middle_is_asked_why(file: Path) -> None:
    class Full(Ftp):
        async def _transfer(self, data: Channel, verb: str) -> None:
            await data.receive()
            data.abort()

    os.truncate(file, 100_000_000)
    with pytest.raises(TransferFailed, match="the server says 552 full"):
        await store(Full({"226": "552 full"}), file)
