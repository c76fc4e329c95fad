"""Data sets: NASA's airfoil self-noise measurements or a generated set of the same shape, and handwritten digits.

The airfoil data are looked for in the folder that the user names, in the user's cache and at the publisher, in this
order, and checked against their SHA-256. If they are not available, the generated set is used. Every results folder
names the data set that was used.
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
DIGITS_SHA256 = "68aea062d35a127749050fa0e52dca09d6569ac08092c925610e0954e172dde2"  # pixels and classes as bytes
DOWNLOAD_SECONDS = 6.0  # including a slow name server


@dataclass(frozen=True)
class Dataset:
    """A table with its provenance.

    Attributes:
        table: shape (1503, 6), float32, as published; the last column is the target.
        name: `airfoil` or `generated`.
        source: `folder`, `cache`, `download` or `embedded`.
        detail: the provenance in words.
        sha256: the SHA-256 of the file, or of the bytes of the generated table.
    """

    table: NDArray[np.float32]
    name: str
    source: str
    detail: str
    sha256: str

    def standardized(self) -> NDArray[np.float32]:
        """Return each column minus its mean, over its standard deviation, in float32 as D2L's `get_data_ch11`."""
        return np.asarray((self.table - self.table.mean(axis=0)) / self.table.std(axis=0))


def resolve(folder: Path | None, cache: Path, *, download: bool = True, required: bool = True) -> Dataset:
    """Find the data set.

    Args:
        folder: the folder that the user named; if None, the environment variable `RMSUITE_DATA` is read.
        cache: the folder in which a download is kept.
        download: whether a download is allowed.
        required: whether a named folder must hold the file.

    Raises:
        UserError: if the named folder does not hold the file, or holds another file under its name.
    """
    where = named(folder)
    if where is not None and (required or (where / FILE).is_file()):
        return _from_folder(where)
    kept = cache / FILE
    if kept.is_file() and _sha256(kept.read_bytes()) == SHA256:
        return _airfoil(kept.read_bytes(), "cache", "NASA airfoil self-noise, from the cache")
    if download and (content := fetch(PUBLISHER, f"sha256:{SHA256}", cache, DOWNLOAD_SECONDS)) is not None:
        return _airfoil(content, "download", f"NASA airfoil self-noise, downloaded from {PUBLISHER}")
    return generated()


def named(folder: Path | None) -> Path | None:
    """Return the folder that the user named, on the command line or in the environment; None if there is none."""
    return folder or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)


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

    Returns:
        Pixels in [0, 1], shape (1797, 64), and classes, shape (1797,).

    Raises:
        UserError: if the data are not the published ones.
    """
    from sklearn.datasets import load_digits

    pixels, classes = load_digits(return_X_y=True)
    table = np.column_stack([pixels, classes]).astype(np.uint8)
    if _sha256(table.tobytes()) != DIGITS_SHA256:
        raise UserError("the digits in scikit-learn are not the published ones; reinstall scikit-learn")
    return (table[:, :-1] / np.float32(16)).astype(np.float32), table[:, -1].astype(np.int64)


def _from_folder(folder: Path) -> Dataset:
    file = folder / FILE
    if not file.is_file():
        raise UserError(f"no {FILE} in {folder}; name the folder that holds it, or omit --data to download it")
    content = file.read_bytes()
    if _sha256(content) != SHA256:
        found = f"SHA-256 {_sha256(content)[:12]}…, not {SHA256[:12]}…"
        raise UserError(f"{file} is not the published file ({found}); download it again from {PUBLISHER}")
    return _airfoil(content, "folder", f"NASA airfoil self-noise, from {file}")


def _airfoil(content: bytes, source: str, detail: str) -> Dataset:
    table = np.genfromtxt(io.BytesIO(content), dtype=np.float32, delimiter="\t")
    return Dataset(table, "airfoil", source, detail, _sha256(content))


def fetch(url: str, known_hash: str, cache: Path, seconds: float) -> bytes | None:
    """Download a file into the cache; None if it does not arrive in time, or has another hash.

    It runs in a thread, because a name server may not answer in time.

    Args:
        url: the address; its last part is the file's name.
        known_hash: as pooch has it, `ALGORITHM:DIGEST`.
        cache: the folder in which the file is kept.
        seconds: the longest time to wait.
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


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
