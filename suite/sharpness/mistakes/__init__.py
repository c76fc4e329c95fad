"""Mistakes that are no dialect's: evaluations of which one part is wrong, each with how it comes about.

`misread` has those in which another formula is evaluated, `misremembered` and `misdone` those in which a part is done
wrongly: what is kept between steps, and what a step is made of.
"""

from suite.sharpness.mistakes.misdone import MISDONE
from suite.sharpness.mistakes.misread import MISREAD
from suite.sharpness.mistakes.misremembered import MISREMEMBERED
from suite.sharpness.mistakes.mistake import Mistake

MISTAKES: tuple[Mistake, ...] = (*MISREAD, *MISREMEMBERED, *MISDONE)
"""All of them."""

__all__ = ["MISTAKES", "Mistake"]
