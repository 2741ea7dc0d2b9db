"""`tincans get`, `put` and `ls` with the servers that people have: nginx, Python's, vsftpd and pyftpdlib."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from running import Certificates, free_port, port_of, program, run, serving, start, tincans
from servers import nginx

pytestmark = pytest.mark.foreign

BIG = bytes(range(256)) * 4000


def command(*arguments: str) -> bytes:
    return run(tincans(*arguments, "--no-record"))


def equal(one: Path, other: Path) -> bool:
    return subprocess.run(["diff", "-r", str(one), str(other)], capture_output=True).stdout == b""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with all kinds of files."""
    folder = tmp_path / "tree"
    (folder / "sub" / "deeper").mkdir(parents=True)
    (folder / "big.bin").write_bytes(BIG)
    (folder / "empty").touch()
    (folder / ".hidden").write_bytes(b"x")
    (folder / "sub" / "two words, größer").write_bytes(b"x")
    for number in range(5):
        (folder / "sub" / "deeper" / f"{number}.txt").write_bytes(b"%d\n" % number * 1000)
    return folder


@contextlib.contextmanager
def vsftpd(folder: Path, *settings: str) -> Iterator[int]:
    """A stock server for anybody, which runs as who we are."""
    port, file = free_port(), folder.with_name("vsftpd.conf")
    lines = [
        "listen=YES", "listen_address=127.0.0.1", f"listen_port={port}", "background=NO", "run_as_launching_user=YES",
        "anonymous_enable=YES", "no_anon_password=YES", f"anon_root={folder}", f"secure_chroot_dir={folder}",
        "write_enable=YES", "anon_upload_enable=YES", "anon_mkdir_write_enable=YES", "anon_other_write_enable=YES",
        "allow_writeable_chroot=YES", "anon_world_readable_only=NO", "anon_umask=022", "xferlog_enable=NO",
        "connect_from_port_20=NO", "seccomp_sandbox=NO", *settings,
    ]  # fmt: skip
    file.write_text("\n".join(lines) + "\n")
    with start([program("vsftpd"), str(file)]) as running:
        port_of(running)
        yield port


@contextlib.contextmanager
def pyftpd(folder: Path) -> Iterator[int]:
    with start([sys.executable, "-m", "pyftpdlib", "-i", "127.0.0.1", "-p", "0", "-w", "-d", str(folder)]) as running:
        yield port_of(running)


SERVERS = {"vsftpd": vsftpd, "pyftpdlib": pyftpd}


@pytest.fixture(params=SERVERS)
def ftp(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The URL of a server, and what is in it."""
    site = tmp_path / "site"
    site.mkdir()
    with SERVERS[request.param](site) as port:
        yield f"ftp://127.0.0.1:{port}", site


def test_a_tree_by_ftp_there_and_back(ftp: tuple[str, Path], tree: Path, tmp_path: Path) -> None:
    url, site = ftp
    command("put", "-r", str(tree), f"{url}/a/b")
    assert equal(tree, site / "a" / "b")
    assert command("put", "-rn", str(tree), f"{url}/a/b") == b""  # all of it is the same
    command("get", "-r", f"{url}/a/b", f"{tmp_path}/back")
    assert equal(tree, tmp_path / "back")
    assert command("get", "-rn", f"{url}/a/b", f"{tmp_path}/back") == b""
    (tree / "big.bin").unlink()
    command("put", "-r", "--delete", str(tree), f"{url}/a/b")
    assert equal(tree, site / "a" / "b")


def test_ftp_called_back_and_gone_on_with(ftp: tuple[str, Path], tree: Path, tmp_path: Path) -> None:
    url, site = ftp
    (site / "big.bin").write_bytes(BIG)
    command("get", "--active", f"{url}/big.bin", f"{tmp_path}/here")
    assert (tmp_path / "here").read_bytes() == BIG
    (site / "half").write_bytes(BIG[:300_000])
    command("put", "-c", str(tree / "big.bin"), f"{url}/half")
    assert (site / "half").read_bytes() == BIG
    assert command("ls", "-1", f"{url}/").decode().split() == ["big.bin", "half"]


@pytest.mark.parametrize("implicit", [False, True])
def test_vsftpd_inside_tls(implicit: bool, tree: Path, certificates: Certificates, tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    settings = [
        "ssl_enable=YES", "allow_anon_ssl=YES", "force_anon_data_ssl=YES", "force_anon_logins_ssl=YES",
        "require_ssl_reuse=YES", f"rsa_cert_file={certificates.leaf}", f"rsa_private_key_file={certificates.leaf}",
        f"implicit_ssl={'YES' if implicit else 'NO'}",
    ]  # fmt: skip
    with vsftpd(site, *settings) as port:
        url, how = f"ftp{'s' if implicit else ''}://localhost:{port}", ["--ca", str(certificates.ca)]
        how += [] if implicit else ["--tls"]
        command("put", "-r", str(tree), f"{url}/t", *how)
        assert equal(tree, site / "t")
        command("get", "-r", f"{url}/t", f"{tmp_path}/back", *how)
    assert equal(tree, tmp_path / "back")


def test_ftp_through_a_relay_and_a_proxy(ftp: tuple[str, Path], tree: Path, tmp_path: Path) -> None:
    url, site = ftp
    (site / "big.bin").write_bytes(BIG)
    with (
        serving("relay", ":0", url.partition("//")[2]) as relay,
        start([program("microsocks"), "-i", "127.0.0.1", "-p", "0"]) as proxy,
    ):
        command("get", f"{url}/big.bin", f"{tmp_path}/one", "--via", f":{relay.port}")
        command("get", f"{url}/big.bin", f"{tmp_path}/two", "--proxy", f"socks5://127.0.0.1:{port_of(proxy)}")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes() == BIG


def test_nginx(tree: Path, tmp_path: Path) -> None:
    at = tmp_path / "nginx"
    at.mkdir()
    with nginx(at) as server:
        url = f"http://127.0.0.1:{server.port}"
        (server.www / "big.bin").write_bytes(BIG)
        command("get", f"{url}/big.bin", f"{tmp_path}/here")
        command("put", str(tree / "big.bin"), f"{url}/put/x")
        run(tincans("put", "-", f"{url}/put/y", "--no-record"), stdin=BIG)
    assert (tmp_path / "here").read_bytes() == BIG
    assert (server.www / "put" / "x").read_bytes() == (server.www / "put" / "y").read_bytes() == BIG


def test_a_tree_that_nginx_lists(tree: Path, tmp_path: Path) -> None:
    at = tmp_path / "nginx"
    at.mkdir()
    (tree / ".hidden").unlink()  # which it does not list
    (tree / "#?%&;+").write_bytes(b"x")
    with nginx(at) as server:
        url = f"http://127.0.0.1:{server.port}/list/"
        shutil.copytree(tree, server.www / "list", dirs_exist_ok=True)
        command("get", "-r", url, f"{tmp_path}/back")
        assert equal(tree, tmp_path / "back")
        assert command("get", "-rn", url, f"{tmp_path}/back") == b""
        assert command("ls", "-1", url).decode().splitlines() == ["#?%&;+", "big.bin", "empty", "sub/"]


def test_nginx_gives_only_what_is_missing(tmp_path: Path) -> None:
    """The part and its note are what a killed connection leaves; nginx is asked whether its file is still the same."""
    at = tmp_path / "nginx"
    at.mkdir()
    with nginx(at) as server:
        url, here = f"http://127.0.0.1:{server.port}/big.bin", tmp_path / "here"
        (server.www / "big.bin").write_bytes(BIG)
        status = os.stat(server.www / "big.bin")
        tag = f'\\"{int(status.st_mtime):x}-{len(BIG):x}\\"'
        for version, data in ((tag, BIG), ('\\"other\\"', BIG)):
            here.with_name("here.part").write_bytes(b"?" * 1000 if version != tag else BIG[:1000])
            here.with_name("here.part.json").write_text(f'{{"url": "{url}", "version": "{version}"}}')
            command("get", "-cf" if here.exists() else "-c", url, str(here))
            assert here.read_bytes() == data
        (first,), (second,) = server.connections
    assert first[0] == 206
    assert second[0] == 200


def test_python_http_server(tree: Path, tmp_path: Path) -> None:
    serve = [sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1", "--directory", str(tree), "0"]
    with start(serve) as running:
        url = f"http://127.0.0.1:{port_of(running)}"
        command("get", "-r", f"{url}/", f"{tmp_path}/back")
        assert equal(tree, tmp_path / "back")
        assert command("get", "-rn", f"{url}/", f"{tmp_path}/back") == b""
        assert command("ls", "-1", f"{url}/").decode().split() == [".hidden", "big.bin", "empty", "sub/"]
