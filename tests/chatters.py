"""Who talks in a hub's rooms: the hub, a program that can be killed; members that are programs; people at a browser."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Callable, Iterator
from mimetypes import guess_type
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, FilePayload, Locator, expect

from running import PATIENCE, Program, start, tincans
from watching import Tab, tab_of


class Hub:
    """A hub that can be killed and started again, at the same port and with the same rooms."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])
        self.origin = f"http://127.0.0.1:{self.port}"
        self.url = f"{self.origin}/"
        self.program: Program | None = None
        self._stack = contextlib.ExitStack()

    def start(self) -> None:
        ready = self.folder.with_name("port")
        ready.unlink(missing_ok=True)
        arguments = [
            "listen",
            f"tcp://127.0.0.1:{self.port}",
            "chat",
            "--rooms",
            str(self.folder),
            "--no-record",
            "--flood",
            "0",
        ]
        self.program = self._stack.enter_context(start(tincans(*arguments, "--port-file", str(ready))))
        self.program.wait_for_file(ready)

    def kill(self) -> None:
        """As `kill -9` does."""
        assert self.program is not None
        self.program.process.kill()
        self.program.process.wait()

    def close(self) -> None:
        self._stack.close()


class Robot:
    """A program that is a member."""

    def __init__(self, hub: Hub, nick: str, *rooms: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", hub.port), PATIENCE)
        self._lines = self._socket.makefile("rb")
        self._label = 0
        self._hub = hub
        #: Shows that a file is this program's.
        self.ticket = self.do("hello", nick=nick)["ticket"]
        for room in rooms:
            self.do("join", room=room)

    def do(self, do: str, **more: object) -> Any:
        label = self.start(do, **more)
        return self.until(lambda said: said.get("label") == label)

    def start(self, do: str, **more: object) -> str:
        """Say that it is to be done, with the label that this gives."""
        self._label += 1
        self._socket.sendall(json.dumps({"do": do, "label": str(self._label), **more}).encode() + b"\n")
        return str(self._label)

    def say(self, *texts: str, room: str = "#ops") -> None:
        """Say all of these; the last was kept when this returns."""
        for text in texts[:-1]:
            self._socket.sendall(json.dumps({"do": "say", "room": room, "text": text}).encode() + b"\n")
        assert self.do("say", room=room, text=texts[-1])["on"] == "message"

    def send(self, name: str, data: bytes, room: str = "%23ops") -> bytes:
        """Put a file into a room; gives the answer."""
        head = f"POST /files?room={room}&name={name} HTTP/1.0\r\nAuthorization: Bearer {self.ticket}\r\n"
        with socket.create_connection(("127.0.0.1", self._hub.port), PATIENCE) as sender:
            sender.sendall(f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data)
            return b"".join(iter(lambda: sender.recv(65536), b""))

    def hear(self, text: str) -> Any:
        return self.until(lambda said: said["on"] in ("message", "whisper") and said["text"] == text)

    def until(self, holds: Callable[[Any], bool]) -> Any:
        while not holds(said := json.loads(self._lines.readline())):
            pass
        return said

    def close(self) -> None:
        self._lines.close()
        self._socket.close()


@contextlib.contextmanager
def robot_of(hub: Hub, nick: str = "robot", *rooms: str) -> Iterator[Robot]:
    robot = Robot(hub, nick, *(rooms or ("#ops",)))
    try:
        yield robot
    finally:
        robot.close()


class Person:
    """Somebody at a browser."""

    def __init__(self, tab: Tab, nick: str) -> None:
        self.tab, self.page, self.nick = tab, tab.page, nick

    @property
    def log(self) -> Locator:
        return self.page.get_by_role("log")

    @property
    def field(self) -> Locator:
        return self.page.get_by_role("textbox", name="Write in ").or_(
            self.page.get_by_role("combobox", name="Write in ")
        )

    @property
    def rooms(self) -> Locator:
        return self.page.get_by_role("navigation", name="Rooms")

    def say(self, text: str) -> None:
        self.field.fill(text)
        self.field.press("Enter")

    def choose(self, name: str, data: bytes) -> None:
        """Choose a file to send."""
        kind = guess_type(name)[0] or "application/octet-stream"
        payload = FilePayload(name=name, mimeType=kind, buffer=data)
        self.page.locator("input[type=file]").set_input_files(payload)

    def sees(self, text: str) -> Locator:
        found = self.log.get_by_text(text, exact=True).last
        expect(found).to_be_visible()
        return found

    def texts(self) -> list[str]:
        """What is in the document of what was said."""
        found: list[str] = self.log.locator(".one:not(.event) .text").all_inner_texts()
        return found

    def room(self, name: str) -> Locator:
        return self.rooms.get_by_role("button", name=name)


@contextlib.contextmanager
def person(browser: Browser, hub: Any, nick: str, where: str = "#ops", **options: Any) -> Iterator[Person]:
    """Somebody who has come in, and looks at that room. Whatever was wrong in their tab fails the block."""
    with tab_of(browser, hub, **options) as tab:
        tab.page.goto(hub.url + where)
        tab.page.get_by_label("How others see you").fill(nick)
        tab.page.keyboard.press("Enter")
        someone = Person(tab, nick)
        expect(someone.log.locator(".edge.all, [data-number]").first).to_be_visible()  # all that was said before came
        yield someone
