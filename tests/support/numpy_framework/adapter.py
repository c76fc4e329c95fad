"""The adapter of the fake framework. Run as a script, it is a worker under the name of the framework in its arguments:

    python adapter.py … torch --device cpu --threads 1

A test names a script that runs this file as the interpreter of an environment; the rest of the suite is unchanged.
Environment variables change the framework: MISTAKE (its gradients), PATCHED and BUILTIN (its built-in optimizer),
RELEASE (its version) and KERNELS (its instruction set).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

import suite.adapters
from suite.adapters.contract import Framework
from suite.adapters.oracle import Adapter as Oracle
from suite.workers import worker
from tests.support.numpy_framework import ill_behaved, patched, right, wrong


class Value:
    """A loss that holds its gradients, because NumPy has no automatic differentiation."""

    def __init__(self, *gradients):
        self.gradients = gradients


class Numpy(Framework):
    name = "torch"
    postponed = []  # updates that are computed when a tensor is read
    mistake = os.environ.get("MISTAKE", "")  # an error in the gradients
    implementations = {
        "scratch": right.Right,
        "builtin": patched.PATCHES[os.environ.get("PATCHED", "")],
        "wrong-epsilon": wrong.WrongEpsilon,
        "accumulator-from-one": wrong.AccumulatorFromOne,
        "two-mistakes": wrong.TwoMistakes,
        "momentum-ignored": wrong.MomentumIgnored,
        "negated-weight-decay": wrong.NegatedWeightDecay,
        "clipping-ignored": wrong.ClippingIgnored,
        "fixed-decay": wrong.FixedDecay,
        "missing-complement": wrong.MissingComplement,
        "stale-state": wrong.StaleState,
        "becomes-nan": wrong.BecomesNan,
        "changes-gradients": wrong.ChangesGradients,
        "momentum-not-saved": wrong.MomentumNotSaved,
        "random": wrong.Random,
        "couples-coordinates": wrong.CouplesCoordinates,
        "shared-state": wrong.SharedState,
        "enlarges-negative-gradients": wrong.EnlargesNegativeGradients,
        "added-epsilon": wrong.AddedEpsilon,
        "one-ulp-off": wrong.OneUlpOff,
        "copies-strided": wrong.CopiesStrided,
        "last-parameter-too-large": wrong.LastParameterTooLarge,
        "last-parameter-too-small": wrong.LastParameterTooSmall,
        "skips-steps": wrong.SkipsSteps,
        "unsynchronized": wrong.Unsynchronized,
        "raises": ill_behaved.Raises,
        "segfaults": ill_behaved.Segfaults,
        "killed": ill_behaved.Killed,
        "killed-late": ill_behaved.KilledLate,
        "hangs": ill_behaved.Hangs,
        "chatty": ill_behaved.Chatty,
        "writes-to-channel": ill_behaved.WritesToChannel,
        "refuses": ill_behaved.Refuses,
    }

    @staticmethod
    def versions():
        return {Numpy.name: os.environ.get("RELEASE", "0.0"), "numpy": np.__version__}

    @staticmethod
    def instructions():
        return {"kernels": os.environ.get("KERNELS", "plain")}

    @staticmethod
    def devices():
        return ["cpu"]

    @staticmethod
    def set_threads(threads):
        return threads

    def tensor(self, array, dtype):
        return np.array(array, dtype)

    parameter = tensor

    def sparse(self, rows, values, shape, dtype):
        return right.Rows(rows, self.tensor(values, dtype), shape)

    def numpy(self, tensor):
        while self.postponed:
            self.postponed.pop(0)()
        return tensor.dense() if isinstance(tensor, right.Rows) else np.array(tensor)

    def full_like(self, parameter, value):
        return np.full_like(parameter, value)

    def assign(self, tensors, arrays):
        for tensor, array in zip(tensors, arrays, strict=True):
            tensor[...] = array

    def strided(self, tensor):
        gaps = np.zeros((*reversed(tensor.shape), 2), tensor.dtype)
        view = gaps[..., 0].T
        view[...] = tensor
        return view

    def dtype(self, tensor):
        return tensor.dtype.name

    def synchronize(self, tensors):
        pass

    def gradients(self, loss, parameters):
        return list(loss().gradients)

    def quadratic(self, x, rotated):
        T = x.dtype.type  # noqa: N806
        if self.mistake == "nan" and abs(x[0]) < 1:
            return Value(np.full(2, np.nan, x.dtype))
        if self.mistake == "doubled":  # the loss without the factor ½
            return Value(2 * np.array([T(0.2) * x[0], T(4) * x[1]], x.dtype))
        s, d = (x[0] + x[1], x[0] - x[1]) if rotated else (x[0], x[1])
        a, b = T(0.2) * s, T(4) * d
        return Value(np.array([a + b, a - b] if rotated else [a, b], x.dtype))

    squared_loss, cross_entropy = Oracle.squared_loss, Oracle.cross_entropy


def main():
    def load(name, device):
        Numpy.name = name
        if "BUILTIN" in os.environ:  # the implementation that this release calls `builtin`
            Numpy.implementations["builtin"] = Numpy.implementations[os.environ["BUILTIN"]]
        return Numpy(device)

    suite.adapters.load = load
    sys.argv[1:] = [argument for argument in sys.argv[1:] if argument != "-I" and not argument.endswith("worker.py")]
    worker.main()


if __name__ == "__main__":
    main()
