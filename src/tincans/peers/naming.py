"""What a peer would like to be called: one printable word, which stands in files, in sentences and in certificates."""

from __future__ import annotations

import getpass
import re
import socket

from tincans.errors import UsageError
from tincans.limits import PEER_NAME_BYTES


def is_name(name: str) -> bool:
    """Whether a peer, or a mesh, may be called so: no blanks and slashes, nothing that does not print, and no sign at
    its beginning that means something in a file.
    """
    size = len(name.encode(errors="replace"))
    return 0 < size <= PEER_NAME_BYTES and name.isprintable() and not re.search(r"[\s/]|^[#@.]", name)


def checked_name(name: str) -> str:
    """The name, where it is one. Raises `UsageError`."""
    if not is_name(name):
        raise UsageError(
            f"{name!r} cannot be a peer's name: a word of at most {PEER_NAME_BYTES} bytes, not beginning with # or @"
        )
    return name


def default_name() -> str:
    """This user on this machine; `peer` where that has no name that can be shown."""
    try:
        name = f"{getpass.getuser()}@{socket.gethostname().partition('.')[0]}"
    except (KeyError, OSError):  # a user without a name, as in many containers
        name = socket.gethostname()
    return name if is_name(name) else "peer"
