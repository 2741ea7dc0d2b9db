"""`tincans receive`: real programs on loopback; killed and gone on with, asked and answered, on disks that are full."""

from __future__ import annotations

import contextlib
import filecmp
import os
import random
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from partners import AtTerminal
from passing import How, home, line_beside, named, offering, part_grown, receiving
from running import run, start, tincans

SIZE = 24 * 1024 * 1024
DATA = random.Random(1).randbytes(SIZE)

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a small disk")


@pytest.fixture
def large(tmp_path: Path) -> Path:
    (tmp_path / "large").write_bytes(DATA)
    return tmp_path / "large"


@pytest.fixture
def huge(large: Path) -> Path:
    """So much that it is not there before a busy machine has heard of a signal."""
    os.truncate(large, 10 * SIZE)
    return large


def test_the_code_may_be_typed_as_people_do(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"hello")
    with offering(tmp_path, str(tmp_path / "a")) as sent:
        number, *words = sent.code.split("-")
        typed = [number, *(word[:4].upper() for word in words)]
        run(tincans("receive", *typed, "--from", sent.address, "--to", str(tmp_path / "b")), env=home(tmp_path, "bob"))
        sent.program.wait()
    assert (tmp_path / "b" / "a").read_bytes() == b"hello"


@pytest.mark.parametrize("seed", range(2))
def test_a_receiver_that_is_killed_is_gone_on_with_by_the_same_command(tmp_path: Path, large: Path, seed: int) -> None:
    here, file, rng, kills, grown = tmp_path / "here", tmp_path / "here" / "large", random.Random(seed), 0, 0
    with offering(tmp_path, str(large)) as sent:
        while sent.program.process.poll() is None:
            with start(receiving(sent, "--to", str(here)), env=home(tmp_path, "bob")) as receiver:
                if not file.exists():  # else it is the last word alone that the sender did not hear
                    part_grown(file, grown + rng.randrange(1, SIZE // 3), receiver)
                    receiver.process.kill()
                kills += receiver.wait(None) == -signal.SIGKILL
            part = here / ".large.tincans-part"
            if part.exists():
                assert part.stat().st_size >= grown, "nothing that came is lost"
                grown = part.stat().st_size
                assert DATA.startswith(part.read_bytes())
        sent.program.wait()
    assert kills
    assert file.read_bytes() == DATA
    assert os.listdir(here) == ["large"]


def test_both_ends_are_killed_until_all_is_there(tmp_path: Path, large: Path) -> None:
    here, file, rng, grown = tmp_path / "here", tmp_path / "here" / "large", random.Random(5), 0
    while not file.exists():
        with offering(tmp_path, str(large)) as sent:
            with start(receiving(sent, "--to", str(here)), env=home(tmp_path, "bob")) as receiver:
                part_grown(file, grown + rng.randrange(1, SIZE // 4), receiver)
                for each in rng.sample([sent.program, receiver], 2):
                    each.process.kill()
                    each.wait(None)
            part = here / ".large.tincans-part"
            grown = part.stat().st_size if part.exists() else 0
    assert file.read_bytes() == DATA


AGAIN = "the connection was lost; calling again …"


@pytest.mark.parametrize("how", [How.RESET, How.ENDED])
def test_it_calls_again_by_itself_when_the_line_is_cut(tmp_path: Path, large: Path, how: How) -> None:
    """Twice in the middle, and in the checksum: one command at each end, and no question and no code a second time."""
    here, cuts = tmp_path / "here", [SIZE // 3, SIZE // 2]
    with offering(tmp_path, str(large)) as sent, line_beside(sent.address, cuts, how) as (cut, address):
        with start(receiving(sent._replace(address=address), "--to", str(here)), env=home(tmp_path, "bob")) as receiver:
            receiver.wait()
            *again, last = receiver.err.decode().splitlines()
            assert again == [AGAIN] * 2
            assert last == " 24.0 MiB  large"
        sent.program.wait()
        told = sent.program.err.decode().splitlines()[1:]
        assert told == [
            *[f"{named('bob')}: went away before all was there; waiting for them to come back",
              f"{named('bob')} is here again"] * 2,
            " 24.0 MiB  large",
        ]  # fmt: skip
    assert len(cut.came) == 3
    assert (here / "large").read_bytes() == DATA
    assert os.listdir(here) == ["large"]


def test_one_of_three_is_cut_and_all_have_it(tmp_path: Path, large: Path) -> None:
    people = ("bob", "cyd", "dan")
    with (
        offering(tmp_path, str(large), "--count", "3") as sent,
        line_beside(sent.address, [SIZE // 3]) as (_, address),
        contextlib.ExitStack() as running,
    ):
        receivers = []
        for name in people:
            whence = sent._replace(address=address) if name == "bob" else sent
            command = receiving(whence, "--to", str(tmp_path / "to" / name))
            receivers.append(running.enter_context(start(command, env=home(tmp_path, name))))
        for receiver in receivers:
            receiver.wait()
        sent.program.wait()
        assert [AGAIN in receiver.err.decode() for receiver in receivers] == [True, False, False]
        done = [line for line in sent.program.err.decode().splitlines() if line.startswith(" 24.0 MiB")]
        assert sorted(done) == sorted(f" 24.0 MiB  {named(name)}: large" for name in people)
        assert sent.program.err.decode().splitlines()[-1].startswith("3 files, ")
    for name in people:
        assert (tmp_path / "to" / name / "large").read_bytes() == DATA


def test_what_goes_to_stdout_goes_on_where_it_was(tmp_path: Path, large: Path) -> None:
    with offering(tmp_path, str(large)) as sent, line_beside(sent.address, [SIZE // 2]) as (_, address):
        whence = sent._replace(address=address)
        assert run(receiving(whence, "--to", "-"), env=home(tmp_path, "bob")) == DATA
        sent.program.wait()


def test_ctrl_c_while_it_calls_again_is_enough(tmp_path: Path, huge: Path) -> None:
    """The sender was killed, and cannot say goodbye."""
    here = tmp_path / "here"
    with offering(tmp_path, str(huge)) as sent:
        with start(receiving(sent, "--to", str(here)), env=home(tmp_path, "bob")) as receiver:
            part_grown(here / "large", SIZE // 4, receiver)
            sent.program.process.kill()
            sent.program.wait(None)
            receiver.wait_for(AGAIN, stream="err")
            receiver.process.send_signal(signal.SIGINT)
            receiver.wait(130)
            assert receiver.err.decode().splitlines() == [
                AGAIN, "stopped; the same command goes on from what came",
            ]  # fmt: skip


def test_ctrl_c_leaves_what_came_and_says_so(tmp_path: Path, huge: Path) -> None:
    here, file = tmp_path / "here", tmp_path / "here" / "large"
    with offering(tmp_path, str(huge)) as sent:
        with start(receiving(sent, "--to", str(here)), env=home(tmp_path, "bob")) as receiver:
            part_grown(file, SIZE // 4, receiver)
            receiver.process.send_signal(signal.SIGINT)
            receiver.wait(130)
            assert receiver.err.decode().splitlines() == ["stopped; the same command goes on from what came"]
        sent.program.wait_for(
            f"^{named('bob')}: went away before all was there; waiting for them to come back$", stream="err"
        )
        assert 0 < (here / ".large.tincans-part").stat().st_size < huge.stat().st_size
        run(receiving(sent, "--to", str(here)), env=home(tmp_path, "bob"))
        sent.program.wait()
    assert filecmp.cmp(file, huge, shallow=False)


def test_a_folder_comes_and_is_summed_up(tmp_path: Path) -> None:
    (tmp_path / "photos" / "deep").mkdir(parents=True)
    (tmp_path / "photos" / "a").write_bytes(b"hello")
    (tmp_path / "photos" / "deep" / "b\x1b").write_bytes(b"x" * 2000)
    os.symlink("/etc", tmp_path / "photos" / "link")
    with offering(tmp_path, "photos", cwd=tmp_path) as sent:
        with start(receiving(sent, "--to", "here"), env=home(tmp_path, "bob"), cwd=tmp_path) as receiver:
            receiver.wait()
            *lines, last = receiver.err.decode().splitlines()
        sent.program.wait()
        assert "  skipped  photos/link: a link" in sent.program.err.decode()
    assert lines == ["      5 B  photos/a", "  2.0 KiB  photos/deep/b\\x1b"]
    assert last.startswith("2 files, 2.0 KiB, in ")
    assert (tmp_path / "here" / "photos" / "deep" / "b\x1b").read_bytes() == b"x" * 2000


def test_what_is_there_is_kept_written_over_or_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"hello")
    here = tmp_path / "here"
    here.mkdir()
    (here / "a.txt").write_bytes(b"mine")

    def received(*options: str) -> list[str]:
        with offering(tmp_path, str(tmp_path / "a.txt")) as sent:
            with start(receiving(sent, "--to", str(here), *options), env=home(tmp_path, "bob")) as receiver:
                receiver.wait()
                sent.program.wait()
                return receiver.err.decode().splitlines()

    assert received() == ["      5 B  a.txt, as a (1).txt"]
    assert (here / "a.txt").read_bytes() == b"mine"
    assert (here / "a (1).txt").read_bytes() == b"hello"
    assert received() == ["it is here already, and the same"]
    assert received("--overwrite", "-q") == []
    assert (here / "a.txt").read_bytes() == b"hello"


def test_what_is_wrong_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for arguments, status, sentence in (
        (("hovercraft",), 2, "'hovercraft' is not a code: it begins with a number"),
        (
            ("7-hovercraft-orbbit",),
            2,
            "'7-hovercraft-orbbit' is not a code: 'orbbit' is none of its words, did you mean",
        ),
        (("--to", "-"), 2, "without a code it waits for peers that it knows: it needs a folder, and nobody to call"),
        (("--from", "127.0.0.1:1"), 2, "without a code it waits for peers that it knows"),
        ((), 2, "nobody can be asked here whether something is wanted: --yes takes what known peers send"),
        (("7-hovercraft-orbit", "--from", "127.0.0.1:1"), 1, "cannot connect to tcp://127.0.0.1:1: the connection was"),
        (("7-hovercraft-orbit", "--from", "127.0.0.1:1", "--to", "file"), 1, "cannot write file: "),
    ):
        with start(tincans("receive", *arguments), env=home(tmp_path, "bob"), cwd=tmp_path) as running:
            running.wait(status)
            lines = running.err.decode().splitlines()
            assert lines[0].startswith(f"tincans: {sentence}")
            assert len(lines) == 2


def test_an_identity_that_was_swapped_is_refused_loudly(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"hello")
    with offering(tmp_path, str(tmp_path / "a")) as sent:
        run(receiving(sent, "--to", str(tmp_path / "here")), env=home(tmp_path, "bob"))
        sent.program.wait()
    (tmp_path / "ann" / "identity.pem").unlink()
    with offering(tmp_path, str(tmp_path / "a")) as sent:
        with start(receiving(sent, "--to", str(tmp_path / "there")), env=home(tmp_path, "bob")) as receiver:
            receiver.wait(1)
            first, advice = receiver.err.decode().splitlines()
    assert f"THE IDENTITY OF {named('ann')} HAS CHANGED" in first
    assert advice.startswith("  Somebody may be posing as your peer.")
    assert os.listdir(tmp_path / "there") == []


def test_a_person_is_asked_and_may_say_no(tmp_path: Path) -> None:
    (tmp_path / "\x1b[31mred").write_bytes(b"x" * 2048)
    for answer, status in (("n", 1), ("y", 0)):
        with offering(tmp_path, str(tmp_path / "\x1b[31mred")) as sent:
            environment = [f"{key}={value}" for key, value in home(tmp_path, "bob").items()]
            command = ["env", *environment, *receiving(sent, "--to", str(tmp_path / "here"))]
            with AtTerminal(command) as terminal:
                terminal.wait_for(r"offers 1 file, 2.0 KiB:\s+2.0 KiB  \\x1b\[31mred\s+Take it\? \[Y/n\]")
                terminal.type(f"{answer}\n")
                terminal.wait(status)
            sent.program.wait(status)
            if answer == "n":
                assert "tincans: you did not want it" in terminal.screen
                assert f"tincans: {named('bob')} did not want it" in sent.program.err.decode()
                assert os.listdir(tmp_path / "here") == []
    assert os.listdir(tmp_path / "here") == ["\x1b[31mred"]


def test_ctrl_c_at_the_question_is_enough(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"hello")
    with offering(tmp_path, str(tmp_path / "a")) as sent:
        environment = [f"{key}={value}" for key, value in home(tmp_path, "bob").items()]
        command = ["env", *environment, *receiving(sent, "--to", str(tmp_path / "here"))]
        with AtTerminal(command) as terminal:
            terminal.wait_for(r"Take it\?")
            terminal.type("\x03")
            terminal.wait(130)


def test_one_who_is_not_at_a_terminal_and_wants_it_waits_for_those_they_know(tmp_path: Path) -> None:
    """Until Ctrl-C, which is success where it is to go on for ever."""
    waiting = tincans("receive", "--listen", "127.0.0.1:0", "--yes", "--count", "0", "--to", str(tmp_path / "here"))
    with start(waiting, env=home(tmp_path, "bob")) as receiver:
        receiver.wait_for("^waiting for known peers on tcp://127.0.0.1:", stream="err")
        receiver.process.send_signal(signal.SIGINT)
        receiver.wait(0)


# ── a full disk ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk with room for half of the file."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE // 2}", "none", str(disk)], check=True)
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@needs_root
def test_a_full_disk_is_told_at_both_ends_and_what_came_stays(tmp_path: Path, large: Path, small_disk: Path) -> None:
    with offering(tmp_path, str(large)) as sent:
        with start(receiving(sent, "--to", str(small_disk)), env=home(tmp_path, "bob")) as receiver:
            receiver.wait(1)
            first, advice = receiver.err.decode().splitlines()
        assert first == "tincans: cannot write large: no space left on device"
        assert advice.startswith("  Name a file in a folder")
        sent.program.wait_for(f"^{named('bob')}: cannot write large: no space left on device; waiting", stream="err")
        kept = (small_disk / ".large.tincans-part").stat().st_size
        assert 0 < kept <= SIZE // 2
        subprocess.run(["mount", "-o", f"remount,size={2 * SIZE}", str(small_disk)], check=True)
        run(receiving(sent, "--to", str(small_disk)), env=home(tmp_path, "bob"))
        sent.program.wait()
    assert (small_disk / "large").read_bytes() == DATA
