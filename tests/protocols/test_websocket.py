"""WebSocket's frames, as transcripts and against wsproto."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from random import Random
from unittest.mock import patch

import pytest
import wsproto.events as wsproto
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from websockets.frames import Frame, Opcode
from wsproto.connection import Connection, ConnectionType
from wsproto.extensions import Extension, PerMessageDeflate
from wsproto.frame_protocol import FrameProtocol, ParseFailed
from wsproto.frame_protocol import Opcode as TheirOpcode

from tincans.channel import Side
from tincans.errors import LocalProtocolError, RemoteProtocolError
from tincans.limits import WEBSOCKET_EVENT_BYTES
from tincans.protocols import Data, Event, Malformed, websocket
from tincans.protocols.lines import Line
from tincans.protocols.view import View
from tincans.protocols.websocket import WebSocketSession
from tincans.protocols.websocket_events import Binary, Close, Ping, Pong, Text
from tincans.testing import check_mutations, check_session

TRANSCRIPTS = sorted((Path(__file__).parent / "transcripts" / "websocket").glob("*.tin"))


def is_whole(event: Event) -> bool:
    """Who sends a piece of a message hears it at once, and who is sent it hears the message."""
    return not (isinstance(event, Text | Binary) and not event.fin)


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_a_transcript_means_what_it_says(path: Path) -> None:
    check_session(path, "websocket", guessed=False, sendable=is_whole)


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
@given(random=st.randoms(use_true_random=False))
def test_broken_transcripts_raise_nothing_and_lose_nothing(path: Path, random: Random) -> None:
    check_mutations(path, "websocket", random)


# ── rules ─────────────────────────────────────────────────────────────────────────────────────────────────

KEY = b"\1\2\3\4"


def masked(data: bytes) -> bytes:
    """A payload as a client sends it."""
    return KEY + bytes(byte ^ KEY[at % 4] for at, byte in enumerate(data))


@pytest.mark.parametrize(
    ("side", "data", "reason"),
    [
        (Side.CLIENT, b"\x81\x02hi", "not masked"),
        (Side.SERVER, b"\x81\x82" + masked(b"hi"), "is masked"),
        (Side.SERVER, b"\x83\x00", "no opcode 3"),
        (Side.SERVER, b"\x8b\x00", "no opcode 11"),
        (Side.SERVER, b"\xc1\x00", "reserved bit"),
        (Side.SERVER, b"\xa1\x00", "reserved bit"),
        (Side.SERVER, b"\x09\x00", "control frame is fragmented"),
        (Side.SERVER, b"\x89\x7e\x00\x7e", "control frame is fragmented, or too long"),
        (Side.SERVER, b"\x81\x7e\x00\x7d", "length is not written"),
        (Side.SERVER, b"\x81\x7f" + (65535).to_bytes(8, "big"), "length is not written"),
        (Side.SERVER, b"\x81\x7f" + (2**63).to_bytes(8, "big"), "length is not written"),
        (Side.SERVER, b"\x80\x00", "no message to go on with"),
        (Side.SERVER, b"\x01\x01a\x81\x01b", "inside another"),
        (Side.SERVER, b"\x81\x01\xff", "not UTF-8"),
        (Side.SERVER, b"\x01\x01\xc3\x80\x01(", "not UTF-8"),
        (Side.SERVER, b"\x81\x01\xc3", "not UTF-8"),
        (Side.SERVER, b"\x88\x01\x03", "close frame is wrong"),
        (Side.SERVER, b"\x88\x02\x03\xed", "close frame is wrong"),
        (Side.SERVER, b"\x88\x03\x03\xe8\xff", "close frame is wrong"),
        (Side.SERVER, b"\x88\x00\x81\x00", "behind a close frame"),
    ],
)
def test_a_broken_rule_is_refused_or_described(side: Side, data: bytes, reason: str) -> None:
    with pytest.raises(RemoteProtocolError, match=reason) as caught:
        WebSocketSession(strict=True).receive(side, data)
    assert isinstance(WebSocketSession(strict=True).receive(side.other, caught.value.reply)[0], Close)
    after = b"\x81\x82" + masked(b"ok") if side is Side.CLIENT else b"\x81\x02ok"
    session = WebSocketSession(options={"extensions": ""})
    events = session.receive(side, data + (b"" if data.startswith((b"\x81\x7f", b"\x88", b"\x89\x7e")) else after))
    assert any(isinstance(event, Malformed) and reason in event.reason for event in events)
    if not data.startswith((b"\x81\x7f\x00", b"\x81\x7f\x80", b"\x81\x7e", b"\x88", b"\x89\x7e", b"\x01\x01a")):
        assert isinstance(events[-1], Text)


@pytest.mark.parametrize(
    "event",
    [
        lambda: Ping(data=b"x" * 126),
        lambda: Pong(data=b"x" * 126),
        lambda: Close(code=1006),
        lambda: Close(code=1005, reason="no code"),
        lambda: Close(code=1000, reason="x" * 124),
    ],
)
def test_what_could_not_be_said_is_not_built(event: Callable[[], Event]) -> None:
    with pytest.raises(ValueError):
        event()


def test_what_breaks_the_rules_is_not_sent() -> None:
    session = WebSocketSession(strict=True)
    with pytest.raises(LocalProtocolError):
        session.send(Side.CLIENT, Line(line="hello"))
    session.send(Side.CLIENT, Text(text="a text that", fin=False))
    with pytest.raises(LocalProtocolError):
        session.send(Side.CLIENT, Binary(data=b"is not ended"))
    session.send(Side.CLIENT, Close())
    with pytest.raises(LocalProtocolError):
        session.send(Side.CLIENT, Text(text="one more thing"))


def test_a_control_frame_can_be_as_long_as_the_limit() -> None:
    session = WebSocketSession(strict=True)
    assert len(session.send(Side.SERVER, Ping(data=b"x" * 125))) == 127
    assert len(session.send(Side.SERVER, Close(code=1000, reason="x" * 123))) == 127


def test_who_was_told_goodbye_has_to_say_it_too() -> None:
    turns = []
    session = WebSocketSession()
    for data in (b"", b"\x88\x00"):
        session.receive(Side.SERVER, data)
        turns.append(session.awaited)
    session.send(Side.CLIENT, Close())
    assert [*turns, session.awaited] == [None, Side.CLIENT, None]


def test_the_summary_of_a_close_says_what_its_code_means() -> None:
    assert Close(code=1001, reason="so long").summary == "close 1001 (going away): so long"
    assert Close(code=4000).summary == "close 4000"
    assert Close().summary == "close"


def test_a_reader_is_shown_the_content() -> None:
    viewer = WebSocketSession.viewer()
    assert viewer.view(Text(text="Grüße")) == View("text, 7 bytes", (), "Grüße".encode())
    assert viewer.view(Binary(data=b"\0", fin=False)) == View("binary, 1 bytes and more", (), b"\0")
    assert viewer.view(Ping(data=b"1")) == View("ping 1")


# ── pieces ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("extensions", ["", "permessage-deflate"])
def test_a_message_up_to_the_limit_is_one_event_and_a_longer_one_comes_in_pieces(extensions: str) -> None:
    options = {"extensions": extensions}
    for size in (WEBSOCKET_EVENT_BYTES, WEBSOCKET_EVENT_BYTES + 1):
        sender = WebSocketSession(strict=True, options=options)
        data = sender.send(Side.SERVER, Text(text="x" * size)) if size == WEBSOCKET_EVENT_BYTES else b""
        if not data:
            frame = Frame(Opcode.TEXT, b"x" * size)
            data = frame.serialize(mask=False, extensions=sender._packers(sender._halves[Side.SERVER]))
        events = WebSocketSession(options=options).receive(Side.SERVER, data)
        assert "".join(event.text for event in events if isinstance(event, Text)) == "x" * size
        assert [isinstance(event, Text) and event.fin for event in events] == [False] * (len(events) - 1) + [True]
        assert (len(events) == 1) is (size == WEBSOCKET_EVENT_BYTES)


@given(st.data())
def test_pieces_are_the_same_however_they_come(data: st.DataObject) -> None:
    """Small steps and a small limit: what is cut is cut by what was said, and not by how it came."""
    text = data.draw(st.text(max_size=60))
    sender = WebSocketSession(
        strict=True, options={"extensions": data.draw(st.sampled_from(["", "permessage-deflate"]))}
    )
    said = sender.send(Side.CLIENT, Text(text=text))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(said)), max_size=5)))
    heard = []
    with patch.multiple(websocket, WEBSOCKET_EVENT_BYTES=7, _STEP=4, _PACKED_STEP=4):
        for ends in ([0, len(said)], [0, *cuts, len(said)]):
            session = WebSocketSession(strict=True, options=sender.options)
            pieces = [said[start:end] for start, end in pairwise(ends)]
            heard.append([event for piece in pieces for event in session.receive(Side.CLIENT, piece)])
    assert heard[0] == heard[1]
    assert "".join(event.text for event in heard[0] if isinstance(event, Text)) == text


def test_a_message_can_be_sent_in_pieces_with_a_ping_between() -> None:
    sender, hearer = WebSocketSession(strict=True), WebSocketSession(strict=True)
    data = sender.send(Side.CLIENT, Text(text="one ", fin=False))
    data += sender.send(Side.CLIENT, Ping())
    data += sender.send(Side.CLIENT, Text(text="two"))
    bare = [event.bare() for event in hearer.receive(Side.CLIENT, data)]
    assert bare == [Text(text="one ", fin=False), Ping(), Text(text="two")]


# ── packed ────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_packed_with_missing_bytes_is_said_and_not_guessed() -> None:
    sender = WebSocketSession(strict=True, options={"extensions": "permessage-deflate"})
    first, second = (sender.send(Side.SERVER, Text(text=f"again and again {n}")) for n in range(2))
    session = WebSocketSession(options=sender.options)
    session.receive(Side.SERVER, first[:6])
    session.lost(Side.SERVER, len(first) - 6)
    events = session.receive(Side.SERVER, second + b"\x81\x05plain")
    assert events[0].summary == f"malformed at byte {len(first)}: this is packed with bytes that are missing"
    assert events[-1].bare() == Text(side=Side.SERVER, text="plain")


def test_who_forgets_after_each_message_is_understood_behind_a_gap() -> None:
    options = {"extensions": "permessage-deflate; server_no_context_takeover"}
    sender = WebSocketSession(strict=True, options=options)
    first, second = (sender.send(Side.SERVER, Text(text=f"again and again {n}")) for n in range(2))
    session = WebSocketSession(options=options)
    session.receive(Side.SERVER, first[:6])
    session.lost(Side.SERVER, len(first) - 6)
    assert [event.summary for event in session.receive(Side.SERVER, second)] == ["again and again 1"]


def test_a_gap_of_more_than_a_frame_leaves_data() -> None:
    session = WebSocketSession()
    session.receive(Side.SERVER, b"\x81\x05he")
    session.lost(Side.SERVER, 100)
    assert [type(event) for event in session.receive(Side.SERVER, b"\x81\x05hello")] == [Data]


@pytest.mark.parametrize(
    "extensions",
    [
        "permessage-deflate; client_max_window_bits=8; server_max_window_bits=8",
        "x; y, permessage-deflate",
        "nonsense;;",
    ],
)
def test_any_agreement_is_kept(extensions: str) -> None:
    sender = WebSocketSession(strict=True, options={"extensions": extensions})
    hearer = WebSocketSession(strict=True, options={"extensions": extensions})
    for side in Side:
        events = hearer.receive(side, sender.send(side, Text(text="hello, hello, hello")))
        assert [event.summary for event in events] == ["hello, hello, hello"]


# ── beside wsproto ────────────────────────────────────────────────────────────────────────────────────────

MESSAGES = st.one_of(
    st.builds(lambda text: Text(text=text), st.text(max_size=300)),
    st.builds(lambda data: Binary(data=data), st.binary(max_size=300)),
    st.just(Binary(data=bytes(range(256)) * 256)),  # the least that has a length of eight bytes
    st.builds(lambda data: Ping(data=data), st.binary(max_size=125)),
    st.builds(lambda data: Pong(data=data), st.binary(max_size=125)),
)
AGREEMENTS = st.sampled_from(
    [
        "",
        "permessage-deflate",
        "permessage-deflate; client_no_context_takeover; server_no_context_takeover",
        "permessage-deflate; client_max_window_bits=9; server_max_window_bits=10",
    ]
)


def theirs(side: Side, agreement: str) -> Connection:
    """wsproto as the end that hears `side`."""
    extensions: list[Extension] = []
    if agreement:
        extension = PerMessageDeflate()
        assert extension.offer()
        extension.finalize(agreement)
        extensions = [extension]
    kind = ConnectionType.SERVER if side is Side.CLIENT else ConnectionType.CLIENT
    return Connection(kind, extensions)


def heard(events: Iterable[object]) -> list[Event]:
    """wsproto's events as ours, messages whole."""
    found: list[Event] = []
    text, data = "", b""
    for event in events:
        match event:
            case wsproto.TextMessage(data=piece, message_finished=over):
                text += piece
                if over:
                    found.append(Text(text=text))
                    text = ""
            case wsproto.BytesMessage(data=piece, message_finished=over):
                data += bytes(piece)
                if over:
                    found.append(Binary(data=data))
                    data = b""
            case wsproto.Ping(payload=payload):
                found.append(Ping(data=bytes(payload)))
            case wsproto.Pong(payload=payload):
                found.append(Pong(data=bytes(payload)))
            case wsproto.CloseConnection(code=code, reason=reason):
                found.append(Close(code=int(code), reason=reason or ""))
    return found


@given(st.sampled_from(Side), AGREEMENTS, st.lists(MESSAGES, max_size=5))
def test_wsproto_hears_what_we_say(side: Side, agreement: str, messages: list[Event]) -> None:
    session = WebSocketSession(strict=True, options={"extensions": agreement})
    other = theirs(side, agreement)
    for message in [*messages, Close(code=1000, reason="bye")]:
        other.receive_data(session.send(side, message))
        assert heard(other.events()) == [message]


@given(st.sampled_from(Side), AGREEMENTS, st.lists(MESSAGES, max_size=5), st.integers(1, 200))
def test_we_hear_what_wsproto_says(side: Side, agreement: str, messages: list[Event], size: int) -> None:
    session = WebSocketSession(strict=True, options={"extensions": agreement})
    other = theirs(side.other, agreement)
    for message in [*messages, Close(code=1000, reason="bye")]:
        said = other.send(as_theirs(message))
        events = [e for at in range(0, len(said), size) for e in session.receive(side, said[at : at + size])]
        assert [event.bare() for event in events] == [replace(message, side=side)]


HEADERS = [
    b"\x81\x00",
    b"\x81\x80\1\2\3\4",
    b"\x89\x01",
    b"\x88\x82\0\0\0\0\3\xe8",
    b"\x01\x01a",
    b"\x80\x01b",
    b"\x82\x7e\0",
]


def as_theirs(event: Event) -> wsproto.Event:
    match event:
        case Text(text=text):
            return wsproto.TextMessage(text)
        case Binary(data=data):
            return wsproto.BytesMessage(data)
        case Ping(data=data):
            return wsproto.Ping(data)
        case Pong(data=data):
            return wsproto.Pong(data)
        case Close(code=code, reason=reason):
            return wsproto.CloseConnection(code, reason)
    raise AssertionError(event)


@given(st.sampled_from(Side), st.lists(st.one_of(st.binary(max_size=5), st.sampled_from(HEADERS)), max_size=6))
def test_what_wsproto_refuses_we_refuse(side: Side, pieces: list[bytes]) -> None:
    """Anything at all, much of it like frames."""
    data = b"".join(pieces)
    other = FrameProtocol(client=side is Side.SERVER, extensions=[])
    other.receive_bytes(data)
    try:
        frames = [frame for frame in other.received_frames() if frame.message_finished]
    except ParseFailed:
        with pytest.raises(RemoteProtocolError):
            # We look when a header is whole, and at a text when it is.
            WebSocketSession(strict=True).receive(side, data + bytes(70_000) + b"\x80" + bytes(10))
        return
    if any(frame.opcode is TheirOpcode.CLOSE for frame in frames):
        return  # what comes behind a close frame it leaves to who uses it
    try:
        events = WebSocketSession(strict=True).receive(side, data)
        assert len(list(filter(is_whole, events))) == len(frames)
    except RemoteProtocolError:
        other.receive_bytes(bytes(300))  # and we look earlier, too
        with pytest.raises(ParseFailed):
            list(other.received_frames())
