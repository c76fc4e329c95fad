"""The pytest plugin: `conformance` makes tests, one for each case and format; the hooks mark them and place them.

pytest loads this module in every run, so that it imports the rest of the package only when tests are made.
"""

from __future__ import annotations

import inspect
import os
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .claim import Case, Claim


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, so that `-m rmsuite` selects these tests and --strict-markers accepts it."""
    config.addinivalue_line("markers", "rmsuite: a case of RMSProp's conformance catalogue")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Report a generated test at the call of `rmsuite.conformance` that made it."""
    location = getattr(getattr(item, "obj", None), "rmsuite_location", None)
    if location is not None:
        path, line = location
        item.reportinfo = lambda: (path, line, item.name)  # type: ignore[method-assign]


def conformance(
    factory: Callable[..., Any] | None = None,
    *,
    dialect: str | None = None,
    baseline: str | Path | None = None,
    fail_on: str = "rounding",
    cases: Sequence[str] = (),
    dtypes: Sequence[str] = ("float32", "float64"),
    expectations: str | Path | None = None,
    kind: str | None = None,
) -> Callable[..., Any]:
    """Make tests that a factory's optimizer computes a dialect, one for each case and format.

        test_my_rmsprop = rmsuite.conformance(make, dialect="torch")

    or, if the factory is written for the tests alone,

        @rmsuite.conformance(dialect="torch")
        def test_my_rmsprop(params, learning_rate, decay, epsilon): ...

    Args:
        factory: makes the optimizer; docs/plugin.md describes its arguments and results.
        dialect: the name of the claimed dialect.
        baseline: instead of a dialect, the folder of a baseline, relative to the test file, that
            `rmsuite check --record` has written; the tests fail on changes since then.
        fail_on: the smallest change that fails: `bits`; `rounding`, unless another instruction set explains it; or
            `dialect`.
        cases: ids or parts of ids, for example `decades`, `momentum` or `decades/momentum`, with * and ?; all if empty.
        dtypes: formats among `float32`, `float64`, `float16` and `bfloat16`.
        expectations: a file that lists known deviations, relative to the test file.
        kind: the kind of optimizer: `torch`, `keras`, `mxnet`, `optax` or `numpy`; determined by default.

    Returns:
        A parametrised test function; the ids of its tests have the form `decades/momentum-float32`.

    Raises:
        UserError: if a case or a format is unknown, neither a dialect nor a baseline is named, or the factory has
            arguments that are not known.
    """
    from .claim import Claim
    from .user_optimizer import UserOptimizer

    frame = inspect.currentframe()
    caller = _Caller.of(frame.f_back if frame else None)

    def tests(factory: Callable[..., Any]) -> Callable[..., Any]:
        here = caller.file.parent
        file, folder = (None if path is None else here / path for path in (expectations, baseline))
        optimizer = UserOptimizer(factory, _name(factory, caller), kind)
        made = _tests(Claim(optimizer, dialect, file, folder, fail_on), cases, dtypes, caller)
        return staticmethod(made) if caller.in_a_class else made

    return tests if factory is None else tests(factory)


@dataclass(frozen=True)
class _Caller:
    """The place of the call that makes tests: a file and line, the module, and whether it is in a class body."""

    file: Path
    line: int
    module: str
    in_a_class: bool

    @classmethod
    def of(cls, frame: FrameType | None) -> _Caller:
        if frame is None:  # an interpreter without frames
            return cls(Path.cwd() / "tests.py", 1, "", in_a_class=False)
        file, module = frame.f_code.co_filename, frame.f_globals.get("__name__", "")
        return cls(Path(file), frame.f_lineno, module, in_a_class="__qualname__" in frame.f_locals)


def _tests(claim: Claim, patterns: Sequence[str], dtypes: Sequence[str], caller: _Caller) -> Callable[..., Any]:
    from .claim import select

    combinations = []
    for case, dtype in select(patterns, dtypes):
        lacking = case.needs(claim.optimizer.signature)
        skips = [pytest.mark.skip(reason=f"{claim.optimizer.name} takes no {', '.join(lacking)}")] if lacking else []
        combinations.append(pytest.param(case, dtype, id=f"{case.id}-{dtype}", marks=skips))

    @pytest.mark.rmsuite
    @pytest.mark.parametrize(("rmsuite_case", "rmsuite_dtype"), combinations)
    def test(rmsuite_case: Case, rmsuite_dtype: str, request: pytest.FixtureRequest) -> None:
        __tracebackhide__ = _hides_frames
        repeat_command = f"pytest {shlex.quote(request.node.nodeid)}" if "<" in claim.optimizer.name else None
        _run(claim, rmsuite_case, rmsuite_dtype, repeat_command)

    test.rmsuite_location = (caller.file, caller.line - 1)  # type: ignore[attr-defined]
    test.rmsuite_factory = claim.optimizer.factory  # type: ignore[attr-defined]
    return test


def _hides_frames(raised: pytest.ExceptionInfo[BaseException]) -> bool:
    """Return whether frames of this module are hidden: in a traceback of the user's code, not in a verdict."""
    return not isinstance(raised.value, pytest.fail.Exception)


def _run(claim: Claim, case: Case, dtype: str, repeat_command: str | None) -> None:
    """Pass, fail, skip or xfail with a message; a traceback is shown only for an exception of the user's code."""
    __tracebackhide__ = _hides_frames
    verdict = claim.verdict(case, dtype)
    if verdict.kind == "new":
        pytest.skip("the case is not in the baseline")
    if verdict.expected and verdict.outcome != "agrees" and not verdict.change:
        if verdict.expectation:
            pytest.xfail(verdict.expectation)
        pytest.skip(f"{verdict.outcome}: {verdict.reason}")
    if verdict.expected:
        return
    if verdict.error is not None:
        raise verdict.error
    pytest.fail(claim.message(verdict, repeat_command), pytrace=False)


def _name(factory: Callable[..., Any], caller: _Caller) -> str:
    """Return the name of a factory for `rmsuite check`: by its file if it is defined in the test file."""
    if getattr(factory, "__module__", None) != caller.module:
        return ""
    return f"{os.path.relpath(caller.file)}:{factory.__qualname__}"
