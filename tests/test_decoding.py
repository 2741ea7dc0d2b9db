"""A conversation's entries with their bytes decoded: which come back, and when each event was said."""

from __future__ import annotations

import pytest

from tincans import tin
from tincans.conversation import Closed, Dropped, Ended, Entry, Noted, Opened, Secured
from tincans.decoding import Decoding, Heard
from tincans.errors import NoSuchProtocol

_SECOND = 1_000_000_000


def decode(script: str, protocol: str = "lines", *, close: bool = False) -> list[Entry | Heard]:
    entries = list(tin.read(script.splitlines(), number=7))
    assert isinstance(entries[0], Opened)
    decoding = Decoding(entries[0], protocol)
    told = [each for entry in entries for each in decoding.take(entry)]
    return told + decoding.close() if close else told


def heard(told: list[Entry | Heard]) -> list[tuple[str, float, float]]:
    """Each event: what it means, when its first byte was said, and its last."""
    return [(e.event.summary, e.began / _SECOND, e.at / _SECOND) for e in told if isinstance(e, Heard)]


def test_said_is_replaced_and_all_else_comes_back_in_its_place() -> None:
    told = decode("0.1 C\n    hi\\n\n0.2 note -\n0.3 S\n    ho\n0.4 S ends\n0.5 closed finished server")
    assert [type(each) for each in told] == [Opened, Heard, Noted, Heard, Ended, Closed]
    first = told[1]
    assert isinstance(first, Heard)
    assert (first.conversation, first.protocol) == (7, "lines")


def test_an_event_began_with_its_first_byte_and_was_said_with_its_last() -> None:
    assert heard(decode("1.0 C\n    on\n2.0 C\n    e\\n\n    two\\n\n    th\n3.0 C\n    re\n4.0 C\n    e\\n")) == [
        ("one\n", 1, 2), ("two\n", 2, 2), ("three\n", 2, 4),
    ]  # fmt: skip


def test_each_side_has_its_own_times() -> None:
    assert heard(decode("1.0 C\n    a\n2.0 S\n    x\\n\n3.0 C\n    b\\n")) == [("x\n", 2, 2), ("ab\n", 1, 3)]


def test_what_is_complete_only_at_the_end_was_said_before() -> None:
    assert heard(decode("1.0 C\n    bye\n5.0 C ends")) == [("bye", 1, 1)]


def test_a_close_ends_both_sides_and_neither_twice() -> None:
    told = decode("1.0 C\n    a\n2.0 S\n    b\n3.0 S ends\n4.0 closed reset client")
    assert heard(told) == [("b", 2, 2), ("a", 1, 1)]
    assert [type(each) for each in told] == [Opened, Heard, Ended, Heard, Closed]


def test_a_gap_is_told_with_its_time_and_its_entry() -> None:
    told = decode("1.0 C\n    a\n2.0 C dropped 5 full\n3.0 C\n    b\\n")
    assert heard(told) == [
        ("malformed at byte 1: what follows is missing", 1, 1), ("5 bytes are missing", 2, 2), ("b\n", 3, 3),
    ]  # fmt: skip
    assert [type(each) for each in told] == [Opened, Heard, Heard, Dropped, Heard]


def test_what_was_kept_to_tell_the_protocol_has_its_own_times() -> None:
    told = decode("1.0 C hex\n    47\n2.0 S\n    x\\n\n3.0 C\n    o away\\n", "", close=True)
    assert sorted(heard(told)) == [("Go away\n", 1, 3), ("x\n", 2, 2)]


def test_a_conversation_that_goes_on_is_told_as_far_as_it_came() -> None:
    script = "1.0 C hex\n    47"  # G: perhaps of GET
    assert heard(decode(script, "")) == []
    assert heard(decode(script, "", close=True)) == [], "the line goes on"
    entries = list(tin.read(script.splitlines()))
    assert isinstance(entries[0], Opened)
    decoding = Decoding(entries[0])
    for entry in entries:
        decoding.take(entry)
    decoding.close()
    assert decoding.decoder.protocol == "lines"
    assert decoding.unfinished(entries[1].side) == b"G"  # type: ignore[union-attr]


def test_tls_that_is_seen_through_is_told() -> None:
    assert [type(each) for each in decode("1.0 secured\n    fact tls.version: TLSv1.3")] == [Opened, Secured]


def test_events_without_bytes_were_said_when_something_happened_last() -> None:
    assert heard(decode("boundaries: yes\n\n1.0 C\n    a\n2.0 C\n3.0 C\n    b", "raw")) == [
        ("a", 1, 1), ("(an empty message)", 2, 2), ("b", 3, 3),
    ]  # fmt: skip


@pytest.mark.parametrize("server", ["unix:///run/x.sock", "what?", "tcp://127.0.0.1:0"])
def test_a_server_without_a_port_is_decoded_too(server: str) -> None:
    assert heard(decode(f"server: {server}\n\n1.0 C\n    hi\\n", "")) == [("hi\n", 1, 1)]


def test_what_is_no_protocol_is_refused_at_once() -> None:
    with pytest.raises(NoSuchProtocol):
        decode("C\n    a", "lnes")
