"""PostgreSQL: start-up, authentication, simple and extended queries, COPY. Protocol 3.0 and 3.2.

A client begins with a packet without a type, and so does one that asked for encryption and was refused:

    client   start ──StartupMessage──► typed messages        CancelRequest: nothing follows
               │ ▲
     SSLRequest│ │"N": refused; or "S", TLS, and `secured`
               ▼ │
             held until the server has answered with one byte

From there on each message is a letter, a length, and fields; which ones is a row of `_MESSAGES`, and a row is read and
written by the same codecs. The letter `p` alone means what the server's last Authentication asked for. What COPY
carries comes in pieces as it arrives. https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

from tincans.channel import Side
from tincans.errors import LocalProtocolError
from tincans.limits import MESSAGE_BYTES, POSTGRESQL_STARTUP_BYTES
from tincans.protocols.cursor import Cursor
from tincans.protocols.events import Chunk, Event, encoded, text
from tincans.protocols.inbox import Inbox, Wrong
from tincans.protocols.postgresql_events import (
    Authentication,
    BackendKeyData,
    Bind,
    BindComplete,
    CancelRequest,
    Close,
    CloseComplete,
    Column,
    CommandComplete,
    CopyBothResponse,
    CopyData,
    CopyDone,
    CopyFail,
    CopyInResponse,
    CopyOutResponse,
    DataRow,
    Describe,
    EmptyQueryResponse,
    EncryptionAnswer,
    ErrorResponse,
    Execute,
    Flush,
    FunctionCall,
    FunctionCallResponse,
    GSSENCRequest,
    GSSResponse,
    LongMessage,
    NegotiateProtocolVersion,
    NoData,
    NoticeResponse,
    NotificationResponse,
    ParameterDescription,
    ParameterStatus,
    Parse,
    ParseComplete,
    PasswordMessage,
    Piece,
    PortalSuspended,
    PostgresqlViewer,
    Query,
    ReadyForQuery,
    RowDescription,
    SASLInitialResponse,
    SASLResponse,
    SSLRequest,
    StartupMessage,
    Statement,
    Sync,
    Terminate,
    Unknown,
    written_passwords,
)
from tincans.protocols.session import Match, Session
from tincans.protocols.view import Viewer

# ── fields ────────────────────────────────────────────────────────────────────────────────────────────────


class _Codec(NamedTuple):
    """How one field is read and written."""

    read: Callable[[Cursor], Any]
    write: Callable[[Any], bytes]


_Layout = Sequence[tuple[str, _Codec]]


def _int(size: int, *, signed: bool = True) -> _Codec:
    return _Codec(
        lambda cursor: cursor.number(size, signed=signed), lambda value: int(value).to_bytes(size, "big", signed=signed)
    )


_INT8, _INT16, _INT32, _OID = _int(1, signed=False), _int(2), _int(4), _int(4, signed=False)


def _write_string(value: str) -> bytes:
    if "\0" in value:
        raise ValueError("a string cannot have a zero byte in it")
    return encoded(value) + b"\0"


def _write_letter(value: str) -> bytes:
    if len(data := encoded(value)) != 1:
        raise ValueError(f"{value!r} is not one letter")
    return data


_STRING = _Codec(lambda cursor: text(cursor.string()), _write_string)
_LETTER = _Codec(lambda cursor: text(cursor.take(1)), _write_letter)
_REST = _Codec(Cursor.rest, bytes)


def _read_bytes(cursor: Cursor) -> bytes | None:
    length = cursor.number(4, signed=True)
    return None if length == -1 else cursor.take(length)


def _write_bytes(value: bytes | None) -> bytes:
    return _INT32.write(-1) if value is None else _INT32.write(len(value)) + value


def _read_value(cursor: Cursor) -> str | None:
    data = _read_bytes(cursor)
    return None if data is None else text(data)


_BYTES = _Codec(_read_bytes, _write_bytes)
_VALUE = _Codec(_read_value, lambda value: _write_bytes(None if value is None else encoded(value)))


def _list(item: _Codec, count: _Codec = _INT16) -> _Codec:
    """As many as the number before them says."""

    def write(items: Sequence[Any]) -> bytes:
        return count.write(len(items)) + b"".join(map(item.write, items))

    def read(cursor: Cursor) -> tuple[Any, ...]:
        if (number := count.read(cursor)) < 0:
            raise cursor.wrong(f"there cannot be {number} of them")
        return tuple(item.read(cursor) for _ in range(number))

    return _Codec(read, write)


def _pairs(first: _Codec) -> _Codec:
    """A key and a string each, up to a zero byte."""

    def read(cursor: Cursor) -> tuple[tuple[str, str], ...]:
        pairs = []
        while cursor.left and cursor.data[cursor.at]:
            pairs.append((first.read(cursor), _STRING.read(cursor)))
        cursor.take(1)
        return tuple(pairs)

    return _Codec(read, lambda pairs: b"".join(first.write(a) + _STRING.write(b) for a, b in pairs) + b"\0")


_COLUMN: _Layout = (
    ("name", _STRING), ("table", _OID), ("number", _INT16), ("type", _OID), ("size", _INT16), ("modifier", _INT32),
    ("format", _INT16),
)  # fmt: skip
_COLUMNS = _list(
    _Codec(
        lambda cursor: Column(**{name: codec.read(cursor) for name, codec in _COLUMN}),
        lambda column: b"".join(codec.write(getattr(column, name)) for name, codec in _COLUMN),
    )
)
_COPYING: _Layout = (("format", _INT8), ("columns", _list(_INT16)))
_NAMED: _Layout = (("kind", _LETTER), ("name", _STRING))
_NOTICE: _Layout = (("fields", _pairs(_LETTER)),)


class _Row(NamedTuple):
    """One type of message."""

    letter: str
    kind: type[Event]
    layout: _Layout = ()


_FROM_CLIENT = (
    _Row("B", Bind, (("portal", _STRING), ("statement", _STRING), ("formats", _list(_INT16)),
                     ("values", _list(_VALUE)), ("result_formats", _list(_INT16)))),
    _Row("C", Close, _NAMED),
    _Row("D", Describe, _NAMED),
    _Row("E", Execute, (("portal", _STRING), ("rows", _INT32))),
    _Row("F", FunctionCall, (("function", _OID), ("formats", _list(_INT16)), ("values", _list(_VALUE)),
                             ("result_format", _INT16))),
    _Row("H", Flush),
    _Row("P", Parse, (("statement", _STRING), ("query", _STRING), ("types", _list(_OID)))),
    _Row("Q", Query, (("query", _STRING),)),
    _Row("S", Sync),
    _Row("X", Terminate),
    _Row("c", CopyDone),
    _Row("d", CopyData, (("data", _REST),)),
    _Row("f", CopyFail, (("reason", _STRING),)),
)  # fmt: skip

_FROM_SERVER = (
    _Row("1", ParseComplete),
    _Row("2", BindComplete),
    _Row("3", CloseComplete),
    _Row("A", NotificationResponse, (("process", _INT32), ("channel", _STRING), ("payload", _STRING))),
    _Row("C", CommandComplete, (("tag", _STRING),)),
    _Row("D", DataRow, (("values", _list(_VALUE)),)),
    _Row("E", ErrorResponse, _NOTICE),
    _Row("G", CopyInResponse, _COPYING),
    _Row("H", CopyOutResponse, _COPYING),
    _Row("I", EmptyQueryResponse),
    _Row("K", BackendKeyData, (("process", _INT32), ("key", _REST))),
    _Row("N", NoticeResponse, _NOTICE),
    _Row("R", Authentication, (("method", _INT32), ("data", _REST))),
    _Row("S", ParameterStatus, (("name", _STRING), ("value", _STRING))),
    _Row("T", RowDescription, (("columns", _COLUMNS),)),
    _Row("V", FunctionCallResponse, (("value", _VALUE),)),
    _Row("W", CopyBothResponse, _COPYING),
    _Row("Z", ReadyForQuery, (("status", _LETTER),)),
    _Row("c", CopyDone),
    _Row("d", CopyData, (("data", _REST),)),
    _Row("n", NoData),
    _Row("s", PortalSuspended),
    _Row("t", ParameterDescription, (("types", _list(_OID)),)),
    _Row("v", NegotiateProtocolVersion, (("minor", _INT32), ("options", _list(_STRING, _INT32)))),
)

#: What `p` is, by what the server asked for last; a password where it is not known.
_PASSWORD_ROW = _Row("p", PasswordMessage, (("password", _STRING),))
_GSS_ROW = _Row("p", GSSResponse, (("data", _REST),))
_PROOFS: dict[int, _Row] = {
    7: _GSS_ROW, 8: _GSS_ROW, 9: _GSS_ROW,
    10: _Row("p", SASLInitialResponse, (("mechanism", _STRING), ("response", _BYTES))),
    11: _Row("p", SASLResponse, (("data", _REST),)),
}  # fmt: skip

_MESSAGES: dict[Side, dict[int, _Row]] = {
    Side.CLIENT: {ord(row.letter): row for row in _FROM_CLIENT},
    Side.SERVER: {ord(row.letter): row for row in _FROM_SERVER},
}
_BY_KIND = {
    Side.CLIENT: {row.kind: row for row in (*_FROM_CLIENT, _PASSWORD_ROW, *_PROOFS.values())},
    Side.SERVER: {row.kind: row for row in _FROM_SERVER},
}

#: Packets without a type, by the number that stands where the version would.
_CANCEL, _SSL, _GSSENC = 80877102, 80877103, 80877104
_STARTS: dict[int, tuple[type[Event], _Layout]] = {
    _CANCEL: (CancelRequest, (("process", _INT32), ("key", _REST))),
    _SSL: (SSLRequest, ()),
    _GSSENC: (GSSENCRequest, ()),
}
_STARTUP: _Layout = (("major", _INT16), ("minor", _INT16), ("parameters", _pairs(_STRING)))
_VERSIONS = [version.to_bytes(4, "big") for version in (*_STARTS, 3 << 16, 3 << 16 | 1, 3 << 16 | 2)]
#: To which question which one byte is a yes, and what is spoken then.
_YES = {_SSL: (b"S", "tls"), _GSSENC: (b"G", "raw")}
#: What is answered by a ReadyForQuery, and what the client has to answer first.
_CYCLES = (StartupMessage, Query, Sync, FunctionCall)


# ── the session ───────────────────────────────────────────────────────────────────────────────────────────


class PostgresqlSession(Session):
    """The frontend/backend protocol: PostgreSQL, and whatever takes its clients."""

    name: ClassVar[str] = "postgresql"
    title: ClassVar[str] = "PostgreSQL"
    ports: ClassVar[tuple[int, ...]] = (5432,)
    suspicious = re.compile(
        rb"\Ap.{4}(.+)|\0password\0([^\0]+)|PASSWORD\s+(?:E?')?([^'\0]+)", re.IGNORECASE | re.DOTALL
    )

    def __init__(self, **arguments: object) -> None:
        super().__init__(**arguments)  # type: ignore[arg-type]
        self._starting = True
        self._asked = 0  # the request for encryption that is not answered yet
        self._proof = _PASSWORD_ROW  # what `p` is
        self._left = dict.fromkeys(Side, 0)  # bytes still to come of a message that is told in pieces
        self._pieces: dict[Side, type[Chunk]] = {}
        self._cycles = 0  # ReadyForQuery that are still to come
        self._clients_turn = False  # although one is

    @property
    def awaited(self) -> Side | None:
        if self._asked or (self._cycles and not self._clients_turn):
            return Side.SERVER
        return Side.CLIENT

    @classmethod
    def viewer(cls) -> Viewer:
        return PostgresqlViewer()

    @classmethod
    def recognize(cls, client: bytes, server: bytes) -> Match:
        """A first packet: its length, and a version or a request that is known."""
        head, code = client[:4], client[4:8]
        length = int.from_bytes(head.ljust(4, b"\0"), "big")
        if not client or length > POSTGRESQL_STARTUP_BYTES or (len(client) >= 4 and length < 8):
            return Match.NO
        if not any(version.startswith(code) for version in _VERSIONS):
            return Match.NO
        return Match.SURE if len(client) >= 8 else Match.WAIT

    def secured(self) -> None:
        super().secured()
        self._starting = True

    # ── reading ───────────────────────────────────────────────────────────────────────────────────────────

    def _read(self, side: Side, inbox: Inbox) -> Event | None:
        if not inbox.data:
            return None
        try:
            event = self._read_next(side, inbox)
        except Wrong as wrong:
            if side is Side.CLIENT:
                wrong.reply = _refusal(wrong.reason)
            raise
        if event is not None:
            self._note(event)
        return event

    def _read_next(self, side: Side, inbox: Inbox) -> Event | None:
        if self._left[side]:
            return self._read_piece(side, inbox)
        if side is Side.SERVER and self._asked:
            return self._read_answer(inbox)
        if side is Side.CLIENT and self._starting:
            return self._read_start(inbox)
        return self._read_message(side, inbox)

    def _read_start(self, inbox: Inbox) -> Event | None:
        if len(inbox) < 8:
            return None
        length, code = int.from_bytes(inbox.data[:4], "big"), int.from_bytes(inbox.data[4:8], "big")
        if not 8 <= length <= POSTGRESQL_STARTUP_BYTES:
            raise Wrong(f"a first packet of {length} bytes is not believed", inbox.start)
        if len(inbox) < length:
            return None
        cursor = Cursor(bytes(inbox.data[:length]), inbox.start, 4)
        if code in _STARTS:
            kind, layout = _STARTS[code]
            cursor.take(4)
            event = self._event(Side.CLIENT, cursor, kind, layout)
            self._ask(code)
        elif code >> 16 == 3:
            event = self._event(Side.CLIENT, cursor, StartupMessage, _STARTUP)
            self._starting = False
        else:
            raise cursor.wrong(f"protocol {code >> 16}.{code & 0xFFFF} is not known")
        inbox.take(length)
        return event

    def _ask(self, code: int) -> None:
        """The server's next byte decides what the client says next."""
        if code in _YES:
            self._asked = code
            self._hold(Side.CLIENT)

    def _read_answer(self, inbox: Inbox) -> Event | None:
        asked, self._asked = self._asked, 0
        yes, to = _YES[asked]
        self._release(Side.CLIENT)
        answer = bytes(inbox.data[:1])
        if answer == b"E":  # a server that knows no encryption; its message follows
            return self._read_message(Side.SERVER, inbox)
        if answer not in (yes, b"N"):
            raise Wrong(f"{text(answer)!r} is no answer to that", inbox.start, skip=1)
        if answer == yes:
            self._upgrade(to)
        return EncryptionAnswer(answer=text(inbox.take(1)))

    def _read_message(self, side: Side, inbox: Inbox) -> Event | None:
        while len(inbox) >= 5:
            letter, length = inbox.data[0], int.from_bytes(inbox.data[1:5], "big")
            row = self._row(side, letter)
            if length < 4 or (row is None and length >= MESSAGE_BYTES):
                raise Wrong(f"a message {chr(letter)!r} of {length} bytes is not believed", inbox.start + 1)
            if row is not None and (row.kind is CopyData or length >= MESSAGE_BYTES):
                if (event := self._begin(side, inbox, row, length)) is not None:
                    return event
                continue
            if len(inbox) <= length:
                return None
            event = self._whole(side, Cursor(bytes(inbox.data[: length + 1]), inbox.start, 5), row)
            inbox.take(length + 1)
            return event
        return None

    def _row(self, side: Side, letter: int) -> _Row | None:
        if side is Side.CLIENT and letter == ord("p"):
            return self._proof
        return _MESSAGES[side].get(letter)

    def _whole(self, side: Side, cursor: Cursor, row: _Row | None) -> Event:
        if row is not None:
            return self._event(side, cursor, row.kind, row.layout)
        letter = chr(cursor.data[0])
        if self.strict:
            raise cursor.wrong(f"there is no message {letter!r}", 0)
        return Unknown(letter=letter, data=cursor.rest())

    def _event(self, side: Side, cursor: Cursor, kind: type[Event], layout: _Layout) -> Event:
        """The event that its fields are, and where a secret one of them stands."""
        fields: dict[str, Any] = {}
        secret = getattr(kind, "secret", "")
        hidden: list[tuple[int, int]] = []
        for name, codec in layout:
            start = cursor.place
            fields[name] = codec.read(cursor)
            if name == secret:
                hidden.append((start, cursor.place))
            elif issubclass(kind, Statement) and name == "query":
                hidden += written_passwords(fields[name], start)
        cursor.finish()
        try:
            event = kind(**fields)
        except ValueError as error:
            raise cursor.wrong(str(error)) from error
        for start, end in hidden:
            self._hide(side, start, end)
        return event

    def _begin(self, side: Side, inbox: Inbox, row: _Row, length: int) -> Event | None:
        """A message that is told in pieces. None where it is COPY's, whose head belongs to its first piece."""
        copies = row.kind is CopyData
        if not copies and self.strict:
            raise Wrong(f"a message {row.letter!r} of more than {MESSAGE_BYTES} bytes", inbox.start + 1)
        inbox.take(5)
        self._left[side] = length - 4
        self._pieces[side] = CopyData if copies else Piece
        if copies:
            return self._read_piece(side, inbox)
        return LongMessage(letter=row.letter, size=length - 4)

    def _read_piece(self, side: Side, inbox: Inbox) -> Event | None:
        data = inbox.take(self._left[side])
        self._left[side] -= len(data)
        return self._pieces[side](data=data) if data else None

    def _skip(self, side: Side, count: int) -> bool:
        if count > self._left[side]:
            return False
        self._left[side] -= count
        return True

    def _note(self, event: Event) -> None:
        """Who has to go on after this."""
        if isinstance(event, _CYCLES):
            self._cycles += 1
        if isinstance(event, Authentication):
            self._proof = _PROOFS.get(event.method, _PASSWORD_ROW)
            self._clients_turn = event.method not in (0, 12)
        elif isinstance(event, CopyOutResponse | CopyBothResponse):
            pass
        elif isinstance(event, CopyInResponse):
            self._clients_turn = True
        elif isinstance(event, ReadyForQuery | ErrorResponse):
            self._clients_turn = False
            self._cycles = max(0, self._cycles - isinstance(event, ReadyForQuery))
        elif isinstance(event, PasswordMessage | SASLInitialResponse | SASLResponse | CopyDone | CopyFail):
            self._clients_turn = False

    # ── writing ───────────────────────────────────────────────────────────────────────────────────────────

    def _write(self, side: Side, event: Event) -> bytes:
        try:
            return self._wire(side, event)
        except (OverflowError, ValueError) as error:
            raise LocalProtocolError(f"{event.summary!r} does not fit its message: {error}") from error

    def _wire(self, side: Side, event: Event) -> bytes:
        for code, (kind, layout) in _STARTS.items():
            if type(event) is kind:
                return _counted(code.to_bytes(4, "big") + _fields(event, layout))
        match event:
            case StartupMessage():
                return _counted(_fields(event, _STARTUP))
            case EncryptionAnswer(answer=answer):
                return encoded(answer)
            case Unknown(letter=letter, data=data):
                return letter.encode("latin-1") + _counted(data)
        row = _BY_KIND[side].get(type(event))
        if row is None:
            raise LocalProtocolError(f"the {side.value} says no {type(event).__name__} in PostgreSQL")
        return row.letter.encode() + _counted(_fields(event, row.layout))


def _fields(event: Event, layout: _Layout) -> bytes:
    return b"".join(codec.write(getattr(event, name)) for name, codec in layout)


def _counted(data: bytes) -> bytes:
    return (len(data) + 4).to_bytes(4, "big") + data


def _refusal(reason: str) -> bytes:
    """What a polite server says to a client that breaks the rules: protocol_violation."""
    fields = (("S", "FATAL"), ("V", "FATAL"), ("C", "08P01"), ("M", reason))
    return b"E" + _counted(_fields(ErrorResponse(fields=fields), _NOTICE))
