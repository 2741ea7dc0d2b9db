"""Plain lines from the programs that people have: OpenBSD's nc, ncat, socat, a shell, PHP's sockets."""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Callable

import pytest

from running import program, run, serving, start

pytestmark = pytest.mark.foreign

NUMBER = 1000

#: Clients that send their stdin, end, and print what they hear until the end.
ENDING: dict[str, Callable[[int], list[str]]] = {
    "nc -N": lambda port: [program("nc.openbsd"), "-N", "127.0.0.1", str(port)],
    "nc -q": lambda port: [program("nc.openbsd"), "-q", "1", "127.0.0.1", str(port)],
    "ncat": lambda port: [program("ncat"), "127.0.0.1", str(port)],
    "socat": lambda port: [program("socat"), "-t", "20", "-", f"TCP:127.0.0.1:{port}"],
    "bash": lambda port: [program("bash"), "-c", BASH, "chat", str(port)],
    "php": lambda port: [program("php"), "-r", PHP, str(port)],
}
#: They cannot end what they say, so they say goodbye.
BASH = "exec 3<>/dev/tcp/127.0.0.1/$1; cat >&3; echo /quit >&3; cat <&3"
PHP = r"""
    $hub = fsockopen("127.0.0.1", $argv[1]);
    fwrite($hub, stream_get_contents(STDIN) . "/quit\n");
    while (($line = fgets($hub)) !== false) echo $line;
"""


@pytest.mark.parametrize("client", ENDING)
def test_a_script_is_told_everything_and_what_it_said_is_kept(client: str) -> None:
    texts = [f"line {number}" for number in range(NUMBER)]
    script = "".join(f"{line}\n" for line in ("/nick deployer", "/join #ops", *texts, "/history 3"))
    with serving("listen", ":0", "chat", "--rooms", "memory:", "--flood", "0") as hub:
        told = run(ENDING[client](hub.port), stdin=script.encode()).decode().splitlines()
        said = run(ENDING["nc -N"](hub.port), stdin=b"/join #ops\n/history 500\n").decode().splitlines()
    assert told[0].startswith("- welcome to tincans, deployer: ")
    assert told[1] == "- you are in #ops, alone"
    assert [re.sub(r"^\d\d:\d\d ", "", line) for line in told[2:5]] == [f"deployer: {text}" for text in texts[-3:]]
    assert told[5:] in ([], ["- goodbye"])
    assert [line.partition(": ")[2] for line in said[-500:]] == texts[-500:]


@pytest.mark.parametrize("client", ["nc.openbsd", "ncat"])
def test_two_people_talk(client: str) -> None:
    with serving("listen", ":0", "chat", "--rooms", "memory:") as hub:
        command = [program(client), "127.0.0.1", str(hub.port)]
        with start(command, stdin=subprocess.PIPE) as ann, contextlib.ExitStack() as stack:
            ann.wait_for("you are in #lobby")  # who says nothing is greeted
            bob = stack.enter_context(start(command, stdin=subprocess.PIPE))
            bob.feed(b"/nick bob\n/join #lobby\n")
            bob.wait_for("you are in #lobby, with 1 other")
            ann.wait_for("^- bob is here now$")
            bob.feed("Grüße, 世界 🥫\n".encode())
            ann.wait_for("^bob: Grüße, 世界 🥫$")
            ann.feed(b"/nick ann\n/me waves\n")
            bob.wait_for("^\\* ann waves$")
            ann.process.terminate()
            bob.wait_for("^- ann is gone$")


def test_a_person_behind_tls() -> None:
    with serving("listen", ":0", "chat", "--rooms", "memory:") as hub:
        command = [program("openssl"), "s_client", "-quiet", "-connect", f"127.0.0.1:{hub.port}"]
        told = run(command, stdin=b"/nick ann\n/join #ops\nhello\n/quit\n").decode().splitlines()
        assert told[1:] == ["- you are in #ops, alone", "- goodbye"]
        assert b"ann: hello\n" in run(ENDING["nc -N"](hub.port), stdin=b"/join #ops\n")
