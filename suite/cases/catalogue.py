"""The catalogue: the fixed, versioned list of conformance cases. A case is a tape under one setting."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import TypeVar

import numpy as np

from reference import Hyperparameters
from suite.cases.metamorphic import MetamorphicRelation
from suite.cases.random import Bits
from suite.cases.special_tapes import edge_tapes, parameter_tapes, shape_tapes
from suite.cases.tapes import STEPS, Tape, generated, recorded
from suite.cases.tasks import Task
from suite.errors import UserError

VERSION = "4"
"""The version of the catalogue. It changes when a case is added; the meaning of an id never changes."""


@dataclass(frozen=True)
class Setting:
    """Hyper-parameters, with the reason why they are tested."""

    id: str
    reason: str
    hyperparameters: Hyperparameters


@dataclass(frozen=True)
class Case:
    """A conformance case: a tape under a setting."""

    tape: Tape
    setting: Setting

    @property
    def id(self) -> str:
        """The identifier, TAPE/SETTING, for example `decades/momentum`."""
        return f"{self.tape.id}/{self.setting.id}"


def _h(**values: object) -> Hyperparameters:
    return Hyperparameters.from_json({"learning_rate": 0.01, "decay": 0.9, "epsilon": 1e-6, **values})


_FALLING = [0.02 * (0.97**step) for step in range(STEPS)]

SETTINGS = (
    Setting("plain", "the hyper-parameters of the section", _h()),
    Setting("large-epsilon", "the position of ε, here larger than the root of small averages", _h(epsilon=1e-2)),
    Setting("long-memory", "how 1-γ is computed: its relative error is γ/(1-γ) times that of γ", _h(decay=0.999)),
    Setting("no-memory", "γ = 0, where the average is the last square; ε is larger than the rounding of v + (g² - v)",
            _h(decay=0.0, epsilon=1e-2)),
    Setting("momentum", "the momentum buffer", _h(momentum=0.9)),
    Setting("schedule", "a falling learning rate", _h(learning_rate=_FALLING)),
    Setting("schedule-momentum", "η inside or outside the momentum buffer: they differ when η changes",
            _h(learning_rate=_FALLING, momentum=0.9)),
    Setting("centered", "the centered variant", _h(centered=True, epsilon=1e-3)),
    Setting("centered-momentum", "the centered variant with momentum, where some implementations move ε",
            _h(centered=True, epsilon=1e-3, momentum=0.5)),
    Setting("centered-schedule-momentum", "η inside or outside a momentum buffer that exists only when centered",
            _h(learning_rate=_FALLING, centered=True, epsilon=1e-3, momentum=0.9)),
    Setting("centered-nesterov", "Nesterov momentum with a buffer that exists only when centered",
            _h(centered=True, epsilon=1e-3, momentum=0.5, nesterov=True)),
    Setting("weight-decay", "l2 or decoupled weight decay", _h(weight_decay=1e-2, epsilon=1e-2)),
    Setting("clipping", "clipping each coordinate of the gradient", _h(clip_gradient=0.5)),
    Setting("clipping-weight-decay", "clipping before or after weight decay is added",
            _h(clip_gradient=0.1, weight_decay=0.1, epsilon=1e-2)),
    Setting("clip-weights", "clipping each parameter after the update", _h(clip_weights=0.05)),
    Setting("rescaled", "a factor on the gradient", _h(rescale_gradient=0.125)),
    Setting("maximize", "gradient ascent", _h(maximize=True, weight_decay=1e-2, epsilon=1e-2)),
    Setting("nesterov", "Nesterov momentum", _h(momentum=0.9, nesterov=True)),
    Setting("bias-correction", "bias correction of the averages", _h(bias_correction=True)),
)  # fmt: skip
"""The settings that are combined with every generated tape."""

SPECIAL = (
    Setting("no-epsilon", "ε = 0, where a square that underflows leads to a division by zero", _h(epsilon=0.0)),
    Setting("clip-norm", "clipping by the norm of the gradient", _h(clip_norm=1.0)),
    Setting("clip-norm-weight-decay", "clipping by the norm before or after weight decay is added",
            _h(clip_norm=1.0, weight_decay=0.1, epsilon=1e-2)),
    Setting("tiny-epsilon", "an ε below the smallest float16 number; the default of PyTorch",
            _h(decay=0.99, epsilon=1e-8)),
    Setting("centered-tiny-epsilon", "an ε below the smallest float16 number, centered",
            _h(epsilon=1e-8, centered=True)),
    Setting("decay-above-one", "γ > 1", _h(decay=1.5)),
)  # fmt: skip
"""The settings of tapes that name them."""

_EPSILONS = (0.0, 1e-10, 1e-6, 1e-3, 1.0)
_GRID = {  # γ -> η, μ and whether centered, for each ε
    0.0: ((1.0, 0.99, False), (0.0, 0.0, False), (1.0, 0.9, False), (1e-4, 0.9, False), (1e-2, 0.5, False)),
    0.5: ((0.0, 0.5, False), (1e-4, 0.99, False), (1.0, 0.9, True), (1e-2, 0.0, False), (1e-2, 0.5, False)),
    0.9: ((1e-2, 0.9, False), (1e-4, 0.0, True), (0.0, 0.5, False), (0.0, 0.99, True), (1.0, 0.5, False)),
    0.95: ((1e-4, 0.5, False), (0.0, 0.9, True), (1e-2, 0.99, True), (1.0, 0.0, True), (0.0, 0.9, False)),
    0.99: ((1e-4, 0.0, True), (1e-2, 0.5, True), (0.0, 0.9, False), (1.0, 0.0, False), (0.0, 0.99, False)),
    0.999: ((0.0, 0.99, False), (1e-4, 0.5, True), (1e-4, 0.5, False), (1.0, 0.9, True), (1e-2, 0.0, True)),
    1.0: ((1e-2, 0.99, False), (1.0, 0.9, False), (0.0, 0.0, False), (1e-2, 0.5, False), (1e-4, 0.99, True)),
}
"""Pairwise combinations of hyper-parameters over their range, its ends included.

Seven decays and five epsilons need at least 35 combinations, which are enough for all pairs. One pair is left out,
because its result depends on rounding alone: centered with γ = 0, where v - m² is g² - g².
"""


def _grid() -> Iterator[Setting]:
    rows = ((decay, epsilon, *rest) for decay, row in _GRID.items() for epsilon, rest in zip(_EPSILONS, row))
    for number, (decay, epsilon, rate, momentum, centered) in enumerate(rows, start=1):
        words = f"γ = {decay:g}, ε = {epsilon:g}, η = {rate:g}, μ = {momentum:g}{', centered' if centered else ''}"
        h = _h(learning_rate=rate, decay=decay, epsilon=epsilon, momentum=momentum, centered=centered)
        yield Setting(f"grid-{number:02}", f"pairwise combination: {words}", h)


GRID = tuple(_grid())
"""The settings of the tape `range`."""


def _range(seed: int) -> Tape:
    """Return normal deviates over four decades; half of the initial parameters are zero."""
    bits = Bits(3000 + seed)  # far from the seeds of other tapes
    scale = np.array([1e-2, 1e-1, 1.0, 1e1] * 3)
    gradients = scale * bits.normal((12, len(scale)))
    initial = np.where(np.arange(len(scale)) < len(scale) // 2, 0.0, bits.normal((len(scale),)))
    reason = "deviates over four decades, for hyper-parameters over their whole range"
    return Tape("range", reason, initial.astype(np.float32), gradients.astype(np.float32), lean=True)


def catalogue(tasks: Mapping[str, Task], seed: int) -> list[Case]:
    """Return every case in a fixed order.

    Each generated tape is combined with each setting. The tapes about structure and about the limits of formats name
    their settings; one tape has the grid of hyper-parameters; a recorded tape has the hyper-parameters of its task.
    """
    tapes, settings = generated(seed), {setting.id: setting for setting in (*SPECIAL, *SETTINGS)}
    special = (*shape_tapes(seed), *edge_tapes(seed), *parameter_tapes(seed))
    whole_range = _range(seed)
    return [
        *(Case(tape, setting) for setting in SETTINGS for tape in tapes.values()),
        *(Case(tape, settings[name]) for tape, name in special),
        *(Case(whole_range, setting) for setting in GRID),
        *(
            Case(recorded(task), Setting("plain", f"as in {task.source}", task.hyperparameters))
            for task in tasks.values()
            if task.replayed
        ),
    ]


Item = TypeVar("Item", bound=Case | MetamorphicRelation)


def select(items: Iterable[Item], patterns: Iterable[str]) -> list[Item]:
    """Return the items whose id, or a part of it, matches a pattern; all if there is no pattern.

    A pattern may contain `*` and `?`, as in file names.

    Raises:
        UserError: if a pattern matches nothing.
    """
    items, patterns = list(items), list(patterns)
    for pattern in patterns:
        if not any(matches(item.id, pattern) for item in items):
            parts = {name for item in items for name in (item.id, *item.id.split("/"))}
            close = " or ".join(map(repr, get_close_matches(pattern, sorted(parts))))
            meant = f" did you mean {close}?" if close else ""
            raise UserError(f"no case matches {pattern!r};{meant} `rmsuite cases` lists them")
    return [item for item in items if not patterns or any(matches(item.id, pattern) for pattern in patterns)]


def matches(name: str, pattern: str) -> bool:
    """Return whether a pattern matches the id of a case or a relation."""
    return fnmatchcase(name, pattern) or f"/{pattern}/" in f"/{name}/"
