"""Optimizers for tests of identification. They evaluate a dialect independently of the oracle."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np

from reference import Hyperparameters
from suite.diagnosis.mistakes.arithmetic import PLAIN
from suite.diagnosis.mistakes.evaluation import EvaluationInput, evaluate
from suite.identification.experiments import ExperimentFailed, OptimizerDescription
from suite.identification.identify import identification

ALL = frozenset(field.name for field in fields(Hyperparameters))
DTYPES = ("float32", "float64")


class DialectOptimizer:
    """An optimizer that computes a dialect, with defaults and with fixed hyper-parameters.

    It is independent of the oracle, because it evaluates the formulas of `suite.diagnosis.mistakes.evaluation`.
    """

    def __init__(self, dialect, accepts=ALL, dtypes=DTYPES, order=PLAIN, sparse=True, defaults=None, **fixed):
        self.description = OptimizerDescription(
            "dialect", frozenset(accepts), dict(defaults or {}), dtypes, sparse=sparse
        )
        self.dialect, self.order, self.fixed, self.defaults = dialect, order, fixed, dict(defaults or {})

    def replay(self, request):
        assert set(request.hyperparameters) <= self.description.accepts
        order = replace(self.order, flushed=self.dialect.subnormals == "flushed")
        h = Hyperparameters(**{**self.defaults, **request.hyperparameters, **self.fixed})
        tape = EvaluationInput(request.tape.initial, request.tape.sparse or request.tape.gradients)
        return evaluate(self.dialect, h, tape, order, request.dtype)["parameters"]


class AverageOptimizer:
    """An optimizer with v ← γv + (1-γ)g² and new parameters `update(parameters, v, g, hyper-parameters)`."""

    def __init__(self, update):
        accepts = frozenset({"learning_rate", "decay", "epsilon"})
        self.description = OptimizerDescription("average", accepts, {}, DTYPES, scheduled=False)
        self.update = update

    def replay(self, request):
        x, h, trace = request.tape.initial.astype(request.dtype), request.hyperparameters, []
        v = np.zeros_like(x)
        try:
            for g in request.tape.gradients.astype(request.dtype):
                v = h["decay"] * v + (1 - h["decay"]) * g * g
                x = self.update(x, v, g, h).astype(request.dtype)
                trace.append(x)
        except FloatingPointError as error:
            raise ExperimentFailed("invalid operation") from error
        return np.stack(trace)


def identify(optimizer):
    """Run the experiments on an optimizer in this process and return the identification."""
    experiments, result = identification(optimizer.description), None
    while True:
        try:
            request = next(experiments) if result is None else experiments.send(result)
        except StopIteration as end:
            return end.value
        try:
            result = optimizer.replay(request)
        except ExperimentFailed as failure:
            result = failure
