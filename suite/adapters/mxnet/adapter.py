"""MXNet on one device."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import mxnet as mx
import numpy as np

from suite.adapters.contract import Array, Framework, Implementation, Tensor, Unsupported
from suite.adapters.mxnet.api import UNFUSED
from suite.adapters.mxnet.builtin import MxnetBuiltin, MxnetHybrid, MxnetKernel, MxnetOptimizer, MxnetUnfused
from suite.adapters.mxnet.scratch import MxnetScratch, MxnetScratchHybrid
from suite.adapters.mxnet.section import MxnetSection, MxnetSectionConcise

HUGE = 1 << 22  # bytes from which on NumPy asks the system for huge pages


class Adapter(Framework):
    """MXNet on one device."""

    name = "mxnet"
    environment_variables = ("MKL_ENABLE_INSTRUCTIONS", "MKL_CBWR", "ONEDNN_MAX_CPU_ISA", "OPENBLAS_CORETYPE")
    implementations: ClassVar[Mapping[str, type[Implementation]]] = {
        "scratch": MxnetScratch,
        "scratch-hybrid": MxnetScratchHybrid,
        "builtin": MxnetBuiltin,
        "optimizer": MxnetOptimizer,
        "kernel": MxnetKernel,
        "hybrid": MxnetHybrid,
        **({"unfused": MxnetUnfused} if UNFUSED else {}),
        "section": MxnetSection,
        "section-concise": MxnetSectionConcise,
    }

    def __init__(self, device: str) -> None:
        super().__init__(device)
        kind, _, index = device.partition(":")
        self.context = mx.gpu(int(index)) if kind == "cuda" else mx.cpu()
        mx.util.set_np_shape(True)  # or the shapes () and (0,) mean that the shape is unknown

    @staticmethod
    def versions() -> dict[str, str]:
        """See `Framework`."""
        return {"mxnet": mx.__version__, "numpy": np.__version__}

    @staticmethod
    def instructions() -> dict[str, str]:
        """See `Framework`. Chosen when it was built."""
        features = mx.runtime.feature_list()
        return {"kernels": " ".join(one.name for one in features if one.enabled and one.name.startswith("CPU_"))}

    @staticmethod
    def devices() -> list[str]:
        """See `Framework`."""
        return ["cpu", *(f"cuda:{i}" for i in range(mx.context.num_gpus()))]

    @staticmethod
    def set_threads(threads: int) -> int:  # noqa: ARG004
        """See `Framework`. The environment's OMP_NUM_THREADS decides, once, when MXNet is imported."""
        # There is MXSetNumOMPThreads, but it sets the calling thread alone, and operations run in the engine's.
        return int(mx.base._LIB.omp_get_max_threads())

    def tensor(self, array: Array, dtype: str) -> Tensor:
        """See `Framework`. It takes over the memory of a copy, for `mx.nd.array` spends a tenth of a millisecond.

        Not where NumPy's memory is of another kind than MXNet's: the kernel takes a third longer where some of its
        arrays lie on huge pages and some do not.
        """
        with np.errstate(over="ignore"):
            ours = np.array(array, dtype, order="C")
        tensor = mx.nd.from_numpy(ours).as_in_context(self.context)
        return tensor.copy() if ours.nbytes >= HUGE else tensor

    def parameter(self, array: Array, dtype: str) -> Tensor:
        """See `Framework`."""
        tensor = self.tensor(array, dtype)
        tensor.attach_grad()
        return tensor

    def sparse(self, rows: Array, values: Array, shape: tuple[int, int], dtype: str) -> Tensor:
        """See `Framework`. A row may occur once only: of two values the first is lost, and nothing is said."""
        make = mx.nd.sparse.row_sparse_array
        once = [(values[i : i + 1].astype(dtype), rows[i : i + 1]) for i in range(len(rows))]
        parts = [make(one, shape=shape, ctx=self.context, dtype=dtype) for one in once]
        return mx.nd.add_n(mx.nd.sparse.zeros("row_sparse", shape, ctx=self.context, dtype=dtype), *parts)

    def full_like(self, parameter: Tensor, value: float) -> Tensor:
        """See `Framework`."""
        return self.tensor(np.full(parameter.shape, value), self.dtype(parameter))

    def assign(self, tensors: Sequence[Tensor], arrays: Sequence[Array]) -> None:
        """See `Framework`."""
        for tensor, array in zip(tensors, arrays):
            self.tensor(array, self.dtype(tensor)).copyto(tensor)

    def strided(self, tensor: Tensor) -> Tensor:  # noqa: ARG002
        """See `Framework`."""
        raise Unsupported("MXNet has no strided tensors")

    def numpy(self, tensor: Tensor) -> Array:
        """See `Framework`."""
        return np.array(tensor.asnumpy())

    def dtype(self, tensor: Tensor) -> str:
        """See `Framework`."""
        return str(np.dtype(tensor.dtype))

    def synchronize(self, tensors: list[Tensor]) -> None:  # noqa: ARG002  (the whole queue, the state's included)
        """See `Framework`."""
        mx.nd.waitall()

    def gradients(self, loss: Callable[[], Tensor], parameters: list[Tensor]) -> list[Tensor]:
        """See `Framework`. These are the buffers that the next call writes to."""
        with mx.autograd.record():
            value = loss()
        value.backward()
        return [p.grad for p in parameters]

    def quadratic(self, x: Tensor, rotated: bool) -> Tensor:
        """See `Framework`."""
        x1, x2 = (x[0] + x[1], x[0] - x[1]) if rotated else (x[0], x[1])
        return 0.1 * x1**2 + 2 * x2**2

    def squared_loss(self, w: Tensor, b: Tensor, features: Tensor, labels: Tensor) -> Tensor:
        """See `Framework`."""
        residual = mx.nd.dot(features, w) + b - labels
        return (residual**2 / 2).mean()

    def cross_entropy(self, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor, features: Tensor, labels: Tensor) -> Tensor:
        """See `Framework`."""
        logits = mx.nd.dot(mx.nd.relu(mx.nd.dot(features, w1) + b1), w2) + b2
        return -mx.nd.pick(mx.nd.log_softmax(logits), labels).mean()
