"""Redis: transcripts of dns-cli, the types of RESP, what is secret, and which reply belongs to what."""

from __future__ import annotations

import re
from enum import IntEnum
from pathlib import Path
from random import Random

import dns.exception
import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from running import program, run
from servers import dnsmasq
from speaking import Speaker
from tincans.channel import Side
from tincans.errors import LocalProtocolError, RemoteProtocolError
from tincans.limits import DNS_NAME_BYTES, DNS_POINTERS
from tincans.protocols import Malformed, Match, Missing, Session, find_protocol
from tincans.protocols.dns import DnsSession, Edns, Query, Question, Record, Response
from tincans.protocols.dns_records import class_number, type_number
from tincans.testing import check_mutations, check_session

TRANSCRIPTS = sorted((Path(__file__).parent / "transcripts" / "dns").glob("*.tin"))


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_a_transcript_means_what_it_says(path: Path) -> None:
    check_session(path, "dns")


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
@given(random=st.randoms(use_true_random=False))
def test_broken_transcripts_raise_nothing_and_lose_nothing(path: Path, random: st.DataObject) -> None:
    check_mutations(path, "dns", random)  # type: ignore[arg-type]


ASKED = (Question(name="cans.test.", type="A"),)
HEADER = bytes.fromhex("0007 8000 0000 0001 0000 0000")


def datagrams(*, strict: bool = False) -> Session:
    return find_protocol("dns").session(strict=strict, boundaries=True)


def read(wire: bytes, side: Side = Side.SERVER) -> Query | Response:
    (event,) = datagrams().receive(side, wire)
    assert isinstance(event, Query | Response), event
    return event


def record(kind: str, data: str, name: str = "cans.test.", class_: str = "IN") -> Record:
    return Record(name=name, type=kind, class_=class_, ttl=60, data=data)


# ── records, both ways ────────────────────────────────────────────────────────────────────────────────────

#: One of each type at least, as a zone file has it.
RECORDS = [
    ("A", "192.0.2.7"), ("AAAA", "2001:db8::7"), ("NS", "ns.cans.test."), ("CNAME", "."), ("DNAME", "cans.test."),
    ("SOA", "ns.cans.test. root\\.admin.cans.test. 2026112401 7200 3600 1209600 4294967295"), ("PTR", "cans.test."),
    ("MX", "10 mail.cans.test."), ("TXT", '"tight string" "a\\"b\\\\c\\007" ""'), ("SPF", '"v=spf1"'),
    ("HINFO", '"tin" "can"'), ("RP", "a. b."), ("SRV", "1 2 7707 cans.test."), ("CAA", '0 issue "ca.test; x=1"'),
    ("NAPTR", '10 20 "u" "E2U+sip" "!^.*$!sip:tin@cans.test!" .'), ("URI", '10 1 "https://cans.test/"'),
    ("DS", "12345 8 2 " + "00ff" * 16), ("CDS", "12345 8 2 " + "00ff" * 16), ("DNSKEY", "257 3 8 AwEAAQ=="),
    ("CDNSKEY", "257 3 8 AwEAAQ=="), ("SSHFP", "4 2 " + "ab" * 32), ("TLSA", "3 1 1 " + "ab" * 32),
    ("RRSIG", "MX 8 2 3600 20261224120000 20261124120000 12345 cans.test. AwEAAQ=="),
    ("NSEC", "www.cans.test. A MX RRSIG NSEC CAA TYPE1234"), ("NSEC", "www.cans.test."),
    ("NSEC3", "1 0 10 ab00 2t7b4g4vsa5smi47k61mv5bv1a22bojr A RRSIG"),
    ("NSEC3", "1 0 0 - 2t7b4g4vsa5smi47k61mv5bv1a22bojr"),
    ("NSEC3PARAM", "1 0 0 -"), ("HTTPS", '1 . alpn="h2,h3" port="8443" ipv4hint="192.0.2.7,192.0.2.8"'),
    ("SVCB", '2 cans.test. mandatory="alpn,port" alpn="h2" no-default-alpn port="1" ech="AAT+DQAA" ipv6hint="::1"'),
    ("SVCB", '2 . key1234="a\\200\\"b" key1235'),
    ("HTTPS", "0 cans.test."), ("TYPE1234", "\\# 3 c0ffee"), ("TYPE1234", "\\# 0"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "data"), RECORDS, ids=[f"{kind}-{place}" for place, (kind, _) in enumerate(RECORDS)])
def test_a_record_is_written_as_it_is_read(kind: str, data: str) -> None:
    event = Response(id=7, answers=(record(kind, data),))
    wire = datagrams(strict=True).send(Side.SERVER, event)
    assert read(wire).bare() == event


@pytest.mark.parametrize(
    ("kind", "data", "class_", "told"),
    [
        ("A", "\\# 4 c0000207", "IN", "192.0.2.7"), ("A", "\\# 4 c0000207", "CH", "\\# 4 c0000207"),
        ("MX", "\\# 0", "ANY", "\\# 0"), ("A", "192.0.2.7", "IN+FLUSH", "192.0.2.7"),
        ("A", "\\# 1 00", "CLASS77", "\\# 1 00"), ("CAA", "0 issue ca.test", "IN", '0 issue "ca.test"'),
        ("SVCB", '1 . alpn="a\\\\,b,c"', "IN", '1 . alpn="a\\\\,b,c"'),
        ("AAAA", "::ffff:c000:207", "IN", "::ffff:192.0.2.7"), ("AAAA", "::102:304", "IN", "::1.2.3.4"),
        ("AAAA", "::1", "IN", "::1"), ("SVCB", "1 . key3=80 alpn=h2", "IN", '1 . alpn="h2" port="80"'),
    ],
)  # fmt: skip
def test_a_record_may_be_written_in_other_ways(kind: str, data: str, class_: str, told: str) -> None:
    wire = datagrams(strict=True).send(Side.SERVER, Response(id=7, answers=(record(kind, data, class_=class_),)))
    assert read(wire).answers[0].data == told


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("A", "192.0.2"), ("A", ""), ("A", "192.0.2.7 x"), ("MX", "10"), ("MX", "70000 a."), ("MX", "-1 a."),
        ("MX", "10 a"),
        ("TXT", '"' + "x" * 256 + '"'), ("TXT", '"open'), ("NS", "a..b."), ("NS", "x" * 64 + "."), ("NS", "a\\"),
        ("TYPE1234", "c0ffee"), ("TYPE1234", "\\# 2 c0ffee"), ("TYPE1234", "\\# 1 x"), ("CAA", '0 a-b "x"'),
        ("SVCB", "1 . nonsense=1"), ("NSEC", "a. NONSENSE"), ("NONSENSE", "x"), ("TYPE70000", "\\# 0"),
        ("OPT", "\\# 0"), ("RRSIG", "A 8 2 1 2026 2026 1 a. AA=="), ("DNSKEY", "1 3 8 A"), ("TXT", '"\\999"'),
        ("SVCB", '1 . port="x"'),
    ],
)  # fmt: skip
def test_a_record_that_cannot_be_cannot_be_built(kind: str, data: str) -> None:
    with pytest.raises(ValueError):
        record(kind, data)


def test_what_else_cannot_be_cannot_be_built() -> None:
    for build in (
        lambda: Query(id=65_536), lambda: Query(id=1, flags=("qr",)), lambda: Query(id=1, rcode="BADVERS"),
        lambda: Query(id=1, opcode="OPCODE16"), lambda: Query(id=1, rcode="NO"), lambda: Question(name="a"),
        lambda: Record(name="a.", type="A", ttl=-1, data="192.0.2.7"), lambda: Edns(payload=65_536),
        lambda: Question(name="", type="A"), lambda: Question(name="a.", class_="XX"),
    ):  # fmt: skip
        with pytest.raises(ValueError):
            build()


def test_everything_in_a_header_is_told() -> None:
    event = Response(
        id=0xFFFF, opcode="OPCODE15", rcode="BADCOOKIE", flags=("aa", "tc", "rd", "ra", "z", "ad", "cd"),
        questions=(Question(name="a\\.b\\032\\255.", type="TYPE9", class_="CLASS9"),),
        authorities=(record("NS", "b."),),
        additionals=(record("A", "192.0.2.7"),),
        edns=Edns(payload=512, version=1, dnssec=True, reserved=3, options=((10, b"cookie"), (65_001, b""))),
    )  # fmt: skip
    assert read(datagrams(strict=True).send(Side.SERVER, event)).bare() == event
    assert event.summary == "OPCODE15 a\\.b\\032\\255. CLASS9 TYPE9: BADCOOKIE (response 65535)"


@pytest.mark.parametrize(
    ("number", "data", "told"),
    [
        (3, b"ns1", 'NSID: "ns1"'), (8, bytes.fromhex("00011800c00002"), "client subnet: 192.0.2.0/24, scope 0"),
        (8, bytes.fromhex("0002380020010db8"), "client subnet: 2001:db8::/56, scope 0"),
        (8, b"\0\3xx", "client subnet: 00037878"),
        (12, bytes(9), "padding: 9 bytes"), (15, b"\0\x0fno", "extended error: blocked: no"),
        (15, b"\1\0", "extended error: number 256"), (99, b"\1", "option 99: 01"),
    ],
)  # fmt: skip
def test_the_options_of_edns_are_told(number: int, data: bytes, told: str) -> None:
    assert list(Edns(options=((number, data),)).details)[1] == f"EDNS {told}"


def test_many_answers_are_told_in_short() -> None:
    event = Response(id=1, questions=ASKED, answers=(record("A", "192.0.2.7"),) * 5)
    assert event.summary == f"cans.test. A: {'A 192.0.2.7, ' * 4}… 5 in all (response 1)"


# ── names ─────────────────────────────────────────────────────────────────────────────────────────────────


def answer(name: str, rest: str = "0001 0001 00000000 0004 c0000207") -> bytes:
    """A response whose one record has this name, in hexadecimal; it begins at byte 12."""
    return HEADER + bytes.fromhex(name + rest)


@pytest.mark.parametrize(
    ("name", "told"),
    [("00", "."), ("01610162 00", "a.b."), ("c000", "."), ("022e20 00", "\\.\\032."), ("0161 c000", "a.")],
)
def test_a_name_is_read(name: str, told: str) -> None:
    assert read(answer(name)).answers[0].name == told


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("c00c", "does not lead back"), ("c00d", "does not lead back"), ("cfff", "does not lead back"),
        ("0161 c00c", "does not lead back"), ("4161", "no label of type 1"), ("8161", "no label of type 2"),
        ("3f61", "beyond its field"), ("c0", "has no end"), ("0161", "no end|beyond"),
    ],
)  # fmt: skip
def test_a_name_that_does_not_end_is_malformed(name: str, reason: str) -> None:
    wire = answer(name, "")
    (broken,) = datagrams().receive(Side.SERVER, wire)
    assert isinstance(broken, Malformed)
    assert broken.data == wire
    with pytest.raises(RemoteProtocolError, match=reason):
        datagrams(strict=True).receive(Side.SERVER, wire)


def test_a_name_may_be_as_long_as_the_limit_and_not_longer() -> None:
    longest = ("x" * 63 + ".") * 3 + "y" * (DNS_NAME_BYTES - 3 * 64 - 2) + "."
    wire = datagrams(strict=True).send(Side.CLIENT, Query(id=1, questions=(Question(name=longest),)))
    assert read(wire).questions[0].name == longest
    with pytest.raises(ValueError, match="longer than"):
        Question(name="z" + longest)
    broken = wire[:12] + b"\1z" + wire[12:]
    (event,) = datagrams().receive(Side.CLIENT, broken)
    assert isinstance(event, Malformed)
    assert "longer than" in event.reason


@pytest.mark.parametrize("pointers", [DNS_POINTERS, DNS_POINTERS + 1])
def test_so_many_pointers_are_followed_and_not_one_more(pointers: int) -> None:
    # A text record holds a chain: each pointer leads to the one before it, the first to a root.
    start = 12 + 1 + 10
    chain = b"\0" + b"".join(
        (0xC000 | (start if place == 0 else start + 1 + 2 * (place - 1))).to_bytes(2, "big")
        for place in range(pointers)
    )
    wire = (
        bytes.fromhex("0007 8000 0000 0002 0000 0000")
        + b"\0\xff\1\0\1"
        + bytes(4)
        + len(chain).to_bytes(2, "big")
        + chain
    )
    last = start + len(chain) - 2
    wire += (0xC000 | last).to_bytes(2, "big") + bytes.fromhex("0001 0001 00000000 0004 c0000207")
    (event,) = datagrams().receive(Side.SERVER, wire)
    assert isinstance(event, Response if pointers < DNS_POINTERS else Malformed)


# ── messages ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_datagram_with_too_much_in_it_is_read_and_the_rest_malformed() -> None:
    wire = datagrams(strict=True).send(Side.CLIENT, Query(id=1, questions=ASKED))
    assert [type(event) for event in datagrams().receive(Side.CLIENT, wire + b"xx")] == [Query, Malformed]
    stream = (len(wire) + 2).to_bytes(2, "big") + wire + b"xx"
    events = find_protocol("dns").session().receive(Side.CLIENT, stream * 2)
    assert [(type(event), event.end - event.start) for event in events] == [(Query, len(wire) + 2), (Malformed, 2)] * 2


@pytest.mark.parametrize("broken", [b"", b"x" * 11, HEADER, HEADER[:7] + b"\1\0\0\0\0"])
def test_after_a_broken_message_comes_the_next(broken: bytes) -> None:
    good = find_protocol("dns").session(strict=True).send(Side.CLIENT, Query(id=1, questions=ASKED))
    session = find_protocol("dns").session()
    events = session.receive(Side.CLIENT, len(broken).to_bytes(2, "big") + broken + good)
    assert [type(event) for event in events] == [Malformed, Query]


def test_a_server_answers_what_it_does_not_understand() -> None:
    broken = bytes.fromhex("1234 0100 0001 0000 0000 0000 4161")
    with pytest.raises(RemoteProtocolError) as caught:
        datagrams(strict=True).receive(Side.CLIENT, broken)
    assert read(caught.value.reply).bare() == Response(id=0x1234, rcode="FORMERR")
    with pytest.raises(RemoteProtocolError) as caught:
        find_protocol("dns").session(strict=True).receive(Side.CLIENT, b"\0\x0e" + broken)
    assert caught.value.reply[:2] == b"\0\x0c"
    with pytest.raises(RemoteProtocolError) as caught:
        datagrams(strict=True).receive(Side.SERVER, broken)
    assert not caught.value.reply


@pytest.mark.parametrize(
    ("additional", "reason"),
    [
        ("00 0029 04d0 00000000 0000 00 0029 04d0 00000000 0000", "two OPT"),
        ("0161 00 0029 04d0 00000000 0000", "has a name"),
        ("00 0029 04d0 00000000 0003 000a 00", "middle of a field"),
        ("00 0001 0001 00000000 0003 c00002", "middle of a field"),
        ("00 0001 0001 00000000 0005 c0000207 00", "too many"),
        ("00 0041 0001 00000000 0008 0001 00 0003 0001 50", "middle"),
        ("00 0041 0001 00000000 000b 0001 00 0002 0000 0002 0000", "out of order"),
        ("00 002f 0001 00000000 0003 00 0000", "bitmap"),
        ("00 0101 0001 00000000 0003 00 01 2d", "no tag"),
        ("00 0041 0001 00000000 0008 0001 00 0001 0001 00", "no name"),
        ("00 0041 0001 00000000 0008 0001 00 0002 0001 00", "too many"),
        ("00 0010 0001 00000000 0000", "middle of a field"),
    ],
)  # fmt: skip
def test_a_record_that_breaks_the_rules_makes_its_message_malformed(additional: str, reason: str) -> None:
    count = 2 if reason == "two OPT" else 1
    wire = bytes.fromhex(f"0007 8000 0000 0000 0000 000{count}") + bytes.fromhex(additional)
    (broken,) = datagrams().receive(Side.SERVER, wire)
    assert isinstance(broken, Malformed)
    assert reason in broken.reason


def test_an_opt_record_is_an_additional_one() -> None:
    (broken,) = datagrams().receive(Side.SERVER, answer("00", "0029 04d0 00000000 0000"))
    assert isinstance(broken, Malformed)
    assert "additional" in broken.reason


def test_a_message_is_not_longer_than_its_length_can_say() -> None:
    text = '"' + "x" * 255 + '"'
    event = Response(id=1, answers=(record("TXT", " ".join([text] * 200)), record("TXT", " ".join([text] * 56))))
    with pytest.raises(LocalProtocolError, match="longer"):
        find_protocol("dns").session(strict=True).send(Side.SERVER, event)


def test_a_lost_datagram_is_only_missing() -> None:
    session = datagrams()
    (gap,) = session.lost(Side.CLIENT, 50)
    assert isinstance(gap, Missing)
    wire = datagrams().send(Side.CLIENT, Query(id=1, questions=ASKED))
    assert [type(event) for event in session.receive(Side.CLIENT, wire)] == [Query]


@pytest.mark.parametrize(("answered", "awaited"), [(2, Side.SERVER), (1, Side.CLIENT)])
def test_who_has_to_speak_is_known(answered: int, awaited: Side) -> None:
    session = datagrams(strict=True)
    session.send(Side.CLIENT, Query(id=1, questions=ASKED))
    session.send(Side.SERVER, Response(id=answered, questions=ASKED))
    assert session.awaited is awaited


QUERY = datagrams().send(Side.CLIENT, Query(id=0x4142, flags=("rd",), questions=ASKED, edns=Edns()))
STREAM = len(QUERY).to_bytes(2, "big") + QUERY


@pytest.mark.parametrize(
    ("client", "match"),
    [
        (QUERY, Match.SURE), (STREAM, Match.SURE), (STREAM[:30], Match.SURE), (STREAM[:20], Match.WAIT),
        (STREAM[:1], Match.WAIT),
        (STREAM[:14], Match.WAIT), (b"\0\4\1\2\0", Match.NO), (b"\0\4\1\2\0\0\0\1" + bytes(6), Match.NO),
        (QUERY[:20], Match.NO), (b"GET / HTTP/1.1", Match.NO), (b"", Match.NO), (STREAM[:14] + b"\x80", Match.WAIT),
        (STREAM[:14] + b"\x80" * 400, Match.NO), (b"\x10\0", Match.NO), (answer("00"), Match.NO),
    ],
)  # fmt: skip
def test_it_is_recognized_by_its_first_query(client: bytes, match: Match) -> None:
    assert DnsSession.recognize(client, b"") is match


# ── beside dnspython ──────────────────────────────────────────────────────────────────────────────────────

NAMES = st.sampled_from(["cans.test.", "www.cans.test.", "a.b.c.d.cans.test.", ".", "TIN.test.", "x\\.y\\032.test."])
OPTIONS = st.lists(st.sampled_from(["10 0102030405060708", "65001 ff", "12 0000"]), max_size=2)


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    """Messages that dnspython makes, with its compression."""
    message = dns.message.Message(id=draw(st.integers(0, 0xFFFF)))
    message.flags = dns.flags.Flag(draw(st.integers(0, 0xFFFF)) & 0x87F0)
    message.set_rcode(dns.rcode.Rcode(draw(st.integers(0, 10))))
    for place, section in enumerate(message.sections):
        for name, (kind, data) in draw(st.lists(st.tuples(NAMES, st.sampled_from(RECORDS)), max_size=3)):
            if place == 0:
                section.append(
                    dns.rrset.RRset(dns.name.from_text(name), dns.rdataclass.IN, dns.rdatatype.from_text(kind))
                )
            else:
                section.append(dns.rrset.from_text(name, draw(st.integers(0, 2**31 - 1)), "IN", kind, data))
    if draw(st.booleans()):
        message.use_edns(0, draw(st.sampled_from([0, dns.flags.DO])), draw(st.integers(512, 4096)))
    return message.to_wire(max_size=65_535)


def theirs(wire: bytes) -> dict[str, object] | None:
    """The fields as dnspython reads them; None where it refuses."""
    try:
        message = dns.message.from_wire(wire, one_rr_per_rrset=True, ignore_trailing=True)
    except (dns.exception.DNSException, ValueError):
        return None
    sections = [
        [
            (rrset.name.to_text(), int(rrset.rdtype), int(rrset.rdclass), rrset.ttl,
             _plain(rdata.to_text(), rrset.rdtype, rrset.rdclass))
            for rdata in rrset
        ]
        for section in message.sections[1:]
        for rrset in section
    ]  # fmt: skip
    return {
        "id": message.id,
        "flags": int(message.flags) & 0x87F0,
        "opcode": int(message.opcode()),
        "rcode": int(message.rcode()),
        "questions": [(each.name.to_text(), each.rdtype, each.rdclass) for each in message.sections[0]],
        "records": [record for records in sections for record in records],
        "edns": (message.edns, message.payload, message.ednsflags & 0xFFFF) if message.edns >= 0 else None,
        "options": [option.to_wire() for option in message.options],
    }


def ours(wire: bytes) -> dict[str, object] | None:
    """The same fields as we read them; None where it is malformed."""
    event = datagrams().receive(Side.CLIENT, wire)[0]
    if not isinstance(event, Query | Response):
        return None
    records = [*event.answers, *event.authorities, *event.additionals]
    bits = int.from_bytes(wire[2:4], "big") & 0x8000 | sum(
        0x10 << place for place, name in enumerate(BITS) if name in event.flags
    )
    edns = event.edns
    return {
        "id": event.id,
        "flags": bits | (0x8000 if isinstance(event, Response) else 0),
        "opcode": _number(event.opcode, dns.opcode.Opcode),
        "rcode": _number(event.rcode, dns.rcode.Rcode),
        "questions": [(each.name, type_number(each.type), class_number(each.class_)) for each in event.questions],
        "records": [
            # RFC 2181 §8: what is too long to live is dead; dnspython says so, and we say what was said.
            (each.name, type_number(each.type), class_number(each.class_), each.ttl if each.ttl < 2**31 else 0,
             _plain(each.data, type_number(each.type), class_number(each.class_)))
            for each in records
        ],
        "edns": (edns.version, edns.payload, edns.dnssec << 15 | edns.reserved) if edns else None,
        "options": [data for _, data in edns.options] if edns else [],
    }  # fmt: skip


BITS = ("cd", "ad", "z", "ra", "rd", "tc", "aa")


#: Types whose data both can tell as text.
TOLD = {type_number(kind) for kind, _ in RECORDS}
BITMAPS = {type_number(kind) for kind in ("NSEC", "NSEC3", "RRSIG")}


def _plain(data: str, kind: int, class_: int) -> str:
    """Data to compare by: they put spaces into long numbers, and know more names of types."""
    if kind not in TOLD or class_ != 1:
        return ""
    return "".join(_type(word) if kind in BITMAPS else word for word in data.split())


def _type(word: str) -> str:
    try:
        return f"TYPE{int(dns.rdatatype.from_text(word))}"
    except dns.rdatatype.UnknownRdatatype:
        return word


def _number(name: str, names: type[IntEnum]) -> int:
    if name == "DSO":  # RFC 8490, which they do not name
        return 6
    return int(names[name]) if name in names.__members__ else int(re.sub("[A-Z]+", "", name))


@given(wire=messages())
def test_a_message_means_what_dnspython_says_it_means(wire: bytes) -> None:
    assert ours(wire) == theirs(wire)


@given(wire=messages())
def test_dnspython_reads_what_we_write(wire: bytes) -> None:
    event = read(wire, Side.CLIENT)
    written = datagrams(strict=True).send(Side.CLIENT, event.bare())
    assert ours(written) == theirs(written) == theirs(wire)


@given(wire=messages(), random=st.randoms(use_true_random=False))
@settings(max_examples=300)
def test_what_dnspython_reads_of_a_broken_message_we_read_too(wire: bytes, random: Random) -> None:
    changed = bytearray(wire)
    for _ in range(random.randint(1, 4)):
        changed[random.randrange(2, len(changed))] = random.choice([0, 1, 2, 0x29, 0x3F, 0xC0, random.randrange(256)])
    broken = bytes(changed)
    expected = theirs(broken)
    if expected is not None and expected["opcode"] != dns.opcode.UPDATE:  # it folds what an update deletes
        assert ours(broken) == expected


# ── beside a real server ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.foreign
@pytest.mark.parametrize("over", [[], ["+tcp"]])
def test_a_real_server_tells_us_what_it_tells_dig(over: list[str]) -> None:
    known = ["host-record=cans.test,192.0.2.7,2001:db8::7", "mx-host=cans.test,cans.test,10", "local-ttl=60",
             'txt-record=cans.test,tight "string"', "local=/test/"]  # fmt: skip
    with dnsmasq(*known) as port, Speaker("dns", port, datagrams=not over) as us:
        for kind in ("A", "AAAA", "MX", "TXT", "SOA"):
            us.say(Query(id=7, flags=("rd",), questions=(Question(name="cans.test.", type=kind),), edns=Edns()))
            heard = us.hear()
            assert isinstance(heard, Response)
            dig = run([program("dig"), "@127.0.0.1", "-p", str(port), *over, "+noall", "+answer", "cans.test", kind])
            assert [str(each).split() for each in heard.answers] == [line.split() for line in dig.decode().splitlines()]
