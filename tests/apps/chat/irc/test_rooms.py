"""IRC's commands about rooms: JOIN, PART, NAMES, TOPIC, KICK, INVITE (RFC 2812 §3.2)."""

from __future__ import annotations

import pytest

from ircing import chat, messages
from rooming import USERS, changes
from tincans.apps.chat.irc.commands import COMMANDS
from tincans.limits import CHAT_REASON_BYTES, CHAT_ROOM_BYTES, CHAT_ROOMS_JOINED, CHAT_TOPIC_BYTES, IRC_MESSAGE_BYTES

# ── entering and leaving ──────────────────────────────────────────────────────────────────────────────────


async def test_who_enters_is_told_the_topic_and_who_is_there() -> None:
    async with chat() as house:
        ann, bob = await house.enter("ann", "#tea"), await house.enter("bob")
        await ann.says("TOPIC #tea :Earl Grey")
        topic = house.hub.room("#tea").state.topic
        assert topic is not None
        assert await bob.says("JOIN #TEA") == [
            ":bob!bob@localhost JOIN #tea",
            ":tincans 332 bob #tea :Earl Grey",
            f":tincans 333 bob #tea ann!ann@localhost {topic.at // 10**9}",
            ":tincans 353 bob = #tea :@ann bob",
            ":tincans 366 bob #tea :that is all",
        ]
        assert await ann.hears() == [":bob!bob@localhost JOIN #tea"]


async def test_who_is_there_already_is_not_told_again() -> None:
    async with chat() as house:
        ann = await house.enter("ann", "#tea")
        assert await ann.says("JOIN #tea", "JOIN #TEA") == []


async def test_several_rooms_with_their_keys() -> None:
    async with chat() as house:
        ann, bob = await house.enter("ann", "#one", "#two", "#three"), await house.enter("bob")
        for name in ("#one", "#three"):
            house.hub.set_modes(house.hub.find("ann"), name, changes("+k sesame"))
        await ann.hears()
        heard = messages(await bob.says("JOIN #one,#two,,#three sesame,x,wrong"))
        assert [message.parameters[0] for message in heard if message.verb == "JOIN"] == ["#one", "#two"]
        assert heard[-1].name == "ERR_BADCHANNELKEY"
        assert heard[-1].parameters == ("bob", "#three", "#three has another key")


async def test_join_0_leaves_all() -> None:
    async with chat() as house:
        ann = await house.enter("ann", "#one", "#two")
        assert await ann.says("JOIN 0") == [":ann!ann@localhost PART #one", ":ann!ann@localhost PART #two"]
        assert house.hub.find("ann").rooms == set()


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("tea", "476 ann tea"), ("#", "476 ann #"), ("&tea", "476 ann &tea"), ("#a:b", "476 ann #a:b"),
        (f"#{'x' * CHAT_ROOM_BYTES}", f"476 ann #{'x' * CHAT_ROOM_BYTES}"), (":a b", "476 ann *"),
    ],
)  # fmt: skip
async def test_what_is_no_room(name: str, number: str) -> None:
    async with chat() as house:
        ann = await house.enter("ann")
        (heard,) = await ann.says(f"JOIN {name}")
        assert heard.startswith(f":tincans {number} :")


@pytest.mark.parametrize(
    ("modes", "number"),
    [("+i", "473"), ("+b eve", "474"), ("+k x", "475"), ("+l 1", "471"), ("+r", "477")],
)
async def test_what_keeps_somebody_out(modes: str, number: str) -> None:
    async with chat(users=USERS) as house:
        await house.enter("op", "#tea")
        house.hub.set_modes(house.hub.find("op"), "#tea", changes(modes))
        eve = await house.enter("eve")
        (heard,) = await eve.says("JOIN #tea")
        assert heard.startswith(f":tincans {number} eve #tea :")


async def test_one_is_in_so_many_rooms_and_not_in_one_more() -> None:
    async with chat() as house:
        ann = await house.enter("ann", *(f"#{number}" for number in range(CHAT_ROOMS_JOINED)))
        assert await ann.says("JOIN #more") == [
            f":tincans 405 ann #more :nobody is in more than {CHAT_ROOMS_JOINED} rooms"
        ]


async def test_leaving_with_a_word_and_without() -> None:
    async with chat() as house:
        ann, bob = await house.enter("ann", "#one", "#two"), await house.enter("bob", "#one", "#two")
        await ann.hears()
        assert await ann.says("PART #one,#none,#TWO :so long", "PART #one") == [
            ":ann!ann@localhost PART #one :so long",
            ":tincans 403 ann #none :there is no room #none",
            ":ann!ann@localhost PART #two :so long",
            ":tincans 442 ann #one :you are not in #one",
        ]
        assert await bob.hears() == [":ann!ann@localhost PART #one :so long", ":ann!ann@localhost PART #two :so long"]
        assert await bob.says("PART #one") == [":bob!bob@localhost PART #one"]


# ── who is there ──────────────────────────────────────────────────────────────────────────────────────────


async def test_names_of_many_are_several_lines_that_are_as_long_as_they_may_be() -> None:
    async with chat() as house:
        ann = await house.enter("ann", "#tea")
        for number in range(60):
            await house.enter(f"somebody{number:02}", "#tea")
        *lines, _ = [line for line in await ann.says("NAMES #tea") if " JOIN " not in line]
        names = [name for line in lines for name in line.partition(" :")[2].split()]
        assert names == ["@ann", *(f"somebody{number:02}" for number in range(60))]
        assert all(len(line) <= IRC_MESSAGE_BYTES - 2 for line in lines)
        assert all(len(line) + len(" somebody00") > IRC_MESSAGE_BYTES - 2 for line in lines[:-1])


async def test_names_of_what_is_not_there_or_not_shown_is_nobody() -> None:
    async with chat() as house:
        await house.enter("op", "#secret")
        house.hub.set_modes(house.hub.find("op"), "#secret", changes("+s"))
        ann = await house.enter("ann")
        assert await ann.says("NAMES #none,#secret", "NAMES", "NAMES :a b") == [
            ":tincans 366 ann #none :that is all",
            ":tincans 366 ann #secret :that is all",
            ":tincans 366 ann * :name a room",
            ":tincans 366 ann * :that is all",
        ]


async def test_a_secret_room_has_its_own_sign() -> None:
    async with chat() as house:
        ann = await house.enter("ann", "#tea")
        house.hub.set_modes(house.hub.find("ann"), "#tea", changes("+s"))
        assert (await ann.says("NAMES #tea"))[-2] == ":tincans 353 ann @ #tea :@ann"


# ── topics ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_topic_is_set_told_asked_for_and_taken() -> None:
    async with chat() as house:
        ann, bob = await house.enter("ann", "#tea"), await house.enter("bob", "#tea")
        await ann.hears()
        assert await ann.says("TOPIC #tea") == [":tincans 331 ann #tea :no topic is set"]
        assert await ann.says("TOPIC #TEA :Earl Grey") == [":ann!ann@localhost TOPIC #tea :Earl Grey"]
        assert await bob.hears() == [":ann!ann@localhost TOPIC #tea :Earl Grey"]
        assert (await bob.says("TOPIC #tea"))[0] == ":tincans 332 bob #tea :Earl Grey"
        assert await ann.says("TOPIC #tea :") == [":ann!ann@localhost TOPIC #tea :"]
        assert await bob.says("TOPIC #tea") == [
            ":ann!ann@localhost TOPIC #tea :", ":tincans 331 bob #tea :no topic is set"
        ]  # fmt: skip


async def test_who_may_not_set_a_topic() -> None:
    async with chat() as house:
        await house.enter("op", "#tea")
        bob = await house.enter("bob", "#tea")
        assert await bob.says("TOPIC #tea :mine", "TOPIC #none :x") == [
            ":tincans 482 bob #tea :you are no operator of #tea",
            ":tincans 403 bob #none :there is no room #none",
        ]


@pytest.mark.parametrize("said", ["JOIN", "PART", "TOPIC", "KICK", "KICK #tea"])
async def test_what_needs_more_says_how_it_is_said(said: str) -> None:
    async with chat() as house:
        bob = await house.enter("bob")
        command = said.split()[0]
        assert await bob.says(said) == [
            f":tincans 461 bob {command} :it needs more parameters: {COMMANDS[command].help}"
        ]


async def test_a_topic_is_cut_where_it_is_too_long() -> None:
    async with chat() as house:
        ann = await house.enter("ann", "#tea")
        assert await ann.says(f"TOPIC #tea :{'x' * (CHAT_TOPIC_BYTES + 1)}") == [
            f":ann!ann@localhost TOPIC #tea :{'x' * CHAT_TOPIC_BYTES}"
        ]


# ── putting out and letting in ────────────────────────────────────────────────────────────────────────────


async def test_somebody_is_put_out() -> None:
    async with chat() as house:
        ann, bob = await house.enter("ann", "#tea"), await house.enter("bob", "#tea")
        await ann.hears()
        assert await ann.says("KICK #tea bob :too loud") == [":ann!ann@localhost KICK #tea bob :too loud"]
        assert await bob.hears() == [":ann!ann@localhost KICK #tea bob :too loud"]
        assert (await bob.says("PRIVMSG #tea :x"))[0].startswith(":tincans 404 ")


async def test_several_are_put_out_and_without_a_word_it_is_the_name_of_who_did_it() -> None:
    async with chat() as house:
        ann = await house.enter("ann", "#tea")
        for nick in ("bob", "eve"):
            await house.enter(nick, "#tea")
        await ann.hears()
        assert await ann.says("KICK #tea bob,none,EVE") == [
            ":ann!ann@localhost KICK #tea bob :ann",
            ":tincans 401 ann none :nobody is called none",
            ":ann!ann@localhost KICK #tea eve :ann",
        ]


async def test_why_somebody_is_put_out_is_cut() -> None:
    async with chat() as house:
        ann = await house.enter("ann", "#tea")
        await house.enter("bob", "#tea")
        assert (await ann.says(f"KICK #tea bob :{'x' * (CHAT_REASON_BYTES + 1)}"))[-1].endswith(
            f" :{'x' * CHAT_REASON_BYTES}"
        )


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("KICK #tea op", "482 bob #tea :you are no operator of #tea"),
        ("KICK #none op", "403 bob #none :there is no room #none"),
        ("INVITE op #tea", "443 bob op #tea :op is in #tea already"),
        ("INVITE eve #none", "403 bob #none :there is no room #none"),
        ("INVITE none #tea", "401 bob none :nobody is called none"),
        ("INVITE eve #other", "442 bob #other :you are not in #other"),
        ("INVITE eve", "461 bob INVITE :name a nick and a room"),
        ("INVITE", "337 bob :that is all"),
    ],
)  # fmt: skip
async def test_what_cannot_be_done_to_others(said: str, answer: str) -> None:
    async with chat() as house:
        await house.enter("op", "#tea", "#other")
        await house.enter("eve")
        bob = await house.enter("bob", "#tea")
        assert await bob.says(said) == [f":tincans {answer}"]


async def test_who_is_not_there_cannot_be_put_out() -> None:
    async with chat() as house:
        op = await house.enter("op", "#tea")
        await house.enter("eve")
        assert await op.says("KICK #tea eve") == [":tincans 441 op eve #tea :eve is not in #tea"]


async def test_an_invitation_lets_in() -> None:
    async with chat() as house:
        op, eve = await house.enter("op", "#tea"), await house.enter("eve")
        house.hub.set_modes(house.hub.find("op"), "#tea", changes("+i"))
        await op.hears()
        await eve.says("AWAY :asleep")
        assert await op.says("INVITE EVE #tea") == [
            ":tincans 341 op eve #tea", ":tincans 301 op eve :asleep"
        ]  # fmt: skip
        assert await eve.hears() == [":op!op@localhost INVITE eve #tea"]
        assert await eve.says("INVITE") == [":tincans 336 eve #tea", ":tincans 337 eve :that is all"]
        assert (await eve.says("JOIN #tea"))[0] == ":eve!eve@localhost JOIN #tea"
        assert await eve.says("INVITE") == [":tincans 337 eve :that is all"]
