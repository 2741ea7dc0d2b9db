"""tincans: be the server, the client or the channel between any two applications, and see what they say.

    import tincans

    async with await tincans.connect("tcp://127.0.0.1:7707") as channel:
        await channel.send(b"hello\\n")
        print(await channel.receive())

Names are loaded when first used, so importing the package costs almost nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tincans.address import Address as Address
    from tincans.blocking import BlockingChannel as BlockingChannel
    from tincans.channel import Buffered as Buffered
    from tincans.channel import Channel as Channel
    from tincans.channel import Listener as Listener
    from tincans.channel import Side as Side
    from tincans.channel import Traits as Traits
    from tincans.client import connect as connect
    from tincans.limits import Limits as Limits
    from tincans.relay import relay as relay
    from tincans.server import Server as Server
    from tincans.server import serve as serve

__version__ = "0.1.0"

_HOME = {
    "Address": "address",
    "BlockingChannel": "blocking",
    "Buffered": "channel",
    "Channel": "channel",
    "Listener": "channel",
    "Side": "channel",
    "Traits": "channel",
    "Limits": "limits",
    "connect": "client",
    "Server": "server",
    "serve": "server",
    "relay": "relay",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"tincans.{_HOME[name]}"), name)
    if not name.startswith("_") and name[:1].isupper():
        errors = import_module("tincans.errors")
        if hasattr(errors, name):
            return getattr(errors, name)
    raise AttributeError(f"module 'tincans' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
