"""A person at the terminal who is asked for a password."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
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
            with _interruptible():
                answers[question] = click.prompt(
                    question, prompt_suffix="", hide_input=True, err=True, default="", show_default=False
                )
        return answers[question]

    return ask


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C end the question: what asyncio has for it would take effect only when the loop goes on."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
