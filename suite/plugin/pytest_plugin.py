"""What pytest loads of itself: the marker. It imports nothing, since pytest loads it wherever it is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known, so that `-m rmsuite` selects these tests, and --strict-markers lets them be."""
    config.addinivalue_line("markers", "rmsuite: a case of RMSProp's conformance catalogue")
