"""Optimizers to identify: an evaluation of any dialect, apart from the oracle's own."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np

from reference import Hyperparameters
from suite.diagnosis.mistakes.arithmetic import PLAIN
from suite.diagnosis.mistakes.evaluation import EvaluationInput, evaluate
from suite.identification.inquiry import About, Refused

ALL = frozenset(field.name for field in fields(Hyperparameters))
DTYPES = ("float32", "float64")


class Evaluated:
    """A dialect in an order of operations, with defaults and with what it does not ask for.

    It is independent of the oracle: `suite.diagnosis.mistakes.evaluation` reads formulas from the names of the axes.
    """

    def __init__(self, dialect, accepts=ALL, dtypes=DTYPES, order=PLAIN, sparse=True, defaults=None, **fixed):
        self.about = About("evaluated", frozenset(accepts), dict(defaults or {}), dtypes, sparse=sparse)
        self.dialect, self.order, self.fixed, self.defaults = dialect, order, fixed, dict(defaults or {})

    def answer(self, query):
        assert set(query.given) <= self.about.accepts
        order = replace(self.order, flushed=self.dialect.subnormals == "flushed")
        h = Hyperparameters(**{**self.defaults, **query.given, **self.fixed})
        given = EvaluationInput(query.tape.initial, query.tape.sparse or query.tape.gradients)
        return evaluate(self.dialect, h, given, order, query.dtype)["parameters"]


class Stepped:
    """Written by hand: v ← γv + (1-γ)g², and then whatever makes the new parameters of it."""

    def __init__(self, update):
        names = frozenset({"learning_rate", "decay", "epsilon"})
        self.about = About("stepped", names, {}, DTYPES, scheduled=False)
        self.update = update

    def answer(self, query):
        x, h, trace = query.tape.initial.astype(query.dtype), query.given, []
        v = np.zeros_like(x)
        try:
            for g in query.tape.gradients.astype(query.dtype):
                v = h["decay"] * v + (1 - h["decay"]) * g * g
                x = self.update(x, v, g, h).astype(query.dtype)
                trace.append(x)
        except FloatingPointError as error:
            raise Refused("it won't") from error
        return np.stack(trace)
