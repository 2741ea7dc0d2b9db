"""Every console and Python example of the README is run, section by section, and prints what the README says.

In a section the commands that keep running (listen, relay, up) are started in their order, each as in a terminal of
its own; the others run to their end; then the running ones get Ctrl-C. Times, durations and the ports that the kernel
chose vary, so they are compared by their form; the README's own ports become free ones.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from textwrap import indent

import pytest

from debian import find
from running import PATIENCE, POLL, Program, free_port, is_listened_at, start

README = Path(__file__).parent.parent / "README.md"
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", README.read_text(), re.MULTILINE | re.DOTALL))
KEEPS_RUNNING = re.compile(r"tincans (listen|relay|up)\b")

VARIES = [
    (re.compile(r"\w+day, \d{4}-\d\d-\d\d"), "DAY"),
    (re.compile(r"\d{4}-\d\d-\d\d "), "DAY "),
    (re.compile(r"\b\d\d:\d\d(:\d\d(\.\d{3})?)?\b"), "TIME"),
    (re.compile(r"\d+(\.\d+)? (µs|ms|s)\b"), "LASTED"),
    (re.compile(r"(127\.0\.0\.1):\d{5}"), r"\1:PORT"),
    (re.compile(r" +"), " "),
]


def fenced(kind: str, body: str) -> list[str]:
    """The blocks of one kind in a piece of Markdown."""
    return re.findall(rf"^```{kind}\n(.*?)^```", body, re.MULTILINE | re.DOTALL)


class Blocks:
    """A section's blocks of one kind, with the README's ports replaced by free ones."""

    def __init__(self, title: str, kind: str) -> None:
        body = SECTIONS[title]
        self.ports = {port: str(free_port()) for port in sorted(set(re.findall(r"\b70\d\d\b", body)))}
        self.texts = [
            self.to_free(text) for text in re.findall(rf"^```{kind}\n(.*?)^```", body, re.MULTILINE | re.DOTALL)
        ]

    def to_free(self, text: str) -> str:
        return re.sub(r"\b70\d\d\b", lambda m: self.ports[m[0]], text)

    def to_form(self, text: str) -> str:
        for port, free in self.ports.items():
            text = re.sub(rf"\b{free}\b", port, text)
        for pattern, form in VARIES:
            text = pattern.sub(form, text)
        return text.replace("^C\n", "")


def commands(block: str) -> list[tuple[str, str]]:
    """The commands of a console block, each with what it prints."""
    return re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)


def environment(folder: Path) -> dict[str, str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.path.dirname(find("ncat") or ""), os.environ["PATH"]])
    return {**os.environ, "PATH": path, "TINCANS_JOURNAL": str(folder / "journal"), "LC_ALL": "C.UTF-8"}


def in_shell(command: str, env: dict[str, str], folder: Path) -> str:
    """What the command prints, errors included."""
    shell = ["bash", "-c", f"{command} 2>&1"]
    return subprocess.run(shell, env=env, cwd=folder, capture_output=True, text=True, timeout=PATIENCE).stdout


def wait_until_it_listens(program: Program, command: str, folder: Path) -> None:
    """Without calling it, which it would tell: the kernel's table has the socket."""
    path = re.search(r"unix:(\S+)", command)
    port = re.search(r":(\d+)", command)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        assert program.process.poll() is None, program
        if path:
            if (folder / path[1]).exists() and is_listened_at(Path(path[1])):
                return
        elif port and f":{int(port[1]):04X} 00000000:0000 0A" in Path("/proc/net/tcp").read_text():
            return
        time.sleep(POLL)
    raise AssertionError(f"{command} does not listen")


@pytest.mark.parametrize("title", [title for title, body in SECTIONS.items() if "```console" in body])
def test_the_console_examples(title: str, tmp_path: Path) -> None:
    blocks, env = Blocks(title, "console"), environment(tmp_path)
    with contextlib.ExitStack() as running:
        terminals: list[tuple[Program, str]] = []
        for command, prints in (pair for block in blocks.texts for pair in commands(block)):
            if KEEPS_RUNNING.match(command):
                program = running.enter_context(start(["bash", "-c", f"exec {command} 2>&1"], env=env, cwd=tmp_path))
                wait_until_it_listens(program, command, tmp_path)
                terminals.append((program, prints))
            else:
                done = in_shell(command, env, tmp_path)
                assert blocks.to_form(done) == blocks.to_form(prints), command
        for program, prints in terminals:
            program.process.send_signal(signal.SIGINT)
            program.wait()
            assert blocks.to_form(program.out.decode()) == blocks.to_form(prints)


def test_the_python_examples(tmp_path: Path) -> None:
    title = "In a program"
    blocks, env = Blocks(title, "python"), environment(tmp_path)
    [expected] = fenced("text", SECTIONS[title])
    *servers, client = blocks.texts
    assert all(sum(map(bool, text.splitlines())) < 10 for text in blocks.texts)
    with contextlib.ExitStack() as running:
        for text in servers:
            port = re.search(r'(serve|relay)\("(:\d+)', text)
            assert port is not None
            wait_until_it_listens(
                running.enter_context(start([sys.executable, "-c", text], env=env)), port[2], tmp_path
            )
        done = subprocess.run([sys.executable, "-c", client], env=env, capture_output=True, text=True, timeout=PATIENCE)
    assert (done.stdout, done.stderr) == (expected, "")


def test_the_python_example_of_a_room(tmp_path: Path) -> None:
    title = "Share a room"
    blocks, env = Blocks(title, "python"), environment(tmp_path)
    [text], port = blocks.texts, blocks.ports["7012"]
    program = f"import asyncio, tincans\nasync def main():\n{indent(text, '    ')}\nasyncio.run(main())"
    with start(["tincans", "listen", f":{port}", "chat"], env=env, cwd=tmp_path) as hub:
        wait_until_it_listens(hub, f":{port}", tmp_path)
        with start([sys.executable, "-u", "-c", program], env=env) as bot:
            hub.wait_for("listening")
            assert in_shell(f"tincans say ops 'deploy done' --nick ann --to :{port}", env, tmp_path) == ""
            bot.wait_for("^ann deploy done$")
            bot.process.kill()
            bot.wait(None)
