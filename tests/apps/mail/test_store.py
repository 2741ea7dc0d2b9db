"""The mail store: what was taken is there, whole, in the mailboxes it belongs to, whoever asks."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from posting import files, mail, put, store
from tincans.apps.mail.store import NOBODY, Envelope, Mailbox, Mails
from tincans.errors import MailsError, MailsTooNew, NoSuchMail
from tincans.limits import LIST_ROWS, MAILS_A_LOOK


def test_a_mail_is_kept_byte_by_byte(tmp_path: Path) -> None:
    data = bytes(range(256)) * 3
    with store(tmp_path / "mails") as mails:
        number = put(mails, data)
        assert mails.path(number).read_bytes() == data
        assert mails.get(number).size == len(data)


def test_a_mail_comes_with_all_that_was_said_of_it(tmp_path: Path) -> None:
    said = Envelope(
        sender="ada@example.org", recipients=("bob@example.org", "Cy@example.org"), client="tcp://127.0.0.1:4",
        hello="here", conversation=7, parameters={"SIZE": "3"},
        recipient_parameters={"bob@example.org": {"NOTIFY": "NEVER"}},
    )  # fmt: skip
    with store(tmp_path) as mails:
        with mails.begin(said) as incoming:
            incoming.write(mail("=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "hello"))
            number = incoming.commit()
        found = mails.get(number)
        assert found.envelope == said
        assert (found.subject, found.from_, found.to) == ("Grüße", "Ada <ada@example.org>", "bob@example.org")
        assert found.mailboxes == ("bob@example.org", "cy@example.org")
        assert not found.seen


def test_the_folder_is_the_users_alone(tmp_path: Path) -> None:
    with store(tmp_path / "a" / "mails") as mails:
        number = put(mails)
        assert (tmp_path / "a" / "mails").stat().st_mode & 0o777 == 0o700
        assert mails.path(number).stat().st_mode & 0o777 == 0o600


def test_what_was_begun_and_not_committed_is_not_there(tmp_path: Path) -> None:
    with store(tmp_path) as mails:
        for size in (10, 200_000):
            incoming = mails.begin(Envelope(recipients=("bob@example.org",)))
            incoming.write(b"x" * size)
            incoming.discard()
        assert mails.list() == []
        assert files(tmp_path) == []


# ── mailboxes ─────────────────────────────────────────────────────────────────────────────────────────────


def test_each_recipient_has_a_mailbox(tmp_path: Path) -> None:
    with store(tmp_path) as mails:
        one = put(mails, b"1", "Bob@Example.org", "cy@example.org")
        two = put(mails, b"22", "cy@example.org")
        assert mails.mailboxes() == [
            Mailbox("bob@example.org", 1, 1, 1, one),
            Mailbox("cy@example.org", 2, 2, 3, two),
        ]
        assert [each.number for each in mails.list(mailbox="cy@example.org")] == [two, one]
        assert [each.number for each in mails.list(mailbox="bob@example.org")] == [one]
        assert [each.number for each in mails.list()] == [two, one]


def test_what_a_user_sent_is_in_the_users_mailbox_alone(tmp_path: Path) -> None:
    with store(tmp_path) as mails:
        put(mails, b"1", "bob@example.org", user="team-a")
        put(mails, b"2", "bob@example.org", user="team-b")
        put(mails, b"3", "bob@example.org")
        assert {box.name: box.count for box in mails.mailboxes()} == {"team-a": 1, "team-b": 1, "bob@example.org": 1}


def test_a_mail_of_nobody_to_nobody_has_a_mailbox_too(tmp_path: Path) -> None:
    with store(tmp_path) as mails:
        with mails.begin(Envelope()) as incoming:
            number = incoming.commit()
        assert mails.get(number).mailboxes == (NOBODY,)


def test_a_name_opens_its_own_mailbox_and_those_of_its_local_part(tmp_path: Path) -> None:
    with store(tmp_path) as mails:
        put(mails, b"1", user="bob")
        put(mails, b"1", user="Bob")
        put(mails, b"1", "bob@a.org", "bob@b.org", "bobby@a.org", '"x@bob"@a.org')
        assert mails.mailboxes_of("bob") == ["bob", "bob@a.org", "bob@b.org"]
        assert mails.mailboxes_of("BOB@A.org") == ["bob@a.org"]
        assert mails.mailboxes_of("Bob") == ["Bob", "bob@a.org", "bob@b.org"]
        assert mails.mailboxes_of("nobody") == []


def test_a_mail_lives_until_it_has_left_its_last_mailbox(tmp_path: Path) -> None:
    with store(tmp_path) as mails:
        number = put(mails, b"1", "a@x.org", "b@x.org")
        path = mails.path(number)
        mails.delete(number, "a@x.org")
        assert mails.get(number).mailboxes == ("b@x.org",)
        assert path.exists()
        with pytest.raises(NoSuchMail):
            mails.delete(number, "a@x.org")
        mails.delete(number, "b@x.org")
        assert not path.exists()
        with pytest.raises(NoSuchMail, match=f"there is no mail {number}"):
            mails.get(number)


def test_a_mailbox_is_emptied_and_the_others_stay(tmp_path: Path) -> None:
    with store(tmp_path) as mails:
        put(mails, b"1", "a@x.org")
        both = put(mails, b"2", "a@x.org", "b@x.org")
        mails.clear("a@x.org")
        assert [each.number for each in mails.list()] == [both]
        mails.clear()
        assert (mails.list(), mails.mailboxes(), files(tmp_path)) == ([], [], [])


def test_a_number_is_never_given_twice(tmp_path: Path) -> None:
    with store(tmp_path) as mails:
        first = put(mails)
        mails.clear()
    with store(tmp_path) as mails:
        assert put(mails) > first


def test_what_was_seen_is_counted_so_in_each_mailbox(tmp_path: Path) -> None:
    with store(tmp_path) as mails:
        number = put(mails, b"1", "a@x.org", "b@x.org")
        put(mails, b"2", "a@x.org")
        mails.mark_seen(number)
        assert mails.get(number).seen
        assert {box.name: box.unseen for box in mails.mailboxes()} == {"a@x.org": 1, "b@x.org": 0}


# ── lists and searches ────────────────────────────────────────────────────────────────────────────────────


def test_a_list_is_leafed_through(tmp_path: Path) -> None:
    with store(tmp_path) as mails:
        numbers = [put(mails) for _ in range(LIST_ROWS + 1)][::-1]
        page = mails.list()
        assert [each.number for each in page] == numbers[:LIST_ROWS]
        assert [each.number for each in mails.list(before=page[-1].number)] == numbers[LIST_ROWS:]
        assert [each.number for each in mails.list(offset=2, limit=2)] == numbers[2:4]
        assert mails.count() == len(numbers)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("grüße", 1),
        ("grusse", 0),
        ("GRU", 1),  # without its dots, and the beginning of a word
        ("invoice", 2),
        ("invoice 42", 1),
        ("cy@example.org", 1),
        ('"quoted"*', 0),
        ("AND OR NOT (", 0),
        ("*", 0),
        ("wor\0ld", 0),
        ("\ud800", 0),
    ],
)
def test_words_are_found(tmp_path: Path, text: str, found: int) -> None:
    with store(tmp_path) as mails:
        put(mails, mail("=?utf-8?b?R3LDvMOfZQ==?=", "about the invoice"))
        put(mails, mail("other", "your invoice is no. 42"), "cy@example.org")
        assert len(mails.list(text=text)) == mails.count(text=text) == found


def test_a_search_stays_in_its_mailbox(tmp_path: Path) -> None:
    with store(tmp_path) as mails:
        put(mails, mail("needle"), "a@x.org")
        second = put(mails, mail("needle"), "b@x.org")
        assert [each.number for each in mails.list(mailbox="b@x.org", text="needle")] == [second]


def test_a_deleted_mail_is_not_found(tmp_path: Path) -> None:
    with store(tmp_path) as mails:
        number = put(mails, mail("needle"))
        assert mails.list(text="needle")
        mails.delete(number)
        assert not mails.list(text="needle")


def test_mails_are_looked_at_in_steps(tmp_path: Path) -> None:
    with store(tmp_path) as mails:
        for number in range(20):
            put(mails, mail(f"needle {number}"))
        left = mails.look(0)
        assert 0 < left < 20
        while mails.look(0):
            pass
        assert mails.count(text="needle") == 20


@pytest.mark.parametrize("number", [0, -1, 2**63, 10**30])
def test_a_number_that_is_none_is_not_there(tmp_path: Path, number: int) -> None:
    with store(tmp_path) as mails:
        put(mails)
        for ask in (mails.get, mails.path, mails.delete, mails.mark_seen):
            with pytest.raises(NoSuchMail):
                ask(number)


def test_the_revision_tells_of_every_change(tmp_path: Path) -> None:
    with store(tmp_path) as mails:
        seen = [mails.revision]
        number = put(mails, b"1", "a@x.org", "b@x.org")
        seen.append(mails.revision)
        mails.mark_seen(number)
        seen.append(mails.revision)
        mails.delete(number, "a@x.org")
        seen.append(mails.revision)
        assert seen == sorted(set(seen))
        mails.list()
        assert mails.revision == seen[-1]


# ── several at once ───────────────────────────────────────────────────────────────────────────────────────


def test_a_folder_is_opened_once_in_a_process(tmp_path: Path) -> None:
    with store(tmp_path) as one, store(tmp_path) as two:
        assert one is two
        number = put(one)
    with store(tmp_path) as three:
        assert three is not one
        assert three.get(number)


def test_threads_may_take_mails_at_once(tmp_path: Path) -> None:
    with store(tmp_path) as mails:

        def take(name: str) -> None:
            for number in range(MAILS_A_LOOK // 2 + 10):
                put(mails, b"%d" % number, name)

        threads = [threading.Thread(target=take, args=(f"{name}@x.org",)) for name in "abc"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for name in "abc":
            found = [mails.folder.letters / file for _, _, file in mails.letters([f"{name}@x.org"])]
            assert [path.read_bytes() for path in found] == [b"%d" % number for number in range(MAILS_A_LOOK // 2 + 10)]


_WRITER = """
import sys
from tincans.apps.mail.store import Envelope, Mails
mails = Mails.open(sys.argv[1])
for number in range(int(sys.argv[3])):
    incoming = mails.begin(Envelope(recipients=(sys.argv[2],)))
    incoming.write(b"%s %d" % (sys.argv[2].encode(), number))
    print(incoming.commit(), number, flush=True)
mails.close()
"""


def writer(folder: Path, name: str, count: int) -> subprocess.Popen[str]:
    """Another process that takes so many mails and tells of each: its number in the store, and its own."""
    command = [sys.executable, "-c", _WRITER, str(folder), name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_several_processes_write_while_another_reads(tmp_path: Path) -> None:
    count = 400
    with store(tmp_path) as mails:
        writers = [writer(tmp_path, f"{name}@x.org", count) for name in "ab"]
        newest = 0
        while any(each.poll() is None for each in writers):
            for found in mails.list(before=0, limit=5):
                assert mails.path(found.number).read_bytes().partition(b" ")[0].decode() in found.mailboxes
            assert mails.revision >= newest
            newest = mails.revision
        told = [each.communicate()[0].split() for each in writers]
        for name, words in zip("ab", told, strict=True):
            assert [n for n, _, _ in mails.letters([f"{name}@x.org"])] == [int(word) for word in words[::2]]
            assert len(words) == 2 * count


@pytest.mark.parametrize("seed", range(3))
def test_a_killed_process_loses_nothing_that_was_committed(
    tmp_path: Path, seed: int, pytestconfig: pytest.Config
) -> None:
    random.seed(seed)
    told: list[str] = []
    with store(tmp_path) as mails:
        put(mails)
        with writer(tmp_path, "a@x.org", 10**6) as running:
            assert running.stdout is not None
            count = random.randrange(10_000 if pytestconfig.getoption("--deep") else 1000)
            told += [running.stdout.readline() for _ in range(count)]
            running.kill()
            told += running.stdout.readlines()
    with store(tmp_path) as mails:
        kept = {number: mails.path(number).read_bytes() for number, _, _ in mails.letters(["a@x.org"])}
        said = [line.split() for line in told if line.endswith("\n")]
        for number, own in said:
            assert kept[int(number)] == b"a@x.org " + own.encode()
        assert len(said) <= len(kept) <= len(said) + 2, "at most the one that it was about to tell of, and its next"
        assert sorted(files(tmp_path)) == sorted(file for _, _, file in mails.letters()), "no orphans"
        assert put(mails) > max(kept, default=0)


def test_an_unfinished_mail_of_a_living_process_is_not_swept(tmp_path: Path) -> None:
    script = """
import sys
from tincans.apps.mail.store import Envelope, Mails
mails = Mails.open(sys.argv[1])
incoming = mails.begin(Envelope(recipients=("a@x.org",)))
incoming.write(b"x" * 200_000)
print("begun", flush=True)
sys.stdin.readline()
incoming.write(b"y")
print(incoming.commit(), flush=True)
mails.close()
"""
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "begun\n"
        with store(tmp_path) as mails:
            number = int(other.communicate("go on\n")[0])
            assert mails.path(number).read_bytes() == b"x" * 200_000 + b"y"


# ── what goes wrong ───────────────────────────────────────────────────────────────────────────────────────


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "mails").write_text("")
    with pytest.raises(MailsError, match=r"cannot keep mails in .*: file exists"):
        Mails.open(tmp_path / "mails")


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(MailsError, match="it has other files in it and keeps no mails"):
        Mails.open(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_broken_index_is_said_so_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "index.sqlite3").write_bytes(b"no database " * 100)
    with pytest.raises(MailsError, match="its index cannot be used: file is not a database"):
        Mails.open(tmp_path)
    assert (tmp_path / "index.sqlite3").read_bytes() == b"no database " * 100


def test_a_newer_format_is_said_so(tmp_path: Path) -> None:
    with store(tmp_path):
        pass
    database = sqlite3.connect(tmp_path / "index.sqlite3")
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(MailsTooNew, match="has format 99, and this tincans reads up to 1"):
        Mails.open(tmp_path)


def test_a_mail_is_taken_whatever_the_index_does(tmp_path: Path) -> None:
    with store(tmp_path) as mails, closing(sqlite3.connect(tmp_path / "index.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        number = put(mails)  # waits for nobody
        other.execute("ROLLBACK")
        assert mails.get(number)
        other.execute("ALTER TABLE boxes RENAME TO gone")
        put(mails)
        with pytest.raises(MailsError, match="its index cannot be used: no such table: boxes"):
            mails.list()
        put(mails)
        other.execute("ALTER TABLE gone RENAME TO boxes")
        assert mails.count() == 3
