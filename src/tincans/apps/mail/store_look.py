"""What a mail looks like: whom it is from, to whom, about what, how many files are in it, and the words to be found.

Mails are hostile. Whatever one is there is an answer, and it takes some milliseconds, or for the worst of them some
tenths of a second: the header is read here, in one pass, and Python's parser is asked for the parts alone, where it
will not take long (`tincans.protocols.mail.is_bearable`). What was not understood is shown as it came.
"""

from __future__ import annotations

import html
import re
from base64 import b64decode
from binascii import a2b_qp
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import msgspec

from tincans.limits import (
    HTTP_HEAD_BYTES,
    MAIL_FIELD_CHARACTERS,
    MAIL_LOOKS,
    MAIL_PARTS,
    MAIL_READ_BYTES,
    MAIL_WORDS_CHARACTERS,
)
from tincans.protocols.content import known_charset
from tincans.protocols.mail import is_bearable


class Header(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is kept in the index of what a mail looks like."""

    subject: str = ""
    from_: str = ""
    to: str = ""
    message_id: str = ""
    attachments: int = 0


class Looked(msgspec.Struct, frozen=True):
    """What was found in one mail: its header, and the words of its header and its text."""

    header: Header
    words: str = ""


def look(path: Path) -> Looked:
    """Read a mail's file, or the first MAIL_READ_BYTES of it. Raises `OSError` alone."""
    data = _beginning(path, MAIL_READ_BYTES)
    fields = _fields(data[:HTTP_HEAD_BYTES])
    files, texts = _parts(data)
    words = " ".join([*fields.values(), *(text[: 4 * MAIL_WORDS_CHARACTERS] for text in texts)])
    return Looked(_header(fields, files), _in_one_line(words)[:MAIL_WORDS_CHARACTERS])


def glance(path: Path) -> Header:
    """Its header alone: a hundredth of a millisecond or some. Raises `OSError` alone."""
    return _header(_fields(_beginning(path, HTTP_HEAD_BYTES)), 0)


def _beginning(path: Path, most: int) -> bytes:
    with path.open("rb", buffering=0) as file:
        return file.read(most)


# ── the header ────────────────────────────────────────────────────────────────────────────────────────────

_SHOWN = {b"from": "from", b"to": "to", b"cc": "cc", b"subject": "subject", b"message-id": "id"}
_FIELD = re.compile(rb"([!-9;-~]{1,100})[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)\n?")


def _header(fields: dict[str, str], attachments: int) -> Header:
    subject, from_, to, message_id = (fields.get(name, "") for name in ("subject", "from", "to", "id"))
    return Header(subject, from_, to, message_id, attachments)


def _fields(data: bytes) -> dict[str, str]:
    """The fields that are shown, decoded, by name; of several of a name the first."""
    found: dict[str, str] = {}
    at = 0
    while at < len(data) and (match := _FIELD.match(data, at)) is not None:
        name = _SHOWN.get(match[1].lower())
        if name and name not in found:
            found[name] = field_text(match[2][: 4 * MAIL_FIELD_CHARACTERS])
        at = match.end()
    return found


#: RFC 2047 §2, as lenient as what people send: a charset (with a language, RFC 2231 §5), how it is written, the text.
_ENCODED = re.compile(r"=\?([^?\s*]{1,64})(?:\*[^?\s]{0,64})?\?([bBqQ])\?([^?]*)\?=")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


def field_text(value: bytes) -> str:
    """A field's value for people: in one line, its encoded words decoded (RFC 2047), without controls. Never raises."""
    words = decoded(value, "utf-8")
    if "=?" in words:
        words = _without_encoding(words)
    return _in_one_line(words)[:MAIL_FIELD_CHARACTERS].rstrip()


def _in_one_line(words: str) -> str:
    return " ".join(_CONTROLS.sub(" ", words).split())


def _without_encoding(words: str) -> str:
    """Decode the encoded words. Blanks between two of them are none (§6.2), and one's bytes may go on in the next."""
    made: list[str] = []
    charset, held, at = "", b"", 0
    for match in _ENCODED.finditer(words):
        between = words[at : match.start()]
        if between.strip() or match[1].lower() != charset:
            made.append(decoded(held, charset))
            held = b""
            if between.strip() or not charset:
                made.append(between)
        charset, at = match[1].lower(), match.end()
        held += _unpacked(match[2], match[3])
    return "".join([*made, decoded(held, charset), words[at:]])


def _unpacked(how: str, packed: str) -> bytes:
    data = packed.encode("utf-8", "replace")
    if how in "qQ":
        return a2b_qp(data, header=True)
    try:
        return b64decode(data.rstrip(b"=") + b"==")
    except ValueError:
        return data


def decoded(data: bytes, charset: str) -> str:
    """Bytes as text, whatever the charset: a question mark in a diamond stands for what is none. Never raises."""
    try:
        return data.decode(known_charset(charset or "utf-8").name, "replace")
    except (LookupError, ValueError):
        return data.decode("utf-8", "replace")


# ── the parts ─────────────────────────────────────────────────────────────────────────────────────────────

_TAG = re.compile(r"<[^<>]*>")


def _parts(data: bytes) -> tuple[int, list[str]]:
    """How many parts are files, and the texts of the others."""
    if not is_bearable(data, MAIL_LOOKS // 4):
        return 0, [decoded(data[:MAIL_WORDS_CHARACTERS], "utf-8")]
    files, texts = 0, list[str]()
    try:
        for part in _leaves(message_from_bytes(data)):
            if _is_file(part):
                files += 1
            else:
                texts.append(_text(part))
    except Exception:  # the parser has bugs, and a mail that nobody can read is still to be listed
        texts.append(decoded(data[:MAIL_WORDS_CHARACTERS], "utf-8"))
    return files, texts


def _leaves(mail: Message) -> Iterator[Message]:
    """The parts that are not made of parts, in their order, of the first MAIL_PARTS."""
    for count, part in enumerate(mail.walk()):
        if count >= MAIL_PARTS:
            return
        if not part.is_multipart():
            yield part


def _is_file(part: Message) -> bool:
    return part.get_content_maintype() != "text" or part.get_content_disposition() == "attachment"


def _text(part: Message) -> str:
    data = part.get_payload(decode=True)
    if not isinstance(data, bytes):
        return ""
    words = decoded(data[: 4 * MAIL_WORDS_CHARACTERS], part.get_content_charset("utf-8"))
    return html.unescape(_TAG.sub(" ", words)) if part.get_content_subtype() == "html" else words
