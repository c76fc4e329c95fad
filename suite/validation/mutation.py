"""The kill matrix: the judge is given what is wrong, case by case, and each of it must be said to differ somewhere.

An evaluation in float32 of what is wrong is held against the bound of the dialect that it claims to be. It shows its
parameters only: whoever hides the state is told from the right one nevertheless.
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
from suite.conformance.tape_batches import TapeBatch, tape_batches
from suite.diagnosis.mistakes import MISTAKES, Mistake
from suite.diagnosis.mistakes.arithmetic import PLAIN, FormatName
from suite.diagnosis.mistakes.evaluation import Evaluation, EvaluationInput, Formula
from suite.validation.mutants import OTHER, Mutant, Proofs, of_one_axis, pairs

DTYPE: FormatName = "float32"


def ridden(seed: int) -> list[Case]:
    """The cases that are asked in float32 about values, not about shapes and lengths."""
    cases = catalogue({}, seed)
    return [case for case in cases if DTYPE in case.tape.dtypes and not case.tape.id.startswith(("shape/", "steps/"))]


@dataclass
class Fate:
    """What becomes of something wrong in place of a dialect.

    Attributes:
        of: the name of the dialect.
        wrong: what stands in its place.
        cases: that tell. Of a mistake, those of the first tape that does.
        proof: why nothing can tell, or None.
    """

    of: str
    wrong: Mutant | Mistake
    cases: list[str]
    proof: str | None = None

    @property
    def outcome(self) -> str:
        """`killed`, `same`, or `survives`."""
        return "killed" if self.cases else "same" if self.proof else "survives"

    @property
    def kind(self) -> str:
        """`axis`, `pair` or `mistake`."""
        return "mistake" if isinstance(self.wrong, Mistake) else "pair" if self.wrong.axis == OTHER else "axis"

    @property
    def name(self) -> str:
        """The axis, the name of the other dialect, or that of the mistake."""
        if isinstance(self.wrong, Mistake):
            return self.wrong.name
        return str(self.wrong.value) if self.kind == "pair" else self.wrong.axis

    def to_json(self, numbers: Mapping[str, int]) -> dict[str, Any]:
        """For `Matrix.to_json`, which numbers the cases."""
        value = {"value": self.wrong.value} if isinstance(self.wrong, Mutant) and self.kind == "axis" else {}
        shown = {"dialect": self.of, "kind": self.kind, "wrong": self.name, **value, "outcome": self.outcome}
        return {**shown, **({"cases": [numbers[case] for case in self.cases]} if self.cases else {"proof": self.proof})}


class Matrix:
    """Everything wrong, and every case."""

    def __init__(self, seed: int, mutants: Iterable[Mutant], mistakes: Iterable[Mistake]) -> None:
        """Nothing is tried yet.

        Args:
            seed: of the catalogue.
            mutants: dialects in place of named ones.
            mistakes: each in place of every dialect.
        """
        self.seed, self.cases = seed, ridden(seed)
        self.mutants = [Fate(mutant.of, mutant, []) for mutant in mutants]
        self.mistakes = [Fate(name, mistake, []) for mistake in mistakes for name in dialects]
        self.proofs = Proofs(case.setting.hyperparameters for case in self.cases)

    @classmethod
    def whole(cls, seed: int) -> Matrix:
        """Every mutant of one axis, every pair, every mistake."""
        return cls(seed, (*of_one_axis(), *pairs()), MISTAKES)

    @property
    def fates(self) -> list[Fate]:
        """Of everything wrong: mutants first."""
        return [*self.mutants, *self.mistakes]

    def fill(self, stage: Callable[[str], None]) -> None:
        """Try everything; `stage` hears of each case."""
        with tempfile.TemporaryDirectory() as folder:
            for tape_batch in tape_batches(self.cases, Path(folder)):
                self._try(_Trial(tape_batch))
                for case, _ in tape_batch.cases:
                    stage(case.id)
        for fate in self.fates:
            fate.proof = None if fate.cases else self._proof(fate)

    def to_json(self) -> dict[str, Any]:
        """What was asked and what came of it.

        catalogue, seed, dtype      what was asked
        cases                       ids of the cases
        killed, proven_same, total  of all that is wrong; the rest survives
        survivors                   the rest, each shaped as in mutants
        dialects                    dialect -> axis -> {killed, proven_same, total}
        pairs                       {killed, proven_same, total}: every dialect in place of every other
        mistakes                    name -> {reason, killed, proven_same, total}, counted over dialects
        mutants                     all of it: {dialect, kind, wrong, outcome}, on an axis its value, and `cases`, which
                                    are numbers that count into the ids, or `proof`, in words or null; kind is axis,
                                    pair or mistake, and outcome killed, same or survives
        """
        numbers = {case.id: number for number, case in enumerate(self.cases)}
        rows = [fate.to_json(numbers) for fate in self.fates]
        of_axes: defaultdict[str, defaultdict[str, list[Fate]]] = defaultdict(lambda: defaultdict(list))
        for fate in self.mutants:
            if fate.kind == "axis":
                of_axes[fate.of][fate.name].append(fate)
        reasons = {fate.wrong.name: fate.wrong.reason for fate in self.mistakes if isinstance(fate.wrong, Mistake)}
        return {
            "catalogue": VERSION,
            "seed": self.seed,
            "dtype": DTYPE,
            "cases": list(numbers),
            **counted(self.fates),
            "survivors": [row for row in rows if row["outcome"] == "survives"],
            "dialects": {
                name: {axis: counted(fates) for axis, fates in axes.items()} for name, axes in of_axes.items()
            },
            "pairs": counted(fate for fate in self.mutants if fate.kind == "pair"),
            "mistakes": {
                name: {"reason": reason, **counted(fate for fate in self.mistakes if fate.name == name)}
                for name, reason in reasons.items()
            },
            "mutants": rows,
        }

    def _try(self, trial: _Trial) -> None:
        for fate in self.mutants:
            assert isinstance(fate.wrong, Mutant)  # noqa: S101
            fate.cases += trial.telling(fate.of, trial.formula(fate.wrong.dialect), None)
        for fate in self.mistakes:
            if not fate.cases and trial.dense:
                assert isinstance(fate.wrong, Mistake)  # noqa: S101
                formula = trial.formula(dialects[fate.of])
                fate.cases += trial.telling(fate.of, formula, fate.wrong) if fate.wrong.applies(formula) else ()

    def _proof(self, fate: Fate) -> str | None:
        dialect, wrong = dialects[fate.of], fate.wrong
        if isinstance(wrong, Mutant):
            return self.proofs.of(dialect, wrong.dialect)
        arithmetic = PLAIN.arithmetic(DTYPE)
        formulas = (Formula.of(dialect, h, 2, arithmetic) for h in self.proofs.settings)
        return None if any(map(wrong.applies, formulas)) else "no formula of this dialect has the part that is wrong"


class _Trial:
    """One tape with its cases; what claims the same and computes the same is judged once."""

    def __init__(self, tape_batch: TapeBatch) -> None:
        self.tape_batch, tape, h = tape_batch, tape_batch.tape, tape_batch.hyperparameters
        self.dense, gradients = tape.sparse is None, tape.sparse or tape.gradients
        self.given = EvaluationInput(tape.initial, gradients, tape.rate_scale())
        self.oracle = Oracle(
            tape.initial, gradients, h, DTYPE, subnormals=tape.subnormals, rate_scale=tape.rate_scale()
        )
        self.alike = {name: names[0] for names in self.oracle.groups() for name in names}
        self._formulas: dict[Dialect, Formula] = {}
        self._traces: dict[Formula, Any] = {}
        self._told: dict[tuple[str, Formula, str | None], Sequence[str]] = {}

    def formula(self, dialect: Dialect) -> Formula:
        """Of a dialect; what becomes of subnormals matters only to a tape that is about them."""
        if dialect not in self._formulas:
            d = dialect if self.tape_batch.tape.subnormals else replace(dialect, subnormals="either")
            h, steps = self.tape_batch.hyperparameters, len(self.tape_batch.tape.gradients)
            self._formulas[dialect] = Formula.of(d, h, steps, PLAIN.arithmetic(DTYPE))
        return self._formulas[dialect]

    def telling(self, claimed: str, formula: Formula, mistake: Mistake | None) -> Sequence[str]:
        """The cases in which the evaluation of a formula, or a mistake in it, is said to differ from a dialect."""
        claimed = self.alike[claimed]
        key = claimed, formula, mistake.name if mistake else None
        if key not in self._told:
            self._told[key] = self._judged(claimed, self._evaluated(formula, mistake))
        return self._told[key]

    def _evaluated(self, formula: Formula, mistake: Mistake | None) -> Any:
        if mistake:
            return mistake.evaluation(formula, self.given).trace()
        if formula not in self._traces:
            order = replace(PLAIN, flushed=formula.flushed)
            self._traces[formula] = Evaluation(formula, self.given, order, DTYPE).trace()
        return self._traces[formula]

    def _judged(self, claimed: str, trace: Any) -> Sequence[str]:
        comparison = TraceComparison({"parameters": trace["parameters"]}, self.oracle, claimed)
        return [case.id for case, part in self.tape_batch.cases if comparison.result(part).outcome == "differs"]


def counted(fates: Iterable[Fate]) -> dict[str, int]:
    """How many were killed, how many are proven to be the same, and of how many."""
    outcomes = Counter(fate.outcome for fate in fates)
    return {"killed": outcomes["killed"], "proven_same": outcomes["same"], "total": outcomes.total()}
