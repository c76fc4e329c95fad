"""What all figures share: their colours and shapes, and how a chart becomes a part of the page.

Colours are CSS variables of the page, so that a figure follows it into the dark and onto paper. Every figure is
also drawn here once as SVG, for readers without scripts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import vl_convert

HOW = "A name chosen in the legend stands alone; with shift, several do. The same by keyboard: “Show”."
"""What a caption says of a legend."""

WIDTH = 640
"""The width of the static drawing, in pixels; on the page, a figure is as wide as its place."""

_FLUID = {"width": "container", "autosize": {"type": "fit-x", "contains": "padding"}}
_COLOURS = 8
_SHAPES = (
    "circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right", "triangle-left",
    "M-1,-1L1,1M-1,1L1,-1", "M-1,0L1,0M0,-1L0,1", "M-1,-1L1,-1L-1,1L1,1Z", "M-1,-1L-1,1L1,-1L1,1Z",
)  # fmt: skip  # the last four are drawn: ×, +, and hourglasses that stand and lie
_DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3])


Rows = Sequence[Mapping[str, Any]]
Data = Mapping[str, Rows]
Chart = alt.LayerChart | alt.FacetChart
"""What Altair says that layering makes."""


@dataclass(frozen=True)
class Figure:
    """A figure: its words, its specification (of container width), and a static drawing of it."""

    id: str
    title: str
    caption: str
    alternative: str
    spec: dict[str, Any]
    svg: str


def figure(identifier: str, title: str, caption: str, alternative: str, chart: Chart, data: Data) -> Figure:
    """Style a chart, and draw it with its data (rows by the name under which the chart knows them)."""
    chart = chart.configure(background="transparent", font="system-ui, sans-serif", aria=False)
    chart = chart.configure_axis(
        labelColor="var(--soft)",
        titleColor="var(--ink)",
        gridColor="var(--line)",
        domainColor="var(--soft)",
        tickColor="var(--soft)",
        labelFontSize=12,
        titleFontSize=13,
        titleFontWeight="normal",
    )
    chart = chart.configure_legend(
        labelColor="var(--ink)", titleColor="var(--soft)", labelFontSize=12, titleFontWeight="normal", orient="bottom",
        columns=4, labelLimit=220, symbolStrokeWidth=2,
    )  # fmt: skip
    chart = chart.configure_axisY(labelLimit=320)
    spec: dict[str, Any] = chart.configure_view(stroke=None).to_dict()
    spec.pop("$schema", None)
    spec["datasets"] = {name: list(rows) for name, rows in data.items()}  # not through Altair, which checks each row
    svg = str(vl_convert.vegalite_to_svg(spec))
    return Figure(identifier, title, caption, alternative, {**spec, **_FLUID}, svg)


def decades(values: Iterable[float]) -> dict[str, Any]:
    """What a logarithmic axis is given so that it has a tick at each power of ten; or at others, if these are few."""
    known = [math.log10(value) for value in values if value > 0]
    powers = range(math.ceil(min(known, default=0)), math.floor(max(known, default=0)) + 1)
    return {"values": [10.0**power for power in powers]} if len(powers) > 2 else {"tickCount": 6}


class Emphasis:
    """What a reader wants to see alone: chosen in the legend, or, by keyboard too, from a list below the figure."""

    def __init__(self, field: str, names: Sequence[str], name: str = "chosen") -> None:
        """Of the values of a field, those in the legend's order; `name` tells several in one figure apart."""
        self._legend = alt.selection_point(fields=[field], bind="legend", name=name)
        listed = alt.binding_select(options=[None, *names], labels=["everything", *names], name=f"Show {field} ")
        self._list = alt.param(name=f"{name}_only", value=None, bind=listed)
        self._plain = f"{name}_only == null || datum.{field} == {name}_only"

    @property
    def params(self) -> tuple[alt.Parameter, alt.Parameter]:
        """For the layer that has the legend."""
        return self._legend, self._list

    def strength(self, full: float, faint: float = 0.06, *, also: Emphasis | None = None) -> Any:
        """The opacity of what is chosen, and of all else; `also` by another one."""
        parts = [self, *([also] if also else [])]
        chosen: Any = True
        for part in parts:
            both = part._legend & part._plain
            chosen = both if chosen is True else chosen & both
        return alt.condition(chosen, alt.value(full), alt.value(faint))


def on(name: str) -> alt.Chart:
    """A chart of the rows of that name."""
    return alt.Chart(alt.NamedData(name=name))


def shapes(names: Sequence[str]) -> alt.Scale:
    """A scale of shapes alone, which are all different for up to twelve names."""
    return alt.Scale(domain=list(names), range=[_SHAPES[i % len(_SHAPES)] for i in range(len(names))])


def scales(names: Sequence[str]) -> tuple[alt.Scale, alt.Scale, alt.Scale]:
    """Colour, shape and dash scales: two names may share one of them, but not two in the same row of eight."""
    size = range(len(names))
    return (
        alt.Scale(domain=list(names), range=[f"var(--hue-{i % _COLOURS + 1})" for i in size]),
        alt.Scale(domain=list(names), range=[_SHAPES[(i + i // _COLOURS) % len(_SHAPES)] for i in size]),
        alt.Scale(domain=list(names), range=[list(_DASHES[i // _COLOURS % len(_DASHES)]) for i in size]),
    )
