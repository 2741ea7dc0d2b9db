"""redis-cli, psql, mosquitto's clients and dig through the relay: what is decoded is what they say themselves.

Nothing tells which protocol it is: the servers are on Unix sockets, or on ports of nobody's.
"""

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

import pytest

import servers
from running import Serving, program, run, serving, start
from tincans.conversation import Opened
from tincans.decoding import Decoding, Heard
from tincans.journal import open_journal
from tincans.protocols import Event, Malformed
from tincans.protocols.dns import Query as Asked
from tincans.protocols.dns import Response
from tincans.protocols.mqtt_events import Connack, Connect, Publish, Subscribe
from tincans.protocols.postgresql_events import (
    CommandComplete,
    CopyData,
    DataRow,
    ErrorResponse,
    NoticeResponse,
    PasswordMessage,
    Query,
    RowDescription,
    SASLResponse,
)
from tincans.protocols.redis import Command, Push, Reply

pytestmark = pytest.mark.foreign

E = TypeVar("E", bound=Event)


class Between(NamedTuple):
    """A relay that records, and where."""

    relay: Serving
    journal: Path

    @property
    def port(self) -> str:
        return str(self.relay.port)

    def decoded(self, protocol: str) -> list[list[Event]]:
        """The events of each conversation, which must all be of this protocol and well formed."""
        self.relay.program.stop()
        told: list[list[Heard]] = []
        asyncio.run(_decode(self.journal, told))
        assert {heard.protocol for each in told for heard in each} == {protocol}
        events = [[heard.event for heard in each] for each in told]
        assert not [event for each in events for event in each if isinstance(event, Malformed)]
        return events


async def _decode(where: Path, told: list[list[Heard]]) -> None:
    journal = open_journal(where)
    for conversation in await journal.conversations():
        decoding: Decoding | None = None
        heard: list[Heard] = []
        async for entry in journal.read(conversation.number):
            if isinstance(entry, Opened):
                decoding = Decoding(entry)
            assert decoding is not None
            heard += [each for each in decoding.take(entry) if isinstance(each, Heard)]
        told.append(heard)
    await journal.aclose()


@contextlib.contextmanager
def between(target: str, folder: Path, scheme: str = "tcp") -> Iterator[Between]:
    with serving("relay", f"{scheme}://127.0.0.1:0", target, journal=folder / "journal") as relay:
        yield Between(relay, folder / "journal")


def of(kind: type[E], events: list[Event]) -> list[E]:
    return [event for event in events if isinstance(event, kind)]


# ── Redis ─────────────────────────────────────────────────────────────────────────────────────────────────

ASKED = [
    ["SET", "tin", "two words"], ["GET", "tin"], ["GET", "nothing"], ["INCR", "calls"], ["RPUSH", "list", "a", "b c"],
    ["LRANGE", "list", "0", "-1"], ["HSET", "hash", "f", "é"], ["HGETALL", "hash"], ["GET"], ["LPOP", "tin"],
]  # fmt: skip


def test_redis_cli_prints_the_replies(tmp_path: Path) -> None:
    with servers.redis(tmp_path) as path, between(f"unix://{path}", tmp_path) as relay:
        cli = [program("redis-cli"), "-p", relay.port]
        printed = [run([*cli, *words]).decode() for words in ASKED]
        decoded = relay.decoded("redis")
    for words, text, (command, reply) in zip(ASKED, printed, decoded, strict=True):
        assert isinstance(command, Command)
        assert list(command.arguments) == words
        assert isinstance(reply, Reply)
        assert reply.to == words[0]
        assert "\n".join(leaf.text or "" for leaf in reply.value.leaves) == text.rstrip("\n")


def test_redis_cli_subscribes(tmp_path: Path) -> None:
    with servers.redis(tmp_path) as path, between(f"unix://{path}", tmp_path) as relay:
        cli = [program("redis-cli"), "-p", relay.port]
        with start([*cli, "SUBSCRIBE", "news"]) as listener:
            listener.wait_for("subscribe")
            assert run([*cli, "PUBLISH", "news", "hello"]) == b"1\n"
            listener.wait_for("hello")
            printed = listener.out.decode()
        listened, published = relay.decoded("redis")
    pushed = [leaf.text for push in of(Push, listened) for leaf in push.value.leaves]
    assert pushed == printed.split()
    assert [reply.summary for reply in of(Reply, published)] == ["(integer) 1 (to PUBLISH)"]


# ── PostgreSQL ────────────────────────────────────────────────────────────────────────────────────────────

STATEMENTS = [
    "CREATE TABLE cans (id int PRIMARY KEY, name text, full_ boolean)",
    "INSERT INTO cans VALUES (1, 'tin, \"quoted\"', true), (2, E'two\\nlines é', NULL)",
    "SELECT * FROM cans ORDER BY id",
    "DROP TABLE IF EXISTS nothing",
    "SELECT * FROM nothing",
    "COPY cans TO STDOUT (FORMAT csv)",
]


def test_psql_prints_the_rows(tmp_path: Path) -> None:
    with servers.postgresql(password="lovelace") as path, between(f"unix://{path}", tmp_path) as relay:
        psql = [program("psql"), "-X", "--csv", "-h", "127.0.0.1", "-p", relay.port, "-U", "ada", "-d", "postgres"]
        asked = [word for statement in STATEMENTS for word in ("-c", statement)]
        with start([*psql, *asked], env={"PGPASSWORD": "lovelace"}) as running:
            running.wait()
            out, err = running.out.decode(), running.err.decode()
        (events,) = relay.decoded("postgresql")

    assert [query.query for query in of(Query, events)] == STATEMENTS
    # It prints the tags of what gives no rows, the rows as CSV, and last what was copied.
    tags = [done.tag for done in of(CommandComplete, events)]
    assert tags == ["CREATE TABLE", "INSERT 0 2", "SELECT 2", "DROP TABLE", "COPY 2"]
    (described,) = of(RowDescription, events)
    table = [[column.name for column in described.columns]]
    table += [[value or "" for value in row.values] for row in of(DataRow, events)]
    copied = b"".join(piece.data for piece in of(CopyData, events)).decode()
    rows = list(csv.reader(io.StringIO(out)))
    assert rows == [*([tag] for tag in tags[:2]), *table, [tags[3]], *csv.reader(io.StringIO(copied))]
    told = [f"{dict(event.fields)['S']}:  {dict(event.fields)['M']}"
            for event in events if isinstance(event, ErrorResponse | NoticeResponse)]  # fmt: skip
    assert told == [line for line in err.splitlines() if re.match("[A-Z]+:", line) and not line.startswith("LINE")]
    secrets = [event for event in events if isinstance(event, PasswordMessage | SASLResponse)]
    assert secrets
    assert all(event.hidden for event in secrets)


# ── MQTT ──────────────────────────────────────────────────────────────────────────────────────────────────

TOPICS = {"cans/tin": "hello", "cans/string": '{"tight": true}', "cans/é": "größer"}


@pytest.mark.parametrize("version", ["mqttv311", "mqttv5"])
def test_mosquitto_prints_the_messages(version: str, tmp_path: Path) -> None:
    with servers.mosquitto(tmp_path) as path, between(f"unix://{path}", tmp_path) as relay:
        who = ["-h", "127.0.0.1", "-p", relay.port, "-V", version, "-u", "ada", "-P", "lovelace"]
        # What is retained comes to who subscribes later.
        told = [
            run([program("mosquitto_pub"), *who, "-d", "-r", "-q", "1", "-t", topic, "-m", message]).decode()
            for topic, message in TOPICS.items()
        ]
        watching = ["-t", "cans/#", "-q", "1", "-C", str(len(TOPICS)), "-F", "%j"]
        printed = [json.loads(line) for line in run([program("mosquitto_sub"), *who, *watching]).decode().splitlines()]
        *published, listened = relay.decoded("mqtt")

    for events, said in zip(published, told, strict=True):
        (connect,), (connack,), (publish,) = of(Connect, events), of(Connack, events), of(Publish, events)
        assert f"received CONNACK ({connack.code})" in said
        sent = f"q{publish.qos}, r{publish.retain:d}, m{publish.packet}, '{publish.topic}'"
        assert sent in said
        assert f"({len(publish.payload)} bytes)" in said
        assert connect.password == b"lovelace"
        assert connect.masked().password == b"******"
    assert [[each.filter for each in event.topics] for event in of(Subscribe, listened)] == [["cans/#"]]
    heard = [(event.topic, event.payload.decode(), event.qos, event.packet) for event in of(Publish, listened)]
    assert heard == [(each["topic"], each["payload"], each["qos"], each["mid"]) for each in printed]
    assert {topic: payload for topic, payload, *_ in heard} == TOPICS


# ── DNS ───────────────────────────────────────────────────────────────────────────────────────────────────

KNOWN = [
    "host-record=cans.test,192.0.2.7,2001:db8::7", "cname=www.cans.test,cans.test", "mx-host=cans.test,cans.test,10",
    'txt-record=cans.test,v=tin1 -all,two "strings"', "srv-host=_tin._tcp.cans.test,cans.test,7707,1,2",
    "caa-record=cans.test,0,issue,ca.test", "dns-rr=cans.test,1234,c0ffee", "local-ttl=60", "local=/test/",
]  # fmt: skip
LOOKED_UP = [
    ("cans.test", "A"), ("www.cans.test", "AAAA"), ("cans.test", "MX"), ("cans.test", "TXT"), ("cans.test", "CAA"),
    ("_tin._tcp.cans.test", "SRV"), ("cans.test", "TYPE1234"), ("nobody.test", "A"), ("cans.test", "SOA"),
]  # fmt: skip


@pytest.mark.parametrize(("scheme", "option"), [("udp", "+notcp"), ("tcp", "+tcp")])
def test_dig_prints_the_answers(scheme: str, option: str, tmp_path: Path) -> None:
    with servers.dnsmasq(*KNOWN) as port, between(f"{scheme}://127.0.0.1:{port}", tmp_path, scheme) as relay:
        dig = [program("dig"), "@127.0.0.1", "-p", relay.port, option]
        printed = [run([*dig, name, kind]).decode() for name, kind in LOOKED_UP]
        decoded = relay.decoded("dns")
    for (name, kind), text, events in zip(LOOKED_UP, printed, decoded, strict=True):
        (asked,), (answered,) = of(Asked, events), of(Response, events)
        assert str(asked.questions[0]) == f"{name}. {kind}"
        opcode, status, number, flags = re.findall(
            r"opcode: (\w+), status: (\w+), id: (\d+)\n;; flags: qr ?([\w ]*);", text
        )[0]
        assert (answered.opcode, answered.rcode, answered.id) == (opcode, status, int(number))
        assert list(answered.flags) == flags.split()
        lines = [line for line in text.splitlines() if line and not line.startswith(";")]
        assert [_told(str(record)) for record in (*answered.answers, *answered.additionals)] == [
            _told(line) for line in lines
        ]
        assert answered.edns is not None
        assert f"udp: {answered.edns.payload}" in text


def _told(line: str) -> list[str]:
    """The words of a record; hexadecimal digits are large or small."""
    return line.replace("C0FFEE", "c0ffee").split()
