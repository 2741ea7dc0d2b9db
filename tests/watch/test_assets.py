"""The page's files, and nothing beside them."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

import pytest

from tincans.journal import open_journal
from tincans.watch.assets import FOLDER, Assets
from visiting import serving_page


@pytest.mark.parametrize(
    "path",
    [
        "/../page.py", "/..%2fpage.py", "/%2e%2e/page.py", "//etc/passwd", "/etc/passwd", "/static/index.html",
        "/index.html/", "/css", "/js/", "/\\..\\page.py", "/x%00.html", "/.html", "/nothing.html",
    ],
)  # fmt: skip
async def test_nothing_outside_of_the_folder_is_served(path: str) -> None:
    journal = open_journal("memory:")
    async with serving_page(journal) as guest:
        answer = await guest.ask(path, {"Authorization": ""})
        assert (answer.status, answer.json["type"]) == (404, "trouble")
    await journal.aclose()


async def test_a_link_that_leads_out_of_it_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "page").mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "page" / "link.txt").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(Exception, match=r"there is no /link\.txt"):
        Assets(tmp_path / "page")._find("/link.txt")


async def test_every_file_has_its_type_and_is_asked_for_again_only_when_it_changed() -> None:
    journal = open_journal("memory:")
    async with serving_page(journal) as guest:
        for path in ("/", *(f"/{each.relative_to(FOLDER)}" for each in FOLDER.rglob("*.js")), "/css/base.css"):
            answer = await guest.ask(path, {"Authorization": ""})
            assert answer.status == 200, path
            kind = {"": "text/html", ".js": "text/javascript", ".css": "text/css"}[Path(path).suffix]
            assert answer.headers["content-type"] == f"{kind}; charset=utf-8"
            assert answer.headers["cache-control"] == "no-cache"
        again = await guest.ask("/", {"If-None-Match": (await guest.ask("/")).headers["etag"]})
        assert (again.status, again.body) == (304, b"")
        assert (await guest.ask("/", {"If-None-Match": '"other"'})).status == 200
        assert (await guest.ask("/", method="HEAD")).body == b""
    await journal.aclose()


def test_the_policy_names_the_scripts_that_stand_in_the_page_itself(tmp_path: Path) -> None:
    script = b'{"imports": {}}'
    (tmp_path / "index.html").write_bytes(
        b'<script type="importmap">' + script + b'</script><script type="module" src="/js/main.js"></script>'
    )
    assert Assets(tmp_path).inline() == [f"'sha256-{b64encode(sha256(script).digest()).decode()}'"]
    assert Assets(tmp_path / "none").inline() == []


def test_the_page_has_one_inline_script_its_import_map() -> None:
    assert len(Assets().inline()) == 1
    assert not re.search(r"\son\w+=|javascript:", (FOLDER / "index.html").read_text())
