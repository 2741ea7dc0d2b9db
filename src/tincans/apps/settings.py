"""What an app may be told beside its name: whether it may be written to, who may log in, where it keeps things.

`tincans listen` has an option for each, and `[[listen]]` in tincans.toml a setting of the same name. An app takes those
that it has a use for (`tincans.apps.KINDS`), and who gives it another one is told so.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from tincans.address import Address
from tincans.errors import AddressError, UsageError
from tincans.limits import CHAT_RATE
from tincans.transports import Wrap
from tincans.transports.tls import server_wrap
from tincans.users import Users

#: Whether TLS can be begun inside (STARTTLS, AUTH TLS, STLS); required: nobody logs in or sends before it.
Tls = Literal["off", "offered", "required"]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of one app. Each has a default that is safe, and the text that says to a user what it takes."""

    #: Who may log in; nobody is known where it is empty.
    users: Users = Users()
    #: Files may be written, changed and deleted (http:DIR, ftp:DIR).
    write: Annotated[bool, Meta(description="true or false")] = False
    #: Who has not logged in may come in, and may only read; by default where no users are known.
    guests: Annotated[bool | None, Meta(description="true or false")] = None
    tls: Annotated[Tls, Meta(description='"off", "offered" or "required"')] = "off"
    #: The certificate to be shown then, and its key; without one it is made by the user's own authority.
    cert: Annotated[str, Meta(min_length=1, description="a file in quotes")] = ""
    key: Annotated[str, Meta(min_length=1, description="a file in quotes")] = ""
    #: The ports of passive data connections, the first and the last: "50000-50100"; empty for any (ftp:DIR).
    passive: Annotated[
        str, Meta(pattern=r"\A\d{1,5}-\d{1,5}\Z", description='two ports in quotes, as in "50000-50100"')
    ] = ""
    #: The folder that mails are kept in; empty for the user's own (mail).
    mails: Annotated[str, Meta(min_length=1, description="a folder in quotes")] = ""
    #: How many mails are kept of each mailbox, and messages of each room, and for how many days; 0 for all and for ever
    #: (mail, chat).
    keep: Annotated[int, Meta(ge=0, le=10**9, description="a whole number, or 0 for all")] = 0
    days: Annotated[float, Meta(ge=0, le=1e6, description="a number of days, or 0 for ever")] = 0
    #: The folder that rooms are kept in; empty for the user's own, "memory:" for nowhere (chat).
    rooms: Annotated[str, Meta(min_length=1, description="a folder in quotes")] = ""
    #: Commands of one member that are acted upon in a second; what is too much waits. 0 for any number (chat).
    flood: Annotated[int, Meta(ge=0, le=10**6, description="a whole number, or 0 for any number")] = CHAT_RATE
    #: The peers who are let in, by fingerprint, or "new" for whoever calls (chat).
    trust: Annotated[tuple[str, ...], Meta(description="fingerprints in quotes, in brackets")] = ()
    #: The users who may do what only the operators of a hub may (chat).
    operators: Annotated[tuple[str, ...], Meta(description="names in quotes, in brackets")] = ()

    @property
    def lets_guests_in(self) -> bool:
        return not self.users if self.guests is None else self.guests

    @property
    def passive_ports(self) -> range:
        """The ports of passive data connections; 0 alone where any will do. Raises `UsageError`."""
        if not self.passive:
            return range(1)
        first, _, last = self.passive.partition("-")
        if first.isdecimal() and last.isdecimal() and 0 < int(first) <= int(last) < 65536:
            return range(int(first), int(last) + 1)
        raise UsageError(f"{self.passive!r} are no ports: write the first and the last, as in 50000-50100")

    def wrap(self, *, looked_ahead: bool = False) -> Wrap | None:
        """The handshake with which TLS begins inside; None where it is off. Reads the certificate, or has one made.

        `looked_ahead` is as `transports.tls.server_wrap` has it. Raises `UsageError` where a file cannot be used.
        """
        if self.tls == "off":
            return None
        options = tuple((name, value) for name, value in (("cert", self.cert), ("key", self.key)) if value)
        try:
            address = Address("tcp", "localhost", wraps=("tls",), options=options)
            return server_wrap(address, looked_ahead=looked_ahead)
        except AddressError as error:
            raise UsageError(f"TLS cannot be offered: {error.reason}") from error

    def given(self) -> dict[str, object]:
        """Those that are not what they are by default, by name."""
        default = Settings()
        return {
            name: value for name in self.__struct_fields__ if (value := getattr(self, name)) != getattr(default, name)
        }
