"""Ask, refute, and ask again, until nothing is left to separate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from suite.cases.tapes import WIDE
from suite.compare.comparison import ComparisonResult
from suite.identification.defaults import Defaults, defaults
from suite.identification.design import Design, Outlook
from suite.identification.fixed_numbers import Fixed, fixed
from suite.identification.hypotheses import Hypothesis, Space, Survivors
from suite.identification.inquiry import About, Array, Inquiry, Query, Refused, Subject, put
from suite.identification.naming import Name, names
from suite.identification.probes import Probe, covering, family
from suite.identification.resemblance import Resemblance, resembling
from suite.identification.undecided import Reasons
from suite.identification.widening import History, ranked, widened

PATIENCE = 3  # questions that are refused, after which no more are put in a format


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
    """The question after which nothing was left.

    Attributes:
        probe: the question.
        nearest: what is nearest to its answer.
        result: how far that is off.
        resembles: mistakes that come near all answers.
    """

    probe: Probe
    nearest: Hypothesis
    result: ComparisonResult
    resembles: list[Resemblance]


@dataclass
class Identification:
    """What was found.

    Attributes:
        about: who was asked.
        space: what it could have been.
        fixed: numbers that it does not let one choose.
        survivors: what it can be.
        asked: the questions, in order.
        refused: those that it would not answer: id -> its words.
        miss: if nothing is left, where that was seen.
        defaults: what it has where nothing is given; None, if it is not known what it is.
    """

    about: About
    space: Space
    fixed: Fixed
    survivors: Survivors
    asked: list[Asked] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    miss: Miss | None = None
    defaults: Defaults | None = None

    @property
    def identified(self) -> bool:
        """Whether something is left: then it is one function, to all that can be asked."""
        return bool(self.asked) and self.miss is None

    @cached_property
    def names(self) -> list[Name]:
        """The named dialects that it is, or from which it departs least; none, if nothing is left."""
        return names(self.survivors) if self.identified else []

    @cached_property
    def undecided(self) -> dict[str, str]:
        """The axes that may have more than one value still -> why."""
        reasons = Reasons(list(family()), _takes(self.about) | set(self.about.dtypes), self.refused)
        axes = [axis for axis in self.space.axes if len(self.survivors.values(axis)) > 1]
        return {axis: reasons.why(self.survivors, axis) for axis in axes}

    def settled_by(self, axis: str) -> str | None:
        """The last question that left an axis fewer values."""
        return next((one.probe.id for one in reversed(self.asked) if axis in one.told), None)


def identify(subject: Subject, say: Callable[[str], None] = lambda _: None) -> Identification:
    """Which RMSProp a subject computes, and what it has where nothing is given; `say` is told each question."""
    return put(identification(subject.about), subject, say)


def identification(about: About) -> Inquiry[Identification]:
    """The same as questions that are yet to be put."""
    space = Space(about.accepts)
    own = yield from fixed(about, space)
    found = Identification(about, space, own, own.survivors)
    if own.reason is not None:
        return found
    offered = family(about.dtypes, own.numbers)
    design = Design(probe for probe in offered if probe.needs <= _takes(about))
    while found.miss is None and (choice := design.next(found.survivors)) is not None:
        yield from _ask(found, design, choice.outlook, choice.survivors, chosen=True)
    for probe in list(covering(design.probes, (one.probe for one in found.asked))):
        if found.miss is None:
            facing = found.survivors.facing(probe)
            yield from _ask(found, design, design.outlook(probe, facing.listed), facing, chosen=False)
    if found.identified:
        answered = {one.probe.dtype for one in found.asked}
        found.defaults = yield from defaults(about, found.survivors, max(answered & set(WIDE), default=min(answered)))
    return found


def _takes(about: About) -> frozenset[str]:
    more = {"schedule": about.scheduled, "sparse": about.sparse}
    return about.accepts | {name for name, taken in more.items() if taken}


def _ask(found: Identification, design: Design, outlook: Outlook, facing: Survivors, *, chosen: bool) -> Inquiry[None]:
    """One question, and what its answer refutes."""
    probe = outlook.probe
    design.drop(probe)
    answer = yield Query(probe.id, probe.tape, probe.given(found.about.accepts), probe.dtype)
    if isinstance(answer, Refused):
        found.refused[probe.id] = answer.words
        if not any(one.probe.dtype == probe.dtype for one in found.asked):
            _give_up(found, design, probe.dtype)
        return
    left = facing.only(outlook.surviving(answer))
    if not left.listed and probe.tape.subnormals:  # where no ε is asked for, some put in one of their own
        found.refused[probe.id] = "what it makes of subnormals, or of no ε, is neither to keep nor to flush them"
        return
    if not left.listed:
        history = [*((one.probe, one.answer) for one in found.asked), (probe, answer)]
        left = _through(facing.only(widened(outlook, history)), history)
    if not left.listed:
        found.miss = _miss(outlook, history)
        return
    told = tuple(axis for axis in left.asked if len(left.values(axis)) < len(found.survivors.values(axis)))
    found.asked.append(Asked(probe, answer, found.survivors.size, left.size, told, chosen))
    found.survivors = left


def _give_up(found: Identification, design: Design, dtype: str) -> None:
    """A format in which nothing is answered, and some questions were put."""
    asked = [name for name in found.refused if name.endswith(f"/{dtype}")]
    if len(asked) >= PATIENCE:
        for probe in [probe for probe in design.probes if probe.dtype == dtype]:
            found.refused[probe.id] = found.refused[asked[0]]
            design.drop(probe)


def _through(survivors: Survivors, history: History) -> Survivors:
    """What is left of them after questions that were asked before, of all axes that matter now."""
    for probe, answer in history:
        if survivors.listed:
            facing = survivors.facing(probe)
            survivors = facing.only(Outlook(probe, facing.listed).surviving(answer))
    return survivors


def _miss(outlook: Outlook, history: History) -> Miss:
    """The hypothesis that is least far off on the whole, and what its bound says; and what it looks like."""
    every = [alike[0] for alike in outlook.members.values()]
    probe, answer = history[-1]
    nearest = ranked(every, probe, answer)[0][0]
    judged = outlook.compare(nearest.function(probe), answer)
    return Miss(probe, nearest, judged, resembling(every, history))
