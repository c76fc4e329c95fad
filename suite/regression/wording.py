"""Descriptions of changes of cases."""

from __future__ import annotations

from collections.abc import Sequence

from suite.compare.fingerprint import TraceDifference
from suite.diagnosis.candidates import describe_changes
from suite.regression.axes import Axes
from suite.regression.baseline import Key, Record

SHOWN = 4
"""The largest number of fitting dialects that are listed."""


def became(key: Key, before: Record, after: Record, *, worse: bool) -> str:
    """Describe a change of the outcome, with the reason of the worse one."""
    phrases = {**_PHRASES, **_METAMORPHIC} if key.metamorphic else _PHRASES
    text = f"{phrases[before.outcome][0]}, now {phrases[after.outcome][1]}"
    reason = " ".join(((after if worse else before).reason or "").split())
    return f"{text}{f': {reason}' if reason else ''}"


_PHRASES = {
    "agrees": ("agreed", "agrees"),
    "differs": ("differed", "differs"),
    "undecided": ("was undecided", "is undecided"),
    "unsupported": ("was unsupported", "is unsupported"),
    "failed": ("failed", "fails"),
}
"""Outcome -> its description in the old record and in the new one."""

_METAMORPHIC = {"agrees": ("held", "holds"), "differs": ("did not hold", "does not hold")}
"""The descriptions of outcomes of metamorphic relations that are different from those of cases."""


def trace_difference(difference: TraceDifference | None) -> str:
    """Describe the difference of two traces."""
    return difference.words if difference else "its traces have other quantities or another length"


def bounds(before: Record, after: Record) -> str:
    """Describe the errors of both records in bounds; empty if one is not known."""
    if before.bound_ratio is None or after.bound_ratio is None:
        return ""
    return f"at {after.bound_ratio:.2g} of the bound of {after.dialect}, was at {before.bound_ratio:.2g}"


def undecided(before: Record, after: Record, difference: TraceDifference | None) -> str:
    """Describe a change of which it is undecided whether it is rounding."""
    if before.outcome == "undecided":
        why = "no bound says whether that is rounding"
    elif before.dialect != after.dialect:
        dialects = f"{before.dialect} before and with {after.dialect} now"
        why = f"compared with {dialects}, because a large case is compared with one dialect only"
    else:
        why = "no dialect fits either trace"
    return f"{trace_difference(difference)}; {why}"


def beyond(before: Record, after: Record, difference: TraceDifference | None, axes: Sequence[Axes]) -> str:
    """Describe a change beyond rounding."""
    clauses = [named(axes)] if axes else []
    clauses.append(trace_difference(difference))
    reason = " ".join((after.reason or "").split())
    if not axes and reason:
        clauses.append(reason)
    elif after.first_step is not None and before.first_step != after.first_step:
        clauses.append(f"leaves the bound of {after.dialect} at step {after.first_step}")
    return "; ".join([*clauses, f"fits {_few(after)}", f"fitted {_few(before)}"])


def named(axes: Sequence[Axes]) -> str:
    """Describe alternative sets of axes, as in `epsilon outside in place of inside`."""
    return ", or ".join(map(describe_changes, axes))


def _few(record: Record) -> str:
    """Return the first few fitting dialects, the claimed one first."""
    names = sorted(record.fits, key=lambda name: name != record.dialect)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more if names else "no named dialect"
