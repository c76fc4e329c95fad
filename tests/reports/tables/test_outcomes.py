"""The outcome of a group of verdicts, in which known deviations are counted separately."""

from __future__ import annotations

import pytest

from reports.tables.outcomes import AGREES, DIFFERS, UNDECIDED, UNSUPPORTED, Counts


@pytest.mark.parametrize(
    ("outcomes", "known", "worst", "others"),
    [
        (["agrees"], [], AGREES, ""),
        (["agrees", "unsupported"], [], AGREES, "1 unsupported"),
        (["agrees", "differs", "undecided"], ["differs", "undecided"], AGREES, "2 known"),
        (["agrees", "differs", "differs"], ["differs"], DIFFERS, "1 differs, 1 known"),
        (["agrees", "undecided", "differs"], ["differs"], UNDECIDED, "1 undecided, 1 known"),
        (["differs"], ["differs"], DIFFERS, "1 known"),
        ([], [], UNSUPPORTED, ""),
    ],
)
def test_a_known_deviation_does_not_hide_an_agreement_but_an_unexpected_one_does(outcomes, known, worst, others):
    counts = Counts.of(outcomes, known)
    assert counts.worst is worst
    assert counts.others == others
    assert counts.total == len(outcomes)
