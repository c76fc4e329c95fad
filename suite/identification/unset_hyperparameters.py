"""Determines hyper-parameters that are not set: those that an optimizer does not accept, and its defaults.

They are fitted to the trace of one experiment. For a given dialect a trace is a smooth function of the learning rate,
γ, ε, μ and λ. A grid of usual values gives starting points, and least squares find the numbers as exactly as the trace
determines them. Each number is then rounded to the fewest digits within its uncertainty. The fit is accepted if the
oracle's bound holds the trace.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from reference import Dialect, Hyperparameters
from reference.algorithm import Algorithm
from reference.precision import format_of
from suite.compare.comparison import TraceComparison
from suite.compare.oracle import Array, Oracle, path_length
from suite.diagnosis.candidates import HYPERPARAMETER_PREFIX, CandidateChange
from suite.diagnosis.number_estimation import derivatives, least_squares, normalized, shortest
from suite.identification.experiments import (
    BASE,
    IMPULSE,
    Experiment,
    ExperimentFailed,
    Experiments,
    OptimizerDescription,
    ReplayRequest,
    fitting_tape,
)
from suite.identification.hypotheses import SWITCHES, ConsistentHypotheses, Hypothesis, HypothesisSpace
from suite.results.rows import AxisValue

MAX_FITTED = 6  # hypotheses to which numbers are fitted, the nearest first
MAX_DISTANCE = 2.0  # from the nearest hypothesis, in mean logarithmic error

NUMBERS = ("learning_rate", "decay", "epsilon", "momentum", "weight_decay")
MAY_BE_ZERO = ("momentum", "weight_decay")  # fitted as they are; the others by their logarithm, γ by that of 1-γ
LIMITS: Mapping[str, tuple[float, float]] = {
    "learning_rate": (-70.0, 20.0),
    "decay": (-30.0, 0.5),
    "epsilon": (-80.0, 20.0),
    "momentum": (-2.0, 2.0),
    "weight_decay": (-10.0, 10.0),
}
GRID: Mapping[str, tuple[float, ...]] = {
    "decay": (0.5, 0.8, 0.9, 0.95, 0.99, 0.999),
    "epsilon": (1e-12, 1e-10, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1),
    "weight_decay": (0.0, 1e-4, 1e-2),
}
"""Usual values, at which fits start."""
MAX_STARTS = 2  # points of the grid at which a fit starts
UNIT_RATE = 0.01  # of the trace that is scaled to estimate the learning rate

ROUNDINGS = 64  # errors are measured in as many ulps of the path of a coordinate
MAX_ERROR = 1e12
NEGLIGIBLE = 1e-7  # a fitted momentum or weight decay below this is taken as zero
UNCERTAINTY = 4.0  # half of the width of the interval in which a number may lie, in standard deviations
SINGLE, DOUBLE = 2.0**-21, 2.0**-48  # relative resolution of a number that is rounded to a format
MIN_COMPLEMENT = 1e-7  # of γ, for its resolution
WIDENINGS = (1.0, 1e2, 1e4)  # factors on the uncertainty, in which a short number is tried
MAX_UNCERTAINTY = 0.02  # relative; a number that is less certain is not determined by the trace
MIN_SIZE = 1e-4  # of momentum and weight decay, for their relative uncertainty
MIN_DECIDED = 0.5  # of the coordinates; where weight decay and gradient cancel, there is no bound
MAX_LOGARITHM = 700.0


@dataclass(frozen=True)
class FittedHyperparameters:
    """Hyper-parameters that were fitted to a trace.

    Numbers are `undetermined` if they have no visible effect on it. The fit is accepted if the bound holds the trace.
    """

    hyperparameters: Hyperparameters
    undetermined: frozenset[str]
    fits: bool


class HyperparameterFit:
    """Fits numbers of a hypothesis to the trace of `fitting_tape()`."""

    def __init__(self, hypothesis: Hypothesis, trace: Array, dtype: str, free: Sequence[str]) -> None:
        """Prepare a fit of the `free` numbers, names in `NUMBERS`, to a trace of shape (steps, n)."""
        self.hypothesis, self.dtype, self.free = hypothesis, dtype, tuple(free)
        self._smooth = replace(hypothesis.dialect, hyperparameter_rounding="exact", decay_complement="exact")
        self._tape = fitting_tape()
        self._trace, self._wide = trace, trace.astype(np.longdouble)
        path = path_length(self._wide, self._tape.initial)
        unit = ROUNDINGS * format_of(dtype).epsilon
        self._scale = unit * (path + np.abs(self._tape.initial) / ROUNDINGS) + 1e-35

    def fit(self, base: Hyperparameters, declared: Mapping[str, float] | None = None) -> FittedHyperparameters:
        """Return the declared numbers if they fit, or else the best fit of several starts; `base` has the others."""
        declared = {name: value for name, value in (declared or {}).items() if name in self.free}
        if not self.free:
            return FittedHyperparameters(base, frozenset(), self._fits(base))
        if declared and self._fits(known := _with_numbers(base, declared)):
            return FittedHyperparameters(known, self._undetermined(known), fits=True)
        for start in sorted(self._grid(base), key=self._distance)[:MAX_STARTS]:
            for near in (start, self._least_squares(start, self.free, np.arcsinh)):  # arcsinh: far away, sizes count
                found = self._fit_from(near)
                if found.fits:
                    return found
        return found

    def distance(self, base: Hyperparameters) -> float:
        """Return the mean logarithmic error of the trace at the best point of the grid."""
        return min(map(self._distance, self._grid(base)))

    def _distance(self, h: Hyperparameters) -> float:
        return float(np.mean(np.log1p(np.abs(self._errors(h)))))

    def _grid(self, base: Hyperparameters) -> Iterator[Hyperparameters]:
        """Yield usual numbers, with the momentum and the learning rate that the trace suggests."""
        usual = {**GRID, "momentum": (self._momentum(),)}
        values = {name: usual[name] for name in self.free if name in usual}
        for numbers in itertools.product(*values.values()):
            h = _with_numbers(base, dict(zip(values, numbers, strict=True)))
            yield replace(h, learning_rate=self._rate(h)) if "learning_rate" in self.free else h

    def _momentum(self) -> float:
        """Estimate μ: after an impulse, each step is μ times the one before."""
        column = int(np.flatnonzero(self._tape.gradients[0] == IMPULSE)[-1])
        moves = np.diff(self._wide[:, column])
        return float(moves[1] / moves[0]) if moves[0] else 0.0

    def _rate(self, h: Hyperparameters) -> float:
        """Estimate the learning rate: a trace that starts at zero is proportional to it."""
        columns = self._tape.initial == 0
        with np.errstate(all="ignore"):
            ratio = self._wide[:, columns] / self._expected(replace(h, learning_rate=UNIT_RATE))[:, columns]
        known = ratio[np.isfinite(ratio)]
        return UNIT_RATE * float(np.median(known)) if known.size else UNIT_RATE

    def _expected(self, h: Hyperparameters) -> Array:
        """Return the trace of the hypothesis, in which only the numbers that are not fitted are rounded."""
        effective = self.hypothesis.hyperparameters(h)
        algorithm = Algorithm.of(self.hypothesis.dialect, effective, self.dtype)
        rounded = {"learning_rate": algorithm.rate(effective.rate(0)), "epsilon": algorithm.epsilon}
        given = {name: float(value) for name, value in rounded.items() if name not in self.free}
        return self._oracle(_with_numbers(effective, given), self._smooth).trace("").parameters

    def _errors(self, h: Hyperparameters) -> Array:
        """Return the difference between the expected and the observed trace, in units of rounding."""
        with np.errstate(all="ignore"):
            errors = ((self._expected(h) - self._wide) / self._scale).astype(np.float64).ravel()
        return np.clip(np.nan_to_num(errors, nan=MAX_ERROR), -MAX_ERROR, MAX_ERROR)

    def _fit_from(self, start: Hyperparameters) -> FittedHyperparameters:
        """Fit the numbers from one start, and round them to few digits."""
        exact = self._least_squares(start, self.free)
        zero = {name: 0.0 for name in self.free if name in MAY_BE_ZERO and abs(getattr(exact, name)) < NEGLIGIBLE}
        exact = self._least_squares(_with_numbers(exact, zero), [name for name in self.free if name not in zero])
        uncertainty = np.maximum(UNCERTAINTY * self._deviations(exact), self._resolution(exact))
        for factor in WIDENINGS:
            short = self._rounded(exact, uncertainty * factor)
            if self._fits(short):
                return FittedHyperparameters(short, self._undetermined(short), fits=True)
        return FittedHyperparameters(exact, self._undetermined(exact), self._fits(exact))

    def _least_squares(
        self, start: Hyperparameters, names: Sequence[str], weight: Callable[[Array], Array] = np.asarray
    ) -> Hyperparameters:
        """Return the hyper-parameters with the smallest sum of squared weighted errors; only `names` are changed."""

        def errors(coordinates: Array) -> Array:
            return weight(self._errors(_decoded(start, names, coordinates)))

        limits = np.transpose([LIMITS[name] for name in names])
        return _decoded(start, names, least_squares(errors, _encoded(start, names), limits)) if names else start

    def _deviations(self, h: Hyperparameters) -> Array:
        """Return the standard deviation of each coordinate if each error has a standard deviation of 1."""

        def errors(coordinates: Array) -> Array:
            return self._errors(_decoded(h, self.free, coordinates))

        slopes = derivatives(errors, _encoded(h, self.free), self._errors(h))
        scaled, size = normalized(slopes)
        covariance = np.linalg.pinv(scaled.T @ scaled, hermitian=True)
        deviations = np.sqrt(np.abs(np.diag(covariance))) / size
        return np.asarray(np.where(np.any(slopes != 0, axis=0), deviations, np.inf))

    def _undetermined(self, h: Hyperparameters) -> frozenset[str]:
        """Return the numbers that have no visible effect on the trace."""
        size = [max(abs(getattr(h, name)), MIN_SIZE) if name in MAY_BE_ZERO else 1 for name in self.free]
        relative = self._deviations(h) / size
        return frozenset(name for name, one in zip(self.free, relative, strict=True) if not one <= MAX_UNCERTAINTY)

    def _resolution(self, h: Hyperparameters) -> Array:
        """Return the resolution of each coordinate: numbers are rounded, γ before it is subtracted from 1."""
        single = self.dtype != "float64" or self.hypothesis.dialect.hyperparameter_rounding != "exact"
        loss = {"decay": max(1.0, h.decay / max(1 - h.decay, MIN_COMPLEMENT))}
        return np.array([(SINGLE if single else DOUBLE) * loss.get(name, 1.0) for name in self.free])

    def _rounded(self, exact: Hyperparameters, uncertainty: Array) -> Hyperparameters:
        """Return each number with the fewest digits inside its interval."""
        found = {}
        for name, coordinate, half in zip(self.free, _encoded(exact, self.free), uncertainty, strict=True):
            low, high = sorted(_decode(name, coordinate + side * half) for side in (-1, 1))
            value = getattr(exact, name)
            short = 0.0 if low <= 0 <= high else shortest(value, lambda x, low=low, high=high: low <= x <= high)  # type: ignore[misc]
            found[name] = value if short is None else short
        return _with_numbers(exact, found)

    def _fits(self, h: Hyperparameters) -> bool:
        """Return whether the trace is inside the bound, and most coordinates have one."""
        oracle = self._oracle(self.hypothesis.hyperparameters(h), self.hypothesis.dialect)
        result = TraceComparison({"parameters": self._trace}, oracle, "").result(slice(0, None))
        return result.first_step is None and result.decided >= MIN_DECIDED

    def _oracle(self, h: Hyperparameters, dialect: Dialect) -> Oracle:
        return Oracle.of(self._tape, h, self.dtype, {"": dialect})


def _with_numbers(h: Hyperparameters, numbers: Mapping[str, float]) -> Hyperparameters:
    return replace(h, **dict(numbers))  # type: ignore[arg-type]


def _encoded(h: Hyperparameters, names: Sequence[str]) -> Array:
    """Return the coordinates of the numbers, in which least squares work."""
    return np.array([_encode(name, getattr(h, name)) for name in names])


def _decoded(h: Hyperparameters, names: Sequence[str], coordinates: Array) -> Hyperparameters:
    return _with_numbers(h, {name: _decode(name, value) for name, value in zip(names, coordinates, strict=True)})


def _encode(name: str, value: float) -> float:
    if name == "decay":
        return float(np.log(max(1 - value, 1e-12)))
    return value if name in MAY_BE_ZERO else float(np.log(abs(value) or 1e-30))


def _decode(name: str, coordinate: float) -> float:
    if name in MAY_BE_ZERO:
        return float(coordinate)
    value = math.exp(min(coordinate, MAX_LOGARITHM))
    return 1 - value if name == "decay" else value


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
    structures = _structures(space, Experiment(tape, base, dtype, "", frozenset()))
    distances = {one: HyperparameterFit(one, trace, dtype, free).distance(base) for one in structures}
    near = [one for one in distances if distances[one] <= min(distances.values()) + MAX_DISTANCE]
    found: dict[Numbers, Hypothesis] = {}
    for one in sorted(near, key=distances.__getitem__)[:MAX_FITTED]:
        for complement in ("exact", "working"):  # other rounding is not visible in few digits
            fit = HyperparameterFit(one.with_value("decay_complement", complement), trace, dtype, free).fit(base)
            if fit.fits:
                values = [(name, getattr(fit.hyperparameters, name)) for name in free]
                numbers = tuple((name, value) for name, value in values if name in BASE or value)
                changes = tuple(CandidateChange.to(HYPERPARAMETER_PREFIX + name, value) for name, value in numbers)
                found.setdefault(numbers, Hypothesis(changes=changes))
    if not found:
        return FixedNumbers(unknown, BASE, f"no value of {', '.join(sorted(fixed))} explains its trace")
    fewest = min(map(_digits, found))
    found = {
        numbers: one for numbers, one in found.items() if _digits(numbers) == fewest
    }  # 0.95 rather than 0.95000009
    own = {name: value for name, value in next(iter(found)) if name in BASE}
    return FixedNumbers(unknown.restricted(list(found.values())), {**BASE, **own})


def _structures(space: HypothesisSpace, experiment: Experiment) -> Iterator[Hypothesis]:
    """Yield one hypothesis for each function in an experiment, apart from the rounding of hyper-parameters."""
    functions: dict[Hashable, Hypothesis] = {}
    for one in space.all().expanded(experiment).listed:
        if one.exact:
            functions.setdefault(one.function(experiment), one)
    yield from functions.values()


def _digits(numbers: Numbers) -> int:
    """Return the number of significant digits."""
    return sum(len(f"{value:.12e}".partition("e")[0].replace(".", "").strip("-0")) for _, value in numbers)


@dataclass(frozen=True)
class Default:
    """A hyper-parameter that may be omitted."""

    name: str  # its name in `Hyperparameters`
    value: AxisValue  # its value if it is omitted; None if it is unset then, or has no visible effect
    is_declared: bool  # whether the signature declares a default that can be compared
    declared: AxisValue  # that default

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
    """The hyper-parameters that may be omitted, and those that have no default.

    If the defaults could not be determined, there is a reason.
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
    values = {name: None if name in found.undetermined else getattr(found.hyperparameters, name) for name in names}
    known = optimizer.defaults
    return Defaults(tuple(Default(name, values[name], name in known, known.get(name)) for name in names), required)


def _first_fitting(
    fit: HyperparameterFit, given: Mapping[str, AxisValue], declared: Mapping[str, float], switches: list[str]
) -> FittedHyperparameters | None:
    """Return the first fit that is accepted: switches as declared, then with as few differences as possible."""
    usual = {name: bool(declared.get(name, False)) for name in switches}
    for flips in sorted(itertools.product((False, True), repeat=len(switches)), key=sum):
        switched = {name: usual[name] != flip for name, flip in zip(switches, flips, strict=True)}
        found = fit.fit(Hyperparameters.from_json({**given, **switched}), declared)
        if found.fits:
            return found
    return None
