"""Part 5, exercise 2: what a rotation does to convergence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reports.chapter.charts import Axis, Words, curves
from reports.chapter.section import JUDGED, Exhibit, Section, Sheet, found, frameworks, judged, oracle, points, who
from reports.chapter.words import agreeing, given, listing, number
from reports.figures.chart_style import Figure
from reports.read.schema import Row
from reports.tables.numbers import coordinate

TITLE = "Exercise 2: the objective rotated"
ASKS = (
    "Exercise 2: “Rotate the optimization problem to minimize f(x) = 0.1 (x₁ + x₂)² + 2 (x₁ - x₂)². What happens to "
    "the "
    "convergence?”"
)
METHODS = {"rmsprop": "RMSProp", "adagrad": "Adagrad", "gradient descent": "gradient descent"}
TASKS = {"quadratic": "0.1 x₁² + 2 x₂²", "rotated": "0.1 (x₁ + x₂)² + 2 (x₁ - x₂)²"}
FLOOR = 1e-13


def build(rows: Sequence[Row]) -> Section:
    """Losses over angles, and the exercise as it is printed."""
    over = {
        name: row for name in METHODS for row in oracle(rows, subject="rotated", method=name, setting="over angles")
    }
    runs = [row for row in frameworks(rows, setting="as printed") if row["subject"] in TASKS]
    exhibits = []
    if "rmsprop" in over:
        said = [*worse(over["rmsprop"]), *why(over), *arrivals(over["rmsprop"])]
        exhibits.append(Exhibit(_over_angles(over), tuple(said)))
        exhibits.append(Exhibit(_paths(rows), (*as_printed(rows, runs),)))
    return Section(5, "rotation", TITLE, ASKS, tuple(exhibits), tuple(_sheets(runs)))


def worse(row: Row) -> Iterator[str]:
    """The loss after the section's steps at the best and at the worst angle."""
    pairs = points(row, "angle", "loss")
    best, worst = min(pairs, key=lambda p: p[1]), max(pairs, key=lambda p: p[1])
    axis = dict(pairs).get(0.0)
    if axis is None:
        return
    steps = row["given"].get("steps") or 0
    ratio = worst[1] / axis
    verb = "slows RMSProp down" if ratio > 10 else "hardly matters to RMSProp"
    yield (
        f"Rotation {verb}: after {steps:.0f} steps f is {number(axis)} along the axes and {number(worst[1])} at "
        f"{worst[0]:.0f}°, the worst angle, {number(ratio, 2)} times as much"
        + (f"; best is {best[0]:.0f}° with {number(best[1])}." if best[0] != 0 and best[1] < axis / 10 else ".")
    )


def why(over: dict[str, Row]) -> Iterator[str]:
    """Who is touched by a rotation, and who is not."""
    spread = {}
    for name, row in over.items():
        losses = [loss for _, loss in points(row, "angle", "loss")]
        spread[name] = max(losses) / min(losses) if losses and min(losses) > 0 else float("inf")
    free = [METHODS[name] for name, factor in spread.items() if factor < 1 + 1e-6]
    bound = [
        f"{METHODS[name]} by a factor of {number(factor, 2)}" for name, factor in spread.items() if factor >= 1 + 1e-6
    ]
    if free:
        yield (
            f"It does nothing at all to {listing(free)}, since the start turns with the objective; it moves the loss "
            "of "
            f"{listing(bound)}: what divides coordinate by coordinate knows the axes, and a narrow valley that lies "
            "across "
            "them has one size of gradient in both coordinates, so that nothing is left to divide away."
        )
    elif bound:
        yield f"Over the angles the loss changes for all: {listing(bound)}."


def arrivals(row: Row) -> Iterator[str]:
    """How long it takes to come near."""
    pairs = points(row, "angle", "arrived")
    near, angles = given(row["given"].get("near")), len(row["series"].get("angle", ()))
    if not pairs:
        return
    best, worst = min(pairs, key=lambda p: p[1]), max(pairs, key=lambda p: p[1])
    never = f"; at {angles - len(pairs)} angles it never does" if len(pairs) < angles else ""
    words = f"It comes to f ≤ {near} after {best[1]:.0f} steps at {best[0]:.0f}° and after {worst[1]:.0f} at "
    yield f"{words}{worst[0]:.0f}°{never}."


def as_printed(rows: Sequence[Row], runs: Sequence[Row]) -> Iterator[str]:
    """The exercise's own objective, beside the section's."""
    ends = {name: row for name in TASKS for row in oracle(rows, subject=name, method="rmsprop", setting="as printed")}
    if len(ends) == 2:
        losses = {name: found(row, "loss") or 0.0 for name, row in ends.items()}
        x1, x2 = (coordinate(found(ends["rotated"], name)) for name in ("x1", "x2"))
        verb = "is worse" if losses["rotated"] > losses["quadratic"] else "is better"
        yield (
            f"As the exercise prints it, with the start kept and twice as steep, it {verb}: x₁ = {x1}, x₂ = {x2} and f "
            "= "
            f"{number(losses['rotated'])} after 20 steps, where the section's has f = {number(losses['quadratic'])}."
        )
    if runs:
        yield f"In frameworks, on both objectives as they are printed, {agreeing(runs)}."


def _over_angles(over: dict[str, Row]) -> Figure:
    lines = [
        {"method": METHODS[name], "angle": angle, "loss": max(loss, FLOOR)}
        for name, row in over.items()
        for angle, loss in points(row, "angle", "loss")
    ]
    words = Words(
        "figure-rotation",
        "f after 20 steps, by the angle of the objective",
        "The start turns with the objective, so that every angle is the same problem in other coordinates.",
        "Loss after 20 steps against the angle, for three methods.",
    )
    angle = Axis("angle", "Angle (°)", zero=True, domain=(0, 90))
    return curves(words, lines, angle, Axis("loss", "f(x)", log=True, format="~e"), Axis("method", "Method"))


def _paths(rows: Sequence[Row]) -> Figure:
    lines = [
        {"run": f"{METHODS[name]}, {angle}", "step": step, "loss": max(loss, FLOOR)}
        for name in METHODS
        for angle in ("0°", "45°")
        for row in oracle(rows, subject="rotated", method=name, setting=angle)
        for step, loss in points(row, "step", "loss")
    ]
    words = Words(
        "figure-rotation-curves",
        "Along the axes, and across them",
        "f along 60 steps at 0° and at 45°. A name chosen in the legend stands alone.",
        "Loss curves of three methods at two angles.",
    )
    height = Axis("loss", "f(x)", log=True, format="~e")
    return curves(words, lines, Axis("step", "Step", zero=True), height, Axis("run", "Run"))


def _sheets(runs: Sequence[Row]) -> Iterator[Sheet]:
    if runs:
        header = ("Objective", "Implementation", "Dialect", ">x₁", ">x₂", ">f", *JUDGED)
        cells = (
            (
                TASKS[row["subject"]],
                who(row),
                row["dialect"] or "",
                *(coordinate(found(row, name)) for name in ("x1", "x2")),
                number(found(row, "loss"), 6),
                *judged(row),
            )
            for row in sorted(runs, key=lambda row: str(row["subject"]))
        )
        yield Sheet("The frameworks on both objectives, 20 steps", header, tuple(cells))
