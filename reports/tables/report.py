"""The tables of a report, built once, and the overview matrix: every implementation by dialect and by property.

The terminal, the Markdown document and the page show the same objects.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from reports.read import Results
from reports.tables import agreement, findings, pairs, timing, timing_tables, training
from reports.tables.agreement import Agreement
from reports.tables.findings import UNNAMED, Deviation, counted, is_relation
from reports.tables.outcomes import Counts
from reports.tables.pairs import BuiltinAxes, Pairs
from reports.tables.timing import Benchmark
from reports.tables.timing_tables import Speeds
from reports.tables.training import Losses, Task
from suite.results.rows import TrainingRow, VerdictRow

NAMES = ("agreement", "training", "timing")  # the three main tables, in their order


@dataclass(frozen=True)
class Tables:
    """The three main tables, each empty if it was not run, and the tables that summarize them."""

    agreement: Agreement
    training: tuple[Task, ...]
    timing: tuple[Benchmark, ...]
    matrix: OverviewMatrix
    axes: BuiltinAxes
    losses: Losses
    speeds: Speeds | None
    pairs: Pairs
    deviations: tuple[Deviation, ...]


def build(results: Results) -> Tables:
    """Make the tables of a results folder."""
    verdicts, runs, times = agreement.build(results), training.build(results), timing.build(results)
    return Tables(
        agreement=verdicts,
        training=runs,
        timing=times,
        matrix=matrix(results, verdicts.dialects),
        axes=pairs.builtin_axes(results),
        losses=training.losses(runs),
        speeds=timing_tables.speeds(times),
        pairs=pairs.build(results),
        deviations=findings.known_deviations(results),
    )


# The overview matrix

PLAIN = "plain update"
TRAINING = "training"

PROPERTIES = {
    PLAIN: "the update alone, with several γ and ε",
    "momentum": "a momentum buffer, with and without Nesterov",
    "centered": "the centered variant",
    "weight decay": "where weight decay enters",
    "clipping": "clipping of gradients, their norm, or parameters",
    "schedule": "learning rates that change over steps or differ between parameters",
    "options": "gradient rescaling, maximization, bias correction",
    "sparse rows": "gradients that are given for some rows only",
    "shapes": "scalars, odd lengths, strided memory, many tensors",
    "long runs": "runs of one to ten thousand steps",
    "extremes": "NaN, infinity, overflow, subnormals, zero",
    "any η γ ε": "hyper-parameters over their full range",
    "16 bits": "float16 and bfloat16",
    "metamorphic": "metamorphic relations between two replays, to the last bit",
    TRAINING: "complete training runs: every gradient and every update",
}
"""The properties that cases test, in the order of the columns, with their meaning."""

_BY_TAPE = {
    "shape": "shapes",
    "steps": "long runs",
    "edge": "extremes",
    "rows": "sparse rows",
    "norm": "clipping",
    "rates": "schedule",
    "range": "any η γ ε",
    "law": "metamorphic",
}
_BY_SETTING = {
    "centered": ("centered",),
    "momentum": ("momentum", "nesterov"),
    "weight decay": ("decay",),
    "clipping": ("clipping", "clip"),
    "schedule": ("schedule",),
    "options": ("rescaled", "maximize", "correction"),
}
"""Property -> the words of a setting that test it; the first property counts."""


def property_of(row: VerdictRow) -> str:
    """The property that a verdict tests: by its tape, else by its format, else by its setting.

    An extreme in 16 bits tests the format.
    """
    tape, _, rest = row.case.partition("/")
    if row.dtype in ("float16", "bfloat16") and (tape == "edge" or tape not in _BY_TAPE):
        return "16 bits"
    if tape in _BY_TAPE:
        return _BY_TAPE[tape]
    words = {*tape.split("-"), *rest.replace("/", "-").split("-")}
    return next((property_ for property_, found in _BY_SETTING.items() if words.intersection(found)), PLAIN)


@dataclass(frozen=True)
class MatrixRow:
    """One implementation in the overview matrix.

    `native` is what users of the framework call it, as in `torch.optim.RMSprop`; empty where that is not known.
    Verdicts on metamorphic relations count among the properties only.
    """

    framework: str
    name: str
    native: str
    dialects: Mapping[str, Counts]
    properties: Mapping[str, Counts]

    @property
    def full_name(self) -> str:
        """As in `torch/builtin`."""
        return f"{self.framework}/{self.name}"


@dataclass(frozen=True)
class OverviewMatrix:
    """Every implementation by dialect and by tested property; properties without a verdict are left out."""

    rows: tuple[MatrixRow, ...]
    dialects: tuple[str, ...]
    properties: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """Whether all implementations compute the dialect that they declare."""
        unexpected = [row for row in self.rows if any(counts.unexpected for counts in row.properties.values())]
        size = len(self.rows)
        if unexpected:
            return f"{len(unexpected)} of {size} have unexpected verdicts; the others compute their declared dialect."
        known = any(counts.deviations for row in self.rows for counts in row.properties.values())
        return f"All {size} compute their declared dialect{', apart from known deviations' if known else ''}."


_Parts = dict[str, list[VerdictRow | TrainingRow]]


def matrix(results: Results, dialects: tuple[str, ...]) -> OverviewMatrix:
    """Make the matrix from verdicts and training runs; all versions of an implementation share a row."""
    found: dict[tuple[str, str], tuple[_Parts, _Parts]] = defaultdict(lambda: (defaultdict(list), defaultdict(list)))
    for row in results.verdicts:
        by_dialect, by_property = found[row.framework, row.implementation]
        by_property[property_of(row)].append(row)
        if not is_relation(row):
            by_dialect[row.dialect or UNNAMED].append(row)
    for run in results.training:
        found[run.framework, run.implementation][1][TRAINING].append(run)
    rows = []
    for framework, name in sorted(found, key=pairs.builtin_first):
        native = results.manifest.implementations.get(f"{framework}/{name}", {}).get("native", "")
        counts = ({key: counted(part) for key, part in parts.items()} for parts in found[framework, name])
        rows.append(MatrixRow(framework, name, native, *counts))
    filled = {name for row in rows for name in row.properties}
    return OverviewMatrix(tuple(rows), dialects, tuple(name for name in PROPERTIES if name in filled))
