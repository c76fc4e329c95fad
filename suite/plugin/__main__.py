"""The command `rmsuite`: `check` and `identify` run in the user's own environment, others need the extra `harness`."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from . import shared
from .adapters import KINDS
from .claim import FORMATS, THRESHOLDS, Claim, Verdict, select
from .client import ServerError, UserError, client
from .user_optimizer import UserOptimizer

USAGE, INTERRUPTED = 2, 130  # exit statuses
COMMANDS: Mapping[str, str] = {
    "check": "Test whether an optimizer computes the RMSProp that it claims.",
    "identify": "Find out which RMSProp an optimizer computes.",
}
"""The commands that need the user's own environment only, with their descriptions."""

MAX_SHOWN = 20  # of more verdicts than this, only those that need an explanation are shown
MAX_EXPLAINED = 6  # the largest number of unexpected verdicts that are explained
COLUMNS = ("case", "dtype", "outcome", "step", "coordinate", "ulps", "bounds")
OUTCOMES = ("agrees", "differs", "undecided", "failed", "unsupported")
PLURALS = {"agrees": "agree", "differs": "differ"}
PRECISE = ("float32", "float64")  # formats with enough digits to distinguish dialects


def main() -> None:
    """Run a command; an error that the user can correct is one line on standard error."""
    sys.exit(command(sys.argv[1:]))


def command(arguments: Sequence[str]) -> int:
    """Run the command of these arguments; returns its exit status."""
    name = arguments[0] if arguments else "--help"
    if name not in COMMANDS:
        return _harness_command(name)
    try:
        return {"check": check, "identify": identify}[name](arguments[1:])
    except (UserError, ServerError, ValueError, OSError) as error:
        sys.stderr.write(f"rmsuite: {error}\n")
        return USAGE
    except KeyboardInterrupt:
        return INTERRUPTED


def _harness_command(name: str) -> int:
    """Run a command of the harness, which may use the names of its packages in this process."""
    try:
        for package in ("reference", "suite", "reports"):
            shared.load(package, shared.ROOT / package / "__init__.py")
        return int(importlib.import_module("suite.__main__").main())
    except ModuleNotFoundError as error:
        lacking = f"needs the harness ({error.name} is not installed): pip install 'rmsuite[harness]'"
        if name not in ("-h", "--help"):
            sys.stderr.write(f"rmsuite: {name} {lacking}\n")
            return USAGE
        width = max(map(len, COMMANDS))
        lines = [f"  {name.ljust(width)}   {description}" for name, description in COMMANDS.items()]
        _print("\n".join(["Usage: rmsuite COMMAND [OPTIONS]", "", *lines, "", f"Every other command {lacking}"]))
        return 0


def _parser(name: str, description: str, success: str, failure: str) -> argparse.ArgumentParser:
    """Return a parser of the arguments that both commands have."""
    parser = argparse.ArgumentParser(
        prog=f"rmsuite {name}",
        description=description,
        epilog=f"Exit status: 0 if {success}, 1 if {failure}, 2 if the command can't be carried out.",
    )
    parser.add_argument("factory", help="for example torch.optim:RMSprop, mypackage:make or tests/test_mine.py:make")
    parser.add_argument("--kind", choices=[*KINDS], help="the kind of optimizer, if it can't be determined")
    parser.add_argument("--json", action="store_true", help="write JSON instead of tables")
    return parser


def _check_options(arguments: Sequence[str]) -> argparse.Namespace:
    description = "Test whether an optimizer computes the RMSProp that it claims, case by case."
    parser = _parser("check", description, "every verdict is expected", "not")
    option = parser.add_argument
    option("--dialect", help="the dialect that it claims, for example torch, keras3, mxnet1 or d2l")
    option("--baseline", type=Path, metavar="FOLDER", help="test for changes since this baseline instead")
    option("--fail-on", default=Claim.fail_on, choices=THRESHOLDS, help="the smallest unexpected change [rounding]")
    option("--record", type=Path, metavar="FOLDER", help="record its traces as a baseline")
    option("--replace", action="store_true", help="replace the baseline in the folder")
    option("-c", "--case", action="append", default=[], help="for example decades/momentum or '*/plain'; repeatable")
    option("-k", dest="select", default="", metavar="EXPRESSION", help="an expression over CASE DTYPE, as pytest's")
    option("--dtype", action="append", help=f"a format; repeatable [default: {' and '.join(FORMATS)}]")
    option("--expectations", type=Path, metavar="FILE", help="a file that lists known deviations")
    return parser.parse_args(arguments)


def check(arguments: Sequence[str]) -> int:
    """Print the verdicts of the generated tests; returns the exit status.

    Raises:
        UserError: if the command can't be carried out.
        ServerError: if the server fails.
    """
    options = _check_options(arguments)
    optimizer = UserOptimizer.named(options.factory, options.kind)
    claim = Claim(
        optimizer, options.dialect, options.expectations, options.baseline, options.fail_on, keep=bool(options.record)
    )
    if options.dialect and options.dialect not in client().dialects:
        raise UserError(f"no dialect {options.dialect!r}; there are {', '.join(client().dialects)}")
    selection = shared.expression.Selection.of(options.select)
    selected = select(options.case, options.dtype or FORMATS)
    chosen = [(case, dtype) for case, dtype in selected if selection.matches(f"{case.id} {dtype}")]
    if not chosen:
        raise UserError("no case is selected; -k applies to what -c and --dtype select, as 'decades/plain float32'")
    verdicts = [claim.verdict(case, dtype) for case, dtype in chosen]
    if options.record:
        client().request("record", folder=str(options.record.absolute()), replace=options.replace)
    unexpected = [verdict for verdict in verdicts if not verdict.expected]
    if options.json:
        _print(json.dumps(_summary(claim, verdicts), indent=2))
    else:
        _show(claim, verdicts, unexpected)
    return int(bool(unexpected))


def _show(claim: Claim, verdicts: Sequence[Verdict], unexpected: Sequence[Verdict]) -> None:
    ordinary = ("agrees", "unsupported", "same bits")
    shown = [one for one in verdicts if len(verdicts) <= MAX_SHOWN or one.kind not in ordinary]
    if shown:
        rows = [COLUMNS, *map(_columns, shown)]
        widths = [max(map(len, column)) for column in zip(*rows)]
        for row in rows:
            _print("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip())
        _print("")
    for verdict in unexpected[:MAX_EXPLAINED]:
        _print(claim.message(verdict) + "\n")
    if unexpected[MAX_EXPLAINED:]:
        _print(f"{len(unexpected) - MAX_EXPLAINED:,} more are unexpected: select one with -c, or use --json\n")
    lacking = [verdict.case.needs(claim.optimizer.signature) for verdict in verdicts]
    if any(lacking):
        _print(f"it takes no {', '.join(dict.fromkeys(chain(*lacking)))}: cases with these are unsupported")
    others = [one for one, needed in zip(verdicts, lacking) if one.outcome == "unsupported" and not needed]
    for reason, count in Counter(verdict.reason for verdict in others).items():
        _print(f"{count:,} unsupported: {reason}")
    counts = Counter(verdict.kind for verdict in verdicts)
    kinds = [kind for kind in dict.fromkeys([*OUTCOMES, *counts]) if counts[kind]]
    parts = [f"{counts[kind]:,} {PLURALS.get(kind, kind)}" for kind in kinds]
    parts.append(f"{len(unexpected):,} unexpected" if unexpected else "none is unexpected")
    number = "1 verdict" if len(verdicts) == 1 else f"{len(verdicts):,} verdicts"
    _print(f"{claim.optimizer.name} as {claim.claimed}, {number}: {', '.join(parts)}")


def _columns(verdict: Verdict) -> tuple[str, ...]:
    row = verdict.row
    index = row.get("first_index") or row.get("worst_index") or [None]
    step = row.get("first_step") or row.get("worst_step")
    numbers = ("" if row.get(name) is None else f"{row[name]:.3g}" for name in ("ulps", "bound_ratio"))
    place = ("" if n is None else str(n) for n in (step, index[0]))
    return (verdict.case.id, verdict.dtype, verdict.kind, *place, *numbers)


def _summary(claim: Claim, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    return {
        "schema": 1,
        "exit_status": int(not all(verdict.expected for verdict in verdicts)),
        "factory": claim.optimizer.name,
        "kind": claim.optimizer.kind,
        "version": claim.optimizer.version,
        "dialect": claim.dialect,
        "baseline": str(claim.baseline) if claim.baseline else None,
        "outcomes": dict(Counter(verdict.kind for verdict in verdicts)),
        "verdicts": [
            {
                "case": verdict.case.id,
                "dtype": verdict.dtype,
                "outcome": verdict.outcome,
                **verdict.row,
                "repeat": claim.repeat(verdict),
            }
            for verdict in verdicts
        ],
    }


def identify(arguments: Sequence[str]) -> int:
    """Find out which RMSProp an optimizer computes, by experiments that the server designs; returns the exit status.

    Raises:
        UserError: if the command can't be carried out.
        ServerError: if the server fails.
    """
    description = "Find out which RMSProp an optimizer computes, which axes are undecided, and its defaults."
    parser = _parser("identify", description, "a dialect is identified", "no dialect fits")
    verbose = "print the id of each experiment on standard error"
    parser.add_argument("-v", "--verbose", action="store_true", help=verbose)
    options = parser.parse_args(arguments)
    optimizer = UserOptimizer.named(options.factory, options.kind)
    server = client()
    output = server.folder / "trace.safetensors"
    found = server.request("identify", optimizer=_description(optimizer))
    while "experiment" in found:
        experiment = found["experiment"]
        if options.verbose:
            sys.stderr.write(f"{experiment['id']}\n")
        h = experiment["hyperparameters"]
        if set(h) == optimizer.accepts:  # everything is set; a hyper-parameter that is off may be omitted
            h = optimizer.signature.chosen(shared.hyperparameters.Hyperparameters.from_json(h))
        tape, _ = shared.arrays.read(Path(experiment["input"]))
        reply, _ = optimizer.reply(tape, h, experiment["dtype"], output)
        found = server.request("replayed", reply=reply, output=str(output))
    _print(json.dumps(found["report"], indent=2) if options.json else "\n".join(found["lines"]))
    return int(found["report"]["exit_status"])


def _description(optimizer: UserOptimizer) -> dict[str, Any]:
    """Return the properties of the optimizer that the server needs; of its defaults those that JSON can hold."""
    plain = {
        name: value for name, value in optimizer.defaults.items() if isinstance(value, (bool, int, float, type(None)))
    }
    return {
        "name": optimizer.name,
        "accepts": sorted(optimizer.accepts),
        "defaults": {name: None if value in (float("inf"), float("-inf")) else value for name, value in plain.items()},
        "dtypes": [dtype for dtype in optimizer.dtypes if dtype in PRECISE] or list(optimizer.dtypes)[:1],
        "scheduled": optimizer.scheduled,
    }


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
