"""Files put into a room from a program."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import tincans
from chatting import little_hub, real_hub
from running import Certificates
from tincans.clients.chat_files import send_file
from tincans.clients.chat_room import Membership
from tincans.errors import CannotRead, ChatRefused, RemoteProtocolError, TransferFailed
from tincans.limits import RECEIVE_BYTES
from tincans.tasks import spawn

HERE = tincans.Calling()


async def put(room: Membership, path: Path, how: tincans.Calling = HERE) -> str:
    """Put a file into a room, and give where it is on the hub."""
    moved: list[int] = []
    message = await send_file(room.chat, how, room.room, path, moved.append)
    assert sum(moved) == path.stat().st_size
    assert message.kind == "file"
    assert message.file is not None
    assert (message.file.name, message.file.size) == (path.name, path.stat().st_size)
    return message.file.url


@pytest.mark.parametrize("size", [0, 1, 3 * RECEIVE_BYTES + 1])
async def test_a_file_is_told_to_the_room_and_can_be_fetched(tmp_path: Path, size: int) -> None:
    path = tmp_path / "ein plän.txt"
    path.write_bytes(bytes(range(256)) * (size // 256) + bytes(size % 256))
    async with (
        real_hub(str(tmp_path / "rooms")) as hub,
        tincans.join(hub, "#ops", nick="ann") as ann,
        tincans.join(hub, "#ops", nick="bob") as bob,
    ):
        url = await put(ann, path)
        async for message in bob:
            assert message.file is not None
            assert message.file.url == url
            break
        await tincans.get(f"http://127.0.0.1:{hub.port}{url}", tmp_path / "got")
        assert (tmp_path / "got").read_bytes() == path.read_bytes()


async def test_whatever_the_chat_goes_over(tmp_path: Path, certificates: Certificates) -> None:
    path = tmp_path / "file"
    path.write_text("hello")
    leaf, how = str(certificates.leaf), tincans.Calling(ca=str(certificates.ca))
    async with real_hub(tls="required", cert=leaf, key=leaf) as hub:
        async with tincans.join(f"wss://127.0.0.1:{hub.port}/chat", "#ops", nick="ann", how=how) as room:
            await put(room, path, how)
    async with real_hub(address=f"unix:{tmp_path}/sock") as hub, tincans.join(hub, "#ops", nick="ann") as room:
        await put(room, path)


async def test_what_is_refused_is_told(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("hello")
    async with real_hub() as hub, tincans.join(hub, "#ops", nick="ann") as room:
        with pytest.raises(CannotRead, match="it is no regular file"):
            await send_file(room.chat, HERE, room.room, tmp_path)
        with pytest.raises(CannotRead):
            await send_file(room.chat, HERE, room.room, tmp_path / "none")
        with pytest.raises(ChatRefused, match="there is no room #none"):
            await send_file(room.chat, HERE, "#none", path)


@pytest.mark.parametrize("ticket", ["", "a\r\nX-Evil: 1"])
async def test_a_hub_without_a_ticket_takes_none(tmp_path: Path, ticket: str) -> None:
    async with little_hub() as hub:
        hub.ticket = ticket
        async with tincans.join(hub.address, "#ops") as room:
            with pytest.raises(ChatRefused, match="this hub takes no files"):
                await send_file(room.chat, HERE, room.room, tmp_path)


@pytest.mark.parametrize(
    ("answer", "error", "reason"),
    [
        (
            b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno",
            ChatRefused,
            "the hub takes no files: 404 Not Found",
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", RemoteProtocolError, "no object of a chat"),
        (
            b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n{"on":"done"}',
            RemoteProtocolError,
            "answers a file with Done",
        ),
        (b"", TransferFailed, "the hub hung up"),
    ],
)
async def test_a_hub_that_answers_otherwise(tmp_path: Path, answer: bytes, error: type[Exception], reason: str) -> None:
    path = tmp_path / "file"
    path.write_text("hello")

    async def app(channel: tincans.Channel) -> None:
        buffered = tincans.Buffered(channel)
        await buffered.receive_until(b"\r\n\r\n")
        await channel.send(answer)

    async with little_hub() as hub, tincans.join(hub.address, "#ops") as room, await tincans.serve(
        "tcp://127.0.0.1:0", app
    ) as server:  # fmt: skip
        with pytest.raises(error, match=reason):
            await send_file(room.chat, HERE._replace(via=server.address), room.room, path)


async def test_cancelling_leaves_nothing_open(tmp_path: Path) -> None:
    path, called = tmp_path / "file", asyncio.Event()
    path.write_text("hello")

    async def app(channel: tincans.Channel) -> None:
        called.set()
        async for _ in channel:
            pass

    async with little_hub() as hub, tincans.join(hub.address, "#ops") as room, await tincans.serve(
        "tcp://127.0.0.1:0", app
    ) as server:  # fmt: skip
        sending = spawn(send_file(room.chat, HERE._replace(via=server.address), room.room, path))
        await called.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
