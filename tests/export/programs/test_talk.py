"""What happened as steps: turns, TLS, the end; what is hidden, missing or too much."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tincans.channel import Side
from tincans.conversation import Closed, Dropped, Ended, Entry, How, Joined, Kind, Opened, Said, Secured
from tincans.decoding import Decoding
from tincans.errors import CannotProgram
from tincans.export.programs.talk import End, Hear, Rehearsal, Say, Secure, Step, Talk, comment
from tincans.limits import PROGRAM_BYTES, PROGRAM_TEXT_BYTES, PROGRAM_TURNS

OPENED = Opened(conversation=7, at=1, kind=Kind.RELAY, client="tcp://127.0.0.1:5", server="tcp://tin.example:7707")
PLACE: dict[str, Any] = {"conversation": 7, "at": 2}


def client(data: bytes) -> Said:
    return Said(**PLACE, side=Side.CLIENT, data=data)


def server(data: bytes) -> Said:
    return Said(**PLACE, side=Side.SERVER, data=data)


def learned(*entries: Entry, opened: Opened = OPENED, protocol: str = "raw", secrets: bool = False) -> Rehearsal:
    rehearsal, decoding = Rehearsal(opened, "Python", secrets=secrets), Decoding(opened, protocol)
    for entry in [opened, *entries, Closed(**PLACE, how=How.FINISHED)]:
        rehearsal.take(entry, decoding.take(entry))
    return rehearsal


def steps(*entries: Entry, opened: Opened = OPENED) -> list[Step]:
    return learned(*entries, opened=opened).talk().steps


def test_a_turn_is_all_that_was_said_until_the_other_spoke() -> None:
    told = steps(server(b"220 hello"), client(b"EH"), client(b"LO"), server(b"250"), server(b" ok"), client(b"QUIT"))
    assert told == [Hear(9), Say(b"EHLO"), Hear(6), Say(b"QUIT", 4), End()]


def test_the_client_ends_where_it_ended() -> None:
    told = steps(client(b"sum"), Ended(**PLACE, side=Side.CLIENT), server(b"1"), Ended(**PLACE, side=Side.SERVER))
    assert told == [Say(b"sum"), End(), Hear(1)]


@pytest.mark.parametrize(
    ("server_address", "facts", "name"),
    [
        ("tls://tin.example:443", {}, "tin.example"),
        ("tls://127.0.0.1:443", {"server.tls.sni": "can.example"}, "can.example"),
        ("tls://127.0.0.1:443", {"tls.sni": "can.example"}, "can.example"),
        ("tls://127.0.0.1:443", {"tls.sni": '";exit("'}, "127.0.0.1"),
        ("tls+unix:///x", {}, "localhost"),
    ],
)
def test_tls_begins_at_once_and_has_no_half_close(server_address: str, facts: dict[str, str], name: str) -> None:
    opened = Opened(conversation=7, at=1, kind=Kind.RELAY, client="tcp://127.0.0.1:5", server=server_address)
    joined = Joined(**PLACE, far="", server="", facts=facts)
    told = steps(joined, client(b"a"), Ended(**PLACE, side=Side.CLIENT), server(b"b"), opened=opened)
    assert told == [Secure(name), Say(b"a"), Hear(1)]


def test_tls_begins_where_it_was_asked_for() -> None:
    secured = Secured(**PLACE, facts={"server.tls.sni": "can.example"})
    talk = learned(client(b"STARTTLS\r\n"), server(b"220\r\n"), secured, client(b"EHLO")).talk()
    assert talk.steps == [Say(b"STARTTLS\r\n"), Hear(5), Secure("can.example"), Say(b"EHLO", 10)]
    assert talk.has_tls


def test_what_is_missing_is_told() -> None:
    lost = [Dropped(**PLACE, side=side, count=5, reason="") for side in Side]
    rehearsal = learned(client(b"a"), lost[0], client(b"b"), lost[1])
    assert rehearsal.talk().steps == [Say(b"a"), Say(b"b", 6), Hear(5), End()]
    assert rehearsal.missing == 5
    assert "5 bytes that the client said are not in the recording." in rehearsal.talk().remarks


REQUEST = b"GET / HTTP/1.1\r\nAuthorization: Basic c2VjcmV0\r\n\r\n"


@pytest.mark.parametrize("cut", range(len(REQUEST)))
def test_secrets_become_stars_however_they_were_cut(cut: int) -> None:
    rehearsal = learned(
        client(REQUEST[:cut]), server(b"HTTP/1.1 100 OK\r\n\r\n"), client(REQUEST[cut:]), protocol="http"
    )
    said = b"".join(step.data for step in rehearsal.talk().steps if isinstance(step, Say))
    assert said == REQUEST.replace(b"c2VjcmV0", b"********")
    assert rehearsal.masked == 1
    assert "1 secret masked by asterisks: put them in." in rehearsal.talk().remarks
    open_ = learned(client(REQUEST), protocol="http", secrets=True)
    assert (open_.talk().steps, open_.masked) == ([Say(REQUEST), End()], 0)


def _said(talk: Talk) -> int:
    return sum(len(step.data) for step in talk.steps if isinstance(step, Say))


def test_so_many_bytes_and_not_one_more() -> None:
    rehearsal = learned(client(bytes(PROGRAM_BYTES)), server(b"x"))
    assert (_said(rehearsal.talk()), rehearsal.left_out) == (PROGRAM_BYTES, 0)
    assert max(len(step.data) for step in rehearsal.talk().steps if isinstance(step, Say)) == PROGRAM_TEXT_BYTES
    rehearsal = learned(client(bytes(PROGRAM_BYTES)), client(b"!"), server(b"x"), client(b"?"))
    assert (_said(rehearsal.talk()), rehearsal.left_out) == (PROGRAM_BYTES, 2)
    assert "2 bytes more that the client said are left out." in rehearsal.talk().remarks


def test_a_text_is_cut_where_it_is_too_long_for_one() -> None:
    assert steps(client(bytes(PROGRAM_TEXT_BYTES)))[:-1] == [Say(bytes(PROGRAM_TEXT_BYTES))]
    assert steps(client(bytes(PROGRAM_TEXT_BYTES + 1)))[:-1] == [
        Say(bytes(PROGRAM_TEXT_BYTES)), Say(b"\0", PROGRAM_TEXT_BYTES),
    ]  # fmt: skip


def test_so_many_turns_and_not_one_more() -> None:
    turn = [client(b"a"), server(b"b")]
    assert learned(*turn * PROGRAM_TURNS).left_out == 0
    rehearsal = learned(*turn * PROGRAM_TURNS, client(b"c"))
    assert rehearsal.left_out == 1
    assert _said(rehearsal.talk()) == PROGRAM_TURNS


@pytest.mark.parametrize("address", ["udp://127.0.0.1:53", "exec:cat", "ws://127.0.0.1/", "memory:x", "no address", ""])
def test_what_is_no_stream_socket_cannot_be_called(address: str) -> None:
    opened = Opened(conversation=1, at=1, kind=Kind.LISTEN, client="", server=address)
    with pytest.raises(CannotProgram, match="no program in Python can say this again: ") as caught:
        Rehearsal(opened, "Python", secrets=False)
    assert caught.value.advice.startswith("Choose another language")


def test_nor_can_datagrams_be_said() -> None:
    opened = Opened(conversation=1, at=1, kind=Kind.LISTEN, client="", server="tcp://127.0.0.1:1", boundaries=True)
    with pytest.raises(CannotProgram):
        Rehearsal(opened, "C", secrets=False)


@given(st.text())
def test_a_comment_ends_nothing_and_escapes_nothing(text: str) -> None:
    shown = comment(text)
    assert len(shown) == len(text)
    assert shown.isascii()
    assert shown.isprintable()
    assert not set(shown) & set('*\\?<>"`$!')
