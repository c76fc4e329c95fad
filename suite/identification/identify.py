"""Ask, refute, and ask again, until nothing is left to separate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from suite.agreement.judge import Judgement
from suite.identification.design import Design, Outlook
from suite.identification.hypotheses import Hypothesis, Space, Survivors
from suite.identification.naming import Name, names
from suite.identification.probes import Probe, covering, family
from suite.identification.subject import Array, Refused, Subject
from suite.identification.undecided import Reasons
from suite.identification.widening import History, widened


@dataclass(frozen=True)
class Asked:
    """A question that was answered.

    Attributes:
        probe: the question.
        answer: parameters after every step.
        before: how many hypotheses there were before it.
        after: and after it.
        told: the axes of which it left fewer values.
        chosen: whether it was chosen since it separates; if not, it was asked to confirm.
    """

    probe: Probe
    answer: Array = field(repr=False)
    before: int
    after: int
    told: tuple[str, ...]
    chosen: bool


@dataclass(frozen=True)
class Miss:
    """The question after which nothing was left, and what was nearest to its answer."""

    probe: Probe
    nearest: Hypothesis
    judgement: Judgement


@dataclass
class Identification:
    """What was found.

    Attributes:
        subject: that was asked.
        space: what it could have been.
        survivors: what it can be.
        asked: the questions, in order.
        refused: those that it would not answer: id -> its words.
        miss: if nothing is left, where that was seen.
    """

    subject: Subject
    space: Space
    survivors: Survivors
    asked: list[Asked] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    miss: Miss | None = None

    @cached_property
    def names(self) -> list[Name]:
        """The named dialects that it is, or from which it departs least; none, if nothing is left."""
        return [] if self.miss else names(self.survivors)

    def undecided(self) -> dict[str, str]:
        """The axes that may have more than one value still -> why."""
        takes = _takes(self.subject) | set(self.subject.dtypes)
        reasons = Reasons(list(family()), takes, self.refused)
        axes = [axis for axis in self.space.axes if len(self.survivors.values(axis)) > 1]
        return {axis: reasons.why(self.survivors, axis) for axis in axes}

    def settled_by(self, axis: str) -> str | None:
        """The last question that left an axis fewer values."""
        return next((one.probe.id for one in reversed(self.asked) if axis in one.told), None)


def identify(subject: Subject, say: Callable[[str], None] = lambda _: None) -> Identification:
    """Which RMSProp a subject computes.

    Args:
        subject: to ask.
        say: is told each question, as it is asked.
    """
    space = Space(subject.accepts)
    found = Identification(subject, space, space.everything())
    design = Design(probe for probe in family(subject.dtypes) if probe.needs <= _takes(subject))
    while found.miss is None and (choice := design.next(found.survivors)) is not None:
        _ask(found, design, choice.outlook, choice.survivors, say, chosen=True)
    for probe in list(covering(design.probes, (one.probe for one in found.asked))):
        if found.miss is None:
            facing = found.survivors.facing(probe)
            _ask(found, design, design.outlook(probe, facing.listed), facing, say, chosen=False)
    return found


def _takes(subject: Subject) -> frozenset[str]:
    more = {"schedule": subject.scheduled, "sparse": subject.sparse}
    return subject.accepts | {name for name, taken in more.items() if taken}


def _ask(
    found: Identification,
    design: Design,
    outlook: Outlook,
    facing: Survivors,
    say: Callable[[str], None],
    *,
    chosen: bool,
) -> None:
    """One question, and what its answer refutes."""
    probe, tape = outlook.probe, outlook.probe.tape
    say(probe.id)
    design.drop(probe)
    try:
        answer = found.subject.answer(
            tape.initial, tape.sparse or tape.gradients, probe.given(found.space.accepts), probe.dtype
        )
    except Refused as error:
        found.refused[probe.id] = str(error)
        return
    left = facing.only(outlook.surviving(answer))
    if not left.listed:
        history = [*((one.probe, one.answer) for one in found.asked), (probe, answer)]
        left = _through(facing.only(widened(outlook, history)), history)
    if not left.listed:
        found.miss = _miss(outlook, answer)
        return
    told = tuple(axis for axis in left.asked if len(left.values(axis)) < len(found.survivors.values(axis)))
    found.asked.append(Asked(probe, answer, found.survivors.size, left.size, told, chosen))
    found.survivors = left


def _through(survivors: Survivors, history: History) -> Survivors:
    """What is left of them after questions that were asked before, of all axes that matter now."""
    for probe, answer in history:
        if survivors.listed:
            facing = survivors.facing(probe)
            survivors = facing.only(Outlook(probe, facing.listed).surviving(answer))
    return survivors


def _miss(outlook: Outlook, answer: Array) -> Miss:
    """The function whose bound it leaves last, and then by least."""
    judged = {key: outlook.compare(key, answer) for key in outlook.members}
    nearest = min(judged, key=lambda key: (-(judged[key].first_step or 0), judged[key].bound_ratio))
    return Miss(outlook.probe, outlook.members[nearest][0], judged[nearest])
