"""Mutation testing: every mutant and every mistake is compared on the catalogue, and each must differ in some case.

Wrong optimizers are evaluated in float32 and compared with the dialect that they claim to be. Only their parameters are
compared: they must be caught even if the implementation does not show its state. A mutant that no case catches must be
proven to compute the same function.
"""

from __future__ import annotations

import itertools
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np

from reference import Dialect, Hyperparameters, dialects
from reference.algorithm import Algorithm
from reports.tables.table import Table, columns
from suite.cases.catalogue import VERSION, Case, catalogue
from suite.compare.comparison import TraceComparison
from suite.compare.oracle import Oracle
from suite.conformance.targets import TapeBatch, tape_batches
from suite.diagnosis.candidates import allowed_values
from suite.diagnosis.mistakes.arithmetic import PLAIN, Array, FormatName
from suite.diagnosis.mistakes.catalogue import MISTAKES, Mistake
from suite.diagnosis.mistakes.evaluation import Evaluation, EvaluationInput, Formula

DTYPE: FormatName = "float32"

OTHER = "another dialect"
"""Stands for the axis of a mutant that is another named dialect."""


@dataclass(frozen=True)
class Mutant:
    """A dialect that is computed in place of the claimed one."""

    claimed: str
    axis: str  # the axis on which they differ; `OTHER` if the mutant is a named dialect
    value: Any  # the mutant's value on the axis; its name if it is a named dialect
    dialect: Dialect  # the dialect that is computed


def axis_mutants(named: Mapping[str, Dialect] = dialects) -> Iterator[Mutant]:
    """Yield each dialect with each other value on each axis, which come from the type hints of its class."""
    for name, dialect in named.items():
        hints = get_type_hints(type(dialect))
        for axis in fields(dialect):
            for value in allowed_values(hints[axis.name]) if axis.compare else ():
                if value != getattr(dialect, axis.name):
                    yield Mutant(name, axis.name, value, replace(dialect, **{axis.name: value}))


def pair_mutants() -> Iterator[Mutant]:
    """Yield each dialect in place of each other one."""
    for claimed, computed in itertools.permutations(dialects, 2):
        yield Mutant(claimed, OTHER, computed, dialects[computed])


def _combinations() -> Iterator[Hyperparameters]:
    """Yield all combinations of options, with numbers that change whenever they are rounded."""
    plain = Hyperparameters(learning_rate=0.01, decay=0.999, epsilon=1e-3, rescale_gradient=0.3, clip_weights=0.7)
    limits: tuple[dict[str, Any], ...] = ({}, {"clip_gradient": 0.1}, {"clip_norm": 1.3})
    for momentum, centered, decay, limit in itertools.product((0.0, 0.9), (False, True), (0.0, 0.1), limits):
        h = replace(plain, momentum=momentum, centered=centered, weight_decay=decay, **limit)
        yield h
        yield replace(h, nesterov=True, bias_correction=True, maximize=True)


class EquivalenceProofs:
    """Proofs that two dialects compute the same function in float32.

    Two dialects are proven equivalent if their `Algorithm`, which omits all that has no effect, is equal under every
    combination of options and under all hyper-parameters in the catalogue. A mutant without a proof must be killed.
    """

    def __init__(self, catalogued: Iterable[Hyperparameters]) -> None:
        self.settings = tuple(dict.fromkeys((*_combinations(), *catalogued)))
        self._algorithms: dict[tuple[Dialect, Hyperparameters], tuple[Algorithm, Algorithm]] = {}

    def proof(self, one: Dialect, other: Dialect) -> str | None:
        """Return the proof in words, or None if there is none."""
        if self._equal(one, other, rounded=False):
            return "the axis has no effect on this dialect: one algorithm under any hyper-parameters"
        if self._equal(one, other, rounded=True):
            return "one algorithm in float32: rounding a number to float32 twice is rounding it once"
        if "either" in (one.subnormals, other.subnormals):
            one, other = (replace(dialect, subnormals="either") for dialect in (one, other))
            if self._equal(one, other, rounded=True):
                return "one dialect allows both treatments of subnormals"
        return None

    def _equal(self, one: Dialect, other: Dialect, rounded: bool) -> bool:
        return all(self._algorithm(one, h)[rounded] == self._algorithm(other, h)[rounded] for h in self.settings)

    def _algorithm(self, dialect: Dialect, h: Hyperparameters) -> tuple[Algorithm, Algorithm]:
        """Return the algorithm with its exact numbers, and with numbers rounded to float32."""
        key = dialect, h
        if key not in self._algorithms:
            a = Algorithm.of(dialect, h, "float32")
            numbers = a.numbers()
            rounded = np.array(list(numbers.values())).astype(np.float32)
            self._algorithms[key] = a, a.with_numbers(dict(zip(numbers, rounded.tolist(), strict=True)))
        return self._algorithms[key]


def value_cases(seed: int) -> list[Case]:
    """Return the cases of the catalogue that test values in float32, not shapes or lengths."""
    cases = catalogue({}, seed)
    return [case for case in cases if DTYPE in case.tape.dtypes and not case.tape.id.startswith(("shape/", "steps/"))]


@dataclass
class MutantResult:
    """The outcome of one wrong optimizer."""

    claimed: str  # the dialect that it claims to be
    wrong: Mutant | Mistake  # what is computed instead
    cases: list[str] = field(default_factory=list)  # in which it differs; for a mistake, those of the first such tape
    proof: str | None = None  # why it can't differ, in words

    @property
    def outcome(self) -> str:
        """`killed`, `same` or `survives`."""
        return "killed" if self.cases else "same" if self.proof else "survives"

    @property
    def kind(self) -> str:
        """`axis`, `pair` or `mistake`."""
        return "mistake" if isinstance(self.wrong, Mistake) else "pair" if self.wrong.axis == OTHER else "axis"

    @property
    def name(self) -> str:
        """The axis, the name of the other dialect, or the name of the mistake."""
        if isinstance(self.wrong, Mistake):
            return self.wrong.name
        return str(self.wrong.value) if self.kind == "pair" else self.wrong.axis

    def to_json(self, numbers: Mapping[str, int]) -> dict[str, Any]:
        """Return a row of `KillMatrix.to_json`; `numbers` maps ids of cases to their positions."""
        value = {"value": self.wrong.value} if isinstance(self.wrong, Mutant) and self.kind == "axis" else {}
        shown = {"dialect": self.claimed, "kind": self.kind, "wrong": self.name, **value, "outcome": self.outcome}
        return {**shown, **({"cases": [numbers[case] for case in self.cases]} if self.cases else {"proof": self.proof})}


class KillMatrix:
    """The results of wrong optimizers on the cases of the catalogue, mutants first; `fill` computes them.

    Each mistake is made in every named dialect.
    """

    def __init__(self, seed: int, mutants: Iterable[Mutant], mistakes: Iterable[Mistake]) -> None:
        self.seed, self.cases = seed, value_cases(seed)
        self.results = [MutantResult(mutant.claimed, mutant) for mutant in mutants]
        self.results += [MutantResult(name, mistake) for mistake in mistakes for name in dialects]
        self.proofs = EquivalenceProofs(case.setting.hyperparameters for case in self.cases)

    @classmethod
    def complete(cls, seed: int) -> KillMatrix:
        """Return the matrix of all mutants of one axis, all pairs of dialects, and all mistakes."""
        return cls(seed, (*axis_mutants(), *pair_mutants()), MISTAKES)

    def fill(self, progress: Callable[[str], None]) -> None:
        """Evaluate all wrong optimizers on all cases; `progress` is called with the id of each case."""
        with tempfile.TemporaryDirectory() as folder:
            for tape_batch in tape_batches(self.cases, Path(folder)):
                batch = _BatchEvaluator(tape_batch)
                for result in self.results:
                    result.cases += batch.differing_cases(result)
                for case, _ in tape_batch.cases:
                    progress(case.id)
        for result in self.results:
            result.proof = None if result.cases else self._proof(result)

    def _proof(self, result: MutantResult) -> str | None:
        dialect, wrong = dialects[result.claimed], result.wrong
        if isinstance(wrong, Mutant):
            return self.proofs.proof(dialect, wrong.dialect)
        arithmetic = PLAIN.arithmetic(DTYPE)
        formulas = (Formula.of(dialect, h, 2, arithmetic) for h in self.proofs.settings)
        return None if any(map(wrong.applies, formulas)) else "the mistake applies to no formula of this dialect"

    def to_json(self) -> dict[str, Any]:
        """Return the results.

        catalogue, seed, dtype      the version and seed of the catalogue, and the tested format
        cases                       ids of the cases
        killed, proven_same, total  counts of all wrong optimizers; the others survive
        survivors                   rows of those that survive, as in mutants
        dialects                    dialect -> axis -> {killed, proven_same, total}
        pairs                       {killed, proven_same, total} of named dialects in place of others
        mistakes                    name -> {reason, killed, proven_same, total}, summed over dialects
        mutants                     a row for each wrong optimizer: {dialect, kind, wrong, outcome}, and `value` for an
                                    axis. Killed ones have `cases`, indices into the ids; others have `proof`, in words
                                    or null. kind is axis, pair or mistake; outcome is killed, same or survives
        """
        numbers = {case.id: number for number, case in enumerate(self.cases)}
        rows = [result.to_json(numbers) for result in self.results]
        by_axis: defaultdict[str, defaultdict[str, list[MutantResult]]] = defaultdict(lambda: defaultdict(list))
        by_mistake: defaultdict[Mistake, list[MutantResult]] = defaultdict(list)
        for result in self.results:
            if isinstance(result.wrong, Mistake):
                by_mistake[result.wrong].append(result)
            elif result.kind == "axis":
                by_axis[result.claimed][result.name].append(result)
        return {
            "catalogue": VERSION,
            "seed": self.seed,
            "dtype": DTYPE,
            "cases": list(numbers),
            **_counts(self.results),
            "survivors": [row for row in rows if row["outcome"] == "survives"],
            "dialects": {
                name: {axis: _counts(results) for axis, results in axes.items()} for name, axes in by_axis.items()
            },
            "pairs": _counts(result for result in self.results if result.kind == "pair"),
            "mistakes": {
                mistake.name: {"reason": mistake.reason, **_counts(results)} for mistake, results in by_mistake.items()
            },
            "mutants": rows,
        }


class _BatchEvaluator:
    """Evaluates wrong optimizers on one tape batch; what claims the same and computes the same is compared once."""

    def __init__(self, tape_batch: TapeBatch) -> None:
        self.tape_batch, tape, h = tape_batch, tape_batch.tape, tape_batch.hyperparameters
        self.given = EvaluationInput(tape.initial, tape.sparse or tape.gradients, tape.rate_scale())
        self.oracle = Oracle.of(tape, h, DTYPE, dialects)
        self._representative = {name: names[0] for names in self.oracle.groups() for name in names}
        self._formulas: dict[Dialect, Formula] = {}
        self._traces: dict[Formula, Mapping[str, Array]] = {}
        self._cases: dict[tuple[str, Formula, str | None], Sequence[str]] = {}

    def differing_cases(self, result: MutantResult) -> Sequence[str]:
        """Return the cases in which a wrong optimizer differs; none if it is a mistake that was caught before."""
        wrong, claimed = result.wrong, self._representative[result.claimed]
        if isinstance(wrong, Mutant):
            formula, mistake = self._formula(wrong.dialect), None
        else:
            formula, mistake = self._formula(dialects[result.claimed]), wrong
            if result.cases or self.tape_batch.tape.sparse is not None or not wrong.applies(formula):
                return ()
        key = claimed, formula, mistake.name if mistake else None
        if key not in self._cases:
            parameters = self._trace(formula, mistake)["parameters"]
            comparison = TraceComparison({"parameters": parameters}, self.oracle, claimed)
            batched = self.tape_batch.cases
            self._cases[key] = [case.id for case, part in batched if comparison.result(part).outcome == "differs"]
        return self._cases[key]

    def _formula(self, dialect: Dialect) -> Formula:
        """Return the formula of a dialect. Subnormals are distinguished only on tapes that test them."""
        if dialect not in self._formulas:
            d = dialect if self.tape_batch.tape.subnormals else replace(dialect, subnormals="either")
            h, steps = self.tape_batch.hyperparameters, len(self.tape_batch.tape.gradients)
            self._formulas[dialect] = Formula.of(d, h, steps, PLAIN.arithmetic(DTYPE))
        return self._formulas[dialect]

    def _trace(self, formula: Formula, mistake: Mistake | None) -> Mapping[str, Array]:
        if mistake:
            return mistake.evaluation(formula, self.given).trace()
        if formula not in self._traces:
            order = replace(PLAIN, flushed=formula.flushed)
            self._traces[formula] = Evaluation(formula, self.given, order, DTYPE).trace()
        return self._traces[formula]


def _counts(results: Iterable[MutantResult]) -> dict[str, int]:
    """Count the results: killed, proven to be the same function, and all."""
    outcomes = Counter(result.outcome for result in results)
    return {"killed": outcomes["killed"], "proven_same": outcomes["same"], "total": outcomes.total()}


def tables(found: Mapping[str, Any]) -> Iterator[Table]:
    """Yield the counts by dialect, by axis, of pairs of dialects, and by mistake."""
    sums: dict[str, dict[str, dict[str, int]]] = {"dialect": {}, "axis": {}}
    for dialect, axes in found["dialects"].items():
        for axis, counts in axes.items():
            for row in (sums["dialect"].setdefault(dialect, {}), sums["axis"].setdefault(axis, {})):
                row.update({name: row.get(name, 0) + count for name, count in counts.items()})
    sums["axis"]["another dialect"] = found["pairs"]
    for heading, rows in {**sums, "mistake": found["mistakes"]}.items():
        same = "not applicable" if heading == "mistake" else "the same"
        counted = (
            (name, *(str(row[part]) for part in ("killed", "proven_same", "total"))) for name, row in rows.items()
        )
        yield Table.of(columns(heading, numbers=("killed", same, "of")), counted)
