"""The app `mail` with the programs that people send mails with: what arrives is byte by byte what was sent."""

from __future__ import annotations

import hashlib
import smtplib
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from posting import mail, store
from running import Serving, program, run, serving, understood
from tincans.apps.mail.store import Mail
from tincans.certificates import local_authority
from tincans.protocols.events import Malformed
from tincans.protocols.mail import EndOfMail
from tincans.users import Verifier

pytestmark = pytest.mark.foreign

#: Dots at the beginnings of lines, a long header, 8 bits, a line of 998 bytes, blanks at the end.
AWKWARD = (
    b"Date: Thu, 01 Jan 2026 00:00:00 +0000\r\nMessage-ID: <1@example.org>\r\nX-Long: " + b"y" * 900 + b"\r\n"
    + mail("awkward", ".", "..", ".dot", "", ".", "größer \t", "x" * 998)
)  # fmt: skip
ATTACHED = bytes(range(256)) * 500


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the mails, the authority and each program's own files are."""
    return tmp_path


@contextmanager
def smtp(folder: Path, *options: str, address: str = "tcp://localhost:0", recorded: bool = False) -> Iterator[Serving]:
    """A server that takes mails, with a certificate of the user's own authority."""
    env = {"TINCANS_CA": str(folder / "authority")}
    mails, journal = ["--mails", str(folder / "mails")], folder / "journal" if recorded else None
    with serving("listen", address, "mail", *mails, *options, journal=journal, env=env) as running:
        yield running


def users(folder: Path) -> list[str]:
    """The options for one user: ada, whose password is 1815; nobody else may send."""
    path = folder / "users.toml"
    path.write_text(f'[users]\nada = "{Verifier.of("1815", rounds=5000)}"\n')
    return ["--users", str(path), "--no-guests"]


def authority(folder: Path) -> str:
    return str(local_authority(folder / "authority").cert_path)


def taken(folder: Path) -> list[tuple[Mail, bytes]]:
    """The mails, the oldest first, with their texts."""
    with store(folder / "mails") as mails:
        return [(each, mails.path(each.number).read_bytes()) for each in reversed(mails.list(limit=10**6))]


def the_only(folder: Path) -> tuple[Mail, bytes]:
    (found,) = taken(folder)
    return found


def attachment(data: bytes) -> bytes:
    """What was attached to a mail."""
    parsed = message_from_bytes(data, policy=policy.default)
    assert isinstance(parsed, EmailMessage)
    (part,) = parsed.iter_attachments()
    content: bytes = part.get_content()
    return content


def write(folder: Path, name: str, text: str | bytes) -> str:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    path.chmod(0o600)
    return str(path)


# ── swaks ─────────────────────────────────────────────────────────────────────────────────────────────────


def swaks(server: Serving, *options: str) -> str:
    who = ["--server", f"localhost:{server.port}", "--from", "ada@example.org", "--to", "bob@example.org"]
    return run([program("swaks"), *who, *options]).decode()


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_swaks_logs_in_inside_tls_and_attaches_a_file(folder: Path, mechanism: str) -> None:
    login = ["--auth", mechanism, "--auth-user", "ada", "--auth-password", "1815"]
    with smtp(folder, *users(folder), "--tls", "required") as server:
        swaks(server, "-tls", *login, "--attach", f"@{write(folder, 'file.bin', ATTACHED)}")
    found, data = the_only(folder)
    assert attachment(data) == ATTACHED
    assert (found.envelope.user, found.mailboxes) == ("ada", ("ada",))


def test_swaks_delivers_by_lmtp_over_a_unix_socket(folder: Path) -> None:
    with smtp(folder, address=f"unix://{folder}/lmtp.sock"):
        who = ["--from", "ada@example.org", "--to", "bob@example.org,cy@example.org"]
        said = run([program("swaks"), "--socket", f"{folder}/lmtp.sock", "--protocol", "LMTP", *who]).decode()
    assert said.count("250 2.0.0 kept as mail 1") == 2
    assert the_only(folder)[0].mailboxes == ("bob@example.org", "cy@example.org")


def test_swaks_is_refused_a_wrong_password_and_a_mail_without_a_login(folder: Path) -> None:
    with smtp(folder, *users(folder)) as server:
        to = ["--server", f"localhost:{server.port}", "--to", "bob@example.org"]
        wrong = ["--auth", "PLAIN", "--auth-user", "ada", "--auth-password", "1816"]
        assert b"535 5.7.8" in run([program("swaks"), *to, *wrong], expected=28)
        assert b"530 5.7.0" in run([program("swaks"), *to], expected=23)
    assert not taken(folder)


# ── msmtp, mutt, s-nail ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("auth", ["plain", "login", "scram-sha-256"])
def test_msmtp(folder: Path, auth: str) -> None:
    tls = f"tls on\ntls_starttls on\ntls_trust_file {authority(folder)}\n"
    with smtp(folder, *users(folder), "--tls", "required") as server:
        account = f"account default\nhost localhost\nport {server.port}\nfrom ada@example.org\n"
        rc = write(folder, "msmtprc", f"{account}{tls}auth {auth}\nuser ada\npassword 1815\n")
        run([program("msmtp"), f"--file={rc}", "bob@example.org"], stdin=AWKWARD.replace(b"\r\n", b"\n"))
    found, data = the_only(folder)
    assert data == AWKWARD
    assert found.envelope.user == "ada"


def test_msmtp_by_lmtp(folder: Path) -> None:
    with smtp(folder) as server:
        account = f"account default\nhost localhost\nport {server.port}\nfrom ada@example.org\nprotocol lmtp\n"
        rc = write(folder, "msmtprc", f"{account}")
        run([program("msmtp"), f"--file={rc}", "bob@a.example", "cy@a.example"], stdin=AWKWARD.replace(b"\r\n", b"\n"))
    found, data = the_only(folder)
    assert data == AWKWARD
    assert found.envelope.recipients == ("bob@a.example", "cy@a.example")


def test_mutt(folder: Path) -> None:
    with smtp(folder, "--tls", "required") as server:
        settings = {
            "smtp_url": f"smtp://localhost:{server.port}/", "from": "ada@example.org", "record": "", "realname": "Ada",
            "ssl_starttls": "yes", "ssl_force_tls": "yes", "ssl_ca_certificates_file": authority(folder),
            "certificate_file": authority(folder), "ssl_usesystemcerts": "no",
        }  # fmt: skip
        rc = write(folder, "muttrc", "".join(f'set {name}="{value}"\n' for name, value in settings.items()))
        command = [program("mutt"), "-n", "-F", rc, "-s", "Grüße", "-a", write(folder, "file.bin", ATTACHED), "--"]
        run([*command, "bob@example.org"], stdin="größer\n.\n".encode(), env={"HOME": str(folder), "LC_ALL": "C.UTF-8"})
    found, data = the_only(folder)
    assert attachment(data) == ATTACHED
    assert found.subject == "Grüße"
    assert b"\r\n.\r\n" in data


def test_s_nail(folder: Path) -> None:
    with smtp(folder, *users(folder), "--tls", "required") as server:
        settings = [
            "v15-compat", f"mta=smtp://ada:1815@localhost:{server.port}", "smtp-auth=plain", "smtp-use-starttls",
            f"tls-ca-file={authority(folder)}", "tls-ca-no-defaults", "tls-verify=strict", "from=ada@example.org",
        ]  # fmt: skip
        options = [word for each in settings for word in ("-S", each)]
        command = [program("s-nail"), "-:/", *options, "-s", "hello", "-a", write(folder, "file.bin", ATTACHED)]
        run([*command, "bob@example.org"], stdin=b"there\n.\n..\n", env={"HOME": str(folder), "LC_ALL": "C.UTF-8"})
    found, data = the_only(folder)
    assert attachment(data) == ATTACHED
    assert (found.envelope.user, found.subject) == ("ada", "hello")


# ── curl, smtp-source, Python ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("scheme", "address"), [("smtp", "tcp://localhost:0"), ("smtps", "tls://localhost:0")])
def test_curl(folder: Path, scheme: str, address: str) -> None:
    options = ["--tls", "required"] if scheme == "smtp" else []
    with smtp(folder, *users(folder), *options, address=address) as server:
        url = f"{scheme}://localhost:{server.port}/client.example"
        who = ["--mail-from", "ada@example.org", "--mail-rcpt", "bob@example.org", "--user", "ada:1815"]
        tls = ["--ssl-reqd", "--cacert", authority(folder)]
        mails = ["--upload-file", write(folder, "mail.eml", AWKWARD)]
        run([program("curl"), "--silent", "--show-error", "--noproxy", "*", url, *who, *tls, *mails])
    found, data = the_only(folder)
    assert data == AWKWARD
    assert (found.envelope.hello, found.envelope.user) == ("client.example", "ada")


@pytest.mark.parametrize("keep", [["-d"], []])
def test_twenty_sessions_of_smtp_source(folder: Path, keep: list[str]) -> None:
    count = 400
    with smtp(folder) as server:
        command = [program("smtp-source"), *keep, "-s", "20", "-m", str(count), "-l", "5000", "-N"]
        run([*command, "-f", "a@example.org", "-t", "bob@example.org", f"inet:127.0.0.1:{server.port}"])
    found = taken(folder)
    assert [each.number for each, _ in found] == list(range(1, count + 1))
    assert {len(data.partition(b"\r\n\r\n")[2]) for _, data in found} == {5000 + len("\r\n")}
    assert len({each.envelope.recipients for each, _ in found}) == count


def test_pythons_smtplib(folder: Path) -> None:
    message = EmailMessage(policy=policy.SMTPUTF8)
    message["From"], message["To"], message["Subject"] = "grå@example.org", "bø@example.org", "Grüße"
    message.set_content("größer\n.\n..\n", cte="8bit")
    with smtp(folder, "--tls", "off") as server, smtplib.SMTP("localhost", server.port) as client:
        client.login("any-name", "any password")
        client.send_message(message, mail_options=["RET=HDRS", "ENVID=1"], rcpt_options=["NOTIFY=SUCCESS"])
        client.sendmail("ada@example.org", ["bob@example.org"], AWKWARD)
        assert client.verify("bob")[0] == 252
    (first, data), (_, awkward) = taken(folder)
    assert data == message.as_bytes(policy=policy.SMTPUTF8)
    assert awkward == AWKWARD
    assert first.envelope.parameters.keys() >= {"RET", "ENVID", "SMTPUTF8", "BODY", "SIZE"}
    assert first.envelope.recipient_parameters == {"bø@example.org": {"NOTIFY": "SUCCESS"}}
    assert first.mailboxes == ("any-name",)


# ── recorded, and large ───────────────────────────────────────────────────────────────────────────────────


def test_a_mail_leads_to_the_dialogue_that_delivered_it(folder: Path) -> None:
    with smtp(folder, "--tls", "required", recorded=True) as server:
        swaks(server, "-tls")
        swaks(server, "-tls", "--protocol", "LMTP")
    found = taken(folder)
    conversations = understood(folder / "journal")
    assert [each.envelope.conversation for each, _ in found] == [1, 2]
    for each in conversations:
        events = [heard.event for heard in each]
        assert not [event for event in events if isinstance(event, Malformed)]
        assert len([event for event in events if isinstance(event, EndOfMail)]) == 1


def high_water(server: Serving) -> int:
    """The most memory that the server has had, in bytes."""
    status = Path(f"/proc/{server.program.process.pid}/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


@pytest.mark.parametrize("way", ["DATA", "BDAT"])
def test_a_large_mail_takes_no_memory(folder: Path, way: str, request: pytest.FixtureRequest) -> None:
    """64 MiB, or a gigabyte with --deep: the server grows by a few chunks, and what arrives is what was sent."""
    piece = b"".join(b".%05d " % n + b"x" * 69 + b"\r\n" for n in range(13_000))
    count = (2**30 if request.config.getoption("--deep") else 2**26) // len(piece)
    digest = hashlib.sha256()
    with smtp(folder) as server, socket.create_connection(("127.0.0.1", server.port)) as client:
        replies = client.makefile("rb")
        client.sendall(b"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<bob@example.org>\r\n")
        while replies.readline()[:9] != b"250 2.1.5":
            pass
        before = high_water(server)
        client.sendall(b"DATA\r\n" if way == "DATA" else b"BDAT %d LAST\r\n" % (count * len(piece)))
        assert way == "BDAT" or replies.readline().startswith(b"354")
        sent = piece if way == "BDAT" else piece.replace(b"\n.", b"\n..").replace(b".", b"..", 1)
        for _ in range(count):
            client.sendall(sent)
            digest.update(piece)
        if way == "DATA":
            client.sendall(b".\r\n")
        assert replies.readline().startswith(b"250 2.0.0 kept")
        assert high_water(server) - before < 4 * 2**20
        replies.close()
    with store(folder / "mails") as mails:
        (found,) = mails.list()
        assert found.size == count * len(piece)
        with mails.path(found.number).open("rb") as file:
            assert hashlib.file_digest(file, "sha256").digest() == digest.digest()
