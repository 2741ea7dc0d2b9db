"""What `tincans listen` does with its options. The command itself is in test_listen.py and test_terminal.py."""

from __future__ import annotations

import pytest

from tincans import connect, transports
from tincans.address import Address
from tincans.cli.answering import OneCaller
from tincans.errors import ChannelClosed, ConnectionRefused
from tincans.tasks import spawn


async def test_one_caller_is_taken_and_then_nobody_listens() -> None:
    async with OneCaller(await transports.listen(Address.parse("tcp://127.0.0.1:0"))) as listener:
        calling = spawn(connect(listener.address))
        async with await listener.greet(await listener.accept()) as taken, await calling as caller:
            with pytest.raises(ChannelClosed):
                await listener.accept()
            await caller.send(b"still talking")
            assert await taken.receive() == b"still talking"
            with pytest.raises(ConnectionRefused):
                await connect(listener.address)
