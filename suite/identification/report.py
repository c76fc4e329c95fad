"""The result of an identification as JSON and as lines of text.

Text is plain, because it is printed in the optimizer's environment, where the suite is not installed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reference import dialects
from reports.tables.table import Section, Table
from suite.diagnosis.candidates import HYPERPARAMETER_PREFIX, describe_change, describe_changes
from suite.identification.hypotheses import AS_SET, EITHER, Hypothesis, NamedDialect
from suite.identification.identify import Identification, UnexplainedTrace
from suite.identification.unset_hyperparameters import Default

SCHEMA = 2
MAX_NAMES = 4  # in a line


def to_json(found: Identification) -> dict[str, object]:
    """Return a JSON object; `exit_status` is 0 if the optimizer is identified, and 1 if not."""
    known = found.defaults
    return {
        "schema": SCHEMA,
        "exit_status": 0 if found.identified else 1,
        "optimizer": found.optimizer.name,
        "dialects": [_dialect(one) for one in found.named_dialects],
        "changed_hyperparameters": found.hypotheses.changed_hyperparameters() if found.identified else {},
        "axes": {axis: _axis(found, axis) for axis in found.space.axes} if found.identified else {},
        "defaults": [_default(one) for one in known.values] if known else [],
        "required": list(known.required) if known else [],
        "defaults_reason": known.reason if known else None,
        "unexplained": None if found.identified else {"reason": "\n".join(_not_identified(found)),
                                                      **_unexplained(found.unexplained)},
        "experiments": {
            "separating": [one.experiment.id for one in found.completed if one.separating],
            "confirming": [one.experiment.id for one in found.completed if not one.separating],
            "failed": dict(found.failed),
        },
        "hypotheses": {"initial": found.space.size, "remaining": found.hypotheses.size if found.identified else 0},
    }  # fmt: skip


def lines(found: Identification) -> Iterator[str]:
    """Yield the lines of the text."""
    if found.identified:
        yield from _identified(found)
        yield ""
        yield from Table.of(("axis", "value", "decided by, or reason"), _axis_rows(found)).lines()
        yield ""
        yield from _defaults(found)
    else:
        yield from _not_identified(found)
    yield ""
    yield _counts(found)


def _identified(found: Identification) -> Iterator[str]:
    name, every = found.optimizer.name, found.named_dialects
    differences = every[0].differences
    if set(differences) <= {"subnormals"}:  # which may depend on the machine, too
        also = f", with {describe_changes(differences)}" if differences else ""
        yield f"{name} is {_joined([one.dialect for one in every])}{also}"
    else:
        yield f"{name} is no named dialect; the nearest {'is' if len(every) == 1 else 'are'}"
    for one in every[:MAX_NAMES]:
        more = f", with {describe_changes(one.differences)}" if set(one.differences) - {"subnormals"} else ""
        yield f"  {one.dialect}{more} ({dialects[one.dialect].source})"
    if len(every) > MAX_NAMES:
        yield f"  and {len(every) - MAX_NAMES} more"
    if len(every) > 1:
        yield "  no experiment that it can run distinguishes them"
    for hyperparameter, effect in found.hypotheses.changed_hyperparameters().items():
        yield f"  its {hyperparameter} {_effect(effect, hyperparameter in found.optimizer.accepts)}"


def _effect(effect: object, accepted: bool) -> str:
    if effect == "always":
        return "is always on"
    if not accepted:
        return f"is {effect} and can't be set"
    return "is ignored" if effect == "ignored" else f"has another effect than as set: {effect}"


def _axis_rows(found: Identification) -> Iterator[tuple[str, str, str]]:
    for axis in found.space.axes:
        name = axis.removeprefix(HYPERPARAMETER_PREFIX)
        accepted = name in found.optimizer.accepts
        label = axis if name == axis else f"{name} ({'accepted' if accepted else 'not accepted'})"
        values = ["off" if value == AS_SET and not accepted else _shown(value)
                  for value in found.hypotheses.values(axis)]  # fmt: skip
        yield label, " or ".join(values), found.undecided.get(axis) or found.decided_by(axis) or "not tested"


def _axis(found: Identification, axis: str) -> dict[str, object]:
    reason = found.undecided.get(axis)
    decided_by = None if reason else found.decided_by(axis)
    return {"values": found.hypotheses.values(axis), "decided_by": decided_by, "reason": reason}


def _defaults(found: Identification) -> Iterator[str]:
    known = found.defaults
    if known is None or known.reason:
        yield f"defaults unknown{f': {known.reason}' if known else ''}"
        return
    if known.values:
        rows = [(one.name, _value(one.value), _declared(one)) for one in known.values]
        yield from Table.grouped(("", "", ""), [Section.of("defaults", rows)]).lines()
    if known.required:
        yield f"required: {', '.join(known.required)}"
    if not known.values and not known.required:
        yield "it takes no hyper-parameters"


def _declared(one: Default) -> str:
    if not one.is_declared:
        return "no declared default"
    if one.value is None:
        return f"declared as {one.declared}, without a visible effect"
    return "as declared" if one.as_declared else f"differs from the declared {one.declared}"


def _not_identified(found: Identification) -> Iterator[str]:
    name, trace = found.optimizer.name, found.unexplained
    if found.fixed.reason:
        yield f"{name} is not identified: {found.fixed.reason}"
    elif trace is None:
        failure = next(iter(found.failed.values()), "there is none that it can run")
        yield f"{name} is not identified, because no experiment succeeded: {failure}"
    else:
        yield f"{name} is no known RMSProp"
        worst = f"at worst by {trace.result.bound_ratio:.3g} bounds"
        where = f"whose bound it leaves at step {trace.result.first_step}, {worst}"
        yield f"  no hypothesis explains {trace.experiment.id}; the nearest is {_hypothesis(trace.nearest)}, {where}"
        for one in trace.similar:
            mistake = f"{one.mistake.name} ({one.mistake.reason})"
            yield f"  it is similar to {_hypothesis(one.hypothesis)} with a mistake: {mistake}"


def _hypothesis(one: Hypothesis) -> str:
    """Return a hypothesis in words, by its differences from the nearest named dialect."""
    name = min(dialects, key=lambda name: len(dialects[name].differences(one.dialect)))
    pairs = dialects[name].differences(one.dialect)
    changes = [describe_change(axis, *pair) for axis, pair in pairs.items() if pair[0] != EITHER]
    changes += [f"{change.name} {change.how}" for change in one.changes]
    return f"{name} with {' and '.join(changes)}" if changes else name


def _unexplained(trace: UnexplainedTrace | None) -> dict[str, object]:
    if trace is None:
        return {}
    nearest = trace.nearest
    return {
        "experiment": trace.experiment.id,
        "nearest": {**nearest.dialect.axes(), **{change.axis: change.how for change in nearest.changes}},
        "first_step": trace.result.first_step,
        "bound_ratio": trace.result.bound_ratio,
        "similar_mistakes": [
            {**one.hypothesis.dialect.axes(), "mistake": one.mistake.name, "reason": one.mistake.reason}
            for one in trace.similar
        ],
    }


def _dialect(one: NamedDialect) -> dict[str, object]:
    differences = {axis: list(pair) for axis, pair in one.differences.items()}
    return {"dialect": one.dialect, "source": dialects[one.dialect].source, "differences": differences}


def _default(one: Default) -> dict[str, object]:
    return {"name": one.name, "value": one.value, "declared": one.declared, "as_declared": one.as_declared}


def _counts(found: Identification) -> str:
    separating = sum(one.separating for one in found.completed)
    confirming = len(found.completed) - separating
    failed = f", {len(found.failed)} failed" if found.failed else ""
    return f"{found.space.size:,} hypotheses; experiments: {separating} separating, {confirming} confirming{failed}"


def _joined(names: Sequence[str]) -> str:
    more = [f"{len(names) - MAX_NAMES} more"] if len(names) > MAX_NAMES else []
    return " or ".join([*names[:MAX_NAMES], *more])


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:.12g}" if isinstance(value, (int, float)) else "none or not visible"
