"""PyTorch on one device."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import ClassVar

import numpy as np
import torch

from suite.adapters.contract import Array, Framework, Implementation, Tensor
from suite.adapters.torch import program
from suite.adapters.torch.builtin import TorchBuiltin, TorchCompiled, TorchForeach
from suite.adapters.torch.scratch import TorchScratch, TorchScratchCompiled, TorchScratchForeach
from suite.adapters.torch.section import TorchSection, TorchSectionConcise


class Adapter(Framework):
    """PyTorch on one device."""

    name = "torch"
    environment_variables = ("ATEN_CPU_CAPABILITY", "MKL_ENABLE_INSTRUCTIONS", "MKL_CBWR", "ONEDNN_MAX_CPU_ISA")
    implementations: ClassVar[Mapping[str, type[Implementation]]] = {
        "scratch": TorchScratch,
        "scratch-foreach": TorchScratchForeach,
        "scratch-compiled": TorchScratchCompiled,
        "builtin": TorchBuiltin,
        "foreach": TorchForeach,
        "compiled": TorchCompiled,
        "section": TorchSection,
        "section-concise": TorchSectionConcise,
    }

    @staticmethod
    def versions() -> dict[str, str]:
        """See `Framework`."""
        return {"torch": torch.__version__, "numpy": np.__version__}

    @staticmethod
    def instructions() -> dict[str, str]:
        """See `Framework`."""
        return {"kernels": torch.backends.cpu.get_cpu_capability()}

    @staticmethod
    def devices() -> list[str]:
        """See `Framework`."""
        return ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]

    @staticmethod
    def set_threads(threads: int) -> int:
        """See `Framework`."""
        torch.set_num_threads(threads)
        return int(torch.get_num_threads())

    def tensor(self, array: Array, dtype: str) -> Tensor:
        """See `Framework`."""
        return torch.tensor(array, dtype=getattr(torch, dtype), device=self.device)

    def parameter(self, array: Array, dtype: str) -> Tensor:
        """See `Framework`."""
        return self.tensor(array, dtype).requires_grad_()

    def sparse(self, rows: Array, values: Array, shape: tuple[int, int], dtype: str) -> Tensor:
        """See `Framework`."""
        parts = self.tensor(rows[None], "int64"), self.tensor(values, dtype)
        return torch.sparse_coo_tensor(*parts, shape, check_invariants=True)

    def full_like(self, parameter: Tensor, value: float) -> Tensor:
        """See `Framework`."""
        return torch.full_like(parameter, value, requires_grad=False)

    def assign(self, tensors: Sequence[Tensor], arrays: Sequence[Array]) -> None:
        """See `Framework`."""
        for tensor, array in zip(tensors, arrays):
            tensor.copy_(self.tensor(array, self.dtype(tensor)))

    def strided(self, tensor: Tensor) -> Tensor:
        """See `Framework`."""
        gaps = torch.zeros((*reversed(tensor.shape), 2), dtype=tensor.dtype, device=self.device)
        view = gaps[..., 0].permute(tuple(reversed(range(tensor.dim()))))
        return view.copy_(tensor.detach()).requires_grad_(tensor.requires_grad)

    def numpy(self, tensor: Tensor) -> Array:
        """See `Framework`."""
        tensor = tensor.detach().to_dense()
        tensor = tensor.float() if tensor.dtype == torch.bfloat16 else tensor
        return np.array(tensor.cpu().numpy())

    def dtype(self, tensor: Tensor) -> str:
        """See `Framework`."""
        return str(tensor.dtype).rpartition(".")[2]

    def synchronize(self, tensors: list[Tensor]) -> None:  # noqa: ARG002  (CUDA waits for the device as a whole)
        """See `Framework`."""
        if self.device != "cpu":
            torch.cuda.synchronize(self.device)

    def gradients(self, loss: Callable[[], Tensor], parameters: list[Tensor]) -> list[Tensor]:
        """See `Framework`."""
        return list(torch.autograd.grad(loss(), parameters))

    def quadratic(self, x: Tensor, rotated: bool) -> Tensor:
        """See `Framework`."""
        x1, x2 = (x[0] + x[1], x[0] - x[1]) if rotated else (x[0], x[1])
        return 0.1 * x1**2 + 2 * x2**2

    def squared_loss(self, w: Tensor, b: Tensor, features: Tensor, labels: Tensor) -> Tensor:
        """See `Framework`."""
        residual = features @ w + b - labels
        return (residual**2 / 2).mean()

    def cross_entropy(self, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor, features: Tensor, labels: Tensor) -> Tensor:
        """See `Framework`."""
        return torch.nn.functional.cross_entropy(torch.relu(features @ w1 + b1) @ w2 + b2, labels)

    def traffic(self, x: Tensor, v: Tensor, g: Tensor) -> Callable[[], None] | None:
        """See `Framework`. By the compiler that `scratch-compiled` uses; None where it can't."""
        if self.device == "cpu" and program.missing():
            return None

        def add(x: Tensor, v: Tensor, g: Tensor) -> None:
            x.add_(g)
            v.add_(g)

        tensors = x.detach(), v, g
        return partial(program.compiled(add, tensors, "traffic"), *tensors)
