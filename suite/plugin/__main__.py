"""The command `rmsuite`: what a user's own environment can do is done here, and all else by the harness."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable, Mapping, Sequence

from .packages import HOUSE

USAGE, INTERRUPTED = 2, 130  # exit statuses
HERE: Mapping[str, str] = {
    "check": "does an optimizer compute the RMSProp that it claims?",
    "identify": "which RMSProp does an optimizer compute, if it claims none?",
}
"""Commands that need no more than the user's own environment -> what they answer."""


def main() -> None:
    """Run a command; what a user can mend ends in one line on standard error."""
    sys.exit(command(sys.argv[1:]))


def command(arguments: Sequence[str]) -> int:
    """Run one; returns its exit status."""
    name = arguments[0] if arguments else "--help"
    return _here(name)(arguments[1:]) if name in HERE else _harness(name)


def _here(name: str) -> Callable[[Sequence[str]], int]:
    from .check import check
    from .client import JudgeError, Mistake
    from .identify import identify
    from .signature import FactoryError

    commands = {"check": check, "identify": identify}

    def run(arguments: Sequence[str]) -> int:
        try:
            return commands[name](arguments)
        except (Mistake, FactoryError, JudgeError, ValueError, OSError) as error:
            sys.stderr.write(f"rmsuite: {error}\n")
            return USAGE
        except KeyboardInterrupt:
            return INTERRUPTED

    return run


def _harness(name: str) -> int:
    """All other commands. The process is the harness's then, and the house's names are free in it."""
    sys.path.insert(0, str(HOUSE))
    try:
        runpy.run_module("suite", run_name="__main__")
    except ModuleNotFoundError as error:
        lacking = f"needs the harness ({error.name} is not installed): pip install 'rmsuite[harness]'"
        if name in ("-h", "--help"):
            _help(lacking)
            return 0
        sys.stderr.write(f"rmsuite: {name} {lacking}\n")
        return USAGE
    return 0


def _help(lacking: str) -> None:
    width = max(map(len, HERE))
    lines = [f"  {name.ljust(width)}   {answers}" for name, answers in HERE.items()]
    told = ["Usage: rmsuite COMMAND [OPTIONS]", "", *lines, "", f"Every other command {lacking}"]
    sys.stdout.write("\n".join(told) + "\n")


if __name__ == "__main__":
    main()
