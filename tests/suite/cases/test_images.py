"""The images of exercise 3: the published files or none, and digits where there are none."""

from __future__ import annotations

import gzip
import hashlib

import numpy as np
import pytest

from suite.cases import datasets
from suite.errors import UserError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with four files of Fashion-MNIST's form, published as such."""
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
    named = datasets.resolve_images(folder, tmp_path / "none", download=False)
    assert (named.name, named.source) == ("Fashion-MNIST", "folder")
    assert named.features.shape == (6400, 196)
    assert named.test_labels.shape == (2000,)
    assert named.features.dtype == np.float32
    assert 0 <= named.features.min() <= named.features.max() <= 1
    kept = datasets.resolve_images(None, folder, download=False)
    assert kept.source == "cache"
    assert np.array_equal(kept.features, named.features)


def test_a_file_with_another_hash_is_refused(folder, tmp_path):
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(b"other")
    with pytest.raises(UserError, match=r"train-labels-idx1-ubyte.gz is not the published file; download it again"):
        datasets.resolve_images(folder, tmp_path / "none", download=False)
    assert datasets.resolve_images(None, folder, download=False).name == "digits"


def test_a_folder_with_some_of_the_files_names_what_is_missing(folder, tmp_path):
    (folder / "t10k-images-idx3-ubyte.gz").unlink()
    with pytest.raises(UserError, match=r"no t10k-images-idx3-ubyte.gz in .* add it"):
        datasets.resolve_images(folder, tmp_path / "none", download=False)


def test_without_fashion_mnist_the_digits_are_used(tmp_path, monkeypatch):
    monkeypatch.delenv(datasets.VARIABLE, raising=False)
    found = datasets.resolve_images(tmp_path, tmp_path, download=False)
    assert (found.name, found.source) == ("digits", "embedded")
    assert len(found.labels) + len(found.test_labels) == 1797
    assert "Fashion-MNIST was not available" in found.detail


def test_a_download_is_used_if_every_file_arrives(folder, tmp_path, monkeypatch):
    asked = []

    def fetch(url, known_hash, cache, seconds):
        name = url.rpartition("/")[2]
        asked.append((name, seconds))
        return (folder / name).read_bytes() if name in there else None

    monkeypatch.setattr(datasets, "fetch", fetch)
    there = set(datasets.FASHION_MNIST)
    assert datasets.resolve_images(None, tmp_path / "none").source == "download"
    assert len(asked) == 4
    asked.clear()
    there = set()
    assert datasets.resolve_images(None, tmp_path / "none").source == "embedded"
    assert len(asked) == 1


def test_four_pixels_become_their_mean():
    picture = np.arange(28 * 28, dtype=np.uint8).reshape(1, -1)
    plain = picture.reshape(28, 28).astype(float)
    expected = (plain[0, 0] + plain[0, 1] + plain[1, 0] + plain[1, 1]) / 4 / 255
    assert datasets.pooled(picture)[0, 0] == pytest.approx(expected, rel=2.0**-23)
