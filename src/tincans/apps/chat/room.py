"""A room: who is in it, what they may do there, and how all of them are told what happens.

Members are grouped by the form of their door: what happens is written once for each group.

What of a room lasts is its `state` (`modes.py` has what it allows). An operator of the hub may do in every room what an
operator of the room may, enters it in spite of all its rules, and knows of it.
"""

from __future__ import annotations

from tincans.apps.chat import modes
from tincans.apps.chat.events import Event, RoomState
from tincans.apps.chat.member import Form, Member, written
from tincans.apps.chat.outbox import Group
from tincans.apps.chat.refusals import Refused, Why


class Room:
    """One room, as it is now. Its `state` is what is kept of it: the hub changes it when it has kept the new one."""

    __slots__ = ("_groups", "members", "state")

    def __init__(self, state: RoomState) -> None:
        self.state = state
        #: With their ranks, in the order of `modes.RANKS`.
        self.members: dict[Member, str] = {}
        self._groups: dict[Form, Group] = {}

    @property
    def name(self) -> str:
        return self.state.name

    # ── members ───────────────────────────────────────────────────────────────────────────────────────────

    def add(self, member: Member, ranks: str) -> None:
        self.members[member] = ranks
        member.rooms.add(self)
        self._group(member, member.form)

    def remove(self, member: Member) -> None:
        del self.members[member]
        member.rooms.discard(self)
        self._ungroup(member)

    def reform(self, member: Member, form: Form) -> None:
        """One of the members is written to in another form from now on; `member.form` is still the old one."""
        self._ungroup(member)
        self._group(member, form)

    def _group(self, member: Member, form: Form | None) -> None:
        if form is not None and member.outbox is not None:
            if (group := self._groups.get(form)) is None:
                group = self._groups[form] = Group(member.outbox.flusher)
            group.add(member.outbox)

    def _ungroup(self, member: Member) -> None:
        if member.form is not None and member.outbox is not None:
            group = self._groups[member.form]
            group.remove(member.outbox)
            if not group:
                del self._groups[member.form]

    def tell(self, event: Event, but: Member | None = None) -> None:
        """Have all members told, but for one."""
        outbox = but.outbox if but is not None else None
        for form, group in self._groups.items():
            if data := written(event, form):
                group.tell(data, self, outbox)

    def tell_operators(self, event: Event, but: Member | None = None) -> None:
        """Have the room's operators told, but for one."""
        for member in self.members:
            if member is not but and self.is_operator(member):
                member.tell(event)

    # ── what one may do ───────────────────────────────────────────────────────────────────────────────────

    def is_operator(self, member: Member) -> bool:
        """Whether somebody has that rank here; those of the hub need none."""
        return "o" in self.members.get(member, "")

    def shows(self, member: Member) -> bool:
        """Whether somebody may know of it, and of who is in it."""
        return "s" not in self.state.modes or member in self.members or member.is_operator

    def check_operator(self, member: Member) -> None:
        """Raises `Refused` where somebody may not do what operators do."""
        if not (self.is_operator(member) or member.is_operator):
            raise Refused(Why.NOT_OPERATOR, f"you are no operator of {self.name}")

    def check_entry(self, member: Member, key: str) -> None:
        """Raises `Refused` where somebody may not come in."""
        state = self.state
        if self in member.invitations or member.is_operator:
            return
        if self.matches("b", member) and not self.matches("e", member):
            raise Refused(Why.BANNED, f"you are banned from {self.name}")
        if "i" in state.modes and not self.matches("I", member):
            raise Refused(Why.INVITE_ONLY, f"{self.name} is for those who were invited")
        if "r" in state.modes and not member.account:
            raise Refused(Why.NOT_LOGGED_IN, f"{self.name} is for those who have logged in")
        if state.key and key != state.key:
            raise Refused(Why.WRONG_KEY, f"{self.name} has another key")
        if state.limit and len(self.members) >= state.limit:
            raise Refused(Why.FULL, f"{self.name} is full")

    def check_speech(self, member: Member) -> None:
        """Raises `Refused` where somebody may not say anything."""
        ranks = self.members.get(member)
        if ranks or member.is_operator:
            return
        if ranks is None and not self.shows(member):
            raise Refused(Why.NO_SUCH_ROOM, f"there is no room {self.name}")
        if ranks is None and "n" in self.state.modes:
            raise Refused(Why.NOT_IN_ROOM, f"you are not in {self.name}")
        if "m" in self.state.modes:
            raise Refused(Why.MODERATED, f"only some may speak in {self.name}")
        if self.bars(member):
            raise Refused(Why.BANNED, f"you may not speak in {self.name}")

    def check_rename(self, member: Member) -> None:
        """Raises `Refused` where somebody would speak under another name who may not."""
        if self.bars(member):
            raise Refused(Why.BANNED, f"you may not speak in {self.name}, and keep your name there")

    def bars(self, member: Member) -> bool:
        """Whether a ban, or a mask of the quieted, keeps somebody from speaking."""
        if not self.state.masks or self.members.get(member) or member.is_operator:
            return False
        return (self.matches("b", member) or self.matches("q", member)) and not self.matches("e", member)

    def matches(self, letter: str, member: Member) -> bool:
        """Whether somebody is on one of the lists."""
        return letter in self.state.masks and modes.matches(self.state, letter, member.who)
