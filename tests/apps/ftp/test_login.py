"""Who may come in, what may be done then, and TLS."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ftping import ADA, Caller, calling, everything, offering, secured, served, visiting, wrap_of
from running import Certificates
from tincans.address import Address
from tincans.channel import Channel
from tincans.errors import ChannelError, ConnectError, EndOfStream
from tincans.limits import FTP_LOGIN_TRIES
from tincans.transports import dial
from tincans.transports.tls import client_wrap


@pytest.fixture(autouse=True)
def _wrong_passwords_are_answered_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tincans.apps.ftp.login.FTP_WRONG_SECONDS", 0.001)


# ── names and passwords ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("settings", "who", "code", "writes"),
    [
        ({}, "anonymous x", 230, True),  # nobody is known, and it may be written to
        ({"write": False}, "ftp x", 230, False),
        ({}, "anybody x", 230, True),
        ({"guests": False}, "anonymous x", 530, False),
        ({"users": ADA}, "ada lovelace", 230, True),
        ({"users": ADA, "write": False}, "ada lovelace", 230, False),
        ({"users": ADA}, "ada babbage", 530, False),
        ({"users": ADA}, "bob lovelace", 530, False),
        ({"users": ADA}, "anonymous x", 530, False),
        ({"users": ADA, "guests": True}, "Anonymous x", 230, False),
        ({"users": ADA, "guests": True}, "bob x", 530, False),
    ],
)
async def test_who_may_come_in_and_write(
    settings: dict[str, Any], who: str, code: int, writes: bool, tmp_path: Path
) -> None:
    name, password = who.split()
    async with served(tmp_path, **settings) as server, calling(server) as caller:
        await caller.hear()
        assert await caller.codes(f"USER {name}", f"PASS {password}") == [331, code]
        if code == 230:
            assert await caller.codes("MKD made", "PWD") == [257 if writes else 550, 257]
    assert (tmp_path / "made").exists() == writes


async def test_nobody_learns_which_names_there_are(tmp_path: Path) -> None:
    async with served(tmp_path, users=ADA) as server, calling(server) as caller:
        await caller.hear()
        known = await caller.say("USER ada"), await caller.say("PASS wrong")
        unknown = await caller.say("USER bob"), await caller.say("PASS wrong")
        assert [reply.replace("bob", "ada") for reply in unknown] == list(known)


async def test_so_many_passwords_may_be_wrong_and_no_more(tmp_path: Path) -> None:
    async with served(tmp_path, users=ADA) as server, calling(server) as caller:
        await caller.hear()
        for _ in range(FTP_LOGIN_TRIES - 1):
            assert await caller.codes("USER ada", "PASS guess") == [331, 530]
        assert await caller.codes("USER ada", "PASS lovelace") == [331, 230]
        assert await caller.codes("USER ada", "PASS guess") == [331, 421]
        with pytest.raises(EndOfStream):
            await caller.channel.receive()


async def test_a_wrong_password_has_to_be_said_with_its_name_again(tmp_path: Path) -> None:
    async with served(tmp_path, users=ADA) as server, calling(server) as caller:
        await caller.hear()
        assert await caller.codes("PASS lovelace", "USER ada", "PASS guess", "PASS lovelace") == [503, 331, 530, 503]


@pytest.mark.parametrize("said", ["PWD", "LIST", "RETR x", "STOR x", "PASV", "TYPE I", "ABOR", "SITE HELP", "STAT /"])
async def test_nothing_is_done_for_strangers(said: str, tmp_path: Path) -> None:
    async with served(tmp_path) as server, calling(server) as caller:
        await caller.hear()
        assert await caller.codes(said, "USER anonymous", said) == [530, 331, 530]


async def test_another_user_is_in_the_root_again(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    async with visiting(tmp_path, users=ADA, guests=True) as caller:
        assert await caller.codes("CWD sub", "USER anonymous", "MKD x", "PASS x", "MKD x") == [250, 331, 530, 230, 550]
        assert (await caller.say("PWD")).startswith('257 "/"')


async def test_rein_begins_anew(tmp_path: Path) -> None:
    async with visiting(tmp_path) as caller:
        assert await caller.codes("REIN", "PWD", "USER ftp", "PASS x", "PWD", "ACCT 1") == [
            220,
            530,
            331,
            230,
            257,
            202,
        ]


async def test_any_host_is_meant_before_the_name_is_said(tmp_path: Path) -> None:
    async with served(tmp_path) as server, calling(server) as caller:
        await caller.hear()
        assert await caller.codes("HOST ftp.example", "USER ftp", "HOST ftp.example") == [220, 331, 503]


async def test_quit_is_the_end(tmp_path: Path) -> None:
    async with visiting(tmp_path) as caller:
        await caller.channel.send(b"QUIT\r\nMKD x\r\n")
        assert await caller.hear() == "221 Goodbye."
        with pytest.raises(EndOfStream):
            await caller.channel.receive()
    assert not list(tmp_path.iterdir())


# ── TLS ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_tls_can_be_begun_and_data_goes_inside_it(tmp_path: Path, certificates: Certificates) -> None:
    (tmp_path / "file").write_bytes(b"private")
    async with served(tmp_path, **offering(certificates)) as server, calling(server) as caller:
        await caller.log_in()
        await secured(caller, certificates)
        assert await caller.codes("PWD", "PROT P", "PBSZ 0", "PROT P") == [530, 503, 200, 200]
        assert await caller.codes("USER ftp", "PASS x", "TYPE I") == [331, 230, 200]
        bare = await caller.call()
        await caller.channel.send(b"RETR file\r\n")
        async with await wrap_of(certificates)(bare) as data:
            assert await everything(data) == b"private"
        assert [await caller.hear(), await caller.hear()][1][:3] == "226"
        assert await caller.codes("PROT C") == [200]
        assert await caller.fetch("RETR file") == b"private"
        await caller.channel.aclose()


async def test_data_that_has_no_tls_is_refused(tmp_path: Path, certificates: Certificates) -> None:
    (tmp_path / "file").write_bytes(b"private")
    async with served(tmp_path, **offering(certificates)) as server, calling(server) as caller:
        await caller.hear()
        await secured(caller, certificates, "SSL")  # which always meant that data is private, too
        assert await caller.codes("USER ftp", "PASS x") == [331, 230]
        async with await caller.call() as data:
            assert await caller.codes("RETR file") == [150]
            await data.send(b"GET / HTTP/1.0\r\n\r\n")
            assert (await caller.hear())[:3] == "522"
        assert await caller.codes("NOOP") == [200]
        await caller.channel.aclose()


async def test_what_follows_auth_is_not_taken_for_what_is_said_inside(
    tmp_path: Path, certificates: Certificates
) -> None:
    async with served(tmp_path, **offering(certificates)) as server, calling(server) as caller:
        await caller.hear()
        await caller.channel.send(b"AUTH TLS\r\nUSER ftp\r\n")
        assert [(await caller.hear())[:3] for _ in range(2)] == ["503", "331"]
    async with served(tmp_path, **offering(certificates)) as server, calling(server) as caller:
        await caller.hear()
        await caller.channel.send(b"AUTH TLS\r\nUS")
        assert (await caller.hear())[:3] == "503"
        assert await caller.codes(b"ER ftp\r\n") == [331]
    async with served(tmp_path, **offering(certificates)) as server, calling(server) as caller:
        await caller.hear()
        assert await caller.codes("AUTH TLS") == [234]
        await caller.channel.send(b"USER ftp\r\n")
        with pytest.raises(ChannelError):
            await caller.hear()


async def test_where_tls_is_required_nobody_logs_in_and_nothing_is_carried_outside(
    tmp_path: Path, certificates: Certificates
) -> None:
    async with served(tmp_path, **offering(certificates, "required")) as server, calling(server) as caller:
        await caller.hear()
        assert await caller.codes("USER ftp", "PASS x", "FEAT") == [530, 503, 211]
        await secured(caller, certificates)
        assert await caller.codes("USER ftp", "PASS x", "PBSZ 0", "PROT C") == [331, 230, 200, 534]
        async with await caller.call():
            assert await caller.codes("LIST", "STOR x", "PROT P") == [521, 521, 200]
        await caller.channel.aclose()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("said", "code"),
    [("AUTH KERBEROS_V4", 504), ("AUTH tls-c", 234), ("PBSZ 0", 503), ("PROT P", 503), ("CCC", 530), ("ADAT x", 502)],
)
async def test_outside_tls(said: str, code: int, tmp_path: Path, certificates: Certificates) -> None:
    async with served(tmp_path, **offering(certificates)) as server, calling(server) as caller:
        await caller.hear()
        assert await caller.codes(said) == [code]


async def test_inside_tls(tmp_path: Path, certificates: Certificates) -> None:
    async with served(tmp_path, **offering(certificates)) as server, calling(server) as caller:
        await caller.hear()
        await secured(caller, certificates)
        assert await caller.codes("USER ftp", "PASS x") == [331, 230]
        said = ["AUTH TLS", "CCC", "REIN", "PBSZ x", "PBSZ 0", "PROT S", "PROT X", "PROT P"]
        assert await caller.codes(*said) == [503, 534, 502, 501, 200, 536, 504, 200]
        await caller.channel.aclose()


async def test_where_tls_is_off_it_is_not_offered(tmp_path: Path) -> None:
    async with visiting(tmp_path) as caller:
        assert await caller.codes("AUTH TLS", "CCC") == [502, 533]
        assert "AUTH" not in await caller.say("FEAT")


async def test_implicit_tls_protects_data_from_the_beginning(tmp_path: Path, certificates: Certificates) -> None:
    """The listener's own certificate, and the session of the control connection may be taken up for data."""
    (tmp_path / "file").write_bytes(b"private")
    address = f"tls://127.0.0.1:0{certificates.served}"
    async with served(tmp_path, address=address) as server:
        called = Address.parse(f"tls://127.0.0.1:{server.address.port}{certificates.trusted}")
        async with await dial(called) as control:
            caller = await Caller(control).log_in()
            assert "AUTH" not in (features := await caller.say("FEAT"))
            assert " PROT\n" in features
            bare = await caller.call()
            await caller.channel.send(b"RETR file\r\n")
            async with await resumed(bare, control, certificates) as data:
                assert await everything(data) == b"private"
                assert data.facts["tls.resumed"] == "yes"
            assert [await caller.hear(), await caller.hear()][1][:3] == "226"
            assert await caller.codes("PROT C") == [200]
            assert await caller.fetch("RETR file") == b"private"


async def resumed(bare: Channel, control: Channel, certificates: Certificates) -> Channel:
    address = Address("tcp", "localhost", options=(("ca", str(certificates.ca)),))
    return await client_wrap(address, resume=control)(bare)


async def test_a_client_that_trusts_nobody_is_not_served(tmp_path: Path, certificates: Certificates) -> None:
    async with served(tmp_path, **offering(certificates)) as server, calling(server) as caller:
        await caller.hear()
        assert await caller.codes("AUTH TLS") == [234]
        with pytest.raises(ConnectError):
            await client_wrap(Address("tcp", "localhost"))(caller.channel.channel)
