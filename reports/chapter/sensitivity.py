"""Part 7, exercise 4: how much γ matters beside η, and whether it should change on the way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from reports.chapter.charts import Axis, Words, curves, heat_map
from reports.chapter.section import JUDGED, Exhibit, Section, Sheet, found, frameworks, judged, oracle, points, who
from reports.chapter.words import agreeing, listing, number, percent
from reports.figures.chart_style import Figure
from reports.read.schema import Row

TITLE = "A γ that changes, and how much it matters"
ASKS = "Exercise 4: “Would you want to adjust γ as optimization progresses? How sensitive is RMSProp to this?”"
CONSTANT = "γ = 0.9"
SECTION = (0.9, {"regression": 0.01, "quadratic": 0.4})
"""γ and η of the section."""

CLASSES = {
    "regression": ((0.01, "under 1 %"), (0.02, "1 to 2 %"), (0.05, "2 to 5 %"), (0.15, "5 to 15 %"), (0.5, "to 50 %"),
                   (2.0, "to 200 %"), (float("inf"), "more")),
    "quadratic": ((1e-9, "under 10⁻⁹"), (1e-6, "to 10⁻⁶"), (1e-3, "to 10⁻³"), (1e-1, "to 0.1"), (1.0, "to 1"),
                  (8.0, "to 8"), (float("inf"), "more")),
}  # fmt: skip

HELD = {
    "regression": (
        "Linear regression",
        "Loss above the least there is, in percent, after two epochs",
        "Above least, %",
    ),
    "quadratic": ("The quadratic in the plane", "f(x) after 20 steps", "f(x)"),
}
"""What is run, what a cell holds, and its name."""


@dataclass(frozen=True)
class Cell:
    """A pair of γ and η: the loss at the end, and by how much it is above the least, as a share of that (or itself)."""

    decay: float
    rate: float
    loss: float
    excess: float


def build(rows: Sequence[Row]) -> Section:
    """Two group maps, and the curves of several courses of γ."""
    corners = frameworks(rows, subject="regression", method="grid")
    exhibits = []
    for subject in ("regression", "quadratic"):
        cells = grid(rows, subject)
        if cells:
            said = [*best(cells, subject), *share_of_each(cells, subject)]
            if subject == "regression":
                said += [*right_rates(cells), *checked(corners)]
            exhibits.append(Exhibit(_map(cells, subject, corners), tuple(said)))
    courses = oracle(rows, subject="regression", method="course")
    if courses:
        exhibits.append(Exhibit(_curves(courses), tuple(on_courses(courses))))
    return Section(7, "sensitivity", TITLE, ASKS, tuple(exhibits), tuple(_sheets(courses, corners)))


def grid(rows: Sequence[Row], subject: str) -> list[Cell]:
    """All pairs that ended at a number."""
    found_cells = []
    for row in oracle(rows, subject=subject, method="grid"):
        decay, lowest = row["given"].get("decay"), row["given"].get("lowest") or 0.0
        for rate, loss in points(row, "rate", "loss"):
            if decay is not None:
                found_cells.append(Cell(decay, rate, loss, loss / lowest - 1 if lowest else loss))
    return found_cells


def best(cells: Sequence[Cell], subject: str) -> Iterator[str]:
    """The best pair, and the section's own."""
    lowest = min(cells, key=lambda cell: cell.excess)
    decay, rates = SECTION
    own = [cell for cell in cells if cell.decay == decay and abs(cell.rate / rates[subject] - 1) < 0.02]
    words = f"Of {len(cells)} pairs, γ = {lowest.decay:g} with η = {lowest.rate:g} is best, {_excess(lowest, subject)}"
    yield (
        f"{words}; the section's, γ = {decay} with η = {rates[subject]}, ends {_excess(own[0], subject)}."
        if own
        else f"{words}."
    )


def share_of_each(cells: Sequence[Cell], subject: str) -> Iterator[str]:
    """How far the loss moves when γ alone, or η alone, moves from the section's pair."""
    decay, rates = SECTION
    rate = min((cell.rate for cell in cells), key=lambda value: abs(value / rates[subject] - 1))
    by_decay = [cell for cell in cells if cell.rate == rate]
    by_rate = [cell for cell in cells if cell.decay == decay]
    if not by_decay or not by_rate:
        return
    moved = [max(c.loss for c in part) / max(min(c.loss for c in part), 1e-300) for part in (by_decay, by_rate)]
    more, less = ("η", "γ") if moved[1] > moved[0] else ("γ", "η")
    which = f"{more} matters more than {less}" if max(moved) > 2 * min(moved) else "they matter alike"
    yield (
        f"From the section's pair, γ alone, from {by_decay[0].decay:g} to {by_decay[-1].decay:g}, changes the loss "
        f"by up to a factor of {number(moved[0])}; η alone, from {by_rate[0].rate:g} to {by_rate[-1].rate:g}, by up to "
        f"one of {number(moved[1])}: {which}."
    )


def right_rates(cells: Sequence[Cell]) -> Iterator[str]:
    """Whether the η that is right depends on γ."""
    decays = list(dict.fromkeys(cell.decay for cell in cells))
    right = {decay: min((c for c in cells if c.decay == decay), key=lambda c: c.excess).rate for decay in decays}
    first, last = right[decays[0]], right[decays[-1]]
    if first > 2 * last:
        yield (
            f"The longer the memory, the smaller the η that is right: {first:g} at γ = {decays[0]:g}, {last:g} at γ = "
            f"{decays[-1]:g}. An average that starts at 0 and forgets slowly stays too small for about 1/(1 - γ) "
            "steps, and steps are too long until then."
        )
    else:
        ends = f"{first:g} at γ = {decays[0]:g}, {last:g} at γ = {decays[-1]:g}"
        yield f"The η that is right does not fall with γ: {ends}."


def checked(corners: Sequence[Row]) -> Iterator[str]:
    """What the frameworks say where they were asked."""
    if corners:
        places = len({row["setting"] for row in corners})
        names = listing(sorted({row["framework"] for row in corners}))
        yield f"At the {places} pairs that are framed, in {names}, {agreeing(corners)}."


def on_courses(courses: Sequence[Row]) -> Iterator[str]:
    """Whether a γ that changes is worth it."""
    lowest, last = courses[0]["given"].get("lowest"), courses[0]["given"].get("last") or 0
    over = {str(row["setting"]): mean / lowest - 1 for row in courses if lowest and (mean := found(row, "mean"))}
    if not over or not lowest:
        return
    best_name, worst_name = min(over, key=over.__getitem__), max(over, key=over.__getitem__)
    yield (
        f"Over the last {last:.0f} steps at the section's η, the best γ is “{best_name}”, {percent(over[best_name])} "
        f"above the least loss on average, and the worst “{worst_name}”, {percent(over[worst_name])}."
    )
    changing = [name for name in over if not name.startswith("γ =")]
    if CONSTANT in over and changing:
        gain = over[CONSTANT] - min(over[name] for name in changing)
        jumps = max((found(row, "spread") or 0.0) / lowest for row in courses if row["setting"] == CONSTANT)
        one = f"The best γ that changes {'gains' if gain > 0 else 'loses'} {percent(abs(gain))} on {CONSTANT}"
        if gain < jumps:
            yield (
                f"{one}, less than the loss jumps from batch to batch ({percent(jumps)}): here γ may stay as it is; "
                "η is what to adjust."
            )
        else:
            yield f"{one}, more than the loss jumps from batch to batch ({percent(jumps)}): here it pays to change γ."


def _excess(cell: Cell, subject: str) -> str:
    return (
        f"{percent(cell.excess)} above the least loss" if subject == "regression" else f"with f = {number(cell.excess)}"
    )


def _written(cell: Cell, subject: str) -> str:
    """What has room in a cell."""
    value = 100 * cell.excess if subject == "regression" else cell.excess
    if subject == "regression" and value < 9995:
        return f"{value:.{value < 9.95:d}f}"
    plain = 0.01 <= value < 1000
    return f"{value:.2g}" if plain else f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e")


def _map(cells: Sequence[Cell], subject: str, corners: Sequence[Row]) -> Figure:
    asked: dict[tuple[float | None, float | None], list[str]] = {}
    for row in corners if subject == "regression" else ():
        pair = (row["given"].get("decay"), row["given"].get("learning_rate"))
        asked.setdefault(pair, []).append(f"{who(row)} {row['outcome']}")
    pairs = [cell for cell in cells if (cell.decay, cell.rate) in asked]
    framed = [{**_point(cell, subject), "who": ", ".join(asked[cell.decay, cell.rate])} for cell in pairs]
    title, caption, group = HELD[subject]
    words = Words(
        f"figure-sensitivity-{subject}",
        f"{title}: γ against η",
        f"{caption}, computed by the oracle for each pair; blank where it is no number."
        + (" Framed: where the frameworks were asked too." if framed else ""),
        f"A group map of {len(cells)} pairs of γ and η.",
    )
    points_ = [_point(cell, subject) for cell in cells]
    classes = [name for _, name in CLASSES[subject]]
    return heat_map(words, points_, Axis("rate", "η"), Axis("decay", "γ"), Axis("value", group), classes, framed)


def _point(cell: Cell, subject: str) -> dict[str, Any]:
    return {
        "decay": f"{cell.decay:g}",
        "rate": f"{cell.rate:g}",
        "value": 100 * cell.excess if subject == "regression" else cell.excess,
        "text": _written(cell, subject),
        "class": next(name for limit, name in CLASSES[subject] if cell.excess < limit or limit == float("inf")),
    }


def _curves(courses: Sequence[Row]) -> Figure:
    lines = [
        {"course": row["setting"], "step": step, "excess": max(loss / (row["given"].get("lowest") or 1.0) - 1, 1e-4)}
        for row in courses
        for step, loss in points(row, "step", "loss")
        if step % 3 == 0
    ]
    words = Words(
        "figure-sensitivity-courses",
        "Courses of γ, linear regression",
        "Loss above the least there is, as a share of it, along two epochs with the section's η. A name chosen in the "
        "legend stands alone.",
        "Loss curves for several courses of γ.",
    )
    height = Axis("excess", "Above the least loss", log=True, format="~%")
    return curves(words, lines, Axis("step", "Step", zero=True), height, Axis("course", "γ"))


def _sheets(courses: Sequence[Row], corners: Sequence[Row]) -> Iterator[Sheet]:
    if courses:
        header = ("γ", ">Loss at the end", ">Mean of the last steps", ">Its spread")
        names = ("loss", "mean", "spread")
        courses_ = ((str(row["setting"]), *(number(found(row, name), 5) for name in names)) for row in courses)
        yield Sheet("Courses of γ", header, tuple(courses_))
    if corners:
        pairs = ((str(row["setting"]), who(row), number(found(row, "loss"), 9), *judged(row)) for row in corners)
        columns = ("Pair", "Implementation", ">Loss", *JUDGED)
        yield Sheet("The frameworks at pairs of the first map", columns, tuple(pairs))
