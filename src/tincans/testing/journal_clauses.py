"""What the journal contract promises of telling, reading, following and adopting; `journals.py` runs it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator

from msgspec.structs import replace

from tincans.channel import Side
from tincans.conversation import (
    Closed,
    Conversation,
    Dropped,
    Ended,
    Entry,
    How,
    Joined,
    Kind,
    Noted,
    Opened,
    Opening,
    Said,
    Secured,
    conversations,
)  # fmt: skip
from tincans.errors import JournalError, NoSuchConversation, NotAConversation
from tincans.journal import FORGOTTEN, Filter, Journal
from tincans.limits import LARGE_BYTES
from tincans.tasks import spawn
from tincans.testing.telling import MIB, Clause, equal, listed, opening, read, said_by, talk

# ── the clauses ───────────────────────────────────────────────────────────────────────────────────────────


async def _numbers(journal: Journal) -> None:
    """Conversations are numbered 1, 2, 3 …, and known by their number at once"""
    equal([journal.begin(opening()).number for _ in range(5)], [1, 2, 3, 4, 5])
    await journal.flush()
    equal(await listed(journal), [1, 2, 3, 4, 5])


async def _everything(journal: Journal) -> None:
    """All that a tap is told is read back, in order, and with times that do not run backwards"""
    tap = journal.begin(opening())
    talk(tap)
    entries = await read(journal, tap.number)
    kinds = [Opened, Joined, Said, Said, Said, Noted, Secured, Ended, Said, Ended, Closed]
    equal([type(entry) for entry in entries], kinds)
    equal([entry.data for entry in entries if isinstance(entry, Said)], [b"hello\r\n", b"", bytes(range(256)), b"bye"])
    equal({entry.conversation for entry in entries}, {tap.number})
    opened, joined, noted, secured, closed = entries[0], entries[1], entries[5], entries[6], entries[10]
    assert isinstance(opened, Opened)
    equal((opened.kind, opened.client, opened.facts), (Kind.RELAY, opening().client, {"tls.version": "TLSv1.3"}))
    assert isinstance(joined, Joined)
    equal((joined.far, joined.facts), ("tcp://127.0.0.1:50313", {"tls.alpn": "h2"}))
    assert isinstance(noted, Noted)
    equal(noted.text, "the far side cannot half-close")
    assert isinstance(secured, Secured)
    equal(secured.facts, {"client.tls.version": "TLSv1.3"})
    assert isinstance(closed, Closed)
    equal((closed.how, closed.by, closed.detail), (How.FINISHED, Side.CLIENT, "both said goodbye"))
    times = [entry.at for entry in entries]
    equal(times, sorted(times))


async def _fold(journal: Journal) -> None:
    """What the list says of a conversation is the fold over its entries"""
    talk(journal.begin(opening()))
    tap = journal.begin(opening(name="front"))
    tap.said(Side.CLIENT, b"1")
    await journal.flush()
    tap.said(Side.CLIENT, b"22")
    tap.carried(Side.SERVER, 1000)
    await journal.flush()
    tap.joined("tcp://127.0.0.1:50313", "tcp://127.0.0.1:7709", {})
    await journal.flush()
    tap.ended(Side.SERVER)
    entries = [entry for number in (1, 2) for entry in await read(journal, number)]
    equal(await journal.conversations(), list(conversations(entries).values()))


async def _sizes(journal: Journal) -> None:
    """Bytes are kept as they were said, whatever their size and type, and though the buffer is used again"""
    tap = journal.begin(opening())
    expected = []
    for size in (0, 1, LARGE_BYTES - 1, LARGE_BYTES, LARGE_BYTES + 1, 65_536, 3 * MIB + 7):
        for kind in (bytes, bytearray, memoryview):
            buffer = bytearray(bytes([size % 251]) * size)
            expected.append(bytes(buffer))
            tap.said(Side.SERVER, kind(buffer))
            buffer[:] = b"!" * size
    entries = await read(journal, tap.number)
    found = [entry.data for entry in entries if isinstance(entry, Said)]
    equal([len(data) for data in found], [len(data) for data in expected])
    assert found == expected, "the bytes are others"


async def _apart(journal: Journal) -> None:
    """Conversations that go on at once are kept apart"""
    taps = [journal.begin(opening()) for _ in range(7)]
    for turn in range(300):
        for tap in taps:
            tap.said(Side.CLIENT if turn % 2 else Side.SERVER, b"%d:%d " % (tap.number, turn))
        if turn % 100 == 50:
            await journal.flush()
    for tap in taps:
        entries = await read(journal, tap.number)
        equal(said_by(entries, Side.CLIENT), b"".join(b"%d:%d " % (tap.number, turn) for turn in range(1, 300, 2)))


async def _filters(journal: Journal) -> None:
    """The list is filtered by each part of a filter, and by all of them together"""
    journal.begin(opening(Kind.LISTEN, "tcp://10.0.0.1:5000", "front")).closed(How.RESET, Side.CLIENT)
    journal.begin(opening(Kind.CONNECT, "tcp://10.0.0.2:5000")).closed(How.FINISHED)
    journal.begin(opening(Kind.RELAY, "unix:///Run/App.sock", "front"))
    journal.begin(opening(Kind.RELAY, "tcp://10.0.0.1:5001")).closed(How.FAILED, detail="refused")
    await journal.flush()
    third = (await journal.conversations())[2].opened
    for which, expected in (
        (Filter(party="10.0.0.1"), [1, 4]),
        (Filter(party="/run/app"), [3]),
        (Filter(party="nobody"), []),
        (Filter(kind=Kind.RELAY), [3, 4]),
        (Filter(open=True), [3]),
        (Filter(open=False), [1, 2, 4]),
        (Filter(how=(How.RESET, How.FAILED)), [1, 4]),
        (Filter(name="front"), [1, 3]),
        (Filter(name="fro"), []),
        (Filter(since=third), [3, 4]),
        (Filter(until=third), [1, 2]),
        (Filter(limit=2), [3, 4]),
        (Filter(limit=0), []),
        (Filter(party="10.0.0.1", limit=1), [4]),
        (Filter(party="tcp", kind=Kind.RELAY, open=False, how=(How.FAILED,), since=third), [4]),
    ):
        found = await journal.conversations(which)
        assert [c.number for c in found] == expected, f"{which} gives {[c.number for c in found]}, not {expected}"
        assert all(map(which.matches, found)), f"{which} does not match all of what it gave"


async def _start(journal: Journal) -> None:
    """A reader may leave out the first entries"""
    talk(tap := journal.begin(opening()))
    entries = await read(journal, tap.number)
    for start in (0, 1, 5, len(entries), len(entries) + 5):
        equal(await read(journal, tap.number, start), entries[start:])


async def _nobody(journal: Journal) -> None:
    """A conversation that there is not raises NoSuchConversation, whatever is asked of it"""
    asked = (journal.conversation(1), journal.places(1, 1), journal.entries(1, None, 1))
    for answer in (anext(journal.read(1)), anext(journal.follow(1)), *asked):
        try:
            await answer
        except NoSuchConversation as error:
            equal(error.number, 1)
        else:
            raise AssertionError("it did not")


async def _last_word(journal: Journal) -> None:
    """After `closed` a tap hears nothing more"""
    talk(tap := journal.begin(opening()))
    before = await read(journal, tap.number)
    talk(tap)
    tap.carried(Side.CLIENT, 5)
    equal(await read(journal, tap.number), before)


async def _carried(journal: Journal) -> None:
    """Bytes that were only counted are told of as dropped, where they would have been"""
    tap = journal.begin(opening())
    tap.said(Side.CLIENT, b"before")
    tap.carried(Side.CLIENT, 70_000)
    tap.said(Side.CLIENT, b"after")
    entries = (await read(journal, tap.number))[1:]
    equal([type(entry) for entry in entries], [Said, Dropped, Said])
    assert isinstance(entries[1], Dropped)
    equal((entries[1].side, entries[1].count, bool(entries[1].reason)), (Side.CLIENT, 70_000, True))
    [conversation] = await journal.conversations()
    equal((conversation.client_bytes, conversation.dropped), (70_011, 70_000))


async def _follow_one(journal: Journal) -> None:
    """Who follows a conversation is told all of it from its beginning, as it comes, until it has closed"""
    tap, other = journal.begin(opening()), journal.begin(opening())
    tap.said(Side.CLIENT, b"early")
    await journal.flush()
    entries = journal.follow(tap.number)
    found = [await anext(entries), await anext(entries)]
    other.said(Side.CLIENT, b"not for you")
    waiting = spawn(_rest(entries))
    await asyncio.sleep(0)
    tap.said(Side.SERVER, b"late")
    tap.closed(How.FINISHED)
    found += await waiting
    equal(found, await read(journal, tap.number))


async def _rest(entries: AsyncGenerator[Entry]) -> list[Entry]:
    return [entry async for entry in entries]


async def _follow_all(journal: Journal) -> None:
    """Who follows all conversations is told all that comes after the call, without end, and may stop at any time"""
    early = journal.begin(opening())
    early.said(Side.CLIENT, b"too early")
    await journal.flush()
    entries = journal.follow()
    stopped = spawn(_rest(journal.follow()))
    early.said(Side.CLIENT, b"a")
    talk(late := journal.begin(opening()))
    early.closed(How.FINISHED)
    found: dict[int, list[Entry]] = {early.number: [], late.number: []}
    while sum(map(len, found.values())) < 13:
        entry = await anext(entries)
        found[entry.conversation].append(entry)
    equal(found[early.number], (await read(journal, early.number))[2:])
    equal(found[late.number], await read(journal, late.number))
    assert not stopped.done(), "it ended by itself"
    stopped.cancel()
    await asyncio.wait([stopped])
    await entries.aclose()
    talk(journal.begin(opening()))
    equal(len(await read(journal, 3)), 11)


async def _readers(journal: Journal) -> None:
    """Many may read while somebody talks: each sees a beginning of what was said, and nothing else"""
    tap = journal.begin(opening())
    word = bytes(range(256)) * 128

    async def reader() -> None:
        for _ in range(10):
            said = said_by([entry async for entry in journal.read(tap.number)], Side.CLIENT)
            assert said == (word * (len(said) // len(word) + 1))[: len(said)]

    tap.said(Side.CLIENT, word)
    await journal.flush()
    readers = [spawn(reader()) for _ in range(4)]
    while not all(task.done() for task in readers):
        tap.said(Side.CLIENT, word)
        await asyncio.sleep(0.001)
    await asyncio.gather(*readers)


async def _stopped(journal: Journal) -> None:
    """Closing closes what still goes on as STOPPED; it may be done twice, and taps may be told afterwards"""
    tap = journal.begin(opening())
    await journal.flush()
    await journal.aclose()
    await journal.aclose()
    talk(tap)
    talk(journal.begin(opening()))


async def _hostile(journal: Journal) -> None:
    """Text that no encoding knows is kept as well as can be, and never an error"""
    for text in ("\udcff", "a\0b", "\x1b[2J", "grüße\u202e", '"\\'):
        tap = journal.begin(Opening(kind=Kind.LISTEN, client=text, server=text, name=text, facts={text: text}))
        tap.joined(text, text, {text: text})
        tap.noted(text)
        tap.secured({text: text})
        tap.closed(How.RESET, detail=text)
    await journal.flush()
    found = await journal.conversations()
    equal(len(found), 5)
    equal((found[3].client, found[3].facts, found[4].detail), ("grüße\u202e", {"grüße\u202e": "grüße\u202e"}, '"\\'))
    for conversation in found:
        await read(journal, conversation.number)


async def _adopted(journal: Journal) -> None:
    """A conversation of the past is kept as it was, with its times, under a number that is new"""
    talk(journal.begin(opening()))
    past = [replace(entry, at=entry.at - 10**18) for entry in await read(journal, 1)]
    large = Said(conversation=1, at=past[1].at, side=Side.SERVER, data=bytes(3 * MIB + 7))
    gap = Dropped(conversation=1, at=past[1].at, side=Side.CLIENT, count=1000, reason="a test")
    past[2:2] = [large, gap]
    equal([await journal.adopt(past), await journal.adopt(iter(past))], [2, 3])
    equal(journal.begin(opening()).number, 4)
    expected = [replace(entry, conversation=2) for entry in past]
    equal(await read(journal, 2), expected)
    equal(await journal.conversations(Filter(open=False)), [
        *conversations(await read(journal, 1)).values(), *conversations(expected).values(),
        *conversations(replace(entry, conversation=3) for entry in past).values(),
    ])  # fmt: skip


async def _adopted_in_part(journal: Journal) -> None:
    """Of a conversation of the past that never closed, or broke off, the end is said to be lost"""

    def broken() -> Iterator[Entry]:
        yield from past
        raise OSError("the file is gone")

    opened = Opened(conversation=7, at=1000, kind=Kind.LISTEN, client="\udcff", server="s")
    past: list[Entry] = [opened, Said(conversation=7, at=2000, side=Side.CLIENT, data=b"?")]
    equal(await journal.adopt(past), 1)
    try:
        await journal.adopt(broken())
    except OSError as error:
        equal(str(error), "the file is gone")
    else:
        raise AssertionError("its error was swallowed")
    for number in (1, 2):
        entries = await read(journal, number)
        equal([type(entry) for entry in entries], [Opened, Said, Closed])
        equal(entries[-1], Closed(conversation=number, at=2000, how=How.LOST))


async def _not_adopted(journal: Journal) -> None:
    """What is no conversation is refused"""
    opened = Opened(conversation=7, at=1000, kind=Kind.LISTEN, client="c", server="s")
    said = Said(conversation=7, at=1000, side=Side.CLIENT, data=b"?")
    closed = Closed(conversation=7, at=1000, how=How.FINISHED)
    late, early = replace(said, at=2**62), replace(said, at=-1)
    much = Dropped(conversation=7, at=1000, side=Side.CLIENT, count=2**61, reason="")
    wrongs: list[list[Entry]] = [
        [], [said], [opened, opened], [opened, closed, said], [opened, late], [opened, early],
        [opened, much, much], [opened, replace(much, count=-1)],
    ]  # fmt: skip
    for wrong in wrongs:
        try:
            await journal.adopt(wrong)
        except NotAConversation:
            continue
        raise AssertionError(f"{wrong} is kept")
    await journal.aclose()
    try:
        await journal.adopt([opened])
    except JournalError:
        return
    raise AssertionError("a closed journal keeps more")


async def _bounded(journal: Journal) -> None:
    """The oldest is dropped beyond the bound: what is over is gone, and what goes on says how much is missing"""
    talk(over := journal.begin(opening()))
    tap = journal.begin(opening())
    tap.said(Side.CLIENT, b"first")
    for turn in range(256):
        tap.said(Side.SERVER, bytes([turn]) * 65_536)
        if turn % 4 == 3:
            await journal.flush()
    assert over.number not in await listed(journal), "the oldest conversation is still there"
    entries = await read(journal, tap.number)
    kept = said_by(entries, Side.SERVER)
    assert kept, "nothing is left of it"
    assert len(kept) <= 5 * MIB, f"{len(kept)} bytes are kept"
    equal(kept[::65_536], bytes(range(256 - len(kept) // 65_536, 256)))
    equal([type(entry) for entry in entries[:3]], [Opened, Dropped, Dropped])
    equal({(e.side, e.count, e.reason) for e in entries if isinstance(e, Dropped)}, {
        (Side.CLIENT, 5, FORGOTTEN), (Side.SERVER, 256 * 65_536 - len(kept), FORGOTTEN),
    })  # fmt: skip
    [found] = await journal.conversations()
    folded: Conversation = conversations(entries)[tap.number]
    equal((found.client_bytes, found.server_bytes, found.dropped), (5, 256 * 65_536, folded.dropped))


CLAUSES: list[Clause] = [
    _numbers, _everything, _fold, _sizes, _apart, _filters, _start, _nobody, _last_word, _carried, _follow_one,
    _follow_all, _readers, _stopped, _hostile, _adopted, _adopted_in_part, _not_adopted,
]  # fmt: skip

#: On a journal of 4 MiB.
BOUNDED_CLAUSES: list[Clause] = [_bounded]
