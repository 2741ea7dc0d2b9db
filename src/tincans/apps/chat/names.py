"""What people and rooms may be called, in all doors alike.

A name is compared folded, so that `Ann` and `ann` are one: in lower case, as Unicode has it. IRC's own folding, in
which `[` and `{` are one letter (RFC 2812 §2.2), is known by hardly anybody and is not ours (CASEMAPPING=ascii, with
letters beyond ASCII folded, too: https://modern.ircdocs.horse/#casemapping-parameter).
"""

from __future__ import annotations

import re
from functools import lru_cache

from tincans.limits import CHAT_NICK_BYTES, CHAT_ROOM_BYTES

#: A nick begins with a letter or one of these signs, and has no sign that means something in IRC, masks or commands.
_NICK = re.compile(r"[^\W\d][\w\-\[\]\\`^{}|]*|[\[\]\\`^{}|_][\w\-\[\]\\`^{}|]*")
NICK_RULE = f"letters, digits and _ - | and the like, no digit or - first, {CHAT_NICK_BYTES} bytes at most"
#: A room is # and something without blanks, commas, colons and controls.
_ROOM = re.compile(r"#[^\s,:\x00-\x20\x7f]+")

#: The room that one is in who named none.
LOBBY = "#lobby"


@lru_cache(maxsize=4096)
def folded(name: str) -> str:
    """The name as it is compared."""
    return name.lower()


def is_nick(name: str) -> bool:
    return 0 < len(name.encode(errors="replace")) <= CHAT_NICK_BYTES and _NICK.fullmatch(name) is not None


def is_room(name: str) -> bool:
    return (
        len(name.encode(errors="replace")) <= CHAT_ROOM_BYTES
        and _ROOM.fullmatch(name) is not None
        and name.isprintable()
    )
