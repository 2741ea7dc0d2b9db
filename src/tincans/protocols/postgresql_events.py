"""What is said in PostgreSQL, as events: each is one message, and has the names that its documentation has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import ClassVar

import msgspec

from tincans.channel import Side
from tincans.protocols.events import MASK, Chunk, Event, encoded, text
from tincans.protocols.view import View, Viewer

#: How many characters of one value, and of a statement, a summary has.
_SHOWN, _STATEMENT_SHOWN = 200, 2000


class _Message(Event, frozen=True, kw_only=True):
    #: The field that is a secret, if there is one.
    secret: ClassVar[str] = ""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, str) and "\0" in value:
                raise ValueError(f"{name} cannot have a zero byte in it")

    def masked(self) -> _Message:
        value = getattr(self, self.secret) if self.secret else None
        if not value:
            return self
        return msgspec.structs.replace(self, **{self.secret: MASK if isinstance(value, str) else MASK.encode()})


class _Answer(_Message, frozen=True, kw_only=True):
    side: Side = Side.SERVER


class StartupMessage(_Message, frozen=True, kw_only=True):
    """Who the client is, which database it wants, and what it sets for the session."""

    major: int = 3
    minor: int = 0
    parameters: tuple[tuple[str, str], ...]

    def __post_init__(self) -> None:
        if any("\0" in word for pair in self.parameters for word in pair) or any(
            not name for name, _ in self.parameters
        ):
            raise ValueError("a parameter has a name, and no zero byte in it")

    @property
    def summary(self) -> str:
        known = dict(self.parameters)
        return f"start {self.major}.{self.minor} as {known.get('user', '')!r} in {known.get('database', '')!r}"

    @property
    def details(self) -> Iterator[str]:
        return (f"{name}: {value}" for name, value in self.parameters)


class SSLRequest(_Message, frozen=True, kw_only=True):
    """The client would like to speak TLS."""

    @property
    def summary(self) -> str:
        return "may we speak TLS?"


class GSSENCRequest(_Message, frozen=True, kw_only=True):
    """The client would like to speak encrypted by GSSAPI."""

    @property
    def summary(self) -> str:
        return "may we encrypt with GSSAPI?"


class EncryptionAnswer(_Answer, frozen=True, kw_only=True):
    """One byte: `S` yes to TLS, `G` yes to GSSAPI, `N` no."""

    answer: str

    @property
    def summary(self) -> str:
        return {"S": "yes, TLS", "G": "yes, GSSAPI"}.get(self.answer, "no")


class CancelRequest(_Message, frozen=True, kw_only=True):
    """Another connection's query is to be cancelled: that of this process, which the key proves to be one's own."""

    secret: ClassVar[str] = "key"
    process: int
    key: bytes

    @property
    def summary(self) -> str:
        return f"cancel what process {self.process} does"


_AUTHENTICATIONS = {
    0: "ok", 2: "Kerberos V5", 3: "cleartext password", 5: "MD5 password", 7: "GSSAPI", 8: "GSSAPI goes on", 9: "SSPI",
    10: "SASL", 11: "SASL goes on", 12: "SASL is done",
}  # fmt: skip


class Authentication(_Answer, frozen=True, kw_only=True):
    """What the server asks for to know who the client is, or that it does now (method 0)."""

    method: int
    data: bytes = b""

    @property
    def summary(self) -> str:
        name = _AUTHENTICATIONS.get(self.method, f"method {self.method}")
        mechanisms = ", ".join(text(word) for word in self.data.split(b"\0") if word) if self.method == 10 else ""
        return f"authentication: {name}{' by ' if mechanisms else ''}{mechanisms}"


class PasswordMessage(_Message, frozen=True, kw_only=True):
    """The password, or its MD5 with the server's salt."""

    secret: ClassVar[str] = "password"
    password: str

    @property
    def summary(self) -> str:
        return f"password {self.password}"


class SASLInitialResponse(_Message, frozen=True, kw_only=True):
    """The mechanism that the client chose, and the first it has to say in it."""

    secret: ClassVar[str] = "response"
    mechanism: str
    response: bytes | None = None

    @property
    def summary(self) -> str:
        return f"SASL by {self.mechanism}"


class SASLResponse(_Message, frozen=True, kw_only=True):
    """The next that the client has to say in its mechanism."""

    secret: ClassVar[str] = "data"
    data: bytes

    @property
    def summary(self) -> str:
        return "SASL response"


class GSSResponse(SASLResponse, frozen=True, kw_only=True):
    """The next that the client has to say to GSSAPI or SSPI."""

    @property
    def summary(self) -> str:
        return "GSSAPI response"


class BackendKeyData(_Answer, frozen=True, kw_only=True):
    """What a CancelRequest for this connection will need."""

    secret: ClassVar[str] = "key"
    process: int
    key: bytes

    @property
    def summary(self) -> str:
        return f"this is process {self.process}"


class ParameterStatus(_Answer, frozen=True, kw_only=True):
    """A setting, and its value from now on."""

    name: str
    value: str

    @property
    def summary(self) -> str:
        return f"{self.name} = {self.value}"


class NegotiateProtocolVersion(_Answer, frozen=True, kw_only=True):
    """The newest minor version the server speaks, and the options it does not know."""

    minor: int
    options: tuple[str, ...]


class ReadyForQuery(_Answer, frozen=True, kw_only=True):
    """The server can take the next query. `I` idle, `T` in a transaction, `E` in one that failed."""

    status: str

    @property
    def summary(self) -> str:
        known = {"I": "idle", "T": "in a transaction", "E": "in a failed transaction"}
        return f"ready, {known.get(self.status, self.status)}"


#: A password that is written in a statement, its quotes not counted.
_PASSWORD = re.compile(r"(?i)(\bpassword\s+E?')((?:[^'\\]|''|\\.)*)|(\bpassword\s*=\s*)([^\s'\",;)]+)", re.DOTALL)


class Statement(_Message, frozen=True, kw_only=True):
    query: str

    @property
    def summary(self) -> str:
        return _cut(self.query, _STATEMENT_SHOWN)

    def masked(self) -> Statement:
        query = _PASSWORD.sub(lambda match: (match[1] or match[3]) + MASK, self.query)
        return msgspec.structs.replace(self, query=query)


class Query(Statement, frozen=True, kw_only=True):
    """Statements, to be parsed and executed at once."""


class Parse(Statement, frozen=True, kw_only=True):
    """A statement to be prepared: under this name, with parameters of these types (0: the server shall tell)."""

    statement: str = ""
    types: tuple[int, ...] = ()

    @property
    def summary(self) -> str:
        return f"parse {self.statement!r}: {_cut(self.query, _STATEMENT_SHOWN)}"


class Bind(_Message, frozen=True, kw_only=True):
    """A prepared statement with its parameters becomes a portal. Formats: 0 text, 1 binary."""

    portal: str = ""
    statement: str = ""
    formats: tuple[int, ...] = ()
    values: tuple[str | None, ...] = ()
    result_formats: tuple[int, ...] = ()

    @property
    def summary(self) -> str:
        return f"bind {self.statement!r} to {self.portal!r} with {_row(self.values)}"


class _Named(_Message, frozen=True, kw_only=True):
    """`kind` is `S` for a prepared statement, `P` for a portal."""

    kind: str = "P"
    name: str = ""

    @property
    def summary(self) -> str:
        what = {"S": "statement", "P": "portal"}.get(self.kind, self.kind)
        return f"{type(self).__name__.lower()} {what} {self.name!r}"


class Describe(_Named, frozen=True, kw_only=True):
    """Which parameters and columns has this?"""


class Close(_Named, frozen=True, kw_only=True):
    """This is not needed any more."""


class Execute(_Message, frozen=True, kw_only=True):
    """Execute a portal, and give so many rows at most; 0: all."""

    portal: str = ""
    rows: int = 0

    @property
    def summary(self) -> str:
        return f"execute {self.portal!r}" + (f", {self.rows} rows at most" if self.rows else "")


class Sync(_Message, frozen=True, kw_only=True):
    """The end of an extended query: say ReadyForQuery then."""


class Flush(_Message, frozen=True, kw_only=True):
    """Say now what was held back."""


class Terminate(_Message, frozen=True, kw_only=True):
    """Goodbye."""


class FunctionCall(_Message, frozen=True, kw_only=True):
    """Call the function that has this number. An older way than a query."""

    function: int
    formats: tuple[int, ...] = ()
    values: tuple[str | None, ...] = ()
    result_format: int = 0

    @property
    def summary(self) -> str:
        return f"call function {self.function} with {_row(self.values)}"


class FunctionCallResponse(_Answer, frozen=True, kw_only=True):
    """What the function gave."""

    value: str | None

    @property
    def summary(self) -> str:
        return _row((self.value,))


class ParseComplete(_Answer, frozen=True, kw_only=True):
    """Prepared."""


class BindComplete(_Answer, frozen=True, kw_only=True):
    """The portal is there."""


class CloseComplete(_Answer, frozen=True, kw_only=True):
    """It is gone."""


class NoData(_Answer, frozen=True, kw_only=True):
    """What was described gives no rows."""


class PortalSuspended(_Answer, frozen=True, kw_only=True):
    """Those were as many rows as Execute wanted; there are more."""


class EmptyQueryResponse(_Answer, frozen=True, kw_only=True):
    """The query was empty."""


class ParameterDescription(_Answer, frozen=True, kw_only=True):
    """The types of a prepared statement's parameters."""

    types: tuple[int, ...]

    @property
    def summary(self) -> str:
        return ", ".join(map(_type, self.types)) or "no parameters"


#: pg_type's own, the common ones.
_TYPES = {
    16: "bool", 17: "bytea", 18: "char", 19: "name", 20: "int8", 21: "int2", 23: "int4", 25: "text", 26: "oid",
    114: "json", 700: "float4", 701: "float8", 1005: "int2[]", 1007: "int4[]", 1009: "text[]", 1042: "bpchar",
    1043: "varchar", 1082: "date", 1083: "time", 1114: "timestamp", 1184: "timestamptz", 1186: "interval",
    1700: "numeric", 2205: "regclass", 2950: "uuid", 3802: "jsonb",
}  # fmt: skip


def _type(number: int) -> str:
    return _TYPES.get(number, f"type {number}")


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One column of a result: its name, where it is from, its type, and its format (0 text, 1 binary)."""

    name: str
    table: int = 0
    number: int = 0
    type: int = 25
    size: int = -1
    modifier: int = -1
    format: int = 0


class RowDescription(_Answer, frozen=True, kw_only=True):
    """The columns of the rows that follow."""

    columns: tuple[Column, ...]

    def __post_init__(self) -> None:
        if any("\0" in column.name for column in self.columns):
            raise ValueError("a column's name cannot have a zero byte in it")

    @property
    def summary(self) -> str:
        return " | ".join(column.name for column in self.columns) or "no columns"

    @property
    def details(self) -> Iterator[str]:
        binary = {0: "", 1: ", binary"}
        return (f"{each.name}: {_type(each.type)}{binary.get(each.format, '')}" for each in self.columns)


class DataRow(_Answer, frozen=True, kw_only=True):
    """One row: each value as text, reversibly, also where it is binary; None is NULL."""

    values: tuple[str | None, ...]

    @property
    def summary(self) -> str:
        return _row(self.values)


class CommandComplete(_Answer, frozen=True, kw_only=True):
    """A statement is done: its name, and how many rows it was about."""

    tag: str

    @property
    def summary(self) -> str:
        return self.tag


#: What the letters of an error's fields mean.
_FIELDS = {
    "S": "severity", "V": "severity", "C": "code", "M": "message", "D": "detail", "H": "hint", "P": "position",
    "p": "internal position", "q": "internal query", "W": "where", "s": "schema", "t": "table", "c": "column",
    "d": "type", "n": "constraint", "F": "file", "L": "line", "R": "routine",
}  # fmt: skip
_TOLD_IN_SUMMARY = "SVCM"


class _Notice(_Answer, frozen=True, kw_only=True):
    #: Letters, each with its text; see `_FIELDS`.
    fields: tuple[tuple[str, str], ...]

    def __post_init__(self) -> None:
        if any(len(encoded(letter)) != 1 or "\0" in letter + said for letter, said in self.fields):
            raise ValueError("a field has one letter, and no zero byte in it")

    @property
    def summary(self) -> str:
        known = dict(self.fields)
        return f"{known.get('S', '')}: {known.get('M', '')} ({known.get('C', '')})"

    @property
    def details(self) -> Iterator[str]:
        return (
            f"{_FIELDS.get(letter, letter)}: {said}" for letter, said in self.fields if letter not in _TOLD_IN_SUMMARY
        )


class ErrorResponse(_Notice, frozen=True, kw_only=True):
    """Why something cannot be done."""


class NoticeResponse(_Notice, frozen=True, kw_only=True):
    """A warning, or something worth knowing."""


class NotificationResponse(_Answer, frozen=True, kw_only=True):
    """Somebody's NOTIFY on a channel that this client listens on."""

    process: int
    channel: str
    payload: str = ""

    @property
    def summary(self) -> str:
        return f"notified on {self.channel} by process {self.process}: {self.payload}"


class CopyInResponse(_Answer, frozen=True, kw_only=True):
    """The server waits for rows from the client: as text (0) or binary (1), and so each column."""

    format: int = 0
    columns: tuple[int, ...] = ()

    @property
    def summary(self) -> str:
        return f"copy, {len(self.columns)} columns as {'binary' if self.format else 'text'}"


class CopyOutResponse(CopyInResponse, frozen=True, kw_only=True):
    """The server will send rows."""


class CopyBothResponse(CopyInResponse, frozen=True, kw_only=True):
    """Both will: replication."""


class CopyData(Chunk, frozen=True, kw_only=True):
    """Rows that COPY carries. In which messages they come means nothing."""


class CopyDone(_Message, frozen=True, kw_only=True):
    """Those were all rows."""


class CopyFail(_Message, frozen=True, kw_only=True):
    """The client cannot go on with its rows, and why."""

    reason: str

    @property
    def summary(self) -> str:
        return f"copying failed: {self.reason}"


class Unknown(_Message, frozen=True, kw_only=True):
    """A message of a type that is not known here."""

    letter: str
    data: bytes

    def __post_init__(self) -> None:
        if len(self.letter) != 1 or ord(self.letter) > 0xFF:
            raise ValueError(f"{self.letter!r} is not one byte")

    @property
    def summary(self) -> str:
        return f"a message {self.letter!r} of {len(self.data)} bytes"


class LongMessage(_Message, frozen=True, kw_only=True):
    """A message that is too long to be shown whole: its type and length. Its bytes follow as pieces."""

    letter: str
    size: int

    @property
    def summary(self) -> str:
        return f"a message {self.letter!r} of {self.size} bytes"


class Piece(Chunk, frozen=True, kw_only=True):
    """Some of a LongMessage."""


def _row(values: Iterable[str | None]) -> str:
    return " | ".join("NULL" if value is None else _cut(value) for value in values) or "nothing"


def _cut(value: str, shown: int = _SHOWN) -> str:
    return value if len(value) <= shown else f"{value[:shown]}… ({len(encoded(value))} bytes)"


class PostgresqlViewer(Viewer):
    """A long statement or value is content, so that a reader may have all of it."""

    def view(self, event: Event) -> View:
        event = event.masked()
        strings: Iterable[str | None] = ()
        if isinstance(event, Statement):
            strings = [event.query]
        elif isinstance(event, DataRow | Bind):
            strings = event.values
        longest = max((each or "" for each in strings), key=len, default="")
        shown = _STATEMENT_SHOWN if isinstance(event, Statement) else _SHOWN
        return (
            View(event.summary, tuple(event.details), encoded(longest)) if len(longest) > shown else super().view(event)
        )


def written_passwords(query: str, start: int) -> Iterator[tuple[int, int]]:
    """Where passwords stand in a statement that begins at `start`."""
    for match in _PASSWORD.finditer(query):
        group = 2 if match[1] else 4
        begin = start + len(encoded(query[: match.start(group)]))
        yield begin, begin + len(encoded(match[group]))
