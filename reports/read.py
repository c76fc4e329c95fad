"""Reads a results folder, which is untrusted: values that do not have the declared type are read as missing.

A run may have been cut off in the middle of a line, resumed after that, or never closed. A report is written in all
these cases, with a note on each of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar, get_args

from suite.errors import UserError
from suite.results.decoding import build, clean, decode, flag, integer, mapping, parse, real, text
from suite.results.rows import (
    TIMINGS,
    TRAINING,
    VERDICTS,
    Outcome,
    RowT,
    Table,
    TimingRow,
    TrainingRow,
    VerdictRow,
    require_schema,
)

OUTCOMES: tuple[str, ...] = get_args(Outcome)

NORMAL_OUTCOMES = ("agrees", "unsupported")
"""Outcomes that are expected if a row lacks the column `expected`, and that need no explanation."""

KILL_MATRIX = "sharpness.json"  # the result of mutation testing, as `rmsuite sharpness -o FOLDER` writes it
DOCUMENTS = Path(__file__).resolve().parents[1] / "docs"  # it is read from here where the results folder has none

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Framework:
    """One framework's environment; `missing` is the reason why it was not available."""

    name: str
    python: str | None
    versions: Mapping[str, str]
    missing: str | None

    @property
    def version(self) -> str:
        """The version of the package of the framework's own name, or of the first one that is recorded."""
        return self.versions.get(self.name) or next(iter(self.versions.values()), "")

    @property
    def words(self) -> str:
        """One line: the packages and their versions, or why there are none."""
        if self.missing is not None:
            return f"not run: {self.missing}"
        packages = [f"{package} {version}" for package, version in self.versions.items()]
        return ", ".join([*packages, *([f"Python {self.python}"] if self.python else [])]) or "not recorded"


@dataclass(frozen=True)
class Manifest:
    """The conditions of a run, as recorded in its manifest; values that are not recorded are missing.

    `implementations` maps names such as `torch/builtin` to their `native` name and the `dialect` that they declare, if
    they declare one. `dialects` maps names of dialects to their value on every axis, in words.
    """

    created: str | None = None
    command: Sequence[str] = ()
    commit: str | None = None
    machine: Mapping[str, str] = field(default_factory=dict)
    threads: int | None = None
    device: str | None = None
    seed: int | None = None
    catalogue: str | None = None
    data: Mapping[str, str] = field(default_factory=dict)
    frameworks: Sequence[Framework] = ()
    implementations: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    dialects: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def date(self) -> str | None:
        """The day and minute of the run, as far as the manifest's time can be read."""
        try:
            return f"{datetime.fromisoformat(self.created or ''):%Y-%m-%d %H:%M %Z}".strip()
        except ValueError:
            return self.created

    def brief(self) -> list[tuple[str, str]]:
        """The facts of the first screen: hashes cut to the length that people compare, and no path."""
        short = {"Data SHA-256": 16, "Commit": 12}
        left_out = ("Harness", "Seed", "Made", "Command")
        known = {**dict(self.facts()), "Data": ", from ".join(filter(None, map(self.data.get, ("name", "source"))))}
        return [(label, value[: short.get(label)]) for label, value in known.items() if value and label not in left_out]

    def facts(self) -> list[tuple[str, str]]:
        """The machine as pairs of a label and a value; unknown values are left out."""
        found = {
            "Machine": ", ".join(filter(None, map(self.machine.get, ("cpu", "cores", "memory", "os")))),
            "Device": self.device,
            "Threads": str(self.threads) if self.threads is not None else None,
            "Harness": f"Python {self.machine['python']}" if "python" in self.machine else None,
            "Data": ", ".join(filter(None, map(self.data.get, ("name", "source", "detail")))),
            "Data SHA-256": self.data.get("sha256"),
            "Catalogue": self.catalogue,
            "Seed": str(self.seed) if self.seed is not None else None,
            "Commit": self.commit or "not recorded",
            "Made": self.date,
            "Command": " ".join(self.command),
        }
        return [(label, value) for label, value in found.items() if value]


@dataclass(frozen=True)
class Footer:
    """How a run ended, and how many rows it wrote to each table."""

    status: str = "unknown"
    seconds: float | None = None
    framework_seconds: float | None = None
    harness_seconds: float | None = None
    rows: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class KillMatrix:
    """The result of mutation testing. A mutant is an optimizer with one deliberate error.

    Some case of the catalogue detects the `killed` of all mutants; of the others, `proven_same` are proven to compute
    the same values in the tested precision, and `survivors` has the rest in words. `dialects` maps a dialect and the
    changed axis to (killed, total), without those that are proven to be the same; `beyond` does so for each kind of
    mutant that does not change one axis.
    """

    total: int
    killed: int
    proven_same: int
    survivors: tuple[str, ...]
    dialects: Mapping[str, Mapping[str, tuple[int, int]]]
    beyond: Mapping[str, tuple[int, int]]

    @property
    def sentence(self) -> str:
        """The totals in one sentence."""
        same = f", {self.proven_same:,} are proven to be the same function" if self.proven_same else ""
        alive = len(self.survivors)
        left = f"; {alive:,} {'is' if alive == 1 else 'are'} not caught" if alive else ""
        return f"The catalogue catches {self.killed:,} of {self.total:,} wrong optimizers{same}{left}."


@dataclass(frozen=True)
class Results:
    """The contents of a results folder.

    A run is not `complete` if it was cut off, is still running, or has lines that can't be read. `notes` has a sentence
    for each of these, and for replaced rows.
    """

    folder: Path
    manifest: Manifest
    footer: Footer | None
    verdicts: tuple[VerdictRow, ...]
    training: tuple[TrainingRow, ...]
    timings: tuple[TimingRow, ...]
    complete: bool
    notes: tuple[str, ...]
    kill_matrix: KillMatrix | None = None


def load(folder: Path) -> Results:
    """Read a results folder.

    Raises:
        UserError: if it has no manifest that can be read.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    incomplete: list[str] = []
    replaced: list[str] = []
    footer = closing(folder, incomplete)
    return Results(
        folder=folder,
        manifest=manifest,
        footer=footer,
        verdicts=tuple(latest(folder, VERDICTS, footer, incomplete, replaced)),
        training=tuple(latest(folder, TRAINING, footer, incomplete, replaced)),
        timings=tuple(latest(folder, TIMINGS, footer, incomplete, replaced)),
        complete=not incomplete,
        notes=(*incomplete, *replaced),
        kill_matrix=next(filter(None, map(_kill_matrix, (folder, DOCUMENTS))), None),
    )


def by_key(rows: Iterable[RowT], key: Callable[[RowT], Key]) -> dict[Key, list[RowT]]:
    """Group rows by a key, in the order in which the keys first occur."""
    groups: dict[Key, list[RowT]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return dict(groups)


# Rows


def latest(
    folder: Path, table: Table[RowT], footer: Footer | None, incomplete: list[str], replaced: list[str]
) -> list[RowT]:
    """Read the rows of a table; a later row replaces an earlier one with the same key.

    Adds a sentence to `incomplete` for each line that can't be read and if the footer counts other rows, and one to
    `replaced` if rows were replaced.
    """
    rows = list(_rows(folder / table.file, table, incomplete))
    announced = footer.rows.get(table.name) if footer else None
    if announced is not None and announced != len(rows):
        incomplete.append(f"The footer counts {announced:,} rows of {table.name}; {len(rows):,} could be read.")
    last = {table.key_of(row): row for row in rows}
    if len(last) < len(rows):
        repeated = len(rows) - len(last)
        replaced.append(f"In {table.file}, {repeated:,} earlier results were replaced by later ones.")
    return list(last.values())


def _rows(path: Path, table: Table[RowT], incomplete: list[str]) -> Iterator[RowT]:
    if not path.is_file():
        return
    lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield decode(table, _with_outcome(parse(line.decode("utf-8"))))
        except ValueError as error:
            cut = number == len(lines)  # a complete line ends in a line feed, so that something follows it
            why = "the last line is cut off" if cut else f"line {number} can't be read ({clean(str(error))})"
            incomplete.append(f"In {path.name}, {why}; it was left out.")


def _with_outcome(raw: object) -> object:
    """Replace an unknown outcome by `failed`, and fill in a missing `expected` from the outcome."""
    if not isinstance(raw, dict) or (outcome := text(raw.get("outcome"))) is None:
        return raw
    changes: dict[str, object] = {}
    if outcome not in OUTCOMES:
        reason = f"unknown outcome “{outcome}”: {text(raw.get('reason')) or 'no reason given'}"
        changes = {"outcome": "failed", "reason": reason}
    if flag(raw.get("expected")) is None:
        changes["expected"] = outcome in NORMAL_OUTCOMES
    return {**raw, **changes}


# Manifest and footer


def read_manifest(folder: Path) -> Manifest:
    """Read `manifest.json`.

    Raises:
        UserError: if there is none, it can't be read, or it was written by a release with another schema.
    """
    path = folder / "manifest.json"
    try:
        raw = parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{folder} has no manifest.json: it is not a results folder") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path} can't be read: {error}") from error
    if not isinstance(raw, dict):
        raise UserError(f"{path} is not a JSON object")
    require_schema(raw.get("schema"), folder)
    return replace(
        build(Manifest, raw) or Manifest(),
        machine=_machine(mapping(raw.get("machine"))),
        frameworks=tuple(_framework(*item) for item in sorted(mapping(raw.get("frameworks")).items())),
        dialects={name: _axes(mapping(one)) for name, one in mapping(raw.get("dialects")).items()},
    )


def _framework(name: str, raw: object) -> Framework:
    entry = mapping(raw)
    return Framework(name, text(entry.get("python")), _texts(entry.get("versions")), text(entry.get("missing")))


def _machine(raw: Mapping[str, object]) -> dict[str, str]:
    found = _texts(raw)
    cores, memory = integer(raw.get("cores")), real(raw.get("memory_bytes"))
    if cores is not None:
        found["cores"] = f"{cores} core{'' if cores == 1 else 's'}"
    if memory is not None:
        found["memory"] = f"{memory / 2**30:.1f} GiB of memory"
    return found


def _axes(raw: Mapping[str, object]) -> dict[str, str]:
    """The value on each axis in words; an axis whose value is neither text nor a number is left out."""
    numbers = {name: f"{number:g}" for name, value in raw.items() if (number := real(value)) is not None}
    return {**_texts(raw), **numbers}


def _texts(raw: object) -> dict[str, str]:
    return {name: value for name, item in mapping(raw).items() if (value := text(item)) is not None}


def closing(folder: Path, incomplete: list[str]) -> Footer | None:
    """Read `footer.json`; add a sentence to `incomplete` if the run did not end or was not completed."""
    try:
        footer = build(Footer, parse((folder / "footer.json").read_text(encoding="utf-8"))) or Footer()
    except FileNotFoundError:
        incomplete.append("The run has no footer: it was cut off, or it is still running.")
        return None
    except (OSError, ValueError) as error:
        incomplete.append(f"footer.json can't be read: {clean(str(error))}.")
        return None
    if footer.status != "complete":
        incomplete.append(f"The run was not completed: its status is “{footer.status}”.")
    return footer


# Kill matrix


def _kill_matrix(folder: Path) -> KillMatrix | None:
    """The kill matrix of a folder; None if there is none that can be read."""
    try:
        raw = mapping(parse((folder / KILL_MATRIX).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None
    total, killed, same = (integer(raw.get(name)) for name in ("total", "killed", "proven_same"))
    if total is None or killed is None:
        return None
    rows = {name: _pairs(mapping(row)) for name, row in mapping(raw.get("dialects")).items()}
    mistakes = _pairs(mapping(raw.get("mistakes"))).values()
    beyond = {
        "a dialect in place of another": _pair(raw.get("pairs")),
        "mistakes that are no axis": (sum(caught for caught, _ in mistakes), sum(made for _, made in mistakes)),
    }
    survivors = raw.get("survivors")
    return KillMatrix(
        total=total,
        killed=killed,
        proven_same=same or 0,
        survivors=tuple(map(_words, survivors)) if isinstance(survivors, list) else (),
        dialects={name: row for name, row in rows.items() if row},
        beyond={name: pair for name, pair in beyond.items() if pair and pair[1]},
    )


def _pairs(raw: Mapping[str, object]) -> dict[str, tuple[int, int]]:
    return {name: pair for name, cell in raw.items() if (pair := _pair(cell)) is not None}


def _pair(raw: object) -> tuple[int, int] | None:
    """Return killed and total, from a list of the two, or from an object that also has `proven_same`."""
    named = mapping(raw)
    parts = raw if isinstance(raw, list) else [named.get("killed"), named.get("total")]
    numbers = [integer(part) for part in parts]
    if len(numbers) != 2 or numbers[0] is None or numbers[1] is None:
        return None
    return numbers[0], numbers[1] - (integer(named.get("proven_same")) or 0)


def _words(survivor: object) -> str:
    """Describe a survivor: its own text, or its dialect, the changed axis, and the wrong value."""
    fields = mapping(survivor)
    parts = [survivor] if isinstance(survivor, str) else [fields.get(name) for name in ("dialect", "wrong", "value")]
    words = [str(part) if isinstance(part, bool | int | float) else text(part) for part in parts]
    return ", ".join(word for word in words if word) or "one without a name"
