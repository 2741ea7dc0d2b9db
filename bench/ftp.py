"""An FTP server for files beside vsftpd and pyftpdlib: a large file each way, and small ones over one visit.

The client says what a client says and throws away what it gets: one process, bare sockets, half a megabyte a call. Each
server has a folder of its own on the project's disk; what is fetched lies in the kernel's cache.
"""

from __future__ import annotations

import ftplib
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench.figures import Figure, NotMeasured, Target, alternate
from bench.peers import COMMAND, RECORDED, TINCANS
from bench.program import Program, free_port
from bench.workplace import Workplace, has

MEGABYTE = 1_000_000
BUFFER = 512 * 1024
SMALL = 1000

VSFTPD = "vsftpd"
PYFTPDLIB = "pyftpdlib"

VSFTPD_CONFIG = """\
listen=YES
listen_address=127.0.0.1
listen_port={port}
background=NO
run_as_launching_user=YES
anonymous_enable=YES
no_anon_password=YES
anon_root={root}
secure_chroot_dir={root}
write_enable=YES
anon_upload_enable=YES
anon_mkdir_write_enable=YES
anon_other_write_enable=YES
allow_writeable_chroot=YES
anon_world_readable_only=NO
xferlog_enable=NO
connect_from_port_20=NO
seccomp_sandbox=NO
"""


def measure(place: Workplace) -> list[Figure]:
    megabytes = round(100 * max(place.scale, 0.5))
    figures = [
        Figure(
            f"FTP: RETR, {megabytes} MB",
            "MB/s",
            targets=[Target(TINCANS, 0.95, VSFTPD), Target(TINCANS, 0.95, PYFTPDLIB)],
            remark="From the first command to the reply that all was sent; read and thrown away by the client.",
        ),
        Figure(f"FTP: STOR, {megabytes} MB", "MB/s", remark="Into a new file each time, in the kernel's cache."),
        Figure("FTP: RETR, 1 KB", "files/s", remark="EPSV, a data connection and RETR for each, in one visit."),
        Figure("FTP: STOR, 1 KB", "files/s", remark="EPSV, a data connection and STOR for each, in one visit."),
    ]
    with place.running(_servers(place, megabytes), figures) as programs:
        runs = {
            name: lambda program=program: _once(program, megabytes, place.scale) for name, program in programs.items()
        }
        alternate(figures, runs, place.rounds, place.say)
    return figures


def _servers(place: Workplace, megabytes: int) -> dict[str, Callable[[], Program]]:
    return {
        TINCANS: lambda: _tincans(place, _root(place, megabytes), ["--no-record"]),
        RECORDED: lambda: _tincans(place, _root(place, megabytes), ["--journal", place.path(".journal")]),
        VSFTPD: lambda: _vsftpd(place, _root(place, megabytes)),
        PYFTPDLIB: lambda: _pyftpdlib(place, _root(place, megabytes)),
    }


def _root(place: Workplace, megabytes: int) -> Path:
    """A folder with a large file and a small one."""
    root = place.path(".ftp")
    root.mkdir()
    (root / "large").write_bytes(bytes(range(250)) * 4000 * megabytes)
    (root / "small").write_bytes(bytes(SMALL))
    return root


def _tincans(place: Workplace, root: Path, record: list[str | Path]) -> Program:
    port_file = place.path(".port")
    quietly: list[str | Path] = ["--write", "--quiet", "--port-file", port_file, *record]
    return place.start([COMMAND, "listen", "tcp://127.0.0.1:0", f"ftp:{root}", *quietly], port_file)


def _vsftpd(place: Workplace, root: Path) -> Program:
    program, port, config = has("vsftpd"), free_port(), place.path(".conf")
    config.write_text(VSFTPD_CONFIG.format(port=port, root=root))
    return place.start([program, config], port)


def _pyftpdlib(place: Workplace, root: Path) -> Program:
    port = free_port()
    where = ["-i", "127.0.0.1", "-p", str(port), "-d", str(root), "-w"]
    return place.start([sys.executable, "-W", "ignore", "-m", "pyftpdlib", *where], port)


# ── the client ────────────────────────────────────────────────────────────────────────────────────────────


def _once(program: Program, megabytes: int, scale: float) -> tuple[float, float, float, float]:
    """MB/s down and up; small files a second, down and up."""
    size, count = megabytes * MEGABYTE, round(1000 * scale)
    content = memoryview(bytes(range(250)) * 2000)
    try:
        with ftplib.FTP(timeout=30) as client:
            client.connect("127.0.0.1", program.port)
            client.login()
            client.voidcmd("TYPE I")
            down = _seconds(lambda: _fetch(client, "large", size))
            up = _seconds(lambda: _store(client, "new", content, size))
            client.delete("new")
            small_down = _seconds(lambda: _fetch_all(client, count))
            small_up = _seconds(lambda: _store_all(client, content[:SMALL], count))
            for number in range(count):
                client.delete(f"{number}")
    except (OSError, ftplib.Error) as error:
        raise NotMeasured(f"the load failed: {error}") from error
    return size / down / 1e6, size / up / 1e6, count / small_down, count / small_up


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _fetch_all(client: ftplib.FTP, count: int) -> None:
    for _ in range(count):
        _fetch(client, "small", SMALL)


def _store_all(client: ftplib.FTP, content: memoryview, count: int) -> None:
    for number in range(count):
        _store(client, f"{number}", content, SMALL)


def _fetch(client: ftplib.FTP, name: str, size: int) -> None:
    room, got = bytearray(BUFFER), 0
    with _data(client, f"RETR {name}") as data:
        while count := data.recv_into(room):
            got += count
    client.voidresp()
    if got != size:
        raise NotMeasured(f"{got} bytes came instead of {size}")


def _store(client: ftplib.FTP, name: str, piece: memoryview, size: int) -> None:
    with _data(client, f"STOR {name}") as data:
        for _ in range(size // len(piece)):
            data.sendall(piece)
    client.voidresp()


def _data(client: ftplib.FTP, command: str) -> socket.socket:
    port = int(client.sendcmd("EPSV").split("|")[3])
    data = socket.create_connection(("127.0.0.1", port))
    client.sendcmd(command)
    return data
