"""The catalogue: the fixed, versioned list of conformance cases. A case is a tape under one setting."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Protocol, TypeVar

from reference import Hyperparameters
from suite.cases import edge_tapes, hyperparameter_grid, parameter_tapes, shape_tapes
from suite.cases.tapes import STEPS, Tape, generated, recorded
from suite.cases.tasks import Task

VERSION = "4"
"""Changes when a case is added; the meaning of an id never does."""


@dataclass(frozen=True)
class Setting:
    """Hyper-parameters, and what they are there to tell apart."""

    id: str
    reason: str
    hyperparameters: Hyperparameters


@dataclass(frozen=True)
class Case:
    """A tape under a setting."""

    tape: Tape
    setting: Setting

    @property
    def id(self) -> str:
        """Tape and setting, as `decades/momentum`."""
        return f"{self.tape.id}/{self.setting.id}"


def _h(**values: object) -> Hyperparameters:
    return Hyperparameters.from_json({"learning_rate": 0.01, "decay": 0.9, "epsilon": 1e-6, **values})


_FALLING = [0.02 * (0.97**step) for step in range(STEPS)]

SETTINGS = (
    Setting("plain", "the section's own hyper-parameters", _h()),
    Setting("large-epsilon", "where ε stands: here it outweighs the root of small averages", _h(epsilon=1e-2)),
    Setting("long-memory", "how 1-γ is formed: its relative error is γ/(1-γ) times that of γ", _h(decay=0.999)),
    Setting("no-memory", "γ = 0, where the average is the last square; ε outweighs what v + (g² - v) loses of it",
            _h(decay=0.0, epsilon=1e-2)),
    Setting("momentum", "the momentum buffer", _h(momentum=0.9)),
    Setting("schedule", "a falling learning rate", _h(learning_rate=_FALLING)),
    Setting("schedule-momentum", "η in the buffer or outside: they part when η changes",
            _h(learning_rate=_FALLING, momentum=0.9)),
    Setting("centered", "the centered variant", _h(centered=True, epsilon=1e-3)),
    Setting("centered-momentum", "the centered variant with momentum, where ε may move",
            _h(centered=True, epsilon=1e-3, momentum=0.5)),
    Setting("centered-schedule-momentum", "η in the buffer or outside, where there is one only when centered",
            _h(learning_rate=_FALLING, centered=True, epsilon=1e-3, momentum=0.9)),
    Setting("centered-nesterov", "Nesterov's momentum, where there is a buffer only when centered",
            _h(centered=True, epsilon=1e-3, momentum=0.5, nesterov=True)),
    Setting("weight-decay", "l2 or decoupled weight decay", _h(weight_decay=1e-2, epsilon=1e-2)),
    Setting("clipping", "clipping each coordinate of the gradient", _h(clip_gradient=0.5)),
    Setting("clipping-weight-decay", "clipping before or after weight decay is added",
            _h(clip_gradient=0.1, weight_decay=0.1, epsilon=1e-2)),
    Setting("clip-weights", "bounded parameters", _h(clip_weights=0.05)),
    Setting("rescaled", "a factor on the gradient", _h(rescale_gradient=0.125)),
    Setting("maximize", "climbing", _h(maximize=True, weight_decay=1e-2, epsilon=1e-2)),
    Setting("nesterov", "Nesterov's momentum", _h(momentum=0.9, nesterov=True)),
    Setting("bias-correction", "averages freed of their initial bias", _h(bias_correction=True)),
)  # fmt: skip
"""Under which the generated tapes run, all of them under each."""

GRID = tuple(Setting(*row) for row in hyperparameter_grid.rows())
"""Under which one tape runs."""

SPECIAL = (
    Setting(
        "no-epsilon", "ε = 0, where nothing stands between a vanishing square and a division by zero", _h(epsilon=0.0)
    ),
    Setting("clip-norm", "limiting the norm of a gradient", _h(clip_norm=1.0)),
    Setting(
        "clip-norm-weight-decay",
        "limiting the norm before or after weight decay is added",
        _h(clip_norm=1.0, weight_decay=0.1, epsilon=1e-2),
    ),
    Setting("tiny-epsilon", "an ε that float16 has no number for, PyTorch's default", _h(decay=0.99, epsilon=1e-8)),
    Setting("centered-tiny-epsilon", "the same, centered", _h(epsilon=1e-8, centered=True)),
    Setting("decay-above-one", "γ > 1", _h(decay=1.5)),
)
"""Under which only tapes run that name them."""


def catalogue(tasks: Mapping[str, Task], seed: int) -> list[Case]:
    """Every case, in a fixed order: each generated tape under each setting; those about shapes, edges and parameters
    under the ones that they name; one under hyper-parameters over their whole range; those recorded under their task's.
    """  # noqa: D205
    tapes = generated(seed)
    cases = [Case(tape, setting) for setting in SETTINGS for tape in tapes.values()]
    cases += [
        Case(tape, _setting(name))
        for made in (shape_tapes, edge_tapes, parameter_tapes)
        for tape, name in made.tapes(seed)
    ]
    cases += [Case(hyperparameter_grid.tape(seed), setting) for setting in GRID]
    for task in (one for one in tasks.values() if one.replayed):
        setting = Setting("plain", f"as in {task.source}", task.hyperparameters)
        cases.append(Case(recorded(task), setting))
    return cases


def _setting(name: str) -> Setting:
    return next(setting for setting in (*SETTINGS, *SPECIAL) if setting.id == name)


class Named(Protocol):
    """What can be selected: a case, or a law."""

    @property
    def id(self) -> str:
        """Its parts, as `decades/momentum`."""


Item = TypeVar("Item", bound=Named)


def select(items: Iterable[Item], patterns: Iterable[str]) -> list[Item]:
    """Those whose id, or a part of it, matches a pattern (`*` and `?` as in file names); all if none is given.

    Raises:
        LookupError: if a pattern matches nothing.
    """
    items, patterns = list(items), list(patterns)
    for pattern in patterns:
        if not any(matches(item.id, pattern) for item in items):
            parts = {name for item in items for name in (item.id, *item.id.split("/"))}
            close = " or ".join(map(repr, get_close_matches(pattern, sorted(parts))))
            meant = f" did you mean {close}?" if close else ""
            raise LookupError(f"no case matches {pattern!r};{meant} `rmsuite cases` lists them")
    return [item for item in items if not patterns or any(matches(item.id, pattern) for pattern in patterns)]


def matches(name: str, pattern: str) -> bool:
    """Whether a pattern is for a case or a law of this id."""
    return fnmatchcase(name, pattern) or f"/{pattern}/" in f"/{name}/"
