"""Real clients and servers with a relay between them that sees through their TLS, from the first byte or later.

Every client verifies the certificate that it is shown, by the relay's authority, as the relay verifies the server's.
"""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from partners import ByHand
from running import Certificates, Recorded, Serving, free_port, port_of, program, recorded, run, serving, start
from servers import postgresql
from tincans.certificates import local_authority
from tincans.conversation import Entry, How
from tincans.decoding import Decoding, Heard
from tincans.journal import open_journal

pytestmark = pytest.mark.foreign


class Between(NamedTuple):
    """A relay that intercepts: its port, whom its clients have to trust, and what it has recorded."""

    relay: Serving
    ca: Path
    journal: Path

    @property
    def port(self) -> int:
        return self.relay.port

    def recorded(self) -> list[Recorded]:
        self.relay.program.stop()
        return recorded(self.journal)

    def only(self) -> Recorded:
        (only,) = self.recorded()
        return only

    def meant(self) -> list[tuple[str, str]]:
        """What the one conversation meant: protocol and summary of each event."""
        self.relay.program.stop()
        found: list[tuple[str, str]] = []
        asyncio.run(_decode(self.journal, found))
        return found


async def _decode(where: Path, found: list[tuple[str, str]]) -> None:
    journal = open_journal(where)
    entries: list[Entry] = [entry async for entry in journal.read(1)]
    decoding = Decoding(entries[0])  # type: ignore[arg-type]
    for entry in entries:
        told = [heard for heard in decoding.take(entry) if isinstance(heard, Heard)]
        found += [(heard.protocol, heard.event.summary) for heard in told]
    await journal.aclose()


@contextlib.contextmanager
def between(target: int, certificates: Certificates, folder: Path, options: str = "") -> Iterator[Between]:
    authority = local_authority(folder / "authority")
    where = f"127.0.0.1:{target}?ca={certificates.ca}{options}"
    environment = {"TINCANS_CA": str(folder / "authority")}
    with serving("relay", ":0", where, "--intercept", journal=folder / "journal", env=environment) as relay:
        yield Between(relay, authority.cert_path, folder / "journal")


# ── from the first byte ───────────────────────────────────────────────────────────────────────────────────

NGINX = """
daemon off; user {user}; worker_processes 1; pid {folder}/pid; error_log stderr;
events {{}}
http {{
    log_format told '$ssl_server_name $server_protocol $ssl_alpn_protocol $request';
    access_log {folder}/access told;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} ssl http2;
        ssl_certificate {leaf}; ssl_certificate_key {leaf};
        root {folder}/www;
    }}
}}
"""


class Nginx(NamedTuple):
    port: int
    folder: Path

    @property
    def access(self) -> str:
        return (self.folder / "access").read_text()


@pytest.fixture
def nginx(certificates: Certificates, tmp_path: Path) -> Iterator[Nginx]:
    folder, port = tmp_path / "nginx", free_port()
    (folder / "www").mkdir(parents=True)
    (folder / "www" / "index.html").write_text("<p>Hello from nginx")
    text = NGINX.format(folder=folder, port=port, user=getpass.getuser(), leaf=certificates.leaf)
    (folder / "conf").write_text(text)
    with start([program("nginx"), "-p", str(folder), "-c", str(folder / "conf"), "-e", "stderr"]) as running:
        port_of(running)
        yield Nginx(port, folder)


def curl(ca: Path, *arguments: str, expected: int = 0) -> bytes:
    command = [program("curl"), "--silent", "--show-error", "--noproxy", "", "--cacert", str(ca), *arguments]
    return run(command, expected=expected)


def test_curl_and_nginx(nginx: Nginx, certificates: Certificates, tmp_path: Path) -> None:
    with between(nginx.port, certificates, tmp_path) as relay:
        assert curl(relay.ca, "--http1.1", f"https://localhost:{relay.port}/") == b"<p>Hello from nginx"
        only = relay.only()
    assert nginx.access == "localhost HTTP/1.1 http/1.1 GET / HTTP/1.1\n"
    assert only.client.startswith(b"GET / HTTP/1.1\r\n")
    assert only.server.endswith(b"<p>Hello from nginx")
    facts = only.conversation.facts
    assert facts["client.tls.sni"] == facts["server.tls.sni"] == facts["client.tls.shown"] == "localhost"
    assert facts["client.tls.alpn"] == facts["server.tls.alpn"] == "http/1.1"
    assert facts["server.tls.peer.names"] == "localhost 127.0.0.1"
    assert only.conversation.how is How.FINISHED


def test_http_2_stays_http_2(nginx: Nginx, certificates: Certificates, tmp_path: Path) -> None:
    with between(nginx.port, certificates, tmp_path) as relay:
        told = curl(relay.ca, "-w", " %{http_version}", f"https://localhost:{relay.port}/")
        only = relay.only()
    assert told == b"<p>Hello from nginx 2"
    assert "HTTP/2.0 h2 GET /" in nginx.access
    assert only.client.startswith(b"PRI * HTTP/2.0\r\n")
    assert only.conversation.facts["client.tls.alpn"] == "h2"


def test_a_client_that_calls_an_address(nginx: Nginx, certificates: Certificates, tmp_path: Path) -> None:
    with between(nginx.port, certificates, tmp_path) as relay:
        assert curl(relay.ca, f"https://127.0.0.1:{relay.port}/") == b"<p>Hello from nginx"


def test_a_client_that_does_not_know_the_authority(nginx: Nginx, certificates: Certificates, tmp_path: Path) -> None:
    with between(nginx.port, certificates, tmp_path) as relay:
        curl(certificates.ca, f"https://localhost:{relay.port}/", expected=60)  # "peer certificate cannot be …"
        only = relay.only()
    assert only.conversation.how is How.FAILED
    assert "does not accept this end's certificate" in only.conversation.detail


def test_a_server_that_is_not_trusted(nginx: Nginx, tmp_path: Path) -> None:
    stranger = Certificates.make(tmp_path)
    with between(nginx.port, stranger, tmp_path) as relay:
        curl(
            relay.ca, f"https://localhost:{relay.port}/", expected=35
        )  # "a problem occurred somewhere in the handshake"
        only = relay.only()
    assert only.conversation.how is How.FAILED
    assert only.conversation.detail.endswith("its certificate is not trusted: its authority is not known here")
    assert (only.client, only.server) == (b"", b"")


# ── through a proxy ───────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def proxy() -> Iterator[int]:
    port = free_port()
    with start([program("ncat"), "-l", "-k", "--proxy-type", "http", "127.0.0.1", str(port)]) as running:
        yield port_of(running)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_what_curl_says_through_a_proxy(
    host: str, nginx: Nginx, proxy: int, certificates: Certificates, tmp_path: Path
) -> None:
    with between(proxy, certificates, tmp_path) as relay:
        told = curl(relay.ca, "--http1.1", "--proxy", f"http://127.0.0.1:{relay.port}", f"https://{host}:{nginx.port}/")
        only, meant = relay.only(), relay.meant()
    assert told == b"<p>Hello from nginx"
    assert only.client.startswith(f"CONNECT {host}:{nginx.port} HTTP/1.1\r\n".encode())
    assert b"\r\n\r\nGET / HTTP/1.1\r\n" in only.client
    assert only.server.endswith(b"<p>Hello from nginx")
    assert ("http", "GET / HTTP/1.1") in meant
    assert host in only.conversation.facts["client.tls.shown"]


# ── after STARTTLS ────────────────────────────────────────────────────────────────────────────────────────


def answering(greeting: bytes, answers: dict[bytes, bytes], begin: bytes, context: ssl.SSLContext) -> ByHand:
    """A server of lines: greets, answers each by the word in it, and begins TLS behind the answer to `begin`."""

    def do(caller: socket.socket) -> None:
        caller.sendall(greeting)
        with caller.makefile("rb") as lines:
            for line in lines:
                word = next(word for word in answers if word in line)
                caller.sendall(answers[word])
                if word == begin:
                    break
        with context.wrap_socket(caller, server_side=True) as inside, inside.makefile("rb") as lines:
            for line in lines:
                inside.sendall(b"+ " + line[:4] + b"\r\n")

    return ByHand(do)


@pytest.fixture
def context(certificates: Certificates) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.leaf)
    return context


#: A protocol by OpenSSL's name: how its server greets and answers, by which word TLS begins, and a line for inside.
SPOKEN: dict[str, tuple[bytes, dict[bytes, bytes], bytes, bytes]] = {
    "smtp": (
        b"220 shop.example ESMTP\r\n",
        {b"EHLO": b"250-shop.example\r\n250 STARTTLS\r\n", b"STARTTLS": b"220 go on\r\n"},
        b"STARTTLS",
        b"NOOP\r\n",
    ),
    "pop3": (b"+OK ready\r\n", {b"STLS": b"+OK go on\r\n"}, b"STLS", b"NOOP\r\n"),
    "imap": (
        b"* OK ready\r\n",
        {b"CAPABILITY": b"* CAPABILITY IMAP4rev1 STARTTLS\r\n. OK\r\n", b"STARTTLS": b". OK go on\r\n"},
        b"STARTTLS",
        b"a NOOP\r\n",
    ),
    "ftp": (
        b"220 ready\r\n",
        {b"FEAT": b"211-Features\r\n AUTH TLS\r\n211 End\r\n", b"AUTH": b"234 go on\r\n"},
        b"AUTH",
        b"NOOP\r\n",
    ),
    "irc": (b"", {b"STARTTLS": b":irc.example 670 * :go on\r\n"}, b"STARTTLS", b"PING tin\r\n"),
}


@pytest.mark.parametrize("protocol", SPOKEN)
def test_s_client_begins_tls_in_the_middle(
    protocol: str, context: ssl.SSLContext, certificates: Certificates, tmp_path: Path
) -> None:
    greeting, answers, begin, line = SPOKEN[protocol]
    with answering(greeting, answers, begin, context) as server:
        with between(server.port, certificates, tmp_path) as relay:
            where = ["-connect", f"127.0.0.1:{relay.port}", "-servername", "localhost", "-starttls", protocol]
            trust = ["-CAfile", str(relay.ca), "-verify_return_error", "-verify_hostname", "localhost", "-quiet"]
            with start([program("openssl"), "s_client", *where, *trust], stdin=subprocess.PIPE) as client:
                client.feed(line)
                client.wait_for(rf"^\+ {line[:4].decode()}")
            only, meant = relay.only(), relay.meant()
    assert only.client.endswith(line)
    assert begin in only.client
    assert b"go on\r\n" in only.server
    assert only.server.endswith(b"+ " + line[:4] + b"\r\n")
    facts = only.conversation.facts
    assert facts["client.tls.sni"] == facts["server.tls.sni"] == "localhost"
    assert (protocol, "TLS from here") in meant
    assert meant[-2][0] == meant[-1][0] == protocol


def test_swaks_and_aiosmtpd(certificates: Certificates, tmp_path: Path) -> None:
    port, files = free_port(), ["--tlscert", str(certificates.leaf), "--tlskey", str(certificates.leaf)]
    server = [sys.executable, "-W", "ignore", "-m", "aiosmtpd", "-n", "-l", f"127.0.0.1:{port}", *files]
    with start([*server, "-c", "aiosmtpd.handlers.Debugging", "stdout"], env={"PYTHONUNBUFFERED": "1"}) as receiver:
        assert port_of(receiver) == port
        with between(port, certificates, tmp_path) as relay:
            trust = ["--tls", "--tls-verify", "--tls-ca-path", str(relay.ca), "--tls-sni", "localhost"]
            mail = ["--from", "ada@shop.example", "--to", "bob@shop.example", "--body", "two tin cans", "--hide-all"]
            run([program("swaks"), "--server", f"127.0.0.1:{relay.port}", *trust, *mail])
            receiver.wait_for("two tin cans")
            only, meant = relay.only(), relay.meant()
    assert b"STARTTLS\r\n" in only.client
    assert b"MAIL FROM:<ada@shop.example>" in only.client
    assert b"two tin cans" in only.client
    assert {protocol for protocol, _ in meant} == {"smtp"}
    assert only.conversation.facts["client.tls.version"] == "TLSv1.3"


def test_psql_and_postgresql(certificates: Certificates, tmp_path: Path) -> None:
    with postgresql(tls=certificates) as path, between(int(path.suffix[1:]), certificates, tmp_path) as relay:
        options = f"host=localhost hostaddr=127.0.0.1 port={relay.port} user=ada dbname=postgres"
        trust = f"sslmode=verify-full sslrootcert={relay.ca} gssencmode=disable"
        query = "select version from pg_stat_ssl where pid = pg_backend_pid()"
        told = run([program("psql"), f"{options} {trust}", "--no-psqlrc", "-qAtc", query])
        only, meant = relay.only(), relay.meant()
    assert told == b"TLSv1.3\n"
    assert query.encode() in only.client
    assert ("postgresql", "TLS from here") in meant
    assert only.conversation.facts["server.tls.sni"] == "localhost"
    assert only.conversation.how is How.FINISHED


# ── without it ────────────────────────────────────────────────────────────────────────────────────────────


def test_nothing_is_seen_through_unless_it_is_asked_for(
    nginx: Nginx, certificates: Certificates, tmp_path: Path
) -> None:
    with serving("relay", ":0", f":{nginx.port}", journal=tmp_path / "journal") as relay:
        assert curl(certificates.ca, f"https://localhost:{relay.port}/") == b"<p>Hello from nginx"
        between = Between(relay, certificates.ca, tmp_path / "journal")
        only, meant = between.only(), between.meant()
    assert only.client.startswith(b"\x16\x03\x01")
    assert {protocol for protocol, _ in meant} == {"tls"}
    assert meant[0][1].startswith("ClientHello for localhost: TLS 1.3, TLS 1.2, ")
