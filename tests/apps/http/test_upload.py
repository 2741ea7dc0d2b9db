"""Forms store files, make folders and delete: while they come, whole or not at all, and nowhere else."""

from __future__ import annotations

import errno
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from apps.http.test_writing import tree
from asking import Answer, Asker, asking
from tincans.apps import find_app
from tincans.apps.settings import Settings
from tincans.files import Upload
from tincans.limits import FORM_FIELD_BYTES, FORM_HEAD_BYTES, FORM_PARTS
from tincans.transports import dial

BOUNDARY = b"--tin--can"


@pytest.fixture
async def ask(tmp_path: Path) -> AsyncIterator[Asker]:
    async with asking(find_app(f"http:{tmp_path}", Settings(write=True))) as asker:
        yield asker


def part(value: bytes, *, name: str = "file", file: bytes | None = None, more: bytes = b"") -> bytes:
    """One part of a form; with `file` it is one."""
    filename = b'; filename="%b"' % file if file is not None else b""
    disposition = b'Content-Disposition: form-data; name="%b"%b' % (name.encode(), filename)
    return b"--%b\r\n%b\r\n%b\r\n%b\r\n" % (BOUNDARY, disposition, more, value)


def form(*parts: bytes) -> bytes:
    return b"".join([*parts, b"--%b--\r\n" % BOUNDARY])


async def send(ask: Asker, body: bytes | list[bytes], *, to: str = "/", accept: str = "*/*") -> Answer:
    fields = [("Content-Type", f'multipart/form-data; boundary="{BOUNDARY.decode()}"'), ("Accept", accept)]
    return await ask("POST", to, fields, body)


# ── what it does ──────────────────────────────────────────────────────────────────────────────────────────


async def test_files_are_stored_under_their_names(ask: Asker, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "tea").write_text("old")
    answer = await send(ask, form(part(b"jam\r\n--", file=b"jam.txt"), part(b"", file=b"tea")), to="/sub/")
    assert (answer.status, answer.text) == (201, "stored /sub/jam.txt\nstored /sub/tea\n")
    assert tree(tmp_path) == {"sub": None, "sub/jam.txt": b"jam\r\n--", "sub/tea": b""}


async def test_a_browser_is_sent_back_to_the_folder(ask: Asker, tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    answer = await send(ask, form(part(b"jam", file=b"jam")), to="/a%20b/", accept="text/html,*/*;q=0.8")
    assert (answer.status, answer.field("location")) == (303, "/a%20b/")


@pytest.mark.parametrize(
    ("said", "name"),
    [
        (b"a b.txt", "a b.txt"), ("Grüße 🥫".encode(), "Grüße 🥫"), (b"\xff", "\udcff"), (b"a%22b", 'a"b'),
        (b'a\\"b', 'a"b'), (b"a%0D%0Ab", "a\r\nb"), (b"100%", "100%"), (b"a/b/c", "a/b/c"), (b"..a", "..a"),
    ],
)  # fmt: skip
async def test_names_are_taken_as_browsers_write_them(ask: Asker, tmp_path: Path, said: bytes, name: str) -> None:
    assert (await send(ask, form(part(b"jam", file=said)))).status == 201
    assert tree(tmp_path)[name] == b"jam"


async def test_a_folder_is_made_and_one_is_deleted(ask: Asker, tmp_path: Path) -> None:
    (tmp_path / "old \udcff").mkdir()
    (tmp_path / "tea").touch()
    body = form(
        part(b"new/deep", name="folder"), part(b"old%20%FF", name="delete"), part(b"tea", name="delete"),
        part(b"whatever", name="other"), part(b"", name="folder"), part(b"", file=b""),
    )  # fmt: skip
    answer = await send(ask, body)
    assert answer.text == "made /new/deep\ndeleted /old \\xff\ndeleted /tea\n"
    assert tree(tmp_path) == {"new": None, "new/deep": None}


async def test_a_form_that_says_nothing_does_nothing(ask: Asker, tmp_path: Path) -> None:
    answer = await send(ask, form(part(b"", file=b"")))
    assert (answer.status, answer.text, tree(tmp_path)) == (200, "nothing was sent\n", {})


def _pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


@pytest.mark.parametrize("size", [1, 7, 4096])
async def test_it_is_the_same_however_it_comes(ask: Asker, tmp_path: Path, size: int) -> None:
    content = b"\r\n--tin\r\n--" + BOUNDARY[:-1] + b"\r" + bytes(range(256))
    body = form(part(content, file=b"jam", more=b"Content-Type: text/jam\r\n"), part(b"x", name="folder"))
    assert (await send(ask, list(_pieces(body, size)))).status == 201
    assert tree(tmp_path) == {"jam": content, "x": None}


async def test_a_file_is_written_while_it_comes_and_seen_when_it_is_whole(ask: Asker, tmp_path: Path) -> None:
    size = 1_000_000
    body = form(part(bytes(size), file=b"jam"))
    async with await dial(ask.address) as channel:
        head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n" % len(body)
        await channel.send(head + b"Content-Type: multipart/form-data; boundary=%b\r\n\r\n" % BOUNDARY)
        await channel.send(body[: size // 2])
        while sum(path.stat().st_size for path in tmp_path.iterdir()) < size // 3:
            assert (await ask.get("/jam")).status == 404
        await channel.send(body[size // 2 :])
        assert (await channel.receive()).startswith(b"HTTP/1.1 201 ")
    assert tree(tmp_path) == {"jam": bytes(size)}


# ── what it does not ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("cut", range(1, 60, 4))
async def test_a_form_that_ends_too_soon_stores_nothing(ask: Asker, tmp_path: Path, cut: int) -> None:
    body = form(part(b"0123456789", file=b"jam"))[:-4]  # without the last line's end it would be whole
    answer = await send(ask, body[:-cut])
    assert (answer.status, answer.text) == (400, "400 the form ends in the middle\n")
    assert tree(tmp_path) == {}


@pytest.mark.parametrize(
    ("media", "status"),
    [
        ("", 415), ("multipart/form-data", 415), ("application/x-www-form-urlencoded; boundary=x", 415),
        ("multipart/form-data; boundary=" + "x" * 300, 400),
    ],
)  # fmt: skip
async def test_what_is_no_form_is_refused(ask: Asker, media: str, status: int) -> None:
    answer = await ask("POST", "/", [("Content-Type", media)] if media else [], b"file=x")
    assert answer.status == status


@pytest.mark.parametrize(
    "body",
    [
        b"nonsense", b"--" + BOUNDARY + b"x", form(b"--%b\r\n\r\nno disposition\r\n" % BOUNDARY),
        form(b"--%b\r\nContent-Disposition: attachment; name=file\r\n\r\nx\r\n" % BOUNDARY),
        form(b"--%b\r\nBad Header: x\r\n\r\nx\r\n" % BOUNDARY),
    ],
)  # fmt: skip
async def test_a_form_that_is_malformed_is_400(ask: Asker, tmp_path: Path, body: bytes) -> None:
    assert (await send(ask, body)).status == 400
    assert tree(tmp_path) == {}


@pytest.mark.parametrize(
    "name", [b"..", b".", b"../x", b"a/../../x", b"/x", b"a//x", b"a/", b"\0", b"a\0b", b"..%0A/../x", b"./x"]
)
async def test_no_name_leads_elsewhere(tmp_path: Path, name: bytes) -> None:
    served = tmp_path / "served"
    served.mkdir()
    (tmp_path / "x").write_text("outside")
    quoted = b"".join(b"%%%02x" % byte for byte in name)
    async with asking(find_app(f"http:{served}", Settings(write=True))) as ask:
        for body in (
            form(part(b"jam", file=name)), form(part(name, name="folder")), form(part(quoted, name="delete")),
        ):  # fmt: skip
            assert (await send(ask, body)).status == 400
    assert tree(tmp_path) == {"served": None, "x": b"outside"}


async def test_a_path_of_another_system_is_its_last_name(ask: Asker, tmp_path: Path) -> None:
    assert (await send(ask, form(part(b"jam", file=b"C:\\jam.txt")))).status == 201
    assert tree(tmp_path) == {"jam.txt": b"jam"}


async def test_what_was_done_before_a_fault_stays_done(ask: Asker, tmp_path: Path) -> None:
    body = form(part(b"jam", file=b"jam"), part(b"tea", file=b".."), part(b"x", name="folder"))
    assert (await send(ask, body)).status == 400
    assert tree(tmp_path) == {"jam": b"jam"}


async def test_a_full_disk_is_507_and_leaves_nothing(
    ask: Asker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(self: Upload, data: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Upload, "write", write)
    assert (await send(ask, form(part(b"jam", file=b"jam")))).status == 507
    assert tree(tmp_path) == {}


@pytest.mark.parametrize(("to", "status"), [("/jam", 405), ("/none/", 404)])
async def test_a_form_is_sent_to_a_folder_that_is_there(ask: Asker, tmp_path: Path, to: str, status: int) -> None:
    (tmp_path / "jam").touch()
    assert (await send(ask, form(part(b"x", file=b"x")), to=to)).status == status


# ── how much it may be ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("more", [0, 1])
async def test_a_field_that_is_no_file_is_short(ask: Asker, more: int) -> None:
    body = form(part(b"x" * (FORM_FIELD_BYTES + more), name="other"))
    assert (await send(ask, body)).status == (413 if more else 200)


@pytest.mark.parametrize("more", [0, 1])
async def test_a_part_has_a_short_head(ask: Asker, more: int) -> None:
    line = b"X: " + b"x" * (FORM_HEAD_BYTES - 3 + more) + b"\r\n"
    assert (await send(ask, form(part(b"", name="other", more=line)))).status == (400 if more else 200)


@pytest.mark.parametrize("more", [0, 1])
async def test_a_form_has_so_many_parts(ask: Asker, more: int) -> None:
    body = form(*[part(b"", name="other")] * (FORM_PARTS + more))
    assert (await send(ask, body)).status == (413 if more else 200)
