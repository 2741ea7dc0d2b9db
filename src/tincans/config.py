"""`tincans.toml`: the listeners and relays that `tincans up` runs, read and checked before any of them is started.

    journal = "conversations"       # where all of them are recorded: a folder, or "memory:"
    record = true                   # whether; for all below, and each may say it again
    page = ":7700"                  # where all of it is seen; false for nowhere

    [limits]                        # for all below; each may have its own
    clients = 100                   # callers served at once; further ones wait
    handshake = 10                  # seconds for TLS and WebSocket handshakes
    idle = 600                      # seconds of silence after which a channel is closed
    drain = 5                       # seconds that open channels may go on when tincans stops

    [users]                         # who may log in, for every app that asks; tincans passwd NAME makes a line
    # ann = "SCRAM-SHA-256$600000:…"

    [[listen]]                      # as `tincans listen ADDRESS APP`
    name = "echo"                   # else it is called by its address
    address = ":7707"
    app = "echo"                    # or "http:DIR", "ftp:DIR", "mail", "exec:COMMAND", "MODULE:FUNCTION" …
    record = true
    limits = { clients = 10 }
    write = false                   # and whatever else the app has a use for (`tincans.apps.settings`)

    [[relay]]                       # as `tincans relay LISTEN TARGET`
    name = "front"
    listen = ":7708"
    target = ":7707"
    timeout = 10                    # seconds for one call of the target
    retry = 0                       # seconds of calling again where it does not answer
    protocol = "ftp"                # what is spoken, where it matters to the relay: data connections are followed
    intercept = false               # whether TLS is seen through; the target may have the options of tls:// then
    record = true
    limits = { idle = 60 }

What a relative path means (the journal, a Unix socket, a certificate) is relative to the file. Reading does not stop at
the first mistake: it goes on, and `ConfigError` has them all, each with its line.

Everything is a frozen value, so two readings of one file are equal entry by entry, and a switchboard can tell what
has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, get_args

import msgspec
from msgspec import Meta

from tincans import transports
from tincans.address import NETWORK, Address
from tincans.apps import find_app, takes
from tincans.apps.settings import Settings
from tincans.errors import AddressError, ConfigError, NoSuchProtocol, TincansError, UsageError, reason_of
from tincans.limits import CONNECT_SECONDS, Limits
from tincans.protocols import find_protocol
from tincans.server import close_app
from tincans.toml_lines import Place, TomlError, parse
from tincans.users import Users

#: The file that `tincans up` looks for.
FILE = "tincans.toml"

#: What it runs where there is none, one table a part. 7700 is kept for the page, and 7721 for FTP, which needs a folder
#: to serve.
DEFAULT = """\
[[listen]]
name = "echo"
address = ":7707"
app = "echo"

[[listen]]
name = "web"
address = ":7780"
app = "http:echo"

[[listen]]
name = "mail"
address = ":7725"
app = "mail"
days = 30

[[listen]]
name = "inbox"
address = ":7710"
app = "mail:pop3"

[[listen]]
name = "chat"
address = ":7767"
app = "chat"

[[relay]]
name = "front"
listen = ":7708"
target = ":7707"
"""

# ── what a setting takes; the description says it to who gave something else ──────────────────────────────

Name = Annotated[str, Meta(pattern=r"\A[\w.-]{1,64}\Z", description='a name of letters, digits, ".", "-" and "_"')]
Switch = Annotated[bool, Meta(description="true or false")]
Text = Annotated[str, Meta(min_length=1, description="a text in quotes")]
Page = Annotated[bool | str, Meta(description='an address in quotes, as in ":7700", or true or false')]
App = Annotated[str, Meta(min_length=1, description='an app in quotes, as in "echo"')]
Spoken = Annotated[str, Meta(min_length=1, description='a protocol in quotes, as in "ftp"')]
AddressText = Annotated[str, Meta(min_length=1, description='an address in quotes, as in ":7707"')]
Count = Annotated[int, Meta(ge=1, le=10**9, description="a whole number from 1 on")]
Seconds = Annotated[float, Meta(gt=0, le=1e9, description="a number of seconds above 0")]
Pause = Annotated[float, Meta(ge=0, le=1e9, description="a number of seconds, or 0")]
Table = Annotated[dict[str, Any], Meta(description="a table of settings")]
Records = Annotated[dict[str, str], Meta(description="a table of names and what tincans passwd prints for each")]
Tables = Annotated[list[dict[str, Any]], Meta(description="tables, each under a header in two pairs of brackets")]


class Listen(msgspec.Struct, frozen=True, kw_only=True):
    """A listener: whoever calls `address` is answered by `app`."""

    address: Address
    app: App
    name: Name = ""
    limits: Limits = Limits()
    record: Switch = True
    #: What the app is told; in the file each stands by its own name.
    settings: Settings = Settings()

    @property
    def at(self) -> Address:
        """Where it listens."""
        return self.address


class Relay(msgspec.Struct, frozen=True, kw_only=True):
    """A relay: whoever calls `listen` is joined to a call of `target`."""

    listen: Address
    target: Address
    name: Name = ""
    timeout: Seconds = CONNECT_SECONDS
    retry: Pause = 0.0
    protocol: Spoken = ""
    intercept: Switch = False
    limits: Limits = Limits()
    record: Switch = True

    @property
    def at(self) -> Address:
        """Where it listens."""
        return self.listen


Entry = Listen | Relay


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """All of a file: the listeners and then the relays, each with a name of its own."""

    entries: tuple[Entry, ...]
    #: What `open_journal` takes, or None for where recordings go by default.
    journal: str | None = None
    #: Where the page is served; True for its usual place, or a free one where that is taken; False for nowhere.
    page: Address | bool = True

    @property
    def record(self) -> bool:
        """Whether any of them is recorded."""
        return any(entry.record for entry in self.entries)


_KINDS: dict[str, type[Listen | Relay]] = {"listen": Listen, "relay": Relay}
_TOP = {
    "journal": Text, "page": Page, "record": Switch, "limits": Limits, "users": Users, "listen": Tables, "relay": Tables
}  # fmt: skip
_LIMITS = {"clients": Count, "handshake": Seconds, "idle": Seconds, "drain": Pause}

#: The settings of an app that stand in a [[listen]], each with its kind; users are in a table of their own.
_APP = {field.name: field.type for field in msgspec.structs.fields(Settings) if field.name != "users"}

#: The settings of an app that name a file.
_APP_FILES = ("cert", "key", "mails", "rooms")

#: What is not kept in a folder: a journal, or a chat's rooms.
MEMORY = "memory:"

#: The options of an address that name a file.
FILE_OPTIONS = ("ca", "cert", "key", "client-ca")


def load(path: Path) -> Config:
    """Read and check a file. Raises `ConfigError`, with all mistakes that can be told at once.

    The module of an app is imported, found from the current directory; nothing is opened and nobody is called.
    """
    return parse_config(_read(path), path)


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except OSError as error:
        raise ConfigError(str(path), None, f"cannot be read: {reason_of(error)}") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigError(str(path), line, "a byte here is not UTF-8") from error


def load_users(path: Path) -> Users:
    """The table [users] of a file, which may have other things in it, too. Raises `ConfigError`."""
    try:
        data, lines = parse(_read(path))
    except TomlError as error:
        raise ConfigError(str(path), error.line, error.reason) from error
    if "users" not in data:
        raise ConfigError(str(path), None, "it has no table [users]; tincans passwd makes its lines")
    try:
        return Users(_converted(("users",), data["users"], Records))
    except (_Unfit, UsageError) as error:
        raise ConfigError(str(path), lines.get(("users",)), str(error)) from error


def default() -> Config:
    """What runs where there is no file."""
    return parse_config(DEFAULT, Path("the default"))


def parse_config(text: str, path: Path) -> Config:
    """As `load`, of a text: `path` is what errors call it, and what is relative is relative to its folder."""
    try:
        data, lines = parse(text)
    except TomlError as error:
        raise ConfigError(str(path), error.line, error.reason) from error
    return _Reader(path, lines).read(data)


def _default_entries() -> dict[str, Any]:
    """What a file runs that has users or limits, and names nobody to run."""
    return parse(DEFAULT)[0]


def journal_at(text: str, folder: Path) -> str:
    """What `open_journal` takes, with a relative path made absolute from `folder`."""
    if text == MEMORY:
        return text
    return str(folder / Path(text.removeprefix("sqlite:")).expanduser())


def short(address: Address) -> str:
    """The shortest text by which a program on this machine can call it: `:7707`."""
    if address.host == "*":
        address = address._replace(host="127.0.0.1")
    if address.scheme == "tcp" and not address.wraps and address.host == "127.0.0.1":
        return f":{address.port}"
    return str(address.bare())


def same_place(one: Address, other: Address) -> bool:
    """Whether two cannot both listen there. Port 0 is never the same."""
    if one.scheme not in NETWORK:
        return (one.scheme, one.path) == (other.scheme, other.path)
    if (one.scheme, one.port) != (other.scheme, other.port) or not one.port:
        return False
    return one.host == other.host or "*" in (one.host, other.host)


# ── reading ───────────────────────────────────────────────────────────────────────────────────────────────


class _Intercepted:
    """Instead of `Address`: that of a target whose TLS is seen through."""


class _Unfit(ValueError):
    """A value that its setting does not take; the text says what it takes."""


class _Reader:
    """Reads one file from its top to its end, and collects the mistakes."""

    def __init__(self, path: Path, lines: Mapping[Place, int]) -> None:
        self._path, self._lines = path, lines
        self._folder = path.absolute().parent
        self._mistakes: list[ConfigError] = []
        self._limits, self._record, self._users = Limits(), True, Users()  # of the whole file, for every entry

    def read(self, data: dict[str, Any]) -> Config:
        if not any(data.get(kind) for kind in _KINDS):
            data = {**data, **_default_entries()}
        top = self._table((), data, _TOP)
        self._limits, self._record = top.get("limits", self._limits), top.get("record", True)
        self._users = top.get("users", self._users)
        entries = dict(self._entries(top))
        for check in (_check_names, _check_roles, _check_places, _check_circles):
            for place, reason in check(entries):
                self._mistake(place, reason)
        for reason in _check_page(top.get("page", True), entries.values()):
            self._mistake(("page",), reason)
        if self._mistakes:
            first, *others = sorted(self._mistakes, key=lambda mistake: mistake.line or 0)
            raise ConfigError(first.file, first.line, first.reason, others)
        journal = journal_at(top["journal"], self._folder) if "journal" in top else None
        return Config(entries=tuple(entries.values()), journal=journal, page=top.get("page", True))

    def _mistake(self, place: Place, reason: str) -> None:
        while place and place not in self._lines:
            place = place[:-1]
        self._mistakes.append(ConfigError(str(self._path), self._lines.get(place), reason))

    def _entries(self, top: dict[str, Any]) -> Iterator[tuple[Place, Entry]]:
        for name, kind in _KINDS.items():
            for index, table in enumerate(top.get(name, ())):
                entry = self._entry((name, index), table, kind)
                if entry is not None:
                    yield (name, index), entry

    def _entry(self, place: Place, data: dict[str, Any], kind: type[Entry]) -> Entry | None:
        """One listener or relay; None where it cannot be made, and why is among the mistakes."""
        fields = msgspec.structs.fields(kind)
        settings: dict[str, Any] = {field.name: field.type for field in fields if field.type is not Settings}
        if kind is Listen:
            settings |= _APP
        if data.get("intercept") is True:
            settings["target"] = _Intercepted
        found = self._table(place, data, settings)
        needed = [field.name for field in fields if field.required]
        for name in needed:
            if name not in data:
                self._mistake(place, f"this [[{place[0]}]] has no setting {name!r}, and needs one")
        if not set(needed) <= set(found):
            return None
        if kind is Listen:
            found["settings"] = self._settings(place, found)
        entry: Entry = kind(**{"limits": self._limits, "record": self._record, **found})
        return entry if entry.name else msgspec.structs.replace(entry, name=short(entry.at))

    def _settings(self, place: Place, found: dict[str, Any]) -> Settings:
        """What an app is told, taken out of what its table has. The app is made, and thrown away."""
        told = {name: found.pop(name) for name in _APP if name in found}
        told |= {name: str(self._folder / told[name]) for name in _APP_FILES if told.get(name, MEMORY) != MEMORY}
        if "users" in takes(found["app"]):
            told["users"] = self._users
        settings = Settings(**told)
        try:
            close_app(find_app(found["app"], settings))
        except TincansError as error:
            self._mistake((*place, "app"), str(error))
        return settings

    def _table(self, place: Place, data: dict[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
        """Those settings of a table that are right."""
        found: dict[str, Any] = {}
        for name, value in data.items():
            try:
                if name not in settings:
                    raise _Unfit(f"there is no setting {name!r}{_near(name, settings)}")
                found[name] = self._value((*place, name), value, settings[name])
            except (_Unfit, AddressError, NoSuchProtocol, UsageError) as error:
                self._mistake((*place, name), str(error))
        return found

    def _value(self, place: Place, value: object, kind: Any) -> Any:
        """What a setting was given, as the `kind` that it takes."""
        if kind is Limits:
            return self._limits._replace(**self._table(place, _converted(place, value, Table), _LIMITS))
        if kind in (Address, _Intercepted):
            also = ("tls",) if kind is _Intercepted else ()
            return self._rooted(Address.parse(_converted(place, value, AddressText), also=also), also)
        if kind is Users:
            return Users(_converted(place, value, Records))
        value = _converted(place, value, kind)
        if kind is Page:
            return value if isinstance(value, bool) else Address.parse(str(value))
        if kind is Spoken:
            find_protocol(str(value))
        return value

    def _rooted(self, address: Address, also: tuple[str, ...]) -> Address:
        """The address with its relative paths made absolute; they may turn out to be too long then."""
        options = tuple((k, str(self._folder / v) if k in FILE_OPTIONS else v) for k, v in address.options)
        path = address.path
        if address.scheme == "unix" and not path.startswith("@"):
            path = str(self._folder / path)
        return Address.parse(str(address._replace(path=path, options=options)), also=also)


def _converted(place: Place, value: object, kind: Any) -> Any:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError:
        takes = get_args(kind)[1].description
        raise _Unfit(f"{str(place[-1])!r} takes {takes}, not {_shown(value)}") from None


def _shown(value: object) -> str:
    """A value as the file may have it."""
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "a list"
    return msgspec.json.encode(value).decode() if isinstance(value, str | bool) else str(value)


def _near(name: str, known: Mapping[str, Any]) -> str:
    if name in _LIMITS and "limits" in known:
        return f", but there is one among the limits: limits = {{ {name} = … }}"
    near = get_close_matches(name, known, 1)
    return f", did you mean {near[0]!r}?" if near else f" (there are {', '.join(known)})"


# ── what one entry alone cannot tell ──────────────────────────────────────────────────────────────────────

#: Where the mistake is, and what it is.
_Found = Iterator[tuple[Place, str]]


def _check_names(entries: Mapping[Place, Entry]) -> _Found:
    """Each name is there once."""
    seen: set[str] = set()
    for place, entry in entries.items():
        if entry.name in seen:
            yield (*place, "name"), f"the name {entry.name!r} is taken already: give this one another"
        seen.add(entry.name)


def _check_roles(entries: Mapping[Place, Entry]) -> _Found:
    """Nobody listens where nobody can call, or calls where nobody can listen; the files of a wrap can be used."""
    for place, entry in entries.items():
        at = (*place, "address" if isinstance(entry, Listen) else "listen")
        if entry.at.scheme in ("exec", "stdio"):
            yield at, f"{entry.at} cannot be called, so nothing can listen there; write for example :9000"
        elif reason := _unusable(transports.server_wraps, entry.at, "tls" in entry.at.wraps):
            yield at, reason
        if isinstance(entry, Relay):
            target = (*place, "target")
            if entry.target.host == "*" or (entry.target.scheme in NETWORK and not entry.target.port):
                yield target, f"{entry.target} can be listened on but not called; write for example :9000"
            elif reason := _unusable(transports.client_wraps, _called(entry), False):
                yield target, reason


def _called(relay: Relay) -> Address:
    """The target, with the wraps with which it may be called."""
    wraps = relay.target.wraps
    return relay.target._replace(wraps=(*wraps, "tls")) if relay.intercept and "tls" not in wraps else relay.target


def _unusable(wraps: Callable[[Address], object], address: Address, needs_certificate: bool) -> str:
    """Why the files that an address names cannot be used. Where none is named, one is made, but not for a check."""
    if needs_certificate and not address.option("cert"):
        return ""
    try:
        wraps(address)
    except AddressError as error:
        return str(error)
    return ""


def _check_places(entries: Mapping[Place, Entry]) -> _Found:
    """No two listen on one address."""
    before: list[Entry] = []
    for place, entry in entries.items():
        other = next((each for each in before if same_place(each.at, entry.at)), None)
        if other is not None:
            at = (*place, "address" if isinstance(entry, Listen) else "listen")
            yield at, f"{other.name} listens on {other.at.bare()} already"
        before.append(entry)


def _check_page(page: Address | bool, entries: Iterable[Entry]) -> Iterator[str]:
    """A browser can open it, and nobody else listens there."""
    if isinstance(page, bool):
        return
    if page.scheme != "tcp" or page.wraps:
        yield f"a browser opens the page by plain TCP, and {page} is none; write for example :7700"
    for entry in entries:
        if same_place(entry.at, page):
            yield f"{entry.name} listens on {entry.at.bare()} already"


def _check_circles(entries: Mapping[Place, Entry]) -> _Found:
    """No relay calls itself, be it by way of others: one caller would take up everything there is."""
    relays = {place: entry for place, entry in entries.items() if isinstance(entry, Relay)}
    for place, entry in relays.items():
        way = [entry]
        while called := next((each for each in relays.values() if same_place(each.at, way[-1].target)), None):
            if called is entry:
                names = " → ".join(each.name for each in (*way, entry))
                yield (*place, "target"), f"this relay calls itself: {names}"
            if called in way:
                break
            way.append(called)
