"""Which folders are inboxes, and that a folder which goes and comes back is another one."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from tincans.apps.mail.store import Mails
from tincans.config import parse_config
from tincans.folders import mails_folder
from tincans.journal import open_journal
from tincans.watch.inboxes import Inboxes, folders_of, of_folder
from visiting import serving_page, write_apart


async def test_where_nobody_keeps_mails_there_is_no_inbox(tmp_path: Path) -> None:
    inboxes = Inboxes(of_folder(tmp_path / "mails"))
    async with serving_page(open_journal("memory:"), inboxes=inboxes) as guest:
        assert await guest.get("/api/inboxes") == {"rows": []}
        assert (await guest.ask("/api/mails")).status == 404
        assert not (tmp_path / "mails").exists()
        mails = await asyncio.to_thread(Mails.open, tmp_path / "mails")
        assert len((await guest.get("/api/inboxes"))["rows"]) == 1
        mails.close()
    inboxes.close()


async def test_a_folder_that_was_made_anew_is_another_inbox(tmp_path: Path) -> None:
    inboxes = Inboxes(of_folder(tmp_path / "mails"))
    async with serving_page(open_journal("memory:"), inboxes=inboxes) as guest:
        for subject in ("one", "two"):
            write_apart(tmp_path / "mails", subject)
            told = await guest.get("/api/mails")
            assert [row["subject"] for row in told["rows"]] == [subject]
            await asyncio.to_thread(shutil.rmtree, tmp_path / "mails")
    inboxes.close()


def test_the_inboxes_are_the_distinct_folders_of_the_mail_servers(tmp_path: Path) -> None:
    entries = [
        f'[[listen]]\nname = "{name}"\naddress = ":0"\napp = "{app}"\n{more}'
        for name, app, more in [
            ("smtp", "mail", f'mails = "{tmp_path}/a"'),
            ("echo", "echo", ""),
            ("pop", "mail:pop3", f'mails = "{tmp_path}/a"'),
            ("other", "mail", f'mails = "{tmp_path}/b"'),
            ("own", "mail", ""),
        ]
    ]
    config = parse_config("\n".join(entries), Path("a test"))
    a, b = tmp_path / "a", tmp_path / "b"
    found = folders_of(config.entries)
    assert found == {"smtp": a, "pop": a, "other": b, "own": mails_folder()}
    assert folders_of(()) == {}
    inboxes = Inboxes(lambda: {"smtp": a, "pop": a, "other": b, "nobody wrote": tmp_path / "c"})
    for folder in (a, b):
        Mails.open(folder).close()
    assert list(inboxes.named().items()) == [("smtp", a), ("other", b)]
    inboxes.close()
