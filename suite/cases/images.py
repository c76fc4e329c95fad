"""Images for the section's exercise 3: Fashion-MNIST, or the handwritten digits that scikit-learn includes.

Fashion-MNIST is looked for in the folder that the user names, in the user's cache and at the publisher, in this order,
and checked against the published MD5 sums. If it is not available, the digits are used.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from suite.cases import datasets
from suite.cases.random import Bits
from suite.errors import UserError

PUBLISHER = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
FILES = {
    "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
    "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
    "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
}
"""The files of Fashion-MNIST (Xiao, Rasul, Vollgraf 2017) with the published MD5 sums, the smallest first."""

FIRST_SECONDS = 6.0  # for the smallest file, including a slow name server
OTHER_SECONDS = 60.0  # for each other file
TRAINED, TESTED = 6400, 2000  # numbers of images of Fashion-MNIST that are used, the first ones
DIGITS_TRAINED = 1408


@dataclass(frozen=True)
class Images:
    """A data set of images and their classes.

    Attributes:
        name: `Fashion-MNIST` or `digits`.
        source: `folder`, `cache`, `download` or `embedded`.
        detail: the provenance in words.
        features: the training images, float32 in [0, 1], shape (n, pixels).
        labels: the classes of the training images, int64, shape (n,).
        test_features: the test images, in the form of `features`.
        test_labels: the classes of the test images.
    """

    name: str
    source: str
    detail: str
    features: NDArray[np.float32] = field(repr=False)
    labels: NDArray[np.int64] = field(repr=False)
    test_features: NDArray[np.float32] = field(repr=False)
    test_labels: NDArray[np.int64] = field(repr=False)


def resolve(folder: Path | None, cache: Path, *, download: bool = True) -> Images:
    """Find the images.

    Args:
        folder: the folder that the user named; if None, the environment variable `RMSUITE_DATA` is read. It need not
            hold Fashion-MNIST.
        cache: the folder in which downloads are kept.
        download: whether a download is allowed.

    Raises:
        UserError: if the named folder holds some of the files but not all, or other files under their names.
    """
    where = datasets.named(folder)
    if where is not None and has_fashion_mnist(where):
        return _fashion(_read(where), "folder", f"Fashion-MNIST, from {where}")
    kept = {name: (cache / name).read_bytes() for name in FILES if (cache / name).is_file()}
    if len(kept) == len(FILES) and all(_md5(content) == FILES[name] for name, content in kept.items()):
        return _fashion(kept, "cache", "Fashion-MNIST, from the cache")
    if download and (fetched := _download(cache)) is not None:
        return _fashion(fetched, "download", f"Fashion-MNIST, downloaded from {PUBLISHER}")
    return digits()


def has_fashion_mnist(folder: Path) -> bool:
    """Return whether a folder has any file of Fashion-MNIST."""
    return any((folder / name).is_file() for name in FILES)


def digits() -> Images:
    """Return the handwritten digits in a fixed random order, so that training and test images have the same writers."""
    features, labels = datasets.digits()
    order = Bits(0).permutation(len(labels))
    features, labels = features[order], labels[order]
    detail = f"{len(labels):,} handwritten digits, 8 by 8 pixels, from scikit-learn (Fashion-MNIST was not available)"
    cut = DIGITS_TRAINED
    return Images("digits", "embedded", detail, features[:cut], labels[:cut], features[cut:], labels[cut:])


def pooled(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Reduce images from 28 by 28 to 14 by 14 pixels by the mean of four, in [0, 1], with one rounding to float32."""
    sums = pixels.reshape(-1, 14, 2, 14, 2).astype(np.int64).sum(axis=(2, 4))
    return np.asarray(sums.reshape(len(sums), -1).astype(np.float32) / np.float32(4 * 255))


def _fashion(content: Mapping[str, bytes], source: str, detail: str) -> Images:
    parts = {name: gzip.decompress(packed) for name, packed in content.items()}

    def images(name: str, count: int) -> NDArray[np.float32]:
        whole = np.frombuffer(parts[f"{name}-images-idx3-ubyte.gz"], np.uint8, offset=16).reshape(-1, 28 * 28)
        return pooled(whole[:count])

    def classes(name: str, count: int) -> NDArray[np.int64]:
        return np.frombuffer(parts[f"{name}-labels-idx1-ubyte.gz"], np.uint8, offset=8)[:count].astype(np.int64)

    detail = f"{detail}: {TRAINED:,} training and {TESTED:,} test images, 14 by 14 (means of four pixels)"
    trained, tested = ("train", TRAINED), ("t10k", TESTED)
    return Images(
        "Fashion-MNIST", source, detail, images(*trained), classes(*trained), images(*tested), classes(*tested)
    )


def _read(folder: Path) -> dict[str, bytes]:
    content = {}
    for name, md5 in FILES.items():
        file = folder / name
        if not file.is_file():
            raise UserError(f"no {name} in {folder}, which has other files of Fashion-MNIST; add it")
        content[name] = file.read_bytes()
        if _md5(content[name]) != md5:
            raise UserError(f"{file} is not the published file; download it again from {PUBLISHER}{name}")
    return content


def _download(cache: Path) -> dict[str, bytes] | None:
    """Download the files; None if one does not arrive in time, or has another MD5 sum."""
    content: dict[str, bytes] = {}
    for name, md5 in FILES.items():
        found = datasets.fetch(PUBLISHER + name, f"md5:{md5}", cache, OTHER_SECONDS if content else FIRST_SECONDS)
        if found is None:
            return None
        content[name] = found
    return content


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
