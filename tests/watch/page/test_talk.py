"""One conversation: what real programs said, as turns, as bytes, and as what the bytes carry."""

from __future__ import annotations

import re
import socket

import pytest
from playwright.sync_api import Locator, expect

from scene import FORM, ORDER, Office
from watching import Tab

pytestmark = pytest.mark.foreign


def test_turns_are_decoded_in_two_columns(tab: Tab, work: Office) -> None:
    assert work.redis("SET", "pears", "three kinds") == b"OK\n"
    tab.read(work.served.newest("cache"))
    expect(tab.page.get_by_role("banner").or_(tab.page.locator("header")).get_by_text("redis").first).to_be_visible()
    expect(tab.page.locator(".turn.client article").first).to_have_attribute("aria-label", re.compile("SET pears"))
    expect(tab.page.locator(".turn.server article").first).to_have_attribute("aria-label", re.compile("OK"))
    for article in (tab.item("the client: "), tab.item("the server: ")):
        expect(article.first.locator("time")).to_have_text(re.compile(r"^\d\d:\d\d:\d\d\.\d{3}$"))
    client, server = (tab.page.locator(f".turn.{side} article").first.bounding_box() for side in ("client", "server"))
    assert client is not None
    assert server is not None
    assert client["x"] < server["x"]


def test_the_bytes_of_what_is_chosen_are_lit(tab: Tab, work: Office) -> None:
    words = [b"Good morning\r\n", "Grüße\r\n".encode(), b"\x00\xff\x7f end\r\n"]
    with work.call() as line:
        for word in words:
            line.client.sendall(word)
            assert line.server.recv(100) == word
        tab.read(work.served.number_of(line))
        bytes_of = tab.look_at("Grüße", "Bytes")
        start = len(words[0])
        is_lit(bytes_of, words[1], start)
        tab.page.keyboard.press("Escape")
        is_lit(tab.look_at(re.compile(" end"), "Bytes"), words[2], start + len(words[1]))


def is_lit(bytes_of: Locator, data: bytes, start: int) -> None:
    """These bytes are marked, and no others."""
    marked = bytes_of.locator(".bytes .marked")
    expect(marked).to_have_text([re.compile(f"^{byte:02x}\\s?$") for byte in data])
    assert marked.evaluate_all("all => all.map(each => each.dataset.at)") == [
        str(at) for at in range(start, start + len(data))
    ]
    bytes_of.get_by_role("button", name="Hex").click()
    # The notice of an earlier copy may still be there: the clipboard itself is waited for.
    bytes_of.page.wait_for_function(
        "async (hex) => (await navigator.clipboard.readText()).replace(/\\s/g, '') === hex", arg=data.hex()
    )


def test_json_is_shown_as_what_it_is(tab: Tab, work: Office) -> None:
    assert work.curl("/order.json") == ORDER
    tab.read(work.served.newest("web"))
    json = tab.look_at("the server: body", "Content").get_by_role("region", name="JSON")
    for member in ('"order": 17', '"kind": "Comice"', '"note": null', '"each": 0.10'):  # as it was written
        expect(json).to_contain_text(member)
    json.locator("summary", has_text='"pears"').click()
    expect(json).to_contain_text('"pears": [ 2 elements ]')
    expect(json).not_to_contain_text("Comice")
    tab.panel.get_by_role("button", name="Source").click()
    expect(tab.panel.get_by_role("region", name="Content")).to_have_text(ORDER.decode())


def test_a_form_is_shown_as_its_fields(tab: Tab, work: Office) -> None:
    work.curl("/order.json", "--data", FORM.decode())
    tab.read(work.served.newest("web"))
    form = tab.look_at("the client: body", "Content").get_by_role("table", name="Form")
    expect(form.get_by_role("row")).to_have_text(["nameAda Lovelace", "notepears & apples"])


def test_an_image_is_drawn(tab: Tab, work: Office) -> None:
    picture = work.curl("/pear.png")
    tab.read(work.served.newest("web"))
    image = tab.look_at("the server: body", "Content").get_by_role("img", name="The image that was said")
    expect(tab.panel.get_by_text("40 × 30")).to_be_visible()
    assert image.evaluate("image => [image.naturalWidth, image.naturalHeight, image.complete]") == [40, 30, True]
    with tab.page.expect_download() as saved:
        tab.panel.get_by_role("button", name="Save this content").click()
    assert saved.value.path().read_bytes() == picture


def test_a_page_is_shown_in_a_sandbox(tab: Tab, work: Office) -> None:
    tab.allow("Blocked script execution in 'blob:")  # the sandbox says that it did its work
    tab.allow("policy: (style-src|img-src)|Content Security Policy")
    work.curl("/pears.html")
    tab.read(work.served.newest("web"))
    content = tab.look_at("the server: body", "Content")
    frame = content.get_by_title("The page that was said, in a sandbox")
    expect(frame).to_have_attribute("sandbox", "")
    expect(frame.content_frame.get_by_role("heading", name="Pears")).to_be_visible()
    expect(frame.content_frame.get_by_text("script ran")).to_have_count(0)
    assert tab.page.evaluate("window.wasRun") is None
    tab.check()
    assert tab.stopped == ["http://192.0.2.1/pixel.png"]
    tab.panel.get_by_role("button", name="Source").click()
    expect(tab.panel.get_by_role("region", name="Content")).to_contain_text("<script>top.wasRun")


def test_a_mail_is_shown_with_its_parts(tab: Tab, work: Office) -> None:
    tab.allow("Blocked script execution in 'blob:")
    work.send_mail()
    tab.read(work.served.newest("mail"))
    expect(tab.item("MAIL FROM").or_(tab.item("ada@example.org")).first).to_be_visible()
    content = tab.look_at("mail text", "Content")
    header = content.get_by_role("table", name="Header")
    expect(header.get_by_role("row")).to_have_text(
        ["FromAda <ada@example.org>", "ToCharles <charles@example.org>", "SubjectGrüße from the orchard"]
    )
    expect(content.get_by_role("region", name="Text of the mail")).to_have_text("The pears are ripe.")
    content.get_by_role("button", name="html").click()
    page = content.get_by_title("The page that was said, in a sandbox").content_frame
    expect(page.get_by_text("The pears are ripe.")).to_be_visible()
    content.get_by_role("listitem").filter(has_text="pear.png").get_by_role("button", name="Look").click()
    expect(content.get_by_text("7 × 5")).to_be_visible()
    assert tab.page.evaluate("window.wasRun") is None


def test_it_is_decoded_as_something_else(tab: Tab, work: Office) -> None:
    work.redis("GET", "apples")
    number = work.served.newest("cache")
    tab.read(number)
    expect(tab.item("GET apples")).to_be_visible()
    tab.page.get_by_label("Decode as").select_option("lines")
    expect(tab.item("GET apples")).to_have_count(0)
    expect(tab.item(r"*2\r\n")).to_be_visible()
    expect(tab.page).to_have_url(f"{work.served.origin}/#/conversations/{number}?protocol=lines")
    tab.page.get_by_label("Decode as").select_option("")
    expect(tab.item("GET apples")).to_be_visible()


def test_who_waits_for_whom_is_said_while_it_is_open(tab: Tab, work: Office) -> None:
    with work.call() as line:
        tab.read(work.served.number_of(line))
        waits = tab.page.locator(".waits")
        expect(waits).to_contain_text("Nobody has spoken since it opened")
        line.client.sendall(b"are you there?\n")
        assert line.server.recv(100) == b"are you there?\n"
        expect(waits).to_contain_text("The server has been silent since the client's line")
        line.server.sendall(b"yes\n")
        assert line.client.recv(100) == b"yes\n"
        expect(waits).not_to_contain_text("The server has been silent")
        line.client.shutdown(socket.SHUT_WR)
        assert line.server.recv(100) == b""
        expect(waits).to_contain_text("the client has ended", ignore_case=True)
    expect(waits).to_have_count(0)


def test_what_is_said_appears_while_it_is_followed(tab: Tab, work: Office) -> None:
    with work.call() as line:
        tab.read(work.served.number_of(line))
        expect(tab.page.get_by_role("button", name="Following", pressed=True)).to_be_visible()
        for word in ("one", "two", "three"):
            line.client.sendall(word.encode() + b"\n")
            assert line.server.recv(100) == word.encode() + b"\n"
            expect(tab.item(word)).to_be_visible()
    expect(tab.page.get_by_role("feed").get_by_text("finished")).to_be_visible()


def test_the_diagram_is_drawn(tab: Tab, work: Office) -> None:
    work.redis("GET", "apples")
    number = work.served.newest("cache")
    tab.read(number)
    tab.page.get_by_role("button", name="Diagram").click()
    dialog = tab.page.get_by_role("dialog", name="Sequence diagram")
    drawing = dialog.get_by_role("img", name=f"Sequence diagram of conversation {number}")
    expect(drawing).to_be_visible()
    assert drawing.evaluate("async image => { await image.decode(); return image.naturalHeight > 100 }")
    with tab.page.expect_download() as saved:
        dialog.get_by_role("button", name="Save").click()
    assert "GET apples" in saved.value.path().read_text()
    tab.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_a_password_is_shown_only_to_who_asks(tab: Tab, work: Office) -> None:
    work.curl("/order.json", "--user", "ada:lovelace")
    tab.read(work.served.newest("web"))
    expect(tab.item("GET /order.json")).to_contain_text("******")
    expect(tab.page.get_by_text("YWRhOmxvdmVsYWNl")).to_have_count(0)
    tab.page.get_by_role("button", name="Secrets").click()
    expect(tab.item("GET /order.json")).to_contain_text("YWRhOmxvdmVsYWNl")
    tab.page.get_by_role("button", name="Hide them").click()
    expect(tab.item("GET /order.json")).to_contain_text("******")
