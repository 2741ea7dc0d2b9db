"""FTP through a relay, with the clients and the servers that people have: active, passive, and inside TLS.

What is recorded is what they transferred, each data connection as a conversation of its own.
"""

from __future__ import annotations

import contextlib
import filecmp
import ftplib
import io
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from running import (
    PATIENCE,
    Certificates,
    Recorded,
    Serving,
    free_port,
    port_of,
    program,
    recorded,
    run,
    serving,
    start,
)
from running import tincans as command
from tincans.certificates import local_authority
from tincans.conversation import How

pytestmark = pytest.mark.foreign

BIG = bytes(range(256)) * 4000

#: pyftpdlib 2.2 loses a connection now and then when lftp has several, active ones, without a relay too.
MIRROR = {"vsftpd": "mirror --parallel=3 .", "pyftpdlib": "mirror ."}

#: How curl may ask for a data connection.
MODES = {"EPSV": [], "PASV": ["--disable-epsv"], "EPRT": ["-P", "-"], "PORT": ["-P", "-", "--disable-eprt"]}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with all kinds of files."""
    folder = tmp_path / "tree"
    (folder / "sub" / "deeper").mkdir(parents=True)
    (folder / "hello.txt").write_bytes(b"hello there\n")
    (folder / "empty").write_bytes(b"")
    (folder / "big.bin").write_bytes(BIG)
    (folder / "sub" / "two words, größer").write_bytes(b"x")
    for number in range(5):
        (folder / "sub" / "deeper" / f"{number}.txt").write_bytes(b"%d\n" % number * 1000)
    return folder


@contextlib.contextmanager
def vsftpd(folder: Path, at: Path, *settings: str) -> Iterator[int]:
    """A stock server, which runs as who we are. It cannot be given port 0."""
    port, file = free_port(), at / "vsftpd.conf"
    lines = [
        "listen=YES", "listen_address=127.0.0.1", f"listen_port={port}", "background=NO", "run_as_launching_user=YES",
        "anonymous_enable=YES", "no_anon_password=YES", f"anon_root={folder}", f"secure_chroot_dir={folder}",
        "write_enable=YES", "anon_upload_enable=YES", "anon_mkdir_write_enable=YES", "anon_other_write_enable=YES",
        "allow_writeable_chroot=YES", "anon_world_readable_only=NO",
        "xferlog_enable=NO", "connect_from_port_20=NO", "seccomp_sandbox=NO", *settings,
    ]  # fmt: skip
    file.write_text("\n".join(lines) + "\n")
    with start([program("vsftpd"), str(file)]) as running:
        yield port_of(running)


@contextlib.contextmanager
def pyftpd(folder: Path, at: Path, *options: str) -> Iterator[int]:
    """pyftpdlib's server."""
    where = ["-i", "127.0.0.1", "-p", "0", "-d", str(folder), "-w"]
    with start([sys.executable, "-W", "ignore", "-m", "pyftpdlib", *where, *options], cwd=at) as running:
        yield port_of(running)


SERVERS = {"vsftpd": vsftpd, "pyftpdlib": pyftpd}


@contextlib.contextmanager
def relayed(server: str, tree: Path, at: Path) -> Iterator[Serving]:
    """A relay before a server of that kind, which records in `at`/journal."""
    with SERVERS[server](tree, at) as port:
        with serving("relay", "127.0.0.1:0", f":{port}", "--as", "ftp", journal=at / "journal") as relay:
            yield relay


def curl(*arguments: str) -> bytes:
    return run([program("curl"), "--silent", "--show-error", "--max-time", f"{PATIENCE:g}", *arguments])


def data_of(conversations: list[Recorded], command: str) -> Recorded:
    """The one data connection that was for `command`."""
    (only,) = [each for each in conversations if each.conversation.facts.get("ftp.command") == command]
    return only


# ── in plain ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("server", SERVERS)
def test_curl_fetches_and_stores(server: str, mode: str, tree: Path, tmp_path: Path) -> None:
    with relayed(server, tree, tmp_path) as relay:
        url = f"ftp://127.0.0.1:{relay.port}"
        got = tmp_path / "got"
        size = curl(*MODES[mode], "--output", str(got), "--write-out", "%{size_download}", f"{url}/big.bin")
        assert (int(size), got.read_bytes()) == (len(BIG), BIG)
        curl(*MODES[mode], "--upload-file", str(got), f"{url}/copy.bin")
    assert (tree / "copy.bin").read_bytes() == BIG
    conversations = recorded(tmp_path / "journal")
    assert len(conversations) == 4
    calls_server = mode in ("EPSV", "PASV")
    for control, word, from_server in zip(conversations[::2], ("RETR big.bin", "STOR copy.bin"), (1, 0), strict=True):
        assert mode.encode() in control.client
        data = data_of(conversations, word)
        number = data.conversation.number
        assert f"data: conversation #{number} ({word})" in control.conversation.notes
        assert data.conversation.facts["ftp.control"] == str(control.conversation.number)
        assert data.conversation.facts["ftp.mode"] == ("passive" if calls_server else "active")
        assert data.conversation.how is How.FINISHED
        assert (data.server if bool(from_server) is calls_server else data.client) == BIG


def test_the_transcript_names_the_data_connection(tree: Path, tmp_path: Path) -> None:
    with relayed("vsftpd", tree, tmp_path) as relay:
        assert curl(f"ftp://127.0.0.1:{relay.port}/hello.txt") == b"hello there\n"
    shown = [run(command("show", number, "--journal", str(tmp_path / "journal"))).decode() for number in "12"]
    assert "RETR hello.txt" in shown[0]
    assert "data: conversation #2 (RETR hello.txt)" in shown[0]
    assert "hello there" in shown[1]


@pytest.mark.parametrize("passive", [True, False])
@pytest.mark.parametrize("server", SERVERS)
def test_python_lists_and_transfers(server: str, passive: bool, tree: Path, tmp_path: Path) -> None:
    with relayed(server, tree, tmp_path) as relay, ftplib.FTP(timeout=PATIENCE, encoding="utf-8") as client:
        client.connect("127.0.0.1", relay.port)
        client.login()
        client.set_pasv(passive)
        assert sorted(client.nlst()) == ["big.bin", "empty", "hello.txt", "sub"]
        found: list[bytes] = []
        client.retrbinary("RETR sub/two words, größer", found.append)
        client.retrbinary("RETR empty", found.append)
        assert found == [b"x"]
        with pytest.raises(ftplib.error_perm, match="550"):
            client.retrbinary("RETR no such file", found.append)
        with client.transfercmd("RETR big.bin") as transfer:
            assert transfer.recv(1) == b"\0"
        assert client.abort()[:3] in ("226", "426")  # it is said as urgent data
        assert client.getmultiline()[:3] in ("225", "226")
        client.storbinary("STOR new", io.BytesIO(b"new"))
        assert client.size("new") == 3
    conversations = recorded(tmp_path / "journal")
    names = data_of(conversations, "NLST")
    heard = names.server if passive else names.client
    assert sorted(heard.decode().split()) == ["big.bin", "empty", "hello.txt", "sub"]


@pytest.mark.parametrize("passive", ["on", "off"])
@pytest.mark.parametrize("server", SERVERS)
def test_lftp_mirrors(server: str, passive: str, tree: Path, tmp_path: Path) -> None:
    with relayed(server, tree, tmp_path) as relay:
        lftp(
            relay.port,
            f"set ftp:ssl-allow off; set ftp:passive-mode {passive}",
            f"{MIRROR[server]} {tmp_path}/got",
        )
    assert_equal(tree, tmp_path / "got")


# ── inside TLS ────────────────────────────────────────────────────────────────────────────────────────────


@contextlib.contextmanager
def tls_server(kind: str, tree: Path, at: Path, certificates: Certificates) -> Iterator[int]:
    """A server that insists on TLS, and vsftpd on the control connection's session for data."""
    leaf = str(certificates.leaf)
    if kind == "pyftpdlib":
        with pyftpd(tree, at, "--tls", "--certfile", leaf, "--keyfile", leaf, "--tls-control-required") as port:
            yield port
    else:
        force = ["force_anon_logins_ssl=YES", "force_anon_data_ssl=YES", "require_ssl_reuse=YES"]
        files = [f"rsa_cert_file={leaf}", f"rsa_private_key_file={leaf}"]
        with vsftpd(tree, at, "ssl_enable=YES", "allow_anon_ssl=YES", "ssl_ciphers=HIGH", *force, *files) as port:
            yield port


@contextlib.contextmanager
def intercepted(kind: str, tree: Path, at: Path, certificates: Certificates) -> Iterator[tuple[Serving, Path]]:
    """A relay that sees through TLS before such a server, and the file of its authority."""
    env = {"TINCANS_CA": str(at / "authority")}
    authority = local_authority(at / "authority").cert_path
    with tls_server(kind, tree, at, certificates) as port:
        target = f"localhost:{port}?ca={certificates.ca}"
        with serving("relay", "127.0.0.1:0", target, "--intercept", journal=at / "journal", env=env) as relay:
            yield relay, authority


@pytest.mark.parametrize("passive", ["on", "off"])
@pytest.mark.parametrize("kind", SERVERS)
def test_lftp_mirrors_inside_tls(
    kind: str, passive: str, tree: Path, tmp_path: Path, certificates: Certificates
) -> None:
    with intercepted(kind, tree, tmp_path, certificates) as (relay, authority):
        trust = f"set ftp:ssl-force on; set ftp:ssl-protect-data on; set ssl:ca-file {authority}"
        lftp(relay.port, f"{trust}; set ftp:passive-mode {passive}", f"{MIRROR[kind]} {tmp_path}/got")
    assert_equal(tree, tmp_path / "got")
    conversations = recorded(tmp_path / "journal")
    control = conversations[0]
    assert b"AUTH TLS\r\n" in control.client
    assert b"PROT P\r\n" in control.client
    assert control.conversation.facts["server.tls.version"].startswith("TLSv1.")
    data = data_of(conversations, "RETR big.bin")
    assert (data.server if passive == "on" else data.client) == BIG
    assert data.conversation.facts["ftp.protection"] == "P"
    if kind == "vsftpd":
        assert data.conversation.facts["server.tls.resumed" if passive == "on" else "client.tls.resumed"] == "yes"


@pytest.mark.parametrize("passive", [True, False])
@pytest.mark.parametrize("kind", SERVERS)
def test_python_transfers_inside_tls(
    kind: str, passive: bool, tree: Path, tmp_path: Path, certificates: Certificates
) -> None:
    with intercepted(kind, tree, tmp_path, certificates) as (relay, authority):
        context = ssl.create_default_context(cafile=str(authority))
        with ftplib.FTP_TLS(context=context, timeout=PATIENCE, encoding="utf-8") as client:
            client.connect("127.0.0.1", relay.port)
            client.login()
            client.prot_p()
            client.set_pasv(passive)
            client.storbinary("STOR copy.bin", io.BytesIO(BIG))
            found = io.BytesIO()
            client.retrbinary("RETR copy.bin", found.write)
            assert found.getvalue() == BIG
            with pytest.raises(ftplib.error_perm):
                client.ccc()
            assert client.voidcmd("NOOP").startswith("200")
    assert (tree / "copy.bin").read_bytes() == BIG
    data = data_of(recorded(tmp_path / "journal"), "STOR copy.bin")
    assert (data.client if passive else data.server) == BIG


def lftp(port: int, settings: str, what: str) -> None:
    patiently = f"set net:max-retries 1; set net:timeout {PATIENCE:g}"
    always = f"set cmd:fail-exit on; {patiently}; set ftp:charset utf-8; set file:charset utf-8"
    run([program("lftp"), "-c", f"{always}; {settings}; open -u anonymous,me ftp://127.0.0.1:{port}; {what}"])


def assert_equal(one: Path, other: Path) -> None:
    """Both folders hold the same."""
    compared = filecmp.dircmp(one, other)
    assert not compared.left_only
    assert not compared.right_only
    _, different, unreadable = filecmp.cmpfiles(one, other, compared.common_files, shallow=False)
    assert not different + unreadable
    for name in compared.common_dirs:
        assert_equal(one / name, other / name)
