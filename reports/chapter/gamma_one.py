"""Part 4, exercise 1: what γ = 1 does, in the oracle and in every framework, beside the closed form."""

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
from reports.chapter.words import capital, counted, given, listing, number
from reports.figures.chart_style import Figure
from reports.read.schema import Row

TITLE = "Exercise 1: γ = 1"
ASKS = "Exercise 1: “What happens experimentally if we set γ = 1? Why?”"
FLOOR, CEILING = 1e-12, 1e40
"""Between which losses are drawn."""

DIVERGES = 0.5
"""The rate from which on gradient descent on this objective diverges: 2 over the largest curvature, 4."""

TAMED = 0.4
"""The rate of the descents that converge."""

SETTINGS = {"section": "η = 0.4", "inside": "η = 0.4 √ε", "outside": "η = 0.4 ε"}


def build(rows: Sequence[Row]) -> Section:
    """The way to γ = 1, and the frameworks there."""
    way = sorted(oracle(rows, method="rmsprop"), key=lambda row: row["given"].get("decay") or 0)
    runs = frameworks(rows, method="gamma one")
    exhibits = []
    if way:
        exhibits.append(Exhibit(_way(way), (*why(way), *refusals(runs), *first_steps(way))))
    if any(row["series"] for row in runs):
        exhibits.append(Exhibit(_descents(runs), (*as_descent(runs), *rates(runs), *endings(runs))))
    return Section(4, "gamma-one", TITLE, ASKS, tuple(exhibits), tuple(_sheets(runs)))


def why(way: Sequence[Row]) -> Iterator[str]:
    """What γ = 1 is."""
    last = way[-1]
    rate, epsilon, loss = last["given"].get("learning_rate"), last["given"].get("epsilon"), found(last, "loss")
    if last["given"].get("decay") != 1 or not rate or not epsilon:
        return
    descent = rate / epsilon**0.5
    grows = loss is None or loss > 1
    what = "diverges" if grows else "converges"
    end = f"f is {number(loss)} after 20 steps" if loss is not None else "f is no longer a number after 20 steps"
    yield (
        f"With γ = 1 RMSProp {what}: {end}. Nothing new enters the average, so s stays at its start, 0, and a step is "
        f"η g/√ε: gradient descent with the rate {given(rate)}/√{given(epsilon)} = {number(descent)}, where this "
        f"objective allows less than {DIVERGES}."
    )


def refusals(runs: Sequence[Row]) -> Iterator[str]:
    """Whether a framework refuses γ = 1."""
    if not runs:
        return
    refused = {
        who(row): row["reason"] or ""
        for row in runs
        if row["outcome"] in ("unsupported", "failed") and not row["series"]
    }
    asked = len({who(row) for row in runs})
    if not refused:
        yield f"No framework refuses γ = 1: {counted(asked, 'implementation')} of {_names(runs)} run."
    else:
        each = listing([f"{name} ({reason})" for name, reason in refused.items()])
        yield f"Of {counted(asked, 'implementation')} of {_names(runs)}, these refuse γ = 1: {each}."


def first_steps(way: Sequence[Row]) -> Iterator[str]:
    """How the first step grows on the way."""
    below = [row for row in way if (row["given"].get("decay") or 0) < 1]
    if len(below) > 1:
        first, last = below[0], below[-1]
        steps = [found(row, "first_step") or 0.0 for row in (first, last)]
        wide = [(row["given"].get("learning_rate") or 0) / (1 - row["given"]["decay"]) ** 0.5 for row in (first, last)]
        law = all(abs(a / b - 1) < 0.01 for a, b in zip(steps, wide, strict=True))
        yield (
            f"On the way there the first step grows from {number(steps[0])} at {first['setting']} to "
            f"{number(steps[1])} at "
            f"{last['setting']}, {'as η/√(1 - γ) does' if law else 'other than η/√(1 - γ)'}."
        )


def as_descent(runs: Sequence[Row]) -> Iterator[str]:
    """Whether every run is the gradient descent that it should be."""
    distances = {
        f"{who(row)}, {SETTINGS.get(row['setting'], '')}": d
        for row in runs
        if (d := found(row, "distance")) is not None
    }
    if distances:
        worst = max(distances, key=distances.__getitem__)
        same = distances[worst] < 1e-3
        words = "is gradient descent with a constant rate" if same else "is not gradient descent everywhere"
        yield (
            f"In frameworks it {words}: of {len(distances)} runs the farthest from the closed form x₀ (1 - rate · "
            "slope)ᵗ, "
            f"{worst}, is {number(distances[worst], 2)} of its value away."
        )


def rates(runs: Sequence[Row]) -> Iterator[str]:
    """That the same η is another descent in another implementation."""
    at = {who(row): rate for row in runs if row["setting"] == "section" and (rate := found(row, "rate"))}
    groups: dict[str, list[str]] = {}
    for name, rate in at.items():
        groups.setdefault(number(rate), []).append(name)
    if len(groups) > 1:
        each = "; ".join(
            f"{rate} in {listing(names)}" for rate, names in sorted(groups.items(), key=lambda p: at[p[1][0]])
        )
        stays = [name for name, rate in at.items() if rate < DIVERGES]
        words = f"The same η = 0.4 is another descent by where ε stands and where s starts. Its rate is {each}"
        yield f"{words}." + (
            f" Only {listing(stays)} converges: there s starts at 1." if stays else " All of these diverge."
        )


def endings(runs: Sequence[Row]) -> Iterator[str]:
    """Where a run that diverges ends, and why there."""
    ended = [row for row in runs if found(row, "ended") is not None]
    early = [row for row in ended if found(row, "due") == found(row, "ended")]
    late = [row for row in ended if row not in early and found(row, "due_late") == found(row, "ended")]
    other = [row for row in ended if row not in early and row not in late]
    if early:
        runs_ = counted(len(early), "run that diverges ends", "runs that diverge end")
        yield capital(
            f"{runs_} after {_steps(early)} steps, in the very step in which g² overflows float32: it is multiplied by "
            "1 - γ = 0, and 0 · ∞ is no number, long before x itself would overflow."
        )
    if late:
        yield (
            f"{listing(list(dict.fromkeys(map(who, late))))} {'lasts' if len(late) == 1 else 'last'} until x itself "
            f"overflows, after {_steps(late)} steps: (1 - γ) g is formed first there, which is 0: no square overflows."
        )
    if other:
        each = listing([f"{who(row)} after {found(row, 'ended'):.0f}" for row in other])
        yield f"Neither overflow explains where these end: {each} steps."


def _steps(rows: Sequence[Row]) -> str:
    steps = sorted({int(found(row, "ended") or 0) for row in rows})
    return " or ".join(filter(None, (", ".join(map(str, steps[:-1])), *map(str, steps[-1:]))))


def _names(runs: Sequence[Row]) -> str:
    return listing(sorted({str(row["framework"]) for row in runs}))


def _way(way: Sequence[Row]) -> Figure:
    lines = [
        {"decay": row["setting"], "step": step, "loss": min(max(loss, FLOOR), CEILING)}
        for row in way
        for step, loss in points(row, "step", "loss")
        if loss <= CEILING
    ]
    words = Words(
        "figure-gamma-one",
        "The section's quadratic, as γ goes to 1",
        "f along 20 steps of the oracle with the section's η. A name chosen in the legend stands alone.",
        "Loss against steps for several γ up to 1, on a logarithmic axis.",
    )
    height = Axis("loss", "f(x)", log=True, format="~e", domain=(FLOOR, CEILING))
    return curves(words, lines, Axis("step", "Step", zero=True), height, Axis("decay", "γ"))


def _descents(runs: Sequence[Row]) -> Figure:
    def name(row: Row) -> str:
        return f"rate {number(found(row, 'rate'))}"

    plain = [row for row in runs if row["setting"] == "section" or abs((found(row, "rate") or 0) / TAMED - 1) < 1e-3]
    shown = sorted((row for row in plain if row["series"]), key=lambda row: found(row, "rate") or 0)
    first = {name(row): row for row in reversed(shown)}
    lines = [
        {"rate": label, "step": step, "loss": loss}
        for label, row in sorted(first.items(), key=lambda item: found(item[1], "rate") or 0)
        for step, loss in points(row, "step", "closed")
        if FLOOR <= loss <= CEILING
    ]
    marks = [
        {"rate": name(row), "framework": row["framework"], "who": f"{who(row)}, {SETTINGS.get(row['setting'], '')}",
         "step": step, "loss": loss}
        for row, step, loss in in_turn(shown, "step", "loss")
        if FLOOR <= loss <= CEILING
    ]  # fmt: skip
    words = Words(
        "figure-gamma-one-descent",
        "γ = 1 in frameworks: gradient descent, at rates of its own",
        "Lines: the closed form. Marks: what frameworks did with η = 0.4, and with η so small that descent converges. "
        "A rate "
        "chosen in the legend stands alone.",
        "Loss against steps: lines of the closed form with the frameworks' marks on them.",
    )
    height = Axis("loss", "f(x)", log=True, format="~e", domain=(FLOOR, CEILING))
    return curves(words, lines, Axis("step", "Step", zero=True), height, Axis("rate", "Descent"), marks)


def _sheets(runs: Sequence[Row]) -> Iterator[Sheet]:
    if runs:
        numbers = (">Rate of descent", ">f after 20 steps", ">From the closed form", ">Ended after")
        header = ("Implementation", "Dialect", "η", *numbers, JUDGED[0])
        cells = (
            (
                who(row),
                row["dialect"] or "",
                SETTINGS.get(row["setting"], ""),
                number(found(row, "rate")),
                number(found(row, "loss")),
                number(found(row, "distance"), 2),
                number(found(row, "ended")) if found(row, "ended") is not None else "",
                judged(row)[0],
            )
            for row in runs
        )
        yield Sheet("γ = 1 in every framework", header, tuple(cells))
