"""What an answer looks like that no hypothesis explains: a dialect with one of the mistakes that people make.

The mistakes are those that the suite is tried with (`suite.diagnosis.mistakes`). They are evaluated, but have no bound;
so an answer that is as near as digits can be expected to be resembles one, and more is not said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from suite.diagnosis.mistakes import MISTAKES, Mistake
from suite.diagnosis.mistakes.arithmetic import PLAIN, FormatName
from suite.diagnosis.mistakes.evaluation import EvaluationInput, Formula
from suite.identification.hypotheses import Hypothesis
from suite.identification.inquiry import Array
from suite.identification.probes import Probe
from suite.identification.widening import History, off

WIDE: FormatName = "float64"
NEAR = 16.0  # rough units of a way, which are 2^-20 of it


@dataclass(frozen=True)
class Resemblance:
    """A hypothesis with a mistake."""

    hypothesis: Hypothesis
    mistake: Mistake


def resembling(hypotheses: Sequence[Hypothesis], history: History) -> list[Resemblance]:
    """The mistakes that come near all answers, each on the first hypothesis with which it does.

    Args:
        hypotheses: of the last question.
        history: questions with their answers.
    """
    found: dict[str, Resemblance] = {}
    for one in _plain(hypotheses, history[-1][0]):
        for mistake in MISTAKES:
            if mistake.name not in found and all(_near(one, mistake, *asked) for asked in reversed(history)):
                found[mistake.name] = Resemblance(one, mistake)
    return list(found.values())


def _plain(hypotheses: Sequence[Hypothesis], probe: Probe) -> Iterator[Hypothesis]:
    """One of each function that rounds nothing and does as it is asked: a mistake is enough."""
    seen = set()
    for one in hypotheses:
        function = one.function(probe)
        exact = (one.dialect.hyperparameter_rounding, one.dialect.decay_complement) == ("exact", "exact")
        if exact and not one.changes and function not in seen:
            seen.add(function)
            yield one


def _near(one: Hypothesis, mistake: Mistake, probe: Probe, answer: Array) -> bool:
    """Whether an answer is near what the mistake makes of it; of what has no place for the mistake, itself."""
    tape, h = probe.tape, one.hyperparameters(probe.hyperparameters)
    formula = Formula.of(one.dialect, h, len(tape.gradients), PLAIN.arithmetic(WIDE))
    if not mistake.applies(formula):
        return False
    made = mistake.evaluation(formula, EvaluationInput(tape.initial, tape.sparse or tape.gradients), WIDE).trace()[
        "parameters"
    ]
    return bool(np.all(np.abs(off(made, probe, answer)) <= NEAR))
