"""Files of packets: tshark reads from them what was recorded, and has nothing to complain of."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from msgspec.structs import replace

from packets import Packet, capinfos, packet_file, tshark
from tincans.channel import Side
from tincans.conversation import Closed, Dropped, Ended, Entry, How, Joined, Kind, Noted, Opened, Said, Secured
from tincans.export.pcapng import Pcapng
from tincans.limits import (
    COMMENT_BYTES,
    DATAGRAM6_BYTES,
    DATAGRAM_BYTES,
    GAP_BYTES,
    MSS6_BYTES,
    MSS_BYTES,
    UNACKNOWLEDGED_SEGMENTS,
)

pytestmark = pytest.mark.foreign

AT = 1_790_000_000_123_456_789
CLIENT, SERVER = "10.0.0.1 5555", "10.0.0.2 7"


def opened(number: int = 1, client: str = "tcp://10.0.0.1:5555", server: str = "tcp://10.0.0.2:7") -> Opened:
    return Opened(conversation=number, at=AT, kind=Kind.LISTEN, client=client, server=server)


def said(side: Side, data: bytes, later: int = 1, number: int = 1) -> Said:
    return Said(conversation=number, at=AT + later, side=side, data=data)


def closed(how: How = How.FINISHED, by: Side | None = Side.CLIENT, later: int = 9, number: int = 1) -> Closed:
    return Closed(conversation=number, at=AT + later, how=how, by=by)


def streams(packets: list[Packet]) -> dict[str, dict[str, bytes]]:
    """What each end said in each TCP stream, by the order of its numbers."""
    found: dict[str, dict[str, dict[int, bytes]]] = {}
    for packet in packets:
        if packet.payload:
            pieces = found.setdefault(packet["tcp.stream"], {}).setdefault(packet.ends[0], {})
            pieces[int(packet["tcp.seq"])] = packet.payload
    return {
        stream: {end: b"".join(pieces[at] for at in sorted(pieces)) for end, pieces in ends.items()}
        for stream, ends in found.items()
    }


def warnings(packets: list[Packet]) -> list[str]:
    return [warning for packet in packets for warning in packet.warnings]


# ── connections ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_connection_is_all_there(tmp_path: Path) -> None:
    path = packet_file(
        tmp_path / "x.pcapng",
        [
            opened(),
            said(Side.CLIENT, b"hello\n", 1_000),
            said(Side.SERVER, b"x" * (MSS_BYTES + 1), 2_000_000_000),
            Ended(conversation=1, at=AT + 2_000_000_001, side=Side.CLIENT),
            said(Side.SERVER, b"bye", 2_000_000_002),
            Ended(conversation=1, at=AT + 2_000_000_003, side=Side.SERVER),
            closed(later=2_000_000_004),
        ],
    )
    packets = tshark(path)
    found = [(p.at - AT, p.ends[0], p["tcp.flags.str"].strip("·"), len(p.payload)) for p in packets]
    assert found == [
        (0, CLIENT, "S", 0), (0, SERVER, "A··S", 0), (0, CLIENT, "A", 0),
        (1_000, CLIENT, "AP", 6), (1_000, SERVER, "A", 0),
        (2_000_000_000, SERVER, "A", MSS_BYTES), (2_000_000_000, SERVER, "AP", 1), (2_000_000_000, CLIENT, "A", 0),
        (2_000_000_001, CLIENT, "A···F", 0), (2_000_000_001, SERVER, "A", 0),
        (2_000_000_002, SERVER, "AP", 3), (2_000_000_002, CLIENT, "A", 0),
        (2_000_000_003, SERVER, "A···F", 0), (2_000_000_003, CLIENT, "A", 0),
    ]  # fmt: skip
    assert streams(packets) == {"0": {CLIENT: b"hello\n", SERVER: b"x" * (MSS_BYTES + 1) + b"bye"}}
    assert [(p["tcp.seq"], p["tcp.ack"]) for p in packets[-2:]] == [("1465", "8"), ("8", "1466")]
    assert packets[0]["tcp.options.mss_val"] == str(MSS_BYTES)
    assert all(packet.checksums_are_right for packet in packets)
    assert not warnings(packets)
    assert packets[-1]["tcp.completeness"] == "31"  # SYN, SYN ACK, ACK, data and FIN


def test_what_is_not_a_bare_connection_is_in_comments(tmp_path: Path) -> None:
    relay = Opened(
        conversation=12, at=AT, kind=Kind.RELAY, name="front", client="tcp://10.0.0.1:5555", near="tcp://10.0.0.2:7",
        server="unix:///run/\x1b[2J", facts={"tls.version": "TLSv1.3"},
    )  # fmt: skip
    joined = Joined(conversation=12, at=AT + 1, far="unix:", server="unix:///run/x", facts={"tls.alpn": "h2"})
    secured = Secured(conversation=12, at=AT + 2, facts={"tls.sni": "example.org"})
    noted = Noted(conversation=12, at=AT + 2, text="mind the \x1b gap")
    reset = Closed(conversation=12, at=AT + 4, how=How.RESET, by=Side.SERVER, detail="gone")
    entries: list[Entry] = [relay, joined, secured, noted, said(Side.CLIENT, b"?", 3, 12), reset]
    near = tshark(packet_file(tmp_path / "near.pcapng", entries))
    assert {p.ends for p in near} == {(CLIENT, SERVER), (SERVER, CLIENT)}
    assert [p["frame.comment"].splitlines() for p in near if p["frame.comment"]] == [
        ["tincans conversation 12: relay front", "client: tcp://10.0.0.1:5555", "near: tcp://10.0.0.2:7",
         r"server: unix:///run/\x1b[2J", "tls.version: TLSv1.3"],
        ["unix:///run/x answers, called from unix:", "tls.alpn: h2",
         "from here on TLS protects it, and tincans has it plain", "tls.sni: example.org", r"mind the \x1b gap"],
        ["reset: gone"],
    ]  # fmt: skip
    far = tshark(packet_file(tmp_path / "far.pcapng", entries, far=True))
    stand_ins = ("192.0.2.1 49164", "192.0.2.2 49151")
    assert {p.ends for p in far} == {stand_ins, stand_ins[::-1]}
    assert far[0].at == AT + 1
    assert far[0]["frame.comment"].splitlines()[-2:] == [
        "192.0.2.1:49164 stands for unix:", "192.0.2.2:49151 stands for unix:///run/x",
    ]  # fmt: skip
    assert streams(far) == {"0": {stand_ins[0]: b"?"}}


@pytest.mark.parametrize(
    ("how", "by", "expected"),
    [
        (How.FINISHED, Side.SERVER, [(SERVER, "A···F"), (CLIENT, "A"), (CLIENT, "A···F"), (SERVER, "A")]),
        (How.FINISHED, None, [(CLIENT, "A···F"), (SERVER, "A"), (SERVER, "A···F"), (CLIENT, "A")]),
        (How.RESET, Side.CLIENT, [(CLIENT, "A·R")]),
        (How.RESET, None, [(SERVER, "A·R")]),
        (How.FAILED, Side.SERVER, [(SERVER, "A·R")]),
        (How.IDLE, None, [(SERVER, "A·R")]),
        (How.STOPPED, None, [(SERVER, "A·R")]),
        (How.LOST, None, []),
    ],
)
def test_it_ends_as_the_conversation_did(
    tmp_path: Path, how: How, by: Side | None, expected: list[tuple[str, str]]
) -> None:
    packets = tshark(packet_file(tmp_path / "x.pcapng", [opened(), said(Side.CLIENT, b"?"), closed(how, by)]))
    assert [(p.ends[0], p["tcp.flags.str"].strip("·").replace("A··R", "A·R")) for p in packets[5:]] == expected
    assert warnings(packets) == (["Connection reset (RST)"] if len(expected) == 1 else [])


def test_what_is_missing_is_a_gap(tmp_path: Path) -> None:
    dropped = Dropped(conversation=1, at=AT + 2, side=Side.SERVER, count=1000, reason="the disk was \x1b slow")
    later: list[Entry] = [said(Side.CLIENT, b"?", 3), said(Side.SERVER, b"two", 4), closed()]
    packets = tshark(packet_file(tmp_path / "x.pcapng", [opened(), said(Side.SERVER, b"one"), dropped, *later]))
    places = {packet.payload: packet["tcp.seq"] for packet in packets if packet.payload}
    assert places == {b"one": "1", b"?": "1", b"two": "1004"}
    assert warnings(packets) == [
        "Previous segment(s) not captured (common at capture start)",
        "ACKed segment that wasn't captured (common at capture start)",
    ]
    assert r"1000 bytes of the server are missing here: the disk was \x1b slow" in [p["frame.comment"] for p in packets]


def test_a_gap_beyond_what_numbers_can_tell_is_cut(tmp_path: Path) -> None:
    for path, count in ((tmp_path / "a", GAP_BYTES), (tmp_path / "b", GAP_BYTES + 1)):
        dropped = Dropped(conversation=1, at=AT, side=Side.CLIENT, count=count, reason="")
        packets = tshark(packet_file(path, [opened(), dropped, said(Side.CLIENT, b"?")]))
        (behind,) = [packet["tcp.seq"] for packet in packets if packet.payload]
        assert behind == str(GAP_BYTES + 1)


def test_bulk_is_acknowledged_before_it_fills_the_window(tmp_path: Path) -> None:
    bulk = said(Side.CLIENT, bytes(MSS_BYTES * (UNACKNOWLEDGED_SEGMENTS + 1)))
    packets = tshark(packet_file(tmp_path / "x.pcapng", [opened(), bulk, closed()]))[3:]
    assert [len(p.payload) for p in packets[:-4]] == [*[MSS_BYTES] * UNACKNOWLEDGED_SEGMENTS, 0, MSS_BYTES, 0]
    assert not warnings(packets)


def test_ports_that_are_used_again_are_another_stream(tmp_path: Path) -> None:
    conversations: list[list[Entry]] = [
        [opened(number), said(Side.CLIENT, b"%d" % number, number=number), closed(number=number)]
        for number in (1, 2, 2**63 - 1)
    ]
    packets = tshark(packet_file(tmp_path / "x.pcapng", *conversations))
    assert [ends[CLIENT] for ends in streams(packets).values()] == [b"1", b"2", b"%d" % (2**63 - 1)]
    assert not warnings(packets)


def test_tcp_over_ipv6(tmp_path: Path) -> None:
    begin, word = opened(1, "tcp://[::1]:5555", "tcp://[fe80::2]:7"), said(Side.CLIENT, b"x" * (MSS6_BYTES + 1))
    packets = tshark(packet_file(tmp_path / "x.pcapng", [begin, word, closed()]))
    assert streams(packets) == {"0": {"::1 5555": b"x" * (MSS6_BYTES + 1)}}
    assert [len(packet.payload) for packet in packets[3:5]] == [MSS6_BYTES, 1]
    assert all(packet.checksums_are_right for packet in packets)
    assert not warnings(packets)


def test_whatever_is_said_comes_back(tmp_path: Path) -> None:
    random = Random(3)
    conversations, expected = [], []
    for number in range(1, 41):
        entries: list[Entry] = [opened(number, f"tcp://10.0.0.1:{50_000 + number}", "tcp://10.0.0.2:49151")]
        words = {Side.CLIENT: b"", Side.SERVER: b""}
        for later in range(random.randint(0, 20)):
            side, data = random.choice(list(Side)), random.randbytes(random.choice([0, 1, 2, 99, 5_000, 70_001]))
            words[side] += data
            entries.append(said(side, data, later, number))
        conversations.append([*entries, closed(number=number, later=100)])
        ends = {f"10.0.0.1 {50_000 + number}": words[Side.CLIENT], "10.0.0.2 49151": words[Side.SERVER]}
        expected.append({end: data for end, data in ends.items() if data})
    packets = tshark(packet_file(tmp_path / "x.pcapng", *conversations))
    found = streams(packets)
    assert [found.get(str(stream), {}) for stream in range(40)] == expected
    assert all(packet.checksums_are_right for packet in packets)
    assert not warnings(packets)


# ── datagrams ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("client", "server", "most"),
    [
        ("udp://10.0.0.1:5555", "udp://10.0.0.2:7", DATAGRAM_BYTES),
        ("udp://[::1]:5555", "udp://[::2]:7", DATAGRAM6_BYTES),
    ],
)
def test_datagrams(tmp_path: Path, client: str, server: str, most: int) -> None:
    words = [b"", b"?", b"odd", bytes(most), bytes(most + 1)]
    entries = [said(Side.CLIENT if len(word) % 2 else Side.SERVER, word, i) for i, word in enumerate(words)]
    dropped = Dropped(conversation=1, at=AT, side=Side.CLIENT, count=5, reason="slow")
    packets = tshark(packet_file(tmp_path / "x.pcapng", [opened(1, client, server), dropped, *entries, closed()]))
    assert [(packet.payload, packet.at - AT) for packet in packets] == list(
        zip([*words[:4], bytes(most)], range(5), strict=True)
    )
    assert {packet["udp.dstport"] for packet in packets} == {"7", "5555"}
    assert packets[0]["frame.comment"].endswith("5 bytes of the client are missing here: slow")
    assert all(packet.checksums_are_right for packet in packets)
    assert not warnings(packets)


# ── the file ──────────────────────────────────────────────────────────────────────────────────────────────


def test_the_file_says_who_made_it_and_how_exact_it_is(tmp_path: Path) -> None:
    told = capinfos(packet_file(tmp_path / "x.pcapng", [opened(), closed()]))
    for line in ("Wireshark/... - pcapng", "Raw IP", "nanoseconds (9)", "tincans test", "Strict time order:   True"):
        assert line in told


def test_a_file_of_nothing_is_one_too(tmp_path: Path) -> None:
    assert "Number of packets:   0" in capinfos(packet_file(tmp_path / "x.pcapng"))
    assert tshark(packet_file(tmp_path / "y.pcapng", [])) == []


def test_comments_are_cut_to_what_can_be_said(tmp_path: Path) -> None:
    for path, text in ((tmp_path / "a", "é" * COMMENT_BYTES), (tmp_path / "b", "\x1b\udc80\n" * COMMENT_BYTES)):
        note = Noted(conversation=1, at=AT, text=text)
        packets = tshark(packet_file(path, [opened(), note, note, said(Side.CLIENT, b"?")]))
        assert 0 <= COMMENT_BYTES - len(packets[3]["frame.comment"].encode()) <= 1
        assert packets[3]["frame.comment"].isprintable()


def test_strange_orders_of_entries_are_no_error(tmp_path: Path) -> None:
    """Whoever writes a .tin file by hand may have anything happen, before 1970 and after the end, too."""
    every: list[Entry] = [
        said(Side.CLIENT, b"?"), closed(), Ended(conversation=1, at=AT, side=Side.CLIENT), closed(How.RESET),
        said(Side.CLIENT, b"!"), replace(said(Side.CLIENT, b"?"), at=-5),
    ]  # fmt: skip
    packets = tshark(packet_file(tmp_path / "x.pcapng", [opened(), *every]))
    assert streams(packets)["0"][CLIENT].startswith(b"?")
    assert not list(Pcapng("x").take(every[0]))
