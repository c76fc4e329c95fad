"""A claim: that a factory's optimizer computes a dialect. Case by case it gets a verdict."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import packages
from .adapters.contract import Unsupported
from .cases import Case
from .client import Mistake, judge
from .user_optimizer import Subject

THRESHOLDS = ("bits", "rounding", "dialect")
_OURS = Path(__file__).parent


@dataclass(frozen=True)
class Verdict:
    """What is said of an answer.

    Attributes:
        outcome: `agrees`, `differs`, `undecided`, `unsupported` or `failed`.
        expected: whether that is as it should be.
        row: all that is known, as in a results folder's `verdicts.jsonl`.
        error: what the optimizer raised, if it failed.
    """

    outcome: str
    expected: bool
    row: Mapping[str, Any]
    error: Exception | None = None

    @property
    def reason(self) -> str:
        """For people; nothing where it agrees."""
        return str(self.row.get("reason") or "")

    @property
    def change(self) -> Mapping[str, str] | None:
        """What the case has become since a baseline, if it is held against one: `kind`, and `words`."""
        return self.row.get("change")

    @property
    def expectation(self) -> str | None:
        """What the expectations say of this."""
        return self.row.get("expectation")


@dataclass(frozen=True)
class Claim:
    """Who claims what.

    Attributes:
        subject: the factory.
        dialect: by its name; None where it is held against a baseline.
        expectations: the file that lists known deviations.
        baseline: the folder of one, if the claim is that nothing has changed since.
        fail_on: what more than this is a change: `bits`, `rounding` or `dialect`.
        keep: whether verdicts are kept, to become a baseline.
    """

    subject: Subject
    dialect: str | None
    expectations: Path | None = None
    baseline: Path | None = None
    fail_on: str = "rounding"
    keep: bool = False

    def __post_init__(self) -> None:
        if (self.dialect is None) == (self.baseline is None):
            raise Mistake("what is claimed? A dialect, or that nothing has changed since a baseline: one of the two")
        if self.fail_on not in THRESHOLDS:
            raise Mistake(f"no threshold {self.fail_on!r}; there are {', '.join(THRESHOLDS)}")

    @property
    def words(self) -> str:
        """For people."""
        return self.dialect or f"{self.baseline}"

    def verdict(self, case: Case, dtype: str) -> Verdict:
        """Put a case to the factory, and what it answers to the judge.

        Raises:
            Mistake: if there is no such dialect, or the expectations can't be read.
            JudgeError: if the judge fails.
            FactoryError: if there is nothing to ask.
        """
        __tracebackhide__ = True
        lacking = case.needs(self.subject.signature)
        if lacking:  # which needs no judge
            return Verdict("unsupported", True, {"reason": f"{self.subject.name} takes no {', '.join(lacking)}"})
        subject, court = self.subject, judge()
        put = court.ask("case", case=case.id)
        h = packages.hyperparameters.Hyperparameters.from_json(put["hyperparameters"])
        tape, sha256 = packages.arrays.read(Path(put["input"]))
        output, error = court.folder / "trace.safetensors", None
        kind = subject.kind
        try:
            packages.arrays.write(output, subject.answer(tape, h, dtype))
            reply = {"status": "ok", "sha256": sha256, "dialect": self.dialect}
        except Unsupported as reason:
            reply = {"status": "unsupported", "reason": str(reason)}
        except Exception as raised:  # whatever it is, it is the optimizer's
            error, reply = (
                _from_its_own_code(raised),
                {"status": "error", "reason": f"{type(raised).__name__}: {raised}"[:2000]},
            )
        answered = court.ask(
            "verdict",
            case=case.id,
            claimant={
                "kind": kind,
                "name": subject.name,
                "version": subject.version,
                "dialect": self.dialect,
                "dtype": dtype,
            },
            reply=reply,
            output=str(output),
            expectations=str(self.expectations.absolute()) if self.expectations else None,
            baseline=str(self.baseline.absolute()) if self.baseline else None,
            fail_on=self.fail_on,
            keep=self.keep,
        )
        row = answered["row"]
        return Verdict(row["outcome"], row["expected"], row, error)

    def repeat(self, case: Case, dtype: str) -> str:
        """The command that asks again."""
        claimed = ["--dialect", self.dialect] if self.dialect else ["--baseline", str(self.baseline)]
        options = [*claimed, "-c", case.id, "--dtype", dtype]
        if self.baseline and self.fail_on != Claim.fail_on:
            options += ["--fail-on", self.fail_on]
        if self.expectations:
            options += ["--expectations", str(self.expectations)]
        return shlex.join(["rmsuite", "check", self.subject.name, *options])

    def message(self, case: Case, dtype: str, verdict: Verdict, again: str | None = None) -> str:
        """A verdict that is not as it should be, for people: a line for each thing that is known.

        Args:
            case: that was put.
            dtype: in which.
            verdict: on the answer.
            again: the command that asks again, if it is not `repeat`.
        """
        lines = [*self._lines(case, dtype, verdict), f"repeat: {again or self.repeat(case, dtype)}"]
        return "\n".join(lines)

    def _lines(self, case: Case, dtype: str, verdict: Verdict) -> Iterator[str]:
        row, where = verdict.row, f"{case.id} in {dtype}"
        if verdict.change:
            yield f"{self.subject.name}: {verdict.change['kind']} in {where}"
            yield f"  the case: {row['about']}"
            yield from (f"  {part}" for part in verdict.change["words"].split("; ") if part)
            return
        if verdict.outcome == "agrees":
            yield f"{self.subject.name} is {self.dialect} in {where}, where another outcome is expected"
        elif verdict.outcome == "differs":
            yield f"{self.subject.name} is not {self.dialect} in {where}"
        else:
            yield f"{self.subject.name} {verdict.outcome} in {where}, where {self.dialect} was to be seen"
        yield f"  the case: {row['about']}"
        yield from (f"  {part}" for part in verdict.reason.split("; ") if part)
        if verdict.expectation:
            yield f"  expected: {verdict.expectation}"


def _from_its_own_code(raised: Exception) -> Exception:
    """An exception with the traceback that begins where ours ends, if it was not raised by us."""
    frames = raised.__traceback__
    while frames is not None and Path(frames.tb_frame.f_code.co_filename).is_relative_to(_OURS):
        frames = frames.tb_next
    return raised.with_traceback(frames or raised.__traceback__)
