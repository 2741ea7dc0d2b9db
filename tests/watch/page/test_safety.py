"""No byte of traffic becomes markup or script, and no other site's page gets at what is said: seen from the browser."""

from __future__ import annotations

import http.server
import smtplib
import socket
import threading
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, expect

from running import PATIENCE
from watching import Exchange, Tab, line_up, listens, tab_of, up

pytestmark = pytest.mark.foreign

#: Each would set `wasRun` in the page or above it, ask for something elsewhere, or be an element `evil` of the page.
MARKUP = [
    "<script>top.wasRun=self.wasRun=1</script>",
    "<img src=x onerror=top.wasRun=1><evil>",
    "</pre></title></script></textarea></style><evil onclick=1><svg onload=top.wasRun=1>",
    "\"'><evil><iframe srcdoc='<script>top.wasRun=1</script>'>",
    '<a href="javascript:top.wasRun=1">javascript:top.wasRun=1</a><evil>',
    "<base href=//192.0.2.66/><meta http-equiv=refresh content='0;url=//192.0.2.66/'><evil>",
    "<style>@import '//192.0.2.66/x';*{background:url(//192.0.2.66/y)}</style><evil>",
    "<link rel=stylesheet href=//192.0.2.66/z><object data=//192.0.2.66/o><embed src=//192.0.2.66/e><evil>",
    "${top.wasRun=1}{{constructor.constructor('top.wasRun=1')()}}<%=top.wasRun=1%>",
    "__proto__",
    "constructor",
    "hasOwnProperty",
]
#: What a terminal, a reader's eye or a decoder would stumble over.
STRANGE = [
    b"\x1b]0;title\x07\x1b[2J\x1b[31mred\x1b[0m",
    "\u202eevil\u202c \u2066turned\u2069 \u200b\ufeff hidden".encode(),
    b"\xff\xfe\xed\xa0\x80\xc0\xaf\xf8 no UTF-8",
    b"\x00\x01\x02 NUL \x7f\x80\x9b",
]
SVG = b"<svg xmlns='http://www.w3.org/2000/svg' onload='top.wasRun=1'><script>top.wasRun=1</script><evil/></svg>"
PROTO = (
    b'{"__proto__": {"polluted": 1}, "constructor": {"prototype": {"polluted": 1}},'
    b' "<evil>": "<img src=x onerror=top.wasRun=1>"}'
)
#: What is said in HTTP, in lines, in TLS, in a mail, to the inbox, and through a socket with a name.
CONVERSATIONS = 6


def answer(kind: str, body: bytes, *fields: str) -> bytes:
    """A response, whose headers are attacks as well."""
    head = [f"HTTP/1.1 200 {MARKUP[0]}", f"Content-Type: {kind}", f"Content-Length: {len(body)}", *fields]
    return "\r\n".join([*head, "", ""]).encode() + body


BODIES = {
    "text/html": "".join(MARKUP).encode(),
    "image/svg+xml": SVG,
    "application/json": PROTO,
    "application/x-www-form-urlencoded": b"__proto__=1&<evil>=" + MARKUP[0].encode(),
    "text/plain": b"".join(STRANGE),
    "image/png": SVG,
    "text/html; charset=utf-7": b"+ADw-script+AD4-top.wasRun=1+ADw-/script+AD4-",
    "<evil>/html": MARKUP[1].encode(),
}


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """Everything was said through a relay, by real clients and servers."""
    folder = tmp_path_factory.mktemp("attack")
    with line_up(folder, listens("named", address="unix:<evil>&\u202e.sock"), listens("mail", "mail")) as call:
        with call() as line:
            for kind, body in BODIES.items():
                fields = f"Host: {MARKUP[3]}\r\nX-A: {MARKUP[2]}\r\n{MARKUP[1]}: 1"
                line.client.sendall(f"GET /{kind}/{MARKUP[1]} HTTP/1.1\r\n{fields}\r\n\r\n".encode())
                line.server.sendall(answer(kind, body, *(f"X-{at}: {each}" for at, each in enumerate(MARKUP))))
            drain(line.client, line.server)
        with call() as line:
            for each in (*MARKUP, "x" * 70_000):
                line.client.sendall(each.encode() + b"\r\n")
            for strange in STRANGE:
                line.server.sendall(strange + b"\n")
            drain(line.client, line.server)
        with call() as line:
            line.client.sendall(hello(MARKUP[1]))
            drain(line.client, line.server)
        with call() as line:
            line.server.sendall(b"220 " + MARKUP[0].encode() + b"\r\n")
            line.client.sendall(f'EHLO {MARKUP[1]}\r\nMAIL FROM:<"<evil>"@x>\r\nDATA\r\n'.encode())
            line.client.sendall(mail() + b"\r\n.\r\n")
            line.server.sendall(b"250 hi\r\n250 ok\r\n354 go on\r\n250 <evil>\r\n")
            drain(line.client, line.server)
        with smtplib.SMTP("127.0.0.1", call.served.port("mail"), "evil", timeout=PATIENCE) as client:
            client.sendmail("a@b", [f'"{MARKUP[1]}"@x', "'evil'@x"], mail())
        with socket.socket(socket.AF_UNIX) as caller:
            caller.connect(str(folder / "<evil>&\u202e.sock"))
            caller.sendall(MARKUP[0].encode())
            caller.recv(1000)
        yield call


def drain(*ends: socket.socket) -> None:
    """End both ways, and read what came."""
    for end in ends:
        end.shutdown(socket.SHUT_WR)
    for end in ends:
        while end.recv(65536):
            pass


def hello(name: str) -> bytes:
    """A TLS ClientHello that asks for this name."""
    sni = name.encode()
    entry = b"\0" + len(sni).to_bytes(2) + sni
    extension = b"\0\0" + (len(entry) + 2).to_bytes(2) + len(entry).to_bytes(2) + entry
    body = b"\3\3" + bytes(32) + b"\0\0\2\x13\x01\1\0" + len(extension).to_bytes(2) + extension
    message = b"\1" + len(body).to_bytes(3) + body
    return b"\x16\3\1" + len(message).to_bytes(2) + message


def mail() -> bytes:
    """A mail whose names are attacks, with HTML and an SVG in it."""
    made = EmailMessage()
    made["Subject"], made["From"] = MARKUP[1], "evil <a@b>"
    made.set_content(MARKUP[0])
    made.add_alternative("".join(MARKUP), subtype="html")
    made.add_attachment(SVG, maintype="image", subtype="svg+xml", filename="<evil>.svg")
    made.add_attachment(b"".join(STRANGE), maintype="text", subtype="html", filename="../../etc/passwd")
    return made.as_bytes().replace(b"\n", b"\r\n")


#: Whether anything of the attacks came to life in this frame.
ALIVE = """() => ({
    wasRun: window.wasRun, polluted: ({}).polluted, title: document.title,
    elements: [...document.querySelectorAll("evil, iframe[srcdoc], base, object, embed, meta[http-equiv]," +
        "[onclick], [onerror], [onload], a[href^='javascript:'], script:not([src]):not([type=importmap])")
    ].map((each) => each.outerHTML),
})"""

#: Each item in the panel, a frame long.
CHOOSE_EACH = """async () => {
    for (const article of document.querySelectorAll("article[data-id]")) {
        article.click();
        await new Promise(requestAnimationFrame);
    }
}"""


def is_harmless(tab: Tab) -> None:
    """Nothing of what was said lives in the page; a sandbox may hold dead markup, and no script ran in it."""
    found = tab.page.main_frame.evaluate(ALIVE)
    assert found.pop("title").endswith("tincans")
    assert found == {"wasRun": None, "polluted": None, "elements": []}
    for frame in tab.page.frames[1:]:
        assert frame.evaluate("[window.wasRun, {}.polluted, window.origin]") == [None, None, "null"]


def test_no_byte_of_traffic_comes_to_life(browser: Browser, attacked: Exchange) -> None:
    with tab_of(browser, attacked.served) as tab:
        tab.allow("Blocked script execution in 'blob:|policy: |Content Security Policy|Refused to|sandboxed")
        tab.open("map")
        expect(tab.station("listen named")).to_be_visible()
        is_harmless(tab)
        tab.go("conversations")
        rows = tab.page.get_by_role("grid", name="Conversations").get_by_role("link")
        expect(rows).to_have_count(CONVERSATIONS)
        is_harmless(tab)
        for number in range(1, CONVERSATIONS + 1):
            look_everywhere(tab, number)
        read_everywhere(tab)
        tab.go("conversations?text=%3Cevil%3E&party=%3Cevil%3E&name=%3Cimg+src%3Dx+onerror%3Dtop.wasRun%3D1%3E")
        expect(tab.page.get_by_label("Text that was said")).to_have_value("<evil>")
        is_harmless(tab)
        tab.check()
        known = ("192.0.2.66", "/frames/x")  # the second is what a mail calls `x`
        assert [url for url in tab.stopped if not any(each in url for each in known)] == []


def look_everywhere(tab: Tab, number: int) -> None:
    """Open a conversation, and each of its items in each way that the panel has."""
    tab.go(f"conversations/{number}")
    expect(tab.page.get_by_role("heading", name=f"#{number} ")).to_be_visible()
    expect(tab.page.get_by_role("feed").get_by_role("article").last).to_be_visible()
    is_harmless(tab)
    tab.page.evaluate(CHOOSE_EACH)
    is_harmless(tab)
    for item in every(tab.page.locator("article[data-id]", has=tab.page.locator(".preview, .carries"))):
        item.click()
        tab.panel.get_by_role("tab", name="Content").click()
        look_at_all(tab)
        tab.panel.get_by_role("tab", name="Bytes").click()
        tab.panel.get_by_role("tab", name="Meaning").click()
    is_harmless(tab)
    tab.page.keyboard.press("Escape")
    tab.page.get_by_role("button", name="Diagram").click()
    expect(tab.page.get_by_role("img", name="Sequence diagram")).to_be_visible()
    is_harmless(tab)
    tab.page.keyboard.press("Escape")


def read_everywhere(tab: Tab) -> None:
    """Open the mail of the inbox, in each of its ways."""
    tab.go("mails")
    tab.page.get_by_role("grid", name="Mails").get_by_role("link").click()
    letter = tab.page.get_by_role("article")
    for name in ("Text", "Source", "Attachments", "Header", "Dialogue", "HTML"):
        letter.get_by_role("tab", name=name).click()
        panel = letter.get_by_role("tabpanel", name=name)
        expect(panel.get_by_text("Fetching…")).to_have_count(0)
        for attached in every(panel.get_by_role("button", name="Look", exact=True)):
            attached.click()
            for way in every(panel.locator(".ways button")):
                way.click()
            is_harmless(tab)
        is_harmless(tab)
    expect(letter.frame_locator("iframe").locator("evil").first).to_be_attached()
    is_harmless(tab)


def look_at_all(tab: Tab) -> None:
    """Every way in which a content can be shown, and every part of it."""
    expect(tab.panel.get_by_text("Fetching…")).to_have_count(0)
    for way in every(tab.panel.locator(".ways button")):
        way.click()
        for attached in every(tab.panel.get_by_role("button", name="Look", exact=True)):
            attached.click()
        is_harmless(tab)


def every(found: Locator) -> Iterator[Locator]:
    """Each of them, however many there are by then."""
    at = 0
    while at < found.count():
        yield found.nth(at)
        at += 1


# ── pages of other sites ──────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """The address of another site's page, which is empty."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>elsewhere</title>")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


#: What another site's page can try; each tells what came of it.
FETCH = """async ([url, options]) => {
    try { const answer = await fetch(url, options); return `${answer.type} ${answer.status}`; }
    catch (error) { return error.name; }
}"""
EMBED = """(url) => new Promise((resolve) => {
    const frame = document.createElement("iframe");
    frame.onload = () => {
        try { resolve(frame.contentDocument ? "blank" : "apart"); } catch (error) { resolve(error.name); }
    };
    frame.src = url;
    document.body.append(frame);
})"""
LOAD = """([tag, url]) => new Promise((resolve) => {
    const element = document.createElement(tag);
    element.onload = () => resolve("loaded");
    element.onerror = () => resolve("refused");
    element[tag === "link" ? "href" : "src"] = url;
    if (tag === "link") element.rel = "stylesheet";
    document.head.append(element);
})"""
CONNECT = """([url, protocols]) => new Promise((resolve) => {
    const socket = new WebSocket(url, protocols);
    socket.onopen = () => resolve("open");
    socket.onerror = () => resolve("refused");
})"""


def test_another_site_gets_at_nothing(browser: Browser, elsewhere: str, tmp_path: Path) -> None:
    with up(tmp_path, listens("echo")) as served, served.call("echo") as caller:
        caller.sendall(b"secret")
        assert caller.recv(100) == b"secret"
        token = served.url.partition("#token=")[2]
        context = browser.new_context()
        page = context.new_page()
        page.goto(elsewhere)
        headers = {"Authorization": f"Bearer {token}"}  # even if it had got hold of the token
        for path, options in {
            "/api": {"headers": headers},
            "/api/conversations": {"headers": headers, "credentials": "include"},
            "/api/openapi.json": {},
            "/api/board/echo/stop": {"method": "POST", "headers": headers, "body": "{}"},
            "/": {},
        }.items():
            assert page.evaluate(FETCH, [served.origin + path, options]) == "TypeError"
        blind = {"method": "POST", "mode": "no-cors", "headers": headers, "body": "{}"}
        assert page.evaluate(FETCH, [f"{served.origin}/api/board/echo/stop", blind]) in ("opaque 0", "TypeError")
        for tag, path in [("script", "/js/main.js"), ("img", "/tins.svg"), ("link", "/css/base.css")]:
            assert page.evaluate(LOAD, [tag, served.origin + path]) == "refused"
        where = served.origin.replace("http://", "ws://") + "/api/live"
        for protocols in (["tincans", f"token.{token}"], []):
            assert page.evaluate(CONNECT, [where, protocols]) == "refused"
        page.evaluate(EMBED, f"{served.origin}/")
        (frame,) = page.frames[1:]
        assert "tincans" not in frame.content()
        context.close()
        with served.call("echo") as still:  # nobody has stopped it
            still.sendall(b"here")
            assert still.recv(100) == b"here"


def test_a_name_that_leads_here_is_not_enough(browser: Browser, tmp_path: Path) -> None:
    """DNS rebinding: another site's name is made to mean this machine."""
    with up(tmp_path, listens("echo")) as served:
        page = browser.new_page()
        port = served.origin.rpartition(":")[2]
        answer = page.goto(f"http://evil.localhost:{port}/")
        assert answer is not None
        assert answer.status == 403
        token = served.url.partition("#token=")[2]
        headers = {"Authorization": f"Bearer {token}"}
        assert page.evaluate(FETCH, ["/api", {"headers": headers}]) == "basic 403"
        page.close()
