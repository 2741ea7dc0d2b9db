"""What answers a labelled command, as one (https://ircv3.net/specs/extensions/labeled-response)."""

from __future__ import annotations

import pytest

from ircing import bare, chat, messages
from tincans.apps.chat.irc.labels import labelled

CAPS = "labeled-response batch message-tags echo-message"


async def test_nothing_is_an_ack() -> None:
    async with chat() as house:
        ann = await house.enter("ann", caps=CAPS)
        assert await ann.says("@label=abc PONG x") == ["@label=abc :tincans ACK"]


async def test_one_line_has_the_label() -> None:
    async with chat() as house:
        ann, bob = await house.enter("ann", "#tea", caps=CAPS), await house.enter("bob", "#tea", caps=CAPS)
        await ann.hears()
        assert bare(await ann.says("@label=1 PRIVMSG #tea :hi", "@label=2 PRIVMSG eve :hi")) == [
            "@label=1 :ann!ann@localhost PRIVMSG #tea :hi", "@label=2 :tincans 401 ann eve :nobody is called eve"
        ]  # fmt: skip
        assert bare(await bob.hears()) == [":ann!ann@localhost PRIVMSG #tea :hi"]


async def test_several_are_a_batch() -> None:
    async with chat() as house:
        ann = await house.enter("ann", caps=CAPS)
        heard = messages(await ann.says("@label=join JOIN #tea"))
        begin, *inside, end = heard
        batch = begin.parameters[0][1:]
        assert begin.tags == {"label": "join"}
        assert (begin.verb, begin.parameters) == ("BATCH", (f"+{batch}", "labeled-response"))
        assert [message.verb for message in inside] == ["JOIN", "353", "366"]
        assert all(message.tags == {"batch": batch} for message in inside)
        assert (end.verb, end.parameters, end.tags) == ("BATCH", (f"-{batch}",), {})


async def test_a_batch_already_has_the_label_itself() -> None:
    async with chat() as house:
        ann = await house.enter("ann", "#tea", caps=f"{CAPS} draft/chathistory")
        await ann.says("PRIVMSG #tea :one", "PRIVMSG #tea :two")
        begin, one, two, _ = messages(await ann.says("@label=h CHATHISTORY LATEST #tea * 10"))
        assert begin.tags == {"label": "h"}
        assert begin.parameters[1:] == ("chathistory", "#tea")
        assert "label" not in one.tags | two.tags


async def test_a_long_message_is_a_batch_of_its_parts() -> None:
    async with chat() as house:
        ann = await house.enter("ann", "#tea", caps=CAPS)
        begin, one, two, _ = messages(await ann.says(f"@label=l PRIVMSG #tea :{'x' * 490}"))
        assert begin.parameters[1:] == ("labeled-response",)
        assert one.tags["msgid"] == two.tags["msgid"]
        assert one.parameters[1] + two.parameters[1] == "x" * 490


async def test_what_others_do_meanwhile_has_no_label() -> None:
    async with chat() as house:
        ann, bob = await house.enter("ann", "#tea", caps=CAPS), await house.enter("bob", "#tea")
        await ann.hears()
        await bob.say("PRIVMSG #tea :hi")
        await bob.hears()
        heard = bare(await ann.says("@label=1 PONG x"))
        assert heard == [":bob!bob@localhost PRIVMSG #tea :hi", "@label=1 :tincans ACK"]


async def test_a_message_to_oneself_comes_twice_and_its_echo_has_the_label() -> None:
    async with chat() as house:
        ann = await house.enter("ann", caps=CAPS)
        assert bare(await ann.says("@label=1 PRIVMSG ann :hi")) == [
            ":ann!ann@localhost PRIVMSG ann :hi", "@label=1 :ann!ann@localhost PRIVMSG ann :hi"
        ]  # fmt: skip


@pytest.mark.parametrize("command", ["NO_SUCH_THING", "JOIN", "PRIVMSG #tea :\\xff"])
async def test_what_cannot_be_followed_has_the_label(command: str) -> None:
    async with chat() as house:
        ann = await house.enter("ann", caps=CAPS)
        said = f"@label=x {command}".encode().replace(b"\\xff", b"\xff")
        (heard,) = messages(await ann.says(said))
        assert heard.tags == {"label": "x"}


async def test_a_label_is_escaped_again() -> None:
    async with chat() as house:
        ann = await house.enter("ann", caps=CAPS)
        assert await ann.says(r"@label=a\:b\sc\\d\r\n PONG x") == [r"@label=a\:b\sc\\d\r\n :tincans ACK"]


@pytest.mark.parametrize(("length", "answers"), [(64, 1), (65, 0)])
async def test_a_label_has_its_length_and_not_one_byte_more(length: int, answers: int) -> None:
    async with chat() as house:
        ann = await house.enter("ann", caps=CAPS)
        assert len(await ann.says(f"@label={'x' * length} PONG x")) == answers


@pytest.mark.parametrize("caps", ["", "labeled-response", "batch"])
async def test_a_label_means_nothing_to_who_has_not_asked_for_both(caps: str) -> None:
    async with chat() as house:
        ann = await house.enter("ann", caps=caps)
        assert await ann.says("@label=x PONG x", "@label=x PING y") == [":tincans PONG tincans y"]


async def test_what_takes_its_time_is_labelled_as_well() -> None:
    async with chat() as house:
        ann = await house.enter("ann", caps=f"{CAPS} draft/chathistory")
        assert await ann.says("@label=x CHATHISTORY LATEST #none * 1") == [
            "@label=x :tincans FAIL CHATHISTORY INVALID_TARGET LATEST #none :there is no room #none"
        ]


def test_a_batch_in_a_batch_keeps_its_own() -> None:
    inner = [b"@time=1 :s BATCH +i x\r\n", b"@batch=i;time=1 :a PRIVMSG b :c\r\n", b":s BATCH -i\r\n", b":s 1 a\r\n"]
    begin, *inside, end = labelled("l", inner, "s").splitlines()
    batch = begin.rpartition(b"+")[2].partition(b" ")[0]
    assert begin == b"@label=l :s BATCH +%b labeled-response" % batch
    assert inside == [
        b"@batch=%b;time=1 :s BATCH +i x" % batch, b"@batch=i;time=1 :a PRIVMSG b :c", b"@batch=%b :s BATCH -i" % batch,
        b"@batch=%b :s 1 a" % batch,
    ]  # fmt: skip
    assert end == b":s BATCH -%b" % batch
