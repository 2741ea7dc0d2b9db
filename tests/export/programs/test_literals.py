"""Whatever was said stays a text: each language's own reader reads the very bytes back."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from running import program, run
from tincans.export.programs.literals import JAVA, PHP, PYTHON, C, Literals, shell

#: What has a meaning in one of the languages, and what is easily read as part of an escape before it.
NASTY = [
    b"", b"\n", b"\n\n", b'"', b'";', b"\\", b"\\\\", b'\\"', b"\\u0022", b"\\\\u0022", b"\\uuuu000a", b"\\x41",
    b"\\1012", b"\x001", b"\xff7", b"\x07a", b"$x", b"${x}", b"{$x}", b"$$", b"?>", b"<?php", b"??/", b"??/\n",
    b"*/", b"/*", b"//", b"%s%n", b"'", b"'\"'\"'", b"`id`", b"$(id)", b"!!", b"#", b"\r\n", b"\t", b"\x1b[2J",
    b"\x7f", b"caf\xc3\xa9", b"\xe2\x80\xae", bytes(range(256)), b"long " * 100, b"\xff" * 200,
]  # fmt: skip


@given(st.binary() | st.sampled_from(NASTY))
@example(b"")
def test_python_reads_them_back(data: bytes) -> None:
    assert ast.literal_eval(PYTHON.text(data)) == data
    rows = list(PYTHON.rows(data))
    assert b"".join(map(ast.literal_eval, rows)) == data
    assert rows


@pytest.mark.parametrize("language", [PYTHON, PHP, JAVA, C], ids=["python", "php", "java", "c"])
@given(data=st.binary())
def test_they_are_lines_of_printable_ascii(language: Literals, data: bytes) -> None:
    for row in language.rows(data):
        assert row.isascii()
        assert row.isprintable()


@pytest.mark.foreign
@pytest.mark.parametrize("read", ["php", "java", "c"])
def test_each_compiler_reads_them_back(read: str, tmp_path: Path) -> None:
    lines = READERS[read](tmp_path).decode().split("\n")[:-1]
    assert lines == [data.hex() for data in NASTY]


def _php(folder: Path) -> bytes:
    calls = "".join(f'echo bin2hex({".".join(PHP.rows(data))}), "\\n";\n' for data in NASTY)
    (folder / "it.php").write_text(f"<?php\n{calls}")
    return run([program("php"), str(folder / "it.php")])


def _java(folder: Path) -> bytes:
    calls = "".join(f"tell({' + '.join(JAVA.rows(data))});\n" for data in NASTY)
    (folder / "it.java").write_text(
        "class It { public static void main(String[] a) {\n" + calls + "}\n"
        'static void tell(String text) { for (char c : text.toCharArray()) System.out.printf("%02x", (int) c);'
        " System.out.println(); } }"
    )
    return run([program("java"), str(folder / "it.java")])


def _c(folder: Path) -> bytes:
    calls = "".join(f"TELL({' '.join(C.rows(data))});\n" for data in NASTY)
    (folder / "it.c").write_text(
        "#include <stdio.h>\n"
        "static void tell(const char *text, int size) { for (int i = 0; i < size; i++) "
        'printf("%02x", (unsigned char)text[i]); puts(""); }\n'
        "#define TELL(text) tell(text, sizeof text - 1)\n"
        f"int main(void) {{ {calls} }}\n"
    )
    run([program("cc"), "-trigraphs", "-Wall", "-Werror", "-o", str(folder / "it"), str(folder / "it.c")])
    return run([str(folder / "it")])


READERS: dict[str, Callable[[Path], bytes]] = {"php": _php, "java": _java, "c": _c}


@given(st.lists(st.binary().map(lambda data: data.replace(b"\0", b"")), min_size=1, max_size=20))
@example([data.replace(b"\0", b"") for data in NASTY])
def test_the_shell_reads_them_back(words: list[bytes]) -> None:
    texts = [word.decode("utf-8", "surrogateescape") for word in words]
    script = "printf '%s\\0' " + " ".join(map(shell, texts))
    assert script.encode().decode().replace("\n", "").replace("\t", "").isprintable()
    done = subprocess.run(["sh", "-c", script], capture_output=True, check=True)
    assert done.stdout.split(b"\0")[:-1] == words


def test_the_shell_has_no_nul() -> None:
    with pytest.raises(ValueError, match="NUL"):
        shell("a\0b")
