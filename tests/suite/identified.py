"""Optimizers to identify: an evaluation of any dialect, apart from the oracle's own."""

from __future__ import annotations

from dataclasses import fields, replace

from reference import Hyperparameters
from suite.identification.subject import About
from suite.sharpness.evaluation import Input, evaluate
from suite.sharpness.orders import PLAIN

ALL = frozenset(field.name for field in fields(Hyperparameters))
DTYPES = ("float32", "float64")


class Evaluated:
    """A dialect in an order of operations, with defaults and with what it does not ask for.

    It shares no line with the oracle: formulas are read from the dialects' names by `suite.sharpness.formula`.
    """

    def __init__(self, dialect, accepts=ALL, dtypes=DTYPES, order=PLAIN, sparse=True, defaults=None, **fixed):
        self.about = About("evaluated", frozenset(accepts), dict(defaults or {}), dtypes, sparse=sparse)
        self.dialect, self.order, self.fixed, self.defaults = dialect, order, fixed, dict(defaults or {})

    def answer(self, query):
        assert set(query.given) <= self.about.accepts
        order = replace(self.order, flushed=self.dialect.subnormals == "flushed")
        h = Hyperparameters(**{**self.defaults, **query.given, **self.fixed})
        given = Input(query.tape.initial, query.tape.sparse or query.tape.gradients)
        return evaluate(self.dialect, h, given, order, query.dtype)["parameters"]
