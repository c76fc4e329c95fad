"""What a case is about, in a word: the columns of the first matrix beside the dialects."""

from __future__ import annotations

from reports.read.schema import Row

UPDATE = "plain update"
TRAINING = "training"

PROPERTIES = {
    UPDATE: "the update itself, under various γ and ε",
    "momentum": "a momentum buffer, Nesterov's too",
    "centered": "the centered variant",
    "weight decay": "where weight decay enters",
    "clipping": "of gradients, their norm, or parameters",
    "schedule": "learning rates that change, or are a parameter's own",
    "options": "rescaling, climbing, bias correction",
    "sparse rows": "gradients that come in rows",
    "shapes": "scalars, odd lengths, gaps in memory, many tensors",
    "long runs": "from one step to ten thousand",
    "extremes": "NaN, infinity, overflow, subnormals, zero",
    "any η γ ε": "hyper-parameters over their whole range",
    "16 bits": "float16 and bfloat16",
    "laws": "relations between two replays, to the bit",
    TRAINING: "whole runs: every gradient and every update",
}
"""In the order in which they are shown, with what they mean."""

_TAPES = {
    "shape": "shapes",
    "steps": "long runs",
    "edge": "extremes",
    "rows": "sparse rows",
    "norm": "clipping",
    "rates": "schedule",
    "range": "any η γ ε",
    "law": "laws",
}
_SETTINGS = {
    "centered": "centered",
    "momentum": "momentum",
    "nesterov": "momentum",
    "decay": "weight decay",
    "clipping": "clipping",
    "clip": "clipping",
    "schedule": "schedule",
    "rescaled": "options",
    "maximize": "options",
    "correction": "options",
}
_REDUCED = ("float16", "bfloat16")


def about(row: Row) -> str:
    """What a verdict is about: what its tape is there for, else its format, else its setting."""
    tape, _, rest = (row["case"] or "").partition("/")
    if tape in _TAPES and tape != "edge":
        return _TAPES[tape]
    if row["dtype"] in _REDUCED:
        return "16 bits"
    if tape in _TAPES:
        return _TAPES[tape]
    words = [*tape.split("-"), *rest.replace("/", "-").split("-")]
    return next((property_ for word, property_ in _SETTINGS.items() if word in words), UPDATE)
