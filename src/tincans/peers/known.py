"""Whom a peer knows: a text file as SSH's known_hosts, a line a peer, for people to read and edit.

    # NAME FINGERPRINT ADDRESS SINCE
    ann ojhp-2eno-pbzm-4a4u-z45d-5psg-ycgn-3nfd-c45j-7asf-2wmj-dp2w-i6ba tcp://10.0.0.7:7767 2026-11-28T03:00:00Z

The address is where they were last called, or `-`. What stands behind the fourth word, empty lines and lines that begin
with # are kept as they are. The file is read anew whenever it was changed.

**Who gets in, and why.** A key is trusted by an act of somebody here, and by nothing else:

* *You call an address for the first time:* whoever answers is pinned, and you are told so, with the fingerprint. You
  chose the address, as with SSH's `accept-new`; an impostor would have to be there at that moment, and for ever after.
* *Somebody unknown calls you:* that was their choice and not yours, so they are refused, and you are shown the command
  that would let them in (`--trust FINGERPRINT`). `--trust new` takes whoever calls, for friends at one table.
* *A spoken code* was agreed on: both know that they have the right key, and pin it.
* *Somebody who belongs to the mesh introduces them* (`roster.py`): they may link, and are not pinned.

**A changed identity is refused, whoever it is.** A known name or a called address with another key is what an impostor
looks like; it is also what a friend looks like who lost their key. Only a person can tell: `IdentityChanged` shows both
fingerprints, and the command that forgets the old one.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from tincans.address import Address
from tincans.channel import Side
from tincans.errors import AddressError, IdentityChanged, KnownPeersBroken, NoSuchPeer, reason_of
from tincans.folders import peers_folder
from tincans.peers.identity import Fingerprint, parse_fingerprint
from tincans.peers.naming import checked_name, is_name
from tincans.peers.tls import Peer
from tincans.replacing import replacing

#: Asked about a caller whom nobody knows: whether to pin them. It may take its time, and ask a person.
Ask = Callable[[Peer], Awaitable[bool]]

_HEAD = "# NAME FINGERPRINT ADDRESS SINCE: whom this peer knows; tincans chat --forget NAME takes a line away\n"
_WORDS = 4


class KnownPeer(NamedTuple):
    """A line of the file."""

    #: What they are called here; each name once.
    name: str
    fingerprint: Fingerprint
    #: Where they were last called; None where they never were.
    address: Address | None
    #: When they were pinned, in RFC 3339.
    since: str

    def __str__(self) -> str:
        return f"{self.name} {self.fingerprint} {self.address or '-'} {self.since}"


class Trust:
    """Whom `--trust` lets in, of those who call and whom nobody knows: these fingerprints, or with `new` anybody."""

    def __init__(self, fingerprints: Iterable[Fingerprint] = (), *, new: bool = False) -> None:
        self.fingerprints, self.new = frozenset(fingerprints), new

    @classmethod
    def parse(cls, words: Iterable[str]) -> Trust:
        """Read what stands behind each `--trust`. Raises `UsageError`."""
        words = list(words)
        return cls((parse_fingerprint(word) for word in words if word != "new"), new="new" in words)

    async def __call__(self, peer: Peer) -> bool:
        return self.new or peer.fingerprint in self.fingerprints


class Known:
    """The file. Every process that has it open sees what another one writes."""

    def __init__(self, path: Path | None = None) -> None:
        """By default `known_peers` in `folders.peers_folder()`; it need not be there."""
        self.path = path or peers_folder() / "known_peers"
        self._stamp: tuple[int, int, int] | None = None
        self._lines: list[str | KnownPeer] = []

    # ── asking ────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def peers(self) -> list[KnownPeer]:
        """All of them, in the order of the lines. Raises `KnownPeersBroken`, as all here do."""
        self._read()
        return [line for line in self._lines if isinstance(line, KnownPeer)]

    def find(self, fingerprint: Fingerprint) -> KnownPeer | None:
        return next((peer for peer in self.peers if peer.fingerprint == fingerprint), None)

    def named(self, name: str) -> KnownPeer:
        """Raises `NoSuchPeer`."""
        for peer in self.peers:
            if peer.name == name:
                return peer
        raise NoSuchPeer(name, self.path)

    def recognize(self, peer: Peer) -> KnownPeer | None:
        """The line of who is at the other end; None where there is none. Raises `IdentityChanged`, see above."""
        peers = self.peers
        for known in peers:
            if known.fingerprint == peer.fingerprint:
                return known
        for known in peers:
            if peer.side is Side.SERVER and known.address == peer.address:
                raise _changed(peer, known, "address")
        for known in peers:
            if known.name == peer.name:
                raise _changed(peer, known, "name")
        return None

    # ── changing ──────────────────────────────────────────────────────────────────────────────────────────

    def pin(self, peer: Peer, name: str = "") -> KnownPeer:
        """Trust this key from now on, by this name or the one that the peer gave itself.

        One that is known stays as it is. Raises `IdentityChanged`, also where the name is another's, and `UsageError`.
        """
        peer = peer._replace(name=checked_name(name or peer.name))
        with self._changing():
            known = self.recognize(peer)
            if known is None:
                since = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
                known = KnownPeer(peer.name, peer.fingerprint, _called(peer), since)
                self._lines.append(known)
        return known

    def seen(self, peer: Peer) -> None:
        """Remember where a known peer was called."""
        known, address = self.find(peer.fingerprint), _called(peer)
        if known is None or address is None or known.address == address:
            return
        with self._changing():
            self._lines = [
                line._replace(address=address)
                if isinstance(line, KnownPeer) and line.fingerprint == peer.fingerprint
                else line
                for line in self._lines
            ]

    def forget(self, name: str) -> KnownPeer:
        """Take the line of that name away, and return what it was. Raises `NoSuchPeer`."""
        with self._changing():
            known = self.named(name)
            self._lines.remove(known)
        return known

    # ── the file ──────────────────────────────────────────────────────────────────────────────────────────

    def _read(self) -> None:
        try:
            with open(self.path, encoding="utf-8") as file:
                status = os.fstat(file.fileno())
                stamp = (status.st_ino, status.st_size, status.st_mtime_ns)
                if stamp == self._stamp:
                    return
                text = file.read()
        except FileNotFoundError:
            self._lines, self._stamp = [], None
            return
        except OSError as error:
            raise KnownPeersBroken(self.path, 0, reason_of(error)) from error
        except ValueError as error:
            raise KnownPeersBroken(self.path, 0, "it is not UTF-8") from error
        self._lines, self._stamp = list(self._parsed(text)), stamp

    def _parsed(self, text: str) -> Iterator[str | KnownPeer]:
        names: set[str] = set()
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip() or line.lstrip().startswith("#"):
                yield line
                continue
            peer = self._parse(line, number)
            if peer.name in names:
                raise KnownPeersBroken(self.path, number, f"{peer.name} is there twice")
            names.add(peer.name)
            yield peer

    def _parse(self, line: str, number: int) -> KnownPeer:
        words = line.split(maxsplit=_WORDS - 1)
        if len(words) < _WORDS:
            raise KnownPeersBroken(self.path, number, "it has fewer than four words: NAME FINGERPRINT ADDRESS SINCE")
        name, fingerprint, address, since = words
        try:
            if not is_name(name):
                raise ValueError(f"{name!r} cannot be a peer's name")
            return KnownPeer(
                name, Fingerprint.parse(fingerprint), None if address == "-" else Address.parse(address), since.rstrip()
            )
        except (ValueError, AddressError) as error:
            raise KnownPeersBroken(self.path, number, str(error)) from error

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Read the file, have the block change its lines, and write it, while no other process does."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with open(self.path.parent / ".known_peers.lock", "w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                self._read()
                before = list(self._lines)
                yield
                if self._lines != before:
                    self._write()
        except OSError as error:
            self._stamp = None  # what was not written is not so
            raise KnownPeersBroken(self.path, 0, reason_of(error)) from error

    def _write(self) -> None:
        lines = self._lines if self._stamp else [_HEAD.rstrip(), *self._lines]
        with replacing(self.path) as file:
            file.write("".join(f"{line}\n" for line in lines).encode())
        self._stamp = None


def _called(peer: Peer) -> Address | None:
    """Where the peer can be called, if that is known: where it calls from, it does not listen."""
    return peer.address if peer.side is Side.SERVER else None


def _changed(peer: Peer, known: KnownPeer, by: str) -> IdentityChanged:
    return IdentityChanged(
        peer.address, known.name, known.fingerprint, peer.fingerprint, by=by, caller=peer.side is Side.CLIENT
    )
