"""Part 6, exercise 3: ways to adjust the learning rate, on a real problem."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reports.chapter.charts import Axis, Words, curves
from reports.chapter.section import JUDGED, Exhibit, Section, Sheet, found, frameworks, judged, oracle, points, who
from reports.chapter.words import agreeing, counted, listing, number, percent
from reports.drawing import Figure
from reports.schema import Row

TITLE = "Exercise 3: a real problem, and how to adjust η"
ASKS = (
    "Exercise 3: “Try out what happens to RMSProp on a real machine learning problem, such as training on "
    "Fashion-MNIST. "
    "Experiment with different choices for adjusting the learning rate.”"
)


def build(rows: Sequence[Row]) -> Section:
    """Curves of loss and accuracy for each schedule, with the frameworks on them."""
    ours, runs = oracle(rows, method="schedule"), frameworks(rows, method="schedule")
    if not ours:
        return Section(6, "network", TITLE, ASKS)
    exhibits = (
        Exhibit(_curves(ours, runs, "loss"), (*best(ours), *against_constant(ours), *on_what(ours))),
        Exhibit(_curves(ours, runs, "accuracy"), (*accuracies(ours), *alike(runs))),
        Exhibit(_rates(ours), (*shapes(ours),)),
    )
    return Section(6, "network", TITLE, ASKS, exhibits, tuple(_sheets(ours, runs)))


def best(ours: Sequence[Row]) -> Iterator[str]:
    """Which schedule ends lowest."""
    losses = {str(row["setting"]): loss for row in ours if (loss := found(row, "loss")) is not None}
    low, high = min(losses, key=losses.__getitem__), max(losses, key=losses.__getitem__)
    yield (
        f"Of {counted(len(losses), 'schedule')} “{low}” ends with the lowest loss on what it was trained on, "
        f"{number(losses[low])}, and “{high}” with the highest, {number(losses[high])}, "
        f"{number(losses[high] / losses[low], 2)} "
        "times as much."
    )


def against_constant(ours: Sequence[Row]) -> Iterator[str]:
    """What a schedule is worth beside a constant η."""
    losses = {str(row["setting"]): loss for row in ours if (loss := found(row, "loss")) is not None}
    spreads = {str(row["setting"]): found(row, "spread") or 0.0 for row in ours}
    if "constant" not in losses:
        return
    better = [name for name in losses if losses[name] < losses["constant"]]
    worse = [name for name in losses if losses[name] > losses["constant"]]
    parts = [f"lower with {listing(better)}" if better else "", f"higher with {listing(worse)}" if worse else ""]
    calm = min(spreads, key=spreads.__getitem__)
    yield (
        f"Beside a constant η the loss ends {listing([part for part in parts if part])}. Over the last epoch the loss "
        "of the "
        f"constant one still moves by {percent(spreads['constant'])}, that of “{calm}” by {percent(spreads[calm])}."
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
    losses = {str(row["setting"]): loss for row in ours if (loss := found(row, "loss")) is not None}
    if not right:
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
    yield f"On the same images, start and order, {agreeing(runs)}; {worst}."
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
    marks = [
        {"schedule": row["setting"], "step": s, what: y, "framework": row["framework"], "who": who(row)}
        for row in runs
        if row["dialect"] == "d2l"
        for place, (s, y) in enumerate(points(row, "step", what))
        if place % 4 == 0
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
    header = ("Schedule", "Implementation", "Dialect", ">Loss", ">Accuracy", *JUDGED)
    cells = [
        (
            str(row["setting"]),
            who(row) if row["implementation"] else "oracle, float64",
            row["dialect"] or "d2l",
            number(found(row, "loss"), 7),
            percent(found(row, "accuracy") or 0.0, 4),
            *judged(row),
        )
        for row in sorted([*ours, *runs], key=lambda row: (str(row["setting"]), row["framework"] != "oracle"))
    ]
    yield Sheet("Schedules in the oracle and in frameworks", header, tuple(cells))
