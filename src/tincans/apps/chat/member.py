"""A member: one party on a hub, be it a caller of one of its doors or a person on a peer's hub.

A door subclasses it. What happens reaches it in two ways:

    tell(event)    somebody else did it
    own(event)     it did it itself: the door answers the command with it, or shows nothing, as its protocol has it

`form` says how a door writes events: members with the same form are told the same bytes, which are made once. A member
without a form and an outbox is told nothing: it is told on its own hub.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from tincans.apps.chat.events import Event, Who

if TYPE_CHECKING:
    from tincans.apps.chat.outbox import Outbox
    from tincans.apps.chat.room import Room


class Form(Protocol):
    """How a door writes events, for all of its members that want it alike. Hashable: equal forms write equal bytes."""

    def write(self, event: Event) -> bytes:
        """What members are told of it; nothing where they are told nothing."""


def written(event: Event, form: Form) -> bytes:
    """What `form` makes of the event, made once."""
    data = event.written.get(form)
    if data is None:
        data = event.written[form] = form.write(event)
    return data


class Gone(NamedTuple):
    """Somebody who has left a hub, or is called otherwise since; in nanoseconds since 1970."""

    who: Who
    real_name: str
    at: int


class Member:
    """One party. Made by a door, given a nick by `Hub.enter`, and gone with `Hub.leave`."""

    __slots__ = (
        "_who", "account", "away", "client", "entered", "form", "heard", "host", "invitations", "is_operator", "nick",
        "outbox", "pinged", "real_name", "rooms", "spoke",
    )  # fmt: skip

    def __init__(self, host: str, form: Form | None = None, outbox: Outbox | None = None) -> None:
        #: As others see them; empty before `Hub.enter`.
        self.nick = ""
        #: Under which name they logged in; empty for a guest.
        self.account = ""
        #: Where they are, as others are shown it.
        self.host = host
        #: What they call their program, if they said so.
        self.client = ""
        #: What they say their name is; empty where they said nothing.
        self.real_name = ""
        #: Why they are away; empty while they are there.
        self.away = ""
        #: They are one of the hub's operators.
        self.is_operator = False
        self.form, self.outbox = form, outbox
        #: The rooms they are in.
        self.rooms: set[Room] = set()
        #: The rooms that operators have let them into, once, in spite of all rules.
        self.invitations: set[Room] = set()
        #: When they entered and last spoke, in nanoseconds since 1970; when they were last heard and asked whether they
        #: are there, in the loop's seconds, 0 where they were not.
        self.entered = self.spoke = 0
        self.heard = self.pinged = 0.0
        self._who: Who | None = None

    @property
    def who(self) -> Who:
        """As they are now."""
        who = self._who
        if who is None or who.nick != self.nick or who.account != self.account:
            who = self._who = Who(self.nick, self.account, self.host)
        return who

    def tell(self, event: Event) -> None:
        """Somebody else did this."""
        if self.form is not None and self.outbox is not None and (data := written(event, self.form)):
            self.outbox.add(data)

    def own(self, event: Event) -> None:
        """They did this themselves."""
        self.tell(event)

    def ping(self) -> None:
        """Ask whether they are there, if the door can; whatever they say next is an answer."""

    def dismiss(self, text: str) -> None:
        """The hub lets them go, and says why. They have left it already; the door closes its channel."""
