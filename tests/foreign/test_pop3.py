"""POP3 with the programs that people fetch mails with: what arrives is byte by byte what was kept."""

from __future__ import annotations

import poplib
import socket
import ssl
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from posting import mail, put, store
from running import Serving, program, run, serving, understood
from tincans.apps.mail.store import Mails
from tincans.certificates import local_authority
from tincans.users import Verifier

pytestmark = pytest.mark.foreign

MAILS = [
    mail("one", "hello"),
    mail("dots", ".", "..", ".dot", "", "."),
    mail("=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "größer"),
    b"Subject: bytes\r\n\r\n" + b"\xff\xfe\x80 \t\r\n" * 30_000,
    b"Subject: no body\r\n\r\n",
]


@pytest.fixture
def mails(tmp_path: Path) -> Iterator[Mails]:
    with store(tmp_path / "mails") as found:
        for data in MAILS:
            put(found, data)
        yield found


@contextmanager
def pop3(
    mails: Mails, *options: str, address: str = "tcp://127.0.0.1:0", journal: Path | None = None
) -> Iterator[Serving]:
    """A server that gives these mails out, with a certificate of the user's own authority."""
    folder = mails.folder.path
    env = {"TINCANS_CA": str(folder.parent / "authority")}
    with serving("listen", address, "mail:pop3", "--mails", str(folder), *options, journal=journal, env=env) as running:
        yield running


def users(folder: Path) -> str:
    """A file of users: bob, whose password is sesame."""
    path = folder / "users.toml"
    path.write_text(f'[users]\nbob = "{Verifier.of("sesame", rounds=5000)}"\n')
    return str(path)


def authority(mails: Mails) -> str:
    return str(local_authority(mails.folder.path.parent / "authority").cert_path)


def left(mails: Mails) -> list[int]:
    return [number for number, _, _ in mails.letters()]


# ── fetchmail ─────────────────────────────────────────────────────────────────────────────────────────────


def fetch(folder: Path, port: int, *options: str, expected: int = 0) -> list[bytes]:
    """What one run of fetchmail delivers, in the order in which it came."""
    rc, boxes = folder / "fetchmailrc", folder / "delivered"
    boxes.mkdir(exist_ok=True)
    deliver = f"n=$(ls {boxes} | wc -l); cat > {boxes}/$(printf %03d $n)"
    rc.write_text(
        f"set invisible\npoll localhost service {port} protocol POP3 uidl\n"
        f' user bob password sesame is root here mda "{deliver}"\n no rewrite no stripcr {" ".join(options)}\n'
    )
    rc.chmod(0o600)
    files = ["-f", str(rc), "-i", str(folder / "ids"), "--pidfile", str(folder / "pid")]
    run([program("fetchmail"), *files], expected=expected, env={"HOME": str(folder)})
    found = sorted(boxes.iterdir())
    data = [path.read_bytes() for path in found]
    for path in found:
        path.unlink()
    return data


def test_fetchmail_keeps_and_then_knows_what_it_has(mails: Mails, tmp_path: Path) -> None:
    with pop3(mails) as server:
        assert fetch(tmp_path, server.port, "keep", "sslproto ''") == MAILS
        assert fetch(tmp_path, server.port, "keep", "sslproto ''", expected=1) == []
        put(mails, mail("new"))
        assert fetch(tmp_path, server.port, "keep", "sslproto ''") == [mail("new")]
    assert len(left(mails)) == len(MAILS) + 1


def test_fetchmail_deletes_inside_tls(mails: Mails, tmp_path: Path) -> None:
    with pop3(mails, "--tls", "required", "--users", users(tmp_path)) as server:
        tls = f"sslproto 'tls1.2+' sslcertck sslcertfile {authority(mails)}"
        assert fetch(tmp_path, server.port, "no keep", tls) == MAILS
    assert left(mails) == []


def test_fetchmail_will_not_say_a_password_where_the_certificate_is_not_trusted(mails: Mails, tmp_path: Path) -> None:
    with pop3(mails, "--tls", "offered") as server:
        tls = f"sslproto 'tls1.2+' sslcertck sslcertfile {local_authority(tmp_path / 'other').cert_path}"
        assert fetch(tmp_path, server.port, "no keep", tls, expected=2) == []
    assert len(left(mails)) == len(MAILS)


# ── mpop, which pipelines ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("auth", ["user", "plain", "login", "scram-sha-256"])
def test_mpop_delivers_to_a_maildir(mails: Mails, tmp_path: Path, auth: str) -> None:
    for name in ("cur", "new", "tmp"):
        (tmp_path / "box" / name).mkdir(parents=True)
    (tmp_path / "password").write_text("sesame\n")
    with pop3(mails, "--tls", "required", "--users", users(tmp_path)) as server:
        settings = [
            f"--host=localhost --port={server.port} --user=bob --auth={auth} --tls=on --tls-starttls=on",
            f"--tls-trust-file={authority(mails)} --uidls-file={tmp_path}/uidls --keep=off",
            f"--delivery=maildir,{tmp_path}/box --received-header=off --pipelining=on",
        ]
        words = [word for line in settings for word in line.split()]
        run([program("mpop"), *words, f"--passwordeval=cat {tmp_path}/password"], env={"HOME": str(tmp_path)})
    found = sorted(path.read_bytes() for path in (tmp_path / "box" / "new").iterdir())
    assert found == sorted(data.replace(b"\r\n", b"\n") for data in MAILS)
    assert left(mails) == []


# ── curl ──────────────────────────────────────────────────────────────────────────────────────────────────


def curl(url: str, *options: str, expected: int = 0) -> bytes:
    return run([program("curl"), "--silent", "--user", "bob:sesame", *options, url], expected=expected)


def test_curl_lists_and_retrieves(mails: Mails, tmp_path: Path) -> None:
    with pop3(mails, "--users", users(tmp_path)) as server:
        url = f"pop3://127.0.0.1:{server.port}"
        sizes = "".join(f"{number} {len(data)}\r\n" for number, data in enumerate(MAILS, 1))
        assert curl(f"{url}/") == sizes.encode()
        for number, data in enumerate(MAILS, 1):
            assert curl(f"{url}/{number}") == data
        names = curl(f"{url}/", "--request", "UIDL").split()[1::2]
        assert len(set(names)) == len(MAILS)
        assert curl(f"{url}/", "--request", "TOP 2 1") == b"".join(MAILS[1].splitlines(keepends=True)[:5])
        assert curl(f"{url}/2", "--request", "DELE", "--head") == b""
        curl(f"{url}/9", expected=8)
        curl(f"{url}/1", "--user", "bob:wrong", expected=67)
    assert left(mails) == [1, 3, 4, 5]


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_curl_logs_in_inside_tls(mails: Mails, tmp_path: Path, mechanism: str) -> None:
    with pop3(mails, "--tls", "required", "--users", users(tmp_path)) as server:
        trusted = ["--ssl-reqd", "--cacert", authority(mails), "--login-options", f"AUTH={mechanism}"]
        assert curl(f"pop3://localhost:{server.port}/3", *trusted) == MAILS[2]


def test_curl_over_pop3s(mails: Mails) -> None:
    with pop3(mails, address="tls://127.0.0.1:0") as server:
        assert curl(f"pop3s://localhost:{server.port}/4", "--cacert", authority(mails)) == MAILS[3]


def test_what_is_said_inside_tls_is_in_the_recording(mails: Mails, tmp_path: Path) -> None:
    with pop3(mails, "--tls", "required", journal=tmp_path / "journal") as server:
        assert curl(f"pop3://localhost:{server.port}/1", "--ssl-reqd", "--cacert", authority(mails)) == MAILS[0]
    (heard,) = understood(tmp_path / "journal")
    said = [each.event.masked().summary for each in heard]
    assert {"STLS", "RETR 1", f"mail text, {len(MAILS[0])} bytes", "+OK goodbye"} <= set(said)
    assert not any(b64encode(b"\0bob\0sesame").decode() in words for words in said)
    assert "******" in said


# ── Python's poplib ───────────────────────────────────────────────────────────────────────────────────────


def test_poplib_reads_and_deletes(mails: Mails) -> None:
    with pop3(mails, "--tls", "offered") as server:
        client = poplib.POP3("localhost", server.port)
        assert "STLS" in client.capa()
        client.stls(ssl.create_default_context(cafile=authority(mails)))
        client.user("bob")
        client.pass_("any")
        assert client.stat() == (len(MAILS), sum(map(len, MAILS)))
        for number, data in enumerate(MAILS, 1):
            assert b"".join(line + b"\r\n" for line in client.retr(number)[1]) == data
            client.dele(number)
        client.rset()
        client.dele(2)
        client.quit()
    assert left(mails) == [1, 3, 4, 5]


def test_a_second_login_finds_the_mailbox_in_use(mails: Mails) -> None:
    """Over several processes too: they share the port, and no client can choose."""
    with pop3(mails, "--workers", "2") as server:
        first = logged_in(server)
        for _ in range(6):
            second = poplib.POP3("127.0.0.1", server.port)
            second.user("bob@example.org")
            with pytest.raises(poplib.error_proto, match=r"\[IN-USE\]"):
                second.pass_("x")
            second.quit()
        first.quit()
        logged_in(server).quit()


def logged_in(server: Serving) -> poplib.POP3:
    client = poplib.POP3("127.0.0.1", server.port)
    client.user("bob")
    client.pass_("x")
    return client


def test_a_client_that_is_killed_has_deleted_nothing(mails: Mails) -> None:
    with pop3(mails) as server:
        with socket.create_connection(("127.0.0.1", server.port)) as killed:
            killed.sendall(b"USER bob\r\nPASS x\r\nDELE 1\r\nDELE 2\r\n")
            said = b""
            while said.count(b"+OK") < 5:
                said += killed.recv(4096)
            killed.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # the kernel says RST
        client = logged_in(server)
        assert client.stat()[0] == len(MAILS)
        client.quit()
    assert len(left(mails)) == len(MAILS)


def delete_and_kill(mails: Mails) -> None:
    with pop3(mails) as server:
        client = logged_in(server)
        client.dele(1)
        server.program.process.kill()
        server.program.process.wait()
        client.close()


def test_a_server_that_is_killed_has_deleted_nothing(mails: Mails) -> None:
    with pytest.raises(AssertionError, match="exited with -9"):
        delete_and_kill(mails)
    assert len(left(mails)) == len(MAILS)


# ── from SMTP to POP3 ─────────────────────────────────────────────────────────────────────────────────────


def send(server: Serving, data: bytes, to: str, folder: Path, *options: str) -> None:
    """Send a mail with curl, as it is."""
    file = folder / "mail"
    file.write_bytes(data)
    envelope = ["--mail-from", "ada@example.org", "--mail-rcpt", to, "--upload-file", str(file)]
    run([program("curl"), "--silent", *envelope, *options, f"smtp://127.0.0.1:{server.port}"])


def test_what_was_sent_is_fetched_byte_by_byte_from_the_mailbox_of_its_recipient(tmp_path: Path) -> None:
    folder = str(tmp_path / "mails")
    with serving("listen", "tcp://127.0.0.1:0", "mail", "--mails", folder) as smtp:
        for data in MAILS:
            send(smtp, data, "bob@example.org", tmp_path)
        send(smtp, mail("another"), "cy@example.org", tmp_path)
        with serving("listen", "tcp://127.0.0.1:0", "mail:pop3", "--mails", folder) as server:
            url = f"pop3://127.0.0.1:{server.port}"
            assert [curl(f"{url}/{number}") for number in range(1, len(MAILS) + 1)] == MAILS
            assert curl(f"{url}/1", "--user", "cy@example.org:any") == mail("another")
            curl(f"{url}/2", "--user", "cy@example.org:any", expected=8)


def test_each_user_reads_what_the_user_has_sent(tmp_path: Path) -> None:
    folder, known = str(tmp_path / "mails"), tmp_path / "users.toml"
    records = "".join(f'{name} = "{Verifier.of(name, rounds=5000)}"\n' for name in ("team-a", "team-b"))
    known.write_text(f"[users]\n{records}")
    options = ["--mails", folder, "--users", str(known)]
    with (
        serving("listen", "tcp://127.0.0.1:0", "mail", *options) as smtp,
        serving("listen", "tcp://127.0.0.1:0", "mail:pop3", *options) as server,
    ):
        for name in ("team-a", "team-b"):
            send(smtp, mail(f"of {name}"), "bob@example.org", tmp_path, "--user", f"{name}:{name}")
        for name in ("team-a", "team-b"):
            url = f"pop3://127.0.0.1:{server.port}"
            assert curl(f"{url}/1", "--user", f"{name}:{name}") == mail(f"of {name}")
            curl(f"{url}/2", "--user", f"{name}:{name}", expected=8)
