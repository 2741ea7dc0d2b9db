"""`tincans chat`: talk in rooms."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NamedTuple

import click

from tincans.cli import options
from tincans.cli.help import Sectioned, section
from tincans.cli.hubs import Entry, entering_address
from tincans.cli.options import ADDRESS, Record, settings

if TYPE_CHECKING:
    from tincans.address import Address
    from tincans.cli.chat_party import Party

#: Messages of a room that are shown at first in plain lines at a terminal; a pipe gets what is new.
_PLAIN_HISTORY = 20


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


_sitting = options.bundle(
    "sitting",
    Sitting,
    click.option("--room", "rooms", multiple=True, metavar="ROOM", help="Enter this room; again for more. [lobby]"),
    click.option("--listen", type=ADDRESS, metavar="ADDRESS", help="Be the hub, there; '*:7767' shares it."),
    click.option("--plain", is_flag=True, help="Lines in and out, as in a pipe."),
    click.option("--bell/--no-bell", default=True, help="Ring when somebody names you. [bell]"),
)


@click.command(cls=Sectioned)
@section("Which hub, and as whom", entering_address)
@_sitting
@options.recording
@options.common
def command(entry: Entry, sitting: Sitting, record: Record) -> int:
    """Talk with people and programs in the rooms of the hub at ADDRESS.

    Without an ADDRESS it is $TINCANS_CHAT, the hub of this machine (port 7767), or one that is announced on the local
    network; and where there is none, one is started here, with your own rooms, and it says how others join: a browser,
    an IRC client, nc, tincans say and hear. When that hub goes away you stay: it is called again, or another is found
    or started, and nothing is missed or said twice.

    /help shows the commands. PageUp scrolls back, Alt-1 … Alt-9 and Ctrl-N turn to other rooms, Tab completes names,
    commands and files, Ctrl-D leaves. In a pipe each line is said, and it leaves when all was acknowledged.

    \b
      tincans chat
      tincans chat --room ops --room builds
      tincans chat tls://chat.example.org:7767 --login ann
      tincans chat --listen '*:7767'
      echo "deploy done" | tincans chat --room ops
    """
    from tincans.tasks import run

    settings().start_logging(record.quiet or not sitting.is_plain)
    return run(_chat(entry, sitting, record))


async def _chat(entry: Entry, sitting: Sitting, record: Record) -> int:
    from tincans.apps.chat.names import LOBBY
    from tincans.cli.chat_home import Home
    from tincans.cli.chat_party import Party
    from tincans.cli.chat_talk import Talk
    from tincans.cli.hubs import room_name
    from tincans.clients.chat import open_chat

    rooms, talk = [room_name(room) for room in sitting.rooms or (LOBBY,)], Talk()
    news: list[str] = []
    history = {"history": _PLAIN_HISTORY if sys.stdin.isatty() else 0} if sitting.is_plain else {}
    async with record.opened() as journal, Home(entry.address, sitting.listen, news.append) as home:
        how = entry.calling([journal] if journal else [])
        address = await home.find()
        async with await open_chat(address, entry.me, reconnect=True, find=home.find_again, how=how) as chat:
            party = Party(chat, talk, how, **history)
            home.say = talk.note
            try:
                return await _sit(party, rooms, news, sitting)
            finally:
                await party.aclose()


async def _sit(party: Party, rooms: list[str], news: list[str], sitting: Sitting) -> int:
    """Enter the rooms, tell what is new, and talk until it is over; gives the exit status."""
    if sitting.is_plain:
        from tincans.cli.chat_plain import Plain

        plain = Plain(party)
        await _enter(party, rooms, news)
        return 0 if await plain.run() else 1
    from tincans.cli.chat_screen import Screen

    screen = Screen(party, bell=sitting.bell)
    await _enter(party, rooms, news)
    await screen.run()
    party.over.result()
    return 0


async def _enter(party: Party, rooms: list[str], news: list[str]) -> None:
    for room in rooms:
        await party.enter(room)
    party.talk.turn_to(party.talk.panes[1])
    if news:
        party.talk.note("\n".join(news))
