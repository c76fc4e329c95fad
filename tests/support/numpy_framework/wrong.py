"""Implementations that are wrong in one way each, and claim to be D2L's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from reference import dialects
from suite.adapters.contract import Unsupported
from tests.support.numpy_framework.right import Claims, Right


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


class LosesItself(Claims):
    """Becomes NaN at the last step, as after a division by zero."""

    def update(self, gradients):
        super().update(gradients)
        if self.steps == 19:
            self.parameters[0][...] = np.nan


class SpoilsGradients(Claims):
    """Scales the caller's gradient in place."""

    def update(self, gradients):
        super().update(gradients)
        for g in gradients:
            g *= g.dtype.type(0.5)


class Forgetful(Claims):
    """Saves no momentum buffer."""

    def save(self):
        return {name: arrays for name, arrays in super().save().items() if name != "momentum_buffer"}


class Random(Claims):
    """Another last bit with each optimizer that is made."""

    made = 0

    def update(self, gradients):
        super().update(gradients)
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

    def update(self, gradients):
        super().update(gradients)
        for v in self.square_average[1:]:
            v[...] = self.square_average[0].mean()


class OneSided(Claims):
    """Takes the gradients of one sign for larger than they are."""

    def update(self, gradients):
        super().update([np.where(g < 0, g * g.dtype.type(1.0001), g) for g in gradients])


class HiddenEpsilon(Claims):
    """Adds an ε of its own, which is in no unit."""

    def average(self, old, new, decay, complement):
        super().average(old, new + old.dtype.type(1e-7), decay, complement)


class Sloppy(Claims):
    """Says that it is what `builtin` is, and is an ulp away."""

    twin = "builtin"

    def native_rate(self, learning_rate):
        return np.float32(super().native_rate(learning_rate)) * (1 + np.finfo(np.float32).eps)


class Packed(Claims):
    """Works on a copy of what has gaps in memory, and is too slow for many steps, and refuses what is empty."""

    max_steps = 1000

    def prepare(self, dialect):
        if any(x.size == 0 for x in self.parameters):
            raise Unsupported("numpy is afraid of nothing")
        super().prepare(dialect)
        self.parameters = [x if x.flags.c_contiguous else x.copy() for x in self.parameters]


class Lazy(Claims):
    """Makes every other step only, once nobody looks."""

    def update(self, gradients):
        if self.steps < 4 or self.steps % 2:
            super().update(gradients)


class Postponed(Claims):
    """Returns at once and works later, and does not say so when it is asked to wait."""

    def update(self, gradients):
        if self.steps < 4:
            super().update(gradients)
        else:
            self.framework.postponed.append(lambda: super(Postponed, self).update(gradients))


class WrongAtTheEnd(Claims):
    """Its last number goes too far, up or down."""

    sign = 1

    def update(self, gradients):
        super().update(gradients)
        self.parameters[-1][-1] += self.sign * self.parameters[-1].dtype.type(1e-3)


class WrongAtTheEndBelow(WrongAtTheEnd):
    sign = -1
