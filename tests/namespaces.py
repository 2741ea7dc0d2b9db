"""Machines for the tests: network namespaces on one switch, of which some cannot reach each other.

    ┌ ann ┐ ┌ bob ┐ ┌ cyd ┐      each a network stack of its own, with one cable
    └──┬──┘ └──┬──┘ └──┬──┘
       └───────┴───────┴──── a bridge, in a namespace of its own

It needs root, as the machine that proves it has. What is made has names of its own, and goes with the block.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from running import Program, program, start

_networks = itertools.count()


class Network:
    """Some machines, by name; their addresses are 10.77.0.1 and so on."""

    def __init__(self, names: Sequence[str]) -> None:
        assert os.geteuid() == 0, "network namespaces need root: run this test as root"
        self.names = tuple(names)
        self._mark = f"t{os.getpid()}n{next(_networks)}"

    def address(self, name: str) -> str:
        return f"10.77.0.{self.names.index(name) + 1}"

    def inside(self, name: str, command: Sequence[str]) -> list[str]:
        """The command, as it is run on that machine."""
        return [program("ip"), "netns", "exec", self._space(name), *command]

    def plug(self, name: str, *, in_: bool) -> None:
        """Pull a machine's cable out, or put it back in."""
        state = "up" if in_ else "down"
        self._ip("-n", self._space("switch"), "link", "set", f"p{self.names.index(name)}", state)

    def divide(self, one: str, other: str) -> None:
        """Have nothing get through between these two, while both reach everybody else."""
        for here, there in ((one, other), (other, one)):
            self._ip("-n", self._space(here), "route", "add", "unreachable", f"{self.address(there)}/32")

    def build(self) -> None:
        for name in ("switch", *self.names):
            self._ip("netns", "add", self._space(name))
            self._ip("-n", self._space(name), "link", "set", "lo", "up")
        switch = self._space("switch")
        self._ip("-n", switch, "link", "add", "bridge", "type", "bridge", "forward_delay", "0", "mcast_snooping", "0")
        self._ip("-n", switch, "link", "set", "bridge", "up")
        for number, name in enumerate(self.names):
            space, plug = self._space(name), f"p{number}"
            ends = ["cable", "netns", space, "type", "veth", "peer", "name", plug, "netns", switch]
            self._ip("link", "add", *ends)
            self._ip("-n", switch, "link", "set", plug, "master", "bridge", "up")
            self._ip("-n", space, "addr", "add", f"{self.address(name)}/24", "dev", "cable")
            self._ip("-n", space, "link", "set", "cable", "up")

    def tear_down(self) -> None:
        for name in ("switch", *self.names):
            subprocess.run([program("ip"), "netns", "delete", self._space(name)], capture_output=True)

    def _space(self, name: str) -> str:
        return f"{self._mark}-{name}"

    def _ip(self, *arguments: str) -> None:
        done = subprocess.run([program("ip"), *arguments], capture_output=True, text=True)
        assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"


@contextlib.contextmanager
def network(*names: str) -> Iterator[Network]:
    """Machines of these names, while the block runs."""
    made = Network(names)
    try:
        made.build()
        yield made
    finally:
        made.tear_down()


@contextlib.contextmanager
def capturing(net: Network, name: str, file: Path) -> Iterator[Program]:
    """Have tcpdump write every packet of a machine's cable to `file` while the block runs."""
    command = [program("tcpdump"), "-i", "cable", "-s", "0", "-U", "-Z", "root", "-w", str(file)]
    with start(net.inside(name, command)) as running:
        running.wait_for("listening on cable", stream="err")
        yield running
