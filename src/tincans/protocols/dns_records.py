"""The records of DNS: between the wire and the text that a zone file has, both ways.

A row of `_TYPES` names the fields of one type; each field is read from the wire as text, and written from the words of
a text. What has no row is the hexadecimal of RFC 3597 §5: `\\# 4 0a000001`. Names are absolute, as `example.com.`, with
the escapes of RFC 1035 §5.1, and are written without compression.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from tincans.limits import DNS_NAME_BYTES, DNS_POINTERS
from tincans.protocols.cursor import Cursor
from tincans.protocols.events import encoded

# ── names and strings ─────────────────────────────────────────────────────────────────────────────────────

_ESCAPED_IN_NAMES = frozenset(b'"().;\\@$')
_ESCAPED_IN_STRINGS = frozenset(b'"\\')
_ESCAPE = re.compile(rb"\\(?:([0-9]{3})|([^0-9]))", re.DOTALL)
#: Words of a text: what is quoted may have spaces in it.
_WORD = re.compile(r'(?:[^\s"\\]|\\.|"(?:[^"\\]|\\.)*")+', re.DOTALL)
_LABELS = re.compile(rb"((?:[^.\\]|\\.)*)\.", re.DOTALL)


def _escaped(data: bytes, special: frozenset[int], first: int) -> str:
    return "".join(
        f"\\{chr(byte)}" if byte in special else chr(byte) if first <= byte < 0x7F else f"\\{byte:03d}" for byte in data
    )


def _plain(data: bytes) -> bytes:
    """Without its escapes. Raises `ValueError`."""

    def replaced(match: re.Match[bytes]) -> bytes:
        return bytes([int(match[1])]) if match[1] else match[2]

    if b"\\" in _ESCAPE.sub(b"", data):
        raise ValueError(f"{data!r} ends in the middle of an escape")
    return _ESCAPE.sub(replaced, data)


def quoted(data: bytes) -> str:
    """A character string, as in a TXT record."""
    return f'"{_escaped(data, _ESCAPED_IN_STRINGS, 0x20)}"'


def _unquoted(word: str) -> bytes:
    return _plain(encoded(word[1:-1] if len(word) > 1 and word[0] == '"' else word))


def write_name(name: str) -> bytes:
    """An absolute name on the wire. Raises `ValueError`."""
    data = b"" if name == "." else encoded(name)
    labels = [_plain(match[1]) for match in _LABELS.finditer(data)]
    if _LABELS.sub(b"", data) or not name:
        raise ValueError(f"{name!r} does not end in a dot")
    if any(not 0 < len(label) < 64 for label in labels):
        raise ValueError(f"{name!r} has a label that is empty, or longer than 63 bytes")
    wire = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    if len(wire) > DNS_NAME_BYTES:
        raise ValueError(f"a name is longer than {DNS_NAME_BYTES} bytes")
    return wire


class Wire(Cursor):
    """The fields of a message that begins at `base` of its bytes: behind its length, where it has one."""

    __slots__ = ("base",)

    def __init__(self, data: bytes, offset: int, base: int) -> None:
        super().__init__(data, offset, base)
        self.base = base

    def within(self, count: int) -> Wire:
        """As `part`, where names may still point before it."""
        part = Wire(self.data, self.offset, self.base)
        part.at, part.end = self.at, self.at + count
        self.take(count)
        return part

    def name(self) -> str:
        """A name. A pointer leads before the labels that led to it, so there are no loops (RFC 1035 §4.1.4)."""
        labels: list[bytes] = []
        at = run = self.at
        end, behind, size, pointers = self.end, 0, 1, 0
        while at < end and (count := self.data[at]):
            if count >= 0xC0:
                pointers += 1
                behind = behind or at + 2
                at, end = self._pointed(at, run, end, pointers), run
                run = at
                continue
            size += count + 1
            if count >= 0x40 or at + 1 + count > end or size > DNS_NAME_BYTES:
                raise self.wrong(_broken_label(count, size), at)
            labels.append(self.data[at + 1 : at + 1 + count])
            at += count + 1
        if at >= end:
            raise self.wrong("a name has no end")
        self.at = behind or at + 1
        return "".join(_escaped(label, _ESCAPED_IN_NAMES, 0x21) + "." for label in labels) or "."

    def _pointed(self, at: int, run: int, end: int, pointers: int) -> int:
        """Where the pointer at `at` leads; the labels before it began at `run`."""
        if at + 2 > end:
            raise self.wrong("a pointer has no end", at)
        target = self.base + (int.from_bytes(self.data[at : at + 2], "big") & 0x3FFF)
        if target >= run:
            raise self.wrong("a pointer does not lead back", at)
        if pointers > DNS_POINTERS:
            raise self.wrong(f"a name has more than {DNS_POINTERS} pointers", at)
        return target


def _broken_label(count: int, size: int) -> str:
    if count >= 0x40:
        return f"there is no label of type {count >> 6}"
    return f"a name is longer than {DNS_NAME_BYTES} bytes" if size > DNS_NAME_BYTES else "a label goes beyond its field"


# ── fields ────────────────────────────────────────────────────────────────────────────────────────────────


class _Field(NamedTuple):
    """How one field is read, as words; and written from the words that are left. Both may raise `ValueError`."""

    read: Callable[[Wire], str]
    write: Callable[[list[str]], bytes]


def _number(size: int) -> _Field:
    return _Field(lambda wire: str(wire.number(size)), lambda words: int(words.pop(0)).to_bytes(size, "big"))


def _counted(data: bytes) -> bytes:
    if len(data) > 0xFF:
        raise ValueError(f"{len(data)} bytes are more than 255")
    return bytes([len(data)]) + data


def _read_strings(wire: Wire) -> str:
    strings = [quoted(wire.take(wire.number(1)))]
    while wire.left:
        strings.append(quoted(wire.take(wire.number(1))))
    return " ".join(strings)


def _all(words: list[str]) -> list[str]:
    taken, words[:] = words[:], []
    return taken


def _write_strings(words: list[str]) -> bytes:
    return b"".join(_counted(_unquoted(word)) for word in _all(words))


def _read_tag(wire: Wire) -> str:
    tag = wire.take(wire.number(1))
    if not tag.isalnum():
        raise wire.wrong(f"{tag!r} is no tag")
    return tag.decode()


def _write_tag(words: list[str]) -> bytes:
    if not (tag := encoded(words.pop(0))).isalnum():
        raise ValueError(f"{tag!r} is no tag")
    return _counted(tag)


def _moment(wire: Wire) -> str:
    return f"{datetime.fromtimestamp(wire.number(4), UTC):%Y%m%d%H%M%S}"


def _write_moment(words: list[str]) -> bytes:
    moment = datetime.strptime(words.pop(0), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    return int(moment.timestamp()).to_bytes(4, "big")


def _read_types(wire: Wire) -> str:
    """The bitmap of NSEC (RFC 4034 §4.1.2)."""
    types: list[str] = []
    last = -1
    while wire.left:
        window, size = wire.number(1), wire.number(1)
        if window <= last or not 0 < size <= 32:
            raise wire.wrong("a bitmap of types is out of order, or has no size")
        bits = int.from_bytes(wire.take(size), "big")
        high = 8 * size - 1
        types += [type_name(window << 8 | place) for place in range(high + 1) if bits >> (high - place) & 1]
        last = window
    return " ".join(types)


def _write_types(words: list[str]) -> bytes:
    windows: dict[int, bytearray] = {}
    for number in sorted(type_number(word) for word in _all(words)):
        bits = windows.setdefault(number >> 8, bytearray())
        place = number & 0xFF
        bits.extend(bytes(place // 8 + 1 - len(bits)))
        bits[place // 8] |= 0x80 >> place % 8
    return b"".join(bytes([window, len(bits)]) + bits for window, bits in windows.items())


def _hash(wire: Wire) -> str:
    return base64.b32hexencode(wire.take(wire.number(1))).decode().rstrip("=").lower()


def _write_hash(words: list[str]) -> bytes:
    word = words.pop(0).upper()
    return _counted(base64.b32hexdecode(word + "=" * (-len(word) % 8)))


def _write_salt(words: list[str]) -> bytes:
    word = words.pop(0)
    return _counted(b"" if word == "-" else bytes.fromhex(word))


def _ipv6(wire: Wire) -> str:
    """With an IPv4 address in its end as inet_ntop writes it; which Python does depends on its version."""
    address = IPv6Address(wire.take(16))
    if address.ipv4_mapped is not None:
        return f"::ffff:{address.ipv4_mapped}"
    return f"::{IPv4Address(int(address))}" if 1 << 16 <= int(address) < 1 << 32 else str(address)


_U8, _U16, _U32 = _number(1), _number(2), _number(4)
_NAME = _Field(lambda wire: wire.name(), lambda words: write_name(words.pop(0)))
_IPV4 = _Field(lambda wire: str(IPv4Address(wire.take(4))), lambda words: IPv4Address(words.pop(0)).packed)
_IPV6 = _Field(_ipv6, lambda words: IPv6Address(words.pop(0)).packed)
_STRING = _Field(lambda wire: quoted(wire.take(wire.number(1))), lambda words: _counted(_unquoted(words.pop(0))))
_STRINGS = _Field(_read_strings, _write_strings)
_TEXT = _Field(lambda wire: quoted(wire.rest()), lambda words: _unquoted(words.pop(0)))
_TAG = _Field(_read_tag, _write_tag)
_HEX = _Field(lambda wire: wire.rest().hex(), lambda words: bytes.fromhex("".join(_all(words))))
_BASE64 = _Field(
    lambda wire: base64.b64encode(wire.rest()).decode(),
    lambda words: base64.b64decode("".join(_all(words)), validate=True),
)
_MOMENT = _Field(_moment, _write_moment)
_TYPE = _Field(lambda wire: type_name(wire.number(2)), lambda words: type_number(words.pop(0)).to_bytes(2, "big"))
_BITMAP = _Field(_read_types, _write_types)
_SALT = _Field(lambda wire: wire.take(wire.number(1)).hex() or "-", _write_salt)
_HASH = _Field(_hash, _write_hash)

# ── parameters of SVCB and HTTPS (RFC 9460) ───────────────────────────────────────────────────────────────


class _Parameter(NamedTuple):
    """A key of §14.3.2, and how its value is read and written: as plain text, which stands in quotes."""

    number: int
    name: str
    read: Callable[[Wire], str]
    write: Callable[[str], bytes]


def _list(
    read: Callable[[Wire], str], write: Callable[[str], bytes]
) -> tuple[Callable[[Wire], str], Callable[[str], bytes]]:
    """One or more, with commas between them."""

    def read_all(wire: Wire) -> str:
        items = [read(wire)]
        while wire.left:
            items.append(read(wire))
        return ",".join(items)

    return read_all, lambda value: b"".join(write(item) for item in re.findall(r"((?:[^,\\]|\\.)+)(?:,|$)", value))


def _read_alpn(wire: Wire) -> str:
    """A comma in a protocol's name has an escape of its own (RFC 9460, appendix A.1)."""
    name = wire.take(wire.number(1))
    if not name:
        raise wire.wrong("a protocol has no name")
    return name.decode("latin-1").replace("\\", "\\\\").replace(",", "\\,")


def _write_alpn(item: str) -> bytes:
    return _counted(re.sub(r"\\(.)", r"\1", item).encode("latin-1"))


def _key_name(number: int) -> str:
    return next((row.name for row in _PARAMETERS if row.number == number), f"key{number}")


def _key_number(name: str) -> int:
    known = next((row.number for row in _PARAMETERS if row.name == name), None)
    if known is None and not re.fullmatch(r"key[0-9]{1,5}", name):
        raise ValueError(f"there is no parameter {name!r}")
    return int(name[3:]) if known is None else known


_PARAMETERS = (
    _Parameter(0, "mandatory", *_list(lambda wire: _key_name(wire.number(2)),
                                      lambda item: _key_number(item).to_bytes(2, "big"))),
    _Parameter(1, "alpn", *_list(_read_alpn, _write_alpn)),
    _Parameter(2, "no-default-alpn", lambda wire: "", lambda value: b""),
    _Parameter(3, "port", lambda wire: str(wire.number(2)), lambda value: int(value).to_bytes(2, "big")),
    _Parameter(4, "ipv4hint", *_list(lambda wire: str(IPv4Address(wire.take(4))),
                                     lambda item: IPv4Address(item).packed)),
    _Parameter(5, "ech", lambda wire: base64.b64encode(wire.rest()).decode(), base64.b64decode),
    _Parameter(6, "ipv6hint", *_list(_ipv6,
                                     lambda item: IPv6Address(item).packed)),
)  # fmt: skip


def _read_parameters(wire: Wire) -> str:
    words, last = [], -1
    while wire.left:
        number = wire.number(2)
        if number <= last:
            raise wire.wrong("the parameters are out of order")
        part = wire.within(wire.number(2))
        row = next((row for row in _PARAMETERS if row.number == number), None)
        value = part.rest().decode("latin-1") if row is None else row.read(part)
        part.finish()
        words.append(_key_name(number) + ("=" + quoted(value.encode("latin-1")) if value else ""))
        last = number
    return " ".join(words)


def _write_parameters(words: list[str]) -> bytes:
    found: dict[int, bytes] = {}
    for word in _all(words):
        name, _, value = word.partition("=")
        number, plain = _key_number(name), _unquoted(value).decode("latin-1")
        row = next((row for row in _PARAMETERS if row.number == number), None)
        found[number] = plain.encode("latin-1") if row is None else row.write(plain)
    return b"".join(
        number.to_bytes(2, "big") + len(value).to_bytes(2, "big") + value for number, value in sorted(found.items())
    )


_SVCB = _Field(_read_parameters, _write_parameters)

# ── types ─────────────────────────────────────────────────────────────────────────────────────────────────


class _Type(NamedTuple):
    """A type of record; some are only known in the class of the Internet."""

    number: int
    name: str
    fields: tuple[_Field, ...] = ()
    internet: bool = False


_KEY = (_U16, _U8, _U8, _BASE64)
_DIGEST = (_U16, _U8, _U8, _HEX)
_TYPES = (
    _Type(1, "A", (_IPV4,), internet=True),
    _Type(2, "NS", (_NAME,)),
    _Type(5, "CNAME", (_NAME,)),
    _Type(6, "SOA", (_NAME, _NAME, _U32, _U32, _U32, _U32, _U32)),
    _Type(12, "PTR", (_NAME,)),
    _Type(13, "HINFO", (_STRING, _STRING)),
    _Type(15, "MX", (_U16, _NAME)),
    _Type(16, "TXT", (_STRINGS,)),
    _Type(17, "RP", (_NAME, _NAME)),
    _Type(28, "AAAA", (_IPV6,), internet=True),
    _Type(33, "SRV", (_U16, _U16, _U16, _NAME), internet=True),
    _Type(35, "NAPTR", (_U16, _U16, _STRING, _STRING, _STRING, _NAME), internet=True),
    _Type(39, "DNAME", (_NAME,)),
    _Type(41, "OPT"),
    _Type(43, "DS", _DIGEST),
    _Type(44, "SSHFP", (_U8, _U8, _HEX)),
    _Type(46, "RRSIG", (_TYPE, _U8, _U8, _U32, _MOMENT, _MOMENT, _U16, _NAME, _BASE64)),
    _Type(47, "NSEC", (_NAME, _BITMAP)),
    _Type(48, "DNSKEY", _KEY),
    _Type(50, "NSEC3", (_U8, _U8, _U16, _SALT, _HASH, _BITMAP)),
    _Type(51, "NSEC3PARAM", (_U8, _U8, _U16, _SALT)),
    _Type(52, "TLSA", (_U8, _U8, _U8, _HEX)),
    _Type(59, "CDS", _DIGEST),
    _Type(60, "CDNSKEY", _KEY),
    _Type(64, "SVCB", (_U16, _NAME, _SVCB), internet=True),
    _Type(65, "HTTPS", (_U16, _NAME, _SVCB), internet=True),
    _Type(99, "SPF", (_STRINGS,)),
    _Type(250, "TSIG"),
    _Type(251, "IXFR"),
    _Type(252, "AXFR"),
    _Type(255, "ANY"),
    _Type(256, "URI", (_U16, _U16, _TEXT)),
    _Type(257, "CAA", (_U8, _TAG, _TEXT)),
)
_BY_NUMBER = {row.number: row for row in _TYPES}
_BY_NAME = {row.name: row for row in _TYPES}

#: Classes. The high bit is multicast DNS's: of a record "forget the others", of a question "answer me alone"
#: (RFC 6762 §10.2, §5.4).
_CLASSES = {1: "IN", 3: "CH", 4: "HS", 254: "NONE", 255: "ANY", 0x8001: "IN+FLUSH"}
_CLASS_NUMBERS = {name: number for number, name in _CLASSES.items()}


def type_name(number: int) -> str:
    return _BY_NUMBER[number].name if number in _BY_NUMBER else f"TYPE{number}"


def type_number(name: str) -> int:
    return _BY_NAME[name].number if name in _BY_NAME else _numbered("TYPE", name)


def class_name(number: int) -> str:
    return _CLASSES.get(number, f"CLASS{number}")


def class_number(name: str) -> int:
    return _CLASS_NUMBERS[name] if name in _CLASS_NUMBERS else _numbered("CLASS", name)


def _numbered(prefix: str, name: str) -> int:
    """The number of what has no name (RFC 3597 §5)."""
    match = re.fullmatch(prefix + r"([0-9]{1,5})", name)
    if match is None or int(match[1]) > 0xFFFF:
        raise ValueError(f"there is no {prefix.lower()} {name!r}")
    return int(match[1])


def _row(number: int, class_: int) -> _Type | None:
    row = _BY_NUMBER.get(number)
    return row if row is not None and row.fields and (not row.internet or class_ & 0x7FFF == 1) else None


def read_data(wire: Wire, number: int, class_: int) -> str:
    """What a record of this type and class says; `wire` is that alone. Raises `Wrong`."""
    row = _row(number, class_)
    if row is None or (not wire.left and class_ in (254, 255)):  # an update deletes with an empty record
        data = wire.rest()
        return f"\\# {len(data)} {data.hex()}".rstrip()
    words = [word for field in row.fields if (word := field.read(wire))]
    wire.finish()
    return " ".join(words)


def write_data(data: str, number: int, class_: int) -> bytes:
    """What `read_data` read. Raises `ValueError`."""
    words = _WORD.findall(data)
    if _WORD.sub("", data).strip():
        raise ValueError(f"{data!r} has a quote that does not end")
    if words and words[0] == "\\#":
        return _written_hex(words[1:], data)
    row = _row(number, class_)
    if row is None:
        raise ValueError(f"{data!r} is not as RFC 3597 says: \\# 2 0a0b")
    try:
        wire = b"".join(field.write(words) for field in row.fields)
    except (IndexError, OverflowError, UnicodeEncodeError) as error:
        raise ValueError(f"{data!r} is no {row.name}") from error
    if words or len(wire) > 0xFFFF:
        raise ValueError(f"{data!r} is too long for a {row.name}")
    return wire


def _written_hex(words: list[str], data: str) -> bytes:
    wire = bytes.fromhex("".join(words[1:]))
    if not words or words[0] != str(len(wire)):
        raise ValueError(f"{data!r} has {len(wire)} bytes")
    return wire
