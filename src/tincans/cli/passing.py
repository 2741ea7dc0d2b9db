"""What `tincans send` and `tincans receive` do once their options are understood."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable, Coroutine, Iterable
from contextlib import AsyncExitStack, ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from tincans.address import Address
from tincans.cli.bars import shown, sum_up
from tincans.cli.serving import say, warn_if_open
from tincans.errors import CannotWrite, NoDiscovery, NoSuchOffer, PeerNotFound, UsageError, reason_of
from tincans.folders import peers_folder
from tincans.limits import LINE_BYTES, NOTICE_SECONDS, PASS_PORT
from tincans.peers.awaiting import Waiting
from tincans.peers.codes import Code
from tincans.peers.hosts import offer_name, peer_name, reachable
from tincans.peers.identity import Identity
from tincans.peers.invitations import Invitation
from tincans.peers.known import Known
from tincans.peers.loads import Load, Stream
from tincans.peers.parties import Agree, Offered, Taking, Us, yes
from tincans.peers.sending import kept_file
from tincans.peers.tls import PeerTls
from tincans.peers.transfers import receive, send, send_to
from tincans.progress import Deed, Progress, Result, Step
from tincans.tasks import run
from tincans.text import escape, human_bytes
from tincans.transports.stdio import StdioChannel

if TYPE_CHECKING:
    from tincans.channel import Channel

#: How many files of an offer are shown by name before it is asked whether they are wanted.
_SHOWN = 10

#: Numbers that are tried before an offer is put up without a notice.
_NUMBERS = 20


class Give(NamedTuple):
    """What is to be sent, and to whom."""

    files: tuple[str, ...]
    #: What is read from stdin is called so.
    name: str
    to: Address | None
    peer: str
    times: int
    listen: Address
    quiet: bool


class Take(NamedTuple):
    """What is to be received, and where it goes."""

    code: str
    source: Address | None
    to: str
    yes: bool
    overwrite: bool
    times: int
    listen: Address
    quiet: bool


# ── giving ────────────────────────────────────────────────────────────────────────────────────────────────


def give(job: Give) -> None:
    """Send it, and show how far it is. Ctrl-C says that what came can be gone on with."""
    if job.to and not job.peer:
        raise UsageError("--to says where a known peer is: name it with --peer")
    _run(partial(_give, job), quiet=job.quiet, endless=not job.times)


async def _give(job: Give, progress: Progress) -> Result:
    us = _us()
    async with AsyncExitStack() as stack:
        load = await _load(job, stack, progress)
        if job.peer:
            addresses = [job.to] if job.to else await _peer_addresses(us, job.peer)
            return await send_to(us, job.peer, addresses, load, progress=progress)

        async def announce(invitation: Invitation, address: Address) -> None:
            await _number(stack, invitation, address)
            _invite(invitation.code, address, job.quiet)

        return await send(
            us, load, announce=announce, invitation=_invitation(job), address=job.listen, count=job.times or None,
            progress=progress, news=_unsaid if job.quiet else say,
        )  # fmt: skip


async def _load(job: Give, stack: AsyncExitStack, progress: Progress) -> Load:
    if "-" not in job.files:
        return Load.of([Path(name) for name in job.files], progress)
    if len(job.files) > 1 or job.times != 1:
        raise UsageError("what comes from stdin is one file, for one receiver")
    if not job.name or "/" in job.name:
        raise UsageError("what comes from stdin has no name: say one with --name, without a slash")
    return Stream(job.name, await stack.enter_async_context(StdioChannel()))


def _invitation(job: Give) -> Invitation:
    """The one that an earlier attempt left, or a new one."""
    if "-" in job.files:
        return Invitation(Code.new())
    return Invitation.kept(kept_file(peers_folder(), [Path(name) for name in job.files]))


async def _number(stack: AsyncExitStack, invitation: Invitation, address: Address) -> None:
    """Put up a notice, and give the code a number that is nobody else's; one that people know already stays."""
    number = invitation.code.number
    numbers = [number] if invitation.is_known else [number, *(Code.new().number for _ in range(_NUMBERS))]
    if name := await _notice(stack, map(offer_name, numbers), address):
        invitation.renumber(int(name.rpartition("-")[2]))


def _invite(code: Code, address: Address, quiet: bool) -> None:
    """Say what is to be typed at the other end: to stdout, as it is what was asked for."""
    click.echo(f"tincans receive {code}")
    sys.stdout.flush()
    if not quiet:
        host = str(address._replace(host=reachable(address.host)).bare()).removeprefix("tcp://")
        say(f"or, where that finds nobody: tincans receive {code} --from {host}")
        warn_if_open(address)


async def _peer_addresses(us: Us, name: str) -> list[Address]:
    """Where a known peer may be waiting for files. Raises `NoSuchPeer`, `NoDiscovery` and `PeerNotFound`."""
    known = us.known.named(name)
    last = [known.address._replace(port=PASS_PORT)] if known.address is not None else []
    found = await _noticed(peer_name(known.fingerprint.short), needed=not last)
    if not (found or last):
        raise PeerNotFound(name)
    return [*found, *last]


async def _notice(stack: AsyncExitStack, names: Iterable[str], address: Address) -> str:
    """Put up a notice on the local network under one of the names, which is given back; none where that cannot be."""
    try:
        from tincans.peers.notices import Notice
    except ImportError:  # without zeroconf people tell each other the address
        return ""
    notice = await Notice.put_up(names, address)
    if notice is None:
        return ""
    stack.push_async_callback(notice.aclose)
    return notice.name


async def _noticed(name: str, *, needed: bool = True) -> list[Address]:
    """Where the one who put up the notice of that name is. Raises `NoDiscovery` where there is no other way."""
    try:
        from tincans.peers.notices import find
    except ImportError as error:
        if needed:
            raise NoDiscovery from error
        return []
    return await find(name)


# ── taking ────────────────────────────────────────────────────────────────────────────────────────────────


def take(job: Take) -> None:
    """Receive it, and show how far it is. Ctrl-C says that what came can be gone on with."""
    code = Code.parse(job.code) if job.code else None
    if code is None and (job.to == "-" or job.source):
        raise UsageError("without a code it waits for peers that it knows: it needs a folder, and nobody to call")
    _run(partial(_take, job, code), quiet=job.quiet, endless=not (code or job.times))


async def _take(job: Take, code: Code | None, progress: _Showing) -> Result:
    us = _us()
    async with AsyncExitStack() as stack:
        target = await _target(job, stack)
        if code is not None:
            addresses = [job.source] if job.source else await _noticed(offer_name(code.number))
            if not addresses:
                raise NoSuchOffer(code.number, NOTICE_SECONDS)
            agree = yes if job.yes or not _is_asked() else partial(_asking, progress)
            return await receive(
                us, code, addresses, target, agree=agree, overwrite=job.overwrite, progress=progress,
                news=_unsaid if job.quiet else say,
            )  # fmt: skip
        assert isinstance(target, Path)
        return await _wait(job, us, target, progress, stack)


async def _wait(job: Take, us: Us, folder: Path, progress: _Showing, stack: AsyncExitStack) -> Result:
    if not (job.yes or _is_asked()):
        raise UsageError("nobody can be asked here whether something is wanted: --yes takes what known peers send")
    agree: Agree = yes if job.yes else partial(_asking, progress)
    waiting = Waiting(us, Taking(folder, agree, job.overwrite, progress), count=job.times or None, news=say)
    await stack.enter_async_context(waiting)
    address = await waiting.listen(job.listen)
    await _notice(stack, [peer_name(us.tls.identity.fingerprint.short)], address)
    if not job.quiet:
        say(f"waiting for known peers on {address}")
        warn_if_open(address)
    await waiting.wait()
    return Result(*map(sum, zip(*waiting.results, strict=True)))


async def _target(job: Take, stack: AsyncExitStack) -> Path | Channel:
    return await stack.enter_async_context(StdioChannel()) if job.to == "-" else _folder(job)


def _folder(job: Take) -> Path:
    """It is made where it is not there."""
    folder = Path(job.to)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWrite(job.to, reason_of(error)) from error
    return folder


def _is_asked() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


async def _asking(progress: _Showing, offered: Offered) -> bool:
    """Show what is offered, and ask until the answer is yes or no."""
    progress.rest()
    say(_summary(offered))
    for entry in offered.entries[:_SHOWN]:
        kind = "folder" if entry.is_folder else _size(entry.size)
        say(f"{kind:>9}  {escape(entry.name)}")
    if len(offered.entries) > _SHOWN:
        say(f"{'':>9}  and {len(offered.entries) - _SHOWN} more")
    while True:
        click.echo("Take it? [Y/n]: ", nl=False, err=True)
        answer = await _typed()
        if answer.strip().lower() in ("y", "yes", "n", "no", ""):
            return answer != "" and answer.strip().lower() not in ("n", "no")


async def _typed() -> str:
    """The line that is typed next at the terminal, with its end; empty where there will be none.

    Unlike `input` it lets the loop go on, and Ctrl-C cancels it at any moment. A terminal gives whole lines.
    """
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(sys.stdin.fileno())
    return os.read(sys.stdin.fileno(), LINE_BYTES).decode(errors="replace")


def _summary(offered: Offered) -> str:
    files = f"{offered.files} {'file' if offered.files == 1 else 'files'}"
    return f"{offered.peer.name} ({offered.peer.fingerprint.short}…) offers {files}, {_size(offered.size)}:"


def _size(size: int | None) -> str:
    return "any size" if size is None else human_bytes(size)


# ── both ──────────────────────────────────────────────────────────────────────────────────────────────────


class _Showing:
    """Shows steps, and knows since when they go on, and what was begun and is not over.

    The terminal belongs to it from the first step on, until it is told to `rest`, as somebody is asked something there.
    """

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._stack = ExitStack()
        self._progress: Progress | None = None
        self.begun = 0.0
        self.unfinished: set[str] = set()

    def rest(self) -> None:
        """Give the terminal back until the next step. Idempotent."""
        self._progress = None
        self._stack.close()

    def __call__(self, step: Step) -> None:
        self.begun = self.begun or time.monotonic()
        if self._progress is None:
            self._progress = self._stack.enter_context(shown(quiet=self._quiet))
        if step.deed is Deed.BEGUN:
            self.unfinished.add(step.name)
        elif step.deed is not Deed.MOVED:
            self.unfinished.discard(step.name)
        self._progress(step)


def _run(work: Callable[[_Showing], Coroutine[Any, Any, Result]], *, quiet: bool, endless: bool) -> None:
    """Do it, and show how far it is and what came of it; who stops it hears that what came is kept.

    Raises what `work` does, and `KeyboardInterrupt` unless it is `endless`, as that is over when somebody says so.
    """
    result: Result | None = None
    progress = _Showing(quiet)
    try:
        result = run(work(progress))
    except KeyboardInterrupt:
        pass
    finally:
        progress.rest()
    if result is None:
        if progress.unfinished and not quiet:
            say("stopped; the same command goes on from what came")
        if not endless:
            raise KeyboardInterrupt
    elif not quiet:
        _tell(result, progress)


def _tell(result: Result, progress: _Showing) -> None:
    """Sum it up, where it was more than a file."""
    if result.files == 0 and result.same == 1:
        say("it is here already, and the same")
    elif result.files + result.same != 1:
        sum_up(result, time.monotonic() - progress.begun if progress.begun else 0.0)


def _unsaid(text: str) -> None:
    """Nobody is to hear it."""


def _us() -> Us:
    return Us(PeerTls(Identity.open()), Known())
