"""`tincans send`: real programs on loopback; what is said, killed and gone on with, and what comes to nothing."""

from __future__ import annotations

import contextlib
import filecmp
import os
import random
import signal
from pathlib import Path

import pytest

from partners import AtTerminal
from passing import home, named, offering, part_grown, receiving
from running import run, start, tincans
from tincans.limits import CODE_GUESSES, PASS_PORT

SIZE = 24 * 1024 * 1024


def large(path: Path, seed: int = 1) -> bytes:
    data = random.Random(seed).randbytes(SIZE)
    path.write_bytes(data)
    return data


def test_it_says_what_to_type_and_ends_when_it_was_received(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"hello")
    with offering(tmp_path, str(tmp_path / "a.txt")) as sent:
        run(receiving(sent, "--to", str(tmp_path / "here")), env=home(tmp_path, "bob"))
        sent.program.wait()
        first, *lines = sent.program.err.decode().splitlines()
        assert sent.program.out.decode() == f"tincans receive {sent.code}\n"
        assert first == f"or, where that finds nobody: tincans receive {sent.code} --from {sent.address}"
        assert lines == ["      5 B  a.txt"]
    assert (tmp_path / "here" / "a.txt").read_bytes() == b"hello"


def test_the_offer_is_found_by_its_number_on_the_local_network(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"hello")
    with (
        offering(tmp_path, str(tmp_path / "a.txt"), near=True) as sent,
        offering(tmp_path, __file__, name="eve", near=True) as other,
    ):
        assert sent.code.partition("-")[0] != other.code.partition("-")[0], "the network has each number once"
        run(tincans("receive", sent.code, "--to", str(tmp_path / "here")), env=home(tmp_path, "bob", near=True))
        sent.program.wait()
        number = int(sent.code.partition("-")[0])
        with start(tincans("receive", sent.code), env=home(tmp_path, "bob", near=True), cwd=tmp_path) as late:
            late.wait(1)
            assert late.err.decode().startswith(
                f"tincans: nobody on the local network has offered {number} within 3 s\n  Both must be on one local"
            )


def test_stdin_is_sent_by_a_name_and_received_on_stdout(tmp_path: Path) -> None:
    data = random.Random(7).randbytes(3_000_000)
    with offering(tmp_path, "-", "--name", "src.tar", stdin=data) as sent:
        assert run(receiving(sent, "--to", "-"), env=home(tmp_path, "bob")) == data
        sent.program.wait()
        assert sent.program.err.decode().splitlines()[-1] == "  2.9 MiB  src.tar"


def test_what_is_wrong_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    for arguments, status, sentence in (
        ((), 2, "FILE… is missing"),
        (("none",), 1, "cannot read none: no such file or directory"),
        (("-",), 2, "what comes from stdin has no name: say one with --name, without a slash"),
        (("-", "--name", "../x"), 2, "what comes from stdin has no name: say one with --name, without a slash"),
        (("-", "a"), 2, "what comes from stdin is one file, for one receiver"),
        (("-", "--name", "x", "--count", "2"), 2, "what comes from stdin is one file, for one receiver"),
        (("a", "./a"), 2, "two of the files are called 'a'"),
        (("a", "--peer", "ann"), 1, f"{tmp_path}/ann/known_peers has no peer 'ann'"),
        (("a", "--listen", "nowhere"), 2, "'nowhere' is not an address: "),
        (("a", "--to", "127.0.0.1:1"), 2, "--to says where a known peer is: name it with --peer"),
        (("a", "--count", "-1"), 2, "invalid value for '--count'"),
    ):
        with start(tincans("send", *arguments), env=home(tmp_path, "ann"), cwd=tmp_path) as running:
            running.wait(status)
            lines = running.err.decode().splitlines()
            assert lines[0].startswith(f"tincans: {sentence}")
            assert len(lines) == 2


def test_a_wrong_code_is_told_at_both_ends_until_it_is_void(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"hello")
    with offering(tmp_path, str(tmp_path / "a")) as sent:
        number, *words = sent.code.split("-")
        wrong = sent._replace(code=f"{number}-{words[0]}-{'zebra' if words[1] != 'zebra' else 'zenith'}")
        for left in range(CODE_GUESSES - 1, -1, -1):
            with start(receiving(wrong), env=home(tmp_path, "bob"), cwd=tmp_path) as running:
                running.wait(1)
                said = running.err.decode().splitlines()
            if left:
                assert said[0] == (
                    f"tincans: the words are not those of offer {number}: {left} more wrong "
                    f"{'code makes' if left == 1 else 'codes make'} it void"
                )
        assert said[0] == f"tincans: the code of offer {number} is void: it was guessed wrong too often"
        assert sent.program.wait(1) == 1
        told = sent.program.err.decode().splitlines()[1:]
    assert [line.partition(" gave ")[2] for line in told[:3]] == [
        "a wrong code: 2 more wrong codes make it void",
        "a wrong code: 1 more wrong code makes it void",
        "a wrong code",
    ]  # fmt: skip
    assert told[3] == said[0]
    assert sorted(os.listdir(tmp_path)) == ["a", "ann", "bob"]


@pytest.mark.parametrize("seed", range(2))
def test_a_sender_that_is_killed_is_gone_on_with_by_the_same_command(tmp_path: Path, seed: int) -> None:
    """The receiver runs all the while: it calls until somebody is there again, who knows it."""
    data, rng = large(tmp_path / "large", seed), random.Random(seed)
    here, file, grown = tmp_path / "here", tmp_path / "here" / "large", 0
    with contextlib.ExitStack() as running:
        codes, receiver = set(), None
        while not file.exists():
            with offering(tmp_path, str(tmp_path / "large")) as sent:
                codes.add((sent.code, sent.address))
                if receiver is None:
                    receiver = running.enter_context(
                        start(receiving(sent, "--to", str(here)), env=home(tmp_path, "bob"))
                    )
                grown += rng.randrange(SIZE // 3, SIZE // 2)
                part_grown(file, grown, receiver)
                if not file.exists():
                    sent.program.process.kill()
                    sent.program.wait(None)
                else:
                    receiver.wait()
                    sent.program.process.send_signal(signal.SIGINT)  # it may have come too late for who had all
                    sent.program.wait(None)
        assert receiver is not None
        assert receiver.wait() == 0
    assert file.read_bytes() == data
    assert len(codes) == 1, "the same code, at the same port"


def test_ctrl_c_leaves_what_came_and_says_so(tmp_path: Path) -> None:
    large(tmp_path / "large")
    os.truncate(tmp_path / "large", 10 * SIZE)  # so that it is not there before a busy machine has heard of Ctrl-C
    here, file = tmp_path / "here", tmp_path / "here" / "large"
    with offering(tmp_path, str(tmp_path / "large")) as sent:
        with start(receiving(sent, "--to", str(here)), env=home(tmp_path, "bob")) as receiver:
            part_grown(file, SIZE // 4, receiver)
            sent.program.process.send_signal(signal.SIGINT)
            sent.program.wait(130)
            receiver.wait(1)
            assert sent.program.err.decode().splitlines()[-1] == "stopped; the same command goes on from what came"
            assert receiver.err.decode().splitlines()[-2].endswith(": stopped before all was there")
    with offering(tmp_path, str(tmp_path / "large")) as again:
        assert again.code == sent.code
        run(receiving(again, "--to", str(here)), env=home(tmp_path, "bob"))
        again.program.wait()
    assert filecmp.cmp(file, tmp_path / "large", shallow=False)


def test_ctrl_c_before_anybody_came_forgets_the_offer(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with offering(tmp_path, str(tmp_path / "a")) as sent:
        sent.program.process.send_signal(signal.SIGINT)
        sent.program.wait(130)
        assert len(sent.program.err.decode().splitlines()) == 1
    assert os.listdir(tmp_path / "ann" / "sending") == []


def test_two_offers_of_one_file_at_once_have_a_code_each(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"hello")
    with offering(tmp_path, str(tmp_path / "a")) as one, offering(tmp_path, str(tmp_path / "a")) as other:
        assert one.code != other.code
        for number, sent in enumerate((one, other)):
            run(receiving(sent, "--to", str(tmp_path / f"here{number}")), env=home(tmp_path, "bob"))
            sent.program.wait()


def test_several_receive_and_it_goes_on_until_ctrl_c(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"hello")
    with offering(tmp_path, str(tmp_path / "a"), "--count", "0") as sent:
        for name in ("bob", "eve"):
            run(receiving(sent, "--to", str(tmp_path / "to" / name)), env=home(tmp_path, name))
        sent.program.process.send_signal(signal.SIGINT)
        sent.program.wait(0)
        assert sorted(sent.program.err.decode().splitlines()[1:3]) == [
            f"      5 B  {name}: a" for name in sorted((named("bob"), named("eve")))
        ]


def test_a_known_peer_needs_no_code_and_a_stranger_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"hello")
    with offering(tmp_path, str(tmp_path / "a")) as sent:
        run(receiving(sent, "--to", str(tmp_path / "one")), env=home(tmp_path, "bob"))
        sent.program.wait()
    waiting = tincans("receive", "--listen", "127.0.0.1:0", "--yes", "--to", str(tmp_path / "two"))
    with start(waiting, env=home(tmp_path, "bob", near=True)) as receiver:
        address = receiver.wait_for(r"waiting for known peers on tcp://(\S+)", stream="err")[1]
        (tmp_path / "eve").mkdir()
        line = next(line for line in (tmp_path / "ann" / "known_peers").read_text().splitlines() if "bob" in line)
        (tmp_path / "eve" / "known_peers").write_text(f"{line}\n")
        to_bob = ("--peer", named("bob"), "--to", address)
        with start(tincans("send", str(tmp_path / "a"), *to_bob), env=home(tmp_path, "eve")) as stranger:
            stranger.wait(1)
            assert "you are not known here: pair by a code first" in stranger.err.decode()
        run(tincans("send", str(tmp_path / "a"), "--peer", named("bob")), env=home(tmp_path, "ann", near=True))
        receiver.wait()
        assert f"nothing was taken from {named('eve')}: " in receiver.err.decode()
    assert (tmp_path / "two" / "a").read_bytes() == b"hello"


def test_where_all_can_call_it_says_so_loudly(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with start(tincans("send", "a", "--listen", "tcp://*:0"), env=home(tmp_path, "ann"), cwd=tmp_path) as running:
        running.wait_for("^warning: every machine that can reach this one may call it", stream="err")
        running.process.send_signal(signal.SIGINT)
        running.wait(130)


def test_quiet_says_the_command_alone(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    command = tincans("send", "-q", "a", "--listen", "127.0.0.1:0")
    with start(command, env=home(tmp_path, "ann", near=True), cwd=tmp_path) as running:
        code = running.wait_for(r"^tincans receive (\S+)$")[1]
        run(tincans("receive", "-q", code, "--to", str(tmp_path / "here")), env=home(tmp_path, "bob", near=True))
        running.wait()
        assert running.err == b""


def test_at_a_terminal_there_are_bars_and_names_are_escaped(tmp_path: Path) -> None:
    (tmp_path / "\x1b[31mred").write_bytes(b"x" * 1000)
    environment = home(tmp_path, "ann", near=True)
    command = ["env", *(f"{key}={value}" for key, value in environment.items())]
    command += tincans("send", str(tmp_path / "\x1b[31mred"), "--listen", "127.0.0.1:0")
    with AtTerminal(command) as terminal:
        code = terminal.wait_for(r"tincans receive (\d+-\w+-\w+)")[1]
        run(tincans("receive", code, "--to", str(tmp_path / "here")), env=home(tmp_path, "bob", near=True))
        terminal.wait_for(r"1000 B  \\x1b\[31mred")
        terminal.wait()


def test_the_help_names_the_port() -> None:
    assert f"*:{PASS_PORT}" in run(tincans("send", "--help")).decode()
