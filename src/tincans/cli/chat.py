"""`tincans chat`: talk in rooms."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, NamedTuple

import click

from tincans.cli import options
from tincans.cli.help import Sectioned, section
from tincans.cli.hubs import Entry, entering_address
from tincans.cli.options import ADDRESS, Record, settings

if TYPE_CHECKING:
    from tincans.address import Address
    from tincans.cli.chat_mesh import Meshed, Wishes
    from tincans.cli.chat_party import Party
    from tincans.cli.chat_talk import News

#: Messages of a room that are shown at first in plain lines at a terminal; a pipe gets what is new.
_PLAIN_HISTORY = 20

_MESH = "tincans"


class Sitting(NamedTuple):
    """How a person sits down to talk."""

    rooms: tuple[str, ...]
    listen: Address | None
    plain: bool
    bell: bool

    @property
    def is_plain(self) -> bool:
        """Whether it is lines: in a pipe, or where a terminal knows nothing better."""
        seen = sys.stdin.isatty() and sys.stdout.isatty()
        return self.plain or not seen or os.environ.get("TERM", "dumb") == "dumb"


class Peering(NamedTuple):
    """Whether it is between peers, and who they are."""

    peers: tuple[str, ...]
    invite: bool
    trust: tuple[str, ...]
    mesh: str
    name: str
    forget: str
    identity: bool

    @property
    def is_peer(self) -> bool:
        return bool(self.peers) or self.invite

    def check(self) -> None:
        """Raises `UsageError` where something is said of peers, and there are none."""
        from tincans.errors import UsageError

        for name, given in (("--trust", self.trust), ("--name", self.name), ("--mesh", self.mesh != _MESH)):
            if given and not self.is_peer:
                raise UsageError(f"{name} is for peers: add --peer, alone or with whom to call")

    @property
    def wishes(self) -> Wishes:
        from tincans.cli.chat_mesh import Wishes

        return Wishes(tuple(filter(None, self.peers)), self.invite, self.trust, self.mesh, self.name)


_sitting = options.bundle(
    "sitting",
    Sitting,
    click.option("--room", "rooms", multiple=True, metavar="ROOM", help="Enter this room; again for more. [lobby]"),
    click.option("--listen", type=ADDRESS, metavar="ADDRESS", help="Be the hub, there; '*:7767' shares it."),
    click.option("--plain", is_flag=True, help="Lines in and out, as in a pipe."),
    click.option("--bell/--no-bell", default=True, help="Ring when somebody names you. [bell]"),
)
_peering = options.bundle(
    "peering",
    Peering,
    click.option(
        "--peer", "peers", is_flag=False, flag_value="", multiple=True, metavar="[PEER]",
        help="Be a peer, and call PEER: an address, a code, or one that you know.",
    ),
    click.option("--invite", is_flag=True, help="Be a peer, and say a code for somebody else to join by."),
    click.option("--trust", multiple=True, metavar="WHO", help="Let that fingerprint in, or all who are `new`."),
    click.option("--mesh", metavar="NAME", default=_MESH, help="Which mesh, where you are in several. [tincans]"),
    click.option("--name", metavar="NAME", default="", help="What peers are to call this one. [you@this machine]"),
    click.option("--forget", metavar="NAME", default="", help="Know that peer no more, and end."),
    click.option("--identity", is_flag=True, help="Print your own fingerprint, and end."),
)  # fmt: skip


@click.command(cls=Sectioned)
@section("Which hub, and as whom", entering_address)
@_sitting
@section("Peers, and no server", _peering)
@section("How it is recorded", options.recording)
@options.common
def command(entry: Entry, sitting: Sitting, peering: Peering, record: Record) -> int:
    """Talk with people and programs in the rooms of the hub at ADDRESS.

    Without an ADDRESS it is $TINCANS_CHAT, the hub of this machine (port 7767), or one that is announced on the local
    network; and where there is none, one is started here, with your own rooms, and it says how others join: a browser,
    an IRC client, nc, tincans say and hear. When that hub goes away you stay: it is called again, or another is found
    or started, and nothing is missed or said twice.

    With --peer there is no server: everybody listens and calls, and what one says reaches all, through others if need
    be. Peers find each other on the local network, by address, or by a code that one says to the other.

    /help shows the commands. PageUp scrolls back, Alt-1 … Alt-9 and Ctrl-N turn to other rooms, Alt-A to what is new,
    Tab completes names, commands and files, Alt-Enter begins another line, Ctrl-D leaves. In a pipe each line is said,
    and it leaves when all was acknowledged.

    \b
      tincans chat
      tincans chat --room ops --room builds
      tincans chat tls://chat.example.org:7767 --login ann
      tincans chat --listen '*:7767'
      echo "deploy done" | tincans chat --room ops
      tincans chat --invite
      tincans chat --peer 7-hovercraft-orbit
      tincans chat --peer 10.0.0.7:7769
    """
    from tincans.tasks import run

    settings().start_logging(record.quiet or not sitting.is_plain)
    if peering.forget or peering.identity:
        _tell(peering)
        return 0
    peering.check()
    return run(_chat(entry, sitting, peering, record))


def _tell(peering: Peering) -> None:
    """What is done at once, and ends."""
    from tincans.peers.identity import Identity
    from tincans.peers.known import Known

    if peering.forget:
        click.echo(f"{Known().forget(peering.forget).name} is not known any more")
    if peering.identity:
        click.echo(str(Identity.open().fingerprint))


async def _chat(entry: Entry, sitting: Sitting, peering: Peering, record: Record) -> int:
    from tincans.apps.chat.names import LOBBY
    from tincans.cli.chat_home import Home
    from tincans.cli.chat_party import Party
    from tincans.cli.chat_talk import News, Talk
    from tincans.cli.hubs import room_name
    from tincans.clients.chat import open_chat

    rooms, news = [room_name(room) for room in sitting.rooms or (LOBBY,)], News()
    history = {"history": _PLAIN_HISTORY if sys.stdin.isatty() else 0} if sitting.is_plain else {}
    async with AsyncExitStack() as stack:
        journal = await stack.enter_async_context(record.opened())
        how = entry.calling([journal] if journal else [])
        home: Home | Meshed
        if peering.is_peer:
            home = await _meshed(stack, entry, sitting, peering, news)
        else:
            home = await stack.enter_async_context(Home(entry.address, sitting.listen, news))
        address = await home.find()
        chat = await open_chat(address, entry.me, reconnect=True, find=home.find_again, how=how)
        await stack.enter_async_context(chat)
        party = Party(chat, Talk(), how, **history)
        stack.push_async_callback(party.aclose)
        if not isinstance(home, Home):
            party.peers, party.talk.read = home, home.shares.hear
        return await _sit(party, rooms, news, sitting)


async def _meshed(
    stack: AsyncExitStack, entry: Entry, sitting: Sitting, peering: Peering, news: News
) -> Meshed:  # fmt: skip
    from tincans.cli.chat_mesh import Meshed
    from tincans.errors import UsageError

    if entry.to is not None:
        raise UsageError("a peer is its own hub: what it calls stands behind --peer")
    return await stack.enter_async_context(Meshed(peering.wishes, sitting.listen, news))


async def _sit(party: Party, rooms: list[str], news: News, sitting: Sitting) -> int:
    """Enter the rooms, tell what is new, and talk until it is over; gives the exit status."""
    _leave_when_told(party)
    if sitting.is_plain:
        from tincans.cli.chat_plain import Plain

        plain = Plain(party)
        await _enter(party, rooms, news)
        done = await plain.run()
        await party.chat.aclose(party.over.result() if party.over.done() else None)
        return 0 if done else 1
    from tincans.cli.chat_screen import Screen

    screen = Screen(party, bell=sitting.bell)
    await _enter(party, rooms, news)
    await screen.run()
    await party.chat.aclose(party.over.result() or None)
    return 0


def _leave_when_told(party: Party) -> None:
    """Leave in good order, and the terminal as it was, at the first SIGTERM."""
    loop = asyncio.get_running_loop()

    def leave() -> None:
        loop.remove_signal_handler(signal.SIGTERM)  # the second ends it, whatever it waits for
        party.leave()

    loop.add_signal_handler(signal.SIGTERM, leave)


async def _enter(party: Party, rooms: list[str], news: News) -> None:
    for room in rooms:
        await party.enter(room)
    party.talk.turn_to(party.talk.panes[1])
    news.show(party.talk)
