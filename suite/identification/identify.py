"""Identifies the dialect of an optimizer: runs experiments until none separates two consistent hypotheses.

If a trace rules out every hypothesis, more are tried, the simplest first: changes of hyper-parameters that belong to no
dialect, and then numbers that are estimated from the trace. They must be consistent with all earlier traces.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from suite.cases.tapes import WIDE
from suite.compare.comparison import ComparisonResult
from suite.compare.oracle import Array
from suite.diagnosis.candidates import CHANGES, CandidateChange
from suite.diagnosis.mistakes.arithmetic import PLAIN
from suite.diagnosis.mistakes.catalogue import MISTAKES, Mistake
from suite.diagnosis.mistakes.evaluation import EvaluationInput, Formula
from suite.diagnosis.number_estimation import estimates
from suite.identification.design import MAX_ERROR, ExpectedTraces, ExperimentDesign, relative_errors, why_undecided
from suite.identification.experiments import (
    Experiment,
    ExperimentFailed,
    Experiments,
    OptimizerDescription,
    family,
    pairwise_covering,
)
from suite.identification.hypotheses import AS_SET, ConsistentHypotheses, Hypothesis, HypothesisSpace, NamedDialect
from suite.identification.unset_hyperparameters import Defaults, FixedNumbers, defaults, fixed_numbers

MAX_FAILURES = 3  # of experiments in a format in which none succeeded; the others are not run then
MAX_COMPARED = 24  # candidates that are compared inside their own bounds, the nearest first
MAX_ESTIMATED = 16  # hypotheses with which numbers are estimated, the nearest first
MAX_MISTAKE_ERROR = 16.0  # in units of `relative_errors`

History = Sequence[tuple[Experiment, Array]]
"""Experiments with their traces. The last one rules out every hypothesis."""


@dataclass(frozen=True)
class CompletedExperiment:
    """An experiment with its trace, the parameters after every step.

    It left some axes with fewer possible values. If it was not designed to separate hypotheses, it confirms the result.
    """

    experiment: Experiment
    trace: Array = field(repr=False)
    axes: tuple[str, ...]
    separating: bool


@dataclass(frozen=True)
class SimilarMistake:
    """A mistake that explains all traces approximately, in an evaluation of a hypothesis.

    Mistakes have no rounding bound, so that the similarity is no proof.
    """

    hypothesis: Hypothesis
    mistake: Mistake


@dataclass(frozen=True)
class UnexplainedTrace:
    """The trace that rules out every hypothesis, with the nearest hypothesis and its comparison with the trace."""

    experiment: Experiment
    nearest: Hypothesis
    result: ComparisonResult
    similar: list[SimilarMistake]


@dataclass
class Identification:
    """The result: the hypotheses that are consistent with all traces, or the trace that rules out all of them.

    `failed` has the messages of experiments by their ids. There are no defaults if no hypothesis is consistent.
    """

    optimizer: OptimizerDescription
    space: HypothesisSpace
    fixed: FixedNumbers
    hypotheses: ConsistentHypotheses
    completed: list[CompletedExperiment] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    unexplained: UnexplainedTrace | None = None
    defaults: Defaults | None = None

    @property
    def identified(self) -> bool:
        """Whether a hypothesis is consistent with all traces; all consistent hypotheses are then the same function."""
        return bool(self.completed) and self.unexplained is None

    @cached_property
    def named_dialects(self) -> list[NamedDialect]:
        """The named dialects with the fewest differences; empty if no hypothesis is consistent."""
        return self.hypotheses.named_dialects() if self.identified else []

    @cached_property
    def undecided(self) -> dict[str, str]:
        """The axes that have several possible values, with the reason."""
        experiments, capabilities = list(family()), self.optimizer.capabilities
        return {
            axis: why_undecided(axis, self.hypotheses, experiments, capabilities, self.failed)
            for axis in self.space.axes
            if len(self.hypotheses.values(axis)) > 1
        }

    def decided_by(self, axis: str) -> str | None:
        """Return the id of the last experiment after which an axis had fewer possible values."""
        return next((one.experiment.id for one in reversed(self.completed) if axis in one.axes), None)


def identification(optimizer: OptimizerDescription) -> Experiments[Identification]:
    """Yield the experiments that identify an optimizer, and return the result."""
    space = HypothesisSpace(optimizer.accepts)
    fixed = yield from fixed_numbers(optimizer, space)
    found = Identification(optimizer, space, fixed, fixed.hypotheses)
    if fixed.reason is not None:
        return found
    possible = (one for one in family(optimizer.dtypes, fixed.base) if one.needs <= optimizer.capabilities)
    design = ExperimentDesign(possible)
    while found.unexplained is None and (planned := design.next(found.hypotheses)) is not None:
        yield from _run(found, design, *planned, separating=True)
    for experiment in list(pairwise_covering(design.experiments, (one.experiment for one in found.completed))):
        if found.unexplained is None:
            hypotheses = found.hypotheses.expanded(experiment)
            expected = design.expected(experiment, hypotheses.listed)
            yield from _run(found, design, expected, hypotheses, separating=False)
    if found.identified:
        dtypes = {one.experiment.dtype for one in found.completed}
        dtype = max(dtypes & set(WIDE), default=min(dtypes))
        found.defaults = yield from defaults(optimizer, found.hypotheses.listed[0], dtype)
    return found


def _run(
    found: Identification,
    design: ExperimentDesign,
    expected: ExpectedTraces,
    hypotheses: ConsistentHypotheses,
    *,
    separating: bool,
) -> Experiments[None]:
    """Run an experiment, and restrict the hypotheses to those that are consistent with its trace."""
    experiment = expected.experiment
    design.experiments.remove(experiment)
    trace = yield experiment.request(found.optimizer.accepts)
    if isinstance(trace, ExperimentFailed):
        found.failed[experiment.id] = trace.summary
        if not any(one.experiment.dtype == experiment.dtype for one in found.completed):
            _give_up(found, design, experiment.dtype)
        return
    left = hypotheses.restricted(expected.consistent(trace))
    if not left.listed and experiment.tape.subnormals:  # without ε, some libraries add one of their own
        found.failed[experiment.id] = "it neither keeps nor flushes subnormals, or replaces an ε of zero"
        return
    history = [*((one.experiment, one.trace) for one in found.completed), (experiment, trace)]
    if not left.listed:
        left = _consistent(hypotheses.restricted(extended(expected, history)), history)
    if not left.listed:
        found.unexplained = _unexplained(expected, history)
        return
    axes = tuple(axis for axis in left.tested if len(left.values(axis)) < len(found.hypotheses.values(axis)))
    found.completed.append(CompletedExperiment(experiment, trace, axes, separating))
    found.hypotheses = left


def _give_up(found: Identification, design: ExperimentDesign, dtype: str) -> None:
    """Remove all experiments in a format in which several failed and none succeeded."""
    failed = [name for name in found.failed if name.endswith(f"/{dtype}")]
    if len(failed) >= MAX_FAILURES:
        for experiment in [one for one in design.experiments if one.dtype == dtype]:
            found.failed[experiment.id] = found.failed[failed[0]]
            design.experiments.remove(experiment)


def _consistent(hypotheses: ConsistentHypotheses, history: History) -> ConsistentHypotheses:
    """Return the hypotheses that are consistent with all traces, with the axes that now have an effect."""
    for experiment, trace in history:
        if hypotheses.listed:
            expanded = hypotheses.expanded(experiment)
            hypotheses = expanded.restricted(ExpectedTraces(experiment, expanded.listed).consistent(trace))
    return hypotheses


def extended(expected: ExpectedTraces, history: History) -> list[Hypothesis]:
    """Return hypotheses outside the space that are consistent with all traces.

    None of the traces that are `expected` of the last experiment is consistent with its trace.
    """
    groups = {group[0]: group for group in expected.groups.values()}
    changeable = [change for change in CHANGES if change.of_hyperparameter]
    pairs = [(one, change) for one in groups for change in changeable if one.value(change.axis) == AS_SET]
    found = _consistent_changes(pairs, history)
    for changes in _estimated_changes(groups, *history[-1]) if not found else ():
        found = _consistent_changes([(one, change) for one in groups for change in changes], history)
        if found:
            break
    return _all_consistent([other.with_change(change) for one, change in found for other in groups[one]], history)


def _estimated_changes(
    hypotheses: Iterable[Hypothesis], experiment: Experiment, trace: Array
) -> Iterator[list[CandidateChange]]:
    """Yield for each of the nearest hypotheses the numbers that explain the trace approximately, each alone."""
    exact = [one for one in hypotheses if one.exact]  # the rounding is determined once the number is known
    for one, *_ in ExpectedTraces(experiment, exact).ranked(trace)[:MAX_ESTIMATED]:

        def residuals(change: CandidateChange, one: Hypothesis = one) -> Array | None:
            try:
                expected = ExpectedTraces(experiment, [one.with_change(change)])
            except ValueError:  # for example a negative clipping bound
                return None
            ((oracle, name),) = expected.oracles.values()
            errors = relative_errors(oracle.trace(name).parameters, experiment, trace).ravel()
            return errors if np.all(np.abs(errors) < MAX_ERROR) else None

        if found := list(estimates(one.hyperparameters(experiment.hyperparameters), residuals, unset=True)):
            yield found


def _consistent_changes(
    pairs: Iterable[tuple[Hypothesis, CandidateChange]], history: History
) -> list[tuple[Hypothesis, CandidateChange]]:
    """Return the changes that are consistent with all traces; only the nearest are compared."""
    made: dict[Hypothesis, tuple[Hypothesis, CandidateChange]] = {}
    for one, change in pairs:
        made.setdefault(one.with_change(change), (one, change))
    experiment, trace = history[-1]
    nearest = ExpectedTraces(experiment, made).ranked(trace)[:MAX_COMPARED]
    return [made[one] for one in _all_consistent([one for group in nearest for one in group], history)]


def _all_consistent(hypotheses: Sequence[Hypothesis], history: History) -> list[Hypothesis]:
    """Return the hypotheses that are consistent with all traces."""
    for experiment, trace in reversed(history):
        hypotheses = ExpectedTraces(experiment, hypotheses).consistent(trace)
    return list(dict.fromkeys(hypotheses))


def _unexplained(expected: ExpectedTraces, history: History) -> UnexplainedTrace:
    experiment, trace = history[-1]
    nearest = expected.ranked(trace)[0][0]
    result = expected.compare(nearest.function(experiment), trace)
    first = [group[0] for group in expected.groups.values()]
    return UnexplainedTrace(experiment, nearest, result, similar_mistakes(first, history))


def similar_mistakes(hypotheses: Sequence[Hypothesis], history: History) -> list[SimilarMistake]:
    """Return the mistakes that explain all traces approximately, each with the first hypothesis that it fits.

    There is one hypothesis for each function in the last experiment; those that round or change hyper-parameters are
    skipped.
    """
    found: dict[str, SimilarMistake] = {}
    for one in hypotheses:
        for mistake in MISTAKES if one.exact and not one.changes else ():
            if mistake.name not in found and all(_similar(one, mistake, *pair) for pair in reversed(history)):
                found[mistake.name] = SimilarMistake(one, mistake)
    return list(found.values())


def _similar(one: Hypothesis, mistake: Mistake, experiment: Experiment, trace: Array) -> bool:
    """Return whether a mistake applies to a hypothesis and gives nearly the same trace."""
    tape, h = experiment.tape, one.hyperparameters(experiment.hyperparameters)
    formula = Formula.of(one.dialect, h, len(tape.gradients), PLAIN.arithmetic("float64"))
    if not mistake.applies(formula):
        return False
    given = EvaluationInput(tape.initial, tape.sparse or tape.gradients)
    made = mistake.evaluation(formula, given, "float64").trace()["parameters"]
    return bool(np.all(np.abs(relative_errors(made, experiment, trace)) <= MAX_MISTAKE_ERROR))
