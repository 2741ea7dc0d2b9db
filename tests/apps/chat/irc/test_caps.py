"""CAP (https://ircv3.net/specs/extensions/capability-negotiation), and what each capability changes."""

from __future__ import annotations

import pytest

from ircing import bare, chat, messages
from rooming import USERS

PLAIN = (
    "account-notify account-tag away-notify batch cap-notify chghost draft/chathistory echo-message extended-join "
    "invite-notify labeled-response message-tags multi-prefix no-implicit-names server-time setname standard-replies "
    "userhost-in-names"
)


# ── the negotiation ───────────────────────────────────────────────────────────────────────────────────────


async def test_who_talks_about_capabilities_comes_in_at_the_end_of_it() -> None:
    async with chat() as house:
        client = house.call()
        assert await client.says("CAP LS 302", "NICK ann", "USER ann 0 * :Ann") == [f":tincans CAP * LS :{PLAIN}"]
        assert await client.says("CAP REQ :multi-prefix batch") == [":tincans CAP * ACK :multi-prefix batch"]
        assert (await client.says("CAP END"))[0].startswith(":tincans 001 ann ")


async def test_a_request_alone_holds_it_up_as_well() -> None:
    async with chat() as house:
        client = house.call()
        assert await client.says("CAP REQ batch", "NICK ann", "USER ann 0 * :Ann") == [":tincans CAP * ACK batch"]
        assert (await client.says("CAP END"))[0].startswith(":tincans 001 ann ")


async def test_a_question_what_one_has_does_not() -> None:
    async with chat() as house:
        client = house.call()
        assert await client.says("CAP LIST") == [":tincans CAP * LIST :"]
        assert (await client.says("NICK ann", "USER ann 0 * :Ann"))[0].startswith(":tincans 001 ann ")


@pytest.mark.parametrize("version", ["302", "307", "999999999999"])
async def test_values_are_for_who_knows_the_version(version: str) -> None:
    async with chat(users=USERS) as house:
        client = house.call()
        assert await client.says(f"CAP LS {version}") == [f":tincans CAP * LS :{PLAIN} sasl=SCRAM-SHA-256,PLAIN"]
        assert await client.says("CAP LIST") == [":tincans CAP * LIST cap-notify"]


@pytest.mark.parametrize("version", ["", " 301", " x", " ٣٠٢"])
async def test_and_not_for_others(version: str) -> None:
    async with chat(users=USERS) as house:
        assert await house.call().says(f"CAP LS{version}") == [f":tincans CAP * LS :{PLAIN} sasl"]


async def test_a_long_list_is_several_lines_of_which_all_but_the_last_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    names = tuple(f"example.org/{'x' * 20}-{number}" for number in range(20))
    monkeypatch.setattr("tincans.apps.chat.irc.caps._CAPS", names)
    async with chat() as house:
        said = messages(await house.call().says("CAP LS 302"))
        assert len(said) == 2
        assert [message.parameters[:-1] for message in said] == [("*", "LS", "*"), ("*", "LS")]
        assert tuple(name for message in said for name in message.parameters[-1].split()) == names


async def test_all_that_is_asked_for_is_given_or_nothing() -> None:
    async with chat() as house:
        ann = await house.enter("ann", caps="batch")
        assert await ann.says("CAP REQ :multi-prefix no-such-thing") == [
            ":tincans CAP ann NAK :multi-prefix no-such-thing"
        ]
        assert await ann.says("CAP LIST") == [":tincans CAP ann LIST :batch cap-notify"]
        assert await ann.says("CAP REQ :-batch multi-prefix") == [":tincans CAP ann ACK :-batch multi-prefix"]
        assert await ann.says("CAP REQ :-batch multi-prefix") == [":tincans CAP ann ACK :-batch multi-prefix"]
        assert await ann.says("CAP LIST") == [":tincans CAP ann LIST :cap-notify multi-prefix"]


async def test_who_knows_the_version_is_always_notified() -> None:
    async with chat() as house:
        client = house.call()
        assert len(await client.says("CAP LS 302")) == 1
        assert await client.says("CAP REQ -cap-notify") == [":tincans CAP * NAK -cap-notify"]
        other = house.call()
        assert await other.says("CAP REQ cap-notify", "CAP REQ -cap-notify") == [
            ":tincans CAP * ACK cap-notify", ":tincans CAP * ACK -cap-notify"
        ]  # fmt: skip


async def test_logins_are_not_offered_where_there_are_none() -> None:
    async with chat() as house:
        assert await house.call().says("CAP REQ sasl") == [":tincans CAP * NAK sasl"]


async def test_cap_is_heard_at_any_time_and_its_end_means_nothing_then() -> None:
    async with chat() as house:
        ann = await house.enter("ann")
        assert await ann.says("CAP LS") == [f":tincans CAP ann LS :{PLAIN}"]
        assert await ann.says("CAP END", "cap end") == []
        assert await ann.says("CAP FOO", "CAP :a b", "CAP") == [
            ":tincans 410 ann FOO :there is no such subcommand of CAP",
            ":tincans 410 ann * :there is no such subcommand of CAP",
            ":tincans 461 ann CAP :it needs more parameters: CAP LS|LIST|REQ|END: say what your program can do",
        ]


async def test_capabilities_are_changed_in_the_midst_of_rooms() -> None:
    async with chat() as house:
        ann, bob = await house.enter("ann", "#tea"), await house.enter("bob", "#tea")
        await ann.hears()
        await ann.says("CAP REQ :server-time message-tags")
        await bob.says("PRIVMSG #tea :one")
        heard = messages(await ann.hears())
        assert set(heard[0].tags) == {"time", "msgid"}
        await ann.says("CAP REQ :-server-time -message-tags")
        await bob.says("PRIVMSG #tea :two")
        assert await ann.hears() == [":bob!bob@localhost PRIVMSG #tea :two"]


# ── what they change ──────────────────────────────────────────────────────────────────────────────────────


async def test_server_time_is_in_whole_milliseconds_and_the_hub_s() -> None:
    async with chat() as house:
        ann, bob = await house.enter("ann", "#tea", caps="server-time"), await house.enter("bob", "#tea")
        await ann.hears()
        await bob.says("PRIVMSG #tea :one")
        (heard,) = messages(await ann.hears())
        at = house.hub.history.recent("#tea", 1)[0].at
        assert heard.tags["time"].endswith(f".{at // 10**6 % 1000:03}Z")
        assert heard.tags["time"][:4].isdigit()
        assert heard.tags["time"][10] == "T"


async def test_account_tag_and_account_notify() -> None:
    async with chat(users=USERS) as house:
        ann = await house.enter("guest", "#tea", caps="account-tag account-notify")
        await house.enter("ann", "#tea", login="ann:ann")
        assert await ann.hears() == ["@account=ann :ann!ann@localhost JOIN #tea"]
        late = await house.enter("late", "#tea", caps="account-notify")
        await ann.hears()
        house.hub.log_in(house.hub.find("late"), "bob")
        assert await ann.hears() == ["@account=bob :late!bob@localhost ACCOUNT bob"]
        assert await late.hears() == [":late!bob@localhost ACCOUNT bob"]
        house.hub.log_in(house.hub.find("late"), "")
        assert await late.hears() == [":late!late@localhost ACCOUNT *"]


async def test_chghost_tells_of_a_user_that_has_changed() -> None:
    async with chat(users=USERS) as house:
        ann = await house.enter("guest", "#tea", caps="chghost")
        await house.enter("late", "#tea")
        await ann.hears()
        house.hub.log_in(house.hub.find("late"), "bob")
        assert await ann.hears() == [":late!late@localhost CHGHOST bob localhost"]
        assert await ann.says("NICK eve") == [
            ":guest!guest@localhost NICK eve", ":eve!guest@localhost CHGHOST eve localhost"
        ]  # fmt: skip


async def test_extended_join_has_the_account_and_the_name() -> None:
    async with chat(users=USERS) as house:
        eve = await house.enter("eve", "#tea", caps="extended-join")
        await house.enter("ann", "#tea", login="ann:ann")
        await house.enter("guest", "#tea")
        assert await eve.hears() == [
            ":ann!ann@localhost JOIN #tea ann :Ann Smith",
            ":guest!guest@localhost JOIN #tea * :Guest Smith",
        ]


async def test_away_notify_tells_of_those_in_the_same_rooms_and_of_who_joins_away() -> None:
    async with chat() as house:
        ann = await house.enter("ann", "#tea", caps="away-notify")
        bob, eve = await house.enter("bob", "#tea"), await house.enter("eve")
        await ann.hears()
        await bob.says("AWAY :at lunch")
        await eve.says("AWAY :asleep")
        assert await ann.hears() == [":bob!bob@localhost AWAY :at lunch"]
        await bob.says("AWAY")
        await eve.says("JOIN #tea")
        assert await ann.hears() == [
            ":bob!bob@localhost AWAY", ":eve!eve@localhost JOIN #tea", ":eve!eve@localhost AWAY :asleep"
        ]  # fmt: skip
        assert await bob.hears() == [":eve!eve@localhost JOIN #tea"]


async def test_invite_notify_tells_those_who_may_invite() -> None:
    async with chat() as house:
        ann = await house.enter("ann", "#tea", caps="invite-notify")
        bob, eve = await house.enter("bob", "#tea", caps="invite-notify"), await house.enter("eve")
        await ann.hears()
        assert await bob.says("INVITE eve #tea") == [":tincans 341 bob eve #tea"]
        assert await ann.hears() == [":bob!bob@localhost INVITE eve #tea"]
        assert await eve.hears() == [":bob!bob@localhost INVITE eve #tea"]
        await ann.says("CAP REQ -invite-notify")
        await bob.says("INVITE eve #tea")
        assert await ann.hears() == []


async def test_names_have_all_signs_and_hosts_for_who_wants_them() -> None:
    async with chat() as house:
        ann = await house.enter("ann", "#tea")
        me = house.hub.find("ann")
        house.hub.room("#tea").members[me] = "ov"
        assert (await ann.says("NAMES #tea"))[0] == ":tincans 353 ann = #tea :@ann"
        await ann.says("CAP REQ :multi-prefix userhost-in-names")
        assert (await ann.says("NAMES #tea"))[0] == ":tincans 353 ann = #tea :@+ann!ann@localhost"


async def test_names_are_told_only_when_asked_for_by_who_wants_that() -> None:
    async with chat() as house:
        ann = await house.enter("ann", caps="no-implicit-names")
        assert await ann.says("JOIN #tea") == [":ann!ann@localhost JOIN #tea"]
        assert len(await ann.says("NAMES #tea")) == 2


async def test_an_echo_is_for_who_wants_it() -> None:
    async with chat() as house:
        ann = await house.enter("ann", "#tea", caps="echo-message")
        assert await ann.says("PRIVMSG #tea :one", "NOTICE #tea :two") == [
            ":ann!ann@localhost PRIVMSG #tea :one", ":ann!ann@localhost NOTICE #tea :two"
        ]  # fmt: skip
        bob = await house.enter("bob")
        assert await ann.says("PRIVMSG BOB :three") == [":ann!ann@localhost PRIVMSG bob :three"]
        assert await bob.says("PRIVMSG bob :to me") == [
            ":ann!ann@localhost PRIVMSG bob :three", ":bob!bob@localhost PRIVMSG bob :to me"
        ]  # fmt: skip


async def test_the_same_message_has_the_same_name_everywhere() -> None:
    async with chat() as house:
        ann = await house.enter("ann", "#tea", caps="echo-message message-tags")
        bob = await house.enter("bob", "#tea", caps="message-tags")
        await ann.hears()
        echo = await ann.says("PRIVMSG #tea :one")
        assert await bob.hears() == echo
        assert messages(echo)[0].tags["msgid"] == house.hub.history.recent("#tea", 1)[0].id
        assert bare(echo) == [":ann!ann@localhost PRIVMSG #tea :one"]
