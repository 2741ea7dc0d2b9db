"""What the servers of mail have in common: when they open the mails, whom they talk to, and how they end.

    load: the settings are checked ─► start: the mails are opened ─► callers ─► retire ─► close: given back

Whoever only wants to know whether the settings are right leaves no folder behind.

A server that closes waits for its callers. Most of those on a kept connection wait for nothing but their own next
mail: `retire` lets them go at once, and the others when what they are in the middle of has come to its end.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from tincans.apps.mail.store import Mails
from tincans.apps.settings import Settings
from tincans.channel import Channel
from tincans.errors import EndOfStream, HandshakeFailed
from tincans.folders import mails_folder
from tincans.limits import Limits
from tincans.recording import secure
from tincans.transports import Wrap


class House(Protocol):
    """What all callers of one server share."""

    @property
    def mails(self) -> Mails: ...


H = TypeVar("H", bound=House)


def open_mails(settings: Settings) -> Mails:
    """Open the mails that an app is told of. Raises `MailsError`, and `MailsTooNew`."""
    return Mails.open(settings.mails or mails_folder(), keep=settings.keep, days=settings.days)


class Caller(ABC):
    """One caller, from the greeting to the end. `channel` is another one once TLS was begun."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self._is_retired = False
        self._listens = False  # it waits for what the caller says next

    @abstractmethod
    async def attend(self) -> None:
        """Talk until one of the two has said goodbye; who calls this closes the channel. Raises what that does."""

    def retire(self) -> None:
        """The server closes: leave a caller that nothing is done for, or else as soon as that is so."""
        self._is_retired = True
        if self._listens:
            self._leave()

    @abstractmethod
    def _leave(self) -> None:
        """Close the channel, if nothing is done for the caller, who is being listened to."""

    async def _secure(self, wrap: Wrap) -> None:
        """Begin TLS. Raises `ConnectError`, and then the channel is closed."""
        seconds, remote = Limits().handshake, self.channel.remote
        try:
            async with asyncio.timeout(seconds):
                self.channel = await secure(self.channel, wrap)
        except TimeoutError:
            raise HandshakeFailed(remote, f"no handshake within {seconds:g} s", caller=True) from None


class MailServer(Generic[H]):
    """An app over mails. To be started before the first caller, and closed when the last has left."""

    def __init__(self, opening: Callable[[], H], caller: Callable[[H, Channel], Caller]) -> None:
        """`opening` opens the mails, in a thread; `caller` attends to one caller."""
        self._opening, self._caller = opening, caller
        self._house: H | None = None
        self._callers: set[Caller] = set()
        self._is_retired = False

    async def start(self) -> None:
        """Open the mails. Raises `MailsError`. Cancelling leaves nothing open."""
        opening = asyncio.get_running_loop().run_in_executor(None, self._opening)
        try:
            self._house = await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_close_unwanted)
            raise

    async def __call__(self, channel: Channel) -> None:
        assert self._house is not None, "it was not started, or is closed"
        caller = self._caller(self._house, channel)
        self._callers.add(caller)
        try:
            if self._is_retired:
                caller.retire()
            await caller.attend()
        except EndOfStream:
            pass
        except BaseException:
            if caller.channel is not channel:  # inside TLS: nobody else knows it
                caller.channel.abort()
            raise
        finally:
            self._callers.discard(caller)
        await caller.channel.aclose()

    def retire(self) -> None:
        """Keep nobody any more that only might say something later."""
        self._is_retired = True
        for caller in self._callers:
            caller.retire()

    def close(self) -> None:
        """Give the mails back, if they were opened. Idempotent."""
        house, self._house = self._house, None
        if house is not None:
            house.mails.close()


def _close_unwanted(opening: asyncio.Future[H]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().mails.close()
