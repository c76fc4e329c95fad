"""`rmsuite check`: the same verdicts as the tests give, on the command line, in the environment that it runs in."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import packages
from .adapters import KINDS
from .cases import Case, questions, select
from .claim import THRESHOLDS, Claim, Verdict
from .client import Mistake, judge
from .testing import FORMATS
from .user_optimizer import Subject

SHORT = 20  # verdicts that are all shown; of more, those that need an explanation
OUTCOMES = {
    "agrees": "agree",
    "differs": "differ",
    "undecided": "undecided",
    "failed": "failed",
    "unsupported": "unsupported",
}
EXPLAINED = 6  # in full
COLUMNS = ("case", "dtype", "outcome", "step", "coordinate", "ulps", "bounds")


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    made = argparse.ArgumentParser(
        prog="rmsuite check",
        description="Does an optimizer compute the RMSProp that it claims? A verdict for each case of the catalogue.",
        epilog="Exit status: 0 if all is as expected, 1 if not, 2 if the command can't be carried out.",
    )
    made.add_argument("factory", help="as torch.optim:RMSprop, mypackage.optim:make or tests/test_mine.py:make")
    made.add_argument("--dialect", help="what it claims to compute, as torch, keras3, mxnet1 or d2l")
    made.add_argument("--baseline", type=Path, metavar="FOLDER", help="in its place: nothing has changed since this")
    made.add_argument(
        "--fail-on", default=Claim.fail_on, choices=THRESHOLDS, help="what is a change [default: rounding]"
    )
    made.add_argument("--record", type=Path, metavar="FOLDER", help="keep what it gives, as a baseline")
    made.add_argument("--replace", action="store_true", help="in place of the one that is there")
    made.add_argument("-c", "--case", action="append", default=[], help="as decades/momentum, decades or '*/plain'")
    made.add_argument("-k", dest="select", default="", metavar="EXPRESSION", help="as pytest's, on CASE DTYPE")
    made.add_argument("--dtype", action="append", help=f"[default: {' and '.join(FORMATS)}]")
    made.add_argument("--kind", choices=[*KINDS], help="of what the factory makes, if that can't be told from it")
    made.add_argument("--expectations", type=Path, metavar="FILE", help="of what is known to deviate")
    made.add_argument("--json", action="store_true", help="JSON to standard output, in place of a table")
    return made


def check(arguments: Sequence[str]) -> int:
    """Carry out the command; returns its exit status.

    Raises:
        Mistake, FactoryError: if it can't be carried out.
        JudgeError: if the judge fails.
    """
    options = parser().parse_args(arguments)
    subject = Subject.named(options.factory, options.kind)
    claim = Claim(
        subject, options.dialect, options.expectations, options.baseline, options.fail_on, keep=bool(options.record)
    )
    if options.dialect and options.dialect not in judge().dialects:
        raise Mistake(f"no dialect {options.dialect!r}; there are {', '.join(judge().dialects)}")
    found = [(case, dtype, claim.verdict(case, dtype)) for case, dtype in _chosen(options)]
    if options.record:
        judge().ask("record", folder=str(options.record.absolute()), replace=options.replace)
    unexpected = sum(not verdict.expected for _, _, verdict in found)
    if options.json:
        sys.stdout.write(json.dumps(_summary(claim, found), indent=2) + "\n")
    else:
        _show(claim, found)
    return 1 if unexpected else 0


Found = Sequence[tuple[Case, str, Verdict]]


def _chosen(options: argparse.Namespace) -> list[tuple[Case, str]]:
    selection = packages.expression.Selection.of(options.select)
    asked = questions(select(options.case), options.dtype or FORMATS)
    chosen = [(case, dtype) for case, dtype in asked if selection.matches(f"{case.id} {dtype}")]
    if not chosen:
        raise Mistake("nothing is selected: -k reads what -c and --dtype leave, each as 'decades/plain float32'")
    return chosen


def _show(claim: Claim, found: Found) -> None:
    usual = ("agrees", "unsupported", "same bits")
    shown = found if len(found) <= SHORT else [one for one in found if _became(one[2]) not in usual]
    if shown:
        rows = [COLUMNS, *(_columns(case, dtype, verdict) for case, dtype, verdict in shown)]
        widths = [max(map(len, column)) for column in zip(*rows)]
        for row in rows:
            _say("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip())
        _say("")
    unexpected = [one for one in found if not one[2].expected]
    for case, dtype, verdict in unexpected[:EXPLAINED]:
        _say(claim.message(case, dtype, verdict) + "\n")
    if unexpected[EXPLAINED:]:
        _say(f"{len(unexpected) - EXPLAINED:,} more are not as expected: -c takes one, --json tells all\n")
    signature = claim.subject.signature
    lacking = [name for case, _, _ in found for name in case.needs(signature)]
    if lacking:
        _say(f"it takes no {', '.join(dict.fromkeys(lacking))}: cases of these are unsupported")
    silent = [v for case, _, v in found if v.outcome == "unsupported" and not case.needs(signature)]
    for reason, count in Counter(verdict.reason for verdict in silent).items():
        _say(f"{count:,} unsupported: {reason}")
    _say(_last(claim, found))


def _last(claim: Claim, found: Found) -> str:
    """The line that a person can paste."""
    counts = Counter(_became(verdict) for _, _, verdict in found)
    known = {**OUTCOMES, **{name: name for name in counts if name not in OUTCOMES}}
    told = [f"{counts[outcome]:,} {words}" for outcome, words in known.items() if counts[outcome]]
    unexpected = sum(not verdict.expected for _, _, verdict in found)
    told.append(f"{unexpected:,} unexpected" if unexpected else "none is unexpected")
    verdicts = "1 verdict" if len(found) == 1 else f"{len(found):,} verdicts"
    return f"{claim.subject.name} as {claim.words}, {verdicts}: {', '.join(told)}"


def _columns(case: Case, dtype: str, verdict: Verdict) -> tuple[str, ...]:
    row = verdict.row
    index = row.get("first_index") or row.get("worst_index") or [None]
    step = row.get("first_step") or row.get("worst_step")
    numbers = ("" if row.get(name) is None else f"{row[name]:.3g}" for name in ("ulps", "bound_ratio"))
    return (case.id, dtype, _became(verdict), *("" if n is None else str(n) for n in (step, index[0])), *numbers)


def _summary(claim: Claim, found: Found) -> dict[str, Any]:
    return {
        "schema": 1,
        "exit_status": int(any(not verdict.expected for _, _, verdict in found)),
        "factory": claim.subject.name,
        "kind": claim.subject.kind,
        "version": claim.subject.version,
        "dialect": claim.dialect,
        "baseline": str(claim.baseline) if claim.baseline else None,
        "outcomes": dict(Counter(_became(verdict) for _, _, verdict in found)),
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


def _became(verdict: Verdict) -> str:
    """The outcome, or what has become of it."""
    return verdict.change["kind"] if verdict.change else verdict.outcome


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
