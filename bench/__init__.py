"""`make bench`: tincans measured beside its peers, in one run, on the machine that you have.

Every number is the median of several rounds in which the peers take turns (A B C A B C …), so that whatever else
the machine does strikes all of them alike; what is judged are ratios within the one run. One load generator in C
(`c/load.c`, `c/load_tls.c`) and one target serve all. Nothing is pinned to a core, no socket buffer is set by anybody,
and every peer runs as its users would run it; `results.md` prints the command of each.

    figures.py    what was measured, what was aimed at, and whether it was met: pure
    program.py    one started program with its children: CPU time, memory, end
    workplace.py  the folder of a run: compiled C programs, a certificate, the rounds
    peers.py      the relays and echo servers, and how each is started
    relay.py recording.py echo.py idle.py tls.py startup.py       one subject each
    report.py picture.py machine.py                               what is kept: results.md, results.svg
"""
