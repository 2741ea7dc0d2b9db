"""`tincans listen ADDRESS http:DIR` as the programs that people have find it: curl, wget, wrk; and nginx beside it."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import random
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

import pytest

import servers
from running import Certificates, Serving, program, recorded, run, serving

pytestmark = pytest.mark.foreign

BIG = random.Random(7).randbytes(3_000_000)
TEXT = "".join(f"line {number}\n" for number in range(1000)).encode()
LONG_AGO = 1_000_000_000
WRK = Path(__file__).parents[2] / "bench" / "wrk.lua"


def fill(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "big.bin").write_bytes(BIG)
    (folder / "text.txt").write_bytes(TEXT)
    (folder / "text.txt.gz").write_bytes(gzip.compress(TEXT))
    (folder / "empty.txt").write_bytes(b"")
    (folder / "a b ä.txt").write_text("odd")
    (folder / "sub").mkdir()
    (folder / "sub" / "index.html").write_text("<p>sub")
    for path in folder.rglob("*"):
        os.utime(path, (LONG_AGO, LONG_AGO))
    return folder


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return fill(tmp_path / "site")


@pytest.fixture
def server(site: Path) -> Iterator[Serving]:
    with serving("listen", "tcp://127.0.0.1:0", f"http:{site}") as server:
        yield server


def curl(*arguments: str) -> bytes:
    return run([program("curl"), "--silent", "--show-error", "--noproxy", "*", *arguments])


# ── curl ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_curl_asks_for_many_on_one_connection(server: Serving) -> None:
    at = f"http://127.0.0.1:{server.port}"
    told = ["--write-out", "|%{http_code} %{num_connects}\n"]
    printed = curl(*told, f"{at}/a%20b%20%C3%A4.txt", f"{at}/sub/", f"{at}/none", f"{at}/empty.txt")
    assert printed == b"odd|200 1\n<p>sub|200 0\n404 Not Found\n|404 0\n|200 0\n"


def test_curl_follows_to_the_folder(server: Serving) -> None:
    printed = curl("--location", "--write-out", "|%{url_effective}", f"http://127.0.0.1:{server.port}/sub?a")
    assert printed == f"<p>sub|http://127.0.0.1:{server.port}/sub/?a".encode()


def test_curl_asks_for_the_head(server: Serving) -> None:
    head = curl("--head", f"http://127.0.0.1:{server.port}/big.bin").decode().splitlines()
    assert head[0] == "HTTP/1.1 200 OK"
    assert "Content-Length: 3000000" in head
    assert f"Last-Modified: {formatdate(LONG_AGO, usegmt=True)}" in head


def test_curl_asks_for_parts(server: Serving) -> None:
    at = f"http://127.0.0.1:{server.port}/big.bin"
    assert curl("--range", "1000-200999", at) == BIG[1000:201000]
    assert curl("--range", "-7", at) == BIG[-7:]
    several = curl("--range", "0-9,1000000-1099999,-5", at)
    for part in (BIG[:10], BIG[1_000_000:1_100_000], BIG[-5:]):
        assert b"\r\n\r\n" + part + b"\r\n--" in several


def test_curl_resumes(server: Serving, tmp_path: Path) -> None:
    there = tmp_path / "begun"
    there.write_bytes(BIG[:1_234_567])
    curl("--continue-at", "-", "--output", str(there), f"http://127.0.0.1:{server.port}/big.bin")
    assert there.read_bytes() == BIG


def test_curl_asks_only_for_what_is_new(server: Serving, site: Path, tmp_path: Path) -> None:
    at, tag = f"http://127.0.0.1:{server.port}/text.txt", str(tmp_path / "tag")
    told = ["--etag-save", tag, "--etag-compare", tag, "--write-out", "%{http_code}", "--output", str(tmp_path / "out")]
    assert curl(*told, at) == b"200"
    assert curl(*told, at) == b"304"
    (site / "text.txt").write_text("new")
    assert curl(*told, at) == b"200"
    since = ["--write-out", "%{http_code}", "--output", str(tmp_path / "out"), "--time-cond"]
    assert curl(*since, formatdate(LONG_AGO, usegmt=True), f"http://127.0.0.1:{server.port}/big.bin") == b"304"
    assert curl(*since, formatdate(LONG_AGO - 1, usegmt=True), f"http://127.0.0.1:{server.port}/big.bin") == b"200"


def test_curl_takes_it_packed(server: Serving) -> None:
    at = f"http://127.0.0.1:{server.port}/text.txt"
    told = ["--compressed", "--output", "-", "--write-out", "|%{size_download}"]
    text, _, size = curl(*told, at).rpartition(b"|")
    assert text == TEXT
    assert int(size) == len(gzip.compress(TEXT))


def test_curl_sends_a_body_that_nobody_wants(server: Serving) -> None:
    told = ["--write-out", "|%{http_code}", "--data-binary", "@-", f"http://127.0.0.1:{server.port}/"]
    for size in (100, 3_000_000):
        printed = run([program("curl"), "--silent", "--noproxy", "*", *told], stdin=b"x" * size)
        assert printed == b"405 Method Not Allowed\n|405"


def test_curl_speaks_other_versions(server: Serving) -> None:
    at = f"http://127.0.0.1:{server.port}/sub/"
    told = ["--write-out", "|%{http_version} %{num_connects}\n"]
    assert curl("--http1.0", *told, at) == b"<p>sub|1.1 1\n"
    assert curl("--http1.0", "--header", "Connection: keep-alive", *told, at, at).endswith(b"|1.1 0\n")
    assert curl("--http2", *told, at) == b"<p>sub|1.1 1\n"  # which it asks for by Upgrade: h2c


def test_curl_over_tls(site: Path, certificates: Certificates) -> None:
    with serving("listen", f"tls://127.0.0.1:0{certificates.served}", f"http:{site}") as server:
        at = f"https://localhost:{server.port}"
        assert curl("--cacert", str(certificates.ca), f"{at}/big.bin") == BIG
        assert curl("--cacert", str(certificates.ca), "--range", "5-500004", f"{at}/big.bin") == BIG[5:500005]


def test_curl_over_a_unix_socket_which_is_recorded(site: Path, tmp_path: Path) -> None:
    path = tmp_path / "http.sock"
    with serving("listen", f"unix://{path}", f"http:{site}", journal=tmp_path / "journal"):
        assert curl("--unix-socket", str(path), "http://any.example.com/big.bin") == BIG
    (only,) = recorded(tmp_path / "journal")
    assert only.client.startswith(b"GET /big.bin HTTP/1.1\r\nHost: any.example.com\r\n")
    assert only.server.endswith(BIG)


def test_curl_logs_in(site: Path, tmp_path: Path) -> None:
    users = tmp_path / "users.toml"
    record = "SCRAM-SHA-256$1:c2FsdHNhbHRzYWx0c2E=$" + _keys("tin can")
    users.write_text(f'[users]\nann = "{record}"\n')
    with serving("listen", "tcp://127.0.0.1:0", f"http:{site}", "--users", str(users)) as server:
        told = ["--write-out", "|%{http_code}", f"http://127.0.0.1:{server.port}/sub/"]
        assert curl("--user", "ann:tin can", *told) == b"<p>sub|200"
        assert curl("--user", "ann:tin", *told).endswith(b"|401")
        assert curl(*told).endswith(b"|401")
        assert curl("--anyauth", "--user", "ann:tin can", *told) == b"<p>sub|200"


def _keys(password: str) -> str:
    from base64 import b64decode

    from tincans.users import Verifier

    return str(Verifier.of(password, rounds=1, salt=b64decode("c2FsdHNhbHRzYWx0c2E="))).rpartition("$")[2]


# ── wget, wrk ─────────────────────────────────────────────────────────────────────────────────────────────


def test_wget_resumes_and_asks_only_for_what_is_new(server: Serving, tmp_path: Path) -> None:
    at = f"http://127.0.0.1:{server.port}/big.bin"
    there = tmp_path / "begun"
    there.write_bytes(BIG[:1_234_567])
    quiet = [program("wget"), "--no-proxy", "--no-verbose"]
    run([*quiet, "--continue", "--output-document", str(there), at])
    assert there.read_bytes() == BIG
    folder = tmp_path / "wget"
    run([*quiet, "--timestamping", "--directory-prefix", str(folder), at])
    assert (folder / "big.bin").stat().st_mtime == LONG_AGO
    (folder / "big.bin").write_bytes(b"x" * len(BIG))
    os.utime(folder / "big.bin", (LONG_AGO, LONG_AGO))
    run([*quiet, "--timestamping", "--directory-prefix", str(folder), at])
    assert (folder / "big.bin").read_bytes() == b"x" * len(BIG), "it was asked for again"


@pytest.mark.parametrize("workers", ["1", "2"])
def test_wrk_with_two_hundred_connections(site: Path, workers: str) -> None:
    with serving("listen", "tcp://127.0.0.1:0", f"http:{site}", "--workers", workers) as server:
        at = f"http://127.0.0.1:{server.port}/text.txt"
        printed = run([program("wrk"), "-t2", "-c200", "-d1s", "-s", str(WRK), at])
    found = json.loads(printed.splitlines()[-1])
    assert found["errors"] == 0
    assert found["requests"] >= 200
    assert found["bytes"] >= found["requests"] * len(TEXT)


# ── nginx ─────────────────────────────────────────────────────────────────────────────────────────────────

DATE = formatdate(LONG_AGO, usegmt=True)
EARLIER = formatdate(LONG_AGO - 1, usegmt=True)
#: Left out is a part of an empty file: RFC 9110 §14.1.2 has it as not satisfiable (416), nginx as the whole (200).
#: What is asked of both: a method, a path and fields; {tag} is the server's own tag of /text.txt.
ASKED: list[tuple[str, str, dict[str, str]]] = [
    ("GET", "/text.txt", {}),
    ("HEAD", "/text.txt", {}),
    ("GET", "/empty.txt", {}),
    ("GET", "/sub/", {}),
    ("GET", "/sub", {}),
    ("GET", "/none", {}),
    ("GET", "/none/", {}),
    ("GET", "/text.txt/", {}),
    ("GET", "/sub/../text.txt", {}),
    ("GET", "/%74ext.txt", {}),
    ("GET", "//text.txt", {}),
    ("GET", "/text.txt?query", {}),
    ("GET", "/text.txt", {"Range": "bytes=0-4"}),
    ("GET", "/text.txt", {"Range": "bytes=5-"}),
    ("GET", "/text.txt", {"Range": "bytes=-5"}),
    ("GET", "/text.txt", {"Range": "bytes=-99999"}),
    ("GET", "/text.txt", {"Range": "bytes=0-99999"}),
    ("GET", "/text.txt", {"Range": "bytes=99999-"}),
    ("GET", "/text.txt", {"Range": "lines=1-2"}),
    ("GET", "/text.txt", {"Range": "bytes=0-4", "If-Range": "{tag}"}),
    ("GET", "/text.txt", {"Range": "bytes=0-4", "If-Range": '"other"'}),
    ("GET", "/text.txt", {"Range": "bytes=0-4", "If-Range": DATE}),
    ("GET", "/text.txt", {"Range": "bytes=0-4", "If-Range": EARLIER}),
    ("GET", "/text.txt", {"If-None-Match": "{tag}"}),
    ("GET", "/text.txt", {"If-None-Match": "W/{tag}"}),
    ("GET", "/text.txt", {"If-None-Match": '"a", {tag}, "b"'}),
    ("GET", "/text.txt", {"If-None-Match": "*"}),
    ("GET", "/text.txt", {"If-None-Match": '"other"'}),
    ("HEAD", "/text.txt", {"If-None-Match": "{tag}"}),
    ("GET", "/text.txt", {"If-Match": "{tag}"}),
    ("GET", "/text.txt", {"If-Match": '"other"'}),
    ("GET", "/text.txt", {"If-Match": "*"}),
    ("GET", "/text.txt", {"If-Modified-Since": DATE}),
    ("GET", "/text.txt", {"If-Modified-Since": EARLIER}),
    ("GET", "/text.txt", {"If-Unmodified-Since": DATE}),
    ("GET", "/text.txt", {"If-Unmodified-Since": EARLIER}),
    ("GET", "/text.txt", {"If-None-Match": '"other"', "If-Modified-Since": DATE}),
    ("GET", "/text.txt", {"If-Match": "{tag}", "If-Unmodified-Since": DATE}),
    ("POST", "/text.txt", {}),
]


def test_nginx_answers_the_same(tmp_path: Path) -> None:
    with servers.nginx(tmp_path / "nginx") as nginx:
        fill(nginx.www)
        with serving("listen", "tcp://127.0.0.1:0", f"http:{nginx.www}") as server:
            ours = [answer(server.port, *asked) for asked in ASKED]
        theirs = [answer(nginx.port, *asked) for asked in ASKED]
    assert [row for row in zip(ASKED, ours, theirs, strict=True) if row[1] != row[2]] == []


def answer(port: int, method: str, path: str, fields: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
    """The status, what is said about the content, and the content where it was asked for."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    try:
        connection.request("HEAD", "/text.txt")
        head = connection.getresponse()
        head.read()
        tag = head.headers["ETag"]
        connection.request(method, path, headers={name: value.format(tag=tag) for name, value in fields.items()})
        response = connection.getresponse()
        body = response.read()
    finally:
        connection.close()
    status = response.status
    said = {name: response.headers.get(name, "") for name in ("Content-Range", "Location", "Last-Modified")}
    said["Location"] = said["Location"].removeprefix(f"http://127.0.0.1:{port}")
    if status not in (200, 206):
        return status, said | {"Last-Modified": ""}, b""
    return status, said | {"Content-Length": response.headers["Content-Length"]}, body
