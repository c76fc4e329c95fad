"""The images of exercise 3: the complete published Fashion-MNIST, or the embedded digits if it is not available."""

from __future__ import annotations

import gzip
import hashlib

import numpy as np
import pytest

from suite.cases import datasets
from suite.errors import UserError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with four files in the format of Fashion-MNIST, whose hashes are declared as the published ones."""
    monkeypatch.delenv(datasets.VARIABLE, raising=False)
    random = np.random.default_rng(0)
    sums = {}
    for name, count in (("train", datasets.TRAINED), ("t10k", datasets.TESTED)):
        pixels = random.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        classes = random.integers(0, 10, count, dtype=np.uint8)
        for kind, header, content in (("images-idx3", 16, pixels), ("labels-idx1", 8, classes)):
            packed = gzip.compress(bytes(header) + content.tobytes(), 1)
            (tmp_path / f"{name}-{kind}-ubyte.gz").write_bytes(packed)
            sums[f"{name}-{kind}-ubyte.gz"] = f"md5:{hashlib.md5(packed, usedforsecurity=False).hexdigest()}"
    monkeypatch.setattr(datasets, "FASHION_MNIST", sums)
    return tmp_path


def test_files_are_read_from_the_folder_or_the_cache(folder, tmp_path):
    from_folder = datasets.resolve_images(folder, tmp_path / "none", download=False)
    assert (from_folder.name, from_folder.source) == ("Fashion-MNIST", "folder")
    assert from_folder.features.shape == (6400, 196)
    assert from_folder.test_labels.shape == (2000,)
    assert from_folder.features.dtype == np.float32
    assert 0 <= from_folder.features.min() <= from_folder.features.max() <= 1
    cached = datasets.resolve_images(None, folder, download=False)
    assert cached.source == "cache"
    assert np.array_equal(cached.features, from_folder.features)


def test_a_file_with_another_hash_is_refused(folder, tmp_path):
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(b"other")
    with pytest.raises(UserError, match=r"train-labels-idx1-ubyte.gz is not the published file; download it again"):
        datasets.resolve_images(folder, tmp_path / "none", download=False)
    assert datasets.resolve_images(None, folder, download=False).name == "digits"


def test_a_missing_file_in_a_data_folder_is_named(folder, tmp_path):
    (folder / "t10k-images-idx3-ubyte.gz").unlink()
    with pytest.raises(UserError, match=r"no t10k-images-idx3-ubyte.gz in .* add it"):
        datasets.resolve_images(folder, tmp_path / "none", download=False)


def test_without_fashion_mnist_the_digits_are_used(tmp_path, monkeypatch):
    monkeypatch.delenv(datasets.VARIABLE, raising=False)
    found = datasets.resolve_images(tmp_path, tmp_path, download=False)
    assert (found.name, found.source) == ("digits", "embedded")
    assert len(found.labels) + len(found.test_labels) == 1797
    assert "Fashion-MNIST was not available" in found.detail


def test_a_download_is_used_if_every_file_succeeds_and_stops_at_the_first_failure(folder, tmp_path, monkeypatch):
    requests = []

    def fetch(url, known_hash, cache, seconds):
        name = url.rpartition("/")[2]
        requests.append((name, seconds))
        return (folder / name).read_bytes() if name in available else None

    monkeypatch.setattr(datasets, "fetch", fetch)
    available = set(datasets.FASHION_MNIST)
    assert datasets.resolve_images(None, tmp_path / "none").source == "download"
    assert len(requests) == 4
    requests.clear()
    available = set()
    assert datasets.resolve_images(None, tmp_path / "none").source == "embedded"
    assert len(requests) == 1


def test_pooling_averages_four_pixels():
    image = np.arange(28 * 28, dtype=np.uint8).reshape(1, -1)
    pixels = image.reshape(28, 28).astype(float)
    expected = (pixels[0, 0] + pixels[0, 1] + pixels[1, 0] + pixels[1, 1]) / 4 / 255
    assert datasets.pooled(image)[0, 0] == pytest.approx(expected, rel=2.0**-23)
