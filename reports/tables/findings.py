"""What does not agree, and why: verdicts of one cause together, with the row among them that shows it best."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from reports.read.schema import Row
from reports.tables.numbers import count, multiple, percent
from reports.tables.outcomes import DIFFERS, NAMED, UNDECIDED, Outcome, urgency

UNNAMED = "(none)"
"""Stands for a dialect or case that a row does not name."""

LAW = "law/"
"""What the ids of laws begin with: relations between two replays, which no bound has a part in."""

Who = tuple[str, str, str, str]  # framework, implementation, version, device


@dataclass(frozen=True)
class Finding:
    """Verdicts that do not agree for one and the same cause, and the row among them that shows it best."""

    outcome: Outcome
    name: str
    version: str
    device: str
    dialects: tuple[str, ...]
    cases: tuple[str, ...]
    fits: tuple[str, ...]
    size: int
    expected: bool
    row: Row

    @property
    def law(self) -> str | None:
        """The law that is broken, if one is."""
        broken = self.outcome is DIFFERS and self.cases[0].startswith(LAW)
        return self.cases[0].removeprefix(LAW) if broken else None

    @property
    def title(self) -> str:
        """Who, in which dialects, in how many cases; or which law it breaks."""
        dialects = ", ".join(self.dialects[:3]) + (
            f" and {len(self.dialects) - 3} more" if len(self.dialects) > 3 else ""
        )
        dialects = f"dialect{'' if len(self.dialects) == 1 else 's'} {dialects}"
        expected = ", as expected" if self.expected and self.outcome.name != "unsupported" else ""
        if self.law:
            verdicts = f", {count(self.size)} times" if self.size > 1 else ""
            return f"{self.name} breaks the law of {self.law}, {dialects}{verdicts}{expected}"
        return f"{self.name}, {dialects}, {count(self.size)} case{'' if self.size == 1 else 's'}{expected}"

    @property
    def account(self) -> tuple[str, ...]:
        """What is to be said of it, a line each: the reason, if it is one of ours and so says all; else what is known.

        That a deviation is known comes last, with why.
        """
        reason = self.row["reason"]
        whole = reason and (self.row["first_quantity"] or self.law or self.outcome is UNDECIDED)
        lines = (reason,) if whole else (self.where, self.cause, reason)
        known = f"expected: {self.row['expectation']}" if self.expected and self.row["expectation"] else None
        return tuple(line for line in (*lines, known) if line)

    @property
    def where(self) -> str | None:
        """The first step outside the bound, and the place and size of the largest error. A law has no bound."""
        if self.outcome is not DIFFERS or self.law:
            return None
        parts = []
        if self.row["first_step"] is not None:
            parts.append(f"leaves the bound at step {self.row['first_step']}")
        if self.row["worst_step"] is not None:
            parts.append(f"largest at step {self.row['worst_step']}{_coordinate(self.row)}")
        if self.row["ulps"] is not None:
            parts.append(f"{multiple(self.row['ulps'])} ulps")
        if self.row["bound_ratio"] is not None:
            parts.append(f"{multiple(self.row['bound_ratio'])} × the bound")
        return "; ".join(parts) or None

    @property
    def cause(self) -> str | None:
        """Which dialect fits instead, or is nearest, or how much could be decided."""
        if self.outcome is UNDECIDED and self.row["decided"] is not None:
            return f"{percent(self.row['decided'])} of the values could be decided"
        if self.outcome is not DIFFERS:
            return None
        if self.law:
            return "the two traces are not the same to the bit"
        if self.fits:
            return f"fits {', '.join(self.fits)}"
        nearest = self.row["nearest"]
        if nearest is None or (not nearest["changes"] and not nearest["fits"]):
            return "fits no known dialect"
        return f"{'fits' if nearest['fits'] else 'fits none, nearest is'} {changed(nearest)}"


def changed(nearest: Mapping[str, object]) -> str:
    """A dialect with changes, as in `torch with initial_accumulator 1.0 in place of 0.0`."""
    changes = nearest["changes"]
    assert isinstance(changes, Mapping)  # noqa: S101  (so it was read)
    words = (f"{axis} {_value(there)} in place of {_value(here)}" for axis, (here, there) in changes.items())
    return f"{nearest['dialect']}{' with ' if changes else ''}{' and '.join(words)}"


def findings(rows: Iterable[Row]) -> list[Finding]:
    """All of them: first what is urgent, and among that what was not expected."""
    parts: dict[tuple[object, ...], list[Row]] = defaultdict(list)
    for row in rows:
        if row["outcome"] != "agrees":
            parts[(*who(row), row["outcome"], row["expected"], _kind(row))].append(row)
    found = [_finding(cause) for part in parts.values() for cause in _causes(part)]
    return sorted(found, key=lambda one: (urgency(one.outcome.name), one.expected, -one.size, one.name))


def who(row: Row) -> Who:
    """Whose verdict it is."""
    return row["framework"], row["implementation"], row["version"] or "", row["device"] or ""


def is_law(row: Row) -> bool:
    """Whether a verdict is about a law."""
    return (row["case"] or "").startswith(LAW)


def _kind(row: Row) -> object:
    """What verdicts of one cause have in common, beside their outcome and who gave them: a law, a dialect, a reason."""
    if is_law(row) and row["outcome"] == "differs":
        return row["case"]
    if row["outcome"] == "undecided":
        return None
    return (row["dialect"],) if row["outcome"] == "differs" else (row["reason"],)


def _causes(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Rows of one kind, by cause: the dialect that fits most of them, then that which fits most of the rest, …; and
    those that no dialect fits by what is nearest.
    """  # noqa: D205
    if rows[0]["outcome"] != "differs" or is_law(rows[0]):
        yield list(rows)
        return
    rest = [row for row in rows if row["fits"]]
    while rest:
        ((most, _),) = Counter(name for row in rest for name in row["fits"]).most_common(1)
        yield [row for row in rest if most in row["fits"]]
        rest = [row for row in rest if most not in row["fits"]]
    unfit: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if not row["fits"]:
            nearest = row["nearest"]
            unfit[_axes(nearest) if nearest and nearest["fits"] else ""].append(row)
    yield from unfit.values()


def _axes(nearest: Mapping[str, object]) -> str:
    """The dialect and the axes that are changed, whatever the hyper-parameters of a case make of them."""
    changes = nearest["changes"]
    return f"{nearest['dialect']} {' '.join(changes) if isinstance(changes, Mapping) else ''}"


def _finding(rows: Sequence[Row]) -> Finding:
    shown = max(rows, key=lambda row: (-len(row["fits"]), row["bound_ratio"] or 0.0))  # what tells most comes first
    return Finding(
        outcome=NAMED[shown["outcome"]],
        name=f"{shown['framework']}/{shown['implementation']}",
        version=shown["version"] or "",
        device=shown["device"] or "",
        dialects=tuple(dict.fromkeys(row["dialect"] or UNNAMED for row in rows)),
        cases=tuple(dict.fromkeys(row["case"] or UNNAMED for row in rows)),
        fits=tuple(name for name in shown["fits"] if all(name in row["fits"] for row in rows)),
        size=len(rows),
        expected=shown["expected"] is True,
        row=shown,
    )


def _coordinate(row: Row) -> str:
    index = f", coordinate [{', '.join(map(str, row['worst_index']))}]" if row["worst_index"] else ""
    return f"{index} of {row['quantity']}" if row["quantity"] else index


def _value(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else "none" if value is None else str(value).lower()
