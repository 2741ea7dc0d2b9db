"""What was appended is there, whatever ended the process; what a torn write left is not."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filling import no_file_longer_than
from tincans.errors import PostsError
from tincans.limits import PEER_STATEMENT_BYTES
from tincans.peers.log import RecordLog

HEAD = "a test 1"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "some.log"


def opened(path: Path) -> RecordLog:
    return RecordLog(path, HEAD)


def everything(log: RecordLog) -> list[bytes]:
    return [record for place in range(len(log)) for record in log.read(place)]


def written(path: Path, records: list[bytes]) -> bytes:
    log = opened(path)
    log.append(records)
    log.close()
    return path.read_bytes()


def test_what_is_appended_is_read_from_any_place_on(path: Path) -> None:
    log = opened(path)
    records = [bytes([number]) * (number + 1) for number in range(20)]
    for record in records[:10]:
        log.append([record])
    log.append(records[10:])
    assert len(log) == 20
    for place in range(21):
        for most in (1, 3, 100):
            assert log.read(place, most) == records[place : place + most]
    assert log.read(3, 100, most_bytes=8 + 4 + 8 + 5) == records[3:5], "as many bytes as were asked for"
    assert log.read(3, 100, most_bytes=1) == records[3:4], "but at least one"
    log.close()
    log.close()
    again = opened(path)
    assert everything(again) == records
    again.append([b"more"])
    assert again.read(20) == [b"more"]
    again.close()


def test_it_is_its_owner_s_alone(path: Path) -> None:
    opened(path).close()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_full_disk_makes_no_log(path: Path) -> None:
    for room in range(len(HEAD) + 1):
        with no_file_longer_than(room), pytest.raises(PostsError, match="cannot keep posts in"):
            opened(path)
    log = opened(path)
    assert everything(log) == []
    log.close()


def test_wherever_its_end_was_torn_the_whole_records_are_there(path: Path) -> None:
    data = written(path, [b"one", b"two", b"three"])
    ends = [len(HEAD) + 1 + 8 + 3, len(HEAD) + 1 + 2 * (8 + 3), len(data)]
    for cut in range(len(data)):
        path.write_bytes(data[:cut])
        log = opened(path)
        assert everything(log) == [b"one", b"two", b"three"][: sum(end <= cut for end in ends)]
        log.append([b"more"])
        log.close()
        log = opened(path)
        assert log.read(len(log) - 1) == [b"more"]
        log.close()


@given(st.data())
def test_a_torn_end_is_cut_off_wherever_it_was_torn(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("log") / "some.log"
    records = data.draw(st.lists(st.binary(min_size=1, max_size=30), min_size=1, max_size=5))
    whole = written(path, records)
    ends = [len(HEAD) + 1]
    for record in records:
        ends.append(ends[-1] + 8 + len(record))
    cut = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:cut])
    log = opened(path)
    count = sum(end <= cut for end in ends[1:])
    assert everything(log) == records[:count]
    log.append([b"new"])
    log.close()
    log = opened(path)
    assert everything(log) == [*records[:count], b"new"]
    log.close()


def test_zeros_at_the_end_are_what_a_machine_left_that_lost_power(path: Path) -> None:
    data = written(path, [b"one", b"two"])
    path.write_bytes(data + bytes(5000))
    log = opened(path)
    assert everything(log) == [b"one", b"two"]
    log.close()
    assert path.read_bytes() == data


def test_zeros_alone_are_a_log_that_was_never_written(path: Path) -> None:
    path.write_bytes(bytes(5000))
    log = opened(path)
    log.append([b"one"])
    assert everything(log) == [b"one"]
    log.close()
    path.write_bytes(bytes(5000) + b"x")
    with pytest.raises(PostsError, match="it does not begin with"):
        opened(path)


def test_what_is_broken_in_the_middle_is_an_error_and_stays(path: Path) -> None:
    data = bytearray(written(path, [b"one", b"two", b"three"]))
    data[len(HEAD) + 1 + 8] ^= 1
    path.write_bytes(data)
    with pytest.raises(PostsError, match=f"what stands at byte {len(HEAD) + 1} is broken"):
        opened(path)
    assert path.read_bytes() == data


def test_a_length_that_cannot_be_is_broken(path: Path) -> None:
    data = written(path, [b"one"])
    path.write_bytes(data + b"\xff\xff\xff\xff" + b"x" * 100)
    with pytest.raises(PostsError, match="is broken"):
        opened(path)


def test_a_broken_last_record_is_a_torn_one(path: Path) -> None:
    data = written(path, [b"one", b"two"])
    path.write_bytes(data[:-1] + b"?")
    log = opened(path)
    assert everything(log) == [b"one"]
    log.close()


def test_a_record_is_as_long_as_it_may_be(path: Path) -> None:
    record = b"x" * (PEER_STATEMENT_BYTES + 1024)
    written(path, [record, b"next"])
    log = opened(path)
    assert everything(log) == [record, b"next"]
    log.append([record + b"x", b"another"])
    log.close()
    with pytest.raises(PostsError, match="is broken"):
        opened(path)


@pytest.mark.parametrize("data", [b"something else\n", b"a test 2\n", b"a tent"])
def test_another_file_is_not_taken_for_one(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    with pytest.raises(PostsError, match="it does not begin with 'a test 1'"):
        opened(path)
    assert path.read_bytes() == data


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(PostsError, match="no such file or directory"):
        opened(tmp_path / "none" / "some.log")


def test_a_full_disk_keeps_nothing_of_it(path: Path) -> None:
    log = opened(path)
    log.append([b"one"])
    for room in range(8 + 3 + 8 + 5):
        with no_file_longer_than(log.size + room), pytest.raises(OSError):
            log.append([b"two", b"three"])
    log.append([b"four"])
    assert everything(log) == [b"one", b"four"]
    log.close()


CHILD = """
import sys
from pathlib import Path
from tincans.peers.log import RecordLog
log = RecordLog(Path(sys.argv[1]), "a test 1")
number = len(log)
while True:
    log.append([b"%d" % number])
    number += 1
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()
"""


def test_kill_9_takes_nothing_that_was_appended(path: Path) -> None:
    for _ in range(5):
        with subprocess.Popen([sys.executable, "-c", CHILD, str(path)], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            said = [process.stdout.readline() for _ in range(50)]
            process.send_signal(signal.SIGKILL)
            said += process.stdout.read().splitlines(keepends=True)
        acknowledged = max(int(line) for line in said if line.endswith(b"\n"))
        log = opened(path)
        assert len(log) >= acknowledged
        assert everything(log) == [b"%d" % number for number in range(len(log))]
        log.close()
