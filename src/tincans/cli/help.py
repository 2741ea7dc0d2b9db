"""A command with many options shows them under titles, in the order in which its decorators stand.

@click.command(cls=Sectioned)
@click.option("--once", …)                              under "Options"
@section("How callers are served", options.listening)   all of this bundle under that
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

Function = Callable[..., Any]

_titles: dict[click.Parameter, str] = {}


def section(title: str, *bundles: Callable[[Function], Function]) -> Callable[[Function], Function]:
    """Decorate with all of `bundles`, whose options have this title in the help."""

    def decorate(function: Function) -> Function:
        before = list(getattr(function, "__click_params__", ()))
        for bundle in reversed(bundles):
            function = bundle(function)
        for option in getattr(function, "__click_params__", ()):
            if option not in before:
                _titles[option] = title
        return function

    return decorate


class Sectioned(click.Command):
    """A command whose help has the titles that `section` gave."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        sections: dict[str, list[tuple[str, str]]] = {"Options": []}
        for param in self.get_params(ctx):
            if (record := param.get_help_record(ctx)) is not None:
                sections.setdefault(_titles.get(param, "Options"), []).append(record)
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl(records, col_max=24)
