"""What goes wrong, as the API says it: a status and a `trouble`, by the table of `docs/api.md`.

A handler raises; it never makes an answer of an error by itself. What tincans raises on purpose has its status in
`_STATUS`, and its sentence and its advice are those that the command line would print.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from tincans.errors import (
    CannotProgram,
    CannotSteer,
    ChannelError,
    JournalError,
    ListenError,
    MailsError,
    NoSuchConversation,
    NoSuchEntry,
    NoSuchMail,
    NoSuchProtocol,
    NotStarted,
    TincansError,
    UsageError,
)
from tincans.text import escape
from tincans.watch.shapes import Trouble, to_json

#: Whatever is not here is a mistake in tincans. The first that fits: a class stands before the one that it is a kind
#: of.
_STATUS: tuple[tuple[type[TincansError], int], ...] = (
    (NoSuchConversation, 404),
    (NoSuchEntry, 404),
    (NoSuchMail, 404),
    (NoSuchProtocol, 400),
    (UsageError, 400),
    (CannotSteer, 409),
    (CannotProgram, 409),
    (NotStarted, 409),
    (ListenError, 409),
    (ChannelError, 409),
    (JournalError, 503),
    (MailsError, 503),
)
MISTAKE = 500


class Refused(Exception):
    """A request that is answered with a trouble: the status, what is wrong, what would help, and headers beside it."""

    def __init__(self, status: int, error: str, advice: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(error)
        self.status, self.error, self.advice, self.headers = status, error, advice, dict(headers or {})


class NoSuchPath(Refused):
    """404."""

    def __init__(self, what: str, advice: str = "GET /api/openapi.json has all paths.") -> None:
        super().__init__(404, what, advice)


def status_of(error: Exception) -> int:
    """The status of an error; `MISTAKE` for one that nobody meant to raise."""
    if isinstance(error, Refused):
        return error.status
    return next((status for kind, status in _STATUS if isinstance(error, kind)), MISTAKE)


def trouble(error: Exception) -> Trouble:
    """The shape of an error."""
    if isinstance(error, Refused):
        return Trouble(error=_line(error.error), advice=_line(error.advice))
    if status_of(error) == MISTAKE or not isinstance(error, TincansError):
        return Trouble(
            error="this is a mistake in tincans", advice="Please report it; the log of the command has more."
        )
    return Trouble(error=_line(str(error)), advice=_line(error.advice))


def answer(error: Exception) -> Response:
    """The answer that tells of an error."""
    headers = error.headers if isinstance(error, Refused) else None
    return Response(to_json(trouble(error)), status_of(error), headers, media_type="application/json")


def _line(text: str) -> str:
    """Parties choose some of the words."""
    return text if text.isprintable() else escape(text)
