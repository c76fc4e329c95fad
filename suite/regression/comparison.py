"""Two baselines side by side: what each case has become. Needs no framework: both may have been recorded long ago."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any

from suite.agreement.change import OF_HYPERPARAMETERS, Candidate, restored, telling, words
from suite.cases import catalogue, datasets
from suite.cases.catalogue import Case
from suite.cases.tasks import tasks
from suite.regression.baseline import Baseline, BaselineError, Key, Record
from suite.regression.traces import Parting, parting

DOUBT = 2.0
"""Bounds by which the errors of two evaluations of one function may differ: each is within one, on either side."""


Axes = Mapping[str, tuple[Any, Any]]


class Unlike(BaselineError):
    """Two baselines can't be compared; the message says what is unlike."""


SHOWN = 4
"""Of the dialects that fit a case, how many words name."""


class Kind(Enum):
    """What a case has become, the mildest first."""

    SAME = "same bits"
    NEW = "new"
    INSTRUCTIONS = "moved within rounding (other instruction set)"
    ROUNDING = "moved within rounding"
    MENDED = "mended"
    UNDECIDED = "moved, undecided"
    BEYOND = "moved beyond"
    BROKEN = "broken"
    GONE = "gone"


HARM = frozenset({Kind.BEYOND, Kind.BROKEN, Kind.GONE})
FAILING = {
    "bits": frozenset(Kind) - {Kind.SAME, Kind.NEW},
    "rounding": frozenset(Kind) - {Kind.SAME, Kind.NEW, Kind.INSTRUCTIONS},
    "dialect": HARM,
}
"""Threshold -> what fails a check at it."""


@dataclass(frozen=True)
class Change:
    """What one case of an implementation has become.

    Attributes:
        key: what it is about.
        kind: what it has become.
        words: how, for people; empty where nothing changed.
        before: the recorded one; None if it is new.
        after: what it is now; None if it is gone.
        versions: of the framework, in each.
        parting: where the traces part; None where they don't, or can't be held side by side.
        axes: on which what fits now differs from what fitted, each name -> (value before, value now): alternatives,
            where this case can't tell which of them it is.
    """

    key: Key
    kind: Kind
    words: str
    before: Record | None
    after: Record | None
    versions: tuple[str, str]
    parting: Parting | None = None
    axes: tuple[Axes, ...] = ()


ALIKE = {"seed": "seed", "device": "device", "data": "data"}
"""What two baselines must have in common: where their manifests have it, and what it is called."""


def require_alike(old: Baseline, new: Baseline) -> None:
    """See to it that two baselines can be compared.

    Raises:
        Unlike: if they can't.
    """
    require_catalogue(old, str(new.manifest["catalogue"]))
    for part, name in ALIKE.items():
        before, after = (_said(one.manifest.get(part)) for one in (old, new))
        if before != after:
            raise Unlike(f"these can't be compared: the {name} was {before} and is {after}; record the baseline anew")
    if old.records and new.records and not {key.dtype for key in old.records} & {key.dtype for key in new.records}:
        dtypes = [", ".join(sorted({key.dtype for key in one.records})) for one in (old, new)]
        raise Unlike(f"these can't be compared: one has {dtypes[0]}, the other {dtypes[1]}")


def require_catalogue(old: Baseline, version: str) -> None:
    """See to it that a baseline was recorded with a version of the catalogue.

    Raises:
        Unlike: if it was not.
    """
    was = old.manifest["catalogue"]
    if was != version:
        raise Unlike(
            f"the catalogue has changed: the baseline is of version {was}, this is version {version}, which asks "
            "something else; record the baseline anew, or check it with the rmsuite that recorded it"
        )


def _said(part: Any) -> Any:
    return part.get("sha256") if isinstance(part, Mapping) else part


def compare(old: Baseline, new: Baseline) -> list[Change]:
    """What every case of either has become, sorted by implementation and case.

    Raises:
        Unlike: if they can't be compared.
    """
    require_alike(old, new)
    return list(_Comparison(old, new).changes())


def failing(changes: Sequence[Change], threshold: str) -> list[Change]:
    """Those that fail a check at `bits`, `rounding` or `dialect`."""
    return [change for change in changes if change.kind in FAILING[threshold]]


class _Comparison:
    """Two baselines, and what both of them can be asked about."""

    def __init__(self, old: Baseline, new: Baseline) -> None:
        self.old, self.new = old, new
        self.known = frozenset(old.manifest["dialects"]) & frozenset(new.manifest["dialects"])
        self._found: dict[int, dict[tuple[str, str], frozenset[str]]] = {}

    @cached_property
    def cases(self) -> dict[str, Case]:
        """The catalogue; which data a tape was recorded on has no part in what is asked of it here."""
        seed = self.old.manifest["seed"]
        return {case.id: case for case in catalogue.catalogue(tasks(datasets.generated(), seed), seed)}

    def changes(self) -> Iterator[Change]:
        for key in sorted({*self.old.records, *self.new.records}):
            before, after = self.old.records.get(key), self.new.records.get(key)
            versions = self.old.version(key.framework), self.new.version(key.framework)
            if before is None:
                words = "no answer" if after and not after.answers else ""
                yield Change(key, Kind.NEW, words, None, after, versions)
            elif after is None:
                yield Change(key, Kind.GONE, self._gone(key), before, None, versions)
            elif key.law or not (before.answers and after.answers):
                kind, words = _answered(key, before, after)
                yield Change(key, kind, words, before, after, versions)
            elif before.digest == after.digest:
                yield Change(key, Kind.SAME, "", before, after, versions)
            else:
                yield self._moved(key, before, after, versions)

    def _gone(self, key: Key) -> str:
        missing = self.new.manifest.get("missing", {}).get(key.framework)
        if missing:
            return str(missing)
        here = {one.name for one in self.new.records}
        return "" if key.name in here else f"{key.name} is not there"

    def _moved(self, key: Key, before: Record, after: Record, versions: tuple[str, str]) -> Change:
        parted = None
        if before.compact and after.compact:
            parted = parting(before.compact, after.compact, key.dtype)
        kind = self._kind(key.framework, before, after)
        axes: tuple[Axes, ...] = ()
        if kind is Kind.BEYOND:
            axes = self._axes(key, before, after)
            said = _beyond(before, after, parted, axes)
        elif kind in (Kind.BROKEN, Kind.MENDED):
            said = _said_of(key, before, after, worse=kind is Kind.BROKEN)
        elif kind is Kind.UNDECIDED:
            why = "no bound says whether that is rounding" if before.outcome == "undecided" else "nothing fits either"
            said = f"{_parting(parted)}; {why}"
        else:
            said = "; ".join(filter(None, (_parting(parted), _bounds(before, after))))
        return Change(key, kind, said, before, after, versions, parted, axes)

    def _kind(self, framework: str, before: Record, after: Record) -> Kind:
        """How far bits moved."""
        if before.outcome != after.outcome:
            return Kind.BROKEN if _spoils(after) else Kind.MENDED if _spoils(before) else Kind.BEYOND
        if self.known.intersection(before.fits, after.fits) or _alike(before, after):
            return Kind.INSTRUCTIONS if self._elsewhere(framework) else Kind.ROUNDING
        if self._told(before) or self._told(after) or not _near(before, after):
            return Kind.BEYOND
        return Kind.UNDECIDED

    def _told(self, record: Record) -> bool:
        """Whether anything fits that both could have named."""
        fits = bool(self.known.intersection(record.fits))
        return fits or bool(record.nearest and record.nearest["fits"])

    def _elsewhere(self, framework: str) -> bool:
        """Whether it is the same release on another instruction set."""
        here, there = self.old, self.new
        same = here.versions(framework) == there.versions(framework)
        return same and here.instructions(framework) != there.instructions(framework)

    def _axes(self, key: Key, before: Record, after: Record) -> tuple[Axes, ...]:
        """What tells what fits now from what fitted, in the fewest axes; none if one of the two is not known.

        Of the dialects that fit, those that fit the other cases of the implementation too are the likely ones.
        """
        case = self.cases.get(key.case)
        if case is None:
            return ()
        old = _candidates(before, case, self._common(self.old)[key.name, key.asked])
        new = _candidates(after, case, self._common(self.new)[key.name, key.asked])
        found = [_differences(one, other, case, key.dtype) for one in old for other in new]
        fewest = min(map(len, found), default=0)
        return tuple(one for place, one in enumerate(found) if len(one) == fewest and one and one not in found[:place])

    def _common(self, one: Baseline) -> dict[tuple[str, str], frozenset[str]]:
        """The dialects that fit in each case of an implementation in which any fits; known ones only."""
        if id(one) not in self._found:
            found: dict[tuple[str, str], frozenset[str]] = {}
            for key, record in one.records.items():
                who = key.name, key.asked
                fits = self.known.intersection(record.fits)
                found[who] = found.get(who, frozenset(self.known)) & (fits or self.known)
            self._found[id(one)] = found
        return self._found[id(one)]


def _candidates(record: Record, case: Case, likely: frozenset[str]) -> list[Candidate]:
    """What a trace is an evaluation of: the dialect that was claimed if it fits, else the likely of those that fit."""
    h = case.setting.hyperparameters
    if record.dialect in record.fits:
        return [Candidate.named(record.dialect, h)]
    if record.fits:
        return [Candidate.named(name, h) for name in sorted(likely.intersection(record.fits)) or record.fits]
    nearest = record.nearest
    if nearest and nearest["fits"]:
        return [restored(nearest["dialect"], {axis: tuple(pair) for axis, pair in nearest["changes"].items()}, h)]
    return []


def _differences(one: Candidate, other: Candidate, case: Case, dtype: str) -> dict[str, tuple[Any, Any]]:
    """The axes, and the hyper-parameters, on which two candidates differ in a case."""
    apart = telling(one.base, other.base, case.tape, case.setting.hyperparameters, dtype)
    axes = dict.fromkeys([*apart, *one.differences(), *other.differences()])
    pairs = {axis: (_value(one, axis), _value(other, axis)) for axis in axes}
    return {axis: pair for axis, pair in pairs.items() if pair[0] != pair[1]}


def _value(candidate: Candidate, axis: str) -> Any:
    name = axis.removeprefix(OF_HYPERPARAMETERS)
    return getattr(candidate.dialect if name == axis else candidate.hyperparameters, name)


def _spoils(record: Record) -> bool:
    """Whether it is not for the numbers that it differs: it changes what is the caller's."""
    return record.outcome == "differs" and record.dialect in record.fits


def _alike(before: Record, after: Record) -> bool:
    """Whether the same changes of a dialect explain both, where no named dialect does."""
    one, other = before.nearest, after.nearest
    if not (one and other and one["fits"] and other["fits"]):
        return False
    return bool(one["dialect"] == other["dialect"] and one["changes"] == other["changes"])


def _near(before: Record, after: Record) -> bool:
    """Whether two traces that nothing explains may be evaluations of one function, by how far off they are."""
    if before.outcome == "undecided":
        return True
    ratios = before.bound_ratio, after.bound_ratio
    return None not in ratios and abs(ratios[0] - ratios[1]) <= DOUBT  # type: ignore[operator]


def _answered(key: Key, before: Record, after: Record) -> tuple[Kind, str]:
    """Of a law, and of what gave no answer before or gives none now."""
    ranks = ["failed", "unsupported", "undecided", "differs", "agrees"] if key.law else ["failed", "unsupported"]
    rank = {outcome: place for place, outcome in enumerate(ranks)}
    was, now = (rank.get(record.outcome, len(ranks)) for record in (before, after))
    if was == now:
        return Kind.SAME, ""
    return (Kind.MENDED if now > was else Kind.BROKEN), _said_of(key, before, after, worse=now < was)


def _said_of(key: Key, before: Record, after: Record, *, worse: bool) -> str:
    """One outcome and then another, with the reason of the worse."""
    of_laws = {"agrees": ("held", "holds"), "differs": ("did not hold", "does not hold")} if key.law else {}
    said = f"{({**_SAID, **of_laws})[before.outcome][0]}, now {({**_SAID, **of_laws})[after.outcome][1]}"
    reason = " ".join(((after if worse else before).reason or "").split())
    return f"{said}{f': {reason}' if reason else ''}"


_SAID = {
    "agrees": ("agreed", "agrees"),
    "differs": ("differed", "differs"),
    "undecided": ("was undecided", "is undecided"),
    "unsupported": ("was unsupported", "is unsupported"),
    "failed": ("failed", "fails"),
}
"""Outcome -> what is said of it before, and now."""


def _parting(parted: Parting | None) -> str:
    return parted.words if parted else "it shows another state than it did, or traces of another length"


def _bounds(before: Record, after: Record) -> str:
    if before.bound_ratio is None or after.bound_ratio is None:
        return ""
    return f"at {after.bound_ratio:.2g} of the bound of {after.dialect}, was at {before.bound_ratio:.2g}"


def _beyond(before: Record, after: Record, parted: Parting | None, axes: Sequence[Axes]) -> str:
    clauses = [named(axes)] if axes else []
    clauses.append(_parting(parted))
    reason = " ".join((after.reason or "").split())
    if not axes and reason:
        clauses.append(reason)
    elif after.first_step is not None and before.first_step != after.first_step:
        clauses.append(f"leaves the bound of {after.dialect} at step {after.first_step}")
    return "; ".join([*clauses, f"fits {_few(after)}", f"fitted {_few(before)}"])


def named(axes: Sequence[Axes]) -> str:
    """Alternatives in words, as `epsilon outside in place of inside`."""
    return ", or ".join(" and ".join(words(axis, *pair) for axis, pair in one.items()) for one in axes)


def _few(record: Record) -> str:
    """What fits, the claimed dialect first; where it is many, only some."""
    names = sorted(record.fits, key=lambda name: name != record.dialect)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more if names else "no named dialect"
