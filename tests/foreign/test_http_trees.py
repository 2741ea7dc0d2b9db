"""`http:DIR` as programs see all of it: git clones it, wget mirrors its listings, curl puts files there."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from running import Serving, program, recorded, run, serving, start, tincans

pytestmark = pytest.mark.foreign

NAMES = ["plain", "a b", "Grüße 🥫", "100%", "?a=b", "#1", "q\"u'ote", "a&b;c", "semi:colon", "plus+plus", "~x", "[1]"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A tree of files whose names are odd, and whose contents are not the same."""
    folder, chance = tmp_path / "tree", random.Random(5)
    for below in ("", "sub", "sub/deep er"):
        (folder / below).mkdir(parents=True)
        for name in NAMES:
            (folder / below / name).write_bytes(chance.randbytes(chance.randrange(5000)))
    (folder / "empty").mkdir()
    return folder


@pytest.fixture
def server(folder: Path) -> Iterator[Serving]:
    with serving("listen", "tcp://127.0.0.1:0", f"http:{folder}", "--write") as server:
        yield server


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def curl(*arguments: str, stdin: bytes = b"") -> bytes:
    return run([program("curl"), "--silent", "--show-error", "--noproxy", "*", *arguments], stdin=stdin)


def test_git_clones_by_plain_files(tmp_path: Path) -> None:
    work, served, clone = tmp_path / "work", tmp_path / "served", tmp_path / "clone"
    served.mkdir()
    own = {"HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1", "no_proxy": "*"}
    git = [program("git"), "-c", "user.name=Jane", "-c", "user.email=jane@example.org", "-C", str(work)]
    run([program("git"), "init", "--quiet", "--initial-branch=main", str(work)], env=own)
    for number in range(5):
        (work / f"file {number}").write_bytes(random.Random(number).randbytes(30_000))
        run([*git, "add", "."], env=own)
        run([*git, "commit", "--quiet", "-m", f"add {number}"], env=own)
    run([*git, "tag", "-a", "v1", "-m", "one"], env=own)
    run([*git, "clone", "--quiet", "--bare", str(work), str(served / "tins.git")], env=own)
    run([program("git"), "-C", str(served / "tins.git"), "update-server-info"], env=own)
    with serving("listen", "tcp://127.0.0.1:0", f"http:{served}") as server:
        run([program("git"), "clone", "--quiet", f"http://127.0.0.1:{server.port}/tins.git", str(clone)], env=own)
    assert run([program("git"), "-C", str(clone), "fsck", "--full", "--strict"], env=own) == b""
    for what in (["rev-parse", "HEAD", "v1"], ["ls-tree", "-r", "HEAD"], ["log", "--format=%H %s"]):
        assert run([program("git"), "-C", str(clone), *what], env=own) == run([*git, *what], env=own)
    assert all((clone / f"file {n}").read_bytes() == (work / f"file {n}").read_bytes() for n in range(5))


def test_wget_mirrors_all_that_the_listings_lead_to(server: Serving, folder: Path, tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    address = f"http://127.0.0.1:{server.port}/"
    command = [program("wget"), "--mirror", "--no-host-directories", "--no-parent", "--no-proxy", "--quiet",
               "--restrict-file-names=nocontrol", f"--directory-prefix={mirror}", address]  # fmt: skip
    run(command)
    found = {name: data for name, data in contents(mirror).items() if not name.endswith("index.html")}
    assert found == contents(folder)
    assert not [path for path in mirror.rglob("*") if "sort=" in path.name or "delete=" in path.name]
    assert (mirror / "plain").stat().st_mtime == int((folder / "plain").stat().st_mtime)


def test_curl_puts_files_where_it_says(server: Serving, folder: Path, tmp_path: Path) -> None:
    file, address = tmp_path / "big", f"http://127.0.0.1:{server.port}/"
    file.write_bytes(random.Random(1).randbytes(3_000_000))
    told = ["--write-out", "%{http_code}"]
    assert curl(*told, "--upload-file", str(file), f"{address}new/a%20b") == b"201"
    assert curl(*told, "--upload-file", "-", f"{address}new/a%20b", stdin=file.read_bytes()) == b"204"
    assert (folder / "new" / "a b").read_bytes() == file.read_bytes()
    assert curl(*told, "--request", "DELETE", f"{address}new/a%20b") == b"204"
    assert curl(*told, "--request", "DELETE", f"{address}new/") == b"204"
    assert not (folder / "new").exists()


def test_curl_sends_forms(server: Serving, folder: Path, tmp_path: Path) -> None:
    file = tmp_path / 'q"uote ü'
    file.write_bytes(random.Random(1).randbytes(300_000))
    address = f"http://127.0.0.1:{server.port}/sub/"
    quoted = str(file).replace('"', '\\"')  # as curl wants it
    forms = [f'file=@"{quoted}"', "file=typed;filename=note.txt", "folder=made"]
    said = curl(*[part for form in forms for part in ("--form", form)], address)
    assert said.decode() == 'stored /sub/q"uote ü\nstored /sub/note.txt\nmade /sub/made\n'
    assert (folder / "sub" / 'q"uote ü').read_bytes() == file.read_bytes()
    assert (folder / "sub" / "note.txt").read_bytes() == b"typed"


def test_an_upload_that_is_cut_off_never_appears(server: Serving, folder: Path) -> None:
    before = contents(folder)
    address = f"http://127.0.0.1:{server.port}/cut"
    with start(
        [program("curl"), "--silent", "--noproxy", "*", "--limit-rate", "100k", "--upload-file", "/dev/zero", address]
    ) as running:
        while not [path for path in os.listdir(folder) if path.startswith(".cut")]:
            assert running.process.poll() is None
        running.process.kill()
        running.wait(None)
        while [path for path in os.listdir(folder) if path.startswith(".cut")]:
            pass
    assert contents(folder) == before


def test_what_is_uploaded_is_in_the_recording(folder: Path, tmp_path: Path) -> None:
    body = random.Random(2).randbytes(200_000)
    with serving("listen", "tcp://127.0.0.1:0", f"http:{folder}", "--write", journal=tmp_path / "journal") as server:
        curl("--upload-file", "-", "--header", "Expect:", f"http://127.0.0.1:{server.port}/kept", stdin=body)
    (only,) = recorded(tmp_path / "journal")
    assert only.client.startswith(b"PUT /kept HTTP/1.1\r\n")
    assert body[:1000] in only.client
    assert only.server.startswith(b"HTTP/1.1 201 Created\r\n")


def test_where_there_is_no_room_nothing_appears_and_the_next_file_does(folder: Path, tmp_path: Path) -> None:
    before, told = contents(folder), ["--write-out", "%{http_code}", "--output", "/dev/null"]
    listen = tincans("listen", "tcp://127.0.0.1:0", f"http:{folder}", "--write", "--no-record", "--quiet")
    port = tmp_path / "port"
    # The kernel refuses what is larger than this limit of the process', as a full disk would.
    limited = [program("prlimit"), "--fsize=100000", *listen, "--port-file", str(port)]
    with start(limited) as running:
        running.wait_for_file(port)
        address = f"http://127.0.0.1:{int(port.read_text())}/"
        large = bytes(200_000)
        assert curl(*told, "--upload-file", "-", f"{address}large", stdin=large) == b"507"
        assert curl(*told, "--form", "file=@-;filename=large", address, stdin=large) == b"507"
        assert contents(folder) == before
        assert curl(*told, "--upload-file", "-", f"{address}small", stdin=large[:100_000]) == b"201"
    assert contents(folder) == {**before, "small": large[:100_000]}
