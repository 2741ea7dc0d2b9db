"""All of what a message carries, from wherever it begins to wherever it ends; a mail, too."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import AsyncIterator, Iterator
from email.message import EmailMessage

import brotli
import pytest
import zstandard

from tincans.channel import Side
from tincans.conversation import How, Kind, Opening, Tap
from tincans.journal import Bounds
from tincans.journal.memory import MemoryJournal
from tincans.limits import CONTENT_MOST
from tincans.watch.content import content, mail, part
from tincans.watch.parts import Carried
from tincans.watch.reel import Reel
from tincans.watch.reels import Reels
from tincans.watch.shapes import Item
from tincans.watch.trouble import Refused

REQUEST = b"GET /it HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture
def reels() -> Iterator[Reels]:
    reels = Reels()
    yield reels
    reels.close()


@pytest.fixture
async def journal() -> AsyncIterator[MemoryJournal]:
    journal = MemoryJournal(Bounds(total=2**40))
    yield journal
    await journal.aclose()


def begin(journal: MemoryJournal, port: int = 80) -> Tap:
    return journal.begin(Opening(kind=Kind.LISTEN, client="tcp://127.0.0.1:5", server=f"tcp://127.0.0.1:{port}"))


async def items(reel: Reel) -> list[Item]:
    await reel.look()
    return [item for number in range(reel.pages) for item in (await reel.page(number)).items]


async def carrying(reel: Reel, side: str = "server") -> Item:
    """The first item of a side that has content."""
    return next(item for item in await items(reel) if item.content and item.side == side)


PACKED = {
    "identity": lambda data: data,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.compress,
}


@pytest.mark.parametrize("coding", PACKED)
@pytest.mark.parametrize("chunked", [False, True], ids=["by length", "in chunks"])
async def test_a_body_is_put_together_across_pages(
    coding: str, chunked: bool, reels: Reels, journal: MemoryJournal
) -> None:
    body = bytes(range(256)) * 300
    packed = PACKED[coding](body)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: image/x-tin\r\nContent-Encoding: %s\r\n" % coding.encode()
    tap = begin(journal)
    tap.said(Side.CLIENT, REQUEST)
    length = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % len(packed)
    tap.said(Side.SERVER, head + length + b"\r\n\r\n")
    size = max(1, len(packed) // 450)
    for at in range(0, len(packed), size):
        piece = packed[at : at + size]
        tap.said(Side.SERVER, b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
    if chunked:
        tap.said(Side.SERVER, b"0\r\n\r\n")
    tap.said(Side.CLIENT, REQUEST)
    tap.said(Side.SERVER, b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nother")
    reel = reels.reel(journal, 1)
    found = await carrying(reel)
    assert found.content is not None
    assert reel.pages > (1 if len(packed) < 450 else 2)
    expected = Carried("image/x-tin", body)
    assert await content(reel, found.content.first) == expected
    assert await content(reel, found.id) == expected
    later = [item for item in await items(reel) if item.content and item.content.first == found.content.first]
    assert await content(reel, later[-1].id) == expected
    assert sum(item.content.size for item in later if item.content) == len(body)


async def test_it_is_read_to_the_end_of_what_is_there(reels: Reels, journal: MemoryJournal) -> None:
    tap = begin(journal)
    tap.said(Side.CLIENT, REQUEST)
    tap.said(Side.SERVER, b"HTTP/1.1 200 OK\r\n\r\nso far")
    reel = reels.reel(journal, 1)
    found = await carrying(reel)
    assert await content(reel, found.id) == Carried("", b"so far", "it is not over yet")
    tap.said(Side.SERVER, b", and more")
    tap.ended(Side.SERVER)
    assert await content(reel, found.id) == Carried("", b"so far, and more")


async def test_so_much_and_not_a_byte_more(reels: Reels, journal: MemoryJournal) -> None:
    for more in (0, 1):
        packed = gzip.compress(bytes(CONTENT_MOST + more), 9)
        tap = begin(journal)
        tap.said(Side.CLIENT, REQUEST)
        head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
        tap.said(Side.SERVER, head + packed)
        tap.closed(How.FINISHED)
        reel = reels.reel(journal, 1 + more)
        carried = await content(reel, (await carrying(reel)).id)
        assert carried.data == bytes(CONTENT_MOST)
        assert carried.lack == (f"only the first {CONTENT_MOST} bytes of it are here" if more else "")


async def test_what_follows_in_other_words_is_other_content(reels: Reels, journal: MemoryJournal) -> None:
    tap = begin(journal, 7)
    for number in range(500):
        tap.said(Side.CLIENT, b"\x00\xff%d;" % number)
        if number % 100 == 0:
            tap.said(Side.SERVER, b"\x00\xfe")
    tap.closed(How.FINISHED)
    reel = reels.reel(journal, 1)
    found = await carrying(reel, "client")
    whole = b"".join(b"\x00\xff%d;" % number for number in range(500))
    assert await content(reel, found.id) == Carried("", whole)


@pytest.mark.parametrize("item", ["", "0", "0.", ".0", "x.y", "-1.0", "0.-1", "².0", "0.99", "9.0", "1" * 50 + ".0"])
async def test_no_such_item(item: str, reels: Reels, journal: MemoryJournal) -> None:
    begin(journal).said(Side.CLIENT, REQUEST)
    with pytest.raises(Refused) as caught:
        await content(reels.reel(journal, 1), item)
    assert caught.value.status == 404


async def test_an_item_without_content(reels: Reels, journal: MemoryJournal) -> None:
    begin(journal).said(Side.CLIENT, REQUEST)
    for item in ("0.0", "0.1"):
        with pytest.raises(Refused) as caught:
            await content(reels.reel(journal, 1), item)
        assert caught.value.status == 409


# ── mails ─────────────────────────────────────────────────────────────────────────────────────────────────


def letter() -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "Ada <ada@tin.example>", "bob@can.example", "Grüße 🥫"
    message.set_content("Hello.\n.\nGrüße\n")
    message.add_alternative("<p>Hello", subtype="html")
    message.add_attachment(bytes(range(256)) * 50, maintype="image", subtype="png", filename="schön.png")
    message.set_boundary("tins")
    next(message.iter_parts()).set_boundary("cans")
    return bytes(message).replace(b"\n", b"\r\n")


LETTER = letter()


async def _mailed(journal: MemoryJournal, data: bytes) -> None:
    tap = begin(journal, 25)
    tap.said(Side.SERVER, b"220 mx ESMTP\r\n")
    commands = (b"EHLO a", b"MAIL FROM:<a@b>", b"RCPT TO:<c@d>", b"DATA")
    for command, reply in zip(commands, (b"250", b"250", b"250", b"354"), strict=True):
        tap.said(Side.CLIENT, command + b"\r\n")
        tap.said(Side.SERVER, reply + b" ok\r\n")
    dotted = data.replace(b"\r\n.", b"\r\n..") + b"\r\n.\r\n"
    for at in range(0, len(dotted), 50):
        tap.said(Side.CLIENT, dotted[at : at + 50])
    tap.said(Side.SERVER, b"250 taken\r\n")
    tap.closed(How.FINISHED)


async def test_a_mail_and_its_parts(reels: Reels, journal: MemoryJournal) -> None:
    await _mailed(journal, LETTER)
    reel = reels.reel(journal, 1)
    found = await carrying(reel, "client")
    assert reel.pages > 1
    assert found.content is not None
    assert found.content.media == "message/rfc822"
    carried = await content(reel, found.id)
    assert carried == Carried("message/rfc822", LETTER + b"\r\n")
    shown = await mail(reel, found.id)
    assert shown.headers[:3] == [
        ("From", "Ada <ada@tin.example>"), ("To", "bob@can.example"), ("Subject", "Grüße 🥫"),
    ]  # fmt: skip
    assert [(each.path, each.media, each.name) for each in shown.parts] == [
        ("1.1", "text/plain", ""), ("1.2", "text/html", ""), ("2", "image/png", "schön.png"),
    ]  # fmt: skip
    assert await part(reel, found.id, "2") == Carried("image/png", bytes(range(256)) * 50, name="schön.png")
    assert (await part(reel, found.id, "1.1")).data.decode().splitlines() == ["Hello.", ".", "Grüße"]
    with pytest.raises(Refused) as caught:
        await part(reel, found.id, "3")
    assert caught.value.status == 404
    end = next(item for item in await items(reel) if item.kind == "end_of_mail")
    assert end.content is not None
    assert end.content.first == found.id
    assert (await content(reel, end.id)).data == carried.data


async def test_what_is_no_mail_has_no_parts(reels: Reels, journal: MemoryJournal) -> None:
    tap = begin(journal)
    tap.said(Side.CLIENT, REQUEST)
    tap.said(Side.SERVER, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno")
    reel = reels.reel(journal, 1)
    found = await carrying(reel)
    with pytest.raises(Refused) as caught:
        await mail(reel, found.id)
    assert caught.value.status == 409
