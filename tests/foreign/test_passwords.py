"""A password as `[users]` has it is one that PostgreSQL made, or takes."""

from __future__ import annotations

from pathlib import Path

import pytest

import servers
from running import program, run
from tincans.users import Verifier

pytestmark = pytest.mark.foreign


def psql(socket: Path, password: str, statement: str) -> str:
    """What a statement gives, after logging in with a password."""
    command = [program("psql"), "-XAtq", "-h", str(socket.parent), "-U", "ada", "-d", "postgres", "-c", statement]
    return run(command, env={"PGPASSWORD": password}).decode().strip()


def test_postgresql_makes_the_same_of_a_password_and_takes_ours() -> None:
    with servers.postgresql(password="lovelace") as socket:
        password = "lovelace"
        for following in ("gru\u0308n\u00a0tee", "tab\tulator", "\u0627\u0031"):
            record = psql(socket, password, "SELECT rolpassword FROM pg_authid WHERE rolname = 'ada'")
            theirs = Verifier.parse(record)
            assert str(Verifier.of(password, rounds=theirs.rounds, salt=theirs.salt)) == record
            psql(socket, password, f"ALTER ROLE ada PASSWORD '{Verifier.of(following, rounds=4096)}'")
            psql(socket, following, f"ALTER ROLE ada PASSWORD '{following}'")  # logged in with ours, theirs again
            password = following
        record = psql(socket, password, "SELECT rolpassword FROM pg_authid WHERE rolname = 'ada'")
        assert Verifier.parse(record).fits(password)
