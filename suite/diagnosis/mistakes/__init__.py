"""Evaluations of RMSProp with one part wrong, for mutation testing and for identifying an optimizer.

Each mistake belongs to no dialect. Some evaluate a wrong formula (`mistake`), the others compute the state
(`state_mistakes`) or the step (`step_mistakes`) wrongly. What they compute is independent of the oracle: `reference` is
imported for the types of the input alone.
"""

from suite.diagnosis.mistakes.mistake import FORMULA_MISTAKES, Mistake
from suite.diagnosis.mistakes.state_mistakes import STATE_MISTAKES
from suite.diagnosis.mistakes.step_mistakes import STEP_MISTAKES

MISTAKES: tuple[Mistake, ...] = (*FORMULA_MISTAKES, *STATE_MISTAKES, *STEP_MISTAKES)
"""All mistakes."""

__all__ = ["MISTAKES", "Mistake"]
