"""URLs: what is asked of which server, as RFC 3986 writes it.

    url = scheme "://" [user [":" password] "@"] host [":" port] [path ["?" query]]

    http://example.org/feed?x=1    https://[::1]:8443/a%20b
    ftp://ada:secret@host/a/b      ftps:// is TLS from the first byte; the path begins where the login leads to
    ftp://host//etc/motd           and a second slash, or %2F, is the root (RFC 1738 §3.2.2)
    smtp:// smtps:// lmtp:// pop3:// pop3s://      a server alone, without a path

What a person writes is taken as it was meant: a blank or a letter beyond ASCII in a path stands for its bytes in UTF-8.
What could mean two things is refused. `str()` gives the URL again, with stars for the password.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes

from tincans.address import Address
from tincans.errors import AddressError, UrlError


class Scheme(NamedTuple):
    """What is known of a scheme; `tls` is TLS from the first byte."""

    port: int
    tls: bool
    #: Whether there is something to ask for at the server, and whether that may have a query.
    path: bool
    query: bool
    example: str


#: Every scheme and its port, as IANA has them.
SCHEMES = {
    "http": Scheme(80, False, True, True, "http://127.0.0.1:8000/file"),
    "https": Scheme(443, True, True, True, "https://example.org/file"),
    "ftp": Scheme(21, False, True, False, "ftp://127.0.0.1:2121/file"),
    "ftps": Scheme(990, True, True, False, "ftps://example.org/file"),
    "smtp": Scheme(25, False, False, False, "smtp://127.0.0.1:2525"),
    "smtps": Scheme(465, True, False, False, "smtps://example.org"),
    "lmtp": Scheme(24, False, False, False, "lmtp://127.0.0.1:2424"),
    "pop3": Scheme(110, False, False, False, "pop3://127.0.0.1:1110"),
    "pop3s": Scheme(995, True, False, False, "pop3s://example.org"),
}

_PARTS = re.compile(r"(?:(?P<who>[^/?#]*)@)?(?P<where>[^/?#@]*)(?P<path>/[^?#]*)?(?:\?(?P<query>[^#]*))?(?P<rest>#.*)?")

#: What a path and a query have as it is (RFC 3986 §3.3); a percent sign has been looked at.
_PATH_SAFE = "/%:@!$&'()*+,;=-._~"
_QUERY_SAFE = _PATH_SAFE + "?"

#: What stands for a password wherever a URL is shown.
_STARS = "******"


class Url(NamedTuple):
    """What is asked of which server. Inert data; see the head of this module. Shows no password."""

    scheme: str
    #: A name or a numeric address without brackets.
    host: str
    port: int
    #: As it is written in a request: percent-encoded, with its first slash; empty where the scheme has no paths.
    path: str = ""
    query: str = ""
    #: Who asks, decoded; both empty where the URL does not say it.
    user: str = ""
    password: str = ""

    @classmethod
    def parse(cls, text: str, *, schemes: tuple[str, ...] = tuple(SCHEMES)) -> Url:
        """Read a URL of one of the `schemes`. `UrlError` names the part that is wrong and shows a good one."""
        return _parse(text, schemes)

    @property
    def tls(self) -> bool:
        """Whether TLS begins with the first byte."""
        return SCHEMES[self.scheme].tls

    @property
    def authority(self) -> str:
        """Host and port as HTTP's Host field has them: without a port that is the scheme's own (RFC 9110 §7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == SCHEMES[self.scheme].port else f"{host}:{self.port}"

    @property
    def target(self) -> str:
        """Path and query, as an HTTP request asks for them."""
        return self.path + (f"?{self.query}" if self.query else "")

    @property
    def place(self) -> str:
        """The path decoded, with its first slash; a byte that is not UTF-8 stands as a surrogate (PEP 383)."""
        return unquoted(self.path)

    @property
    def is_folder(self) -> bool:
        return self.path.endswith("/")

    @property
    def name(self) -> str:
        """The last name in the path, decoded; empty where that ends in a slash, or is none a file may have."""
        name = unquoted(self.path.rpartition("/")[2])
        return name if is_name(name) else ""

    def folder(self) -> Url:
        """The same as a folder: its path ends in a slash, and there is no query."""
        return self._replace(path=self.path if self.is_folder else self.path + "/", query="")

    def parent(self) -> Url:
        """The folder above; of the root itself that is the root."""
        return self._replace(path=self.path.rstrip("/").rpartition("/")[0] + "/", query="")

    def child(self, name: str) -> Url:
        """What has this path in that folder; `name` is decoded, and may have slashes."""
        return self._replace(path=self.folder().path + quoted(name), query="")

    def without_secrets(self) -> Url:
        """The same without user and password."""
        return self._replace(user="", password="")

    def __str__(self) -> str:
        who = quote(self.user, safe="") + (f":{_STARS}" if self.password else "") + "@" if self.user else ""
        return f"{self.scheme}://{who}{self.authority}{self.target}"

    def __repr__(self) -> str:
        return f"Url({str(self)!r})"


def quoted(name: str) -> str:
    """A decoded path as a URL has it: its slashes stay."""
    return quote(name, safe=_PATH_SAFE.replace("%", ""), errors="surrogateescape")


def unquoted(path: str) -> str:
    """A path of a URL, decoded."""
    return unquote_to_bytes(path.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")


def is_name(name: str) -> bool:
    """Whether a file in a folder may be called so, and leads nowhere else."""
    return name not in ("", ".", "..") and "/" not in name and "\0" not in name


# ── parsing ───────────────────────────────────────────────────────────────────────────────────────────────


def _parse(text: str, schemes: tuple[str, ...]) -> Url:
    shown = _masked(text)
    example = SCHEMES[schemes[0]].example
    if not text or text != text.strip() or re.search(r"[\x00-\x1f\x7f]", text):
        raise UrlError(shown, "it is empty or has spaces around it or control characters in it", example)
    before, mark, rest = text.partition("://")
    if not mark:
        raise UrlError(shown, "it does not begin with how to ask, as in http://", example)
    scheme = before.lower()
    if scheme not in schemes:
        near = get_close_matches(scheme, schemes, 1)
        example = SCHEMES[near[0] if near else schemes[0]].example
        raise UrlError(shown, f"it begins with none of {', '.join(f'{each}://' for each in schemes)}", example)
    return _parse_rest(shown, rest, scheme)


def _parse_rest(shown: str, rest: str, scheme: str) -> Url:
    known = SCHEMES[scheme]
    match = _PARTS.fullmatch(rest)
    assert match is not None  # every part may be empty, and together they take every character
    if match["who"] is None and re.search(r":.*\D", match["where"].rpartition("]")[2]) and "@" in rest:
        raise UrlError(
            shown, "in a user or password / is written %2F, ? is written %3F, and # is written %23", known.example
        )
    for part in ("who", "path", "query"):
        if re.search(r"%(?![0-9A-Fa-f]{2})", match[part] or ""):
            raise UrlError(shown, "a percent sign in it is written %25", known.example)
    user, _, password = (match["who"] or "").partition(":")
    if match["who"] is not None and not user:
        raise UrlError(shown, "there is no user before the @", known.example)
    host, port = _parse_where(shown, match["where"], known)
    path, query = _parse_path(shown, match, known)
    user, password = _secret(shown, user, known), _secret(shown, password, known)
    return Url(scheme, host, port, path, query, user, password)


def _secret(shown: str, text: str, known: Scheme) -> str:
    """A user or a password, decoded: it stands in a line of every protocol."""
    decoded = unquoted(text)
    if re.search(r"[\x00\r\n]", decoded):
        raise UrlError(shown, "a user or password has no end of a line in it", known.example)
    return decoded


def _parse_where(shown: str, where: str, known: Scheme) -> tuple[str, int]:
    """Host and port, by the grammar that addresses have."""
    where = where.removesuffix(":")
    has_port = re.search(r":[^\]:]*$", where) is not None
    try:
        address = Address.parse(f"tcp://{where}" if has_port else f"tcp://{where}:{known.port}")
    except AddressError as error:
        raise UrlError(shown, error.reason, known.example) from error
    if address.host == "*" or not address.port:
        raise UrlError(shown, "it names no one host and port that can be called", known.example)
    return address.host.replace("%25", "%"), address.port


def _parse_path(shown: str, match: re.Match[str], known: Scheme) -> tuple[str, str]:
    path, query, rest = match["path"] or "", match["query"] or "", match["rest"] or ""
    if not known.path:
        if path.strip("/") or query or rest:
            raise UrlError(shown, "a server of mail is a host and a port, and nothing comes behind them", known.example)
        return "", ""
    if not known.query and (query or rest or shown.endswith("?")):
        raise UrlError(shown, "in the name of a file ? is written %3F, and # is written %23", known.example)
    if "%00" in path:
        raise UrlError(shown, "no file has a NUL in its name", known.example)
    return _quoted(path or "/", _PATH_SAFE), _quoted(query, _QUERY_SAFE)


def _quoted(text: str, safe: str) -> str:
    return quote(text, safe=safe, errors="surrogateescape")


def _masked(text: str) -> str:
    """The text as it may be shown, whatever is wrong with it: between a colon that no port follows and the last @ there
    may be a password."""
    return re.sub(r"(//[^/?#:@]*):(?!\d*[/?#]).*@", rf"\1:{_STARS}@", text, flags=re.DOTALL)
