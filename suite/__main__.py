"""The command line, as `rmsuite` or `python -m suite`."""

from __future__ import annotations

import signal
import sys
from types import FrameType

from rich.console import Console

from suite.cases.expression import SelectionError
from suite.cli.commands import Interrupted, app
from suite.errors import UserError
from suite.workers.protocol import WorkerError

USAGE, INTERRUPTED = 2, 130  # exit statuses
MENDABLE = (UserError, WorkerError, SelectionError, OSError)


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
