"""A post keeps its bounds, also when somebody else made it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tincans.errors import RemoteProtocolError
from tincans.limits import CHAT_NICK_BYTES, CHAT_ROOM_BYTES, CHAT_TEXT_BYTES, PEER_MEMBERS, PEER_STATEMENT_BYTES
from tincans.peers.posts import SEAL, Post, PostFile
from tincans.peers.sealing import Sealed

AUTHOR = b"m" * 32


def key(number: int) -> bytes:
    return number.to_bytes(32, "big")


def post(**fields: Any) -> Post:
    said: dict[str, Any] = {"seq": 1, "at": 5, "id": "a1", "room": "#tins", "nick": "ann", "text": "hello", **fields}
    return Post(mesh="tincans", author=AUTHOR, **said)


def read(made: Post) -> Post:
    """As another peer reads it, which checks all of it."""
    return SEAL.read(Sealed(msgspec.msgpack.encode(made), bytes(64)))


def test_all_that_it_says_arrives() -> None:
    file = PostFile("a.txt", 5, "text/plain", "http://10.0.0.7:7767/files/1/a.txt")
    made = post(after=((key(1), 3), (key(2), 1)), kind="file", file=file)
    assert read(made) == made


@pytest.mark.parametrize(
    ("what", "most"),
    [("text", CHAT_TEXT_BYTES), ("room", CHAT_ROOM_BYTES), ("nick", CHAT_NICK_BYTES)],
)
def test_a_text_is_as_long_as_it_may_be(what: str, most: int) -> None:
    assert read(post(**{what: "é" * (most // 2)}))
    with pytest.raises(ValueError, match=f"its {what} is longer than {most} bytes"):
        post(**{what: "é" * (most // 2) + "e"})


@pytest.mark.parametrize(
    "after",
    [((key(2), 1), (key(1), 1)), ((key(1), 1), (key(1), 2)), ((AUTHOR, 1),)],
    ids=["out of order", "twice", "its own author"],
)
def test_what_it_comes_after_is_in_order(after: tuple[tuple[bytes, int], ...]) -> None:
    with pytest.raises(ValueError, match="what it comes after is not in order"):
        post(after=after)


def test_it_comes_after_posts_of_as_many_as_may_be_in_a_mesh() -> None:
    after = tuple((key(number), 2**63 - 1) for number in range(PEER_MEMBERS))
    longest = post(after=after, text="x" * CHAT_TEXT_BYTES)
    assert read(longest) == longest
    assert len(msgspec.msgpack.encode(longest)) <= PEER_STATEMENT_BYTES
    with pytest.raises(ValueError, match="not in order"):
        post(after=(*after, (key(PEER_MEMBERS), 1)))


@pytest.mark.parametrize(
    ("at", "value"),
    [(2, 0), (2, -1), (2, 2**63), (3, [[key(1), 0]]), (4, -1), (5, "no id"), (5, ""), (7, "shout"), (8, 5), (10, 7)],
)
def test_a_field_of_another_kind_is_refused(at: int, value: object) -> None:
    fields = msgspec.to_builtins(post(), builtin_types=(bytes,))
    assert isinstance(fields, list)
    fields[at] = value
    with pytest.raises(RemoteProtocolError, match="a broken post"):
        SEAL.read(Sealed(msgspec.msgpack.encode(fields), bytes(64)))


def test_one_field_more_or_less_is_refused() -> None:
    fields = msgspec.to_builtins(post(), builtin_types=(bytes,))
    for wrong in (fields[:-3], [*fields, None]):
        with pytest.raises(RemoteProtocolError, match="a broken post"):
            SEAL.read(Sealed(msgspec.msgpack.encode(wrong), bytes(64)))
