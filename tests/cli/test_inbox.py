"""`tincans inbox` as a user has it: our own folder, and a server of POP3."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from posting import mail, put, store
from running import PATIENCE, serving, tincans

#: What a mail may hold to take over a terminal.
HOSTILE = "\x1b]0;owned\x07\x1b[2J"


def run(*arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(tincans(*arguments, "--no-record"), capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == status, (done.stdout, done.stderr)
    return done


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """Three mails: two to bob, one to carl that is hostile."""
    with store(tmp_path / "mails") as mails:
        put(mails, mail("one", "first text", r"a\b"))
        put(mails, mail("two", "second text"))
        put(mails, mail(f"three {HOSTILE}", f"third {HOSTILE}", to="carl@x.y"), "carl@x.y")
    return str(tmp_path / "mails")


def test_the_list_of_our_own_folder(folder: str) -> None:
    head, *rows = run("inbox", "--mails", folder).stdout.splitlines()
    assert head.split() == ["ID", "DATE", "FROM", "TO", "SUBJECT", "SIZE"]
    assert [row.split()[0] for row in rows] == ["1", "2", "3"]
    assert "Ada <ada@example.org>  bob@example.org  one" in rows[0]
    assert "\x1b" not in rows[2]
    found = run("inbox", "--mails", folder, "--mailbox", "bob@example.org", "--search", "second", "--json").stdout
    assert [json.loads(line)["subject"] for line in found.splitlines()] == ["two"]
    assert run("inbox", "--mails", folder, "--mailbox", "nobody@x.y").stderr == "there is no mail, or none matches\n"


def test_a_mail_is_printed_for_a_reader_and_as_it_is(folder: str) -> None:
    shown = run("inbox", "1", "--mails", folder).stdout
    assert shown.startswith("From: Ada <ada@example.org>\nTo: bob@example.org\nSubject: one\n")
    assert shown.endswith("\n\nfirst text\na\\b\n")
    assert "\x1b" not in run("inbox", "3", "--mails", folder).stdout
    raw = subprocess.run(tincans("inbox", "1", "--raw", "--mails", folder), capture_output=True, timeout=PATIENCE)
    assert raw.stdout == mail("one", "first text", r"a\b")


def test_mails_are_saved_and_deleted(folder: str, tmp_path: Path) -> None:
    there = tmp_path / "saved" / "here"
    assert run("inbox", "--mails", folder, "--save", str(there)).stderr == f"3 saved in {there}\n"
    assert sorted(path.name for path in there.iterdir()) == ["1.eml", "2.eml", "3.eml"]
    assert (there / "2.eml").read_bytes() == mail("two", "second text")
    assert run("inbox", "--mails", folder, "2", "3", "--delete").stderr == "2 deleted\n"
    assert [line.split()[0] for line in run("inbox", "--mails", folder).stdout.splitlines()[1:]] == ["1"]
    said = run("inbox", "--mails", folder, "2", status=1).stderr
    assert said == "tincans: there is no mail 2\n  tincans inbox lists the ones that there are.\n"


def test_a_mail_is_waited_for(folder: str) -> None:
    said = run("inbox", "--mails", folder, "--search", "four", "--wait", "0.05", status=1).stderr
    assert said.startswith("tincans: no such mail came within 0.05 s\n")
    command = tincans("inbox", "--mails", folder, "--search", "four", "--wait", "40", "--json")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as waiting:
        with store(Path(folder)) as mails:
            put(mails, mail("four"))
        assert json.loads(waiting.communicate(timeout=PATIENCE)[0])["subject"] == "four"


def test_a_server_of_pop3(folder: str, tmp_path: Path) -> None:
    with serving("listen", ":0", "mail:pop3", "--mails", folder) as server:
        url = f"pop3://bob:any@127.0.0.1:{server.port}"
        rows = run("inbox", url).stdout.splitlines()[1:]
        assert [row.split()[0] for row in rows] == ["1", "2"]
        assert "first text" in run("inbox", url, "1").stdout
        assert [
            json.loads(line)["from"] for line in run("inbox", url, "--search", "TWO", "--json").stdout.splitlines()
        ] == ["Ada <ada@example.org>"]
        run("inbox", url, "--save", str(tmp_path / "saved"), "1", "--delete")
        assert (tmp_path / "saved" / "1.eml").read_bytes() == mail("one", "first text", r"a\b")
        assert len(run("inbox", url).stdout.splitlines()) == 2
        run("inbox", url, "--wait", "5", "-q")
        assert "the server says there is no such mail" in run("inbox", url, "9", status=1).stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["pop3://a:b@127.0.0.1:1", "--mailbox", "x"], "--mailbox and --mails are for our own folder"),
        (["--delete"], "--delete needs the numbers of the mails"),
        (["1", "2", "--raw"], "--raw prints one mail: give its number"),
        (["http://x"], "begins with none of pop3://, pop3s://"),
    ],
)
def test_what_cannot_be_meant(arguments: list[str], sentence: str) -> None:
    assert sentence in run("inbox", *arguments, status=2).stderr
