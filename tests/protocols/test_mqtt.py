"""Redis: transcripts of mqtt-cli, the types of RESP, what is secret, and which reply belongs to what."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from running import program, run
from servers import mosquitto
from speaking import Speaker
from tincans.channel import Side
from tincans.errors import LocalProtocolError, RemoteProtocolError
from tincans.limits import MESSAGE_BYTES, MQTT_PACKET_BYTES, MQTT_STRING_BYTES
from tincans.protocols import Event, Malformed, Match, Missing, Session, find_protocol
from tincans.protocols.mqtt import MqttSession
from tincans.protocols.mqtt_events import (
    Auth,
    Connack,
    Connect,
    Disconnect,
    Payload,
    Pingreq,
    Pingresp,
    Properties,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Suback,
    Subscribe,
    Subscription,
    Unsuback,
    Unsubscribe,
    Will,
)
from tincans.testing import check_mutations, check_session

TRANSCRIPTS = sorted((Path(__file__).parent / "transcripts" / "mqtt").glob("*.tin"))


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_a_transcript_means_what_it_says(path: Path) -> None:
    check_session(path, "mqtt")


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
@given(random=st.randoms(use_true_random=False))
def test_broken_transcripts_raise_nothing_and_lose_nothing(path: Path, random: st.DataObject) -> None:
    check_mutations(path, "mqtt", random)  # type: ignore[arg-type]


SERVER = Side.SERVER
PAIR: Properties = (("user property", ("a", "b")), ("user property", ("a", "c")))
REASON: Properties = (("reason string", "why"),)


def connected(version: int = 4, *, strict: bool = False) -> Session:
    """A session whose CONNECT was of that version; 0: without one."""
    session = find_protocol("mqtt").session(strict=strict)
    if version:
        session.send(Side.CLIENT, Connect(version=version))
    return session


def heard(said: bytes, side: Side = Side.CLIENT, version: int = 4) -> list[Event]:
    return connected(version).receive(side, said)


# ── packets ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("version", "event"),
    [
        (4, Connack(code=5)), (5, Connack(session_present=True, code=135, properties=REASON)),
        (4, Publish(topic="a/b", payload=b"\0\xff", qos=2, retain=True, duplicate=True, packet=65_535)),
        (5, Publish(topic="", properties=(("topic alias", 1), ("subscription identifier", 300), *PAIR))),
        (3, Subscribe(packet=1, topics=(Subscription(filter="#", qos=2), Subscription(filter="+/a/#")))),
        (5, Subscribe(packet=1, topics=(Subscription(
            filter="a", qos=1, no_local=True, retain_as_published=True, retain_handling=2),), properties=PAIR)),
        (4, Suback(packet=1, codes=(0, 1, 2, 128))), (5, Suback(packet=1, codes=(135,), properties=REASON)),
        (4, Unsubscribe(packet=1, filters=("a", "b/#"))), (5, Unsubscribe(packet=1, filters=("a",), properties=PAIR)),
        (4, Unsuback(packet=1)), (5, Unsuback(packet=1, codes=(0, 17), properties=REASON)),
        (4, Puback(packet=1)), (5, Puback(packet=1)), (5, Pubrec(packet=1, code=16)),
        (5, Pubrel(packet=1, code=146, properties=REASON)), (5, Pubcomp(packet=1, properties=PAIR)),
        (4, Pingreq()), (4, Pingresp()), (4, Disconnect()), (5, Disconnect(side=SERVER, code=142, properties=REASON)),
        (5, Auth(code=24, properties=(("authentication method", "X"), ("authentication data", b"pw")))), (5, Auth()),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Event) else str(value),
)  # fmt: skip
def test_what_is_sent_is_heard(version: int, event: Event) -> None:
    said = connected(version, strict=True).send(event.side, event)
    assert [each.bare() for each in heard(said, event.side, version)] == [event]


WILL = Will(topic="gone", payload=b"bye", qos=1, retain=True, properties=(("will delay interval", 9),))


@pytest.mark.parametrize(
    "event",
    [
        Connect(version=3, client_id="old", keep_alive=0, clean=False), Connect(bridge=True, client_id="b"),
        Connect(user="ada", password=b"\xff"), Connect(version=5, password=b"pw", will=WILL),
        Connect(version=5, properties=(("receive maximum", 1), ("authentication method", "X"),
                                       ("authentication data", b"pw"), *PAIR)),
    ],
)  # fmt: skip
def test_a_connect_says_who_comes(event: Connect) -> None:
    said = find_protocol("mqtt").session(strict=True).send(Side.CLIENT, event)
    (told,) = find_protocol("mqtt").session().receive(Side.CLIENT, said)
    assert told.bare() == event
    assert MqttSession.recognize(said, b"") is Match.SURE
    secret = event.password or dict(event.properties).get("authentication data", b"")
    assert b"".join(said[start:end] for start, end in told.hidden) == secret
    assert not any("pw" in line for line in told.masked().details)


@pytest.mark.parametrize(
    ("event", "shown"),
    [
        (Connack(code=4), "refused: bad user name or password"),
        (Connack(code=138), "refused: banned"),
        (Connack(code=99), "refused: code 99"),
        (Connack(session_present=True), "connected, the session goes on"),
        (Publish(topic="a"), "a: (empty)"),
        (Publish(topic="a", payload=b"x" * 201), f"a: {'x' * 200}… (201 bytes)"),
        (Suback(packet=1, codes=(0, 128)), "packet 1: QoS 0, unspecified error"),
        (Unsuback(packet=1, codes=(17,)), "packet 1: no subscription existed"),
        (Auth(code=24), "authentication: continue authentication"),
        (Disconnect(code=4), "goodbye: disconnect with will message"),
    ],
)
def test_events_are_told_in_a_line(event: Event, shown: str) -> None:
    assert event.summary == shown


def test_a_message_is_content_of_its_type() -> None:
    view = MqttSession.viewer().view(
        Publish(topic="a", payload=b"{}", properties=(("content type", "application/json"),))
    )
    assert (view.content, view.media) == (b"{}", "application/json")


# ── what is broken ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("version", "side", "said", "reason"),
    [
        (4, "C", "00 00", "type 0"), (4, "C", "31 00", "middle of a field"), (4, "C", "36 05 00 01 61 00 01", "QoS 3"),
        (4, "C", "30 04 00 02 61 00", "null character"), (4, "C", "30 04 00 02 61 ff", "not UTF-8"),
        (4, "C", "30 05 00 03 ed a0 80", "not UTF-8"), (4, "C", "30 03 00 01 23", "no wildcards"),
        (4, "C", "30 02 00 00", "has a topic"), (4, "C", "38 03 00 01 61", "with QoS 0"),
        (4, "C", "32 05 00 01 61 00 00", "identifier cannot be 0"), (4, "C", "40 03 00 01 00", "1 bytes too many"),
        (4, "C", "60 02 00 01", "flags of a PUBREL"), (4, "C", "c1 00", "flags of a PINGREQ"),
        (4, "C", "d0 00", "client sends no PINGRESP"), (4, "S", "82 00", "server sends no SUBSCRIBE"),
        (4, "S", "e0 00", "server sends no DISCONNECT"), (4, "C", "f0 00", "client sends no AUTH"),
        (4, "C", "82 02 00 01", "one topic at least"), (4, "C", "a2 02 00 01", "one topic at least"),
        (4, "C", "82 06 00 01 00 01 61 04", "options cannot be"), (4, "C", "82 06 00 01 00 01 61 03", "QoS 3"),
        (4, "C", "82 07 00 01 00 02 61 23 00", "no topic filter"), (5, "C", "82 07 00 01 00 00 01 61 30", "handling 3"),
        (4, "S", "20 02 02 00", "flags cannot be"), (5, "C", "e0 02 00 05", "beyond the packet"),
        (5, "C", "e0 04 00 02 1f 00", "middle of a field"), (5, "C", "e0 04 00 02 21 00", "no property 33"),
        (5, "C", "e0 0c 00 0a 11 00 00 00 01 11 00 00 00 01", "there twice"),
        (5, "C", "e0 05 00 02 1f 00 00", "do not end"), (0, "C", "10 0a 00 04 4d 51 54 54 06 00 00 00", "version 6"),
        (0, "C", "10 0c 00 04 4d 51 54 54 04 01 00 00 00 00", "flags cannot be"),
        (0, "C", "10 0c 00 04 4d 51 54 54 04 08 00 00 00 00", "flags cannot be"),
        (0, "C", "10 0e 00 04 4d 51 54 54 04 40 00 00 00 00 00 00", "needs a user name"),
    ],
)  # fmt: skip
def test_a_broken_packet_is_malformed_and_the_next_one_is_read(version: int, side: str, said: str, reason: str) -> None:
    who = Side.CLIENT if side == "C" else SERVER
    data = bytes.fromhex(said)
    after = b"\x40\x02\x00\x09"
    broken, puback = heard(data + after, who, version)
    assert isinstance(broken, Malformed)
    assert broken.data == data
    assert isinstance(puback, Puback)
    with pytest.raises(RemoteProtocolError, match=reason) as caught:
        connected(version, strict=True).receive(who, data)
    assert caught.value.reply == (b"\xe0\x01\x81" if version == 5 else b"")


def test_a_strict_session_wants_one_connect_and_first() -> None:
    with pytest.raises(RemoteProtocolError, match="PINGREQ cannot come first"):
        find_protocol("mqtt").session(strict=True).receive(Side.CLIENT, b"\xc0\0")
    connect = find_protocol("mqtt").session().send(Side.CLIENT, Connect())
    with pytest.raises(RemoteProtocolError, match="CONNECT cannot come again"):
        connected(strict=True).receive(Side.CLIENT, connect)
    assert [type(event) for event in heard(connect)] == [Connect]


def test_a_length_needs_no_more_bytes_than_it_needs() -> None:
    (event,) = heard(b"\xc0\x80\x00", version=5)
    assert isinstance(event, Pingreq)
    with pytest.raises(RemoteProtocolError, match="more bytes than it needs"):
        connected(5, strict=True).receive(Side.CLIENT, b"\xc0\x80\x00")


@pytest.mark.parametrize(
    ("version", "event"),
    [
        (4, Publish(topic="a", properties=PAIR)), (4, Puback(packet=1, code=16)), (5, Pubrel(packet=1, code=256)),
        (4, Subscribe(packet=1, topics=(Subscription(filter="a", no_local=True),))),
        (5, Publish(topic="a", properties=(("receive maximum", 1),))), (4, Disconnect(side=SERVER)),
        (5, Publish(topic="a", properties=(("content type", "a\0b"),))), (5, Connect(version=5)),
    ],
)  # fmt: skip
def test_what_the_version_does_not_have_cannot_be_sent(version: int, event: Event) -> None:
    with pytest.raises(LocalProtocolError):
        connected(version, strict=True).send(event.side, event)


def test_what_cannot_be_said_cannot_even_be_built() -> None:
    for build in (
        lambda: Publish(topic="a+"), lambda: Publish(topic=""), lambda: Publish(topic="\udcff"),
        lambda: Publish(topic="a", qos=1), lambda: Publish(topic="a", qos=3, packet=1), lambda: Puback(packet=0),
        lambda: Subscribe(packet=1, topics=()), lambda: Subscription(filter="a/#/b"), lambda: Subscription(filter="a+"),
        lambda: Connect(version=6), lambda: Connect(password=b"x"), lambda: Will(topic="#"),
        lambda: Unsubscribe(packet=1, filters=("",)), lambda: Subscription(filter="a", retain_handling=3),
    ):  # fmt: skip
        with pytest.raises(ValueError):
            build()


def test_who_has_to_speak_is_known() -> None:
    session = find_protocol("mqtt").session(strict=True)
    turns = []
    for event in (Connect(), Connack(), Pingreq(), Pingresp()):
        turns.append(session.awaited)
        session.send(event.side, event)
    assert turns == [Side.CLIENT, SERVER, None, SERVER]
    assert session.awaited is None


# ── limits ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_string_may_be_as_long_as_its_length_can_say() -> None:
    assert heard(connected(strict=True).send(Side.CLIENT, Publish(topic="x" * MQTT_STRING_BYTES)))
    with pytest.raises(ValueError, match="longer than"):
        Publish(topic="x" * (MQTT_STRING_BYTES + 1))


def test_a_long_message_goes_on_in_pieces() -> None:
    head = b"\x30\xff\xff\xff\x07\x00\x01a"
    room = MESSAGE_BYTES - len(head)
    whole = b"\x30" + bytes.fromhex("fbffff07") + head[5:] + b"x" * room
    (publish,) = heard(whole)
    assert isinstance(publish, Publish)
    assert (len(publish.payload), publish.more) == (room, 0)

    session = connected()
    said = b"\x30" + bytes.fromhex("fdffff07") + head[5:] + b"x" * (room + 2)
    (publish,) = session.receive(Side.CLIENT, said[:-2])
    assert isinstance(publish, Publish)
    assert (len(publish.payload), publish.more) == (room, 2)
    (gap,) = session.lost(Side.CLIENT, 1)
    assert isinstance(gap, Missing)
    rest, ping = session.receive(Side.CLIENT, b"x\xc0\0")
    assert rest.bare() == Payload(data=b"x")
    assert isinstance(ping, Pingreq)
    sender = connected(strict=True)
    assert sender.send(Side.CLIENT, publish.bare()) + sender.send(Side.CLIENT, Payload(data=b"xx")) == said


def test_any_other_packet_so_long_is_not_believed() -> None:
    assert [type(event).__name__ for event in heard(b"\x40" + bytes.fromhex("fcffff07") + bytes(MESSAGE_BYTES))] == [
        "Malformed", "Data",
    ]  # fmt: skip


def test_a_length_has_four_bytes_at_most() -> None:
    with pytest.raises(LocalProtocolError, match="four bytes"):
        connected(strict=True).send(Side.CLIENT, Publish(topic="a", more=MQTT_PACKET_BYTES))
    assert connected(strict=True).send(Side.CLIENT, Publish(topic="a", more=MQTT_PACKET_BYTES - 3))
    assert [type(event).__name__ for event in heard(b"\x30\xff\xff\xff\xff\x01")] == ["Malformed", "Data"]


@pytest.mark.parametrize(
    ("client", "match"),
    [
        (b"\x10", Match.WAIT), (b"\x10\x80\x80", Match.WAIT), (b"\x10\x0c\x00\x04MQ", Match.WAIT),
        (b"\x10\x0c\x00\x04MQTT\x05", Match.SURE), (b"\x10\x0c\x00\x04MQTT\x06", Match.NO), (b"\x11", Match.NO),
        (b"\x10\x0c\x00\x06MQIsdp\x03x", Match.SURE), (b"\x10\x0cGE", Match.NO), (b"", Match.NO),
    ],
)  # fmt: skip
def test_it_is_recognized_by_its_connect(client: bytes, match: Match) -> None:
    assert MqttSession.recognize(client, b"") is match


# ── beside a real server ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.foreign
@pytest.mark.parametrize("version", [4, 5])
def test_a_real_server_answers_us_and_passes_on_what_is_published(version: int, tmp_path: Path) -> None:
    with mosquitto(tmp_path) as path, Speaker("mqtt", path) as us:
        us.say(Connect(version=version, client_id="us", user="ada", password=b"lovelace"))
        greeting = us.hear()
        assert isinstance(greeting, Connack)
        assert greeting.code == 0
        us.say(Subscribe(packet=7, topics=(Subscription(filter="cans/#", qos=2),)))
        assert us.hear().bare() == Suback(packet=7, codes=(2,))
        us.say(Publish(topic="cans/string", payload=b"\0tight", qos=2, packet=8))
        assert us.hear().bare() == Pubrec(side=SERVER, packet=8)
        us.say(Pubrel(packet=8))
        told = [us.hear(), us.hear()]
        assert Pubcomp(side=SERVER, packet=8) in [event.bare() for event in told]
        (back,) = (event for event in told if isinstance(event, Publish))
        assert (back.topic, back.payload, back.qos) == ("cans/string", b"\0tight", 2)

        pub = [program("mosquitto_pub"), "--unix", str(path), "-u", "ada", "-P", "lovelace", "-t", "cans/tin", "-V"]
        run([*pub, "mqttv5", "-m", "hello", "-D", "publish", "user-property", "colour", "red"])
        other = us.hear()
        assert isinstance(other, Publish)
        assert (other.topic, other.payload) == ("cans/tin", b"hello")
        assert other.properties == ((("user property", ("colour", "red")),) if version == 5 else ())
        us.say(Pingreq(), Disconnect())
        assert isinstance(us.hear(), Pingresp)


@pytest.mark.foreign
def test_a_real_server_refuses_us_with_a_reason(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as path, Speaker("mqtt", path) as us:
        us.say(Connect(version=5, user="ada", password=b"wrong"))
        assert us.hear().summary == "refused: not authorized"
