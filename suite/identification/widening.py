"""Where nothing that was thought possible is left: what else it may be, tried in the order of how simple it is to say.

First what may become of a hyper-parameter and is no dialect's: it is squared, has the other sign, is another number
than the one that was given. Then numbers that are read from the answer: an average that starts at 0.5, a momentum that
nobody asked for. Whatever is found must be inside its bound in every question that was asked before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from reference import Hyperparameters
from reference.precision import format_of
from suite.compare.oracle import path_length
from suite.diagnosis.candidates import HYPERPARAMETER_PREFIX, CandidateChange
from suite.diagnosis.number_estimation import estimates
from suite.identification.design import Outlook
from suite.identification.hypotheses import Hypothesis, further
from suite.identification.inquiry import Array
from suite.identification.probes import Probe

CHECKED = 24  # of the nearest in a round, against their own bounds
BASES = 16  # the nearest hypotheses, of which a number is read
ROUGH = 2.0**-20  # of a way: what nobody takes for another number
ROUNDINGS = 32  # on the way
LARGE = 1e200  # an error that is no number

History = Sequence[tuple[Probe, Array]]
"""Questions with their answers, that of which nothing is left last."""


def widened(outlook: Outlook, history: History) -> list[Hypothesis]:
    """The hypotheses beyond those of an outlook that fit all answers; none, if nothing is found.

    Args:
        outlook: of the last question, all of whose hypotheses are refuted.
        history: with the last question.
    """
    alike = list(outlook.members.values())
    first = [one for one, *_ in alike]
    found = _fitting([(one, change) for one in first for change in further(one)], history)
    for read in _numbers(first, *history[-1]) if not found else ():
        found = _fitting([(one, change) for one in first for change in read], history)
        if found:
            break
    members = dict(zip(first, alike, strict=True))
    return _inside([_with(other, change) for one, change in found for other in members[one]], history)


def _fitting(
    candidates: Sequence[tuple[Hypothesis, CandidateChange]], history: History
) -> list[tuple[Hypothesis, CandidateChange]]:
    """The changes that fit all answers; only the nearest are looked at."""
    made: dict[Hypothesis, tuple[Hypothesis, CandidateChange]] = {}
    for candidate in candidates:
        made.setdefault(_with(*candidate), candidate)
    nearest = ranked(list(made), *history[-1])[:CHECKED]
    return [made[one] for one in _inside([one for alike in nearest for one in alike], history)]


def _inside(hypotheses: Sequence[Hypothesis], history: History) -> list[Hypothesis]:
    """Those that are inside their bound in every answer."""
    for probe, answer in reversed(history):
        hypotheses = Outlook(probe, hypotheses).surviving(answer)
    return list(dict.fromkeys(hypotheses))


def ranked(hypotheses: Sequence[Hypothesis], probe: Probe, answer: Array) -> list[list[Hypothesis]]:
    """Those that are one function together, the nearest to an answer first, by their traces alone."""
    outlook = Outlook(probe, hypotheses)
    scores = {}
    for key in outlook.members:
        oracle, name = outlook.oracle(key)
        scores[key] = float(np.mean(np.log1p(np.abs(off(oracle.trace(name).parameters, probe, answer)))))
    return [outlook.members[key] for key in sorted(scores, key=lambda key: scores[key])]


def off(expected: Array, probe: Probe, answer: Array) -> Array:
    """How far an answer is from what was expected, roughly: in 2^-20 of the way that a coordinate has made."""
    fmt = format_of(probe.dtype)
    seen, initial = answer.astype(expected.dtype), probe.tape.initial
    with np.errstate(all="ignore"):
        way = path_length(seen, initial) + np.where(initial, ROUNDINGS * fmt.epsilon / ROUGH * np.abs(initial), 0)
        apart = (expected - seen) / (ROUGH * way + fmt.smallest_normal)
    alike = (expected == seen) | (~np.isfinite(expected) & ~np.isfinite(seen))
    return np.where(alike, 0, np.nan_to_num(apart.astype(np.float64), nan=LARGE, posinf=LARGE, neginf=-LARGE))


def _numbers(hypotheses: Sequence[Hypothesis], probe: Probe, answer: Array) -> Iterator[list[CandidateChange]]:
    """The numbers that bring the trace of one of them onto the answer, roughly, each alone; the nearest one's first.

    How numbers are rounded plays no part in that: it is told when the number is known.
    """
    plain = [
        one
        for one in hypotheses
        if (one.dialect.hyperparameter_rounding, one.dialect.decay_complement) == ("exact", "exact")
    ]
    for one, *_ in ranked(plain, probe, answer)[:BASES]:
        h = one.hyperparameters(probe.hyperparameters)
        if found := list(estimates(h, _residual(one, probe, answer), hidden=True)):
            yield found


def _residual(one: Hypothesis, probe: Probe, answer: Array) -> Callable[[CandidateChange], Array | None]:
    def residual(change: CandidateChange) -> Array | None:
        try:
            outlook = Outlook(probe, [_with(one, change)])
        except ValueError:  # a bound below zero, say
            return None
        (key,) = outlook.members
        oracle, name = outlook.oracle(key)
        error = off(oracle.trace(name).parameters, probe, answer).ravel()
        return error if np.all(np.abs(error) < LARGE) else None

    return residual


def _with(one: Hypothesis, change: CandidateChange) -> Hypothesis:
    """With a change: of an axis to a number that is one value more, of a hyper-parameter to act so."""
    if change.axis.startswith(HYPERPARAMETER_PREFIX):
        return one.having(change.axis, change)
    return one.having(change.axis, change.value(Hyperparameters()))
