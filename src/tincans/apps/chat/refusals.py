"""Why a hub does not do what a member asked for. Each door has its own word for each of the reasons."""

from __future__ import annotations

from enum import Enum


class Why(Enum):
    """The reasons; the value is the `code` of JSON lines (docs/chat.md), and never changes."""

    NOT_UNDERSTOOD = "not-understood"
    NO_SUCH_COMMAND = "no-such-command"
    NO_SUCH_ROOM = "no-such-room"
    NO_SUCH_NICK = "no-such-nick"
    NOT_IN_ROOM = "not-in-room"
    #: Somebody else is not in the room.
    THEY_ARE_NOT = "they-are-not-in-room"
    NICK_TAKEN = "nick-taken"
    BAD_NICK = "bad-nick"
    BAD_ROOM = "bad-room"
    TOO_LONG = "too-long"
    EMPTY = "empty"
    MODERATED = "moderated"
    BANNED = "banned"
    INVITE_ONLY = "invite-only"
    WRONG_KEY = "wrong-key"
    FULL = "full"
    NOT_OPERATOR = "not-operator"
    NOT_LOGGED_IN = "not-logged-in"
    WRONG_PASSWORD = "wrong-password"
    TOO_MANY = "too-many"
    #: The disk refuses what would have to be kept.
    DISK = "disk"
    ALREADY = "already"
    BAD_MODE = "bad-mode"
    #: What a program calls a message is too short to be its own, or too long.
    BAD_ID = "bad-id"


class Refused(Exception):
    """What was asked for was not done, and nothing has changed. `str` is a sentence for people."""

    def __init__(self, why: Why, text: str) -> None:
        self.why, self.text = why, text
        super().__init__(text)
