"""The page's modules by themselves, in a browser: what the terminal says, addresses, axes, lists of any length."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route

from tincans.text import human_bytes, human_seconds
from tincans.watch.assets import Assets

pytestmark = pytest.mark.foreign

WHERE = "http://127.0.0.1:7"  # nobody is asked there
TYPES = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".css": "text/css",
    ".html": "text/html",
    ".svg": "image/svg+xml",
}
SECOND = 1_000_000


def serve(route: Route) -> None:
    """The page's files, and an API that knows no token."""
    path = urlsplit(route.request.url).path
    if path.startswith("/api"):
        trouble = {"type": "trouble", "error": "this token is not known", "advice": ""}
        route.fulfill(status=401, body=json.dumps(trouble), content_type="application/json")
        return
    file, _ = Assets()._find(path)
    route.fulfill(body=file.read_bytes(), content_type=TYPES[file.suffix])


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 800, "height": 600})
    page.route("**/*", serve)
    page.goto(WHERE)
    yield page
    page.close()


def each(page: Page, module: str, call: str, values: list[Any]) -> list[Any]:
    """What a function of a module gives for each of `values`."""
    found = page.evaluate(
        f"async (values) => {{ const it = await import('/js/{module}.js'); return values.map((value) => {call}); }}",
        values,
    )
    assert isinstance(found, list)
    return found


def test_sizes_read_as_in_the_terminal(page: Page) -> None:
    sizes = [0, 1, 1023, 1024, 1535, 1536, 1048524, 1048525, 1048576, 5 * 2**30, 2**40, 7 * 2**50 + 2**47]
    assert each(page, "format", "it.bytes(value)", sizes) == [human_bytes(size) for size in sizes]


def test_durations_read_as_in_the_terminal(page: Page) -> None:
    seconds = [
        0,
        0.0004,
        0.0099,
        0.01,
        0.25,
        0.9994,
        0.9996,
        1,
        1.239,
        59.99,
        59.999,
        61,
        3599,
        3600,
        7500,
        86399,
        86400,
        350000,
    ]
    assert each(page, "format", "it.duration(value * 1e6)", seconds) == [human_seconds(each) for each in seconds]


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("tcp://127.0.0.1:9000", ":9000"),
        ("tcp://[::1]:9000", ":9000"),
        ("tcp://10.0.0.1:80", "10.0.0.1:80"),
        ("tls://127.0.0.1:443", "tls://:443"),
        ("ws://localhost:8080/talk", "ws://:8080/talk"),
        ("unix:///run/x.sock", "unix:///run/x.sock"),
        ("tcp://127.0.0.10:80", "127.0.0.10:80"),
        ("", ""),
    ],
)
def test_an_address_is_shortened_by_what_is_everywhere_the_same(page: Page, address: str, shown: str) -> None:
    assert each(page, "format", "it.place(value)", [address]) == [shown]


def test_a_size_is_read_as_people_write_it(page: Page) -> None:
    texts = ["512", "1k", "1.5 KiB", " 2 mb ", "1GiB", "", "k", "1 x", "-1", "1e3"]
    sizes = [512, 1024, 1536, 2 * 2**20, 2**30, None, None, None, None, None]
    assert each(page, "filters", "it.sizeOf(value)", texts) == sizes


def row(**changes: Any) -> dict[str, Any]:
    told = {
        "number": 1, "kind": "relay", "name": "front", "client": "tcp://127.0.0.1:50000", "near": "tcp://127.0.0.1:7700",
        "far": "", "server": "tcp://Example.com:80", "opened": 100, "how": None, "client_bytes": 10, "server_bytes": 30,
    }  # fmt: skip
    return told | changes


@pytest.mark.parametrize(
    ("query", "one", "other"),
    [
        ("party=example", row(), row(server="tcp://127.0.0.1:80")),
        ("party=:7700", row(), row(near="tcp://127.0.0.1:7701")),
        ("name=front", row(), row(name="fronts")),
        ("kind=relay", row(), row(kind="listen")),
        ("state=open", row(), row(how="finished")),
        ("state=reset&state=open", row(how="reset"), row(how="idle")),
        ("least=40", row(), row(client_bytes=9)),
        ("most=40", row(), row(client_bytes=11)),
        ("since=100", row(), row(opened=99)),
        ("until=100", row(), row(opened=101)),
    ],
)
def test_what_happens_now_is_narrowed_as_the_list_is(page: Page, query: str, one: Any, other: Any) -> None:
    call = f"it.matches(it.asked(new URLSearchParams('{query}')), value)"
    assert each(page, "filters", call, [one, other]) == [True, False]


@pytest.mark.parametrize(
    ("address", "view", "parts"),
    [
        ("", "map", []),
        ("#/map", "map", []),
        ("#/nowhere", "map", []),
        ("#/conversations?text=a%20b", "conversations", []),
        ("#/conversations/12", "talk", ["12"]),
        ("#/conversations/-3/bytes", "talk", ["-3", "bytes"]),
        ("#/charts", "charts", []),
        ("#/conversations/%", "conversations", ["%"]),
    ],
)
def test_an_address_names_a_view(page: Page, address: str, view: str, parts: list[str]) -> None:
    (found,) = each(page, "router", "(({ view, parts }) => ({ view, parts }))(it.parse(value))", [address])
    assert found == {"view": view, "parts": parts}


def test_the_address_of_a_view_is_read_back(page: Page) -> None:
    call = "(({ view, parts, query }) => [view, parts, query.get('text')])(it.parse(it.href(...value)))"
    told = [["talk", [12, "a/b?c#d"], {"text": "x&y=%"}], ["conversations", [], {"text": "#/map"}]]
    assert each(page, "router", call, told) == [["talk", ["12", "a/b?c#d"], "x&y=%"], ["conversations", [], "#/map"]]


def test_axes_have_round_numbers(page: Page) -> None:
    wholes = [1, 7, 60, 99, 101, 1234]
    assert each(page, "scale", "it.stepOf(value, 'count', 5)", wholes) == [0.2, 2, 20, 20, 25, 250]
    wholes = [1, 100, 5000, 5 * 2**20, 900 * 2**20]
    assert each(page, "scale", "it.stepOf(value, 'bytes', 5)", wholes) == [1, 32, 1024, 2**20, 256 * 2**20]


def test_a_time_axis_has_as_many_times_as_there_is_room_for(page: Page) -> None:
    call = "it.timeTicks(value[0], value[0] + value[1], value[2])"
    start = 1_790_000_000 * SECOND
    for length, room, step in ((600 * SECOND, 5, 120 * SECOND), (600 * SECOND, 10, 60 * SECOND), (5000, 6, 1000)):
        (found,) = each(page, "scale", call, [[start, length, room]])
        assert found["step"] == step
        assert len(found["times"]) in (length // step, length // step + 1)
        assert all(start <= at <= start + length and at % step == 0 for at in found["times"])


#: News as live.js gathers them.
TELL = """
const tell = (more) => it.tell({ rows: new Map(), skipped: 0, total: null, gone: [], now: null, board: null,
  programs: {}, states: [], seconds: [], grew: new Map(), ...more });
const row = (number, more) => ({ number, last: number, closed: null, ...more });
const rows = (all) => tell({ rows: new Map(all.map((one) => [one.number, one])) });
"""


def of_store(page: Page, does: str) -> Any:
    """What some steps with the store of a fresh page give."""
    page.goto(WHERE)
    page.reload()
    return page.evaluate(f"async () => {{ const it = await import('/js/store.js'); {TELL} {does} }}")


def test_what_is_held_is_bounded_and_what_is_open_stays(page: Page) -> None:
    held, still = of_store(
        page,
        """rows(Array.from({ length: 100 }, (_, at) => row(at + 1)));
        for (let many = 0; many < 10; many += 1)
          rows(Array.from({ length: 1000 }, (_, at) => row(1000 * (many + 1) + at, { closed: 5 })));
        return [it.held.size, Array.from({ length: 100 }, (_, at) => it.held.has(at + 1)).every(Boolean)];""",
    )
    assert 4000 <= held <= 4500
    assert still


def test_an_end_that_was_not_told_is_seen_where_what_is_open_is_asked_for(page: Page) -> None:
    held = of_store(
        page,
        """rows([row(1), row(2), row(3, { closed: 9 }), row(4), row(-1)]);
        const before = new Map(it.held);
        rows([row(4, { last: 8 })]);
        it.seeOpen([row(2), row(5)], before);
        return [...it.held.keys()];""",
    )
    # 1 is over; of 4 something was told meanwhile; what is not recorded (-1) cannot be asked for.
    assert sorted(held) == [-1, 2, 3, 4, 5]


def test_who_is_over_waits_for_nobody(page: Page) -> None:
    before, after = of_store(
        page,
        """rows([row(1), row(2)]);
        tell({ states: [{ conversation: 1 }, { conversation: 2 }], programs: { 1: {}, 2: {} } });
        const keys = () => [...it.states.value.keys(), ...it.programs.value.keys()];
        const before = keys();
        rows([row(1, { closed: 5 })]);
        return [before, keys()];""",
    )
    assert before == [1, 2, 1, 2]
    assert after == [2, 2]


def test_seconds_that_are_told_again_are_there_once_and_no_more_than_ten_minutes(page: Page) -> None:
    many, again = of_store(
        page,
        """const between = (from, to) => Array.from({ length: to - from }, (_, at) => ({ at: from + at }));
        const seconds = (from, to) => tell({ seconds: between(from, to) });
        seconds(0, 590);
        seconds(590, 700);
        const many = it.seconds.value.map(({ at }) => at);
        seconds(650, 710);
        return [many, it.seconds.value.map(({ at }) => at)];""",
    )
    assert many == list(range(100, 700))
    assert again == list(range(110, 710))


#: A list of many rows in the place of the page.
MOUNT = """
async ([count, height]) => {
  const { html, render } = await import("/js/dom.js");
  const { Virtual } = await import("/js/virtual.js");
  const box = document.createElement("div");
  document.body.replaceChildren(box);
  const still = { position: "absolute", margin: 0, top: 0 };
  const Row = ({ index, style }) => html`<p style=${{ ...style, ...still }}>${index}</p>`;
  render(html`<${Virtual} id="scroller" style=${{ height: "400px", overflow: "auto", position: "relative" }}
    count=${count} height=${height} row=${(index, style) => html`<${Row} index=${index} style=${style} />`} />`, box);
}
"""
#: The rows that can be seen whole, after scrolling to a place or by so far.
SEEN = """
async ([to, by]) => {
  const box = document.getElementById("scroller");
  if (to !== null) box.scrollTop = to * (box.scrollHeight - box.clientHeight);
  if (by !== null) box.scrollTop += by;
  for (let frame = 0; frame < 3; frame += 1) await new Promise(requestAnimationFrame);
  const { top, bottom } = box.getBoundingClientRect();
  const rows = [...box.querySelectorAll("p")].filter((row) => {
    const place = row.getBoundingClientRect();
    return place.top >= top - 0.5 && place.bottom <= bottom + 0.5;
  });
  return [rows.map((row) => Number(row.textContent)).sort((a, b) => a - b), box.querySelectorAll("p").length];
}
"""


@pytest.fixture
def listed(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 800, "height": 600})
    page.route("**/*", serve)
    page.goto(WHERE)
    yield page
    page.close()


@pytest.mark.parametrize("count", [10, 1000, 100_000, 5_000_000])
def test_a_list_of_any_length_has_few_elements_and_both_ends(listed: Page, count: int) -> None:
    listed.evaluate(MOUNT, [count, 20])
    shown = min(count, 20)
    for to, first in ((0, 0), (1, count - shown), (0, 0)):
        rows, elements = listed.evaluate(SEEN, [to, None])
        assert rows == list(range(first, first + shown))
        assert elements < 40


@pytest.mark.parametrize("count", [100_000, 5_000_000])
def test_a_list_of_any_length_scrolls_row_by_row_from_wherever_one_is(listed: Page, count: int) -> None:
    listed.evaluate(MOUNT, [count, 20])
    before, _ = listed.evaluate(SEEN, [0.5, None])
    assert abs(before[0] - count / 2) < count / 1000
    after, _ = listed.evaluate(SEEN, [None, 60])
    assert after[0] == before[0] + 3
    back, _ = listed.evaluate(SEEN, [None, -60])
    assert back == before


def test_the_token_is_taken_out_of_the_address_and_asked_for_where_it_is_not_known(browser: Browser) -> None:
    page = browser.new_page()
    page.route("**/*", serve)
    page.goto(f"{WHERE}/#token=one-that-nobody-knows")
    page.get_by_role("alert").get_by_text("does not know this token").wait_for()
    assert "one-that-nobody-knows" not in page.evaluate("location.href + JSON.stringify(history.state)")
    assert page.evaluate("sessionStorage.getItem('tincans.token')") == "one-that-nobody-knows"
    page.close()


#: The list of a journal that is replaced while a page of the old one is on its way. The API is what `fetch` gives.
REPLACED = """
async (way) => {
  const { Pages } = await import("/js/pages.js");
  const { Search } = await import("/js/search.js");
  const { epoch } = await import("/js/store.js");
  const old = [];
  let client = "tcp://192.0.2.7:1";
  let isHeld = true;
  window.fetch = async (url) => {
    const rows = [{ number: 1, opened: 1, last: 1, closed: 2, client }];
    const answer = JSON.stringify({ rows, total: 1, next: null, looked: 1 });
    if (isHeld && !/limit=1$/.test(url)) await new Promise((go) => old.push(go));
    return new Response(answer, { headers: { "content-type": "application/json" } });
  };
  const until = async (is) => {
    for (let turn = 0; !is(); turn += 1) {
      if (turn > 1000) throw new Error(`never: ${is}`);
      await new Promise((go) => setTimeout(go, 5));
    }
  };
  const source = new { Pages, Search }[way](new URLSearchParams(way === "Search" ? "text=x" : ""));
  await until(() => old.length);
  [isHeld, client] = [false, "tcp://192.0.2.8:1"];
  epoch.value += 1;
  await until(() => source.row(0));
  for (const go of old) go();
  await new Promise((go) => setTimeout(go, 20));
  const found = [source.count.value, source.row(0).client];
  source.close();
  return found;
}
"""


@pytest.mark.parametrize("way", ["Pages", "Search"])
def test_what_was_asked_of_a_journal_that_is_replaced_is_not_shown(listed: Page, way: str) -> None:
    assert listed.evaluate(REPLACED, way) == [1, "tcp://192.0.2.8:1"]


@pytest.mark.parametrize(
    ("address", "halves"),
    [
        ("unix:///run/x.sock", ["unix:///run/x.sock", ""]),
        ("unix:///tmp/" + "a" * 30 + "/redis.sock", ["unix:///tmp/" + "a" * 17, "a" * 13 + "/redis.sock"]),
        ("exec:a program with very many words", ["exec:a program with very many words", ""]),
    ],
)
def test_a_long_path_keeps_its_end(page: Page, address: str, halves: list[str]) -> None:
    assert each(page, "format", "it.halves(value)", [address]) == [halves]


def test_a_unix_socket_has_one_name_at_both_ends(page: Page) -> None:
    ends = [
        ["unix:", "unix:///run/redis.sock"],
        ["unix:///run/redis.sock", "unix:"],
        ["unix:", "unix:"],
        ["tcp://a:1", ""],
    ]
    names = each(page, "map-names", "it.pathOf(...value)", ends)
    assert names == ["redis.sock", "redis.sock", "unnamed", ""]


def test_a_side_is_said_once(page: Page) -> None:
    item = {"side": "client", "start": 0, "end": 0, "at": 0, "tone": ""}
    items = [item | {"summary": "the client has ended what it says"}, item | {"summary": "PING"}]
    labels = each(page, "talk-turns", "it.labelOf(value).replace(/, [^,]*$/, '')", items)
    assert labels == ["the client has ended what it says", "the client: PING"]
