"""The IRC door: how a caller's lines are taken, and how callers go. What they say is in the tests beside this one."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ircing import IrcClient, chat, messages
from tincans.apps.chat import Chat, irc, pace
from tincans.apps.chat.events import File
from tincans.apps.chat.history import MemoryHistory
from tincans.apps.chat.hub import Hub
from tincans.apps.chat.irc.commands import COMMANDS
from tincans.apps.settings import Settings
from tincans.channel import Channel
from tincans.client import connect
from tincans.errors import ChannelError, EndOfStream
from tincans.limits import CHAT_BACKLOG_BYTES, CHAT_PING_SECONDS, CHAT_PONG_SECONDS, IRC_MESSAGE_BYTES, LINE_BYTES
from tincans.server import serve
from tincans.tasks import run
from tincans.testing import memory_pair


async def test_two_clients_talk() -> None:
    async with chat() as house:
        ann, bob = await house.enter("ann", "#tea"), await house.enter("bob", "#tea")
        assert await ann.hears() == [":bob!bob@localhost JOIN #tea"]
        assert await ann.says("PRIVMSG #tea :hello there") == []
        assert await bob.hears() == [":ann!ann@localhost PRIVMSG #tea :hello there"]


# ── lines ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_lines_end_in_lf_too_and_empty_ones_mean_nothing() -> None:
    async with chat() as house:
        ann = await house.enter("ann")
        await ann.channel.send(b"\r\n\n   \nPING one\nPING two\r\n")
        assert await ann.hears() == [":tincans PONG tincans one", ":tincans PONG tincans two"]


async def test_lines_may_come_in_any_pieces() -> None:
    async with chat() as house:
        ann = await house.enter("ann", "#tea")
        for byte in "PRIVMSG #tea :ä\r\nPING x\r\n".encode():
            await ann.channel.send(bytes([byte]))
        assert await ann.hears() == [":tincans PONG tincans x"]
        assert house.hub.history.recent("#tea", 1)[0].text == "ä"


async def test_commands_are_said_in_any_case_and_with_a_source_that_nobody_believes() -> None:
    async with chat() as house:
        ann, bob = await house.enter("ann", "#tea"), await house.enter("bob", "#tea")
        await ann.hears()
        await bob.says(":ann!ann@localhost privmsg #tea :hi")
        assert await ann.hears() == [":bob!bob@localhost PRIVMSG #tea :hi"]


async def test_what_is_no_command_is_answered() -> None:
    async with chat() as house:
        ann = await house.enter("ann")
        assert await ann.says("NONSENSE a b", "STARTTLS", "PING x") == [
            ":tincans 421 ann NONSENSE :there is no such command",
            ":tincans 421 ann STARTTLS :there is no such command",
            ":tincans PONG tincans x",
        ]


@pytest.mark.parametrize("said", [b"PRIVMSG #tea :\xff", b"TOPIC #tea :\xc3", b"\xff", b"@+a=\xff PRIVMSG #tea :x"])
async def test_what_is_not_utf_8_is_refused(said: bytes) -> None:
    """https://ircv3.net/specs/extensions/utf8-only"""
    async with chat() as house:
        ann = await house.enter("ann", "#tea")
        command = "*" if said == b"\xff" else said.split()[said.startswith(b"@")].decode()
        assert await ann.says(said) == [
            f":tincans FAIL {command} INVALID_UTF8 :say it in UTF-8, as everybody here does"
        ]
        assert house.hub.history.last == 0


async def test_a_line_is_as_long_as_irc_allows_and_not_one_byte_longer() -> None:
    async with chat() as house:
        ann = await house.enter("ann")
        word = "x" * (IRC_MESSAGE_BYTES - 2 - len("PING "))
        assert len(await ann.says(f"PING {word}")) == 1
        assert await ann.says(f"PING {word}x", "PING y") == [
            ":tincans 417 ann :that was 1 bytes too long", ":tincans PONG tincans y"
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"PRIVMSG #tea :a\0b", "a message has a NUL or a lone CR in it"),
        (b"PRIVMSG #tea :a\rb", "a message has a NUL or a lone CR in it"),
        (b":source", "a message has no command"),
        (b"x" * (LINE_BYTES + 1), f"a message is longer than {LINE_BYTES} bytes"),
    ],
)
async def test_what_others_may_read_in_another_way_ends_it(said: bytes, why: str) -> None:
    async with chat() as house:
        ann = await house.enter("ann", "#tea")
        await ann.say("PING x", said, "PING y")
        assert await ann.hears_the_end() == [":tincans PONG tincans x", f"ERROR :Closing link: localhost ({why})"]
        assert house.hub.people == {}
        assert house.hub.history.last == 0


async def test_all_that_came_in_one_piece_is_said_in_one_go() -> None:
    """The hub is not left between the lines, so nobody else comes between them."""
    async with chat() as house:
        ann, bob = await house.enter("ann", "#tea"), await house.enter("bob", "#tea")
        await ann.hears()
        await bob.say("PRIVMSG #tea :between")
        await ann.say(*(f"PRIVMSG #tea :{number}" for number in range(64)))
        await ann.hears()
        await bob.hears()
        texts = [message.text for message in house.hub.history.recent("#tea", 100)]
        numbers = [text for text in texts if text != "between"]
        assert numbers == [str(number) for number in range(64)]
        assert texts.index("between") in (0, 64)


async def test_all_see_the_same_in_the_order_of_the_history() -> None:
    """Whatever they have asked for, and however what they say is cut and comes between what others say."""
    async with chat(history=MemoryHistory()) as house:
        caps = ("", "server-time", "message-tags", "labeled-response batch message-tags", "account-tag chghost")
        clients = [await house.enter(f"c{at}", "#tea", caps=f"echo-message {each}") for at, each in enumerate(caps)]

        async def speak(client: IrcClient, nick: int) -> None:
            said = b"".join(b"@label=%d PRIVMSG #tea :%d-%d\r\n" % (number, nick, number) for number in range(80))
            for at in range(0, len(said), 97 * (nick + 1)):
                await client.channel.send(said[at : at + 97 * (nick + 1)])
                await asyncio.sleep(0)

        await asyncio.gather(*(speak(client, nick) for nick, client in enumerate(clients)))
        first = [await client.hears() for client in clients]  # so all was acted upon
        kept = [message.text for message in house.hub.history.recent("#tea", 500)]
        assert sorted(kept) == sorted(f"{nick}-{number}" for nick in range(5) for number in range(80))
        for client, heard in zip(clients, first, strict=True):
            said = messages(heard + await client.hears())
            assert [message.parameters[1] for message in said if message.verb == "PRIVMSG"] == kept


async def test_who_ends_what_they_say_hears_all_that_they_asked_for() -> None:
    async with chat() as house:
        client = house.call(first=b"NICK ann\r\nUSER ann 0 * :Ann\r\nPING x\r\nPING y")
        await client.channel.send_eof()
        assert (await client.hears_the_end())[-1] == ":tincans PONG tincans x"


# ── going ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_who_is_silent_is_asked_and_then_let_go() -> None:
    async with chat() as house:
        ann, bob = await house.enter("ann", "#tea"), await house.enter("bob", "#tea")
        await ann.hears()
        now = asyncio.get_running_loop().time()
        for member in house.hub.people.values():
            member.heard = now
        house.hub.sweep(now + CHAT_PING_SECONDS)
        assert await ann.line() == "PING :tincans"
        assert await bob.says("PONG tincans") == ["PING :tincans"]
        assert house.hub.find("bob").heard >= now
        house.hub.find("bob").heard = now + CHAT_PING_SECONDS
        house.hub.sweep(now + CHAT_PING_SECONDS + CHAT_PONG_SECONDS)
        why = f"silent for {CHAT_PING_SECONDS + CHAT_PONG_SECONDS:.0f} seconds"
        assert await ann.hears_the_end() == [f"ERROR :Closing link: localhost ({why})"]
        assert await bob.hears() == [f":ann!ann@localhost QUIT :{why}"]


async def test_a_hub_that_stops_says_so() -> None:
    async with chat() as house:
        ann = await house.enter("ann")
        house.hub.retire()
        assert await ann.hears_the_end() == ["ERROR :Closing link: localhost (the hub stops)"]
        await ann.channel.aclose()
        await ann.door


async def test_who_has_not_come_in_yet_goes_with_the_hub_too() -> None:
    """The server cancels who is left: nothing is open then."""
    async with chat() as house:
        client = house.call(first=b"NICK ann\r\n")
        await client.hears()
        client.door.cancel()
        with pytest.raises(asyncio.CancelledError):
            await client.door


async def test_a_door_that_is_cancelled_has_left() -> None:
    async with chat() as house:
        ann, bob = await house.enter("ann", "#tea"), await house.enter("bob", "#tea")
        ann.door.cancel()
        with pytest.raises(asyncio.CancelledError):
            await ann.door
        assert await bob.hears() == [":ann!ann@localhost QUIT :the connection was lost"]


async def test_who_reads_too_slowly_is_let_go_with_a_word_and_the_room_goes_on() -> None:
    async with chat() as house:
        slow, ann = await house.enter("slow", "#tea"), await house.enter("ann", "#tea")
        line, said = "x" * 400, 0
        while "slow" in house.hub.people:
            await ann.says(*[f"PRIVMSG #tea :{line}"] * 100)
            said += 100
        assert said * (len(line) + 38) > CHAT_BACKLOG_BYTES
        assert await ann.hears() == [":slow!slow@localhost QUIT :too slow"]
        heard = await slow.hears_the_end()
        assert heard[-1] == "ERROR :Closing link: localhost (too slow)"
        assert (await ann.says("PRIVMSG #tea :still here", "NAMES #tea"))[0] == ":tincans 353 ann = #tea :ann"


async def test_who_is_too_quick_waits_and_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three commands at once, and then a thousand a second: nothing is refused."""
    monkeypatch.setattr(pace, "CHAT_BURST", 3)
    waits: list[float] = []

    class Pace(pace.Pace):
        __slots__ = ()

        def step(self, now: float) -> float:
            waits.append(super().step(now))
            return waits[-1]

    monkeypatch.setattr(irc, "Pace", Pace)
    async with chat() as house:
        house.hub.flood = 1000
        client = house.call(first=b"".join(b"PING %d\r\n" % number for number in range(20)))
        assert len(await client.hears()) == 20
        assert max(waits[:3]) < 1e-6 < max(waits[3:])


# ── where it is ───────────────────────────────────────────────────────────────────────────────────────────


async def test_over_tcp_hosts_and_links_are_real() -> None:
    app = Chat("tincans", Settings(rooms="memory:"))
    async with await serve("tcp://127.0.0.1:0", app) as server, await connect(server.address) as channel:
        client = IrcClient(channel)
        await client.says("NICK ann", "USER ann 0 * :Ann", "JOIN #tea")
        assert await client.says("NICK lee", "CAP REQ echo-message") == [
            ":ann!ann@127.0.0.1 NICK lee", ":tincans CAP lee ACK echo-message"
        ]  # fmt: skip
        file = File(name="a", size=1, type="text/plain", url="/files/1/a")
        app.hub.say(app.hub.find("lee"), "#tea", "a", "file", file=file)
        assert await client.hears() == [
            f":lee!lee@127.0.0.1 PRIVMSG #tea :a http://127.0.0.1:{server.address.port}/files/1/a"
        ]


async def test_over_a_websocket_a_line_is_a_message() -> None:
    """https://ircv3.net/specs/extensions/websocket"""
    async with chat() as house:

        async def app(channel: Channel) -> None:
            await irc.attend(house.hub, channel, b"")

        async with await serve("ws://127.0.0.1:0", app) as server, await connect(server.address) as channel:
            for line in (b"NICK ann", b"USER ann 0 * :Ann", b"JOIN #tea", b"PING x"):
                await channel.send(line)
            heard = list[bytes]()
            while not heard or not heard[-1].endswith(b" x"):
                heard.append(await channel.receive())
            assert heard[0].startswith(b":tincans 001 ann ")
            assert heard[-4:] == [
                b":ann!ann@127.0.0.1 JOIN #tea",
                b":tincans 353 ann = #tea :@ann",
                b":tincans 366 ann #tea :that is all",
                b":tincans PONG tincans x",
            ]
            assert not any(b"\r" in line or b"\n" in line for line in heard)
            await channel.send(b"QUIT :bye")
            assert await channel.receive() == b"ERROR :Closing link: 127.0.0.1 (Quit: bye)"
            with pytest.raises(EndOfStream):
                await channel.receive()


# ── anything ──────────────────────────────────────────────────────────────────────────────────────────────

_WORDS = st.sampled_from(
    ["#tea", "ann", "bob", "*", "0", "", "LS", "302", "REQ", "END", "+o", "LATEST", "msgid=x", "timestamp=x", "1", "é",
     "PLAIN", "+", "batch", "labeled-response", "message-tags", "echo-message", "\x01ACTION", "\x00", "a,b,,#tea", "%"]
)  # fmt: skip
_LINES = st.builds(
    lambda tags, command, words, last: " ".join([*tags, command, *words, f":{last}"]),
    st.sampled_from([[], ["@label=x"], ["@+a=b;c"], [":a!b@c"]]),
    st.sampled_from(sorted({*COMMANDS} - {"QUIT", "PASS", "OPER"})),
    st.lists(_WORDS, max_size=5),
    st.one_of(_WORDS, st.text(max_size=20)),
)


@given(st.lists(st.one_of(_LINES.map(lambda line: line.encode("utf-8", "surrogateescape")), st.binary(max_size=60))))
def test_no_words_whatsoever_crash_the_door(lines: list[bytes]) -> None:
    """And every line that is answered can be read."""

    async def main() -> None:
        hub = Hub(MemoryHistory())
        near, far = memory_pair()
        said = b"CAP REQ :labeled-response batch message-tags\r\nNICK ann\r\nUSER a 0 * :A\r\nCAP END\r\nJOIN #tea\r\n"
        await far.send(b"\r\n".join(lines) + b"\r\nQUIT\r\n")
        await far.send_eof()
        try:
            async with near:
                await irc.attend(hub, near, said)
        except ChannelError:
            pass
        heard = b"".join([data async for data in far])
        await far.aclose()
        await hub.aclose()
        assert all(line for line in heard.decode().removesuffix("\r\n").split("\r\n"))
        assert hub.people == {}

    run(main())
