"""`tincans chat --peer` on five machines, of which two pairs cannot reach each other: real processes, and no server.

The machines are network namespaces. What is on the wire is looked at by tcpdump.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from meshing import check_causal
from namespaces import Network, capturing, network
from running import Program, start, tincans
from tincans.apps.chat.events import Message
from tincans.apps.chat.history.folder import FolderHistory
from tincans.limits import CHAT_HISTORY_MESSAGES
from tincans.peers.posts import SEAL, Post
from tincans.peers.store import Store

pytestmark = pytest.mark.foreign

NAMES = ("ann", "bob", "cyd", "dan", "eve")

#: In everything that is said, and in nothing else that goes over the wire.
WORD = "xylophone"


class Machine(NamedTuple):
    """One of the machines, and where its peer keeps its things."""

    net: Network
    name: str
    folder: Path

    @contextlib.contextmanager
    def peer(self, *calls: str) -> Iterator[Program]:
        """A peer in plain lines while the block runs, which calls these others and lets in whoever calls it."""
        who = ["--name", self.name, "--nick", self.name, "--trust", "new", "--mesh", "proof", "--no-record"]
        called = [word for call in calls for word in ("--peer", f"{self.net.address(call)}:7769")] or ["--peer"]
        home = {"TINCANS_PEERS": str(self.folder / self.name), "HOME": str(self.folder)}
        command = self.net.inside(self.name, tincans("chat", *called, *who, "--plain"))
        with start(command, stdin=subprocess.PIPE, env=home) as running:
            running.wait_for("others call you at")
            yield running

    def posts(self) -> list[Post]:
        """What it has of the mesh, after its process has ended."""
        store = Store(self.folder / self.name / "meshes" / "proof", "proof")
        posts = [SEAL.read(sealed) for place in range(store.begin, store.end) for sealed in store.read(place)]
        store.close()
        return posts

    def messages(self) -> list[Message]:
        """What its hub told its people, after its process has ended."""

        async def read() -> None:
            history = FolderHistory.open(self.folder / self.name / "meshes" / "proof" / "rooms")
            found.extend(await history.read("#lobby", limit=CHAT_HISTORY_MESSAGES))
            await history.aclose()

        found: list[Message] = []
        asyncio.run(read())
        return found


def say(running: Program, text: str) -> None:
    running.feed(f"{text} {WORD}\n".encode())


def heard(running: Program) -> list[str]:
    """What it has printed of what was said, in order."""
    return re.findall(rf"^(\w+: .*) {WORD}$", running.out.decode(), re.MULTILINE)


def wait_for(running: Program, *texts: str) -> None:
    for text in texts:
        running.wait_for(rf"^{re.escape(text)} {WORD}$")


def test_five_machines_of_which_two_pairs_cannot_reach_each_other(tmp_path: Path) -> None:
    wire = tmp_path / "wire.pcap"
    with network(*NAMES) as net, contextlib.ExitStack() as stack:
        net.divide("ann", "eve")
        net.divide("bob", "dan")
        machines = {name: Machine(net, name, tmp_path) for name in NAMES}
        stack.enter_context(capturing(net, "bob", wire))
        calls = {"ann": (), "bob": ("ann",), "cyd": ("ann",), "dan": ("ann",), "eve": ("bob",)}
        peers = {name: stack.enter_context(machines[name].peer(*calls[name])) for name in NAMES}

        # Everybody hears everybody, though ann and eve, and bob and dan, never meet.
        for number in range(20):
            for name in NAMES:
                say(peers[name], f"{name} {number}")
        everything = [f"{name}: {name} {number}" for name in NAMES for number in range(20)]
        for running in peers.values():
            wait_for(running, *everything)

        # An answer is heard after what it answers, wherever both are heard.
        for number in range(5):
            say(peers["ann"], f"question {number}")
            wait_for(peers["eve"], f"ann: question {number}")
            say(peers["eve"], f"answer {number}")
            wait_for(peers["ann"], f"eve: answer {number}")

        # Eve is cut off; ann says something and is gone. What she said comes to eve from those who are left.
        net.plug("eve", in_=False)
        for number in range(10):
            say(peers["ann"], f"meanwhile {number}")
        wait_for(peers["cyd"], "ann: meanwhile 9")
        wait_for(peers["bob"], "ann: meanwhile 9")
        peers["ann"].process.send_signal(signal.SIGKILL)
        say(peers["eve"], "alone")
        wait_for(peers["eve"], "eve: alone")
        assert "ann: meanwhile 0" not in heard(peers["eve"])
        net.plug("eve", in_=True)
        wait_for(peers["eve"], *(f"ann: meanwhile {number}" for number in range(10)))
        for name in ("bob", "cyd", "dan"):
            wait_for(peers[name], "eve: alone")

        # Ann comes back, and catches up with what was said while she was away, as her folders show in the end.
        peers["ann"].wait(None)
        peers["ann"] = stack.enter_context(machines["ann"].peer())
        peers["ann"].wait_for("^-- linked with")
        say(peers["eve"], "welcome")
        wait_for(peers["ann"], "eve: welcome")

        # Dan leaves, which all are told.
        peers["dan"].feed(b"/quit\n")
        peers["dan"].wait()
        for name in ("ann", "bob", "cyd", "eve"):
            peers[name].wait_for("^-- dan left the hub")
        for running in peers.values():
            heard_once = heard(running)
            assert len(heard_once) == len(set(heard_once)), "something was told twice"
        stack.close()

    said = {f"{name} {number} {WORD}" for name in NAMES for number in range(20)}
    said |= {f"{what} {number} {WORD}" for what in ("question", "answer") for number in range(5)}
    said |= {f"meanwhile {number} {WORD}" for number in range(10)} | {f"alone {WORD}", f"welcome {WORD}"}
    for machine in machines.values():
        posts, messages = machine.posts(), machine.messages()
        check_causal(posts)
        texts = [message.text for message in messages]
        assert sorted(post.text for post in posts) == sorted(texts) == sorted(said)
        assert len({message.id for message in messages}) == len(said)
        for number in range(5):
            assert texts.index(f"question {number} {WORD}") < texts.index(f"answer {number} {WORD}")

    packets = wire.read_bytes()
    assert packets.count(b"tincans-peer/1") >= 3, "the handshakes are in it"
    assert len(packets) > 100 * len(said), "and what came after them"
    for word in (WORD, "question", "meanwhile", "#lobby"):
        assert word.encode() not in packets, f"{word!r} can be read on the wire"


def test_another_identity_at_the_same_address_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with network("ann", "bob") as net:
        ann, bob = (Machine(net, name, tmp_path) for name in net.names)
        with bob.peer() as called, ann.peer("bob") as calling:
            calling.wait_for("bob is trusted from now on")
            calling.wait_for("^-- linked with bob")
            say(called, "hello")
            wait_for(calling, "bob: hello")
        shutil.rmtree(tmp_path / "bob")
        with bob.peer() as swapped, ann.peer("bob") as calling:
            refused = calling.wait_for(r"THE IDENTITY OF bob HAS CHANGED: the address is known with the .*")[0]
            assert refused.endswith("if that is right: tincans chat --forget bob")
            say(swapped, "trust me")
            wait_for(swapped, "bob: trust me")
            swapped.wait_for("it says: THE IDENTITY OF bob HAS CHANGED")
            assert "bob: trust me" not in heard(calling)
