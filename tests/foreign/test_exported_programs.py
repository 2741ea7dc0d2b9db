"""From the relay's recording to a program that says the same to the real server: compared by what the server heard."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

import pytest

from running import PATIENCE, Certificates, run, serving, tincans
from saying import Server, said_by, showing
from tincans.certificates import local_authority

pytestmark = pytest.mark.foreign

SUFFIXES = {"python": "py", "java": "java", "php": "php", "c": "c"}
TURNS = [b"hello\n", bytes(byte for byte in range(256) if byte != 10) + b"\n", b"a\"b\\c$d${e}?>%s'*/\nbye\n"]


def talk(caller: socket.socket) -> bytes:
    """Say all turns, each behind the answer to the one before; gives what was heard."""
    caller.settimeout(PATIENCE)
    heard = b""
    for turn in TURNS:
        caller.sendall(turn)
        wanted = heard.count(b"\n") + turn.count(b"\n")
        while heard.count(b"\n") < wanted:
            heard += caller.recv(65536)
    while data := caller.recv(65536):
        heard += data
    return heard


def exported(language: str, journal: Path, folder: Path) -> bytes:
    file = folder / f"exported.{SUFFIXES[language]}"
    run(tincans("export", "last", "--to", str(file), "--journal", str(journal)))
    return file.read_bytes()


@pytest.mark.parametrize("language", SUFFIXES)
def test_what_a_relay_recorded_is_said_again(language: str, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    with Server() as server:
        with serving("relay", ":0", f":{server.port}", journal=journal) as relay:
            with socket.create_connection(("127.0.0.1", relay.port)) as caller:
                heard = talk(caller)
        assert said_by(language, exported(language, journal, tmp_path), tmp_path) == heard
    assert server.heard == [b"".join(TURNS)] * 2


@pytest.mark.parametrize("language", SUFFIXES)
def test_so_is_what_it_saw_inside_tls(language: str, tmp_path: Path, certificates: Certificates) -> None:
    journal, authority = tmp_path / "journal", local_authority(tmp_path / "authority")
    with Server(tls=showing(certificates)) as server:
        where = f"127.0.0.1:{server.port}?ca={certificates.ca}"
        environment = {"TINCANS_CA": str(tmp_path / "authority")}
        with serving("relay", ":0", where, "--intercept", journal=journal, env=environment) as relay:
            context = ssl.create_default_context(cafile=authority.cert_path)
            with socket.create_connection(("127.0.0.1", relay.port)) as bare:
                with context.wrap_socket(bare, server_hostname="localhost") as caller:
                    heard = talk(caller)
        source = exported(language, journal, tmp_path)
        assert said_by(language, source, tmp_path, certificates.ca) == heard
    assert server.heard == [b"".join(TURNS)] * 2
