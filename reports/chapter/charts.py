"""Figures of the section's parts: curves with marks on them, paths in the plane, and group maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from reports.figures.chart_style import WIDTH, Figure, Highlight, dataset, figure, scales, shapes
from reports.figures.training import box_around, contour_lines, contours

Points = Sequence[Mapping[str, Any]]

HEIGHT = 320
HEATS = 7
"""Colours of a group map, `--group-1` to `--group-7` of the page, from what is best to what is worst."""


@dataclass(frozen=True)
class Words:
    """What is told of a figure: `reports.figures.chart_style.Figure` says of each what it is."""

    id: str
    title: str
    caption: str
    alternative: str

    def drawn(self, layers: Sequence[alt.Chart], height: int, data: dict[str, Points]) -> Figure:
        """The figure, of layers from the lowest to the highest."""
        chart = alt.layer(*layers).properties(width=WIDTH, height=height)
        present = {name: rows for name, rows in data.items() if rows}
        return figure(self.id, self.title, self.caption, self.alternative, chart, present)


@dataclass(frozen=True)
class Axis:
    """A quantity: its column, its name, and how it is drawn."""

    column: str
    title: str
    log: bool = False
    zero: bool = False
    format: str | None = None
    domain: tuple[float, float] | None = None

    @property
    def scale(self) -> alt.Scale:
        """Of numbers, or of their orders of magnitude."""
        kind: dict[str, Any] = {"type": "log"} if self.log else {"type": "linear", "zero": self.zero}
        if self.domain:
            kind["domain"] = list(self.domain)
        elif self.log:
            kind["padding"] = 8  # so that no mark is cut in half
        return alt.Scale(**kind, nice=not self.log)

    @property
    def axis(self) -> alt.Axis:
        """With not too many ticks."""
        return alt.Axis(tickCount=6, format=self.format) if self.format else alt.Axis(tickCount=6)

    def hint(self) -> alt.Tooltip:
        """What is shown of it where a pointer rests."""
        return alt.Tooltip(f"{self.column}:Q", title=self.title, format=".5~g")


class Names:
    """The names by which lines are told apart: colour, dash, and a legend in which one can be chosen."""

    def __init__(self, by: Axis, lines: Points) -> None:
        self.by, self.names = by, list(dict.fromkeys(row[by.column] for row in lines))
        self.colours, _, self.dashes = scales(self.names)
        self.emphasis = Highlight(by.column, self.names)

    @property
    def colour(self) -> alt.Color:
        """Of a line and of the marks on it."""
        return alt.Color(f"{self.by.column}:N", scale=self.colours, **self._told)

    @property
    def _told(self) -> dict[str, Any]:
        return {"title": self.by.title, "sort": self.names, "legend": self.legend}

    @property
    def legend(self) -> alt.Legend:
        """Below the drawing: the longer the names, the fewer beside one another, so that a narrow page holds them."""
        longest = max((len(str(name)) for name in self.names), default=0)
        return alt.Legend(columns=4 if longest <= 8 else 3 if longest <= 11 else 2, columnPadding=28, orient="bottom")

    @property
    def dash(self) -> alt.StrokeDash:
        """Of a line."""
        return alt.StrokeDash(f"{self.by.column}:N", scale=self.dashes, **self._told)

    @property
    def strength(self) -> Any:
        """What is not chosen is faint."""
        return self.emphasis.opacity(0.95, 0.08)

    @property
    def hint(self) -> alt.Tooltip:
        """The name, where a pointer rests."""
        return alt.Tooltip(f"{self.by.column}:N", title=self.by.title)


def curves(words: Words, lines: Points, x: Axis, y: Axis, by: Axis, marks: Points = (), height: int = HEIGHT) -> Figure:
    """Lines, one for each value of `by`, and the marks of frameworks on them.

    Args:
        words: what is told of the figure.
        lines: points with the columns of `x`, `y` and `by`.
        x: along the bottom.
        y: along the side.
        by: what the lines are told apart by.
        marks: points with the same columns, `framework` and `who`.
        height: of the drawing, in pixels.
    """
    names = Names(by, lines)
    across = alt.X(f"{x.column}:Q", title=x.title, scale=x.scale, axis=alt.Axis(grid=False, tickCount=8))
    up = alt.Y(f"{y.column}:Q", title=y.title, scale=y.scale, axis=y.axis)
    same = {"x": across, "y": up, "color": names.colour, "opacity": names.strength}
    hints = [names.hint, x.hint(), y.hint()]
    line = dataset("lines").mark_line(strokeWidth=1.8, clip=True).encode(**same, strokeDash=names.dash, tooltip=hints)
    layers = [line, *_marks(marks, same, hints)]
    layers[-1] = layers[-1].add_params(*names.emphasis.params)
    return words.drawn(layers, height, {"lines": lines, "marks": marks})


def paths(words: Words, lines: Points, by: Axis, marks: Points = ()) -> Figure:
    """Paths over the contours of f(x) = 0.1 x1² + 2 x2²: points with `x1`, `x2`, `step` and the column of `by`."""
    names = Names(by, lines)
    box = box_around([(row["x1"], row["x2"]) for row in (*lines, *marks)])
    wide, high = ((box.left, box.right), (box.bottom, box.top)) if box else ((-6.0, 1.0), (-3.0, 1.0))
    bare = alt.Axis(grid=False, tickCount=7)
    x = alt.X("x1:Q", title="x₁", scale=alt.Scale(domain=list(wide), nice=False), axis=bare)
    y = alt.Y("x2:Q", title="x₂", scale=alt.Scale(domain=list(high), nice=False), axis=bare)
    same = {"x": x, "y": y, "color": names.colour, "opacity": names.strength}
    hints = [names.hint, *(Axis(name, title).hint() for name, title in (("step", "Step"), ("x1", "x₁"), ("x2", "x₂")))]
    line = dataset("lines").mark_line(strokeWidth=1.8, clip=True)
    layers = [
        contour_lines(x, y),
        line.encode(**same, order="step:Q", strokeDash=names.dash),
        dataset("lines").mark_circle(size=22, clip=True).encode(**same, tooltip=hints),
        *_marks(marks, same, hints),
    ]
    layers[-1] = layers[-1].add_params(*names.emphasis.params)
    data = {"contours": contours("quadratic", box) if box else [], "lines": lines, "marks": marks}
    return words.drawn(layers, 340, data)


def _marks(marks: Points, same: dict[str, Any], hints: Sequence[alt.Tooltip]) -> list[alt.Chart]:
    """What frameworks did, a shape a framework; nothing without them."""
    if not marks:
        return []
    here = sorted({row["framework"] for row in marks})
    legend = alt.Legend(orient="top", direction="horizontal", columnPadding=28)
    shape = alt.Shape("framework:N", scale=shapes(here), title="Framework", legend=legend)
    dots = dataset("marks").mark_point(size=48, strokeWidth=1.4, filled=False, clip=True)
    return [dots.encode(**same, shape=shape, tooltip=[alt.Tooltip("who:N", title="Run"), *hints])]


def heat_map(
    words: Words, cells: Points, x: Axis, y: Axis, group: Axis, classes: Sequence[str], marks: Points = ()
) -> Figure:
    """Cells in colours by class, with what they hold written into them where there is room.

    Args:
        words: what is told of the figure.
        cells: with the columns of `x`, `y` and `group`, `class`, one of `classes`, and `text`, what is written.
        x: along the bottom.
        y: along the side.
        group: what the cells hold.
        classes: at most `HEATS`, the best first.
        marks: cells that are framed, with the same columns, and `who`.
    """
    columns, lines = ([*dict.fromkeys(row[axis.column] for row in cells)] for axis in (x, y))
    places = range(1, len(classes) + 1)
    colour, ink = (
        alt.Scale(domain=list(classes), range=[f"var(--{name}-{place})" for place in places])
        for name in ("group", "on-group")
    )
    across = alt.X(f"{x.column}:O", title=x.title, sort=columns, axis=alt.Axis(labelAngle=0, labelOverlap=True))
    down = alt.Y(f"{y.column}:O", title=y.title, sort=lines)
    hints = [*(alt.Tooltip(f"{axis.column}:O", title=axis.title) for axis in (y, x)), group.hint()]
    filled = alt.Color("class:N", scale=colour, title=group.title, sort=list(classes))
    rects = dataset("cells").mark_rect(stroke="var(--card)", strokeWidth=1.5)
    text = dataset("cells").mark_text(fontSize=10.5, opacity=alt.ExprRef(f"width < {30 * len(columns)} ? 0 : 1"))
    written = alt.Color("class:N", scale=ink, legend=None)
    layers = [
        rects.encode(x=across, y=down, color=filled, tooltip=hints),
        text.encode(x=across, y=down, text="text:N", tooltip=hints, color=written),
    ]
    if marks:
        frame = dataset("marks").mark_rect(fill="transparent", stroke="var(--ink)", strokeWidth=2.2)
        layers.append(frame.encode(x=across, y=down, tooltip=[alt.Tooltip("who:N", title="Marked"), *hints]))
    chart = alt.layer(*layers).resolve_scale(color="independent").properties(width=WIDTH, height=34 * len(lines))
    data = {"cells": cells, **({"marks": marks} if marks else {})}
    return figure(words.id, words.title, words.caption, words.alternative, chart, data)


def strips(words: Words, dots: Points, x: Axis, y: Axis, rules: Points = ()) -> Figure:
    """A row of dots for each value of `y`, with ticks of what was published across all of them.

    Args:
        words: what is told of the figure.
        dots: points with the columns of `x` and `y`, `who`, and `kind`, by which they are told apart.
        x: along the bottom.
        y: of which each value is a row, in the order in which they come.
        rules: values of `x`, with `who`.
    """
    names = Names(Axis("kind", "Who"), dots)
    lines = list(dict.fromkeys(row[y.column] for row in dots))
    across = alt.X(f"{x.column}:Q", title=x.title, scale=x.scale, axis=x.axis)
    down = alt.Y(
        f"{y.column}:N", title=None, sort=lines, axis=alt.Axis(ticks=False, domain=False, grid=True, minExtent=150)
    )
    hints = [alt.Tooltip("who:N", title="Run"), x.hint()]
    shape = alt.Shape("kind:N", scale=shapes(names.names), title="Who", sort=names.names, legend=names.legend)
    marks = dataset("dots").mark_point(size=46, strokeWidth=1.3, filled=False, clip=True)
    layers = [marks.encode(x=across, y=down, color=names.colour, shape=shape, opacity=names.strength, tooltip=hints)]
    if rules:
        rule = dataset("rules").mark_rule(stroke="var(--soft)", strokeDash=[3, 3], strokeWidth=1.3)
        layers.insert(0, rule.encode(x=across, tooltip=hints))
    layers[-1] = layers[-1].add_params(*names.emphasis.params)
    return words.drawn(layers, 44 * len(lines) + 20, {"dots": dots, "rules": rules})
