"""Why an axis is not decided: what it could be asked with is not taken, or there is nothing to be seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from suite.identification.design import Outlook
from suite.identification.hypotheses import Hypothesis, Survivors
from suite.identification.probes import Probe

TRIED = 16  # questions that lack the same, the simplest first
_TAKEN = {
    "sparse": "it takes no gradients of few rows",
    "schedule": "its learning rate does not change on the way",
}


class Reasons:
    """Of the axes that more than one value is left for.

    Attributes:
        probes: all that could be asked of anyone.
        takes: what the subject takes, and the formats that it runs in.
        refused: probe -> the subject's words.
    """

    def __init__(self, probes: Sequence[Probe], takes: frozenset[str], refused: Mapping[str, str]) -> None:
        self.probes, self.takes, self.refused = probes, takes, refused

    def why(self, survivors: Survivors, axis: str) -> str:
        """In words.

        Hypotheses that differ in the value on the axis are held against each other: a question under which they are
        different functions is either one that could not be asked, or one of which the answer can't show it.
        """
        different = _one_each(survivors, axis)
        elsewhere: dict[frozenset[str], list[Probe]] = {}
        refused: list[Probe] = []
        hidden = False
        for probe in self.probes:
            if len({one.function(probe) for one in different}) == 1:
                continue
            missing = probe.requires - self.takes
            if missing:
                elsewhere.setdefault(missing, []).append(probe)
            elif probe.id in self.refused:
                refused.append(probe)
            else:
                hidden = True
        for probe in refused[:TRIED]:
            if Outlook(probe, different).apart().any():
                return f"it would not be asked {probe.id}: {self.refused[probe.id]}"
        for missing in sorted(elsewhere, key=lambda names: (len(names), sorted(names))):
            if any(Outlook(probe, different).apart().any() for probe in elsewhere[missing][:TRIED]):
                return _lacking(missing)
        if hidden or elsewhere or refused:
            return "the values differ by less than rounding may"
        return "the values are one function here: nothing that can be asked tells them apart"


def _one_each(survivors: Survivors, axis: str) -> list[Hypothesis]:
    """A hypothesis for each value that an axis may still have."""
    if axis not in survivors.asked:
        return [survivors.listed[0].having(axis, value) for value in survivors.space.axes[axis].values]
    return list({one.value(axis): one for one in survivors.listed}.values())


def _lacking(names: frozenset[str]) -> str:
    formats = sorted(name for name in names if name.startswith("float"))
    words = [f"it takes no {name}" for name in sorted(names) if name not in _TAKEN and name not in formats]
    words += [_TAKEN[name] for name in sorted(names) if name in _TAKEN]
    words += [f"it does not run in {name}" for name in formats]
    return ", and ".join(words)
