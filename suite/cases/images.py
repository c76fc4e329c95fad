"""The images of a real problem: Fashion-MNIST where it is at hand, else the digits that scikit-learn ships.

Looked for in this order: the folder that the user named; the user's cache; the publisher, checked against the MD5 sums
that it publishes. Each result says which it is.
"""

from __future__ import annotations

import gzip
import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from suite.cases import datasets
from suite.cases.datasets import DataError
from suite.cases.random import Bits

PUBLISHER = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
FILES = {
    "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
    "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
    "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
}
"""Of Fashion-MNIST (Xiao, Rasul, Vollgraf 2017), with the publisher's MD5 sums; the smallest first."""

PATIENCE = {"t10k-labels-idx1-ubyte.gz": 6.0}
LONGER = 60.0  # seconds that a file may take once the smallest one has come, which takes a slow name server too
TRAINED, TESTED = 6400, 2000  # images of Fashion-MNIST, the first that there are
DIGITS_TRAINED = 1408


@dataclass(frozen=True)
class Images:
    """Pictures in rows, and their classes.

    Attributes:
        name: `Fashion-MNIST` or `digits`.
        source: `folder`, `cache`, `download` or `embedded`.
        detail: a sentence for people.
        features: to train on, float32 in [0, 1], shape (n, pixels).
        labels: their classes, int64, shape (n,).
        test_features, test_labels: to test on, likewise.
    """

    name: str
    source: str
    detail: str
    features: NDArray[np.float32] = field(repr=False)
    labels: NDArray[np.int64] = field(repr=False)
    test_features: NDArray[np.float32] = field(repr=False)
    test_labels: NDArray[np.int64] = field(repr=False)


def resolve(folder: Path | None, cache: Path, *, download: bool = True) -> Images:
    """The images to use.

    Args:
        folder: what the user named, if anything; else the environment variable `RMSUITE_DATA` counts. It need not hold
            these files, but what it holds under their names must be they.
        cache: where downloads are kept.
        download: whether the publisher may be asked.

    Raises:
        DataError: if a folder is named that holds some of the files but not all, or others under their names.
    """
    where = datasets.named(folder)
    if where is not None and holds(where):
        return _fashion(_read(where), "folder", f"Fashion-MNIST, from {where}")
    kept = {name: (cache / name).read_bytes() for name in FILES if (cache / name).is_file()}
    if len(kept) == len(FILES) and all(_md5(content) == FILES[name] for name, content in kept.items()):
        return _fashion(kept, "cache", "Fashion-MNIST, from the cache")
    if download and (fetched := _download(cache)) is not None:
        return _fashion(fetched, "download", f"Fashion-MNIST, downloaded from {PUBLISHER}")
    return digits()


def holds(folder: Path) -> bool:
    """Whether there is any of Fashion-MNIST's files in a folder."""
    return any((folder / name).is_file() for name in FILES)


def digits() -> Images:
    """Handwritten digits, 8 by 8: in a fixed random order, so that those to test on are by the same writers."""
    features, labels = datasets.digits()
    order = Bits(0).permutation(len(labels))
    features, labels = features[order], labels[order]
    detail = f"{len(labels):,} handwritten digits, 8 by 8, as scikit-learn ships them (Fashion-MNIST was not at hand)"
    cut = DIGITS_TRAINED
    return Images("digits", "embedded", detail, features[:cut], labels[:cut], features[cut:], labels[cut:])


def pooled(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Images of 28 by 28 as 14 by 14, each number the mean of four, in [0, 1]: exact in float32 up to one rounding."""
    sums = pixels.reshape(-1, 14, 2, 14, 2).astype(np.int64).sum(axis=(2, 4))
    return np.asarray(sums.reshape(len(sums), -1).astype(np.float32) / np.float32(4 * 255))


def _fashion(content: Mapping[str, bytes], source: str, detail: str) -> Images:
    parts = {name: gzip.decompress(packed) for name, packed in content.items()}

    def images(name: str, count: int) -> NDArray[np.float32]:
        whole = np.frombuffer(parts[f"{name}-images-idx3-ubyte.gz"], np.uint8, offset=16).reshape(-1, 28 * 28)
        return pooled(whole[:count])

    def classes(name: str, count: int) -> NDArray[np.int64]:
        return np.frombuffer(parts[f"{name}-labels-idx1-ubyte.gz"], np.uint8, offset=8)[:count].astype(np.int64)

    detail = f"{detail}: {TRAINED:,} images to train on, {TESTED:,} to test on, 14 by 14 (means of four pixels)"
    trained, tested = ("train", TRAINED), ("t10k", TESTED)
    return Images(
        "Fashion-MNIST", source, detail, images(*trained), classes(*trained), images(*tested), classes(*tested)
    )


def _read(folder: Path) -> dict[str, bytes]:
    content = {}
    for name, md5 in FILES.items():
        file = folder / name
        if not file.is_file():
            raise DataError(f"no {name} in {folder}, which has others of Fashion-MNIST's files; put it there too")
        content[name] = file.read_bytes()
        if _md5(content[name]) != md5:
            raise DataError(f"{file} is not the published file; fetch it again from {PUBLISHER}{name}")
    return content


def _download(cache: Path) -> dict[str, bytes] | None:
    """The publisher's files if they come in time and are right, else None."""
    content = {}
    for name, md5 in FILES.items():
        found = _fetched(name, md5, cache, PATIENCE.get(name, LONGER))
        if found is None:
            return None
        content[name] = found
    return content


def _fetched(name: str, md5: str, cache: Path, patience: float) -> bytes | None:
    """One file. Runs aside, since a name server may be slow."""
    found: list[bytes] = []

    def fetch() -> None:
        import pooch

        pooch.get_logger().setLevel("ERROR")
        try:
            downloader = pooch.HTTPDownloader(timeout=PATIENCE["t10k-labels-idx1-ubyte.gz"] / 2)
            path = pooch.retrieve(PUBLISHER + name, f"md5:{md5}", fname=name, path=cache, downloader=downloader)
            found.append(Path(path).read_bytes())
        except (OSError, ValueError):  # no network, or not the published file: digits serve instead
            pass

    thread = threading.Thread(target=fetch, daemon=True)
    thread.start()
    thread.join(patience)
    return found[0] if found else None


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
