"""What every handler of the API is given, and what its parameters take."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta

from tincans.watch.lookout import Lookout
from tincans.watch.reel import Reel
from tincans.watch.reels import Reels
from tincans.watch.watched import Watched


class Call(NamedTuple):
    """What a handler works with: what is watched, what is known of it now, what of it was decoded, and whether the
    token may steer."""

    watched: Watched
    lookout: Lookout
    reels: Reels
    steers: bool

    def reel(self, number: int, protocol: str = "", *, secrets: bool = False) -> Reel:
        """A recorded conversation to read. Raises `NoSuchProtocol`."""
        return self.reels.reel(self.watched.journal, number, protocol, secrets=secrets)


Text = Annotated[str, Meta(max_length=1024)]
Number = Annotated[int, Meta(ge=-(2**62), le=2**62)]
Size = Annotated[int, Meta(ge=0, le=2**62)]
#: Microseconds; in nanoseconds they still fit into 64 bits.
Time = Annotated[int, Meta(ge=0, le=2**52)]
Standing = Literal["open", "finished", "reset", "failed", "idle", "stopped", "lost"]


class Numbered(msgspec.Struct, frozen=True, kw_only=True):
    """One conversation."""

    number: Annotated[Number, Meta(description="its number; negative where it is not recorded")]


class Decoded(Numbered, frozen=True, kw_only=True):
    """One conversation, decoded."""

    protocol: Annotated[Text, Meta(description="what is spoken, as `http` or `lines:nul`; it is found out")] = ""
    secrets: Annotated[bool, Meta(description="leave passwords and the like as they are")] = False
