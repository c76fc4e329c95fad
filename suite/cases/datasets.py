"""Data sets: airfoil measurements for the regression, images for exercise 3, and substitutes for both.

NASA's airfoil self-noise (UCI 291) and Fashion-MNIST (Xiao, Rasul, Vollgraf 2017) are looked for in the folder that the
user names, in the user's cache and at the publisher, in this order, and checked against the published hashes. If they
are not available, a generated table of the same shape and the handwritten digits of scikit-learn are used. Every
results folder names the data set that was used.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from suite.cases.random import Bits
from suite.errors import UserError

VARIABLE = "RMSUITE_DATA"
FILE = "airfoil_self_noise.dat"
AIRFOIL = {FILE: "sha256:74c75fd71783f1e6b71f8a622b993dc592897a97cd689c5090a07147a1b097b3"}
AIRFOIL_PUBLISHER = "https://archive.ics.uci.edu/ml/machine-learning-databases/00291/"
ROWS, COLUMNS = 1503, 6

FASHION_MNIST = {
    "t10k-labels-idx1-ubyte.gz": "md5:bb300cfdad3c16e7a12a480ee83cd310",
    "train-labels-idx1-ubyte.gz": "md5:25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "md5:bef4ecab320f06d8554ea6380940ec79",
    "train-images-idx3-ubyte.gz": "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
}
"""The published files, the smallest first, with their hashes in the form of pooch."""

FASHION_MNIST_PUBLISHER = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
TRAINED, TESTED = 6400, 2000  # numbers of images of Fashion-MNIST that are used, the first ones

DIGITS_SHA256 = "68aea062d35a127749050fa0e52dca09d6569ac08092c925610e0954e172dde2"  # pixels and classes as bytes
DIGITS_TRAINED = 1408

DOWNLOAD_SECONDS = 6.0  # for the first file, including a slow name server
NEXT_SECONDS = 60.0  # for each other file


@dataclass(frozen=True)
class Dataset:
    """A table with its provenance."""

    table: NDArray[np.float32]  # shape (1503, 6), as published; the last column is the target
    name: str  # `airfoil` or `generated`
    source: str  # `folder`, `cache`, `download` or `embedded`
    detail: str  # the provenance in words
    sha256: str  # of the file, or of the bytes of the generated table

    def standardized(self) -> NDArray[np.float32]:
        """Return each column minus its mean, over its standard deviation, in float32 as D2L's `get_data_ch11`."""
        return np.asarray((self.table - self.table.mean(axis=0)) / self.table.std(axis=0))


@dataclass(frozen=True)
class Images:
    """Images of shape (n, pixels) in [0, 1] and their classes, with their provenance in the terms of `Dataset`."""

    name: str  # `Fashion-MNIST` or `digits`
    source: str
    detail: str
    features: NDArray[np.float32] = field(repr=False)
    labels: NDArray[np.int64] = field(repr=False)
    test_features: NDArray[np.float32] = field(repr=False)
    test_labels: NDArray[np.int64] = field(repr=False)


def resolve(folder: Path | None, cache: Path, *, download: bool = True, required: bool = True) -> Dataset:
    """Find the airfoil data, or generate a table; a folder that the user named must hold them if it is `required`.

    Raises:
        UserError: if the named folder does not hold the file, or holds another file under its name.
    """
    where = named(folder)
    if where is not None and not required and not (where / FILE).is_file():
        where = None
    found = _find(AIRFOIL, AIRFOIL_PUBLISHER, where, cache, download=download)
    if found is None:
        return generated()
    content, source, place = found
    table = np.genfromtxt(io.BytesIO(content[FILE]), dtype=np.float32, delimiter="\t")
    return Dataset(table, "airfoil", source, f"NASA airfoil self-noise, {place}", _sha256(content[FILE]))


def resolve_images(folder: Path | None, cache: Path, *, download: bool = True) -> Images:
    """Find Fashion-MNIST, or load the digits; a folder that the user named need not hold it.

    Raises:
        UserError: if the named folder holds some of the files but not all, or other files under their names.
    """
    found = _find(FASHION_MNIST, FASHION_MNIST_PUBLISHER, named_images(folder), cache, download=download)
    if found is None:
        return digit_images()
    content, source, place = found
    parts = {name: np.frombuffer(gzip.decompress(packed), np.uint8) for name, packed in content.items()}
    arrays: list[NDArray[Any]] = []
    for name, count in (("train", TRAINED), ("t10k", TESTED)):
        pixels, classes = parts[f"{name}-images-idx3-ubyte.gz"][16:], parts[f"{name}-labels-idx1-ubyte.gz"][8:]
        arrays += [pooled(pixels.reshape(-1, 28 * 28)[:count]), classes[:count].astype(np.int64)]
    counts = f"{TRAINED:,} training and {TESTED:,} test images, 14 by 14 (means of four pixels)"
    return Images("Fashion-MNIST", source, f"Fashion-MNIST, {place}: {counts}", *arrays)


def named(folder: Path | None) -> Path | None:
    """Return the folder that the user named, on the command line or in `RMSUITE_DATA`; None if there is none."""
    return folder or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)


def named_images(folder: Path | None) -> Path | None:
    """Return the folder that the user named if it has any file of Fashion-MNIST, else None."""
    where = named(folder)
    return where if where and any((where / name).is_file() for name in FASHION_MNIST) else None


def generated(seed: int = 291) -> Dataset:
    """Generate a table with the shape and the approximate ranges of the airfoil data: a smooth response with noise."""
    bits = Bits(seed)
    unit = bits.uniform((ROWS, COLUMNS - 1))
    low, high = np.array([200.0, 0.0, 0.0254, 31.7, 0.0004]), np.array([20000.0, 22.2, 0.3048, 71.3, 0.0584])
    centred = unit - 0.5
    response = centred @ np.array([-12.0, -4.0, -7.0, 3.0, -9.0]) - 8.0 * centred[:, 0] * centred[:, 4]
    sound = 124.8 + response + 4.0 * bits.normal((ROWS,))
    table = np.column_stack([low + unit * (high - low), sound]).astype(np.float32)
    detail = f"generated from seed {seed} in the shape of the airfoil data, which were not available"
    return Dataset(table, "generated", "embedded", detail, _sha256(table.tobytes()))


@lru_cache(maxsize=1)
def digits() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Load the handwritten digits of 8 by 8 pixels that scikit-learn includes (UCI, Alpaydin and Kaynak 1998).

    Returns pixels in [0, 1], shape (1797, 64), and classes, shape (1797,).

    Raises:
        UserError: if the data are not the published ones.
    """
    from sklearn.datasets import load_digits

    pixels, classes = load_digits(return_X_y=True)
    table = np.column_stack([pixels, classes]).astype(np.uint8)
    if _sha256(table.tobytes()) != DIGITS_SHA256:
        raise UserError("the digits in scikit-learn are not the published ones; reinstall scikit-learn")
    return (table[:, :-1] / np.float32(16)).astype(np.float32), table[:, -1].astype(np.int64)


def digit_images() -> Images:
    """Return the digits in a fixed random order, so that training and test images have the same writers."""
    features, labels = digits()
    order = Bits(0).permutation(len(labels))
    features, labels = features[order], labels[order]
    detail = f"{len(labels):,} handwritten digits, 8 by 8 pixels, from scikit-learn (Fashion-MNIST was not available)"
    cut = DIGITS_TRAINED
    return Images("digits", "embedded", detail, features[:cut], labels[:cut], features[cut:], labels[cut:])


def pooled(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Reduce images from 28 by 28 to 14 by 14 pixels by the mean of four, in [0, 1], with one rounding to float32."""
    sums = pixels.reshape(-1, 14, 2, 14, 2).astype(np.int64).sum(axis=(2, 4))
    return np.asarray(sums.reshape(len(sums), -1).astype(np.float32) / np.float32(4 * 255))


def _find(
    files: Mapping[str, str], publisher: str, folder: Path | None, cache: Path, *, download: bool
) -> tuple[dict[str, bytes], str, str] | None:
    """Return the contents of published files, their source, and the place in words; None if they are not available."""
    only = next(iter(files)) if len(files) == 1 else ""
    if folder is not None:
        return {name: _read(folder, name, files, publisher) for name in files}, "folder", f"from {folder / only}"
    kept = {name: (cache / name).read_bytes() for name in files if (cache / name).is_file()}
    if {name: _hashed(content, files[name]) for name, content in kept.items()} == files:
        return kept, "cache", "from the cache"
    fetched: dict[str, bytes] = {}
    for name, known_hash in files.items() if download else ():
        content = fetch(publisher + name, known_hash, cache, NEXT_SECONDS if fetched else DOWNLOAD_SECONDS)
        if content is None:
            return None
        fetched[name] = content
    return (fetched, "download", f"downloaded from {publisher}{only}") if fetched else None


def _read(folder: Path, name: str, files: Mapping[str, str], publisher: str) -> bytes:
    """Read a published file from a folder that the user named."""
    file = folder / name
    if not file.is_file():
        if name == FILE:
            raise UserError(f"no {name} in {folder}; name the folder that holds it, or omit --data to download it")
        raise UserError(f"no {name} in {folder}, which has other files of Fashion-MNIST; add it")
    content, known = file.read_bytes(), files[name]
    if (found := _hashed(content, known)) != known:
        digests = [f"{one.partition(':')[2][:12]}…" for one in (found, known)]
        words = f" (SHA-256 {digests[0]}, not {digests[1]})" if known.startswith("sha256") else ""
        raise UserError(f"{file} is not the published file{words}; download it again from {publisher}{name}")
    return content


def fetch(url: str, known_hash: str, cache: Path, seconds: float) -> bytes | None:
    """Download a file into the cache under its own name; None if it does not arrive in time, or has another hash.

    It runs in a thread, because a name server may not answer in time.
    """
    found: list[bytes] = []

    def retrieve() -> None:
        import pooch

        pooch.get_logger().setLevel("ERROR")
        try:
            downloader = pooch.HTTPDownloader(timeout=DOWNLOAD_SECONDS / 2)
            name = url.rpartition("/")[2]
            path = pooch.retrieve(url, known_hash, fname=name, path=cache, downloader=downloader)
            found.append(Path(path).read_bytes())
        except (OSError, ValueError):  # no network, or not the published file
            pass

    thread = threading.Thread(target=retrieve, daemon=True)
    thread.start()
    thread.join(seconds)
    return found[0] if found else None


def _hashed(content: bytes, known_hash: str) -> str:
    """Return the hash of the content by the algorithm of a known hash, `ALGORITHM:DIGEST`."""
    algorithm = known_hash.partition(":")[0]
    return f"{algorithm}:{hashlib.new(algorithm, content, usedforsecurity=False).hexdigest()}"


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
