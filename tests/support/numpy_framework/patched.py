"""Changes of `builtin` in a new release; the environment variable PATCHED selects one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from reference import dialects
from tests.support.numpy_framework.ill_behaved import Raises, Refuses
from tests.support.numpy_framework.right import ClaimsD2l, Right
from tests.support.numpy_framework.wrong import ChangesGradients, FixedDecay, MomentumNotSaved, StaleState, WrongEpsilon


class Fused(ClaimsD2l):
    """Computes γv + c g² with one rounding instead of two, as a fused multiply-add does."""

    def average(self, old, new, decay, complement):
        wide = np.float64 if old.dtype.itemsize < 8 else np.longdouble
        old[...] = wide(decay) * old.astype(wide) + (complement * new).astype(wide)


class Complement(ClaimsD2l):
    """Computes 1-γ from a γ that is rounded to the working precision."""

    def prepare(self):
        self.dialect = replace(dialects["d2l"], decay_complement="working")
        Right.prepare(self)


class Reordered(ClaimsD2l):
    """Computes η (g / √(v + ε)) instead of (η g) / √(v + ε) in the plain update."""

    def update(self, gradients):
        a, n = self.algorithm, self.numbers
        if a.buffered or a.centered or a.coupled or a.decoupled or a.bias_corrected or a.clip_weights is not None:
            super().update(gradients)
            return
        for x, v, g, rate in zip(self.parameters, self.square_average, gradients, self.rates, strict=True):
            T = x.dtype.type  # noqa: N806
            g = self.effective_gradient(g, x)
            self.average(v, g * g, T(n["decay"]), T(n["complement"]))
            x -= T(rate) * (g / np.sqrt(v + T(n["epsilon"])))


PATCHES = {
    "": ClaimsD2l,
    "epsilon": WrongEpsilon,
    "decay": FixedDecay,
    "complement": Complement,
    "fma": Fused,
    "order": Reordered,
    "stale": StaleState,
    "momentum-not-saved": MomentumNotSaved,
    "changes": ChangesGradients,
    "raises": Raises,
    "refuses": Refuses,
}
