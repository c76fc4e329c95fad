"""Results folders for tests of reports: complete, complete without a report, manifest only, and timings only."""

import json

import pytest

import reports
from reports.tables import report
from tests.support import sample_results


@pytest.fixture(scope="session")
def report_folder(tmp_path_factory):
    """A complete results folder with its report; tests must not change it."""
    folder = sample_results.build(tmp_path_factory.mktemp("results") / "complete")
    reports.write(folder)
    return folder


@pytest.fixture(scope="session")
def complete_results(report_folder):
    """The results of the complete folder."""
    return reports.load(report_folder)


@pytest.fixture
def folder(tmp_path):
    """A complete results folder without a report, which the test may change."""
    return sample_results.build(tmp_path / "results")


@pytest.fixture(scope="session")
def benchmarks(complete_results):
    """The benchmarks of the complete folder, by name."""
    return {benchmark.name: benchmark for benchmark in report.build(complete_results).timing}


@pytest.fixture
def manifest_folder(tmp_path):
    """A results folder that contains only a manifest."""
    (tmp_path / "manifest.json").write_text(json.dumps(sample_results.manifest()), encoding="utf-8")
    return tmp_path


@pytest.fixture
def build_benchmarks(manifest_folder):
    """Return a function that writes rows of timings to `manifest_folder` and returns the benchmarks of its report."""

    def write_and_build(rows):
        (manifest_folder / "timings.jsonl").write_text(sample_results.json_lines(rows), encoding="utf-8")
        return report.build(reports.load(manifest_folder)).timing

    return write_and_build
