"""Who is waiting for whom: one sentence for each way in which a conversation can stand still."""

from __future__ import annotations

from typing import ClassVar

import pytest
from msgspec.structs import replace

from tincans import tin
from tincans.channel import Side
from tincans.conversation import Opened
from tincans.decoding import Decoding
from tincans.limits import QUOTE_CHARACTERS, READING_SECONDS
from tincans.protocols import Event, Session
from tincans.protocols.events import text
from tincans.protocols.inbox import Inbox
from tincans.waiting import Socket, State, Waiting, ends

_SECOND = 1_000_000_000

CLOGGED = Socket(state="ESTABLISHED", unread=65536, unsent=0)
IDLE = Socket(state="ESTABLISHED", unread=0, unsent=0)
SENDING = Socket(state="ESTABLISHED", unread=0, unsent=2048)

BOTH = "; both sides wait"
FIRST = ": in Turns the server speaks first, and the client waits for it"
LF_ALONE = "; the client's lines end in LF and those of Turns in CR LF: the server may wait for it"
LISTENS = "the client has ended what it says since 4.00 s and only listens; the server may go on, "


class Word(Event, frozen=True, kw_only=True):
    said: str

    @property
    def summary(self) -> str:
        return self.said

    def masked(self) -> Word:
        return replace(self, said="PASS ******") if self.hidden else self


class TurnsSession(Session):
    """The server speaks first, and then one after the other, in lines; what follows PASS is secret."""

    name: ClassVar[str] = "turns"
    title: ClassVar[str] = "Turns"
    line_end = b"\r\n"
    _turn = Side.SERVER

    def _read(self, side: Side, inbox: Inbox) -> Event | None:
        start = inbox.start
        if (line := inbox.line()) is None:
            return None
        self._turn = side.other
        word = line.rstrip(b"\r\n")
        if word.startswith(b"PASS "):
            self._hide(side, start + 5, start + len(word))
        return Word(said=text(word))

    @property
    def awaited(self) -> Side | None:
        return self._turn


TURNS = f"{__name__}:TurnsSession"


def state(
    script: str, protocol: str = "", *, now: float = 5, sockets: dict[str, Socket] | None = None, secrets: bool = False,
    patience: float = 0.0,
) -> State:  # fmt: skip
    """How it stands `now` seconds after it opened."""
    head = "near: tcp://127.0.0.1:7\nfar: tcp://127.0.0.1:50001\n"
    lines = [line.strip() if line.strip() else "" for line in (head + script).splitlines()]
    indented = [f"    {line[2:]}" if line.startswith("| ") else line for line in lines]
    waiting: Waiting | None = None
    for entry in tin.read(indented):
        if isinstance(entry, Opened):
            waiting = Waiting(entry, Decoding(entry, protocol), secrets=secrets)
        assert waiting is not None
        waiting.take(entry, waiting.decoding.take(entry))
    assert waiting is not None
    waiting.note(waiting.decoding.close())
    return waiting.state(int(now * _SECOND), sockets, patience=patience)


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("0.8 C\n| HELLO", "the server has `HELLO` without a line end since 4.20 s; both sides wait"),
        ("0.8 S\n| HELLO", "the client has `HELLO` without a line end since 4.20 s; both sides wait"),
        ("0.8 C\n| HELLO\\r", "the server has `HELLO\\r`, whose line ends in CR alone, since 4.20 s; both sides wait"),
        (
            "0.1 C\n| A\n1.0 S\n| B",
            "the server has `A` without a line end since 4.90 s, and the client has `B` without a line end since 4.00 s"
            + BOTH,
        ),
    ],
)
def test_a_line_without_its_end_is_waited_for(script: str, sentence: str) -> None:
    assert state(script, "lines").sentence == sentence
    assert state(script).sentence == sentence


def test_a_line_that_ends_in_lf_where_cr_lf_was_agreed_is_not_ended() -> None:
    assert state("0.8 C\n| HELLO\\n", "lines:crlf").sentence == (
        "the server has `HELLO\\n`, whose line ends in LF alone and not in CR LF, since 4.20 s; both sides wait"
    )


def test_the_beginning_of_a_record_is_counted_and_not_quoted() -> None:
    assert state("0.8 C hex\n| 00 05 68", "lines:u16").sentence == (
        "the server has the first 3 B of a message since 4.20 s; both sides wait"
    )
    assert state("0.8 C\n| a\\n\n| b\\n\n| c", "lines:/x/").sentence == (
        "the server has the beginning of a message, `a`, of which 5 B came, since 4.20 s; both sides wait"
    )


@pytest.mark.parametrize(
    ("script", "hint"),
    [
        ("0.0 S\n| ready\\r\\n\n0.8 C\n| HELLO\\n",
         "; the client's lines end in LF and the server's in CR LF: the server may wait for CR LF"),
        ("0.0 C\n| HELLO\\r\\n\n0.8 S\n| hello\\n",
         "; the server's lines end in LF and the client's in CR LF: the client may wait for CR LF"),
        ("0.0 S\n| ready\\n\n0.8 C\n| HELLO\\r\\n",
         "; the client's lines end in CR LF and the server's in LF: the server may take the CR for a part of the line"),
        ("0.8 C\n| HELLO\\n", "; the client's lines end in LF: if the server reads up to CR LF, it still waits"),
    ],
)  # fmt: skip
def test_the_classic_deadlock_of_two_languages_is_named(script: str, hint: str) -> None:
    side, other, said = ("server", "client", "hello") if "hello" in script else ("client", "server", "HELLO")
    end = "\\r\\n" if "HELLO\\r\\n" in script and side == "client" else "\\n"
    begun = f"the {other} has been silent since the {side}'s line `{said}{end}`, 4.20 s ago"
    assert state(script, "lines").sentence == begun + hint


@pytest.mark.parametrize("script", ["0.0 S\n| ready\\n\n0.8 C\n| HELLO\\n", "0.8 C\n| HELLO\\r\\n"])
def test_where_nothing_lacks_nothing_is_claimed(script: str) -> None:
    assert state(script, "lines").sentence.startswith(
        "nothing is unfinished; the last word was the client's line `HELLO"
    )


def test_what_ends_the_first_line_is_found_wherever_it_was_cut() -> None:
    assert "end in LF" not in state("0.7 C\n| HELLO\\r\n0.8 C\n| \\n", "lines").sentence
    assert "end in LF" not in state("0.8 C hex\n| 00 0a", "lines").sentence, "that is no text"


def test_bytes_in_the_kernel_are_those_that_nobody_reads() -> None:
    script = "0.8 S\n| HELLO\\n"
    sockets = {"client": CLOGGED, "near": SENDING, "far": IDLE, "server": IDLE}
    found = state(script, sockets=sockets)
    assert found.sentence == "the client does not read: 66.0 KiB wait for it since 4.20 s"
    assert (found.server.unread, found.server.queued) == (65536, 2048)
    assert (found.client.unread, found.client.queued) == (0, 0)
    assert found.sockets == sockets


def test_bytes_that_came_just_now_may_still_be_read() -> None:
    sockets = {"client": CLOGGED}
    assert "does not read" not in state("1.0 S\n| HELLO\\n", now=1 + READING_SECONDS - 0.001, sockets=sockets).sentence
    assert "does not read" in state("1.0 S\n| HELLO\\n", now=1 + READING_SECONDS, sockets=sockets).sentence


def test_a_party_on_another_machine_is_judged_by_what_it_does_not_take() -> None:
    found = state("0.8 C\n| HELLO\\n", sockets={"client": IDLE, "near": IDLE, "far": SENDING})
    assert found.sentence == "the server does not take it: 2.0 KiB wait for it since 4.20 s"
    assert (found.client.queued, found.client.unread) == (2048, None)


def test_two_that_write_and_do_not_read_are_named() -> None:
    found = state("0.8 C\n| a\n0.8 S\n| b", sockets={"client": CLOGGED, "server": CLOGGED})
    assert found.sentence.startswith("neither side reads: 64.0 KiB wait for the server and 64.0 KiB for the client")


def test_silence_from_the_beginning() -> None:
    assert state("note -").sentence == "nobody has spoken since it opened 5.00 s ago"


def test_a_call_that_nobody_answered() -> None:
    waiting: Waiting | None = None
    for entry in tin.read(["server: tcp://10.0.0.9:80", "note -"]):
        if isinstance(entry, Opened):
            waiting = Waiting(entry, Decoding(entry))
    assert waiting is not None
    assert waiting.state(5 * _SECOND).sentence == "tcp://10.0.0.9:80 has not answered the call since 5.00 s"


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("0.8 C\n| HELLO\\n\n1.0 C ends", LISTENS + "and has said nothing"),
        ("1.0 S\n| hi\n2.0 C ends", "the client has `hi` without a line end since 4.00 s" + BOTH),
        ("0.8 S\n| hi\\n\n1.0 C ends", LISTENS + "and has been silent for 4.20 s"),
        ("1.0 C ends\n1.0 S ends", "both sides have ended what they say; the channel is not closed yet"),
        ("1.0 closed finished client", "it is over since 4.00 s: finished, the client first"),
        ("1.0 closed reset server gone", "it is over since 4.00 s: reset by the server"),
        ("1.0 closed idle", "it is over since 4.00 s: idle"),
    ],
)  # fmt: skip
def test_ends_are_told(script: str, sentence: str) -> None:
    assert state(script, "lines").sentence == sentence


def test_the_numbers_of_a_direction() -> None:
    found = state("0.8 C\n| HELLO\\n\n| wor\n1.0 C ends", "lines")
    assert found.protocol == "lines"
    client, server = found.client, found.server
    assert (client.said, client.last, client.age, client.unfinished) == (9, 800_000_000, 4.2, 0)
    assert (client.ended, server.ended) == (True, False)
    assert (server.said, server.last, server.age, server.queued, server.unread) == (0, None, None, None, None)
    assert state("0.8 C\n| HELLO\\n\n| wor", "lines").client.unfinished == 3


def test_a_quote_is_as_long_as_the_limit_and_not_longer() -> None:
    assert f"`{'x' * QUOTE_CHARACTERS}`" in state(f"0.8 C\n| {'x' * QUOTE_CHARACTERS}", "lines").sentence
    assert f"`{'x' * QUOTE_CHARACTERS}…`" in state(f"0.8 C\n| {'x' * (QUOTE_CHARACTERS + 1)}", "lines").sentence


def test_the_sockets_of_a_relay_are_four_and_of_a_listener_two() -> None:
    opened = Opened(
        conversation=1, at=0, kind="relay", client="a", near="b", far="c", server="d",  # type: ignore[arg-type]
    )  # fmt: skip
    waiting = Waiting(opened, Decoding(opened))
    assert ends(waiting.conversation) == {
        "client": ("a", "b"), "near": ("b", "a"), "far": ("c", "d"), "server": ("d", "c"),
    }  # fmt: skip
    waiting.conversation.near = waiting.conversation.far = ""
    assert ends(waiting.conversation) == {"client": ("a", "d"), "server": ("d", "a")}


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("note -", "nobody has spoken since it opened 5.00 s ago" + FIRST),
        ("0.8 C\n| hi\\r\\n", "the server has been silent since the client's word `hi`, 4.20 s ago"),
        ("0.8 S\n| hi\\r\\n", "the client has been silent since the server's word `hi`, 4.20 s ago"),
        ("0.8 C\n| PASS x\\r\\n", "the server has been silent since the client's word `PASS ******`, 4.20 s ago"),
        ("0.8 C\n| PASS x", "the server has `PASS ******` without a line end since 4.20 s" + BOTH),
        ("0.8 C\n| \\nPASS x\\r", "the server has `PASS ******\\r`, whose line ends in CR alone, since 4.20 s" + BOTH),
        ("0.8 C\n| hi\\n", "the server has been silent since the client's word `hi`, 4.20 s ago" + LF_ALONE),
    ],
)  # fmt: skip
def test_a_protocol_that_knows_whose_turn_it_is(script: str, sentence: str) -> None:
    assert state(script, TURNS).sentence == sentence


def test_secrets_are_quoted_where_they_are_wanted() -> None:
    assert "`PASS x` without" in state("0.8 C\n| PASS x", TURNS, secrets=True).sentence
    assert "word `PASS x`" in state("0.8 C\n| PASS x\\n", TURNS, secrets=True).sentence


def test_what_cannot_be_asked_for_its_secrets_is_not_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise TypeError

    monkeypatch.setattr(TurnsSession, "__deepcopy__", refuse, raising=False)
    assert "the first 6 B of a message" in state("0.8 C\n| PASS x", TURNS).sentence


def test_who_speaks_first_is_known_by_the_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tincans.protocols.registry._kinds", lambda: (TurnsSession,))
    monkeypatch.setattr(TurnsSession, "ports", (9, 465))
    assert state("note -").sentence.endswith(FIRST)
    assert state("joined\n| far: tcp://127.0.0.1:5\n| server: tcp://127.0.0.1:465").sentence.endswith(" ago"), (
        "there TLS comes first"
    )


def test_what_is_missing_and_what_is_malformed() -> None:
    assert state("0.8 C dropped 5 gone", "raw").sentence == (
        "nothing is unfinished; the last word was what the client said last, 4.20 s ago"
    )
    assert state("0.8 C\n| x", "raw").client.said == 1
    script = "0.8 C hex\n| ff ff ff ff ff ff ff ff ff ff ff"
    assert "malformed at byte 0: a length has more than ten bytes" in state(script, "lines:varint").sentence


def test_where_it_was_answered_its_line_end_is_not_what_is_wrong() -> None:
    found = state("0.0 S\n| ready\\r\\n\n0.1 C\n| HELLO\\n\n0.2 S\n| hi\\r\\n\n0.8 C\n| MORE\\n", "lines")
    assert found.sentence == "nothing is unfinished; the last word was the client's line `MORE\\n`, 4.20 s ago"
    found = state("0.7 C\n| one\\n\n| two\\n", "lines")
    assert found.sentence.startswith("nothing is unfinished"), "a stream that goes one way"


@pytest.mark.parametrize(
    ("script", "protocol", "is_stuck"),
    [
        ("0.8 C\n| HELLO", "lines", True), ("0.8 C\n| HELLO\\n", "lines", True),
        ("0.8 C\n| HELLO\\r\\n", "lines", False), ("0.8 S\n| HELLO", "lines", True),
        ("0.8 C\n| hi\\r\\n", TURNS, True), ("0.8 S\n| hi\\r\\n", TURNS, False), ("note -", TURNS, False),
        ("0.8 closed idle", "lines", False), ("0.8 C ends", "lines", False),
    ],
)  # fmt: skip
def test_who_looks_on_hears_of_those_that_are_stuck(script: str, protocol: str, is_stuck: bool) -> None:
    assert state(script, protocol).is_stuck is is_stuck


@pytest.mark.parametrize(("script", "protocol"), [("0.8 C\n| hi\\r\\n", TURNS), ("0.8 C\n| HELLO\\n", "lines")])
@pytest.mark.parametrize(("patience", "is_stuck"), [(4.2, True), (4.200000001, False)])
def test_who_is_patient_gives_an_answer_time(script: str, protocol: str, patience: float, is_stuck: bool) -> None:
    found = state(script, protocol, patience=patience)
    assert found.is_stuck is is_stuck
    assert found.sentence == state(script, protocol).sentence


def test_what_is_sure_is_told_whoever_is_patient() -> None:
    assert state("0.8 C\n| HELLO", "lines", patience=100).is_stuck


def test_an_smtp_client_waits_for_the_greeting() -> None:
    assert state("joined\n| far: tcp://127.0.0.1:5\n| server: tcp://127.0.0.1:25").sentence == (
        "nobody has spoken since it opened 5.00 s ago: in SMTP the server speaks first, and the client waits for it"
    )


def test_a_request_without_the_empty_line_behind_it() -> None:
    found = state("0.8 C\n| GET / HTTP/1.1\\r\n| \\n\n| Host: x\\r\\n")
    assert found.protocol == "http"
    assert found.sentence == (
        "the server has the beginning of a message, `GET / HTTP/1.1`, of which 25 B came, since 4.20 s; both sides wait"
    )


def test_a_request_in_lf_is_named() -> None:
    found = state("0.0 S\n| 220 mail.example ESMTP\\r\\n\n0.8 C\n| EHLO desk\\n")
    assert found.sentence.endswith(
        "; the client's lines end in LF and the server's in CR LF: the server may wait for CR LF"
    )
    found = state("0.8 C\n| GET / HTTP/1.0\\n\n| \\n")
    assert found.sentence == (
        "the server has been silent since the client's request `GET / HTTP/1.0`, 4.20 s ago; "
        "the client's lines end in LF and those of HTTP in CR LF: the server may wait for it"
    )
