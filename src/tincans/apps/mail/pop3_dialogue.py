"""What the POP3 server answers: one dialogue a caller, fed with events, and no socket in it.

    AUTHORIZATION ─ USER, PASS, or AUTH ─► TRANSACTION ─ QUIT ─► UPDATE: what was deleted is removed (RFC 1939 §3)
            ▲ STLS: TLS, and everything anew     └ the channel ends in any other way: nothing is removed

The session has judged already what is a command and whether its argument can be one (`faults`); here is decided what
only this server knows. What follows a status, a mail or a list, is made while it is sent.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Awaitable, Callable, Generator, Iterable
from itertools import islice
from typing import BinaryIO, NamedTuple

from tincans.apps.login import Login, LoginRefused, Why, offered
from tincans.apps.mail.pop3_maildrop import InUse, Letter, Maildrop, regular, top, whole
from tincans.apps.mail.store import Mails
from tincans.errors import MailsError
from tincans.limits import LOGIN_ATTEMPTS, LOGIN_REST_SECONDS, POP3_LINES_A_TURN
from tincans.protocols import sasl
from tincans.protocols.events import Event, encoded
from tincans.protocols.pop3 import Challenge, Command, Status
from tincans.transports import Wrap
from tincans.users import Users


class Answer(NamedTuple):
    """A status or a challenge, and what follows it, if anything does: lines that end in CR LF, in pieces."""

    event: Status | Challenge
    behind: Generator[bytes] | None = None


def _ok(message: str = "", behind: Generator[bytes] | None = None) -> Answer:
    return Answer(Status(ok=True, message=message), behind)


def _no(message: str) -> Answer:
    return Answer(Status(ok=False, message=message))


_WRONG = _no("[AUTH] the name or the password is wrong")
_IN_USE = _no("[IN-USE] somebody else has opened this mailbox")
_NO_MAIL = _no("there is no such mail")
_LOST = _no("[SYS/TEMP] the mail is gone")

#: What may be said before TLS where that is required.
_BEFORE_TLS = frozenset({"CAPA", "STLS", "QUIT"})


#: The capabilities that do not depend on anything.
_ALWAYS_THERE = ("TOP", "UIDL", "PIPELINING", "RESP-CODES", "AUTH-RESP-CODE", "UTF8 USER", "LOGIN-DELAY 0")


class House(NamedTuple):
    """What all callers of one server share: the mails, who may read them, how TLS begins."""

    mails: Mails
    users: Users = Users()
    wrap: Wrap | None = None
    tls_first: bool = False
    #: For how many days a mail is kept, and how many of each mailbox are; 0 for ever, and all.
    days: float = 0
    keep: int = 0
    #: How long a wrong password is thought about.
    rest: float = LOGIN_REST_SECONDS


class Dialogue:
    """One caller's. `over` is set once the channel is to be closed; `begins_tls`, once TLS is to begin."""

    def __init__(self, house: House, *, secure: bool) -> None:
        self.over = self.begins_tls = False
        self._house, self._secure = house, secure
        self._wrong = 0  # passwords
        self._drop: Maildrop | None = None
        self._begin()

    def _begin(self) -> None:
        self._name: str | None = None  # after USER
        self._login: Login | None = None

    def secured(self) -> None:
        """TLS stands: everything begins anew (RFC 2595 §4)."""
        self.begins_tls, self._secure = False, True
        self._begin()

    def close(self) -> None:
        """Let others into the maildrop. Nothing is deleted."""
        if self._drop is not None:
            self._drop.close()
            self._drop = None

    @property
    def greeting(self) -> Answer:
        return _ok("tincans gives out the mails it took")

    async def answer(self, event: Event) -> Answer:
        """What is said to one event. Raises nothing that the caller could be the cause of."""
        if isinstance(event, sasl.Response):
            return await self._log_in(event.response)
        assert isinstance(event, Command)
        if event.faults:
            return _no(event.faults[0])
        if self._house.tls_first and not self._secure and event.verb not in _BEFORE_TLS:
            return _no("STLS comes first")
        if (before := _BEFORE.get(event.verb)) is not None:
            return _no("you are logged in") if self._drop is not None else await before(self, event.argument)
        if event.verb in _ALWAYS:
            return await _ALWAYS[event.verb](self)
        if event.verb not in _AFTER:
            return _no(f"there is no {event.verb} here")
        return _no("a login comes first") if self._drop is None else _AFTER[event.verb](self._drop, event.argument)

    # ── before the login, and at any time ─────────────────────────────────────────────────────────────────

    async def _capabilities(self) -> Answer:
        """RFC 2449. What the client may use now: LANG and APOP are not here, and STLS not twice."""
        house = self._house
        has_tls = house.wrap is not None and not self._secure
        says_passwords = self._secure or not house.tls_first
        named = [f"SASL {' '.join(offered(house.users))}", "USER"] if says_passwords else []
        expire = [f"EXPIRE {int(house.days)}" if house.days else "EXPIRE NEVER"] * (not house.keep)  # else, who knows
        items = [*named, *_ALWAYS_THERE, *expire, *(["STLS"] if has_tls else []), "IMPLEMENTATION tincans"]
        return _ok("this is what I can", _lines(items))

    async def _user(self, name: str) -> Answer:
        self._name = name
        return _ok("and the password?")

    async def _pass(self, password: str) -> Answer:
        if self._name is None:
            return _no("USER comes before PASS")
        name, self._name = self._name, None
        login = Login("PLAIN", self._house.users)
        return await self._decide(login, b64encode(encoded(f"\0{name}\0{password}")).decode())

    async def _auth(self, argument: str) -> Answer:
        mechanism, _, first = argument.partition(" ")
        if mechanism.upper() not in offered(self._house.users):
            return _no(f"I know {', '.join(offered(self._house.users))} alone")
        self._login = Login(mechanism.upper(), self._house.users)
        return await self._log_in(first or None)

    async def _log_in(self, response: str | None) -> Answer:
        login, self._login = self._login, None
        if login is None:
            return _no("no login goes on")
        return await self._decide(login, response)

    async def _decide(self, login: Login, response: str | None) -> Answer:
        try:
            challenge = await login.hear(response)
        except LoginRefused as error:
            return await self._refuse(error.why)
        if challenge is not None:
            self._login = login
            return Answer(Challenge(challenge=challenge))
        return await self._open(login.name)

    async def _refuse(self, why: Why) -> Answer:
        """Nobody guesses passwords quickly, or many over one channel."""
        if why is not Why.WRONG:
            return _no(why.value)
        self._wrong += 1
        self.over = self._wrong >= LOGIN_ATTEMPTS
        await asyncio.sleep(self._house.rest)
        return _WRONG

    async def _open(self, name: str) -> Answer:
        house = self._house
        try:
            self._drop = Maildrop(house.mails, name, anybody=not house.users)
            await asyncio.to_thread(self._drop.read)
        except InUse:
            return _IN_USE
        except MailsError as error:
            self.close()
            return _no(f"[SYS/TEMP] {error}")
        return _ok(f"you have {_counted(self._drop)}")

    async def _stls(self, _: str) -> Answer:
        if self._house.wrap is None or self._secure:
            return _no("TLS stands already" if self._secure else "there is no TLS here")
        self.begins_tls = True
        return _ok("go on with TLS")

    async def _utf8(self, _: str) -> Answer:
        """RFC 6856 §2: mails are given as they were sent in any case."""
        return _ok("mails are given as they were sent")

    async def _quit(self) -> Answer:
        self.over = True
        if self._drop is None:
            return _ok("goodbye")
        try:
            await asyncio.to_thread(self._drop.update)
        except MailsError as error:
            return _no(f"[SYS/TEMP] some mails were not deleted: {error}")
        finally:
            self.close()
        return _ok("goodbye")


# ── after the login ───────────────────────────────────────────────────────────────────────────────────────


def _counted(drop: Maildrop) -> str:
    kept = drop.kept
    return f"{len(kept)} mail{'' if len(kept) == 1 else 's'} ({sum(letter.size for _, letter in kept)} bytes)"


def _found(drop: Maildrop, argument: str) -> Letter | None:
    """The mail of that number, unless it is deleted."""
    number = int(argument) if len(argument) < 10 else 0
    letter = drop.letters[number - 1] if 0 < number <= len(drop.letters) else None
    return None if letter is None or letter.is_deleted else letter


def _stat(drop: Maildrop, _: str) -> Answer:
    kept = drop.kept
    return _ok(f"{len(kept)} {sum(letter.size for _, letter in kept)}")


def _listed(drop: Maildrop, argument: str, what: Callable[[Letter], object]) -> Answer:
    """One mail in the status itself, or all in a list."""
    if not argument:
        return _ok(_counted(drop), _lines(f"{number} {what(letter)}" for number, letter in drop.kept))
    letter = _found(drop, argument)
    return _NO_MAIL if letter is None else _ok(f"{argument} {what(letter)}")


def _lines(words: Iterable[str]) -> Generator[bytes]:
    """A list in pieces of not too many lines."""
    waiting = iter(words)
    while some := list(islice(waiting, POP3_LINES_A_TURN)):
        yield "".join(f"{each}\r\n" for each in some).encode()


def _list(drop: Maildrop, argument: str) -> Answer:
    return _listed(drop, argument, lambda letter: letter.size)


def _uidl(drop: Maildrop, argument: str) -> Answer:
    return _listed(drop, argument, drop.name_of)


def _retr(drop: Maildrop, argument: str) -> Answer:
    letter = _found(drop, argument)
    if letter is None or (file := _opened(drop, letter)) is None:
        return _NO_MAIL if letter is None else _LOST
    letter.is_read = True
    return _ok(f"{letter.size} bytes", _read(file, whole(file)))


def _top(drop: Maildrop, argument: str) -> Answer:
    number, _, lines = argument.partition(" ")
    letter = _found(drop, number)
    if letter is None or (file := _opened(drop, letter)) is None:
        return _NO_MAIL if letter is None else _LOST
    return _ok("", _read(file, top(file, int(lines[:10]))))


def _opened(drop: Maildrop, letter: Letter) -> BinaryIO | None:
    """A mail's file; None where the store has deleted it meanwhile, as too many came or it is too old."""
    try:
        return open(drop.path_of(letter), "rb")
    except OSError:
        return None


def _read(file: BinaryIO, pieces: Iterable[bytes]) -> Generator[bytes]:
    with file:
        yield from regular(pieces)


def _dele(drop: Maildrop, argument: str) -> Answer:
    letter = _found(drop, argument)
    if letter is None:
        return _NO_MAIL
    letter.is_deleted = True
    return _ok("it will be deleted at QUIT")


def _noop(drop: Maildrop, _: str) -> Answer:
    return _ok()


def _rset(drop: Maildrop, _: str) -> Answer:
    for letter in drop.letters:
        letter.is_deleted = False
    return _ok(f"you have {_counted(drop)}")


_BEFORE: dict[str, Callable[[Dialogue, str], Awaitable[Answer]]] = {
    "USER": Dialogue._user,
    "PASS": Dialogue._pass,
    "AUTH": Dialogue._auth,
    "STLS": Dialogue._stls,
    "UTF8": Dialogue._utf8,
}
_ALWAYS: dict[str, Callable[[Dialogue], Awaitable[Answer]]] = {
    "CAPA": Dialogue._capabilities,
    "QUIT": Dialogue._quit,
}
_AFTER: dict[str, Callable[[Maildrop, str], Answer]] = {
    "STAT": _stat,
    "LIST": _list,
    "UIDL": _uidl,
    "RETR": _retr,
    "TOP": _top,
    "DELE": _dele,
    "NOOP": _noop,
    "RSET": _rset,
}
