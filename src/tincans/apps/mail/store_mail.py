"""What the store knows of a mail: its envelope, the mail itself, the mailboxes it is in.

A mail that a user sent who had logged in is in the mailbox of that user's name. Any other is in one mailbox for each
address it was sent to, in small letters. So two teams, or two tests, that share a server do not share an inbox: they
log in with names of their own, or send to addresses of their own.
"""

from __future__ import annotations

import msgspec

#: The mailbox of what was sent by nobody to nobody.
NOBODY = "nobody"


class Envelope(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was said about a mail when it was handed over; nothing of it stands in the mail (RFC 5321 §2.3.1)."""

    #: Whom a bounce goes to; empty for a bounce itself.
    sender: str = ""
    recipients: tuple[str, ...] = ()
    #: Who had logged in; empty for a guest.
    user: str = ""
    #: The caller's address, and what it called itself.
    client: str = ""
    hello: str = ""
    #: The conversation in the journal that delivered it; 0 where nobody recorded.
    conversation: int = 0
    #: What stood behind MAIL FROM, by name: SIZE, BODY, RET, ENVID …; and behind RCPT TO, by recipient.
    parameters: dict[str, str] = {}
    recipient_parameters: dict[str, dict[str, str]] = {}

    @property
    def mailboxes(self) -> tuple[str, ...]:
        """Those that such a mail belongs to: at least one, each once."""
        names = [self.user] if self.user else [each.lower() for each in self.recipients if each]
        return tuple(dict.fromkeys(names)) or (NOBODY,)


class Mail(msgspec.Struct, frozen=True, kw_only=True):
    """A mail that is kept. Its text is in the file that `Mails.path` names."""

    #: Grows in the order of arrival, and never means another mail.
    number: int
    #: When it was taken, in nanoseconds since 1970.
    at: int
    #: Bytes of its file.
    size: int
    envelope: Envelope
    #: Those that it is still in.
    mailboxes: tuple[str, ...] = ()
    seen: bool = False
    #: What its header says, for people: decoded, in one line each, cut at MAIL_FIELD_CHARACTERS.
    subject: str = ""
    from_: str = ""
    to: str = ""
    message_id: str = ""
    #: Parts that are files.
    attachments: int = 0


class Mailbox(msgspec.Struct, frozen=True):
    """One mailbox: how many mails are in it, how many nobody has seen, their bytes, its newest mail's number."""

    name: str
    count: int
    unseen: int
    bytes: int
    newest: int
