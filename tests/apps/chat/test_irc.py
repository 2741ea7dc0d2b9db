"""The IRC door: how a caller's lines are taken, and how callers go. What they say is in the tests beside this one."""

from __future__ import annotations

from ircing import chat


async def test_two_clients_talk() -> None:
    async with chat() as house:
        ann, bob = await house.enter("ann", "#tea"), await house.enter("bob", "#tea")
        assert await ann.hears() == [":bob!bob@localhost JOIN #tea"]
        assert await ann.says("PRIVMSG #tea :hello there") == []
        assert await bob.hears() == [":ann!ann@localhost PRIVMSG #tea :hello there"]
