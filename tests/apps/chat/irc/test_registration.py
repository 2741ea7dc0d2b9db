"""How a caller of IRC comes in, and goes (RFC 2812 §3.1), and what it is greeted with."""

from __future__ import annotations

import asyncio

import pytest

from ircing import IrcClient, chat, messages
from rooming import USERS
from tincans import __version__
from tincans.apps.chat.irc import registration as irc_registration
from tincans.apps.chat.names import NICK_RULE
from tincans.limits import CHAT_NICK_BYTES, CHAT_REASON_BYTES, CHAT_ROOMS_JOINED


async def come_in(client: IrcClient, nick: str) -> list[str]:
    return await client.says(f"NICK {nick}", f"USER {nick} 0 * :Somebody")


async def test_who_says_nick_and_user_is_greeted() -> None:
    async with chat() as house:
        client = house.call()
        assert await client.says("NICK ann") == []
        greeting = messages(await client.says("USER ann 0 * :Ann Lee"))
        assert [message.name for message in greeting] == [
            "RPL_WELCOME", "RPL_YOURHOST", "RPL_CREATED", "RPL_MYINFO", "RPL_ISUPPORT", "RPL_ISUPPORT",
            "RPL_LUSERCLIENT", "RPL_LUSERME", "ERR_NOMOTD",
        ]  # fmt: skip
        assert {message.source for message in greeting} == {"tincans"}
        assert {message.parameters[0] for message in greeting} == {"ann"}
        assert greeting[0].parameters[1] == "Welcome to tincans, ann!ann@localhost"
        assert greeting[3].parameters[1:3] == ("tincans", f"tincans-{__version__}")
        assert house.hub.find("ann").real_name == "Ann Lee"


async def test_user_may_come_before_nick() -> None:
    async with chat() as house:
        client = house.call()
        assert await client.says("USER ann 0 * :Ann") == []
        assert (await client.says("NICK ann"))[0].startswith(":tincans 001 ann ")


async def test_what_was_received_before_the_door_was_known_is_acted_upon() -> None:
    async with chat() as house:
        client = house.call(first=b"NICK ann\r\nUSER ann 0 * :A")
        assert (await client.says("nn"))[0].startswith(":tincans 001 ann ")
        assert house.hub.find("ann").real_name == "Ann"


async def test_the_limits_are_announced() -> None:
    async with chat() as house:
        said = messages(await come_in(house.call(), "ann"))
        words = {
            word.partition("=")[0]: word.partition("=")[2]
            for message in said if message.name == "RPL_ISUPPORT" for word in message.parameters[1:-1]
        }  # fmt: skip
        assert words["NICKLEN"] == str(CHAT_NICK_BYTES)
        assert words["CHANLIMIT"] == f"#:{CHAT_ROOMS_JOINED}"
        assert words["PREFIX"] == "(ov)@+"
        assert words["CHANMODES"] == "beIq,k,l,imnrst"
        assert words["CASEMAPPING"] == "ascii"
        assert words["NETWORK"] == "tincans"
        assert words["MSGREFTYPES"] == "msgid,timestamp"
        assert words["UTF8ONLY"] == ""
        assert all(len(message.parameters) <= 15 for message in said)


async def test_before_that_hardly_anything_is_followed() -> None:
    async with chat() as house:
        client = house.call()
        assert (
            await client.says("JOIN #tea", "PRIVMSG ann :x")
            == [":tincans 451 * :say who you are first: NICK and USER"] * 2
        )
        assert house.hub.rooms == {}


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("NICK", ":tincans 431 * :no nick was given"),
        ("NICK :", ":tincans 431 * :no nick was given"),
        ("NICK 1st", f":tincans 432 * 1st :nobody can be called '1st': {NICK_RULE}"),
        ("NICK :a b", f":tincans 432 * * :nobody can be called 'a b': {NICK_RULE}"),
        ("NICK bob", ":tincans 433 * bob :somebody is called bob already"),
        ("NICK BOB", ":tincans 433 * BOB :somebody is called BOB already"),
    ],
)
async def test_a_nick_that_cannot_be_had(said: str, answer: str) -> None:
    async with chat() as house:
        await house.enter("bob")
        client = house.call()
        assert await client.says("USER ann 0 * :Ann", said) == [answer]
        assert (await client.says("NICK ann"))[0].startswith(":tincans 001 ann ")


async def test_two_who_wish_for_the_same_nick() -> None:
    """The one who is in first has it; the other chooses anew."""
    async with chat() as house:
        one, other = house.call(), house.call()
        assert await one.says("NICK ann") == await other.says("NICK ann") == []
        await one.says("USER a 0 * :One")
        assert await other.says("USER a 0 * :Other") == [":tincans 433 * ann :somebody is called ann already"]
        assert (await other.says("NICK ann2"))[0].startswith(":tincans 001 ann2 ")


async def test_a_nick_is_changed() -> None:
    async with chat() as house:
        ann, bob = await house.enter("ann", "#tea"), await house.enter("bob", "#tea")
        await ann.hears()
        assert await ann.says("NICK lee") == [":ann!ann@localhost NICK lee"]
        assert await bob.says("NICK LEE") == [
            ":ann!ann@localhost NICK lee", ":tincans 433 bob LEE :somebody is called LEE already"
        ]  # fmt: skip
        assert await ann.says("NICK lee") == []


async def test_user_is_said_once_and_with_all_that_it_needs() -> None:
    async with chat() as house:
        client = house.call()
        assert [m.name for m in messages(await client.says("USER ann 0 *"))] == ["ERR_NEEDMOREPARAMS"]
        assert [m.name for m in messages(await client.says("USER a 0 * :A", "USER a 0 * :B"))] == [
            "ERR_ALREADYREGISTERED"
        ]
        ann = await house.enter("ann")
        assert [m.name for m in messages(await ann.says("USER a 0 * :A", "PASS ann:x"))] == [
            "ERR_ALREADYREGISTERED"
        ] * 2


# ── who logs in ───────────────────────────────────────────────────────────────────────────────────────────


async def test_pass_logs_in() -> None:
    async with chat(users=USERS) as house:
        client = house.call()
        assert await client.says("PASS ann:ann") == [":tincans 900 * *!ann@localhost ann :you are logged in as ann"]
        assert (await come_in(client, "ann"))[0].startswith(":tincans 001 ann ")
        assert house.hub.find("ann").account == "ann"


async def test_a_wrong_pass_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tincans.apps.chat.irc.sasl.LOGIN_REST_SECONDS", 0)
    async with chat(users=USERS) as house:
        client = house.call()
        await client.say("PASS ann:eve", "NICK ann", "USER ann 0 * :Ann")
        assert await client.hears_the_end() == [
            ":tincans 464 * :the name or the password is wrong: PASS name:password",
            "ERROR :Closing link: localhost (wrong password)",
        ]
        assert house.hub.people == {}


async def test_where_nobody_can_log_in_a_pass_means_nothing() -> None:
    async with chat() as house:
        client = house.call()
        assert await client.says("PASS anything") == []
        assert (await come_in(client, "ann"))[0].startswith(":tincans 001 ann ")


async def test_the_nick_of_a_user_is_theirs() -> None:
    async with chat(users=USERS) as house:
        client = house.call()
        assert await come_in(client, "ann") == [":tincans 433 * ann :ann is the name of a user, who has to log in"]


async def test_who_may_still_log_in_may_wish_for_the_nick_of_a_user() -> None:
    async with chat(users=USERS) as house:
        client = house.call()
        assert len(await client.says("CAP LS 302", "NICK ann", "USER ann 0 * :Ann")) == 1
        assert await client.says("CAP END") == [":tincans 433 * ann :ann is the name of a user, who has to log in"]
        assert (await client.says("NICK eve"))[0].startswith(":tincans 001 eve ")


async def test_a_hub_without_guests_says_so() -> None:
    async with chat(users=USERS, guests=False) as house:
        client = house.call()
        await client.say("NICK eve", "USER eve 0 * :Eve")
        assert await client.hears_the_end() == [
            ":tincans FAIL * ACCOUNT_REQUIRED_TO_CONNECT :this hub is for those who log in",
            "ERROR :Closing link: localhost (this hub is for those who log in)",
        ]


async def test_one_s_own_nick_is_taken_back_from_a_connection_that_was_lost() -> None:
    async with chat(users=USERS) as house:
        lost = await house.enter("ann", "#tea", login="ann:ann")
        back, eve = await house.enter("ann2", login="ann:ann"), await house.enter("eve", "#tea")
        assert await back.says("NICK ann") == [":tincans 433 ann2 ann :somebody is called ann already"]
        assert await eve.says("REGAIN ann", "REGAIN") == [
            ":tincans 433 eve ann :somebody is called ann already", ":tincans 431 eve :no nick was given"
        ]  # fmt: skip
        assert await back.says("REGAIN") == [":ann2!ann@localhost NICK ann"]
        assert (await lost.hears_the_end())[-1] == "ERROR :Closing link: localhost (ann has come back)"
        assert await eve.hears() == [":ann!ann@localhost QUIT :ann has come back"]


async def test_guests_take_nothing_from_each_other() -> None:
    async with chat() as house:
        await house.enter("ann")
        eve = await house.enter("eve")
        assert await eve.says("REGAIN ann") == [":tincans 433 eve ann :somebody is called ann already"]


# ── being there, and going ────────────────────────────────────────────────────────────────────────────────


async def test_ping_is_answered_with_its_own_word() -> None:
    async with chat() as house:
        ann = house.call()
        assert await ann.says("PING :are you there") == [":tincans PONG tincans :are you there"]
        assert await ann.says("PING") == [":tincans 409 * :nothing was asked"]
        assert await ann.says("PONG x") == []


async def test_quit_is_told_to_the_rooms_and_answered() -> None:
    async with chat() as house:
        ann, bob = await house.enter("ann", "#tea"), await house.enter("bob", "#tea")
        await ann.hears()
        await ann.say("QUIT :so long", "PRIVMSG #tea :unheard")
        assert await ann.hears_the_end() == ["ERROR :Closing link: localhost (Quit: so long)"]
        assert await bob.hears() == [":ann!ann@localhost QUIT :Quit: so long"]
        assert list(house.hub.people) == ["bob"]


async def test_who_just_hangs_up_has_left() -> None:
    async with chat() as house:
        ann, bob = await house.enter("ann", "#tea"), await house.enter("bob", "#tea")
        await ann.channel.aclose()
        await ann.door
        assert await bob.hears() == [":ann!ann@localhost QUIT :hung up"]


async def test_who_is_lost_has_left() -> None:
    async with chat() as house:
        ann, bob = await house.enter("ann", "#tea"), await house.enter("bob", "#tea")
        ann.channel.abort()
        await ann.door
        assert [line.partition(" QUIT ")[0] for line in await bob.hears()] == [":ann!ann@localhost"]


async def test_who_never_says_who_they_are_has_to_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(irc_registration, "CHAT_REGISTER_SECONDS", 0.01)
    async with chat() as house:
        client = house.call(first=b"NICK ann\r\n")
        assert await client.hears_the_end() == ["ERROR :Closing link: localhost (you did not say who you are)"]
        await client.channel.aclose()
        await client.door


async def test_who_is_in_may_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(irc_registration, "CHAT_REGISTER_SECONDS", 0.01)
    async with chat() as house:
        ann = house.call(first=b"NICK ann\r\nUSER a 0 * :A\r\n")
        await asyncio.sleep(0.03)
        assert (await ann.hears())[0].startswith(":tincans 001 ")


# ── names ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_name_is_set_and_told_to_those_who_want_to_know() -> None:
    async with chat() as house:
        ann = await house.enter("ann", "#tea", caps="setname")
        bob = await house.enter("bob", "#tea", caps="setname")
        eve = await house.enter("eve", "#tea")
        await ann.hears()
        assert await ann.says("SETNAME :Ann Lee") == [":ann!ann@localhost SETNAME :Ann Lee"]
        assert (await bob.hears())[-1] == ":ann!ann@localhost SETNAME :Ann Lee"
        assert await eve.hears() == []
        assert house.hub.find("ann").real_name == "Ann Lee"


async def test_a_name_has_its_length_and_not_one_byte_more() -> None:
    async with chat() as house:
        ann = await house.enter("ann", caps="setname")
        assert await ann.says(f"SETNAME :{'x' * CHAT_REASON_BYTES}") == [
            f":ann!ann@localhost SETNAME :{'x' * CHAT_REASON_BYTES}"
        ]
        fault = f":tincans FAIL SETNAME INVALID_REALNAME :a name has between 1 and {CHAT_REASON_BYTES} bytes"
        assert await ann.says(f"SETNAME :{'x' * (CHAT_REASON_BYTES + 1)}", "SETNAME :") == [fault, fault]


async def test_counts_and_the_message_of_the_day_are_told_when_asked() -> None:
    async with chat() as house:
        await house.enter("bob", "#tea")
        ann = await house.enter("ann")
        assert await ann.says("LUSERS", "MOTD") == [
            ":tincans 251 ann :There are 2 users and 0 invisible on 1 servers",
            ":tincans 254 ann 1 :rooms are there",
            ":tincans 255 ann :I have 2 clients and 0 servers",
            ":tincans 422 ann :there is no message of the day",
        ]
