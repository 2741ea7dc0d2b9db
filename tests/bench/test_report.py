"""What is kept of a run: the tables."""

from __future__ import annotations

from bench.figures import Figure, Target

from bench import report

BULK = Figure(
    "Relay: bulk",
    "Gbit/s",
    targets=[Target("tincans", 2, "HAProxy"), Target("tincans", 0.9, "C splice relay")],
    remark="Counted by the server.",
    samples={"HAProxy": [7.0, 8.0, 9.0], "tincans": [15.9, 15.96, 16.0]},
    missing={"C splice relay": "gcc is not installed"},
)


def test_a_missed_target_is_said_with_enough_digits_to_see_it() -> None:
    rows = [[word.strip() for word in line.split("|")[1:-1]] for line in report.targets([BULK]).splitlines()[2:]]
    assert rows == [
        ["Relay: bulk", "tincans", "≥ 2 × HAProxy", "1.995 ×", "MISSED"],
        ["Relay: bulk", "tincans", "≥ 0.9 × C splice relay", "-", "not measured"],
    ]


def test_a_section_ranks_the_peers_and_says_who_is_missing() -> None:
    assert report.section(BULK) == (
        "## Relay: bulk\n\nIn Gbit/s; more is better.\n\nCounted by the server.\n\n"
        "|         | Gbit/s | beside tincans | lowest … highest |\n"
        "| ------- | ------ | -------------- | ---------------- |\n"
        "| tincans | 16.0   | 1.00 ×         | 15.9 … 16.0 in 3 |\n"
        "| HAProxy | 8.00   | 0.50 ×         | 7.00 … 9.00 in 3 |\n"
        "\nNot measured: C splice relay (gcc is not installed).\n"
    )


def test_the_report_names_the_machine_and_every_command() -> None:
    text = report.markdown([BULK], {"memory": "24 GiB"}, {"Relay, HAProxy": "haproxy -db -f 1.cfg"}, "2026-11-22")
    assert text.startswith("# Speed, measured on 2026-11-22\n")
    assert "24 GiB" in text
    assert "- Relay, HAProxy: `haproxy -db -f 1.cfg`" in text
    assert "option splice-auto" in text
