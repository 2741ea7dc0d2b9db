"""LIST with its conditions, and what the hub says of itself."""

from __future__ import annotations

import re

import pytest

from ircing import chat
from rooming import USERS
from tincans import __version__
from tincans.apps.chat.irc.commands import COMMANDS
from tincans.limits import CHAT_BACKLOG_BYTES
from tincans.tasks import spawn

STARTS, ENDS = ":tincans 321 ann Channel :Users  Name", ":tincans 323 ann :that is all"


async def test_rooms_are_listed_and_secret_ones_only_to_who_is_inside() -> None:
    async with chat() as house:
        ann, bob = await house.enter("ann", "#tea", "#ops"), await house.enter("bob", "#ops", "#hidden")
        await ann.says("TOPIC #ops :deploy day")
        await bob.says("MODE #hidden +s")
        assert await ann.says("LIST") == [
            STARTS,
            ":tincans 322 ann #ops 2 :deploy day",
            ":tincans 322 ann #tea 1 :",
            ENDS,
        ]
        assert any("#hidden 1" in line for line in await bob.says("LIST"))
        assert await ann.says("LIST #OPS,#nowhere") == [STARTS, ":tincans 322 ann #ops 2 :deploy day", ENDS]
        await ann.says("PART #tea")
        assert ":tincans 322 ann #tea 0 :" in await ann.says("LIST"), "a room stays"


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (">1", ["#many"]),
        ("<2", ["#one", "#two"]),
        (">0,<2", ["#one", "#two"]),
        ("*o*", ["#one", "#two"]),
        ("#one,#m*", ["#many", "#one"]),
        ("!#o*", ["#many", "#two"]),
        ("*o*,!#two", ["#one"]),
        ("*,>1", ["#many"]),
        ("C<5", ["#many", "#one", "#two"]),
        ("C>5", []),
        ("T<5", ["#one"]),
        ("T>5", []),
        ("t<5", ["#one"]),
        ("<0", []),
    ],
)
async def test_rooms_are_listed_by_mask_people_and_age(asked: str, found: list[str]) -> None:
    async with chat() as house:
        ann = await house.enter("ann", "#one", "#many", "#two")
        await house.enter("bob", "#many")
        await ann.says("TOPIC #one :first")
        lines = await ann.says(f"LIST {asked}")
        assert [line.split()[3] for line in lines[1:-1]] == found


async def test_others_have_their_turn_while_rooms_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tincans.apps.chat.irc.queries._SLICE", 1)
    async with chat() as house:
        ann, bob = await house.enter("ann", *(f"#r{number}" for number in range(100))), await house.enter("bob")
        listing, turns = spawn(ann.says("LIST")), 0
        while not listing.done():
            await bob.hears()
            turns += 1
        assert turns > 10
        assert len(await listing) == 102


async def test_the_hub_says_what_it_is() -> None:
    async with chat(users=USERS, operators=["root"]) as house:
        ann = await house.enter("ann_")
        version, *supported = await ann.says("VERSION")
        assert version.startswith(f":tincans 351 ann_ tincans-{__version__}. tincans :")
        assert {line.split()[1] for line in supported} == {"005"}
        (now,) = await ann.says("TIME")
        assert re.fullmatch(r":tincans 391 ann_ tincans :\w+ \w+ \d\d \d{4} -- \d\d:\d\d:\d\d \+00:00", now)
        assert [line.split()[1] for line in await ann.says("ADMIN")] == ["256", "257", "258", "259"]
        assert [line.split()[1] for line in await ann.says("INFO")] == ["371", "371", "374"]
        up, end = await ann.says("STATS u")
        assert re.fullmatch(r":tincans 242 ann_ :Server Up 0 days 0:00:\d\d", up)
        assert [end, *await ann.says("STATS x")] == [f":tincans 219 ann_ {letter} :that is all" for letter in "ux"]
        assert await ann.says("LINKS") == [
            ":tincans 364 ann_ tincans tincans :0 tincans",
            ":tincans 365 ann_ * :that is all",
        ]


async def test_what_is_not_for_a_hub_is_said() -> None:
    async with chat() as house:
        ann = await house.enter("ann")
        assert [line.split()[1] for line in await ann.says("SUMMON bob", "USERS", "STATS")] == ["445", "446", "219"]


async def test_another_server_is_not_there() -> None:
    async with chat() as house:
        ann = await house.enter("ann")
        for command in ("VERSION", "TIME", "ADMIN", "INFO", "STATS u"):
            assert await ann.says(f"{command} elsewhere") == [":tincans 402 ann elsewhere :there is no such server"]
            for here in ("tincans", "tin*", "ANN"):
                assert " 402 " not in (await ann.says(f"{command} {here}"))[0]
        assert await ann.says("ADMIN") == [":tincans 423 ann tincans :nobody is said to run this hub"]


async def test_help_is_the_table_of_commands() -> None:
    async with chat() as house:
        ann = await house.enter("ann")
        assert await ann.says("HELP who") == [
            ":tincans 704 ann WHO :what can be said here",
            f":tincans 705 ann WHO :{COMMANDS['WHO'].help}",
            ":tincans 706 ann WHO :that is all",
        ]
        assert len(await ann.says("HELP")) == len({row.help for row in COMMANDS.values()}) + 2
        assert await ann.says("HELP nothing") == [
            ":tincans 524 ann NOTHING :there is no such command; HELP alone names all"
        ]


def test_every_command_s_help_begins_with_it() -> None:
    for name, row in COMMANDS.items():
        words = row.help.replace(":", " ").split()
        assert words[0] == ("HELP" if name == "HELPOP" else name)


@pytest.mark.parametrize("name", [name for name, row in COMMANDS.items() if row.least])
async def test_what_needs_more_is_said(name: str) -> None:
    async with chat() as house:
        ann = await house.enter("ann")
        (line,) = await ann.says(" ".join([name, *["x"] * (COMMANDS[name].least - 1)]))
        assert line == f":tincans 461 ann {name} :it needs more parameters: {COMMANDS[name].help}"


async def test_who_asks_for_much_and_reads_nothing_is_not_heard_any_more() -> None:
    async with chat() as house:
        bob, ann = await house.enter("bob", "#ops"), await house.enter("ann", "#ops")
        await bob.hears()
        count = 2 * CHAT_BACKLOG_BYTES // len("".join(await ann.says("HELP")))
        asking = spawn(ann.say(*["HELP"] * count, "PRIVMSG #ops :done"))
        for _ in range(50):
            assert await bob.hears() == []
        while not await bob.hears():  # at last it is done
            for _ in range(100):
                await ann.line()
        await asking
