"""Results folders for the tests of the reports: a complete one, read-only, one to damage, and one of timings alone."""

import json

import pytest

import reports
from reports.tables import report
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


@pytest.fixture(scope="session")
def benchmarks(complete):
    """The benchmarks of the complete folder, by name."""
    return {benchmark.name: benchmark for benchmark in report.build(complete).timing}


@pytest.fixture
def bare(tmp_path):
    """A folder with a manifest alone."""
    (tmp_path / "manifest.json").write_text(json.dumps(sample_results.manifest()), encoding="utf-8")
    return tmp_path


@pytest.fixture
def timed(bare):
    """Write these timings into the bare folder; return its benchmarks."""

    def make(rows):
        (bare / "timings.jsonl").write_text(sample_results.lines(rows), encoding="utf-8")
        return report.build(reports.load(bare)).timing

    return make
