"""The log of a command: to stderr, in the manner of its other sentences, and never with a raw control character."""

from __future__ import annotations

import logging
import traceback
from types import TracebackType

from tincans.text import escape

_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)


class _Sentence(logging.Formatter):
    """Peers choose some of the words in a log: whatever a terminal would obey is escaped."""

    def __init__(self, form: str, debug: bool) -> None:
        super().__init__(form)
        self._debug = debug

    def format(self, record: logging.LogRecord) -> str:
        lines = super().format(record).splitlines()
        return "\n".join(line if line.isprintable() else escape(line) for line in lines)

    def formatException(self, ei: _ExcInfo) -> str:  # noqa: N802 - logging's name
        """With --debug the whole traceback, else what was raised and where."""
        if self._debug:
            return super().formatException(ei)
        kind, error, trace = ei
        frames = traceback.extract_tb(trace)
        where = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
        return f"  {kind.__name__ if kind else ''}: {error}{where}; --debug shows how it came to that"


_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


def start(verbosity: int, quiet: bool, debug: bool) -> None:
    """Log warnings; with -v also what happens, with -vv everything and its source; only errors when `quiet`."""
    handler = logging.StreamHandler()
    handler.setFormatter(
        _Sentence("tincans: %(message)s" if verbosity < 2 else "%(levelname)s %(name)s: %(message)s", debug)
    )
    level = logging.ERROR if quiet else _LEVELS[min(verbosity, 2)]
    logging.basicConfig(level=level, handlers=[handler])
