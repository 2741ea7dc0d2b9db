"""What the server tells: what it can do (RFC 2389), how things are, which files there are (RFC 3659 §7)."""

from __future__ import annotations

import fnmatch
import re
import time
from stat import S_ISDIR
from typing import TYPE_CHECKING

from tincans.apps.ftp import folders
from tincans.apps.ftp.control import Refused
from tincans.apps.ftp.listing import FACTS, fact_line, long_line
from tincans.files import Item
from tincans.limits import FTP_STAT_LINES
from tincans.protocols.ftp import COMMANDS, Command

if TYPE_CHECKING:
    from tincans.apps.ftp.visit import Visit


async def feat(visit: Visit, command: Command) -> None:
    facts = "".join(f"{fact}{'*' if fact in visit.facts else ''};" for fact in FACTS)
    protects = ["PBSZ", "PROT"] if visit.offered is not None or visit.is_secure else []
    features = [
        *(["AUTH TLS"] if visit.offered is not None else []), "CLNT", "EPRT", "EPSV", "HOST", "LANG EN*", "MDTM",
        "MFMT", f"MLST {facts}", *protects, "REST STREAM", "SIZE", "TVFS", "UTF8",
    ]  # fmt: skip
    await visit.reply(211, "This is there beside RFC 959:", *(f" {feature}" for feature in features), "That is all.")


async def opts(visit: Visit, command: Command) -> None:
    """OPTS UTF8, which is always on (RFC 2640), and OPTS MLST, which facts are to be told (RFC 3659 §7.9)."""
    name, _, rest = command.argument.partition(" ")
    match name.upper(), rest.strip():
        case "UTF8", said if said.upper() in ("", "ON"):
            await visit.reply(200, "Names are in UTF-8.")
        case "UTF8", _:
            raise Refused(504, "Names are always in UTF-8.")
        case "MLST", said:
            wanted = {fact.lower() for fact in said.split(";")}
            visit.facts = tuple(fact for fact in FACTS if fact.lower() in wanted)
            await visit.reply(200, "MLST OPTS " + "".join(f"{fact};" for fact in visit.facts))
        case _:
            raise Refused(501, f"{name} has no options.")


async def syst(visit: Visit, command: Command) -> None:
    await visit.reply(215, "UNIX Type: L8")


async def noop(visit: Visit, command: Command) -> None:
    await visit.reply(200, "Done.")


async def clnt(visit: Visit, command: Command) -> None:
    await visit.reply(200, "Good to know.")


async def lang(visit: Visit, command: Command) -> None:
    """There is English alone (RFC 2640 §4)."""
    if not re.fullmatch(r"(en(-[a-z0-9-]+)?)?", command.argument, re.IGNORECASE):
        raise Refused(504, "There is English.")
    await visit.reply(200, "It is English.")


async def help_(visit: Visit, command: Command) -> None:
    from tincans.apps.ftp.commands import DOES  # which knows us

    verb = command.argument.upper()
    if not verb:
        verbs = sorted(DOES)
        rows = [" " + " ".join(f"{name:4}" for name in verbs[at : at + 10]) for at in range(0, len(verbs), 10)]
        await visit.reply(214, "There are:", *rows, "HELP and one of them says what it does.")
    elif verb in DOES:
        await visit.reply(214, f"{verb}: {COMMANDS[verb].help}.")
    else:
        raise Refused(502, f"There is no {verb} here.")


async def site(visit: Visit, command: Command) -> None:
    name, _, rest = command.argument.partition(" ")
    match name.upper():
        case "HELP":
            await visit.reply(214, "There is SITE CHMOD, three octal digits and a path.")
        case "CHMOD":
            visit.check_write()
            await folders.chmod(visit, rest)
        case _:
            raise Refused(504, f"There is no SITE {name}; SITE HELP says what there is.")


# ── how things are ────────────────────────────────────────────────────────────────────────────────────────


async def stat(visit: Visit, command: Command) -> None:
    """How things are, in the middle of a transfer, too; of a path a listing in the reply (RFC 959 §4.1.3)."""
    if not command.argument:
        await visit.reply(211, "This is tincans.", *(f" {line}" for line in _state(visit)), "That is all.")
    elif not visit.is_in:
        raise Refused(530, "Log in first: say USER, and then PASS.")
    else:
        await _stat_of(visit, command.argument)


async def _stat_of(visit: Visit, argument: str) -> None:
    lines = long_lines(visit, argument)
    if len(lines) > FTP_STAT_LINES:
        raise Refused(450, f"They are {len(lines)}: say LIST.")
    await visit.reply(213, "There are:", *lines, "That is all.")


def _state(visit: Visit) -> list[str]:
    transfer = visit.transfer
    data = "Data is private" if visit.protection == "P" else "Data is clear"
    return [
        f"Logged in as {visit.name}" if visit.is_in else "Not logged in",
        f"The folder is {visit.folder}",
        f"{data}, {'text' if visit.is_text else 'bytes'}",
        f"{transfer.command.summary}: {transfer.count} bytes so far" if transfer else "No transfer goes on",
    ]


# ── which files there are ─────────────────────────────────────────────────────────────────────────────────


async def mlst(visit: Visit, command: Command) -> None:
    """The facts of one file or folder (RFC 3659 §7)."""
    path = visit.path(command.argument) if command.argument else visit.folder
    line = fact_line(Item(path, visit.files.stat(path)), visit.facts, may_write=visit.may_write)
    await visit.reply(250, "It is:", f" {line}", "That is all.")


def long_lines(visit: Visit, argument: str) -> list[str]:
    """As `ls -l` shows them."""
    now = time.time()
    return [long_line(item, now) for item in items(visit, argument)]


def items(visit: Visit, argument: str) -> list[Item]:
    """What LIST, NLST or STAT asks for: a folder's, one file, or those that a pattern fits; not what options say."""
    said = re.sub(r"\A(-\S*(\s+|\Z))+", "", argument)
    path = visit.path(said)
    try:
        found = visit.files.stat(path)
    except FileNotFoundError:
        return _fitting(visit, said)
    return visit.files.list(path) if S_ISDIR(found.st_mode) else [Item(said, found)]


def _fitting(visit: Visit, said: str) -> list[Item]:
    """Those that a pattern in the last part of a path fits, called as the client does."""
    folder, slash, pattern = said.rpartition("/")
    if not re.search(r"[*?\[]", pattern):
        raise FileNotFoundError(2, "No such file or directory", said)
    listed = visit.files.list(visit.path(folder + slash))
    return [Item(folder + slash + item.name, item.stat) for item in listed if fnmatch.fnmatchcase(item.name, pattern)]
