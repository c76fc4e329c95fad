"""Part 6, exercise 3: ways to adjust the learning rate, on a real problem."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reports.chapter.charts import Axis, Words, curves
from reports.chapter.section import (
    JUDGED,
    Exhibit,
    Section,
    Sheet,
    found,
    frameworks,
    in_turn,
    judged,
    oracle,
    points,
    who,
)
from reports.chapter.words import agreeing, counted, given, listing, number, percent
from reports.figures.chart_style import Figure
from reports.read.schema import Row

TITLE = "Exercise 3: a real problem, and how to adjust η"
ASKS = (
    "Exercise 3: “Try out what happens to RMSProp on a real machine learning problem, such as training on "
    "Fashion-MNIST. "
    "Experiment with different choices for adjusting the learning rate.”"
)


def build(rows: Sequence[Row]) -> Section:
    """Curves of loss and accuracy for each schedule, with the frameworks on them."""
    ours, runs = oracle(rows, method="schedule"), frameworks(rows, method="schedule")
    peaks = oracle(rows, method="peaks")
    if not ours:
        return Section(6, "network", TITLE, ASKS)
    exhibits = (
        Exhibit(_curves(ours, runs, "loss"), (*best(ours), *jumps(ours), *on_what(ours))),
        Exhibit(_curves(ours, runs, "accuracy"), (*accuracies(ours), *alike(runs))),
        *([Exhibit(_peaks(peaks), tuple(by_peak(peaks)))] if peaks else []),
        Exhibit(_rates(ours), (*shapes(ours),)),
    )
    return Section(6, "network", TITLE, ASKS, exhibits, tuple(_sheets(ours, runs)))


def best(ours: Sequence[Row]) -> Iterator[str]:
    """Which schedule ends lowest, and what a constant η does."""
    means = {str(row["setting"]): mean for row in ours if (mean := found(row, "mean")) is not None}
    if not means:
        return
    low, high = min(means, key=means.__getitem__), max(means, key=means.__getitem__)
    peak = given(ours[0]["given"].get("learning_rate"))
    yield (
        f"Of {counted(len(means), 'schedule')} with η = {peak} at the most, “{low}” ends with the lowest loss, "
        f"{number(means[low])} in the mean of the last epoch, and “{high}” with the highest, {number(means[high])}."
    )


def jumps(ours: Sequence[Row]) -> Iterator[str]:
    """Whether a constant η comes to rest."""
    spreads = {str(row["setting"]): spread for row in ours if (spread := found(row, "spread")) is not None}
    if "constant" not in spreads or len(spreads) < 2:
        return
    calm = min(spreads, key=spreads.__getitem__)
    rests = spreads["constant"] <= 2 * spreads[calm]
    verb = "comes to rest as well as any" if rests else "does not come to rest"
    yield (
        f"With a constant η it {verb}: over the last epoch the loss still moves within "
        f"{number(spreads['constant'], 2)}, "
        f"with “{calm}” within {number(spreads[calm], 2)}."
    )


def by_peak(peaks: Sequence[Row]) -> Iterator[str]:
    """Whether the schedule that is best depends on where it starts."""
    losses = {str(row["setting"]): dict(points(row, "peak", "mean")) for row in peaks}
    every = sorted({peak for found_there in losses.values() for peak in found_there})
    winners = {}
    for peak in every:
        there = {name: known[peak] for name, known in losses.items() if peak in known}
        winners[peak] = min(there, key=there.__getitem__)
    if len(every) < 2:
        return
    each = listing(
        [
            f"“{name}” from η = {listing([given(peak) for peak in every if winners[peak] == name])}"
            for name in dict.fromkeys(winners.values())
        ]
    )
    if len(set(winners.values())) > 1:
        yield f"Which schedule is best depends on where it starts: {each}."
    else:
        yield f"The same schedule is best wherever it starts: {each}."
    ranges = {name: max(known.values()) / min(known.values()) for name, known in losses.items() if known}
    robust, frail = min(ranges, key=ranges.__getitem__), max(ranges, key=ranges.__getitem__)
    yield (
        f"“{robust}” minds least where it starts: from η = {given(every[0])} to {given(every[-1])} its loss moves by a "
        "factor "
        f"of {number(ranges[robust], 2)}, that of “{frail}” by {number(ranges[frail], 2)}."
    )


def on_what(ours: Sequence[Row]) -> Iterator[str]:
    """The data and the network."""
    row = ours[0]
    if row["detail"]:
        steps, epochs = (row["given"].get(name) or 0 for name in ("steps", "epochs"))
        yield f"The data: {row['detail']}. {epochs:.0f} epochs, {steps:.0f} steps; one layer of 32 units between."


def accuracies(ours: Sequence[Row]) -> Iterator[str]:
    """Whether the loss that was trained is the accuracy that was wanted."""
    right = {str(row["setting"]): share for row in ours if (share := found(row, "accuracy")) is not None}
    losses = {str(row["setting"]): loss for row in ours if (loss := found(row, "mean")) is not None}
    if not right or not losses:
        return
    high, low = max(right, key=right.__getitem__), min(right, key=right.__getitem__)
    tested = ours[0]["given"].get("tested") or 0
    lowest = min(losses, key=losses.__getitem__)
    words = (
        f"Of {tested:,.0f} images that were kept apart, “{high}” has {percent(right[high], 3)} right, “{low}” "
        f"{percent(right[low], 3)}"
    )
    error = (right[high] * (1 - right[high]) / tested) ** 0.5 if tested else 0.0
    apart = right[high] - right[low]
    doubt = "; with so many images that is no more than chance may make of it" if apart < 2 * 2**0.5 * error else ""
    same = (
        "" if high == lowest or right[lowest] == right[high] else f", though “{lowest}” has the lowest loss in training"
    )
    yield f"{words}{same}{doubt}."


def alike(runs: Sequence[Row]) -> Iterator[str]:
    """What frameworks make of it."""
    if not runs:
        return
    scratch = [row for row in runs if row["dialect"] == "d2l"]
    shares = [share for row in scratch if (share := found(row, "alike")) is not None]
    updates = max((row["update_ratio"] or 0 for row in runs), default=0)
    worst = f"the worst update is {number(updates, 2)} of its bound off"
    yield f"On the same images, start and order, in frameworks, {agreeing(runs)}; {worst}."
    if shares:
        least = min(shares)
        words = "every one of the images" if least == 1 else f"at least {percent(least, 4)} of the images"
        yield f"At the end, networks from scratch in frameworks take {words} for the same class as the oracle's."


def shapes(ours: Sequence[Row]) -> Iterator[str]:
    """What the schedules spend."""
    sums = {
        str(row["setting"]): sum(rate for _, rate in pairs) / len(pairs)
        for row in ours
        if (pairs := points(row, "step", "rate"))
    }
    if "constant" in sums and len(sums) > 1:
        others = [f"“{name}” {percent(mean / sums['constant'])}" for name, mean in sums.items() if name != "constant"]
        yield (
            "All begin with, or warm up to, the same η; on average they spend, of what the constant one does, "
            f"{listing(others)}."
        )


def _curves(ours: Sequence[Row], runs: Sequence[Row], what: str) -> Figure:
    lines = [{"schedule": row["setting"], "step": s, what: y} for row in ours for s, y in points(row, "step", what)]
    scratch = [row for row in runs if row["dialect"] == "d2l"]
    marks = [
        {"schedule": row["setting"], "step": s, what: y, "framework": row["framework"], "who": who(row)}
        for row, s, y in in_turn(scratch, "step", what, stride=2)
    ]
    titles = {
        "loss": ("Loss", "The loss on what is trained on"),
        "accuracy": ("Accuracy", "The share that is right, of images kept apart"),
    }
    name, title = titles[what]
    words = Words(
        f"figure-network-{what}",
        title,
        "Lines: the oracle. Marks: the frameworks from scratch, on the same batches. A name chosen in the legend "
        "stands alone.",
        f"{name} against steps for five schedules of the learning rate.",
    )
    height = Axis("loss", name, log=True, format="~g") if what == "loss" else Axis("accuracy", name, format="~%")
    if what == "accuracy":
        lines, marks = ([point for point in part if point["step"] > 0] for part in (lines, marks))
    return curves(words, lines, Axis("step", "Step", zero=True), height, Axis("schedule", "Schedule"), marks)


def _peaks(peaks: Sequence[Row]) -> Figure:
    lines = [
        {"schedule": row["setting"], "peak": x, "loss": y} for row in peaks for x, y in points(row, "peak", "mean")
    ]
    words = Words(
        "figure-network-peaks",
        "The loss at the end, by the largest η",
        "The mean over the last epoch, in the oracle. A name chosen in the legend stands alone.",
        "Loss at the end against the largest learning rate, for five schedules.",
    )
    peak, loss = Axis("peak", "Largest η", log=True, format="~g"), Axis("loss", "Loss", log=True, format="~g")
    return curves(words, lines, peak, loss, Axis("schedule", "Schedule"), height=240)


def _rates(ours: Sequence[Row]) -> Figure:
    lines = [{"schedule": row["setting"], "step": s, "rate": y} for row in ours for s, y in points(row, "step", "rate")]
    words = Words(
        "figure-network-rates",
        "The schedules",
        "η of each step.",
        "The learning rate against steps for five schedules.",
    )
    step, rate = Axis("step", "Step", zero=True), Axis("rate", "η", zero=True)
    return curves(words, lines, step, rate, Axis("schedule", "Schedule"), height=200)


def _sheets(ours: Sequence[Row], runs: Sequence[Row]) -> Iterator[Sheet]:
    header = ("Schedule", "Implementation", "Dialect", ">Loss", ">Mean of the last epoch", ">Accuracy", *JUDGED)
    cells = [
        (
            str(row["setting"]),
            who(row) if row["implementation"] else "oracle, float64",
            row["dialect"] or "d2l",
            number(found(row, "loss"), 7),
            number(found(row, "mean"), 4),
            percent(found(row, "accuracy") or 0.0, 4),
            *judged(row),
        )
        for row in sorted([*ours, *runs], key=lambda row: (str(row["setting"]), row["framework"] != "oracle"))
    ]
    yield Sheet("Schedules in the oracle and in frameworks", header, tuple(cells))
