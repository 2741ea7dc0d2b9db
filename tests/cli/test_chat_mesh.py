"""`tincans chat --peer`: hubs that are joined by a mesh, and no server."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from running import PATIENCE, free_port
from tincans.address import Address
from tincans.cli import chat_mesh
from tincans.cli.chat_mesh import Meshed, Wishes
from tincans.cli.chat_party import Party
from tincans.cli.chat_talk import News, Talk
from tincans.clients.calling import Calling
from tincans.clients.chat import open_chat
from tincans.clients.chat_line import Me
from tincans.errors import CodeVoid, NobodyInvited, UsageError, WrongCode
from tincans.limits import CODE_GUESSES
from tincans.peers.mesh import Mesh

ANY = Address.parse("tcp://127.0.0.1:0")


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is said to the network goes to this machine alone."""
    monkeypatch.setenv("TINCANS_MDNS", "127.0.0.1")
    monkeypatch.setattr(chat_mesh, "HERE", f"tcp://127.0.0.1:{free_port()}")

    async def silent(self: Meshed, address: Address) -> None:
        """Not announced: each test says who calls whom."""

    monkeypatch.setattr(Meshed, "_announce", silent)


class Person:
    """Somebody who talks on a peer of their own."""

    def __init__(self, meshed: Meshed, party: Party) -> None:
        self.meshed, self.party = meshed, party

    @property
    def rows(self) -> list[str]:
        return [f"{row.nick}: {row.text}" if row.nick else row.text for row in self.party.talk.current.rows]

    async def sees(self, text: str) -> None:
        await until(lambda: text in "\n".join(self.rows), lambda: "\n".join(self.rows))


async def until(is_so: Callable[[], bool], what: Callable[[], str]) -> None:
    try:
        async with asyncio.timeout(PATIENCE):
            while not is_so():
                await asyncio.sleep(0.005)
    except TimeoutError:
        pytest.fail(f"it never was so:\n{what()}")


@asynccontextmanager
async def person(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, *peers: str, trust: tuple[str, ...] = ()
) -> AsyncIterator[Person]:
    """Somebody of this name, whose peer calls these."""
    news = News()
    monkeypatch.setenv("TINCANS_PEERS", str(folder / name))
    async with Meshed(Wishes(peers, trust=trust, name=name), ANY, news) as meshed:
        async with await open_chat(await meshed.find(), Me(name), reconnect=True) as chat:
            party = Party(chat, Talk(), Calling())
            party.peers, party.talk.read = meshed, meshed.shares.hear
            try:
                await party.enter("#ops")
                news.show(party.talk)
                yield Person(meshed, party)
            finally:
                await party.aclose()


def address_of(peer: Person) -> str:
    return f"127.0.0.1:{peer.meshed.listening.port}"


async def test_a_code_lets_somebody_in_and_they_talk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with person("ann", tmp_path, monkeypatch) as ann:
        sentence = await ann.meshed.invite()
        found = re.search(r"--peer (\S+@127\.0\.0\.1:\d+)", sentence)
        assert found is not None
        async with person("bob", tmp_path, monkeypatch, found[1]) as bob:
            await bob.sees("the code was right: ann is known from now on")
            await ann.sees("bob had the code, and is known from now on")
            await ann.sees("bob came")
            ann.party.typed("hello, bob")
            await bob.sees("ann: hello, bob")
            bob.party.typed("hello, ann")
            await ann.sees("bob: hello, ann")
            ann.party.typed("/peers")
            await ann.sees("  linked  bob")
        await ann.sees("bob left the hub")


async def test_where_one_is_called_is_told_so_that_it_can_be_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINCANS_PEERS", str(tmp_path))
    monkeypatch.setattr(Mesh, "addresses", property(lambda mesh: []))  # a machine without a network
    async with Meshed(Wishes(name="ann"), Address.parse("*:0"), News()) as meshed:
        lines = (await meshed.invite()).splitlines()
        assert any(line.endswith(f"@THIS-MACHINE:{meshed.listening.port}") for line in lines)
        assert max(map(len, lines)) <= 80 - len("12:34 ")  # none is wrapped


async def test_who_was_away_catches_up_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with person("ann", tmp_path, monkeypatch) as ann:
        found = re.search(r"--peer (\S+@\S+)", await ann.meshed.invite())
        assert found is not None
        async with person("bob", tmp_path, monkeypatch, found[1]) as bob:
            await ann.sees("bob came")
            await bob.party.answered()
        ann.party.typed("while you were away")
        await ann.sees("while you were away")
        async with person("bob", tmp_path, monkeypatch, address_of(ann)) as bob:
            await bob.sees("ann: while you were away")


async def test_somebody_unknown_waits_until_a_person_trusts_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        person("ann", tmp_path, monkeypatch) as ann,
        person("eve", tmp_path, monkeypatch, address_of(ann)) as eve,
    ):
        await ann.sees("eve wants in, with the fingerprint ")
        ann.party.typed("/trust nobody")
        await ann.sees("nobody called nobody waits to be let in")
        ann.party.typed("/trust eve")
        await ann.sees("eve came")
        eve.party.typed("thanks")
        await ann.sees("eve: thanks")


async def test_whom_nobody_lets_in_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_mesh, "TRUST_SECONDS", 0.01)
    async with (
        person("ann", tmp_path, monkeypatch) as ann,
        person("eve", tmp_path, monkeypatch, address_of(ann)) as eve,
    ):
        await ann.sees("nobody here knows eve")
        await eve.sees("it says: nobody here knows eve")


async def test_trust_new_lets_anybody_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with (
        person("ann", tmp_path, monkeypatch, trust=("new",)) as ann,
        person("bob", tmp_path, monkeypatch, address_of(ann)),
    ):
        await ann.sees("bob came")


async def test_a_wrong_code_and_one_that_nobody_gave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tincans.peers.notices.NOTICE_SECONDS", 0.05)
    async with person("ann", tmp_path, monkeypatch) as ann:
        found = re.search(r"--peer (\d+)-", await ann.meshed.invite())
        assert found is not None
        for guess in range(CODE_GUESSES):
            with pytest.raises(WrongCode if guess < CODE_GUESSES - 1 else CodeVoid):
                async with person("eve", tmp_path, monkeypatch, f"{found[1]}-orbit-orbit@{address_of(ann)}"):
                    pass
        await ann.sees("came with a code, and was not let in")
        with pytest.raises(NobodyInvited):
            async with person("eve", tmp_path, monkeypatch, "99-orbit-orbit"):
                pass


async def test_a_swapped_identity_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with person("ann", tmp_path, monkeypatch, trust=("new",)) as ann:
        async with person("bob", tmp_path, monkeypatch, address_of(ann)):
            await ann.sees("bob came")
        await ann.sees("bob left the hub")
        (tmp_path / "bob").rename(tmp_path / "the real bob")
        async with person("bob", tmp_path, monkeypatch, address_of(ann)) as eve:
            await ann.sees("THE IDENTITY OF bob HAS CHANGED")
            await eve.sees("ann")
            assert not eve.meshed.mesh.members
            assert ann.party.talk.current.rows[-1].kind == "warning"


async def test_a_file_goes_from_peer_to_peer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plan.bin").write_bytes(bytes(range(256)) * 4000)
    (tmp_path / "here").mkdir()
    async with (
        person("ann", tmp_path, monkeypatch, trust=("new",)) as ann,
        person("bob", tmp_path, monkeypatch, address_of(ann)) as bob,
    ):
        await ann.sees("bob came")
        ann.party.typed(f"/send {tmp_path}/plan.bin")
        await bob.sees("ann: plan.bin (1000.0 KiB): /get plan.bin")
        monkeypatch.chdir(tmp_path / "here")
        bob.party.typed("/get none.bin")
        await bob.sees("nobody has offered a file called none.bin")
        bob.party.typed("/get plan.bin")
        await bob.sees("plan.bin is here")
        assert (tmp_path / "here" / "plan.bin").read_bytes() == (tmp_path / "plan.bin").read_bytes()


async def test_whom_one_only_ever_was_called_by_has_no_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with person("ann", tmp_path, monkeypatch, trust=("new",)) as ann:
        async with person("bob", tmp_path, monkeypatch, address_of(ann)) as bob:
            await ann.sees("bob came")
            with pytest.raises(UsageError, match="bob has only ever called here"):
                await ann.meshed.call("bob")
            await bob.meshed.call("ann")
