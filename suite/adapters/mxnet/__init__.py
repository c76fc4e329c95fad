"""MXNet. `gluon.Trainer` is documented to have ε inside the root, and momentum in the centered variant only.

Operations are queued, so that an error is raised where a result is read. Numbers are passed as decimal text, which
MXNet may misread by a few units in the last place: numbers in float64, and in `rmsprop_update` also those in float32,
where a number below 1e-4 with many digits is often off by one unit.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import numpy as np

os.environ.setdefault("MXNET_STORAGE_FALLBACK_LOG_VERBOSE", "0")  # else it logs each sparse gradient made dense

with warnings.catch_warnings():  # it uses deprecated names of NumPy, and warnings may be errors
    warnings.simplefilter("ignore", DeprecationWarning)
    import mxnet as mx

from suite.adapters.contract import Array, Framework, Implementation, Tensor, Tensors, Unsupported
from suite.adapters.mxnet import builtin, scratch

HUGE_PAGE = 1 << 22  # bytes from which NumPy asks the system for huge pages


class Adapter(Framework):
    """MXNet on one device."""

    name = "mxnet"
    environment_variables = ("MKL_ENABLE_INSTRUCTIONS", "MKL_CBWR", "ONEDNN_MAX_CPU_ISA", "OPENBLAS_CORETYPE")
    implementations: ClassVar[Mapping[str, type[Implementation]]] = {
        "scratch": scratch.MxnetScratch,
        "scratch-hybrid": scratch.MxnetScratchHybrid,
        "builtin": builtin.MxnetBuiltin,
        "optimizer": builtin.MxnetOptimizer,
        "kernel": builtin.MxnetKernel,
        "hybrid": builtin.MxnetHybrid,
        **({"unfused": builtin.MxnetUnfused} if builtin.HAS_UNFUSED_STEP else {}),
        "section": builtin.MxnetSection,
        "section-concise": builtin.MxnetSectionConcise,
    }

    def __init__(self, device: str) -> None:
        super().__init__(device)
        kind, _, index = device.partition(":")
        self.context = mx.gpu(int(index)) if kind == "cuda" else mx.cpu()
        mx.util.set_np_shape(True)  # otherwise the shapes () and (0,) mean that the shape is unknown

    def versions(self) -> dict[str, str]:
        return {"mxnet": mx.__version__, "numpy": np.__version__}

    def instructions(self) -> dict[str, str]:
        """See `Framework`. They were chosen when MXNet was built."""
        features = mx.runtime.feature_list()
        return {"kernels": " ".join(one.name for one in features if one.enabled and one.name.startswith("CPU_"))}

    def devices(self) -> list[str]:
        return ["cpu", *(f"cuda:{i}" for i in range(mx.context.num_gpus()))]

    def set_threads(self, threads: int) -> int:  # noqa: ARG002
        """See `Framework`. OMP_NUM_THREADS decided, when MXNet was imported.

        MXSetNumOMPThreads sets the calling thread only, and operations run in the engine's threads.
        """
        return int(mx.base._LIB.omp_get_max_threads())

    def tensor(self, array: Array, dtype: str) -> Tensor:
        """See `Framework`. Uses the memory of a NumPy array, since `mx.nd.array` takes a tenth of a millisecond.

        A large tensor is copied to MXNet's memory: NumPy's is on huge pages then, and the kernel takes a third longer
        if some of its arrays are on huge pages and some are not.
        """
        with np.errstate(over="ignore"):
            ours = np.array(array, dtype, order="C")
        tensor = mx.nd.from_numpy(ours).as_in_context(self.context)
        return tensor.copy() if ours.nbytes >= HUGE_PAGE else tensor

    def parameter(self, array: Array, dtype: str) -> Tensor:
        tensor = self.tensor(array, dtype)
        tensor.attach_grad()
        return tensor

    def sparse(self, rows: Array, values: Array, shape: tuple[int, int], dtype: str) -> Tensor:
        """See `Framework`. Adds one tensor for each row: in a single one, MXNet would ignore a row's second value."""
        make = mx.nd.sparse.row_sparse_array
        once = [(values[i : i + 1].astype(dtype), rows[i : i + 1]) for i in range(len(rows))]
        parts = [make(one, shape=shape, ctx=self.context, dtype=dtype) for one in once]
        return mx.nd.add_n(mx.nd.sparse.zeros("row_sparse", shape, ctx=self.context, dtype=dtype), *parts)

    def full_like(self, parameter: Tensor, value: float) -> Tensor:
        return self.tensor(np.full(parameter.shape, value), self.dtype(parameter))

    def assign(self, tensors: Tensors, arrays: Sequence[Array]) -> None:
        for tensor, array in zip(tensors, arrays):
            self.tensor(array, self.dtype(tensor)).copyto(tensor)

    def strided(self, tensor: Tensor) -> Tensor:  # noqa: ARG002
        raise Unsupported("MXNet has no strided tensors")

    def numpy(self, tensor: Tensor) -> Array:
        return np.array(tensor.asnumpy())

    def dtype(self, tensor: Tensor) -> str:
        return str(np.dtype(tensor.dtype))

    def synchronize(self, tensors: list[Tensor]) -> None:  # noqa: ARG002  (waits for the whole queue)
        mx.nd.waitall()

    def gradients(self, loss: Callable[[], Tensor], parameters: list[Tensor]) -> list[Tensor]:
        """See `Framework`. Returns buffers to which the next call writes."""
        with mx.autograd.record():
            value = loss()
        value.backward()
        return [p.grad for p in parameters]

    def squared_loss(self, w: Tensor, b: Tensor, features: Tensor, labels: Tensor) -> Tensor:
        residual = mx.nd.dot(features, w) + b - labels
        return (residual**2 / 2).mean()

    def cross_entropy(self, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor, features: Tensor, labels: Tensor) -> Tensor:
        logits = mx.nd.dot(mx.nd.relu(mx.nd.dot(features, w1) + b1), w2) + b2
        return -mx.nd.pick(mx.nd.log_softmax(logits), labels).mean()
