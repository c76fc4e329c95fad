"""The command line, as `rmsuite` or `python -m suite`."""

from __future__ import annotations

import signal
import sys
from types import FrameType

from rich.console import Console

from reports import ReportError
from suite.cases.datasets import DataError
from suite.commands import Interrupted, app
from suite.expectations import ExpectationError
from suite.regression.baseline import BaselineError
from suite.runner.errors import RunnerError
from suite.runner.store import StoreError
from suite.selection import SelectionError
from suite.timing.comparison import Unlike

USAGE, INTERRUPTED = 2, 130  # exit statuses
MENDABLE = (
    DataError,
    StoreError,
    ReportError,
    ExpectationError,
    RunnerError,
    SelectionError,
    Unlike,
    BaselineError,
    OSError,
)


def main() -> None:
    """Run the command line; what a user can mend ends in one line on standard error."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        app()
    except MENDABLE as error:
        _say(f"rmsuite: {error}")
        sys.exit(USAGE)
    except LookupError as error:
        if type(error) is not LookupError:  # a KeyError or an IndexError is a mistake of ours
            raise
        _say(f"rmsuite: {error}")
        sys.exit(USAGE)
    except Interrupted as error:
        _say(str(error))
        sys.exit(INTERRUPTED)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _say(text: str) -> None:
    Console(stderr=True).print(text, markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    main()
