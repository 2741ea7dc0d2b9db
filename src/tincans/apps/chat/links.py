"""The files of a hub that a text names: links to them (`…/files/ID/NAME`), as the hub says them or by hand."""

from __future__ import annotations

import re

#: An id: 128 bits of chance, in hexadecimal.
ID_BYTES = 16
_ID = f"[0-9a-f]{{{2 * ID_BYTES}}}"
_LINK = re.compile(rf"files(?:/|%2f)({_ID})(?![0-9a-z])", re.IGNORECASE)


def files_in(text: str) -> set[str]:
    """The ids of the files to which the text has links, also where those are a part of another link (`%2F`)."""
    return {found.lower() for found in _LINK.findall(text)} if "files" in text else set()


def is_id(name: str) -> bool:
    """Whether a folder of that name may have a file in it."""
    return re.fullmatch(_ID, name) is not None
