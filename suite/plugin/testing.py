"""The catalogue as tests for pytest: one for each case and format."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from . import cases as listed
from .claim import Claim
from .user_optimizer import Subject

if TYPE_CHECKING:
    import pytest

FORMATS = ("float32", "float64")


def conformance(
    factory: Callable[..., Any] | None = None,
    *,
    dialect: str | None = None,
    baseline: str | Path | None = None,
    fail_on: str = Claim.fail_on,
    cases: Sequence[str] = (),
    dtypes: Sequence[str] = FORMATS,
    expectations: str | Path | None = None,
    kind: str | None = None,
) -> Callable[..., Any]:
    """Tests that a factory's optimizer computes a dialect: one for each case and format.

        test_my_rmsprop = rmsuite.conformance(make, dialect="torch")

    or, where the factory is written for the tests alone,

        @rmsuite.conformance(dialect="torch")
        def test_my_rmsprop(params, learning_rate, decay, epsilon): ...

    Args:
        factory: makes an optimizer: see docs/plugin.md for what it is given and what it may return.
        dialect: that is claimed, by its name.
        baseline: in place of a dialect the folder of a baseline, relative to the test's file, which
            `rmsuite check --record` has made: nothing has changed since.
        fail_on: what is a change: `bits`; `rounding`, unless another instruction set explains it; or `dialect`.
        cases: ids, or parts of ids, as `decades`, `momentum` or `decades/momentum`, with * and ?; nothing: all.
        dtypes: of `float32`, `float64`, `float16` and `bfloat16`.
        expectations: a file of what is known to deviate, relative to the test's file.
        kind: of what the factory makes: `torch`, `keras`, `mxnet`, `optax` or `numpy`; by default that is found out.

    Returns:
        A test function with parameters, whose ids are as `decades/momentum-float32`.

    Raises:
        Mistake: if a case or a format is none, or it is not said what is claimed.
        FactoryError: if the factory can't be called with what there is to give.
    """
    caller = sys._getframe(1)
    place, in_a_class = _place(caller), "__qualname__" in caller.f_locals

    def tests(factory: Callable[..., Any]) -> Callable[..., Any]:
        here = Path(place.__code__.co_filename).parent
        file, folder = (None if one is None else here / one for one in (expectations, baseline))
        subject = Subject(factory, _name(factory, place), kind)
        made = _tests(Claim(subject, dialect, file, folder, fail_on), cases, dtypes, place)
        return staticmethod(made) if in_a_class else made

    return tests if factory is None else tests(factory)


def _tests(claim: Claim, patterns: Sequence[str], dtypes: Sequence[str], place: Any) -> Callable[..., Any]:
    import pytest

    signature = claim.subject.signature

    def marks(case: listed.Case) -> list[pytest.MarkDecorator]:
        lacking = case.needs(signature)
        return [pytest.mark.skip(reason=f"{claim.subject.name} takes no {', '.join(lacking)}")] if lacking else []

    every = [
        pytest.param(case, dtype, id=f"{case.id}-{dtype}", marks=marks(case))
        for case, dtype in listed.questions(listed.select(patterns), dtypes)
    ]

    @pytest.mark.rmsuite
    @pytest.mark.parametrize(("rmsuite_case", "rmsuite_dtype"), every)
    def test(rmsuite_case: listed.Case, rmsuite_dtype: str, request: pytest.FixtureRequest) -> None:
        __tracebackhide__ = _of_the_users_own
        again = f"pytest {shlex.quote(request.node.nodeid)}" if "<" in claim.subject.name else None
        _try(claim, rmsuite_case, rmsuite_dtype, again)

    test.place_as = place  # type: ignore[attr-defined]  # pytest says that the test stands there
    test.rmsuite_factory = claim.subject.factory  # type: ignore[attr-defined]
    return test


def _of_the_users_own(raised: pytest.ExceptionInfo[BaseException]) -> bool:
    """Whether a traceback is of the user's code, where ours is in the way; else it is a verdict, and has words only."""
    import pytest

    return not isinstance(raised.value, pytest.fail.Exception)


def _try(claim: Claim, case: listed.Case, dtype: str, again: str | None) -> None:
    """Pass, fail, skip or xfail: with words, and no traceback but that of the user's own code."""
    import pytest

    __tracebackhide__ = _of_the_users_own
    verdict = claim.verdict(case, dtype)
    if verdict.change and verdict.change["kind"] == "new":
        pytest.skip("the baseline has no such case")
    if verdict.expected and verdict.outcome != "agrees" and not verdict.change:
        if verdict.expectation:
            pytest.xfail(verdict.expectation)
        pytest.skip(f"{verdict.outcome}: {verdict.reason}")
    if verdict.expected:
        return
    if verdict.error is not None:
        raise verdict.error
    pytest.fail(claim.message(case, dtype, verdict, again), pytrace=False)


def _name(factory: Callable[..., Any], place: Any) -> str:
    """For `rmsuite check`: a factory that stands in the test's own file is found by the file."""
    if getattr(factory, "__module__", None) != place.__module__:
        return ""
    return f"{os.path.relpath(place.__code__.co_filename)}:{factory.__qualname__}"


def _place(frame: FrameType) -> Callable[[], None]:
    """A function that seems to stand where the call does: pytest asks for a test's place in this form."""

    def place() -> None:
        """Nothing."""

    place.__module__ = frame.f_globals.get("__name__", "")
    place.__code__ = place.__code__.replace(co_filename=frame.f_code.co_filename, co_firstlineno=frame.f_lineno)
    return place
