"""What became of a case, in words."""

from __future__ import annotations

from collections.abc import Sequence

from suite.compare.fingerprint import TraceDifference
from suite.diagnosis.candidates import describe_change
from suite.regression.axes import Axes
from suite.regression.baseline import Key, Record

SHOWN = 4
"""Of the dialects that fit a case, how many are named."""


def became(key: Key, before: Record, after: Record, *, worse: bool) -> str:
    """One outcome and then another, with the reason of the worse."""
    of_laws = {"agrees": ("held", "holds"), "differs": ("did not hold", "does not hold")} if key.law else {}
    said = f"{({**_SAID, **of_laws})[before.outcome][0]}, now {({**_SAID, **of_laws})[after.outcome][1]}"
    reason = " ".join(((after if worse else before).reason or "").split())
    return f"{said}{f': {reason}' if reason else ''}"


_SAID = {
    "agrees": ("agreed", "agrees"),
    "differs": ("differed", "differs"),
    "undecided": ("was undecided", "is undecided"),
    "unsupported": ("was unsupported", "is unsupported"),
    "failed": ("failed", "fails"),
}
"""Outcome -> what is said of it before, and now."""


def parting(parted: TraceDifference | None) -> str:
    """Where and how far traces part."""
    return parted.words if parted else "it shows another state than it did, or traces of another length"


def bounds(before: Record, after: Record) -> str:
    """How far off each is, in bounds; empty where that is not known."""
    if before.bound_ratio is None or after.bound_ratio is None:
        return ""
    return f"at {after.bound_ratio:.2g} of the bound of {after.dialect}, was at {before.bound_ratio:.2g}"


def undecided(before: Record, after: Record, parted: TraceDifference | None) -> str:
    """Why it can't be said whether that is rounding."""
    if before.outcome == "undecided":
        why = "no bound says whether that is rounding"
    elif before.dialect != after.dialect:
        why = f"held against {before.dialect} then, {after.dialect} now, and so large a case against nothing else"
    else:
        why = "nothing fits either"
    return f"{parting(parted)}; {why}"


def beyond(before: Record, after: Record, parted: TraceDifference | None, axes: Sequence[Axes]) -> str:
    """How something else is computed now."""
    clauses = [named(axes)] if axes else []
    clauses.append(parting(parted))
    reason = " ".join((after.reason or "").split())
    if not axes and reason:
        clauses.append(reason)
    elif after.first_step is not None and before.first_step != after.first_step:
        clauses.append(f"leaves the bound of {after.dialect} at step {after.first_step}")
    return "; ".join([*clauses, f"fits {_few(after)}", f"fitted {_few(before)}"])


def named(axes: Sequence[Axes]) -> str:
    """Alternatives in words, as `epsilon outside in place of inside`."""
    return ", or ".join(" and ".join(describe_change(axis, *pair) for axis, pair in one.items()) for one in axes)


def _few(record: Record) -> str:
    """What fits, the claimed dialect first; where it is many, only some."""
    names = sorted(record.fits, key=lambda name: name != record.dialect)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more if names else "no named dialect"
