"""Redis: transcripts of postgresql-cli, the types of RESP, what is secret, and which reply belongs to what."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from running import program, run
from servers import postgresql
from speaking import Speaker
from tincans.channel import Side
from tincans.errors import LocalProtocolError, RemoteProtocolError
from tincans.limits import MESSAGE_BYTES, POSTGRESQL_STARTUP_BYTES
from tincans.protocols import Event, Malformed, Match, Missing, Session, Upgraded, find_protocol
from tincans.protocols.postgresql import PostgresqlSession
from tincans.protocols.postgresql_events import (
    Authentication,
    BackendKeyData,
    Bind,
    CancelRequest,
    Column,
    CopyBothResponse,
    CopyData,
    CopyInResponse,
    DataRow,
    Describe,
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
    ParameterDescription,
    ParameterStatus,
    Parse,
    PasswordMessage,
    Piece,
    PortalSuspended,
    Query,
    ReadyForQuery,
    RowDescription,
    SASLInitialResponse,
    SASLResponse,
    SSLRequest,
    StartupMessage,
    Sync,
    Unknown,
)
from tincans.testing import check_mutations, check_session

TRANSCRIPTS = sorted((Path(__file__).parent / "transcripts" / "postgresql").glob("*.tin"))


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_a_transcript_means_what_it_says(path: Path) -> None:
    check_session(path, "postgresql")


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
@given(random=st.randoms(use_true_random=False))
def test_broken_transcripts_raise_nothing_and_lose_nothing(path: Path, random: st.DataObject) -> None:
    check_mutations(path, "postgresql", random)  # type: ignore[arg-type]


def spoken(strict: bool = False) -> Session:
    """A session that has started."""
    session = find_protocol("postgresql").session(strict=strict)
    session.send(Side.CLIENT, ADA)
    return session


def letter(which: str, data: bytes) -> bytes:
    return which.encode() + (len(data) + 4).to_bytes(4, "big") + data


ADA = StartupMessage(parameters=(("user", "ada"),))
SERVER = Side.SERVER


@pytest.mark.parametrize(
    "event",
    [
        Query(query="SELECT 'é'"), Parse(statement="s", query="SELECT $1", types=(0, 23)),
        Bind(portal="p", statement="s", formats=(0, 1), values=("1", None), result_formats=(1,)),
        Describe(kind="S", name="s"), Execute(portal="p", rows=9), Flush(), Sync(), PasswordMessage(password="pw"),
        FunctionCall(function=2_200_000_000, formats=(1,), values=("x", None), result_format=1),
        FunctionCallResponse(value=None), FunctionCallResponse(value="x"), PortalSuspended(),
        NegotiateProtocolVersion(side=SERVER, minor=0, options=("_pq_.x",)), ParameterDescription(types=(25, 1)),
        RowDescription(columns=(Column(name="id", table=1, number=2, type=23, size=4, modifier=-1, format=1),)),
        CopyInResponse(format=1, columns=(1, 1)), CopyBothResponse(), DataRow(values=("", None, "\udcff")),
        ErrorResponse(fields=(("S", "ERROR"), ("M", "no"), ("C", "42"))), BackendKeyData(process=1, key=b"k" * 32),
        Unknown(letter="\xff", data=b"\0\1"), CopyData(data=b"1,2\n"),
    ],
    ids=lambda event: type(event).__name__,
)  # fmt: skip
def test_what_is_sent_is_heard(event: Event) -> None:
    said = spoken(strict=not isinstance(event, Unknown)).send(event.side, event)
    (heard,) = spoken().receive(event.side, said)
    assert heard.bare() == event


@pytest.mark.parametrize(
    ("event", "shown"),
    [
        (Authentication(method=10, data=b"SCRAM-SHA-256\0PLAIN\0\0"), "authentication: SASL by SCRAM-SHA-256, PLAIN"),
        (Authentication(method=99), "authentication: method 99"),
        (DataRow(values=("x" * 201, None)), f"{'x' * 200}… (201 bytes) | NULL"),
        (ParameterDescription(types=(25, 99)), "text, type 99"),
        (ParameterDescription(types=()), "no parameters"),
        (Execute(rows=3), "execute '', 3 rows at most"),
        (Query(query="x" * 2001), f"{'x' * 2000}… (2001 bytes)"),
    ],
)
def test_events_are_told_in_a_line(event: Event, shown: str) -> None:
    assert event.summary == shown


def test_what_is_too_long_for_a_line_is_content() -> None:
    viewer = PostgresqlSession.viewer()
    assert viewer.view(Query(query="x" * 2001)).content == b"x" * 2001
    assert viewer.view(DataRow(values=(None, "x" * 201))).content == b"x" * 201
    assert viewer.view(DataRow(values=("x",))).content is None
    assert viewer.view(CopyData(data=b"x")).content == b"x"


# ── start-up and encryption ───────────────────────────────────────────────────────────────────────────────


def test_what_follows_a_request_for_tls_waits_for_the_answer() -> None:
    request, start = bytes.fromhex("0000000804d2162f"), find_protocol("postgresql").session().send(Side.CLIENT, ADA)
    session = find_protocol("postgresql").session()
    assert [type(event) for event in session.receive(Side.CLIENT, request + start)] == [SSLRequest]
    assert session.waiting(Side.CLIENT) == len(start)
    assert session.awaited is Side.SERVER
    assert [type(event) for event in session.receive(SERVER, b"N")] == [EncryptionAnswer, StartupMessage]

    session = find_protocol("postgresql").session()
    session.receive(Side.CLIENT, request + start)
    assert [type(event) for event in session.receive(SERVER, b"S\x16\x03")] == [EncryptionAnswer, Upgraded]
    assert (session.rest(Side.CLIENT), session.rest(SERVER)) == (start, b"\x16\x03")
    session.secured()
    assert [type(event) for event in session.receive(Side.CLIENT, start)] == [StartupMessage]


def test_gssapi_hides_the_rest() -> None:
    session = find_protocol("postgresql").session()
    session.send(Side.CLIENT, GSSENCRequest())
    assert session.send(SERVER, EncryptionAnswer(answer="G")) == b"G"
    assert session.upgraded is not None
    assert session.upgraded.to == "raw"


def test_a_server_without_encryption_may_say_so_in_a_message() -> None:
    session = find_protocol("postgresql").session()
    session.send(Side.CLIENT, SSLRequest())
    error = letter("E", b"SFATAL\0\0")
    assert session.receive(SERVER, error[:3]) == []
    assert [type(event) for event in session.receive(SERVER, error[3:])] == [ErrorResponse]


def test_another_answer_is_malformed() -> None:
    session = find_protocol("postgresql").session()
    session.send(Side.CLIENT, SSLRequest())
    (broken,) = session.receive(SERVER, b"G")
    assert isinstance(broken, Malformed)


@pytest.mark.parametrize(
    ("method", "event"),
    [
        (3, PasswordMessage(password="pw")), (5, PasswordMessage(password="md5abc")),
        (10, SASLInitialResponse(mechanism="PLAIN", response=b"pw")), (10, SASLInitialResponse(mechanism="X")),
        (11, SASLResponse(data=b"pw")), (7, GSSResponse(data=b"pw")),
    ],
)  # fmt: skip
def test_what_p_means_depends_on_what_was_asked_and_is_a_secret(method: int, event: Event) -> None:
    session = spoken(strict=True)
    session.send(SERVER, Authentication(method=method))
    assert session.awaited is Side.CLIENT
    said = session.send(Side.CLIENT, event)
    assert session.awaited is SERVER
    hearer = spoken()
    hearer.send(SERVER, Authentication(method=method))
    (heard,) = hearer.receive(Side.CLIENT, said)
    assert heard.bare() == event
    assert "pw" not in heard.masked().summary
    hidden = b"".join(said[start - heard.start : end - heard.start] for start, end in heard.hidden)
    assert (b"pw" in hidden) == (b"pw" in said)


@pytest.mark.parametrize(
    ("query", "masked", "secret"),
    [
        ("ALTER USER ada PASSWORD 'it''s'; SELECT 1", "ALTER USER ada PASSWORD '******'; SELECT 1", b"it''s"),
        ("create role é encrypted password E'a\\'b'", "create role é encrypted password E'******'", b"a\\'b"),
        ("SELECT dblink('host=x password=pw user=y')", "SELECT dblink('host=x password=****** user=y')", b"pw"),
        ("SELECT password FROM users", "SELECT password FROM users", b""),
    ],
)
@pytest.mark.parametrize("kind", [Query, Parse])
def test_passwords_in_statements_are_masked(kind: type[Query | Parse], query: str, masked: str, secret: bytes) -> None:
    said = spoken().send(Side.CLIENT, kind(query=query))
    session = find_protocol("postgresql").session()
    session.receive(Side.CLIENT, start := find_protocol("postgresql").session().send(Side.CLIENT, ADA))
    (heard,) = session.receive(Side.CLIENT, said)
    assert isinstance(heard.masked(), kind)
    assert heard.masked().query == masked  # type: ignore[attr-defined]
    assert b"".join((start + said)[begin:end] for begin, end in heard.hidden) == secret


def test_the_keys_to_cancel_with_are_secrets() -> None:
    session = find_protocol("postgresql").session()
    said = session.send(Side.CLIENT, CancelRequest(process=7, key=b"\xff\0\0\1"))
    assert said == bytes.fromhex("00000010 04d2162e 00000007 ff000001")
    (heard,) = find_protocol("postgresql").session().receive(Side.CLIENT, said)
    assert heard.hidden == ((12, 16),)
    masked = heard.masked()
    assert isinstance(masked, CancelRequest)
    assert masked.key == b"******"


# ── what is broken ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "said",
    [
        letter("Z", b""), letter("Z", b"II"), letter("Z", b"\0"), letter("T", b"\xff\xff"),
        letter("D", b"\0\1\0\0\0\5x"), letter("S", b"name\0value"),
        letter("E", b"Mno\0"), letter("D", b"\0\1\xff\xff\xff\xfe"), letter("1", b"x"),
    ],
)  # fmt: skip
def test_a_broken_message_is_malformed_and_the_next_one_is_read(said: bytes) -> None:
    broken, ready = spoken().receive(SERVER, said + letter("Z", b"I"))
    assert isinstance(broken, Malformed)
    assert broken.data == said
    assert isinstance(ready, ReadyForQuery)
    with pytest.raises(RemoteProtocolError):
        spoken(strict=True).receive(SERVER, said)


def test_a_length_that_cannot_be_ends_decoding() -> None:
    assert [type(event).__name__ for event in spoken().receive(SERVER, b"Z\0\0\0\3xyz")] == ["Malformed", "Data"]


def test_a_server_answers_what_it_does_not_understand() -> None:
    with pytest.raises(RemoteProtocolError, match="there is no message '!'") as caught:
        spoken(strict=True).receive(Side.CLIENT, letter("!", b""))
    (error,) = spoken().receive(SERVER, caught.value.reply)
    assert error.summary == "FATAL: there is no message '!' (08P01)"
    with pytest.raises(RemoteProtocolError, match=r"protocol 2\.0"):
        find_protocol("postgresql").session(strict=True).receive(Side.CLIENT, bytes.fromhex("0000000800020000"))


@pytest.mark.parametrize(
    "event",
    [
        Describe(kind="SP"), Bind(values=("1",) * 40_000), Parse(query="x", types=(-1,)),
        NegotiateProtocolVersion(side=SERVER, minor=0, options=("a\0b",)), SASLResponse(data=b""),
    ],
)  # fmt: skip
def test_what_does_not_fit_cannot_be_sent(event: Event) -> None:
    with pytest.raises(LocalProtocolError):
        spoken(strict=True).send(event.side, event)


def test_a_zero_byte_in_a_string_cannot_even_be_built() -> None:
    for build in (
        lambda: Query(query="a\0b"), lambda: StartupMessage(parameters=(("", "x"),)),
        lambda: RowDescription(columns=(Column(name="\0"),)), lambda: ErrorResponse(fields=(("SS", "x"),)),
        lambda: Unknown(letter="xy", data=b""),
    ):  # fmt: skip
        with pytest.raises(ValueError):
            build()


def test_a_gap_in_copied_rows_is_only_missing() -> None:
    session = spoken()
    session.receive(SERVER, letter("d", b"x" * 100)[:50])
    (gap,) = session.lost(SERVER, 40)
    assert isinstance(gap, Missing)
    assert [type(event) for event in session.receive(SERVER, b"x" * 15 + letter("Z", b"I"))] == [
        CopyData,
        ReadyForQuery,
    ]
    session.lost(SERVER, 1)
    assert [type(event).__name__ for event in session.receive(SERVER, letter("Z", b"I"))] == ["Data"]


# ── limits ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_message_may_be_as_long_as_the_limit_and_comes_in_pieces_behind_it() -> None:
    room = MESSAGE_BYTES - len(b"Q") - 4 - len(b"\0")
    (whole,) = spoken().receive(Side.CLIENT, letter("Q", b"x" * room + b"\0"))
    assert isinstance(whole, Query)
    said = letter("Q", b"x" * (room + 1) + b"\0")
    session = spoken()
    head, first = session.receive(Side.CLIENT, said[:100])
    assert head.bare() == LongMessage(letter="Q", size=room + 2)
    assert isinstance(first, Piece)
    (rest, after) = session.receive(Side.CLIENT, said[100:] + letter("S", b""))
    assert isinstance(rest, Piece)
    assert isinstance(after, Sync)
    with pytest.raises(RemoteProtocolError, match="more than"):
        spoken(strict=True).receive(Side.CLIENT, said[:100])


def test_a_first_packet_may_be_as_long_as_the_limit_and_not_longer() -> None:
    def start(size: int) -> bytes:
        return size.to_bytes(4, "big") + b"\0\3\0\0user\0" + b"a" * (size - 15) + b"\0\0"

    assert isinstance(find_protocol("postgresql").session().receive(Side.CLIENT, start(POSTGRESQL_STARTUP_BYTES))[0],
                      StartupMessage)  # fmt: skip
    broken = find_protocol("postgresql").session().receive(Side.CLIENT, start(POSTGRESQL_STARTUP_BYTES + 1))[0]
    assert isinstance(broken, Malformed)


@pytest.mark.parametrize(
    ("client", "match"),
    [
        (bytes.fromhex("0000000804d2162f"), Match.SURE), (bytes.fromhex("0000000804d216"), Match.WAIT),
        (b"\0", Match.WAIT), (b"\0\0\0\x20\0\3\0\0us", Match.SURE), (b"\0\0\0\x20\0\2", Match.NO), (b"GET ", Match.NO),
        (b"\0\0\0\7", Match.NO), (b"", Match.NO),
    ],
)  # fmt: skip
def test_it_is_recognized_by_its_first_packet(client: bytes, match: Match) -> None:
    assert PostgresqlSession.recognize(client, b"") is match


# ── beside a real server ──────────────────────────────────────────────────────────────────────────────────

STATEMENT = "SELECT n, n * 1.5, repeat('é', n), CASE WHEN n > 2 THEN 'big, \"bigger\"' END FROM generate_series(1, 5) n"


@pytest.mark.foreign
def test_a_real_server_tells_us_the_rows_that_it_tells_psql() -> None:
    with postgresql() as path, Speaker("postgresql", path) as us:
        us.say(StartupMessage(parameters=(("user", "ada"), ("database", "postgres"), ("client_encoding", "UTF8"))))
        greeting = until_ready(us)
        assert isinstance(greeting[0], Authentication)
        assert {event.name for event in greeting if isinstance(event, ParameterStatus)} >= {
            "server_version",
            "TimeZone",
        }
        us.say(Query(query=STATEMENT))
        simple = until_ready(us)
        us.say(Parse(query=STATEMENT), Bind(), Describe(), Execute(), Sync())
        extended = until_ready(us)
        psql = [program("psql"), "-X", "-h", str(path.parent), "-U", "ada", "-d", "postgres", "--csv"]
        header, *rows = csv.reader(io.StringIO(run([*psql, "-c", STATEMENT]).decode()))
    for heard in (simple, extended):
        (described,) = (event for event in heard if isinstance(event, RowDescription))
        assert [column.name for column in described.columns] == header
        told = [event.values for event in heard if isinstance(event, DataRow)]
        assert [[value or "" for value in values] for values in told] == rows
    assert "CommandComplete" in [type(event).__name__ for event in simple]


def until_ready(us: Speaker) -> list[Event]:
    heard = [us.hear()]
    while not isinstance(heard[-1], ReadyForQuery):
        heard.append(us.hear())
    return heard
