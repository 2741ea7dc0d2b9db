"""What the browser's door answers: the objects of docs/chat.md, and of what is refused the status that HTTP has."""

from __future__ import annotations

import msgspec

from tincans.apps.chat.browser.guard import HEADERS
from tincans.apps.chat.programs.words import Failed, Word
from tincans.apps.chat.refusals import Refused, Why
from tincans.apps.http.exchange import Exchange
from tincans.apps.http.login import REALM

_encode = msgspec.json.Encoder().encode

#: Whatever is not here is 403: who asks may not.
_STATUS: dict[Why, int] = {
    Why.NOT_UNDERSTOOD: 400, Why.EMPTY: 400, Why.BAD_ROOM: 400, Why.NOT_LOGGED_IN: 401, Why.WRONG_PASSWORD: 401,
    Why.NO_SUCH_ROOM: 404, Why.NO_SUCH_NICK: 404, Why.NO_SUCH_COMMAND: 404, Why.TOO_LONG: 413, Why.TOO_MANY: 429,
    Why.DISK: 507,
}  # fmt: skip


async def answer(exchange: Exchange, word: Word, status: int = 200) -> None:
    """Respond with an object."""
    fields = [("Content-Type", "application/json"), ("Cache-Control", "no-store"), *_FIELDS]
    if status == 401:
        fields.append(("WWW-Authenticate", REALM))
    await exchange.respond(status, fields, _encode(word) + b"\n")


async def refuse(exchange: Exchange, refused: Refused) -> None:
    """Respond that it is not done, and why."""
    await answer(exchange, Failed(code=refused.why.value, text=refused.text), _STATUS.get(refused.why, 403))


_FIELDS = [*HEADERS, ("X-Content-Type-Options", "nosniff")]
