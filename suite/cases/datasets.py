"""The data of the regression: NASA's airfoil self-noise measurements, or a generated set of the same shape; and digits.

Looked for in this order: the folder that the user named; the user's cache; the publisher, checked against the SHA-256;
and, where there is none, generated. Each result says which one it used.
"""

from __future__ import annotations

import hashlib
import io
import os
import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from suite.cases.random import Bits
from suite.errors import UserError

FILE = "airfoil_self_noise.dat"
SHA256 = "74c75fd71783f1e6b71f8a622b993dc592897a97cd689c5090a07147a1b097b3"
PUBLISHER = "https://archive.ics.uci.edu/ml/machine-learning-databases/00291/airfoil_self_noise.dat"
VARIABLE = "RMSUITE_DATA"
ROWS, COLUMNS = 1503, 6
DIGITS_SHA256 = "68aea062d35a127749050fa0e52dca09d6569ac08092c925610e0954e172dde2"  # of pixels and classes, a byte each
PATIENCE = 6.0  # seconds that a download may take, a slow name server included


class DataError(UserError):
    """The data that a user named can't be used; the message says why and what to do."""


@dataclass(frozen=True)
class Dataset:
    """A table, and where it came from.

    Attributes:
        table: shape (1503, 6), float32, as published; the last column is what is predicted.
        name: `airfoil` or `generated`.
        source: `folder`, `cache`, `download` or `embedded`.
        detail: a sentence for people.
        sha256: of the file, or of the generated table's bytes.
    """

    table: NDArray[np.float32]
    name: str
    source: str
    detail: str
    sha256: str

    def standardized(self) -> NDArray[np.float32]:
        """Each column less its mean, over its standard deviation; all in float32, as D2L's `get_data_ch11` does."""
        return np.asarray((self.table - self.table.mean(axis=0)) / self.table.std(axis=0))


def resolve(folder: Path | None, cache: Path, *, download: bool = True, required: bool = True) -> Dataset:
    """The data set to use.

    Args:
        folder: what the user named, if anything; else the environment variable `RMSUITE_DATA` counts.
        cache: where a download is kept.
        download: whether the publisher may be asked.
        required: whether a folder that is named must hold the file.

    Raises:
        DataError: if a folder is named that does not hold the file, or holds another one under its name.
    """
    where = named(folder)
    if where is not None and (required or (where / FILE).is_file()):
        return _from_folder(where)
    kept = cache / FILE
    if kept.is_file() and _sha256(kept.read_bytes()) == SHA256:
        return _airfoil(kept.read_bytes(), "cache", "NASA airfoil self-noise, from the cache")
    if download and (content := _download(cache)) is not None:
        return _airfoil(content, "download", f"NASA airfoil self-noise, downloaded from {PUBLISHER}")
    return generated()


def named(folder: Path | None) -> Path | None:
    """The folder that the user named, on the command line or in the environment; None if there is none."""
    return folder or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)


def generated(seed: int = 291) -> Dataset:
    """A table of the airfoil set's shape and rough ranges, from seeded bits: a smooth response with noise."""
    bits = Bits(seed)
    unit = bits.uniform((ROWS, COLUMNS - 1))
    low, high = np.array([200.0, 0.0, 0.0254, 31.7, 0.0004]), np.array([20000.0, 22.2, 0.3048, 71.3, 0.0584])
    centred = unit - 0.5
    response = centred @ np.array([-12.0, -4.0, -7.0, 3.0, -9.0]) - 8.0 * centred[:, 0] * centred[:, 4]
    sound = 124.8 + response + 4.0 * bits.normal((ROWS,))
    table = np.column_stack([low + unit * (high - low), sound]).astype(np.float32)
    detail = f"generated from seed {seed} in the shape of the airfoil set (which was not at hand)"
    return Dataset(table, "generated", "embedded", detail, _sha256(table.tobytes()))


@lru_cache(maxsize=1)
def digits() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Handwritten digits, 8 by 8 (UCI, Alpaydin and Kaynak 1998), as scikit-learn ships them.

    Returns:
        Pixels in [0, 1], shape (1797, 64), and classes, shape (1797,).

    Raises:
        DataError: if they are not those that they were.
    """
    from sklearn.datasets import load_digits

    pixels, classes = load_digits(return_X_y=True)
    table = np.column_stack([pixels, classes]).astype(np.uint8)
    if _sha256(table.tobytes()) != DIGITS_SHA256:
        raise DataError("the digits that scikit-learn ships here are not the published ones; install it anew")
    return (table[:, :-1] / np.float32(16)).astype(np.float32), table[:, -1].astype(np.int64)


def _from_folder(folder: Path) -> Dataset:
    file = folder / FILE
    if not file.is_file():
        raise DataError(f"no {FILE} in {folder}; name the folder that holds it, or leave it out to download")
    content = file.read_bytes()
    if _sha256(content) != SHA256:
        found = f"SHA-256 {_sha256(content)[:12]}…, not {SHA256[:12]}…"
        raise DataError(f"{file} is not the published file ({found}); fetch it again from {PUBLISHER}")
    return _airfoil(content, "folder", f"NASA airfoil self-noise, from {file}")


def _airfoil(content: bytes, source: str, detail: str) -> Dataset:
    table = np.genfromtxt(io.BytesIO(content), dtype=np.float32, delimiter="\t")
    return Dataset(table, "airfoil", source, detail, _sha256(content))


def _download(cache: Path) -> bytes | None:
    """The publisher's file if it comes in time and is right, else None. Runs aside, since a name server may be slow."""
    found: list[bytes] = []

    def fetch() -> None:
        import pooch

        pooch.get_logger().setLevel("ERROR")
        try:
            downloader = pooch.HTTPDownloader(timeout=PATIENCE / 2)
            path = pooch.retrieve(PUBLISHER, f"sha256:{SHA256}", fname=FILE, path=cache, downloader=downloader)
            found.append(Path(path).read_bytes())
        except (OSError, ValueError):  # no network, or not the published file: generated data serve instead
            pass

    thread = threading.Thread(target=fetch, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    return found[0] if found else None


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
