"""A framework made of NumPy, with implementations that are right, wrong in one way each, or ill-behaved.

Run as a script it is a worker like any other: `python numpy_adapter.py … torch --device cpu --threads 1` answers in the
name of torch. So a test names a script that starts it as an interpreter, and nothing else is different.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import suite.adapters
from reference import dialects
from suite.adapters.contract import Framework, Scratch, Unsupported
from suite.runner import worker


class Rows:
    """A sparse gradient."""

    def __init__(self, rows, values, shape):
        self.rows, self.values, self.shape, self.dtype = rows, values, shape, values.dtype

    def dense(self):
        dense = np.zeros(self.shape, self.dtype)
        np.add.at(dense, self.rows, self.values)
        return dense


class Right(Scratch):
    """Any dialect, as the algorithm says."""

    native = "numpy"
    sparse = None  # it makes them dense
    refused = {"bfloat16": "NumPy has no such numbers"}

    def update(self, gradients, learning_rate):
        a, n = self.algorithm, self.numbers
        T = self.parameters[0].dtype.type  # noqa: N806
        rates = map(T, self.rates(learning_rate))
        for i, (x, g, rate) in enumerate(zip(self.parameters, gradients, rates, strict=True)):
            v = self.square_average[i]
            g = g.dense() if isinstance(g, Rows) else g
            if a.decoupled:
                x *= T(1) - rate * T(n["weight_decay"])
            g = self.prepared(g, x, T)
            self.average(v, g * g, T(n["decay"]), T(n["complement"]))
            w = v
            if a.bias_corrected:
                w = v / (T(1) - T(n["decay"]) ** T(self.steps + 1))
            if a.centered:
                m = self.mean_gradient[i]
                self.average(m, g, T(n["decay"]), T(n["complement"]))
                mean = m / (T(1) - T(n["decay"]) ** T(self.steps + 1)) if a.bias_corrected else m
                w = w - mean * mean
            root = np.sqrt(w + T(n["epsilon"])) if a.epsilon_inside else np.sqrt(w) + T(n["epsilon"])
            u = (rate * g if a.rate_in_buffer else g) / root
            if a.buffered:
                b = self.momentum_buffer[i]
                b[...] = T(n["momentum"]) * b + u
                u = u + T(n["momentum"]) * b if a.nesterov else b
            x -= u if a.rate_in_buffer else rate * u
            if a.clip_weights is not None:
                np.clip(x, -T(n["clip_weights"]), T(n["clip_weights"]), out=x)

    def average(self, old, new, decay, complement):
        old[...] = decay * old + complement * new

    def prepared(self, g, x, T):  # noqa: N803
        a, n = self.algorithm, self.numbers
        g = g * T(n["gradient_scale"])
        if not a.coupled:
            return self.clipped(g, T)
        decay = T(n["weight_decay"]) * x
        return self.clipped(g + decay, T) if a.clip_after_decay else self.clipped(g, T) + decay

    def clipped(self, g, T):  # noqa: N803
        a, n = self.algorithm, self.numbers
        if a.clip_norm is not None:
            g = g * T(n["clip_norm"]) / np.maximum(np.sqrt(np.sum(g * g)), T(n["clip_norm"]))
        return g if a.clip_gradient is None else np.clip(g, -T(n["clip_gradient"]), T(n["clip_gradient"]))


class Claims(Right):
    """Right, and declared to be D2L's, whatever a caller asks for."""

    computes = "d2l"

    @classmethod
    def declared(cls, h):
        return "d2l"

    def prepare(self, dialect):
        super().prepare(dialects[self.computes])


class WrongEpsilon(Claims):
    """ε outside the root where it claims inside."""

    computes = "optax-outside"


class AccumulatorFromOne(Claims):
    """v starts at one."""

    computes = "timm-tf"


class TwoMistakes(Claims):
    """v starts at one, and ε stands outside the root: two axes away from what it claims."""

    def prepare(self, dialect):
        Right.prepare(self, replace(dialects["d2l"], initial_accumulator=1.0, epsilon="outside"))


class Changed(Claims):
    """Computes its dialect with other hyper-parameters than were given."""

    claims = "d2l"
    changes = {}

    @classmethod
    def declared(cls, h):
        return cls.claims

    def prepare(self, dialect):
        self.h = replace(self.h, **self.changes)
        Right.prepare(self, dialects[self.claims])


class MomentumIgnored(Changed):
    """Takes momentum and does without; it claims the one dialect of which none has that in the centered variant."""

    changes = {"momentum": 0.0}


class DecayOfTheOtherSign(Changed):
    """Adds weight decay where it should subtract it."""

    def prepare(self, dialect):
        self.changes = {"weight_decay": -self.h.weight_decay}
        super().prepare(dialect)


class ClippingIgnored(Changed):
    """Doesn't clip."""

    changes = {"clip_gradient": None}


class AnotherDecay(Changed):
    """Has a γ of its own, that nobody would guess."""

    changes = {"decay": 0.83}


class ForgottenComplement(Claims):
    """v ← γ v + g²: the factor 1-γ is missing."""

    def average(self, old, new, decay, complement):
        old[...] = decay * old + new


class StaleState(Claims):
    """The step divides by the average of the step before."""

    def update(self, gradients, learning_rate):
        fresh = [v.copy() for v in self.square_average]
        for v, g in zip(fresh, gradients, strict=True):
            self.average(v, g * g, v.dtype.type(self.numbers["decay"]), v.dtype.type(self.numbers["complement"]))
        held = [v.copy() for v in self.square_average]
        super().update(gradients, learning_rate)
        for i, x in enumerate(self.parameters):
            T = x.dtype.type  # noqa: N806
            right = np.sqrt(fresh[i] + T(self.numbers["epsilon"]))
            stale = np.sqrt(held[i] + T(self.numbers["epsilon"]))
            x += T(learning_rate) * gradients[i] / right - T(learning_rate) * gradients[i] / stale


class LosesItself(Claims):
    """Becomes NaN at the last step, as after a division by zero."""

    def update(self, gradients, learning_rate):
        super().update(gradients, learning_rate)
        if self.steps == 19:
            self.parameters[0][...] = np.nan


class SpoilsGradients(Claims):
    """Scales the caller's gradient in place."""

    def update(self, gradients, learning_rate):
        super().update(gradients, learning_rate)
        for g in gradients:
            g *= g.dtype.type(0.5)


class Forgetful(Claims):
    """Saves no momentum buffer."""

    def saved(self):
        return {name: arrays for name, arrays in super().saved().items() if name != "momentum_buffer"}


class Random(Claims):
    """Another last bit with each optimizer that is made."""

    made = 0

    def update(self, gradients, learning_rate):
        super().update(gradients, learning_rate)
        if self.steps == 0:
            Random.made += 1
            self.parameters[0] *= 1 + Random.made % 2 * np.finfo(self.parameters[0].dtype).eps


class Neighbourly(Claims):
    """Adds up squares from left to right and back, so that a coordinate's last bits depend on its neighbours'."""

    def average(self, old, new, decay, complement):
        super().average(old, new, decay, complement)
        sums = np.cumsum(old, dtype=old.dtype).reshape(old.shape)
        old.flat[1:] = (sums.ravel() - sums.ravel()[:1])[1:] - (sums.ravel() - sums.ravel()[:1])[:-1]


class SharedState(Claims):
    """The parameters share one state: that of the first, in its mean."""

    def update(self, gradients, learning_rate):
        super().update(gradients, learning_rate)
        for v in self.square_average[1:]:
            v[...] = self.square_average[0].mean()


class OneSided(Claims):
    """Takes the gradients of one sign for larger than they are."""

    def update(self, gradients, learning_rate):
        super().update([np.where(g < 0, g * g.dtype.type(1.0001), g) for g in gradients], learning_rate)


class HiddenEpsilon(Claims):
    """Adds an ε of its own, which is in no unit."""

    def average(self, old, new, decay, complement):
        super().average(old, new + old.dtype.type(1e-7), decay, complement)


class Sloppy(Claims):
    """Says that it is what `builtin` is, and is an ulp away."""

    twin = "builtin"

    def update(self, gradients, learning_rate):
        super().update(gradients, np.float32(learning_rate) * (1 + np.finfo(np.float32).eps))


class Packed(Claims):
    """Works on a copy of what has gaps in memory, and is too slow for many steps, and refuses what is empty."""

    longest = 1000

    def prepare(self, dialect):
        if any(x.size == 0 for x in self.parameters):
            raise Unsupported("numpy is afraid of nothing")
        super().prepare(dialect)
        self.parameters = [x if x.flags.c_contiguous else x.copy() for x in self.parameters]


class Raises(Claims):
    """Fails as Python code does."""

    def update(self, gradients, learning_rate):
        raise RuntimeError("no kernel for\nthis <shape>")


class Segfaults(Claims):
    """Takes the process down."""

    def update(self, gradients, learning_rate):
        os.kill(os.getpid(), signal.SIGSEGV)


class Killed(Claims):
    """Is killed in the middle, as by the system when memory runs out."""

    def update(self, gradients, learning_rate):
        if self.steps == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        super().update(gradients, learning_rate)


class Hangs(Claims):
    """Never answers."""

    def update(self, gradients, learning_rate):
        time.sleep(3600)


class Chatty(Claims):
    """Prints megabytes, from Python and past it, and is right."""

    def prepare(self, dialect):
        super().prepare(dialect)
        print("x" * (1 << 21))
        for _ in range(4):
            os.write(1, b'{"id": 1, "status": "ok"}\n' * 20000)


class Babbles(Claims):
    """Writes to the very pipe on which answers go."""

    def update(self, gradients, learning_rate):
        for descriptor in range(3, 20):
            with suppress(OSError):
                os.write(descriptor, b"Warning: 3 tensors were not found\n")


class Refuses(Claims):
    """Can't do anything."""

    @classmethod
    def unsupported(cls, h, dtype):
        return "numpy has no courage"


class Value:
    """A loss with its gradients: what differentiation would find."""

    def __init__(self, *gradients):
        self.gradients = gradients


class Numpy(Framework):
    name = "torch"
    mistake = os.environ.get("MISTAKE", "")  # of its differentiation
    implementations = {
        "scratch": Right,
        "builtin": Claims,
        "wrong-epsilon": WrongEpsilon,
        "accumulator-from-one": AccumulatorFromOne,
        "two-mistakes": TwoMistakes,
        "momentum-ignored": MomentumIgnored,
        "decay-of-the-other-sign": DecayOfTheOtherSign,
        "clipping-ignored": ClippingIgnored,
        "another-decay": AnotherDecay,
        "forgotten-complement": ForgottenComplement,
        "stale-state": StaleState,
        "loses-itself": LosesItself,
        "spoils-gradients": SpoilsGradients,
        "forgetful": Forgetful,
        "random": Random,
        "neighbourly": Neighbourly,
        "shared-state": SharedState,
        "one-sided": OneSided,
        "hidden-epsilon": HiddenEpsilon,
        "sloppy": Sloppy,
        "packed": Packed,
        "raises": Raises,
        "segfaults": Segfaults,
        "killed": Killed,
        "hangs": Hangs,
        "chatty": Chatty,
        "babbles": Babbles,
        "refuses": Refuses,
    }

    @staticmethod
    def versions():
        return {Numpy.name: "0.0", "numpy": np.__version__}

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
        return Rows(rows, self.tensor(values, dtype), shape)

    def numpy(self, tensor):
        return tensor.dense() if isinstance(tensor, Rows) else np.array(tensor)

    def filled_like(self, parameter, value):
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
        if self.mistake == "doubled":  # the loss without its ½
            return Value(2 * np.array([T(0.2) * x[0], T(4) * x[1]], x.dtype))
        s, d = (x[0] + x[1], x[0] - x[1]) if rotated else (x[0], x[1])
        a, b = T(0.2) * s, T(4) * d
        return Value(np.array([a + b, a - b] if rotated else [a, b], x.dtype))

    def squared_loss(self, w, b, features, labels):
        residual = features @ w + b - labels
        count = w.dtype.type(len(labels))
        return Value(features.T @ residual / count, residual.sum(axis=0) / count)


def main():
    def load(name, device):
        Numpy.name = name
        return Numpy(device)

    suite.adapters.load = load
    sys.argv[1:] = [argument for argument in sys.argv[1:] if argument != "-I" and not argument.endswith("worker.py")]
    worker.main()


if __name__ == "__main__":
    main()
