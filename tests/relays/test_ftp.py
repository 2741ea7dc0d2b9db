"""FTP through a relay: what is announced instead, who is let in, and that nothing is left of it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest

from hearing import Heard, Hearing
from steered import Steered, Steering
from tincans import transports
from tincans.address import Address
from tincans.channel import Buffered, Channel, Side
from tincans.conversation import How, Kind, Opening
from tincans.errors import CannotSteer, ChannelBroken, ChannelError, ConnectError, EndOfStream, NoSuchProtocol
from tincans.limits import Limits
from tincans.protocols.ftp import Command, DataAddress, Reply
from tincans.recording import Silence
from tincans.register import Register
from tincans.relays import relay
from tincans.relays.ftp import _number_of, _turned
from tincans.relays.link import join
from tincans.relays.plumbing import Plumbing
from tincans.server import Server
from tincans.tasks import spawn
from tincans.testing import memory_pair
from tincans.transports.stream import SocketChannel

LOCAL = "127.0.0.1"
OPENING = Opening(kind=Kind.RELAY, client="memory:", server="memory:")


class Party:
    """One end of a control connection, by hand."""

    def __init__(self, channel: Channel) -> None:
        self.channel = Buffered(channel)

    async def say(self, line: str) -> None:
        await self.channel.send(line.encode() + b"\r\n")

    async def hear(self) -> str:
        return (await self.channel.receive_until(b"\r\n")).decode()


class Talk(Party):
    """A client, the relay that it called, and the server that the relay called for it."""

    def __init__(self, client: Channel, server: Party, relay: Server, hearing: Steering) -> None:
        super().__init__(client)
        self.server, self.relay, self.hearing = server, relay, hearing

    async def ask(self, line: str, *replies: str) -> tuple[str, list[str]]:
        """What the server hears when the client says `line`, and the client when the server answers."""
        await self.say(line)
        heard = await self.server.hear()
        for reply in replies:
            await self.server.say(reply)
        return heard, [await self.hear() for _ in replies]

    @property
    def control(self) -> Heard:
        return self.hearing.all[0]

    async def data(self, number: int = 2) -> Heard:
        """The conversation of that number, once it is over."""
        while len(self.hearing.all) < number:
            await asyncio.sleep(0)
        heard = self.hearing.all[number - 1]
        await heard.over.wait()
        return heard


@contextlib.asynccontextmanager
async def talking(
    listen: str = f"{LOCAL}:0", target: str = f"{LOCAL}:0", *, limits: Limits | None = None, protocol: str = "ftp"
) -> AsyncIterator[Talk]:
    hearing = Steering()
    async with contextlib.AsyncExitStack() as stack:
        listener = await stack.enter_async_context(await transports.listen(Address.parse(target)))
        server = await relay(listen, listener.address, recorders=[hearing], protocol=protocol, name="r", limits=limits)
        await stack.enter_async_context(server)
        client = await stack.enter_async_context(await transports.dial(server.address))
        called = await stack.enter_async_context(await listener.accept())
        talk = Talk(client, Party(called), server, hearing)
        await talk.server.say("220 FTP by hand")
        assert await talk.hear() == "220 FTP by hand"
        yield talk
        await called.aclose()
        await client.aclose()


@contextlib.asynccontextmanager
async def listening(host: str = LOCAL) -> AsyncIterator[tuple[int, Callable[[], Coroutine[Any, Any, Channel]]]]:
    async with await transports.listen(Address("tcp", host, 0)) as listener:
        yield listener.address.port, listener.accept


async def call(port: int, *, host: str = LOCAL, source: str = "") -> Channel:
    options = (("bind", source),) if source else ()
    return await transports.dial(Address("tcp", host, port, options=options))


def six(host: str, port: int) -> str:
    return Command(verb="PORT", argument="0,0,0,0,0,1").announcing(DataAddress(host, port)).argument


def announced(line: str) -> DataAddress:
    """Where a line says that data is to be sent."""
    first, _, rest = line.partition(" ")
    event = Reply(code=int(first), lines=(rest,)) if first.isdecimal() else Command(verb=first, argument=rest)
    assert event.announced is not None
    return event.announced


async def all_of(channel: Channel) -> bytes:
    return b"".join([piece async for piece in channel])


# ── both modes ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("verb", "reply"), [("PASV", "227 Passive ({six})."), ("EPSV", "229 Extended (|||{port}|)")])
async def test_the_client_calls_the_relay_which_calls_the_server(verb: str, reply: str) -> None:
    async with talking() as talk, listening() as (port, accept):
        _, (said,) = await talk.ask(verb, reply.format(six=six(LOCAL, port), port=port))
        place = announced(said)
        assert place.port not in (port, talk.relay.address.port)
        assert place.host == ("" if verb == "EPSV" else LOCAL)
        client = await call(place.port)
        assert (await talk.ask("RETR a file", "150 here"))[0] == "RETR a file"
        server = await accept()
        await server.send(b"contents")
        await server.aclose()
        assert await all_of(client) == b"contents"
        await client.aclose()
        data = await talk.data()
        assert data.words == {Side.CLIENT: b"", Side.SERVER: b"contents"}
        assert data.opening.facts == {
            "ftp.control": "1", "ftp.command": "RETR a file", "ftp.mode": "passive", "ftp.protection": "C",
        }  # fmt: skip
        assert data.opening.name == "r"
        assert data.opening.near == f"tcp://{LOCAL}:{place.port}"
        assert data.opening.server == f"tcp://{LOCAL}:{port}"
        assert data.outcome == (How.FINISHED, Side.SERVER, "")
        assert talk.control.notes == [
            f"{LOCAL}:{place.port} is announced instead of {LOCAL}:{port}", "data: conversation #2 (RETR a file)"
        ]  # fmt: skip
        with pytest.raises(ConnectError):  # it was for one
            await call(place.port)


@pytest.mark.parametrize("command", ["PORT {six}", "EPRT |1|127.0.0.1|{port}|"])
async def test_the_server_calls_the_relay_which_calls_the_client(command: str) -> None:
    async with talking() as talk, listening() as (port, accept):
        heard, _ = await talk.ask(command.format(six=six(LOCAL, port), port=port), "200 fine")
        assert heard.partition(" ")[0] == command.partition(" ")[0]
        place = announced(heard)
        assert place.port != port
        await talk.ask("STOR new", "150 go on")
        server = await call(place.port)
        client = await accept()
        await client.send(b"contents")
        await client.aclose()
        assert await all_of(server) == b"contents"
        await server.aclose()
        data = await talk.data()
        assert data.words == {Side.CLIENT: b"", Side.SERVER: b"contents"}
        assert data.opening.client == str(server.local)
        assert data.opening.facts["ftp.mode"] == "active"
        assert data.opening.facts["ftp.command"] == "STOR new"


async def test_a_command_may_be_said_before_the_address_is_announced() -> None:
    async with talking() as talk, listening() as (port, accept):
        await talk.say("PASV\r\nXFETCH a")
        assert [await talk.server.hear() for _ in range(2)] == ["PASV", "XFETCH a"]
        await talk.server.say(f"227 ={six(LOCAL, port)}")
        async with await call(announced(await talk.hear()).port), await accept():
            pass
        assert (await talk.data()).opening.facts["ftp.command"] == "XFETCH a"


async def test_over_ipv6_the_address_is_announced_in_the_extended_form() -> None:
    async with talking("[::1]:0", "[::1]:0") as talk, listening("::1") as (port, accept):
        heard, _ = await talk.ask(f"EPRT |2|::1|{port}|", "200 fine")
        place = announced(heard)
        assert place.host == "::1"
        await talk.ask("LIST", "150 here")
        async with await call(place.port, host="::1"), await accept():
            pass
        _, (said,) = await talk.ask("EPSV", f"229 (|||{port}|)")
        assert announced(said).port != port
        _, (said,) = await talk.ask("PASV", f"227 ={six(LOCAL, port)}")
        assert announced(said).port == port
        assert "227 cannot announce an IPv6 address" in talk.control.notes[-1]


async def test_everything_else_passes_as_it_was_said() -> None:
    said = [b"FEAT\n", b"\xff\xf4\xff\xf2ABOR\r\n", b"PORT nonsense\r\n", b"EPSV ALL\r\n", b"  \r\n", b"no end"]
    answers = [b"211-a\r\n b\r\n211 c\r\n", b"what?\r\n", b"227 nowhere\r\n", b"229 (|||0|)\n", b"421 no end"]
    async with talking() as talk:
        for sender, receiver, words in ((talk, talk.server, said), (talk.server, talk, answers)):
            for word in words:
                await sender.channel.send(word)
            await sender.channel.send_eof()
            assert await all_of(receiver.channel) == b"".join(words)
    assert talk.control.notes == []


@pytest.mark.parametrize("said", [b"ABOR\r\n", b"\xff\xf4\xff"])
async def test_an_urgent_byte_passes_where_it_was_said(said: bytes) -> None:
    async with talking() as talk:
        assert isinstance(talk.channel.channel, SocketChannel)
        talk.channel.channel.socket.send(said, socket.MSG_OOB)  # the last byte of it
        await talk.say("NOOP")
        assert await talk.server.channel.receive_until(b"NOOP\r\n") == said


# ── who is let in, and who is called ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("verb", ["PORT", "EPRT"])
async def test_a_bounce_is_not_passed_on(verb: str) -> None:
    async with talking() as talk:
        command = f"{verb} " + (six("192.0.2.9", 22) if verb == "PORT" else "|1|192.0.2.9|22|")
        heard, _ = await talk.ask(command, "500 no")
        assert heard == f"{verb} " + ("0,0,0,0,0,0" if verb == "PORT" else "|1|0.0.0.0|0|")
        assert talk.control.notes == [f"{command} is not passed on: it is not the address that the client has"]


async def test_the_server_is_called_where_the_control_connection_goes() -> None:
    async with talking() as talk, listening() as (port, accept):
        _, (said,) = await talk.ask("PASV", f"227 ({six('10.0.0.5', port)})")
        await talk.ask("LIST", "150 here")
        async with await call(announced(said).port), await accept():
            pass
        note = talk.control.notes[0]
        assert note == f"{LOCAL} is called for data, and not 10.0.0.5:{port}, which is not the server"
        assert (await talk.data()).opening.server == f"tcp://{LOCAL}:{port}"


async def test_only_who_is_expected_is_let_in() -> None:
    async with talking() as talk, listening() as (port, accept):
        _, (said,) = await talk.ask("EPSV", f"229 (|||{port}|)")
        await talk.ask("LIST", "150 here")
        async with await call(announced(said).port, source="127.0.0.2") as stranger:
            with pytest.raises((ChannelBroken, EndOfStream)):
                await stranger.receive()
            assert talk.control.notes[-1] == f"{stranger.local} called for data, and was turned away"
        async with await call(announced(said).port) as client, await accept() as server:
            await server.send(b"x")
            assert await client.receive() == b"x"


async def test_a_data_connection_that_cannot_be_made_is_told() -> None:
    async with talking() as talk:
        async with listening() as (port, _):
            pass
        _, (said,) = await talk.ask("EPSV", f"229 (|||{port}|)")
        await talk.ask("LIST", "425 no")
        async with await call(announced(said).port) as client:
            with pytest.raises((ChannelBroken, EndOfStream)):
                await client.receive()
        data = await talk.data()
        assert data.outcome == (
            How.FAILED,
            Side.SERVER,
            f"cannot connect to tcp://{LOCAL}:{port}: the connection was refused",
        )


async def test_the_next_announcement_takes_the_place_of_one_that_nobody_used() -> None:
    async with talking() as talk, listening() as (port, accept):
        _, (first,) = await talk.ask("EPSV", f"229 (|||{port}|)")
        async with await call(announced(first).port) as early:  # it comes, and says no command
            _, (second,) = await talk.ask("EPSV", f"229 (|||{port}|)")
            with pytest.raises((ChannelBroken, EndOfStream)):
                await early.receive()
        with pytest.raises(ConnectError):
            await call(announced(first).port)
        await talk.ask("LIST", "150 here")
        async with await call(announced(second).port), await accept():
            pass
        assert (await talk.data()).outcome is not None


@pytest.mark.parametrize("calls", [False, True])
async def test_nobody_is_waited_for_longer_than_the_limit(calls: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tincans.relays.ftp.FTP_DATA_SECONDS", 0.04)
    async with talking() as talk:
        _, (said,) = await talk.ask("EPSV", "229 (|||9|)")
        if calls:  # and says no command, if it was not too late even for the call
            with contextlib.suppress(ChannelError, ConnectError):
                async with await call(announced(said).port) as client:
                    await client.receive()
        while len(talk.control.notes) < 2:
            await asyncio.sleep(0.005)
        assert talk.control.notes[-1] == f"nobody used the data connection to tcp://{LOCAL}:9 within 0.04 s"
        with pytest.raises(ConnectError):
            await call(announced(said).port)
        assert (await talk.ask("NOOP", "200 still here"))[1] == ["200 still here"]


# ── endings ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_was_announced_ends_with_the_control_connection() -> None:
    async with talking() as talk:
        _, (said,) = await talk.ask("EPSV", "229 (|||9|)")
        await talk.server.channel.aclose()
        await talk.channel.aclose()
        await talk.control.over.wait()
        with pytest.raises(ConnectError):
            await call(announced(said).port)


@contextlib.asynccontextmanager
async def transferring(talk: Talk) -> AsyncIterator[tuple[Channel, Channel]]:
    async with listening() as (port, accept):
        _, (said,) = await talk.ask("EPSV", f"229 (|||{port}|)")
        await talk.ask("RETR a", "150 here")
        async with await call(announced(said).port) as client, await accept() as server:
            await server.send(b"some")
            assert await client.receive() == b"some"
            yield client, server


async def test_a_transfer_may_end_after_the_control_connection() -> None:
    async with talking() as talk, transferring(talk) as (client, server):
        await talk.server.channel.aclose()
        await talk.channel.aclose()
        await server.send(b" more")
        await server.aclose()
        assert await all_of(client) == b" more"
        await client.aclose()
        assert (await talk.data()).outcome == (How.FINISHED, Side.SERVER, "")


async def test_a_transfer_that_does_not_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tincans.relays.ftp.DRAIN_SECONDS", 0.02)
    async with talking() as talk, transferring(talk) as (client, _):
        await talk.server.channel.aclose()
        await talk.channel.aclose()
        with pytest.raises(ChannelBroken):
            await client.receive()
        assert (await talk.data()).outcome == (How.STOPPED, None, "the relay was stopped")


async def test_stopping_the_relay_leaves_nothing() -> None:
    async with talking(limits=Limits(drain=0.02)) as talk, transferring(talk) as (client, server):
        _, (said,) = await talk.ask("EPSV", "229 (|||9|)")
        await talk.relay.aclose()
        for channel in (client, server):
            with pytest.raises(ChannelBroken):
                await channel.receive()
        with pytest.raises(ConnectError):
            await call(announced(said).port)
        assert [heard.outcome and heard.outcome[0] for heard in talk.hearing.all] == [How.STOPPED] * 2


async def test_a_transfer_keeps_a_silent_control_connection_open(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Silence] = []

    class Watched(Silence):
        __slots__ = ()

        def __init__(self, seconds: float, over: Callable[[], object]) -> None:
            super().__init__(seconds, over)
            made.append(self)

    monkeypatch.setattr("tincans.relays.exchange.Silence", Watched)
    async with talking(limits=Limits(idle=60)) as talk, transferring(talk) as (client, server):
        [silence] = made
        for one, other in ((client, server), (server, client)):
            before = silence._last
            while asyncio.get_running_loop().time() <= before:
                await asyncio.sleep(0.001)
            await one.send(b"x")
            assert await other.receive() == b"x"
            assert silence._last > before, "it was no silence"
        assert (await talk.ask("NOOP", "200 fine"))[1] == ["200 fine"]
    assert talk.control.outcome is not None


# ── where it is not FTP ───────────────────────────────────────────────────────────────────────────────────


async def test_without_ftp_nothing_is_followed() -> None:
    async with talking(protocol="raw") as talk:
        assert (await talk.ask("EPSV", "229 (|||9|)"))[1] == ["229 (|||9|)"]
        assert talk.control.notes == []


@pytest.mark.parametrize("greeting", ["220 FTP at home", "+OK POP3 is not"])
async def test_at_home_ftp_is_found_out(greeting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with listening() as (control, accept):
        monkeypatch.setattr("tincans.relays.exchange.FTP_PORT", control)
        async with await relay(":0", f":{control}") as server:
            async with await call(server.address.port) as client, await accept() as called:
                near, far = Party(client), Party(called)
                await far.say(greeting)
                await near.hear()
                await near.say("EPSV")
                await far.hear()
                await far.say("229 (|||9|)")
                assert (await near.hear() == "229 (|||9|)") is greeting.startswith("+OK")


async def test_in_tls_nothing_can_be_followed() -> None:
    async with talking() as talk:
        await talk.ask("AUTH TLS", "234 go on")
        assert (await talk.ask("EPSV", "229 (|||9|)"))[1] == ["229 (|||9|)"]
        assert talk.control.notes == ["data connections cannot be followed inside TLS; --intercept sees through it"]


async def test_a_socket_without_a_port_has_no_data_connections(tmp_path: object) -> None:
    async with talking(f"unix:{tmp_path}/relay") as talk, listening() as (port, _):
        assert (await talk.ask("EPSV", f"229 (|||{port}|)"))[1] == [f"229 (|||{port}|)"]
        assert "data connections are not followed" in talk.control.notes[0]


async def test_a_protocol_that_is_none_is_refused() -> None:
    with pytest.raises(NoSuchProtocol):
        await relay(":0", ":1", protocol="fpt")


async def test_without_a_recorder_nobody_is_told() -> None:
    async with listening() as (control, accept), await relay(":0", f":{control}", protocol="ftp") as server:
        async with await call(server.address.port) as client, await accept() as called, listening() as (port, calls):
            near, far = Party(client), Party(called)
            await far.say(f"229 (|||{port}|)")
            place = announced(await near.hear())
            await near.say("LIST")
            waiting = spawn(calls())
            async with await call(place.port), await waiting:
                pass


# ── by hand ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_is_said_by_hand_is_read_along() -> None:
    async with talking() as talk, listening() as (port, accept):
        hand = (await talk.hearing.first()).hand
        for line in (b"EPSV\r\n", b"RETR a file\r\n"):
            await hand.say(Side.CLIENT, line)
        assert [await talk.server.hear() for _ in range(2)] == ["EPSV", "RETR a file"]
        await hand.say(Side.SERVER, f"229 Extended (|||{port}|)\r\n".encode())
        place = announced(await talk.hear())
        assert place.port != port
        async with await call(place.port) as client, await accept() as server:
            await server.send(b"contents")
            assert await client.receive() == b"contents"
        assert (await talk.data()).opening.facts["ftp.command"] == "RETR a file"


async def test_a_data_connection_can_be_steered() -> None:
    async with talking() as talk, transferring(talk) as (client, server):
        data = talk.hearing.all[1]
        assert isinstance(data, Steered)
        data.hand.pause(Side.SERVER)
        await server.send(b" more")
        await data.hand.say(Side.SERVER, b" by hand")
        assert await client.receive() == b" by hand"
        data.hand.resume(Side.SERVER)
        assert await client.receive() == b" more"


async def test_the_hand_of_one_that_is_the_other_way_round_is_turned() -> None:
    caller, near = memory_pair()
    far, callee = memory_pair()
    tap, deaf = Steering().begin(OPENING), Hearing().begin(OPENING)
    taps = [_turned(tap), _turned(deaf)]
    carrying = spawn(join(near, far, taps, Plumbing()))
    await tap.begun.wait()
    await tap.hand.say(Side.SERVER, b"by hand")
    assert await callee.receive() == b"by hand"
    assert tap.pieces == deaf.pieces == [(Side.SERVER, b"by hand")]
    tap.hand.pause(Side.SERVER)
    assert tap.hand.paused == {Side.SERVER}
    await tap.hand.end(Side.CLIENT)
    assert await all_of(caller) == b""
    assert tap.ends == [Side.CLIENT]
    assert tap.notes == deaf.notes == [
        "what follows was said by hand, as the server: 7 B",
        "by hand: what the server says is held back from here on",
        "by hand: the server is told that the client has ended",
    ]  # fmt: skip
    tap.hand.reset()
    await carrying
    with pytest.raises(CannotSteer, match="the conversation is over"):
        tap.hand.resume(Side.SERVER)
    for channel in (caller, callee):
        await channel.aclose()


async def test_it_is_called_by_the_first_number_that_there_is() -> None:
    assert _number_of([]) == _number_of([Register().begin(OPENING)]) == 0
    assert _number_of([Register().begin(OPENING), Hearing().begin(OPENING)]) == 1
