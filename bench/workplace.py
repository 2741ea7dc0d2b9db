"""The folder of one run, and what every subject needs: compiled C programs, a certificate, the load generator."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.figures import Figure, NotMeasured, leave_out
from bench.program import Program

HERE = Path(__file__).parent
#: The environment that mitmproxy has to itself (requirements/mitmproxy.in).
MITMPROXY = HERE.parent / ".venv" / "mitmproxy" / "bin"
C_PROGRAMS = {
    "echo_epoll": [],
    "sink": [],
    "splice_relay": [],
    "load": [],
    "fanout": [],
    "load_tls": ["-lssl", "-lcrypto", "-lpthread"],
}


class Workplace:
    """A folder on the disk of the project (never a tmpfs: recording is measured in it), gone when the run is over."""

    def __init__(self, folder: Path, *, rounds: int, scale: float) -> None:
        self.folder = folder
        #: How often each peer is measured, and what every duration is multiplied with.
        self.rounds, self.scale = rounds, scale
        #: How each peer was started, by subject and name: printed with the results.
        self.commands: dict[str, str] = {}
        self._made = 0

    def path(self, suffix: str) -> Path:
        """A new name in the folder."""
        self._made += 1
        return self.folder / f"{self._made}{suffix}"

    def compile(self) -> None:
        for name, libraries in C_PROGRAMS.items():
            command = ["gcc", "-O2", "-o", str(self.c(name)), str(HERE / "c" / f"{name}.c"), *libraries]
            subprocess.run(command, check=True)

    def c(self, name: str) -> Path:
        return self.folder / name

    def certificate(self) -> tuple[Path, Path]:
        """A self-signed certificate for localhost (ECDSA P-256) and its key, made once."""
        cert, key = self.folder / "cert.pem", self.folder / "key.pem"
        if not cert.exists():
            command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
            subprocess.run([*command.split(), "-keyout", key, "-out", cert], check=True, capture_output=True)
        return cert, key

    def say(self, text: str) -> None:
        print(text, flush=True)

    # ── load ──

    def load(self, *arguments: object, program: str = "load") -> dict[str, float]:
        """Run the load generator once and return what it printed. `NotMeasured` when the peer failed under it."""
        command = [str(self.c(program)), *map(str, arguments)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        except subprocess.TimeoutExpired:
            raise NotMeasured("the load was not carried within 60 s") from None
        if done.returncode:
            raise NotMeasured(f"the load failed: {done.stderr.strip() or done.returncode}")
        result: dict[str, float] = json.loads(done.stdout)
        return result

    # ── programs ──

    def start(self, command: list[str | Path], port: int | Path | None = None) -> Program:
        return Program(command, self.path(".log"), port)

    @contextmanager
    def target(self, name: str) -> Iterator[Program]:
        """`echo_epoll` or `sink`: what stands behind every relay."""
        program = self.start([self.c(name)])
        try:
            yield program
        finally:
            program.stop()

    @contextmanager
    def running(
        self, starters: dict[str, Callable[[], Program]], figures: list[Figure]
    ) -> Iterator[dict[str, Program]]:
        """All peers at once, idle until their turn; those that cannot be started are left out of the figures."""
        with ExitStack() as stack:
            programs: dict[str, Program] = {}
            for name, start in starters.items():
                try:
                    programs[name] = start()
                except NotMeasured as error:
                    leave_out(figures, name, str(error))
                else:
                    stack.callback(programs[name].stop)
                    subject = figures[0].title.partition(":")[0]
                    self.commands.setdefault(f"{subject}, {name}", self.shown(programs[name].command))
            yield programs

    def shown(self, command: list[str]) -> str:
        """A command without the folders of this machine."""
        words = [Path(command[0]).name, *command[1:]]
        return " ".join(word.replace(f"{self.folder}/", "").replace(f"{HERE.parent}/", "") for word in words)


@contextmanager
def workplace(*, rounds: int, scale: float) -> Iterator[Workplace]:
    """A new workplace with everything compiled; the soft limit on descriptors is raised to the hard one for all."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    parent = HERE.parent / "build"
    parent.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=parent))
    try:
        place = Workplace(folder, rounds=rounds, scale=scale)
        place.compile()
        yield place
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        shutil.rmtree(folder)


def has(program: str) -> str:
    """Where the program is; `NotMeasured` when it is not installed. An ordinary user's PATH leaves /usr/sbin out."""
    found = shutil.which(program, path=f"{MITMPROXY}:{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if found is None:
        raise NotMeasured(f"{program} is not installed")
    return found
