"""The app `mail` takes every mail (SMTP and LMTP, `smtp.py`), and `mail:pop3` gives them out (`pop3.py`)."""

from __future__ import annotations

from tincans.apps.settings import Settings
from tincans.errors import UsageError
from tincans.server import App


def load(rest: str, settings: Settings) -> App:
    """The app `mail`, or `mail:pop3`. Raises `UsageError`."""
    if rest == "pop3":
        from tincans.apps.mail import pop3

        return pop3.load(settings)
    if rest:
        raise UsageError(f"there are mail and mail:pop3, and no mail:{rest}")
    from tincans.apps.mail import smtp

    return smtp.load(settings)
