"""`tincans get`: whole files, with their times, gone on with after a cut; trees; and what is said on the way."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from partners import AtTerminal, ByHand, read_all
from running import PATIENCE, Certificates, Program, port_of, program, recorded, run, serving, start, tincans

DATA = bytes(range(256)) * 4000


def get(*arguments: str) -> list[str]:
    return tincans("get", *arguments, *(() if "--journal" in arguments else ("--no-record",)))


def said(*arguments: str, expected: int = 0, cwd: Path | None = None) -> list[str]:
    """The lines that it says on stderr; passwords are asked for by nobody."""
    with start(get(*arguments), cwd=cwd) as running:
        running.wait(expected)
        assert running.out == b""
        return running.err.decode().splitlines()


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder to be served."""
    folder = tmp_path / "site"
    (folder / "sub").mkdir(parents=True)
    (folder / "big.bin").write_bytes(DATA)
    (folder / "sub" / "two words").write_bytes(b"hello")
    os.utime(folder / "big.bin", (1_700_000_000,) * 2)
    return folder


@pytest.fixture(params=["http", "ftp"])
def server(request: pytest.FixtureRequest, site: Path) -> Iterator[str]:
    """The URL of the folder, served by us."""
    with serving("listen", ":0", f"{request.param}:{site}") as running:
        yield f"{request.param}://127.0.0.1:{running.port}"


def test_a_file_is_there_with_its_time(server: str, tmp_path: Path) -> None:
    assert said(f"{server}/big.bin", cwd=tmp_path) == ["1000.0 KiB  big.bin"]
    assert (tmp_path / "big.bin").read_bytes() == DATA
    assert (tmp_path / "big.bin").stat().st_mtime == 1_700_000_000
    assert said(f"{server}/sub/two%20words", str(tmp_path), "-q") == []
    assert (tmp_path / "two words").read_bytes() == b"hello"
    assert run(get(f"{server}/sub/two words", "-")) == b"hello"


def test_what_is_there_is_not_written_over(server: str, tmp_path: Path) -> None:
    file = tmp_path / "big.bin"
    file.write_bytes(b"mine")
    lines = said(f"{server}/big.bin", cwd=tmp_path, expected=1)
    assert lines == ["tincans: big.bin is already there", "  Name another file, or add --force to write over it."]
    assert said(f"{server}/big.bin", "-c", cwd=tmp_path, expected=1) == lines
    assert file.read_bytes() == b"mine"
    said(f"{server}/big.bin", "-f", cwd=tmp_path)
    assert file.read_bytes() == DATA
    assert said(f"{server}/big.bin", "-c", cwd=tmp_path) == ["it is here already, and the same"]


def test_a_tree_is_mirrored_and_summed_up(server: str, site: Path, tmp_path: Path) -> None:
    *lines, last = said("-r", f"{server}/", "copy", cwd=tmp_path)
    assert sorted(lines) == ["      5 B  sub/two words", "1000.0 KiB  big.bin"]
    assert last.startswith("2 files, 1000.0 KiB, in ")
    assert (tmp_path / "copy" / "sub" / "two words").read_bytes() == b"hello"
    assert said("-r", f"{server}/", "copy", cwd=tmp_path)[0].startswith("0 files, 0 B, 2 the same, in ")
    (site / "sub" / "two words").unlink()
    (site / "new").touch()
    assert run(get("-r", "-n", "--delete", f"{server}/", f"{tmp_path}/copy")).decode().splitlines() == [
        "      0 B  new", "  removed  sub/two words",
    ]  # fmt: skip
    assert (tmp_path / "copy" / "sub" / "two words").exists()
    assert said("-r", f"{server}/sub/", cwd=tmp_path)[-1].startswith("0 files")
    assert (tmp_path / "sub").is_dir()  # called as the URL ends


def test_what_goes_wrong_is_one_sentence(server: str, tmp_path: Path) -> None:
    for arguments, status, sentence in (
        ((f"{server}/none",), 1, f"{server}/none: the server says "),
        ((f"{server}/",), 2, f"{server}/ does not end in a file's name"),
        (("nowhere",), 2, "'nowhere' is not a URL: it does not begin with how to ask"),
        (("smtp://h",), 2, "'smtp://h' is not a URL: it begins with none of http://, https://, ftp://, ftps://"),
        ((f"{server}/big.bin", "no/such/folder"), 1, "cannot write no/such/folder: no such file or directory"),
        ((f"{server}/big.bin", "x", "--delete"), 2, "--delete, --dry-run, --include and --exclude are for a tree"),
        (("-r", f"{server}/", "-"), 2, "a tree goes into a folder, and not to stdout"),
    ):
        lines = said(*arguments, expected=status, cwd=tmp_path)
        assert lines[0].startswith(f"tincans: {sentence}")
        assert len(lines) == 2
    assert os.listdir(tmp_path) == ["site"]


def test_hostile_names_are_escaped(tmp_path: Path) -> None:
    def serve(caller: socket.socket) -> None:
        caller.recv(1000)
        body = json.dumps({"items": [{"href": "..%2F%1B%5B31m"}]}).encode()
        caller.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body))
        caller.sendall(body)
        read_all(caller)

    with ByHand(serve) as server:
        lines = said("-r", f"http://:{server.port}/", "x", expected=1, cwd=tmp_path)
    assert lines[0] == r"   failed  ../\x1b[31m: the server lists a name that no file in a folder may have"
    assert lines[1].endswith("1 of 1 file could not be transferred")


# ── a cut ─────────────────────────────────────────────────────────────────────────────────────────────────


def cut(size: int, version: str) -> ByHand:
    """A server that begins a file of that version, and hangs up in its middle."""

    def serve(caller: socket.socket) -> None:
        caller.recv(1000)
        head = f'HTTP/1.1 200 OK\r\nETag: "{version}"\r\nContent-Length: {len(DATA)}\r\n\r\n'
        caller.sendall(head.encode() + DATA[:size])

    return ByHand(serve)


def test_a_cut_leaves_a_part_that_is_gone_on_with(tmp_path: Path) -> None:
    with cut(1000, "v") as server:
        url = f"http://127.0.0.1:{server.port}/big"
        lines = said(url, cwd=tmp_path, expected=1)
    assert lines[0].startswith(f"tincans: {url}: it is not what was announced")
    assert lines[1] == "  The same command with --continue goes on from what came, where the server allows that."
    goes_on_with(tmp_path, server.port)


def goes_on_with(folder: Path, port: int) -> None:
    """With --continue only that is asked for which is not in the part, of which a thousand bytes came."""
    assert (folder / "big.part").read_bytes() == DATA[:1000]
    heard = []

    def serve(caller: socket.socket) -> None:
        heard.append(caller.recv(1000))
        head = f"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 1000-{len(DATA) - 1}/{len(DATA)}\r\n"
        caller.sendall(f"{head}Content-Length: {len(DATA) - 1000}\r\n\r\n".encode() + DATA[1000:])
        read_all(caller)

    with ByHand(serve, port):
        said(f"http://127.0.0.1:{port}/big", "-c", cwd=folder)
    assert b'Range: bytes=1000-\r\nIf-Range: "v"\r\n' in heard[0]
    assert (folder / "big").read_bytes() == DATA
    assert os.listdir(folder) == ["big"]


def test_without_continue_it_begins_anew(tmp_path: Path) -> None:
    with cut(1000, "v") as server:
        url = f"http://127.0.0.1:{server.port}/big"
        said(url, cwd=tmp_path, expected=1)
    heard = []

    def serve(caller: socket.socket) -> None:
        heard.append(caller.recv(1000))
        caller.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nnew")
        read_all(caller)

    with ByHand(serve, server.port):
        said(url, cwd=tmp_path)
    assert b"Range" not in heard[0]
    assert (tmp_path / "big").read_bytes() == b"new"


def stalls(caller: socket.socket) -> None:
    """A server that begins a file, and says no more."""
    caller.recv(1000)
    caller.sendall(f'HTTP/1.1 200 OK\r\nETag: "v"\r\nContent-Length: {len(DATA)}\r\n\r\n'.encode() + DATA[:1000])
    with contextlib.suppress(ConnectionError):
        read_all(caller)


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_one_that_was_killed_is_gone_on_with(death: signal.Signals, tmp_path: Path) -> None:
    with ByHand(stalls) as server, start(get(f"http://127.0.0.1:{server.port}/big"), cwd=tmp_path) as running:
        _wait_for_size(running, tmp_path / "big.part.json", 1)
        running.process.send_signal(death)
        running.wait(None)
    goes_on_with(tmp_path, server.port)


def test_the_one_who_stops_it_hears_that_the_part_is_kept(tmp_path: Path) -> None:
    with ByHand(stalls) as server, start(get(f"http://:{server.port}/big"), cwd=tmp_path) as running:
        _wait_for_size(running, tmp_path / "big.part", 1000)
        running.process.send_signal(signal.SIGINT)
        running.wait(130)
        assert running.err == b"stopped; --continue goes on from what came\n"
    assert (tmp_path / "big.part").read_bytes() == DATA[:1000]
    assert not (tmp_path / "big").exists()


def _wait_for_size(running: Program, path: Path, size: int) -> None:
    running.wait_for_file(path)
    while path.stat().st_size < size:
        assert running.process.poll() is None


def test_a_pipe_that_nobody_reads_any_more(server: str, site: Path) -> None:
    """It is that pipe that broke, and no server is blamed."""
    (site / "big.bin").write_bytes(DATA * 10)
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(get(f"{server}/big.bin", "-"), stdout=writer, stderr=subprocess.PIPE, timeout=PATIENCE)
    finally:
        os.close(writer)
    assert done.returncode == 1
    lines = done.stderr.decode().splitlines()
    assert lines[0].startswith("tincans: cannot write stdio: ")
    assert len(lines) == 2


# ── how a server is called ────────────────────────────────────────────────────────────────────────────────


def test_through_a_relay(server: str, tmp_path: Path) -> None:
    with serving("relay", ":0", server.partition("//")[2]) as relay:
        said(f"{server}/big.bin", "--via", f":{relay.port}", cwd=tmp_path)
    assert (tmp_path / "big.bin").read_bytes() == DATA


def test_over_a_unix_socket_and_inside_tls(site: Path, certificates: Certificates, tmp_path: Path) -> None:
    with serving("listen", f"unix:{tmp_path}/s", f"http:{site}"):
        said("http://localhost/sub/two%20words", "--via", f"unix:{tmp_path}/s", cwd=tmp_path)
    with serving("listen", f"tls://:0{certificates.served}", f"http:{site}") as running:
        url = f"https://localhost:{running.port}/big.bin"
        assert "not trusted" in said(url, cwd=tmp_path, expected=1)[0]
        said(url, "--ca", str(certificates.ca), cwd=tmp_path)
        said(url, "--insecure", "-f", cwd=tmp_path)
    assert (tmp_path / "big.bin").read_bytes() == DATA


def test_ftp_inside_tls_and_called_back(site: Path, certificates: Certificates, tmp_path: Path) -> None:
    ca = ("--ca", str(certificates.ca))
    with serving("listen", ":0", f"ftp:{site}", "--tls", "required", "--cert", str(certificates.leaf)) as running:
        url = f"ftp://localhost:{running.port}/big.bin"
        assert "the server says" in said(url, *ca, cwd=tmp_path, expected=1)[0]
        for how in ((), ("--active",)):
            said(url, "--tls", *ca, *how, "-f", cwd=tmp_path)
            assert (tmp_path / "big.bin").read_bytes() == DATA
    with serving("listen", f"tls://:0{certificates.served}", f"ftp:{site}") as running:
        said(f"ftps://localhost:{running.port}/big.bin", *ca, "-f", cwd=tmp_path)


@pytest.mark.foreign
def test_through_a_proxy(server: str, tmp_path: Path) -> None:
    with start([program("microsocks"), "-i", "127.0.0.1", "-p", "0"]) as proxy:
        said(f"{server}/big.bin", "--proxy", f"socks5://127.0.0.1:{port_of(proxy)}", cwd=tmp_path)
    assert (tmp_path / "big.bin").read_bytes() == DATA


def test_it_is_recorded(server: str, tmp_path: Path) -> None:
    said(f"{server}/big.bin", "--journal", f"{tmp_path}/journal", cwd=tmp_path)
    conversations = recorded(tmp_path / "journal")
    assert len(conversations) == (1 if server.startswith("http") else 2)
    assert conversations[-1].server.endswith(DATA)


def test_a_password_is_asked_for_and_shown_nowhere(site: Path, tmp_path: Path) -> None:
    heard = []

    def serve(caller: socket.socket) -> None:
        heard.append(caller.recv(1000))
        caller.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        read_all(caller)

    with ByHand(serve) as server, AtTerminal(get(f"http://ada@:{server.port}/x", f"{tmp_path}/x")) as person:
        person.wait_for("password of ada at 127.0.0.1: ")
        person.type("lovelace\n")
        person.wait()
    assert b"Authorization: Basic YWRhOmxvdmVsYWNl" in heard[0]
    assert "lovelace" not in person.screen
    assert (tmp_path / "x").read_bytes() == b"hello"


def test_bars_at_a_terminal(server: str, tmp_path: Path) -> None:
    with AtTerminal(get("-r", f"{server}/", f"{tmp_path}/copy")) as person:
        person.wait_for(r"1000\.0 KiB  big\.bin  in ")
        person.wait_for(r"2 files, 1000\.0 KiB, in ")
        assert re.search(r"[012] of [12] files? .*━.*/.* (KiB|MiB|bytes)", person.screen)
        person.wait()
    assert (tmp_path / "copy" / "big.bin").read_bytes() == DATA
