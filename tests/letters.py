"""Mails as people get them, for pictures of the inbox."""

from __future__ import annotations

import struct
import zlib
from email.message import EmailMessage

from scene import ORDER, made_of

#: Who writes about what, and to whom.
LETTERS = [
    ("Frost watch <frost@orchard.example>", "Weekly frost report", ["team@orchard.example"]),
    ("Jürgen Äpfel <juergen@obst.example>", "Grüße aus dem Obstgarten", ["charles@example.org"]),
    ("Books <books@orchard.example>", "Invoice 2026-117", ["charles@example.org", "books@orchard.example"]),
    ("no-reply@shop.example", "Confirm your address", ["charles@example.org"]),
    ("Bob <bob@orchard.example>", "Re: the ladder", ["team@orchard.example", "charles@example.org"]),
    ("Nightly build <ci@tools.example>", "orchard-shop: all 214 tests pass", ["team@orchard.example"]),
    ("Grace <grace@orchard.example>", "Pictures of the new trees", ["team@orchard.example", "charles@example.org"]),
]
PARCEL = """\
<!doctype html><meta charset="utf-8"><style>
body { font: 15px/1.55 system-ui, sans-serif; margin: 0; background: #f1f4ee; color: #1d241c }
.card { max-width: 520px; margin: 26px auto; background: #fff; border: 1px solid #dbe3d5; border-radius: 12px }
h1 { display: flex; align-items: center; gap: 14px; margin: 0; padding: 16px 26px; font-size: 20px }
h1 { background: #2f6b3b; color: #fff; border-radius: 12px 12px 0 0 }
td { padding: 7px 0; border-bottom: 1px solid #e6ece2 } td:last-child { text-align: right }
.go { display: inline-block; padding: 9px 18px; border-radius: 7px; text-decoration: none }
.go { background: #2f6b3b; color: #fff }
</style><div class="card"><h1><img src="cid:pear@orchard" width="42" height="56" alt="">Your pears are on their way</h1>
<div style="padding: 12px 26px 20px"><p>Dear Charles,<p>we have packed <b>twelve Conference</b> and <b>six Comice</b>.
They leave the orchard tonight.
<table style="width: 100%; border-collapse: collapse">
<tr><td>12 × Conference<td>1.20<tr><td>6 × Comice<td>0.90<tr><td><b>Together</b><td><b>2.10</b></table>
<p><a class="go" href="https://orchard.example/orders/17">Follow order 17</a></div></div>
"""


def pear(height: int) -> bytes:
    """A pear on green: of each pixel it is asked whether it lies in one of two circles."""

    def colour(x: float, y: float) -> bytes:
        is_pear = (
            (x * x + (y - 0.3) ** 2 < 0.3) or (x * x + (y + 0.35) ** 2 < 0.1) or (abs(x - (y + 1) / 4) < 0.05 > y + 0.6)
        )
        return b"\xe4\xd2\x5a" if is_pear else b"\x2f\x6b\x3b"

    width = height * 3 // 4
    rows = (
        b"\0" + b"".join(colour(2 * (at - width / 2) / height, 2 * row / height - 1) for at in range(width))
        for row in range(height)
    )
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return made_of((b"IHDR", head), (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b""))


def letter(sender: str, subject: str, page: str = "") -> EmailMessage:
    """A mail to Charles; one with a page has a picture and an attachment."""
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = sender, "Charles <charles@example.org>", subject
    made.set_content("Dear Charles,\n\nthe pears are ripe.\n")
    if page:
        made.add_alternative(page, subtype="html")
        _, html = made.iter_parts()
        html.add_related(pear(112), "image", "png", cid="<pear@orchard>")
    if page or "Invoice" in subject:
        made.add_attachment(ORDER * 40, maintype="application", subtype="json", filename="order.json")
    return made
