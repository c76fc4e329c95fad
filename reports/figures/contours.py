"""The two quadratics of two variables: a box around what was visited, and contours inside that box."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

LIMIT = 12.0
"""Nothing farther from the origin than this is drawn: a run that diverges must not shrink the others."""

_LEVELS = 9
_CORNERS = 180


@dataclass(frozen=True)
class Box:
    """A rectangle in the plane of x1 and x2."""

    left: float
    right: float
    bottom: float
    top: float

    def holds(self, x1: float, x2: float) -> bool:
        """True for a point inside or on the edge."""
        return self.left <= x1 <= self.right and self.bottom <= x2 <= self.top


def box_around(points: Iterable[tuple[float, float]]) -> Box | None:
    """A box around those points that are within the limit, and the minimum, with a margin; None without points."""
    near = [(x1, x2) for x1, x2 in points if max(abs(x1), abs(x2)) <= LIMIT]
    if not near:
        return None
    x1s, x2s = [0.0, *(p[0] for p in near)], [0.0, *(p[1] for p in near)]
    aside = 0.08 * max(max(x1s) - min(x1s), 0.5)
    above = 0.08 * max(max(x2s) - min(x2s), 0.5)
    return Box(min(x1s) - aside, max(x1s) + aside, min(x2s) - above, max(x2s) + above)


def contours(task: str, box: Box) -> list[dict[str, Any]]:
    """Ellipses of equal f, cut at the edges of the box: rows of x1 and x2, ordered by `arc` and `place`."""
    function = rotated if task == "rotated" else quadratic
    corners = [(x1, x2) for x1 in (box.left, box.right) for x2 in (box.bottom, box.top)]
    highest = max(function(x1, x2) for x1, x2 in corners)
    rows: list[dict[str, Any]] = []
    for number in range(1, _LEVELS + 1):
        ellipse = _Ellipse(task, highest * (number / (_LEVELS + 1)) ** 2)
        for arc, points in enumerate(_arcs(ellipse, box)):
            rows += [{"arc": f"{number}-{arc}", "place": i, "x1": p[0], "x2": p[1]} for i, p in enumerate(points)]
    return rows


@dataclass(frozen=True)
class _Ellipse:
    task: str
    level: float

    def at(self, angle: float) -> tuple[float, float]:
        u, v = math.sqrt(self.level / 0.1) * math.cos(angle), math.sqrt(self.level / 2) * math.sin(angle)
        return ((u + v) / 2, (u - v) / 2) if self.task == "rotated" else (u, v)


def _arcs(ellipse: _Ellipse, box: Box) -> list[list[tuple[float, float]]]:
    """The parts of an ellipse inside a box, each from edge to edge."""
    arcs: list[list[tuple[float, float]]] = [[]]
    for corner in range(_CORNERS):
        start, end = (2 * math.pi * place / _CORNERS for place in (corner, corner + 1))
        inside, stays = box.holds(*ellipse.at(start)), box.holds(*ellipse.at(end))
        if inside:
            arcs[-1].append(ellipse.at(start))
        if inside != stays:
            arcs[-1].append(ellipse.at(_crossing(ellipse, box, start, end)))
        if stays and corner == _CORNERS - 1:
            arcs[-1].append(ellipse.at(end))
        if inside and not stays:
            arcs.append([])
    return [arc for arc in arcs if len(arc) > 1]


def _crossing(ellipse: _Ellipse, box: Box, start: float, end: float) -> float:
    """The angle between two at which an ellipse meets the edge of a box, by bisection."""
    inside = box.holds(*ellipse.at(start))
    for _ in range(30):
        middle = (start + end) / 2
        if box.holds(*ellipse.at(middle)) == inside:
            start = middle
        else:
            end = middle
    return start if inside else end


def quadratic(x1: float, x2: float) -> float:
    """f(x) = 0.1 x1² + 2 x2²."""
    return 0.1 * x1**2 + 2 * x2**2


def rotated(x1: float, x2: float) -> float:
    """f(x) = 0.1 (x1 + x2)² + 2 (x1 - x2)²."""
    return quadratic(x1 + x2, x1 - x2)
