"""What all figures share: colours, shapes, the highlighting of names, and the conversion of a chart for the page.

Colours are CSS variables of the page, so that a figure follows its light, dark and print styles. Every figure is also
drawn once as SVG, for readers without scripts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import vl_convert

LEGEND_HELP = "Click a name in the legend to show it alone, with shift for several; “Show” does the same by keyboard."
"""The sentence of a caption that explains the legend."""

WIDTH = 640
"""The width of the static drawing in pixels; on the page, a figure is as wide as its column."""

Point = Mapping[str, Any]
"""A row of a dataset: field -> a number, a text or None."""

Spec = dict[str, Any]
"""A Vega-Lite specification, as Altair makes it."""

Chart = alt.LayerChart | alt.FacetChart
"""What layering returns, according to Altair's annotations."""

_FLUID = {"width": "container", "autosize": {"type": "fit-x", "contains": "padding"}}
_COLOURS = 8
_SHAPES = (
    "circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right", "triangle-left",
    "M-1,-1L1,1M-1,1L1,-1", "M-1,0L1,0M0,-1L0,1", "M-1,-1L1,-1L-1,1L1,1Z", "M-1,-1L-1,1L1,-1L1,1Z",
)  # fmt: skip  # the last four are SVG paths: ×, +, and two hourglasses
_DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3])


@dataclass(frozen=True)
class Figure:
    """A figure of the page: the specification takes the width of its container, the static drawing has its own.

    `id` is that of its element on the page, and `alternative` a description for readers who can't see it.
    """

    id: str
    title: str
    caption: str
    alternative: str
    spec: Spec
    svg: str


def figure(
    identifier: str, title: str, caption: str, alternative: str, chart: Chart, data: Mapping[str, Sequence[Point]]
) -> Figure:
    """Style a chart, give it its datasets by name, and draw it."""
    chart = chart.configure(background="transparent", font="system-ui, sans-serif", aria=False)
    chart = chart.configure_axis(
        labelColor="var(--soft)", titleColor="var(--ink)", gridColor="var(--line)", domainColor="var(--soft)",
        tickColor="var(--soft)", labelFontSize=12, titleFontSize=13, titleFontWeight="normal",
    )  # fmt: skip
    chart = chart.configure_legend(
        labelColor="var(--ink)", titleColor="var(--soft)", labelFontSize=12, titleFontWeight="normal", orient="bottom",
        columns=4, labelLimit=220, symbolStrokeWidth=2,
    )  # fmt: skip
    chart = chart.configure_axisY(labelLimit=320)
    spec: Spec = chart.configure_view(stroke=None).to_dict()
    spec.pop("$schema", None)
    spec["datasets"] = {name: list(rows) for name, rows in data.items()}  # not through Altair, which checks each row
    svg = _with_own_ids(str(vl_convert.vegalite_to_svg(spec)), identifier)
    return Figure(identifier, title, caption, alternative, {**spec, **_FLUID}, svg)


def _with_own_ids(svg: str, identifier: str) -> str:
    """Number the clip paths of a drawing by itself; vl-convert numbers them across all drawings of the process."""
    numbers: dict[str, int] = {}

    def own(found: re.Match[str]) -> str:
        return f"{found[1]}{identifier}-clip-{numbers.setdefault(found[2], len(numbers))}"

    return re.sub(r"""(id="|url\(#)clip(\d+)""", own, svg)


def decades(values: Iterable[float]) -> dict[str, Any]:
    """Arguments of a logarithmic `alt.Axis`: a tick at each power of ten, or Vega's own ticks for less than three."""
    known = [math.log10(value) for value in values if value > 0]
    powers = range(math.ceil(min(known, default=0)), math.floor(max(known, default=0)) + 1)
    return {"values": [10.0**power for power in powers]} if len(powers) > 2 else {"tickCount": 6}


class Highlight:
    """Names that a reader shows alone: by a click in the legend, or by keyboard from a list below the figure.

    `params` are the parameters, for the layer that has the legend.
    """

    def __init__(self, field: str, names: Sequence[str], name: str = "chosen") -> None:
        """Highlight values of a field, listed in the order of `names`; `name` is unique within the figure."""
        legend = alt.selection_point(fields=[field], bind="legend", name=name)
        listed = alt.binding_select(options=[None, *names], labels=["everything", *names], name=f"Show {field} ")
        self.params = (legend, alt.param(name=f"{name}_only", value=None, bind=listed))
        self._chosen: Any = legend & f"{name}_only == null || datum.{field} == {name}_only"

    def opacity(self, full: float, faint: float = 0.06, *, also: Highlight | None = None) -> Any:
        """The opacity of what is shown and of everything else; `also` adds the condition of another highlight."""
        chosen = self._chosen & also._chosen if also else self._chosen
        return alt.condition(chosen, alt.value(full), alt.value(faint))


class Category(Highlight):
    """A field of names with a highlight, encoded by colour, shape or dash.

    Two names share at most one of the three, for up to 32 names.
    """

    def __init__(self, field: str, names: Sequence[str], title: str, name: str = "chosen", **options: Any) -> None:
        """Encode the names in their order; `options` are those of each encoding, such as `legend`."""
        super().__init__(field, names, name)
        size, options = range(len(names)), {"title": title, **options}
        marks = [_SHAPES[(i + i // _COLOURS) % len(_SHAPES)] for i in size]
        dashes = [list(_DASHES[i // _COLOURS % len(_DASHES)]) for i in size]
        domain = list(names)
        self.colour = alt.Color(f"{field}:N", scale=colours(names), **options)
        self.shape = alt.Shape(f"{field}:N", scale=alt.Scale(domain=domain, range=marks), **options)
        self.dash = alt.StrokeDash(f"{field}:N", scale=alt.Scale(domain=domain, range=dashes), **options)


def dataset(name: str) -> alt.Chart:
    """A chart of the dataset of that name."""
    return alt.Chart(alt.NamedData(name=name))


def tooltips(kind: str = "N", /, **titles: str) -> list[alt.Tooltip]:
    """Tooltips of text, or of numbers with the kind `Q`: field -> title."""
    return [alt.Tooltip(f"{field}:{kind}", title=title) for field, title in titles.items()]


def colours(names: Sequence[str]) -> alt.Scale:
    """A scale of colours, which repeat after eight names."""
    return alt.Scale(domain=list(names), range=[f"var(--hue-{i % _COLOURS + 1})" for i in range(len(names))])


def shapes(names: Sequence[str]) -> alt.Scale:
    """A scale of shapes alone, which are all different for up to twelve names."""
    return alt.Scale(domain=list(names), range=[_SHAPES[i % len(_SHAPES)] for i in range(len(names))])
