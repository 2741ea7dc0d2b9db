"""A peer says where it can be called by those who hear it."""

from __future__ import annotations

from pathlib import Path

from tincans.address import Address
from tincans.clock import SYSTEM
from tincans.peers.identity import Identity
from tincans.peers.presenting import Presenter
from tincans.peers.wire import SEAL, Person


class Still:
    """A clock that stands."""

    def now(self) -> int:
        return 5


def test_on_every_interface_it_is_where_others_see_it(tmp_path: Path) -> None:
    presenter = Presenter(Identity.open(tmp_path), "tincans", "ann", SYSTEM)
    presenter.served += [Address("tcp", "*", 7769), Address("tcp", "10.0.0.9", 1)]
    seen = {"10.0.0.7", "fd00::7", "fe80::1%eth0", ""}
    assert presenter.addresses(seen) == ["tcp://10.0.0.7:7769", "tcp://[fd00::7]:7769", "tcp://10.0.0.9:1"]
    assert presenter.addresses([]) == ["tcp://10.0.0.9:1"]


def test_stamps_grow_though_the_clock_stands(tmp_path: Path) -> None:
    presenter = Presenter(Identity.open(tmp_path), "tincans", "ann", Still())
    stamps = [SEAL.unseal(presenter.present([]), "tincans").stamp for _ in range(3)]
    assert stamps == [5, 6, 7]


def test_a_farewell_names_nobody(tmp_path: Path) -> None:
    presenter = Presenter(Identity.open(tmp_path), "tincans", "ann", SYSTEM)
    assert presenter.change([Person("ann")])
    assert not presenter.change([Person("ann")])
    assert SEAL.read(presenter.present([])).people == (Person("ann"),)
    gone = SEAL.read(presenter.present([], gone=True))
    assert (gone.gone, gone.people) == (True, ())
