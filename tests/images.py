#!/usr/bin/env python3
"""The pictures of the README: `make images` has real programs talk, and keeps what the page shows in docs/images.

One office (scene.py), half a minute of it: people browse, a cache is asked, a mail is sent; one client has said all and
listens on, and one server does not read. Each picture waits until what it is to show is there.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, expect

from chatters import Hub, person, robot_of
from letters import LETTERS, PARCEL, letter, pear
from running import program, start
from scene import ORDER, Office, Post, made_of, office, post_office
from watching import PHONE, Line, Tab, chromium, clog, tab_of

FOLDER = Path(__file__).parents[1] / "docs" / "images"
#: So long people talk before the pictures of what was said lately are taken, in seconds.
TALKS = 25.0
#: Between two of their words.
PAUSE = 0.15


@contextlib.contextmanager
def talk(work: Office) -> Iterator[None]:
    """People talk while the block runs: requests through `web` and `cache`, and words to and fro on one open line."""
    over = threading.Event()

    def go_on() -> None:
        with work.call() as line:
            for turn in range(100_000):
                say(line, turn)
                if turn % 4 == 0:
                    work.redis("INCR", "pears")
                if turn % 6 == 0:
                    work.curl("/order.json", "--json", ORDER.decode())
                if turn % 40 == 0:
                    work.send_mail()
                if over.wait(PAUSE):
                    return

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def say(line: Line, turn: int) -> None:
    """A question, and an answer whose length goes up and down."""
    question = f"how many pears on tree {turn}?\n".encode()
    reply = b"this many: " + b"pear " * (turn * 37 % 300) + b"\n"
    for speaker, hearer, words in [(line.client, line.server, question), (line.server, line.client, reply)]:
        speaker.sendall(words)
        assert hearer.recv(len(words), socket.MSG_WAITALL) == words


def take(work: Office, browser: Browser) -> None:
    """All pictures, while people talk."""
    subscribe = [program("redis-cli"), "-p", str(work.served.port("cache")), "SUBSCRIBE", "pears"]
    with talk(work), start(subscribe):
        time.sleep(TALKS)
        with tab_of(browser, work.served) as tab:
            tab.open()
            picture_conversations(tab, work)
            picture_charts(tab)
            picture_conversation(tab, work)
        with tab_of(browser, work.served, size=PHONE, color_scheme="dark") as tab:
            picture_conversation(tab, work, "phone")
        with work.call() as half, work.call() as stuck:
            half.client.sendall(b"that is all that I say\n")
            half.client.shutdown(socket.SHUT_WR)
            assert half.server.recv(100) == b"that is all that I say\n"
            clog(stuck.client)
            for colours, name in {"light": "map", "dark": "map-dark"}.items():
                with tab_of(browser, work.served, color_scheme=colours) as tab:
                    picture_map(tab, half, stuck, name)


def picture_map(tab: Tab, half: Line, stuck: Line, name: str) -> None:
    tab.open("map")
    expect(tab.channel_of(half).locator(".line.client.ended").first).to_be_visible()
    expect(tab.channel_of(stuck).locator(".sentence")).to_be_visible()
    expect(tab.page.locator(".pid")).to_have_count(8)
    expect(tab.page.locator(".line.server.moves").first).to_be_visible()
    keep(tab, name)


def picture_conversations(tab: Tab, work: Office) -> None:
    tab.go("conversations")
    with work.call() as line:
        say(line, 7)
        expect(tab.page.get_by_role("gridcell", name="open", exact=True).first).to_be_visible()
        keep(tab, "conversations")


def picture_charts(tab: Tab) -> None:
    tab.go("charts")
    expect(tab.page.get_by_role("figure", name="Opening time")).to_contain_text("is the median")
    keep(tab, "charts")


def picture_conversation(tab: Tab, work: Office, name: str = "conversation") -> None:
    tab.read(work.served.newest("web"))
    if name == "phone":
        expect(tab.item("the server: body")).to_be_visible()
    else:
        content = tab.look_at("the client: body", "Content")
        expect(content.get_by_role("region", name="JSON")).to_contain_text("Conference")
    keep(tab, name)


def picture_mails(browser: Browser, post: Post) -> None:
    for sender, subject, to in LETTERS:
        post.send(letter(sender, subject), *to)
    with tab_of(browser, post.served) as tab:
        tab.open("mails")
        links = tab.page.get_by_role("grid", name="Mails").get_by_role("link")
        for read in ("Re: the ladder", "Invoice 2026-117", "Weekly frost report"):
            links.filter(has_text=read).click()
            expect(tab.page.get_by_role("article", name=read)).to_be_visible()
        post.send(
            letter("Ada Lovelace <ada@orchard.example>", "Your pears are on their way", PARCEL), "charles@example.org"
        )
        links.filter(has_text="Your pears").click()
        frame = tab.page.get_by_role("article", name="Your pears").frame_locator("iframe")
        expect(frame.locator("img")).to_have_js_property("naturalWidth", 84)
        expect(tab.page.get_by_role("row").filter(has_text="not read")).to_have_count(len(LETTERS) - 3)
        tab.page.wait_for_timeout(500)  # the mailboxes count what was read
        keep(tab, "mails")


#: What is said in the picture of a chat, and by whom.
TALKED = [
    ("deploybot", "orchard 4.2 is built: https://build.example.org/orchard/412"),
    ("ada", "Thanks. Who looks at the ladder today?"),
    ("charles", "I can, after ten. How are the pears on tree seven?"),
]
AFTER = [
    ("charles", "Ripe, then. Grace, could you tell the cider people?"),
    ("grace", "On it.\nThey want two hundred kilos, by Thursday."),
    ("deploybot", "orchard 4.2 is deployed"),
    ("charles", "Ada: the ladder is fine again, it was the third rung"),
]


def picture_chat(browser: Browser, folder: Path) -> None:
    """People by a browser and programs, in one room."""
    hub = Hub(folder / "rooms")
    hub.start()
    try:
        with contextlib.ExitStack() as stack:
            others = {
                nick: stack.enter_context(robot_of(hub, nick, "#orchard", "#kitchen", "#lobby"))
                for nick in ("deploybot", "charles", "grace", "nightwatch")
            }
            ada = stack.enter_context(person(browser, hub, "ada", "#lobby"))
            for room in ("#kitchen", "#orchard"):
                ada.say(f"/join {room}")
                expect(ada.field).to_have_attribute("aria-label", f"Write in {room}")
            others["deploybot"].do("topic", room="#orchard", text="Pears, plums, and the machines that look after them")
            others["deploybot"].do("mode", room="#orchard", modes="+v charles")
            others["nightwatch"].do("away", text="asleep until dusk")

            def speak(lines: list[tuple[str, str]]) -> None:
                for nick, text in lines:
                    ada.say(text) if nick == "ada" else others[nick].say(text, room="#orchard")
                    expect(ada.log).to_contain_text(text.partition("\n")[0])

            speak(TALKED)
            ada.choose("tree-seven.png", pear(170))
            expect(ada.log.get_by_role("img")).to_be_visible()
            speak(AFTER)
            others["grace"].say("soup is ready", "and bread", room="#kitchen")
            others["charles"].say("ada, are you there?", room="#lobby")
            expect(ada.room("#lobby")).to_contain_text("you were called")
            keep(ada.tab, "chat")
    finally:
        hub.close()


def keep(tab: Tab, name: str) -> None:
    """What is seen, as a file that is as small as it can be without losing a pixel."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{name}.png"
    tab.page.mouse.move(0, 0)
    path.write_bytes(smaller(tab.page.screenshot()))
    print(f"{path.name}: {path.stat().st_size // 1024} KiB")


# ── smaller files ─────────────────────────────────────────────────────────────────────────────────────────


def smaller(picture: bytes) -> bytes:
    """The same PNG a fifth smaller: text on one colour is better packed without the filters that photographs want."""
    chunks = list(chunks_of(picture))
    head = chunks[0][1]
    width, height, depth, colours = struct.unpack_from(">IIBB", head)
    assert (depth, colours) == (8, 2)
    packed = b"".join(data for kind, data in chunks if kind == b"IDAT")
    rows = unfiltered(zlib.decompress(packed), width * 3, height)
    plain = b"".join(b"\0" + row for row in rows)
    return made_of((b"IHDR", head), (b"IDAT", zlib.compress(plain, 9)), (b"IEND", b""))


def chunks_of(picture: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at < len(picture):
        size, kind = struct.unpack_from(">I4s", picture, at)
        yield kind, picture[at + 8 : at + 8 + size]
        at += 12 + size


def unfiltered(data: bytes, width: int, height: int) -> Iterator[bytes]:
    """The rows of 24-bit pixels, each of `width` bytes (PNG, section 9: filtering)."""
    before = bytes(width)
    for number in range(height):
        at = number * (width + 1)
        row = bytearray(data[at + 1 : at + 1 + width])
        restore(data[at], row, before)
        before = bytes(row)
        yield before


def restore(how: int, row: bytearray, above: bytes) -> None:
    """Undo one row's filter, in place."""
    for at in range(len(row)) if how else ():
        left, corner = (row[at - 3], above[at - 3]) if at >= 3 else (0, 0)
        guess = (0, left, above[at], (left + above[at]) // 2, nearest(left, above[at], corner))[how]
        row[at] = (row[at] + guess) & 255


def nearest(left: int, above: int, corner: int) -> int:
    """Paeth's: the one that is nearest to what the three together make likely."""
    likely = left + above - corner
    return min((left, above, corner), key=lambda each: abs(likely - each))


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="tincans-") as folder, chromium() as browser:
        picture_chat(browser, Path(folder))
        with post_office(Path(folder) / "post") as post:
            picture_mails(browser, post)
        with office(Path(folder)) as work:
            take(work, browser)
    return 0


if __name__ == "__main__":
    sys.exit(main())
