"""`MODULE:FUNCTION` is loaded from the current directory, and everything wrong about it is one sentence."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tincans.apps.function import load_function
from tincans.errors import UsageError
from tincans.server import serve
from tincans.transports import dial

SOURCE = """
count = 3

async def answer(channel):
    await channel.send(b"async " + await channel.receive())

def plain(channel):
    channel.send(b"plain " + channel.receive())

def two(channel, other): ...

def none(): ...

def defaults(channel, greeting="hello", *, loud=False): ...

class Desk:
    @staticmethod
    async def answer(channel): ...
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A current directory with modules in it, forgotten afterwards."""
    known = set(sys.modules)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "my_desk.py").write_text(SOURCE)
    (tmp_path / "my_syntax.py").write_text("def broken(:\n")
    (tmp_path / "my_needs.py").write_text("import no_such_library\n")
    (tmp_path / "my_crash.py").write_text("1 / 0\n")
    yield tmp_path
    for name in set(sys.modules) - known:
        if name.startswith("my_"):
            del sys.modules[name]


@pytest.mark.parametrize(("name", "answer"), [("answer", b"async hello"), ("plain", b"plain hello")])
async def test_a_function_in_the_current_directory_answers(name: str, answer: bytes) -> None:
    app = load_function(f"my_desk:{name}")
    async with await serve("tcp://127.0.0.1:0", app) as server, await dial(server.address) as caller:
        await caller.send(b"hello")
        assert await caller.receive() == answer


@pytest.mark.parametrize("text", ["my_desk:defaults", "my_desk:Desk.answer", "builtins:print"])
def test_what_can_be_called_with_a_channel_is_an_app(text: str) -> None:
    assert callable(load_function(text))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("my_dest:answer", "there is no module 'my_dest' in {here} or installed, did you mean 'my_desk'?"),
        ("zzz.zzz:answer", "there is no module 'zzz.zzz' in {here} or installed"),
        ("my_needs:answer", "the module 'my_needs' cannot be loaded: No module named 'no_such_library'"),
        ("my_crash:answer", "the module 'my_crash' cannot be loaded: ZeroDivisionError: division by zero"),
        ("my_desk:anser", "my_desk has no function 'anser', did you mean 'answer'?"),
        ("my_desk:Desk.anser", "my_desk has no function 'Desk.anser', did you mean 'answer'?"),
        ("my_desk:count", "my_desk:count is an int and not a function of one channel"),
        ("my_desk:two", "my_desk:two takes 2 parameters, and an app takes one, the channel"),
        ("my_desk:none", "my_desk:none takes no parameters, and an app takes one, the channel"),
    ],
)
def test_what_is_wrong_is_said(text: str, sentence: str, here: Path) -> None:
    with pytest.raises(UsageError) as error:
        load_function(text)
    assert str(error.value) == sentence.format(here=here)


def test_a_mistake_in_the_source_is_said_with_its_line() -> None:
    with pytest.raises(UsageError, match=r"^the module 'my_syntax' cannot be loaded: SyntaxError: .*line 1"):
        load_function("my_syntax:answer")
