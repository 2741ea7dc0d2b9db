"""The same words, said by three people to ngIRCd and to us: the same numbers, to the same people, in the same order.

What a message is compared by is its command and its parameters, but for the last where that is a sentence. Where the
two differ, `DIFFER` has what each says, and why we do otherwise; what would not differ any more fails as well.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple

import pytest

from rooming import user
from running import PATIENCE, serving
from servers import ngircd
from tincans.protocols.irc import read_message

pytestmark = pytest.mark.foreign

#: Who says what, one after the other.
STEPS = """
ann JOIN #ops
ann MODE #ops +nt
bob JOIN #ops
eve JOIN #tea
bob JOIN #ops
bob JOIN no-room
ann JOIN
ann TOPIC #ops
bob TOPIC #ops :mine
ann TOPIC #ops :deploy day
bob TOPIC #ops
eve TOPIC #ops :hers
eve TOPIC #nowhere
ann PRIVMSG #ops :hello
ann PRIVMSG bob :psst
ann PRIVMSG bob,#ops :both
ann PRIVMSG nobody :hello
ann PRIVMSG #nowhere :hello
ann PRIVMSG
ann PRIVMSG bob
ann NOTICE nobody :hello
ann NOTICE bob :hello
eve PRIVMSG #ops :from outside
bob AWAY :tea
ann PRIVMSG bob :are you there
bob AWAY
bob NICK ann
bob NICK 1st
bob NICK
bob NICK robert
robert NICK bob
ann MODE #ops
ann MODE #ops +m
bob PRIVMSG #ops :moderated
ann MODE #ops +v bob
bob PRIVMSG #ops :voiced
ann MODE #ops -v+o-m bob bob
bob MODE #ops +k sesame
ann MODE #ops
eve MODE #ops
eve JOIN #ops
eve JOIN #ops wrong
eve JOIN #ops sesame
ann MODE #ops -k sesame
ann KICK #ops eve :out
ann KICK #ops eve :again
ann KICK #ops nobody
eve KICK #ops ann
ann MODE #ops +l 2
eve JOIN #ops
ann MODE #ops -l
ann MODE #ops +b eve
ann MODE #ops +b eve
ann MODE #ops b
eve JOIN #ops
ann MODE #ops +e eve!*@*
ann MODE #ops e
eve JOIN #ops
eve PART #ops :bye
ann MODE #ops -b-e eve!*@* eve!*@*
ann MODE #ops +i
eve JOIN #ops
bob INVITE eve #ops
bob INVITE nobody #ops
bob INVITE ann #ops
eve JOIN #ops
eve INVITE ann #nowhere
eve MODE #ops +m
eve MODE #ops b
eve PART #ops
eve PART #ops
eve PART #nowhere
ann MODE #ops -i+X
ann MODE #ops +o nobody
ann MODE #ops +o eve
ann MODE #nowhere +m
ann MODE #ops +s
eve LIST
ann LIST #ops
eve NAMES #ops
ann NAMES #ops
eve WHO #ops
ann WHO #ops
eve WHOIS ann
ann WHOIS bob
ann WHOIS nobody
ann WHOIS
ann MODE ann
ann MODE ann +i
ann MODE ann -i
ann MODE ann +o
ann MODE eve +i
ann MODE nobody
ann ISON ann bob nobody
ann USERHOST ann nobody bob
ann LUSERS
ann VERSION
ann VERSION elsewhere.test
ann TIME
ann ADMIN
ann INFO
ann STATS u
ann STATS
ann LINKS
ann KILL eve :out
ann WALLOPS :hear
ann OPER
ann NOTHING
ann PING
ann PING word
ann USER again 0 * :again
ann PASS again
ann OPER root root
ann MODE ann
ann SUMMON bob
ann USERS
ann WHOWAS nobody
bob QUIT :good night
ann WHOWAS bob
ann KILL nobody :out
ann KILL eve :out
ann JOIN 0
""".strip().splitlines()


class Difference(NamedTuple):
    theirs: str
    ours: str
    reason: str


#: What they and we say to a step, by the step; who hears it is in front.
DIFFER: dict[str, Difference] = {
    "2: ann MODE #ops +nt": Difference(
        "ann: MODE #ops +nt",
        "",
        "a room of ours begins with +nt, as nearly everybody sets it",
    ),
    "6: bob JOIN no-room": Difference(
        "bob: 403 bob no-room",
        "bob: 476 bob no-room",
        "476 is what is said today (modern.ircdocs.horse); 403 is for a room that is not there",
    ),
    "18: ann PRIVMSG #nowhere :hello": Difference(
        "ann: 401 ann #nowhere",
        "ann: 403 ann #nowhere",
        "403 says what is not there: a room, and not a nick",
    ),
    "29: bob NICK": Difference(
        "bob: 461 bob NICK",
        "bob: 431 bob",
        "RFC 2812 §3.1.2 has 431",
    ),
    "40: eve MODE #ops": Difference(
        "eve: 324 eve #ops +ntk | eve: 329 eve #ops TIME",
        "eve: 324 eve #ops +ntk * | eve: 329 eve #ops TIME",
        "who is outside is told that there is a key, and not which",
    ),
    "60: ann MODE #ops -b-e eve!*@* eve!*@*": Difference(
        (
            "ann: MODE #ops -b eve!*@* | ann: MODE #ops -e eve!*@* | bob: MODE #ops -b eve!*@* | "
            "bob: MODE #ops -e eve!*@*"
        ),
        "ann: MODE #ops -be eve!*@* eve!*@* | bob: MODE #ops -be eve!*@* eve!*@*",
        "what was said as one is told as one",
    ),
    "67: eve INVITE ann #nowhere": Difference(
        "eve: 341 eve ann #nowhere | ann: INVITE ann #nowhere",
        "eve: 403 eve #nowhere",
        "nobody is invited to a room that is not there",
    ),
    "70: eve PART #ops": Difference(
        "eve: PART #ops  | ann: PART #ops  | bob: PART #ops ",
        "eve: PART #ops | ann: PART #ops | bob: PART #ops",
        "no reason is made up",
    ),
    "76: ann MODE #nowhere +m": Difference(
        "ann: 401 ann #nowhere",
        "ann: 403 ann #nowhere",
        "RFC 2812 §3.2.3 has 403",
    ),
    "78: eve LIST": Difference(
        "eve: 321 eve Channel | eve: 322 eve #tea 1  | eve: 322 eve &SERVER 0 | eve: 323 eve",
        "eve: 321 eve Channel | eve: 322 eve #tea 1  | eve: 323 eve",
        "we have no room for the server's own words",
    ),
    "81: ann NAMES #ops": Difference(
        "ann: 353 ann = #ops | ann: 366 ann #ops",
        "ann: 353 ann @ #ops | ann: 366 ann #ops",
        "RFC 2812 §5.1 has @ for a secret room",
    ),
    "83: ann WHO #ops": Difference(
        (
            "ann: 352 ann #ops bob 127.0.0.1 SERVER bob H@ | ann: 352 ann #ops ann 127.0.0.1 SERVER ann H@ | "
            "ann: 315 ann #ops"
        ),
        (
            "ann: 352 ann #ops ann 127.0.0.1 SERVER ann H@ | ann: 352 ann #ops bob 127.0.0.1 SERVER bob H@ | "
            "ann: 315 ann #ops"
        ),
        "they name the latest first, we the first",
    ),
    "91: ann MODE ann +o": Difference(
        "ann: 481 ann",
        "",
        "RFC 2812 §3.1.5: it should be ignored",
    ),
    "96: ann LUSERS": Difference(
        ("ann: 251 ann | ann: 254 ann 3 | ann: 255 ann | ann: 265 ann 3 3 | ann: 266 ann 3 3 | ann: 250 ann"),
        "ann: 251 ann | ann: 254 ann 2 | ann: 255 ann",
        "265, 266 and 250 are in no RFC; they count their own room",
    ),
    "101: ann INFO": Difference(
        "ann: 371 ann | ann: 371 ann | ann: 371 ann | ann: 374 ann",
        "ann: 371 ann | ann: 371 ann | ann: 374 ann",
        "each has its own sentences",
    ),
    "118: bob QUIT :good night": Difference(
        "bob: NOTICE bob | bob: ERROR | ann: QUIT",
        "bob: ERROR | ann: QUIT",
        "the last word is ERROR",
    ),
    "119: ann WHOWAS bob": Difference(
        "ann: 406 ann bob | ann: 369 ann bob",
        (
            "ann: 314 ann bob bob 127.0.0.1 * | ann: 312 ann bob SERVER | ann: 314 ann bob bob 127.0.0.1 * | "
            "ann: 312 ann bob SERVER | ann: 369 ann bob"
        ),
        "they forget who was there for less than half a minute",
    ),
    "120: ann KILL nobody :out": Difference(
        "",
        "ann: 401 ann nobody",
        "RFC 2812 §3.7.1 has 401",
    ),
    "121: ann KILL eve :out": Difference(
        "eve: NOTICE eve | eve: ERROR",
        "eve: ERROR",
        "the last word is ERROR",
    ),
    "122: ann JOIN 0": Difference(
        "ann: PART #ops ann",
        "ann: PART #ops",
        "no reason is made up",
    ),
}


class Person:
    """One client, over a socket."""

    def __init__(self, port: int, nick: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self._file = self.socket.makefile("rb")
        self._pings = 0
        self.ended = False
        self.say(f"NICK {nick}")
        self.say(f"USER {nick} 0 * :{nick.title()} Smith")
        self.hears()

    def say(self, line: str) -> None:
        self.socket.sendall(f"{line}\r\n".encode())

    def hears(self) -> list[str]:
        """All that there is, to a PONG of our own or the end."""
        if self.ended:
            return []
        self._pings += 1
        word = f"heard-{self._pings}"
        heard: list[str] = []
        try:
            self.say(f"PING {word}")
            while line := self._file.readline().decode().rstrip("\r\n"):
                if " PONG " in line and line.endswith(word):
                    return heard
                heard.append(line)
        except (BrokenPipeError, ConnectionResetError):
            pass
        self.ended = True
        return heard

    def close(self) -> None:
        self._file.close()
        self.socket.close()


def shape(line: str) -> str:
    """What is compared of a message."""
    message = read_message(line.encode())
    words = [message.verb, *message.parameters]
    if " " in words[-1] or message.name in _SENTENCES:
        words.pop()
    if message.name == "RPL_ISUPPORT":
        words = words[:1]
    said = " ".join(words).replace("~", "")
    for pattern, word in _THEIR_OWN:
        said = pattern.sub(word, said)
    return said


#: What each says in its own way, and the word for it.
_THEIR_OWN = [
    (re.compile(r"\b(?:ngircd|tincans)-\S+", re.IGNORECASE), "VERSION"),
    (re.compile(r"\b(?:oracle\.test|tincans)\b"), "SERVER"),
    (re.compile(r"!\w+@127\.0\.0\.1"), ""),  # who did it: they say the nick
    (re.compile(r"(?<= )(?:\d )?\d{9,}\b"), "TIME"),
]
#: Those that end in a sentence, though it is one word.
_SENTENCES = {"RPL_WHOISSERVER", "RPL_VERSION", "RPL_ADMINME", "RPL_ADMINLOC1", "RPL_ADMINLOC2", "RPL_ADMINEMAIL"}


def told(port: int) -> Iterator[tuple[str, str]]:
    """Each step, and what all are told then."""
    with ExitStack() as stack:
        people = {nick: stack.enter_context(closing(Person(port, nick))) for nick in ("ann", "bob", "eve")}
        for person in people.values():
            person.hears()
        for number, step in enumerate(STEPS, 1):
            nick, _, line = step.partition(" ")
            people["bob" if nick == "robert" else nick].say(line)
            heard = {
                other: person.hears() for other, person in sorted(people.items(), key=lambda each: each[0] != nick)
            }
            yield (
                f"{number}: {step}",
                " | ".join(f"{other}: {shape(each)}" for other, lines in heard.items() for each in lines),
            )


def test_we_say_what_ngircd_says_or_have_a_reason(tmp_path: Path) -> None:
    users = tmp_path / "users.toml"
    users.write_text(f'[users]\nroot = "{user("root")}"\n')
    with ngircd(tmp_path) as port:
        theirs = dict(told(port))
    more = ("--rooms", "memory:", "--users", str(users), "--guests", "--operator", "root")
    with serving("listen", "127.0.0.1:0", "chat", *more) as hub:
        ours = dict(told(hub.port))
    found = {step: (theirs[step], ours[step]) for step in theirs if theirs[step] != ours[step]}
    assert found == {step: (difference.theirs, difference.ours) for step, difference in DIFFER.items()}
    assert (len(found), len(theirs)) == (20, 122)
