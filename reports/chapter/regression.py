"""Part 3: losses and seconds beside the published ones, and what moves a loss."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from reports.chapter.charts import Axis, Words, curves, strips
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
from reports.chapter.words import agreeing, listing, number
from reports.figures.chart_style import Figure
from reports.read.schema import Row
from reports.tables import published
from reports.tables.numbers import duration, fixed

TITLE = "From scratch and concise, and why losses can't be compared"
ASKS = (
    "Linear regression on NASA's airfoil data, batches of 10, η = 0.01, γ = 0.9. The section prints a loss and the "
    "seconds "
    "of an epoch for a program from scratch and a concise one, in three frameworks. Between these runs five things "
    "differ besides the framework."
)
MOVES = {
    "order": "the order of the batches",
    "start": "the initial weights",
    "both": "order and weights",
    "epochs": "1 to 4 epochs",
    "doubled": "the missing ½",
    "epsilon": "size and place of ε",
}
SINGLE = {"order": "1", "start": "1", "epochs": "4", "doubled": "gradients doubled", "epsilon": "1e-8 inside"}
"""Of each kind of move the one that frameworks make too."""

AIRFOIL = "airfoil"
SLIGHT = 5e-4
"""Half a unit of the last digit that the section prints of a loss."""


def build(rows: Sequence[Row]) -> Section:
    """Both programs in every framework, and what the loss does when one thing moves."""
    programs = frameworks(rows, method="program")
    seconds = {who(row): row for row in frameworks(rows, method="seconds")}
    moved = {name: oracle(rows, method=name) for name in MOVES}
    base = next(iter(oracle(rows, method="nothing")), None)
    exhibits = []
    if base and any(moved.values()):
        said = [*verdict(moved, programs), *each(moved, base), *in_frameworks(rows)]
        exhibits.append(Exhibit(_strips(moved, base, rows), tuple(said)))
    if any(row["series"] for row in programs):
        exhibits.append(Exhibit(_curves(programs), tuple(alike(programs))))
    if fast := tuple(speeds(seconds)):
        exhibits.append(Exhibit(_times(seconds), fast))
    span = reach(moved.get("both", []))
    numbers = tuple(_numbers(programs, seconds, span))
    return Section(3, "regression", TITLE, ASKS, tuple(exhibits), tuple(_sheets(programs, seconds, rows)), numbers)


def reach(rows: Sequence[Row]) -> tuple[float, float] | None:
    """The least and the largest loss of some runs."""
    losses = [loss for row in rows if (loss := found(row, "loss")) is not None]
    return (min(losses), max(losses)) if losses else None


def verdict(moved: dict[str, list[Row]], programs: Sequence[Row]) -> Iterator[str]:
    """Whether the published losses tell frameworks apart."""
    span = reach(moved["both"])
    printed = sorted(one.loss for one in published.REGRESSION.values())
    if span is None:
        return
    if programs and any(row["detail"] != AIRFOIL for row in programs):
        yield (
            "The airfoil data were not at hand: these losses are of generated data, and can't stand beside the "
            "published "
            "ones."
        )
        return
    inside = span[0] - SLIGHT <= printed[0] and printed[-1] <= span[1] + SLIGHT
    reruns = len(moved["both"])
    words = f"The same program run again, {reruns} times with other orders and initial weights, gives {_ends(span)}"
    between = f"the published losses, {fixed(printed[0], 3)} to {fixed(printed[-1], 3)}"
    if inside:
        yield f"{words}: {between}, lie within, and say nothing about frameworks."
    else:
        yield f"{words}: {between}, do not all lie within, and something else must move them."


def each(moved: dict[str, list[Row]], base: Row) -> Iterator[str]:
    """How far each thing moves the loss by itself; those that do not, together."""
    still, begin = [], found(base, "loss") or 0.0
    for name, words in MOVES.items():
        span = reach(moved[name])
        if name == "both" or span is None:
            continue
        farthest = max(abs(end - begin) for end in span)
        if farthest < SLIGHT:
            still.append(f"{words} ({number(farthest, 1)})")
        else:
            yield f"Moved alone, from a loss of {fixed(begin, 4)}: {words} gives {_ends(span)}."
    if still:
        verb = "does" if len(still) == 1 else "do"
        yield (
            f"What {verb} not move a printed digit: {listing(still)}. A gradient that is doubled divides itself by a "
            "root "
            "that is doubled too, and ε is small beside any of these gradients."
        )


def in_frameworks(rows: Sequence[Row]) -> Iterator[str]:
    """The same moves in frameworks."""
    runs = [row for row in frameworks(rows, setting="in a framework") if row["method"] != "program"]
    if runs:
        oracles = {
            name: found(row, "loss") for name, like in SINGLE.items() for row in oracle(rows, method=name, setting=like)
        }
        off = [
            abs((found(row, "loss") or 0) - own) / own
            for row in runs
            if (own := oracles.get(str(row["method"]))) and found(row, "loss") is not None
        ]
        near = f", and their losses are within {number(max(off), 2)} of its own" if off else ""
        yield f"One of each kind of move, from scratch in each framework: {agreeing(runs)}{near}."


def alike(programs: Sequence[Row]) -> Iterator[str]:
    """How far apart frameworks are when nothing differs but the framework."""
    losses = [loss for row in programs if (loss := found(row, "loss")) is not None]
    if len(losses) > 1:
        apart = max(losses) - min(losses)
        scratch = [loss for row in programs if row["implementation"] == "section" and (loss := found(row, "loss"))]
        words = (
            f"With data, order and start the same, the {len(losses)} programs end between {number(min(losses), 6)} and "
        )
        words += f"{number(max(losses), 6)}, {number(apart, 2)} apart"
        if len(scratch) > 1:
            words += f"; those from scratch, which compute the same, {number(max(scratch) - min(scratch), 2)}"
        yield f"{words}: {agreeing(programs)}."


def speeds(seconds: dict[str, Row]) -> Iterator[str]:
    """Who is fastest, here and in print."""
    times = {name: median for name, row in seconds.items() if (median := found(row, "median"))}
    if len(times) < 2:
        return
    fastest, slowest = min(times, key=times.__getitem__), max(times, key=times.__getitem__)
    words = f"An epoch takes {duration(times[fastest])} in {fastest} and {duration(times[slowest])} in {slowest}"
    printed = {name: one.seconds for name in times if (one := _beside(seconds[name]))}
    if len(printed) == len(times):
        first = min(printed, key=printed.__getitem__)
        words += ", the fastest in print too" if first == fastest else f"; in print {first} is fastest"
        ratios = sorted(printed[name] / times[name] for name in times)
        words += f". The published seconds, of another machine, are {number(ratios[0], 2)} to "
        words += f"{number(ratios[-1], 2)} times ours"
    yield f"{words}."


def _beside(row: Row) -> published.Published | None:
    return published.published_run(str(row["framework"]), str(row["implementation"]), row["dialect"])


def _ends(span: tuple[float, float]) -> str:
    return f"{fixed(span[0], 4)} to {fixed(span[1], 4)}"


def _strips(moved: dict[str, list[Row]], base: Row, rows: Sequence[Row]) -> Figure:
    dots: list[dict[str, Any]] = []
    for name, move in MOVES.items():
        for row in moved[name]:
            said = f"{move}: {row['setting']}"
            dots.append({"move": move, "loss": found(row, "loss"), "kind": "oracle", "who": said})
        for row in frameworks(rows, method=name, setting="in a framework"):
            dots.append({"move": move, "loss": found(row, "loss"), "kind": row["framework"], "who": who(row)})  # noqa: PERF401
    dots = [dot for dot in dots if dot["loss"] is not None]
    rules = [
        {"loss": one.loss, "who": f"published: {framework}, {column}"}
        for (framework, column), one in published.REGRESSION.items()
    ]
    words = Words(
        "figure-regression-moves",
        "The loss after two epochs, when one thing moves",
        f"Each row moves one thing by itself from a run of which the loss is {fixed(found(base, 'loss'), 4)}. Dashed: "
        "the "
        "losses that the section prints.",
        "Rows of dots, a row for each thing that moves, and the published losses across them.",
    )
    return strips(words, dots, Axis("loss", "Loss", format=".3f"), Axis("move", "What moves"), rules)


def _curves(programs: Sequence[Row]) -> Figure:
    lines = [
        {"program": who(row), "step": step, "loss": loss}
        for row in programs
        for step, loss in points(row, "step", "loss")
    ]
    words = Words(
        "figure-regression",
        "The section's two programs, on the same data, order and start",
        "The loss over all rows along two epochs. A name chosen in the legend stands alone.",
        "Loss curves of six programs, which lie on one another.",
    )
    step, loss = Axis("step", "Step", zero=True), Axis("loss", "Loss")
    return curves(words, lines, step, loss, Axis("program", "Program"))


def _times(seconds: dict[str, Row]) -> Figure:
    dots: list[dict[str, Any]] = []
    for name, row in seconds.items():
        printed, median = _beside(row), found(row, "median")
        if median:
            dots.append({"program": name, "seconds": median, "kind": "here", "who": f"{name}, here"})
        if printed:
            dots.append({"program": name, "seconds": printed.seconds, "kind": "published", "who": f"{name}, published"})
    words = Words(
        "figure-regression-seconds",
        "Seconds of an epoch, here and published",
        "Medians of samples that were taken in rounds, everyone once a round in random order, on one thread.",
        "Seconds of an epoch for each program, ours beside the published ones.",
    )
    return strips(words, dots, Axis("seconds", "Seconds an epoch", log=True, format="~g"), Axis("program", "Program"))


def _sheets(programs: Sequence[Row], seconds: dict[str, Row], rows: Sequence[Row]) -> Iterator[Sheet]:
    if programs:
        numbers = (">Published loss", ">Our loss", ">Published s/epoch", ">Our s/epoch", ">95 % interval")
        header = ("Program", "Dialect", *numbers, *JUDGED)
        cells = []
        for row in programs:
            printed, timing = _beside(row), seconds.get(who(row))
            low, high = (found(timing, name) if timing else None for name in ("low", "high"))
            cells.append(
                (
                    who(row),
                    row["dialect"] or "",
                    fixed(printed.loss, 3) if printed else "",
                    fixed(found(row, "loss"), 6),
                    fixed(printed.seconds, 3) if printed else "",
                    fixed(found(timing, "median"), 4) if timing else "",
                    f"{fixed(low, 4)} to {fixed(high, 4)}" if low is not None else "",
                    *judged(row),
                )
            )
        yield Sheet("The section's table, and ours", header, tuple(cells))
    runs = [row for row in frameworks(rows, setting="in a framework") if row["method"] != "program"]
    if runs:
        moves = (
            (MOVES.get(str(row["method"]), "nothing"), who(row), fixed(found(row, "loss"), 6), *judged(row))
            for row in runs
        )
        yield Sheet(
            "One move at a time, in frameworks", ("What moves", "Implementation", ">Loss", *JUDGED), tuple(moves)
        )


def _numbers(programs: Sequence[Row], seconds: dict[str, Row], span: tuple[float, float] | None) -> Iterator[Number]:
    """Losses and seconds; neither is the same on two runs, so that no digit can be asked for."""
    for row in programs:
        printed = _beside(row)
        if printed is None:
            continue
        name = f"loss, {row['framework']}, {'from scratch' if row['implementation'] == 'section' else 'concise'}"
        known = row["detail"] == AIRFOIL and span is not None
        within = known and span is not None and span[0] - SLIGHT <= printed.loss <= span[1] + SLIGHT
        remark = (
            f"order and start are unknown: they alone make {_ends(span)}, and the published loss is "
            f"{'within' if within else 'outside'}"
            if known and span is not None
            else "other data"
        )
        yield Number(name, fixed(printed.loss, 3), fixed(found(row, "loss"), 3), None, remark)
    for name, row in seconds.items():
        printed = _beside(row)
        if printed is not None:
            ours = fixed(found(row, "median"), 3)
            yield Number(f"seconds per epoch, {name}", fixed(printed.seconds, 3), ours, None, "another machine")
