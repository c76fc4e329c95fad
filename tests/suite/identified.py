"""Optimizers to identify: an evaluation of any dialect, apart from the oracle's own."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np

from reference import Hyperparameters
from suite.sharpness.evaluation import Input, evaluate
from suite.sharpness.orders import PLAIN

ALL = frozenset(field.name for field in fields(Hyperparameters))
DTYPES = ("float32", "float64")


class Evaluated:
    """A dialect in an order of operations, with defaults and with what it does not ask for.

    It shares no line with the oracle: formulas are read from the dialects' names by `suite.sharpness.formula`.
    """

    scheduled = True

    def __init__(
        self, dialect, accepts=ALL, dtypes=("float32", "float64"), order=PLAIN, sparse=True, defaults=None, **fixed
    ):
        self.name, self.dialect, self.accepts, self.dtypes = "evaluated", dialect, frozenset(accepts), dtypes
        self.order, self.sparse, self.fixed, self.defaults = order, sparse, fixed, dict(defaults or {})

    def answer(self, initial, gradients, given, dtype):
        assert set(given) <= self.accepts
        order = replace(self.order, flushed=self.dialect.subnormals == "flushed")
        h = Hyperparameters(**{**self.defaults, **given, **self.fixed})
        given = Input(initial, gradients, np.array(1.0))
        return evaluate(self.dialect, h, given, order, dtype)["parameters"]
