"""Unix sockets: files that come and go, permissions, the abstract space."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from tincans.address import Address
from tincans.errors import AddressInUse, ConnectionRefused, ListenError
from tincans.tasks import spawn
from tincans.transports import dial, listen


async def test_a_call_by_path(tmp_path: Path) -> None:
    address = Address.parse(f"unix://{tmp_path}/x.sock")
    async with await listen(address) as listener:
        calling = spawn(dial(address))
        async with await listener.accept() as there, await calling as here:
            assert here.remote == there.local == address
            await here.send(b"hello")
            assert await there.receive() == b"hello"
    assert not Path(address.path).exists()


async def test_a_call_by_abstract_name() -> None:
    address = Address.parse(f"unix:@tincans-{os.getpid()}")
    async with await listen(address) as listener:
        calling = spawn(dial(address))
        async with await listener.accept(), await calling as here:
            assert here.remote == address


async def test_the_file_has_the_permissions_asked_for(tmp_path: Path) -> None:
    async with await listen(Address.parse(f"unix://{tmp_path}/x.sock?mode=0600")):
        assert stat.S_IMODE((tmp_path / "x.sock").stat().st_mode) == 0o600


async def test_a_dead_server_s_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "x.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    async with await listen(Address.parse(f"unix:{path}")):
        pass


async def test_a_live_server_s_file_is_left_alone(tmp_path: Path) -> None:
    address = Address.parse(f"unix:{tmp_path}/x.sock")
    async with await listen(address) as listener:
        with pytest.raises(AddressInUse):
            await listen(address)
        calling = spawn(dial(address))
        await (await listener.accept()).aclose()  # the probe's
        async with await listener.accept(), await calling:
            pass


async def test_any_other_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("mine")
    with pytest.raises(ListenError, match="there is a file of that name, and it is not a socket"):
        await listen(Address.parse(f"unix:{path}"))
    assert path.read_text() == "mine"


async def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(ConnectionRefused, match="there is no such socket"):
        await dial(Address.parse(f"unix:{tmp_path}/x.sock"))
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "dead.sock"))
    with pytest.raises(ConnectionRefused, match="the connection was refused"):
        await dial(Address.parse(f"unix:{tmp_path}/dead.sock"))


async def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ListenError, match="there is no such folder"):
        await listen(Address.parse(f"unix:{tmp_path}/no/x.sock"))


async def test_processes_cannot_share_a_path(tmp_path: Path) -> None:
    with pytest.raises(ListenError, match="cannot share"):
        await listen(Address.parse(f"unix:{tmp_path}/x.sock"), reuse_port=True)
