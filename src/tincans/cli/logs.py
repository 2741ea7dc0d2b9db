"""The log of a command: to stderr, in the manner of its other sentences, and never with a raw control character."""

from __future__ import annotations

import logging

from tincans.cli.text import escape

_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)


class _Sentence(logging.Formatter):
    """Peers choose some of the words in a log: whatever a terminal would obey is escaped."""

    def format(self, record: logging.LogRecord) -> str:
        return "\n".join(map(escape, super().format(record).splitlines()))


def start(verbosity: int, quiet: bool) -> None:
    """Log warnings; with -v also what happens, with -vv everything and its source; only errors when `quiet`."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Sentence("tincans: %(message)s" if verbosity < 2 else "%(levelname)s %(name)s: %(message)s"))
    level = logging.ERROR if quiet else _LEVELS[min(verbosity, 2)]
    logging.basicConfig(level=level, handlers=[handler])
