"""What a reader is shown of events: the meaning in a line, what belongs to it, and the content as it was meant.

A session's events hold what was said; a `Viewer` makes it readable, which may need what came before (a body's encoding
stands in its header, a mail is whole only at its end). It belongs to one conversation, is shown the events of one
protocol in their order, and holds no more than VIEW_BYTES, unless it is told otherwise.
"""

from __future__ import annotations

from typing import NamedTuple

from tincans.limits import VIEW_BYTES
from tincans.protocols.events import Chunk, Event


class View(NamedTuple):
    """What a reader is shown. Any of it may hold any character: escape it before it is printed."""

    summary: str
    details: tuple[str, ...] = ()
    #: What is carried, with its encoding undone; None where the summary says it all.
    content: bytes | None = None
    #: What kind of content that is, as in MIME: `application/json`; empty where nobody said.
    media: str = ""
    #: Whether a reader can do without it, as its neighbours tell it: the end of a message that is there.
    silent: bool = False


class Viewer:
    """Shows events as they are. A protocol that knows more has a subclass."""

    #: Bytes that are kept of a body or a mail, and that are unpacked of one, where that begins from now on.
    most: int = VIEW_BYTES

    def view(self, event: Event) -> View:
        """What to show of the next event. Never raises."""
        content = event.data if isinstance(event, Chunk) else None
        return View(event.summary, tuple(event.details), content)
