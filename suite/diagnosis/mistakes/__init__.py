"""Mistakes that are no dialect's: evaluations of which one part is wrong, each with how it comes about.

`misread` has those in which another formula is evaluated, `misremembered` and `misdone` those in which a part is done
wrongly: what is kept between steps, and what a step is made of.
"""

from suite.diagnosis.mistakes.formula_mistakes import MISREAD
from suite.diagnosis.mistakes.mistake import Mistake
from suite.diagnosis.mistakes.state_mistakes import MISREMEMBERED
from suite.diagnosis.mistakes.step_mistakes import MISDONE

MISTAKES: tuple[Mistake, ...] = (*MISREAD, *MISREMEMBERED, *MISDONE)
"""All of them."""

__all__ = ["MISTAKES", "Mistake"]
