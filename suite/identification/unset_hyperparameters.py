"""Determines hyper-parameters that are not set: those that an optimizer does not accept, and its defaults."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from reference import Hyperparameters
from suite.diagnosis.candidate_search import ReplayInput
from suite.diagnosis.candidates import HYPERPARAMETER_PREFIX, CandidateChange
from suite.identification.experiments import (
    BASE,
    Experiment,
    ExperimentFailed,
    Experiments,
    OptimizerDescription,
    ReplayRequest,
)
from suite.identification.fitting import NUMBERS, FittedHyperparameters, HyperparameterFit, fitting_tape
from suite.identification.hypotheses import SWITCHES, ConsistentHypotheses, Hypothesis, HypothesisSpace

MAX_FITTED = 6  # hypotheses to which numbers are fitted, the nearest first
MAX_DISTANCE = 2.0  # from the nearest hypothesis, in mean logarithmic error

Numbers = tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class FixedNumbers:
    """The learning rate, decay, epsilon and momentum of an optimizer that does not accept them.

    Attributes:
        hypotheses: all hypotheses with these numbers, for each way in which they can be explained.
        base: the learning rate, decay and epsilon of the experiments: the fixed ones, or those of `BASE`.
        reason: why the numbers could not be determined; None if they were, or if none is fixed.
    """

    hypotheses: ConsistentHypotheses
    base: Mapping[str, float]
    reason: str | None = None


def fixed_numbers(optimizer: OptimizerDescription, space: HypothesisSpace) -> Experiments[FixedNumbers]:
    """Fit the fixed numbers to the trace of one experiment."""
    fixed = frozenset(BASE) - optimizer.accepts
    unknown = space.all()
    if not fixed:
        return FixedNumbers(unknown, BASE)
    given = {name: value for name, value in BASE.items() if name in optimizer.accepts}
    dtype, tape, base = optimizer.dtypes[0], fitting_tape(), Hyperparameters.from_json(dict(BASE))
    trace = yield ReplayRequest("fixed numbers", tape, given, dtype)
    if isinstance(trace, ExperimentFailed):
        return FixedNumbers(unknown, BASE, f"its first experiment failed: {trace.summary}")
    free = [*(name for name in BASE if name in fixed), *(["momentum"] if "momentum" not in optimizer.accepts else [])]
    structures = _structures(space, Experiment("", ReplayInput(tape, base, dtype), frozenset()))
    distances = {one: HyperparameterFit(one, trace, dtype, free).distance(base) for one in structures}
    near = [one for one in distances if distances[one] <= min(distances.values()) + MAX_DISTANCE]
    found: dict[Numbers, Hypothesis] = {}
    for one in sorted(near, key=distances.__getitem__)[:MAX_FITTED]:
        for hypothesis in _complements(one):
            fit = HyperparameterFit(hypothesis, trace, dtype, free).fit(base)
            if fit.fits:
                values = [(name, getattr(fit.hyperparameters, name)) for name in free]
                numbers = tuple((name, value) for name, value in values if name in BASE or value)
                found.setdefault(numbers, Hypothesis(changes=tuple(_set(*pair) for pair in numbers)))
    if not found:
        return FixedNumbers(unknown, BASE, f"no value of {', '.join(sorted(fixed))} explains its trace")
    fewest = min(map(_digits, found))
    found = {numbers: one for numbers, one in found.items() if _digits(numbers) == fewest}  # nobody writes 0.95000009
    own = {name: value for name, value in next(iter(found)) if name in BASE}
    return FixedNumbers(unknown.restricted(list(found.values())), {**BASE, **own})


def _structures(space: HypothesisSpace, experiment: Experiment) -> Iterator[Hypothesis]:
    """Yield one hypothesis for each function in an experiment, apart from the rounding of hyper-parameters."""
    functions: dict[Hashable, Hypothesis] = {}
    for one in space.all().expanded(experiment).listed:
        if one.exact:
            functions.setdefault(one.function(experiment), one)
    yield from functions.values()


def _complements(one: Hypothesis) -> list[Hypothesis]:
    """Return the hypothesis with 1-γ computed in either way; other rounding is not visible in few digits."""
    return [one.with_value("decay_complement", how) for how in ("exact", "working")]


def _digits(numbers: Numbers) -> int:
    """Return the number of significant digits."""
    return sum(len(f"{value:.12e}".partition("e")[0].replace(".", "").strip("-0")) for _, value in numbers)


def _set(name: str, value: float) -> CandidateChange:
    return CandidateChange(HYPERPARAMETER_PREFIX + name, f"{value!r}", lambda _: value)


@dataclass(frozen=True)
class Default:
    """A hyper-parameter that may be omitted.

    Attributes:
        name: its name in `Hyperparameters`.
        value: its value if it is omitted; None if it is unset then, or has no visible effect.
        is_declared: whether the signature declares a default that can be compared.
        declared: the declared default.
    """

    name: str
    value: Any
    is_declared: bool
    declared: Any

    @property
    def as_declared(self) -> bool:
        """Whether the value is the declared one, as far as it is visible."""
        if self.value is None or not self.is_declared:
            return True
        usual = getattr(Hyperparameters(), self.name)
        if usual is None and self.declared in (None, 0, -1, float("inf")):  # ways to declare that there is no bound
            return False
        return bool((usual if self.declared is None else self.declared) == self.value)


@dataclass(frozen=True)
class Defaults:
    """The defaults of an optimizer.

    Attributes:
        values: the hyper-parameters that may be omitted.
        required: the hyper-parameters that have no default.
        reason: why defaults could not be determined; None if they were.
    """

    values: tuple[Default, ...]
    required: tuple[str, ...]
    reason: str | None = None


def defaults(optimizer: OptimizerDescription, hypothesis: Hypothesis, dtype: str) -> Experiments[Defaults]:
    """Fit the defaults to the trace of one experiment, in which only required hyper-parameters are set."""
    usual = {**Hyperparameters().to_json(), **BASE}
    required = tuple(name for name in usual if name in optimizer.accepts and name not in optimizer.defaults)
    omitted = optimizer.accepts - set(required)
    if not omitted:
        return Defaults((), required)
    given = {name: usual[name] for name in required}
    trace = yield ReplayRequest("defaults", fitting_tape(), given, dtype)
    if isinstance(trace, ExperimentFailed):
        return Defaults((), required, f"the experiment failed: {trace.summary}")
    never = hypothesis.dialect.momentum == "never"
    free = [name for name in NUMBERS if name in omitted and not (name == "momentum" and never)]
    declared = {name: value for name, value in optimizer.defaults.items() if isinstance(value, (int, float))}
    fit = HyperparameterFit(hypothesis, trace, dtype, free)
    found = _first_fitting(fit, given, declared, [name for name in SWITCHES if name in omitted])
    if found is None:
        return Defaults((), required, "no numbers explain its trace")
    names = [field.name for field in fields(Hyperparameters) if field.name in omitted]
    return Defaults(tuple(_default(optimizer, found, name) for name in names), required)


def _first_fitting(
    fit: HyperparameterFit, given: Mapping[str, Any], declared: Mapping[str, float], switches: list[str]
) -> FittedHyperparameters | None:
    """Return the first fit that is accepted: switches as declared, then with as few differences as possible."""
    usual = {name: bool(declared.get(name, False)) for name in switches}
    for flips in sorted(itertools.product((False, True), repeat=len(switches)), key=sum):
        switched = {name: usual[name] != flip for name, flip in zip(switches, flips, strict=True)}
        found = fit.fit(Hyperparameters.from_json({**given, **switched}), declared)
        if found.fits:
            return found
    return None


def _default(optimizer: OptimizerDescription, found: FittedHyperparameters, name: str) -> Default:
    value = None if name in found.undetermined else getattr(found.hyperparameters, name)
    return Default(name, value, name in optimizer.defaults, optimizer.defaults.get(name))
