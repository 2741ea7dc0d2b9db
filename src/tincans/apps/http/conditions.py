"""Conditional requests (RFC 9110 §13): whether one is to be done, or was done already.

`failed` goes through the conditions in the order of §13.2.2. Tags are strong, so that they can be resumed by.
"""

from __future__ import annotations

import os
import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import lru_cache

from tincans.apps.http.request import Fields

_TAG = re.compile(r'(?P<weak>W/)?(?P<tag>"[!#-~\x80-\U0010ffff]*")')


def tag_of(stat: os.stat_result) -> str:
    """The entity tag of a file: it changes with each change of it, and is another one for another file."""
    return f'"{stat.st_ino:x}-{stat.st_mtime_ns:x}-{stat.st_size:x}"'


def failed(fields: Fields, *, reads: bool, tag: str, modified: float) -> int:
    """The status that says why a request is not done; 0 where it is.

    `reads` says that it is GET or HEAD. `tag` and `modified` are those of what is there now; where nothing is, `tag` is
    empty and the dates do not matter.
    """
    match, none_match = fields.get("if-match"), fields.get("if-none-match")
    if match:
        if not (tag and _names(match, tag, strong=True)):
            return 412
    elif (date := _date(fields.get("if-unmodified-since"))) is not None and tag and int(modified) > date:
        return 412
    if none_match:
        if tag and _names(none_match, tag, strong=False):
            return 304 if reads else 412
    elif reads and (date := _date(fields.get("if-modified-since"))) is not None and int(modified) <= date:
        return 304
    return 0


def wants_part(fields: Fields, *, tag: str, modified: float) -> bool:
    """Whether a Range is to be heeded: what the client has the rest of is still the same (RFC 9110 §13.1.5)."""
    condition = fields.get("if-range")
    if not condition:
        return True
    if condition.endswith('"'):
        return condition == tag
    return _date(condition) == int(modified)


def _names(condition: str, tag: str, *, strong: bool) -> bool:
    """Whether a list of tags has this one, or is "*" (RFC 9110 §8.8.3.2)."""
    if condition.strip(" \t") == "*":
        return True
    return any(match["tag"] == tag and not (strong and match["weak"]) for match in _TAG.finditer(condition))


@lru_cache(256)
def _date(value: str) -> float | None:
    """The seconds since 1970, of any of the three forms (RFC 9110 §5.6.7); None where it is none, and so ignored."""
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return date.replace(tzinfo=date.tzinfo or UTC).timestamp()
