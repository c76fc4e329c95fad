"""What a run says of itself: the manifest that opens it and the footer that closes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from suite.errors import UserError
from suite.results.decoding import mapping, names, parse, real, text, whole
from suite.results.rows import require_schema


@dataclass(frozen=True)
class Framework:
    """One framework's environment; `missing` says why it was not there."""

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
    """On what a run was made. Text is None, and lists are empty, where the file does not say.

    `implementations` has of each, as in `torch/builtin`, the `native` name and the `dialect` that it declares, if it
    declares one; `dialects` has of each the value on every axis, in words.
    """

    created: str | None
    command: tuple[str, ...]
    commit: str | None
    machine: Mapping[str, str]
    threads: int | None
    device: str | None
    seed: int | None
    catalogue: str | None
    data: Mapping[str, str]
    frameworks: tuple[Framework, ...]
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
        """On what it was measured: pairs of a label and a value, only those that are known."""
        data = [self.data.get(key) for key in ("name", "source", "detail")]
        found = {
            "Machine": ", ".join(filter(None, map(self.machine.get, ("cpu", "cores", "memory", "os")))),
            "Device": self.device,
            "Threads": str(self.threads) if self.threads is not None else None,
            "Harness": f"Python {self.machine['python']}" if "python" in self.machine else None,
            "Data": ", ".join(filter(None, data)),
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
    """How a run ended: its status, its seconds, and how many rows it wrote to each table."""

    status: str
    seconds: float | None
    framework_seconds: float | None
    harness_seconds: float | None
    rows: Mapping[str, int]


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
    return _manifest(raw)


def _manifest(raw: Mapping[str, object]) -> Manifest:
    return Manifest(
        created=text(raw.get("created")),
        command=tuple(names(raw.get("command"))),
        commit=text(raw.get("commit")),
        machine=_machine(mapping(raw.get("machine"))),
        threads=whole(raw.get("threads")),
        device=text(raw.get("device")),
        seed=whole(raw.get("seed")),
        catalogue=text(raw.get("catalogue")),
        data=_texts(mapping(raw.get("data"))),
        frameworks=tuple(_framework(*item) for item in sorted(mapping(raw.get("frameworks")).items())),
        implementations={name: _texts(mapping(one)) for name, one in mapping(raw.get("implementations")).items()},
        dialects={name: _axes(mapping(one)) for name, one in mapping(raw.get("dialects")).items()},
    )


def _framework(name: str, raw: object) -> Framework:
    entry = mapping(raw)
    return Framework(
        name, text(entry.get("python")), _texts(mapping(entry.get("versions"))), text(entry.get("missing"))
    )


def _machine(raw: Mapping[str, object]) -> dict[str, str]:
    found = _texts(raw)
    cores, memory = whole(raw.get("cores")), real(raw.get("memory_bytes"))
    if cores is not None:
        found["cores"] = f"{cores} core{'' if cores == 1 else 's'}"
    if memory is not None:
        found["memory"] = f"{memory / 2**30:.1f} GiB of memory"
    return found


def _axes(raw: Mapping[str, object]) -> dict[str, str]:
    """The value on each axis in words; an axis whose value is neither text nor a number is left out."""
    numbers = {name: f"{number:g}" for name, value in raw.items() if (number := real(value)) is not None}
    return {**_texts(raw), **numbers}


def _texts(raw: Mapping[str, object]) -> dict[str, str]:
    found = {name: text(value) for name, value in raw.items()}
    return {name: value for name, value in found.items() if value is not None}


def read_footer(folder: Path) -> Footer | None:
    """Read `footer.json`; None if the run has not written it.

    Raises:
        UserError: if it can't be read.
    """
    path = folder / "footer.json"
    try:
        raw = mapping(parse(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UserError(f"footer.json can't be read: {error}") from error
    rows = {name: whole(count) for name, count in mapping(raw.get("rows")).items()}
    return Footer(
        status=text(raw.get("status")) or "unknown",
        seconds=real(raw.get("seconds")),
        framework_seconds=real(raw.get("framework_seconds")),
        harness_seconds=real(raw.get("harness_seconds")),
        rows={name: count for name, count in rows.items() if count is not None},
    )
