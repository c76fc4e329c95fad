"""Words for people that several packages show: the axes of a dialect, and what to do about a measurement warning.

The keys are those of the result files: the fields of `reference.Dialect`, and the codes in the column `warnings` of
timings.jsonl. This module needs the standard library only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Axis:
    """An axis on which RMSProps differ, in words.

    Attributes:
        name: as in "weight decay".
        values: value of the axis -> words that can follow the name, as in "in the gradient".
    """

    name: str
    values: Mapping[str, str] = field(default_factory=dict)

    def value(self, value: object) -> str:
        """A value in words; numbers, and values that have no words, as they are."""
        return self.values.get(str(value)) or (f"{value:g}" if isinstance(value, int | float) else str(value))

    def short(self, value: object) -> str:
        """A value in fewer words, for a narrow column of a table."""
        words = self.value(value)
        for long, short in _SHORT.items():
            words = words.replace(long, short)
        return words


_SHORT = {
    "the root": "√",
    "the momentum buffer": "buffer",
    "apart from the gradient": "decoupled",
    "weight decay": "decay",
    "applied when": "when",
}


AXES: Mapping[str, Axis] = {
    "epsilon": Axis(
        "ε",
        {
            "inside": "inside the root",
            "outside": "outside the root",
            "inside with momentum": "inside the root with momentum, outside without",
            "inside when centered": "inside the root when centered, outside otherwise",
        },
    ),
    "initial_accumulator": Axis("average of squares from", {"epsilon": "ε"}),
    "learning_rate": Axis(
        "learning rate", {"inside": "in the momentum buffer", "outside": "outside the momentum buffer"}
    ),
    "momentum": Axis(
        "momentum", {"always": "applied", "when centered": "applied when centered only", "never": "ignored"}
    ),
    "weight_decay": Axis("weight decay", {"l2": "in the gradient", "decoupled": "apart from the gradient"}),
    "clipping": Axis("clipping", {"before decay": "before weight decay", "after decay": "after weight decay"}),
    "decay_complement": Axis("1-γ", {"exact": "exact, rounded once", "working": "formed in the working precision"}),
    "hyperparameter_rounding": Axis(
        "hyper-parameters",
        {
            "exact": "exact",
            "float32": "in float32",
            "float32 but learning rate": "but the learning rate in float32",
            "float32 but epsilon": "but ε in float32",
            "float32 rates": "exact but learning rate and weight decay, in float32",
        },
    ),
    "sparse": Axis(
        "rows without a gradient",
        {"dense": "decayed", "lazy": "unchanged", "lazy with momentum": "unchanged with momentum, decayed without"},
    ),
    "duplicates": Axis(
        "duplicate rows",
        {"merged": "merged", "apart": "squared separately", "in turn": "one after the other"},
    ),
    "subnormals": Axis("subnormals", {"either": "kept or flushed", "kept": "kept", "flushed": "flushed"}),
}
"""The axes of `reference.Dialect`, from what users meet first to what they hardly meet."""

WARNING_ADVICE: Mapping[str, str] = {
    "unsteady": "the time was still changing when the measured rounds began; check the warm-up",
    "spread": "the interquartile range is this share of the median; measure on a quieter machine",
    "outliers": "this many samples are outliers; they are kept, and the median is robust to them",
    "drift": "the time changed by this much from the first round to the last; let the machine rest and run again",
    "unfinished": "this share of the work was still running when the clock stopped: synchronize() returned too early",
    "threads": "processor time was this many times what the configured threads can use",
    "short": "the samples are shorter than a millisecond, so the resolution of the clock may show",
    "uncounted": "the parameters are not where that many steps would have moved them",
    "busy": "other programs used this share of the processors; stop them and run again",
    "stolen": "the host took this share of the processor time; measure on a dedicated machine",
    "throttled": "the speed of the processor changed by this much; fix its frequency or let it cool",
}
"""Code of a measurement warning -> what it means for the time, and how to resolve it."""
