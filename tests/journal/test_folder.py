from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tincans.errors import JournalError
from tincans.journal.folder import Folder


def test_it_is_the_users_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        folder = Folder(tmp_path / "a" / "b")
    finally:
        os.umask(old)
    assert folder.path.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.path.iterdir()} == {0o600}
    folder.close()
    folder.close()


def test_an_empty_folder_is_taken_and_closed_to_others(tmp_path: Path) -> None:
    (tmp_path / "j").mkdir(mode=0o755)
    Folder(tmp_path / "j").close()
    assert (tmp_path / "j").stat().st_mode & 0o777 == 0o700


def test_a_folder_with_other_files_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(JournalError, match="has other files in it and is not a journal"):
        Folder(tmp_path)
    assert os.listdir(tmp_path) == ["letter.txt"]


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(JournalError, match="cannot keep a journal in "):
            Folder(path)


def test_numbers_are_drawn_one_after_the_other(tmp_path: Path) -> None:
    one, two = Folder(tmp_path / "j"), Folder(tmp_path / "j")
    assert [one.next_number(), two.next_number(), one.next_number()] == [1, 2, 3]
    two.no_number_up_to(2)
    assert one.next_number() == 4
    two.no_number_up_to(10)
    assert one.next_number() == 11
    one.close()
    two.close()


DRAW = """
import sys
from pathlib import Path
from tincans.journal.folder import Folder
folder = Folder(Path(sys.argv[1]))
print(*(folder.next_number() for _ in range(2000)))
"""


def test_no_two_processes_draw_the_same_number(tmp_path: Path) -> None:
    command = [sys.executable, "-c", DRAW, str(tmp_path / "j")]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    drawn = [number for process in processes for number in map(int, process.communicate()[0].split())]
    assert sorted(drawn) == list(range(1, 6001))


def test_a_writer_lives_until_it_closes(tmp_path: Path) -> None:
    one, two = Folder(tmp_path / "j"), Folder(tmp_path / "j")
    one.live(3)
    assert (one.lives(3), two.lives(3), two.lives(2), two.lives(4)) == (True, True, False, False)
    one.close()
    assert not two.lives(3)
    two.close()


LIVE = """
import os, sys
from pathlib import Path
from tincans.journal.folder import Folder
Folder(Path(sys.argv[1])).live(7)
print(flush=True)
sys.stdin.read()
"""


def test_a_killed_writer_is_dead(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "j")
    command = [sys.executable, "-c", LIVE, str(tmp_path / "j")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert folder.lives(7)
        process.kill()
        process.wait()
        assert not folder.lives(7)
    folder.close()


def test_the_segments_there_are(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "j")
    folder.segment(17).touch()
    (folder.path / "notes.segment").touch()
    assert folder.segment(17).name == "00000017.segment"
    assert folder.segments() == [17]
    folder.close()
