"""The claim that a factory's optimizer computes a dialect, or has not changed, tested case by case.

The list of cases is read from a file, so that no server is needed to collect tests.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Any

from . import shared
from .client import UserError, client
from .signature import BASIC, Signature
from .user_optimizer import UserOptimizer

DTYPES = ("float32", "float64", "float16", "bfloat16")
FORMATS = ("float32", "float64")  # the default
THRESHOLDS = ("bits", "rounding", "dialect")
_PLUGIN = Path(__file__).parent


@dataclass(frozen=True)
class Case:
    """A case without its numbers."""

    id: str  # the identifier, for example `decades/momentum`
    dtypes: Sequence[str]  # the formats in which it is replayed
    lean: bool  # whether one of these formats is enough
    sets: Sequence[str]  # the hyper-parameters that it sets besides learning rate, decay and epsilon
    scheduled: bool  # whether the learning rate changes

    def needs(self, signature: Signature) -> list[str]:
        """Return the hyper-parameters of the case that a factory does not take."""
        return [name for name in (*BASIC, *self.sets) if name not in signature.accepts]

    def matches(self, pattern: str) -> bool:
        """Return whether the id, or a part of it, matches a pattern with `*` and `?`."""
        return fnmatchcase(self.id, pattern) or f"/{pattern}/" in f"/{self.id}/"


@lru_cache(maxsize=1)
def all_cases() -> tuple[Case, ...]:
    """Return all cases in the order of the catalogue."""
    listed = json.loads((_PLUGIN / "cases.json").read_text("utf-8"))["cases"]
    return tuple(Case(name, **entry) for name, entry in listed.items())


def select(patterns: Sequence[str], dtypes: Sequence[str]) -> list[tuple[Case, str]]:
    """Return the cases that match a pattern, each with its formats among `dtypes`; a lean case with the first only.

    Without patterns all cases are selected.

    Raises:
        UserError: if a pattern matches nothing, or a format is unknown.
    """
    cases = all_cases()
    for pattern in patterns:
        if not any(case.matches(pattern) for case in cases):
            parts = sorted({name for case in cases for name in (case.id, *case.id.split("/"))})
            close = " or ".join(map(repr, get_close_matches(pattern, parts)))
            raise UserError(f"no case matches {pattern!r}" + (f"; did you mean {close}?" if close else ""))
    for dtype in dtypes:
        if dtype not in DTYPES:
            raise UserError(f"no dtype {dtype!r}; there are {', '.join(DTYPES)}")
    selected = []
    for case in cases:
        if not patterns or any(map(case.matches, patterns)):
            formats = [dtype for dtype in dtypes if dtype in case.dtypes]
            selected += [(case, dtype) for dtype in (formats[:1] if case.lean else formats)]
    return selected


@dataclass(frozen=True)
class Verdict:
    """The verdict on one case in one format."""

    case: Case  # the case
    dtype: str  # the format
    outcome: str  # `agrees`, `differs`, `undecided`, `unsupported` or `failed`
    expected: bool  # whether the outcome is expected
    row: Mapping[str, Any]  # the row, with the columns of a results folder's `verdicts.jsonl`
    error: Exception | None = None  # the exception that the optimizer raised, if it failed

    @property
    def reason(self) -> str:
        """The reason of the outcome; empty if it agrees."""
        return str(self.row.get("reason") or "")

    @property
    def change(self) -> Mapping[str, str] | None:
        """The change since the baseline, `kind` and `words`; None without a baseline."""
        return self.row.get("change")

    @property
    def kind(self) -> str:
        """The kind of the change since the baseline, or without a baseline the outcome."""
        return self.change["kind"] if self.change else self.outcome

    @property
    def expectation(self) -> str | None:
        """The known deviation that the expectations file lists for the case."""
        return self.row.get("expectation")


@dataclass(frozen=True)
class Claim:
    """A claim about an optimizer."""

    optimizer: UserOptimizer  # the user's optimizer
    dialect: str | None  # the name of the dialect; None if the claim is about a baseline
    expectations: Path | None = None  # the file that lists known deviations
    baseline: Path | None = None  # the folder of a baseline, if the claim is that nothing has changed since
    fail_on: str = "rounding"  # the smallest change that is unexpected: `bits`, `rounding` or `dialect`
    keep: bool = False  # whether the server keeps the traces, to write a baseline

    def __post_init__(self) -> None:
        if (self.dialect is None) == (self.baseline is None):
            raise UserError("name either a dialect or a baseline, for example --dialect torch")
        if self.fail_on not in THRESHOLDS:
            raise UserError(f"no threshold {self.fail_on!r}; there are {', '.join(THRESHOLDS)}")

    @property
    def claimed(self) -> str:
        """The name of the dialect, or the folder of the baseline."""
        return self.dialect or f"{self.baseline}"

    def verdict(self, case: Case, dtype: str) -> Verdict:
        """Replay a case with the optimizer and have the server compare the trace with the oracle's.

        Raises:
            UserError: if the dialect is unknown, the expectations can't be read, or the factory can't be used.
            ServerError: if the server fails.
        """
        __tracebackhide__ = True
        optimizer, lacking = self.optimizer, case.needs(self.optimizer.signature)
        if lacking:
            reason = f"{optimizer.name} takes no {', '.join(lacking)}"
            return Verdict(case, dtype, "unsupported", expected=True, row={"reason": reason})
        described = {
            "kind": optimizer.kind,
            "name": optimizer.name,
            "version": optimizer.version,
            "dialect": self.dialect,
            "dtype": dtype,
        }
        server = client()
        case_input = server.request("case", case=case.id)
        h = shared.hyperparameters.Hyperparameters.from_json(case_input["hyperparameters"])
        tape, sha256 = shared.arrays.read(Path(case_input["input"]))
        output = server.folder / "trace.safetensors"
        reply, error = optimizer.reply(tape, h, dtype, output)
        if error is not None:
            error = _without_plugin_frames(error)
        row = server.request(
            "verdict",
            case=case.id,
            optimizer=described,
            reply={**reply, "sha256": sha256},
            output=str(output),
            expectations=str(self.expectations.absolute()) if self.expectations else None,
            baseline=str(self.baseline.absolute()) if self.baseline else None,
            fail_on=self.fail_on,
            keep=self.keep,
        )["row"]
        return Verdict(case, dtype, row["outcome"], row["expected"], row, error)

    def repeat(self, verdict: Verdict) -> str:
        """Return the command that repeats a verdict."""
        claimed = ["--dialect", self.dialect] if self.dialect else ["--baseline", str(self.baseline)]
        options = [*claimed, "-c", verdict.case.id, "--dtype", verdict.dtype]
        if self.baseline and self.fail_on != Claim.fail_on:
            options += ["--fail-on", self.fail_on]
        if self.expectations:
            options += ["--expectations", str(self.expectations)]
        return shlex.join(["rmsuite", "check", self.optimizer.name, *options])

    def message(self, verdict: Verdict, repeat_command: str | None = None) -> str:
        """Return an explanation of an unexpected verdict, in several lines.

        Its last line is `repeat_command`, by default a call of `rmsuite check`.
        """
        return "\n".join([*self._lines(verdict), f"repeat: {repeat_command or self.repeat(verdict)}"])

    def _lines(self, verdict: Verdict) -> Iterator[str]:
        name, where = self.optimizer.name, f"{verdict.case.id} in {verdict.dtype}"
        if verdict.change:
            yield f"{name}: {verdict.change['kind']} in {where}"
        elif verdict.outcome == "agrees":
            yield f"{name} agrees with {self.dialect} in {where}, but another outcome is expected"
        elif verdict.outcome == "differs":
            yield f"{name} differs from {self.dialect} in {where}"
        else:
            yield f"{name}: {verdict.outcome} in {where}; expected {self.dialect}"
        yield f"  the case: {verdict.row['about']}"
        reason = verdict.change["words"] if verdict.change else verdict.reason
        yield from (f"  {part}" for part in reason.split("; ") if part)
        if verdict.expectation and not verdict.change:
            yield f"  expected: {verdict.expectation}"


def _without_plugin_frames(raised: Exception) -> Exception:
    """Return the exception with a traceback that starts in the user's code, if it was raised there."""
    frames = raised.__traceback__
    while frames is not None and Path(frames.tb_frame.f_code.co_filename).is_relative_to(_PLUGIN):
        frames = frames.tb_next
    return raised.with_traceback(frames or raised.__traceback__)
