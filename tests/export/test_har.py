"""HAR files: what was asked and answered, as the schema wants it."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from jsonschema import Draft6Validator
from msgspec.structs import replace
from referencing import Registry, Resource

from tincans.channel import Side
from tincans.conversation import Dropped, Ended, Entry, Joined, Kind, Opened, Said, Secured
from tincans.export import Form
from tincans.export.har import Har
from tincans.limits import HAR_BODY_BYTES, HTTP_PIPELINED
from tincans.testing.sessions import mutated, read

HERE = Path(__file__).parent
TRANSCRIPTS = HERE.parent / "protocols" / "transcripts"
AT = 1_790_000_000_123_456_789


def _validator() -> Draft6Validator:
    schemas = [json.loads(path.read_text()) for path in sorted((HERE / "har-schema").glob("*.json"))]
    registry: Any = Registry().with_resources(
        [(schema["$id"].rstrip("#"), Resource.from_contents(schema)) for schema in schemas]
    )
    return Draft6Validator({"$ref": "har.json"}, registry=registry, format_checker=Draft6Validator.FORMAT_CHECKER)


VALIDATOR = _validator()


def written(form: Form, *conversations: list[Entry]) -> Any:
    data = form.head()
    for entries in conversations:
        data += b"".join(piece for entry in entries for piece in form.take(entry))
        data += b"".join(form.over())
    data += form.foot()
    assert "".join(data.decode().split("\n")).isprintable()
    found = json.loads(data)
    VALIDATOR.validate(found)
    return found["log"]["entries"]


def opened(server: str = "tcp://10.0.0.9:80") -> Opened:
    return Opened(conversation=12, at=AT, kind=Kind.RELAY, client="tcp://10.0.0.1:5", server=server)


def talk(*words: bytes, server: str = "tcp://10.0.0.9:80") -> list[Entry]:
    """The client and the server say the words in turn, a millisecond each."""
    entries: list[Entry] = [opened(server)]
    for turn, data in enumerate(words, 1):
        side = Side.CLIENT if turn % 2 else Side.SERVER
        entries.append(Said(conversation=12, at=AT + turn * 10**6, side=side, data=data))
    return entries


def only(*words: bytes, **arguments: Any) -> Any:
    (entry,) = written(Har("1", **arguments), talk(*words))
    return entry


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


# ── an entry ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_request_and_its_answer() -> None:
    asked = (
        b"POST /form?a=1&b=%20c HTTP/1.1\r\nHost: example.org:8080\r\n"
        b"Content-Type: text/plain\r\nContent-Length: 5\r\n\r\n"
    )
    answered = (
        b"HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Type: text/plain; charset=latin-1\r\n"
        b"Transfer-Encoding: chunked\r\nServer: x\r\n\r\n"
    )
    (found,) = written(Har("1"), [
        *talk(asked + b"he", b""),
        Said(conversation=12, at=AT + 3_000_000, side=Side.CLIENT, data=b"llo"),
        Said(conversation=12, at=AT + 7_500_000, side=Side.SERVER, data=answered),
        Said(conversation=12, at=AT + 9_000_000, side=Side.SERVER, data=b"4\r\ngr\xfcn\r\n0\r\n\r\n"),
    ])  # fmt: skip
    assert found == {
        "startedDateTime": "2026-09-21T14:13:20.124456789Z",
        "time": 8.0,
        "timings": {"send": 2.0, "wait": 4.5, "receive": 1.5},
        "cache": {},
        "connection": "12",
        "serverIPAddress": "10.0.0.9",
        "request": {
            "method": "POST", "url": "http://example.org:8080/form?a=1&b=%20c", "httpVersion": "HTTP/1.1",
            "cookies": [], "queryString": [{"name": "a", "value": "1"}, {"name": "b", "value": " c"}],
            "headers": [
                {"name": "Host", "value": "example.org:8080"}, {"name": "Content-Type", "value": "text/plain"},
                {"name": "Content-Length", "value": "5"},
            ],
            "headersSize": len(asked), "bodySize": 5, "postData": {"mimeType": "text/plain", "text": "hello"},
        },
        "response": {
            "status": 302, "statusText": "Found", "httpVersion": "HTTP/1.1", "cookies": [],
            "headers": [
                {"name": "Location", "value": "/there"},
                {"name": "Content-Type", "value": "text/plain; charset=latin-1"},
                {"name": "Transfer-Encoding", "value": "chunked"}, {"name": "Server", "value": "x"},
            ],
            "redirectURL": "/there", "headersSize": len(answered), "bodySize": 4,
            "content": {"size": 4, "mimeType": "text/plain; charset=latin-1", "text": "grün"},
        },
    }  # fmt: skip


@pytest.mark.parametrize(
    ("target", "server", "url"),
    [
        ("/", "tcp://10.0.0.9:80", "http://a.example/"),
        ("/", "tls://10.0.0.9:443", "https://a.example/"),
        ("http://b.example/x", "tcp://10.0.0.9:80", "http://b.example/x"),
        ("/?u=http://b.example/", "tcp://10.0.0.9:80", "http://a.example/?u=http://b.example/"),
        ("*", "tcp://10.0.0.9:80", "http://a.example"),
        ("/a\xffb|^%41\x07<", "tcp://10.0.0.9:80", "http://a.example/a%C3%BFb%7C%5E%41%07%3C"),
    ],
)
def test_the_target_is_made_a_url(target: str, server: str, url: str) -> None:
    request = f"GET {target} HTTP/1.1\r\nHost: a.example\r\n\r\n".encode()
    (found,) = written(Har("1", "http"), talk(request, OK, server=server))
    assert found["request"]["url"] == url


def test_a_request_without_host_is_for_whom_it_was_sent_to() -> None:
    assert only(b"GET /x HTTP/1.0\r\n\r\n", OK)["request"]["url"] == "http://10.0.0.9:80/x"
    found = written(Har("1"), talk(b"GET /x HTTP/1.0\r\n\r\n", OK, server="unix:///run/x"))[0]
    assert "serverIPAddress" not in found


def test_what_tls_protects_is_https_and_from_who_answered() -> None:
    joined = Joined(conversation=12, at=AT, far="tcp://[::1]:9", server="tls://[::1]:443")
    for middle in (joined, Secured(conversation=12, at=AT)):
        start, *rest = talk(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", OK)
        (found,) = written(Har("1"), [start, middle, *rest])
        assert found["request"]["url"] == "https://a/"
        assert found["serverIPAddress"] == ("::1" if middle is joined else "10.0.0.9")


def test_cookies() -> None:
    asked = b"GET / HTTP/1.1\r\nHost: a\r\nCookie: a=1; b=x=y\r\nCookie: c\r\n\r\n"
    answered = (
        b"HTTP/1.1 204 No Content\r\nSet-Cookie: s=1; Path=/; Domain=a.example; HttpOnly; Secure; "
        b"Expires=Wed, 21 Oct 2015 07:28:00 GMT\r\nSet-Cookie: t=2; expires=never\r\n\r\n"
    )
    form = Har("1", secrets=True)
    (found,) = written(form, talk(asked, answered))
    assert found["request"]["cookies"] == [
        {"name": "a", "value": "1"}, {"name": "b", "value": "x=y"}, {"name": "c", "value": ""},
    ]  # fmt: skip
    assert found["response"]["cookies"] == [
        {"name": "s", "value": "1", "path": "/", "domain": "a.example", "httpOnly": True, "secure": True,
         "expires": "2015-10-21T07:28:00+00:00"},
        {"name": "t", "value": "2"},
    ]  # fmt: skip
    assert form.masked == 0
    form = Har("1")
    (found,) = written(form, talk(asked, answered))
    assert {cookie["value"] for cookie in found["response"]["cookies"]} == {"******"}
    assert form.masked == 5


def test_content_is_unpacked_and_bytes_are_in_base64() -> None:
    packed = gzip.compress(b"hello " * 100)
    answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Type: text/css\r\nContent-Length: %d\r\n\r\n"
    found = only(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", answer % len(packed) + packed)["response"]
    assert found["bodySize"] == len(packed)
    assert found["content"] == {
        "size": 600, "compression": 600 - len(packed), "mimeType": "text/css", "text": "hello " * 100,
    }  # fmt: skip
    found = only(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", answer % 4 + b"none")["response"]
    assert "this is no gzip" in found["content"]["comment"]
    asked = b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n\xff\x00"
    found = only(asked, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\xff\x00")
    assert found["request"]["postData"] == {"mimeType": "", "text": "/wA=", "_encoding": "base64"}
    assert found["response"]["content"] == {"size": 2, "mimeType": "x-unknown", "text": "/wA=", "encoding": "base64"}


def test_a_form_is_taken_apart() -> None:
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 9\r\n\r\n"
    posted = only(head + b"a=1&b=%20", OK)["request"]["postData"]
    assert posted["text"] == "a=1&b=%20"
    assert posted["params"] == [{"name": "a", "value": "1"}, {"name": "b", "value": " "}]


# ── several ───────────────────────────────────────────────────────────────────────────────────────────────


def test_answers_belong_to_requests_in_their_order() -> None:
    asked = b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number for number in range(3))
    answers = b"HTTP/1.1 100 Continue\r\n\r\n" + b"".join(
        b"HTTP/1.1 20%d x\r\nContent-Length: 0\r\n\r\n" % number for number in range(3)
    )
    found = written(Har("1"), talk(asked, answers), talk(asked, answers))
    assert [(entry["request"]["url"], entry["response"]["status"]) for entry in found] == [
        ("http://a/0", 200), ("http://a/1", 201), ("http://a/2", 202),
    ] * 2  # fmt: skip


def test_who_is_not_answered_is_there_all_the_same() -> None:
    found = only(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert (found["response"]["status"], found["response"]["content"]["size"]) == (0, 0)
    assert found["comment"] == "no answer came"
    assert found["time"] == 0


def test_an_answer_that_nobody_asked_for_is_there_too() -> None:
    entries = talk(b"", b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
    (found,) = written(Har("1"), entries)
    assert (found["request"]["method"], found["response"]["status"]) == ("", 408)
    assert found["comment"] == "nobody has asked"


def test_an_answer_before_the_request_is_whole_takes_no_time() -> None:
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe"
    found = only(head, b"HTTP/1.1 413 x\r\nContent-Length: 0\r\n\r\n", b"llo")
    assert (found["response"]["status"], found["request"]["bodySize"]) == (413, 5)
    assert found["timings"] == {"send": 2.0, "wait": 0.0, "receive": 0.0}
    assert found["time"] == 2.0


def test_a_gap_says_so_and_mixes_up_nothing() -> None:
    dropped = Dropped(conversation=12, at=AT, side=Side.SERVER, count=1000, reason="")
    first = talk(b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 1500\r\n\r\n" + bytes(500))
    second = talk(b"GET /2 HTTP/1.1\r\nHost: a\r\n\r\n", OK)[1:]
    found = written(Har("1"), [*first, dropped, *second])
    assert [(entry["request"]["url"], entry["response"]["status"]) for entry in found] == [
        ("http://a/1", 200), ("http://a/2", 200),
    ]  # fmt: skip
    assert found[0]["comment"] == "1000 bytes are missing"
    dropped = replace(dropped, side=Side.SERVER, count=10)
    found = written(Har("1"), [*talk(b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"), dropped, *second])
    assert {entry["request"]["url"]: entry["response"]["status"] for entry in found} == {
        "http://a/1": 0, "http://a/2": 200,
    }  # fmt: skip


def test_connect_and_what_is_said_in_the_tunnel() -> None:
    found = written(Har("1"), talk(
        b"CONNECT a.example:80 HTTP/1.1\r\nHost: a.example:80\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", OK,
    ))  # fmt: skip
    assert [(entry["request"]["method"], entry["request"]["url"]) for entry in found] == [
        ("CONNECT", "http://a.example:80"), ("GET", "http://a.example/"),
    ]  # fmt: skip


UPGRADE = (
    b"GET /feed HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
)


def test_messages_of_a_web_socket_are_as_chrome_writes_them() -> None:
    key = bytes(4)
    pieces = b"\x01\x82" + key + b"he" + b"\x89\x80" + key + b"\x80\x83" + key + b"llo"
    found = only(*UPGRADE, pieces, b"\x82\x02\xff\x00\x88\x00", b"\x88\x80" + key)
    assert (found["request"]["url"], found["response"]["status"]) == ("ws://a/feed", 101)
    assert found["_resourceType"] == "websocket"
    assert [(m["type"], m["opcode"], m["data"]) for m in found["_webSocketMessages"]] == [
        ("send", 1, "hello"), ("receive", 2, base64.b64encode(b"\xff\x00").decode()),
    ]  # fmt: skip
    assert [m["time"] for m in found["_webSocketMessages"]] == [(AT + 3 * 10**6) / 1e9, (AT + 4 * 10**6) / 1e9]


def test_where_is_no_http_there_is_no_entry() -> None:
    form = Har("1")
    assert written(form, talk(b"HELO a\r\n", b"250 a\r\n")) == []
    assert form.lack == "there is no HTTP in it, so the file has no entries"
    written(form, talk(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", OK))
    assert form.lack == ""
    assert written(Har("1", "raw"), talk(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", OK)) == []


# ── bounds, and what is broken ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("more", [0, 1])
def test_bodies_are_held_to_a_bound(more: int) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (HAR_BODY_BYTES + more) + bytes(HAR_BODY_BYTES + more)
    asked = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    found = written(Har("1"), talk(asked, answer, asked, b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"))
    assert found[0]["response"]["bodySize"] == HAR_BODY_BYTES + more
    assert len(found[0]["response"]["content"]["text"]) == HAR_BODY_BYTES
    told = f"only the first {HAR_BODY_BYTES} of {HAR_BODY_BYTES + 1} bytes are here"
    assert found[0].get("comment", "") == (told if more else "")
    assert found[1]["response"]["content"]["text"] == "x"


@pytest.mark.parametrize("more", [0, 1])
def test_content_is_unpacked_to_a_bound(more: int) -> None:
    packed = gzip.compress(bytes(HAR_BODY_BYTES + more), 9)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
    content = only(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", head % len(packed) + packed)["response"]["content"]
    assert content["size"] == HAR_BODY_BYTES
    assert content.get("comment", "") == (f"only the first {HAR_BODY_BYTES} bytes of it are shown" if more else "")


@pytest.mark.parametrize("more", [0, 1])
def test_messages_are_held_to_a_bound(more: int) -> None:
    size = HAR_BODY_BYTES // 4
    frame = b"\x82\xff" + size.to_bytes(8, "big") + bytes(4 + size)
    found = only(*UPGRADE, frame * 4 + (b"\x82\x81" + bytes(4) + b"x") * more)
    assert sum(len(base64.b64decode(m["data"])) for m in found["_webSocketMessages"]) == HAR_BODY_BYTES
    told = f"of {HAR_BODY_BYTES + 1} bytes of messages only the first {HAR_BODY_BYTES} are here"
    assert found.get("comment", "") == (told if more else "")


def test_requests_wait_to_a_bound() -> None:
    request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    form = Har("1")
    early = [piece for entry in talk(request * HTTP_PIPELINED) for piece in form.take(entry)]
    assert early == []
    early = [piece for entry in talk(request * (HTTP_PIPELINED + 1))[1:] for piece in form.take(entry)]
    assert len(early) >= HTTP_PIPELINED


def test_hostile_text_is_json_that_prints() -> None:
    hostile = "\x1b[2J\u202e\u2028\ufeff\x9b".encode() + b"\xff\xfe"
    asked = b"GET /%b HTTP/1.1\r\nHost: %b\r\nX: %b\r\nCookie: %b\r\nContent-Length: 2\r\n\r\n\x1b\xff" % (
        (hostile,) * 4
    )
    answer = b"HTTP/1.1 200 %b\r\nContent-Type: %b\r\nLocation: %b\r\nContent-Length: 1\r\n\r\n\x1b" % ((hostile,) * 3)
    (found,) = written(Har("1", "http"), talk(asked, answer))
    assert found["request"]["headers"][1]["name"] == "X"


@pytest.mark.parametrize("path", sorted(TRANSCRIPTS.glob("http/*.tin")), ids=lambda path: path.stem)
def test_whatever_becomes_of_a_conversation_it_is_a_har_file(path: Path) -> None:
    entries = read(path)
    assert written(Har("1", "http"), entries)
    random = Random(7)
    for _ in range(20):
        written(Har("1", "http"), [*mutated(entries, random), Ended(conversation=1, at=AT, side=Side.CLIENT)])
