"""An office whose programs talk through the relays of one `tincans up`; and a post office, which takes mails.

curl ──► web ──► php         redis-cli ──► cache ──► redis-server        smtplib ──► mail ──► aiosmtpd
a socket of the test ──► line ──► another socket of the test
"""

from __future__ import annotations

import contextlib
import smtplib
import struct
import sys
import zlib
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import NamedTuple

from running import PATIENCE, Program, free_port, port_of, program, run, start
from servers import redis
from watching import Exchange, Served, line_up, listens, relays, up

PAGE = b"""<!doctype html><title>Pears</title><link rel="stylesheet" href="/style.css">
<h1>Pears</h1><p>Three kinds of pears.<script>top.wasRun = self.wasRun = true; document.write("script ran")</script>
<img src="http://192.0.2.1/pixel.png" onerror="top.wasRun = true">
"""
ORDER = b'{"order": 17, "pears": [{"kind": "Conference", "each": 0.10}, {"kind": "Comice"}], "note": null}'
FORM = b"name=Ada+Lovelace&note=pears+%26+apples"


def png(width: int, height: int) -> bytes:
    """A picture, all of one green."""
    rows = (b"\0" + b"\x3a\x7d\x44" * width) * height
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return made_of((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))


def made_of(*chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG."""
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


class Office(NamedTuple):
    """All of it running; `call` makes conversations through `line`."""

    served: Served
    call: Exchange
    www: Path
    mailbox: Program

    def curl(self, path: str, *options: str) -> bytes:
        """What the web server answers to curl."""
        return run([program("curl"), "-sS", *options, f"http://127.0.0.1:{self.served.port('web')}{path}"])

    def redis(self, *command: str) -> bytes:
        """What redis-cli prints."""
        return run([program("redis-cli"), "-p", str(self.served.port("cache")), *command])

    def send_mail(self) -> EmailMessage:
        """A mail in two forms, with a picture; it has arrived when this returns."""
        mail = EmailMessage()
        mail["From"], mail["To"] = "Ada <ada@example.org>", "Charles <charles@example.org>"
        mail["Subject"] = "Grüße from the orchard"
        mail.set_content("The pears are ripe.\n")
        mail.add_alternative("<p>The <b>pears</b> are ripe.<script>top.wasRun = true</script>", subtype="html")
        mail.add_attachment(png(7, 5), maintype="image", subtype="png", filename="pear.png")
        with smtplib.SMTP("127.0.0.1", self.served.port("mail"), timeout=PATIENCE) as client:
            client.send_message(mail)
        self.mailbox.wait_for("END MESSAGE")
        return mail


@contextlib.contextmanager
def office(folder: Path) -> Iterator[Office]:
    """Run all of them while the block runs, and record what they say in `folder`/kept."""
    with contextlib.ExitStack() as stack:
        www = folder / "www"
        www.mkdir()
        for name, data in {"pears.html": PAGE, "pear.png": png(40, 30), "order.json": ORDER}.items():
            (www / name).write_bytes(data)
        web, mail = free_port(), free_port()
        stack.enter_context(_web_server(web, www))
        mailbox = stack.enter_context(_mailbox(mail))
        cache = stack.enter_context(redis(folder))
        entries = [relays("web", web), relays("cache", f"unix:{cache}"), relays("mail", mail), listens("spare")]
        call = stack.enter_context(line_up(folder, *entries))
        yield Office(call.served, call, www, mailbox)


@contextlib.contextmanager
def _web_server(port: int, www: Path) -> Iterator[None]:
    with start([program("php"), "-S", f"127.0.0.1:{port}", "-t", str(www)]) as running:
        port_of(running)
        yield


@contextlib.contextmanager
def _mailbox(port: int) -> Iterator[Program]:
    command = [sys.executable, "-W", "ignore", "-m", "aiosmtpd", "-n", "-l", f"127.0.0.1:{port}"]
    prints = ["-c", "aiosmtpd.handlers.Debugging", "stdout"]
    with start([*command, *prints], env={"PYTHONUNBUFFERED": "1"}) as running:
        port_of(running)
        yield running


# ── an inbox ──────────────────────────────────────────────────────────────────────────────────────────────


class Post(NamedTuple):
    """A tincans that takes every mail; its page has them."""

    served: Served

    def swaks(self, *options: str) -> None:
        """Send a mail by swaks."""
        server = f"127.0.0.1:{self.served.port('mail')}"
        run([program("swaks"), "--server", server, "--from", "ada@orchard.example", "--silent", "2", *options])

    def send(self, mail: EmailMessage, *to: str) -> None:
        """Send one that Python made, to those or to whom it names."""
        with smtplib.SMTP("127.0.0.1", self.served.port("mail"), timeout=PATIENCE) as client:
            client.send_message(mail, to_addrs=to or None)


@contextlib.contextmanager
def post_office(folder: Path) -> Iterator[Post]:
    """Run it while the block runs."""
    folder.mkdir(exist_ok=True)
    with up(folder / "up", listens("mail", "mail") + f'mails = "{folder / "mails"}"\n') as served:
        yield Post(served)
