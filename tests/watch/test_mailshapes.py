"""What the API says of inboxes is kept as files, one a function of `mailshapes.py`.

`TINCANS_GOLDEN=1 pytest tests/watch/test_mailshapes.py` writes them anew.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tincans.apps.mail.store import Envelope, Mail, Mailbox
from tincans.watch import mailshapes
from tincans.watch.shapes import to_json

GOLDEN = Path(__file__).with_name("golden") / "mails"
AT = 1_795_813_295_036_284_999

#: Texts that a party chose: nothing of it may reach a page as it is.
HOSTILE = "<b>\x1b[31m\u202e\n\udcff\\"

MAIL = Mail(
    number=12, at=AT, size=2**40, mailboxes=(HOSTILE, "you@example.org"), seen=True, subject=HOSTILE, from_=HOSTILE,
    to=HOSTILE, message_id=HOSTILE, attachments=3,
    envelope=Envelope(
        sender=HOSTILE, recipients=(HOSTILE,), user=HOSTILE, client=HOSTILE, hello=HOSTILE, conversation=7,
        parameters={HOSTILE: HOSTILE}, recipient_parameters={HOSTILE: {HOSTILE: HOSTILE}},
    ),
)  # fmt: skip
BOXES = [Mailbox(name, 3, 2, 999, newest) for name, newest in (("old", 1), (HOSTILE, 12), ("you@example.org", 9))]

MADE: dict[str, Callable[[], Any]] = {
    "inbox": lambda: mailshapes.inbox(HOSTILE, HOSTILE, 5, BOXES, 2),
    "mail_row": lambda: mailshapes.mail_row(MAIL),
    "delivery": lambda: mailshapes.delivery(MAIL, None),
    "frame": lambda: mailshapes.frame("/frames/x", [(HOSTILE, HOSTILE)], 4, is_cut=True),
}


def test_every_function_has_its_file() -> None:
    made = {
        name for name, each in inspect.getmembers(mailshapes, inspect.isfunction)
        if each.__module__ == mailshapes.__name__ and not name.startswith("_")
    }  # fmt: skip
    assert made == MADE.keys()
    assert {path.stem for path in GOLDEN.glob("*.json")} == MADE.keys()


@pytest.mark.parametrize("name", MADE)
def test_a_shape_is_what_it_was(name: str) -> None:
    told = to_json(MADE[name]())
    text = msgspec.json.format(told, indent=2).decode() + "\n"
    path = GOLDEN / f"{name}.json"
    if os.environ.get("TINCANS_GOLDEN"):
        path.write_text(text)
    assert text == path.read_text()
    assert all(character.isprintable() for character in told.decode()), "every character of it prints"
