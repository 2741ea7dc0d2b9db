"""Any language: the members of a room in examples/chat, all at once, who see what all of them say in one order."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from running import PATIENCE, POLL, Program, program, run, serving, start

pytestmark = pytest.mark.foreign

SOURCES = Path(__file__).parents[2] / "examples" / "chat"
GSON = "/usr/share/java/gson.jar"
NUMBER = 200

#: The command that starts each; `built` is where the compilers' work is.
LANGUAGES: dict[str, Callable[[Path], list[str]]] = {
    "C": lambda built: [str(built / "chat")],
    "Java": lambda built: [program("java"), "-XX:TieredStopAtLevel=1", "-cp", f"{built}:{GSON}", "Chat"],
    "Node": lambda built: [program("node"), str(SOURCES / "chat.js")],
    "PHP": lambda built: [program("php"), str(SOURCES / "chat.php")],
    "Python": lambda built: [sys.executable, str(SOURCES / "chat.py")],
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the compiled programs."""
    folder = tmp_path_factory.mktemp("chat")
    strict = ["-Wall", "-Wextra", "-Werror", "-pthread"]
    run([program("cc"), *strict, "-o", str(folder / "chat"), str(SOURCES / "chat.c"), "-ljansson"])
    strict = ["-Xlint:all", "-Werror", "-encoding", "UTF-8"]
    run([program("javac"), *strict, "-cp", GSON, "-d", str(folder), str(SOURCES / "Chat.java")])
    return folder


@contextlib.contextmanager
def members(port: int, built: Path, languages: list[str]) -> Iterator[dict[str, Program]]:
    """A program in each language, in the room #tins, called as its language."""
    with contextlib.ExitStack() as stack:
        found = {
            language: stack.enter_context(
                start([*LANGUAGES[language](built), "127.0.0.1", str(port), "#tins", language], stdin=subprocess.PIPE)
            )
            for language in languages
        }
        wait_for_people(port, len(found))
        yield found


def wait_for_people(port: int, count: int) -> None:
    """Wait until so many are in the room."""
    deadline = time.monotonic() + PATIENCE
    with socket.create_connection(("127.0.0.1", port)) as hub, hub.makefile("rb") as lines:
        while True:
            hub.sendall(b'{"do": "who", "room": "#tins", "label": "w"}\n')
            answer = next(json.loads(line) for line in lines if b'"label":"w"' in line)
            if len(answer.get("people", ())) == count:
                return
            assert time.monotonic() < deadline, f"never were {count} there: {answer}"
            time.sleep(POLL)


def finish(found: dict[str, Program]) -> None:
    """End what all say; they must have been told that everything was kept."""
    for each in found.values():
        assert each.process.stdin is not None
        each.process.stdin.close()
    for each in found.values():
        each.wait()


def printed(one: Program) -> list[str]:
    return one.out.decode().split("\n")[:-1]


def test_all_see_what_all_say_in_one_order(built: Path) -> None:
    count = NUMBER * len(LANGUAGES)
    with (
        serving("listen", ":0", "chat", "--rooms", "memory:") as hub,
        members(hub.port, built, list(LANGUAGES)) as found,
    ):
        for language, each in found.items():
            each.feed("".join(f"{language} {number}\n" for number in range(NUMBER)).encode())
        for each in found.values():
            each.wait_for(rf"\A(.*\n){{{count}}}")
        finish(found)
        all_printed = {language: printed(each) for language, each in found.items()}
    lines = all_printed["Python"]
    assert all_printed == dict.fromkeys(LANGUAGES, lines)
    assert [line.split()[0] for line in lines] == [str(number) for number in range(1, count + 1)]
    for language in LANGUAGES:
        own = [line.split(" ", 1)[1] for line in lines if line.split()[1] == language]
        assert own == [f'{language} "{language} {number}"' for number in range(NUMBER)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_any_text_is_said_and_printed_as_it_is(language: str, built: Path) -> None:
    texts = [
        "Grüße, 世界 🥫",
        'say "on": \\n',
        "a\tb",
        '"' * 8000,
        "\\" * 8000,
        "x" * 16_384,
        '{"on":"error","text":"no"}',
        "<a href='?b&c'>",
        "\x1b[2J\x7f",
        "a\u2028b\u2029c\x85d",
    ]
    with serving("listen", ":0", "chat", "--rooms", "memory:") as hub, members(hub.port, built, [language]) as found:
        one = found[language]
        one.feed("".join(f"{text}\n" for text in texts).encode())
        one.wait_for(rf"\A(.*\n){{{len(texts)}}}")
        finish(found)
        lines = [line.split(" ", 2) for line in printed(one)]
        assert one.err == b""
    assert [(at, nick, json.loads(text)) for at, nick, text in lines] == [
        (str(at), language, text) for at, text in enumerate(texts, 1)
    ]
    assert lines[0][2] == f'"{texts[0]}"'  # as people read it


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_was_refused_is_an_exit_status(language: str, built: Path) -> None:
    with serving("listen", ":0", "chat", "--rooms", "memory:") as hub:
        command = [*LANGUAGES[language](built), "127.0.0.1", str(hub.port), "#tins", language]
        with start(command, stdin=b"kept\n \n") as one:
            one.wait(1)
            assert printed(one) == [f'1 {language} "kept"']
            assert one.err == b"there is nothing in it\n"


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_ends_with_the_hub_whatever_its_input_does(language: str, built: Path) -> None:
    with contextlib.ExitStack() as hub:
        port = hub.enter_context(serving("listen", ":0", "chat", "--rooms", "memory:")).port
        with members(port, built, [language]) as found:
            one = found[language]
            one.feed(b"kept\nbegun")
            one.wait_for("kept")
            hub.close()
            one.wait()
            assert printed(one) == [f'1 {language} "kept"']
            assert one.err == b"the hub stops\n"


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_hub_is_one_sentence(language: str, built: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        with start([*LANGUAGES[language](built), "127.0.0.1", str(nobody.getsockname()[1]), "#tins", language]) as one:
            one.wait(1)
            assert re.fullmatch(r"(?i)chat.*: .*\n", one.err.decode())
            assert one.out == b""


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_no_utf_8_is_replaced_or_in_c_refused(language: str, built: Path) -> None:
    with serving("listen", ":0", "chat", "--rooms", "memory:") as hub:
        command = [*LANGUAGES[language](built), "127.0.0.1", str(hub.port), "#tins", language]
        with start(command, stdin=b"a\xffb\nc\n") as one:
            one.wait(1 if language == "C" else 0)
            said = ["c"] if language == "C" else ["a\ufffdb", "c"]
            assert printed(one) == [f'{at} {language} "{text}"' for at, text in enumerate(said, 1)]
            assert one.err == (b"chat: that is not UTF-8\n" if language == "C" else b"")
