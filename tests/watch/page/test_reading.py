"""What the page makes of what it is told, by module: a conversation in pages, content, what is typed, the map."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route

from tincans.text import unescape
from tincans.watch.assets import FOLDER

pytestmark = pytest.mark.foreign

WHERE = "http://127.0.0.1:7"  # nobody is asked there

#: A conversation of `total` entries, each one item; `asked` are the pages that were fetched.
READ = """
async ({ total, steps }) => {
  const { Reading, MOST_ITEMS } = await import("/js/talk-reading.js");
  const asked = [];
  const world = { total };
  const fetchPage = async (page) => {
    asked.push(page);
    const first = page * 200;
    const entries = Math.max(0, Math.min(200, world.total - first));
    const same = { end: 1, summary: "", tone: "said", preview: [], details: [] };
    const item = (place) => ({ ...same, id: `${page}.${place}`, at: first + place });
    const items = Array.from({ length: entries }, (_, place) => item(place));
    const pages = Math.ceil(world.total / 200);
    return { page, first, entries, pages, total: world.total, exact: page % 2 === 0, items };
  };
  const reading = new Reading(fetchPage, () => {});
  Object.assign(reading, { total, pages: Math.ceil(total / 200) });
  const seen = [];
  for (const [verb, ...given] of steps) {
    if (verb === "grow") {
      world.total += given[0];
      await reading.grow(Math.ceil(world.total / 200), world.total);
    } else {
      await reading[verb](...given);
    }
    for (let turns = 0; reading.busy && turns < 100; turns += 1) await new Promise((done) => setTimeout(done));
    const shown = reading.shown();
    const items = shown.filter(({ item }) => item).map(({ item }) => item.at);
    const holes = shown.filter(({ hole }) => hole).map(({ hole }) => [hole.after, hole.count]);
    seen.push({
      first: items[0], last: items.at(-1), count: items.length, holes, exact: reading.isExact, end: reading.isAtEnd,
      bounded: items.length <= MOST_ITEMS && reading.loaded.length < 8,
    });
  }
  return { seen, asked };
}
"""


def serve(route: Route) -> None:
    """The page's own modules, and a page that runs none of them by itself."""
    path = urlsplit(route.request.url).path
    if path == "/":
        maps = (FOLDER / "index.html").read_text().partition('<script type="importmap">')[2].partition("</script>")[0]
        route.fulfill(body=f'<script type="importmap">{maps}</script>', content_type="text/html")
    else:
        route.fulfill(body=(FOLDER / path[1:]).read_bytes(), content_type="text/javascript")


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    page.route("**/*", serve)
    page.goto(WHERE)
    yield page
    page.close()


def each(page: Page, module: str, call: str, values: list[Any]) -> list[Any]:
    """What a call gives for each of `values`, or what it throws."""
    attempt = f"try {{ return {call}; }} catch (error) {{ return {{ error: error.message }}; }}"
    found = page.evaluate(
        f"""async (values) => {{
            const it = await import("/js/{module}.js");
            return values.map((value) => {{ {attempt} }});
        }}""",
        values,
    )
    assert isinstance(found, list)
    return found


def read(page: Page, total: int, *steps: tuple[Any, ...]) -> list[dict[str, Any]]:
    """How it stands after each step."""
    found = page.evaluate(READ, {"total": total, "steps": [list(step) for step in steps]})
    assert all(each["bounded"] for each in found["seen"])
    assert isinstance(found["seen"], list)
    return found["seen"]


# ── a conversation in pages ───────────────────────────────────────────────────────────────────────────────


def test_a_jump_shows_what_is_around_an_entry(page: Page) -> None:
    beginning, middle, end = read(page, 1_000_000, ("jump", 0), ("jump", 500_123), ("jump", 999_999))
    assert (beginning["first"], beginning["exact"]) == (0, True)
    assert middle["first"] < 500_123 < middle["last"]
    assert middle["exact"] is False  # a page that was decoded from its middle is among them
    assert (end["last"], end["end"]) == (999_999, True)


def test_scrolling_reaches_both_ends_and_keeps_few_items(page: Page) -> None:
    down = read(page, 2_001, ("jump", 0), *[("more", 1)] * 12)
    assert (down[-1]["last"], down[-1]["end"], down[-1]["count"]) == (2_000, True, 600)
    up = read(page, 2_001, ("jump", 2_000), *[("more", -1)] * 12)
    assert (up[-1]["first"], up[-1]["count"]) == (0, 600)
    for before, after in pairwise(up):
        assert after["first"] <= before["first"]


def test_who_follows_sees_every_entry_that_comes_slowly(page: Page) -> None:
    seen = read(page, 150, ("follow", True), *[("grow", 70)] * 9)
    assert [each["last"] for each in seen] == [149 + 70 * times for times in range(10)]
    assert not any(each["holes"] for each in seen)
    assert seen[-1]["count"] == 120


def test_what_comes_faster_than_one_can_follow_is_counted_and_can_be_shown(page: Page) -> None:
    flooded, filled = read(page, 1_000, ("follow", True), ("grow", 5_000), ("fill", 4))[1:]
    assert (flooded["last"], flooded["holes"]) == (5_999, [[4, 4_880]])  # of the last page 120 are shown
    assert filled["holes"] == [[5, 4_600]]


def test_who_has_let_go_keeps_what_is_shown(page: Page) -> None:
    seen = read(page, 1_000, ("follow", True), ("follow", False), ("grow", 50), ("more", 1))
    assert seen[1]["last"] == seen[2]["last"] == 999
    assert seen[2]["end"] is False
    assert seen[3]["last"] == 1_049


# ── turns ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_turns_gaps_and_days(page: Page) -> None:
    def item(number: int, side: str | None, at: float, tone: str = "said") -> dict[str, Any]:
        return {"item": {"id": f"0.{number}", "side": side, "at": at * 1e6, "began": at * 1e6, "tone": tone}}

    shown = [
        item(0, None, 0), item(1, "client", 0), item(2, "client", 0.5), item(3, "server", 0.9), item(4, "server", 2.1),
        item(5, "server", 2.2, "bold"), {"hole": {"count": 7, "after": 3}}, item(6, "client", 200_000),
        item(7, "client", 400_000),
    ]  # fmt: skip
    (turns,) = each(page, "talk-turns", "it.turnsOf(value)", [shown])
    told = [
        turn.get("gap") or turn.get("hole") or (turn["side"], [each["id"] for each in turn["items"]]) for turn in turns
    ]
    assert told[:-2] == [
        (None, ["0.0"]), ("client", ["0.1", "0.2"]), ("server", ["0.3"]), "1.20 s of silence", ("server", ["0.4"]),
        (None, ["0.5"]), {"count": 7, "after": 3}, ("client", ["0.6"]),
    ]  # fmt: skip
    assert str(told[-2]).startswith("1970-01-0")
    assert told[-1] == ("client", ["0.7"])


# ── content ───────────────────────────────────────────────────────────────────────────────────────────────

MAIL = """From: =?utf-8?B?QWRhIMOE?= <ada@example.org>
Subject: =?iso-8859-1?Q?Gr=FC=DFe?=
 =?utf-8?Q?_an_alle?=
Content-Type: multipart/mixed; boundary="a.b+c"

--a.b+c
Content-Type: multipart/alternative; boundary=inner

--inner
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

sch=F6n=
 lang
--inner
Content-Type: text/html

<b>x</b>
--inner--
--a.b+c
Content-Type: application/pdf
Content-Disposition: attachment; filename*=utf-8''%C3%A4.pdf
Content-Transfer-Encoding: base64

SGVs
bG8=
--a.b+c--
""".replace("\n", "\r\n")

PARTS = """(() => {
  const mail = it.readMail(new TextEncoder().encode(value));
  const told = (part) => [part.media, part.name, part.isAttached, it.textIn(part.data, part.params.charset)];
  const parts = it.flat(mail).map(told);
  return [it.header(mail, "from"), it.header(mail, "subject"), parts];
})()"""


def test_a_mail_is_taken_apart(page: Page) -> None:
    ((sender, subject, parts),) = each(page, "body-mail", PARTS, [MAIL])
    assert sender == "Ada Ä <ada@example.org>"
    assert subject == "Grüße an alle"
    assert parts == [
        ["text/plain", "", False, "schön lang"],
        ["text/html", "", False, "<b>x</b>"],
        ["application/pdf", "ä.pdf", True, "Hello"],
    ]


@pytest.mark.parametrize("depth", [7, 8])
def test_a_mail_in_a_mail_is_taken_apart_to_a_depth(page: Page, depth: int) -> None:
    bomb = "Content-Type: message/rfc822\r\n\r\n" * depth + "Subject: deep\r\n\r\nhello"
    ((_, _, parts),) = each(page, "body-mail", PARTS, [bomb])
    assert [media for media, *_ in parts] == ["text/plain"]
    ((_, _, parts),) = each(page, "body-mail", PARTS, ["Content-Type: message/rfc822\r\n\r\n" + bomb])
    assert [media for media, *_ in parts] == ["text/plain" if depth < 8 else "message/rfc822"]


def test_json_keeps_numbers_as_they_were_written(page: Page) -> None:
    call = "(() => { const { a, b, c } = it.parsed(value); return [a.source, b, c.source]; })()"
    assert each(page, "body-json", call, ['{"a": 12345678901234567890, "b": 1.5, "c": 1.0}']) == [
        ["12345678901234567890", 1.5, "1.0"]
    ]
    assert each(page, "body-json", "it.parsed(value) === undefined", ["{", "", "NaN"]) == [True] * 3


def test_text_that_was_said_shows_what_does_not_print(page: Page) -> None:
    texts = ["a\r\nb\tc\n", "\x1b[31m", "\u202eabc\u2066", "\x00\x7f\x85", "\ufeffx\u200bz", "Grüße 🥫"]
    assert each(page, "body-text", "it.honest(value)", texts) == [
        "a\nb\tc\n", "\\x1b[31m", "\\u202eabc\\u2066", "\\x00\\x7f\\x85", "\\ufeffx\\u200bz", "Grüße 🥫",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("media", "text", "ways"),
    [
        ("application/json", '{"a": 1}', ["json", "text", "hex"]),
        ("application/problem+json", "{", ["text", "hex"]),
        ("", "[1, 2]", ["json", "text", "hex"]),
        ("text/html; charset=utf-8", "<p>", ["page", "text", "hex"]),
        ("application/x-www-form-urlencoded", "a=1", ["form", "text", "hex"]),
        ("message/rfc822", "From: a\r\n\r\nb", ["mail", "text", "hex"]),
        ("multipart/form-data; boundary=x", "--x\r\n\r\n1\r\n--x--\r\n", ["mail", "text", "hex"]),
        ("image/png", "no image", ["image", "hex"]),
        ("image/svg+xml", "<svg onload='alert(1)'/>", ["text", "hex"]),
        ("text/plain", "\x00\x01\x02\x03", ["hex"]),
    ],
)  # fmt: skip
def test_content_is_shown_as_what_it_is(page: Page, media: str, text: str, ways: list[str]) -> None:
    call = "it.waysOf(new TextEncoder().encode(value[1]), value[0]).map(({ name }) => name)"
    assert each(page, "body-ways", call, [[media, text]]) == [ways]


# ── what is typed ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("typed", "how", "end", "said"),
    [
        ("hello", "text", "none", b"hello"),
        ("hello", "text", "LF", b"hello\n"),
        ("one\ntwo", "text", "CRLF", b"one\r\ntwo\r\n"),
        ("one\ntwo", "text", "none", b"one\ntwo"),
        ("back\\nslash\t\x00", "text", "none", b"back\\nslash\t\x00"),
        ("Grüße 🥫", "text", "LF", "Grüße 🥫\n".encode()),
        ("a\\r\\n\\x00\\\\", "escapes", "none", b"a\r\n\x00\\"),
        ("a\nb", "escapes", "CRLF", b"a\r\nb\r\n"),
        ("50 49:4e, 0x47", "hex", "LF", b"PING"),
    ],
)
def test_what_is_typed_is_what_is_said(page: Page, typed: str, how: str, end: str, said: bytes) -> None:
    (request,) = each(page, "steer-words", "it.asRequest(...value)", [[typed, how, end]])
    assert (bytes.fromhex(request["hex"]) if "hex" in request else unescape(request["text"])) == said


def test_any_text_is_said_as_it_was_typed(page: Page) -> None:
    every = "".join(map(chr, range(0x80))).replace("\r", "")
    (request,) = each(page, "steer-words", "it.asRequest(value, 'text', 'none')", [every])
    assert unescape(request["text"]) == every.encode()


@pytest.mark.parametrize(
    ("typed", "how", "error"),
    [
        ("a\\q", "escapes", "there is no escape \\q: use \\n, \\r, \\t, \\\\ or \\xNN"),
        ("\\x1", "escapes", "there is no escape \\x: use \\n, \\r, \\t, \\\\ or \\xNN"),
        ("5", "hex", "a byte has two hexadecimal digits; one is missing"),
        ("5z", "hex", "hexadecimal is 0 to 9 and a to f, two digits a byte"),
    ],
)
def test_what_cannot_be_said_is_told_before_it_is_sent(page: Page, typed: str, how: str, error: str) -> None:
    assert each(page, "steer-words", "it.asRequest(...value)", [[typed, how, "none"]]) == [{"error": error}]


# ── the map ───────────────────────────────────────────────────────────────────────────────────────────────

PICTURE = """
async ({ steps, shown }) => {
  const { Picture } = await import("/js/map-model.js");
  const { layout } = await import("/js/map-layout.js");
  const picture = new Picture();
  const seen = [];
  for (const { at, rows: told, gone = [] } of steps) {
    picture.see(told, at);
    picture.miss((number) => !gone.includes(number), at);
    const again = picture.age(at);
    const stations = picture.stations([], () => undefined, shown);
    const rows = (width) => layout(stations, width, () => "").places.flatMap((place) => place.rows.length);
    const drawn = [...rows(1280), ...rows(360)];
    const channels = stations.flatMap((station) => station.channels);
    const seated = channels.filter(({ slot }) => slot >= 0);
    const slots = Object.fromEntries(seated.map(({ conversation, slot }) => [conversation.number, slot]));
    const rates = channels.map(({ voices }) => [voices.client.rate > 0, voices.server.rate > 0]);
    seen.push({ slots, rates, hidden: stations.map(({ hidden }) => hidden), drawn, again });
  }
  return seen;
}
"""


def spoken(number: int, client: int = 0, server: int = 0, *, closed: int | None = None) -> dict[str, Any]:
    return {
        "number": number, "kind": "relay", "name": "front", "client": f"tcp://127.0.0.1:{50_000 + number}",
        "near": "tcp://127.0.0.1:7000", "far": "tcp://127.0.0.1:4", "server": "tcp://127.0.0.1:8080", "opened": number,
        "last": 0, "closed": closed, "how": "finished" if closed else None, "by": None, "client_bytes": client,
        "server_bytes": server, "client_ended": None, "server_ended": None,
    }  # fmt: skip


def drawn(page: Page, *steps: dict[str, Any], shown: int = 3) -> list[dict[str, Any]]:
    found = page.evaluate(PICTURE, {"steps": list(steps), "shown": shown})
    assert isinstance(found, list)
    return found


def test_a_channel_keeps_its_place_and_the_next_one_takes_the_first_that_is_free(page: Page) -> None:
    first, fading, faded = drawn(
        page,
        {"at": 0, "rows": [spoken(number) for number in range(1, 6)]},
        {"at": 100, "rows": [spoken(2, closed=1)]},
        {"at": 4_100, "rows": []},
    )
    assert (first["slots"], first["hidden"], first["drawn"]) == ({"1": 0, "2": 1, "3": 2}, [2], [3, 3])
    assert fading["slots"] == first["slots"]
    assert (faded["slots"], faded["hidden"]) == ({"1": 0, "4": 1, "3": 2}, [1])


def test_a_line_moves_while_its_side_speaks(page: Page) -> None:
    still, speaking, moving, silent, resting = drawn(
        page,
        {"at": 0, "rows": [spoken(1, 5, 5)]},
        {"at": 100, "rows": [spoken(1, 9, 5)]},
        {"at": 1_299, "rows": []},
        {"at": 1_300, "rows": []},
        {"at": 1_700, "rows": []},
    )
    assert silent["again"]  # else it would go on being drawn as it was
    assert not resting["again"]
    assert [each["rates"] for each in (still, speaking, moving, silent)] == [
        [[False, False]], [[True, False]], [[True, False]], [[False, False]],
    ]  # fmt: skip


def test_what_the_page_has_forgotten_for_a_moment_stays(page: Page) -> None:
    step = {"rows": [spoken(1)]}
    missed, back, gone, over = drawn(
        page, {**step, "at": 0, "gone": [1]}, {**step, "at": 1_400}, {"at": 1_500, "rows": [], "gone": [1]},
        {"at": 3_000, "rows": [], "gone": [1]},
    )  # fmt: skip
    assert [bool(each["slots"]) for each in (missed, back, gone, over)] == [True, True, True, False]


@pytest.mark.parametrize(
    ("address", "port", "host"),
    [
        ("tcp://127.0.0.1:7000", "7000", "127.0.0.1"),
        ("tls://[::1]:443?verify=off", "443", "tls [::1]"),
        ("wss://example.org:443/a:5/b", "443", "wss example.org"),
        ("unix:///run/x.sock", "x.sock", "unix, in /run/"),
        ("exec:sort -u", "sort -u", "exec"),
    ],
)
def test_a_socket_is_called_by_its_port_or_what_is_as_short(page: Page, address: str, port: str, host: str) -> None:
    assert each(page, "map-names", "[it.portOf(value), it.hostOf(value)]", [address]) == [[port, host]]
