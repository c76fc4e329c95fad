"""Read and write arrays as safetensors files, identified by their SHA-256. Used on both sides.

Pickle is not used: its files differ between NumPy 1 and 2, and reading one runs code.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save

Arrays = dict[str, NDArray[Any]]


def write(path: Path, arrays: Mapping[str, NDArray[Any]]) -> str:
    """Write arrays to a file, atomically, and return the file's SHA-256."""
    content = save({name: np.asarray(array, order="C") for name, array in arrays.items()})
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_bytes(content)
    unfinished.replace(path)
    return hashlib.sha256(content).hexdigest()


def read(path: Path) -> tuple[Arrays, str]:
    """Read the arrays of a file, and return them with the file's SHA-256.

    Raises:
        OSError: if the file can't be read.
        ValueError: if it is not a safetensors file.
    """
    content = path.read_bytes()
    try:
        return load(content), hashlib.sha256(content).hexdigest()
    except Exception as error:  # the library's own exception type differs between its versions
        raise ValueError(f"{path.name} is not a safetensors file: {error}") from error
