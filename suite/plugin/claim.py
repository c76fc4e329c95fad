"""The claim that a factory's optimizer computes a dialect, or has not changed, tested case by case."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import shared
from .adapters.contract import Unsupported
from .cases import Case
from .client import UserError, client
from .user_optimizer import UserOptimizer

THRESHOLDS = ("bits", "rounding", "dialect")
_PLUGIN = Path(__file__).parent


@dataclass(frozen=True)
class Verdict:
    """The verdict on one case in one format.

    Attributes:
        outcome: `agrees`, `differs`, `undecided`, `unsupported` or `failed`.
        expected: whether the outcome is expected.
        row: the row, with the columns of a results folder's `verdicts.jsonl`.
        error: the exception that the optimizer raised, if it failed.
    """

    outcome: str
    expected: bool
    row: Mapping[str, Any]
    error: Exception | None = None

    @property
    def reason(self) -> str:
        """The reason in words; empty if it agrees."""
        return str(self.row.get("reason") or "")

    @property
    def change(self) -> Mapping[str, str] | None:
        """The change since the baseline, `kind` and `words`; None without a baseline."""
        return self.row.get("change")

    @property
    def expectation(self) -> str | None:
        """The known deviation that the expectations file lists for the case."""
        return self.row.get("expectation")


@dataclass(frozen=True)
class Claim:
    """A claim about an optimizer.

    Attributes:
        optimizer: the user's optimizer.
        dialect: the name of the dialect; None if the claim is about a baseline.
        expectations: the file that lists known deviations.
        baseline: the folder of a baseline, if the claim is that nothing has changed since.
        fail_on: the smallest change that is unexpected: `bits`, `rounding` or `dialect`.
        keep: whether the server keeps the traces, to write a baseline.
    """

    optimizer: UserOptimizer
    dialect: str | None
    expectations: Path | None = None
    baseline: Path | None = None
    fail_on: str = "rounding"
    keep: bool = False

    def __post_init__(self) -> None:
        if (self.dialect is None) == (self.baseline is None):
            raise UserError("name either a dialect or a baseline, for example --dialect torch")
        if self.fail_on not in THRESHOLDS:
            raise UserError(f"no threshold {self.fail_on!r}; there are {', '.join(THRESHOLDS)}")

    @property
    def words(self) -> str:
        """The dialect or the baseline, in words."""
        return self.dialect or f"{self.baseline}"

    def verdict(self, case: Case, dtype: str) -> Verdict:
        """Replay a case with the optimizer and have the server compare the trace with the oracle's.

        Raises:
            UserError: if the dialect is unknown, the expectations can't be read, or the factory can't be used.
            ServerError: if the server fails.
        """
        __tracebackhide__ = True
        lacking = case.needs(self.optimizer.signature)
        if lacking:
            return Verdict("unsupported", True, {"reason": f"{self.optimizer.name} takes no {', '.join(lacking)}"})
        optimizer, server = self.optimizer, client()
        case_input = server.ask("case", case=case.id)
        h = shared.hyperparameters.Hyperparameters.from_json(case_input["hyperparameters"])
        tape, sha256 = shared.arrays.read(Path(case_input["input"]))
        output, error = server.folder / "trace.safetensors", None
        kind = optimizer.kind
        try:
            shared.arrays.write(output, optimizer.replay(tape, h, dtype))
            reply = {"status": "ok", "sha256": sha256, "dialect": self.dialect}
        except Unsupported as reason:
            reply = {"status": "unsupported", "reason": str(reason)}
        except Exception as raised:  # an exception of the optimizer
            error, reply = (
                _without_our_frames(raised),
                {"status": "error", "reason": f"{type(raised).__name__}: {raised}"[:2000]},
            )
        answer = server.ask(
            "verdict",
            case=case.id,
            optimizer={
                "kind": kind,
                "name": optimizer.name,
                "version": optimizer.version,
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
        row = answer["row"]
        return Verdict(row["outcome"], row["expected"], row, error)

    def repeat(self, case: Case, dtype: str) -> str:
        """Return the command that repeats a verdict."""
        claimed = ["--dialect", self.dialect] if self.dialect else ["--baseline", str(self.baseline)]
        options = [*claimed, "-c", case.id, "--dtype", dtype]
        if self.baseline and self.fail_on != Claim.fail_on:
            options += ["--fail-on", self.fail_on]
        if self.expectations:
            options += ["--expectations", str(self.expectations)]
        return shlex.join(["rmsuite", "check", self.optimizer.name, *options])

    def message(self, case: Case, dtype: str, verdict: Verdict, again: str | None = None) -> str:
        """Return an explanation of an unexpected verdict, in several lines.

        Args:
            case: the case.
            dtype: the format.
            verdict: the verdict.
            again: the command that repeats it, if it is not that of `repeat`.
        """
        lines = [*self._lines(case, dtype, verdict), f"repeat: {again or self.repeat(case, dtype)}"]
        return "\n".join(lines)

    def _lines(self, case: Case, dtype: str, verdict: Verdict) -> Iterator[str]:
        row, where = verdict.row, f"{case.id} in {dtype}"
        if verdict.change:
            yield f"{self.optimizer.name}: {verdict.change['kind']} in {where}"
            yield f"  the case: {row['about']}"
            yield from (f"  {part}" for part in verdict.change["words"].split("; ") if part)
            return
        if verdict.outcome == "agrees":
            yield f"{self.optimizer.name} agrees with {self.dialect} in {where}, but another outcome is expected"
        elif verdict.outcome == "differs":
            yield f"{self.optimizer.name} differs from {self.dialect} in {where}"
        else:
            yield f"{self.optimizer.name}: {verdict.outcome} in {where}; expected {self.dialect}"
        yield f"  the case: {row['about']}"
        yield from (f"  {part}" for part in verdict.reason.split("; ") if part)
        if verdict.expectation:
            yield f"  expected: {verdict.expectation}"


def _without_our_frames(raised: Exception) -> Exception:
    """Return the exception with a traceback that starts in the user's code, if it was raised there."""
    frames = raised.__traceback__
    while frames is not None and Path(frames.tb_frame.f_code.co_filename).is_relative_to(_PLUGIN):
        frames = frames.tb_next
    return raised.with_traceback(frames or raised.__traceback__)
