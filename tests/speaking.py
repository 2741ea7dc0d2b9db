"""A session of ours as one end of a real connection: a strict client that speaks with a real server."""

from __future__ import annotations

import socket
from pathlib import Path
from types import TracebackType

from running import PATIENCE
from tincans.channel import Side
from tincans.protocols import Event, find_protocol


class Speaker:
    """Says events and hears them, over a blocking socket: TCP, UDP or Unix."""

    def __init__(self, protocol: str, to: int | Path, *, datagrams: bool = False) -> None:
        """`to` is a port of this machine, or a Unix socket's path."""
        self.session = find_protocol(protocol).session(strict=True, boundaries=datagrams)
        kind = socket.SOCK_DGRAM if datagrams else socket.SOCK_STREAM
        self._socket = socket.socket(socket.AF_INET if isinstance(to, int) else socket.AF_UNIX, kind)
        self._socket.settimeout(PATIENCE)
        self._socket.connect(("127.0.0.1", to) if isinstance(to, int) else str(to))
        self._heard: list[Event] = []

    def say(self, *events: Event) -> None:
        self._socket.sendall(b"".join(self.session.send(Side.CLIENT, event) for event in events))

    def hear(self) -> Event:
        """The server's next event."""
        while not self._heard:
            data = self._socket.recv(65536)
            assert data, "the server hung up"
            self._heard += self.session.receive(Side.SERVER, data)
        return self._heard.pop(0)

    def __enter__(self) -> Speaker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()
