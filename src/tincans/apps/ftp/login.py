"""Who calls, and whether others can listen: USER to QUIT (RFC 959 §4.1.1), AUTH to PROT (RFC 4217), HOST (RFC 7151).

Which names there are is not told: everybody is asked for a password, and a wrong one is answered late (RFC 2577 §5).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NoReturn

from tincans.apps.ftp.control import Refused
from tincans.limits import FTP_LOGIN_TRIES, FTP_WRONG_SECONDS
from tincans.protocols.ftp import TLS_MECHANISMS, Command

if TYPE_CHECKING:
    from tincans.apps.ftp.visit import Visit

_GUESTS = ("anonymous", "ftp")


async def user(visit: Visit, command: Command) -> None:
    """Begin to log in; who was logged in is not any more (RFC 959 §4.1.1)."""
    if visit.settings.tls == "required" and not visit.is_secure:
        raise Refused(530, "Say AUTH TLS first: nobody logs in outside TLS here.")
    visit.is_in = visit.may_write = False
    visit.enter("/")
    visit.name = command.argument
    guest = "any password will do" if _is_guest(visit) else "now its password"
    await visit.reply(331, f"{visit.name}: {guest}.")


def _is_guest(visit: Visit) -> bool:
    """Whether the name is one that needs no password: where nobody is known, anybody's."""
    settings = visit.settings
    return settings.lets_guests_in and (not settings.users or visit.name.lower() in _GUESTS)


async def pass_(visit: Visit, command: Command) -> None:
    """Log in, or not."""
    if not visit.name or visit.is_in:
        raise Refused(503, "Say USER first.")
    settings = visit.settings
    if _is_guest(visit):
        visit.may_write = settings.write and not settings.users
    elif await settings.users.check(visit.name, command.argument):
        visit.may_write = settings.write
    else:
        await _turn_away(visit)
    visit.is_in = True
    await visit.reply(230, "Welcome." if visit.may_write else "Welcome. Nothing can be changed here.")


async def _turn_away(visit: Visit) -> NoReturn:
    visit.name = ""
    visit.tries += 1
    await asyncio.sleep(FTP_WRONG_SECONDS)
    if visit.tries < FTP_LOGIN_TRIES:
        raise Refused(530, "That is not the name and the password of anybody.")
    visit.is_over = True
    raise Refused(421, f"That were {visit.tries} wrong passwords. Goodbye.")


async def acct(visit: Visit, command: Command) -> None:
    """There are no accounts beside users."""
    await visit.reply(202, "No account is needed.")


async def host(visit: Visit, command: Command) -> None:
    """All hosts are one here (RFC 7151 §3.2)."""
    if visit.name:
        raise Refused(503, "HOST comes before USER.")
    await visit.reply(220, f"{command.argument} is as good as any.")


async def rein(visit: Visit, command: Command) -> None:
    """Begin anew. TLS would have to end for it (RFC 4217 §11), which is not done here."""
    if visit.is_secure:
        raise Refused(502, "TLS goes on to the end: call again instead.")
    visit.begin_anew()
    await visit.settle(None)
    await visit.reply(220, "Who is it now?")


async def quit_(visit: Visit, command: Command) -> None:
    """Say goodbye. A transfer that goes on is over before this is heard."""
    visit.is_over = True
    await visit.reply(221, "Goodbye.")


# ── TLS ───────────────────────────────────────────────────────────────────────────────────────────────────


async def auth(visit: Visit, command: Command) -> None:
    """Begin TLS on the control connection."""
    mechanism = command.argument.upper()
    if visit.is_secure:
        raise Refused(503, "This is inside TLS already.")
    if visit.offered is None:
        raise Refused(502, "TLS is not offered here.")
    if mechanism not in TLS_MECHANISMS:
        raise Refused(504, "There is TLS, and nothing else.")
    if visit.control.is_ahead:  # it may be somebody else's words, put there to be taken for the client's
        raise Refused(503, "Nothing may be said behind AUTH before it is answered.")
    await visit.reply(234, "Begin TLS.")
    await visit.control.secure(visit.offered)
    await visit.settle(None)
    visit.begin_anew()
    visit.protection = "P" if mechanism in ("SSL", "TLS-P") else "C"  # what the drafts meant (RFC 4217 §17)
    visit.has_buffer = False


async def pbsz(visit: Visit, command: Command) -> None:
    """TLS has no buffer to agree on, so that it is 0 whatever is asked for (RFC 4217 §8)."""
    if not visit.is_secure:
        raise Refused(503, "Say AUTH TLS first.")
    if not command.argument.isdecimal():
        raise Refused(501, "The size is a number.")
    visit.has_buffer = True
    await visit.reply(200, "PBSZ=0")


async def prot(visit: Visit, command: Command) -> None:
    """Whether data connections are inside TLS (RFC 4217 §9)."""
    level = command.argument.upper()
    if not visit.has_buffer:
        raise Refused(503, "Say PBSZ 0 first.")
    if level in ("S", "E"):
        raise Refused(536, "TLS knows P, private, and C, clear.")
    if level not in ("C", "P"):
        raise Refused(504, "It is P, private, or C, clear.")
    if level == "C" and visit.settings.tls == "required":
        raise Refused(534, "Data is private here.")
    visit.protection = level
    await visit.reply(200, "Data connections are inside TLS." if level == "P" else "Data connections are clear.")


async def ccc(visit: Visit, command: Command) -> None:
    """Nobody has to know the commands (RFC 4217 §6 leaves it to the server)."""
    if not visit.is_secure:
        raise Refused(533, "This is not inside TLS.")
    raise Refused(534, "TLS goes on to the end.")
