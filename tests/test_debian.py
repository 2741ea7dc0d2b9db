"""The list of Debian packages: all are there, and what is said when one is not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import debian


def test_all_programs_are_there_and_it_says_nothing() -> None:
    script = Path(debian.__file__)
    done = subprocess.run([sys.executable, "-I", str(script)], capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_each_row_is_given_once_and_in_order() -> None:
    for rows in (debian.TESTS, debian.BENCH):
        assert list(rows) == sorted(set(rows))


def test_a_missing_program_is_named_with_the_command_that_installs_it() -> None:
    rows = (debian.Package("tins", "/nowhere/tin", "a reason"), debian.Package("cans", "no-such-program", "a reason"))
    assert debian.missing(rows + debian.TESTS) == list(rows)
    assert debian.advice(list(rows)).endswith("; run: sudo apt-get install --no-install-recommends cans tins")


def test_servers_do_not_start_while_apt_runs(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    with debian.no_server_starts(policy):
        assert subprocess.run([policy, "nginx", "start"]).returncode == 101, "101 forbids it"
    assert not policy.exists()


def test_a_policy_of_the_machine_s_own_is_left_alone(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text("its own")
    with debian.no_server_starts(policy):
        assert policy.read_text() == "its own"
    assert policy.read_text() == "its own"
    assert not os.access(policy, os.X_OK)
