"""What this hub can do and how much of it, as 005 says it (RPL_ISUPPORT; https://modern.ircdocs.horse/#rplisupport-005)."""

from __future__ import annotations

from collections.abc import Iterator

from tincans.apps.chat.hub import Hub
from tincans.apps.chat.modes import FLAGS, LISTS, RANKS, VALUES
from tincans.limits import (
    CHAT_HISTORY_MESSAGES,
    CHAT_KEY_BYTES,
    CHAT_MASKS,
    CHAT_NICK_BYTES,
    CHAT_REASON_BYTES,
    CHAT_ROOM_BYTES,
    CHAT_ROOMS_JOINED,
    CHAT_TARGETS,
    CHAT_TOPIC_BYTES,
    IRC_MODES,
    IRC_MONITORED,
)

#: B is a program, i shows only friends that one is here, o is an operator of the hub, w is told what those say to all.
USER_MODES = "Biow"

#: Words in one line: with the command, its target and the end of the sentence, there may be 15 (RFC 2812 §2.3).
_WORDS = 13


def isupport(hub: Hub) -> Iterator[tuple[str, ...]]:
    """The words of each line."""
    words = [
        "CASEMAPPING=ascii", "CHANTYPES=#", f"PREFIX=({''.join(RANKS)}){''.join(RANKS.values())}",
        f"CHANMODES={LISTS},k,l,{FLAGS}", f"MAXLIST={','.join(f'{letter}:{CHAT_MASKS}' for letter in LISTS)}",
        "EXCEPTS=e", "INVEX=I", f"MODES={IRC_MODES}",
        f"NETWORK={_escaped(hub.name)}", f"CHANLIMIT=#:{CHAT_ROOMS_JOINED}", f"NICKLEN={CHAT_NICK_BYTES}",
        f"CHANNELLEN={CHAT_ROOM_BYTES}", f"TOPICLEN={CHAT_TOPIC_BYTES}", f"KICKLEN={CHAT_REASON_BYTES}",
        f"AWAYLEN={CHAT_REASON_BYTES}", f"NAMELEN={CHAT_REASON_BYTES}",
        "TARGMAX=JOIN:,PART:,KICK:,NAMES:,"
        + ",".join(f"{verb}:{CHAT_TARGETS}" for verb in ("PRIVMSG", "NOTICE", "TAGMSG")),
        f"CHATHISTORY={CHAT_HISTORY_MESSAGES}", "MSGREFTYPES=msgid,timestamp", "UTF8ONLY",
        f"MONITOR={IRC_MONITORED}", "WHOX", "ELIST=CMNTU", "SAFELIST", "BOT=B", f"KEYLEN={CHAT_KEY_BYTES}",
    ]  # fmt: skip
    for at in range(0, len(words), _WORDS):
        yield tuple(words[at : at + _WORDS])


def mode_letters() -> tuple[str, str, str]:
    """The letters of users' modes, of rooms' modes, and of those of the latter that need something."""
    needing = LISTS + VALUES + "".join(RANKS)
    return USER_MODES, "".join(sorted(FLAGS + needing)), "".join(sorted(needing))


def _escaped(value: str) -> str:
    """A value, with what cannot stand in a word as \\xHH."""
    return "".join(f"\\x{ord(sign):02X}" if sign in " \\=" else sign for sign in value)
