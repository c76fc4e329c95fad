"""What has changed, for people and for programs: between two baselines, and in a history of releases.

Both have summary lines, tables and JSON; the changes between two baselines also details and JUnit XML, and the history
Markdown.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import groupby
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET  # only written here, never read

from rich.console import Console

from reports.render import markdown
from reports.render.exports import junit_case, junit_document, xml_text
from reports.render.terminal import print_table
from reports.tables.table import Column, Table, number
from suite.cases.catalogue import Case
from suite.regression.baseline import Baseline, Key
from suite.regression.comparison import CaseChange, ChangeKind
from suite.regression.history import HistoryEntry, ReleaseChange, Time
from suite.regression.identity import changed_values, describe_alternatives, differences, new_values
from suite.results.provenance import Conditions
from suite.run import Job, Options
from suite.workers.selection import framework_of

# Changes between two baselines

SHOWN = 24
"""The largest number of detail lines on the terminal; JSON and JUnit have all."""

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
    counts = Counter(change.kind for change in changes)
    counted = (f"{counts[kind]:,} {kind.value}{_extent(kind, changes)}" for kind in ChangeKind if counts[kind])
    return f"{framework} {release}: {', '.join(counted)}"


def _extent(kind: ChangeKind, changes: Sequence[CaseChange]) -> str:
    own = [change for change in changes if change.kind is kind]
    if kind in WITHIN:
        far = max(change.ulps for change in own)
        return f" (up to {far:.3g} ulps)" if far else ""
    axes = dict.fromkeys(" or ".join(" and ".join(one) for one in change.axes) for change in own if change.axes)
    return f" ({', '.join(axes)})" if axes else ""


def show(changes: Sequence[CaseChange], old: Baseline, new: Baseline, console: Console) -> None:
    """Print the conditions of both baselines, a table, the details and the summary."""
    frameworks = dict.fromkeys(change.key.framework for change in changes)
    _print(console, *(_differing_conditions(name, old, new) for name in frameworks), "")
    kinds = [kind for kind in ChangeKind if any(change.kind is kind for change in changes)]
    rows = []
    for name, group in groupby(changes, key=lambda change: change.key.name):
        counts = Counter(change.kind for change in group)
        rows.append((name, *(f"{counts[kind]:,}" if counts[kind] else "" for kind in kinds)))
    headings = (kind.value.replace(" (", "\n(") for kind in kinds)
    print_table(console, Table.of(("implementation", *map(number, headings)), rows))
    lines = list(details(changes))
    _print(console, *(["", *lines[:SHOWN]] if lines else []))
    if len(lines) > SHOWN:
        _print(console, f"and {len(lines) - SHOWN} more lines, which --json and --junit include")
    _print(console, "", summary(changes))


def _print(console: Console, *lines: str) -> None:
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


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


def details(changes: Sequence[CaseChange]) -> Iterator[str]:
    """Yield a line for each kind of change of an implementation, the most severe first."""
    severity = list(ChangeKind)
    groups: dict[tuple[str, ChangeKind, str], list[CaseChange]] = {}
    for change in changes:
        if change.kind not in (ChangeKind.SAME, ChangeKind.NEW):
            groups.setdefault((change.key.name, change.kind, _shared_description(change)), []).append(change)
    for (name, kind, _), group in sorted(groups.items(), key=lambda item: -severity.index(item[0][1])):
        first = max(group, key=lambda change: change.ulps) if kind in WITHIN else group[0]
        dialect = f" {first.key.requested_dialect}" if first.key.requested_dialect else ""
        where = f"{first.key.case} {first.key.dtype}{dialect}"
        many = "" if len(group) == 1 else f" in {len(group)} cases, as in {where}"
        yield f"{name}: {kind.value}{many or f' in {where}'}{f': {first.words}' if first.words else ''}"


def _shared_description(change: CaseChange) -> str:
    """Return what the cases of one line have in common."""
    if change.kind is ChangeKind.BEYOND:
        return describe_alternatives(change.axes)
    return change.words if change.kind in (ChangeKind.BROKEN, ChangeKind.FIXED) else ""


def to_json(changes: Sequence[CaseChange], old: Baseline, new: Baseline, failing: Sequence[CaseChange]) -> str:
    """Return all changes as JSON."""
    found = {
        "summary": summary(changes),
        "failing": len(failing),
        "counts": {kind.value: count for kind, count in Counter(change.kind for change in changes).items()},
        "before": _origin(old),
        "after": _origin(new),
        "changes": [_change_entry(change) for change in changes if change.kind is not ChangeKind.SAME],
    }
    return json.dumps(found, indent=1, ensure_ascii=False)


def _origin(one: Baseline) -> dict[str, Any]:
    return {part: one.manifest[part] for part in ("created", "commit", "threads", "machine", "frameworks")}


def _change_entry(change: CaseChange) -> dict[str, Any]:
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


def junit(changes: Sequence[CaseChange], failing: Sequence[CaseChange], folder: Path, options: Options | None) -> str:
    """Return the changes as JUnit XML: a test suite for each implementation, a test case for each case.

    Only `failing` changes fail. If frameworks ran, with these options, a failure has the command that checks its case
    of the baseline in the folder again.
    """
    fails = {change.key for change in failing}
    suites = []
    for name, group in groupby(changes, key=lambda change: change.key.name):
        cases = []
        for change in group:
            key = change.key
            cases.append(junit_case((key.framework, key.implementation, key.requested_dialect, key.dtype), key.case))
            message = xml_text(": ".join(filter(None, (change.kind.value, change.words))))
            if key in fails:
                failure = ET.SubElement(cases[-1], "failure", type=change.kind.value, message=message)
                failure.text = xml_text(_repeat(key, folder, options) if options else "")
            elif change.kind is not ChangeKind.SAME:
                ET.SubElement(cases[-1], "system-out").text = message
        suites.append((name, cases))
    return junit_document("rmsuite baseline", suites)


def _repeat(key: Key, folder: Path, options: Options) -> str:
    conditions = Conditions(threads=options.threads, timeout=options.timeout, pythons=options.pythons)
    arguments = (str(folder), "-c", key.case, "--dtype", key.dtype)
    return conditions.command("baseline check", key.framework, key.implementation, *arguments)


# The history of releases

REFERENCE_IMPLEMENTATION = "builtin"
"""The implementation with which the others of a release are compared."""


def history_tables(entries: Sequence[HistoryEntry], cases: Mapping[str, Case], benchmark: str | None) -> list[Table]:
    """Return two tables: what each release computes, and what has changed since the release before.

    `cases` is the catalogue by id, and `benchmark` the id of the benchmark; None if nothing was timed.
    """
    plain = ("release", "dialect", "implementations", "difference from builtin")
    computed = Table.of(plain, _computed(entries, cases), "What each release computes")
    columns: list[str | Column] = ["implementation", "release", "dialect", "since the release before"]
    if benchmark is not None:
        columns += [number(f"{benchmark}, µs"), number("ratio to the release before"), "conclusion"]
    rows = (_changed(entry, before, benchmark) for before, entry in zip([None, *entries], entries, strict=False))
    return [computed, Table.of(columns, rows, "Changes since the release before")]


def _computed(entries: Sequence[HistoryEntry], cases: Mapping[str, Case]) -> Iterator[tuple[str, ...]]:
    for release in dict.fromkeys(entry.release for entry in entries):
        own = [one for one in entries if one.release == release and one.identity.traced and not one.requested_dialect]
        for name in dict.fromkeys(one.identity.name for one in own):
            alike = [one for one in own if one.identity.name == name]
            reference = next((one for one in own if _short(one) == REFERENCE_IMPLEMENTATION), own[0])
            axes = differences(reference.identity, alike[0].identity, cases)
            label = f"{framework_of(release)} {alike[0].version}"
            yield label, name, ", ".join(map(_short, alike)), new_values(axes or {})


def _changed(entry: HistoryEntry, before: HistoryEntry | None, benchmark: str | None) -> tuple[str, ...]:
    again = before is not None and before.name == entry.name
    change = entry.change.value + (f": {entry.words}" if entry.words else "")
    text = "" if entry.change is ReleaseChange.FIRST else change
    cells = ("" if again else entry.name, entry.version, entry.identity.name, text)
    return cells if benchmark is None else (*cells, *_timed(entry.time, entry.untimed))


def _timed(time: Time | None, untimed: str | None) -> tuple[str, str, str]:
    if time is None:
        return "", "", untimed or ""
    interval = ", ".join(f"{limit:.2f}" for limit in time.ratio_interval or ())
    ratio = "" if time.ratio is None else f"{time.ratio:.2f} [{interval}]"
    return f"{time.seconds * 1e6:,.1f}", ratio, time.conclusion or ""


def _short(entry: HistoryEntry) -> str:
    return entry.name.partition("/")[2]


def history_summary(entries: Sequence[HistoryEntry]) -> list[str]:
    """Return a line for each release that has an earlier one, with the most severe changes first.

    For example `mxnet 1.9.1 → 2.0.0b1: dialect in builtin, kernel (ε inside the root → outside the root); same bits in
    scratch`.
    """
    lines, versions = [], dict[str, str]()
    releases = list(dict.fromkeys(entry.release for entry in entries))
    for release in releases:
        own = [entry for entry in entries if entry.release == release]
        framework, version = framework_of(release), own[0].version
        before = versions.get(framework)
        versions[framework] = version
        if before is not None:
            lines.append(f"{framework} {before} → {version}: {'; '.join(_clauses(own))}")
    alone = [one for one, count in Counter(map(framework_of, releases)).items() if count == 1]
    return [*lines, *(f"{one} {versions[one]}: no other release to compare it with" for one in alone)]


def _clauses(entries: Sequence[HistoryEntry]) -> Iterator[str]:
    severity = list(ReleaseChange)
    groups: dict[tuple[ReleaseChange, str], list[HistoryEntry]] = {}
    for entry in entries:
        groups.setdefault((entry.change, changed_values(entry.axes)), []).append(entry)
    for change, how in sorted(groups, key=lambda group: severity.index(group[0])):
        names = ", ".join(map(_short, groups[change, how]))
        yield f"{change.value} in {names}{f' ({how})' if how else ''}"


def write_history(
    job: Job, entries: Sequence[HistoryEntry], missing: Mapping[str, str], benchmark: str | None
) -> tuple[list[Table], list[str]]:
    """Write `history.json` and `history.md` into the results folder of a job; return the history as tables and lines.

    `missing` has the reason for each release without results; `benchmark` is as for `history_tables`.
    """
    folder, manifest = job.store.folder, job.store.manifest
    tables = history_tables(entries, {case.id: case for case in job.catalogue}, benchmark)
    lines = [*history_summary(entries), *(f"{name} is left out: {why}" for name, why in missing.items())]
    document = {
        **{part: manifest[part] for part in ("created", "commit", "machine")},
        "releases": {name: one for name, one in manifest["frameworks"].items() if "missing" not in one},
        "missing": dict(missing),
        "benchmark": benchmark,
        "summary": lines,
        "computed": tables[0].records(),
        "history": [_history_entry(entry) for entry in entries],
    }
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    (folder / "history.json").write_text(text, "utf-8")
    parts = ["# RMSProp across releases", "\n".join(f"- {markdown.escape(line)}" for line in lines)]
    for table in tables:
        parts += [f"## {table.title}", markdown.table(replace(table, title=""))]
    (folder / "history.md").write_text("\n\n".join(filter(None, parts)) + "\n", "utf-8")
    return tables, lines


def show_history(tables: Sequence[Table], lines: Sequence[str], console: Console) -> None:
    """Print the tables and then the summary lines."""
    for table in tables:
        print_table(console, table)
        _print(console, "")
    _print(console, *lines)


def _history_entry(entry: HistoryEntry) -> dict[str, Any]:
    return {
        "implementation": entry.implementation,
        "requested_dialect": entry.requested_dialect or None,
        "release": entry.release,
        "version": entry.version,
        "dialects": list(entry.identity.dialects),
        "fitted": entry.identity.fitted,
        "distinguishing": entry.identity.distinguishing,
        "traced": len(entry.identity.traced),
        "change": entry.change.value,
        "words": entry.words,
        "axes": {axis: list(pair) for axis, pair in entry.axes.items()},
        "counts": {kind.value: count for kind, count in Counter(one.kind for one in entry.changes).items()},
        "cases": [
            {"case": one.key.case, "dtype": one.key.dtype, "kind": one.kind.value, "words": one.words}
            for one in entry.changes
            if one.words
        ],
        "time": entry.time and asdict(entry.time),
        "untimed": entry.untimed,
    }
