"""`http:DIR` in Debian's Chromium: a film that is sought in, a listing that is sorted, files that are uploaded."""

from __future__ import annotations

import contextlib
import os
import re
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Locator, Page, Response, expect

from filming import PICTURE, film, frame_of
from running import serving
from watch.page.test_accessible import AXE, COLOURS, serious
from watching import PHONE, SEEN, WIDE, chromium

pytestmark = pytest.mark.foreign

GREEN, RED = (0, 160, 0), (160, 0, 0)
FILM_SIZE = (640, 360)
HOSTILE = ["<img src=x onerror=alert(1)>", "a\nb", "evil\u202egnp.exe", "\udcff", "?delete=x", "..%2f", "q\"u'ote"]

#: What is seen in the middle of a video, as red, green and blue.
SEEN_COLOUR = """
video => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
    const context = canvas.getContext("2d");
    context.drawImage(video, 0, 0, 1, 1);
    return Array.from(context.getImageData(0, 0, 1, 1).data).slice(0, 3);
}
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@contextlib.contextmanager
def visiting(browser: Browser, *, size: tuple[int, int] = WIDE, **options: Any) -> Iterator[Page]:
    """A page of its own. What it says on the console, raises or asks in a dialog fails the block."""
    context: BrowserContext = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, reduced_motion="reduce", **options
    )
    context.set_default_timeout(SEEN)
    page, faults = context.new_page(), list[str]()

    def dismiss(dialog: Dialog) -> None:
        faults.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("dialog", dismiss)
    try:
        yield page
        assert not faults, "the page has faults:\n" + "\n".join(faults)
    finally:
        context.close()


@contextlib.contextmanager
def folder_of(folder: Path, *options: str) -> Iterator[str]:
    """Serve a folder while the block runs, and give its address."""
    with serving("listen", "tcp://127.0.0.1:0", f"http:{folder}", *options) as server:
        yield f"http://127.0.0.1:{server.port}/"


def names(page: Page) -> Locator:
    """What is listed, from the top."""
    return page.locator("tbody .n a:not(.up)")


# ── a film ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_film_is_sought_in_by_ranges(browser: Browser, tmp_path: Path) -> None:
    with visiting(browser) as page:
        frames = [frame_of(b64decode(page.evaluate(PICTURE, [*FILM_SIZE, list(colour)]))) for colour in (GREEN, RED)]
    data = film([frames[0]] * 150 + [frames[1]] * 150, seconds_each=1, size=FILM_SIZE)
    (tmp_path / "film.webm").write_bytes(data)
    (tmp_path / "index.html").write_text(
        '<!doctype html><html lang="en"><title>film</title><link rel="icon" href="data:,">'
        '<video src="film.webm" controls muted preload="metadata"></video>'
    )
    with folder_of(tmp_path) as address, visiting(browser) as page:
        parts: list[Response] = []
        page.on("response", lambda response: parts.append(response) if response.url.endswith("film.webm") else None)
        page.goto(address)
        video = page.locator("video")
        page.wait_for_function("() => document.querySelector('video').readyState >= 2")
        assert video.evaluate("video => video.duration") == 300
        red, green, _ = video.evaluate(SEEN_COLOUR)
        assert green > red
        before = len(parts)
        video.evaluate("video => new Promise(resolve => { video.onseeked = resolve; video.currentTime = 290.5; })")
        assert video.evaluate("video => video.currentTime") == 290.5
        red, green, _ = video.evaluate(SEEN_COLOUR)
        assert red > green
        assert {part.status for part in parts} == {206}
        firsts = [int(part.headers["content-range"].split()[1].partition("-")[0]) for part in parts]
        assert firsts[0] == 0
        assert max(firsts[before:]) > len(data) * 9 // 10


# ── the listing ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    folder = tmp_path / "shelf"
    (folder / "sub" / "deep").mkdir(parents=True)
    for name, size in (("file 10", 1), ("file 9", 300), ("a.wav", 20_000)):
        (folder / name).write_bytes(b"x" * size)
    return folder


@pytest.mark.parametrize("scripted", [True, False])
def test_a_listing_is_sorted_by_its_heads(browser: Browser, shelf: Path, scripted: bool) -> None:
    with folder_of(shelf) as address, visiting(browser, java_script_enabled=scripted) as page:
        page.goto(address)
        expect(names(page)).to_have_text(["sub", "a.wav", "file 9", "file 10"])
        page.get_by_role("button", name="Size").click()
        expect(names(page)).to_have_text(["sub", "a.wav", "file 9", "file 10"])
        expect(page.get_by_role("columnheader", name="Size")).to_have_attribute("aria-sort", "descending")
        page.get_by_role("button", name="Size").click()
        expect(names(page)).to_have_text(["sub", "file 10", "file 9", "a.wav"])
        page.get_by_role("button", name="Name").click()
        expect(page.get_by_role("columnheader", name="Name")).to_have_attribute("aria-sort", "ascending")
        page.get_by_role("button", name="Name").click()
        expect(names(page)).to_have_text(["sub", "file 10", "file 9", "a.wav"])
        page.get_by_role("link", name="sub").click()
        page.get_by_role("link", name="deep").click()
        expect(page.get_by_text("There is nothing in this folder.")).to_be_visible()
        page.get_by_role("navigation").get_by_role("link", name="Files").click()
        assert page.url == address


@pytest.mark.parametrize(
    ("zone", "shown"), [("Asia/Tokyo", "2026-01-02 12:04"), ("America/New_York", "2026-01-01 22:04")]
)
def test_times_are_in_the_readers_own_zone(browser: Browser, tmp_path: Path, zone: str, shown: str) -> None:
    (tmp_path / "file").touch()
    os.utime(tmp_path / "file", (1_767_323_045, 1_767_323_045))
    with folder_of(tmp_path) as address, visiting(browser, timezone_id=zone) as page:
        page.goto(address)
        expect(page.locator("time")).to_have_text(shown)
        expect(page.get_by_role("columnheader", name="Changed")).to_have_text("Changed")
    with folder_of(tmp_path) as address, visiting(browser, java_script_enabled=False) as page:
        page.goto(address)
        expect(page.locator("time")).to_have_text("2026-01-02 03:04")
        expect(page.get_by_role("columnheader", name="Changed")).to_have_text("Changed (UTC)")


def test_hostile_names_are_only_names(browser: Browser, tmp_path: Path) -> None:
    for name in HOSTILE:
        (tmp_path / name).write_bytes(b"content")
    with folder_of(tmp_path, "--write") as address, visiting(browser) as page:
        page.goto(address)
        links = page.locator("tbody .n a")
        expect(links).to_have_count(len(HOSTILE))
        for link in links.all():
            href = link.get_attribute("href")
            assert page.evaluate("async href => (await fetch(href)).text()", href) == "content"
        page.get_by_role("button", name="Delete ?delete=x").click()
        expect(page.get_by_text("Delete ?delete=x for ever?")).to_be_visible()


@pytest.mark.parametrize(("colours", "rules"), [("light", None), ("dark", COLOURS)])
@pytest.mark.parametrize("size", [WIDE, PHONE])
def test_axe_finds_nothing_serious(
    browser: Browser, shelf: Path, size: tuple[int, int], colours: str, rules: list[str] | None
) -> None:
    with folder_of(shelf, "--write") as address:
        with visiting(browser, size=size, color_scheme=colours, bypass_csp=True) as page:
            for where in ("", "sub/deep/", "?delete=a.wav"):
                page.goto(address + where)
                page.evaluate(AXE)
                assert serious(page, rules) == [], where
                assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, where


# ── changing it ───────────────────────────────────────────────────────────────────────────────────────────


def test_files_are_uploaded_with_their_progress(browser: Browser, shelf: Path, tmp_path: Path) -> None:
    content = bytes(range(256)) * 8000
    (tmp_path / "holiday ü.mp4").write_bytes(content)
    (tmp_path / "small").write_bytes(b"jam")
    with folder_of(shelf, "--write") as address, visiting(browser) as page:
        page.goto(address)
        page.evaluate(  # what a reader may see of the progress, kept
            """() => { window.seen = []; new MutationObserver(() => {
                for (const each of document.querySelectorAll("#going output")) seen.push(each.textContent);
            }).observe(document.getElementById("going"), { childList: true, subtree: true, characterData: true }); }"""
        )
        throttle(page, len(content) * 4)
        page.locator("#files").set_input_files([tmp_path / "holiday ü.mp4", tmp_path / "small"])
        going = page.get_by_role("list", name="Uploads").get_by_role("listitem")
        expect(going).to_have_text([re.compile("holiday ü.mp4.*done"), re.compile("small.*done")])
        assert any(re.fullmatch(r"[1-9]\d? %", text) for text in page.evaluate("seen"))
        expect(page.locator("tbody .n a")).to_have_count(6)
        expect(names(page).filter(has_text="holiday ü.mp4")).to_have_count(1)
        expect(page.locator("#sum")).to_have_text(re.compile("1 folder · 5 files"))
    assert (shelf / "holiday ü.mp4").read_bytes() == content
    assert (shelf / "small").read_bytes() == b"jam"


def test_a_folder_is_dropped_on_the_page(browser: Browser, shelf: Path, tmp_path: Path) -> None:
    (tmp_path / "trip" / "day 1").mkdir(parents=True)
    (tmp_path / "trip" / "day 1" / "one.jpg").write_bytes(b"one")
    (tmp_path / "trip" / "two.jpg").write_bytes(b"two")
    with folder_of(shelf, "--write") as address, visiting(browser) as page:
        page.goto(address)
        mouse = page.context.new_cdp_session(page)
        data = {"items": [], "files": [str(tmp_path / "trip")], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            mouse.send("Input.dispatchDragEvent", {"type": kind, "x": 200, "y": 500, "data": data})
        going = page.get_by_role("list", name="Uploads").get_by_role("listitem")
        expect(going.filter(has_text="done")).to_have_count(2)
        expect(page.get_by_role("link", name="trip", exact=True)).to_be_visible()
    assert (shelf / "trip" / "day 1" / "one.jpg").read_bytes() == b"one"
    assert (shelf / "trip" / "two.jpg").read_bytes() == b"two"


def test_a_folder_is_chosen_and_a_file_is_cancelled(browser: Browser, shelf: Path, tmp_path: Path) -> None:
    (tmp_path / "trip" / "day 1").mkdir(parents=True)
    (tmp_path / "trip" / "day 1" / "one.jpg").write_bytes(b"one")
    (tmp_path / "large").write_bytes(bytes(4_000_000))
    with folder_of(shelf, "--write") as address, visiting(browser) as page:
        page.goto(address)
        page.locator("#tree").set_input_files(tmp_path / "trip")
        going = page.get_by_role("list", name="Uploads").get_by_role("listitem")
        expect(going).to_have_text(re.compile("trip/day 1/one.jpg.*done"))
        throttle(page, 100_000)
        page.locator("#files").set_input_files(tmp_path / "large")
        page.get_by_role("button", name="Cancel").click()
        expect(going).to_have_text(re.compile("large.*cancelled"))
        expect(names(page)).to_have_text(["sub", "trip", "a.wav", "file 9", "file 10"])
    assert (shelf / "trip" / "day 1" / "one.jpg").read_bytes() == b"one"
    assert not (shelf / "large").exists()


def throttle(page: Page, upload: int) -> None:
    """Let the page send no more than so many bytes a second."""
    network = page.context.new_cdp_session(page)
    told = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": upload}
    network.send("Network.emulateNetworkConditions", told)


def test_without_scripts_all_of_it_is_done_by_forms(browser: Browser, shelf: Path, tmp_path: Path) -> None:
    (tmp_path / 'a "quoted" ü').write_bytes(b"jam")
    (tmp_path / "other").write_bytes(b"tea")
    with folder_of(shelf, "--write") as address, visiting(browser, java_script_enabled=False) as page:
        page.goto(f"{address}sub/")
        page.get_by_label("Files to upload").set_input_files([tmp_path / 'a "quoted" ü', tmp_path / "other"])
        page.get_by_role("button", name="Upload", exact=True).click()
        expect(names(page)).to_have_text(["deep", 'a "quoted" ü', "other"])
        page.get_by_label("Name of a new folder").fill("new <folder>")
        page.get_by_role("button", name="Make it").click()
        expect(names(page)).to_have_text(["deep", "new <folder>", 'a "quoted" ü', "other"])
        for name in ("new <folder>", 'a "quoted" ü'):
            page.get_by_role("button", name=f"Delete {name}").click()
            page.get_by_role("button", name="Delete", exact=True).click()
        expect(names(page)).to_have_text(["deep", "other"])
        page.get_by_role("button", name="Delete other").click()
        page.get_by_role("link", name="Keep it").click()
        assert page.url == f"{address}sub/"
    assert sorted(path.name for path in (shelf / "sub").iterdir()) == ["deep", "other"]


def test_an_upload_that_fails_says_why(browser: Browser, shelf: Path, tmp_path: Path) -> None:
    (tmp_path / "sub").write_bytes(b"no folder")
    with folder_of(shelf, "--write") as address, browser.new_context() as context:
        page = context.new_page()
        page.goto(address)
        page.locator("#files").set_input_files(tmp_path / "sub")
        expect(page.locator("#going li.wrong output")).to_have_text("409 Conflict")
    assert (shelf / "sub").is_dir()


def test_a_page_of_elsewhere_changes_nothing(browser: Browser, shelf: Path, tmp_path: Path) -> None:
    evil = tmp_path / "evil"
    evil.mkdir()
    (evil / "index.html").write_text(
        '<!doctype html><title>evil</title><link rel="icon" href="data:,"><form method="post" '
        'enctype="multipart/form-data"><input name="delete" value="a.wav"><button>Win a prize</button></form>'
    )
    with folder_of(shelf, "--write") as address, folder_of(evil) as elsewhere, browser.new_context() as context:
        page = context.new_page()
        page.goto(elsewhere)
        page.locator("form").evaluate("(form, address) => { form.action = address; }", address)
        page.get_by_role("button", name="Win a prize").click()
        expect(page.get_by_text("403 the request comes from a page of another")).to_be_visible()
        page.goto(elsewhere)
        put = "address => fetch(`${address}a.wav`, { method: 'PUT', body: '', mode: 'cors' }).then(() => 1, () => 0)"
        assert page.evaluate(put, address) == 0
    assert (shelf / "a.wav").stat().st_size == 20_000
