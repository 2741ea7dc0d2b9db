"""A URL prints as it parses, shows no password, and everything that is none is answered with a sentence."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tincans.clients.url import SCHEMES, Url, is_name
from tincans.errors import UrlError

#: What is written, and how it is printed.
GOOD = [
    ("http://localhost", "http://localhost/"),
    ("HTTP://Example.ORG:0080/A?b=c#d", "http://example.org/A?b=c"),
    ("https://h:8443/a%2fb", "https://h:8443/a%2fb"),
    ("http://:8000/x", "http://127.0.0.1:8000/x"),
    ("http://h:/x", "http://h/x"),
    ("http://[::1]:8080/a b/é?x=1 2", "http://[::1]:8080/a%20b/%C3%A9?x=1%202"),
    ("http://[fe80::1%25eth0]/", "http://[fe80::1%eth0]/"),
    ("http://bücher.example/", "http://xn--bcher-kva.example/"),
    ("http://h/?a=/?b", "http://h/?a=/?b"),
    ("ftp://ada@h//etc/%0A;x", "ftp://ada@h//etc/%0A;x"),
    ("ftp://ada%40home:s%2Fecret@h/", "ftp://ada%40home:******@h/"),
    ("pop3s://ada@home:pass:word@h", "pop3s://ada%40home:******@h"),
    ("ftps://h/", "ftps://h/"),
    ("smtp://h:2525/", "smtp://h:2525"),
    ("smtps://h", "smtps://h"),
    ("lmtp://h", "lmtp://h"),
]

#: What is wrong, and a part of the sentence.
BAD = [
    ("", "it is empty"),
    (" http://h/", "spaces around it"),
    ("http://h/a\nb", "control characters"),
    ("h/x", "does not begin with how to ask, as in http://"),
    ("http:/h", "does not begin with how to ask"),
    ("htps://h/", "it begins with none of http://, https://"),
    ("http://h:x/", "the port 'x' is not a number"),
    ("http://h:65536/", "the port '65536' is not a number"),
    ("http://h:0/", "no one host and port"),
    ("http://*:80/", "no one host and port"),
    ("http://a b/", "'a b' is not a host name"),
    ("http://::1/", "brackets"),
    ("http://[::1/", "is not a host"),
    ("http://h/%zz", "a percent sign in it is written %25"),
    ("http://h/%", "a percent sign in it is written %25"),
    ("http://@h/", "no user before the @"),
    ("http://:secret@h/", "no user before the @"),
    ("http://ada:sec/ret@h/", "/ is written %2F"),
    ("http://ada:sec%0Aret@h/", "no end of a line"),
    ("ftp://h/a?b", "? is written %3F"),
    ("ftp://h/a?", "? is written %3F"),
    ("ftp://h/a#b", "# is written %23"),
    ("ftp://h/a%00b", "no file has a NUL"),
    ("smtp://h/ada", "a host and a port"),
    ("pop3://h?x", "a host and a port"),
]


@pytest.mark.parametrize(("text", "printed"), GOOD)
def test_it_prints_as_it_parses(text: str, printed: str) -> None:
    url = Url.parse(text)
    assert str(url) == printed
    assert repr(url) == f"Url({printed!r})"
    if not url.password:
        assert Url.parse(printed) == url


@pytest.mark.parametrize(("text", "reason"), BAD)
def test_what_is_none_is_answered_with_a_sentence(text: str, reason: str) -> None:
    with pytest.raises(UrlError) as caught:
        Url.parse(text)
    assert reason in str(caught.value)
    assert "sec" not in str(caught.value)
    Url.parse(caught.value.example)


def test_the_near_scheme_is_shown() -> None:
    with pytest.raises(UrlError, match=r"write for example https://example\.org/file"):
        Url.parse("htps://h/")
    with pytest.raises(UrlError, match=r"none of ftp://, ftps://; write for example ftp://"):
        Url.parse("http://h/", schemes=("ftp", "ftps"))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_has_its_port_and_says_where_it_begins_tls(scheme: str) -> None:
    url = Url.parse(f"{scheme}://h")
    assert url.port == SCHEMES[scheme].port
    assert url.tls == scheme.endswith("s")
    assert url.authority == "h"
    assert url._replace(port=7).authority == "h:7"
    Url.parse(SCHEMES[scheme].example)


def test_its_parts() -> None:
    url = Url.parse("http://ada:a%3Ab@[::1]:8080/a%2Fb/%C3%A9%FF?x=%20")
    assert url == Url("http", "::1", 8080, "/a%2Fb/%C3%A9%FF", "x=%20", "ada", "a:b")
    assert (url.authority, url.target) == ("[::1]:8080", "/a%2Fb/%C3%A9%FF?x=%20")
    assert (url.place, url.name, url.is_folder) == ("/a/b/é\udcff", "é\udcff", False)
    assert url.without_secrets() == Url("http", "::1", 8080, "/a%2Fb/%C3%A9%FF", "x=%20")
    assert url.folder().target == "/a%2Fb/%C3%A9%FF/"
    assert Url.parse("ftp://h/").folder() == Url.parse("ftp://h/")
    assert [Url.parse(f"http://h{path}").parent().path for path in ("/a/b", "/a/b/", "/a?x", "/")] == [
        "/a/",
        "/a/",
        "/",
        "/",
    ]


@pytest.mark.parametrize("text", ["http://h/", "http://h/a/", "http://h/a/..", "http://h/%2E", "http://h/a%2Fb"])
def test_what_no_file_may_be_called_is_no_name(text: str) -> None:
    assert Url.parse(text).name == ""


@given(st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1))
def test_a_child_has_the_name_that_it_was_given(name: str) -> None:
    child = Url.parse("ftp://ada@h/folder").child(name)
    assert child.place == f"/folder/{name}"
    assert Url.parse(str(child)) == child
    assert child.name == (name if is_name(name) else child.name)
    assert not set(child.target) & set(' \n?#"<>')


@given(st.text())
def test_anything_is_a_url_or_answered_with_a_sentence(text: str) -> None:
    for beginning in ("", "http://", "ftp://a:b@"):
        with contextlib.suppress(UrlError):
            url = Url.parse(beginning + text)
            assert Url.parse(str(url)).target == url.target
