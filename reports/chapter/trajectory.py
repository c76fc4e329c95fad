"""Part 2: the path in the plane beside those of Adagrad and of s_t/t."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from reports.chapter.charts import Axis, Words, curves, paths
from reports.chapter.section import (
    JUDGED,
    Exhibit,
    Number,
    Section,
    Sheet,
    found,
    frameworks,
    judged,
    oracle,
    points,
    who,
)
from reports.chapter.words import agreeing, counted, given, listing, number
from reports.read.schema import Row
from reports.tables import published
from reports.tables.numbers import coordinate

TITLE = "The path in the plane"
ASKS = (
    "On f(x) = 0.1 x₁² + 2 x₂² from (-5, -2) with η = 0.4, Adagrad “moved only very slowly in the later stages”. Since "
    "η is controlled separately, “this does not happen with RMSProp”: the section prints where it is after 20 steps. "
    "It also mentions dividing by √(sₜ/t), the mean of all squares, which “might take a very long time”."
)
METHODS = {"rmsprop": "RMSProp", "mean of squares": "sₜ/t", "adagrad": "Adagrad"}
STEPS = 20
SHOWN = 120  # steps of the curves


def build(rows: Sequence[Row]) -> Section:
    """The section's second figure, with two more methods in it, and what comes after the twentieth step."""
    methods = {name: row for name in METHODS for row in oracle(rows, subject="quadratic", method=name)}
    ours = frameworks(rows, subject="quadratic", method="rmsprop")
    if "rmsprop" not in methods:
        return Section(2, "trajectory", TITLE, ASKS)
    section = [row for row in ours if row["dialect"] == "d2l"]
    lines = [point for name, row in methods.items() for point in _path(row, METHODS[name])]
    firsts = _one_each(section)
    names = sorted({row["framework"] for row in firsts})
    marks = [
        {**point, "framework": row["framework"], "who": who(row)}
        for row in firsts
        for point in _path(row, METHODS["rmsprop"])[names.index(row["framework"]) :: len(names)]
    ]
    plane = Words(
        "figure-trajectory",
        "Three ways to divide by the size of past gradients",
        "Lines and dots: the oracle, a dot a step. Open marks: the frameworks' own runs, in turn. Grey: contours of f.",
        "Paths from (-5, -2) towards the origin over the contours of f.",
    )
    by = Axis("method", "Method")
    losses = [
        {"method": METHODS[name], "step": step, "loss": max(loss, 1e-12)}
        for name, row in methods.items()
        for step, loss in points(row, "step", "loss")
        if step <= SHOWN
    ]
    curve = Words(
        "figure-trajectory-loss",
        "What comes after the twentieth step",
        f"f along the same runs, for {SHOWN} steps; the section stops after {STEPS}.",
        "The loss of three methods against steps, on a logarithmic axis.",
    )
    height = Axis("loss", "f(x)", log=True, format="~e", domain=(1e-12, 20))
    drawn = curves(curve, losses, Axis("step", "Step", zero=True), height, by)
    first = [arrival(methods["rmsprop"], section), *slowing(methods), *first_steps(methods)]
    return Section(
        2,
        "trajectory",
        TITLE,
        ASKS,
        (Exhibit(paths(plane, lines, by, marks), tuple(first)), Exhibit(drawn, tuple(later(methods)))),
        tuple(_sheets(ours)),
        tuple(_numbers(methods["rmsprop"])),
    )


def arrival(row: Row, ours: Sequence[Row]) -> str:
    """Where RMSProp is, whether the section prints the same, and whether frameworks do."""
    x1, x2 = _end(row)
    same = "to the last digit what the section prints" if _prints(row) else "not what the section prints"
    words = f"After {STEPS} steps RMSProp is at x₁ = {x1}, x₂ = {x2}, {same}"
    if not ours:
        return f"{words}."
    like = [run for run in ours if _end(run) == (x1, x2)]
    if len(like) == len(ours):
        return f"{words}, in the oracle and in all {counted(len(ours), 'run')} that frameworks make of the same update."
    others = listing([who(run) for run in ours if run not in like])
    return f"{words}, in the oracle; of {counted(len(ours), 'run')} that frameworks make, not in {others}."


def slowing(methods: dict[str, Row]) -> Iterator[str]:
    """Whether Adagrad slows down where RMSProp doesn't."""
    if "adagrad" not in methods:
        return
    adagrad = methods["adagrad"]
    first, last = (found(adagrad, name) or 0.0 for name in ("first_step", "last_step"))
    verb = "slows down" if last < first / 2 else "does not slow down"
    words = (
        f"Adagrad with the same η {verb}: its steps in x₁ go from {number(first)} to {number(last)}, and after {STEPS} "
        f"of them it is at x₁ = {_end(adagrad)[0]}"
    )
    near = given(adagrad["given"].get("near"))
    when = {name: found(methods[name], "arrived") for name in methods}
    if when["adagrad"] and when["rmsprop"]:
        words += f". It comes to f ≤ {near} after {when['adagrad']:.0f} steps, RMSProp after {when['rmsprop']:.0f}"
    if when.get("mean of squares"):
        words += f", and sₜ/t after {when['mean of squares']:.0f}"
    yield f"{words}."


def first_steps(methods: dict[str, Row]) -> Iterator[str]:
    """Why RMSProp is ahead from the first step on."""
    row = methods["rmsprop"]
    rate, decay, first = row["given"].get("learning_rate"), row["given"].get("decay"), found(row, "first_step")
    if rate and first and decay is not None and decay < 1:
        wide = rate / (1 - decay) ** 0.5
        why = (
            "since s starts at 0 and so is (1 - γ) g²"
            if abs(first / wide - 1) < 1e-3
            else f"not η/√(1 - γ) = {wide:.3f}"
        )
        yield (
            f"RMSProp's first step is {number(first)} in every coordinate, {number(first / rate)} times η, {why}; "
            "nothing corrects the bias of an average that starts at 0."
        )


def later(methods: dict[str, Row]) -> Iterator[str]:
    """What becomes of each method with a constant η."""
    late = {name: found(row, "late_loss") for name, row in methods.items()}
    loss, lasting = found(methods["rmsprop"], "loss"), late["rmsprop"]
    if loss is None or lasting is None:
        return
    if lasting > 10 * loss:
        yield (
            f"RMSProp does not stay where the section leaves it: f is {number(loss)} after {STEPS} steps, and "
            f"{number(lasting)} in the median of the last hundred of 400. With a constant η its steps do not shrink, "
            "since they are measured by gradients that shrink with them: it needs a schedule (exercise 3)."
        )
    else:
        yield f"RMSProp stays: f is {number(loss)} after {STEPS} steps, {number(lasting)} in the last hundred of 400."
    others = [f"{METHODS[name]} comes to {number(late[name])}" for name in methods if name != "rmsprop" and late[name]]
    if others:
        converging = all((late[name] or 0) < lasting / 100 for name in methods if name != "rmsprop")
        yield f"{listing(others)} by then{': slower at first, they converge' if converging else ''}."


def _path(row: Row, name: str) -> list[dict[str, Any]]:
    steps = [step for step, _ in points(row, "step", "x1")]
    both = points(row, "x1", "x2")
    pairs = list(zip(steps, both, strict=False))
    return [{"method": name, "step": step, "x1": x1, "x2": x2} for step, (x1, x2) in pairs if step <= STEPS]


def _one_each(rows: Sequence[Row]) -> list[Row]:
    """The first run of each framework: the others lie on it."""
    return list({row["framework"]: row for row in reversed(rows) if row["series"]}.values())


def _end(row: Row) -> tuple[str, str]:
    return coordinate(found(row, "x1")), coordinate(found(row, "x2"))


def _prints(row: Row) -> bool:
    x1, x2 = map(coordinate, published.QUADRATIC)
    return _end(row) == (x1, x2)


def _sheets(ours: Sequence[Row]) -> Iterator[Sheet]:
    if ours:
        header = ("Implementation", "Dialect", ">x₁ after 20 steps", ">x₂", *JUDGED)
        cells = ((who(row), row["dialect"] or "", *_end(row), *judged(row)) for row in ours)
        yield Sheet(f"The frameworks on the same start; {agreeing(ours)}.", header, tuple(cells))


def _numbers(row: Row) -> Iterator[Number]:
    names = ("x₁ after 20 steps", "x₂ after 20 steps")
    for name, printed, ours in zip(names, map(coordinate, published.QUADRATIC), _end(row), strict=True):
        yield Number(name, printed, ours, printed == ours)
