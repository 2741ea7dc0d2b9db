"""The app `mail`: takes every mail (SMTP and LMTP, `smtp.py`), and `mail:pop3`: gives them out (`pop3.py`)."""

from __future__ import annotations

from pathlib import Path

from tincans.apps.settings import Settings
from tincans.errors import UsageError
from tincans.folders import mails_folder
from tincans.server import App


def load(rest: str, settings: Settings) -> App:
    """The app `mail`, or `mail:pop3`. Raises `UsageError`, and `MailsError` where mails cannot be kept."""
    if rest == "pop3":
        from tincans.apps.mail import pop3

        return pop3.load(settings)
    if rest:
        raise UsageError(f"there is mail and mail:pop3, and no mail:{rest}")
    return _load_smtp(settings)


def _load_smtp(settings: Settings) -> App:
    from tincans.apps.mail.smtp import SmtpServer
    from tincans.apps.mail.smtp_dialogue import House, own_name
    from tincans.apps.mail.store import Mails

    wrap = settings.wrap()
    folder = Path(settings.mails) if settings.mails else mails_folder()
    return SmtpServer(
        House(
            mails=Mails.open(folder, keep=settings.keep, days=settings.days),
            users=settings.users,
            guests=settings.guests is not False,
            wrap=wrap,
            tls_first=settings.tls == "required",
            name=own_name(),
        )
    )
