"""What is said over IRC: PRIVMSG, NOTICE, TAGMSG, AWAY, and what other doors say (RFC 2812 §3.3, §4.1)."""

from __future__ import annotations

import pytest

from ircing import bare, chat, messages
from rooming import changes
from tincans.apps.chat.events import Event, File, Whispered
from tincans.apps.chat.hub import Hub
from tincans.apps.chat.member import Member
from tincans.limits import CHAT_REASON_BYTES, CHAT_TARGETS, IRC_CLIENT_TAGS_BYTES, IRC_MESSAGE_BYTES


def program(hub: Hub, nick: str, *rooms: str) -> Member:
    """Somebody behind another door, who is told nothing."""
    member = Member("hub")
    hub.enter(member, nick)
    for room in rooms:
        hub.join(member, room)
    return member


# ── to whom ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_several_are_told_at_once_and_each_once() -> None:
    async with chat() as house:
        ann, bob = await house.enter("ann", "#tea"), await house.enter("bob", "#tea")
        await ann.hears()
        assert await ann.says("PRIVMSG #tea,bob,#tea,none :hi") == [":tincans 401 ann none :nobody is called none"]
        assert await bob.hears() == [":ann!ann@localhost PRIVMSG #tea :hi", ":ann!ann@localhost PRIVMSG bob :hi"]


async def test_names_are_told_as_they_are_written_by_who_has_them() -> None:
    async with chat() as house:
        ann, bob = await house.enter("ann", "#Tea"), await house.enter("Bob", "#TEA")
        await ann.hears()
        await ann.says("PRIVMSG #tEa :hi", "PRIVMSG BOB :hi")
        assert await bob.hears() == [":ann!ann@localhost PRIVMSG #Tea :hi", ":ann!ann@localhost PRIVMSG Bob :hi"]


async def test_so_many_are_spoken_to_at_once_and_not_one_more() -> None:
    async with chat() as house:
        ann = await house.enter("ann", caps="message-tags echo-message")
        names = ",".join(f"x{number}" for number in range(CHAT_TARGETS + 1))
        for command in ("PRIVMSG {} :x", "@+a TAGMSG {}"):
            fault, *heard = messages(await ann.says(command.format(names)))
            assert [message.name for message in heard] == ["ERR_NOSUCHNICK"] * CHAT_TARGETS
            assert fault.name == "ERR_TOOMANYTARGETS"
            assert fault.parameters == ("ann", f"x{CHAT_TARGETS}", f"at most {CHAT_TARGETS} at once")
        assert await ann.says(f"NOTICE {names} :x") == []


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("PRIVMSG", "411 ann :nobody was named (PRIVMSG)"),
        ("PRIVMSG #tea", "412 ann :there is nothing in it"),
        ("PRIVMSG #tea :", "412 ann :there is nothing in it"),
        ("PRIVMSG #tea :  ", "412 ann :there is nothing in it"),
        ("PRIVMSG #none :x", "403 ann #none :there is no room #none"),
        ("PRIVMSG none :x", "401 ann none :nobody is called none"),
        ("PRIVMSG #other :x", "404 ann #other :you are not in #other"),
        ("PRIVMSG #tea :\x01VERSION\x01", "404 ann #tea :a room answers no CTCP"),
        ("TAGMSG", "461 ann TAGMSG :it needs more parameters: TAGMSG <room or nick>{,…}: say tags alone"),
        ("@+a=b TAGMSG #none", "403 ann #none :there is no room #none"),
        ("@+a=b TAGMSG #other", "404 ann #other :you are not in #other"),
    ],
)
async def test_what_cannot_be_said(said: str, answer: str) -> None:
    async with chat() as house:
        await house.enter("bob", "#other")
        ann = await house.enter("ann", "#tea")
        assert await ann.says(said) == [f":tincans {answer}"]


@pytest.mark.parametrize("said", ["NOTICE", "NOTICE #tea", "NOTICE #none :x", "NOTICE none :x", "NOTICE #other :x"])
async def test_what_goes_wrong_with_a_notice_is_not_answered(said: str) -> None:
    async with chat() as house:
        await house.enter("bob", "#other")
        ann = await house.enter("ann")
        assert await ann.says(said) == []


async def test_in_a_moderated_room_and_by_who_is_quieted_nothing_is_said() -> None:
    async with chat() as house:
        op, ann = await house.enter("op", "#tea"), await house.enter("ann", "#tea")
        await op.hears()
        house.hub.set_modes(None, "#tea", changes("+m"))
        await ann.hears()
        assert await ann.says("PRIVMSG #tea :x") == [":tincans 404 ann #tea :only some may speak in #tea"]
        await op.hears()
        assert await op.says("PRIVMSG #tea :x") == []
        house.hub.set_modes(None, "#tea", changes("-m +q ann"))
        await ann.hears()
        assert await ann.says("PRIVMSG #tea :x") == [":tincans 404 ann #tea :you may not speak in #tea"]


# ── what ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_action_is_an_act_for_all_doors() -> None:
    async with chat() as house:
        ann, bob = await house.enter("ann", "#tea"), await house.enter("bob", "#tea")
        await ann.hears()
        await ann.says("PRIVMSG #tea :\x01ACTION waves\x01", "PRIVMSG #tea :\x01ACTION bows")
        assert [(each.kind, each.text) for each in house.hub.history.recent("#tea", 9)] == [
            ("act", "waves"), ("act", "bows")
        ]  # fmt: skip
        assert await bob.hears() == [
            ":ann!ann@localhost PRIVMSG #tea :\x01ACTION waves\x01",
            ":ann!ann@localhost PRIVMSG #tea :\x01ACTION bows\x01",
        ]


@pytest.mark.parametrize("said", ["\x01ACTION \x01", "\x01ACTION\x01", "\x01ACTION   \x01"])
async def test_an_action_of_nothing_is_not_said(said: str) -> None:
    async with chat() as house:
        ann = await house.enter("ann", "#tea")
        assert len(await ann.says(f"PRIVMSG #tea :{said}")) == 1
        assert house.hub.history.last == 0


async def test_other_ctcp_is_passed_between_two() -> None:
    async with chat() as house:
        ann, bob = await house.enter("ann"), await house.enter("bob")
        assert await ann.says("PRIVMSG bob :\x01VERSION\x01") == []
        assert await bob.hears() == [":ann!ann@localhost PRIVMSG bob :\x01VERSION\x01"]
        await bob.says("NOTICE ann :\x01VERSION a client\x01")
        assert await ann.hears() == [":bob!bob@localhost NOTICE ann :\x01VERSION a client\x01"]


async def test_other_ctcp_is_nothing_to_who_is_behind_another_door() -> None:
    async with chat() as house:
        ann, told = await house.enter("ann"), list[Event]()
        program(house.hub, "page")
        house.hub.watchers.append(told.append)
        assert await ann.says("PRIVMSG page :\x01VERSION\x01", "PRIVMSG page :\x01ACTION waves\x01") == []
        assert [event.kind for event in told if isinstance(event, Whispered)] == ["act"]


async def test_a_notice_is_one_for_all_doors() -> None:
    async with chat() as house:
        ann = await house.enter("ann", "#tea")
        await ann.says("NOTICE #tea :done")
        assert house.hub.history.recent("#tea", 1)[0].kind == "notice"


async def test_a_message_is_as_long_as_irc_allows_and_not_one_byte_longer() -> None:
    """A longer one is not cut, but refused whole."""
    async with chat() as house:
        ann, bob = await house.enter("ann", "#tea"), await house.enter("bob", "#tea")
        await ann.hears()
        longest = "x" * (IRC_MESSAGE_BYTES - 2 - len("PRIVMSG #tea :"))
        assert await ann.says(f"PRIVMSG #tea :{longest}") == []
        heard = messages(await bob.hears())
        assert "".join(message.parameters[1] for message in heard) == longest
        assert await ann.says(f"PRIVMSG #tea :{longest}x") == [":tincans 417 ann :that was 1 bytes too long"]
        assert await bob.hears() == []


async def test_a_long_text_of_another_door_is_several_lines_of_whole_characters() -> None:
    async with chat() as house:
        ann = await house.enter("ann", "#tea", caps="message-tags")
        text = "é" * 400 + " " + "€" * 300
        house.hub.say(program(house.hub, "page", "#tea"), "#tea", text)
        _, *lines = await ann.hears()
        heard = messages(lines)
        assert all(len(bare([line])[0].encode()) <= IRC_MESSAGE_BYTES - 2 for line in lines)
        assert "".join(message.parameters[1] for message in heard) == text
        assert len({message.tags["msgid"] for message in heard}) == 1


async def test_a_long_text_is_cut_behind_a_word_where_there_is_one() -> None:
    async with chat() as house:
        ann = await house.enter("ann", "#tea")
        house.hub.say(program(house.hub, "page", "#tea"), "#tea", "a word or two " * 50)
        lines = await ann.hears()
        assert len(lines) == 3
        assert all(line.endswith(" ") for line in lines[1:])


async def test_several_lines_of_another_door_are_several_messages() -> None:
    async with chat() as house:
        ann = await house.enter("ann", "#tea")
        page = program(house.hub, "page", "#tea")
        house.hub.say(page, "#tea", "one\r\n\n  \ntwo\rthree\0four")
        house.hub.say(page, "#tea", "waves\nand bows", "act")
        assert (await ann.hears())[1:] == [
            ":page!page@hub PRIVMSG #tea :one",
            ":page!page@hub PRIVMSG #tea :two",
            ":page!page@hub PRIVMSG #tea :three four",
            ":page!page@hub PRIVMSG #tea :\x01ACTION waves\x01",
            ":page!page@hub PRIVMSG #tea :\x01ACTION and bows\x01",
        ]


async def test_a_file_is_a_link() -> None:
    """In memory the hub has no address, and the link is a path."""
    async with chat() as house:
        ann = await house.enter("ann", "#tea")
        file = File(name="a.png", size=3, type="image/png", url="/files/1/a.png")
        house.hub.say(program(house.hub, "page", "#tea"), "#tea", "a.png (3 bytes)", "file", file=file)
        assert (await ann.hears())[1:] == [":page!page@hub PRIVMSG #tea :a.png (3 bytes) /files/1/a.png"]


# ── tags ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_tags_of_clients_are_passed_on_to_those_who_know_tags_and_others_are_not() -> None:
    async with chat() as house:
        ann = await house.enter("ann", "#tea", caps="message-tags echo-message")
        bob, eve = await house.enter("bob", "#tea", caps="message-tags"), await house.enter("eve", "#tea")
        await ann.hears()
        await bob.hears()
        said = r"@+draft/reply=a\:b\s;time=2000-01-01T00:00:00.000Z;account=root;unknown;+typing PRIVMSG #tea :hi"
        echo = bare(await ann.says(said))
        assert echo == [r"@+draft/reply=a\:b\s;+typing :ann!ann@localhost PRIVMSG #tea :hi"]
        assert bare(await bob.hears()) == echo
        assert await eve.hears() == [":ann!ann@localhost PRIVMSG #tea :hi"]


async def test_tags_alone_are_told_to_those_who_know_tags() -> None:
    async with chat() as house:
        ann = await house.enter("ann", "#tea", caps="message-tags echo-message")
        bob, eve = await house.enter("bob", "#tea", caps="message-tags"), await house.enter("eve", "#tea")
        await ann.hears()
        await bob.hears()
        assert bare(await ann.says("@+typing=active TAGMSG #tea,bob,none")) == [
            "@+typing=active :ann!ann@localhost TAGMSG #tea",
            "@+typing=active :ann!ann@localhost TAGMSG bob",
            ":tincans 401 ann none :nobody is called none",
        ]
        assert bare(await bob.hears()) == [
            "@+typing=active :ann!ann@localhost TAGMSG #tea", "@+typing=active :ann!ann@localhost TAGMSG bob"
        ]  # fmt: skip
        assert await eve.hears() == []
        assert house.hub.history.last == 0


async def test_tags_alone_that_no_client_has_for_another_say_nothing() -> None:
    async with chat() as house:
        ann = await house.enter("ann", "#tea", caps="message-tags echo-message")
        assert await ann.says("@unknown TAGMSG #tea", "TAGMSG #tea") == []


async def test_tags_of_a_client_have_their_length_and_not_one_byte_more() -> None:
    async with chat() as house:
        ann = await house.enter("ann", "#tea", caps="message-tags echo-message")
        longest = "x" * (IRC_CLIENT_TAGS_BYTES - len("@+a= "))
        assert bare(await ann.says(f"@+a={longest} TAGMSG #tea")) == [f"@+a={longest} :ann!ann@localhost TAGMSG #tea"]
        assert await ann.says(f"@+a={longest}x TAGMSG #tea") == [":tincans 417 ann :that was 1 bytes too long"]


# ── being away ────────────────────────────────────────────────────────────────────────────────────────────


async def test_who_is_away_is_so_until_they_come_back() -> None:
    async with chat() as house:
        ann, bob = await house.enter("ann"), await house.enter("bob")
        assert await bob.says("AWAY :at lunch") == [":tincans 306 bob :you are marked as away"]
        assert await ann.says("PRIVMSG bob :hi", "NOTICE bob :hi") == [":tincans 301 ann bob :at lunch"]
        assert (await bob.says("AWAY :"))[-1] == ":tincans 305 bob :you are no longer marked as away"
        assert await ann.says("PRIVMSG bob :hi") == []


async def test_why_one_is_away_is_cut() -> None:
    async with chat() as house:
        bob = await house.enter("bob")
        await bob.says(f"AWAY :{'é' * 200}")
        assert house.hub.find("bob").away == "é" * (CHAT_REASON_BYTES // 2)
