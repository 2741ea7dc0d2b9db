"""What `tincans get` and `tincans put` do once their options are understood."""

from __future__ import annotations

import sys
import time
from contextlib import AsyncExitStack
from typing import Any, NamedTuple

import tincans
from tincans.channel import Channel
from tincans.cli.bars import shown, sum_up
from tincans.cli.options import Called, Record
from tincans.cli.serving import say
from tincans.clients.transfers import SCHEMES
from tincans.clients.url import Url
from tincans.errors import UsageError
from tincans.progress import Deed, Progress, Result, Step
from tincans.tasks import run
from tincans.transports.stdio import StdioChannel


class Job(NamedTuple):
    """What is to be transferred: which way, between which URL and which file, and with which wishes."""

    way: str
    url: str
    file: str
    wishes: dict[str, Any]


def transfer(job: Job, called: Called, active: bool, record: Record) -> None:
    """Do it, and show how far it is. A tree is summed up; who stops it hears that what came is kept."""
    url = Url.parse(job.url, schemes=SCHEMES)
    if job.way == "get" and job.file == "-" and sys.stdout.isatty() and not url.name:
        raise UsageError(f"{url} is a folder: tincans ls lists it")
    moved = False

    def note(step: Step) -> None:
        nonlocal moved
        moved |= step.deed is Deed.MOVED
        progress(step)

    begun = time.monotonic()
    try:
        with shown(quiet=record.quiet, dry_run=job.wishes["dry_run"]) as progress:
            result = run(_transfer(job, url, called, active, record, note))
    except KeyboardInterrupt:
        if moved and not record.quiet:
            say(f"stopped; {'the same command' if job.wishes['tree'] else '--continue'} goes on from what came")
        raise
    if record.quiet:
        return
    if job.wishes["tree"]:
        sum_up(result, time.monotonic() - begun)
    elif result.same:
        say("it is here already, and the same")


async def _transfer(job: Job, url: Url, called: Called, active: bool, record: Record, progress: Progress) -> Result:
    async with AsyncExitStack() as stack:
        journal = await stack.enter_async_context(record.opened())
        how = called.calling([journal] if journal else [], active=active)
        end: str | Channel | None = job.file or None
        if job.file == "-":
            end = await stack.enter_async_context(StdioChannel())
        if job.way == "get":
            return await tincans.get(url, end, how=how, progress=progress, **job.wishes)
        assert end is not None
        return await tincans.put(end, url, how=how, progress=progress, **job.wishes)
