"""Messages to be kept by a history, and what is asked of those that it gives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from running import PATIENCE
from tincans.apps.chat.events import File, Kind, Message, Who
from tincans.apps.chat.history import History

#: A moment in 2026, in nanoseconds since 1970.
THEN = 1_790_000_000_000_000_000


def said(
    number: int, text: str = "", *, room: str = "#ops", nick: str = "ann", at: int = 0, msgid: str = "",
    kind: Kind = "say", file: File | None = None,
) -> Message:  # fmt: skip
    """What was said by somebody: the message number so and so, a nanosecond later each."""
    return Message(
        number=number, at=at or THEN + number, room=room, kind=kind, who=Who(nick), text=text or f"line {number}",
        id=msgid or f"id{number}", file=file,
    )  # fmt: skip


def say(history: History, *texts: str, room: str = "#ops", nick: str = "ann") -> list[Message]:
    """Append these, by one call."""
    messages = [said(history.last + place, text, room=room, nick=nick) for place, text in enumerate(texts, 1)]
    history.append(messages)
    return messages


def numbers(messages: Iterable[Message]) -> list[int]:
    return [message.number for message in messages]


async def eventually(happened: Callable[[], bool]) -> None:
    """Wait until a thread of a history has done something."""
    async with asyncio.timeout(PATIENCE):
        while not happened():
            await asyncio.sleep(0.005)
