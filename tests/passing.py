"""Two people with files: who they are, each with a folder of their own, and a place between them."""

from __future__ import annotations

from pathlib import Path

from tincans.address import Address
from tincans.peers.codes import Code
from tincans.peers.identity import Identity
from tincans.peers.invitations import Invitation
from tincans.peers.known import Known
from tincans.peers.tls import PeerTls
from tincans.peers.transfers import Us
from tincans.progress import Deed, Step

ANY = Address.parse("tcp://127.0.0.1:0")
CODE = Code(7, ("hovercraft", "orbit"))
WRONG = Code(7, ("hovercraft", "orange"))


def person(folder: Path, name: str, home_name: str = "") -> Us:
    """Somebody of that name, who keeps their key and whom they know in `folder`/`home_name`, or `name`."""
    home = folder / (home_name or name)
    return Us(PeerTls(Identity.open(home), name), Known(home / "known_peers"))


def acquainted(one: Us, other: Us) -> None:
    """Have both know each other, as after a pairing."""
    for knows, whom in ((one, other), (other, one)):
        with open(knows.known.path, "a") as file:
            file.write(f"{whom.tls.name} {whom.tls.identity.fingerprint} - 2026-11-28T03:00:00Z\n")


def invitation() -> Invitation:
    return Invitation(CODE)


class Steps:
    """Hears what happens, in short."""

    def __init__(self) -> None:
        self.all: list[Step] = []

    def __call__(self, step: Step) -> None:
        self.all.append(step)

    def of(self, deed: Deed) -> list[str]:
        return [step.name for step in self.all if step.deed is deed]

    @property
    def begun(self) -> list[int]:
        """From where each file was begun."""
        return [step.amount for step in self.all if step.deed is Deed.BEGUN]
