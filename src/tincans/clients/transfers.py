"""Files fetched, stored and listed, at HTTP and FTP servers: `tincans.get`, `tincans.put`, `tincans.ls`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tincans.channel import Channel
from tincans.clients.calling import Calling
from tincans.clients.local import LocalFile
from tincans.clients.mirror import Pull, Push, Wanted, is_here
from tincans.clients.remote import Item, open_remote
from tincans.clients.single import fetch_file, fetch_to, store_file, store_from
from tincans.clients.url import Url
from tincans.errors import AlreadyThere, TreeIncomplete, UsageError
from tincans.limits import JOBS
from tincans.progress import Deed, Progress, Result, Telling

SCHEMES = ("http", "https", "ftp", "ftps")

_HERE = Calling()


async def get(
    url: Url | str, target: Path | str | Channel | None = None, *, force: bool = False, resume: bool = False,
    tree: bool = False, jobs: int = JOBS, delete: bool = False, dry_run: bool = False, include: Sequence[str] = (),
    exclude: Sequence[str] = (), how: Calling = _HERE, progress: Progress | None = None,
) -> Result:  # fmt: skip
    """Fetch the file at `url`, or with `tree` the folder with all that is in it; gives what came of it.

    `target` is a path, or a channel, which stays open; without it the file is called as the URL ends, and is in the
    current folder. A file that is there is written over only with `force`. It appears whole or not at all, with the
    server's time; with `resume` what an earlier attempt left is gone on with, if the server's file is still the same.

    A tree is mirrored: `jobs` files at once, and only those that differ in size or time. `include` and `exclude` are
    patterns as of a shell; `delete` removes here what the server has not; `dry_run` only tells what would be done.
    `progress` is told every step (`tincans.progress`).

    Raises `UrlError`, `AlreadyThere`, `ConnectError`, `RequestRefused` (the server says no), `TransferFailed` (it broke
    off, or is not what was announced), `CannotWrite`, `ChannelError` (no proper HTTP or FTP), and `TreeIncomplete`
    where some of a tree could not be fetched. Then, and when it is cancelled, what came of a file is kept for `resume`,
    and every connection is closed.
    """
    url = _parsed(url)
    telling = Telling(progress)
    if tree:
        if isinstance(target, Channel):
            raise UsageError("a tree goes into a folder, and not to stdout")
        wanted = Wanted(jobs, delete, dry_run, tuple(include), tuple(exclude))
        async with open_remote(url, how) as remote:
            await Pull(remote, url, Path(target or _folder_name(url)), wanted, telling).run()
        return _complete(url, telling)
    async with open_remote(url, how) as remote:
        if isinstance(target, Channel):
            await fetch_to(remote, url, target, telling, url.name or str(url))
        else:
            path = _target(url, target)
            if path.is_file() and not force:
                if not (resume and await is_here(remote, url, path)):
                    raise AlreadyThere(str(path))
                telling.tell(Deed.SAME, path.name)
            else:
                await fetch_file(remote, url, LocalFile(path), telling, path.name, resume=resume)
    return telling.result


async def put(
    source: Path | str | Channel, url: Url | str, *, resume: bool = False, tree: bool = False, jobs: int = JOBS,
    delete: bool = False, dry_run: bool = False, include: Sequence[str] = (), exclude: Sequence[str] = (),
    how: Calling = _HERE, progress: Progress | None = None,
) -> Result:  # fmt: skip
    """Store a file at `url`, or with `tree` a folder with all that is in it; gives what came of it.

    `source` is a path, or a channel, which is read to its end and stays open. A URL that ends in a slash is a folder,
    in which the file keeps its name. With `resume` what the server has of it already is taken for its beginning.

    The other arguments, and what is raised, are as those of `get`; `delete` removes at the server what is not here, and
    `CannotRead` is raised for what is not there to be read. What a server keeps of a file that was cut off is its own.
    """
    url = _parsed(url)
    telling = Telling(progress)
    async with open_remote(url, how) as remote:
        if isinstance(source, Channel):
            if tree or url.is_folder:
                raise UsageError("what comes from stdin is one file: say its name at the end of the URL")
            await store_from(remote, url, source, telling, url.name)
            return telling.result
        source = Path(source)
        if tree:
            wanted = Wanted(jobs, delete, dry_run, tuple(include), tuple(exclude))
            await Push(remote, url, source, wanted, telling).run()
            return _complete(url, telling)
        if source.is_dir():
            raise UsageError(f"{source} is a folder: --recursive stores it with all that is in it")
        await store_file(
            remote, url.child(source.name) if url.is_folder else url, source, telling, source.name, resume=resume
        )
    return telling.result


async def ls(url: Url | str, *, how: Calling = _HERE) -> list[Item]:
    """What is in the folder at `url`, sorted by name.

    Raises `UrlError`, `ConnectError`, `RequestRefused`, `TransferFailed` and `ChannelError`. Names are what the server
    says, whatever that is. Cancelling closes the connection.
    """
    url = _parsed(url)
    async with open_remote(url, how) as remote:
        return sorted(await remote.list(url), key=lambda item: item.name)


def _parsed(url: Url | str) -> Url:
    return Url.parse(url, schemes=SCHEMES) if isinstance(url, str) else url


def _target(url: Url, target: Path | str | None) -> Path:
    """Where the one file goes."""
    path = Path(target) if target is not None else Path()
    if target is not None and not path.is_dir():
        return path
    if not url.name:
        raise UsageError(f"{url} does not end in a file's name: say where it goes, or --recursive for a folder")
    return path / url.name


def _folder_name(url: Url) -> str:
    """How the folder of a tree is called here."""
    return url._replace(path=url.path.rstrip("/")).name or url.host


def _complete(url: Url, telling: Telling) -> Result:
    result = telling.result
    if result.failed:
        raise TreeIncomplete(url, result.failed, result.failed + result.files + result.same)
    return result
