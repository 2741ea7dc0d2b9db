"""A room: who is in it, what they may do there, and how all of them are told what happens.

Members are grouped by the form of their door. What happens is written once for each group, and added to the outbox of
each of its members: that loop is what a hub spends its time in.

What a room allows is IRC's, whose words everybody knows (RFC 2811, https://modern.ircdocs.horse/#channel-modes):

    flags    i invited only   m only the voiced speak   n only members speak   r only who is logged in enters
             s not listed     t only operators set the topic
    values   k a key to enter   l at most so many members
    lists    b banned   e excepted from bans   I enters uninvited   q may not speak
    ranks    o operator   v voiced
"""

from __future__ import annotations

import re
from functools import lru_cache

import msgspec

from tincans.apps.chat.events import Change, Event, Mask, RoomState, Who
from tincans.apps.chat.member import Form, Member, written
from tincans.apps.chat.outbox import Outbox
from tincans.apps.chat.refusals import Refused, Why
from tincans.limits import CHAT_MASKS

FLAGS = "imnrst"
VALUES = "kl"
LISTS = "beIq"
#: The highest first, with IRC's signs for them.
RANKS = {"o": "@", "v": "+"}


class Room:
    """One room, as it is now. What of it lasts is its `state`, which the hub keeps whenever it was changed."""

    __slots__ = ("_groups", "invited", "members", "state")

    def __init__(self, state: RoomState) -> None:
        self.state = state
        #: With their ranks, in the order of `RANKS`.
        self.members: dict[Member, str] = {}
        #: The folded nicks of those who may come in once.
        self.invited: set[str] = set()
        self._groups: dict[Form, dict[Member, Outbox]] = {}

    @property
    def name(self) -> str:
        return self.state.name

    # ── members ───────────────────────────────────────────────────────────────────────────────────────────

    def add(self, member: Member, ranks: str) -> None:
        self.members[member] = ranks
        member.rooms.add(self)
        if member.form is not None and member.outbox is not None:
            self._groups.setdefault(member.form, {})[member] = member.outbox

    def remove(self, member: Member) -> None:
        del self.members[member]
        member.rooms.discard(self)
        if member.form is not None and member.outbox is not None:
            group = self._groups[member.form]
            del group[member]
            if not group:
                del self._groups[member.form]

    def tell(self, event: Event, but: Member | None = None) -> None:
        """Have all members told, but for one."""
        for form, group in self._groups.items():
            data = written(event, form)
            if not data:
                continue
            if but in group:
                for member, outbox in group.items():
                    if member is not but:
                        outbox.add(data)
            else:
                for outbox in group.values():
                    outbox.add(data)

    def tell_ranked(self, event: Event, rank: str, but: Member | None = None) -> None:
        """Have those with at least this rank told."""
        for member, ranks in self.members.items():
            if member is not but and ranks and (rank == "v" or rank in ranks):
                member.tell(event)

    # ── what one may do ───────────────────────────────────────────────────────────────────────────────────

    def is_operator(self, member: Member) -> bool:
        return "o" in self.members.get(member, "")

    def check_entry(self, member: Member, key: str, nick: str) -> None:
        """Raises `Refused` where they may not come in; `nick` is theirs, folded."""
        state = self.state
        if nick in self.invited:
            return
        if self.matches("b", member.who) and not self.matches("e", member.who):
            raise Refused(Why.BANNED, f"you are banned from {self.name}")
        if "i" in state.modes and not self.matches("I", member.who):
            raise Refused(Why.INVITE_ONLY, f"{self.name} is for those who were invited")
        if "r" in state.modes and not member.account:
            raise Refused(Why.NOT_LOGGED_IN, f"{self.name} is for those who have logged in")
        if state.key and key != state.key:
            raise Refused(Why.WRONG_KEY, f"{self.name} has another key")
        if state.limit and len(self.members) >= state.limit:
            raise Refused(Why.FULL, f"{self.name} is full")

    def check_speech(self, member: Member) -> None:
        """Raises `Refused` where they may not say anything."""
        ranks = self.members.get(member)
        if ranks:
            return
        if ranks is None and "n" in self.state.modes:
            raise Refused(Why.NOT_IN_ROOM, f"you are not in {self.name}")
        if "m" in self.state.modes:
            raise Refused(Why.MODERATED, f"only some may speak in {self.name}")
        barred = bool(self.state.masks) and (self.matches("b", member.who) or self.matches("q", member.who))
        if barred and not self.matches("e", member.who):
            raise Refused(Why.BANNED, f"you may not speak in {self.name}")

    def matches(self, letter: str, who: Who) -> bool:
        """Whether somebody is on one of the lists."""
        masks = self.state.masks.get(letter)
        return bool(masks) and any(_pattern(mask.mask).fullmatch(who.source) for mask in masks or ())

    def shows(self, member: Member) -> bool:
        """Whether somebody may know of it, and of who is in it."""
        return "s" not in self.state.modes or member in self.members or member.is_operator

    # ── changing ──────────────────────────────────────────────────────────────────────────────────────────

    def changed(self, change: Change, by: str, at: int) -> RoomState | None:
        """What the state would be after a change of a flag, a value or a list; None where it is that already.

        Raises `Refused`.
        """
        state, (letter, on, value) = self.state, change
        if letter in FLAGS:
            modes = "".join(sorted({*state.modes, letter} if on else {*state.modes} - {letter}))
            return msgspec.structs.replace(state, modes=modes) if modes != state.modes else None
        if letter == "k":
            key = value if on else ""
            return msgspec.structs.replace(state, key=key) if key != state.key else None
        if letter == "l":
            limit = int(value) if on and value.isdecimal() and len(value) < 10 else 0
            if on and not limit:
                raise Refused(Why.BAD_MODE, f"{value!r} is no number of members")
            return msgspec.structs.replace(state, limit=limit) if limit != state.limit else None
        masks = self._masks(letter, on, Mask(value, by, at))
        return msgspec.structs.replace(state, masks={**state.masks, letter: masks}) if masks is not None else None

    def _masks(self, letter: str, on: bool, mask: Mask) -> tuple[Mask, ...] | None:
        masks = self.state.masks.get(letter, ())
        others = tuple(each for each in masks if each.mask.lower() != mask.mask.lower())
        if on:
            if len(others) < len(masks):
                return None
            if len(masks) >= CHAT_MASKS:
                raise Refused(Why.TOO_MANY, f"the list {letter} of {self.name} is full")
            return (*masks, mask)
        return others if len(others) < len(masks) else None


@lru_cache(maxsize=4096)
def _pattern(mask: str) -> re.Pattern[str]:
    """A mask with * and ? as an expression; one without ! and @ is a nick (https://modern.ircdocs.horse/#masks)."""
    signs = {"*": ".*", "?": "."}
    return re.compile("".join(signs.get(sign) or re.escape(sign) for sign in mask), re.IGNORECASE | re.DOTALL)


def whole_mask(mask: str) -> str:
    """A mask as it is kept: `ann` is `ann!*@*`, `*@host` is `*!*@host`."""
    if "!" in mask:
        return mask if "@" in mask else f"{mask}@*"
    return f"*!{mask}" if "@" in mask else f"{mask}!*@*"
