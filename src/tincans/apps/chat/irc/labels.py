"""What answers a labelled command, as one (https://ircv3.net/specs/extensions/labeled-response).

nothing          a labelled ACK
one line         that line, labelled
several          a batch, of which the first line is labelled: the batch that they are already, or a new one
"""

from __future__ import annotations

import re
from itertools import count

from tincans.protocols.irc import written, written_tags

#: A longer label is none.
_LABEL_BYTES = 64

_BATCH = re.compile(rb"(?:@[^ ]+ )?:[^ ]+ BATCH \+([^ \r]+)")
_numbers = count(1)


def reference() -> str:
    """A name for a batch, which no other that goes on has."""
    return f"{next(_numbers):x}"


def label_of(tags: dict[str, str]) -> str:
    """The label of what a client said; nothing where it has none that can be one."""
    label = tags.get("label", "")
    return label if len(label.encode()) <= _LABEL_BYTES else ""


def labelled(label: str, said: list[bytes], server: str) -> bytes:
    """What was said in answer to the command with this label, labelled."""
    lines = b"".join(said).splitlines(keepends=True)
    tag = written_tags({"label": label}).encode()
    if not lines:
        return written("ACK", source=server, tags=tag.decode())
    if len(lines) == 1 or _is_batch(lines):
        return b"".join([_tagged(lines[0], tag), *lines[1:]])
    batch = reference()
    begin = written("BATCH", f"+{batch}", "labeled-response", source=server, tags=tag.decode())
    inside = [line if b"batch=" in _tags(line) else _tagged(line, b"batch=" + batch.encode()) for line in lines]
    return b"".join([begin, *inside, written("BATCH", f"-{batch}", source=server)])


def _is_batch(lines: list[bytes]) -> bool:
    match = _BATCH.match(lines[0])
    return match is not None and lines[-1].endswith(b" BATCH -" + match[1] + b"\r\n")


def _tags(line: bytes) -> bytes:
    return line.partition(b" ")[0] if line.startswith(b"@") else b""


def _tagged(line: bytes, tag: bytes) -> bytes:
    return b"@" + tag + (b";" + line[1:] if line.startswith(b"@") else b" " + line)
