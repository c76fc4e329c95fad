"""The first answer: each implementation beside each dialect that it was asked for, and each property."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reports.read.results import Results, records
from reports.read.schema import Row
from reports.tables.agreement import Agreement, counted
from reports.tables.findings import UNNAMED, is_law
from reports.tables.outcomes import Counts
from reports.tables.properties import PROPERTIES, TRAINING, about

Cells = Mapping[str, Counts]


@dataclass(frozen=True)
class Line:
    """One implementation.

    Attributes:
        framework: whose it is.
        name: its own name there.
        native: what its users call it, as in `torch.optim.RMSprop`; empty where that is not known.
        dialects: its verdicts by dialect, laws apart.
        properties: by what they are about.
    """

    framework: str
    name: str
    native: str
    dialects: Cells
    properties: Cells

    @property
    def full(self) -> str:
        """As in `torch/builtin`."""
        return f"{self.framework}/{self.name}"


@dataclass(frozen=True)
class Matrix:
    """Lines, the frameworks' together; and the columns that any of them fills."""

    lines: tuple[Line, ...]
    dialects: tuple[str, ...]
    properties: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """The answer in one sentence: all compute what they claim; or how many don't."""
        wrong = [line for line in self.lines if any(counts.unexpected for counts in line.properties.values())]
        size = len(self.lines)
        if not wrong:
            known = " but for known deviations" if self._deviations else ""
            return f"All {size} compute their own dialect{known}."
        return f"{len(wrong)} of {size} are not what they claim; the others compute their own dialect."

    @property
    def _deviations(self) -> int:
        return sum(counts.deviations for line in self.lines for counts in line.properties.values())

    @property
    def frameworks(self) -> list[tuple[str, list[Line]]]:
        """Each framework with its lines."""
        names = dict.fromkeys(line.framework for line in self.lines)
        return [(name, [line for line in self.lines if line.framework == name]) for name in names]


def build(results: Results, agreement: Agreement) -> Matrix:
    """Make the matrix from verdicts and training runs; an implementation is one line, whatever its versions."""
    parts: dict[tuple[str, str], list[tuple[str | None, str, Row]]] = defaultdict(list)
    for row in records(results.verdicts):
        dialect = None if is_law(row) else row["dialect"] or UNNAMED
        parts[row["framework"], row["implementation"]].append((dialect, about(row), row))
    for row in records(results.training):
        parts[row["framework"], row["implementation"]].append((None, TRAINING, row))
    lines = [_line(*who, part, results.manifest.implementations) for who, part in sorted(parts.items(), key=_place)]
    filled = {name for line in lines for name in line.properties}
    return Matrix(tuple(lines), agreement.dialects, tuple(name for name in PROPERTIES if name in filled))


def _place(entry: tuple[tuple[str, str], object]) -> tuple[str, bool, str]:
    """By framework; in each the built-in first, since it is what is asked about."""
    framework, name = entry[0]
    return framework, name != "builtin", name


def _line(
    framework: str,
    name: str,
    part: Sequence[tuple[str | None, str, Row]],
    known: Mapping[str, Mapping[str, str]],
) -> Line:
    dialects: dict[str, list[Row]] = defaultdict(list)
    properties: dict[str, list[Row]] = defaultdict(list)
    for dialect, property_, row in part:
        if dialect is not None:
            dialects[dialect].append(row)
        properties[property_].append(row)
    return Line(
        framework,
        name,
        known.get(f"{framework}/{name}", {}).get("native", ""),
        {key: counted(rows) for key, rows in dialects.items()},
        {key: counted(rows) for key, rows in properties.items()},
    )
