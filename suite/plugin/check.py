"""`rmsuite check`: the verdicts of the generated tests, on the command line, in the user's own environment."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import shared
from .adapters import KINDS
from .cases import Case, in_formats, select
from .claim import THRESHOLDS, Claim, Verdict
from .client import UserError, client
from .testing import FORMATS
from .user_optimizer import UserOptimizer

SHOWN = 20  # up to this number all verdicts are shown, of more those that need an explanation
OUTCOMES = {
    "agrees": "agree",
    "differs": "differ",
    "undecided": "undecided",
    "failed": "failed",
    "unsupported": "unsupported",
}
EXPLAINED = 6  # the number of unexpected verdicts that are explained
COLUMNS = ("case", "dtype", "outcome", "step", "coordinate", "ulps", "bounds")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(
        prog="rmsuite check",
        description="Test whether an optimizer computes the RMSProp that it claims, case by case.",
        epilog="Exit status: 0 if every verdict is expected, 1 if not, 2 if the command can't be carried out.",
    )
    made.add_argument("factory", help="for example torch.optim:RMSprop, mypackage:make or tests/test_mine.py:make")
    made.add_argument("--dialect", help="the dialect that it claims, for example torch, keras3, mxnet1 or d2l")
    made.add_argument("--baseline", type=Path, metavar="FOLDER", help="test for changes since this baseline instead")
    made.add_argument(
        "--fail-on",
        default=Claim.fail_on,
        choices=THRESHOLDS,
        help="the smallest unexpected change [rounding]",
    )
    made.add_argument("--record", type=Path, metavar="FOLDER", help="record its traces as a baseline")
    made.add_argument("--replace", action="store_true", help="replace the baseline in the folder")
    made.add_argument(
        "-c",
        "--case",
        action="append",
        default=[],
        help="for example decades/momentum or '*/plain'; repeatable",
    )
    made.add_argument(
        "-k",
        dest="select",
        default="",
        metavar="EXPRESSION",
        help="an expression over CASE DTYPE, as pytest's",
    )
    made.add_argument("--dtype", action="append", help=f"a format; repeatable [default: {' and '.join(FORMATS)}]")
    made.add_argument("--kind", choices=[*KINDS], help="the kind of optimizer, if it can't be determined")
    made.add_argument("--expectations", type=Path, metavar="FILE", help="a file that lists known deviations")
    made.add_argument("--json", action="store_true", help="write JSON instead of a table")
    return made


def check(arguments: Sequence[str]) -> int:
    """Run the command and return its exit status.

    Raises:
        UserError: if it can't be carried out.
        ServerError: if the server fails.
    """
    options = parser().parse_args(arguments)
    optimizer = UserOptimizer.named(options.factory, options.kind)
    claim = Claim(
        optimizer, options.dialect, options.expectations, options.baseline, options.fail_on, keep=bool(options.record)
    )
    if options.dialect and options.dialect not in client().dialects:
        raise UserError(f"no dialect {options.dialect!r}; there are {', '.join(client().dialects)}")
    found = [(case, dtype, claim.verdict(case, dtype)) for case, dtype in _chosen(options)]
    if options.record:
        client().ask("record", folder=str(options.record.absolute()), replace=options.replace)
    unexpected = sum(not verdict.expected for _, _, verdict in found)
    if options.json:
        sys.stdout.write(json.dumps(_summary(claim, found), indent=2) + "\n")
    else:
        _show(claim, found)
    return 1 if unexpected else 0


Found = Sequence[tuple[Case, str, Verdict]]


def _chosen(options: argparse.Namespace) -> list[tuple[Case, str]]:
    selection = shared.expression.Selection.of(options.select)
    asked = in_formats(select(options.case), options.dtype or FORMATS)
    chosen = [(case, dtype) for case, dtype in asked if selection.matches(f"{case.id} {dtype}")]
    if not chosen:
        raise UserError("no case is selected; -k applies to what -c and --dtype select, as 'decades/plain float32'")
    return chosen


def _show(claim: Claim, found: Found) -> None:
    ordinary = ("agrees", "unsupported", "same bits")
    shown = found if len(found) <= SHOWN else [one for one in found if _kind(one[2]) not in ordinary]
    if shown:
        rows = [COLUMNS, *(_columns(case, dtype, verdict) for case, dtype, verdict in shown)]
        widths = [max(map(len, column)) for column in zip(*rows)]
        for row in rows:
            _print("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip())
        _print("")
    unexpected = [one for one in found if not one[2].expected]
    for case, dtype, verdict in unexpected[:EXPLAINED]:
        _print(claim.message(case, dtype, verdict) + "\n")
    if unexpected[EXPLAINED:]:
        _print(f"{len(unexpected) - EXPLAINED:,} more are unexpected: select one with -c, or use --json\n")
    signature = claim.optimizer.signature
    lacking = [name for case, _, _ in found for name in case.needs(signature)]
    if lacking:
        _print(f"it takes no {', '.join(dict.fromkeys(lacking))}: cases with these are unsupported")
    unsupported = [v for case, _, v in found if v.outcome == "unsupported" and not case.needs(signature)]
    for reason, count in Counter(verdict.reason for verdict in unsupported).items():
        _print(f"{count:,} unsupported: {reason}")
    _print(_conclusion(claim, found))


def _conclusion(claim: Claim, found: Found) -> str:
    """Return the last line: how many verdicts have each outcome."""
    counts = Counter(_kind(verdict) for _, _, verdict in found)
    words = {**OUTCOMES, **{name: name for name in counts if name not in OUTCOMES}}
    parts = [f"{counts[outcome]:,} {word}" for outcome, word in words.items() if counts[outcome]]
    unexpected = sum(not verdict.expected for _, _, verdict in found)
    parts.append(f"{unexpected:,} unexpected" if unexpected else "none is unexpected")
    verdicts = "1 verdict" if len(found) == 1 else f"{len(found):,} verdicts"
    return f"{claim.optimizer.name} as {claim.words}, {verdicts}: {', '.join(parts)}"


def _columns(case: Case, dtype: str, verdict: Verdict) -> tuple[str, ...]:
    row = verdict.row
    index = row.get("first_index") or row.get("worst_index") or [None]
    step = row.get("first_step") or row.get("worst_step")
    numbers = ("" if row.get(name) is None else f"{row[name]:.3g}" for name in ("ulps", "bound_ratio"))
    return (case.id, dtype, _kind(verdict), *("" if n is None else str(n) for n in (step, index[0])), *numbers)


def _summary(claim: Claim, found: Found) -> dict[str, Any]:
    return {
        "schema": 1,
        "exit_status": int(any(not verdict.expected for _, _, verdict in found)),
        "factory": claim.optimizer.name,
        "kind": claim.optimizer.kind,
        "version": claim.optimizer.version,
        "dialect": claim.dialect,
        "baseline": str(claim.baseline) if claim.baseline else None,
        "outcomes": dict(Counter(_kind(verdict) for _, _, verdict in found)),
        "verdicts": [
            {
                "case": case.id,
                "dtype": dtype,
                "outcome": verdict.outcome,
                **verdict.row,
                "repeat": claim.repeat(case, dtype),
            }
            for case, dtype, verdict in found
        ],
    }


def _kind(verdict: Verdict) -> str:
    """Return the outcome, or the change since the baseline."""
    return verdict.change["kind"] if verdict.change else verdict.outcome


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
