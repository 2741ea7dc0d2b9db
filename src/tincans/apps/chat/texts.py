"""What is said as text in a hub: whole, or refused; and the short texts beside it, which are cut."""

from __future__ import annotations

from functools import lru_cache
from time import gmtime, strftime

from tincans.apps.chat.refusals import Refused, Why
from tincans.limits import CHAT_REASON_BYTES, CHAT_TEXT_BYTES

#: What is said of a search where `History.unsearched` is something.
UNSEARCHED = "older messages are still being indexed, and were not searched yet"


def check_text(text: str) -> None:
    """Raises `Refused` where this cannot be said: it is empty, too long, or cannot be written in UTF-8."""
    if not text.translate(_BLANKS).strip():
        raise Refused(Why.EMPTY, "there is nothing in it")
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise Refused(Why.NOT_UNDERSTOOD, "it is no text: half a character is in it") from None
    if size > CHAT_TEXT_BYTES:
        raise Refused(Why.TOO_LONG, f"at most {CHAT_TEXT_BYTES} bytes can be said at once: send a file")


def cut(text: str, most: int = CHAT_REASON_BYTES) -> str:
    """The text in one line, without what ends lines, of at most so many bytes of UTF-8; a character is never halved."""
    line = text.translate(_BLANKS).encode("utf-8", "replace")[:most]
    return line.decode("utf-8", "ignore").strip(" ")


@lru_cache(maxsize=64)
def second(seconds: int) -> str:
    """A second since 1970 as RFC 3339 begins it, in UTC; who writes a time adds its fraction, and Z."""
    return strftime("%Y-%m-%dT%H:%M:%S", gmtime(seconds))


_BLANKS = {ord(sign): " " for sign in "\r\n\0"}
