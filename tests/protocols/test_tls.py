"""TLS, as transcripts of what OpenSSL says, and beside what OpenSSL says of itself."""

from __future__ import annotations

import re
import ssl
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from running import Certificates, port_of, program, recorded, run, serving, start
from tincans.channel import Side
from tincans.errors import LocalProtocolError, RemoteProtocolError
from tincans.limits import TLS_MESSAGE_BYTES, TLS_RECORD_BYTES
from tincans.protocols import Event, Malformed, Match, Missing, guess
from tincans.protocols.events import Data
from tincans.protocols.tls import (
    Alert,
    ApplicationData,
    ChangeCipherSpec,
    EncryptedAlert,
    EncryptedHandshake,
    Handshake,
    Heartbeat,
    TlsSession,
)
from tincans.protocols.tls_messages import Certificate, ClientHello, ServerHello
from tincans.protocols.tls_names import SUITES
from tincans.testing import check_mutations, check_session

TRANSCRIPTS = sorted((Path(__file__).parent / "transcripts" / "tls").glob("*.tin"))


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_a_transcript_means_what_it_says(path: Path) -> None:
    check_session(path, "tls", sendable=False)


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
@given(random=st.randoms(use_true_random=False))
def test_broken_transcripts_raise_nothing_and_lose_nothing(path: Path, random: st.DataObject) -> None:
    check_mutations(path, "tls", random)  # type: ignore[arg-type]


# ── beside what OpenSSL says of itself ────────────────────────────────────────────────────────────────────


class Talk(NamedTuple):
    """A handshake: both ends, what each said, and what that means."""

    client: ssl.SSLObject
    server: ssl.SSLObject
    said: dict[Side, bytes]
    events: list[Event]


def talk(certificates: Certificates, client: ssl.SSLContext, server: ssl.SSLContext, name: str = "localhost") -> Talk:
    server.load_cert_chain(certificates.leaf)
    client.load_verify_locations(certificates.ca)
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        client.wrap_bio(to_client, to_server, server_hostname=name),
        server.wrap_bio(to_server, to_client, server_side=True),
    )
    session, said, events = TlsSession(), dict.fromkeys(Side, b""), list[Event]()
    for _ in range(4):
        for end, side, out in zip(ends, Side, (to_server, to_client), strict=True):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                pass
            data = out.read()
            out.write(data)
            said[side] += data
            events += session.receive(side, data)
    return Talk(*ends, said, events)


def contexts(version: ssl.TLSVersion, alpn: str = "") -> tuple[ssl.SSLContext, ssl.SSLContext]:
    client, server = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    client.minimum_version = client.maximum_version = version
    if alpn:
        client.set_alpn_protocols(alpn.split(","))
        server.set_alpn_protocols(alpn.split(",")[-1:])
    return client, server


def only(events: list[Event], kind: type[Event]) -> Event:
    [event] = [event for event in events if isinstance(event, kind)]
    return event


@pytest.mark.parametrize("alpn", ["", "h2", "h2,http/1.1"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_what_openssl_agreed_on_is_what_is_decoded(
    version: ssl.TLSVersion, alpn: str, certificates: Certificates
) -> None:
    found = talk(certificates, *contexts(version, alpn))
    hello, answer = only(found.events, ClientHello), only(found.events, ServerHello)
    assert isinstance(hello, ClientHello)
    assert isinstance(answer, ServerHello)
    assert answer.version.replace(" ", "v") == found.client.version()
    cipher = found.client.cipher()
    assert cipher is not None
    assert answer.cipher_suite == standard_names()[cipher[0]]
    assert hello.server_name == "localhost"
    assert ",".join(hello.alpn) == alpn
    if version is ssl.TLSVersion.TLSv1_2:
        assert answer.alpn == (found.client.selected_alpn_protocol() or "")
        shown = only(found.events, Certificate)
        assert isinstance(shown, Certificate)
        told: Any = found.client.getpeercert()
        assert list(shown.names) == [name for _, name in told["subjectAltName"]]
        assert shown.chain[0] == found.client.getpeercert(binary_form=True)
    else:
        assert not any(isinstance(event, Certificate) for event in found.events)


def standard_names() -> dict[str, str]:
    """The RFCs' name of every cipher suite that OpenSSL knows, by its own."""
    command = [program("openssl"), "ciphers", "-V", "-stdname", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"]
    rows = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return {row.split()[4]: row.split()[2] for row in rows}


def test_every_suite_is_called_as_openssl_calls_it() -> None:
    command = [program("openssl"), "ciphers", "-V", "-stdname", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"]
    rows = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    known = {int(row[1] + row[2], 16): row[3] for row in re.finditer(r"0x(..),0x(..) - (\S+)", rows)}
    both = known.keys() & SUITES.keys()
    assert len(both) > 40
    assert {code: SUITES[code] for code in both} == {code: known[code] for code in both}


@pytest.mark.foreign
@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_what_s_client_reports_is_what_is_decoded(version: str, certificates: Certificates, tmp_path: Path) -> None:
    files = ["-cert", str(certificates.leaf), "-key", str(certificates.leaf)]
    serve = [program("openssl"), "s_server", "-accept", "127.0.0.1:0", "-quiet", "-alpn", "h2", *files]
    with start(serve, stdin=subprocess.PIPE) as server:
        target = port_of(server)
        with serving("relay", "tcp://127.0.0.1:0", f":{target}", journal=tmp_path / "journal") as relay:
            where = ["-connect", f"127.0.0.1:{relay.port}", "-servername", "localhost", "-alpn", "http/1.1,h2"]
            trust = ["-CAfile", str(certificates.ca), version]
            report = run([program("openssl"), "s_client", *where, *trust]).decode()
    [conversation] = recorded(tmp_path / "journal")
    session = TlsSession()
    events = session.receive(Side.CLIENT, conversation.client) + session.receive(Side.SERVER, conversation.server)
    hello, answer = only(events, ClientHello), only(events, ServerHello)
    assert isinstance(hello, ClientHello)
    assert isinstance(answer, ServerHello)
    agreed = re.search(r"New, (\S+), Cipher is (\S+)", report)
    assert agreed is not None
    assert (answer.version.replace(" ", "v"), answer.cipher_suite) == (agreed[1], standard_names()[agreed[2]])
    assert (hello.server_name, hello.alpn) == ("localhost", ("http/1.1", "h2"))
    assert "ALPN protocol: h2" in report
    if version == "-tls1_2":
        assert answer.alpn == "h2"


# ── records and messages ──────────────────────────────────────────────────────────────────────────────────

HELLO = bytes.fromhex("0303") + bytes(32) + b"\x00" + b"\x00\x02\x13\x01" + b"\x01\x00"


def record(kind: int, body: bytes) -> bytes:
    return bytes([kind, 3, 3]) + len(body).to_bytes(2, "big") + body


def message(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def hear(*said: bytes, side: Side = Side.CLIENT) -> list[Event]:
    session = TlsSession()
    return [event for data in said for event in session.receive(side, data)]


def test_a_message_may_span_records_and_share_one() -> None:
    both = message(1, HELLO) + message(16, b"key")
    pieces = [record(22, both[:3]), record(22, both[3:20]), record(22, both[20:])]
    hello, key = hear(*pieces)
    assert isinstance(hello, ClientHello)
    assert key == Handshake(start=hello.end, end=sum(map(len, pieces)), message="ClientKeyExchange", size=3)


def test_a_record_may_be_as_long_as_the_limit_and_not_longer() -> None:
    [data] = hear(record(23, bytes(TLS_RECORD_BYTES)))
    assert isinstance(data, ApplicationData)
    assert len(data.data) == TLS_RECORD_BYTES
    broken, rest = hear(record(23, bytes(TLS_RECORD_BYTES + 1)))
    assert isinstance(broken, Malformed)
    assert isinstance(rest, Data)
    assert f"longer than {TLS_RECORD_BYTES}" in broken.reason


def test_a_message_may_be_as_long_as_the_limit_and_not_longer() -> None:
    for size, kind in ((TLS_MESSAGE_BYTES, Handshake), (TLS_MESSAGE_BYTES + 1, Malformed)):
        body = message(15, bytes(size))
        records = [record(22, body[at : at + 2**14]) for at in range(0, len(body), 2**14)]
        assert isinstance(hear(*records)[0], kind)


def test_who_speaks_strictly_is_held_to_it() -> None:
    session = TlsSession(strict=True)
    with pytest.raises(RemoteProtocolError, match="not the beginning"):
        session.receive(Side.CLIENT, b"GET / HTTP/1.1\r\n")
    with pytest.raises(LocalProtocolError, match="only listened to"):
        TlsSession().send(Side.CLIENT, ChangeCipherSpec())


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (record(22, message(1, HELLO[:30])), "a broken ClientHello: it is too short"),
        (record(22, message(2, b"")), "a broken ServerHello: it is too short"),
        (record(22, message(11, b"\x00\x00\x09")), "a broken Certificate: it is too short"),
        (record(22, message(1, HELLO)[:9]) + record(21, b"\x02\x28"), "interrupted by another kind"),
        (record(22, b""), "an empty record"),
        (record(20, b"\x01\x01"), "a ChangeCipherSpec has one byte, and not 2"),
        (record(21, b"\x02"), "half an alert"),
        (b"\x17\x09", "not the beginning of a TLS record"),
    ],
)
def test_what_is_broken_is_said(data: bytes, reason: str) -> None:
    events = hear(data)
    assert isinstance(events[0], Malformed)
    assert reason in events[0].reason
    assert events[0].at < len(data)


def test_decoding_goes_on_behind_a_broken_message() -> None:
    broken, key = hear(record(22, message(1, HELLO[:30]) + message(16, b"key")))
    assert isinstance(broken, Malformed)
    assert isinstance(key, Handshake)
    assert broken.end == key.start


def test_what_has_no_name_is_shown_by_its_number() -> None:
    [hello] = hear(record(22, message(1, HELLO.replace(b"\x13\x01", b"\xfa\xfb").replace(b"\x00\x02", b"\x00\x02"))))
    assert isinstance(hello, ClientHello)
    assert hello.cipher_suites == ("0xfafb",)
    other, alert = hear(record(22, message(99, b"")), record(21, b"\x07\xfe"))
    assert (other.summary, alert.summary) == ("message 99", "7 alert: 254")


def test_grease_is_left_out_of_what_is_shown() -> None:
    suites = b"\x00\x04\x0a\x0a\x13\x01"
    versions = b"\x00\x2b\x00\x05\x04\x7a\x7a\x03\x04"
    body = bytes.fromhex("0303") + bytes(33) + suites + b"\x01\x00" + len(versions).to_bytes(2, "big") + versions
    [hello] = hear(record(22, message(1, body)))
    assert isinstance(hello, ClientHello)
    assert hello.cipher_suites == ("GREASE", "TLS_AES_128_GCM_SHA256")
    assert hello.versions == ("GREASE", "TLS 1.3")
    assert hello.summary == "ClientHello: TLS 1.3"
    assert list(hello.details) == ["1 cipher suites: TLS_AES_128_GCM_SHA256"]


def test_what_a_hello_offers_is_told() -> None:
    extensions = b"\x00\x29\x00\x00" + b"\xfe\x0d\x00\x00" + b"\x00\x00\x00\x07\x00\x05\x01\x00\x02hi"
    body = HELLO + len(extensions).to_bytes(2, "big") + extensions
    [hello] = hear(record(22, message(1, body)))
    assert isinstance(hello, ClientHello)
    assert (hello.resumes, hello.has_encrypted_hello, hello.server_name) == (True, True, "")
    assert "an inner hello, encrypted (ECH), which may ask for another name" in hello.details


def test_a_certificate_that_cannot_be_read_is_shown_as_that() -> None:
    der = b"no DER"
    body = (len(der) + 3).to_bytes(3, "big") + len(der).to_bytes(3, "big") + der
    unreadable, none = hear(record(22, message(11, body) + message(11, bytes(3))))
    assert isinstance(unreadable, Certificate)
    assert (unreadable.summary, unreadable.names, unreadable.leaf) == ("Certificate: unreadable", (), None)
    assert none.summary == "Certificate: none"


def test_what_is_encrypted_is_told_by_its_kind() -> None:
    session = TlsSession()
    session.receive(Side.SERVER, record(22, message(2, HELLO[:35] + b"\x13\x01\x00")))
    pieces = [record(20, b"\x01"), record(22, b"secret"), record(21, b"secret"), record(24, b"beat"), record(23, b"")]
    kinds = [type(event) for event in session.receive(Side.CLIENT, b"".join(pieces))]
    assert kinds == [ChangeCipherSpec, EncryptedHandshake, EncryptedAlert, Heartbeat, ApplicationData]


def test_an_end_in_the_middle_of_a_record_is_told() -> None:
    session = TlsSession()
    [data] = session.receive(Side.CLIENT, record(23, b"secret")[:-1])
    [broken] = session.end(Side.CLIENT)
    assert isinstance(broken, Malformed)
    assert (broken.start, broken.end, broken.reason) == (data.end, data.end, "it ends in the middle of a record")


def test_a_gap_within_an_encrypted_record_loses_nothing_else() -> None:
    session = TlsSession()
    whole = record(23, bytes(100))
    session.receive(Side.CLIENT, whole[:20])
    [missing] = session.lost(Side.CLIENT, 50)
    assert isinstance(missing, Missing)
    rest, alert = session.receive(Side.CLIENT, whole[70:] + record(21, b"\x01\x00"))
    assert isinstance(rest, ApplicationData)
    assert isinstance(alert, Alert)
    assert alert.summary == "warning alert: close_notify"
    session.lost(Side.CLIENT, 1)
    assert isinstance(session.receive(Side.CLIENT, whole)[0], Data)


# ── recognizing ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("client", "server", "match"),
    [
        (b"\x16", b"", Match.WAIT),
        (b"\x16\x03\x01\x02\x00", b"", Match.WAIT),
        (b"\x16\x03\x01\x02\x00\x01", b"", Match.SURE),
        (b"\x16\x03\x01\x02\x00\x10", b"", Match.MAYBE),
        (b"\x17\x03\x03\x00\x10", b"", Match.MAYBE),
        (b"\x16\x04", b"", Match.NO),
        (b"\x16\x03\x05", b"", Match.NO),
        (b"EHLO", b"", Match.NO),
        (b"", b"\x16\x03\x03\x00\x7a\x02", Match.SURE),
        (b"", b"", Match.NO),
        (b"EHLO", b"\x16\x03\x03\x00\x7a\x02", Match.NO),
    ],
)
def test_what_looks_like_tls(client: bytes, server: bytes, match: Match) -> None:
    assert TlsSession.recognize(client, server) is match


def test_the_middle_of_tls_is_tls_where_nothing_else_is_as_likely() -> None:
    found = guess(record(23, b"secret"), b"", 443)
    assert found is not None
    assert found.name == "tls"
