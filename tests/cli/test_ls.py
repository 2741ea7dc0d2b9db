"""`tincans ls`: a table, names, JSON."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from running import run, serving, start, tincans


def ls(*arguments: str) -> list[str]:
    return tincans("ls", *arguments, "--no-record")


@pytest.mark.parametrize("kind", ["http", "ftp"])
def test_a_folder_in_three_forms(kind: str, tmp_path: Path) -> None:
    site = tmp_path / "site"
    (site / "sub").mkdir(parents=True)
    (site / "b\x1bc").write_bytes(b"x" * 1234)
    (site / "a b").touch()
    for path in (site / "sub", site / "b\x1bc", site / "a b"):
        os.utime(path, (1_700_000_000,) * 2)
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(1_700_000_000))
    with serving("listen", ":0", f"{kind}:{site}") as running:
        url = f"{kind}://127.0.0.1:{running.port}"
        assert run(ls(url)).decode().splitlines() == [
            f"-     0  {when}  a b", f"-  1234  {when}  b\\x1bc", f"d        {when}  sub/",
        ]  # fmt: skip
        assert run(ls("-1", f"{url}/")).decode().splitlines() == ["a b", "b\\x1bc", "sub/"]
        first, _, last = map(json.loads, run(ls("--json", url)).splitlines())
        assert first == {"name": "a b", "type": "file", "size": 0, "modified": 1_700_000_000.0, "exact": True}
        assert (last["name"], last["type"], last["size"]) == ("sub", "folder", None)
        assert run(ls(f"{url}/sub")) == b""
        with start(ls(f"{url}/none")) as failing:
            failing.wait(1)
            assert failing.err.decode().startswith(f"tincans: {url}/none")
