"""curl: a command for each request that the client made.

curl makes some of a request by itself: the first line, `Host`, how long the body is. What it would add of its own is
taken out, so that the server hears the request as it was said; only the order of the fields is curl's. What no command
line can say is left out, and a comment tells of it.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator

from tincans.channel import Side
from tincans.conversation import Dropped, Entry, Joined, Opened, Secured
from tincans.decoding import Heard
from tincans.errors import CannotProgram
from tincans.export.programs.literals import shell
from tincans.export.programs.talk import about, lacks, name_of, place_of
from tincans.limits import PROGRAM_BYTES, PROGRAM_TURNS
from tincans.protocols import Malformed, Upgraded
from tincans.protocols.http_events import Body, Request

#: What is sent as it is written: a path without segments that curl would resolve.
_PLAIN_TARGET = re.compile(r"/(?:(?!/\.)[A-Za-z0-9!$&'()*+,;=:@%._~/?-])*")
_FIRST_DOT = re.compile(r"/\.")
_SAYABLE = re.compile(r"[^\x00-\x20\x7f]+")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class Asked:
    """A request and its body."""

    def __init__(self, head: Request) -> None:
        self.head = head
        self.body = bytearray()


class Requests:
    """Collects the requests of one conversation; what they hold is bounded by PROGRAM_BYTES and PROGRAM_TURNS."""

    def __init__(self, opened: Opened, *, secrets: bool) -> None:
        """Raises `CannotProgram` where curl has no way to that server."""
        self.masked = self.missing = self.left_out = 0
        self._secrets, self._number = secrets, opened.conversation
        self._place = place_of(opened, "curl")
        self._name = name_of(self._place, opened.facts)
        self._is_secure = bool(self._place.wraps)
        self._asked: list[Asked] = []
        self._kept = 0
        self._more: list[str] = []

    def take(self, entry: Entry, told: Iterable[Entry | Heard]) -> None:
        """What happened next, and what it meant."""
        match entry:
            case Joined(facts=facts):
                self._name = name_of(self._place, facts)
            case Secured(facts=facts):
                self._name, self._is_secure = name_of(self._place, facts), True
            case Dropped(side=Side.CLIENT, count=count):
                self.missing += count
        for each in told:
            if isinstance(each, Heard) and each.event.side is Side.CLIENT:
                self._hear(each)

    def _hear(self, heard: Heard) -> None:
        event = heard.event
        size = event.end - event.start
        match event:
            case Request() | Body() if self.left_out or self._kept + size > PROGRAM_BYTES:
                self.left_out += size
            case Request() if len(self._asked) >= PROGRAM_TURNS:
                self.left_out += size
            case Request():
                self.masked += 0 if self._secrets else len(event.hidden)
                self._asked.append(Asked(event if self._secrets else event.masked()))
                self._kept += size
            case Body(data=data) if self._asked:
                self._asked[-1].body += data
                self._kept += size
            case Malformed():
                self._more.append(f"{size} bytes that are no HTTP are left out.")
            case Upgraded():
                self._more.append("What the client said after that is not HTTP, so curl cannot say it.")

    def source(self) -> Iterator[str]:
        """The lines of the script. Raises `CannotProgram` where nothing was asked."""
        if not self._asked:
            raise CannotProgram("curl", "there is no request of HTTP in it")
        yield "#!/bin/sh"
        told = [*about(self._number, self._place), *lacks(self.masked, self.missing, self.left_out)]
        yield from (f"# {remark}" for remark in [*told, *dict.fromkeys(self._more)])
        for asked in self._asked:
            yield ""
            yield from self._command(asked)

    # ── one command ───────────────────────────────────────────────────────────────────────────────────────

    def _command(self, asked: Asked) -> Iterator[str]:
        head, body = asked.head, bytes(asked.body)
        if not _SAYABLE.fullmatch(head.target) or not _TOKEN.fullmatch(head.method):
            yield "# A request whose first line curl cannot say is left out."
            return
        fields = [(name, value) for name, value in head.headers if _is_sayable(name, value)]
        if unsaid := len(head.headers) - len(fields):
            yield f"# Fields of this request that curl cannot say are left out: {unsaid}."
        as_text = _is_argument(body)
        if not as_text:
            yield "base64 --decode <<'END' |"
            coded = base64.b64encode(body).decode()
            yield from (coded[start : start + 76] for start in range(0, len(coded), 76))
            yield "END"
        has_body = bool(body) or head.field("content-length") == "0"
        arguments = [
            *self._where(head.target), *_method(head.method, has_body), *_version(head, self._is_secure),
            *(f"--header {field}" for field in self._fields(fields, has_body)),
        ]  # fmt: skip
        if has_body:
            arguments.append(f"--data-binary {shell(body.decode()) if as_text else '@-'}")
        first, *others = arguments
        yield f"curl -sSi {first}" + " \\" * bool(others)
        yield from (f"    {other} \\" for other in others[:-1])
        yield from (f"    {other}" for other in others[-1:])

    def _where(self, target: str) -> Iterator[str]:
        """The URL, and what leads to the server beside it."""
        place = self._place
        is_plain = _PLAIN_TARGET.fullmatch(target) and not _FIRST_DOT.match(target)
        yield shell(f"{self._base()}{target if is_plain else '/'}")
        if not is_plain:
            yield f"--request-target {shell(target)}"
        if place.scheme == "unix":
            abstract = place.path.startswith("@")
            option = "--abstract-unix-socket" if abstract else "--unix-socket"
            yield f"{option} {shell(place.path[abstract:])}"
        elif self._host() != place.host:
            yield f"--connect-to {shell(f'::{_bracketed(place.host)}:{place.port}')}"

    def _host(self) -> str:
        """Whose certificate is asked for."""
        return self._name if self._is_secure else self._place.host or "localhost"

    def _base(self) -> str:
        return f"{'https' if self._is_secure else 'http'}://{self._authority()}"

    def _authority(self) -> str:
        """As curl writes it into `Host`, too: the usual port is left out there."""
        usual = 443 if self._is_secure else 80
        port = self._place.port or usual
        return _bracketed(self._host()) + ("" if port == usual else f":{port}")

    def _fields(self, fields: list[tuple[str, str]], has_body: bool) -> Iterator[str]:
        """The values of --header: those that were said, and those that curl would say and the client did not."""
        said = [name.lower() for name, _ in fields]
        for name, value in fields:
            if (name.lower() == "host" and value == self._authority()) or (
                name.lower() == "content-length" and has_body
            ):
                continue
            yield shell(f"{name}: {value}" if value else f"{name};")
        for name in ("Host", "User-Agent", "Accept", *(["Content-Type"] if has_body else [])):
            if name.lower() not in said:
                yield shell(f"{name}:")


def _method(method: str, has_body: bool) -> Iterator[str]:
    if method == "HEAD" and not has_body:
        yield "--head"
    elif method != ("POST" if has_body else "GET"):
        yield f"--request {shell(method)}"


def _version(head: Request, is_secure: bool) -> Iterator[str]:
    if head.version == "1.0":
        yield "--http1.0"
    elif is_secure:
        yield "--http1.1"


def _is_sayable(name: str, value: str) -> bool:
    """Whether --header takes it for the field that it is; `@` at its beginning would be a file."""
    return _TOKEN.fullmatch(name) is not None and not _CONTROL.search(value)


def _is_argument(body: bytes) -> bool:
    """Whether a body reads well between quotes; `@` at its beginning would be a file."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return False
    return not text.startswith("@") and all(c.isprintable() or c in "\n\t" for c in text)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
