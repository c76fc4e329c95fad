"""Releases of the real frameworks, each in its own environment: the history tells what is known of them, by itself."""

from __future__ import annotations

import json
import os

import pytest

from suite.runner.environments import environment
from suite.runner.releases import compared
from tests.suite.test_commands import rmsuite

CASES = ("decades", "rows")

pytestmark = [pytest.mark.framework(release.full_name) for release in compared()]


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """The history of the releases that pyproject.toml lists, on a small part of the catalogue."""
    for release in compared():
        if not environment(release).exists:
            refuse = pytest.fail if os.environ.get("CI") else pytest.skip
            refuse(f"there is no environment for {release.name}: `rmsuite envs --build {release.name}`")
    folder = tmp_path_factory.mktemp("history") / "results"
    status, _, err = rmsuite("regress", *(f"-c{case}" for case in CASES), "--no-timing", "-o", folder)
    assert status == 0, err
    return json.loads((folder / "history.json").read_text())
