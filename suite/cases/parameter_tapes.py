"""What depends on a parameter as a whole, or on which one it is: its norm, its rows, its share of the learning rate."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from reference import SparseGradients
from suite.cases.random import Bits
from suite.cases.tapes import Tape

_STREAM = 4000  # far from the seeds of other tapes
_STEPS = 12
_FEW = 8  # where compilers take long
_HEIGHT, _WIDTH = 7, 3


def tapes(seed: int) -> Iterator[tuple[Tape, str]]:
    """All of them, each with the id of its setting; the same numbers under each of its settings."""
    bits = [Bits(_STREAM + seed + number) for number in range(4)]
    plans = (
        (_norms(bits[0]), ("clip-norm", "clip-norm-weight-decay")),
        (_rates(bits[1]), ("plain", "schedule-momentum")),
        (_rows(bits[2]), ("plain", "centered-momentum")),
        (_duplicates(bits[3]), ("plain", "momentum")),
    )
    for tape, settings in plans:
        for setting in settings:
            yield tape, setting


def _norms(bits: Bits) -> Tape:
    """Norms from a hundredth of the limit to a hundred times as much, and one that is zero."""
    gradients = bits.normal((_STEPS, 15)) / 4
    gradients *= np.array([1.0, 10.0, 0.1, 100.0, 0.01, 3.0] * 2)[:, None]
    gradients[4] = 0.0
    reason = "gradients whose norm lies on either side of the limit"
    return Tape("norm", reason, _start(bits, 15), gradients.astype(np.float32), ((5, 3),), alone=True)


def _rates(bits: Bits) -> Tape:
    shapes, rates = ((4,), (1,), (2, 3)), (1.0, 0.1, 2.5)
    gradients = (4 * bits.uniform((_STEPS, 11)) - 2).astype(np.float32)
    reason = "a learning rate of each parameter's own"
    return Tape("rates", reason, _start(bits, 11), gradients, shapes, alone=True, rates=rates)


def _rows(bits: Bits) -> Tape:
    """Two rows a step, of which one changes: the first is there always, the last never, the others now and then."""
    rows = np.stack([np.zeros(_FEW, np.int64), 1 + np.arange(_FEW) % (_HEIGHT - 2)], axis=1)
    return _sparse("rows/lazy", "gradients of few rows: do the others decay, or rest?", rows, bits)


def _duplicates(bits: Bits) -> Tape:
    """Three rows a step, of which two are the same."""
    step = np.arange(_FEW)
    rows = np.stack([step % (_HEIGHT - 1), (step + 2) % (_HEIGHT - 1), step % (_HEIGHT - 1)], axis=1)
    return _sparse("rows/duplicates", "a row named twice: are its gradients added before they are squared?", rows, bits)


def _sparse(name: str, reason: str, rows: np.ndarray, bits: Bits) -> Tape:
    values = (4 * bits.uniform((*rows.shape, _WIDTH)) - 2).astype(np.float32)
    gradients = SparseGradients(rows, values, _HEIGHT)
    initial = _start(bits, _HEIGHT * _WIDTH)
    return Tape(name, reason, initial, gradients.dense(), ((_HEIGHT, _WIDTH),), alone=True, lean=True, sparse=gradients)


def _start(bits: Bits, n: int) -> np.ndarray:
    return bits.normal((n,)).astype(np.float32)
