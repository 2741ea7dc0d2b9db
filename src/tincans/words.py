"""What happened in a conversation beside what was said, as sentences: a terminal and the page say the same.

All that a party chose is escaped.
"""

from __future__ import annotations

from tincans.conversation import Closed, Conversation, Dropped, Ended, Entry, How, Joined, Kind, Noted, Opened, Secured
from tincans.text import escape, human_bytes, human_seconds


def sentence(entry: Entry, conversation: Conversation) -> str:
    """What an entry tells; empty for what was said. `conversation` is folded up to it."""
    match entry:
        case Opened():
            return calling(entry)
        case Joined(far=far, server=server):
            return f"{escape(server)} answers; it is called from {escape(far)}"
        case Ended(side=side):
            return f"the {side.value} has ended what it says"
        case Dropped(count=count, reason=reason):
            return f"{human_bytes(count)} more, {escape(reason)}"
        case Noted(text=text):
            return escape(text)
        case Secured():
            return "TLS on both sides from here; it is what they say inside it that is shown"
        case Closed():
            said = totals(conversation.client_bytes, conversation.server_bytes)
            return f"{ending(entry)}: {said} in {human_seconds(conversation.seconds)}"
        case _:
            return ""


def calling(opened: Opened) -> str:
    """Who calls whom: `tcp://… calls tcp://… (front)`."""
    # Under a relay the one who was called is the relay; whom it calls in turn is told when that answers.
    called = opened.near if opened.kind is Kind.RELAY and opened.near else opened.server
    name = f" ({escape(opened.name)})" if opened.name else ""
    return f"{escape(opened.client)} calls {escape(called)}{name}{belongs_to(opened)}"


def belongs_to(opened: Opened) -> str:
    """Of which other conversation it is a part: `, data of FTP conversation #12 (RETR x)`; empty for most."""
    facts = opened.facts
    if "ftp.command" not in facts:
        return ""
    control = f" conversation #{escape(facts['ftp.control'])}" if "ftp.control" in facts else ""
    return f", data of FTP{control} ({escape(facts['ftp.command'])})"


def ending(entry: Closed) -> str:
    """How it ended, in words: `finished, the client first`, `reset by the server (…)`."""
    who = f"the {entry.by.value}" if entry.by else ""
    words = {
        How.FINISHED: f"finished, {who} first" if who else "finished",
        How.RESET: f"reset by {who}" if who else "reset",
        How.FAILED: "failed",
        How.IDLE: "closed, as nothing was said any more",
        How.STOPPED: "stopped by tincans",
        How.LOST: "lost",
    }[entry.how]
    return f"{words} ({escape(entry.detail)})" if entry.detail else words


def totals(client: int, server: int) -> str:
    """What each side said, by size: `C 16 B, S 1.2 KiB`."""
    return f"C {human_bytes(client)}, S {human_bytes(server)}"
