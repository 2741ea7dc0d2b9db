"""IRC, as transcripts and against the public vectors of ircdocs/parser-tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tincans.channel import Side
from tincans.errors import LocalProtocolError, RemoteProtocolError
from tincans.limits import IRC_CLIENT_TAGS_BYTES, IRC_MESSAGE_BYTES, IRC_TAGS_BYTES, LINE_BYTES
from tincans.protocols import Malformed, Match
from tincans.protocols.events import encoded
from tincans.protocols.irc import Blank, IrcSession, Message, Source, read_message, written, written_tags
from tincans.protocols.irc_numerics import NUMERICS
from tincans.testing import check_mutations, check_session

HERE = Path(__file__).parent
TRANSCRIPTS = sorted((HERE / "transcripts" / "irc").glob("*.tin"))
CLIENT, SERVER = Side.CLIENT, Side.SERVER


def vectors(name: str) -> list[dict[str, Any]]:
    tests: list[dict[str, Any]] = json.loads((HERE / "vectors" / "irc" / f"{name}.json").read_text())["tests"]
    return tests


def message(atoms: dict[str, Any]) -> Message:
    return Message(
        verb=atoms["verb"], parameters=tuple(atoms.get("params", ())), source=atoms.get("source", ""),
        tags=atoms.get("tags", {}), side=SERVER,
    )  # fmt: skip


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_a_transcript_means_what_it_says(path: Path) -> None:
    check_session(path, "irc")


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
@given(random=st.randoms(use_true_random=False))
def test_broken_transcripts_raise_nothing_and_lose_nothing(path: Path, random: st.DataObject) -> None:
    check_mutations(path, "irc", random)  # type: ignore[arg-type]


# ── the public vectors ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("vector", vectors("msg-split"), ids=lambda vector: vector["input"])
def test_a_message_is_split_as_others_do(vector: dict[str, Any]) -> None:
    (heard,) = IrcSession().receive(SERVER, encoded(vector["input"]) + b"\r\n")
    assert heard.bare() == message(vector["atoms"])


@pytest.mark.parametrize("vector", vectors("msg-join"), ids=lambda vector: vector["desc"])
def test_a_message_is_joined_as_others_do(vector: dict[str, Any]) -> None:
    said = IrcSession(strict=True).send(SERVER, message(vector["atoms"]))
    assert said.endswith(b"\r\n")
    assert said[:-2].decode() in vector["matches"]


@pytest.mark.parametrize("vector", vectors("userhost-split"), ids=lambda vector: vector["source"])
def test_a_source_is_split_as_others_do(vector: dict[str, Any]) -> None:
    source = Source.parse(vector["source"])
    assert source._asdict() == {"user": "", "host": "", **vector["atoms"]}
    assert str(source) == vector["source"]


# ── messages ──────────────────────────────────────────────────────────────────────────────────────────────


def test_what_a_message_is_called_and_from_whom() -> None:
    welcome = Message(verb="001", parameters=("dan", "Welcome"), source="irc.example")
    assert (welcome.name, welcome.summary) == ("RPL_WELCOME", ":irc.example 001 RPL_WELCOME dan Welcome")
    said = Message(verb="privmsg", parameters=("#tea", "hi ann"), source="dan!d@host", tags={"+typing": "", "id": "7"})
    assert (said.command, said.name, said.sender.nick) == ("PRIVMSG", "PRIVMSG", "dan")
    assert said.summary == ":dan!d@host privmsg #tea :hi ann"
    assert list(said.details) == ["@+typing", "@id: 7"]
    assert said.client_tags == {"+typing": ""}


def test_each_numeric_has_one_name() -> None:
    assert len(NUMERICS) > 170
    assert all(len(number) == 3 and number.isdecimal() for number in NUMERICS)
    assert all(name.startswith(("RPL_", "ERR_")) for name in NUMERICS.values())
    assert len(set(NUMERICS.values())) == len(NUMERICS)


@pytest.mark.parametrize(
    "fields",
    [
        {"verb": ""}, {"verb": ":x"}, {"verb": "@x"}, {"verb": "A B"}, {"verb": "A\r\nB"}, {"source": "a b"},
        {"parameters": ("", "x")}, {"parameters": (":x", "y")}, {"parameters": ("a b", "y")},
        {"parameters": ("x\ny",)}, {"parameters": ("x\0y",)}, {"tags": {"": "x"}}, {"tags": {"a;b": ""}},
    ],
)  # fmt: skip
def test_what_could_not_be_said_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Message(**{"verb": "PING", **fields})


@given(
    st.builds(
        Message,
        verb=st.from_regex(r"[A-Za-z]{1,10}|[0-9]{3}", fullmatch=True),
        source=st.from_regex(r"[^ \r\n\0]{0,9}", fullmatch=True),
        parameters=st.lists(st.from_regex(r"[^ :\r\n\0][^ \r\n\0]{0,5}", fullmatch=True), max_size=4).flatmap(
            lambda middle: st.from_regex(r"[^\r\n\0]{0,9}", fullmatch=True).map(lambda last: (*middle, last))
        ),
        tags=st.dictionaries(
            st.from_regex(r"\+?[a-z./-]{1,9}", fullmatch=True),
            st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=9), max_size=3,
        ),
    )
)  # fmt: skip
def test_any_message_is_heard_as_it_was_said(said: Message) -> None:
    data = IrcSession(strict=True).send(CLIENT, said)
    (heard,) = IrcSession().receive(CLIENT, data)
    assert heard.bare() == said


# ── limits ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("side", "tags"), [(CLIENT, IRC_CLIENT_TAGS_BYTES), (SERVER, IRC_TAGS_BYTES)])
def test_a_message_is_as_long_as_the_limit_and_not_longer(side: Side, tags: int) -> None:
    fits = Message(verb="A", parameters=("x" * (IRC_MESSAGE_BYTES - 4),), tags={"t": "y" * (tags - 4)})
    data = IrcSession().send(side, fits)
    assert len(data) == tags + IRC_MESSAGE_BYTES
    for one_more in (data.replace(b"x\r", b"xx\r"), data.replace(b"=y", b"=yy")):
        (heard,) = IrcSession(strict=True).receive(side, one_more)
        assert isinstance(heard, Message)
        assert heard.excess == 1
        assert "1 bytes longer than IRC allows" in list(heard.details)
        with pytest.raises(LocalProtocolError, match="1 bytes longer"):
            IrcSession().send(side, heard.bare())


def test_a_line_is_as_long_as_the_limit_and_not_longer() -> None:
    session = IrcSession()
    assert isinstance(session.receive(CLIENT, b"x" * LINE_BYTES + b"\n")[0], Message)
    assert isinstance(session.receive(CLIENT, b"x" * (LINE_BYTES + 1) + b"\n")[0], Malformed)


def test_a_server_has_nothing_to_do_with_a_message_without_a_command() -> None:
    session = IrcSession(strict=True)
    assert isinstance(session.receive(CLIENT, b" \r\n")[0], Blank)
    with pytest.raises(RemoteProtocolError, match="no command") as caught:
        session.receive(CLIENT, b":dan\r\n")
    assert caught.value.at == 3
    with pytest.raises(LocalProtocolError, match="no Malformed"):
        IrcSession().send(CLIENT, Malformed(data=b"", reason="", at=0))


# ── STARTTLS and secrets ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("answer", "upgrades"), [(b":x 670 * :go\r\n", True), (b":x 421 * STARTTLS :?\r\n", False)])
def test_nothing_is_read_between_starttls_and_its_answer(answer: bytes, upgrades: bool) -> None:
    session = IrcSession()
    session.receive(CLIENT, b"STARTTLS\r\nNICK dan\r\n")
    assert session.waiting(CLIENT) == 10
    assert len(session.receive(SERVER, b":x NOTICE * :a moment\r\n")) == 1
    events = session.receive(SERVER, answer)
    assert session.is_through is upgrades
    assert isinstance(events[-1], Message) is not upgrades
    assert session.rest(CLIENT) == (b"NICK dan\r\n" if upgrades else b"")


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (b"PASS :correct horse", "PASS ******"),
        (b"@a=b PRIVMSG  NickServ :IDENTIFY  d c", "PRIVMSG NickServ :IDENTIFY  ******"),
        (b"NS :IDENTIFY d c", "NS :IDENTIFY ******"),
        (b"NS IDENTIFY d c", "NS IDENTIFY ****** ******"),
        (b"NS SET PASSWORD c", "NS SET PASSWORD ******"),
        (b"WEBIRC c gateway host 192.0.2.9", "WEBIRC ****** gateway host 192.0.2.9"),
        (b"AUTHENTICATE SCRAM-SHA-256", "AUTHENTICATE SCRAM-SHA-256"),
        (b"AUTHENTICATE c2VjcmV0", "AUTHENTICATE ******"),
        (b"PRIVMSG NickServ :HELP IDENTIFY", "PRIVMSG NickServ :HELP IDENTIFY"),
        (b"JOIN #tea", "JOIN #tea"),
    ],
)
def test_secrets_are_masked(said: bytes, shown: str) -> None:
    (heard,) = IrcSession().receive(CLIENT, said + b"\r\n")
    assert isinstance(heard, Message)
    assert heard.masked().summary == shown
    assert len(heard.hidden) == shown.count("******")
    for start, end in heard.hidden:
        assert said[start:end].decode().lstrip(":") in " ".join(heard.parameters)


# ── recognizing ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("client", "server", "match"),
    [
        (b"CAP LS 302\r\n", b"", Match.SURE),
        (b"nick dan\n", b"", Match.SURE),
        (b"PASS x\r\nNICK dan\r\n", b"", Match.SURE),
        (b"USER d 0 * :Dan\r\n", b"", Match.SURE),
        (b"", b":irc.example NOTICE * :hi\r\n", Match.SURE),
        (b"", b"NOTICE AUTH :hi\r\n", Match.SURE),
        (b"", b":irc.example 020 * :wait\r\n", Match.SURE),
        (b"STARTTLS\r\n", b"", Match.MAYBE),
        (b"PASS x\r\n", b"", Match.MAYBE),
        (b"NI", b"", Match.WAIT),
        (b"PASS x\r\nN", b"", Match.WAIT),
        (b"", b":irc", Match.WAIT),
        (b"", b"NOT", Match.WAIT),
        (b"USER dan\r\n", b"", Match.NO),
        (b"NOOP\r\n", b"", Match.NO),
        (b"", b":1000\r\n", Match.NO),
        (b"", b"", Match.NO),
    ],
)
def test_it_is_recognized_by_its_first_line(client: bytes, server: bytes, match: Match) -> None:
    assert IrcSession.recognize(client, server) is match


# ── what a server writes quickly ──────────────────────────────────────────────────────────────────────────


@given(
    st.sampled_from(["PRIVMSG", "MODE", "005", "BATCH", "AUTHENTICATE"]),
    st.lists(st.from_regex(r"[^: \r\n\0\ud800-\udfff][^ \r\n\0\ud800-\udfff]{0,9}", fullmatch=True), max_size=3),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
    st.dictionaries(st.sampled_from(["time", "+a/b", "label"]), st.text(st.characters(exclude_categories=["Cs"]))),
)
def test_what_is_written_quickly_is_read_as_it_was_meant(
    verb: str, words: list[str], last: str, tags: dict[str, str]
) -> None:
    line = written(verb, *words, last, source="a!b@c", tags=written_tags(tags))
    assert line.endswith(b"\r\n")
    read = read_message(line[:-2])
    assert (read.verb, read.source) == (verb, "a!b@c")
    assert read.parameters == (*words, last.translate({ord(sign): " " for sign in "\r\n\0"}))
    assert read.tags == {tag: value.replace("\0", "") for tag, value in tags.items()}


def test_a_text_has_a_colon_and_what_is_none_has_it_where_it_must() -> None:
    assert written("PRIVMSG", "#tea", "hi", source="a") == b":a PRIVMSG #tea :hi\r\n"
    assert written("MODE", "#tea", "+o", "ann") == b"MODE #tea +o ann\r\n"
    assert written("MODE", "#tea", "+k", ":") == b"MODE #tea +k ::\r\n"
    assert written("AUTHENTICATE", "+") == b"AUTHENTICATE +\r\n"
    assert written("PART", "#tea", source="a") == b":a PART #tea\r\n"
    assert written("ACK", source="a", tags="label=x") == b"@label=x :a ACK\r\n"


def test_what_is_written_quickly_is_cut_between_two_characters() -> None:
    """At the limit it is whole; the tags have a limit of their own."""
    head = len("PRIVMSG #tea :") + 2
    whole = "x" * (IRC_MESSAGE_BYTES - head)
    assert written("PRIVMSG", "#tea", whole, tags="a=" + "b" * 600).endswith(f":{whole}\r\n".encode())
    assert written("PRIVMSG", "#tea", f"{whole}y").endswith(f":{whole}\r\n".encode())
    assert written("PRIVMSG", "#tea", f"{whole[1:]}é").endswith(f":{whole[1:]}\r\n".encode())


@pytest.mark.parametrize("line", [b"", b":a", b"@a=b", b"PING a\rb", b"PING \0", b"PING a\r\n"])
def test_what_is_no_message_is_not_read(line: bytes) -> None:
    with pytest.raises(ValueError, match="a message has no command, or"):
        read_message(line)
