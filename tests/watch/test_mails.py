"""The inboxes as the API gives them: listed, searched, taken apart, framed, changed; and told of as they change."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import sys
from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest

from running import run
from tincans.apps.mail.store import Envelope, Mails
from tincans.channel import Side
from tincans.config import parse_config
from tincans.conversation import How, Kind, Opening
from tincans.folders import mails_folder
from tincans.journal import open_journal
from tincans.limits import CONTENT_MOST, LIST_MOST, MAILBOXES_SHOWN, SOURCE_PIECE_BYTES
from tincans.watch.api import ROWS
from tincans.watch.inboxes import Inboxes, folders_of, of_folder
from visiting import TOKENS, Guest, document, serving_page

YOU = Envelope(sender="ada@tin.example", recipients=("you@example.org",), client="tcp://127.0.0.1:50312", hello="tin")


def letter(subject: str = "Pears", text: str = "The pears are ripe.\n") -> bytes:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "Ada <ada@tin.example>", "you@example.org", subject
    made.set_content(text)
    made.add_alternative("<p style='color: green'>The <a href='http://tin.example/'>pears</a>", subtype="html")
    made.add_attachment(b"<script>", maintype="text", subtype="html", filename="../schön.html")
    return made.as_bytes()


class Inbox(NamedTuple):
    """A page with one inbox, and its store."""

    guest: Guest
    mails: Mails

    def take(self, data: bytes | None = None, envelope: Envelope = YOU) -> int:
        incoming = self.mails.begin(envelope)
        incoming.write(letter() if data is None else data)
        return incoming.commit()

    async def numbers(self, query: str = "") -> list[int]:
        return [row["number"] for row in (await self.guest.get(f"/api/mails?{query}"))["rows"]]


@contextlib.asynccontextmanager
async def inbox(folder: Path) -> AsyncIterator[Inbox]:
    mails, inboxes = Mails.open(folder / "mails"), Inboxes(of_folder(folder / "mails"))
    journal = open_journal(folder / "kept")
    async with serving_page(journal, inboxes=inboxes) as guest:
        yield Inbox(guest, mails)
    inboxes.close()
    mails.close()
    await journal.aclose()


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
        assert is_harmless(answer.headers)
        assert (await here.guest.ask("/api/mails/1/parts/7")).status == 404


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


async def test_where_nobody_keeps_mails_there_is_no_inbox(tmp_path: Path) -> None:
    inboxes = Inboxes(of_folder(tmp_path / "mails"))
    async with serving_page(open_journal("memory:"), inboxes=inboxes) as guest:
        assert await guest.get("/api/inboxes") == {"rows": []}
        assert (await guest.ask("/api/mails")).status == 404
        assert not (tmp_path / "mails").exists()
        mails = await asyncio.to_thread(Mails.open, tmp_path / "mails")
        assert len((await guest.get("/api/inboxes"))["rows"]) == 1
        mails.close()
    inboxes.close()


async def test_a_folder_that_was_made_anew_is_another_inbox(tmp_path: Path) -> None:
    inboxes = Inboxes(of_folder(tmp_path / "mails"))
    async with serving_page(open_journal("memory:"), inboxes=inboxes) as guest:
        for subject in ("one", "two"):
            write_apart(tmp_path / "mails", subject)
            told = await guest.get("/api/mails")
            assert [row["subject"] for row in told["rows"]] == [subject]
            await asyncio.to_thread(shutil.rmtree, tmp_path / "mails")
    inboxes.close()


def write_apart(folder: Path, subject: str) -> None:
    """Take a mail in another process."""
    program = (
        "import sys; from tincans.apps.mail.store import Envelope, Mails; mails = Mails.open(sys.argv[1]);"
        "mail = mails.begin(Envelope(recipients=('x@y',))); mail.write(f'Subject: {sys.argv[2]}\\n\\n'.encode());"
        "mail.commit(); mails.close()"
    )
    run([sys.executable, "-c", program, str(folder), subject])


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


# ── telling ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_changes_is_told_whoever_changed_it(tmp_path: Path) -> None:
    async with inbox(tmp_path) as here, here.guest.live(mails=True) as told:
        first = (await told.until("mails", lambda message: "mails" in message["revisions"]))["revisions"]["mails"]

        async def changed(than: int) -> int:
            found = await told.until("mails", lambda message: message["revisions"]["mails"] != than)
            return int(found["revisions"]["mails"])

        here.take()
        second = await changed(first)
        await here.guest.post("/api/mails/1/seen")
        third = await changed(second)
        await asyncio.to_thread(write_apart, tmp_path / "mails", "from elsewhere")
        await changed(third)
        assert await here.numbers() == [2, 1]


async def test_who_did_not_ask_for_mails_is_told_nothing_of_them(tmp_path: Path) -> None:
    async with inbox(tmp_path) as here, here.guest.live(seconds=True) as told:
        await told.until("seconds")
        here.take()
        for _ in range(2):
            message = await told.next()
            assert message["type"] == "seconds", json.dumps(message)


# ── which folders ─────────────────────────────────────────────────────────────────────────────────────────


def test_the_inboxes_are_the_distinct_folders_of_the_mail_servers(tmp_path: Path) -> None:
    entries = [
        f'[[listen]]\nname = "{name}"\naddress = ":0"\napp = "{app}"\n{more}'
        for name, app, more in [
            ("smtp", "mail", f'mails = "{tmp_path}/a"'),
            ("echo", "echo", ""),
            ("pop", "mail:pop3", f'mails = "{tmp_path}/a"'),
            ("other", "mail", f'mails = "{tmp_path}/b"'),
            ("own", "mail", ""),
        ]
    ]
    config = parse_config("\n".join(entries), Path("a test"))
    a, b = tmp_path / "a", tmp_path / "b"
    found = folders_of(config.entries)
    assert found == {"smtp": a, "pop": a, "other": b, "own": mails_folder()}
    assert folders_of(()) == {}
    inboxes = Inboxes(lambda: {"smtp": a, "pop": a, "other": b, "nobody wrote": tmp_path / "c"})
    for folder in (a, b):
        Mails.open(folder).close()
    assert list(inboxes.named().items()) == [("smtp", a), ("other", b)]
    inboxes.close()
