"""Where a party is: one grammar for everything that can be listened on or called.

    address = [wrap "+"]… place                        tls+unix:///run/x.sock   ws+tls+tcp://example.org:443/feed
    place   = "tcp://"  host ":" port                  tcp://127.0.0.1:9000     tcp://[::1]:9000     tcp://*:9000
            | "udp://"  host ":" port
            | "unix:"   path                           unix:///run/x.sock       unix:x.sock          unix:@abstract
            | "exec:"   command                        exec:sort -u             (the rest of the text, verbatim)
            | "memory:" name | "fd:" number-or-name | "stdio:"
    wrap    = "tls" | "ws"                             the outermost first

Short forms: `tls://` is `tls+tcp://`, `ws://` is `ws+tcp://`, `wss://` is `ws+tls+tcp://`; `host:port` is TCP; `:9000`
and `9000` are loopback TCP; the host `*` is every interface. Options follow as a query, each for one layer of the
address (`OPTIONS` below): `tls://host:443?verify=off&alpn=h2`. Only `exec:` has none, because a command may hold any
character. With a `ws` wrap over `host:port` the path, and what in the query is not an option of ours, is the
WebSocket's resource. Everywhere but in a command a percent sign and two hexadecimal digits stand for a byte (RFC 3986
§2.1).

An `Address` is inert: it opens nothing and resolves nothing. `str()` gives the shortest form, and parsing that
gives the same address again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes

from tincans.errors import AddressError
from tincans.limits import HOST_CHARACTERS, UNIX_PATH_BYTES

NETWORK = ("tcp", "udp")
_LOCAL = ("unix", "exec", "memory", "fd", "stdio")
PLACES = (*NETWORK, *_LOCAL)
WRAPS = ("tls", "ws")

_SHORT = {"tls": ("tls",), "ws": ("ws",), "wss": ("ws", "tls")}
_NAMES = (*PLACES, *_SHORT)
_SCHEMES = {wraps: scheme for scheme, wraps in _SHORT.items()}
_DEFAULT_PORT = {"ws": 80, "wss": 443}

_EXAMPLE = {
    "tcp": "tcp://127.0.0.1:9000",
    "udp": "udp://127.0.0.1:9000",
    "unix": "unix:///run/x.sock",
    "exec": "exec:cat",
    "memory": "memory:test",
    "fd": "fd:3",
    "stdio": "stdio:",
    "tls": "tls://127.0.0.1:9000",
    "ws": "ws://127.0.0.1:9000/path",
}

#: An option, the layer that understands it, and what it takes. A layer is a place, a wrap or "any".
OPTIONS: dict[str, tuple[tuple[str, ...], str]] = {
    "verify": (("tls",), "on or off"),
    "ca": (("tls",), "a file of certificates to trust"),
    "cert": (("tls",), "a file with this end's certificate chain"),
    "key": (("tls",), "a file with this end's private key"),
    "sni": (("tls",), "the name to ask for and to verify"),
    "alpn": (("tls",), "protocols, the best first, with commas between"),
    "client-ca": (("tls",), "a file of certificates that callers must be signed by"),
    "min": (("tls",), "1.2 or 1.3"),
    "resource": (("ws",), "the path asked for, where the place has none"),
    "subprotocol": (("ws",), "subprotocols, the best first, with commas between"),
    "origin": (("ws",), "the Origin header to send, or the only one to answer"),
    "text": (("ws",), "on or off: send text messages, not binary ones"),
    "deflate": (("ws",), "on or off"),
    "bind": (("tcp", "udp"), "the host:port, host or :port to call from"),
    "proxy": (("tcp",), "socks5://[user:password@]host:port or http://…"),
    "nodelay": (("tcp",), "on or off"),
    "idle": (("udp",), "seconds without a datagram after which a peer's channel ends"),
    "mode": (("unix",), "the socket file's permissions, in octal"),
}

#: What is printed as it is: in a path or an option's value what the query does not need, in a resource all of ASCII.
_PATH_SAFE = "/@:+,=~!$'()*;"
_VALUE_SAFE = "/:,@*[]+"
_RESOURCE_SAFE = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"

_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*\.?")


class Address(NamedTuple):
    """Where a party is. Inert data that prints as it parses; see the head of this module for the grammar."""

    #: tcp, udp, unix, exec, memory, fd or stdio.
    scheme: str
    #: A name, a numeric address without brackets, or `*`; empty where the scheme has none.
    host: str = ""
    port: int = 0
    #: The socket's path, the command, the name: whatever a place without host and port is told by.
    path: str = ""
    #: Outermost first: `("ws", "tls")` for `wss://`.
    wraps: tuple[str, ...] = ()
    #: A WebSocket's path and query, with its slash; empty where it has none or where the place is not host and port.
    resource: str = ""
    #: In the order given, each name once.
    options: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, text: str, *, also: tuple[str, ...] = ()) -> Address:
        """Read an address; `AddressError` names the part that is wrong and shows a good one.

        `also` are layers that it has not, and whose options it may have all the same.
        """
        return _parse(text, also)

    def option(self, name: str, default: str = "") -> str:
        """The value of one option, or `default` where it was not given."""
        for key, value in self.options:
            if key == name:
                return value
        return default

    def flag(self, name: str, default: bool) -> bool:
        """An option that is on or off."""
        value = self.option(name)
        return default if not value else value == "on"

    def without_wraps(self) -> Address:
        """The place alone: what the transport opens, with the options that are the place's own."""
        kept = tuple((k, v) for k, v in self.options if self.scheme in OPTIONS[k][0])
        return self._replace(wraps=(), resource="", options=kept)

    def bare(self) -> Address:
        """Where, without how: no options. The form in which a channel's ends are shown."""
        return self._replace(options=())

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        if self.scheme not in NETWORK:
            return True
        return self.host in ("localhost", "::1") or re.fullmatch(r"127\.[0-9.]+", self.host) is not None

    def __str__(self) -> str:
        return _print(self)


# ── printing ──────────────────────────────────────────────────────────────────────────────────────────────


def _print(address: Address) -> str:
    scheme, wraps = address.scheme, address.wraps
    if scheme == "exec":
        return _prefix(wraps, "exec:") + address.path
    if scheme in NETWORK:
        text = _print_network(address)
    elif scheme == "unix" and address.path.startswith("/"):
        text = _prefix(wraps, "unix://") + _quoted(address.path, _PATH_SAFE)
    else:
        text = _prefix(wraps, f"{scheme}:") + _quoted(address.path, _PATH_SAFE)
    if address.options:
        joint = "&" if "?" in address.resource else "?"
        text += joint + "&".join(f"{name}={_quoted(value, _VALUE_SAFE)}" for name, value in address.options)
    return text


def _prefix(wraps: tuple[str, ...], place: str) -> str:
    return "+".join((*wraps, place))


def _quoted(text: str, safe: str) -> str:
    """Percent-encoded; a byte that is not UTF-8, which a file's name may have, stands as a surrogate (PEP 383)."""
    return quote(text, safe=safe, errors="surrogateescape")


def _print_network(address: Address) -> str:
    host = f"[{address.host}]" if ":" in address.host else address.host
    if address.scheme == "tcp" and address.wraps in _SCHEMES:
        scheme = _SCHEMES[address.wraps]
    else:
        scheme = "+".join((*address.wraps, address.scheme))
    port = "" if _DEFAULT_PORT.get(scheme) == address.port else f":{address.port}"
    return f"{scheme}://{host}{port}{address.resource}"


# ── parsing ───────────────────────────────────────────────────────────────────────────────────────────────


def _parse(text: str, also: tuple[str, ...]) -> Address:
    if not text or text != text.strip() or re.search(r"[\x00-\x1f\x7f\ud800-\udc7f\udd00-\udfff]", text):
        raise AddressError(text, "it is empty or has spaces around it or control characters in it", ":9000")
    match = re.match(r"([A-Za-z][A-Za-z0-9+]*):", text)
    if match is None or _is_host_and_port(match[1].lower(), text[match.end() :]):
        return _parse_network(text, text, "tcp", (), also)
    wraps, scheme = _parse_scheme(text, match[1].lower())
    rest = text[match.end() :]
    if scheme in NETWORK:
        if not rest.startswith("//"):
            example = _EXAMPLE[wraps[0] if wraps else scheme]
            raise AddressError(text, f"after {match[1]}: come two slashes, a host, a colon and a port", example)
        return _parse_network(text, rest[2:], scheme, wraps, also)
    return _parse_local(text, rest, scheme, wraps, also)


def _is_host_and_port(before: str, after: str) -> bool:
    """Whether what stands before the first colon is a host's name, as in `localhost:9000`, and not a scheme."""
    return before not in _NAMES and "+" not in before and re.match(r"[0-9]+($|[/?])", after) is not None


def _parse_scheme(text: str, prefix: str) -> tuple[tuple[str, ...], str]:
    """Split `ws+tls+tcp` into its wraps and its place, and spell out the short forms."""
    parts = prefix.split("+")
    if parts[-1] in _SHORT:
        parts = [*parts[:-1], *_SHORT[parts[-1]], "tcp"]
    *wraps, scheme = parts
    for part in wraps:
        if part not in WRAPS:
            raise AddressError(text, f"{part!r} is not a wrap (there are {' and '.join(WRAPS)})", _EXAMPLE["tls"])
    if scheme not in PLACES:
        near = get_close_matches(scheme, _NAMES, 1)
        if near:
            raise AddressError(text, f"there is no scheme {scheme!r}, did you mean {near[0]!r}?")
        raise AddressError(text, f"there is no scheme {scheme!r}", _EXAMPLE["tcp"])
    if scheme == "udp" and wraps:
        raise AddressError(text, f"{wraps[-1]} needs a stream below it, and udp is none", _EXAMPLE[wraps[-1]])
    return tuple(wraps), scheme


def _parse_network(text: str, rest: str, scheme: str, wraps: tuple[str, ...], also: tuple[str, ...]) -> Address:
    example = _EXAMPLE[wraps[0] if wraps else scheme]
    before, mark, query = rest.partition("?")
    authority, slash, path = before.partition("/")
    resource = slash + path
    if resource and wraps[:1] != ("ws",):
        if resource != "/":
            raise AddressError(text, f"{resource!r} is a path, and only ws:// and wss:// have one", example)
        resource = ""
    options, unknown = _parse_options(text, query.split("&") if mark else (), scheme, wraps, also)
    if unknown:
        resource = (resource or "/") + "?" + "&".join(unknown)
    host, port = _parse_authority(text, authority, _default_port(scheme, wraps), example)
    return Address(scheme, host, port, "", wraps, _quoted(resource, _RESOURCE_SAFE), options)


def _default_port(scheme: str, wraps: tuple[str, ...]) -> int | None:
    return _DEFAULT_PORT.get(_SCHEMES.get(wraps, "")) if scheme == "tcp" else None


def _parse_authority(text: str, authority: str, default_port: int | None, example: str) -> tuple[str, int]:
    if authority.count(":") > 1 and not authority.startswith("["):
        raise AddressError(text, "an IPv6 host needs brackets around it", "tcp://[::1]:9000")
    match = re.fullmatch(r"(?:\[(?P<six>[^\]]*)\]|(?P<host>[^\[\]:]*))(?::(?P<port>.*))?", authority)
    if match is None:
        raise AddressError(text, f"{authority!r} is not a host, a colon and a port", example)
    six, host, port = match["six"], match["host"], match["port"]
    if six is None and port is None and host.isdecimal():
        host, port = "", host  # a bare number is a port: `9000`
    if port is None:
        if default_port is None:
            raise AddressError(text, "it has no port", example)
        number = default_port
    elif not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65535:
        raise AddressError(text, f"the port {port!r} is not a number from 0 to 65535", example)
    else:
        number = int(port)
    if six is not None:
        return _checked_six(text, six), number
    if host == "":
        return "127.0.0.1", number
    return _checked_host(text, host, example), number


def _checked_six(text: str, host: str) -> str:
    from ipaddress import IPv6Address

    try:
        return str(IPv6Address(host))
    except ValueError:
        raise AddressError(text, f"{host!r} is not an IPv6 address", "tcp://[::1]:9000") from None


def _checked_host(text: str, host: str, example: str) -> str:
    if host == "*":
        return host
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:
            raise AddressError(text, f"{host!r} is not a host name", example) from None
    if len(host) > HOST_CHARACTERS or not _NAME.fullmatch(host):
        raise AddressError(text, f"{host!r} is not a host name", example)
    if re.fullmatch(r"[0-9.]+", host):
        from ipaddress import IPv4Address

        try:
            IPv4Address(host)
        except ValueError:
            raise AddressError(text, f"{host!r} is not an IPv4 address", example) from None
    return host.lower()


def _parse_local(text: str, rest: str, scheme: str, wraps: tuple[str, ...], also: tuple[str, ...]) -> Address:
    if scheme == "exec":
        if not rest.strip():
            raise AddressError(text, "it has no command", _EXAMPLE["exec"])
        return Address(scheme, path=rest, wraps=wraps)
    body, mark, query = rest.partition("?")
    options, _ = _parse_options(text, query.split("&") if mark else (), scheme, wraps, also)
    path = _unquoted(body)
    if scheme == "unix":
        path = _checked_unix_path(text, path)
    elif scheme == "stdio":
        if path:
            raise AddressError(text, f"nothing comes after the colon, not {path!r}", "stdio:")
    elif scheme == "memory" and not path:
        raise AddressError(text, "it has no name", _EXAMPLE["memory"])
    return Address(scheme, path=path, wraps=wraps, options=options)


def _checked_unix_path(text: str, path: str) -> str:
    if path.startswith("//"):
        path = path[2:]
        if not path.startswith("/"):
            raise AddressError(text, "after unix:// comes an absolute path", "unix:///run/x.sock or unix:x.sock")
    if not path or path == "@" or path.endswith("/"):
        raise AddressError(text, "it has no path to a socket", _EXAMPLE["unix"])
    if "\0" in path:
        raise AddressError(text, "a path has no NUL in it; an abstract socket is written with @", "unix:@name")
    if len(_encoded(path)) > UNIX_PATH_BYTES:
        raise AddressError(text, f"a socket's path has at most {UNIX_PATH_BYTES} bytes", _EXAMPLE["unix"])
    return path


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _unquoted(text: str) -> str:
    return unquote_to_bytes(_encoded(text)).decode("utf-8", "surrogateescape")


def _parse_options(
    text: str, pairs: Iterable[str], scheme: str, wraps: tuple[str, ...], also: tuple[str, ...]
) -> tuple[tuple[tuple[str, str], ...], list[str]]:
    """Our options, and the pairs that belong to a WebSocket's resource instead, as they were written."""
    layers = {scheme, *wraps, *also}
    resource = wraps[:1] == ("ws",) and scheme in NETWORK
    options: dict[str, str] = {}
    unknown: list[str] = []
    for pair in pairs:
        name, value = map(_unquoted, pair.partition("=")[::2])
        known = OPTIONS.get(name)
        if known is not None and layers.intersection(known[0]):
            if name in options:
                raise AddressError(text, f"the option {name!r} is given twice")
            options[name] = _checked_option(text, name, value)
        elif resource:
            unknown.append(pair)
        elif not pair:
            pass
        elif known is not None:
            raise AddressError(text, f"the option {name!r} is for {' and '.join(known[0])} only")
        else:
            near = get_close_matches(name, OPTIONS, 1)
            raise AddressError(text, f"there is no option {name!r}" + (f", did you mean {near[0]!r}?" if near else ""))
    return tuple(options.items()), unknown


def _checked_option(text: str, name: str, value: str) -> str:
    takes = OPTIONS[name][1]
    good = {
        "on or off": value in ("on", "off"),
        "1.2 or 1.3": value in ("1.2", "1.3"),
        OPTIONS["mode"][1]: re.fullmatch(r"0?[0-7]{3}", value) is not None,
        OPTIONS["idle"][1]: re.fullmatch(r"[0-9]+(\.[0-9]+)?", value) is not None and float(value) > 0,
    }.get(takes.partition(":")[0], value != "")
    if not good:
        raise AddressError(text, f"the option {name!r} takes {takes}, not {value!r}")
    return value
