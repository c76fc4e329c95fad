"""Charts of the section's parts: lines with marks on them, paths over contours, strips of dots, and heat maps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from reports.figures.chart_style import WIDTH, Category, Chart, Figure, Point, dataset, figure, shapes
from reports.figures.traces import Box, box_around, contour_lines, contours
from suite.chapter.part import points, run_name
from suite.results.rows import ChapterRow

Points = Sequence[Point]

HIGHLIGHT = "Select a name in the legend to highlight it."  # for captions


@dataclass(frozen=True)
class FigureText:
    """The identifier, title and caption of a figure."""

    id: str
    title: str
    caption: str

    def figure(self, chart: Chart, alternative: str, data: dict[str, Points]) -> Figure:
        """Make the figure from a chart, a text for readers who don't see it, and the datasets that are not empty."""
        present = {name: rows for name, rows in data.items() if rows}
        return figure(self.id, self.title, self.caption, alternative, chart, present)


@dataclass(frozen=True)
class Axis:
    """A quantity: its column or series, its title, and its scale.

    Values below `smallest` are drawn there, and values above the domain are left out.
    """

    column: str
    title: str
    log: bool = False
    zero: bool = False
    format: str | None = None
    domain: tuple[float, float] | None = None
    smallest: float | None = None

    @property
    def scale(self) -> alt.Scale:
        """The linear or logarithmic scale."""
        kind: dict[str, Any] = {"type": "log"} if self.log else {"type": "linear", "zero": self.zero}
        if self.domain:
            kind["domain"] = list(self.domain)
        elif self.log:
            kind["padding"] = 8  # so that no mark is cut at the border
        return alt.Scale(**kind, nice=not self.log)

    def shown(self, value: float) -> float | None:
        """The value that is drawn, or None."""
        if self.domain and value > self.domain[1]:
            return None
        return value if self.smallest is None else max(value, self.smallest)

    @property
    def axis(self) -> alt.Axis:
        """The axis with about six ticks."""
        return alt.Axis(tickCount=6, format=self.format) if self.format else alt.Axis(tickCount=6)

    @property
    def tooltip(self) -> alt.Tooltip:
        """The value, shown below the pointer."""
        return alt.Tooltip(f"{self.column}:Q", title=self.title, format=".5~g")


STEP = Axis("step", "Step", zero=True)


class Legend(Category):
    """The names in a column of some points, with a legend below the chart."""

    def __init__(self, by: Axis, rows: Points) -> None:
        self.names = list(dict.fromkeys(row[by.column] for row in rows))
        longest = max((len(str(name)) for name in self.names), default=0)
        columns = 4 if longest <= 5 else 3 if longest <= 11 else 2  # so that the legend fits a narrow page
        self.legend = alt.Legend(columns=columns, columnPadding=28, orient="bottom")
        super().__init__(by.column, self.names, by.title, sort=self.names, legend=self.legend)
        self.tooltip = alt.Tooltip(f"{by.column}:N", title=by.title)
        self.encoding = {"color": self.colour, "opacity": self.opacity(0.95, 0.08)}

    def chart(self, layers: Sequence[alt.Chart], height: int) -> Chart:
        """Layer charts; the last one has the legend."""
        chart = alt.layer(*layers[:-1], layers[-1].add_params(*self.params))
        return chart.properties(width=WIDTH, height=height)


def line_chart(
    text: FigureText,
    lines: Iterable[tuple[str, ChapterRow]],
    x: Axis,
    y: Axis,
    by: Axis,
    runs: Sequence[tuple[str, ChapterRow]] = (),
    stride: int = 1,
    height: int = 320,
) -> Figure:
    """Draw two series of rows as lines, and one of `stride` points of runs of frameworks as marks on them.

    Rows come with their labels; `by` is the column of the labels in the figure's data, and the title of the legend.
    """
    rows = [point for label, row in lines for point in _points(row, x, y, {by.column: label})]
    frameworks = sorted({row.framework for _, row in runs})
    marks = []
    for label, row in runs:  # each framework at other points than the others, since the runs cover one another
        columns = {by.column: label, "framework": row.framework, "run": run_name(row)}
        first = frameworks.index(row.framework) * stride
        marks += _points(row, x, y, columns)[first :: len(frameworks) * stride]
    names = Legend(by, rows)
    horizontal = alt.X(f"{x.column}:Q", title=x.title, scale=x.scale, axis=alt.Axis(grid=False, tickCount=8))
    vertical = alt.Y(f"{y.column}:Q", title=y.title, scale=y.scale, axis=y.axis)
    encoding = {"x": horizontal, "y": vertical, **names.encoding}
    tooltips = [names.tooltip, x.tooltip, y.tooltip]
    line = dataset("lines").mark_line(strokeWidth=1.8, clip=True)
    layers = [
        line.encode(**encoding, strokeDash=names.dash, tooltip=tooltips),
        *_framework_marks(marks, encoding, tooltips),
    ]
    alternative = f"{y.title} against {x.title}: a line for each of {len(names.names)} values of {by.title}."
    return text.figure(names.chart(layers, height), alternative, {"lines": rows, "marks": marks})


def _points(row: ChapterRow, x: Axis, y: Axis, columns: Mapping[str, str]) -> list[Point]:
    pairs = ((x.shown(a), y.shown(b)) for a, b in points(row, x.column, y.column))
    return [{**columns, x.column: a, y.column: b} for a, b in pairs if a is not None and b is not None]


def path_chart(text: FigureText, lines: Points, by: Axis, marks: Points = ()) -> Figure:
    """Draw paths over the contours of f(x) = 0.1 x1² + 2 x2².

    The points have the columns `x1`, `x2`, `step` and that of `by`; the marks also `framework` and `run`.
    """
    names = Legend(by, lines)
    box = box_around([(row["x1"], row["x2"]) for row in (*lines, *marks)])
    x, y = (box or Box(-6.0, 1.0, -3.0, 1.0)).axes()
    encoding = {"x": x, "y": y, **names.encoding}
    tooltips = [names.tooltip, *(Axis(*one).tooltip for one in (("step", "Step"), ("x1", "x₁"), ("x2", "x₂")))]
    line = dataset("lines").mark_line(strokeWidth=1.8, clip=True)
    layers = [
        contour_lines(x, y),
        line.encode(**encoding, order="step:Q", strokeDash=names.dash),
        dataset("lines").mark_circle(size=22, clip=True).encode(**encoding, tooltip=tooltips),
        *_framework_marks(marks, encoding, tooltips),
    ]
    data: dict[str, Points] = {"contours": contours("quadratic", box) if box else [], "lines": lines, "marks": marks}
    alternative = f"Paths over the contours of f: a line for each of {len(names.names)} values of {by.title}."
    return text.figure(names.chart(layers, 340), alternative, data)


def _framework_marks(marks: Points, encoding: dict[str, Any], tooltips: Sequence[alt.Tooltip]) -> list[alt.Chart]:
    """The layer of marks, with a shape for each framework; none without marks."""
    if not marks:
        return []
    frameworks = sorted({row["framework"] for row in marks})
    legend = alt.Legend(orient="top", direction="horizontal", columnPadding=28)
    shape = alt.Shape("framework:N", scale=shapes(frameworks), title="Framework", legend=legend)
    dots = dataset("marks").mark_point(size=48, strokeWidth=1.4, filled=False, clip=True)
    return [dots.encode(**encoding, shape=shape, tooltip=[alt.Tooltip("run:N", title="Run"), *tooltips])]


def heat_map(
    text: FigureText, cells: Points, x: Axis, y: Axis, value: Axis, classes: Sequence[str], framed: Points = ()
) -> Figure:
    """Draw cells coloured by class, and frames around some; texts are shown if the chart is wide enough.

    Cells have the columns of `x`, `y` and `value`, `class` and `text`; framed ones also `run`. There are at most seven
    classes, the best first; the page defines their colours as `--heat-1`, `--on-heat-1`, ….
    """
    columns, lines = ([*dict.fromkeys(row[axis.column] for row in cells)] for axis in (x, y))
    fill, ink = (
        alt.Scale(domain=list(classes), range=[f"var(--{name}-{place})" for place in range(1, len(classes) + 1)])
        for name in ("heat", "on-heat")
    )
    horizontal = alt.X(f"{x.column}:O", title=x.title, sort=columns, axis=alt.Axis(labelAngle=0, labelOverlap=True))
    vertical = alt.Y(f"{y.column}:O", title=y.title, sort=lines)
    tooltips = [*(alt.Tooltip(f"{axis.column}:O", title=axis.title) for axis in (y, x)), value.tooltip]
    encoding = {"x": horizontal, "y": vertical, "tooltip": tooltips}
    rectangles = dataset("cells").mark_rect(stroke="var(--card)", strokeWidth=1.5)
    texts = dataset("cells").mark_text(fontSize=10.5, opacity=alt.ExprRef(f"width < {30 * len(columns)} ? 0 : 1"))
    layers = [
        rectangles.encode(**encoding, color=alt.Color("class:N", scale=fill, title=value.title, sort=list(classes))),
        texts.encode(**encoding, text="text:N", color=alt.Color("class:N", scale=ink, legend=None)),
    ]
    if framed:
        frames = dataset("framed").mark_rect(fill="transparent", stroke="var(--ink)", strokeWidth=2.2)
        run = alt.Tooltip("run:N", title="Frameworks")
        layers.append(frames.encode(x=horizontal, y=vertical, tooltip=[run, *tooltips]))
    chart = alt.layer(*layers).resolve_scale(color="independent").properties(width=WIDTH, height=34 * len(lines))
    alternative = f"A heat map of {value.title} for {len(cells)} pairs of {y.title} and {x.title}."
    return text.figure(chart, alternative, {"cells": cells, "framed": framed})


def strip_chart(text: FigureText, dots: Points, x: Axis, y: Axis, rules: Points = ()) -> Figure:
    """Draw a row of dots for each value of `y`, and vertical rules across all rows.

    Dots have the columns of `x` and `y`, `run`, and `source`, which gives the colour and the shape; rules have the
    column of `x`, and `run`.
    """
    names = Legend(Axis("source", "Source"), dots)
    lines = list(dict.fromkeys(row[y.column] for row in dots))
    horizontal = alt.X(f"{x.column}:Q", title=x.title, scale=x.scale, axis=x.axis)
    labels = alt.Axis(ticks=False, domain=False, grid=True, minExtent=165)
    vertical = alt.Y(f"{y.column}:N", title=None, sort=lines, axis=labels)
    tooltips = [alt.Tooltip("run:N", title="Run"), x.tooltip]
    marks = dataset("dots").mark_point(size=46, strokeWidth=1.3, filled=False, clip=True)
    layers = [marks.encode(x=horizontal, y=vertical, shape=names.shape, **names.encoding, tooltip=tooltips)]
    if rules:
        rule = dataset("rules").mark_rule(stroke="var(--soft)", strokeDash=[3, 3], strokeWidth=1.3)
        layers.insert(0, rule.encode(x=horizontal, tooltip=tooltips))
    alternative = f"A row of dots along {x.title} for each of {len(lines)} values of {y.title}."
    return text.figure(names.chart(layers, 44 * len(lines) + 20), alternative, {"dots": dots, "rules": rules})
