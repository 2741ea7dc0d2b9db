"""A mail made of its parts, and a mail as the bytes that are sent (RFC 5322, MIME by the standard library).

Whatever the lines of a text end in, CR LF is sent; what is beyond ASCII is packed so that any server takes it, unless
an address is: that needs SMTPUTF8 (RFC 6531) anyway, and then it stands as it is.
"""

from __future__ import annotations

import getpass
import mimetypes
import re
import socket
from collections.abc import Iterator, Sequence
from email import message_from_bytes, policy
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import getaddresses, localtime
from pathlib import Path
from secrets import token_hex
from typing import NamedTuple

from tincans.errors import UsageError
from tincans.limits import HTTP_HEAD_BYTES, RECEIVE_BYTES

_LINE_END = re.compile(rb"\r\n|\r|\n")


class Letterhead(NamedTuple):
    """Who writes to whom, about what. Addresses may have names, as in `Ann <ann@example.org>`."""

    sender: str = ""
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    subject: str = ""
    #: Further fields, each as `Name: value`.
    fields: tuple[str, ...] = ()


def compose(head: Letterhead, text: str, *, html: str = "", attachments: Sequence[Path] = ()) -> EmailMessage:
    """A mail with that text; the same as `html` beside it, and files behind it. Raises `UsageError`, `OSError`."""
    mail = EmailMessage(policy=policy.SMTPUTF8)
    sender = head.sender or own_address()
    for name, values in (("From", (sender,)), ("To", head.to), ("Cc", head.cc)):
        if values:
            _set(mail, name, ", ".join(values))
    _set(mail, "Subject", head.subject)
    mail["Date"] = localtime()
    mail["Message-ID"] = f"<{token_hex(16)}@{_domain(sender)}>"  # RFC 5322 §3.6.4; nothing of this machine in it
    for field in head.fields:
        name, colon, value = field.partition(":")
        if not colon or not re.fullmatch(r"[!-9;-~]+", name):
            raise UsageError(f"{field!r} is no field of a mail: write it as 'Name: value'")
        _set(mail, name, value.strip())
    mail.set_content(text)
    if html:
        mail.add_alternative(html, subtype="html")
    for path in attachments:
        _attach(mail, path)
    return mail


def own_address() -> str:
    """Who we are where nobody said it: the user on this machine."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "tincans"
    return f"{user}@{socket.gethostname() or 'localhost'}"


def addresses(*fields: str) -> list[str]:
    """The bare addresses in such fields, each once. Raises `UsageError` at what is none."""
    found = list(dict.fromkeys(address for _, address in getaddresses(fields)))
    for address in found:
        if "@" not in address or re.search(r"[\s<>]", address):
            raise UsageError(f"{', '.join(fields)!r} has no address of mail: write for example ann@example.org")
    return found


def envelope(mail: EmailMessage) -> tuple[str, list[str]]:
    """Who a mail is from and all who get it, as its fields say. Raises `UsageError`."""
    senders = addresses(str(mail["From"])) if mail["From"] else []
    fields = [str(value) for name in ("To", "Cc", "Bcc") for value in mail.get_all(name, [])]
    return senders[0] if senders else own_address(), addresses(*fields) if fields else []


def pieces(mail: EmailMessage | bytes | Path) -> Iterator[bytes]:
    """The mail as it is sent, its lines ended by CR LF. A file is read as it goes. Raises `OSError`."""
    if isinstance(mail, EmailMessage):
        shown = message_from_bytes(mail.as_bytes(), policy=policy.SMTPUTF8)
        del shown["Bcc"]  # RFC 5322 §3.6.3
        fields = [str(value) for name in ("From", "To", "Cc") for value in shown.get_all(name, [])]
        is_plain = all(address.isascii() for _, address in getaddresses(fields))
        yield shown.as_bytes(policy=policy.SMTP.clone(cte_type="7bit") if is_plain else policy.SMTPUTF8)
    elif isinstance(mail, bytes):
        yield _LINE_END.sub(b"\r\n", mail)
    else:
        yield from _file_pieces(mail)


def read_head(path: Path) -> EmailMessage:
    """What a mail in a file says of who gets it; its text is not read. Raises `OSError`."""
    with path.open("rb") as file:
        found = message_from_bytes(file.read(HTTP_HEAD_BYTES), policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


def _file_pieces(path: Path) -> Iterator[bytes]:
    kept = b""
    with path.open("rb") as file:
        while data := file.read(RECEIVE_BYTES):
            data = kept + data
            kept = b"\r" if data.endswith(b"\r") else b""  # its LF may come next
            yield _LINE_END.sub(b"\r\n", data[: len(data) - len(kept)])
    if kept:
        yield b"\r\n"


def _set(mail: EmailMessage, name: str, value: str) -> None:
    try:
        mail[name] = value
    except (ValueError, MessageError) as error:
        raise UsageError(f"{value!r} cannot be the {name} of a mail: {error}") from error


def _domain(sender: str) -> str:
    found = addresses(sender)
    try:
        domain = Address(addr_spec=found[0]).domain if found else ""
    except (ValueError, MessageError):
        domain = ""
    return domain if domain.isascii() and domain else "localhost"


def _attach(mail: EmailMessage, path: Path) -> None:
    kind, packed = mimetypes.guess_type(path.name)
    main, _, sub = (kind if kind and not packed else "application/octet-stream").partition("/")
    if main in ("message", "multipart"):  # it would be taken apart
        main, sub = "application", "octet-stream"
    mail.add_attachment(path.read_bytes(), maintype=main, subtype=sub, filename=path.name)
