"""Posts are kept in causal order by one process, and whoever lacks some is told those, in batches."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from filling import no_file_longer_than
from tincans.errors import Equivocation, PostsBusy, PostsError, RemoteProtocolError, UsageError
from tincans.limits import (
    PEER_BATCH_BYTES,
    PEER_BATCH_POSTS,
    PEER_MEMBERS,
    PEER_POSTS,
    PEER_POSTS_BYTES,
    PEER_SEGMENTS,
)
from tincans.peers.causal import Frontier, Vector
from tincans.peers.identity import Identity
from tincans.peers.log import RecordLog
from tincans.peers.posts import SEAL, Post
from tincans.peers.sealing import Sealed
from tincans.peers.store import Store

_ids = itertools.count()


@pytest.fixture
def ann(tmp_path: Path) -> Identity:
    return Identity.open(tmp_path / "ann")


@pytest.fixture
def bob(tmp_path: Path) -> Identity:
    return Identity.open(tmp_path / "bob")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "mesh")
    yield store
    store.close()


def sealed(author: Identity, store: Store, text: str, *, seq: int = 0) -> tuple[Sealed, Post]:
    """The author's next post, or another one in the place of one they had."""
    following, after = store.frontier.next(author.key)
    post = Post(
        mesh="tincans", author=author.key, seq=seq or following, after=after, at=next(_ids), id="a", room="#tins",
        nick="ann", text=text,
    )  # fmt: skip
    return SEAL.seal(author, post), post


def say(author: Identity, store: Store, text: str) -> Sealed:
    said, post = sealed(author, store, text)
    assert not store.check(said, post)
    store.append(said, post)
    return said


def everything(store: Store) -> list[Sealed]:
    return [each for place in range(store.begin, store.end) for each in store.read(place)]


def texts(store: Store) -> list[str]:
    return [SEAL.read(each).text for each in everything(store)]


def catch_up(store: Store, have: Vector) -> list[list[Sealed]]:
    """The batches that somebody with this vector is told."""
    batches, place = [], store.first_lacking(have)
    while place < store.end:
        batch, place = store.lacking(have, place)
        batches.append(batch)
    return [batch for batch in batches if batch]


# ── keeping ───────────────────────────────────────────────────────────────────────────────────────────────


def test_what_was_kept_is_there_when_it_is_opened_again(store: Store, ann: Identity, bob: Identity) -> None:
    said = [say(author, store, f"{number}") for number in range(100) for author in (ann, bob)]
    have, heads = dict(store.have), dict(store.frontier.heads)
    assert have == {ann.key: 100, bob.key: 100}
    assert heads == {bob.key: 100}
    store.close()
    again = Store(store.path)
    assert everything(again) == said
    assert (again.have, again.frontier.heads) == (have, heads)
    again.close()


def test_a_post_is_kept_once(store: Store, ann: Identity) -> None:
    said = say(ann, store, "hello")
    assert store.check(said, SEAL.read(said))


def test_two_posts_with_one_number_are_refused_loudly(store: Store, ann: Identity) -> None:
    say(ann, store, "yes")
    say(ann, store, "more")
    with pytest.raises(Equivocation) as raised:
        store.check(*sealed(ann, store, "no", seq=1))
    assert str(raised.value) == "ann said two different things as post 1, of which only the first is kept here"
    assert [SEAL.read(each).text for each in everything(store)] == ["yes", "more"]


def test_there_are_as_many_authors_as_may_be(store: Store, ann: Identity, tmp_path: Path) -> None:
    for number in range(1, PEER_MEMBERS):
        _, post = sealed(ann, store, "hello", seq=1)
        store._index(msgspec.structs.replace(post, author=number.to_bytes(32, "big"), after=()))
    assert not store.check(*sealed(ann, store, "the last one"))
    store._index(sealed(ann, store, "the last one")[1])
    with pytest.raises(RemoteProtocolError, match=f"there are posts of {PEER_MEMBERS} peers already"):
        store.check(*sealed(Identity.open(tmp_path / "eve"), store, "one more"))
    assert not store.check(*sealed(ann, store, "but who is there goes on"))


# ── telling ───────────────────────────────────────────────────────────────────────────────────────────────


def test_whoever_lacks_some_is_told_just_those(store: Store, ann: Identity, bob: Identity) -> None:
    said = [say(author, store, "hello") for _ in range(5) for author in (ann, bob)]
    for anns in range(6):
        for bobs in range(6):
            have = {key: count for key, count in ((ann.key, anns), (bob.key, bobs)) if count}
            lacks = [each for at, each in enumerate(said) if at // 2 >= (bobs if at % 2 else anns)]
            assert [each for batch in catch_up(store, have) for each in batch] == lacks
            assert have == ({} if not lacks and not have else store.have)


def test_who_has_more_than_we_lacks_nothing(store: Store, ann: Identity) -> None:
    say(ann, store, "hello")
    assert catch_up(store, {ann.key: 7}) == []
    assert store.first_lacking({ann.key: 7}) == store.end


def test_a_batch_has_as_many_posts_as_it_may(store: Store, ann: Identity) -> None:
    for _ in range(PEER_BATCH_POSTS + 1):
        say(ann, store, "hello")
    assert [len(batch) for batch in catch_up(store, {})] == [PEER_BATCH_POSTS, 1]


def test_a_batch_has_as_many_bytes_as_it_may(store: Store, ann: Identity) -> None:
    for _ in range(10):
        say(ann, store, "x" * 16_000)
    batches = catch_up(store, {})
    assert sum(len(batch) for batch in batches) == 10
    assert all(sum(len(each.body) for each in batch) <= PEER_BATCH_BYTES for batch in batches)
    assert [len(batch) for batch in batches][:2] == [4, 4]


# ── forgetting ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Store]:
    """One that has room for two posts a segment."""
    store = Store(tmp_path / "small", most=2 * PEER_SEGMENTS)
    yield store
    store.close()


def test_there_is_room_for_as_many_posts_and_bytes_as_may_be(store: Store) -> None:
    assert store._segments._most * PEER_SEGMENTS == PEER_POSTS
    assert store._segments._most_bytes * PEER_SEGMENTS == PEER_POSTS_BYTES


def test_one_more_than_may_be_has_the_oldest_forgotten(small: Store, ann: Identity) -> None:
    for number in range(2 * PEER_SEGMENTS):
        say(ann, small, f"{number}")
    assert (small.begin, small.forgotten) == (0, {})
    say(ann, small, "one more")
    assert (small.begin, small.end, len(small)) == (2, 2 * PEER_SEGMENTS + 1, 2 * PEER_SEGMENTS - 1)
    assert texts(small) == [*(f"{number}" for number in range(2, 2 * PEER_SEGMENTS)), "one more"]
    assert (small.forgotten, small.have) == ({ann.key: 2}, {ann.key: 2 * PEER_SEGMENTS + 1})


def test_what_was_forgotten_is_so_when_it_is_opened_again(small: Store, ann: Identity, bob: Identity) -> None:
    say(bob, small, "the only one")
    for number in range(5 * PEER_SEGMENTS):
        say(ann, small, f"{number}")
    place, said = small.begin, everything(small)
    have, heads, forgotten = dict(small.have), dict(small.frontier.heads), dict(small.forgotten)
    assert have[bob.key] == forgotten[bob.key] == 1
    small.close()
    again = Store(small.path)
    assert (again.begin, everything(again)) == (place, said)
    assert (again.have, again.frontier.heads, again.forgotten) == (have, heads, forgotten)
    assert SEAL.read(say(bob, again, "and another")).seq == 2, "no number is given twice"
    again.close()


def test_a_head_that_was_forgotten_is_one_still(small: Store, ann: Identity, bob: Identity) -> None:
    """Nobody answered bob: those of ann are made by somebody who did not hear him."""
    say(bob, small, "hello?")
    alone = Frontier()
    for number in range(3 * PEER_SEGMENTS):
        seq, after = alone.next(ann.key)
        post = Post(
            mesh="tincans", author=ann.key, seq=seq, after=after, at=1, id="a", room="#a", nick="ann", text=f"{number}"
        )  # fmt: skip
        alone.tell(post)
        small.append(SEAL.seal(ann, post), post)
    assert small.begin > 0
    small.close()
    again = Store(small.path)
    assert again.frontier.next(b"z" * 32)[1] == tuple(sorted([(bob.key, 1), (ann.key, 3 * PEER_SEGMENTS)]))
    again.close()


def test_whoever_lacks_what_was_forgotten_is_told_the_rest(small: Store, ann: Identity, bob: Identity) -> None:
    said = [say(author, small, f"{number}") for number in range(2 * PEER_SEGMENTS) for author in (ann, bob)]
    assert small.begin > 0
    for have in ({}, {ann.key: 3}, {ann.key: 2 * PEER_SEGMENTS - 1, bob.key: 2 * PEER_SEGMENTS - 1}, small.have):
        lacks = [
            each for each in said[small.begin :] if SEAL.read(each).seq > have.get(SEAL.read(each).author, 0)
        ]  # fmt: skip
        assert [each for batch in catch_up(small, dict(have)) for each in batch] == lacks
    assert small.lacking({}, 0) == small.lacking({}, small.begin), "whoever was slow goes on with what is there"


def test_a_disk_that_is_full_is_not_once_the_oldest_are_forgotten(small: Store, ann: Identity) -> None:
    for number in range(2 * PEER_SEGMENTS):
        say(ann, small, f"{number}")
    for _ in range(2):
        with no_file_longer_than(20), pytest.raises(OSError):
            say(ann, small, "not now")
        assert texts(small) == [f"{number}" for number in range(2, 2 * PEER_SEGMENTS)]
        assert (small.forgotten, small.have) == ({ann.key: 2}, {ann.key: 2 * PEER_SEGMENTS})
    say(ann, small, "now")
    said, have = everything(small), dict(small.have)
    small.close()
    again = Store(small.path)
    assert (everything(again), again.have, again.forgotten) == (said, have, {ann.key: 2})
    again.close()


def test_a_post_that_was_forgotten_is_kept_no_more(small: Store, ann: Identity) -> None:
    said = [say(ann, small, f"{number}") for number in range(3 * PEER_SEGMENTS)]
    for each in said:
        assert small.check(each, SEAL.read(each)), "nor is it new"
    assert small.check(*sealed(ann, small, "another", seq=1)), "what it was nobody can say"
    with pytest.raises(Equivocation):
        small.check(*sealed(ann, small, "another", seq=3 * PEER_SEGMENTS))


def test_a_post_whose_causes_are_forgotten_elsewhere_is_kept(store: Store, ann: Identity, bob: Identity) -> None:
    far = Post(
        mesh="tincans", author=ann.key, seq=2**40, after=((bob.key, 7),), at=1, id="a", room="#a", nick="ann", text="hi"
    )  # fmt: skip
    say(ann, store, "first")
    store.append(SEAL.seal(ann, far), far)
    forgotten = {ann.key: 2**40 - 1, bob.key: 7}
    assert (store.forgotten, store.have) == (forgotten, {ann.key: 2**40})
    assert store.first_lacking({ann.key: 5}) == 1
    assert not store.check(*sealed(bob, store, "what is only named may come still", seq=7))
    store.close()
    again = Store(store.path)
    assert (again.forgotten, again.have) == (forgotten, {ann.key: 2**40})
    again.close()


def test_those_who_are_only_named_are_among_as_many_authors_as_may_be(store: Store, ann: Identity) -> None:
    keys = sorted(number.to_bytes(32, "big") for number in range(1, PEER_MEMBERS - 1))
    store.expect(b"our own key".ljust(32))
    _, post = sealed(ann, store, "hello")
    named = msgspec.structs.replace(post, after=tuple((key, 1) for key in keys))
    assert not store.check(SEAL.seal(ann, named), named)
    store.append(SEAL.seal(ann, named), named)
    _, post = sealed(ann, store, "one more")
    one_more = msgspec.structs.replace(post, after=((b"z" * 32, 1),))
    with pytest.raises(RemoteProtocolError, match=f"there are posts of {PEER_MEMBERS} peers already"):
        store.check(SEAL.seal(ann, one_more), one_more)
    assert len(store.forgotten) <= PEER_MEMBERS


# ── the folder ────────────────────────────────────────────────────────────────────────────────────────────


def test_one_process_has_it(store: Store) -> None:
    code = "import sys; from pathlib import Path; from tincans.peers.store import Store; Store(Path(sys.argv[1]))"
    done = subprocess.run([sys.executable, "-c", code, str(store.path)], capture_output=True, text=True)
    assert f"PostsBusy: cannot keep posts in {store.path}: another process has it open" in done.stderr
    with pytest.raises(PostsBusy):
        Store(store.path)
    store.close()
    Store(store.path).close()


def test_it_is_its_owner_s_alone(store: Store) -> None:
    assert store.path.stat().st_mode & 0o777 == 0o700


def test_it_is_of_one_mesh(store: Store) -> None:
    store.close()
    with pytest.raises(PostsError, match="it is of the mesh 'tincans', and not of 'home'"):
        Store(store.path, "home")
    with pytest.raises(UsageError):
        Store(store.path / "other", "two words")


def test_a_file_in_its_place_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PostsError, match=r"file exists|not a directory"):
        Store(tmp_path / "file")


def test_posts_that_are_not_in_order_are_none_of_ours(store: Store, ann: Identity) -> None:
    say(ann, store, "one")
    again, _ = sealed(ann, store, "one again", seq=1)
    store._segments.append(_encoded(again))
    store.close()
    with pytest.raises(PostsError, match="its posts are not in order"):
        Store(store.path)


@pytest.mark.parametrize("most", [PEER_POSTS, 4 * PEER_SEGMENTS])
def test_what_an_older_tincans_kept_in_one_file_is_taken_over(store: Store, ann: Identity, most: int) -> None:
    said = [say(ann, store, f"{number}") for number in range(3 * PEER_BATCH_POSTS)]
    store.close()
    old = store.path / "posts.log"
    log = RecordLog(old, "tincans posts 1")
    log.append([_encoded(each) for each in said])
    log.close()
    before = old.read_bytes()  # and `posts` is what was taken over when that was cut short
    again = Store(store.path, most=most)
    assert everything(again) == said[again.begin :]
    assert (again.end, len(again)) == (len(said), min(len(said), most))
    assert not old.exists()
    again.close()
    old.write_bytes(before[:-1])
    again = Store(store.path, most=most)
    assert everything(again) == said[again.begin : -1], "the older file is what counts, for as long as it is there"
    again.close()


def test_what_cannot_be_taken_over_stays_as_it_was(store: Store, ann: Identity) -> None:
    said = [_encoded(say(ann, store, f"{number}")) for number in range(3)]
    store.close()
    old = store.path / "posts.log"
    log = RecordLog(old, "tincans posts 1")
    log.append(said)
    log.close()
    with no_file_longer_than(old.stat().st_size - 1), pytest.raises(PostsError, match="cannot keep posts in"):
        Store(store.path)
    again = Store(store.path)
    assert texts(again) == ["0", "1", "2"]
    again.close()


def _encoded(sealed: Sealed) -> bytes:
    return msgspec.msgpack.encode(sealed)


CHILD = """
import sys
from pathlib import Path
from tincans.peers.identity import Identity
from tincans.peers.posts import SEAL, Post
from tincans.peers.store import Store
store, author = Store(Path(sys.argv[1]), most=48), Identity.open(Path(sys.argv[2]))
while True:
    seq, after = store.frontier.next(author.key)
    said = {"at": 0, "id": "a", "room": "#a", "nick": "a", "text": str(seq)}
    post = Post(mesh="tincans", author=author.key, seq=seq, after=after, **said)
    store.append(SEAL.seal(author, post), post)
    sys.stdout.write(f"{seq}\\n")
    sys.stdout.flush()
"""


def test_kill_9_takes_nothing_that_was_said(tmp_path: Path) -> None:
    path, author = tmp_path / "mesh", tmp_path / "ann"
    for _ in range(3):
        with subprocess.Popen([sys.executable, "-c", CHILD, str(path), str(author)], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            said = [process.stdout.readline() for _ in range(30)]
            os.kill(process.pid, 9)
            said += process.stdout.read().splitlines(keepends=True)
        store = Store(path)
        assert store.have[Identity.open(author).key] >= max(int(line) for line in said if line.endswith(b"\n"))
        assert [SEAL.unseal(each, "tincans").text for each in everything(store)] == [
            str(number + 1) for number in range(store.begin, store.end)
        ]
        assert (store.begin > 0) == (store.end > 48), "and it forgot meanwhile"
        store.close()
