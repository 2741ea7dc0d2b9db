"""Whether something in the inboxes has changed: asked for all who look together, while somebody does.

A store counts its changes, whichever process makes them. Asking for that number takes some microseconds; it is done in
a thread, as a disk may take longer.
"""

from __future__ import annotations

import asyncio
import logging
from time import monotonic
from typing import TYPE_CHECKING

from tincans.errors import TincansError
from tincans.limits import LOOK_REST, MAILS_SECONDS
from tincans.watch.answers import Arrived
from tincans.watch.inboxes import Inboxes
from tincans.watch.trouble import Refused

if TYPE_CHECKING:
    from tincans.watch.lookout import Lookout

log = logging.getLogger(__name__)


async def arrive(lookout: Lookout, inboxes: Inboxes) -> None:
    """Tell the lookout of each change. Without end."""
    while True:
        began = monotonic()
        if lookout.is_looked_at:
            try:
                lookout.arrived(await _revisions(inboxes))
            except Exception:
                log.exception("the inboxes cannot be looked at")
        await asyncio.sleep(max(MAILS_SECONDS, (monotonic() - began) * LOOK_REST))


async def _revisions(inboxes: Inboxes) -> Arrived:
    found: dict[str, int] = {}
    for name in inboxes.named():
        try:
            found[name] = await inboxes.ask(name, lambda mails: mails.revision)
        except (TincansError, Refused, OSError):  # who asks for its mails is told
            found[name] = 0
    return Arrived(revisions=found)
