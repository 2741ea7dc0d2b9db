"""Real clients of IRC for the tests, which are told what to say and keep logs: WeeChat and irssi."""

from __future__ import annotations

import contextlib
import re
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from running import PATIENCE, POLL, Certificates, Program, program, start


def until(so: Callable[[], object], what: str) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + PATIENCE
    while not so():
        assert time.monotonic() < deadline, f"it never happened: {what}"
        time.sleep(POLL)


class Client:
    """One client, which is in one room. Its logs have a line for each thing that it showed in a window."""

    def __init__(self, running: Program, logs: Path) -> None:
        self.program, self._logs = running, logs

    def log(self, window: str) -> list[str]:
        path = self._logs / f"{window}.log"
        return path.read_text(errors="replace").splitlines() if path.exists() else []

    def said(self, window: str) -> list[tuple[str, str]]:
        """Who said what, as it showed it."""
        raise NotImplementedError

    def command(self, line: str) -> None:
        """Type a line, in its room."""
        raise NotImplementedError

    def shows(self, pattern: str, window: str) -> None:
        """Wait until a line in the window matches."""
        expression = re.compile(pattern)

        def found() -> bool:
            assert self.program.process.poll() is None, f"{self.program} ended before it showed {pattern!r}"
            return any(expression.search(line) for line in self.log(window))

        try:
            until(found, pattern)
        except AssertionError as error:
            raise AssertionError(f"{error}; it showed {self.log(window)[-30:]}") from None


# ── WeeChat ───────────────────────────────────────────────────────────────────────────────────────────────


class Weechat(Client):
    """WeeChat without a terminal: told by a pipe."""

    def __init__(self, running: Program, folder: Path, room: str) -> None:
        super().__init__(running, folder / "logs")
        self._pipe, self._room = folder / "pipe", room

    def command(self, line: str) -> None:
        with open(self._pipe, "wb", buffering=0) as pipe:
            pipe.write(f"irc.hub.{self._room} *{line}\n".encode())

    def say_all(self, lines: list[str]) -> None:
        """Say lines, a command each, a page of the pipe at once."""
        with open(self._pipe, "wb", buffering=0) as pipe:
            for at in range(0, len(lines), 20):
                pipe.write("".join(f"irc.hub.{self._room} *{line}\n" for line in lines[at : at + 20]).encode())

    def said(self, window: str) -> list[tuple[str, str]]:
        parts = (line.split("\t") for line in self.log(window))
        return [(part[-2].lstrip("@+"), part[-1]) for part in parts if re.fullmatch(r"[@+]?\w+", part[-2])]


@contextlib.contextmanager
def weechat(
    folder: Path, port: int, nick: str, room: str, *, login: str = "", tls: Certificates | None = None
) -> Iterator[Weechat]:
    """WeeChat, connected to localhost and in a room; `login` is a user whose password is the name."""
    options = {
        "logger.file.flush_delay": "0", "logger.file.path": f"{folder}/logs", "logger.file.time_format": '""',
        "logger.mask.irc": "$channel.log", "logger.file.name_lower_case": "off", "fifo.file.path": f"{folder}/pipe",
        "irc.server_default.anti_flood_prio_high": "0", "irc.server_default.anti_flood_prio_low": "0",
        "irc.look.smart_filter": "off",
    }  # fmt: skip
    server = {"autojoin": room, "nicks": nick, "username": nick, "realname": f'"{nick.title()} Smith"'}
    if login:
        server |= {"sasl_mechanism": "plain", "sasl_username": login, "sasl_password": login}
    if tls is not None:
        options["weechat.network.gnutls_ca_user"] = str(tls.ca)
        server |= {"ssl": "on", "ssl_verify": "on"}
    told = [f"/set {name} {value}" for name, value in options.items()]
    told.append(f"/server add hub localhost/{port}")
    told += [f"/set irc.server.hub.{name} {value}" for name, value in server.items()]
    command = [program("weechat-headless"), "--dir", str(folder), "--stdout"]
    with start([*command, *(word for each in [*told, "/connect hub"] for word in ("-r", each))]) as running:
        client = Weechat(running, folder, room)
        client.shows(rf"{nick}.* has joined {re.escape(room)}", room)
        yield client


# ── irssi ─────────────────────────────────────────────────────────────────────────────────────────────────


class Irssi(Client):
    """irssi in a terminal of its own, into which somebody types."""

    def command(self, line: str) -> None:
        self.program.feed(f"{line}\r".encode())

    def said(self, window: str) -> list[tuple[str, str]]:
        found = (re.fullmatch(r"\S+ <[ @+]?(\w+)> (.*)", line) for line in self.log(window))
        return [(match[1], match[2]) for match in found if match]


@contextlib.contextmanager
def irssi(
    folder: Path, port: int, nick: str, room: str, *, login: str = "", tls: Certificates | None = None
) -> Iterator[Irssi]:
    """irssi, connected to localhost and in a room; `login` is a user whose password is the name."""
    sasl = f'sasl_mechanism = "PLAIN"; sasl_username = "{login}"; sasl_password = "{login}";' if login else ""
    secure = f'use_tls = "yes"; tls_verify = "yes"; tls_cafile = "{tls.ca}";' if tls is not None else ""
    (folder / "config").write_text(f"""
servers = ({{ address = "localhost"; port = "{port}"; chatnet = "hub"; autoconnect = "yes"; {secure} }});
chatnets = {{ hub = {{ type = "IRC"; nick = "{nick}"; {sasl} }}; }};
channels = ({{ name = "{room}"; chatnet = "hub"; autojoin = "yes"; }});
settings = {{
  core = {{ real_name = "{nick.title()} Smith"; user_name = "{nick}"; nick = "{nick}"; resolve_prefer_ipv6 = "no"; }};
  "fe-text" = {{ paste_detect_time = "0msec"; }};
  "fe-common/core" = {{
    autolog = "yes"; autolog_path = "{folder}/logs/$0.log"; autolog_level = "all";
  }};
  "irc/core" = {{ cmd_queue_speed = "1msec"; cmds_max_at_once = "10000"; }};
}};
""")
    command = shlex.join([program("irssi"), "--home", str(folder)])
    typing = [program("script"), "--quiet", "--flush", "--return", "--command", command, "/dev/null"]
    with start(typing, stdin=subprocess.PIPE, env={"TERM": "xterm", "LC_ALL": "C.UTF-8"}) as running:
        client = Irssi(running, folder / "logs")
        client.shows(f"Join to {re.escape(room)} was synced", room)  # before that it would stay where it is
        client.command(f"/window goto {room}")
        running.wait_for("2:hub/")
        yield client
        client.command("/quit")
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.process.wait(PATIENCE)
