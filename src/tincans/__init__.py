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

from tincans.version import VERSION

if TYPE_CHECKING:
    from tincans import errors as errors
    from tincans.address import Address as Address
    from tincans.blocking import BlockingChannel as BlockingChannel
    from tincans.channel import Buffered as Buffered
    from tincans.channel import Channel as Channel
    from tincans.channel import Listener as Listener
    from tincans.channel import Side as Side
    from tincans.channel import Traits as Traits
    from tincans.client import connect as connect
    from tincans.clients.calling import Calling as Calling
    from tincans.clients.chat import join as join
    from tincans.clients.chat import open_chat as open_chat
    from tincans.clients.chat_line import Me as Me
    from tincans.clients.mails import inbox as inbox
    from tincans.clients.mails import send_mail as send_mail
    from tincans.clients.transfers import get as get
    from tincans.clients.transfers import ls as ls
    from tincans.clients.transfers import put as put
    from tincans.clients.url import Url as Url
    from tincans.errors import AddressError as AddressError
    from tincans.errors import AddressInUse as AddressInUse
    from tincans.errors import CannotHalfClose as CannotHalfClose
    from tincans.errors import CertificateNotTrusted as CertificateNotTrusted
    from tincans.errors import ChannelBroken as ChannelBroken
    from tincans.errors import ChannelBusy as ChannelBusy
    from tincans.errors import ChannelClosed as ChannelClosed
    from tincans.errors import ChannelError as ChannelError
    from tincans.errors import ChatRefused as ChatRefused
    from tincans.errors import ConfigError as ConfigError
    from tincans.errors import ConnectError as ConnectError
    from tincans.errors import ConnectionRefused as ConnectionRefused
    from tincans.errors import ConnectTimedOut as ConnectTimedOut
    from tincans.errors import EndOfStream as EndOfStream
    from tincans.errors import HandshakeFailed as HandshakeFailed
    from tincans.errors import JournalError as JournalError
    from tincans.errors import JournalTooNew as JournalTooNew
    from tincans.errors import LimitExceeded as LimitExceeded
    from tincans.errors import ListenError as ListenError
    from tincans.errors import ListenForbidden as ListenForbidden
    from tincans.errors import LocalProtocolError as LocalProtocolError
    from tincans.errors import NameNotFound as NameNotFound
    from tincans.errors import NoSuchConversation as NoSuchConversation
    from tincans.errors import NotStarted as NotStarted
    from tincans.errors import ProxyRefused as ProxyRefused
    from tincans.errors import RecordingIncomplete as RecordingIncomplete
    from tincans.errors import RemoteProtocolError as RemoteProtocolError
    from tincans.errors import TincansError as TincansError
    from tincans.errors import UsageError as UsageError
    from tincans.limits import Limits as Limits
    from tincans.relays import relay as relay
    from tincans.server import Server as Server
    from tincans.server import serve as serve

__version__ = VERSION

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
    "inbox": "clients.mails",
    "send_mail": "clients.mails",
    "Calling": "clients.calling",
    "join": "clients.chat",
    "open_chat": "clients.chat",
    "Me": "clients.chat_line",
    "Url": "clients.url",
    "get": "clients.transfers",
    "ls": "clients.transfers",
    "put": "clients.transfers",
    "Server": "server",
    "serve": "server",
    "relay": "relays",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"tincans.{_HOME[name]}"), name)
    if name == "errors" or (name[:1].isupper() and hasattr(import_module("tincans.errors"), name)):
        errors = import_module("tincans.errors")
        return errors if name == "errors" else getattr(errors, name)
    raise AttributeError(f"module 'tincans' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
