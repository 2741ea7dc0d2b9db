"""A chat on a whole terminal: keys go in, and what the screen shows is looked at."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType

import pytest
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output.vt100 import Vt100_Output

import tincans
from chatting import little_hub, real_hub
from running import PATIENCE
from screens import Screen as Glass
from tincans.cli.chat_party import Party
from tincans.cli.chat_screen import LEAVING, Screen
from tincans.cli.chat_talk import Talk
from tincans.clients.chat import open_chat
from tincans.clients.chat_line import Me
from tincans.tasks import spawn

PAGE_UP, PAGE_DOWN, CTRL_HOME, CTRL_END = "\x1b[5~", "\x1b[6~", "\x1b[1;5H", "\x1b[1;5F"


class Wall:
    """What prompt_toolkit writes to: it goes on the glass."""

    encoding = "utf-8"

    def __init__(self, glass: Glass) -> None:
        self.glass = glass

    def write(self, text: str) -> None:
        self.glass.feed(text)

    def flush(self) -> None:
        pass

    def fileno(self) -> int:
        raise OSError


class Seat:
    """A person before a terminal of this size, in a chat."""

    def __init__(self, hub: tincans.Address, nick: str, rooms: list[str], size: tuple[int, int]) -> None:
        self._hub, self._nick, self._rooms = hub, nick, rooms
        self.size = Size(columns=size[0], rows=size[1])
        self.glass = Glass(*size)
        self.party: Party
        self.running: asyncio.Task[None]

    async def __aenter__(self) -> Seat:
        self._chat = await open_chat(self._hub, Me(self._nick), reconnect=True)
        self._pipe = create_pipe_input()
        self._keys = self._pipe.__enter__()
        self.party = Party(self._chat, Talk(), tincans.Calling())
        self.wall = Wall(self.glass)
        output = Vt100_Output(self.wall, lambda: self.size, term="xterm-256color", enable_cpr=False)  # type: ignore[arg-type]
        self.screen = Screen(self.party, keyboard=self._keys, output=output)
        for room in self._rooms:
            await self.party.enter(room)
        self.running = spawn(self.screen.run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.party.leave()
        await asyncio.wait([self.running])
        await self.party.aclose()
        await self._chat.aclose()
        self._pipe.__exit__(None, None, None)

    def type(self, text: str) -> None:
        self._keys.send_text(text)

    async def sees(self, text: str, *, gone: bool = False) -> None:
        """Wait until this is on the screen, or is there no more."""
        try:
            async with asyncio.timeout(PATIENCE):
                while (text in self.glass.text) is gone:
                    await asyncio.sleep(0.005)
        except TimeoutError:
            pytest.fail(f"{text!r} is {'still' if gone else 'not'} there:\n{self.glass.text}")

    def resize(self, columns: int, rows: int) -> None:
        """The window has another size now."""
        self.size = Size(columns=columns, rows=rows)
        self.glass = Glass(columns, rows)
        self.wall.glass = self.glass
        self.screen.app._on_resize()


@asynccontextmanager
async def seat(
    *rooms: str, size: tuple[int, int] = (80, 24), nick: str = "ann", hub: tincans.Address | None = None
) -> AsyncIterator[tuple[Seat, tincans.Address]]:
    """A person in these rooms of a hub of our own, or of that one; gives both."""
    if hub is not None:
        async with Seat(hub, nick, list(rooms), size) as person:
            yield person, hub
        return
    async with real_hub() as own, Seat(own, nick, list(rooms), size) as person:
        yield person, own


async def test_what_is_typed_is_said_and_what_is_said_is_seen() -> None:
    async with seat("#ops") as (ann, hub), tincans.join(hub, "#ops", nick="bob") as bob:
        ann.type("hello, bob\r")
        async for message in bob:
            assert message.text == "hello, bob"
            break
        await bob.say("hello, ann\x1b[2J")
        await ann.sees(r"bob: hello, ann\x1b[2J")
        await ann.sees("bob came")
        assert ann.glass.lines[0] == " #ops · 2 people"
        assert ann.glass.lines[-3].endswith(r"bob: hello, ann\x1b[2J")
        assert ann.glass.lines[-2] == " 0 hub  1 #ops"
        assert ann.glass.lines[-1].startswith("#ops>")
        assert ann.glass.bells == 1  # he has named her


@pytest.mark.parametrize("size", [(80, 24), (40, 10), (20, 6)])
async def test_it_works_in_a_small_window_and_when_that_changes(size: tuple[int, int]) -> None:
    async with seat("#ops", size=size) as (ann, hub), tincans.join(hub, "#ops", nick="bob") as bob:
        await bob.say("one two three four five six seven eight nine ten eleven twelve")
        await ann.sees("twelve")
        assert len(ann.glass.lines) == size[1]
        ann.resize(60, 12)
        await ann.sees("nine ten")
        assert ann.glass.lines[-1].startswith("#ops>")
        ann.type("still here\r")
        await ann.sees("ann: still here")


async def test_one_turns_to_other_rooms_and_sees_what_is_new() -> None:
    async with (
        seat("#ops", "#lobby") as (ann, hub),
        tincans.join(hub, "#ops", nick="bob") as ops,
    ):
        await ann.sees("#lobby ·")
        await ops.say("one")
        await ops.say("two")
        await ann.sees("1 #ops 2")
        ann.type("\x1b1")
        await ann.sees("──── new ────")
        await ann.sees(" #ops · 2 people")
        ann.type("\x0e")  # Ctrl-N
        await ann.sees(" #lobby · 1 person")
        ann.type("\x10")  # Ctrl-P
        await ann.sees(" #ops · 2 people")
        ann.type("\x1b2")
        await ann.sees(" #lobby · 1 person")
        await ops.say("three")
        await ann.sees("1 #ops 1")
        ann.type("\x1ba")
        await ann.sees("bob: three")


async def test_one_scrolls_back_beyond_what_was_there_at_first(tmp_path: Path) -> None:
    async with real_hub(str(tmp_path)) as hub, tincans.join(hub, "#ops", nick="bob") as bob:
        for number in range(250):
            await bob.say(f"line {number}")
        async with seat("#ops", hub=hub) as (ann, _):
            await ann.sees("line 249")
            ann.type(PAGE_UP)
            await ann.sees("line 249", gone=True)
            await ann.sees("PageDown goes on")
            await bob.say("new")
            await ann.sees("1 new below, PageDown")
            ann.type("I have seen it\r")
            await ann.sees("ann: I have seen it")
            assert ann.glass.lines[-2] == " 0 hub  1 #ops"
            ann.type(PAGE_UP)
            while "line 0\n" not in ann.glass.text:  # each time there is an earlier page
                ann.type(CTRL_HOME)
                await asyncio.sleep(0.02)
            ann.type(PAGE_DOWN)
            await ann.sees("line 0\n", gone=True)
            ann.type(CTRL_END)
            await ann.sees("bob: new")


async def test_names_and_commands_are_completed() -> None:
    async with seat("#ops") as (ann, hub), tincans.join(hub, "#ops", nick="bobby"):
        await ann.sees("bobby came")
        ann.type("bo\t")
        await ann.sees("#ops> bobby:")
        ann.type("hi\r")
        await ann.sees("ann: bobby: hi")
        ann.type("/tpic\r")
        await ann.sees("there is no command /tpic, did you mean /topic?")
        ann.type("/topi\t")
        await ann.sees("#ops> /topic")
        ann.type("deploys\r")
        await ann.sees(" #ops · 2 people · deploys")


async def test_ctrl_c_says_how_to_leave_and_a_second_one_leaves() -> None:
    async with seat("#ops") as (ann, _):
        ann.type("half a line")
        await ann.sees("half a line")
        ann.type("\x03")
        await ann.sees("half a line", gone=True)
        ann.type("\x03")
        await ann.sees(LEAVING)
        assert not ann.running.done()
        ann.type("\x03")
        await ann.running


async def test_a_message_may_have_several_lines() -> None:
    async with seat("#ops") as (ann, hub), tincans.join(hub, "#ops", nick="bob") as bob:
        ann.type("one\x1b\rtwo\r")
        assert (await anext(aiter(bob))).text == "one\ntwo"
        await ann.sees("ann: one")


async def test_ctrl_d_leaves() -> None:
    async with seat("#ops") as (ann, _):
        ann.type("x\x04")
        await ann.sees("#ops> x")
        ann.type("\x15\x04")
        await ann.running


async def test_a_hub_that_is_lost_is_told_and_what_was_typed_waits() -> None:
    async with little_hub() as hub, seat("#ops", hub=hub.address) as (ann, _):
        hub.hang_up_at.add("hello")
        hub.hang_up()
        await ann.sees("the hub was lost")
        ann.type("are you there?\r")
        await asyncio.sleep(0.02)
        hub.hang_up_at.clear()
        await ann.sees("ann: are you there?")
        await ann.sees("the hub is there again")
        assert [message["text"] for message in hub.kept] == ["are you there?"]


async def test_a_hub_that_sends_one_away_ends_it() -> None:
    async with little_hub() as hub, seat("#ops", hub=hub.address) as (ann, _):
        await ann.sees("#ops")
        await hub.say_bye("enough of you")
        await ann.running
        with pytest.raises(tincans.ChannelBroken, match="enough of you"):
            ann.party.over.result()
