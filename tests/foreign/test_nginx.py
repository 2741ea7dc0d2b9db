"""curl and a stock nginx, through the relay: HTTP as everybody runs it.

nginx writes down what it received and sent on each connection; the recording must have as many bytes.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

import servers
from running import Serving, program, recorded, run, serving
from servers import Nginx

pytestmark = pytest.mark.foreign

BIG = random.Random(7).randbytes(10_000_000)


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[Nginx]:
    with servers.nginx(tmp_path / "nginx") as nginx:
        (nginx.www / "big").write_bytes(BIG)
        yield nginx


@pytest.fixture
def relay(nginx: Nginx, tmp_path: Path) -> Iterator[Serving]:
    with serving("relay", ":0", f":{nginx.port}", journal=tmp_path / "journal") as relay:
        yield relay


def curl(*arguments: str) -> bytes:
    return run([program("curl"), "--silent", "--show-error", "--noproxy", "*", *arguments])


def counts(nginx: Nginx) -> list[tuple[int, int]]:
    """Bytes received and sent by nginx on each connection."""
    return sorted((sum(row[1] for row in rows), sum(row[2] for row in rows)) for rows in nginx.connections)


def test_one_connection_is_kept_for_many_requests(nginx: Nginx, relay: Serving, tmp_path: Path) -> None:
    at = f"http://127.0.0.1:{relay.port}"
    put = ["--next", "--request", "PUT", "--data", "tin=can", f"{at}/put/tin"]
    printed = curl(f"{at}/", f"{at}/nobody", "--next", "--head", f"{at}/", *put, "--next", "--include", f"{at}/")
    relay.program.stop()

    (rows,) = nginx.connections
    assert [row[0] for row in rows] == [200, 404, 200, 201, 200]
    assert printed.startswith(b"<p>Hello from nginx<html>")
    assert printed.endswith(b"\r\n\r\n<p>Hello from nginx")
    (only,) = recorded(tmp_path / "journal")
    assert [(len(only.client), len(only.server))] == counts(nginx)
    assert only.client.startswith(b"GET / HTTP/1.1\r\n")
    assert b"\r\n\r\ntin=canGET / HTTP" in only.client
    assert only.server.count(b"HTTP/1.1 ") == 5


def test_a_request_that_is_refused(nginx: Nginx, relay: Serving, tmp_path: Path) -> None:
    told = "%{http_code} %{size_header} %{size_download}"
    printed = curl("--data", "tin=can", "--output", "/dev/null", "-w", told, f"http://127.0.0.1:{relay.port}/")
    relay.program.stop()

    status, headers, downloaded = map(int, printed.split())
    (only,) = recorded(tmp_path / "journal")
    assert status == 405
    assert only.client.startswith(b"POST / HTTP/1.1\r\n")
    assert only.client.endswith(b"\r\n\r\ntin=can")
    assert len(only.server) == headers + downloaded


def test_a_file_of_ten_megabytes_comes_and_goes(nginx: Nginx, relay: Serving, tmp_path: Path) -> None:
    at, files = f"http://127.0.0.1:{relay.port}", nginx.www
    assert curl(f"{at}/big") == BIG
    curl("--upload-file", str(files / "big"), f"{at}/put/big")
    relay.program.stop()

    assert (files / "put" / "big").read_bytes() == BIG
    down, up = recorded(tmp_path / "journal")
    assert down.server.endswith(b"\r\n\r\n" + BIG)
    assert up.client.endswith(b"\r\n\r\n" + BIG)
    assert sorted((len(each.client), len(each.server)) for each in (down, up)) == counts(nginx)


def test_many_requests_at_once(nginx: Nginx, relay: Serving, tmp_path: Path) -> None:
    at_once = ["--parallel", "--parallel-immediate", "--parallel-max", "20"]
    printed = curl(*at_once, f"http://127.0.0.1:{relay.port}/index.html?[1-50]")
    relay.program.stop()

    assert printed == b"<p>Hello from nginx" * 50
    found = recorded(tmp_path / "journal")
    assert sorted((len(each.client), len(each.server)) for each in found) == counts(nginx)
    assert sum(len(rows) for rows in nginx.connections) == 50
