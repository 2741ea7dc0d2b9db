"""The app `exec:COMMAND`: a process for each caller, which reads what the caller says and whose output is the answer.

It finds in its environment who talks to whom: TINCANS_CLIENT and TINCANS_SERVER, the two addresses of the channel, and
the parts of each where it has them: TINCANS_CLIENT_HOST, TINCANS_CLIENT_PORT, TINCANS_SERVER_HOST, TINCANS_SERVER_PORT.

The end of what the caller says is the end of the process' input; the end of its output ends what the caller hears, and
when it has exited, too, the channel is closed, whether the caller has ended or not.
"""

from __future__ import annotations

from tincans.address import Address
from tincans.apps.settings import Settings
from tincans.channel import Channel, Side
from tincans.errors import UsageError
from tincans.pump import pump
from tincans.recording import Deaf
from tincans.tasks import spawn
from tincans.transports.process import ProcessChannel, spawn_process


def load(command: str, settings: Settings) -> Process:
    """The app `exec:COMMAND`. Raises `UsageError`."""
    return Process(command)


class Process:
    """The app that runs `command` for every caller; it is killed when the caller is lost or the server stops."""

    def __init__(self, command: str) -> None:
        if not command.strip():
            raise UsageError("exec: needs a command after it, as in exec:cat")
        self.command = command

    async def __call__(self, channel: Channel) -> None:
        process = await spawn_process(self.command, environment(channel))
        await pump(channel, process, [_Exit(process, channel)])


def environment(channel: Channel) -> dict[str, str]:
    """What a process is told about the two parties, the caller and us."""
    return {**_party("TINCANS_CLIENT", channel.remote), **_party("TINCANS_SERVER", channel.local)}


def _party(name: str, address: Address) -> dict[str, str]:
    told = {name: str(address.bare())}
    if address.host:
        told |= {f"{name}_HOST": address.host, f"{name}_PORT": str(address.port)}
    return told


class _Exit(Deaf):
    """Closes the channel to the caller once the process has said its last word and exited."""

    __slots__ = ("_channel", "_process")

    def __init__(self, process: ProcessChannel, channel: Channel) -> None:
        self._process, self._channel = process, channel

    def ended(self, side: Side) -> None:
        if side is Side.SERVER:
            spawn(self._leave())

    async def _leave(self) -> None:
        await self._process.exited()
        await self._channel.aclose()
