"""Who runs the hub: OPER, KILL, WALLOPS, and what they may in rooms; and KNOCK."""

from __future__ import annotations

import pytest

from ircing import House, IrcClient, chat
from rooming import USERS, Guest
from tincans.apps.chat.member import Member
from tincans.limits import LOGIN_ATTEMPTS

NOBODY = "481 {nick} :only who runs this hub may do that"
WRONG = ":tincans 464 ann_ :the name or the password is wrong, or that user does not run this hub"


@pytest.fixture(autouse=True)
def _no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tincans.apps.chat.irc.sasl.LOGIN_REST_SECONDS", 0)


async def root_of(house: House) -> IrcClient:
    return await house.enter("root", "#ops", login="root:root")


async def test_who_knows_the_password_of_one_who_runs_the_hub_does() -> None:
    async with chat(users=USERS, operators=["root"]) as house:
        ann = await house.enter("ann_")
        assert await ann.says("OPER root wrong", "OPER ann ann") == [WRONG] * 2
        assert await ann.says("OPER root root", "MODE ann_") == [
            ":tincans MODE ann_ +o",
            ":tincans 381 ann_ :you are an operator of this hub",
            ":tincans 221 ann_ +o",
        ]
        assert await ann.says("OPER root root") == [":tincans 381 ann_ :you are an operator of this hub"]


async def test_who_guesses_is_let_go() -> None:
    async with chat(users=USERS, operators=["root"]) as house:
        ann = await house.enter("ann_")
        await ann.say(*["OPER nobody root"] * LOGIN_ATTEMPTS)
        heard = await ann.hears_the_end()
        assert heard[:-1] == [WRONG] * LOGIN_ATTEMPTS
        assert heard[-1].startswith("ERROR :Closing link: ")


async def test_who_does_not_run_the_hub_is_told_so() -> None:
    async with chat() as house:
        ann = await house.enter("ann")
        await house.enter("bob")
        said = f":tincans {NOBODY.format(nick='ann')}"
        assert await ann.says("KILL bob :out", "WALLOPS :hear") == [said, said]
        assert house.hub.find("bob")


async def test_somebody_is_let_go() -> None:
    async with chat(users=USERS, operators=["root"]) as house:
        root, bob, eve = await root_of(house), await house.enter("bob_", "#ops"), await house.enter("eve")
        plain = Guest(house.hub, "plain")
        house.hub.enter(Member("a peer's"), "far")
        await root.hears()
        assert await root.says("KILL bob_ :enough", "KILL plain", "KILL far", "KILL nobody") == [
            ":bob_!bob_@localhost QUIT :Killed (root (enough))",
            ":tincans 481 root :far is on another hub",
            ":tincans 401 root nobody :nobody is called nobody",
        ]
        assert (await bob.hears_the_end())[-1] == "ERROR :Closing link: localhost (Killed (root (enough)))"
        assert plain.bye == "Killed (root (root))"
        assert await eve.hears() == []


async def test_what_is_said_to_all_is_heard_by_who_wants_to() -> None:
    async with chat(users=USERS, operators=["root"]) as house:
        root, ann, bob = await root_of(house), await house.enter("ann_"), await house.enter("bob_")
        await ann.says("MODE ann_ +w")
        assert await root.says("WALLOPS :we restart at noon") == []
        assert await ann.hears() == [":root!root@localhost WALLOPS :we restart at noon"]
        assert await bob.hears() == []


async def test_they_govern_rooms_from_outside() -> None:
    async with chat(users=USERS, operators=["root"]) as house:
        ann = await house.enter("ann_", "#tea")
        root = await house.enter("root", login="root:root")
        await ann.says("MODE #tea +sk sesame")
        assert await root.says("MODE #tea", "MODE #tea -o ann_", "TOPIC #tea :order", "JOIN #tea") != []
        heard = await ann.hears()
        assert heard == [
            ":root!root@localhost MODE #tea -o ann_",
            ":root!root@localhost TOPIC #tea :order",
            ":root!root@localhost JOIN #tea",
        ]
        await root.says("KICK #tea ann_ :out")
        assert await ann.hears() == [":root!root@localhost KICK #tea ann_ :out"]


# ── KNOCK ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_who_knocks_is_heard_by_the_operators() -> None:
    async with chat() as house:
        ann, bob, eve = await house.enter("ann", "#tea"), await house.enter("bob", "#tea"), await house.enter("eve")
        await ann.hears()
        assert await eve.says("KNOCK #tea") == [":tincans 713 eve #tea :#tea is open"]
        await ann.says("MODE #tea +i")
        await bob.hears()
        assert await eve.says("KNOCK #tea", "KNOCK #tea") == [
            ":tincans 711 eve #tea :those who could let you in were asked",
            ":tincans 712 eve #tea :one knocks every 60 seconds",
        ]
        assert await ann.hears() == [":tincans 710 ann #tea eve!eve@localhost :asks to be let in"]
        assert await bob.hears() == []
        assert await bob.says("KNOCK #tea", "KNOCK #nowhere") == [
            ":tincans 714 bob #tea :you are in #tea",
            ":tincans 403 bob #nowhere :there is no room #nowhere",
        ]


async def test_one_may_knock_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tincans.apps.chat.irc.operators.IRC_KNOCK_SECONDS", 0)
    async with chat() as house:
        ann, eve = await house.enter("ann", "#tea"), await house.enter("eve")
        await ann.says("MODE #tea +k sesame")
        assert [line.split()[1] for line in await eve.says("KNOCK #tea", "KNOCK #tea")] == ["711", "711"]


async def test_who_is_banned_does_not_knock() -> None:
    async with chat() as house:
        ann, eve = await house.enter("ann", "#tea"), await house.enter("eve")
        await ann.says("MODE #tea +ib eve")
        assert await eve.says("KNOCK #tea") == [":tincans 404 eve #tea :you are banned from #tea"]
        assert await ann.hears() == []
