"""Part 1: the weights of leaky averages, their sums and half-lives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reports.chapter.charts import Axis, Words, curves
from reports.chapter.section import Exhibit, Number, Section, Sheet, found, oracle, points
from reports.chapter.words import number, percent
from reports.read.schema import Row

TITLE = "Leaky averages"
ASKS = (
    "Equation 11.8.2 unrolls sₜ = γ sₜ₋₁ + (1 - γ) gₜ²: an observation of k steps ago weighs (1 - γ) γᵏ. The "
    "section plots these weights over 40 steps, and says that they sum to 1 “with a half-life time of an observation "
    "of γ⁻¹”."
)
CLOSE = 0.05
"""A printed value that is off by no more than this share is called the same."""


def build(rows: Sequence[Row]) -> Section:
    """The section's first figure, and what it says in numbers."""
    averages = sorted(oracle(rows, subject="average"), key=lambda row: -(row["given"].get("decay") or 0))
    lines = [
        {"average": row["setting"], "age": age, "weight": weight}
        for row in averages
        for age, weight in points(row, "age", "weight")
    ]
    if not lines:
        return Section(1, "averages", TITLE, ASKS)
    words = Words(
        "figure-averages",
        "What an observation weighs, by its age",
        "The area under each line is the sum of its weights. A name chosen in the legend stands alone.",
        "Weights that fall from 1 - γ by the factor γ a step, for several γ.",
    )
    age, weight = Axis("age", "Steps ago", zero=True), Axis("weight", "Weight", zero=True)
    drawn = curves(words, lines, age, weight, Axis("average", "Average"))
    return Section(
        1,
        "averages",
        TITLE,
        ASKS,
        (Exhibit(drawn, (half_lives(averages), sums(averages), kept(averages))),),
        (_sheet(averages),),
        tuple(_numbers(averages)),
    )


def half_lives(averages: Sequence[Row]) -> str:
    """When an observation weighs half, and whether that is what the section prints."""
    longest, shortest = averages[0], averages[-1]
    true = f"{number(found(longest, 'half_life'))} steps at {longest['setting']}"
    if shortest is not longest:
        true += f" and after {number(found(shortest, 'half_life'))} at {shortest['setting']}"
    said = f"The weight of an observation halves after {true} (ln ½ / ln γ)"
    if all(_printed(row) for row in averages):
        return f"{said}, which is what the section's γ⁻¹ gives."
    off = max(averages, key=lambda row: _ratio(row))
    printed, window = (number(found(off, name)) for name in ("printed_half_life", "window"))
    return (
        f"{said}. The section's γ⁻¹ is something else: at {off['setting']} it is {printed} steps, after which an "
        f"observation still weighs {percent(_left(off))} of what it did; nor is it the number of observations that the "
        f"average covers, 1/(1 - γ) = {window}."
    )


def sums(averages: Sequence[Row]) -> str:
    """What the weights of so many steps add up to."""
    steps = averages[0]["given"].get("steps") or 0
    each = ", ".join(f"{number(found(row, 'added'), 4)} at {row['setting']}" for row in averages)
    worst = max(abs((found(row, "added") or 0) - (found(row, "sum") or 0)) for row in averages)
    law = "as 1 - γⁿ has it" if worst < 1e-12 else f"off 1 - γⁿ by up to {number(worst, 2)}"
    return f"Over {steps:.0f} steps the weights add up to {each}: {law}; what is missing to 1 is older than that."


def kept(averages: Sequence[Row]) -> str:
    """Whether the update itself weighs so."""
    pairs = [pair for row in averages for pair in points(row, "weight", "kept")]
    worst = max(abs(weight - held) for weight, held in pairs) if pairs else float("nan")
    if worst <= 1e-15:
        return (
            "The update itself weighs so: after one gradient of 1 and zeros from then on, s holds these very weights."
        )
    off = number(worst, 2)
    return f"After one gradient of 1 and zeros from then on, what s holds is off these weights by up to {off}."


def _ratio(row: Row) -> float:
    return (found(row, "half_life") or 0) / (found(row, "printed_half_life") or 1)


def _printed(row: Row) -> bool:
    return abs(_ratio(row) - 1) <= CLOSE


def _left(row: Row) -> float:
    """What is left of a weight after the printed half-life."""
    return float((row["given"].get("decay") or 0) ** (found(row, "printed_half_life") or 0))


def _sheet(averages: Sequence[Row]) -> Sheet:
    header = ("Average", ">Sum over 40 steps", ">Half-life (steps)", ">γ⁻¹, printed as such", ">1/(1 - γ)")
    names = ("sum", "half_life", "printed_half_life", "window")
    cells = ((str(row["setting"]), *(number(found(row, name), 4) for name in names)) for row in averages)
    return Sheet("The weights in numbers", header, tuple(cells))


def _numbers(averages: Sequence[Row]) -> Iterator[Number]:
    for row in averages:
        if row["given"].get("decay") == 0.9:
            yield Number(
                "half-life of an observation, γ = 0.9",
                f"γ⁻¹ = {number(found(row, 'printed_half_life'))}",
                f"{number(found(row, 'half_life'))} steps",
                _printed(row),
                "" if _printed(row) else "a slip of the section: γ⁻¹ is no half-life; ln ½ / ln γ is",
            )
            window = found(row, "window")
            holds = window is not None and f"{window:.0f}" == "10"
            yield Number("observations that the average covers, γ = 0.9", "1/(1 - γ) = 10", number(window), holds)
