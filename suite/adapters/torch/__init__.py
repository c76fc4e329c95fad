"""PyTorch. `torch.optim.RMSprop` has ε outside the root and η outside the momentum buffer; it calls γ `alpha`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import ClassVar

import numpy as np
import torch

from suite.adapters.contract import Array, Framework, Implementation, Tensor, Tensors
from suite.adapters.torch import builtin, scratch

# TF32 would round the factors of float32 matrix products to 11 bits, and a GPU's gradients would differ from a CPU's.
torch.set_float32_matmul_precision("highest")
torch.backends.cudnn.allow_tf32 = False


class Adapter(Framework):
    """PyTorch on one device."""

    name = "torch"
    environment_variables = ("ATEN_CPU_CAPABILITY", "MKL_ENABLE_INSTRUCTIONS", "MKL_CBWR", "ONEDNN_MAX_CPU_ISA")
    implementations: ClassVar[Mapping[str, type[Implementation]]] = {
        "scratch": scratch.TorchScratch,
        "scratch-foreach": scratch.TorchScratchForeach,
        "scratch-compiled": scratch.TorchScratchCompiled,
        "builtin": builtin.TorchBuiltin,
        "foreach": builtin.TorchForeach,
        "compiled": builtin.TorchCompiled,
        "section": builtin.TorchSection,
        "section-concise": builtin.TorchSectionConcise,
    }

    def versions(self) -> dict[str, str]:
        return {"torch": torch.__version__, "numpy": np.__version__}

    def instructions(self) -> dict[str, str]:
        return {"kernels": torch.backends.cpu.get_cpu_capability()}

    def devices(self) -> list[str]:
        return ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]

    def set_threads(self, threads: int) -> int:
        torch.set_num_threads(threads)
        return int(torch.get_num_threads())

    def tensor(self, array: Array, dtype: str) -> Tensor:
        return torch.tensor(array, dtype=getattr(torch, dtype), device=self.device)

    def parameter(self, array: Array, dtype: str) -> Tensor:
        return self.tensor(array, dtype).requires_grad_()

    def sparse(self, rows: Array, values: Array, shape: tuple[int, int], dtype: str) -> Tensor:
        parts = self.tensor(rows[None], "int64"), self.tensor(values, dtype)
        return torch.sparse_coo_tensor(*parts, shape, check_invariants=True)

    def full_like(self, parameter: Tensor, value: float) -> Tensor:
        return torch.full_like(parameter, value, requires_grad=False)

    def assign(self, tensors: Tensors, arrays: Sequence[Array]) -> None:
        for tensor, array in zip(tensors, arrays):
            tensor.copy_(self.tensor(array, self.dtype(tensor)))

    def strided(self, tensor: Tensor) -> Tensor:
        memory = torch.zeros((*reversed(tensor.shape), 2), dtype=tensor.dtype, device=self.device)
        view = memory[..., 0].permute(tuple(reversed(range(tensor.dim()))))
        return view.copy_(tensor.detach()).requires_grad_(tensor.requires_grad)

    def numpy(self, tensor: Tensor) -> Array:
        tensor = tensor.detach().to_dense()
        tensor = tensor.float() if tensor.dtype == torch.bfloat16 else tensor
        return np.array(tensor.cpu().numpy())

    def dtype(self, tensor: Tensor) -> str:
        return str(tensor.dtype).rpartition(".")[2]

    def synchronize(self, tensors: list[Tensor]) -> None:  # noqa: ARG002  (waits for the whole device)
        if self.device != "cpu":
            torch.cuda.synchronize(self.device)

    def gradients(self, loss: Callable[[], Tensor], parameters: list[Tensor]) -> list[Tensor]:
        return list(torch.autograd.grad(loss(), parameters))

    def squared_loss(self, w: Tensor, b: Tensor, features: Tensor, labels: Tensor) -> Tensor:
        residual = features @ w + b - labels
        return (residual**2 / 2).mean()

    def cross_entropy(self, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor, features: Tensor, labels: Tensor) -> Tensor:
        return torch.nn.functional.cross_entropy(torch.relu(features @ w1 + b1) @ w2 + b2, labels)

    def traffic(self, x: Tensor, v: Tensor, g: Tensor) -> Callable[[], None] | None:
        """See `Framework`. Compiled like `scratch-compiled`; None where there is no compiler."""
        if self.device == "cpu" and scratch.missing_compiler():
            return None

        def add(x: Tensor, v: Tensor, g: Tensor) -> None:
            x.add_(g)
            v.add_(g)

        tensors = x.detach(), v, g
        return partial(scratch.compiled(add, tensors, "traffic"), *tensors)
