"""Who is waiting for whom, said of real programs that wait for each other through the real relay."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from partners import ByHand
from running import PATIENCE, program, run, serving, start, tincans
from tincans.channel import Side
from tincans.conversation import How, Kind, Opening
from tincans.journal import open_journal
from tincans.limits import READING_SECONDS

#: Says a line as most programs in Java do, and then waits for an answer.
JAVA = """
import java.io.*;
import java.net.*;

public class Asking {
    public static void main(String[] args) throws IOException {
        try (Socket server = new Socket("127.0.0.1", Integer.parseInt(args[0]))) {
            var in = new BufferedReader(new InputStreamReader(server.getInputStream()));
            if (args[1].equals("after-greeting")) in.readLine();
            var out = new PrintWriter(server.getOutputStream(), true);
            if (args[1].equals("bare")) { out.print("HELLO"); out.flush(); } else out.println("HELLO");
            System.out.println(in.readLine());
        }
    }
}
"""

#: Reads up to CR LF, as the protocols of the internet do.
PHP = r"""<?php
$server = stream_socket_server('tcp://127.0.0.1:0');
echo stream_socket_get_name($server, false), "\n";
$caller = stream_socket_accept($server, 60);
stream_set_timeout($caller, 60);
if ($argv[1]) fwrite($caller, $argv[1] . "\r\n");
echo stream_get_line($caller, 1024, $argv[2] === 'lf' ? "\n" : "\r\n");
"""


def state(journal: Path) -> dict[str, Any]:
    with start(tincans("show", "last", "--state", "--json", "--journal", str(journal))) as shown:
        recorded = shown.wait(None) == 0
        found: dict[str, Any] = json.loads(shown.out) if recorded else {"sentence": "(nobody called yet)"}
    return found


def state_with(journal: Path, words: str) -> dict[str, Any]:
    """As soon as the sentence has these words in it."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found = state(journal)
        if words in found["sentence"]:
            return found
        assert time.monotonic() < deadline, found["sentence"]


@contextlib.contextmanager
def talk(tmp_path: Path, greeting: str, how: str, reads: str = "crlf") -> Iterator[Path]:
    """A client in Java and a server in PHP, through the relay; gives the journal."""
    (tmp_path / "Asking.java").write_text(JAVA)
    (tmp_path / "server.php").write_text(PHP)
    journal = tmp_path / "journal"
    with start([program("php"), str(tmp_path / "server.php"), greeting, reads]) as server:
        port = server.wait_for(r"^127\.0\.0\.1:(\d+)$")[1]
        with serving("relay", ":0", f":{port}", journal=journal) as relay:
            asking = [program("java"), "-XX:TieredStopAtLevel=1", str(tmp_path / "Asking.java"), str(relay.port), how]
            with start(asking):
                yield journal


@pytest.mark.foreign
def test_println_says_lf_and_the_other_waits_for_cr_lf(tmp_path: Path) -> None:
    with talk(tmp_path, "READY", "after-greeting") as journal:
        found = state_with(journal, "HELLO")
    assert "the server has been silent since the client's line `HELLO\\n`, " in found["sentence"]
    assert found["sentence"].endswith(
        "; the client's lines end in LF and the server's in CR LF: the server may wait for CR LF"
    )
    assert found["is_stuck"]
    assert {name: each["unread"] for name, each in found["sockets"].items()} == {
        "client": 0, "near": 0, "far": 0, "server": 0,
    }, "everything was read: it is not the network"  # fmt: skip


@pytest.mark.foreign
def test_println_to_a_server_that_says_nothing_first(tmp_path: Path) -> None:
    with talk(tmp_path, "", "line") as journal:
        found = state_with(journal, "HELLO")
    assert found["sentence"].endswith("; the client's lines end in LF: if the server reads up to CR LF, it still waits")


@pytest.mark.foreign
def test_a_line_without_its_end(tmp_path: Path) -> None:
    with talk(tmp_path, "", "bare", "lf") as journal:
        found = state_with(journal, "HELLO")
    assert "the server has `HELLO` without a line end since " in found["sentence"]
    assert found["sentence"].endswith("; both sides wait")
    assert (found["client"]["unfinished"], found["client"]["unread"], found["server"]["said"]) == (5, 0, 0)


def test_a_reader_that_does_not_read(tmp_path: Path) -> None:
    def flood(caller: socket.socket) -> None:
        caller.settimeout(PATIENCE)
        with contextlib.suppress(OSError):  # until the client has gone
            while True:
                caller.sendall(bytes(65536))

    journal = tmp_path / "journal"
    with ByHand(flood) as server, serving("relay", ":0", f":{server.port}", journal=journal) as relay:
        with socket.create_connection(("127.0.0.1", relay.port)):
            found = state_with(journal, "does not read")
    assert found["sentence"].startswith("the client does not read: ")
    assert found["sockets"]["client"]["unread"] > 0
    assert found["server"]["unread"] == found["sockets"]["client"]["unread"]
    assert found["server"]["age"] >= READING_SECONDS


def test_one_that_has_ended_and_listens(tmp_path: Path) -> None:
    def listen(caller: socket.socket) -> None:
        assert caller.recv(10) == b"bye"
        assert caller.recv(10) == b""
        caller.recv(0)
        done.recv(1)

    ready, done = socket.socketpair()
    journal = tmp_path / "journal"
    with ready, done, ByHand(listen) as server, serving("relay", ":0", f":{server.port}", journal=journal) as relay:
        with socket.create_connection(("127.0.0.1", relay.port)) as client:
            client.sendall(b"bye")
            client.shutdown(socket.SHUT_WR)
            found = state_with(journal, "has ended what it says")
            shown = run(tincans("show", "last", "--state", "--journal", str(journal))).decode()
        ready.send(b"x")
    assert "and only listens; the server may go on, and has said nothing" in found["sentence"]
    states = {name: each["state"] for name, each in found["sockets"].items()}
    assert states == {"client": "FIN_WAIT2", "near": "CLOSE_WAIT", "far": "FIN_WAIT2", "server": "CLOSE_WAIT"}
    sentence, _, head, said, answered, _, *sockets = shown.splitlines()
    assert "only listens" in sentence
    assert ", relay, lines, open for " in head
    assert said.startswith("C: 3 B, the last ")
    assert said.endswith("; it has ended what it says; in the kernel 0 B on their way, 0 B unread")
    assert answered == "S: nothing; in the kernel 0 B on their way, 0 B unread"
    assert [line.split()[0] for line in sockets] == ["client", "near", "far", "server"]
    assert "FIN_WAIT2    0 B unread, 0 B unsent" in sockets[0]


# ── of recordings ─────────────────────────────────────────────────────────────────────────────────────────


async def _record(where: Path) -> None:
    journal = open_journal(where)
    tap = journal.begin(Opening(kind=Kind.RELAY, client="tcp://10.0.0.1:5", server="tcp://10.0.0.9:7"))
    tap.joined("tcp://10.0.0.8:6", "tcp://10.0.0.9:7", {})
    tap.said(Side.CLIENT, b"one\x1b")
    tap.closed(How.RESET, Side.SERVER, "gone")
    await journal.aclose()


def test_of_one_that_is_over_no_socket_is_asked_for(tmp_path: Path) -> None:
    asyncio.run(_record(tmp_path))
    shown = run(tincans("show", "1", "--state", "--journal", str(tmp_path))).decode().splitlines()
    assert shown[0].startswith("it is over since ")
    assert shown[0].endswith(": reset by the server")
    assert len(shown) == 5


@pytest.mark.parametrize("other", ["--hex", "--full", "--follow", "--diagram", "--raw=client"])
def test_state_is_a_form_of_its_own(other: str, tmp_path: Path) -> None:
    with start(tincans("show", "1", "--state", other, "--journal", str(tmp_path))) as shown:
        shown.wait(2)
        assert b"--state is of this moment" in shown.err
