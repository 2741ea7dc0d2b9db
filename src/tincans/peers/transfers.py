"""Files from one peer to another: `send` and `receive`, with a spoken code, or between peers that know each other.

    with a code     send waits (`sending.py`), receive calls (`receiving.py`): they pair (`pairing.py`), and know each
                    other from then on
    without one     who receives waits (`awaiting.py`), and takes from known peers alone; send_to calls

Either way the two are inside mutual TLS (`tls.py`), one `Hello` says who wants what, and then the one gives and the
other takes (`passing.py`).

    us = Us(PeerTls(Identity.open()), Known())
    await send(us, Load.of([path]), announce=lambda invitation, address: print(invitation.code, address))
    await receive(us, Code.parse("7-hovercraft-orbit"), [address], folder)
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from tincans.address import Address
from tincans.channel import Channel
from tincans.limits import PASS_PORT
from tincans.peers.awaiting import Waiting
from tincans.peers.codes import Code
from tincans.peers.frames import Frames
from tincans.peers.giving import Giver
from tincans.peers.invitations import Invitation
from tincans.peers.loads import Load
from tincans.peers.pairing import Hello
from tincans.peers.parties import SEND, Agree, News, Offered, Taking, Us, yes
from tincans.peers.receiving import Receiving, call_one
from tincans.peers.sending import Sending
from tincans.progress import Progress, Result, Telling

__all__ = ["Load", "Offered", "Sending", "Taking", "Us", "Waiting", "receive", "send", "send_to", "yes"]

#: Is told, once it is waited at an address, what is to be said to the other person: the code. It may take its time.
Announce = Callable[[Invitation, Address], Awaitable[object] | object]

_ANYWHERE = Address("tcp", "*", PASS_PORT)


async def send(
    us: Us, load: Load, *, announce: Announce, invitation: Invitation | None = None, address: Address = _ANYWHERE,
    count: int | None = 1, progress: Progress | None = None, news: News = lambda text: None,
) -> Result:  # fmt: skip
    """Wait at `address`, or any port of it where that is taken, until `count` have received the load by a code.

    With None it goes on until it is cancelled. `news` hears in sentences who gave a wrong code or broke off. Raises
    `ListenError`, `CodeVoid` when too many have guessed, and where one alone is meant `OfferDeclined`. Cancelling cuts
    off what goes on; what came of it can be gone on with, by whoever sends the same again.
    """
    invitation = invitation or Invitation(Code.new())
    async with Sending(us, load, invitation, count=count, progress=progress, news=news) as sending:
        where = await sending.listen(address)
        announced = announce(invitation, where)
        if inspect.isawaitable(announced):
            await announced
        return await sending.wait()


async def receive(
    us: Us, code: Code, addresses: Sequence[Address], target: Path | Channel, *, agree: Agree = yes,
    overwrite: bool = False, progress: Progress | None = None, news: News = lambda text: None,
) -> Result:  # fmt: skip
    """Call the first of `addresses` that answers, pair by the code, and take what is offered.

    Where the connection is lost it calls again, for PASS_LOST_SECONDS (`receiving.py`), and `news` hears of it.

    `target` is a folder, or a channel, which stays open, for one file. A file that is there is written over only with
    `overwrite`; else what is offered becomes `name (1)`, unless it is the same.

    Raises `ConnectError` (of which `IdentityChanged` says that a known peer has another key), `WrongCode`, `CodeVoid`,
    `OfferDeclined` where `agree` says no, `PassingFailed`, `CannotWrite`, `TreeIncomplete` where some could not be
    given, `ChannelError`. Then, and when it is cancelled, what came is kept for another time, and nothing is open.
    """
    return await Receiving(us, code, addresses, Taking(target, agree, overwrite, progress), news).run()


async def send_to(
    us: Us, name: str, addresses: Sequence[Address], load: Load, *, progress: Progress | None = None
) -> Result:
    """Call a known peer that waits for files at the first of `addresses` that answers, and give it the load.

    Raises `NoSuchPeer`, `ConnectError` (of which `WrongPeer` says that somebody else is there, and `PeerRefused` that
    we are not known there), `OfferDeclined`, `PassingFailed`, `ChannelError`. Cancelling closes all.
    """
    known = us.known.named(name)
    channel, _ = await call_one(us, addresses, known.fingerprint)
    async with channel:
        frames, telling = Frames(channel), Telling(progress)
        await frames.send(Hello(SEND))
        await Giver(load, telling, name).run(frames)
        return telling.result
