"""Posts keep their places, the oldest are forgotten with a file, and no moment to be killed at leaves half of it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from filling import no_file_longer_than
from tincans.errors import PostsError
from tincans.limits import PEER_MEMBERS, PEER_SEGMENTS
from tincans.peers.segments import Base, Segments

#: Two posts a segment.
MOST = 2 * PEER_SEGMENTS
MUCH = 1 << 30


@contextmanager
def opened(folder: Path, most: int = MOST, most_bytes: int = MUCH) -> Iterator[Segments]:
    segments = Segments(folder, most, most_bytes)
    try:
        yield segments
    finally:
        segments.close()


def keep(segments: Segments, *posts: bytes) -> None:
    """As a store does."""
    for post in posts:
        if segments.is_full(post):
            while segments.are_all:
                segments.forget()
            segments.start(Base(segments.end, ((b"k" * 32, segments.end, True),)))
        segments.append(post)


def everything(segments: Segments) -> list[bytes]:
    return [post for place in range(segments.begin, segments.end) for post in segments.read(place)]


def posts(begin: int, end: int) -> list[bytes]:
    return [b"%d" % number for number in range(begin, end)]


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "posts"


def test_posts_are_read_from_any_place_on_and_never_change_it(folder: Path) -> None:
    with opened(folder) as segments:
        keep(segments, *posts(0, 7))
        assert (segments.begin, segments.end) == (0, 7)
        assert everything(segments) == posts(0, 7)
        assert segments.read(2, 10, MUCH) == posts(2, 4), "of one segment"
        assert segments.read(7, 10, MUCH) == []
    with opened(folder) as segments:
        assert everything(segments) == posts(0, 7)
        keep(segments, *posts(7, 100))
        begin = segments.begin
        assert everything(segments) == posts(begin, 100)
        with pytest.raises(AssertionError):
            segments.read(begin - 1)
    with opened(folder) as segments:
        assert (segments.begin, everything(segments)) == (begin, posts(begin, 100))
        assert segments.base == Base(begin, ((b"k" * 32, begin, True),))


def test_there_are_as_many_posts_as_may_be_and_one_more_has_the_oldest_forgotten(folder: Path) -> None:
    with opened(folder) as segments:
        keep(segments, *posts(0, MOST))
        assert everything(segments) == posts(0, MOST)
        keep(segments, b"%d" % MOST)
        assert everything(segments) == posts(2, MOST + 1)
    assert len(list(folder.iterdir())) == PEER_SEGMENTS


def test_there_are_as_many_bytes_as_may_be(folder: Path) -> None:
    """A segment is its head of 16 bytes, its base of 38 and its frame of 8, and each post has one of 8 as well."""
    with opened(folder, 1 << 20, PEER_SEGMENTS * 1000) as segments:
        keep(segments, b"x" * 400)
        first = size(folder)
        keep(segments, b"x" * (1000 - first - 8))
        assert (size(folder), len(list(folder.iterdir()))) == (1000, 1), "to the last byte"
    shutil.rmtree(folder)
    with opened(folder, 1 << 20, PEER_SEGMENTS * 1000) as segments:
        keep(segments, b"x" * 400, b"x" * (1000 - first - 7))
        assert len(list(folder.iterdir())) == 2, "one byte more has no room"
        for number in range(500):
            keep(segments, b"x" * (number + 1))
            assert size(folder) <= PEER_SEGMENTS * 1000
        assert segments.end == 502
        assert segments.begin > 0


def test_the_base_of_as_many_authors_as_may_be_is_read_again(folder: Path) -> None:
    everybody = tuple((number.to_bytes(32, "big"), 2**63 - 1, True) for number in range(PEER_MEMBERS))
    with opened(folder) as segments:
        segments.append(b"0")
        segments.start(Base(1, everybody))
        segments.forget()
    with opened(folder) as segments:
        assert segments.base == Base(1, everybody)


def test_fewer_that_may_be_than_there_are_has_the_oldest_forgotten_at_once(folder: Path) -> None:
    with opened(folder) as segments:
        for number in range(PEER_SEGMENTS + 3):
            segments.append(b"%d" % number)
            segments.start(Base(segments.end))
    with opened(folder) as segments:
        assert everything(segments) == posts(4, PEER_SEGMENTS + 3)
        assert len(list(folder.iterdir())) == PEER_SEGMENTS


def test_what_is_torn_off_the_last_segment_is_as_if_it_was_never_said(folder: Path, tmp_path: Path) -> None:
    """Wherever it is torn, in its head and its base too."""
    with opened(folder) as segments:
        keep(segments, *posts(0, 4))
    last = max(folder.iterdir())
    whole = last.read_bytes()
    for cut in range(len(whole)):
        copy = tmp_path / f"cut{cut}"
        shutil.copytree(folder, copy)
        (copy / last.name).write_bytes(whole[:cut])
        with opened(copy) as segments:
            left = everything(segments)
            assert left == posts(0, len(left))
            assert 2 <= len(left) <= 3
            keep(segments, b"new", b"newer")
        with opened(copy) as segments:
            assert everything(segments) == [*left, b"new", b"newer"]


def test_a_gap_that_a_machine_left_has_forgotten_what_is_before_it(folder: Path) -> None:
    with opened(folder) as segments:
        keep(segments, *posts(0, 8))
    second = folder / "00000002.log"
    second.write_bytes(second.read_bytes()[:-1])
    with opened(folder) as segments:
        assert everything(segments) == posts(4, 8)
    (folder / "00000003.log").write_bytes(b"")
    with opened(folder) as segments:
        assert everything(segments) == posts(6, 8)


def test_what_is_no_segment_is_left_alone(folder: Path) -> None:
    with opened(folder) as segments:
        keep(segments, *posts(0, 4))
    others = [folder / name for name in ("notes.log", "12a.log", "posts.txt")]
    for other in others:
        other.write_text("mine")
    with opened(folder) as segments:
        assert everything(segments) == posts(0, 4)
    assert all(other.read_text() == "mine" for other in others)


def test_what_does_not_begin_as_a_segment_is_said(folder: Path) -> None:
    with opened(folder) as segments:
        keep(segments, *posts(0, 2))
    path = folder / "00000001.log"
    path.write_bytes(path.read_bytes().replace(b"posts 2", b"posts 3"))
    with pytest.raises(PostsError, match="it does not begin with 'tincans posts 2'"), opened(folder):
        pass
    path.unlink()
    with opened(folder) as segments:
        segments.append(b"no base")
    data = path.read_bytes()
    with opened(folder) as segments:
        segments.append(b"x")
    path.write_bytes(data[:16] + data[-15:])  # its first record is a post
    with pytest.raises(PostsError, match="it does not begin as a segment does"), opened(folder):
        pass


# ── a disk that is full ───────────────────────────────────────────────────────────────────────────────────


def test_a_disk_that_refuses_a_post_has_nothing_of_it(folder: Path) -> None:
    with opened(folder) as segments:
        keep(segments, b"0")
        for room in range(10):
            with no_file_longer_than(size(folder) + room), pytest.raises(OSError):
                keep(segments, b"x" * 10)
        keep(segments, b"1")
        assert everything(segments) == posts(0, 2)


def test_a_disk_that_refuses_a_segment_has_forgotten_the_oldest_already(folder: Path) -> None:
    with opened(folder) as segments:
        keep(segments, *posts(0, MOST))
        for _ in range(2):
            with no_file_longer_than(20), pytest.raises(OSError):
                keep(segments, b"no")
            assert everything(segments) == posts(2, MOST), "once, and that made room"
            assert len(list(folder.iterdir())) == PEER_SEGMENTS - 1
        keep(segments, b"%d" % MOST)
        assert everything(segments) == posts(2, MOST + 1)


# ── whatever kills it ─────────────────────────────────────────────────────────────────────────────────────

#: Has a fork of itself end before the first thing that it does with a file, another before the second, and so on until
#: one comes to its end; each in a copy of the folder, and says how far it came.
CHILD = """
import os, shutil, sys
from pathlib import Path
from tincans.peers.segments import Base, Segments
from tincans.limits import PEER_SEGMENTS

def keep_three(folder, left):
    def count(event, arguments):
        nonlocal left
        if event in ("open", "os.rename", "os.remove", "tempfile.mkstemp") and folder in str(arguments):
            left -= 1
            if left < 0:
                os._exit(9)

    sys.addaudithook(count)
    segments = Segments(Path(folder), PEER_SEGMENTS, 1 << 30)
    for number in range(segments.end, segments.end + 3):
        if segments.is_full(b""):
            while segments.are_all:
                segments.forget()
            segments.start(Base(segments.end))
        segments.append(b"%d" % number)
        os.write(1, b" %d" % number)
    os._exit(0)

code, moment = 9, 0
while code == 9 and moment < 100:
    copy = f"{sys.argv[1]}{moment}"
    shutil.copytree(sys.argv[1], copy)
    os.write(1, copy.encode())
    pid = os.fork()
    if not pid:
        keep_three(copy, moment)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    moment += 1
    os.write(1, b"\\n")
sys.exit(code)
"""


def test_no_moment_to_be_killed_at_leaves_half_of_it(folder: Path) -> None:
    with opened(folder, PEER_SEGMENTS) as segments:
        keep(segments, *posts(0, PEER_SEGMENTS))
    (folder / ".00000016.log.killed").touch()
    done = subprocess.run([sys.executable, "-c", CHILD, str(folder)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    moments = [line.split() for line in done.stdout.splitlines()]
    for copy, *said in moments:
        with opened(Path(copy), PEER_SEGMENTS) as segments:
            assert everything(segments) == posts(segments.begin, segments.end)
            assert segments.end - segments.begin in (PEER_SEGMENTS, PEER_SEGMENTS - 1)
            assert segments.end > max(map(int, said), default=PEER_SEGMENTS - 1), "what it had kept is there"
        assert not list(Path(copy).glob(".*"))
    assert said == [f"{number}" for number in range(PEER_SEGMENTS, PEER_SEGMENTS + 3)]
    assert len(moments) > 20
    assert len({len(said) for _, *said in moments}) == 4, "it was ended before each of the three"
