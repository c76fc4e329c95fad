"""Test inputs have the same bytes on every platform, data sets state their provenance, and patterns select cases."""

from __future__ import annotations

import hashlib
import threading

import numpy as np
import pytest

from reference import Hyperparameters
from suite.cases import datasets
from suite.cases.catalogue import GRID, SETTINGS, catalogue, select
from suite.cases.datasets import generated, resolve
from suite.cases.random import Bits
from suite.cases.tapes import generated as generated_tapes
from suite.cases.tasks import tasks
from suite.conformance.targets import tape_batches
from suite.errors import UserError
from suite.workers import arrays
from tests.suite.conftest import DATA


def digest(*parts):
    return hashlib.sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in parts)).hexdigest()[:16]


def test_a_seed_always_gives_the_same_bits():
    bits = Bits(0)
    assert bits.integers((2,)).tolist() == [11749869230777074271, 4976686463289251617]
    assert digest(Bits(7).uniform((9,)), Bits(7).normal((9,))) == "c6eb60b84d3c0cea"
    assert digest(Bits(7).permutation(100)) == "0a0e60cf59d9ca2f"


def test_normal_deviates_have_mean_zero_and_variance_one():
    sample = Bits(1).normal((20000,))
    assert abs(sample.mean()) < 4 / np.sqrt(sample.size)  # four standard errors; the seed is fixed
    assert abs(sample.var() - 1) < 4 * np.sqrt(2 / sample.size)


def test_a_permutation_contains_each_number_once():
    assert sorted(Bits(3).permutation(50)) == list(range(50))


TAPE_DIGESTS = {
    "decades": "799320c782ce02d4",
    "constant": "6e41bb98bb0d4c2c",
    "alternating": "989e7081bb50fd4d",
    "zeros": "cd16f6cd9fcc451f",
    "spike": "130924a62419b01a",
    "drifting": "0183e2a21fb0006b",
}


@pytest.mark.parametrize("name", TAPE_DIGESTS)
def test_generated_tapes_always_have_the_same_bytes(name):
    tape = generated_tapes(0)[name]
    assert digest(tape.initial, tape.gradients) == TAPE_DIGESTS[name]


def test_the_generated_table_always_has_the_same_bytes():
    table = generated().table
    assert table.shape == (datasets.ROWS, datasets.COLUMNS)
    assert generated().sha256[:16] == digest(table) == "0318b1642a66b46d"


requires_data = pytest.mark.skipif(not (DATA / datasets.FILE).exists(), reason="the published file is not available")


@requires_data
def test_the_published_file_is_standardized_as_in_the_book(tmp_path):
    data = resolve(DATA, tmp_path)
    assert (data.name, data.source) == ("airfoil", "folder")
    assert digest(data.standardized()) == "e65f286f9a39a601"
    assert np.abs(data.standardized().mean(axis=0)).max() < 1e-4  # a float32 mean, as in the book


@requires_data
def test_a_cached_file_is_used_unless_its_hash_differs(tmp_path):
    content = (DATA / datasets.FILE).read_bytes()
    (tmp_path / datasets.FILE).write_bytes(content)
    assert resolve(None, tmp_path, download=False).source == "cache"
    (tmp_path / datasets.FILE).write_bytes(content + b"\n")
    assert resolve(None, tmp_path, download=False).name == "generated"


def test_a_data_folder_without_the_published_file_is_refused(tmp_path, monkeypatch):
    with pytest.raises(UserError, match="no airfoil_self_noise"):
        resolve(tmp_path, tmp_path)
    (tmp_path / datasets.FILE).write_text("800\t0\n")
    with pytest.raises(UserError, match="is not the published file"):
        resolve(tmp_path, tmp_path)
    monkeypatch.setenv(datasets.VARIABLE, str(tmp_path))
    with pytest.raises(UserError, match="is not the published file"):
        resolve(None, tmp_path / "cache")


def test_a_download_without_response_is_abandoned_after_a_time_limit(tmp_path, monkeypatch):
    import pooch

    requested, release = threading.Event(), threading.Event()

    def retrieve(*args, **kwargs):
        requested.set()
        release.wait(30)
        raise OSError("no route to host")

    monkeypatch.setattr(pooch, "retrieve", retrieve)
    monkeypatch.setattr(datasets, "DOWNLOAD_SECONDS", 0.2)
    data = resolve(None, tmp_path)
    release.set()
    assert requested.is_set()
    assert data.name == "generated"
    assert "not available" in data.detail


def test_a_download_that_fails_falls_back_to_generated_data(tmp_path, monkeypatch):
    import pooch

    def retrieve(*args, **kwargs):
        raise ValueError("SHA256 hash of downloaded file does not match the known hash")

    monkeypatch.setattr(pooch, "retrieve", retrieve)
    assert resolve(None, tmp_path).name == "generated"


def test_the_regression_task_is_that_of_the_book(tmp_path):
    task = tasks(generated(), 0)["regression"]
    assert task.steps == 300
    assert task.steps_per_epoch == 150
    assert task.hyperparameters == Hyperparameters(learning_rate=0.01, decay=0.9, epsilon=1e-6)
    batches = task.data["batches"]
    assert batches.shape == (300, 10)
    for epoch in (batches[:150], batches[150:]):
        assert sorted(epoch.ravel()) == list(range(1500))
    assert task.initial[-1] == 0
    assert 0 < np.abs(task.initial[:-1]).max() <= 0.06


def test_cases_have_unique_ids_and_reasons():
    cases = catalogue(tasks(generated(), 0), 0)
    ids = [case.id for case in cases]
    assert len(set(ids)) == len(ids) > 200
    assert all(case.tape.reason and case.setting.reason for case in cases)


@pytest.mark.parametrize(
    ("pattern", "count"),
    [
        ("decades", len(SETTINGS)),
        ("grid-01", 1),
        ("decades/momentum", 1),
        ("range", len(GRID)),
        ("shape/scalar", 1),
        ("norm", 2),
    ],
)
def test_cases_are_selected_by_tape_setting_or_pattern(pattern, count):
    assert len(select(catalogue(tasks(generated(), 0), 0), [pattern])) == count


def test_a_pattern_that_matches_nothing_is_refused_with_a_suggestion():
    with pytest.raises(UserError, match=r"no case matches .decade.; .*decades"):
        select(catalogue(tasks(generated(), 0), 0), ["decade"])


def test_a_tape_batch_stores_each_case_in_its_columns(tmp_path):
    cases = select(catalogue(tasks(generated(), 0), 0), ["plain", "momentum"])
    for tape_batch in tape_batches(cases, tmp_path):
        stored, sha256 = arrays.read(tape_batch.path)
        assert sha256 == tape_batch.sha256
        for case, columns in tape_batch.cases:
            if case.tape.sparse:
                assert np.array_equal(stored["rows"], case.tape.sparse.rows)
                assert np.array_equal(stored["values"], case.tape.sparse.values)
                continue
            assert np.array_equal(stored["gradients"][:, columns], case.tape.gradients, equal_nan=True)
            assert np.array_equal(stored["initial"][columns], case.tape.initial)


def test_arrays_are_stored_exactly_and_other_file_formats_are_refused(tmp_path):
    written = {"a": np.arange(6.0).reshape(2, 3).T, "scalar": np.array(7), "empty": np.zeros((0, 2), np.float32)}
    arrays.write(tmp_path / "x.safetensors", written)
    stored, _ = arrays.read(tmp_path / "x.safetensors")
    assert all(np.array_equal(stored[key], written[key]) and stored[key].shape == written[key].shape for key in written)
    (tmp_path / "y.safetensors").write_bytes(b"\x80\x04not a tensor")
    with pytest.raises(ValueError, match="is not a safetensors file"):
        arrays.read(tmp_path / "y.safetensors")
