"""Designs the next experiment: the one after which the fewest hypotheses are expected to remain consistent.

An experiment separates two hypotheses if their traces are further apart, somewhere, than the sum of their bounds. No
trace is then inside both bounds, so that any result rules out one of the two. What an experiment separates is therefore
known before it is run.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import cached_property

import numpy as np

from reference.precision import format_of
from suite.compare.comparison import ComparisonResult, TraceComparison
from suite.compare.oracle import Array, Oracle, path_length
from suite.identification.experiments import Experiment
from suite.identification.hypotheses import ConsistentHypotheses, Hypothesis

MAX_FUNCTIONS = 256  # of an experiment: the oracle evaluates as many in one or two seconds
MAX_LISTED = 4000  # hypotheses that are listed for a choice, unless no smaller experiment separates any
MAX_EVALUATED = 3  # of the most promising experiments, whose traces are computed
MAX_EXPLAINED = 16  # experiments that need the same missing capability, the simplest first
ERROR_UNIT = 2.0**-20  # of the path of a coordinate: smaller errors are not taken for another number
ROUNDINGS = 32  # of the initial parameter, in ulps, that add to the path
MAX_ERROR = 1e200  # also of a value that is not finite
_MISSING = {
    "sparse": "it takes no row-sparse gradients",
    "schedule": "its learning rate does not change between steps",
}


class ExpectedTraces:
    """The traces that hypotheses predict for an experiment, one for each group of hypotheses with the same function."""

    def __init__(
        self,
        experiment: Experiment,
        hypotheses: Iterable[Hypothesis],
        functions: dict[Hypothesis, Hashable] | None = None,
    ) -> None:
        """Group the hypotheses; `functions` holds functions of this experiment that are known, and is extended."""
        self.experiment = experiment
        self.groups: dict[Hashable, list[Hypothesis]] = {}
        functions = {} if functions is None else functions
        for one in hypotheses:
            if one not in functions:
                functions[one] = one.function(experiment)
            self.groups.setdefault(functions[one], []).append(one)

    @cached_property
    def oracles(self) -> dict[Hashable, tuple[Oracle, str]]:
        """For each function the oracle that predicts it, and its name there."""
        h = self.experiment.hyperparameters
        first = {key: (one.dialect, one.hyperparameters(h)) for key, (one, *_) in self.groups.items()}
        return self.experiment.oracles(first)

    def max_information(self) -> float:
        """Return the information of the experiment in bits, if it separated every two groups."""
        weights = self._weights()
        return -float(np.log2(weights @ weights))

    @cached_property
    def separated(self) -> Array:
        """Whether the experiment separates each two groups: shape (groups, groups)."""
        predictions = [oracle.predict(name) for oracle, name in map(self.oracles.__getitem__, self.groups)]
        values = np.stack([one.trace.parameters.ravel() for one in predictions])
        bounds = np.stack([one.bounds.parameters.ravel() for one in predictions])
        return np.stack([_separated(*pair, values, bounds) for pair in zip(values, bounds, strict=True)])

    def expected_remaining(self) -> float:
        """Return the expected fraction of hypotheses that remain consistent, if all are equally probable."""
        weights = self._weights()
        return float(weights @ ~self.separated @ weights)

    def _weights(self) -> Array:
        sizes = np.array([len(group) for group in self.groups.values()], float)
        return np.asarray(sizes / sizes.sum())

    def compare(self, function: Hashable, trace: Array) -> ComparisonResult:
        """Compare the parameters after every step with the prediction of a function."""
        return TraceComparison({"parameters": trace}, *self.oracles[function]).result(slice(0, None))

    def consistent(self, trace: Array) -> list[Hypothesis]:
        """Return the hypotheses whose bounds hold a trace; a value without a bound is consistent with any trace."""
        inside = (group for function, group in self.groups.items() if self.compare(function, trace).first_step is None)
        return list(itertools.chain.from_iterable(inside))

    def ranked(self, trace: Array) -> list[list[Hypothesis]]:
        """Return the groups by the errors of their traces, which need no bounds, the nearest first."""
        distances = {}
        for function in self.groups:
            oracle, name = self.oracles[function]
            errors = relative_errors(oracle.trace(name).parameters, self.experiment, trace)
            distances[function] = float(np.mean(np.log1p(np.abs(errors))))
        return [self.groups[function] for function in sorted(distances, key=distances.__getitem__)]


def relative_errors(expected: Array, experiment: Experiment, trace: Array) -> Array:
    """Return the errors of a trace, in units of about 2^-20 of the path of a coordinate, limited to `MAX_ERROR`."""
    fmt = format_of(experiment.dtype)
    observed, initial = trace.astype(expected.dtype), experiment.tape.initial
    with np.errstate(all="ignore"):
        rounding = np.where(initial, ROUNDINGS * fmt.epsilon / ERROR_UNIT * np.abs(initial), 0)
        path = path_length(observed, initial) + rounding
        errors = (expected - observed) / (ERROR_UNIT * path + fmt.smallest_normal)
    same = (expected == observed) | (~np.isfinite(expected) & ~np.isfinite(observed))
    limited = np.nan_to_num(errors.astype(np.float64), nan=MAX_ERROR, posinf=MAX_ERROR, neginf=-MAX_ERROR)
    return np.where(same, 0, limited)


def _separated(value: Array, bound: Array, values: Array, bounds: Array) -> Array:
    """Return whether one trace is further from each other trace than the sum of the bounds, or one of them is NaN."""
    with np.errstate(invalid="ignore"):
        apart = np.abs(values - value) > bounds + bound
        known = np.isfinite(bounds) & np.isfinite(bound)
        apart |= known & (np.isnan(values) != np.isnan(value))
    return np.asarray(apart.any(axis=1))


Planned = tuple[ExpectedTraces, ConsistentHypotheses]
"""An experiment with the expected traces of all hypotheses that are listed for it, and these hypotheses."""


class ExperimentDesign:
    """Chooses experiments of a family.

    An experiment that separates nothing is not evaluated again until it may separate other functions.
    """

    def __init__(self, experiments: Iterable[Experiment]) -> None:
        self.experiments = list(experiments)
        self._functions: dict[str, dict[Hypothesis, Hashable]] = {}
        self._useless: set[tuple[str, frozenset[Hashable]]] = set()

    def expected(self, experiment: Experiment, hypotheses: Iterable[Hypothesis]) -> ExpectedTraces:
        """Return the expected traces of hypotheses; the function of each is computed once."""
        return ExpectedTraces(experiment, hypotheses, self._functions.setdefault(experiment.id, {}))

    def next(self, hypotheses: ConsistentHypotheses) -> Planned | None:
        """Return the experiment with the smallest expected remainder; None if none separates any two hypotheses.

        Experiments that test the fewest untested axes are evaluated first. Independent axes are thus decided one after
        another, not in all combinations.
        """
        candidates: list[Planned] = []
        listed = 0
        for experiment in sorted(self.experiments, key=hypotheses.expanded_size):
            size = hypotheses.expanded_size(experiment)
            if listed + size > MAX_LISTED and candidates:
                if (best := self._best(candidates)) is not None:
                    return best
                candidates, listed = [], 0
            expanded = hypotheses.expanded(experiment)
            expected = self.expected(experiment, expanded.listed)
            if len(expected.groups) > 1 and (experiment.id, frozenset(expected.groups)) not in self._useless:
                candidates.append((expected, expanded))
                listed += size
        return self._best(candidates)

    def _best(self, candidates: list[Planned]) -> Planned | None:
        """Return the best of the most promising experiments."""
        remaining: dict[int, float] = {}  # place in the order of promise -> expected remainder

        def promise(planned: Planned) -> tuple[bool, float]:
            return len(planned[0].groups) > MAX_FUNCTIONS, -planned[0].max_information()

        ordered = sorted(candidates, key=promise)
        for place, (expected, _) in enumerate(ordered):
            if len(remaining) == MAX_EVALUATED or (remaining and len(expected.groups) > MAX_FUNCTIONS):
                break
            if expected.separated.any():
                remaining[place] = expected.expected_remaining()
            else:
                self._useless.add((expected.experiment.id, frozenset(expected.groups)))
        return ordered[min(remaining, key=remaining.__getitem__)] if remaining else None


def why_undecided(
    axis: str,
    hypotheses: ConsistentHypotheses,
    experiments: Sequence[Experiment],
    capabilities: frozenset[str],
    failed: Mapping[str, str],
) -> str:
    """Explain why an axis has several possible values: an experiment could not be run, or the values have no effect.

    The experiments include those that the optimizer can't run, since they need more than its `capabilities` (see
    `OptimizerDescription`), and those that failed with a message.
    """
    different = _one_for_each_value(hypotheses, axis)
    lacking: dict[frozenset[str], list[Experiment]] = {}
    unsuccessful: list[Experiment] = []
    possible = False  # whether an experiment that was run, or was found to separate nothing, has different functions
    for experiment in experiments:
        if len({one.function(experiment) for one in different}) == 1:
            continue
        if missing := experiment.requirements - capabilities:
            lacking.setdefault(missing, []).append(experiment)
        elif experiment.id in failed:
            unsuccessful.append(experiment)
        else:
            possible = True

    def separating(tried: Sequence[Experiment]) -> Experiment | None:
        return next((one for one in tried[:MAX_EXPLAINED] if ExpectedTraces(one, different).separated.any()), None)

    if (found := separating(unsuccessful)) is not None:
        return f"experiment {found.id} failed: {failed[found.id]}"
    for missing in sorted(lacking, key=lambda names: (len(names), sorted(names))):
        if separating(lacking[missing]) is not None:
            return _describe_missing(missing)
    if possible or lacking or unsuccessful:
        return "the values differ by less than the rounding bound"
    return "the values are the same function in every possible experiment"


def _one_for_each_value(hypotheses: ConsistentHypotheses, axis: str) -> list[Hypothesis]:
    if axis not in hypotheses.tested:
        return [hypotheses.listed[0].with_value(axis, value) for value in hypotheses.space.axes[axis].values]
    return list({one.value(axis): one for one in hypotheses.listed}.values())


def _describe_missing(names: frozenset[str]) -> str:
    formats = sorted(name for name in names if name.startswith("float"))
    words = [f"it takes no {name}" for name in sorted(names) if name not in _MISSING and name not in formats]
    words += [_MISSING[name] for name in sorted(names) if name in _MISSING]
    words += [f"it does not run in {name}" for name in formats]
    return ", and ".join(words)
