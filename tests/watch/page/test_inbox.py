"""The page's inbox: what real programs send is shown in every way, as it comes; and nothing in a mail comes to life."""

from __future__ import annotations

from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, expect

from scene import Post, png, post_office
from tincans.apps.mail.store import Envelope, Mails
from watching import PHONE, Tab, by_hand, listens, tab_of, up, watch

pytestmark = pytest.mark.foreign

#: What a browser says of what the policy of a frame has stopped.
STOPPED = "violates the following Content Security Policy|Blocked script execution|a request to http://192.0.2.1/"

HTML = """\
<style>p { color: rgb(47, 107, 59) }</style>
<p id="said" style="font-weight: 700">The pears are
<a target=_top rel=opener href="https://orchard.example/17?a=1&amp;b=2">on their way</a>.</p>
<img id="pear" src="cid:pear@orchard"><img id="away" src="http://192.0.2.1/pixel.gif">
<script>top.wasRun = self.wasRun = true</script>
"""


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Post]:
    """A tincans that takes mails."""
    with post_office(tmp_path) as post:
        yield post


@pytest.fixture
def tab(browser: Browser, post: Post) -> Iterator[Tab]:
    with tab_of(browser, post.served) as tab:
        yield tab


def cards(tab: Tab) -> Locator:
    """The subjects of the mails that are listed."""
    return tab.page.get_by_role("grid", name="Mails").get_by_role("link")


def open_mail(tab: Tab, subject: str) -> Locator:
    """Open a mail of the list; gives what is shown of it."""
    cards(tab).filter(has_text=subject).click()
    letter = tab.page.get_by_role("article", name=subject)
    expect(letter).to_be_visible()
    return letter


def show(tab: Tab, letter: Locator, name: str) -> Locator:
    """One of its tabs."""
    letter.get_by_role("tab", name=name).click()
    return letter.get_by_role("tabpanel", name=name)


def made(subject: str = "Pears", html: str = HTML) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Ada Lovelace <ada@orchard.example>", "you@example.org", subject
    mail.set_content("The pears are on their way.\nGrüße\n")
    mail.add_alternative(html, subtype="html")
    _, page = mail.iter_parts()
    page.add_related(png(60, 45), "image", "png", cid="<pear@orchard>")
    mail.add_attachment(b'{"order": 17}', maintype="application", subtype="json", filename="order.json")
    return mail


# ── as they come ──────────────────────────────────────────────────────────────────────────────────────────


def test_where_no_mail_has_come_it_says_how_to_send_one_and_then_shows_it(tab: Tab, post: Post) -> None:
    tab.open("mails")
    tab.shows("No mail has come yet")
    command = f"swaks --server 127.0.0.1:{post.served.port('mail')} --to you@example.org"
    expect(tab.page.get_by_role("region", name="In a shell")).to_have_text(command)
    post.swaks(*command.split()[3:], "--header", "Subject: First")
    expect(cards(tab)).to_have_text(["First"])
    tab.page.get_by_role("navigation", name="Mailboxes").get_by_role("link", name="you@example.org 1 not read").click()
    post.swaks("--to", "you@example.org,team@example.org", "--header", "Subject: Second")
    post.swaks("--to", "team@example.org", "--header", "Subject: Third")
    expect(cards(tab)).to_have_text(["Second", "First"])
    tab.page.get_by_role("navigation", name="Mailboxes").get_by_role("link", name="team@example.org").click()
    expect(cards(tab)).to_have_text(["Third", "Second"])


def test_the_lines_of_python_send_one(tab: Tab, post: Post) -> None:
    tab.open("mails")
    lines = tab.page.get_by_role("region", name="In Python").text_content()
    assert lines is not None
    exec(lines, {})
    expect(cards(tab)).to_have_text(["Hello"])


def test_where_no_mail_server_runs_it_says_how_to_start_one(browser: Browser, tmp_path: Path) -> None:
    with up(tmp_path, listens("echo")) as served, tab_of(browser, served) as tab:
        tab.open("mails")
        tab.shows("No mails are kept here")
        expect(tab.page.get_by_role("region", name="In a shell")).to_have_text("tincans listen :7725 mail")


def test_what_is_read_is_so_for_everybody_and_stays(tab: Tab, post: Post, browser: Browser) -> None:
    post.send(made("One"))
    post.send(made("Two"))
    with tab_of(browser, post.served) as other:
        other.open("mails")
        mailbox = other.page.get_by_role("navigation", name="Mailboxes").get_by_role("link", name="you@example.org")
        expect(mailbox).to_contain_text("2 not read")
        tab.allow(STOPPED)
        tab.open("mails")
        open_mail(tab, "Two")
        expect(mailbox).to_contain_text("1 not read")
        expect(other.page.get_by_role("row").filter(has_text="not read")).to_have_count(1)


# ── one mail ──────────────────────────────────────────────────────────────────────────────────────────────


def test_html_looks_as_it_was_meant_and_does_nothing(tab: Tab, post: Post) -> None:
    post.send(made())
    tab.allow(STOPPED)
    tab.open("mails")
    letter = open_mail(tab, "Pears")
    frame = letter.frame_locator("iframe")
    said = frame.locator("#said")
    expect(said).to_have_css("color", "rgb(47, 107, 59)")
    expect(said).to_have_css("font-weight", "700")
    expect(frame.locator("#pear")).to_have_js_property("naturalWidth", 60)
    expect(frame.locator("#away")).to_have_js_property("naturalWidth", 0)
    expect(letter.get_by_text("1 picture from elsewhere")).to_be_visible()
    letter.get_by_text("1 link", exact=True).click()
    link = letter.get_by_role("link", name="https://orchard.example/17?a=1&b=2")
    expect(link).to_have_attribute("rel", "noopener noreferrer")
    tab.page.context.route("https://orchard.example/**", lambda route: route.fulfill(body="the orchard"))
    with tab.page.context.expect_page() as waited:
        said.get_by_role("link").click()
    expect(waited.value).to_have_url("https://orchard.example/17?a=1&b=2")
    assert waited.value.evaluate("[window.opener, document.referrer]") == [None, ""]
    waited.value.close()
    expect(said).to_be_visible()
    (inside,) = tab.page.frames[1:]
    assert inside.evaluate("[window.wasRun, window.origin]") == [None, "null"]
    assert tab.page.evaluate("window.wasRun") is None
    assert set(tab.stopped) == {"http://192.0.2.1/pixel.gif"}


def test_a_mail_is_shown_as_text_source_files_header_and_dialogue(tab: Tab, post: Post) -> None:
    post.send(made())
    tab.allow(STOPPED)
    tab.open("mails")
    letter = open_mail(tab, "Pears")
    expect(letter.get_by_text("Ada Lovelace <ada@orchard.example>")).to_be_visible()
    expect(show(tab, letter, "Text")).to_have_text("The pears are on their way.\nGrüße\n")
    expect(show(tab, letter, "Source")).to_contain_text("Content-ID: <pear@orchard>")
    files = show(tab, letter, "Attachments")
    expect(files.get_by_role("listitem")).to_have_count(2)
    order = files.get_by_role("listitem").filter(has_text="order.json")
    order.get_by_role("button", name="Look").click()
    expect(order.get_by_role("region", name="JSON")).to_contain_text("order")
    with tab.page.expect_download() as waited:
        order.get_by_role("button", name="Save order.json").click()
    assert waited.value.suggested_filename == "order.json"
    assert Path(waited.value.path()).read_bytes() == b'{"order": 17}'
    header = show(tab, letter, "Header")
    expect(header.get_by_role("row").filter(has_text="Subject")).to_contain_text("Pears")
    dialogue = show(tab, letter, "Dialogue")
    expect(dialogue.get_by_role("listitem").filter(has_text="RCPT TO:<you@example.org>")).to_be_visible()


def test_from_a_mail_to_its_dialogue_and_back(tab: Tab, post: Post) -> None:
    post.swaks("--to", "you@example.org", "--header", "Subject: There and back")
    tab.open("mails")
    letter = open_mail(tab, "There and back")
    show(tab, letter, "Dialogue").get_by_role("link", name="Open conversation").click()
    tab.item("kept as mail 1").click()
    tab.panel.get_by_role("link", name="Open mail 1").click()
    expect(tab.page.get_by_role("article", name="There and back")).to_be_visible()


def test_what_swaks_sends_in_other_tongues_is_read(tab: Tab, post: Post, tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(
        "Subject: 8 bit\nContent-Type: text/plain; charset=iso-8859-1\n"
        "Content-Transfer-Encoding: 8bit\n\nGrüße aus Köln\n".encode("latin-1")
    )
    post.swaks("--to", "you@example.org", "--data", f"@{tmp_path / 'latin'}")
    post.swaks(
        "--to", "you@example.org", "--header", "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= 🥫", "--body", "Žluťoučký 🥫"
    )
    (tmp_path / "schön.txt").write_text("attached\n")
    post.swaks("--to", "you@example.org", "--header", "Subject: file", "--attach", f"@{tmp_path / 'schön.txt'}")
    tab.open("mails")
    expect(cards(tab)).to_have_text(["file", "Grüße 🥫", "8 bit"])
    expect(open_mail(tab, "8 bit").get_by_role("region", name="Text of the mail")).to_have_text("Grüße aus Köln\n")
    expect(open_mail(tab, "Grüße").get_by_role("region", name="Text of the mail")).to_contain_text("Žluťoučký 🥫")
    files = show(tab, open_mail(tab, "file"), "Attachments")
    expect(files.get_by_role("listitem")).to_contain_text("schön.txt")


# ── finding, reading on, deleting ─────────────────────────────────────────────────────────────────────────


def test_a_search_finds_as_one_types(tab: Tab, post: Post) -> None:
    for subject, text in [("Pears", "ripe on Tuesday"), ("Apples", "ripe on Friday"), ("Grüße", "nothing is ripe")]:
        post.swaks("--to", "you@example.org", "--header", f"Subject: {subject}", "--body", text)
    tab.open("mails")
    expect(cards(tab)).to_have_count(3)
    tab.page.keyboard.press("/")
    tab.page.keyboard.type("frid", delay=20)
    expect(cards(tab)).to_have_text(["Apples"])
    expect(tab.page.get_by_role("status").filter(has_text="1 mail found")).to_be_visible()
    expect(tab.page.get_by_label("Search in mails")).to_be_focused()
    tab.page.keyboard.type("xyz")
    tab.shows("No mail is like that")
    tab.page.get_by_label("Search in mails").fill("ripe")
    expect(cards(tab)).to_have_count(3)
    post.swaks("--to", "you@example.org", "--header", "Subject: Plums", "--body", "ripe at once")
    expect(cards(tab).first).to_have_text("Plums")


def test_by_keyboard_alone(tab: Tab, post: Post) -> None:
    for subject in ("One", "Two", "Three"):
        post.swaks("--to", "you@example.org", "--header", f"Subject: {subject}")
    tab.open()
    press = tab.page.keyboard.press
    press("4")
    grid = tab.page.get_by_role("grid", name="Mails")
    expect(cards(tab)).to_have_text(["Three", "Two", "One"])
    grid.focus()
    press("ArrowDown")
    press("Enter")
    expect(tab.page.get_by_role("article", name="Three")).to_be_visible()
    press("ArrowDown")
    expect(tab.page.get_by_role("article", name="Two")).to_be_visible()
    press("Delete")
    expect(tab.page.get_by_role("article", name="One")).to_be_visible()
    expect(cards(tab)).to_have_text(["Three", "One"])
    tab.page.get_by_role("tab", name="Text").focus()
    press("ArrowRight")
    expect(tab.page.get_by_role("tab", name="Source")).to_be_focused()
    press("Escape")
    expect(tab.page.get_by_role("article")).to_have_count(0)
    expect(grid).to_be_focused()


def test_a_mailbox_is_emptied_after_asking(tab: Tab, post: Post) -> None:
    post.swaks("--to", "you@example.org,team@example.org", "--header", "Subject: Both")
    post.swaks("--to", "team@example.org", "--header", "Subject: Team")
    tab.open("mails?mailbox=team@example.org")
    expect(cards(tab)).to_have_count(2)
    tab.page.get_by_role("button", name="What can be done with these mails").click()
    tab.page.get_by_role("menuitem", name="Empty this mailbox").click()
    dialog = tab.page.get_by_role("dialog", name="Empty team@example.org?")
    expect(dialog).to_contain_text("2 mails")
    dialog.get_by_role("button", name="Delete").click()
    expect(cards(tab)).to_have_text(["Both"])
    expect(tab.page.get_by_role("navigation", name="Mailboxes").get_by_role("link")).to_have_count(2)


def test_who_may_only_look_reads_and_changes_nothing(browser: Browser, tmp_path: Path) -> None:
    keep(tmp_path / "mails", 1)
    with by_hand(tmp_path / "kept"):
        pass  # there is a journal, with nothing in it
    with watch(tmp_path, "--mails", str(tmp_path / "mails"), "--read-only") as served, tab_of(browser, served) as tab:
        tab.open("mails")
        letter = open_mail(tab, "Mail 1")
        expect(letter.get_by_role("button", name="Save this mail")).to_be_visible()
        expect(letter.get_by_role("button", name="Delete this mail")).to_have_count(0)
        expect(tab.page.get_by_role("row").filter(has_text="not read")).to_have_count(1)
        tab.page.get_by_role("button", name="What can be done with these mails").click()
        expect(tab.page.get_by_role("menuitem", name="Delete all mails")).to_have_attribute("aria-disabled", "true")


def test_on_a_phone_a_mail_lies_over_the_others(browser: Browser, post: Post) -> None:
    post.swaks("--to", "you@example.org", "--header", "Subject: One")
    post.swaks("--to", "team@example.org", "--header", "Subject: Two")
    with tab_of(browser, post.served, size=PHONE, has_touch=True, is_mobile=True) as tab:
        tab.open("mails")
        tab.page.get_by_role("combobox", name="Mailbox").select_option("you@example.org (1 not read)")
        expect(cards(tab)).to_have_text(["One"])
        letter = open_mail(tab, "One")
        expect(cards(tab)).not_to_be_visible()
        letter.get_by_role("button", name="Back to the mails").click()
        expect(cards(tab)).to_have_text(["One"])


# ── many ──────────────────────────────────────────────────────────────────────────────────────────────────

MANY = 100_000


def test_a_hundred_thousand_mails_are_scrolled_and_searched(browser: Browser, tmp_path: Path) -> None:
    keep(tmp_path / "mails", MANY)
    with by_hand(tmp_path / "kept"):
        pass
    with watch(tmp_path, "--mails", str(tmp_path / "mails")) as served, tab_of(browser, served) as tab:
        tab.open("mails")
        tab.shows("100,000 mails")
        expect(cards(tab).first).to_have_text(f"Mail {MANY}")
        grid = tab.page.get_by_role("grid", name="Mails")
        assert grid.get_by_role("row").count() < 50
        grid.focus()
        tab.page.keyboard.press("End")
        expect(cards(tab).last).to_have_text("Mail 1")
        grid.evaluate("each => { each.scrollTop = each.scrollHeight / 2 }")
        expect(grid.get_by_role("link", name="Mail 50000", exact=True)).to_be_visible()
        keep(tmp_path / "mails", 2)
        tab.page.get_by_role("button", name="2 new").click()
        expect(cards(tab).first).to_have_text("Mail 2")
        tab.page.get_by_role("navigation", name="Mailboxes").get_by_role("link", name="box7@example.org").click()
        tab.shows("1,000 mails")
        expect(cards(tab).first).to_have_text("Mail 99907")


def keep(folder: Path, count: int) -> None:
    """Keep so many mails, to a hundred mailboxes."""
    mails = Mails.open(folder)
    for number in range(1, count + 1):
        mail = mails.begin(Envelope(sender="ada@orchard.example", recipients=(f"box{number % 100}@example.org",)))
        mail.write(f"From: Ada <ada@orchard.example>\r\nSubject: Mail {number}\r\n\r\nText {number}\r\n".encode())
        mail.commit()
    mails.close()
