"""Which hub `tincans chat`, `say` and `hear` call, and as whom.

--to ADDRESS, or $TINCANS_CHAT, and no other
else the hub of this machine, on port 7767
else one that is announced on the local network (mDNS)
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import click

from tincans.cli import options
from tincans.cli.options import ADDRESS
from tincans.limits import FIND_SECONDS

if TYPE_CHECKING:
    from tincans.address import Address
    from tincans.clients.calling import Calling
    from tincans.clients.chat import Chat
    from tincans.clients.chat_line import Me
    from tincans.conversation import Recorder

#: Where a hub of this machine is.
HERE = "tcp://127.0.0.1:7767"


class Entry(NamedTuple):
    """Which hub, and as whom."""

    to: Address | None
    nick: str
    login: str
    ca: str
    insecure: bool
    timeout: float
    retry: float

    @property
    def address(self) -> Address | None:
        """The hub that was named; None for whichever there is. Raises `AddressError`."""
        from tincans.address import Address

        named = os.environ.get("TINCANS_CHAT")
        return self.to or (Address.parse(named) if named else None)

    @property
    def me(self) -> Me:
        """Who we are: a nick that was not asked for gives way to somebody else's."""
        from tincans.clients.chat_line import Me

        return Me(self.nick or self.login or own_name(), self.login, yields=not self.nick)

    def calling(self, recorders: Sequence[Recorder] = ()) -> Calling:
        """How it is called; at a terminal a person is asked for a password that is missing."""
        from tincans.cli.asking import asker
        from tincans.clients.calling import Calling

        return Calling(
            ca=self.ca, verify=not self.insecure, timeout=self.timeout, retry=self.retry, recorders=recorders,
            ask=asker(),
        )  # fmt: skip

    async def open(self, recorders: Sequence[Recorder] = (), *, reconnect: bool = False) -> Chat:
        """Call the hub, whichever it is; the caller closes what this returns.

        Raises as `open_chat` does, and `NoHub` where none was named and none is found.
        """
        from tincans.clients.chat import open_chat

        how = self.calling(recorders)
        if self.address is not None:
            return await open_chat(self.address, self.me, reconnect=reconnect, how=how)
        return await call_any(self.me, how, reconnect=reconnect)


_OPTIONS = (
    click.option("--nick", metavar="NAME", default="", help="Be called this. [as you are on this machine]"),
    click.option("--login", metavar="NAME", default="", help="Log in; the password is ~/.netrc's, or asked for."),
    click.option("--ca", metavar="FILE", default="", help="Trust these certificates. [the machine's, and your own]"),
    click.option("--insecure", is_flag=True, help="Trust any certificate."),
    options.timeout_option,
    click.option("--retry", type=click.FloatRange(0), metavar="SECONDS", default=0.0, help="Call again for so long."),
)

#: The hub is an option, or an argument.
entering = options.bundle(
    "entry",
    Entry,
    click.option("--to", type=ADDRESS, metavar="ADDRESS", help="The hub. [$TINCANS_CHAT, or the one here or near]"),
    *_OPTIONS,
)
entering_address = options.bundle(
    "entry", Entry, click.argument("to", type=ADDRESS, metavar="[ADDRESS]", required=False), *_OPTIONS
)


async def call_any(me: Me, how: Calling, *, reconnect: bool) -> Chat:
    """Call this machine's hub, or the first near one that answers. Raises `NoHub`, `ChatRefused`."""
    from tincans.address import Address
    from tincans.clients.chat import open_chat
    from tincans.errors import ChannelError, ConnectError, NoHub

    try:
        return await open_chat(Address.parse(HERE), me, reconnect=reconnect, how=how)
    except ChannelError as error:
        raise NoHub(f"what listens on {HERE} is none") from error
    except ConnectError:
        pass
    for address in await near():
        try:
            return await open_chat(address, me, reconnect=reconnect, how=how)
        except (ConnectError, ChannelError):
            continue
    raise NoHub(f"nobody listens on {HERE}, and nobody near announces one")


async def near(seconds: float = FIND_SECONDS) -> list[Address]:
    """The hubs that are announced on the local network; none where the extra p2p is not installed."""
    from tincans.errors import NoDiscovery
    from tincans.peers.finding import find_hubs, interfaces

    try:
        return [found.address for found in await find_hubs(seconds, interfaces=interfaces())]
    except (NoDiscovery, OSError):
        return []


def own_name() -> str:
    """What the user of this machine is called, if anybody on a hub may be called so; else nothing."""
    from tincans.apps.chat.names import is_nick

    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        return ""
    return name if is_nick(name) else ""


def room_name(text: str) -> str:
    """A room as it is written in a shell, where # begins a comment. Raises `UsageError`."""
    from tincans.apps.chat.names import is_room
    from tincans.errors import UsageError

    name = text if text.startswith("#") else f"#{text}"
    if not is_room(name):
        raise UsageError(f"{text!r} is no name of a room: letters and signs, without blanks and commas")
    return name
