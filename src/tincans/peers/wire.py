"""What two peers say to each other, inside TLS: messages of msgpack, each behind its length in four bytes.

    both          Hello: which mesh, who runs, what they have        (or Bye: why not)
    then, in any order, each as soon as there is something:
      Introduced  introductions, whoever introduces before whoever is introduced
      Here        who is here, of any peer; the newest of each
      Forgotten   up to where posts that the other lacks are not there any more; before those that come after them
      Said        posts that the other lacks, in causal order
      Again       "send me all from here on": something could not be kept
      Ping, Pong  are you there
      Bye         why it ends, in a sentence for a person

A message is an array that begins with its number. It is read strictly: one that is not known, has more or fewer fields,
or a field of another kind or size, ends the link. A later version of the protocol has another ALPN name.
"""

from __future__ import annotations

import struct
from typing import Annotated, Union

import msgspec

from tincans.channel import Buffered
from tincans.errors import RemoteProtocolError
from tincans.limits import (
    CHAT_NICK_BYTES,
    CHAT_ROOM_BYTES,
    PEER_ADDRESSES,
    PEER_BATCH_POSTS,
    PEER_FRAME_BYTES,
    PEER_MEMBERS,
    PEER_NAME_BYTES,
    PEER_PEOPLE,
    PEER_ROOMS,
    PEER_SENTENCE_BYTES,
)
from tincans.peers.naming import is_name
from tincans.peers.sealing import Count, Key, Seal, Sealed, Statement

_LENGTH = struct.Struct(">I")

RUN_BYTES = NONCE_BYTES = 16

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=PEER_NAME_BYTES)]


class _Message(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    pass


class Hello(_Message, frozen=True, tag=1):
    """The first message of both."""

    mesh: Name
    #: Of this run of the program: one that was started anew has another.
    run: Annotated[bytes, msgspec.Meta(min_length=RUN_BYTES, max_length=RUN_BYTES)]
    #: Of this link.
    nonce: Annotated[bytes, msgspec.Meta(min_length=NONCE_BYTES, max_length=NONCE_BYTES)]
    #: How many posts of each author it has.
    have: Annotated[dict[Key, Count], msgspec.Meta(max_length=PEER_MEMBERS)]


class Introduced(_Message, frozen=True, tag=2):
    introductions: Annotated[list[Sealed], msgspec.Meta(max_length=PEER_BATCH_POSTS)]


class Here(_Message, frozen=True, tag=3):
    presences: Annotated[list[Sealed], msgspec.Meta(max_length=PEER_BATCH_POSTS)]


class Said(_Message, frozen=True, tag=4):
    posts: Annotated[list[Sealed], msgspec.Meta(max_length=PEER_BATCH_POSTS)]


class Again(_Message, frozen=True, tag=5):
    have: Annotated[dict[Key, Count], msgspec.Meta(max_length=PEER_MEMBERS)]


class Ping(_Message, frozen=True, tag=6):
    pass


class Pong(_Message, frozen=True, tag=7):
    pass


class Bye(_Message, frozen=True, tag=8):
    text: Annotated[str, msgspec.Meta(max_length=PEER_SENTENCE_BYTES)]


class Forgotten(_Message, frozen=True, tag=9):
    """Takes the place of the one before."""

    #: Of each author some of whose posts the other lacks and will not be told: up to which.
    posts: Annotated[dict[Key, Count], msgspec.Meta(max_length=PEER_MEMBERS)]


Words = Union[Hello, Introduced, Here, Said, Again, Ping, Pong, Bye, Forgotten]  # noqa: UP007


class Person(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Somebody on a peer's hub, and the rooms that they are in."""

    nick: Annotated[str, msgspec.Meta(min_length=1, max_length=CHAT_NICK_BYTES)]
    rooms: Annotated[
        tuple[Annotated[str, msgspec.Meta(min_length=1, max_length=CHAT_ROOM_BYTES)], ...],
        msgspec.Meta(max_length=PEER_ROOMS),
    ] = ()
    #: Why they are away; empty while they are there.
    away: Annotated[str, msgspec.Meta(max_length=PEER_SENTENCE_BYTES)] = ""


class Presence(Statement, frozen=True, kw_only=True):
    """A peer is here, and these are on it. Of two the one with the higher `stamp` holds."""

    stamp: Count
    #: What the peer calls itself.
    name: Name
    #: Where it can be called: `tcp://host:port`.
    addresses: Annotated[
        tuple[Annotated[str, msgspec.Meta(max_length=300)], ...], msgspec.Meta(max_length=PEER_ADDRESSES)
    ] = ()
    people: Annotated[tuple[Person, ...], msgspec.Meta(max_length=PEER_PEOPLE)] = ()
    #: It says farewell: nobody is on it any more.
    gone: bool = False

    def __post_init__(self) -> None:
        if not is_name(self.name):
            raise ValueError(f"{self.name!r} cannot be a peer's name")


SEAL = Seal(Presence, "presence")

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Words).decode


def frame(message: Words) -> bytes:
    """A message as it is said."""
    data = _encode(message)
    assert len(data) <= PEER_FRAME_BYTES
    return _LENGTH.pack(len(data)) + data


async def receive(channel: Buffered) -> Words:
    """The next message. Raises `RemoteProtocolError` where it is none, and as `Channel.receive` does.

    Cancelling loses nothing but what of a message came already, so the channel is good for nothing else afterwards.
    """
    (length,) = _LENGTH.unpack(await channel.receive_exactly(_LENGTH.size))
    if length > PEER_FRAME_BYTES:
        raise RemoteProtocolError(f"a message of {length} bytes is longer than {PEER_FRAME_BYTES}")
    data = await channel.receive_exactly(length)
    try:
        return _decode(data)  # type: ignore[no-any-return]
    except (msgspec.MsgspecError, ValueError) as error:
        raise RemoteProtocolError(f"a message that is none: {error}") from error
