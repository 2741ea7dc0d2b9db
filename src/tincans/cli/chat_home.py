"""Where the hub of `tincans chat` is: found, or started here.

    a hub was named ─────────────────────────────► that, and no other
    this machine has one on port 7767 ───────────► that
    one near is announced by mDNS ───────────────► that
    else, and with --listen at once ─────────────► one in this process, with the user's own rooms

When a hub is lost that was not named, the same is asked again: of those who were on it, who is first starts one where
it was, with its rooms if they are this user's, and the others find that. A hub that is only started anew by whoever
runs it is given HOME_SECONDS before.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Protocol

from tincans.address import Address
from tincans.cli.hubs import HERE, near
from tincans.errors import AddressInUse, ConnectError, TincansError
from tincans.limits import HOME_SECONDS

if TYPE_CHECKING:
    from tincans.apps.chat import Chat

#: How long it is tried whether somebody answers there, in seconds.
_TRIED_SECONDS = 2.0


class Say(Protocol):
    """Tells a person something, in a sentence; loudly what they have to know."""

    def __call__(self, text: str, *, loud: bool = False) -> object: ...


class Home:
    """Owns the hub that it starts, if it does: leaving its `async with` stops that."""

    def __init__(
        self, named: Address | None, listen: Address | None, say: Say
    ) -> None:  # fmt: skip
        """`say` is told in a sentence what a person should know."""
        self._named, self._listen, self._say = named, listen, say
        self._stack = AsyncExitStack()
        self._own: Address | None = None
        self._lost_at: float | None = None  # since when there is none, by the loop's clock
        #: The app that is served here; None where it is another's hub.
        self.app: Chat | None = None

    async def find(self) -> Address:
        """Where the hub is now. Raises `ConnectError` where there is none yet, `ListenError`, `UsageError`."""
        if self._named is not None:
            return self._named
        if self._own is not None:
            return self._own
        if self._listen is not None:
            return await self._start(self._listen)
        here = Address.parse(HERE)
        if await _answers(here):
            return here
        for address in await near():
            if await _answers(address):
                self._say(f"this is the hub on {address}, which was found on the network")
                return address
        return await self._start(here)

    async def find_again(self) -> Address:
        """The same, after the hub was lost. Raises `ConnectError`, and may be asked again."""
        loop = asyncio.get_running_loop()
        if self._named is not None or self._own is not None:
            return self._named or self._own or Address.parse(HERE)
        here = Address.parse(HERE)
        if await _answers(here):
            self._lost_at = None
            return here
        self._lost_at = loop.time() if self._lost_at is None else self._lost_at
        if loop.time() - self._lost_at < HOME_SECONDS:
            raise ConnectError(here, "it is not there yet")
        try:
            return await self.find()
        except AddressInUse:
            return here
        except TincansError as error:
            raise ConnectError(here, str(error)) from error

    async def _start(self, address: Address) -> Address:
        """Start a hub in this process, and say how others join."""
        from tincans.apps import find_app
        from tincans.apps.settings import Settings
        from tincans.server import serve

        app = find_app("chat", Settings())
        server = await self._stack.enter_async_context(await serve(address, app))
        self.app = app  # type: ignore[assignment]
        self._own = server.address
        for line in welcome(self._own):
            self._say(line)
        return self._own

    async def __aenter__(self) -> Home:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()


async def _answers(address: Address) -> bool:
    """Whether somebody listens there."""
    from tincans.client import connect

    try:
        async with await connect(address.without_wraps(), timeout=_TRIED_SECONDS):
            return True
    except ConnectError:
        return False


def welcome(address: Address) -> list[str]:
    """How others join a hub that is here."""
    host = "127.0.0.1" if address.is_loopback else "THIS-MACHINE" if address.host == "*" else address.host
    where = f"{host} {address.port}"
    lines = [
        f"this is a new hub, on {address}; others join it by",
        f"    tincans chat tcp://{host}:{address.port}      nc {where}",
        f"    http://{host}:{address.port}/ in a browser    an IRC client at {where}",
        "it ends when you leave: whoever is on it by tincans chat then goes on, on one of theirs",
    ]
    if address.is_loopback:
        return [*lines, "only this machine can: --listen '*:7767' shares it on the network"]
    return [*lines, "every machine that can reach this one may join, and read what is said"]
