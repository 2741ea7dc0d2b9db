"""Every key of a TOML file is found on the line where it stands."""

from __future__ import annotations

import tomllib

import pytest

from tincans.toml_lines import TomlError, parse

EXAMPLE = '''\
# a comment
journal = "here"

[limits] # one table
clients = 5

[[listen]]
name = "a = b"
address = """
[[relay]]
target = ":1"
"""

[listen.limits]
idle = 3
[[listen]]
ports = [
  1, # the first
  2,
]
[ listen . "limits" ]
drain.soft = 1
[[ "listen" ]]
limits = { idle = 4 }
[[listen.more]]
x = 1
[[listen.more]]
x = 2
'''


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_every_key_has_its_line(ends: str) -> None:
    data, lines = parse(EXAMPLE.replace("\n", ends))
    assert data == tomllib.loads(EXAMPLE)
    for place, line in {
        ("journal",): 2,
        ("limits",): 4,
        ("limits", "clients"): 5,
        ("listen", 0): 7,
        ("listen", 0, "name"): 8,
        ("listen", 0, "address"): 9,
        ("listen", 0, "limits"): 14,
        ("listen", 0, "limits", "idle"): 15,
        ("listen", 1): 16,
        ("listen", 1, "ports"): 17,
        ("listen", 1, "limits", "drain", "soft"): 22,
        ("listen", 2, "limits", "idle"): 24,
        ("listen", 2, "more", 0, "x"): 26,
        ("listen", 2, "more", 1, "x"): 28,
    }.items():
        assert lines[place] == line, place


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("a = 1\nb = \n", 2, "invalid value"),
        ("a = 1\na = 2\n", 2, "cannot overwrite a value"),
        ("\n[a\n", 2, "expected ']' at the end of a table declaration"),
        ('a = """\n', 1, "unterminated string"),
    ],
)
def test_a_mistake_in_the_syntax(text: str, line: int, reason: str) -> None:
    with pytest.raises(TomlError, match=reason) as caught:
        parse(text)
    assert caught.value.line == line
    assert "(at " not in str(caught.value)
