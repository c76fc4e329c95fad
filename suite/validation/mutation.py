"""Mutation testing: every mutant and every mistake is compared on the catalogue, and each must differ in some case.

Wrong optimizers are evaluated in float32 and compared with the dialect that they claim to be. Only their parameters are
compared: they must be caught even if the implementation does not show its state.
"""

from __future__ import annotations

import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reference import Dialect, dialects
from suite.cases.catalogue import VERSION, Case, catalogue
from suite.compare.comparison import TraceComparison
from suite.compare.oracle import Oracle
from suite.conformance.targets import TapeBatch, tape_batches
from suite.diagnosis.mistakes import MISTAKES, Mistake
from suite.diagnosis.mistakes.arithmetic import PLAIN, Array, FormatName
from suite.diagnosis.mistakes.evaluation import Evaluation, EvaluationInput, Formula
from suite.validation.mutants import OTHER, EquivalenceProofs, Mutant, axis_mutants, pair_mutants

DTYPE: FormatName = "float32"


def value_cases(seed: int) -> list[Case]:
    """Return the cases of the catalogue that test values in float32, not shapes or lengths."""
    cases = catalogue({}, seed)
    return [case for case in cases if DTYPE in case.tape.dtypes and not case.tape.id.startswith(("shape/", "steps/"))]


@dataclass
class MutantResult:
    """The outcome of one wrong optimizer.

    Attributes:
        claimed: the name of the dialect that it claims to be.
        wrong: what is computed instead.
        cases: ids of the cases in which it differs; for a mistake, those of the first tape on which it does.
        proof: why it can't differ, in words, or None.
    """

    claimed: str
    wrong: Mutant | Mistake
    cases: list[str]
    proof: str | None = None

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
    """The results of wrong optimizers on the cases of the catalogue."""

    def __init__(self, seed: int, mutants: Iterable[Mutant], mistakes: Iterable[Mistake]) -> None:
        """Prepare the results; `fill` computes them.

        Args:
            seed: the seed of the catalogue.
            mutants: mutants of named dialects.
            mistakes: each is made in every named dialect.
        """
        self.seed, self.cases = seed, value_cases(seed)
        self.mutants = [(mutant, MutantResult(mutant.claimed, mutant, [])) for mutant in mutants]
        self.mistakes = [(mistake, MutantResult(name, mistake, [])) for mistake in mistakes for name in dialects]
        self.proofs = EquivalenceProofs(case.setting.hyperparameters for case in self.cases)

    @classmethod
    def complete(cls, seed: int) -> KillMatrix:
        """Return the matrix of all mutants of one axis, all pairs of dialects, and all mistakes."""
        return cls(seed, (*axis_mutants(), *pair_mutants()), MISTAKES)

    @property
    def results(self) -> list[MutantResult]:
        """All results, mutants first."""
        return [result for _, result in (*self.mutants, *self.mistakes)]

    def fill(self, progress: Callable[[str], None]) -> None:
        """Evaluate all wrong optimizers on all cases; `progress` is called with the id of each case."""
        with tempfile.TemporaryDirectory() as folder:
            for tape_batch in tape_batches(self.cases, Path(folder)):
                self._evaluate(_BatchEvaluator(tape_batch))
                for case, _ in tape_batch.cases:
                    progress(case.id)
        for result in self.results:
            result.proof = None if result.cases else self._proof(result)

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
        for _, result in self.mutants:
            if result.kind == "axis":
                by_axis[result.claimed][result.name].append(result)
        by_mistake: defaultdict[Mistake, list[MutantResult]] = defaultdict(list)
        for mistake, result in self.mistakes:
            by_mistake[mistake].append(result)
        return {
            "catalogue": VERSION,
            "seed": self.seed,
            "dtype": DTYPE,
            "cases": list(numbers),
            **counts(self.results),
            "survivors": [row for row in rows if row["outcome"] == "survives"],
            "dialects": {
                name: {axis: counts(results) for axis, results in axes.items()} for name, axes in by_axis.items()
            },
            "pairs": counts(result for _, result in self.mutants if result.kind == "pair"),
            "mistakes": {
                mistake.name: {"reason": mistake.reason, **counts(results)} for mistake, results in by_mistake.items()
            },
            "mutants": rows,
        }

    def _evaluate(self, batch: _BatchEvaluator) -> None:
        for mutant, result in self.mutants:
            result.cases += batch.differing_cases(result.claimed, batch.formula(mutant.dialect), None)
        for mistake, result in self.mistakes:
            if not result.cases and batch.dense:
                formula = batch.formula(dialects[result.claimed])
                if mistake.applies(formula):
                    result.cases += batch.differing_cases(result.claimed, formula, mistake)

    def _proof(self, result: MutantResult) -> str | None:
        dialect, wrong = dialects[result.claimed], result.wrong
        if isinstance(wrong, Mutant):
            return self.proofs.proof(dialect, wrong.dialect)
        arithmetic = PLAIN.arithmetic(DTYPE)
        formulas = (Formula.of(dialect, h, 2, arithmetic) for h in self.proofs.settings)
        return None if any(map(wrong.applies, formulas)) else "the mistake applies to no formula of this dialect"


class _BatchEvaluator:
    """Evaluates wrong optimizers on one tape batch; what claims the same and computes the same is compared once."""

    def __init__(self, tape_batch: TapeBatch) -> None:
        self.tape_batch, tape, h = tape_batch, tape_batch.tape, tape_batch.hyperparameters
        self.dense = tape.sparse is None
        self.given = EvaluationInput(tape.initial, tape.sparse or tape.gradients, tape.rate_scale())
        self.oracle = Oracle.of(tape, h, DTYPE, dialects)
        self._representative = {name: names[0] for names in self.oracle.groups() for name in names}
        self._formulas: dict[Dialect, Formula] = {}
        self._traces: dict[Formula, Mapping[str, Array]] = {}
        self._cases: dict[tuple[str, Formula, str | None], Sequence[str]] = {}

    def formula(self, dialect: Dialect) -> Formula:
        """Return the formula of a dialect. Subnormals are distinguished only on tapes that test them."""
        if dialect not in self._formulas:
            d = dialect if self.tape_batch.tape.subnormals else replace(dialect, subnormals="either")
            h, steps = self.tape_batch.hyperparameters, len(self.tape_batch.tape.gradients)
            self._formulas[dialect] = Formula.of(d, h, steps, PLAIN.arithmetic(DTYPE))
        return self._formulas[dialect]

    def differing_cases(self, claimed: str, formula: Formula, mistake: Mistake | None) -> Sequence[str]:
        """Return the cases in which a formula, evaluated with a mistake or without, differs from a dialect."""
        claimed = self._representative[claimed]
        key = claimed, formula, mistake.name if mistake else None
        if key not in self._cases:
            parameters = self._trace(formula, mistake)["parameters"]
            comparison = TraceComparison({"parameters": parameters}, self.oracle, claimed)
            batched = self.tape_batch.cases
            self._cases[key] = [case.id for case, part in batched if comparison.result(part).outcome == "differs"]
        return self._cases[key]

    def _trace(self, formula: Formula, mistake: Mistake | None) -> Mapping[str, Array]:
        if mistake:
            return mistake.evaluation(formula, self.given).trace()
        if formula not in self._traces:
            order = replace(PLAIN, flushed=formula.flushed)
            self._traces[formula] = Evaluation(formula, self.given, order, DTYPE).trace()
        return self._traces[formula]


def counts(results: Iterable[MutantResult]) -> dict[str, int]:
    """Count the results: killed, proven to be the same function, and all."""
    outcomes = Counter(result.outcome for result in results)
    return {"killed": outcomes["killed"], "proven_same": outcomes["same"], "total": outcomes.total()}
