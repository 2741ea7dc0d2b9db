"""A program for the tests of the journal: processes that write to one until they are killed.

It reads lines of `FOLDER SHARED` and forks, for each, a process that records in FOLDER, and prints its number. In the
file SHARED, which outlives it, that process keeps how many conversations it has begun, what it said last and when.
"""

from __future__ import annotations

import mmap
import os
import signal
import struct
import sys
import time
from pathlib import Path

from tincans.channel import Side
from tincans.conversation import How, Kind, Opening
from tincans.journal import Bounds
from tincans.journal.sqlite import SqliteJournal

#: Conversations begun; words said in the first one; when the last of them was said, in nanoseconds.
SHARED = struct.Struct("<QQQ")
#: What every word is: its place in the row, and when it was said.
WORD = struct.Struct("<QQ40x")


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no zombies
    for line in sys.stdin:
        folder, shared = line.split()
        process = os.fork()
        if not process:
            _write(Path(folder), Path(shared))
        print(process, flush=True)


def _write(folder: Path, shared: Path) -> None:
    with shared.open("r+b") as file:
        told = mmap.mmap(file.fileno(), SHARED.size)
    journal = SqliteJournal(folder, Bounds())
    opening = Opening(kind=Kind.LISTEN, client="tcp://127.0.0.1:1", server="tcp://127.0.0.1:2")
    begun, said = 1, 0
    tap = journal.begin(opening)
    while True:
        now = time.time_ns()
        tap.said(Side.CLIENT, WORD.pack(said, now))
        said += 1
        told[:] = SHARED.pack(begun, said, now)
        if said % 16 == 0:
            begun += 1
            told[:] = SHARED.pack(begun, said, now)
            journal.begin(opening).closed(How.FINISHED)
        time.sleep(0.0005)


if __name__ == "__main__":
    main()
