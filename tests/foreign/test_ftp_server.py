"""`ftp:DIR`, with the clients that people have: curl, lftp, tnftp and Python's own."""

from __future__ import annotations

import contextlib
import ftplib
import hashlib
import io
import os
import signal
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from running import PATIENCE, POLL, Certificates, Serving, program, recorded, run, serving, start
from running import tincans as command
from tincans.conversation import How

pytestmark = pytest.mark.foreign

BIG = bytes(range(256)) * 4000

#: How curl may ask for a data connection.
MODES = {"EPSV": [], "PASV": ["--disable-epsv"], "EPRT": ["-P", "-"], "PORT": ["-P", "-", "--disable-eprt"]}

#: Names that lftp can say and read: it takes an LF for the end of a line, in what it says and in what it lists.
NAMES = [
    "two words",
    "größer",
    "日本",
    "a;b=c",
    "#hash",
    "-dash",
    "per%20cent",
    'quo"te',
    "tab\there",
    "car\rriage",
    "*?[",
]


@contextlib.contextmanager
def ftp(root: Path, *arguments: str, listen: str = "127.0.0.1:0", journal: Path | None = None) -> Iterator[Serving]:
    """A server for the files in `root`, which may be written to."""
    root.mkdir(exist_ok=True)
    with serving("listen", listen, f"ftp:{root}", "--write", *arguments, journal=journal) as server:
        yield server


def curl(*arguments: str, expected: int = 0) -> bytes:
    patience = ["--silent", "--show-error", "--max-time", f"{PATIENCE:g}"]
    return run([program("curl"), *patience, *arguments], expected=expected)


def lftp(port: int, *commands: str, settings: str = "set ftp:ssl-allow off", patience: float = PATIENCE) -> bytes:
    patiently = f"set net:max-retries 1; set net:timeout {PATIENCE:g}"
    always = f"set cmd:fail-exit on; {patiently}; set ftp:charset utf-8; set file:charset utf-8"
    said = "; ".join([always, settings, f"open -u anonymous,me ftp://127.0.0.1:{port}", *commands])
    with start([program("lftp"), "-c", said]) as running:
        running.wait(patience=patience)
        return running.out


def tree(folder: Path, count: int) -> Path:
    """A folder with so many small files, and every name."""
    for number in range(count):
        inner = folder / f"folder {number % 20}" / f"{number % 7}"
        inner.mkdir(parents=True, exist_ok=True)
        (inner / f"file {number}.txt").write_bytes(b"%d\n" % number * (number % 50))
    for name in NAMES:
        (folder / name).mkdir(parents=True)
        (folder / name / name).write_bytes(os.fsencode(name))
    (folder / "big.bin").write_bytes(BIG)
    return folder


def sums(folder: Path) -> dict[str, str]:
    """The checksum of every file, by its path."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


# ── curl ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("mode", MODES)
def test_curl_fetches_and_stores(mode: str, tmp_path: Path) -> None:
    with ftp(tmp_path / "root") as server:
        url = f"ftp://127.0.0.1:{server.port}"
        (tmp_path / "big.bin").write_bytes(BIG)
        curl(
            *MODES[mode], "--ftp-create-dirs", "--upload-file", str(tmp_path / "big.bin"), f"{url}/new/gr%C3%B6%C3%9Fer"
        )
        assert (tmp_path / "root" / "new" / "größer").read_bytes() == BIG
        assert curl(*MODES[mode], f"{url}/new/gr%C3%B6%C3%9Fer") == BIG
        assert curl(*MODES[mode], "--list-only", f"{url}/new/") == "größer\n".encode()
        assert " größer\n".encode() in curl(*MODES[mode], f"{url}/new/")
        assert b"Content-Length: 1024000" in curl("--head", f"{url}/new/gr%C3%B6%C3%9Fer")
        curl("--quote", "DELE /new/größer", "--quote", "RMD /new", f"{url}/")
    assert not list((tmp_path / "root").iterdir())


@pytest.mark.parametrize("implicit", [False, True])
def test_curl_inside_tls(implicit: bool, tmp_path: Path, certificates: Certificates) -> None:
    """Passive; when it is called for data, curl 7.88 never begins TLS there, nor with vsftpd."""
    files = ["--cert", str(certificates.leaf), "--key", str(certificates.leaf)]
    how = [f"tls://127.0.0.1:0{certificates.served}"] if implicit else ["127.0.0.1:0", "--tls", "required", *files]
    with ftp(tmp_path / "root", *how[1:], listen=how[0]) as server:
        (tmp_path / "root" / "big.bin").write_bytes(BIG)
        url = f"{'ftps' if implicit else 'ftp'}://localhost:{server.port}"
        trusting = ["--ssl-reqd", "--cacert", str(certificates.ca)]
        assert curl(*trusting, f"{url}/big.bin") == BIG
        curl(*trusting, "--upload-file", str(tmp_path / "root" / "big.bin"), f"{url}/copy.bin")
        assert (tmp_path / "root" / "copy.bin").read_bytes() == BIG
        if not implicit:
            curl(f"{url}/big.bin", expected=67)  # nobody logs in outside TLS


def test_curl_logs_in(tmp_path: Path) -> None:
    users = tmp_path / "users.toml"
    run(command("passwd", "ada", str(users)), stdin=b"lovelace\n")
    with ftp(tmp_path / "root", "--users", str(users)) as server:
        (tmp_path / "root" / "file").write_bytes(b"hers")
        url = f"ftp://127.0.0.1:{server.port}/file"
        assert curl("--user", "ada:lovelace", url) == b"hers"
        curl("--user", "ada:babbage", url, expected=67)


@pytest.mark.parametrize("upload", [False, True])
def test_curl_goes_on_where_it_was_killed(upload: bool, tmp_path: Path) -> None:
    here, there = tmp_path / "here.bin", tmp_path / "root" / "there.bin"
    with ftp(tmp_path / "root") as server:
        (here if upload else there).write_bytes(BIG * 20)
        url = f"ftp://127.0.0.1:{server.port}/there.bin"
        what = ["--upload-file", str(here)] if upload else ["--output", str(here)]
        part = tmp_path / "root" / ".there.bin.tincans-part" if upload else here
        with start([program("curl"), "--silent", "--limit-rate", "1M", *what, url]) as killed:
            wait_for(lambda: part.exists() and part.stat().st_size > 1000)
            killed.process.send_signal(signal.SIGKILL)
            killed.wait(-signal.SIGKILL)
        wait_for_quiet(server)
        assert 0 < part.stat().st_size < 20 * len(BIG)
        assert not upload or not there.exists()
        curl("--continue-at", "-", *what, url)
    assert here.read_bytes() == there.read_bytes() == BIG * 20
    assert [path.name for path in (tmp_path / "root").iterdir()] == ["there.bin"]


def wait_for(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "that never came about"
        time.sleep(POLL)


def wait_for_quiet(server: Serving) -> None:
    """Until the server has noticed that its callers are gone."""
    table = [program("ss"), "-Htn", "state", "established", f"sport = :{server.port}"]
    wait_for(lambda: not subprocess.run(table, capture_output=True, check=True).stdout)


# ── lftp ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("passive", ["on", "off"])
def test_lftp_mirrors_a_tree_both_ways(passive: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    count = 10_000 if request.config.getoption("--deep") else 1000 if passive == "on" else 200
    source = tree(tmp_path / "source", count)
    how = partial(
        lftp, settings=f"set ftp:ssl-allow off; set ftp:passive-mode {passive}", patience=PATIENCE * (1 + count / 500)
    )
    with ftp(tmp_path / "root", "--workers", "2") as server:
        how(server.port, f"mirror -R --parallel=4 {source} /there")
        assert sums(tmp_path / "root" / "there") == sums(source)
        how(server.port, f"mirror --parallel=4 /there {tmp_path}/back")
        assert sums(tmp_path / "back") == sums(source)
        again = how(server.port, f"mirror -v --only-newer /there {tmp_path}/back")
        assert b"Transferring" not in again  # times were kept both ways
        how(server.port, "rm -r /there")
    assert not list((tmp_path / "root").iterdir())


def test_lftp_stores_names_with_newlines(tmp_path: Path) -> None:
    """Where it does not wait for the reply to the first half of a name; it cannot list them, with any server."""
    (tmp_path / "source").mkdir()
    names = ["new\nline", "DELE x\nDELE y"]
    for name in names:
        (tmp_path / "source" / name).write_bytes(os.fsencode(name))
    with ftp(tmp_path / "root") as server:
        settings = "set ftp:ssl-allow off; set ftp:sync-mode off"
        lftp(server.port, f"mirror -R {tmp_path}/source /there", settings=settings)
    assert sums(tmp_path / "root" / "there") == sums(tmp_path / "source")


@pytest.mark.parametrize("passive", ["on", "off"])
def test_lftp_mirrors_inside_tls(passive: str, tmp_path: Path, certificates: Certificates) -> None:
    source = tree(tmp_path / "source", 30)
    files = ["--cert", str(certificates.leaf), "--key", str(certificates.leaf)]
    with ftp(tmp_path / "root", "--tls", "required", *files) as server:
        trust = f"set ftp:ssl-force on; set ftp:ssl-protect-data on; set ssl:ca-file {certificates.ca}"
        trust = f"{trust}; set ftp:passive-mode {passive}; set ssl:check-hostname no"
        lftp(server.port, f"mirror -R {source} /there", settings=trust)
        lftp(server.port, f"mirror /there {tmp_path}/back", settings=trust)
    assert sums(tmp_path / "back") == sums(tmp_path / "root" / "there") == sums(source)


def test_lftp_stops_a_transfer_and_goes_on(tmp_path: Path) -> None:
    """Ctrl-C: it says ABOR, as it is told to by SIGINT."""
    with ftp(tmp_path / "root", journal=tmp_path / "journal") as server:
        (tmp_path / "root" / "big.bin").write_bytes(BIG * 20)
        got = tmp_path / "got.bin"
        said = f"set ftp:ssl-allow off; set net:limit-rate 400000; open ftp://127.0.0.1:{server.port}"
        with start([program("lftp"), "-c", f"{said}; get big.bin -o {got}; quit"]) as stopped:
            wait_for(lambda: got.exists() and got.stat().st_size > 1000)
            stopped.process.send_signal(signal.SIGINT)
            stopped.wait(None)
        lftp(server.port, f"get -c big.bin -o {got}")
        assert got.read_bytes() == BIG * 20
    cut = next(each for each in recorded(tmp_path / "journal") if "ftp.command" in each.conversation.facts)
    assert cut.conversation.how is not How.FINISHED


# ── others ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("passive", ["on", "off"])
def test_tnftp_goes_both_ways(passive: str, tmp_path: Path) -> None:
    (tmp_path / "here.bin").write_bytes(BIG)
    (tmp_path / "text").write_bytes(b"one\ntwo\n")
    said = [
        f"passive {passive}", "binary", f"put {tmp_path}/here.bin there.bin", "mkdir sub", "cd sub", "pwd", "cd ..",
        f"get there.bin {tmp_path}/back.bin", "ascii", f"put {tmp_path}/text text", f"get text {tmp_path}/text.back",
        "rename text text.txt", "size text.txt", "modtime text.txt", "dir", "nlist", "rmdir sub", "bye",
    ]  # fmt: skip
    with ftp(tmp_path / "root") as server:
        tnftp = [program("tnftp"), "-i", "-v", "-a", "127.0.0.1", str(server.port)]
        words = run(tnftp, stdin="\n".join([*said, ""]).encode(), cwd=tmp_path).decode()
    assert (tmp_path / "back.bin").read_bytes() == (tmp_path / "root" / "there.bin").read_bytes() == BIG
    assert (tmp_path / "root" / "text.txt").read_bytes() == (tmp_path / "text.back").read_bytes() == b"one\ntwo\n"
    assert not [line for line in words.splitlines() if line[:1] in "45" and line[3:4] == " "], words
    assert "-rw-r--r--" in words


@contextlib.contextmanager
def python(client: ftplib.FTP, port: int) -> Iterator[ftplib.FTP]:
    with client:
        client.connect("127.0.0.1", port)
        client.login()
        yield client


@pytest.mark.parametrize("passive", [True, False])
@pytest.mark.parametrize("tls", [True, False])
def test_python_does_what_it_can(passive: bool, tls: bool, tmp_path: Path, certificates: Certificates) -> None:
    files = ["--cert", str(certificates.leaf), "--key", str(certificates.leaf)]
    context = ssl.create_default_context(cafile=str(certificates.ca))
    context.check_hostname = False
    client = ftplib.FTP_TLS(context=context, timeout=PATIENCE) if tls else ftplib.FTP(timeout=PATIENCE)
    with ftp(tmp_path / "root", "--tls", "offered", *files) as server, python(client, server.port) as said:
        if isinstance(said, ftplib.FTP_TLS):
            said.prot_p()
        said.set_pasv(passive)
        said.storbinary("STOR größer", io.BytesIO(BIG))
        found = io.BytesIO()
        said.retrbinary("RETR größer", found.write, rest=1000)
        assert found.getvalue() == BIG[1000:]
        said.storlines("STOR text", io.BytesIO(b"one\ntwo\n"))
        lines: list[str] = []
        said.retrlines("RETR text", lines.append)
        assert lines == ["one", "two"]
        assert [name for name, _ in said.mlsd(facts=["type", "size"])] == ["größer", "text"] == said.nlst()
        assert dict(said.mlsd())["text"]["type"] == "file"
        with said.transfercmd("RETR größer"):
            assert said.abort()[:3] in ("226", "426")
            assert said.getmultiline()[:3] == "226"
        assert said.mkd('a "b"') == '/a "b"'
        said.cwd('a "b"')
        assert said.pwd() == '/a "b"'
        said.rename("/text", "text")
        said.voidcmd("TYPE I")
        assert said.size("text") == 8
        said.delete("text")
        said.cwd("..")
        said.rmd('a "b"')
        assert said.quit().startswith("221")
    assert os.listdir(tmp_path / "root") == ["größer"]


def test_the_recording_leads_to_what_was_transferred(tmp_path: Path) -> None:
    journal = str(tmp_path / "journal")
    with ftp(tmp_path / "root", journal=tmp_path / "journal") as server:
        (tmp_path / "root" / "hello.txt").write_bytes(b"hello there\n")
        assert curl(f"ftp://127.0.0.1:{server.port}/hello.txt") == b"hello there\n"
    shown = [run(command("show", number, "--journal", journal)).decode() for number in "12"]
    assert "RETR hello.txt" in shown[0]
    assert "data: conversation #2 (RETR hello.txt)" in shown[0]
    assert "hello there" in shown[1]
    (control, data) = recorded(tmp_path / "journal")
    assert data.conversation.facts["ftp.control"] == str(control.conversation.number)
    assert (data.server, data.conversation.how) == (b"hello there\n", How.FINISHED)
