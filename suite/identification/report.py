"""What was found, as JSON and as lines of text: who it is, axis by axis, and what it has where nothing is given.

Plain text, since it is read where the optimizer lives, and nothing of ours is installed there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from reference import dialects
from suite.diagnosis.candidates import HYPERPARAMETER_PREFIX, describe_change
from suite.identification.defaults import UNSAID, Default
from suite.identification.hypotheses import AS_ASKED, OPEN, Hypothesis
from suite.identification.identify import Identification
from suite.identification.naming import Name, treated

SCHEMA = 1
MANY = 4  # names in a line


def to_json(found: Identification) -> dict[str, Any]:
    """A JSON object; `exit_status` is 0 if it is identified, and 1 if nothing fits."""
    return {
        "schema": SCHEMA,
        "exit_status": 0 if found.identified else 1,
        "optimizer": found.about.name,
        "dialects": [_name(name) for name in found.names],
        "treatments": treated(found.survivors) if found.identified else {},
        "axes": {axis: _axis(found, axis) for axis in found.space.axes} if found.identified else {},
        "defaults": [_default(one) for one in found.defaults.values] if found.defaults else [],
        "required": list(found.defaults.required) if found.defaults else [],
        "defaults_reason": found.defaults.reason if found.defaults else None,
        "nothing_fits": _nothing(found),
        "questions": {
            "chosen": [one.probe.id for one in found.asked if one.chosen],
            "confirming": [one.probe.id for one in found.asked if not one.chosen],
            "refused": dict(found.refused),
        },
        "hypotheses": {"before": found.space.size, "left": found.survivors.size if found.identified else 0},
    }


def lines(found: Identification) -> Iterator[str]:
    """For people."""
    if not found.identified:
        yield from _refusal(found)
        yield ""
        yield _counts(found)
        return
    yield from _who(found)
    yield ""
    yield from _table(("axis", "value", "decided by, or why not"), list(_axes(found)))
    yield ""
    yield from _defaults(found)
    yield ""
    yield _counts(found)


def _who(found: Identification) -> Iterator[str]:
    name, names = found.about.name, found.names[:MANY]
    departures = names[0].departures
    if not departures:
        yield f"{name} is {_listed([one.dialect for one in found.names])}"
    elif set(departures) == {"subnormals"}:  # which is the machine's affair, too
        yield f"{name} is {_listed([one.dialect for one in found.names])}, with {_departures(names[0])}"
    else:
        yield f"{name} has no name of its own; it is"
    for one in names:
        more = f", with {_departures(one)}" if set(departures) - {"subnormals"} else ""
        yield f"  {one.dialect}{more} ({dialects[one.dialect].source})"
    if len(found.names) > len(names):
        yield f"  or {len(found.names) - len(names)} more"
    if len(found.names) > 1:
        yield "  which of them, nothing tells that it can be asked"
    for hyperparameter, how in treated(found.survivors).items():
        yield f"  and its {hyperparameter} {_acts(hyperparameter, how, found)}"


def _acts(name: str, how: Any, found: Identification) -> str:
    """What becomes of a hyper-parameter, for people."""
    if name not in found.about.accepts:
        return f"is {how}, which can't be chosen" if how != "always" else "is always on"
    return {"always": "is always on", "ignored": "is ignored"}.get(str(how), f"is not as asked: {how}")


def _axes(found: Identification) -> Iterator[tuple[str, str, str]]:
    for axis in found.space.axes:
        one, name = _axis(found, axis), axis.removeprefix(HYPERPARAMETER_PREFIX)
        taken = name in found.about.accepts
        label = axis if name == axis else f"{name}, {'given' if taken else 'not taken'}"
        values = ["off" if value == AS_ASKED and not taken else _shown(value) for value in one["values"]]
        yield label, " or ".join(values), one["decided_by"] or one["why"] or "asked about by nothing"


def _axis(found: Identification, axis: str) -> dict[str, Any]:
    values = found.survivors.values(axis)
    why = found.undecided.get(axis)
    return {"values": values, "decided_by": None if why else found.settled_by(axis), "why": why}


def _defaults(found: Identification) -> Iterator[str]:
    known = found.defaults
    if known is None or known.reason:
        yield f"defaults: {known.reason if known else 'unknown'}"
        return
    if known.values:
        yield "defaults"
        rows = [(one.name, _value(one.value), _said(one)) for one in known.values]
        yield from (f"  {line}" for line in _columns(rows))
    if known.required:
        yield f"without a default: {', '.join(known.required)}"
    if not known.values and not known.required:
        yield "it takes no hyper-parameters"


def _said(one: Default) -> str:
    if one.declared == UNSAID:
        return "declared nowhere"
    if one.value is None:
        return f"declared as {one.declared}, which makes no difference that can be seen"
    return "as declared" if one.kept else f"declared as {one.declared}, which is not so"


def _refusal(found: Identification) -> Iterator[str]:
    name = found.about.name
    if found.fixed.reason:
        yield f"{name} is no RMSProp that is known here: {found.fixed.reason}"
    elif found.miss is None:
        yield f"{name} answers nothing: {next(iter(found.refused.values()), 'there is nothing to ask')}"
    else:
        yield f"{name} is no RMSProp that is known here"
        result = found.miss.result
        where = f"of which it leaves the bound at step {result.first_step}"
        where += f", at worst by {result.bound_ratio:.3g} bounds"
        yield f"  nothing is left after {found.miss.probe.id}; nearest is {_nearest(found.miss.nearest)}, {where}"
        for one in found.miss.resembles:
            mistake = f"{one.mistake.name} ({one.mistake.reason})"
            yield f"  it looks like {_nearest(one.hypothesis)} with a mistake: {mistake}"


def _nearest(one: Hypothesis) -> str:
    """A hypothesis for people, by the named dialect that is nearest to it."""
    name = min(dialects, key=lambda name: len(dialects[name].differences(one.dialect)))
    changes = [
        describe_change(axis, *pair)
        for axis, pair in dialects[name].differences(one.dialect).items()
        if pair[0] != OPEN
    ]
    changes += [f"{change.axis.removeprefix(HYPERPARAMETER_PREFIX)} {change.how}" for change in one.changes]
    return f"{name} with {' and '.join(changes)}" if changes else name


def _nothing(found: Identification) -> dict[str, Any] | None:
    if found.identified:
        return None
    miss = found.miss
    if miss is None:
        return {"reason": "\n".join(_refusal(found))}
    return {
        "reason": "\n".join(_refusal(found)),
        "probe": miss.probe.id,
        "nearest": {**miss.nearest.dialect.axes(), **{change.axis: change.how for change in miss.nearest.changes}},
        "first_step": miss.result.first_step,
        "bound_ratio": miss.result.bound_ratio,
        "resembles": [
            {**one.hypothesis.dialect.axes(), "mistake": one.mistake.name, "reason": one.mistake.reason}
            for one in miss.resembles
        ],
    }


def _name(name: Name) -> dict[str, Any]:
    departures = {axis: list(pair) for axis, pair in name.departures.items()}
    return {"dialect": name.dialect, "source": dialects[name.dialect].source, "departures": departures}


def _default(one: Default) -> dict[str, Any]:
    declared = None if one.declared == UNSAID else one.declared
    return {"name": one.name, "value": one.value, "declared": declared, "as_declared": one.kept}


def _departures(name: Name) -> str:
    return " and ".join(describe_change(axis, *pair) for axis, pair in name.departures.items())


def _counts(found: Identification) -> str:
    chosen = sum(one.chosen for one in found.asked)
    confirming = len(found.asked) - chosen
    told = f"{found.space.size:,} hypotheses, {chosen} questions to tell them apart, {confirming} to confirm"
    return f"{told}, {len(found.refused)} refused" if found.refused else told


def _listed(names: Sequence[str]) -> str:
    return " or ".join(names) if len(names) <= MANY else f"{' or '.join(names[:MANY])} or {len(names) - MANY} more"


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _value(value: Any) -> str:
    if value is None:
        return "none, or not seen"
    return ("on" if value else "off") if isinstance(value, bool) else f"{value:.12g}"


def _table(headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    yield from _columns([headings, *rows])


def _columns(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
