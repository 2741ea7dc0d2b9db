"""A file that is there under its name once all of it is written, or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: Path, *, forced: bool = False) -> Iterator[BinaryIO]:
    """A file to write, beside `path` and for its owner alone, which takes its place when the block ends.

    With `forced` what was written is on the disk before: a machine that loses power then never has the name without it.
    A block that raises leaves all as it was. Raises `OSError`.
    """
    descriptor, beside = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=path.parent)  # 0600 from its first moment
    try:
        with open(descriptor, "wb") as file:
            yield file
            if forced:
                file.flush()
                os.fsync(descriptor)
        os.replace(beside, path)
    except BaseException:
        os.unlink(beside)
        raise
