"""Mails that nobody should send, as a reader of the page is shown them: whatever one is, there is an answer."""

from __future__ import annotations

import os

import pytest

from mutating import mutated
from tincans.protocols.mail import show_mail
from tincans.watch.items import MAIL
from tincans.watch.parts import Carried, read_mail, read_part

#: `make fuzz` tries ten thousand.
MANY, SOME = 10_000, 300


@pytest.mark.parametrize("charset", ["punycode", "idna", "undefined", "zip", "unicode_escape", "nobody-knows", "a\0b"])
def test_a_charset_that_is_none_is_not_decoded(charset: str) -> None:
    """By punycode a megabyte takes a quarter of an hour."""
    data = f"Content-Type: text/plain; charset={charset}\r\n\r\na-{'b' * 1_000_000}\r\n".encode()
    found = read_part(data, "1")
    assert found is not None
    assert found.data.strip() == data.split()[-1]
    assert (show_mail(data).content or b"").strip() == data.split()[-1]


def test_each_is_shown_with_all_its_parts(pytestconfig: pytest.Config) -> None:
    is_deep = pytestconfig.getoption("deep") or os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"
    for seed in range(MANY if is_deep else SOME):
        data = mutated(seed)
        shown = read_mail(Carried(MAIL, data))
        assert shown.parts, seed
        for part in shown.parts:
            assert read_part(data, part.path) is not None, (seed, part.path)
        assert show_mail(data).summary == f"mail, {len(data)} bytes"
