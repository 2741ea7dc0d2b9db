"""Any language: the clients and servers of examples/languages, all 25 pairs, through the real relay.

Every program prints what it says (`>`) and hears (`<`), the server with the caller's port in front. The answers must be
right, and the recording must hold the very bytes that both programs printed.
"""

from __future__ import annotations

import contextlib
import fcntl
import re
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest

from running import Program, Recorded, program, recorded, run, serving, start, tincans
from tincans.address import Address

SOURCES = Path(__file__).parent.parent / "examples" / "languages"

#: The command that starts a language's "server" or "client"; `built` is where the compilers' work is.
LANGUAGES: dict[str, Callable[[Path, str], list[str]]] = {
    "C": lambda built, party: [str(built / party)],
    "Java": lambda built, party: [program("java"), "-XX:TieredStopAtLevel=1", "-cp", str(built), party.title()],
    "Node": lambda built, party: [program("node"), str(SOURCES / f"{party}.js")],
    "PHP": lambda built, party: [program("php"), str(SOURCES / f"{party}.php")],
    "Python": lambda built, party: [sys.executable, str(SOURCES / f"{party}.py")],
}

LONG = "tin can " * 12_500
REQUESTS = ["Grüße, 世界 🥫", "", "12345", "999999999", LONG, "Still there?"]
ANSWERS = ["20 Grüße, 世界 🥫", "0 ", "152399025", "999999998000000001", f"100000 {LONG}", "12 Still there?"]
GOODBYE = "7 lines, goodbye"


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The folder with the compiled programs, made once for all of xdist's workers."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "languages"
    folder.mkdir(exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            build(folder)
            (folder / "done").touch()
    return folder


def build(folder: Path) -> None:
    for party in ("server", "client"):
        source = str(SOURCES / f"{party}.c")
        run([program("cc"), "-Wall", "-Wextra", "-Werror", "-pthread", "-o", str(folder / party), source])
    sources = [str(path) for path in SOURCES.glob("*.java")]
    run([program("javac"), "-Xlint:all", "-Werror", "-encoding", "UTF-8", "-d", str(folder), *sources])


@pytest.mark.foreign
@pytest.mark.parametrize("server_language", LANGUAGES)
def test_a_server_and_clients_in_every_language_through_the_relay(
    server_language: str, built: Path, tmp_path: Path
) -> None:
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(start([*LANGUAGES[server_language](built, "server"), "0"]))
        port = server.wait_for(r"^(\d+)$")[1]
        relay = stack.enter_context(serving("relay", ":0", f":{port}", journal=tmp_path / "journal"))
        clients = {
            language: stack.enter_context(start([*command(built, "client"), "127.0.0.1", str(relay.port)]))
            for language, command in LANGUAGES.items()
        }
        for client in clients.values():
            client.wait()
        printed = {language: transcript(client) for language, client in clients.items()}
        by_port = transcripts(server)

    assert printed == {language: (said_by(language), answered_to(language)) for language in LANGUAGES}
    conversations = {language_of(each): each for each in recorded(tmp_path / "journal")}
    assert conversations.keys() == LANGUAGES.keys()
    for language, found in conversations.items():
        assert (found.client, found.server) == printed[language]
        assert (found.server, found.client) == by_port[Address.parse(found.conversation.far).port]
    assert len(by_port) == len(LANGUAGES), "every caller had a socket of its own"

    number = str(conversations["PHP"].conversation.number)
    shown = run(tincans("show", number, "--raw", "server", "--journal", str(tmp_path / "journal")))
    assert shown == answered_to("PHP")


def lines(*texts: str) -> bytes:
    return "".join(text + "\n" for text in texts).encode()


def said_by(language: str) -> bytes:
    return lines(f"Hello from {language}", *REQUESTS)


def answered_to(language: str) -> bytes:
    hello = f"Hello from {language}"
    return lines(f"{len(hello)} {hello}", *ANSWERS, GOODBYE)


def language_of(found: Recorded) -> str:
    match = re.match(rb"Hello from (\w+)\n", found.client)
    assert match is not None
    return match[1].decode()


def transcript(client: Program) -> tuple[bytes, bytes]:
    """What a client printed: what it said, and what it heard."""
    said = re.findall(rb"^> (.*\n)", client.out, re.MULTILINE)
    heard = re.findall(rb"^< (.*\n)", client.out, re.MULTILINE)
    return b"".join(said), b"".join(heard)


def transcripts(server: Program) -> dict[int, tuple[bytes, bytes]]:
    """What a server printed of each caller, by the caller's port: what it said, and what it heard."""
    said: defaultdict[int, bytes] = defaultdict(bytes)
    heard: defaultdict[int, bytes] = defaultdict(bytes)
    for port, mark, line in re.findall(rb"^(\d+) ([<>]) (.*\n)", server.out, re.MULTILINE):
        (said if mark == b">" else heard)[int(port)] += line
    return {port: (said[port], heard[port]) for port in said}
