"""A person at the terminal who is asked for a password."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from tincans.clients.login import Ask


def asker() -> Ask | None:
    """What asks, at the terminal and without showing what is typed; None where nobody is at one.

    Each question is asked once: several connections of one command need the same answer. It blocks: nothing else goes
    on without it.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    answers: dict[str, str] = {}

    def ask(question: str) -> str:
        if question not in answers:
            answers[question] = click.prompt(question, prompt_suffix="", hide_input=True, err=True, default="")
        return answers[question]

    return ask
