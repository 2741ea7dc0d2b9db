"""What real programs said through a relay, exported: tshark finds in the packets what our decoder finds in the
recording, and a HAR file has what curl reports itself."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from packets import Packet, capinfos, tshark
from running import program, run, serving, start, tincans
from servers import dnsmasq
from tincans.conversation import Entry, Opened
from tincans.decoding import Decoding, Heard
from tincans.journal import open_journal
from tincans.protocols import Event
from tincans.protocols.dns import Query
from tincans.protocols.dns import Response as Answer
from tincans.protocols.http_events import Body, Request, Response

pytestmark = pytest.mark.foreign


def recording(journal: Path) -> list[list[Entry]]:
    """The entries of every conversation."""
    found: list[list[Entry]] = []

    async def read() -> None:
        opened = open_journal(journal)
        for conversation in await opened.conversations():
            found.append([entry async for entry in opened.read(conversation.number)])  # noqa: PERF401
        await opened.aclose()

    asyncio.run(read())
    return found


def decoded(conversations: list[list[Entry]]) -> list[Heard]:
    heard = []
    for entries in conversations:
        assert isinstance(entries[0], Opened)
        decoding = Decoding(entries[0])
        heard += [told for entry in entries for told in decoding.take(entry) if isinstance(told, Heard)]
    return heard


def exported(journal: Path, path: Path, *arguments: str) -> Path:
    assert run(tincans("export", "--all", "--to", str(path), "--journal", str(journal), *arguments)) == b""
    return path


def of_kind(heard: list[Heard], *kinds: type[Event]) -> list[Any]:
    return [each for each in heard if isinstance(each.event, kinds)]


def moments(packets: list[Packet], field: str) -> list[int]:
    return [packet.at for packet in packets if packet[field]]


@pytest.fixture
def talk(tmp_path: Path) -> tuple[Path, int, list[Any]]:
    """curl spoke with Python's web server through a relay: the journal, the relay's port, and what curl reports."""
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "hello.txt").write_text("hello, grün\n" * 1000)
    (tmp_path / "www" / "bytes").write_bytes(bytes(range(256)))
    served = ["--bind", "127.0.0.1", "--protocol", "HTTP/1.1", "--directory", str(tmp_path / "www"), "0"]
    with start([sys.executable, "-u", "-m", "http.server", *served]) as server:
        port = server.wait_for(r"port (\d+)")[1]
        with serving("relay", ":0", f":{port}", journal=tmp_path / "journal") as relay:
            at = f"http://127.0.0.1:{relay.port}"
            report = ["--write-out", "%{stderr}%{json}\\n", "--silent", "--noproxy", "*", "--output", "/dev/null"]
            urls = [f"{at}/hello.txt?a=1&b=two%20words", "--next", *report, f"{at}/nobody",
                    "--next", *report, "--head", f"{at}/bytes", "--next", *report, "--data", "tin=can", f"{at}/x",
                    "--next", *report, "--cookie", "a=b", f"{at}/bytes"]  # fmt: skip
            with start([program("curl"), *report, *urls]) as curl:
                curl.wait()
                reports = [json.loads(line) for line in curl.err.decode().splitlines()]
            relay.program.stop()
            return tmp_path / "journal", relay.port, reports


def test_http(talk: tuple[Path, int, list[Any]], tmp_path: Path) -> None:
    journal, port, reports = talk
    heard = decoded(recording(journal))
    path = exported(journal, tmp_path / "talk.pcapng", "--secrets")
    packets = tshark(path, "-d", f"tcp.port=={port},http")
    requests, responses = of_kind(heard, Request), of_kind(heard, Response)
    assert len(requests) == len(reports) == 5

    asked = [packet for packet in packets if packet["http.request.method"]]
    assert [
        (packet["http.request.method"], packet["http.request.uri"], packet["http.request.version"], packet["http.host"])
        for packet in asked
    ] == [(e.method, e.target, f"HTTP/{e.version}", e.field("host")) for e in (each.event for each in requests)]
    assert [packet["http.user_agent"] for packet in asked] == [each.event.field("user-agent") for each in requests]
    answered = [packet for packet in packets if packet["http.response.code"]]
    assert [(int(packet["http.response.code"]), packet["http.response.phrase"]) for packet in answered] == [
        (each.event.status, each.event.reason) for each in responses
    ]
    assert objects(path, port) == sorted(bodies(heard))
    assert moments(packets, "http.request.method") == [each.at for each in requests]
    assert not [warning for packet in packets for warning in packet.warnings]
    assert all(packet.checksums_are_right for packet in packets)
    assert "Strict time order:   True" in capinfos(path)


def objects(path: Path, port: int) -> list[bytes]:
    """The bodies that tshark puts together."""
    folder = path.with_suffix("")
    run(
        [program("tshark"), "-q", "-r", str(path), "-d", f"tcp.port=={port},http", "--export-objects", f"http,{folder}"]
    )
    return sorted(each.read_bytes() for each in folder.iterdir())


def bodies(heard: list[Heard]) -> list[bytes]:
    found: list[bytes] = []
    for each in of_kind(heard, Request, Response, Body):
        if isinstance(each.event, Body):
            found[-1] += each.event.data
        else:
            found.append(b"")
    return [body for body in found if body]


def test_har_is_what_curl_reports(talk: tuple[Path, int, list[Any]], tmp_path: Path) -> None:
    journal, _, reports = talk
    entries = json.loads(exported(journal, tmp_path / "talk.har", "--secrets").read_text())["log"]["entries"]
    assert len(entries) == len(reports)
    for entry, report in zip(entries, reports, strict=True):
        request, response = entry["request"], entry["response"]
        assert (request["method"], request["url"]) == (report["method"], report["url_effective"])
        assert request["headersSize"] + request["bodySize"] == report["size_request"]
        assert request["bodySize"] == report["size_upload"]
        assert (response["status"], response["headersSize"]) == (report["response_code"], report["size_header"])
        assert (response["bodySize"], len(response["headers"])) == (report["size_download"], report["num_headers"])
        assert response["content"]["mimeType"] == report["content_type"]
        assert entry["serverIPAddress"] == report["remote_ip"]
    assert entries[0]["response"]["content"]["text"] == "hello, grün\n" * 1000
    assert entries[3]["request"]["postData"]["params"] == [{"name": "tin", "value": "can"}]
    assert entries[4]["request"]["cookies"] == [{"name": "a", "value": "b"}]


@pytest.mark.parametrize("over", ["udp", "tcp"])
def test_dns(tmp_path: Path, over: str) -> None:
    known = ["host-record=cans.test,192.0.2.7", "host-record=tin.test,192.0.2.8,2001:db8::8", "local=/test/"]
    listen = {"udp": "udp://127.0.0.1:0?idle=0.5", "tcp": "tcp://127.0.0.1:0"}[over]
    with dnsmasq(*known) as port:
        with serving("relay", listen, f"{over}://127.0.0.1:{port}", journal=tmp_path / "journal") as relay:
            dig = [program("dig"), "@127.0.0.1", "-p", str(relay.port), "+tcp" if over == "tcp" else "+notcp", "+short"]
            for name, kind in (("cans.test", "A"), ("tin.test", "AAAA"), ("nobody.test", "A")):
                run([*dig, name, kind])
            relay.program.stop()
        heard = decoded(recording(tmp_path / "journal"))
        path = exported(tmp_path / "journal", tmp_path / "talk.pcapng")
        packets = [packet for packet in tshark(path, "-d", f"{over}.port=={relay.port},dns") if packet["dns.id"]]
    events = of_kind(heard, Query, Answer)
    assert len(events) == len(packets) == 6
    for packet, each in zip(packets, events, strict=True):
        event = each.event
        assert (int(packet["dns.id"], 16), packet.at) == (event.id, each.at)
        assert packet["dns.flags.response"] == ("1" if isinstance(event, Answer) else "0")
        assert [f"{name}." for name in packet.all("dns.qry.name")] == [question.name for question in event.questions]
        addresses = [*packet.all("dns.a"), *packet.all("dns.aaaa")]
        assert addresses == [record.data for record in event.answers]
        assert not packet.warnings
    assert [each.event.rcode for each in events][-1] == "NXDOMAIN"
