"""What a room allows: its modes, its lists of masks, and what a change makes of them. Nothing here knows a member.

They are IRC's, whose words everybody knows (RFC 2811, https://modern.ircdocs.horse/#channel-modes):

    flags    i invited only   m only the voiced speak   n only members speak   r only who is logged in enters
             s not listed     t only operators set the topic
    values   k a key to enter   l at most so many members
    lists    b banned   e excepted from bans   I enters uninvited   q may not speak
    ranks    o operator   v voiced
"""

from __future__ import annotations

import re
from functools import lru_cache

from msgspec.structs import replace

from tincans.apps.chat.events import Change, Mask, RoomState, Who
from tincans.apps.chat.names import folded
from tincans.apps.chat.refusals import Refused, Why
from tincans.limits import CHAT_KEY_BYTES, CHAT_MASK_BYTES, CHAT_MASKS

FLAGS = "imnrst"
VALUES = "kl"
LISTS = "beIq"
#: The highest first, with IRC's signs for them.
RANKS = {"o": "@", "v": "+"}

#: A key is shown in lists and said between commas and blanks.
_KEY = re.compile(r"[^\s,\x00-\x20\x7f]+")
#: Nine digits are more people than there are sockets.
_LIMIT = re.compile(r"[0-9]{1,9}")


def changed(state: RoomState, change: Change, by: str, at: int) -> RoomState | None:
    """What a state is after a change of a flag, a value or a list; None where it is that already. Raises `Refused`."""
    letter, on, value = change
    if letter in FLAGS:
        modes = "".join(sorted({*state.modes, letter} if on else {*state.modes} - {letter}))
        new = replace(state, modes=modes)
    elif letter == "k":
        new = replace(state, key=_key(value) if on else "")
    elif letter == "l":
        new = replace(state, limit=_limit(value) if on else 0)
    elif letter in LISTS:
        masks = {**state.masks, letter: _masks(state, letter, on, Mask(value, by, at))}
        new = replace(state, masks={name: each for name, each in masks.items() if each})
    else:
        raise Refused(Why.BAD_MODE, f"there is no mode {letter!r}")
    return new if new != state else None


def ranked(state: RoomState, account: str, ranks: str) -> RoomState:
    """What a state is once an account has these ranks, which may be none."""
    kept = {**state.ranks, account: ranks}
    return replace(state, ranks={account: each for account, each in kept.items() if each})


def with_rank(ranks: str, letter: str, on: bool) -> str:
    """Ranks, in their order, with one more or one less."""
    return "".join(rank for rank in RANKS if (on if rank == letter else rank in ranks))


def settled(state: RoomState, change: Change) -> Change:
    """A change as it is told once the state is this: what took a value away has `*` for a key, nothing for a limit."""
    if change.mode == "k":
        return change._replace(value=state.key or "*")
    if change.mode == "l":
        return change._replace(value=str(state.limit or ""))
    return change if change.mode in LISTS else change._replace(value="")


def matches(state: RoomState, letter: str, who: Who) -> bool:
    """Whether somebody is on one of the lists."""
    return any(mask_pattern(each.mask).fullmatch(folded(who.source)) for each in state.masks.get(letter, ()))


def whole_mask(mask: str) -> str:
    """A mask as it is kept: `ann` is `ann!*@*`, `*@host` is `*!*@host`. Raises `Refused`."""
    if not _KEY.fullmatch(mask):
        raise Refused(Why.BAD_MODE, f"{mask!r} is no mask: as in ann, *@host or ann!*@*")
    whole = mask if "!" in mask else f"*!{mask}" if "@" in mask else f"{mask}!*@*"
    whole = whole if "@" in whole else f"{whole}@*"
    if len(whole.encode(errors="replace")) > CHAT_MASK_BYTES:
        raise Refused(Why.TOO_LONG, f"a mask has at most {CHAT_MASK_BYTES} bytes")
    return whole


def _key(value: str) -> str:
    if not _KEY.fullmatch(value) or value.startswith(":") or len(value.encode(errors="replace")) > CHAT_KEY_BYTES:
        raise Refused(Why.BAD_MODE, f"{value!r} is no key: at most {CHAT_KEY_BYTES} bytes without blanks and commas")
    return value


def _limit(value: str) -> int:
    if not _LIMIT.fullmatch(value) or not int(value):
        raise Refused(Why.BAD_MODE, f"{value!r} is no number of members")
    return int(value)


def _masks(state: RoomState, letter: str, on: bool, mask: Mask) -> tuple[Mask, ...]:
    masks = state.masks.get(letter, ())
    others = tuple(each for each in masks if folded(each.mask) != folded(mask.mask))
    if not on:
        return others
    if len(others) < len(masks):
        return masks
    if len(masks) >= CHAT_MASKS:
        raise Refused(Why.TOO_MANY, f"the list {letter} of {state.name} is full")
    return (*masks, mask)


@lru_cache(maxsize=4096)
def mask_pattern(mask: str) -> re.Pattern[str]:
    """A mask with * and ? as an expression for what was folded (https://modern.ircdocs.horse/#masks).

    What a * passes over ends at the first place where what is behind it fits, and is never tried again: so no mask,
    whatever its stars, costs more than its length times that of what it is compared with.
    """
    first, *others = (
        "".join("." if sign == "?" else re.escape(sign) for sign in each) for each in folded(mask).split("*")
    )
    if not others:
        return re.compile(first, re.DOTALL)
    *middle, last = others
    return re.compile(first + "".join(f"(?>.*?{each})" for each in middle if each) + f".*{last}", re.DOTALL)
