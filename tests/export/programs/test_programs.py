"""Programs that say the same again: each is run, and compared by what arrived; and what is left out of them is told."""

from __future__ import annotations

import ast
import contextlib
import socket
import ssl
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from running import PATIENCE, Certificates
from saying import Server, said_by, showing
from tincans.channel import Side
from tincans.conversation import Closed, Ended, Entry, How, Kind, Opened, Said, Secured
from tincans.errors import CannotProgram
from tincans.export.programs import LANGUAGES, Program

CLIENTS = [language for language in LANGUAGES if language != "curl"]

#: All bytes, and what one of the languages could take for more than a text.
HOSTILE = b"a\"b\\c$d${e}?>%s'*/ //\\u0022\\000??/`id`\r\n" + bytes(range(256)).replace(b"\n", b"") + b"\n"
TURNS = [b"hello\n", HOSTILE, b"two\nlines\n", "Grüße, 世界\n".encode()]


def recorded(server: str, turns: list[bytes], *, secured: int | None = None) -> list[Entry]:
    """What a client said there, and how much `Server` answered; TLS began before the turn `secured`."""
    place: dict[str, Any] = {"conversation": 3, "at": 1}
    entries: list[Entry] = [Opened(**place, kind=Kind.RELAY, client="tcp://127.0.0.1:1", server=server)]
    lines = 0
    for number, turn in enumerate(turns):
        if number == secured:
            entries.append(Secured(**place))
        entries += [Said(**place, side=Side.CLIENT, data=part) for part in (turn[:3], turn[3:]) if part]
        answer = b"go\n" if turn == b"STARTTLS\n" else b""
        for _ in range(0 if answer else turn.count(b"\n")):
            lines += 1
            answer += b"line %d\n" % lines
        entries.append(Said(**place, side=Side.SERVER, data=answer))
    return [*entries, Ended(**place, side=Side.CLIENT), Closed(**place, how=How.FINISHED)]


def made(language: str, entries: list[Entry], *, secrets: bool = True) -> bytes:
    form = Program(language, "raw", secrets=secrets)
    told = [piece for entry in entries for piece in form.take(entry)]
    return form.head() + b"".join([*told, *form.over()]) + form.foot()


ANSWERS = b"line 1\nline 2\nline 3\nline 4\nline 5\nline 6\nthat was all\n"


@pytest.mark.foreign
@pytest.mark.parametrize("language", CLIENTS)
def test_the_server_hears_the_very_bytes_turn_by_turn(language: str, tmp_path: Path) -> None:
    with Server() as server:
        source = made(language, recorded(f"tcp://127.0.0.1:{server.port}", TURNS))
        assert said_by(language, source, tmp_path) == ANSWERS
    assert server.heard == [b"".join(TURNS)]


@pytest.mark.foreign
@pytest.mark.parametrize("language", CLIENTS)
def test_in_tls_too(language: str, tmp_path: Path, certificates: Certificates) -> None:
    with Server(tls=showing(certificates)) as server:
        source = made(language, recorded(f"tls://localhost:{server.port}", [*TURNS, b"bye\n"]))
        assert said_by(language, source, tmp_path, certificates.ca) == ANSWERS.replace(b"that", b"line 7\nthat")
    assert server.heard == [b"".join([*TURNS, b"bye\n"])]


@pytest.mark.foreign
@pytest.mark.parametrize("language", CLIENTS)
def test_and_in_tls_that_begins_later(language: str, tmp_path: Path, certificates: Certificates) -> None:
    turns = [b"STARTTLS\n", b"secret\n", b"bye\n"]
    with Server(tls=showing(certificates), starttls=True) as server:
        source = made(language, recorded(f"tcp://127.0.0.1:{server.port}", turns, secured=1))
        assert said_by(language, source, tmp_path, certificates.ca) == b"go\nline 1\nline 2\nthat was all\n"
    assert server.heard == [b"".join(turns)]


@pytest.mark.foreign
@pytest.mark.parametrize("language", CLIENTS)
def test_a_server_that_is_not_trusted_hears_nothing(language: str, tmp_path: Path, certificates: Certificates) -> None:
    other = Certificates.make(tmp_path)
    with _refusing(certificates) as port:
        source = made(language, recorded(f"tls://localhost:{port}", [b"secret\n"]))
        with pytest.raises(AssertionError, match=r"(?i)certificat|PKIX|no TLS"):
            said_by(language, source, tmp_path, other.ca)


@contextlib.contextmanager
def _refusing(certificates: Certificates) -> Iterator[int]:
    """A server of TLS, once, with which no handshake succeeds; gives its port."""
    failed: list[bool] = []

    def serve() -> None:
        caller, _ = listener.accept()
        with caller, contextlib.suppress(ssl.SSLError, ConnectionError):
            failed.append(True)
            with showing(certificates).wrap_socket(caller, server_side=True) as talker:
                failed[0] = talker.recv(1) == b""

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()
    assert failed == [True]


@pytest.mark.foreign
@pytest.mark.parametrize("language", ["python", "php", "c"])
@pytest.mark.parametrize("abstract", [False, True], ids=["a file", "a name"])
def test_over_a_unix_socket_of_a_hostile_name(language: str, abstract: bool, tmp_path: Path) -> None:
    name = "*\"?>$x\\\n'.sock"
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="tincans-"))
        path = f"\0{folder}{name}" if abstract else f"{folder}/{name}"
        server = stack.enter_context(Server(path))
        address = f"unix:{path}".replace("\0", "@").replace("?", "%3f").replace("\n", "%0a")
        source = made(language, recorded(address, TURNS))
        assert said_by(language, source, tmp_path) == ANSWERS
    assert server.heard == [b"".join(TURNS)]


def test_java_says_why_it_cannot() -> None:
    with pytest.raises(CannotProgram, match="only know TCP"):
        made("java", recorded("unix:///x", TURNS))


@pytest.mark.parametrize("language", LANGUAGES)
def test_secrets_are_masked_unless_they_are_asked_for(language: str) -> None:
    entries = recorded("tcp://127.0.0.1:80", [b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic c2VjcmV0\r\n\r\n"])
    form = Program(language)
    for entry in entries:
        assert list(form.take(entry)) == []
    source = b"".join(form.over())
    assert b"c2VjcmV0" not in source
    assert b"1 secret masked by asterisks" in source
    assert form.masked == 1
    form = Program(language, secrets=True)
    for entry in entries:
        assert list(form.take(entry)) == []
    assert b"c2VjcmV0" in b"".join(form.over())
    assert form.masked == 0


def test_what_ends_in_the_middle_is_masked_too() -> None:
    entries = recorded("tcp://127.0.0.1:80", [b"GET / HTTP/1.1\r\nAuthorization: Basic c2VjcmV0"])[:3]
    form = Program("python")
    for entry in entries:
        assert list(form.take(entry)) == []
    source = b"".join(form.over())
    assert b"c2VjcmV0" not in source


def test_one_conversation_is_a_program_and_the_others_are_counted() -> None:
    form = Program("python", "raw")
    data = b""
    for number in range(3):
        for entry in recorded("tcp://127.0.0.1:80", [b"number %d\n" % number]):
            data += b"".join(form.take(entry))
        data += b"".join(form.over())
    assert b'say(b"number 0\\n")' in data
    assert b"number 1" not in data
    assert form.lack == "other conversations, which are not in it: 2"


def test_what_is_left_out_is_told() -> None:
    form = Program("python", "raw")
    assert form.lack == ""
    made_of = recorded("tcp://127.0.0.1:80", [bytes(70_000)])
    for entry in made_of:
        assert list(form.take(entry)) == []
    assert b"".join(form.over())
    assert form.lack == "4464 bytes that the client said are left out"


@given(st.lists(st.binary(max_size=40), max_size=5))
def test_a_program_is_one_whatever_was_said(turns: list[bytes]) -> None:
    """Python's own parser finds in it nothing but what was to be said."""
    tree = ast.parse(made("python", recorded("tcp://127.0.0.1:80", turns)))
    calls = [node.value for node in tree.body if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)]
    said = [
        ast.literal_eval(call.args[0]) for call in calls if isinstance(call.func, ast.Name) and call.func.id == "say"
    ]
    assert b"".join(said) == b"".join(turns)
    assert [type(node) for node in tree.body[:4]] == [ast.Import, ast.Import, ast.Assign, ast.Expr]
