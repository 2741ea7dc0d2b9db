"""Logins as a client says them: SASL's SCRAM-SHA-256, PLAIN and LOGIN, for SMTP (RFC 4954) and POP3 (RFC 5034).

A mechanism is a generator: it yields what the client says, and is sent the server's challenges. It ends when nothing
more is to be said; SCRAM's ends only once the server has proven that it knows the password, too (RFC 5802 §3), so who
is in the middle cannot say "welcome" for it. The other end of each is `tincans.apps.login`.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from base64 import b64decode, b64encode
from collections.abc import Callable, Generator, Iterable

from tincans.clients.login import Login
from tincans.errors import RemoteProtocolError
from tincans.limits import SCRAM_ROUNDS

#: Yields what is said, is sent challenges. Raises `RemoteProtocolError`.
Steps = Generator[bytes, bytes, None]


def choose(offered: Iterable[str]) -> str:
    """The best of the mechanisms that a server offers; empty where it has none of ours."""
    names = {name.upper() for name in offered}
    return next((name for name in _MECHANISMS if name in names), "")


class Answers:
    """What we say in one login, in lines of base64. `first` goes with the mechanism's name; None where it waits."""

    def __init__(self, mechanism: str, login: Login) -> None:
        """`mechanism` is one that `choose` gave."""
        self.mechanism = mechanism
        self._steps = _MECHANISMS[mechanism](login)
        self.first = None if mechanism == "LOGIN" else b64encode(next(self._steps)).decode()
        self._begun = self.first is not None

    def answer(self, challenge: str) -> str:
        """What is said to a challenge. Raises `RemoteProtocolError` where that is none, or not the right server's."""
        if not self._begun:
            self._begun = True
            return b64encode(next(self._steps)).decode()
        try:
            asked = b64decode(challenge, validate=True)
        except ValueError as error:
            raise RemoteProtocolError("the server's challenge is not base64") from error
        try:
            return b64encode(self._steps.send(asked)).decode()
        except StopIteration as error:
            raise RemoteProtocolError(f"the server asks for more than {self.mechanism} has to say") from error

    def finish(self) -> None:
        """The server has let us in. Raises `RemoteProtocolError` where it has not proven who it is."""
        if self.mechanism == "SCRAM-SHA-256" and self._steps.gi_frame is not None and not self._is_last:
            raise RemoteProtocolError("the server did not prove that it knows the password")

    @property
    def _is_last(self) -> bool:
        """Whether what it said last is the empty answer to the proof."""
        frame = self._steps.gi_frame
        return frame is not None and frame.f_locals.get("proven") is True


def _plain(login: Login) -> Steps:
    """RFC 4616 §2."""
    yield f"\0{login.user}\0{login.password}".encode()


def _login(login: Login) -> Steps:
    """The name, and the password, whatever the questions say."""
    yield login.user.encode()
    yield login.password.encode()
