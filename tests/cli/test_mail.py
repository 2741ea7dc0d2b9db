"""`tincans mail` as a user has it."""

from __future__ import annotations

import asyncio
import subprocess
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from posting import mail, store
from running import PATIENCE, Serving, serving, start, tincans
from scripted import Lines, lines


def run(*arguments: str, typed: bytes = b"", status: int = 0) -> str:
    """What it said on stderr."""
    done = subprocess.run(
        tincans("mail", *arguments, "--no-record"), input=typed, capture_output=True, timeout=PATIENCE
    )
    assert done.returncode == status, done.stderr
    assert done.stdout == b""
    return done.stderr.decode()


def url(server: Serving) -> str:
    return f"smtp://127.0.0.1:{server.port}"


def newest(folder: Path) -> tuple[bytes, EmailMessage]:
    with store(folder) as mails:
        data = mails.path(mails.list(limit=1)[0].number).read_bytes()
    parsed = message_from_bytes(data, policy=policy.default)
    assert isinstance(parsed, EmailMessage)
    return data, parsed


def test_mails_of_every_kind(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG")
    (tmp_path / "page.html").write_text("<b>ü</b>")
    (tmp_path / "whole.eml").write_bytes(mail("raw", ".", "to the byte", to="you@example.org"))
    with serving("listen", ":0", "mail", "--mails", str(tmp_path / "mails")) as server:
        files = ["--attach", str(tmp_path / "a.png"), "--html", str(tmp_path / "page.html")]
        words = ["--subject", "hellö", "--text", "hi", "--from", "Me <me@x.y>", "--field", "X-One: 1"]
        said = run("--to", "you@example.org", *words, *files, url(server))
        assert said == "sent to you@example.org: 250 2.0.0 kept as mail 1\n"
        _, sent = newest(tmp_path / "mails")
        assert [str(sent[name]) for name in ("From", "To", "Subject", "X-One")] == [
            "Me <me@x.y>", "you@example.org", "hellö", "1",
        ]  # fmt: skip
        assert [part.get_filename() for part in sent.iter_attachments()] == ["a.png"]

        run("--to", "you@example.org", "--bcc", "eve@x.y", url(server), typed=b"piped\n.\n")
        data, sent = newest(tmp_path / "mails")
        assert sent.get_content() == "piped\r\n.\r\n" or sent.get_content() == "piped\n.\n"
        assert b"eve" not in data

        run("--raw", str(tmp_path / "whole.eml"), url(server))
        assert newest(tmp_path / "mails")[0] == (tmp_path / "whole.eml").read_bytes()
        run("--raw", "-", url(server), "--to", "eve@x.y", typed=b"Subject: stdin\n\nx\n")
        assert newest(tmp_path / "mails")[0] == b"Subject: stdin\r\n\r\nx\r\n"


def test_through_a_relay_and_a_unix_socket(tmp_path: Path) -> None:
    with (
        serving("listen", ":0", "mail", "--mails", str(tmp_path / "mails")) as server,
        start(tincans("relay", f"unix:{tmp_path}/mail.sock", f":{server.port}", "--no-record")) as relay,
    ):
        relay.wait_for("listening on", stream="err")
        run("--to", "you@x.y", "--text", "x", "--via", f"unix:{tmp_path}/mail.sock", "smtp://mail.example.org")
    assert newest(tmp_path / "mails")[1]["To"] == "you@x.y"


async def test_some_who_are_refused_are_named() -> None:
    table = {
        "EHLO": "250 x",
        "MAIL": "250 ok",
        "RCPT TO:<a@": "250 ok",
        "RCPT": "550 no",
        "DATA": "354 go",
        ".": "250 taken",
        "QUIT": "221 bye",
    }
    async with lines(Lines("220 x", table), "smtp") as place:
        said = await asyncio.to_thread(run, "--to", "a@x.y", "--to", "b@x.y", "--text", "x", str(place), status=1)
    assert said == "sent to a@x.y: 250 taken\nnot to b@x.y: 550 no\n"


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["smtp://127.0.0.1:1"], 2, "a mail needs somebody to go to: --to ann@example.org"),
        (["--to", "nobody", "smtp://127.0.0.1:1"], 2, "'nobody' has no address of mail"),
        (["--to", "a@b", "http://x"], 2, "begins with none of smtp://, smtps://, lmtp://"),
        (["--raw", "nowhere.eml", "smtp://127.0.0.1:1"], 1, "nowhere.eml: no such file or directory"),
        (["--to", "a@b", "--attach", "nowhere", "smtp://127.0.0.1:1"], 1, "nowhere: no such file or directory"),
        (["--raw", "x", "--text", "y", "smtp://127.0.0.1:1"], 2, "--raw is the whole mail"),
        (["--to", "a@b", "smtp://127.0.0.1:1"], 1, "the connection was refused"),
        (["--to", "a@b", "--subject", "a\nb", "smtp://127.0.0.1:1"], 2, "cannot be the Subject of a mail"),
    ],
)
def test_what_goes_wrong_is_one_sentence(arguments: list[str], status: int, sentence: str) -> None:
    said = run(*arguments, status=status)
    assert sentence in said
    assert said.count("\n") == 2
