"""Mails as people send them, and mails as nobody should: the same, broken in all ways that a seed chooses."""

from __future__ import annotations

from collections.abc import Callable
from email.message import EmailMessage
from random import Random


def _plain() -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Ada <ada@example.org>", "bob@example.org", "Grüße aus Köln"
    mail["Message-ID"], mail["Date"] = "<1@example.org>", "Fri, 27 Nov 2026 23:00:00 +0000"
    mail.set_content("Hallo Bob,\n\nschöne Grüße.\n.\n..\n", cte="quoted-printable")
    return mail.as_bytes()


def _with_files() -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = '"Doe, Jane" <jane@example.org>', "a@x.org, b@x.org", "Files"
    mail.set_content("see the files\n")
    mail.add_alternative("<p>see the <b>files</b> &amp; <img src='cid:1'></p>", subtype="html")
    mail.add_attachment(bytes(range(256)) * 4, maintype="application", subtype="pdf", filename="Rechnung März.pdf")
    mail.add_attachment("a,b\n1,2\n", subtype="csv", filename="table.csv")
    return mail.as_bytes()


def _forwarded() -> bytes:
    inner = EmailMessage()
    inner["From"], inner["Subject"] = "list@example.org", "[list] digest"
    inner.set_content("inside\n")
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "MAILER-DAEMON", "bob@example.org", "Undelivered"
    mail.set_content("it came back\n")
    mail.add_attachment(inner)
    return mail.as_bytes()


_HAND_MADE = [
    (
        b"From: =?iso-8859-1?Q?Andr=E9?= Pirard <PIRARD@vm1.ulg.ac.be>\r\n"
        b"Subject: =?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=\r\n =?ISO-8859-2?B?dSB1bmRlcnN0YW5k?=\r\n"
        b"\r\nRFC 2047 has such.\r\n"
    ),
    b"Received: from a (b [192.0.2.1])\r\n\tby c with ESMTP id 1;\r\n\tFri, 27 Nov 2026 23:00:00 +0000 (UTC)\r\n" * 10
    + b"To: undisclosed-recipients:;\r\nSubject:\r\n\r\n",
    (
        b'Content-Type: multipart/mixed; boundary="a"\r\n\r\n--a\r\n'
        b'Content-Type: multipart/related; boundary="ab"\r\n\r\n'
        b"--ab\r\nContent-Type: text/html; charset=utf-7\r\n\r\n<p>+ZeVnLIqe-\r\n--ab\r\nContent-Type: image/png\r\n"
        b"Content-Transfer-Encoding: base64\r\nContent-ID: <1>\r\n\r\niVBORw0KGgo=\r\n--ab--\r\n--a--\r\nend\r\n"
    ),
    "From: дмитрий@пример.рф\r\nSubject: письмо\r\n\r\nпривет\r\n".encode(),
    b"begin 644 file\r\n#0V%T\r\n`\r\nend\r\n",
    b"",
]

CORPUS = [mail.replace(b"\n", b"\r\n") for mail in (_plain(), _with_files(), _forwarded())] + _HAND_MADE

_HOSTILE = [
    b"\r\n", b"\n", b"\r", b"\0", b"\r\n.\r\n", b"=?utf-8?b?", b"?=", b"=?a?q?", b"=?punycode?q?abc-?=", b"\x80\xff",
    b'"', b"(" * 50, b"<" * 50, b"--a\r\n", b"--\r\n", b"Content-Type: multipart/mixed; boundary=a\r\n",
    b"Content-Type: text/plain; charset=unicode_escape\r\n", b"Content-Type: message/rfc822\r\n\r\n",
    b"Content-Transfer-Encoding: base64\r\n", b"Content-Disposition: attachment; filename*0*=utf-8''%e4; filename*1=",
    b"charset=idna", b"charset=utf-16", b"charset=zip", b"%00", b";" * 40, b" " * 80, b"\xe2\x80\xae", b"\xed\xa0\x80",
    b"Subject: ", b"To: ", b": ", b"\x1b[2J", b"<script>", b"&#xd800;", b"&#0;", b"x" * 3000,
]  # fmt: skip


def _flip(data: bytearray, random: Random) -> None:
    if data:
        data[random.randrange(len(data))] = random.randrange(256)


def _remove(data: bytearray, random: Random) -> None:
    at = random.randrange(len(data) + 1)
    del data[at : at + random.randrange(1, 40)]


def _repeat(data: bytearray, random: Random) -> None:
    at = random.randrange(len(data) + 1)
    data[at:at] = data[at : at + random.randrange(1, 80)] * random.randrange(1, 30)


def _insert(data: bytearray, random: Random) -> None:
    at = random.randrange(len(data) + 1)
    data[at:at] = random.choice(_HOSTILE) * random.choice([1, 1, 1, 5, 100])


def _splice(data: bytearray, random: Random) -> None:
    other = random.choice(CORPUS)
    data[random.randrange(len(data) + 1) :] = other[random.randrange(len(other) + 1) :]


def _cut(data: bytearray, random: Random) -> None:
    del data[random.randrange(len(data) + 1) :]


_WAYS: list[Callable[[bytearray, Random], None]] = [_flip, _flip, _remove, _repeat, _insert, _insert, _splice, _cut]


def mutated(seed: int) -> bytes:
    """A broken mail; the same for the same seed."""
    random = Random(seed)
    data = bytearray(random.choice(CORPUS))
    for _ in range(random.choice([1, 2, 5, 20])):
        random.choice(_WAYS)(data, random)
    return bytes(data)
