"""The index of the store: it follows the log, and knows it after the machine lost power."""

from __future__ import annotations

from pathlib import Path

from posting import put, store


def test_what_the_machine_lost_of_the_index_is_taken_in_again(tmp_path: Path) -> None:
    with store(tmp_path) as mails:
        numbers = [put(mails) for _ in range(4)]
        mails.delete(numbers[0])
        mails.path(numbers[1]).write_bytes(b"cut")
        with mails.index() as index:
            index.execute("DELETE FROM mails")
            index.execute("DELETE FROM boxes")
            index.execute("UPDATE meta SET value = 0 WHERE name = 'offset'")
    with store(tmp_path) as mails:
        assert [each.number for each in mails.list()] == numbers[:1:-1]


def test_a_log_that_the_machine_lost_is_read_from_its_beginning(tmp_path: Path) -> None:
    with store(tmp_path) as mails:
        numbers = [put(mails) for _ in range(5)]
        log = mails.folder.log.read_bytes()
        mails.list()
    lines = log.split(b"\n\n")
    (tmp_path / "arrivals").write_bytes(b"\n\n".join(lines[:3]) + b"\n")  # shorter than what the index knows
    (tmp_path / "counter").write_bytes(bytes(8))
    with store(tmp_path) as mails:
        after = put(mails)
        assert [each.number for each in mails.list()] == [after, *reversed(numbers)]


def test_a_store_made_anew_is_another_one(tmp_path: Path) -> None:
    with store(tmp_path / "one") as one, store(tmp_path / "two") as two:
        assert one.identity != two.identity
        identity = one.identity
    with store(tmp_path / "one") as one:
        assert one.identity == identity
