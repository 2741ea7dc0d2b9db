"""Guesses are counted before anything is answered, and survive the process."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec
import pytest

from tincans.limits import CODE_GUESSES, CODE_KEPT_SECONDS, PASS_TICKETS
from tincans.peers.codes import Code
from tincans.peers.invitations import Invitation

CODE = Code(7, ("hovercraft", "orbit"))


def test_it_bears_so_many_wrong_guesses_and_not_one_more() -> None:
    invitation = Invitation(CODE)
    for left in reversed(range(CODE_GUESSES)):
        assert not invitation.is_void
        assert not invitation.guess(lambda: False)
        assert invitation.left == left
    assert invitation.is_void
    assert not invitation.guess(lambda: True), "a void code is good for nobody"
    assert invitation.left == 0


def test_a_right_guess_costs_nothing() -> None:
    invitation = Invitation(CODE)
    assert all(invitation.guess(lambda: True) for _ in range(2 * CODE_GUESSES))
    assert invitation.left == CODE_GUESSES


def test_a_void_code_is_not_even_compared() -> None:
    with pytest.raises(AssertionError):
        Invitation(CODE).guess(_never)
    Invitation(CODE, left=0).guess(_never)


def _never() -> bool:
    raise AssertionError


def test_another_process_goes_on_with_what_is_left(tmp_path: Path) -> None:
    file = tmp_path / "sending" / "it.json"
    first = Invitation(CODE, file=file)
    first.port = 1234
    first.guess(lambda: False)
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    second = Invitation.opened(file)
    assert second is not None
    assert (second.code, second.left, second.port, second.is_known) == (CODE, CODE_GUESSES - 1, 1234, True)
    second.forget()
    assert Invitation.opened(file) is None
    second.forget()


def test_a_void_one_is_not_gone_on_with(tmp_path: Path) -> None:
    invitation = Invitation(CODE, left=1, file=tmp_path / "it.json")
    invitation.guess(lambda: False)
    assert (tmp_path / "it.json").exists()
    assert Invitation.opened(tmp_path / "it.json") is None


@pytest.mark.parametrize(
    ("age", "good"), [(CODE_KEPT_SECONDS - 60, True), (CODE_KEPT_SECONDS + 1, False), (-60, False)]
)
def test_an_old_one_is_not_gone_on_with(tmp_path: Path, age: float, good: bool) -> None:
    file = tmp_path / "it.json"
    kept = {"code": str(CODE), "left": CODE_GUESSES, "port": 1, "since": time.time() - age}
    file.write_bytes(msgspec.json.encode(kept))
    assert (Invitation.opened(file) is not None) == good


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff", b'{"code":"x","left":3,"port":1,"since":1}'])
def test_a_file_that_says_nothing_is_none(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "it.json").write_bytes(data)
    assert Invitation.opened(tmp_path / "it.json") is None


def test_nobody_gives_themselves_more_guesses(tmp_path: Path) -> None:
    file = tmp_path / "it.json"
    file.write_bytes(msgspec.json.encode({"code": str(CODE), "left": 99, "port": 1, "since": time.time()}))
    opened = Invitation.opened(file)
    assert opened is not None
    assert opened.left == CODE_GUESSES


def test_another_number_is_kept(tmp_path: Path) -> None:
    invitation = Invitation(CODE, file=tmp_path / "it.json")
    invitation.renumber(9)
    opened = Invitation.opened(tmp_path / "it.json")
    assert opened is not None
    assert str(opened.code) == "9-hovercraft-orbit"


def test_one_process_at_a_time_goes_on_with_what_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "sending" / "it.json"
    first = Invitation.kept(file)
    first.keep()
    other = Invitation.kept(file)
    other.keep()
    assert other.code != first.code, "somebody invites to that already: this is an invitation of its own"
    other.close()
    first.close()
    first.close()
    again = Invitation.kept(file)
    assert (again.code, again.is_known) == (first.code, True)
    again.forget()
    again.close()
    assert list(file.parent.iterdir()) == []


def test_what_a_killed_process_had_locked_is_free(tmp_path: Path) -> None:
    file = tmp_path / "it.json"
    first = Invitation.kept(file)
    first.keep()
    first.close()
    file.with_suffix(".lock").touch()
    again = Invitation.kept(file)
    assert again.code == first.code
    again.close()


KEY, OTHER = b"k" * 32, b"o" * 32


def test_a_ticket_is_of_one_key_until_it_is_needed_no_more(tmp_path: Path) -> None:
    file = tmp_path / "it.json"
    first = Invitation(CODE, file=file)
    first.admit(b"ticket", KEY)
    assert first.knows(b"ticket", KEY)
    assert not first.knows(b"ticket", OTHER)
    assert not first.knows(b"other", KEY)
    second = Invitation.opened(file)
    assert second is not None
    assert second.knows(b"ticket", KEY), "another process knows it, too"
    second.dismiss(b"ticket", KEY)
    second.dismiss(b"ticket", KEY)
    third = Invitation.opened(file)
    assert third is not None
    assert not third.knows(b"ticket", KEY)


def test_so_many_tickets_are_known_and_not_one_more() -> None:
    invitation = Invitation(CODE)
    for number in range(PASS_TICKETS + 1):
        assert invitation.knows(b"%d" % 0, KEY) == (number > 0)
        invitation.admit(b"%d" % number, KEY)
    assert not invitation.knows(b"%d" % 0, KEY)
    assert invitation.knows(b"%d" % 1, KEY)


def test_a_file_of_before_there_were_tickets_is_read(tmp_path: Path) -> None:
    file = tmp_path / "it.json"
    Invitation(CODE, file=file).keep()
    kept = msgspec.json.decode(file.read_bytes())
    del kept["tickets"]
    file.write_bytes(msgspec.json.encode(kept))
    assert Invitation.opened(file) is not None
    kept["tickets"] = [["no", "digits"]]
    file.write_bytes(msgspec.json.encode(kept))
    assert Invitation.opened(file) is None
