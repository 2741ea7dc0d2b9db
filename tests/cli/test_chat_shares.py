"""Files that are offered to a room between peers, as they are written there."""

from __future__ import annotations

import pytest

from tincans.cli.chat_shares import read, shown, written
from tincans.peers.offers import Offer

OFFER = Offer("7f" * 16, "ein plän & more.pdf", 1258291, "9c" * 32)


def test_an_offer_is_read_as_it_was_written() -> None:
    text = written(OFFER)
    assert text.startswith("ein plän & more.pdf (1.2 MiB) tincans-file:7f7f")
    assert text.isprintable()
    assert read(text) == OFFER
    assert shown(OFFER) == "ein plän & more.pdf (1.2 MiB): /get ein plän & more.pdf"


@pytest.mark.parametrize(
    "text",
    [
        "hello",
        "tincans-file:7f",
        written(OFFER).replace("7f7f", "7g7f"),
        written(OFFER).replace("size=", "size=-"),
        written(OFFER) + " and more",
        written(OFFER._replace(name="../etc/passwd")) if hasattr(OFFER, "_replace") else "no",
        written(Offer("7f" * 16, "../etc/passwd", 1, "9c" * 32)),
        written(Offer("7f" * 16, "", 1, "9c" * 32)),
    ],
)
def test_what_is_no_offer_is_none(text: str) -> None:
    assert read(text) is None
