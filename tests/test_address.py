"""Every address prints as it parses, and everything that is none is answered with a sentence."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tincans.address import NETWORK, OPTIONS, PLACES, WRAPS, Address
from tincans.errors import AddressError
from tincans.limits import HOST_CHARACTERS, UNIX_PATH_BYTES

parse = Address.parse

#: What is written, and how it is printed: in the shortest form.
GOOD = [
    # tcp, and its short forms
    ("tcp://127.0.0.1:9000", "tcp://127.0.0.1:9000"),
    ("127.0.0.1:9000", "tcp://127.0.0.1:9000"),
    (":9000", "tcp://127.0.0.1:9000"),
    ("9000", "tcp://127.0.0.1:9000"),
    ("tcp://:9000/", "tcp://127.0.0.1:9000"),
    ("0", "tcp://127.0.0.1:0"),
    ("TCP://Example.ORG:0080", "tcp://example.org:80"),
    ("example.org.:80", "tcp://example.org.:80"),
    ("my_host-1:80?nodelay=off", "tcp://my_host-1:80?nodelay=off"),
    ("localhost:65535", "tcp://localhost:65535"),
    ("bücher.example:80", "tcp://xn--bcher-kva.example:80"),
    ("*:80", "tcp://*:80"),
    ("[::1]:9000", "tcp://[::1]:9000"),
    ("tcp://[0:0:0:0:0:0:0:1]:9", "tcp://[::1]:9"),
    ("tcp://[FE80::1%eth0]:9", "tcp://[fe80::1%eth0]:9"),
    ("tcp://h:1?", "tcp://h:1"),
    ("udp://*:5353", "udp://*:5353"),
    # the other places
    ("unix:///run/x.sock", "unix:///run/x.sock"),
    ("unix:/run/x.sock", "unix:///run/x.sock"),
    ("unix:x.sock", "unix:x.sock"),
    ("unix:@abstract", "unix:@abstract"),
    ("unix:////run/x", "unix:////run/x"),
    ("unix:a b%3F%25%0A", "unix:a%20b%3F%25%0A"),
    ("unix:caf\u00e9", "unix:caf%C3%A9"),
    ("unix:/run/\udcff", "unix:///run/%FF"),
    ("exec: sort -u", "exec: sort -u"),
    ("exec:echo '?a=1&b' | tr %20 é", "exec:echo '?a=1&b' | tr %20 é"),
    ("memory:test", "memory:test"),
    ("memory:80", "memory:80"),
    ("fd:3", "fd:3"),
    ("fd:web", "fd:web"),
    ("fd:", "fd:"),
    ("stdio:", "stdio:"),
    # wraps
    ("tls://host:443", "tls://host:443"),
    ("tls+tcp://host:443", "tls://host:443"),
    ("ws://host", "ws://host"),
    ("ws+tcp://host:80", "ws://host"),
    ("ws://", "ws://127.0.0.1"),
    ("ws://9000", "ws://127.0.0.1:9000"),
    ("ws+tls+tcp://host:443/feed", "wss://host/feed"),
    ("wss://host:80/", "wss://host:80/"),
    ("ws+tls://host/", "wss://host/"),
    ("tls+ws://host:80", "tls+ws+tcp://host:80"),
    ("tls+unix:///run/x", "tls+unix:///run/x"),
    ("ws+exec:cat", "ws+exec:cat"),
    ("tls+ws+memory:x", "tls+ws+memory:x"),
    ("tls+fd:3", "tls+fd:3"),
    # a resource
    ("ws://h?", "ws://h/?"),
    ("ws://h/?&x&text=on", "ws://h/?&x&text=on"),
    ("ws://h/a?text=on&x=1&y=/?%41", "ws://h/a?x=1&y=/?%41&text=on"),
    ("ws://h/a b/é?\u2713", "ws://h/a%20b/%C3%A9?%E2%9C%93"),
    ("ws://h/?mode=600", "ws://h/?mode=600"),
    # options
    ("tls://h:1?verify=off&alpn=h2,http/1.1&min=1.3", "tls://h:1?verify=off&alpn=h2,http/1.1&min=1.3"),
    ("tls://h:1?ca=/my%20files/a+b%2Bc.pem&sni=x", "tls://h:1?ca=/my%20files/a+b+c.pem&sni=x"),
    ("tls://h:1?ca=a%26b%3Dc=d%FF", "tls://h:1?ca=a%26b%3Dc%3Dd%FF"),
    ("tcp://h:1?%62ind=:80", "tcp://h:1?bind=:80"),
    ("tcp://h:1?proxy=socks5://me:secret@[::1]:1080", "tcp://h:1?proxy=socks5://me:secret@[::1]:1080"),
    ("unix:x?mode=0600", "unix:x?mode=0600"),
    ("udp://h:1?idle=0.5", "udp://h:1?idle=0.5"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "printed"), GOOD)
def test_an_address_is_printed_in_its_shortest_form(text: str, printed: str) -> None:
    address = parse(text)
    assert str(address) == printed
    assert parse(printed) == address


@pytest.mark.parametrize("text", [text for text, _ in GOOD])
def test_its_bare_form_and_its_place_are_addresses_too(text: str) -> None:
    for address in (parse(text).bare(), parse(text).without_wraps()):
        assert parse(str(address)) == address


#: What is written, what is wrong with it, and the address that would work.
BAD = [
    ("", "it is empty or has spaces around it or control characters in it", ":9000"),
    (" :9000", "it is empty or has spaces around it or control characters in it", ":9000"),
    (":9000\n", "it is empty or has spaces around it or control characters in it", ":9000"),
    ("unix:a\x7fb", "it is empty or has spaces around it or control characters in it", ":9000"),
    ("exec:\ud800", "it is empty or has spaces around it or control characters in it", ":9000"),
    # the scheme
    ("tpc://h:1", "there is no scheme 'tpc', did you mean 'tcp'?", ""),
    ("tsl://h:1", "there is no scheme 'tsl', did you mean 'tls'?", ""),
    ("gopher://h:1", "there is no scheme 'gopher'", "tcp://127.0.0.1:9000"),
    ("tls+://h:1", "there is no scheme ''", "tcp://127.0.0.1:9000"),
    ("ssl+tcp://h:1", "'ssl' is not a wrap (there are tls and ws)", "tls://127.0.0.1:9000"),
    ("tcp+tls://h:1", "'tcp' is not a wrap (there are tls and ws)", "tls://127.0.0.1:9000"),
    ("tls+udp://h:1", "tls needs a stream below it, and udp is none", "tls://127.0.0.1:9000"),
    ("tls+ws+udp://h:1", "ws needs a stream below it, and udp is none", "ws://127.0.0.1:9000/path"),
    ("tcp:/h:1", "after tcp: come two slashes, a host, a colon and a port", "tcp://127.0.0.1:9000"),
    ("udp:9000", "after udp: come two slashes, a host, a colon and a port", "udp://127.0.0.1:9000"),
    ("tls:443", "after tls: come two slashes, a host, a colon and a port", "tls://127.0.0.1:9000"),
    ("wss:", "after wss: come two slashes, a host, a colon and a port", "ws://127.0.0.1:9000/path"),
    # host and port
    ("tcp://h", "it has no port", "tcp://127.0.0.1:9000"),
    ("udp://", "it has no port", "udp://127.0.0.1:9000"),
    ("tls://h", "it has no port", "tls://127.0.0.1:9000"),
    ("h:65536", "the port '65536' is not a number from 0 to 65535", "tcp://127.0.0.1:9000"),
    ("000080", "the port '000080' is not a number from 0 to 65535", "tcp://127.0.0.1:9000"),
    ("ws://h:", "the port '' is not a number from 0 to 65535", "ws://127.0.0.1:9000/path"),
    ("example.org:http", "the port 'http' is not a number from 0 to 65535", "tcp://127.0.0.1:9000"),
    ("١", "the port '١' is not a number from 0 to 65535", "tcp://127.0.0.1:9000"),
    ("::1:9000", "an IPv6 host needs brackets around it", "tcp://[::1]:9000"),
    ("[::g]:9", "'::g' is not an IPv6 address", "tcp://[::1]:9000"),
    ("[]:9", "'' is not an IPv6 address", "tcp://[::1]:9000"),
    ("[::1]9", "'[::1]9' is not a host, a colon and a port", "tcp://127.0.0.1:9000"),
    ("256.0.0.1:9", "'256.0.0.1' is not an IPv4 address", "tcp://127.0.0.1:9000"),
    ("tcp://127.0.0.1.:9", "'127.0.0.1.' is not an IPv4 address", "tcp://127.0.0.1:9000"),
    ("udp://a b:9", "'a b' is not a host name", "udp://127.0.0.1:9000"),
    ("tcp://-a:9", "'-a' is not a host name", "tcp://127.0.0.1:9000"),
    ("tcp://a..b:9", "'a..b' is not a host name", "tcp://127.0.0.1:9000"),
    ("tcp://é..b:9", "'é..b' is not a host name", "tcp://127.0.0.1:9000"),
    ("tcp://h:1/path", "'/path' is a path, and only ws:// and wss:// have one", "tcp://127.0.0.1:9000"),
    ("tls+ws://h:1/path", "'/path' is a path, and only ws:// and wss:// have one", "tls://127.0.0.1:9000"),
    # the other places
    ("unix:", "it has no path to a socket", "unix:///run/x.sock"),
    ("unix:@", "it has no path to a socket", "unix:///run/x.sock"),
    ("unix:///run/", "it has no path to a socket", "unix:///run/x.sock"),
    ("unix://run/x", "after unix:// comes an absolute path", "unix:///run/x.sock or unix:x.sock"),
    ("unix:%00name", "a path has no NUL in it; an abstract socket is written with @", "unix:@name"),
    ("exec:", "it has no command", "exec:cat"),
    ("memory:", "it has no name", "memory:test"),
    ("stdio:x", "nothing comes after the colon, not 'x'", "stdio:"),
    # options
    ("tls://h:1?verfy=off", "there is no option 'verfy', did you mean 'verify'?", ""),
    ("tcp://h:1?xyz=1", "there is no option 'xyz'", ""),
    ("tcp://h:1?verify=off", "the option 'verify' is for tls only", ""),
    ("unix:x?bind=:1", "the option 'bind' is for tcp and udp only", ""),
    ("memory:x?text=on", "the option 'text' is for ws only", ""),
    ("tls://h:1?sni=a&sni=b", "the option 'sni' is given twice", ""),
    ("tls://h:1?verify=no", "the option 'verify' takes on or off, not 'no'", ""),
    ("tls://h:1?min=1.1", "the option 'min' takes 1.2 or 1.3, not '1.1'", ""),
    ("tls://h:1?ca=", "the option 'ca' takes a file of certificates to trust, not ''", ""),
    ("tls://h:1?ca", "the option 'ca' takes a file of certificates to trust, not ''", ""),
    ("ws://h?text=1", "the option 'text' takes on or off: send text messages, not binary ones, not '1'", ""),
    ("unix:x?mode=888", "the option 'mode' takes the socket file's permissions, in octal, not '888'", ""),
    (
        "udp://h:1?idle=0",
        "the option 'idle' takes seconds without a datagram after which a peer's channel ends, not '0'",
        "",
    ),
]


@pytest.mark.parametrize(("text", "reason", "example"), BAD)
def test_what_is_none_is_answered_with_the_part_that_is_wrong_and_a_good_one(
    text: str, reason: str, example: str
) -> None:
    with pytest.raises(AddressError) as caught:
        parse(text)
    error = caught.value
    assert (error.text, error.reason, error.example) == (text, reason, example)
    assert str(error) == f"{text!r} is not an address: {reason}" + (f"; write for example {example}" if example else "")
    for good in example.split(" or ") if example else ():
        parse(good)


# ── properties ────────────────────────────────────────────────────────────────────────────────────────────

#: A busy machine is not a slow test.
SMALL = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])

_UNICODE = st.characters(exclude_categories=["Cs"])
_FILE_TEXT = st.text(st.one_of(_UNICODE, st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF)), max_size=12)


def _as_a_file_s_name(text: str) -> str:
    """As the system gives it: bytes that together are UTF-8 are a character."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")


_LABEL = st.from_regex(r"[a-z0-9_]([a-z0-9_-]{0,8}[a-z0-9_])?", fullmatch=True)
_NAME = st.lists(_LABEL, min_size=1, max_size=3).map(".".join).filter(lambda name: not name.replace(".", "").isdigit())
_HOST = st.one_of(st.just("*"), _NAME, st.ip_addresses(v=4).map(str), st.ip_addresses(v=6).map(str))
_PATH = _FILE_TEXT.map(_as_a_file_s_name).filter(lambda text: "\0" not in text)
_SOCKET_PATH = _PATH.filter(lambda path: not (path in ("", "@") or path.endswith("/") or path.startswith("//")))
_COMMAND = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(lambda text: text == text.strip())
_RESOURCE = st.from_regex(r"|/[!$-.0-;@-Z_a-z~/]{0,9}(\?x[!$-%'-<>-Z_a-z~/?]{0,9}(&y=1)?)?", fullmatch=True)
_LOCAL_PATHS = {
    "unix": _SOCKET_PATH,
    "exec": _COMMAND,
    "memory": _PATH.filter(bool),
    "fd": _PATH,
    "stdio": st.just(""),
}
_GOOD_VALUES = {
    "on or off": st.sampled_from(["on", "off"]),
    "1.2 or 1.3": st.sampled_from(["1.2", "1.3"]),
    OPTIONS["mode"][1]: st.from_regex(r"0?[0-7]{3}", fullmatch=True),
    OPTIONS["idle"][1]: st.from_regex(r"[1-9][0-9]{0,5}(\.[0-9]{1,3})?", fullmatch=True),
}
_ANY_VALUE = _FILE_TEXT.map(_as_a_file_s_name).filter(bool)


def _value(name: str) -> st.SearchStrategy[str]:
    return _GOOD_VALUES.get(OPTIONS[name][1].partition(":")[0], _ANY_VALUE)


@st.composite
def addresses(draw: Callable[[st.SearchStrategy[object]], object]) -> Address:
    """Addresses made from parts: every place, wrapped in anything, with options of all its layers."""

    def one(strategy: st.SearchStrategy[str]) -> str:
        return str(draw(strategy))

    scheme = one(st.sampled_from(PLACES))
    wraps = [] if scheme == "udp" else draw(st.lists(st.sampled_from(WRAPS), max_size=3))
    assert isinstance(wraps, list)
    layers = {scheme, *wraps}
    known = sorted(name for name, (whose, _) in OPTIONS.items() if layers.intersection(whose))
    names = draw(st.lists(st.sampled_from(known), unique=True, max_size=4)) if known and scheme != "exec" else []
    assert isinstance(names, list)
    options = tuple((name, one(_value(name))) for name in names)
    if scheme not in NETWORK:
        return Address(scheme, path=one(_LOCAL_PATHS[scheme]), wraps=tuple(wraps), options=options)
    port = draw(st.integers(0, 65535))
    assert isinstance(port, int)
    resource = one(_RESOURCE) if wraps[:1] == ["ws"] else ""
    return Address(scheme, one(_HOST), port, "", tuple(wraps), resource, options)


@SMALL
@given(addresses())
def test_an_address_made_from_parts_parses_as_it_prints(address: Address) -> None:
    assert parse(str(address)) == address
    assert parse(str(address.bare())) == address.bare()
    assert parse(str(address.without_wraps())) == address.without_wraps()


#: Text in which the grammar's own words are frequent.
_WORDS = st.sampled_from(
    [*PLACES, *WRAPS, "wss", *OPTIONS, ":", "//", "/", "+", "?", "&", "=", "[", "]", "%", "%C3", "::1", "127.0.0.1"]
)
_ANY_TEXT = st.one_of(
    st.text(),
    st.text(st.characters()).map(lambda text: "unix:" + text),
    st.lists(st.one_of(_WORDS, st.text(max_size=3)), max_size=8).map("".join),
    st.tuples(st.sampled_from(["tcp://", "ws://", "wss://h/", "unix:", "fd:", "tls://h:1?ca="]), st.text()).map(
        "".join
    ),
)


@SMALL
@given(_ANY_TEXT)
def test_any_text_is_an_address_that_parses_as_it_prints_or_an_address_error(text: str) -> None:
    try:
        address = parse(text)
    except AddressError:
        return
    assert parse(str(address)) == address
    assert str(parse(str(address))) == str(address)


# ── options ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_is_taken_by_its_own_layers_and_by_no_other(name: str) -> None:
    value = {"mode": "600", "idle": "5", "min": "1.2"}.get(name, "on")
    for layer in (*PLACES, *WRAPS):
        if layer == "exec":
            continue  # what looks like an option is a part of the command
        place = {"tcp": "tcp://h:1", "udp": "udp://h:1", "stdio": "stdio:"}.get(layer, f"{layer}:x")
        text = f"{layer}+memory:x?{name}={value}" if layer in WRAPS else f"{place}?{name}={value}"
        if layer in OPTIONS[name][0]:
            assert parse(text).options == ((name, value),)
        else:
            with pytest.raises(AddressError, match=f"the option '{name}' is for "):
                parse(text)


def test_options_are_asked_for_by_name() -> None:
    address = parse("tls://h:1?sni=x&verify=off&nodelay=on")
    assert address.option("sni") == "x"
    assert address.option("ca") == ""
    assert address.option("ca", "none") == "none"
    assert address.flag("verify", True) is False
    assert address.flag("nodelay", False) is True
    assert (address.flag("text", True), address.flag("text", False)) == (True, False)


def test_without_its_wraps_an_address_is_a_place_with_the_options_of_its_own() -> None:
    address = parse("wss://h/feed?sni=x&nodelay=off&origin=y&bind=:1")
    assert str(address.without_wraps()) == "tcp://h:443?nodelay=off&bind=:1"
    assert str(parse("tls+unix:x?mode=600&verify=off").without_wraps()) == "unix:x?mode=600"


def test_bare_it_says_where_and_not_how() -> None:
    assert str(parse("wss://h/feed?a=1&sni=x").bare()) == "wss://h/feed?a=1"


@pytest.mark.parametrize(
    ("text", "alone"),
    [
        (":9000", True), ("localhost:1", True), ("127.8.9.10:1", True), ("udp://[::1]:1", True),
        ("[0:0::1]:1", True), ("wss://localhost/feed", True), ("unix:x", True), ("exec:cat", True), ("stdio:", True),
        ("*:1", False), ("0.0.0.0:1", False), ("[::]:1", False), ("10.0.0.1:1", False), ("example.org:1", False),
        ("127.example.org:1", False), ("127.0.0.1.nip.io:1", False), ("localhost.example.org:1", False),
    ],
)  # fmt: skip
def test_whether_only_this_machine_can_reach_it(text: str, alone: bool) -> None:
    assert parse(text).is_loopback is alone


# ── limits ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_host_name_has_so_many_characters_and_not_one_more() -> None:
    longest = "a." * ((HOST_CHARACTERS - 1) // 2) + "a"
    assert len(longest) == HOST_CHARACTERS
    assert parse(f"tcp://{longest}:1").host == longest
    with pytest.raises(AddressError, match="is not a host name"):
        parse(f"tcp://a{longest}:1")


@pytest.mark.parametrize("letter", ["a", "é", "\udcff"])
def test_a_socket_s_path_has_so_many_bytes_and_not_one_more(letter: str) -> None:
    size = len(letter.encode("utf-8", "surrogateescape"))
    longest = letter * (UNIX_PATH_BYTES // size) + "x" * (UNIX_PATH_BYTES % size)
    assert parse(f"unix:{longest}").path == longest
    with pytest.raises(AddressError, match=f"a socket's path has at most {UNIX_PATH_BYTES} bytes"):
        parse(f"unix:{longest}x")


def test_a_place_may_have_the_options_of_a_layer_that_it_has_not_where_that_is_allowed() -> None:
    address = Address.parse("tcp://h:1?verify=off&nodelay=on", also=("tls",))
    assert (address.wraps, address.option("verify")) == ((), "off")
    assert address.without_wraps().options == (("nodelay", "on"),)
    with pytest.raises(AddressError, match="the option 'text' is for ws only"):
        Address.parse("tcp://h:1?text=on", also=("tls",))
