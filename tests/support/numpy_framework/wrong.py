"""Implementations that declare D2L's dialect and have one error each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from reference import dialects
from suite.adapters.contract import Unsupported
from tests.support.numpy_framework.right import ClaimsD2l, Right


class WrongEpsilon(ClaimsD2l):
    """Adds ε outside the root, but declares it inside."""

    actual = "optax-outside"


class AccumulatorFromOne(ClaimsD2l):
    """Starts v at one."""

    actual = "timm-tf"


class TwoMistakes(ClaimsD2l):
    """Starts v at one and adds ε outside the root, so that it differs from the declared dialect on two axes."""

    def prepare(self):
        self.dialect = replace(dialects["d2l"], initial_accumulator=1.0, epsilon="outside")
        Right.prepare(self)


class Changed(ClaimsD2l):
    """Computes the declared dialect with changed hyper-parameters."""

    changes = {}

    def prepare(self):
        self.h = replace(self.h, **self.changes)
        self.dialect = dialects[self.computes]
        Right.prepare(self)


class MomentumIgnored(Changed):
    """Ignores momentum."""

    changes = {"momentum": 0.0}


class NegatedWeightDecay(Changed):
    """Adds weight decay where it should subtract it."""

    def prepare(self):
        self.changes = {"weight_decay": -self.h.weight_decay}
        super().prepare()


class ClippingIgnored(Changed):
    """Ignores clipping."""

    changes = {"clip_gradient": None}


class FixedDecay(Changed):
    """Uses a fixed γ that is not a common default."""

    changes = {"decay": 0.83}


class MissingComplement(ClaimsD2l):
    """Computes v ← γ v + g² without the factor 1-γ."""

    def average(self, old, new, decay, complement):
        old[...] = decay * old + new


class StaleState(ClaimsD2l):
    """Divides by the average of the previous step."""

    def update(self, gradients):
        updated = [v.copy() for v in self.square_average]
        for v, g in zip(updated, gradients, strict=True):
            self.average(v, g * g, v.dtype.type(self.numbers["decay"]), v.dtype.type(self.numbers["complement"]))
        previous = [v.copy() for v in self.square_average]
        super().update(gradients)
        for i, x in enumerate(self.parameters):
            T = x.dtype.type  # noqa: N806
            correct_root = np.sqrt(updated[i] + T(self.numbers["epsilon"]))
            stale_root = np.sqrt(previous[i] + T(self.numbers["epsilon"]))
            x += T(self.rates[i]) * gradients[i] / correct_root - T(self.rates[i]) * gradients[i] / stale_root


class BecomesNan(ClaimsD2l):
    """Becomes NaN at step 20, as after a division by zero."""

    def update(self, gradients):
        super().update(gradients)
        if self.steps == 19:
            self.parameters[0][...] = np.nan


class ChangesGradients(ClaimsD2l):
    """Scales the caller's gradient in place."""

    def update(self, gradients):
        super().update(gradients)
        for g in gradients:
            g *= g.dtype.type(0.5)


class MomentumNotSaved(ClaimsD2l):
    """Does not save the momentum buffer."""

    def save(self):
        return {name: arrays for name, arrays in super().save().items() if name != "momentum_buffer"}


class Random(ClaimsD2l):
    """Changes the last bit of the first step in every second optimizer."""

    created = 0

    def update(self, gradients):
        super().update(gradients)
        if self.steps == 0:
            Random.created += 1
            self.parameters[0] *= 1 + Random.created % 2 * np.finfo(self.parameters[0].dtype).eps


class CouplesCoordinates(ClaimsD2l):
    """Sums the squares and takes differences, so that the last bits of a coordinate depend on its neighbours."""

    def average(self, old, new, decay, complement):
        super().average(old, new, decay, complement)
        sums = np.cumsum(old, dtype=old.dtype).reshape(old.shape)
        old.flat[1:] = (sums.ravel() - sums.ravel()[:1])[1:] - (sums.ravel() - sums.ravel()[:1])[:-1]


class SharedState(ClaimsD2l):
    """Uses the mean of the first parameter's state for the other parameters."""

    def update(self, gradients):
        super().update(gradients)
        for v in self.square_average[1:]:
            v[...] = self.square_average[0].mean()


class EnlargesNegativeGradients(ClaimsD2l):
    """Enlarges negative gradients."""

    def update(self, gradients):
        super().update([np.where(g < 0, g * g.dtype.type(1.0001), g) for g in gradients])


class AddedEpsilon(ClaimsD2l):
    """Adds a fixed ε to the square, which breaks the invariance under scaling."""

    def average(self, old, new, decay, complement):
        super().average(old, new + old.dtype.type(1e-7), decay, complement)


class OneUlpOff(ClaimsD2l):
    """Declares the same bits as `builtin`, but differs by one ulp."""

    twin = "builtin"

    def native_rate(self, learning_rate):
        return np.float32(super().native_rate(learning_rate)) * (1 + np.finfo(np.float32).eps)


class CopiesStrided(ClaimsD2l):
    """Updates a copy of a strided parameter, limits the number of steps, and does not support empty parameters."""

    max_steps = 1000

    def prepare(self):
        if any(x.size == 0 for x in self.parameters):
            raise Unsupported("numpy takes no empty parameters")
        super().prepare()
        self.parameters = [x if x.flags.c_contiguous else x.copy() for x in self.parameters]


class SkipsSteps(ClaimsD2l):
    """Skips every other step after the fourth."""

    def update(self, gradients):
        if self.steps < 4 or self.steps % 2:
            super().update(gradients)


class Unsynchronized(ClaimsD2l):
    """Returns immediately and computes the update later; `synchronize` does not wait for it."""

    def update(self, gradients):
        if self.steps < 4:
            super().update(gradients)
        else:
            self.framework.postponed.append(lambda: super(Unsynchronized, self).update(gradients))


class LastParameterTooLarge(ClaimsD2l):
    """Adds an error to the last parameter."""

    sign = 1

    def update(self, gradients):
        super().update(gradients)
        self.parameters[-1][-1] += self.sign * self.parameters[-1].dtype.type(1e-3)


class LastParameterTooSmall(LastParameterTooLarge):
    """Subtracts an error from the last parameter."""

    sign = -1
