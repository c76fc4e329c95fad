"""The commands of the user's side, which the harness offers too."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec

import typer

USERS = import_module("rmsuite.__main__" if find_spec("rmsuite") else "suite.plugin.__main__")
"""The user's side, as it is installed; or where it stands in a checkout of which nothing is installed."""


def offer(app: typer.Typer) -> None:
    """Add them; their arguments are read on the user's side, where there is no typer."""
    passed_on = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
    for name, description in USERS.COMMANDS.items():
        app.command(name, help=description, context_settings=passed_on)(_passed_on(name))


def _passed_on(name: str) -> Callable[[typer.Context], None]:
    def run(context: typer.Context) -> None:
        raise typer.Exit(USERS.command([name, *context.args]))

    return run
