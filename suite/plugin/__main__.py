"""The command `rmsuite`: two commands run in the user's own environment, all others need the extra `harness`."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence

from .shared import ROOT

USAGE, INTERRUPTED = 2, 130  # exit statuses
COMMANDS: Mapping[str, str] = {
    "check": "Test whether an optimizer computes the RMSProp that it claims.",
    "identify": "Find out which RMSProp an optimizer computes.",
}
"""The commands that need the user's own environment only, with their descriptions."""


def main() -> None:
    """Run a command; an error that the user can correct is one line on standard error."""
    sys.exit(command(sys.argv[1:]))


def command(arguments: Sequence[str]) -> int:
    """Run the command of these arguments; returns its exit status."""
    name = arguments[0] if arguments else "--help"
    return _own_command(name)(arguments[1:]) if name in COMMANDS else _harness_command(name)


def _own_command(name: str) -> Callable[[Sequence[str]], int]:
    from .check import check
    from .client import ServerError, UserError
    from .identify import identify

    commands = {"check": check, "identify": identify}

    def run(arguments: Sequence[str]) -> int:
        try:
            return commands[name](arguments)
        except (UserError, ServerError, ValueError, OSError) as error:
            sys.stderr.write(f"rmsuite: {error}\n")
            return USAGE
        except KeyboardInterrupt:
            return INTERRUPTED

    return run


def _harness_command(name: str) -> int:
    """Run a command of the harness, which may use the names of its packages in this process."""
    try:
        for package in ("reference", "suite", "reports"):
            _import_package(package)
        return int(importlib.import_module("suite.__main__").main())
    except ModuleNotFoundError as error:
        lacking = f"needs the harness ({error.name} is not installed): pip install 'rmsuite[harness]'"
        if name in ("-h", "--help"):
            _help(lacking)
            return 0
        sys.stderr.write(f"rmsuite: {name} {lacking}\n")
        return USAGE


def _import_package(name: str) -> None:
    """Import a package from `ROOT` under its own name, without putting other modules on the search path."""
    folder = ROOT / name
    spec = importlib.util.spec_from_file_location(
        name, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None and spec.loader is not None  # noqa: PT018, S101  (the file is a Python file)
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)


def _help(lacking: str) -> None:
    width = max(map(len, COMMANDS))
    lines = [f"  {name.ljust(width)}   {description}" for name, description in COMMANDS.items()]
    text = ["Usage: rmsuite COMMAND [OPTIONS]", "", *lines, "", f"Every other command {lacking}"]
    sys.stdout.write("\n".join(text) + "\n")


if __name__ == "__main__":
    main()
