"""Who we are to a server: by the URL, by `~/.netrc`, or asked for at a terminal. A password is shown nowhere.

`~/.netrc` (or the file that $NETRC names) has a line for each host, as curl and ftp(1) read it:

    machine example.org login ada password secret

Its `default` is left out: it would show a password to every host that is called.
"""

from __future__ import annotations

import netrc
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tincans.clients.url import Url
from tincans.errors import UsageError

#: Shows a question at a terminal, and gives what was typed there, which was not shown. It may block.
Ask = Callable[[str], str]


class Login(NamedTuple):
    """A name and its password. Shows no password."""

    user: str
    password: str

    def __repr__(self) -> str:
        return f"Login({self.user!r})"


def find_login(url: Url, ask: Ask | None = None) -> Login | None:
    """Who we are to the server of `url`: what the URL says, else what netrc says of its host; None where neither does.

    A user whose password neither of them has is asked for it; without `ask` it is empty. `UsageError` where netrc is
    not right, or others may read the passwords in it.
    """
    if url.password:
        return Login(url.user, url.password)
    noted = _noted(url)
    if noted is not None or not url.user:
        return noted
    return Login(url.user, ask(f"password of {url.user} at {url.host}: ") if ask else "")


def _noted(url: Url) -> Login | None:
    """What netrc says of that host, and of that user where the URL names one."""
    path = Path(os.environ.get("NETRC") or Path.home() / ".netrc")
    try:
        found = netrc.netrc(str(path)).hosts.get(url.host)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except netrc.NetrcParseError as error:  # what stands there may be a password
        raise UsageError(f"{path}, line {error.lineno}: that is not how netrc is written") from error
    except (UnicodeDecodeError, OSError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    if found is None or (url.user and found[0] != url.user):
        return None
    mode = path.stat().st_mode
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise UsageError(f"others may read the passwords in {path}: chmod 600 {path}")
    return Login(found[0] or url.user, found[2] or "")
