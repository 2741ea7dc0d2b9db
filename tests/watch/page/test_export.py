"""What is taken away from a conversation: files that other programs read, and programs that say the same again."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from playwright.sync_api import expect

from running import program, run, start, tincans
from scene import ORDER, Office
from watching import Tab

pytestmark = pytest.mark.foreign

REQUEST = (
    b"POST /order.json HTTP/1.1\r\nHost: orchard.example\r\nContent-Type: application/json\r\n"
    b"X-Orchard: north\r\nContent-Length: %d\r\n\r\n%b" % (len(ORDER), ORDER)
)
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\npears"
#: How a shell runs each of them; $1 is the file.
RUNNERS = {
    "curl": 'exec sh "$1"',
    "Python": 'exec python3 "$1"',
    "PHP": 'exec php "$1"',
    "C": 'gcc -x c -o "$1.out" "$1" && exec "$1.out"',
}


def ordered(tab: Tab, work: Office) -> int:
    """Show a conversation in which somebody ordered pears; gives its number."""
    work.curl("/order.json", "--json", ORDER.decode(), "--header", "X-Orchard: north")
    number = work.served.newest("web")
    tab.read(number)
    return number


def saved(tab: Tab, choice: str, folder: Path) -> Path:
    """Export, and give the file that the browser saved."""
    tab.page.get_by_role("button", name="Export as a file").click()
    with tab.page.expect_download() as download:
        tab.page.get_by_role("menuitem", name=choice).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    tab.shows(f"Saved {path.name}")
    return path


def test_every_export_is_read_by_others(tab: Tab, work: Office, tmp_path: Path) -> None:
    number = ordered(tab, work)
    packets = saved(tab, "Packets", tmp_path)
    assert packets.name == f"conversation-{number}.pcapng"
    fields = ["-Y", "http.request", "-T", "fields", "-e", "http.request.uri", "-e", "json.value.number"]
    assert run([program("tshark"), "-r", str(packets), *fields]).split() == [b"/order.json", b"17,0.10"]

    archive = json.loads(saved(tab, "HTTP archive", tmp_path).read_bytes())
    (entry,) = archive["log"]["entries"]
    assert entry["request"]["postData"]["text"] == ORDER.decode()
    assert entry["response"]["content"]["text"] == ORDER.decode()

    lines = [json.loads(line) for line in saved(tab, "Events", tmp_path).read_bytes().splitlines()]
    assert "request" in {line["type"] for line in lines}

    text = saved(tab, "Text (tin", tmp_path)
    own = ["--journal", str(tmp_path / "own")]
    run(tincans("import", str(text), *own))
    shown = run(tincans("show", "1", *own)).decode()
    assert "POST /order.json" in shown
    assert "X-Orchard: north" in shown


def copied(tab: Tab, language: str) -> str:
    """Copy it as a program, and give what is on the clipboard."""
    tab.page.get_by_role("button", name="Copy as a program").click()
    tab.page.get_by_role("menuitem", name=language, exact=True).click()
    dialog = tab.page.get_by_role("dialog", name=f"The same, in {language}")
    shown = dialog.get_by_role("region", name="Program")
    expect(shown).to_contain_text("order")
    dialog.get_by_role("button", name="Copy").click()
    expect(tab.page.get_by_text("Copied").last).to_be_visible()
    text = str(tab.page.evaluate("navigator.clipboard.readText()"))
    assert " ".join(text.split()) == " ".join(shown.inner_text().split())
    tab.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    return text


def test_what_is_copied_says_the_same_again(tab: Tab, work: Office, tmp_path: Path) -> None:
    with work.call() as line:
        line.client.sendall(REQUEST)
        assert heard(line.server) == REQUEST
        line.server.sendall(ANSWER)
        assert heard(line.client, len(ANSWER)) == ANSWER
        number = work.served.number_of(line)
    tab.read(number)
    script = tmp_path / "said"
    for language, how in RUNNERS.items():
        script.write_text(copied(tab, language))
        with start(["sh", "-c", how, "sh", str(script)]) as again, work.call.answer() as caller:
            said = heard(caller)
            caller.sendall(ANSWER)
            caller.shutdown(socket.SHUT_WR)
            again.wait()
            assert b"pears" in again.out
        if language == "curl":  # which says what it is, too
            assert said.startswith(b"POST /order.json HTTP/1.1\r\nHost: orchard.example\r\n")
            assert b"\r\nX-Orchard: north\r\n" in said
            assert said.endswith(b"\r\n\r\n" + ORDER)
        else:
            assert said == REQUEST
    assert "import java" in copied(tab, "Java")


def heard(speaker: socket.socket, size: int = 0) -> bytes:
    """So many bytes that it says; or a whole request."""
    data = b""
    while not (len(data) >= size if size else data.endswith(ORDER)):
        piece = speaker.recv(4096)
        assert piece, f"it ended after {data!r}"
        data += piece
    return data
