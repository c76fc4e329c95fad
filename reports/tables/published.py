"""The numbers that the book prints, and why its losses can't be compared with ours.

Source: Zhang, Lipton, Li, Smola, Dive into Deep Learning, section 11.8 (RMSProp), as printed below its three
implementations.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

SOURCE = "Dive into Deep Learning, section 11.8"
SHORT = "D2L 11.8"
LINK = "https://classic.d2l.ai/chapter_optimization/rmsprop.html"


@dataclass(frozen=True)
class Published:
    """One published run of the regression: its loss, and its seconds per epoch on the authors' machine."""

    loss: float
    seconds: float


REGRESSION = {
    ("mxnet", "scratch"): Published(0.246, 0.169),
    ("mxnet", "builtin"): Published(0.244, 0.086),
    ("torch", "scratch"): Published(0.244, 0.015),
    ("torch", "builtin"): Published(0.244, 0.014),
    ("tensorflow", "scratch"): Published(0.244, 0.113),
    ("tensorflow", "builtin"): Published(0.243, 0.139),
}
"""Loss and seconds per epoch of the airfoil regression: batch 10, η 0.01, γ 0.9."""

QUADRATIC = (-0.010599, 0.000000)
"""x1 and x2 after 20 steps on f(x) = 0.1 x1² + 2 x2² from (-5, -2): η 0.4, γ 0.9, ε 1e-6 inside the root."""

CAVEATS = (
    "The shuffles and the initial weights differ between the frameworks, so the published losses can't be "
    "compared: running the same code again gives 0.242 to 0.247.",
    "PyTorch's built-in column trains 4 epochs where the others train 2.",
    "PyTorch's built-in loss lacks the factor 1/2, so its gradients are doubled.",
    "ε is 1e-6 inside the root in the column from scratch, and the framework's default in the built-in column.",
    "The seconds were measured on the authors' machine, not on this one.",
)
"""What the published numbers do not show."""

_COLUMNS = {
    **dict.fromkeys(("scratch", "section"), "scratch"),
    **dict.fromkeys(("builtin", "keras", "trainer", "gluon", "section-concise"), "builtin"),
}
"""Our implementation -> the book's column with the same program; `section` is the book's own loop."""

_FRAMEWORK = re.compile(r"(mxnet|torch|pytorch|tensorflow)(?:[-_ ]?\d[\d.]*)?")


def published_run(framework: str, implementation: str, dialect: str | None) -> Published | None:
    """The numbers that the book prints for the same program in the same framework; None if it prints none.

    The book's program from scratch computes the dialect d2l; its built-in column is whatever the framework computes.
    """
    if implementation == "scratch" and dialect != "d2l":
        return None
    match = _FRAMEWORK.fullmatch(framework.lower())
    if match is None:
        return None
    return REGRESSION.get((match[1].removeprefix("py"), _COLUMNS.get(implementation, "")))
