"""What proves a session: `check_session` on a transcript, and `check_mutations` on what becomes of it.

A transcript is a `.tin` file (`tincans.tin`) that a person can read, and so it is the documentation's example too.
What it means stands behind it in comments, one event a line, as `meaning` writes them:

    # C 0-18 request  GET / HTTP/1.0
    # S 0-17 response  HTTP/1.0 200 OK
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from random import Random

from tincans import tin
from tincans.channel import Side
from tincans.conversation import Dropped, Ended, Entry, Opened, Said, Secured
from tincans.decoding import port_of
from tincans.errors import RemoteProtocolError
from tincans.protocols import Chunk, Decoder, Event, Malformed, Missing, Session, Upgraded, find_protocol
from tincans.text import escape

#: Set to "write", the comments of a transcript are written anew and not compared: look at what `git diff` shows then.
GOLDEN = "TINCANS_GOLDEN"

_LETTERS = {Side.CLIENT: "C", Side.SERVER: "S"}


def check_session(
    path: Path, protocol: str, *, guessed: bool = True, sendable: bool | Callable[[Event], bool] = True
) -> list[Event]:
    """Prove `protocol` on the transcript at `path`; gives its events.

    * Read as it was said, it means what its comments say.
    * It means the same byte by byte, and with as much as possible at once. (Not where the channel keeps boundaries.)
    * The spans of each side's events tile what it said: no byte is lost, none is in two events.
    * Where `guessed`, the protocol is recognized without being named.
    * Where `sendable`, every event can be sent by a strict session, and what that gives means the same event. It may be
      a function that says which of them can be: those up to the first that cannot are tried.
    """
    entries = read(path)
    events = decode(entries, protocol)
    _check_comments(path, events)
    _check_tiling(entries, events)
    boundaries = _boundaries(entries)
    if not boundaries:
        _check_same(events, decode(bytewise(entries), protocol), "byte by byte")
        _check_same(events, decode(at_once(entries), protocol), "with bytes after it")
    if guessed:
        _check_same(events, decode(entries, ""), "when the protocol is guessed")
        if not boundaries:
            _check_same(events, decode(bytewise(entries), ""), "when it is guessed byte by byte")
    if sendable:
        _check_sending(events, protocol, boundaries, sendable if callable(sendable) else lambda _: True)
    return events


def check_mutations(path: Path, protocol: str, random: Random) -> None:
    """A broken copy of the transcript: nothing is raised, every byte is in one event, and it ends.

    A strict session raises nothing but `RemoteProtocolError`.
    """
    entries = mutated(read(path), random)
    events = decode(entries, protocol)
    _check_tiling(entries, events)
    size = sum(len(entry.data) for entry in entries if isinstance(entry, Said))
    assert len(events) <= 4 * size + 16, f"{len(events)} events from {size} bytes"
    if not _boundaries(entries):
        _check_same(events, decode(bytewise(entries), protocol), "byte by byte")
    _check_strict(entries, protocol)


def read(path: Path) -> list[Entry]:
    """The entries of a transcript."""
    with path.open(encoding="utf-8") as file:
        return list(tin.read(file))


def decode(entries: Iterable[Entry], protocol: str) -> list[Event]:
    """Its events, neighbouring chunks joined. Sides that did not end do so behind the last entry."""
    decoder: Decoder | None = None
    told: list[tuple[str, Event]] = []
    open_sides = dict.fromkeys(Side)
    for entry in entries:
        if isinstance(entry, Opened):
            decoder = Decoder(protocol, port=port_of(entry.server), boundaries=entry.boundaries)
        assert decoder is not None
        match entry:
            case Said(side=side, data=data):
                told += decoder.receive(side, data)
            case Dropped(side=side, count=count):
                told += decoder.lost(side, count)
            case Ended(side=side):
                told += decoder.end(side)
                open_sides.pop(side, None)
            case Secured():
                told += decoder.secured()
            case _:
                pass
    assert decoder is not None
    for side in open_sides:
        told += decoder.end(side)
    return joined(event for _, event in told + decoder.close())


def joined(events: Iterable[Event]) -> list[Event]:
    """With neighbouring chunks of one side and type made one."""
    found: list[Event] = []
    last: dict[Side, int] = {}
    for event in events:
        place = last.get(event.side)
        before = found[place] if place is not None else None
        if isinstance(event, Chunk) and isinstance(before, Chunk) and _are_one(before, event):
            assert place is not None
            found[place] = before.join(event)
            continue
        last[event.side] = len(found)
        found.append(event)
    return found


def _are_one(one: Chunk, other: Chunk) -> bool:
    if isinstance(one, Malformed) and isinstance(other, Malformed):
        return not other.reason
    return type(one) is type(other)


def meaning(events: Iterable[Event]) -> list[str]:
    """What they mean, a line an event, with their details under them."""
    lines = []
    for event in events:
        event = event.masked()
        letter = _LETTERS[event.side]
        kind = type(event).__name__.lower()
        lines.append(f"{letter} {event.start}-{event.end} {kind}  {escape(event.summary)}")
        lines += [f"    {escape(detail)}" for detail in event.details]
    return lines


# ── other ways of saying the same ─────────────────────────────────────────────────────────────────────────


def bytewise(entries: Iterable[Entry]) -> list[Entry]:
    """The same, said byte by byte."""
    pieces: list[Entry] = []
    for entry in entries:
        if isinstance(entry, Said):
            pieces += [_said(entry, entry.data[at : at + 1]) for at in range(len(entry.data))]
        else:
            pieces.append(entry)
    return pieces


def at_once(entries: Iterable[Entry]) -> list[Entry]:
    """The same, with all at once that one side said before the other spoke."""
    turns: list[Entry] = []
    for entry in entries:
        before = turns[-1] if turns else None
        if isinstance(entry, Said) and isinstance(before, Said) and before.side is entry.side:
            turns[-1] = _said(before, before.data + entry.data)
        else:
            turns.append(entry)
    return turns


def mutated(entries: Sequence[Entry], random: Random) -> list[Entry]:
    """A copy with some bytes changed, left out, repeated or put in, and perhaps a gap or an early end."""
    broken: list[Entry] = []
    for entry in entries:
        if not isinstance(entry, Said):
            broken.append(entry)
            continue
        broken.append(_said(entry, _broken(entry.data, random)))
        if random.random() < 0.05:
            count = random.randint(1, 300)
            broken.append(
                Dropped(conversation=entry.conversation, at=entry.at, side=entry.side, count=count, reason="a test")
            )
    return broken


def _broken(data: bytes, random: Random) -> bytes:
    changed = bytearray(data)
    for _ in range(random.randint(0, 3)):
        at = random.randint(0, len(changed))
        match random.randint(0, 4):
            case 0 if at < len(changed):
                changed[at] = random.choice(b"\x00\r\n :0\xff" + bytes([random.randint(0, 255)]))
            case 1:
                del changed[at : at + random.randint(1, 8)]
            case 2:
                changed[at:at] = random.randbytes(random.randint(1, 8))
            case 3:
                changed[at:at] = changed[max(0, at - random.randint(1, 40)) : at]
            case _:
                del changed[at:]
    return bytes(changed)


def _said(like: Said, data: bytes) -> Said:
    return Said(conversation=like.conversation, at=like.at, side=like.side, data=data)


# ── the proofs ────────────────────────────────────────────────────────────────────────────────────────────


def _boundaries(entries: Sequence[Entry]) -> bool:
    return isinstance(entries[0], Opened) and entries[0].boundaries


def _check_comments(path: Path, events: Sequence[Event]) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    found = [line[2:] for line in lines if line.startswith("# ")]
    wanted = meaning(events)
    if os.environ.get(GOLDEN) == "write":
        kept = [line for line in lines if not line.startswith("# ")]
        while kept and not kept[-1]:
            kept.pop()
        path.write_text("\n".join([*kept, "", *(f"# {line}" for line in wanted)]) + "\n", encoding="utf-8")
    else:
        assert found == wanted, f"{path.name} means something else:\n" + "\n".join(wanted)


def _check_tiling(entries: Iterable[Entry], events: Iterable[Event]) -> None:
    said = dict.fromkeys(Side, 0)
    for entry in entries:
        if isinstance(entry, Said):
            said[entry.side] += len(entry.data)
        elif isinstance(entry, Dropped):
            said[entry.side] += entry.count
    told = dict.fromkeys(Side, 0)
    for event in events:
        assert event.start == told[event.side], f"{event} does not begin where the one before it ended"
        assert event.end >= event.start
        assert all(event.start <= start < end <= event.end for start, end in event.hidden), f"{event} hides others"
        masked = event.masked()
        assert (masked.side, masked.start, masked.end) == (event.side, event.start, event.end), f"{event} masked moves"
        told[event.side] = event.end
    assert told == said, f"of {said} bytes the events have {told}"


def _check_same(wanted: Sequence[Event], found: Sequence[Event], how: str) -> None:
    """Each side means the same; in which order the two sides' events come may differ."""
    for side in Side:
        one = [event for event in wanted if event.side is side]
        other = [event for event in found if event.side is side]
        assert one == other, f"read {how}, the {side.value} means:\n" + "\n".join(meaning(other))


def _check_sending(
    events: Sequence[Event], protocol: str, boundaries: bool, can_be_sent: Callable[[Event], bool]
) -> None:
    named = find_protocol(protocol)
    sender = named.session(strict=True, boundaries=boundaries)
    hearer = named.session(boundaries=boundaries)
    implied: list[Event] = []  # what takes no bytes, as what was sent completes it
    for event in events:
        if implied and event.bare() == implied[0]:
            implied.pop(0)
            continue
        if isinstance(event, Upgraded | Malformed | Missing) or sender.is_through or not can_be_sent(event):
            return
        bare = event.bare()
        data = sender.send(event.side, bare)
        heard = joined(e for e in hearer.receive(event.side, data) if not isinstance(e, Upgraded))
        if not heard:  # it is whole only when that side ends
            sender.end(event.side)
            heard = hearer.end(event.side)
        assert [e.bare() for e in heard[:1]] == [bare], f"{bare} is sent as {data!r}, which means {heard}"
        assert all(e.start == e.end for e in heard[1:]), f"{bare} is sent as {data!r}, which means {heard}"
        implied = [e.bare() for e in heard[1:]]


def _check_strict(entries: Iterable[Entry], protocol: str) -> None:
    session: Session | None = None
    for entry in entries:
        if isinstance(entry, Opened):
            session = find_protocol(protocol).session(strict=True, boundaries=entry.boundaries)
        elif isinstance(entry, Said):
            assert session is not None
            try:
                session.receive(entry.side, entry.data)
            except RemoteProtocolError:
                return
