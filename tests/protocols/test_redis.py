"""Redis: transcripts of redis-cli, the types of RESP, what is secret, and which reply belongs to what."""

from __future__ import annotations

import json
import re
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import servers
from running import program, run
from speaking import Speaker
from tincans.channel import Side
from tincans.errors import LocalProtocolError, RemoteProtocolError
from tincans.limits import LINE_BYTES, MESSAGE_BYTES, REDIS_DEPTH, REDIS_PENDING, REDIS_VALUES
from tincans.protocols import Event, Malformed, Match, Upgraded, find_protocol
from tincans.protocols.redis import Command, Push, RedisSession, Reply
from tincans.protocols.resp import Value
from tincans.testing import check_mutations, check_session

TRANSCRIPTS = sorted((Path(__file__).parent / "transcripts" / "redis").glob("*.tin"))


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_a_transcript_means_what_it_says(path: Path) -> None:
    check_session(path, "redis")


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
@given(random=st.randoms(use_true_random=False))
def test_broken_transcripts_raise_nothing_and_lose_nothing(path: Path, random: st.DataObject) -> None:
    check_mutations(path, "redis", random)  # type: ignore[arg-type]


def values(said: bytes) -> list[Value]:
    events = find_protocol("redis").session().receive(Side.SERVER, said)
    assert all(isinstance(event, Reply | Push) for event in events), events
    return [event.value for event in events if isinstance(event, Reply | Push)]


def commands(said: bytes) -> list[Event]:
    return find_protocol("redis").session().receive(Side.CLIENT, said)


def bulk(string: str) -> Value:
    return Value("bulk string", string)


@pytest.mark.parametrize(
    ("said", "value", "shown"),
    [
        (b"+OK\r\n", Value("simple string", "OK"), "OK"),
        (b"-ERR no\r\n", Value("error", "ERR no"), "(error) ERR no"),
        (b":-12\r\n", Value("integer", "-12"), "(integer) -12"),
        (b"_\r\n", Value("null"), "(nil)"),
        (b"$-1\r\n", Value("bulk string", None), "(nil)"),
        (b"*-1\r\n", Value("array", None), "(nil)"),
        (b"#t\r\n", Value("boolean", "t"), "(t)"),
        (b",-1.5e10\r\n", Value("double", "-1.5e10"), "(double) -1.5e10"),
        (b",inf\r\n", Value("double", "inf"), "(double) inf"),
        (b"(3492890328409238509324850943850943825024385\r\n",
         Value("big number", "3492890328409238509324850943850943825024385"),
         "3492890328409238509324850943850943825024385"),
        (b"$5\r\na\r\nb\xff\r\n", bulk("a\r\nb\udcff"), '"a\r\nb\udcff"'),
        (b"!5\r\nERR x\r\n", Value("bulk error", "ERR x"), "(error) ERR x"),
        (b"=5\r\ntxt:x\r\n", Value("verbatim string", "txt:x"), "txt:x"),
        (b"*2\r\n:1\r\n*0\r\n", Value("array", "", (Value("integer", "1"), Value("array"))), "[(integer) 1, []]"),
        (b"~1\r\n+a\r\n", Value("set", "", (Value("simple string", "a"),)), "{a}"),
        (b">1\r\n+a\r\n", Value("push", "", (Value("simple string", "a"),)), "[a]"),
        (b"%1\r\n+a\r\n:1\r\n", Value("map", "", (Value("simple string", "a"), Value("integer", "1"))),
         "{a: (integer) 1}"),
        (b"*2\r\n|1\r\n+ttl\r\n:9\r\n+a\r\n+b\r\n",
         Value("array", "", (Value("simple string", "a", (), (Value("simple string", "ttl"), Value("integer", "9"))),
                             Value("simple string", "b"))),
         "[a, b]"),
    ],
)  # fmt: skip
def test_each_type_is_read_and_written(said: bytes, value: Value, shown: str) -> None:
    assert values(said) == [value]
    assert str(value) == shown
    event = Push(value=value) if value.kind == "push" else Reply(value=value)
    assert find_protocol("redis").session(strict=True).send(Side.SERVER, event) == said


def test_values_in_values_in_values_are_only_counted() -> None:
    (value,) = values(b"*1\r\n*9\r\n" + b"%1\r\n+a\r\n+b\r\n" * 9)
    assert str(value) == "[[" + "{… 1 in all}, " * 8 + "… 9 in all]]"


@pytest.mark.parametrize(
    ("said", "value"),
    [
        (b"$?\r\n;4\r\nHell\r\n;2\r\no\xc3\r\n;1\r\n\xa9\r\n;0\r\n", bulk("Hello\u00e9")),
        (b"*?\r\n:1\r\n$?\r\n;0\r\n.\r\n", Value("array", "", (Value("integer", "1"), bulk("")))),
        (b"%?\r\n+a\r\n+b\r\n.\r\n", Value("map", "", (Value("simple string", "a"), Value("simple string", "b")))),
    ],
)
def test_streamed_values_are_the_same_as_counted_ones(said: bytes, value: Value) -> None:
    assert values(said + b"+next\r\n") == [value, Value("simple string", "next")]


@pytest.mark.parametrize(
    "said",
    [
        b"?\r\n", b":x\r\n", b"#x\r\n", b",.\r\n", b"_x\r\n", b"$x\r\n", b"$-2\r\n", b"%-1\r\n", b"$3\r\nabcde\r\n",
        b"=3\r\ntxt\r\n", b";3\r\nabc\r\n", b".\r\n", b"%?\r\n+a\r\n.\r\n", b"|1\r\n+a\r\n+b\r\n|1\r\n+a\r\n+b\r\n",
        b"=?\r\n", b"+a\rb\r\n", b"$?\r\n+a\r\n", b"$?\r\n.\r\n",
    ],
)  # fmt: skip
def test_what_breaks_the_rules_is_malformed_and_the_next_value_is_read(said: bytes) -> None:
    events = find_protocol("redis").session().receive(Side.SERVER, said + b"\r\n+OK\r\n")
    assert isinstance(events[0], Malformed)
    assert isinstance(events[-1], Reply)
    assert events[-1].value == Value("simple string", "OK")
    with pytest.raises(RemoteProtocolError):
        find_protocol("redis").session(strict=True).receive(Side.SERVER, said + b"\r\n+OK\r\n")


def test_a_server_takes_only_arrays_of_bulk_strings() -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        find_protocol("redis").session(strict=True).receive(Side.CLIENT, b"*1\r\n:1\r\n")
    assert caught.value.reply == b"-ERR Protocol error: ':1' begins no value here\r\n"
    assert caught.value.at == 4


def test_a_typed_command_has_quotes_and_escapes() -> None:
    (command,) = commands(b"""SET "a \\x41\\n\\"" 'it\\'s' ''\n""")
    assert isinstance(command, Command)
    assert command.arguments == ("SET", 'a A\n"', "it's", "")
    sender = find_protocol("redis").session(strict=True)
    assert sender.send(Side.CLIENT, command.bare()) == b'SET "a A\\x0a\\x22" "it\'s" ""\r\n'
    (broken, after) = commands(b'SET "a\r\nPING\r\n')
    assert isinstance(broken, Malformed)
    assert broken.reason == "unbalanced quotes in request"
    assert isinstance(after, Command)


@pytest.mark.parametrize(
    ("arguments", "masked"),
    [
        ("AUTH pw", "AUTH ******"),
        ("auth ada pw", "auth ada ******"),
        ("HELLO 3 AUTH ada pw SETNAME x", "HELLO 3 AUTH ada ****** SETNAME x"),
        ("CONFIG SET maxmemory 1 requirepass pw", "CONFIG SET maxmemory 1 requirepass ******"),
        ("ACL SETUSER ada on >pw #abc ~*", "ACL SETUSER ada on >****** #****** ~*"),
        ("MIGRATE h 1 k 0 9 AUTH2 ada pw", "MIGRATE h 1 k 0 9 AUTH2 ada ******"),
        ("SET AUTH pw", "SET AUTH pw"),
    ],
)
@pytest.mark.parametrize("inline", [False, True])
def test_passwords_are_masked_and_hidden(arguments: str, masked: str, inline: bool) -> None:
    sender = find_protocol("redis").session(strict=True)
    said = sender.send(Side.CLIENT, Command(arguments=tuple(arguments.split()), inline=inline))
    (command,) = commands(said)
    assert command.masked().summary == masked
    secret = [said[start:end] for start, end in command.hidden]
    assert secret == [word for word in (b"pw", b"abc") if b"*" in masked.encode() and word in said]


def test_settings_that_are_passwords_are_masked_in_replies() -> None:
    session = find_protocol("redis").session()
    session.receive(Side.CLIENT, b"CONFIG GET *\r\n")
    said = b"*4\r\n$4\r\nport\r\n$1\r\n1\r\n$10\r\nmasterauth\r\n$2\r\npw\r\n"
    (reply,) = session.receive(Side.SERVER, said)
    assert reply.masked().summary == '["port", "1", "masterauth", "******"] (to CONFIG GET)'
    assert [said[start:end] for start, end in reply.hidden] == [b"pw"]


@pytest.mark.parametrize(
    "said",
    [
        b"*6\r\n$-1\r\n*0\r\n*-1\r\n:1\r\n+requirepass\r\n$2\r\npw\r\n",
        b"|1\r\n+requirepass\r\n+x\r\n*2\r\n+requirepass\r\n$?\r\n;1\r\np\r\n;1\r\nw\r\n;0\r\n",
    ],
)
def test_a_secret_is_found_among_whatever_is_around_it(said: bytes) -> None:
    session = find_protocol("redis").session()
    session.receive(Side.CLIENT, b"CONFIG GET *\r\n")
    (reply,) = session.receive(Side.SERVER, said)
    assert isinstance(reply, Reply)
    assert reply.masked().value.items[-1].text == "******"
    assert b"".join(said[start:end] for start, end in reply.hidden) in (b"pw", b"p\r\n;1\r\nw")


def test_of_a_secret_that_was_cut_all_is_hidden() -> None:
    said = b"*2\r\n$4\r\nAUTH\r\n$%d\r\n%s\r\n" % (MESSAGE_BYTES, bytes(MESSAGE_BYTES))
    (command,) = commands(said)
    assert command.hidden == ((0, len(said)),)
    assert command.masked().summary == "AUTH ******"


def answered(talk: list[bytes]) -> list[str]:
    """What the replies belong to, of words that are the client's and the server's by turns."""
    session = find_protocol("redis").session()
    events = [
        event for place, said in enumerate(talk)
        for event in session.receive(Side.SERVER if place % 2 else Side.CLIENT, said)
    ]  # fmt: skip
    return [event.to if isinstance(event, Reply) else "push" for event in events if isinstance(event, Reply | Push)]


SUBSCRIBED = b"*3\r\n+subscribe\r\n+%s\r\n:%d\r\n"


@pytest.mark.parametrize(
    ("talk", "to"),
    [
        ([b"GET a\nGET b\n\nPING\n", b"$-1\r\n$-1\r\n+PONG\r\n"], ["GET", "GET", "PING"]),
        ([b"CLIENT REPLY OFF\nSET a b\nCLIENT REPLY ON\nPING\n", b"+OK\r\n+PONG\r\n"], ["CLIENT REPLY", "PING"]),
        ([b"CLIENT REPLY SKIP\nSET a b\nPING\n", b"+PONG\r\n"], ["PING"]),
        ([b"SUBSCRIBE a b\nPING\n", SUBSCRIBED % (b"a", 1) + SUBSCRIBED % (b"b", 2) + b"*2\r\n+pong\r\n+\r\n"],
         ["push", "push", "PING"]),
        ([b"SUBSCRIBE\nPING\n", b"-ERR wrong\r\n+PONG\r\n"], ["SUBSCRIBE", "PING"]),
        ([b"LRANGE a 0 1\n", b"*2\r\n+message\r\n+x\r\n"], ["LRANGE"]),
        ([b"", b"+OK\r\n"], [""]),
    ],
)  # fmt: skip
def test_replies_belong_to_commands_in_their_order(talk: list[bytes], to: list[str]) -> None:
    assert answered(talk) == to


def test_a_replica_is_told_something_else() -> None:
    session = find_protocol("redis").session()
    session.receive(Side.CLIENT, b"PSYNC ? -1\r\n")
    assert isinstance(session.receive(Side.SERVER, b"+FULLRESYNC abc 0\r\n$5\r\nREDIS")[-1], Upgraded)
    assert session.rest(Side.SERVER) == b"$5\r\nREDIS"


@pytest.mark.parametrize(
    ("talk", "awaited"),
    [
        ([], Side.CLIENT), ([b"PING\n"], Side.SERVER), ([b"PING\n", b"+PONG\r\n"], Side.CLIENT),
        ([b"MONITOR\n"], Side.SERVER), ([b"MONITOR\n", b"+OK\r\n"], None),
    ],
)  # fmt: skip
def test_who_has_to_speak_is_known(talk: list[bytes], awaited: Side | None) -> None:
    session = find_protocol("redis").session()
    for side, said in zip(Side, talk, strict=False):
        session.receive(side, said)
    assert session.awaited is awaited


# ── limits ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_message_may_be_as_long_as_the_limit_and_is_cut_behind_it() -> None:
    head = b"$%d\r\n" % MESSAGE_BYTES
    room = MESSAGE_BYTES - len(head)
    (whole, other) = values(b"$%d\r\n%s\r\n+next\r\n" % (room, b"x" * room))
    assert (len(whole.text or ""), other) == (room, Value("simple string", "next"))

    session = find_protocol("redis").session()
    said = b"$%d\r\n%s\r\n" % (room + 1, b"x" * (room + 1))
    assert session.receive(Side.SERVER, said[:-2]) == []
    assert session.unfinished(Side.SERVER) == b""
    (cut,) = session.receive(Side.SERVER, said[-2:])
    assert isinstance(cut, Reply)
    assert (cut.left_out, len(cut.value.text or ""), cut.end) == (1, room, len(said))
    assert list(cut.details) == ["1 bytes more, not kept"]
    with pytest.raises(RemoteProtocolError, match="more than"):
        find_protocol("redis").session(strict=True).receive(Side.SERVER, said)
    with pytest.raises(LocalProtocolError):
        find_protocol("redis").session(strict=True).send(Side.SERVER, cut.bare())


def test_of_a_message_that_is_cut_its_beginning_is_kept() -> None:
    head, last = b"*3\r\n*1\r\n$%d\r\n" % MESSAGE_BYTES, b"*1\r\n:1\r\n:2\r\n"
    said = head + bytes(MESSAGE_BYTES) + b"\r\n" + last
    for cut in (len(said), 20, len(said) - 3):
        session = find_protocol("redis").session()
        events = session.receive(Side.SERVER, said[:cut]) + session.receive(Side.SERVER, said[cut:] + b"+OK\r\n")
        reply, after = events
        assert isinstance(reply, Reply)
        ((inner,),) = (item.items for item in reply.value.items)
        assert (len(inner.text or ""), reply.left_out) == (MESSAGE_BYTES - len(head), len(head) + len(last))
        assert isinstance(after, Reply)


def test_so_many_values_are_kept_and_not_one_more() -> None:
    (whole,) = values(b"*%d\r\n%s" % (REDIS_VALUES, b":1\r\n" * REDIS_VALUES))
    assert len(whole.items) == REDIS_VALUES
    said = b"*%d\r\n%s" % (REDIS_VALUES + 1, b":1\r\n" * (REDIS_VALUES + 1))
    (reply,) = find_protocol("redis").session().receive(Side.SERVER, said)
    assert isinstance(reply, Reply)
    assert (len(reply.value.items), reply.end) == (REDIS_VALUES, len(said))
    assert reply.left_out
    with pytest.raises(RemoteProtocolError, match="values"):
        find_protocol("redis").session(strict=True).receive(Side.SERVER, said)


def test_values_are_nested_as_deep_as_the_limit_and_not_deeper() -> None:
    assert values(b"*1\r\n" * REDIS_DEPTH + b"+x\r\n")
    (broken, *_) = find_protocol("redis").session().receive(Side.SERVER, b"*1\r\n" * (REDIS_DEPTH + 1) + b"+x\r\n")
    assert isinstance(broken, Malformed)
    assert broken.at == 4 * REDIS_DEPTH


@pytest.mark.parametrize("side", [Side.CLIENT, Side.SERVER])
def test_a_line_is_as_long_as_the_limit_and_not_longer(side: Side) -> None:
    (event,) = find_protocol("redis").session().receive(side, b"+" + b"x" * (LINE_BYTES - 2) + b"\r\n")
    assert not isinstance(event, Malformed)
    (broken, other) = find_protocol("redis").session().receive(side, b"+" + b"x" * LINE_BYTES + b"\r\n+PING\r\n")
    assert isinstance(broken, Malformed)
    assert isinstance(other, Command | Reply)


def test_so_many_commands_wait_for_their_replies_and_not_one_more() -> None:
    for count, to in ((REDIS_PENDING, "PING"), (REDIS_PENDING + 1, "")):
        session = find_protocol("redis").session()
        session.receive(Side.CLIENT, b"PING\n" * count)
        (reply,) = session.receive(Side.SERVER, b"+PONG\r\n")
        assert isinstance(reply, Reply)
        assert reply.to == to


# ── being recognized ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("client", "server", "match"),
    [
        (b"*1\r\n$4\r\nPING", b"", Match.SURE), (b"*", b"", Match.WAIT), (b"*12\r\n$", b"", Match.WAIT),
        (b"*x", b"", Match.NO), (b"* LIST", b"", Match.NO), (b"PING\r\n", b"", Match.WAIT), (b"pi", b"", Match.WAIT),
        (b"PING\r\n", b"+PO", Match.WAIT), (b"PING\r\n", b"+PONG\r\n", Match.SURE), (b"PINE", b"", Match.NO),
        (b"AU", b"", Match.WAIT), (b"AUTH secret\r\n", b"", Match.WAIT), (b"AUTH secret\r\n", b"+OK\r\n", Match.SURE),
        (b"AUTH joe secret\r\n", b"-WRONGPASS no\r\n", Match.SURE), (b"AUTH TLS\r\n", b"", Match.NO),
        (b"AUTH PLAIN\r\n", b"+OK\r\n", Match.NO), (b"auth cram-md5\r\n", b"", Match.NO),
        (b"AUTH secret\r\n", b"220 hello\r\n", Match.NO), (b"PING x", b"220 hello", Match.NO),
        (b"", b"+OK POP3\r\n", Match.NO), (b"PING\r\n", b"PING\r\n", Match.NO),
    ],
)  # fmt: skip
def test_it_is_recognized_by_evidence(client: bytes, server: bytes, match: Match) -> None:
    assert RedisSession.recognize(client, server) is match


# ── beside a real server ──────────────────────────────────────────────────────────────────────────────────


def random_command(random: Random) -> list[str]:
    """Any of what does not depend on the time, over few enough keys that they meet."""

    def key() -> str:
        return random.choice("abcde")

    def value() -> str:
        return random.choice(["", "1", "-7", "2.5", "two words", "line\r\nend", '"quoted"', "\u00e9\u4e16", "x" * 200])

    return random.choice(
        [
            ["SET", key(), value()], ["GET", key()], ["DEL", key(), key()], ["INCR", key()], ["APPEND", key(), value()],
            ["STRLEN", key()], ["RPUSH", key(), value(), value()], ["LRANGE", key(), "0", "-1"], ["LPOP", key()],
            ["HSET", key(), value(), value()], ["HGETALL", key()], ["HGET", key(), value()], ["SADD", key(), "1", "3"],
            ["SMEMBERS", key()], ["ZADD", key(), "1.5", value()], ["ZRANGE", key(), "0", "-1", "WITHSCORES"],
            ["ZSCORE", key(), value()], ["TYPE", key()], ["EXISTS", key()], ["MGET", key(), key(), key()],
            ["MULTI"], ["EXEC"], ["DISCARD"], ["NOSUCH", value()], ["GET"], ["ECHO", value()], ["PING"],
        ]
    )  # fmt: skip


def as_json(value: Value) -> Any:
    """As `redis-cli --json` prints it."""
    items = [as_json(item) for item in value.items]
    match value.kind:
        case "map":
            return {str(key): item for key, item in zip(items[::2], items[1::2], strict=True)}
        case "array" | "set" if value.text is not None:
            return items
        case "integer":
            return int(value.text or "")
        case "double":
            return float(value.text or "")
        case "null":
            return None
        case _:
            return value.text


@pytest.mark.foreign
def test_a_real_server_says_what_redis_cli_says_it_says(tmp_path: Path) -> None:
    with servers.redis(tmp_path) as path:
        _compare(path)


def _compare(redis: Path) -> None:
    random = Random(6379)
    asked = [random_command(random) for _ in range(600)]
    with Speaker("redis", redis) as us:
        us.say(Command(arguments=("HELLO", "3")), Command(arguments=("FLUSHALL",)))
        us.say(*(Command(arguments=tuple(words)) for words in asked))
        us.say(Command(arguments=("FLUSHALL",)))
        heard = [us.hear() for _ in range(len(asked) + 3)][2:-1]
    replies = [event for event in heard if isinstance(event, Reply)]
    assert [reply.to for reply in replies] == [words[0] for words in asked]

    # What redis-cli reads is quoted by our own way of typing commands.
    typed = find_protocol("redis").session(strict=True)
    lines = b"".join(typed.send(Side.CLIENT, Command(arguments=tuple(words), inline=True)) for words in asked)
    printed = run([program("redis-cli"), "-s", str(redis), "--json"], stdin=lines)
    # It puts `error:` before an error, which is no JSON.
    told = [json.loads(re.sub(rb"(^|(?<=[\[,]))error:", b"", line)) for line in printed.splitlines() if line]
    assert [as_json(reply.value) for reply in replies] == told
