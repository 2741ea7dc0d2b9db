"""A command for each request: run by a real shell and a real curl, and compared by what the server heard."""

from __future__ import annotations

import http.server
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from running import Certificates, program, run
from tincans.channel import Side
from tincans.conversation import Dropped, Entry, Joined, Kind, Opened, Said, Secured
from tincans.errors import CannotProgram
from tincans.export.programs import Program
from tincans.limits import PROGRAM_BYTES, PROGRAM_TURNS

PLACE: dict[str, Any] = {"conversation": 1, "at": 1}


class Heard(NamedTuple):
    """A request as a server heard it."""

    line: bytes
    fields: list[tuple[str, str]]
    body: bytes


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline:
            self.close_connection = True
            return
        fields = []
        while (line := self.rfile.readline(65537)) not in (b"\r\n", b""):
            name, _, value = line.decode("utf-8", "surrogateescape").rstrip("\r\n").partition(":")
            fields.append((name, value.strip(" \t")))
        self.server.heard.append(Heard(self.raw_requestline, fields, self._body(dict(fields))))
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        self.close_connection = True

    def _body(self, fields: dict[str, str]) -> bytes:
        if "Transfer-Encoding" not in fields:
            return self.rfile.read(int(fields.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body


class _Server(http.server.ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.heard: list[Heard] = []
        self.address = f"127.0.0.1:{self.server_address[1]}"


@contextmanager
def serving(certificates: Certificates | None = None) -> Iterator[_Server]:
    with _Server() as server:
        if certificates:
            import ssl

            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificates.leaf)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def script(server: str, *said: bytes, between: Entry | None = None, secrets: bool = True) -> str:
    """The script of a conversation in which a client said that."""
    opened = Opened(**PLACE, kind=Kind.RELAY, client="tcp://127.0.0.1:1", server=server)
    words = [Said(**PLACE, side=Side.CLIENT, data=data) for data in said]
    form = Program("curl", "http", secrets=secrets)
    for entry in [opened, *([between] if between else []), *words]:
        assert list(form.take(entry)) == []
    return b"".join(form.over()).decode()


def ran(text: str, trusted: Path | None = None) -> bytes:
    environment = {"CURL_CA_BUNDLE": str(trusted)} if trusted else {}
    return run([program("sh"), "-e", "-c", text], env=environment)


def _asked(data: bytes) -> Heard:
    """A request as it was said."""
    head, _, body = data.partition(b"\r\n\r\n")
    line, *fields = head.split(b"\r\n")
    named = [field.decode("utf-8", "surrogateescape").partition(":")[::2] for field in fields]
    return Heard(line + b"\r\n", [(name, value.strip(" \t")) for name, value in named], body)


def _same(heard: Heard, asked: Heard) -> None:
    assert heard.line == asked.line
    assert sorted(heard.fields) == sorted(asked.fields)
    assert heard.body == asked.body


HOSTILE = bytes(range(256)) + b"'\"$(id)`id`"


@pytest.mark.foreign
@pytest.mark.parametrize(
    "request_",
    [
        b"GET /it?a=b&c='d HTTP/1.1\r\nHost: HOST\r\n\r\n",
        b"GET /it HTTP/1.1\r\nHost: HOST\r\nUser-Agent: tin/1\r\nAccept: text/*\r\nX-None:\r\nX: a\r\nX: b\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET /a/../[x]{y,z}/./%2e%2E/%41#no HTTP/1.1\r\nHost: other.example\r\n\r\n",
        b"GET /.hidden HTTP/1.1\r\nHost: HOST\r\n\r\n",
        b"GET http://can.example/it HTTP/1.1\r\nHost: can.example\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: HOST\r\n\r\n",
        b"HEAD /it HTTP/1.1\r\nHost: HOST\r\n\r\n",
        b"DELETE /it HTTP/1.1\r\nHost: HOST\r\n\r\n",
        b"$(id) /it HTTP/1.1\r\nHost: HOST\r\n\r\n".replace(b"$(id)", b"M-SEARCH"),
        b"POST /it HTTP/1.1\r\nHost: HOST\r\nContent-Length: 0\r\n\r\n",
        b'POST /it HTTP/1.1\r\nHost: HOST\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\nit\'s\n"$x"',
        b"POST /it HTTP/1.1\r\nHost: HOST\r\nContent-Length: 12\r\n\r\n@/etc/passwd",
        b"PUT /it HTTP/1.1\r\nHost: HOST\r\nContent-Length: %d\r\n\r\n%s" % (len(HOSTILE), HOSTILE),
        b"GET /it HTTP/1.1\r\nHost: HOST\r\nContent-Length: 2\r\n\r\nhi",
        b"GET /it HTTP/1.1\r\nHost: HOST\r\nX-Odd: '; id #\\ caf\xc3\xa9 \xff $(id) `id`\r\n\r\n",
        b"GET /caf\xc3\xa9/\xff HTTP/1.1\r\nHost: HOST\r\n\r\n",
    ],
)
def test_the_server_hears_the_request_again(request_: bytes) -> None:
    with serving() as server:
        said = request_.replace(b"HOST", server.address.encode())
        assert ran(script(f"tcp://{server.address}", said)).startswith(b"HTTP/1.1 200 OK\r\n")
        _same(server.heard[0], _asked(said))


@pytest.mark.foreign
def test_a_body_in_chunks_comes_in_chunks() -> None:
    with serving() as server:
        chunked = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
        ran(script(f"tcp://{server.address}", chunked))
        heard = server.heard[0]
        assert heard.body == b"hello"
        assert ("Transfer-Encoding", "chunked") in heard.fields


@pytest.mark.foreign
def test_each_request_is_a_command() -> None:
    with serving() as server:
        said = [b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % number for number in range(3)]
        ran(script(f"tcp://{server.address}", *said))
        assert [heard.line for heard in server.heard] == [b"GET /%d HTTP/1.1\r\n" % number for number in range(3)]


@pytest.mark.foreign
def test_by_tls_to_a_server_that_has_another_name(certificates: Certificates) -> None:
    joined = Joined(**PLACE, far="", server="", facts={"server.tls.sni": "localhost"})
    secured = Secured(**PLACE, facts={"server.tls.sni": "localhost"})
    request = b"GET /it HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with serving(certificates) as server:
        for address, between in ((f"tls://{server.address}", joined), (f"tcp://{server.address}", secured)):
            text = script(address, request, between=between)
            assert f"https://localhost:{server.server_address[1]}/it" in text
            ran(text, certificates.ca)
        assert [heard.line for heard in server.heard] == [b"GET /it HTTP/1.1\r\n"] * 2


def test_over_a_unix_socket() -> None:
    request = b"GET /it HTTP/1.1\r\nHost: localhost\r\n\r\n"
    assert "'http://localhost/it' \\\n    --unix-socket '/run/it'\\''s'" in script("unix:///run/it's", request)
    assert "--abstract-unix-socket 'it'" in script("unix:@it", request)


@given(st.binary(max_size=60), st.binary(max_size=60), st.binary(max_size=60))
@example(b"@/etc/passwd", b"x", b"'; id; '")
@example(b"x", b"\x1b]0;x\x07", b"")
@settings(max_examples=60)
def test_no_word_that_was_said_is_a_command(target: bytes, name: bytes, value: bytes) -> None:
    """The shell is asked which words it would run: curl alone, whose every option but the URL has its value."""
    request = b"GET /" + target + b" HTTP/1.1\r\n" + name + b": " + value + b"\r\n\r\n"
    try:
        text = script("tcp://127.0.0.1:1", request)
    except CannotProgram:
        return
    asked = "curl() { printf '%s\\0' curl \"$@\"; }\nbase64() { :; }\n" + text
    done = subprocess.run(["sh", "-c", asked], capture_output=True, check=True)
    assert done.stderr == b""
    words = done.stdout.split(b"\0")[:-1]
    while words:
        assert words[:2] in ([b"curl", b"-sSi"], []), words
        assert words[2].startswith(b"http://127.0.0.1:1/")
        words = words[3:]
        while words and words[0] != b"curl":
            option = words.pop(0)
            assert option in (b"--request-target", b"--header", b"--request", b"--http1.0", b"--head", b"--data-binary")
            if option not in (b"--http1.0", b"--head"):
                assert not words.pop(0).startswith(b"@")


def test_what_curl_cannot_say_is_left_out_and_told() -> None:
    text = script("tcp://127.0.0.1:1", b"GET / HTTP/1.1\r\n@file: x\r\nX: a\x1bb\r\nY: z\r\n\r\n")
    assert "# Fields of this request that curl cannot say are left out: 2." in text
    assert "'Y: z'" in text
    assert "file" not in text
    text = script("tcp://127.0.0.1:1", b"GET / HTTP/1.1\r\n\r\n", b"GET /\x1b[2J HTTP/1.1\r\n\r\n")
    assert "\x1b" not in text
    assert text.count("curl -sSi") == 1


def test_what_is_no_http_is_told() -> None:
    with pytest.raises(CannotProgram, match="there is no request of HTTP in it"):
        script("tcp://127.0.0.1:1")
    with pytest.raises(CannotProgram, match="no stream socket"):
        script("udp://127.0.0.1:1")
    upgrade = b"GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: a\r\n\r\n"
    form = Program("curl")
    entries: list[Entry] = [
        Opened(**PLACE, kind=Kind.RELAY, client="tcp://127.0.0.1:1", server="tcp://127.0.0.1:80"),
        Said(**PLACE, side=Side.CLIENT, data=upgrade),
        Said(**PLACE, side=Side.SERVER, data=b"HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"),
        Dropped(**PLACE, side=Side.CLIENT, count=7, reason=""),
    ]
    for entry in entries:
        assert list(form.take(entry)) == []
    text = b"".join(form.over()).decode()
    assert "# 7 bytes that the client said are not in the recording." in text
    assert "--header 'Upgrade: websocket'" in text


def test_so_many_bytes_and_not_one_more() -> None:
    head = b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n"
    room = PROGRAM_BYTES - len(head % PROGRAM_BYTES)
    text = script("tcp://127.0.0.1:1", head % room + b"x" * room)
    assert "left out" not in text
    text = script("tcp://127.0.0.1:1", head % room + b"x" * room, b"GET / HTTP/1.1\r\n\r\n")
    assert "# 18 bytes more that the client said are left out." in text
    assert text.count("curl -sSi") == 1


def test_so_many_requests_and_not_one_more() -> None:
    request = b"GET / HTTP/1.1\r\n\r\n"
    assert "left out" not in script("tcp://127.0.0.1:1", request * PROGRAM_TURNS)
    text = script("tcp://127.0.0.1:1", request * (PROGRAM_TURNS + 1))
    assert "18 bytes more that the client said are left out" in text
    assert text.count("curl -sSi") == PROGRAM_TURNS
