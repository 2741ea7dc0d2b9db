"""OpenSSL's own client and server: TLS that nobody here wrote, ended or begun by the relay.

What is recorded is what was said inside: the very lines that the other programs printed.
"""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from running import Certificates, Program, port_of, program, recorded, serving, start
from tincans.conversation import How

pytestmark = pytest.mark.foreign

LINE_SERVER = Path(__file__).parents[2] / "examples" / "languages" / "server.py"


@contextlib.contextmanager
def s_client(port: int, certificates: Certificates, *options: str) -> Iterator[Program]:
    """OpenSSL's client, which verifies the certificate, sends what it is fed and prints what it hears."""
    trust = ["-CAfile", str(certificates.ca), "-verify_return_error", "-verify_hostname", "localhost"]
    where = ["-connect", f"127.0.0.1:{port}", "-servername", "localhost"]
    command = [program("openssl"), "s_client", "-quiet", "-no_ign_eof", *where, *trust, *options]
    with start(command, stdin=subprocess.PIPE) as running:
        yield running


@contextlib.contextmanager
def s_server(certificates: Certificates, *options: str) -> Iterator[Program]:
    """OpenSSL's server, which answers every line with the line reversed."""
    files = ["-cert", str(certificates.leaf), "-key", str(certificates.leaf)]
    with start([program("openssl"), "s_server", "-accept", "127.0.0.1:0", "-rev", *files, *options]) as running:
        yield running


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_s_client_calls_a_tls_listener(version: str, certificates: Certificates) -> None:
    data = b"line %d\n" * 2000 % tuple(range(2000))
    with serving("listen", f"tls://127.0.0.1:0{certificates.served}", "echo") as listener:
        with s_client(listener.port, certificates, version) as client:
            client.feed(data)
            client.wait_for(r"line 1999\n")
            assert client.out == data


def test_s_client_and_a_server_without_tls(certificates: Certificates, tmp_path: Path) -> None:
    with start([sys.executable, str(LINE_SERVER), "0"]) as server:
        target = server.wait_for(r"^(\d+)\n")[1]
        listen = f"tls://127.0.0.1:0{certificates.served}"
        with serving("relay", listen, f":{target}", journal=tmp_path / "journal") as relay:
            with s_client(relay.port, certificates) as client:
                client.feed("Grüße\n111\n".encode())
                client.wait_for(r"12321\n")
                heard = client.out
        server.wait_for("goodbye")
        (only,) = recorded(tmp_path / "journal")
        assert only.client == "Grüße\n111\n".encode() == printed(server, "<")
        assert only.server.startswith(heard)
        assert heard == "7 Grüße\n12321\n".encode()
        assert printed(server, ">").startswith(heard)
        assert only.conversation.facts["client.tls.version"] == "TLSv1.3"


def printed(server: Program, mark: str) -> bytes:
    return b"".join(re.findall(rb"^\d+ %s (.*\n)" % mark.encode(), server.out, re.MULTILINE))


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_a_client_without_tls_and_s_server(version: str, certificates: Certificates, tmp_path: Path) -> None:
    with s_server(certificates, version) as server:
        target = f"tls://localhost:{port_of(server)}{certificates.trusted}"
        with serving("relay", ":0", target, journal=tmp_path / "journal") as relay:
            with socket.create_connection(("127.0.0.1", relay.port)) as client, client.makefile("rb") as answers:
                for line in (b"tin", b"can", b"x" * 10_000):
                    client.sendall(line + b"\n")
                    assert answers.readline() == line[::-1] + b"\n"
        server.wait_for("CONNECTION CLOSED", stream="err")
    (only,) = recorded(tmp_path / "journal")
    assert only.client == b"tin\ncan\n" + b"x" * 10_000 + b"\n"
    assert only.server == b"nit\nnac\n" + b"x" * 10_000 + b"\n"


def test_s_client_and_s_server_with_the_relay_between(certificates: Certificates, tmp_path: Path) -> None:
    with s_server(certificates) as server:
        listen = f"tls://127.0.0.1:0{certificates.served}"
        target = f"tls://localhost:{port_of(server)}{certificates.trusted}"
        with serving("relay", listen, target, journal=tmp_path / "journal") as relay:
            with s_client(relay.port, certificates) as client:
                client.feed(b"a relay that sees inside\n")
                client.wait_for("^edisni .* a$")
                heard = client.out
    (only,) = recorded(tmp_path / "journal")
    assert (only.client, only.server) == (b"a relay that sees inside\n", heard)


def test_a_certificate_that_nobody_signed_is_refused(certificates: Certificates, tmp_path: Path) -> None:
    with s_server(certificates) as server:
        target = f"tls://localhost:{port_of(server)}"
        with serving("relay", ":0", target, journal=tmp_path / "journal") as relay:
            with socket.create_connection(("127.0.0.1", relay.port)) as client, pytest.raises(ConnectionResetError):
                client.recv(100)
    (only,) = recorded(tmp_path / "journal")
    assert only.conversation.how is How.FAILED
    assert "not trusted" in only.conversation.detail
