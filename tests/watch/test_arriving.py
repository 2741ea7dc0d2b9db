"""What changes in an inbox is told to those who asked for it, whoever changed it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from visiting import inbox, write_apart


async def test_what_changes_is_told_whoever_changed_it(tmp_path: Path) -> None:
    async with inbox(tmp_path) as here, here.guest.live(mails=True) as told:
        first = (await told.until("mails", lambda message: "mails" in message["revisions"]))["revisions"]["mails"]

        async def changed(than: int) -> int:
            found = await told.until("mails", lambda message: message["revisions"]["mails"] != than)
            return int(found["revisions"]["mails"])

        here.take()
        second = await changed(first)
        await here.guest.post("/api/mails/1/seen")
        third = await changed(second)
        await asyncio.to_thread(write_apart, tmp_path / "mails", "from elsewhere")
        await changed(third)
        assert await here.numbers() == [2, 1]


async def test_who_did_not_ask_for_mails_is_told_nothing_of_them(tmp_path: Path) -> None:
    async with inbox(tmp_path) as here, here.guest.live(seconds=True) as told:
        await told.until("seconds")
        here.take()
        for _ in range(2):
            message = await told.next()
            assert message["type"] == "seconds", json.dumps(message)
