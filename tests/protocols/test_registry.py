"""Naming protocols, and telling which is spoken."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from tincans.channel import Side
from tincans.errors import NoSuchProtocol
from tincans.limits import GUESS_BYTES
from tincans.protocols import Data, Event, Match, Session, find_protocol, guess, names
from tincans.protocols import registry as module
from tincans.protocols.inbox import Inbox
from tincans.protocols.lines import LinesSession
from tincans.protocols.raw import RawSession


class TickSession(Session):
    """Begins with TICK; a T alone might be it."""

    name: ClassVar[str] = "tick"
    title: ClassVar[str] = "Tick"
    ports: ClassVar[tuple[int, ...]] = (4711,)

    @classmethod
    def recognize(cls, client: bytes, server: bytes) -> Match:
        if client.startswith(b"TICK") or server.startswith(b"TOCK"):
            return Match.SURE
        if client.startswith(b"T?"):
            return Match.MAYBE
        return Match.WAIT if client and b"TICK".startswith(client) else Match.NO

    @classmethod
    def check_option(cls, option: str) -> None:
        if option not in ("", "loud", "very:loud"):
            raise ValueError("ticks are loud")

    def _read(self, side: Side, inbox: Inbox) -> Event | None:
        return Data(data=inbox.take_all()) if inbox.data else None


class OtherSession(TickSession):
    """As sure as the other one, and behind it."""

    name: ClassVar[str] = "other"
    ports: ClassVar[tuple[int, ...]] = ()


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_kinds", lambda: (TickSession, OtherSession, LinesSession, RawSession))


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    """What was found once is remembered; a test that installs something must not be."""
    for cached in (module._others, module._kinds):
        cached.cache_clear()
    yield
    for cached in (module._others, module._kinds):
        cached.cache_clear()


# ── naming ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_name_may_have_an_option() -> None:
    protocol = find_protocol("lines:/[;:]/")
    assert (protocol.kind, protocol.option, protocol.name) == (LinesSession, "/[;:]/", "lines:/[;:]/")
    assert protocol.session(options={"more": "1"}).options == {"more": "1", "option": "/[;:]/"}
    assert find_protocol("raw").name == "raw"


def test_a_class_may_be_named_with_an_option_or_without() -> None:
    here = f"{__name__}:TickSession"
    assert find_protocol(here) == (TickSession, "")
    assert find_protocol(f"{here}:loud") == (TickSession, "loud")
    assert find_protocol(f"{here}:very:loud").session().options == {"option": "very:loud"}
    with pytest.raises(NoSuchProtocol, match="ticks are loud"):
        find_protocol(f"{here}:quiet")


def test_a_module_may_be_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tincans_test_mine.py").write_text("from tincans.protocols.raw import RawSession as Mine\n")
    monkeypatch.chdir(tmp_path)
    before = list(sys.path)
    assert find_protocol("tincans_test_mine:Mine").kind is RawSession
    assert sys.path == before


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("lnes", r"'lnes' is not a protocol: did you mean 'lines'\?"),
        ("", r"'' is not a protocol"),
        ("xyzzy", r"'xyzzy' is not a protocol"),
        ("raw:x", "raw takes no option"),
        ("tincans.protocols.lines:Line", "it is no Session"),
        ("tincans.protocols.lines:encoded", "it is no Session"),
        ("tincans.protocols.lines:Nothing", "has no attribute 'Nothing'"),
        ("tincans.nothing:Session", "No module named 'tincans.nothing'"),
        (":Session", "Empty module name"),
    ],
)
def test_what_is_no_protocol_is_said_with_the_reason(name: str, reason: str) -> None:
    with pytest.raises(NoSuchProtocol, match=reason):
        find_protocol(name)


def test_a_module_that_fails_is_no_mistake_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tincans_test_broken.py").write_text("1 / 0\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NoSuchProtocol, match="its module fails: ZeroDivisionError"):
        find_protocol("tincans_test_broken:Session")


# ── what others install ───────────────────────────────────────────────────────────────────────────────────


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, *rows: str) -> None:
    """A distribution with entry points, as pip leaves it."""
    info = folder / "tincans_test_ticks-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tincans-test-ticks\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("\n".join(["[tincans.protocols]", *rows]) + "\n")
    monkeypatch.syspath_prepend(str(folder))
    importlib.invalidate_caches()


def test_a_distribution_adds_protocols_and_they_are_recognized(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, f"tick = {__name__}:TickSession", f"lines = {__name__}:TickSession")
    assert names() == [*module.BUILT_IN, "lines", "tick"]
    assert find_protocol("tick:loud") == (TickSession, "loud")
    assert find_protocol("lines").kind is LinesSession, "nobody replaces what is ours"
    assert guess(b"TICK", b"") == (TickSession, "")


def test_one_that_is_broken_breaks_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, "gone = tincans_test_gone:Session", f"tick = {__name__}:TickSession")
    assert guess(b"TICK", b"") == (TickSession, "")
    with pytest.raises(NoSuchProtocol, match="tincans_test_gone"):
        find_protocol("gone")


# ── guessing ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize(
    ("client", "server", "port", "complete", "found"),
    [
        (b"TICK", b"", None, False, TickSession),  # of two that are as sure, the first
        (b"", b"TOCK", None, False, TickSession),  # either side is enough
        (b"TI", b"", None, False, None),  # not yet to be told
        (b"TI", b"", 4711, False, None),  # whatever the port
        (b"TI", b"", None, True, LinesSession),  # nothing more will come: what it might be
        (b"T\x00", b"", None, False, RawSession),
        (b"T?", b"", None, False, TickSession),
        (b"T?", b"", 4711, False, TickSession),
        (b"TI", b"", 4711, True, TickSession),  # unless that is all
        (b"hello", b"", 4711, False, LinesSession),  # the port alone is no evidence
        (b"hello", b"", 4711, True, LinesSession),
        ("ü".encode()[:1], b"", None, False, LinesSession),  # it may become a letter
        (b"\xff", b"", None, False, RawSession),
    ],
)
def test_what_was_said_first_tells_the_protocol(
    client: bytes, server: bytes, port: int | None, complete: bool, found: type[Session] | None
) -> None:
    protocol = guess(client, server, port, complete=complete)
    assert (protocol.kind if protocol else None) is found


@pytest.mark.usefixtures("few")
def test_byte_by_byte_it_is_the_same() -> None:
    for said in (b"TICK tock", b"T? well", b"TIME", b"hello"):
        found = [protocol.kind for end in range(1, len(said)) if (protocol := guess(said[:end], b"")) is not None]
        whole = guess(said, b"", complete=True)
        assert whole is not None
        assert found[0] is whole.kind


def test_of_two_that_are_as_sure_the_one_at_home_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_kinds", lambda: (OtherSession, TickSession, LinesSession))
    assert guess(b"TICK", b"") == (OtherSession, "")
    assert guess(b"TICK", b"", 4711) == (TickSession, "")
    assert guess(b"TI", b"", 4711, complete=True) == (TickSession, "")


def test_enough_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    class Patient(TickSession):
        @classmethod
        def recognize(cls, client: bytes, server: bytes) -> Match:
            return Match.WAIT

    monkeypatch.setattr(module, "_kinds", lambda: (Patient, LinesSession))
    assert guess(b"x" * (GUESS_BYTES - 2), b"x") is None
    assert guess(b"x" * (GUESS_BYTES - 1), b"x") == (LinesSession, "")


@pytest.mark.usefixtures("few")
def test_a_port_is_the_home_of_a_protocol() -> None:
    assert module.at_home(4711) == (TickSession, "")
    assert module.at_home(1) is None


@pytest.mark.parametrize(
    ("client", "server", "name"),
    [
        (b"", b"SSH-2.0-OpenSSH_9.6\r\n", "raw"),
        (b"SSH-2.0-x\r\n", b"", "raw"),
        (b"", b"RFB 003.008\n", "raw"),
        (b"", b"SS", None),
        (b"", b"SSH is what I use\n", "lines"),
        (b"", b"RFB is a protocol\n", "lines"),
        (b"AUTH secret\r\n", b"+OK\r\n", "redis"),
        (b"2+2\r\n", b"220 a calculator\r\n", "lines"),
        (b"AMQP\0\0\x09\x01", b"", "raw"),
        (b"\x13BitTorrent protocol\0\0\0\0\0\0\0\0", b"", "raw"),
        (b"REGISTER sip:x SIP/2.0\r\n", b"", "lines"),
        (b"PING\r\n", b"PONG\r\n", "lines"),
        (b'CONNECT {"verbose":false}\r\n', b'INFO {"port":4222}\r\n', "lines"),
    ],
)
def test_what_others_speak_is_not_taken_for_ours(client: bytes, server: bytes, name: str | None) -> None:
    found = guess(client, server)
    assert (found and found.name) == name
