"""The inboxes as the API gives them: listed, searched, taken apart, framed and changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tincans.apps.mail.store import Envelope, Mails
from tincans.channel import Side
from tincans.conversation import How, Kind, Opening
from tincans.journal import open_journal
from tincans.limits import CONTENT_MOST, LIST_MOST, MAILBOXES_SHOWN, SOURCE_PIECE_BYTES
from tincans.watch.api import ROWS
from tincans.watch.inboxes import Inboxes, of_folder
from visiting import TOKENS, document, inbox, letter, serving_page

# ── looking ───────────────────────────────────────────────────────────────────────────────────────────────

ASKED = {
    "/api/inboxes": [""],
    "/api/mails": ["", "?mailbox=you@example.org", "?text=pears", "?offset=1&limit=3", "?inbox=mails"],
    "/api/mails/{number}": [""],
    "/api/mails/{number}/source": [""],
    "/api/mails/{number}/parts/{path}": [""],
    "/api/mails/{number}/frame": ["?path=1.2"],
}


def test_every_path_that_only_looks_is_asked() -> None:
    of_inboxes = ("/api/inboxes", "/api/mails")
    assert ASKED.keys() == {row.path for row in ROWS if not row.steers and row.path.startswith(of_inboxes)}


@pytest.mark.parametrize(("path", "query"), [(path, query) for path, queries in ASKED.items() for query in queries])
async def test_what_is_answered_is_what_the_document_says(tmp_path: Path, path: str, query: str) -> None:
    async with inbox(tmp_path) as here:
        here.take()
        here.take()
        answer = await here.guest.ask(path.format(number=1, path="2") + query)
        (await document(here.guest)).check(path, answer)
        assert answer.status == 200, answer


async def test_mails_are_listed_by_mailbox_and_from_anywhere(tmp_path: Path) -> None:
    async with inbox(tmp_path) as here:
        for number in range(1, 8):
            to = "You@example.org" if number % 2 else "team@example.org"
            here.take(envelope=Envelope(sender="ada@tin.example", recipients=(to, "all@example.org")))
        assert await here.numbers() == [7, 6, 5, 4, 3, 2, 1]
        assert await here.numbers("offset=2&limit=3") == [5, 4, 3]
        assert await here.numbers("mailbox=you@example.org&offset=1") == [5, 3, 1]
        assert await here.numbers("mailbox=you@example.org&text=pears&offset=1&limit=2") == [5, 3]
        told = await here.guest.get("/api/mails?mailbox=team@example.org&limit=1")
        assert (told["total"], told["offset"], len(told["rows"])) == (3, 0, 1)
        (told,) = (await here.guest.get("/api/inboxes"))["rows"]
        assert (told["name"], told["count"], told["more"]) == ("mails", 7, 0)
        assert [(box["name"], box["count"], box["unseen"], box["newest"]) for box in told["mailboxes"]] == [
            ("all@example.org", 7, 7, 7), ("team@example.org", 3, 3, 6), ("you@example.org", 4, 4, 7),
        ]  # fmt: skip


async def test_a_text_is_looked_for_in_all_of_them(tmp_path: Path) -> None:
    async with inbox(tmp_path) as here:
        here.take(letter("Grüße", "apples\n"))
        here.take(letter("Order 17", "Comice pears\n"))
        for query, found in {
            "grü": [1],
            "GRU": [1],
            "comi": [2],
            "apples ord": [],
            "ada comice": [2],
            "example": [2, 1],
        }.items():
            assert await here.numbers(f"text={quote(query)}") == found, query
        told = await here.guest.get("/api/mails?text=comice")
        assert (told["total"], told["left"]) == (1, 0)


async def test_a_search_goes_on_until_all_were_looked_through(tmp_path: Path) -> None:
    async with inbox(tmp_path) as here:
        for _ in range(1500):
            here.take(b"Subject: needle\n\n")
        lefts = [1501]
        while lefts[-1]:
            told = await here.guest.get("/api/mails?text=needle&limit=1")
            assert told["total"] + told["left"] == 1500
            lefts.append(told["left"])
            assert lefts[-1] < lefts[-2]
        assert told["total"] == 1500


@pytest.mark.parametrize("name", ['"a\\b"@x', "ü@x", "<b>@x", "a\u202eb@x", "a b&c=d@x"])
async def test_a_mailbox_is_asked_for_by_the_name_that_is_shown(tmp_path: Path, name: str) -> None:
    async with inbox(tmp_path) as here:
        here.take(envelope=Envelope(sender="", recipients=(name,)))
        here.take()
        (told,) = (await here.guest.get("/api/inboxes"))["rows"]
        shown = next(box["name"] for box in told["mailboxes"] if box["newest"] == 1)
        assert shown.isprintable()
        assert await here.numbers(f"mailbox={quote(shown)}") == [1]


async def test_so_many_mailboxes_are_told_at_once(tmp_path: Path) -> None:
    async with inbox(tmp_path) as here:
        for number in range(MAILBOXES_SHOWN + 1):
            here.take(b"\n", Envelope(recipients=(f"{number}@x",)))
        (told,) = (await here.guest.get("/api/inboxes"))["rows"]
        assert (len(told["mailboxes"]), told["more"]) == (MAILBOXES_SHOWN, 1)
        assert {box["newest"] for box in told["mailboxes"]} == set(range(2, MAILBOXES_SHOWN + 2))


async def test_one_mail_is_told_with_its_parts_and_how_it_came(tmp_path: Path) -> None:
    async with inbox(tmp_path) as here:
        here.take(
            envelope=Envelope(sender="a@b", recipients=("c@d",), user="ada", hello="tin", parameters={"SIZE": "9"})
        )
        told = await here.guest.get("/api/mails/1")
        assert (told["mail"]["subject"], told["mail"]["mailboxes"], told["mail"]["seen"]) == ("Pears", ["ada"], False)
        assert (told["delivery"]["user"], told["delivery"]["parameters"]) == ("ada", {"SIZE": "9"})
        assert told["read"]["headers"][2] == ["Subject", "Pears"]
        assert [(part["path"], part["role"], part["name"]) for part in told["read"]["parts"]] == [
            ("1.1", "body", ""), ("1.2", "body", ""), ("2", "attached", "../schön.html"),
        ]  # fmt: skip


async def test_its_source_is_what_was_sent_to_the_byte(tmp_path: Path) -> None:
    async with inbox(tmp_path) as here:
        data = b"Subject: x\r\n\r\n" + bytes(range(256)) * (SOURCE_PIECE_BYTES // 100)
        here.take(data)
        answer = await here.guest.ask("/api/mails/1/source")
        assert answer.body == data
        assert answer.headers["content-length"] == str(len(data))
        assert is_harmless(answer.headers)
        assert answer.headers["content-disposition"] == 'attachment; filename="mail-1.eml"'


def is_harmless(headers: Any) -> bool:
    """Whether a browser saves it, and runs nothing of it."""
    return bool(
        headers["content-type"] == "application/octet-stream"
        and headers["content-disposition"].startswith("attachment")
        and headers["content-security-policy"] == "sandbox; default-src 'none'"
        and headers["x-content-type-options"] == "nosniff"
    )


async def test_a_part_is_given_as_nothing_that_a_browser_runs(tmp_path: Path) -> None:
    async with inbox(tmp_path) as here:
        here.take()
        answer = await here.guest.ask("/api/mails/1/parts/2")
        assert (answer.body, answer.headers["tincans-media"]) == (b"<script>", "text/html")
        told = "attachment; filename=\"_sch_n.html\"; filename*=UTF-8''_sch%C3%B6n.html"
        assert answer.headers["content-disposition"] == told
        assert is_harmless(answer.headers)
        assert (await here.guest.ask("/api/mails/1/parts/7")).status == 404


@pytest.mark.parametrize(
    ("name", "plain"),
    [('a\\"b;c.txt', "a_b_c.txt"), ("../../etc/passwd", "_.._etc_passwd"), ("..", "_"), ("x" * 300, "x" * 100)],
)
async def test_nobody_names_a_file_as_no_file_may_be_called(tmp_path: Path, name: str, plain: str) -> None:
    async with inbox(tmp_path) as here:
        here.take(b'Content-Disposition: attachment; filename="%b"\n\nx' % name.encode())
        answer = await here.guest.ask("/api/mails/1/parts/1")
        assert answer.headers["content-disposition"] == f'attachment; filename="{plain}"'


async def test_of_a_longer_mail_the_beginning_is_taken_apart(tmp_path: Path) -> None:
    async with inbox(tmp_path) as here:
        for more in (0, 1):
            here.take(b"Subject: long\n\n".ljust(CONTENT_MOST + more, b"x"))
        lack = f"only the first {CONTENT_MOST} bytes of it are taken apart"
        for number, expected in ((1, ""), (2, lack)):
            assert (await here.guest.get(f"/api/mails/{number}"))["read"]["lack"] == expected
            answer = await here.guest.ask(f"/api/mails/{number}/parts/1")
            assert answer.headers["tincans-lack"] == expected
            assert len(answer.body) == CONTENT_MOST - len(b"Subject: long\n\n")


async def test_a_frame_is_given_its_html_once_and_without_a_token(tmp_path: Path) -> None:
    async with inbox(tmp_path) as here:
        here.take()
        told = await here.guest.get("/api/mails/1/frame?path=1.2")
        assert told["links"] == [{"text": "pears", "href": "http://tin.example/"}]
        nobody = {"Authorization": ""}
        assert (await here.guest.ask(told["address"], nobody, method="HEAD")).status == 404
        answer = await here.guest.ask(told["address"], nobody)
        assert answer.status == 200
        assert answer.body.startswith(b"<base target=\"_blank\"><p style='color: green'>The <a")
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:;" in policy
        assert policy.startswith("sandbox ")
        assert "allow-scripts" not in policy
        assert "allow-same-origin" not in policy
        assert "frame-ancestors 'self'" in policy
        assert (await here.guest.ask(told["address"], nobody)).status == 404
        assert (await here.guest.ask("/frames/x", nobody)).status == 404
        assert (await here.guest.ask("/api/mails/1/frame?path=1.1")).status == 409


@pytest.mark.parametrize(
    ("query", "status", "error"),
    [
        ("/mails/9", 404, "there is no mail 9"),
        ("/mails/9/source", 404, "there is no mail 9"),
        ("/mails/x", 400, "the parameter 'number' makes no sense: expected `int`, got `str`"),
        ("/mails?inbox=other", 404, "there is no inbox 'other'"),
        ("/mails?mailbox=%5Cq", 400, "that is no name of a mailbox: there is no escape '\\\\q'"),
        (f"/mails?limit={LIST_MOST + 1}", 400, f"the parameter 'limit' makes no sense: expected `int` <= {LIST_MOST}"),
        ("/mails/clear", 405, "/api/mails/clear is for POST"),
    ],
)
async def test_what_is_not_there_or_makes_no_sense_is_told(tmp_path: Path, query: str, status: int, error: str) -> None:
    async with inbox(tmp_path) as here:
        answer = await here.guest.ask(f"/api{query}")
        assert (answer.status, answer.json["error"]) == (status, error)


# ── the dialogue that delivered it ────────────────────────────────────────────────────────────────────────


async def test_a_mail_names_the_conversation_that_delivered_it(tmp_path: Path) -> None:
    journal = open_journal(tmp_path / "kept")
    tap = journal.begin(Opening(kind=Kind.LISTEN, client="tcp://127.0.0.1:50312", server="tcp://127.0.0.1:25"))
    tap.said(Side.CLIENT, b"EHLO tin\r\n")
    mails, inboxes = Mails.open(tmp_path / "mails"), Inboxes(of_folder(tmp_path / "mails"))
    for client, number in [("50312", tap.number), ("50313", tap.number), ("50312", 99), ("50312", 0)]:
        mail = mails.begin(Envelope(client=f"tcp://127.0.0.1:{client}", recipients=("x@y",), conversation=number))
        mail.write(b"\n")
        mail.commit()
    tap.closed(How.FINISHED)
    late = mails.begin(Envelope(client="tcp://127.0.0.1:50312", recipients=("x@y",), conversation=tap.number))
    late.write(b"\n")
    late.commit()
    await journal.flush()
    async with serving_page(journal, inboxes=inboxes) as guest:
        named = [(await guest.get(f"/api/mails/{number}"))["delivery"]["conversation"] for number in range(1, 6)]
        assert named == [tap.number, None, None, None, None], "other numbers are other journals'"
    inboxes.close()
    mails.close()
    await journal.aclose()


# ── changing ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_mails_are_read_deleted_and_cleared(tmp_path: Path) -> None:
    async with inbox(tmp_path) as here:
        both = Envelope(recipients=("you@example.org", "team@example.org"))
        for _ in range(3):
            here.take(envelope=both)
        answer = await here.guest.post("/api/mails/1/seen")
        (await document(here.guest)).check("/api/mails/{number}/seen", answer, "post")
        assert (await here.guest.get("/api/mails/1"))["mail"]["seen"] is True
        assert (await here.guest.post("/api/mails/3/delete?mailbox=team@example.org")).status == 200
        assert await here.numbers("mailbox=team@example.org") == [2, 1]
        assert await here.numbers("mailbox=you@example.org") == [3, 2, 1]
        assert (await here.guest.post("/api/mails/3/delete")).status == 200
        assert await here.numbers() == [2, 1]
        assert (await here.guest.post("/api/mails/3/delete")).status == 404
        assert (await here.guest.post("/api/mails/3/seen")).status == 404
        assert (await here.guest.post("/api/mails/clear?mailbox=team@example.org")).status == 200
        assert await here.numbers("mailbox=team@example.org") == []
        assert await here.numbers() == [2, 1]
        assert (await here.guest.post("/api/mails/clear")).status == 200
        assert await here.numbers() == []


async def test_who_may_only_look_changes_nothing(tmp_path: Path) -> None:
    async with inbox(tmp_path) as here:
        here.take()
        look = {"Authorization": f"Bearer {TOKENS.look}", "Content-Type": "application/json"}
        for path in ("/api/mails/1/seen", "/api/mails/1/delete", "/api/mails/clear"):
            assert (await here.guest.ask(path, look, method="POST", body=b"{}")).status == 403
        assert (await here.guest.ask("/api/mails/1", look)).json["mail"]["seen"] is False
        assert (await here.guest.ask("/api/mails/1/frame?path=1.2", look)).status == 200
