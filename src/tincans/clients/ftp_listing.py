r"""What a folder holds, as FTP servers say it: facts for programs (MLSD), or lines for people (LIST).

    type=file;size=12;modify=20260102030405.678; name      RFC 3659 §7: exact, in UTC
    -rw-r--r--  1 ftp ftp   12 Jan 02 03:04 name           as ls -l: to a minute or a day, in whatever zone
    01-02-26  03:04AM       12 name                        as DIR of Windows

A line that reads like none of them ("total 12") is left out. Names are what was said: whoever makes files of them looks
at them first.
"""

from __future__ import annotations

import calendar
import re
import time
from collections.abc import Callable, Iterator

from tincans.clients.remote import Item, moment

_TIME = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\.\d{1,9})?", re.ASCII)
_FOLDERS = {"dir": True, "file": False}

_UNIX = re.compile(
    r"(?P<kind>[-dlbcps])[-rwxsStTlL]{9}[+.@]?\s+(?:\d+\s+)?(?:\S+\s+){1,2}(?P<size>\d{1,18})\s+"
    r"(?P<month>[A-Z][a-z]{2})\s+(?P<day>\d{1,2})\s+(?:(?P<year>\d{4})|(?P<hour>\d{1,2}):(?P<minute>\d\d)) "
    r"(?P<name>.+)",
    re.DOTALL,
)
_WINDOWS = re.compile(
    r"(?P<month>\d\d)-(?P<day>\d\d)-(?P<year>\d{2}|\d{4})\s+(?P<hour>\d\d):(?P<minute>\d\d)(?P<half>[AP]M)?\s+"
    r"(?:(?P<folder><DIR>)|(?P<size>\d{1,18}))\s+(?P<name>.+)",
    re.DOTALL,
)
_MONTHS = {name: number for number, name in enumerate(calendar.month_abbr) if name}
_DAY = 86_400


def parse_mlsd(said: bytes) -> list[Item]:
    """The items of an MLSD listing; the folder itself and the one above are left out."""
    return _items(said, _parse_facts)


def parse_list(said: bytes, now: float) -> list[Item]:
    """The items of a LIST; a time without a year is the last one before `now`, which is in seconds since 1970."""
    return _items(said, lambda line: _parse_unix(line, now) or _parse_windows(line))


def parse_size(said: str) -> int | None:
    """A number of bytes; None where it is none."""
    return int(said) if re.fullmatch(r"\d{1,18}", said, re.ASCII) else None


def parse_time(said: str) -> float | None:
    """A time of RFC 3659 §2.3, in seconds since 1970; None where it is none."""
    match = _TIME.fullmatch(said)
    if match is None:
        return None
    whole = moment(*map(int, match.groups()[:6]))
    return None if whole is None else whole + float(match[7] or 0)


def _items(said: bytes, parse: Callable[[str], Item | None]) -> list[Item]:
    items = map(parse, _lines(said))
    return [item for item in items if item is not None and item.name not in (".", "..")]


def _lines(said: bytes) -> Iterator[str]:
    """Where lines end in CR LF, a lone LF is in a name; a CR may be said with NUL behind it (RFC 2640 §3.1)."""
    for line in said.split(b"\r\n" if said.endswith(b"\r\n") else b"\n"):
        if line:
            yield line.replace(b"\r\0", b"\r").decode("utf-8", "surrogateescape").replace("\0", "\n")


def _parse_facts(line: str) -> Item | None:
    facts, blank, name = line.partition(" ")
    if not blank or not name:
        return None
    said = {key.lower(): value for key, _, value in (fact.partition("=") for fact in facts.split(";") if fact)}
    kind = said.get("type", "file").lower()
    if kind in ("cdir", "pdir"):
        return None
    size = parse_size(said.get("size", "")) if kind == "file" else None
    return Item(name, _FOLDERS.get(kind, False), size, parse_time(said.get("modify", "")), is_link=kind not in _FOLDERS)


def _parse_unix(line: str, now: float) -> Item | None:
    match = _UNIX.fullmatch(line)
    if match is None or match["month"] not in _MONTHS:
        return None
    kind, name = match["kind"], match["name"]
    if kind == "l":
        name = name.partition(" -> ")[0]
    month, day = _MONTHS[match["month"]], int(match["day"])
    hour, minute = int(match["hour"] or 0), int(match["minute"] or 0)
    year = int(match["year"] or _year_before(now, month, day))
    modified = moment(year, month, day, hour, minute)
    size = int(match["size"]) if kind == "-" else None
    return Item(name, kind == "d", size, modified, is_exact=False, is_link=kind not in "-d")


def _year_before(now: float, month: int, day: int) -> int:
    """The year of the last such day, in any zone."""
    year = time.gmtime(now).tm_year
    return year if (moment(year, month, day) or 0) <= now + _DAY else year - 1


def _parse_windows(line: str) -> Item | None:
    match = _WINDOWS.fullmatch(line)
    if match is None:
        return None
    year, hour = int(match["year"]), int(match["hour"])
    if len(match["year"]) == 2:
        year += 2000 if year < 70 else 1900
    if match["half"]:
        hour = hour % 12 + (12 if match["half"] == "PM" else 0)
    modified = moment(year, int(match["month"]), int(match["day"]), hour, int(match["minute"]))
    size = int(match["size"]) if match["size"] else None
    return Item(match["name"], match["folder"] is not None, size, modified, is_exact=False)
