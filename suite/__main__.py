"""The program `rmsuite`, also `python -m suite`: its commands, the layout of its help, and its exit status.

The module of a command is imported when it is needed.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from types import FrameType
from typing import Annotated, Any

from cyclopts import App, CycloptsError, Parameter, UnusedCliTokensError
from cyclopts.help import DefaultFormatter, PanelSpec
from rich.box import Box

from suite.cases.expression import SelectionError
from suite.errors import UserError
from suite.workers.protocol import WorkerError

FAILED, USAGE, INTERRUPTED = 1, 2, 130  # exit statuses
CORRECTABLE = (UserError, WorkerError, SelectionError, OSError)

PLUGIN = import_module("rmsuite.__main__" if find_spec("rmsuite") else "suite.plugin.__main__")
"""The plugin's commands: as installed, or in a checkout without an installation."""

COMMANDS = {
    "run": "jobs:run",
    "agree": "jobs:agree",
    "train": "jobs:train",
    "bench": "jobs:bench_app",
    "chapter": "pages:chapter",
    "report": "pages:report",
    "explain": "inspection:explain",
    "cases": "inspection:cases",
    "envs": "inspection:envs",
    "expectations": "inspection:expectations_app",
    "regress": "regression:regress",
    "baseline": "regression:baseline_app",
    "mutation": "inspection:mutation",
    "fuzz": "inspection:fuzz",
    "fidelity": "inspection:fidelity",
}
"""Command -> its function or group of commands, in a module of `suite.cli`."""

FORMER_NAMES = {"sharpness": "mutation", "soundness": "fuzz"}
"""Name that a command had before -> its name."""


def _shown_default(value: Any) -> str | None:
    """Return a default as help shows it; None for flags and for empty defaults."""
    if isinstance(value, bool) or value in (None, "", ()):
        return None
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


app = App(
    name="rmsuite",
    help="Find out which RMSProp an optimizer computes. Run the implementations of several frameworks on identical "
    "data, compare each with a NumPy oracle and its derived rounding bound, and compare losses and times.",
    help_epilogue="Exit status: 0 if all results are as expected, 1 if not, 2 if the command can't be carried out, 130 "
    "if it was interrupted.",
    help_formatter=DefaultFormatter(panel_spec=PanelSpec(box=Box("    \n" * 8), padding=(0, 0, 0, 2))),
    group_parameters="Options",
    default_parameter=Parameter(negative=(), show_default=_shown_default),
    version_flags=[],
    result_action="return_value",
    exit_on_error=False,
    print_error=False,
    suppress_keyboard_interrupt=False,
)


def _plugin_command(name: str) -> Callable[..., int]:
    """Return a command that passes its arguments on to the plugin, which parses them."""

    def run(*arguments: Annotated[str, Parameter(allow_leading_hyphen=True)]) -> int:
        return int(PLUGIN.command([name, *arguments]))

    run.__doc__ = PLUGIN.COMMANDS[name]
    return run


for _order, (_name, _place) in enumerate(COMMANDS.items()):
    app.command(f"suite.cli.{_place}", name=_name, sort_key=_order)
for _name, _now in FORMER_NAMES.items():
    app.command(f"suite.cli.{COMMANDS[_now]}", name=_name, show=False)
for _name in PLUGIN.COMMANDS:
    app.command(_plugin_command(_name), name=_name, sort_key=len(COMMANDS), help_flags=[])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command with its arguments, by default those of the process, and return the exit status.

    An error that the user can correct is one line.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if not given or given[0] in app.help_flags:
            for name in COMMANDS:
                app[name]  # imports the module of the command, so that help can describe it
        status: int | None = app(given)
    except CycloptsError as error:
        return _fail(_usage_message(error))
    except BrokenPipeError:  # the reader of standard output has closed it, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except CORRECTABLE as error:
        return _fail(str(error))
    except KeyboardInterrupt as interrupt:
        sys.stderr.write(f"{str(interrupt) or 'interrupted'}\n")
        return INTERRUPTED
    return USAGE if not given else status or 0


def _usage_message(error: CycloptsError) -> str:
    """Return the message of an error in the arguments, with the command whose help says more."""
    message = str(error)
    if isinstance(error, UnusedCliTokensError):
        message = f"Unexpected argument: {' '.join(error.unused_tokens or ())}."
    return f"{message} See `{' '.join(['rmsuite', *(error.command_chain or ())])} --help`."


def _fail(message: str) -> int:
    sys.stderr.write(f"rmsuite: {' '.join(message.split())}\n")
    return USAGE


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
