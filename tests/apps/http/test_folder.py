"""A folder without an index file is shown, as a page or as JSON, for as long as it is not the same as before."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from asking import Asker, asking
from tincans.apps import find_app
from tincans.apps.settings import Settings
from tincans.tasks import spawn
from tincans.users import Users, Verifier

JSON = [("Accept", "application/json")]
PAGE = [("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")]


#: What is in a page by which something can be changed.
_CHANGES = 'method="post"'


@pytest.fixture
async def ask(tmp_path: Path) -> AsyncIterator[Asker]:
    (tmp_path / "sub").mkdir()
    (tmp_path / "jam.txt").write_text("jam")
    async with asking(find_app(f"http:{tmp_path}")) as asker:
        yield asker


async def test_people_have_a_page(ask: Asker) -> None:
    answer = await ask.get("/", PAGE)
    assert (answer.status, answer.field("content-type")) == (200, "text/html; charset=utf-8")
    assert answer.field("content-security-policy").startswith("default-src 'none'; ")
    assert answer.field("x-content-type-options") == "nosniff"
    assert '<a class="folder" href="sub/">' in answer.text
    assert _CHANGES not in answer.text
    assert (await ask.get("/")).field("content-type") == "text/html; charset=utf-8"


async def test_programs_have_json(ask: Asker) -> None:
    answer = await ask.get("/", JSON)
    assert (answer.status, answer.field("content-type")) == (200, "application/json")
    assert [item["href"] for item in json.loads(answer.body)["items"]] == ["sub/", "jam.txt"]
    assert answer.field("vary") == "Accept"


async def test_head_says_what_get_would(ask: Asker) -> None:
    answer, head = await ask.get("/", PAGE), await ask("HEAD", "/", PAGE)
    assert (head.status, head.body, head.field("etag")) == (200, b"", answer.field("etag"))


#: A listing has no date that this could be about.
LATER = ("If-Modified-Since", "Fri, 01 Jan 2038 00:00:00 GMT")


async def test_what_is_the_same_is_not_said_again(ask: Asker, tmp_path: Path) -> None:
    for accept in (JSON, PAGE):
        tag = (await ask.get("/", accept)).field("etag")
        again = await ask.get("/", [*accept, ("If-None-Match", tag), LATER])
        assert (again.status, again.body, again.field("etag")) == (304, b"", tag)
        (tmp_path / f"new {len(accept[0][1])}").touch()
        assert (await ask.get("/", [*accept, ("If-None-Match", tag)])).status == 200
    assert (await ask.get("/", [LATER])).status == 200
    tags = {(await ask.get("/", accept)).field("etag") for accept in (JSON, PAGE)}
    assert len(tags) == 2


async def test_a_folder_has_a_slash_behind_it(ask: Asker) -> None:
    answer = await ask.get("/sub?sort=size")
    assert (answer.status, answer.field("location")) == (301, "/sub/?sort=size")
    assert (await ask.get("/none/")).status == 404
    assert (await ask.get("/jam.txt/")).status == 404


@pytest.mark.parametrize(
    ("target", "meant"),
    [
        ("//", "/"),
        ("/./", "/"),
        ("//sub//", "/sub/"),
        ("/sub/%2e%2e/", "/"),
        ("/sub/../../", "/"),
        ("//x.example/../", "/"),
    ],
)
async def test_a_path_that_is_odd_is_moved_to_the_one_it_means(ask: Asker, target: str, meant: str) -> None:
    answer = await ask.get(f"{target}?sort=size")
    assert (answer.status, answer.field("location")) == (301, f"{meant}?sort=size")


async def test_an_index_file_is_shown_in_the_place_of_a_listing(ask: Asker, tmp_path: Path) -> None:
    (tmp_path / "sub" / "index.html").write_text("<h1>mine</h1>")
    assert (await ask.get("/sub/")).body == b"<h1>mine</h1>"


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two thousand files."""
    folder = tmp_path_factory.mktemp("many")
    for number in range(2000):
        os.close(os.open(folder / f"file {number}", os.O_CREAT))
    return folder


async def test_a_folder_of_two_thousand_files_lets_others_have_their_turn(many: Path) -> None:
    answered = 0

    async def ask_others(other: Asker) -> None:
        nonlocal answered
        while True:
            await other.get("/file%201")
            answered += 1

    app = find_app(f"http:{many}")
    async with asking(app) as ask, asking(app) as other:
        asking_others = spawn(ask_others(other))
        answer = await ask.get("/", JSON)
        asking_others.cancel()
        await asyncio.wait([asking_others])
    items = json.loads(answer.body)["items"]
    assert [item["name"] for item in items] == [f"file {number}" for number in range(2000)]
    assert answered > 2


async def test_forms_are_there_for_those_who_may_write(tmp_path: Path) -> None:
    async with asking(find_app(f"http:{tmp_path}", Settings(write=True))) as ask:
        assert _CHANGES in (await ask.get("/")).text
    users = Users({"jane": str(Verifier.of("secret", rounds=2))})
    async with asking(find_app(f"http:{tmp_path}", Settings(write=True, users=users, guests=True))) as ask:
        guests = await ask.get("/")
        janes = await ask.get("/", [("Authorization", "Basic amFuZTpzZWNyZXQ=")])
        assert _CHANGES not in guests.text
        assert _CHANGES in janes.text
        assert guests.field("etag") != janes.field("etag")


async def test_a_guest_may_log_in_from_the_page(tmp_path: Path) -> None:
    users = Users({"jane": str(Verifier.of("secret", rounds=2))})
    async with asking(find_app(f"http:{tmp_path}", Settings(users=users, guests=True))) as ask:
        assert '<button name="login">' in (await ask.get("/")).text
        assert (await ask.get("/?login=")).status == 401
        inside = await ask.get("/?login=", [("Authorization", "Basic amFuZTpzZWNyZXQ=")])
        assert (inside.status, '<button name="login">' in inside.text) == (200, False)
    async with asking(find_app(f"http:{tmp_path}")) as ask:
        assert '<button name="login">' not in (await ask.get("/?login=")).text
