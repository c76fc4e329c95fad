"""A verdict in words: where it differs, how the error grows, what fits instead; or why it is not decided."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from suite.cases.catalogue import Case
from suite.compare.comparison import ComparisonResult
from suite.compare.error_growth import Growth
from suite.diagnosis.candidate_search import Nearest
from suite.diagnosis.candidates import telling, words


def differing(result: ComparisonResult, dialect: str, growth: Growth, fits: str | None, nearest: Nearest | None) -> str:
    """Why a trace is not what was claimed.

    Args:
        result: that it differs.
        dialect: what was claimed.
        growth: of the error where it is outside first.
        fits: what fits instead, in words; None if nothing does.
        nearest: what is nearest, if nothing fits.
    """
    return "; ".join(_clauses(result, dialect, growth, fits, nearest))


def _clauses(
    result: ComparisonResult, dialect: str, growth: Growth, fits: str | None, nearest: Nearest | None
) -> Iterator[str]:
    leaves = "leave" if growth.quantity == "parameters" else "leaves"
    yield f"{growth.quantity} {leaves} the bound of {dialect} at step {result.first_step}, coordinate {growth.index}"
    yield _worst(result)
    if growth.words:
        yield growth.words
    if fits:
        yield fits
    else:
        yield "fits no named dialect" + (f", {nearest.words(dialect)}" if nearest else "")


def _worst(result: ComparisonResult) -> str:
    where = f"{result.quantity} at step {result.worst_step}, coordinate {result.worst_index[0]}"
    if not math.isfinite(result.bound_ratio):
        return f"at worst by more than any number: {where}"
    return f"at worst by {result.ulps:.3g} ulps, {result.bound_ratio:.3g} bounds: {where}"


def fitting(fits: Sequence[str], dialect: str, case: Case, dtype: str, parted: str | None) -> str:
    """What fits instead, how the nearest of it differs from what was claimed, and what would tell the others apart.

    Args:
        fits: names of dialects, at least one.
        dialect: what was claimed.
        case: on which.
        dtype: the precision that is tested.
        parted: the case that would tell them apart, and how, if there is one.
    """
    apart = {name: telling(dialect, name, case.tape, case.setting.hyperparameters, dtype) for name in fits}
    nearest = min(fits, key=lambda name: len(apart[name]))
    changes = " and ".join(words(axis, *pair) for axis, pair in apart[nearest].items())
    found = f"fits {', '.join(fits)}"
    if changes:
        found += f"; {nearest} is {dialect} with {changes}"
    if len(fits) > 1:
        found += "; this case can't tell them apart, " + (parted or "nor can another of the catalogue")
    return found


def undeciding(why: str, decides: str | None) -> str:
    """Why a case is undecided, and which would not be."""
    return f"{why}; {f'{decides} would decide it' if decides else 'no other tape of this setting would decide it'}"
