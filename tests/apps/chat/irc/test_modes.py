"""MODE: what a room allows, its lists and ranks, as a client says them; and a client's own modes."""

from __future__ import annotations

import re

import pytest

from ircing import IrcClient, chat
from rooming import USERS
from tincans.limits import CHAT_KEY_BYTES, CHAT_MASKS, IRC_MODES

ANN = ":ann!ann@localhost"


def without_times(lines: list[str]) -> list[str]:
    """Lines with `TIME` for seconds since 1970."""
    return [re.sub(r"(?<= )\d{9,}\b", "TIME", line) for line in lines]


async def test_a_room_s_modes_are_shown_and_when_it_was_made() -> None:
    async with chat() as house:
        ann = await house.enter("ann", "#ops")
        assert (
            without_times(await ann.says("MODE #OPS", "MODE #ops +"))
            == [
                ":tincans 324 ann #ops +nt",
                ":tincans 329 ann #ops TIME",
            ]
            * 2
        )


async def test_several_changes_are_told_as_one() -> None:
    async with chat() as house:
        ann, bob = await house.enter("ann", "#ops"), await house.enter("bob", "#ops")
        await ann.hears()
        changed = f"{ANN} MODE #ops +mov-t+kl bob bob sesame 7"
        assert await ann.says("MODE #ops +mov-t+kl bob BOB sesame 07") == [changed]
        assert await bob.hears() == [changed]
        assert await ann.says("MODE #ops +mo bob") == []
        assert await bob.says("MODE #ops -kl+t-o x ann") == [":bob!bob@localhost MODE #ops -kl+t-o * ann"]
        assert without_times(await bob.says("MODE #ops"))[0] == ":tincans 324 bob #ops +mnt"


async def test_a_key_is_shown_to_those_who_are_inside() -> None:
    async with chat() as house:
        ann, eve = await house.enter("ann", "#ops"), await house.enter("eve")
        await ann.says("MODE #ops +kl sesame 7")
        assert (await ann.says("MODE #ops"))[0] == ":tincans 324 ann #ops +ntkl sesame 7"
        assert (await eve.says("MODE #ops"))[0] == ":tincans 324 eve #ops +ntkl * 7"
        assert (
            await eve.says("JOIN #ops", "JOIN #ops Sesame")
            == [
                ":tincans 475 eve #ops :#ops has another key",
            ]
            * 2
        )
        assert (await eve.says("JOIN #ops sesame"))[0] == ":eve!eve@localhost JOIN #ops"


async def test_what_cannot_be_changed_is_said_and_the_rest_is_changed() -> None:
    async with chat() as house:
        ann = await house.enter("ann", "#ops")
        await house.enter("eve")
        assert await ann.says("MODE #ops +oXimvlk nobody eve x a,b") == [
            ":tincans 472 ann X :there is no mode X",
            ":tincans 401 ann nobody :nobody is called nobody",
            ":tincans 441 ann eve #ops :eve is not in #ops",
            ":tincans 696 ann #ops l x :'x' is no number of members",
            f":tincans 696 ann #ops k a,b :'a,b' is no key: at most {CHAT_KEY_BYTES} bytes without blanks and commas",
            f"{ANN} MODE #ops +im",
        ]
        assert await ann.says("MODE #ops +o", "MODE #ops +k", "MODE #ops +l", "MODE #ops -v") == [
            f":tincans 461 ann MODE :{change} needs something behind it" for change in ("+o", "+k", "+l", "-v")
        ]
        assert await ann.says("MODE #nowhere +m") == [":tincans 403 ann #nowhere :there is no room #nowhere"]
        assert [line.split(":")[1] for line in await ann.says("MODE")] == ["tincans 461 ann MODE "]


async def test_who_is_no_operator_changes_nothing() -> None:
    async with chat() as house:
        ann, bob, eve = await house.enter("ann", "#ops"), await house.enter("bob", "#ops"), await house.enter("eve")
        await ann.hears()
        assert await bob.says("MODE #ops +m", "MODE #ops b", "MODE #ops e") == [
            ":tincans 482 bob #ops :you are no operator of #ops",
            ":tincans 368 bob #ops :that is all",
            ":tincans 482 bob #ops :you are no operator of #ops",
        ]
        assert await eve.says("MODE #ops +m") == [":tincans 442 eve #ops :you are not in #ops"]
        assert await ann.hears() == []


@pytest.mark.parametrize(
    ("letter", "entry", "end"),
    [("b", "367", "368"), ("e", "348", "349"), ("I", "346", "347"), ("q", "728", "729")],
)
async def test_each_list_is_added_to_shown_and_taken_from(letter: str, entry: str, end: str) -> None:
    between = " q" if letter == "q" else ""
    async with chat() as house:
        ann = await house.enter("ann", "#ops")
        assert await ann.says(f"MODE #ops +{letter}{letter} eve *@there") == [
            f"{ANN} MODE #ops +{letter}{letter} eve!*@* *!*@there"
        ]
        for asked in (f"MODE #ops {letter}", f"MODE #ops +{letter}"):
            assert without_times(await ann.says(asked)) == [
                f":tincans {entry} ann #ops{between} eve!*@* ann!ann@localhost TIME",
                f":tincans {entry} ann #ops{between} *!*@there ann!ann@localhost TIME",
                f":tincans {end} ann #ops{between} :that is all",
            ]
        assert await ann.says(f"MODE #ops -{letter} EVE!*@*") == [f"{ANN} MODE #ops -{letter} EVE!*@*"]
        assert len(await ann.says(f"MODE #ops {letter}")) == 2


async def test_a_list_is_shown_once_however_often_it_is_asked_for() -> None:
    async with chat() as house:
        ann = await house.enter("ann", "#ops")
        assert await ann.says("MODE #ops +bb-b+qb") == [
            ":tincans 368 ann #ops :that is all",
            ":tincans 729 ann #ops q :that is all",
        ]


async def test_a_list_that_is_full_is_said() -> None:
    async with chat() as house:
        ann = await house.enter("ann", "#ops")
        for start in range(0, CHAT_MASKS, IRC_MODES):
            nicks = [f"n{number}" for number in range(start, start + IRC_MODES)]
            await ann.says(f"MODE #ops +{'b' * IRC_MODES} {' '.join(nicks)}")
        assert await ann.says("MODE #ops +b more") == [":tincans 478 ann #ops b :the list b of #ops is full"]
        assert len(await ann.says("MODE #ops b")) == CHAT_MASKS + 1


async def test_one_command_changes_as_much_as_it_may_and_no_more() -> None:
    async with chat() as house:
        ann = await house.enter("ann", "#ops")
        nicks = " ".join(f"n{number}" for number in range(IRC_MODES + 1))
        (line,) = await ann.says(f"MODE #ops +{'b' * (IRC_MODES + 1)}m {nicks}")
        assert line.split()[3] == f"+{'b' * IRC_MODES}m"


async def test_bans_and_their_exceptions_hold() -> None:
    async with chat() as house:
        ann, eve = await house.enter("ann", "#ops"), await house.enter("eve")
        await ann.says("MODE #ops +b *@local*")
        assert await eve.says("JOIN #ops") == [":tincans 474 eve #ops :you are banned from #ops"]
        await ann.says("MODE #ops +e eve")
        assert (await eve.says("JOIN #ops"))[0] == ":eve!eve@localhost JOIN #ops"
        assert (await ann.says("MODE #ops -e+q eve eve"))[-1] == f"{ANN} MODE #ops -e+q eve!*@* eve!*@*"
        await eve.hears()
        assert await eve.says("PRIVMSG #ops :hi") == [":tincans 404 eve #ops :you may not speak in #ops"]
        await ann.says("MODE #ops +v eve")
        assert (await eve.says("PRIVMSG #ops :hi"))[-1] == f"{ANN} MODE #ops +v eve"
        assert await ann.hears() == [":eve!eve@localhost PRIVMSG #ops :hi"]


async def test_who_is_quieted_keeps_the_nick_that_is() -> None:
    async with chat() as house:
        ann, eve = await house.enter("ann", "#ops"), await house.enter("eve", "#ops")
        await ann.says("MODE #ops +q eve")
        await eve.hears()
        assert await eve.says("NICK mallory") == [
            ":tincans 435 eve mallory #ops :you may not speak in #ops, and keep your name there"
        ]
        await ann.says("MODE #ops +v eve")
        assert (await eve.says("NICK mallory"))[-1] == ":eve!eve@localhost NICK mallory"


@pytest.mark.parametrize(
    ("rules", "refusal"),
    [
        ("+i", "473 eve #ops :#ops is for those who were invited"),
        ("+l 1", "471 eve #ops :#ops is full"),
        ("+r", "477 eve #ops :#ops is for those who have logged in"),
    ],
)
async def test_what_keeps_somebody_out_has_its_number(rules: str, refusal: str) -> None:
    async with chat() as house:
        ann, eve = await house.enter("ann", "#ops"), await house.enter("eve")
        await ann.says(f"MODE #ops {rules}")
        assert await eve.says("JOIN #ops") == [f":tincans {refusal}"]
        await ann.says("INVITE eve #ops")
        assert (await eve.says("JOIN #ops"))[-1].startswith(":tincans 366 ")


async def test_moderated_and_secret_rooms() -> None:
    async with chat() as house:
        ann, eve = await house.enter("ann", "#ops"), await house.enter("eve")
        await ann.says("MODE #ops -n+m")
        assert await eve.says("PRIVMSG #ops :hi") == [":tincans 404 eve #ops :only some may speak in #ops"]
        await ann.says("MODE #ops -m")
        assert await eve.says("PRIVMSG #ops :hi") == []
        await ann.says("MODE #ops +s")
        hidden = ":tincans 403 eve #ops :there is no room #ops"
        assert await eve.says("PRIVMSG #ops :hi", "MODE #ops", "MODE #ops +m", "TOPIC #ops") == [hidden] * 4


# ── of oneself ────────────────────────────────────────────────────────────────────────────────────────────


async def hears_modes(client: IrcClient, said: str) -> list[str]:
    return await client.says(f"MODE ann {said}", "MODE ann")


async def test_one_s_own_modes() -> None:
    async with chat() as house:
        ann = await house.enter("ann")
        await house.enter("eve")
        assert await hears_modes(ann, "+iBw") == [":tincans MODE ann +Biw", ":tincans 221 ann +Biw"]
        assert await hears_modes(ann, "-i+i-w") == [":tincans MODE ann -w", ":tincans 221 ann +Bi"]
        assert await hears_modes(ann, "+iB") == [":tincans 221 ann +Bi"]
        assert await hears_modes(ann, "+xy-i") == [
            ":tincans 501 ann :there is no such mode, of those you have said",
            ":tincans MODE ann -i",
            ":tincans 221 ann +B",
        ]
        assert await ann.says("MODE eve +i", "MODE nobody") == [
            ":tincans 502 ann :that is for them to say",
            ":tincans 401 ann nobody :nobody is called nobody",
        ]


async def test_nobody_makes_himself_an_operator_and_one_may_cease_to_be() -> None:
    async with chat(users=USERS, operators=["root"]) as house:
        ann = await house.enter("a", login="ann:ann")
        root = await house.enter("r", login="root:root")
        assert await ann.says("MODE a +o", "MODE a") == [":tincans 221 a +"]
        assert await root.says("MODE r", "MODE r -o", "MODE r +o", "MODE r") == [
            ":tincans 221 r +o",
            ":tincans MODE r -o",
            ":tincans 221 r +",
        ]
