"""The changes between two baselines: a summary line, a table by implementation, details, and JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from suite.regression.baseline import Baseline
from suite.regression.comparison import CaseChange, ChangeKind
from suite.regression.wording import named

SHOWN = 24
"""The largest number of detail lines on the terminal; JSON and JUnit have all."""

QUIET = (ChangeKind.SAME, ChangeKind.NEW)
WITHIN = (ChangeKind.INSTRUCTIONS, ChangeKind.ROUNDING)


def summary(changes: Sequence[CaseChange]) -> str:
    """Return one line with the releases, the number of changes of each kind, the largest distances and the axes.

    For example `mxnet 1.9.1 to 2.0.0b1: 120 same bits, 7 moved within rounding (up to 3 ulps), 31 moved beyond
    (epsilon)`.
    """
    frameworks = dict.fromkeys(change.key.framework for change in changes)
    lines = (_summary(name, [change for change in changes if change.key.framework == name]) for name in frameworks)
    return "; ".join(lines) or "nothing to compare"


def _summary(framework: str, changes: Sequence[CaseChange]) -> str:
    before, after = changes[0].versions
    release = after if before == after else f"{before or 'nothing'} to {after or 'nothing'}"
    return f"{framework} {release}: {counted(changes)}"


def counted(changes: Sequence[CaseChange]) -> str:
    """Return the number of changes of each kind, with the largest distance or the axes."""
    counts = Counter(change.kind for change in changes)
    return ", ".join(f"{counts[kind]:,} {kind.value}{_extent(kind, changes)}" for kind in ChangeKind if counts[kind])


def _extent(kind: ChangeKind, changes: Sequence[CaseChange]) -> str:
    own = [change for change in changes if change.kind is kind]
    if kind in WITHIN:
        far = max(map(_far, own))
        return f" (up to {far:.3g} ulps)" if far else ""
    if kind is ChangeKind.BEYOND:
        axes = dict.fromkeys(" or ".join(" and ".join(one) for one in change.axes) for change in own if change.axes)
        return f" ({', '.join(axes)})" if axes else ""
    return ""


def _far(change: CaseChange) -> float:
    """Return the largest known distance in ulps, or 0."""
    return change.difference.ulps if change.difference else 0.0


def show(changes: Sequence[CaseChange], old: Baseline, new: Baseline, console: Console) -> None:
    """Print the conditions of both baselines, a table and the details."""
    for name in dict.fromkeys(change.key.framework for change in changes):
        console.print(escape(_differing_conditions(name, old, new)), highlight=False, soft_wrap=True)
    console.print()
    console.print(_table(changes))
    lines = list(details(changes))
    if lines:
        console.print()
    for line in lines[:SHOWN]:
        console.print(escape(line), highlight=False, soft_wrap=True)
    if len(lines) > SHOWN:
        console.print(f"and {len(lines) - SHOWN} more lines, which --json and --junit include", highlight=False)


def _differing_conditions(framework: str, old: Baseline, new: Baseline) -> str:
    """Return the conditions of a framework that differ between the two baselines."""
    before, after = (list(_conditions(one, framework)) for one in (old, new))
    changed = [f"{was or 'none'}, now {now or 'none'}" for was, now in zip(before, after, strict=True) if was != now]
    flags = [set(one.manifest["machine"].get("instructions", ())) for one in (old, new)]
    for word, more in (("without", flags[0] - flags[1]), ("with", flags[1] - flags[0])):
        changed += [f"now {word} {' '.join(sorted(more))}"] if more else []
    return f"{framework}: {'; '.join(changed) or f'{before[0]}, unchanged'}"


def _conditions(one: Baseline, framework: str) -> Iterator[str]:
    frame = one.frameworks.get(framework, {})
    yield ", ".join(f"{name} {version}" for name, version in one.versions(framework).items())
    yield f"{frame.get('threads', 'no')} threads"
    yield one.manifest["machine"]["cpu"]
    yield ", ".join(f"{name} {value}" for name, value in sorted(frame.get("instructions", {}).items()))


def _table(changes: Sequence[CaseChange]) -> Table:
    kinds = [kind for kind in ChangeKind if any(change.kind is kind for change in changes)]
    table = Table("implementation", *(Column(kind.value, justify="right") for kind in kinds), box=None, pad_edge=False)
    for name, group in groupby(changes, key=lambda change: change.key.name):
        counts = Counter(change.kind for change in group)
        table.add_row(escape(name), *(f"{counts[kind]:,}" if counts[kind] else "" for kind in kinds))
    return table


def details(changes: Sequence[CaseChange]) -> Iterator[str]:
    """Yield a line for each kind of change of an implementation, the most severe first."""
    severity = {kind: place for place, kind in enumerate(ChangeKind)}
    groups: dict[tuple[str, ChangeKind, str], list[CaseChange]] = {}
    for change in changes:
        if change.kind not in QUIET:
            groups.setdefault((change.key.name, change.kind, _shared_description(change)), []).append(change)
    for (name, kind, _), group in sorted(groups.items(), key=lambda item: -severity[item[0][1]]):
        first = max(group, key=_far) if kind in WITHIN else group[0]
        dialect = f" {first.key.requested_dialect}" if first.key.requested_dialect else ""
        where = f"{first.key.case} {first.key.dtype}{dialect}"
        many = "" if len(group) == 1 else f" in {len(group)} cases, as in {where}"
        yield f"{name}: {kind.value}{many or f' in {where}'}{f': {first.words}' if first.words else ''}"


def _shared_description(change: CaseChange) -> str:
    """Return what the cases of one line have in common."""
    if change.kind is ChangeKind.BEYOND:
        return named(change.axes)
    return change.words if change.kind in (ChangeKind.BROKEN, ChangeKind.FIXED) else ""


def to_json(changes: Sequence[CaseChange], old: Baseline, new: Baseline, failing: Sequence[CaseChange]) -> str:
    """Return all changes as JSON."""
    found = {
        "summary": summary(changes),
        "failing": len(failing),
        "counts": {kind.value: count for kind, count in Counter(change.kind for change in changes).items()},
        "before": _origin(old),
        "after": _origin(new),
        "changes": [_entry(change) for change in changes if change.kind is not ChangeKind.SAME],
    }
    return json.dumps(found, indent=1, ensure_ascii=False)


def _origin(one: Baseline) -> dict[str, Any]:
    return {part: one.manifest[part] for part in ("created", "commit", "threads", "machine", "frameworks")}


def _entry(change: CaseChange) -> Mapping[str, Any]:
    difference, before, after = change.difference, change.before, change.after
    return {
        **change.key._asdict(),
        "kind": change.kind.value,
        "words": change.words,
        "ulps": difference and difference.ulps,
        "quantity": difference and difference.quantity,
        "first_step": difference and difference.first_step,
        "axes": [{axis: list(pair) for axis, pair in one.items()} for one in change.axes],
        "fits": {"before": before and list(before.fits), "after": after and list(after.fits)},
        "outcome": {"before": before and before.outcome, "after": after and after.outcome},
        "sha256": {"before": before and before.digest, "after": after and after.digest},
    }
