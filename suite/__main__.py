"""The entry point of the command line, for `rmsuite` and `python -m suite`."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from cyclopts import CycloptsError, UnusedCliTokensError

from suite.cases.expression import SelectionError
from suite.cli.app import app, load_commands
from suite.errors import UserError
from suite.workers.protocol import WorkerError

FAILED, USAGE, INTERRUPTED = 1, 2, 130  # exit statuses
CORRECTABLE = (UserError, WorkerError, SelectionError, OSError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, and return its exit status; an error that the user can correct is one line.

    Args:
        arguments: the command and its arguments; those of the process if None.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if not given or given[0] in app.help_flags:
            load_commands()
        status: int | None = app(given)
    except CycloptsError as error:
        return _fail(_usage_message(error))
    except BrokenPipeError:  # the reader of standard output has closed it, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except CORRECTABLE as error:
        return _fail(str(error))
    except LookupError as error:
        if type(error) is not LookupError:  # a KeyError or an IndexError is a defect
            raise
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
