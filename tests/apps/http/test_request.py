"""A head is read strictly, or not at all."""

from __future__ import annotations

import pytest

from tincans.apps.http.request import CHUNKED, Fields, check_trailers, read_request
from tincans.errors import RemoteProtocolError
from tincans.limits import (
    HTTP_FIELDS,
    HTTP_HEADS_KEPT,
    HTTP_KEPT_HEAD_BYTES,
    HTTP_LENGTH_DIGITS,
    HTTP_START_BYTES,
)


def refusal(head: bytes) -> str:
    """The status line with which `head` is answered."""
    with pytest.raises(RemoteProtocolError) as caught:
        read_request(head)
    reply = caught.value.reply
    assert b"\r\nConnection: close\r\n" in reply
    return reply.split(b"\r\n")[0].decode()


BAD = "HTTP/1.1 400 Bad Request"


def test_a_request_is_what_was_said() -> None:
    request = read_request(
        b"POST /a%20b/%C3%A4?q=1&r=%20 HTTP/1.1\r\nHost: Example.test:81\r\nX-One: 1\r\nContent-Length: 12\r\n"
        b"x-one:\t2 \r\nAccept: */*\r\n\r\n"
    )
    assert (request.method, request.version, request.host) == ("POST", "1.1", "Example.test:81")
    assert (request.target, request.path, request.query) == ("/a%20b/%C3%A4?q=1&r=%20", "/a b/ä", "q=1&r=%20")
    assert request.length == 12
    assert request.keeps
    assert not request.patient
    assert not request.upgrade
    assert not request.asks
    assert list(request.fields)[1] == ("X-One", "1")
    assert request.fields.get("x-ONE") == "1, 2"
    assert request.fields.every("X-one") == ["1", "2"]
    assert "ACCEPT" in request.fields
    assert request.fields.get("other", "none") == "none"
    assert len(request.fields) == 5


def test_fields_know_their_values_by_themselves() -> None:
    fields = Fields((("A", "1"), ("b", "2"), ("a", "3")))
    assert fields.get("A") == "1, 3"
    assert fields.get("B") == "2"


@pytest.mark.parametrize(
    ("head", "keeps"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", True),
        (b"GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", True),
    ],
)
def test_whether_the_connection_is_kept(head: bytes, keeps: bool) -> None:
    assert read_request(head).keeps is keeps


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/", "/", ""),
        (b"http://a", "/", ""),
        (b"http://a/b%2Fc?d", "/b/c", "d"),
        (b"HTTP://A?d?e", "/", "d?e"),
        (b"/%ff", "/\udcff", ""),
        (b"//a/../b", "//a/../b", ""),
    ],
)
def test_targets_have_two_forms(target: bytes, path: str, query: str) -> None:
    request = read_request(b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % target)
    assert (request.path, request.query, request.host.lower()) == (path, query, "a")


def test_options_may_be_about_all() -> None:
    assert read_request(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").path == "*"
    assert refusal(b"GET * HTTP/1.1\r\nHost: a\r\n\r\n") == BAD


def test_who_waits_for_leave_is_known() -> None:
    head = b"PUT / HTTP/1.%d\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-Continue\r\n\r\n"
    assert read_request(head % 1).patient
    assert not read_request(head % 0).patient


def test_another_protocol_wants_both_fields() -> None:
    head = b"GET / HTTP/1.%d\r\nHost: a\r\nUpgrade: WebSocket\r\n%b\r\n"
    assert read_request(head % (1, b"Connection: x, Upgrade\r\n")).upgrade == "websocket"
    assert read_request(head % (1, b"")).upgrade == ""
    assert read_request(head % (0, b"Connection: Upgrade\r\n")).upgrade == ""


def test_chunks_say_their_length_themselves() -> None:
    assert read_request(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n").length == CHUNKED


SMUGGLING = {
    "CL.TE": b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n",
    "TE.CL": b"Transfer-Encoding: chunked\r\nContent-Length: 6\r\n",
    "two lengths": b"Content-Length: 6\r\nContent-Length: 5\r\n",
    "the same length twice": b"Content-Length: 6\r\nContent-Length: 6\r\n",
    "a list of lengths": b"Content-Length: 6, 6\r\n",
    "a list with nothing in it": b"Content-Length: 6,\r\n",
    "a plus": b"Content-Length: +6\r\n",
    "a minus": b"Content-Length: -6\r\n",
    "a length in hex": b"Content-Length: 0x6\r\n",
    "an underscore": b"Content-Length: 1_0\r\n",
    "a blank in a length": b"Content-Length: 1 0\r\n",
    "no length": b"Content-Length:\r\n",
    "a length in other digits": "Content-Length: ٣\r\n".encode(),
    "too long a length": b"Content-Length: " + b"0" * HTTP_LENGTH_DIGITS + b"6\r\n",
    "a fraction": b"Content-Length: 6.0\r\n",
    "a quoted coding": b'Transfer-Encoding: "chunked"\r\n',
    "another coding": b"Transfer-Encoding: xchunked\r\n",
    "no coding": b"Transfer-Encoding:\r\n",
    "identity": b"Transfer-Encoding: identity\r\n",
    "a parameter": b"Transfer-Encoding: chunked;q=1\r\n",
    "a list of one": b"Transfer-Encoding: ,chunked\r\n",
    "chunked twice": b"Transfer-Encoding: chunked, chunked\r\n",
    "chunked in two fields": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    "chunked first": b"Transfer-Encoding: chunked, identity\r\n",
    "a vertical tab before chunked": b"Transfer-Encoding: \x0bchunked\r\n",
    "a form feed behind chunked": b"Transfer-Encoding: chunked\x0c\r\n",
    "chunked folded": b"Transfer-Encoding:\r\n chunked\r\n",
    "chunked with NUL": b"Transfer-Encoding: chun\0ked\r\n",
    "a blank before the colon": b"Transfer-Encoding : chunked\r\n",
    "a tab before the colon": b"Content-Length\t: 6\r\n",
    "a blank before the name": b" Content-Length: 6\r\n",
    "a bare CR in a value": b"X: a\rTransfer-Encoding: chunked\r\n",
    "a bare CR before the end": b"X: a\r\r\n",
    "a bare LF": b"X: a\nContent-Length: 6\r\n",
    "no name": b": a\r\n",
    "no colon": b"Content-Length 6\r\n",
    "NUL in a name": b"Content\0Length: 6\r\n",
    "a character that is in no token": b"Content(Length: 6\r\n",
    "a letter beyond ASCII in a name": "Content-L\u00e4ngth: 6\r\n".encode(),
    "DEL in a value": b"X: \x7f\r\n",
    "a control character in a value": b"X: \x01\r\n",
    "an escape": b"X: \x1b[2J\r\n",
    "a second Host": b"Host: b\r\n",
    "two expectations": b"Expect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 1\r\n",
}


@pytest.mark.parametrize("fields", SMUGGLING.values(), ids=SMUGGLING)
def test_what_may_be_read_differently_is_refused(fields: bytes) -> None:
    assert refusal(b"POST / HTTP/1.1\r\nHost: a\r\n%b\r\n" % fields) == BAD


@pytest.mark.parametrize(
    "host",
    [b"", b"Host:\r\n", b"Host: a b\r\n", b"Host: a, b\r\n", b"Host: a@b\r\n", b"Host: a/b\r\n", b"Host: a:b\r\n",
     b"Host: [::1\r\n", b"Host: http://a\r\n", b"Host: a:123456\r\n", b"Host: a?b\r\n", b"Host: \xe4\r\n"],
)  # fmt: skip
def test_the_host_has_to_be_one(host: bytes) -> None:
    assert refusal(b"GET / HTTP/1.1\r\n%b\r\n" % host) == BAD


@pytest.mark.parametrize("host", [b"a", b"a.b:80", b"127.0.0.1:", b"[::1]:8080", b"A_b-c~"])
def test_hosts(host: bytes) -> None:
    assert read_request(b"GET / HTTP/1.1\r\nHost: %b\r\n\r\n" % host).host == host.decode()


@pytest.mark.parametrize(
    "target",
    [b"http://b/", b"http://a:80/", b"http://u@a/", b"http:///", b"ftp://a/", b"a", b"a:443", b"/%", b"/%g0", b"/%2",
     b"/a#b", b"http://a#b", b"?a", b"\\a"],
)  # fmt: skip
def test_the_target_has_to_be_a_path_here(target: bytes) -> None:
    assert refusal(b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % target) == BAD


@pytest.mark.parametrize(
    "line",
    [b"GET  / HTTP/1.1", b"GET / a HTTP/1.1", b" GET / HTTP/1.1", b"GET / HTTP/1.1 ", b"GET\t/\tHTTP/1.1", b"GET /",
     b"GET / http/1.1", b"GET / HTTP/1", b"GET / HTTP/1.1\r", b"GET / HTTP/01.1", b"G(T / HTTP/1.1",
     b"GET /\xe4 HTTP/1.1",
     b"GET /\0 HTTP/1.1", b"GET / XHTTP/1.1", b"GET / HTTP /1.1", b"\xef\xbb\xbfGET / HTTP/1.1", b"GET /\x7f HTTP/1.1"],
)  # fmt: skip
def test_the_request_line_has_one_form(line: bytes) -> None:
    assert refusal(line + b"\r\nHost: a\r\n\r\n") in (BAD, "HTTP/1.1 505 HTTP Version Not Supported")


@pytest.mark.parametrize("version", [b"0.9", b"1.2", b"1.9", b"2.0", b"9.9", b"1.10"])
def test_other_versions_are_not_spoken(version: bytes) -> None:
    assert refusal(b"GET / HTTP/%b\r\nHost: a\r\n\r\n" % version) == "HTTP/1.1 505 HTTP Version Not Supported"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"PRI * HTTP/2.0\r\n\r\n", "505 HTTP Version Not Supported"),
        (b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", "501 Not Implemented"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", "501 Not Implemented"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "501 Not Implemented"),
        (b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "400 Bad Request"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\n\r\n", "417 Expectation Failed"),
    ],
)
def test_what_is_not_done_here_is_refused_for_that(head: bytes, status: str) -> None:
    assert refusal(head) == f"HTTP/1.1 {status}"


def test_a_request_line_has_a_limit() -> None:
    line = b"GET /%b HTTP/1.1\r\n"
    longest = HTTP_START_BYTES - len(line % b"")
    assert read_request(line % (b"a" * longest) + b"Host: a\r\n\r\n").path == "/" + "a" * longest
    assert refusal(line % (b"a" * (longest + 1)) + b"Host: a\r\n\r\n") == "HTTP/1.1 414 URI Too Long"


def test_the_number_of_fields_has_a_limit() -> None:
    head = b"GET / HTTP/1.1\r\nHost: a\r\n%b\r\n"
    assert len(read_request(head % (b"a: b\r\n" * (HTTP_FIELDS - 1))).fields) == HTTP_FIELDS
    assert refusal(head % (b"a: b\r\n" * HTTP_FIELDS)) == "HTTP/1.1 431 Request Header Fields Too Large"


@pytest.mark.parametrize(
    "section",
    [b"a: b\nc: d\r\n\r\n", b"a : b\r\n\r\n", b"a: \x01\r\n\r\n", b"Content-Length: 1\r\n\r\n", b"a\r\n\r\n",
     b"Host: a\r\n\r\n", b"a: b\r\n c\r\n\r\n", b": b\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n"],
)  # fmt: skip
def test_trailers_are_as_strict(section: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        check_trailers(section)
    check_trailers(b"A: b\r\nc:\r\n\r\n")


def head_of(size: int) -> bytes:
    head = b"GET /again HTTP/1.1\r\nHost: a\r\nX: %b\r\n\r\n"
    return head % (b"a" * (size - len(head % b"")))


def is_remembered(head: bytes) -> bool:
    return read_request(head) is read_request(bytes(bytearray(head)))


def test_a_head_that_is_said_again_is_the_same_unless_it_is_long() -> None:
    assert is_remembered(head_of(100))
    assert is_remembered(head_of(HTTP_KEPT_HEAD_BYTES))
    assert not is_remembered(head_of(HTTP_KEPT_HEAD_BYTES + 1))


def test_so_many_are_remembered() -> None:
    first = read_request(head_of(100))
    for number in range(1, HTTP_HEADS_KEPT):
        read_request(head_of(100 + number))
    assert read_request(head_of(100)) is first
    for number in range(HTTP_HEADS_KEPT):
        read_request(head_of(1000 + number))
    assert read_request(head_of(100)) is not first
