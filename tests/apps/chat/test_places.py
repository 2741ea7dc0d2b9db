"""Where a caller is, and where the hub is as they know it."""

from __future__ import annotations

import pytest

from tincans.address import Address
from tincans.apps.chat.places import base_url, host_of
from tincans.testing import memory_pair


@pytest.mark.parametrize(
    ("host", "shown"), [("192.0.2.7", "192.0.2.7"), ("::1", "0::1"), ("2001:db8::1", "2001:db8::1"), ("", "localhost")]
)
def test_a_caller_is_at_a_word_that_begins_with_no_colon(host: str, shown: str) -> None:
    channel, _ = memory_pair()
    channel.remote = Address("tcp", host, 4711)
    assert host_of(channel) == shown


@pytest.mark.parametrize(
    ("local", "url"),
    [
        (Address("tcp", "192.0.2.7", 7767), "http://192.0.2.7:7767"),
        (Address("tcp", "::1", 7767), "http://[::1]:7767"),
        (Address("unix", path="/run/hub.sock"), ""),
    ],
)
def test_a_file_is_where_the_caller_has_called(local: Address, url: str) -> None:
    channel, _ = memory_pair()
    channel.local = local
    assert base_url(channel) == url
