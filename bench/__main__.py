"""`python -m bench [SUBJECT…] [--quick]`: measure, print the tables, and keep what a whole run found."""

from __future__ import annotations

import argparse
import datetime
import importlib
import time
from collections.abc import Sequence
from pathlib import Path

from bench import machine, picture, report
from bench.figures import Figure
from bench.workplace import HERE, Workplace, workplace

SUBJECTS = (
    "relay",
    "recording",
    "echo",
    "idle",
    "tls",
    "decoding",
    "watching",
    "http",
    "mail",
    "ftp",
    "chat",
    "history",
    "startup",
)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure tincans beside its peers.")
    parser.add_argument("subjects", nargs="*", metavar="SUBJECT", help=f"of {', '.join(SUBJECTS)} [all]")
    parser.add_argument("--quick", action="store_true", help="two short rounds: to try it, not to believe it")
    parser.add_argument("--rounds", type=int, help="how often the peers take turns [5, quick 2]")
    parser.add_argument(
        "--to", type=Path, metavar="FOLDER",
        help="keep results.md and results.svg there [bench/ after a whole run that was not quick, else nowhere]",
    )  # fmt: skip
    given = parser.parse_args()
    if unknown := set(given.subjects) - set(SUBJECTS):
        parser.error(f"no such subject: {', '.join(sorted(unknown))}; there are {', '.join(SUBJECTS)}")
    return given


def main() -> None:
    given = _arguments()
    subjects = given.subjects or SUBJECTS
    facts, date, start = machine.facts(), datetime.datetime.now(datetime.UTC).date().isoformat(), time.monotonic()
    with workplace(rounds=given.rounds or (2 if given.quick else 5), scale=0.25 if given.quick else 1) as place:
        figures = [figure for subject in subjects for figure in _measure(subject, place)]
        commands = place.commands
    print("", *map(report.section, figures), report.targets(figures), sep="\n")
    print(f"{time.monotonic() - start:.0f} s in all")
    folder = given.to or (HERE if not (given.quick or given.subjects) else None)
    if folder:
        _keep(folder, figures, facts | {"duration": f"{time.monotonic() - start:.0f} s"}, commands, date)


def _measure(subject: str, place: Workplace) -> Sequence[Figure]:
    place.say(f"{subject} …")
    found: Sequence[Figure] = importlib.import_module(f"bench.{subject}").measure(place)
    return found


def _keep(folder: Path, figures: list[Figure], facts: dict[str, str], commands: dict[str, str], date: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.md").write_text(report.markdown(figures, facts, commands, date))
    picture.draw(figures, folder / "results.svg", f"tincans beside its peers, {date}: {facts['processor']}")
    print(f"kept in {folder}/results.md and results.svg")


if __name__ == "__main__":
    main()
