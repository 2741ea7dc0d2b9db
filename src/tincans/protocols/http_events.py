"""What is said in HTTP/1.x: requests and responses, their bodies, and where they end.

A message is its head (`Request`, `Response`), the pieces of its `Body` without their framing, and a `MessageEnd`, which
every message has that has a final head. `MessageEnd` takes no bytes where the head already said how long the body is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar, TypeVar

from msgspec.structs import replace

from tincans.channel import Side
from tincans.protocols.events import MASK, Chunk, Event

#: Field names as they were said, and their values; the order and the case are what they were.
Fields = tuple[tuple[str, str], ...]

M = TypeVar("M", bound="Head")


class Head(Event, frozen=True, kw_only=True):
    """What a message begins with. `headers` may have a name more than once."""

    headers: Fields = ()
    version: str = "1.1"
    #: What breaks the rules although it can be understood: a party that is strict refuses it.
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_fields(self.headers)
        if "\n" in self.version:
            raise ValueError("a version has no line's end in it")

    @property
    def details(self) -> Iterator[str]:
        for note in self.notes:
            yield f"! {note}"
        for name, value in self.headers:
            yield f"{name}: {value}"

    def every(self, name: str) -> list[str]:
        """The values of all header fields of this name, in their order."""
        wanted = name.lower()
        return [value for name, value in self.headers if name.lower() == wanted]

    def field(self, name: str, default: str = "") -> str:
        """The value of the header field of this name; of several, as one list (RFC 9110 §5.3)."""
        return ", ".join(self.every(name)) or default

    def masked(self: M) -> M:
        if not any(name.lower() in SECRET for name, _ in self.headers):
            return self
        return replace(self, headers=tuple((name, mask(name, value)) for name, value in self.headers))


class Request(Head, frozen=True, kw_only=True):
    """What the client asks for."""

    method: str
    target: str

    def __post_init__(self) -> None:
        Head.__post_init__(self)
        if not self.method or " " in self.method or "\n" in self.method or "\n" in self.target:
            raise ValueError("a method is one word, and a target has no line's end in it")

    @property
    def summary(self) -> str:
        return f"{self.method} {self.target} HTTP/{self.version}"

    def masked(self) -> Request:
        masked = super().masked()
        if "@" not in self.target:
            return masked
        return replace(masked, target=_PASSWORD.sub(rf"\g<1>{MASK}", self.target))


class Answer(Head, frozen=True, kw_only=True):
    """What `Response` and `InterimResponse` have in common."""

    side: Side = Side.SERVER
    status: int
    reason: str = ""

    statuses: ClassVar[range]

    def __post_init__(self) -> None:
        Head.__post_init__(self)
        if self.status not in self.statuses:
            raise ValueError(f"{self.status} is not in {self.statuses}, as the status of a {type(self).__name__} is")
        if "\n" in self.reason:
            raise ValueError("a reason has no line's end in it")

    @property
    def summary(self) -> str:
        return f"HTTP/{self.version} {self.status} {self.reason}".rstrip(" ")


class Response(Answer, frozen=True, kw_only=True):
    """The answer to a request."""

    statuses = range(200, 1000)


class InterimResponse(Answer, frozen=True, kw_only=True):
    """An answer of the 1xx class: it has no body, and another one follows, or another protocol."""

    statuses = range(100, 200)


class Body(Chunk, frozen=True, kw_only=True):
    """A piece of a body, without what frames it."""


class MessageEnd(Event, frozen=True, kw_only=True):
    """The request or response is complete."""

    trailers: Fields = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.trailers:
            check_fields(self.trailers)

    @property
    def summary(self) -> str:
        return "end of the message" + (f", {len(self.trailers)} trailers" if self.trailers else "")

    @property
    def details(self) -> Iterator[str]:
        for note in self.notes:
            yield f"! {note}"
        for name, value in self.trailers:
            yield f"{name}: {value}"


def check_fields(fields: Fields) -> None:
    """Raise `ValueError` where a field could be heard as something else."""
    for name, value in fields:
        if ":" in name or "\n" in name or "\n" in value:
            raise ValueError(f"neither {name!r} nor its value may have a line's end in it, nor the name a colon")


# ── secrets ───────────────────────────────────────────────────────────────────────────────────────────────

#: Of each field that holds a secret, what of its value that is: all behind the scheme (RFC 9110 §11.6.2); the value of
#: each cookie; the value of the first pair, as what follows are attributes (RFC 6265 §4).
SECRET = {
    "authorization": re.compile(r"(?:\S+[ \t]+)?(?P<secret>.+)", re.DOTALL),
    "proxy-authorization": re.compile(r"(?:\S+[ \t]+)?(?P<secret>.+)", re.DOTALL),
    "cookie": re.compile(r"(?:[^=;]*=)?(?P<secret>[^;]+)"),
    "set-cookie": re.compile(r"\A(?:[^=;]*=)?(?P<secret>[^;]+)"),
}
#: A password in a target (RFC 3986 §3.2.1).
_PASSWORD = re.compile(r"((?:\A|//)[^/?#@:\s]*:)([^/?#@\s]+)(?=@)")


def mask(name: str, value: str) -> str:
    """A field's value with what is secret of it masked."""
    shown, end = "", 0
    for start, stop in secrets_of(name, value):
        shown += value[end:start] + MASK
        end = stop
    return shown + value[end:]


def secrets_of(name: str, value: str) -> Iterator[tuple[int, int]]:
    """Where in a field's value its secrets are."""
    pattern = SECRET.get(name.lower())
    return (match.span("secret") for match in pattern.finditer(value)) if pattern else iter(())


def password_of(target: str) -> tuple[int, int] | None:
    """Where in a target its password is."""
    match = _PASSWORD.search(target)
    return match.span(2) if match else None
