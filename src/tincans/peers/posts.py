"""What somebody said in a mesh: signed, numbered by its author, and knowing what came before it.

A post is known by its author and its `seq`, which counts that author's posts from 1 without a gap. `after` says what
its author had seen: the newest post of each other author that nothing else they had seen came after. All that is
implied is left out: the author's own last post, and whatever came before one that is named. So a post between two
people who answer each other names one other, however many posts there are.

Whoever passes a post on cannot change it, as it is signed; nor can it be said again in another room or mesh, which are
part of what is signed, or a second time, as its number was had. An author who gives one number to two posts is
found out by whoever sees both (`store.py`).
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from tincans.limits import CHAT_NICK_BYTES, CHAT_ROOM_BYTES, CHAT_TEXT_BYTES, PEER_MEMBERS, PEER_NAME_BYTES
from tincans.peers.sealing import Count, Key, Moment, Seal, Statement

#: How it was meant; the first four are a message's kinds, the last sets what the room is about.
PostKind = Literal["say", "act", "notice", "file", "topic"]


class PostFile(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A file that was offered with a post: `url` says where, in its author's words."""

    name: Annotated[str, msgspec.Meta(max_length=255)]
    size: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
    type: Annotated[str, msgspec.Meta(max_length=255)]
    url: Annotated[str, msgspec.Meta(max_length=1024)]


class Post(Statement, frozen=True, kw_only=True):
    """One post, as its author signed it."""

    seq: Count
    #: The key and the seq of each post that it comes after and that is not implied, by key.
    after: tuple[tuple[Key, Count], ...] = ()
    at: Moment
    #: What it is called wherever it is shown; unique, unless its author wants to be misunderstood.
    id: Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z_.-]{1,64}$")]
    room: str
    kind: PostKind = "say"
    #: What its author was called then.
    nick: str
    text: str
    file: PostFile | None = None

    def __post_init__(self) -> None:
        """Raises `ValueError`: also when one is read."""
        for what, text, most in (
            ("mesh", self.mesh, PEER_NAME_BYTES), ("room", self.room, CHAT_ROOM_BYTES),
            ("nick", self.nick, CHAT_NICK_BYTES), ("text", self.text, CHAT_TEXT_BYTES),
        ):  # fmt: skip
            if len(text.encode()) > most:
                raise ValueError(f"its {what} is longer than {most} bytes")
        keys = [key for key, _ in self.after]
        if len(keys) > PEER_MEMBERS or sorted(set(keys)) != keys or self.author in keys:
            raise ValueError("what it comes after is not in order")


SEAL = Seal(Post, "post")
