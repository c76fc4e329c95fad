"""Where nothing that was thought possible is left: what else it may be, tried in the order of how simple it is to say.

First what may become of a hyper-parameter and is no dialect's: it is squared, has the other sign, is another number
than the one that was given. Then numbers that are read from the answer: an average that starts at 0.5, a momentum that
nobody asked for. Whatever is found must be inside its bound in every question that was asked before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from reference import Hyperparameters
from reference.precision import format_of
from suite.agreement.change import OF_HYPERPARAMETERS, Change
from suite.agreement.estimate import estimates
from suite.agreement.oracle import path_length
from suite.identification.design import Outlook
from suite.identification.hypotheses import Hypothesis, further
from suite.identification.probes import Probe
from suite.identification.subject import Array

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
    found = _fitting(
        [(number, change) for number, (one, *_) in enumerate(alike) for change in further(one)], alike, history
    )
    if not found:
        read = _numbers([one for one, *_ in alike], *history[-1])
        found = _fitting([(number, change) for number in range(len(alike)) for change in read], alike, history)
    every = [_with(one, change) for number, change in found for one in alike[number]]
    return _inside(every, history)


def _fitting(
    candidates: Sequence[tuple[int, Change]], alike: Sequence[Sequence[Hypothesis]], history: History
) -> list[tuple[int, Change]]:
    """The changes, each of the first of those that are alike, that fit all answers; only the nearest are looked at."""
    made = [_with(alike[number][0], change) for number, change in candidates]
    nearest = ranked(made, *history[-1])[:CHECKED]
    inside = set(_inside([made[i] for i in nearest], history))
    return [candidates[i] for i in nearest if made[i] in inside]


def _inside(hypotheses: Sequence[Hypothesis], history: History) -> list[Hypothesis]:
    """Those that are inside their bound in every answer."""
    for probe, answer in reversed(history):
        hypotheses = Outlook(probe, hypotheses).surviving(answer)
    return list(dict.fromkeys(hypotheses))


def ranked(hypotheses: Sequence[Hypothesis], probe: Probe, answer: Array) -> list[int]:
    """The nearest first, by their traces alone; of like functions the first."""
    places: dict[Hypothesis, int] = {}
    for place, one in enumerate(hypotheses):
        places.setdefault(one, place)
    outlook = Outlook(probe, places)
    scores = {}
    for key, (first, *_) in outlook.members.items():
        oracle, name = outlook.oracle(key)
        scores[places[first]] = float(np.mean(np.log1p(np.abs(off(oracle.trace(name).parameters, probe, answer)))))
    return sorted(scores, key=lambda place: scores[place])


def off(expected: Array, probe: Probe, answer: Array) -> Array:
    """How far an answer is from what was expected, roughly: in 2^-20 of the way that a coordinate has made."""
    fmt = format_of(probe.dtype)
    seen, initial = answer.astype(expected.dtype), probe.tape.initial
    with np.errstate(all="ignore"):
        way = path_length(seen, initial) + np.where(initial, ROUNDINGS * fmt.epsilon / ROUGH * np.abs(initial), 0)
        apart = (expected - seen) / (ROUGH * way + fmt.smallest_normal)
    alike = (expected == seen) | (~np.isfinite(expected) & ~np.isfinite(seen))
    return np.where(alike, 0, np.nan_to_num(apart.astype(np.float64), nan=LARGE, posinf=LARGE, neginf=-LARGE))


def _numbers(hypotheses: Sequence[Hypothesis], probe: Probe, answer: Array) -> list[Change]:
    """The numbers that bring the trace of one of them onto the answer, roughly, each alone.

    How numbers are rounded plays no part in that: it is told when the number is known.
    """
    plain = [one for one in hypotheses if (one.dialect.hyperparameters, one.dialect.complement) == ("exact", "exact")]
    found: dict[tuple[str, str], Change] = {}
    for place in ranked(plain, probe, answer)[:BASES]:
        for change in estimates(
            plain[place].hyperparameters(probe.hyperparameters), _residual(plain[place], probe, answer), hidden=True
        ):
            found.setdefault((change.axis, change.how), change)
    return list(found.values())


def _residual(one: Hypothesis, probe: Probe, answer: Array) -> Callable[[Change], Array | None]:
    def residual(change: Change) -> Array | None:
        try:
            outlook = Outlook(probe, [_with(one, change)])
        except ValueError:  # a bound below zero, say
            return None
        (key,) = outlook.members
        oracle, name = outlook.oracle(key)
        error = off(oracle.trace(name).parameters, probe, answer).ravel()
        return error if np.all(np.abs(error) < LARGE) else None

    return residual


def _with(one: Hypothesis, change: Change) -> Hypothesis:
    """With a change: of an axis to a number that is one value more, of a hyper-parameter to act so."""
    if change.axis.startswith(OF_HYPERPARAMETERS):
        return one.having(change.axis, change)
    return one.having(change.axis, change.value(Hyperparameters()))
