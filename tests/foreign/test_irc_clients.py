"""WeeChat and irssi on a real hub: in rooms with each other, as guests and as users, in plain words and inside TLS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from irc_programs import Client, irssi, weechat
from rooming import user
from running import Certificates, Serving, program, run, serving

pytestmark = pytest.mark.foreign

Program = Callable[..., AbstractContextManager[Client]]


@pytest.fixture
def hub(tmp_path: Path, certificates: Certificates) -> Iterator[Serving]:
    """A hub on which `ann` and `root` are users, and `root` runs it."""
    users = tmp_path / "users.toml"
    users.write_text(f'[users]\nann = "{user("ann")}"\nroot = "{user("root")}"\n')
    leaf = str(certificates.leaf)
    more = ["--users", str(users), "--guests", "--operator", "root", "--cert", leaf, "--key", leaf]
    with serving("listen", "127.0.0.1:0", "chat", "--rooms", str(tmp_path / "rooms"), *more) as found:
        yield found


def by_nc(hub: Serving, *lines: str) -> str:
    """What is heard by somebody with nc who says these lines and leaves."""
    return run(
        [program("nc"), "-N", "127.0.0.1", str(hub.port)], stdin="".join(f"{line}\n" for line in lines).encode()
    ).decode()


@pytest.mark.parametrize("client", [weechat, irssi])
@pytest.mark.parametrize("wrap", ["tcp", "tls"])
@pytest.mark.parametrize("login", ["", "ann"])
def test_it_talks_in_a_room(
    client: Program, wrap: str, login: str, hub: Serving, tmp_path: Path, certificates: Certificates
) -> None:
    by_nc(hub, "/nick old", "/join #ops", "first words")
    (folder := tmp_path / "client").mkdir()
    tls = certificates if wrap == "tls" else None
    with client(folder, hub.port, login or "guest", "#ops", login=login, tls=tls) as one:
        one.command("/quote CHATHISTORY LATEST #ops * 10")
        one.shows("first words", "#ops")
        one.command("hello from here")
        one.command("/me waves")
        one.command("/topic tea at five")
        one.shows("tea at five", "#ops")
        said = by_nc(hub, "/nick visitor", "/join #ops", "/topic", "/who", "/history", "hello, you")
        assert "hello from here" in said
        assert "tea at five" in said
        one.shows("visitor.* has joined #ops", "#ops")
        one.shows("hello, you", "#ops")
        one.shows("visitor.* has quit|visitor.* has left", "#ops")
        assert ("visitor", "hello, you") in one.said("#ops")
        one.command("/names")
        one.shows(f"@{login or 'guest'}", "#ops")


@pytest.mark.parametrize("first", [weechat, irssi])
def test_both_see_each_other(first: Program, hub: Serving, tmp_path: Path) -> None:
    second = irssi if first is weechat else weechat
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    with first(tmp_path / "one", hub.port, "one", "#ops") as one:
        with second(tmp_path / "two", hub.port, "two", "#ops") as two:
            one.shows("two.* has joined", "#ops")
            for number in range(20):
                (one, two)[number % 2].command(f"line {number}")
                (two, one)[number % 2].shows(f"line {number}$", "#ops")
            assert one.said("#ops") == two.said("#ops") == [(("one", "two")[n % 2], f"line {n}") for n in range(20)]
            one.command("/mode #ops +o two")
            two.shows(r"\+o two", "#ops")
            two.command("/kick one enough")
            one.shows("enough", "#ops")
