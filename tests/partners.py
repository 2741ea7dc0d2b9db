"""A person at a terminal, and a server by hand: the two that a command of ours talks to."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import select
import signal
import socket
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable
from typing import Self

from running import PATIENCE, program


class AtTerminal:
    """A command that runs at a terminal of its own: what is typed, and what is on the screen."""

    def __init__(self, command: list[str], size: tuple[int, int] = (0, 0)) -> None:
        """`size` is of so many columns and rows; 0 where it is not known."""
        self._main, other = os.openpty()
        fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        self.process = subprocess.Popen(
            [program("setsid"), "--ctty", *command], stdin=other, stdout=other, stderr=other,
            env={**os.environ, "TERM": "xterm"},
        )  # fmt: skip
        os.close(other)
        self.screen = ""

    def type(self, text: str) -> None:
        os.write(self._main, text.encode())

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Wait until the screen has `pattern` on it."""
        deadline = time.monotonic() + PATIENCE
        while not (found := re.search(pattern, self.screen)):
            assert self._read(deadline), f"{pattern!r} never came on the screen:\n{self.screen}"
        return found

    def hang_up(self) -> None:
        """Close the terminal, as a window is closed: the kernel sends SIGHUP."""
        os.close(self._main)
        self._main = -1

    def wait(self, expected: int = 0) -> None:
        deadline = time.monotonic() + PATIENCE
        while self._read(deadline):
            pass
        assert self.process.wait(PATIENCE) == expected, self.screen

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        if self._main >= 0:
            os.close(self._main)

    def _read(self, deadline: float) -> bool:
        """Take what is printed next; whether there was anything before the terminal was left."""
        if not select.select([self._main], [], [], max(0, deadline - time.monotonic()))[0]:
            return False
        try:
            data = os.read(self._main, 65536)
        except OSError:  # EIO: nobody has it open any more
            return False
        self.screen += data.decode(errors="replace").replace("\r\n", "\n")
        return bool(data)


class ByHand:
    """A TCP server that does with its one caller what a test says, in a thread."""

    def __init__(self, do: Callable[[socket.socket], None], port: int = 0) -> None:
        self._socket = socket.create_server(("127.0.0.1", port))
        self._socket.settimeout(PATIENCE)
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, args=(do,))
        self._thread.start()

    def _serve(self, do: Callable[[socket.socket], None]) -> None:
        try:
            caller, self.peer = self._socket.accept()
        except OSError:  # nobody called
            return
        finally:
            self._socket.close()
        with caller:
            caller.settimeout(PATIENCE)
            do(caller)

    def __enter__(self) -> ByHand:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:  # nobody is going to call any more
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()


def read_all(caller: socket.socket) -> bytes:
    """Everything a caller says until it ends."""
    data = b""
    while piece := caller.recv(65536):
        data += piece
    return data


def reset(caller: socket.socket) -> None:
    """Hang up so that the other side sees a reset."""
    caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
