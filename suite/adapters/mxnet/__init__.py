"""MXNet. `gluon.Trainer` is documented to keep ε inside the root, and to have momentum only when centered.

Two things to know. Operations are queued: what fails, fails where a result is read. And numbers are handed over as
decimal text, which MXNet may misread by a few units in the last place: of float64, and of float32 in what
`rmsprop_update` is told, where a number below 1e-4 of many digits is often off by one.
"""

import os
import warnings

os.environ.setdefault("MXNET_STORAGE_FALLBACK_LOG_VERBOSE", "0")  # it logs that it makes a sparse gradient dense

with warnings.catch_warnings():  # it asks NumPy for names that are deprecated: fatal where warnings are errors
    warnings.simplefilter("ignore", DeprecationWarning)
    import mxnet  # noqa: F401  (from here on it is imported)

TRUNCATED = {"bfloat16": "MXNet cuts numbers off to it in place of rounding them"}
