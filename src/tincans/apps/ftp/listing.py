"""A file as a line of a listing: for people (`ls -l`), for programs (RFC 3659 §7), or its name alone.

Lines end in CR LF, and a lone LF may be in a name. So where a CR in a name would end one, a NUL follows it, as RFC 2640
§3.1 has it; elsewhere it stays as it is, since what reads listings does not know that rule. People are shown question
marks, as `ls` does.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from stat import S_IMODE, S_ISDIR, filemode

from tincans.apps.ftp.control import plain
from tincans.files import Item

#: The facts that there are, as FEAT names them.
FACTS = ("type", "size", "modify", "perm", "unique", "UNIX.mode")

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_HALF_YEAR = 182 * 24 * 3600


def long_line(item: Item, now: float) -> str:
    """As `ls -l` shows it in the C locale, in UTC; who owns it here is nobody's business."""
    stat = item.stat
    when = time.gmtime(stat.st_mtime)
    is_recent = now - _HALF_YEAR < stat.st_mtime <= now
    last = f"{when.tm_hour:02}:{when.tm_min:02}" if is_recent else f" {when.tm_year:4}"
    date = f"{_MONTHS[when.tm_mon - 1]} {when.tm_mday:2} {last}"
    return f"{filemode(stat.st_mode)} {stat.st_nlink:3} ftp      ftp      {stat.st_size:>12} {date} {plain(item.name)}"


def fact_line(item: Item, facts: Sequence[str], *, may_write: bool) -> str:
    """`type=file;size=12;modify=20261128103000; name`, with these facts alone."""
    return "".join(f"{fact}={_fact(fact, item.stat, may_write)};" for fact in facts) + f" {item.name}"


def _fact(name: str, stat: os.stat_result, may_write: bool) -> str:
    is_folder = S_ISDIR(stat.st_mode)
    match name:
        case "type":
            return "dir" if is_folder else "file"
        case "size":
            return str(stat.st_size)
        case "modify":
            return moment(stat.st_mtime)
        case "perm":
            return ("elcdfmp" if may_write else "el") if is_folder else ("radfw" if may_write else "r")
        case "unique":
            return f"{stat.st_dev:x}g{stat.st_ino:x}"
        case _:
            return f"0{S_IMODE(stat.st_mode) & 0o777:03o}"


def moment(seconds: float) -> str:
    """A time as RFC 3659 §2.3 writes it."""
    return time.strftime("%Y%m%d%H%M%S", time.gmtime(seconds))


def as_data(lines: Sequence[str]) -> bytes:
    """The lines as they go over a data connection."""
    return b"".join(_line(line) for line in lines)


def _line(line: str) -> bytes:
    said = line.encode("utf-8", "surrogateescape")
    if b"\r" in said:
        said = said.replace(b"\r\n", b"\r\0\n")
        said += b"\0" if said.endswith(b"\r") else b""
    return said + b"\r\n"
