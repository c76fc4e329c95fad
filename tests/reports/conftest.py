"""Results folders for the tests of the reports: a complete one, read-only, and one to damage."""

import pytest

import reports
from tests.support import sample_results


@pytest.fixture(scope="session")
def written(tmp_path_factory):
    """A complete folder, with its report written."""
    folder = sample_results.build(tmp_path_factory.mktemp("results") / "complete")
    reports.write(folder)
    return folder


@pytest.fixture(scope="session")
def complete(written):
    """The results of the complete folder."""
    return reports.load(written)


@pytest.fixture
def folder(tmp_path):
    """A complete folder that the test may change."""
    return sample_results.build(tmp_path / "results")
