"""The pytest plugin: a marker, and the place of generated tests. pytest loads it, so that it imports nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, so that `-m rmsuite` selects these tests and --strict-markers accepts it."""
    config.addinivalue_line("markers", "rmsuite: a case of RMSProp's conformance catalogue")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Report a generated test at the call of `rmsuite.conformance` that made it."""
    location = getattr(getattr(item, "obj", None), "rmsuite_location", None)
    if location is not None:
        path, line = location
        item.reportinfo = lambda: (path, line, item.name)  # type: ignore[method-assign]
