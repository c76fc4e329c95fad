"""Implementations that declare D2L's dialect and are wrong in one way each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from reference import dialects
from suite.adapters.contract import Unsupported
from tests.support.numpy_framework.right import ClaimsD2l, Right


class WrongEpsilon(ClaimsD2l):
    """ε is outside the root; inside is declared."""

    actual = "optax-outside"


class AccumulatorFromOne(ClaimsD2l):
    """v starts at one."""

    actual = "timm-tf"


class TwoMistakes(ClaimsD2l):
    """v starts at one, and ε is outside the root: it differs from the declared dialect on two axes."""

    def prepare(self):
        self.dialect = replace(dialects["d2l"], initial_accumulator=1.0, epsilon="outside")
        Right.prepare(self)


class Changed(ClaimsD2l):
    """Computes its dialect with other hyper-parameters than were given."""

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
    """Has a fixed γ that is no default."""

    changes = {"decay": 0.83}


class MissingComplement(ClaimsD2l):
    """v ← γ v + g²: the factor 1-γ is missing."""

    def average(self, old, new, decay, complement):
        old[...] = decay * old + new


class StaleState(ClaimsD2l):
    """Divides by the average of the previous step."""

    def update(self, gradients):
        fresh = [v.copy() for v in self.square_average]
        for v, g in zip(fresh, gradients, strict=True):
            self.average(v, g * g, v.dtype.type(self.numbers["decay"]), v.dtype.type(self.numbers["complement"]))
        held = [v.copy() for v in self.square_average]
        super().update(gradients)
        for i, x in enumerate(self.parameters):
            T = x.dtype.type  # noqa: N806
            right = np.sqrt(fresh[i] + T(self.numbers["epsilon"]))
            stale = np.sqrt(held[i] + T(self.numbers["epsilon"]))
            x += T(self.rates[i]) * gradients[i] / right - T(self.rates[i]) * gradients[i] / stale


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
    """Changes a last bit in every other optimizer that is made."""

    made = 0

    def update(self, gradients):
        super().update(gradients)
        if self.steps == 0:
            Random.made += 1
            self.parameters[0] *= 1 + Random.made % 2 * np.finfo(self.parameters[0].dtype).eps


class CouplesCoordinates(ClaimsD2l):
    """Adds squares up and subtracts again, so that a coordinate's last bits depend on its neighbours."""

    def average(self, old, new, decay, complement):
        super().average(old, new, decay, complement)
        sums = np.cumsum(old, dtype=old.dtype).reshape(old.shape)
        old.flat[1:] = (sums.ravel() - sums.ravel()[:1])[1:] - (sums.ravel() - sums.ravel()[:1])[:-1]


class SharedState(ClaimsD2l):
    """All parameters use the mean of the first one's state."""

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
    """Declares to equal `builtin` to the bit, and is an ulp away."""

    twin = "builtin"

    def native_rate(self, learning_rate):
        return np.float32(super().native_rate(learning_rate)) * (1 + np.finfo(np.float32).eps)


class CopiesStrided(ClaimsD2l):
    """Updates a copy of a strided parameter, is too slow for many steps, and refuses empty parameters."""

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
    """Returns at once and works later; `synchronize` does not wait for it."""

    def update(self, gradients):
        if self.steps < 4:
            super().update(gradients)
        else:
            self.framework.postponed.append(lambda: super(Unsynchronized, self).update(gradients))


class LastParameterTooLarge(ClaimsD2l):
    """Its last parameter is too large."""

    sign = 1

    def update(self, gradients):
        super().update(gradients)
        self.parameters[-1][-1] += self.sign * self.parameters[-1].dtype.type(1e-3)


class LastParameterTooSmall(LastParameterTooLarge):
    """Its last parameter is too small."""

    sign = -1
